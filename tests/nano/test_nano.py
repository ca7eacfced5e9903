#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small measure.py: the embedded model's answers about a few hundred encoded
videos are as right as they were when it was made.

usage: test_nano.py BUILD"""

import sys

import measure

N = 8
THIN = 9
# Each: rows that are counted together, and the least share of right answers, a
# little below what the model reaches, as encoders and decoders differ.
LEAST = {
    "colour, shape, size, count, background, is there": (
        [("image", row) for row in measure.SIMPLE], 0.93),
    "image captions": ([("image", "caption")], 0.85),
    "where: row and column": (
        [("image", row) for row in ("where: row", "where: column", "row",
                                    "column")], 0.93),
    "clip captions": ([("clip", "caption")], 0.85),
    "directions and actions": (
        [("clip", "direction"), ("clip", "action")], 0.87),
    "motions named in captions": (
        [("motion in clip captions", m) for m in measure.MOTIONS], 0.85),
    "pairs never trained": (
        [(kind + measure.HELD, row) for kind in ("image", "clip")
         for row in measure.SIMPLE], 0.90),
    "objects named by shape or colour alone": (
        [(kind, "named by shape or color alone")
         for kind in ("image", "clip")], 0.90),
    "known words": ([("words known", "text")], 0.85),
    "colours of text": ([("words known", "text colour")], 0.85),
    "test patterns": (
        [("patterns at defaults, five sizes", row)
         for row in ("caption, image", "caption, clip")], 0.97),
    "direction of videotestsrc's ball": (
        [("ball of videotestsrc", "direction")], 0.85),
    "photographs and camera video": (
        [("photographs never trained", "caption"),
         ("camera video", "caption, image"),
         ("camera video", "caption, clip")], 0.80),
    "plain screens": (
        [("plain screens", "caption"),
         ("black, gray, white frames", "caption")], 0.95),
    "facts alone": ([("text facts", "alone")], 0.98),
    "facts beside a picture": (
        [("text facts", "beside an unrelated picture")], 0.90),
}


# What measure.py alone asks: hundreds of items even for the least N.
LONG = ("phrasing", "nothing", "unknown", "style", "thing")


def main():
    import items
    a = measure.parse([
        sys.argv[1], "--n", str(N), "--thin", str(THIN), "--groups",
        ",".join(g for g in items.GROUPS if g not in LONG)])
    records = measure.measure(a)
    got = measure.table(records)
    measure.print_table(got, a.models)
    print()
    failed = 0
    for name, (rows, least) in LEAST.items():
        there = [got[row] for row in rows if row in got]
        items = sum(line[-1] for line in there)
        share = sum(line[0] for line in there) / items if items else 0.0
        bad = share < least
        failed += bad
        print(f"{'FAIL' if bad else 'ok'}: {name}: {share:.3f} of {items}, "
              f"at least {least:.2f}")
    print(f"{len(LEAST) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
