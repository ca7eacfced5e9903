#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exact match of the plugin's answers about held-out items (training/items.py),
each drawn, encoded as a video, decoded by GStreamer and run through `owl2`.

usage: measure.py BUILD [--model FILE]... [--n N] [--groups a,b] [--seed S]
                  [--jobs J] [--answers FILE]

Without --model it is the embedded one. With several, each video is shown to
all of them, and how many answers differ from the first one's is printed. The
items are fixed; --seed chooses what the videos are like."""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "training")]

EMBEDDED = "embedded"
CAMERA = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/"
                      "VID_20191220_170832.mp4")
AFTER = 10 ** 9  # the number of what comes after all items
SIMPLE = ["colour", "shape", "size", "count", "background", "is there"]
MOTIONS = ["still", "up", "down", "left", "right", "grow", "shrink"]
HELD = ", pairs never trained"

# (group, row) -> the least that is wanted.
WANTED = {
    **{("image", row): 0.97 for row in SIMPLE},
    **{("clip", row): 0.97 for row in ("colour", "shape", "count", "is there")},
    ("image", "caption"): 0.92,
    ("image", "where: column"): 0.97,
    ("image", "where: row"): 0.85,
    ("image", "where"): 0.82,
    ("clip", "caption"): 0.80,
    ("clip", "direction"): 0.92,
    ("clip", "action"): 0.85,
    **{("motion in clip captions", m): 0.85 for m in MOTIONS},
    ("words known", "text"): 0.97,
    ("words by textoverlay", "text"): 0.97,
    ("patterns at defaults, five sizes", "caption, image"): 1.0,
    ("patterns at defaults, five sizes", "caption, clip"): 1.0,
    ("ball of videotestsrc", "direction"): 0.85,
    ("black, gray, white frames", "caption"): 1.0,
    ("camera video", "caption, image"): 1.0,
    ("camera video", "caption, clip"): 1.0,
    ("text facts", "alone"): 0.98,
    ("text facts", "beside an unrelated picture"): 0.98,
}
# How far pairs never trained may be behind trained ones, over all rows.
HELD_BEHIND = 0.03
# Between the first model and each other one, row by row.
MODELS_APART = 0.01


# ---- answering -----------------------------------------------------------------

def answers(build, models, todo, seed):
    """Yields a record for each (number, index in its row, item)."""
    import patterns
    import plugin
    import video
    plugin.load(build)
    elements = [plugin.Element(m) for m in models]
    photos = None
    for number, index, it in todo:
        record = {k: it[k] for k in ("group", "kind", "question", "answer",
                                     "motion")}
        record["item"] = number
        scene = it["scene"]
        if it["n_frames"] == 0:
            record["got"] = [plugin.ask_text(build / "tools" / "owl2-trace", m,
                                             it["question"]) for m in models]
            yield record
            continue
        if photos is None and scene and scene["type"] == "photo":
            photos = patterns.Photos(True)
        p = video.plan(it, index, seed)
        samples = video.through_codec(video.draw(it, p, photos), p)
        record["video"] = p
        record["got"] = [
            e.ask_samples(it["question"], samples, it["n_frames"], p["trigger"],
                          p["length"] * 10 ** 9 // p["fps"]) for e in elements]
        yield record
    for e in elements:
        e.close()


def camera_answers(build, models):
    """Records of a phone's video, in which there is nothing that is known."""
    import plugin
    import tasks
    from vocab import CAPTION_CLIP, CAPTION_IMAGE
    plugin.load(build)
    for n_frames, kind, question in ((1, "caption, image", CAPTION_IMAGE),
                                     (4, "caption, clip", CAPTION_CLIP)):
        got = [plugin.captions(CAMERA, m, n_frames) for m in models]
        for texts in zip(*got):
            yield {"group": "camera video", "kind": kind, "question": question,
                   "answer": tasks.NOTHING, "motion": None, "item": AFTER,
                   "got": texts}


def numbered(todo):
    """Each item with its number and its place in its row."""
    rows = collections.Counter()
    for i, it in enumerate(todo):
        row = it["group"], it["kind"]
        yield i, rows[row], it
        rows[row] += 1


def work(a):
    """One of several processes: its share of the records, as JSON lines."""
    import items
    k, of = map(int, a.shard.split("/"))
    todo = (x for x in numbered(items.items(a.n, a.groups))
            if x[0] % of == k and wanted(a, *x))
    for record in answers(a.build, a.models, todo, a.seed):
        print(json.dumps(record), flush=True)
    if k == 0 and "photo" in a.groups and CAMERA.exists():
        for record in camera_answers(a.build, a.models):
            print(json.dumps(record), flush=True)


def wanted(a, number, index, it):
    """Rows that list all there is are thinned out where asked for."""
    return index % a.thin == 0 or not it["group"].startswith(
        ("patterns at defaults", "text facts", "sums"))


def measure(a):
    """All records, from a.jobs processes."""
    env = dict(os.environ, LP_NUM_THREADS=str(
        max(1, len(os.sched_getaffinity(0)) // a.jobs)))
    args = [sys.executable, "-W", "ignore", __file__, str(a.build), "--n",
            str(a.n), "--groups", ",".join(a.groups), "--seed", str(a.seed),
            "--thin", str(a.thin)]
    for m in a.models:
        args += ["--model", m or EMBEDDED]
    workers = [subprocess.Popen(args + ["--shard", f"{k}/{a.jobs}"], env=env,
                                stdout=subprocess.PIPE, text=True)
               for k in range(a.jobs)]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        lines = sum(pool.map(lambda w: w.stdout.readlines(), workers), [])
    if any([w.wait() for w in workers]):
        sys.exit("measure.py: a process failed")
    return sorted(map(json.loads, lines), key=lambda r: r["item"])


# ---- the table -----------------------------------------------------------------

def rows_of(record, got):
    """Those of the item, and how its video was."""
    import items
    out = items.rows_of(record, got)
    p, right = record.get("video"), out[0][2]
    if p and record["group"].startswith(("image", "clip", "words known")):
        out += [("by codec", p["codec"], right),
                ("by longer edge", "%d" % edge_class(p["size"]), right),
                ("by aspect", aspect(*p["size"]), right)]
        if p["frames"] > 1:
            out += [("clips by frame rate", "%d" % p["fps"], right),
                    ("clips by trigger", p["trigger"], right)]
            if p["pace"]:
                out.append(("clips by pace", p["pace"], right))
    return out


def edge_class(size):
    return min((128, 192, 240, 320, 480), key=lambda e: abs(e - max(size)))


def aspect(w, h):
    known = {"4:3": 4 / 3, "16:9": 16 / 9, "1:1": 1, "9:16": 9 / 16, "3:4": 3 / 4,
             "3:2": 3 / 2}
    return min(known, key=lambda k: abs(known[k] - w / h))


def table(records):
    """{(group, row): [right of each model..., items]}"""
    out = collections.OrderedDict()
    n = len(records[0]["got"])
    for record in records:
        per_model = [rows_of(record, got) for got in record["got"]]
        for same in zip(*per_model):
            group, row, _ = same[0]
            line = out.setdefault((group, row), [0] * n + [0])
            for i, (_, _, right) in enumerate(same):
                line[i] += right
            line[n] += 1
    late = [g for g in dict.fromkeys(g for g, _ in out) if g.startswith(
        ("by ", "clips by "))]
    plain = [k for k in out if k[0] not in late]
    return collections.OrderedDict(
        (k, out[k]) for k in plain + sorted(
            (k for k in out if k[0] in late),
            key=lambda k: (late.index(k[0]), k[1].zfill(8))))


def mean_of(got, groups):
    """The mean over the rows that all of the groups have."""
    rows = set.intersection(*({r for g, r in got if g == group} for group in groups))
    return [sum(got[g, r][0] / got[g, r][-1] for r in rows) / len(rows)
            for g in groups] if rows else None


def check(got, wanted_rows=WANTED):
    """[(what, value, least, whether it is reached)]"""
    out = []
    for (group, row), least in wanted_rows.items():
        if (group, row) in got:
            line = got[group, row]
            value = line[0] / line[-1]
            out.append((f"{group}: {row}", value, least, value >= least))
    for group in ("image", "clip"):
        if (group, "caption") in got and (group + HELD, "caption") in got:
            trained, held = mean_of(got, [group, group + HELD])
            out.append((f"{group}: pairs never trained against trained ones",
                        held - trained, -HELD_BEHIND,
                        held - trained >= -HELD_BEHIND))
    return out


def print_table(got, models):
    names = [pathlib.Path(m or EMBEDDED).stem for m in models]
    print("| group | row | " + " | ".join(
        names if len(names) > 1 else ["right"]) + " | items |")
    print("| --- " * (3 + len(names)) + "|")
    for (group, row), line in got.items():
        print(f"| {group} | {row} | " + " | ".join(
            "%.3f" % (v / line[-1]) for v in line[:-1]) + f" | {line[-1]} |")


def print_changes(records, got, models):
    for i, m in enumerate(models[1:], 1):
        changed = sum(r["got"][i] != r["got"][0] for r in records)
        apart = max(got, key=lambda k: abs(got[k][i] - got[k][0]) / got[k][-1])
        print(f"{m} against {models[0]}: {changed} of {len(records)} answers "
              f"changed ({100 - 100 * changed / len(records):.2f} % the same); "
              f"farthest row: {': '.join(apart)}, "
              f"{(got[apart][i] - got[apart][0]) / got[apart][-1]:+.3f}")


def parser():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("build", type=pathlib.Path, help="the build folder")
    p.add_argument("--model", action="append", default=[], dest="models")
    p.add_argument("--n", type=int, default=100, help="items per row")
    p.add_argument("--groups", default="", help="some of training/items.py's GROUPS")
    p.add_argument("--seed", type=int, default=1, help="of the videos")
    p.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--thin", type=int, default=1, metavar="K",
                   help="each Kth only of the patterns at defaults and of the facts")
    p.add_argument("--answers", help="file for the answers, as JSON lines")
    p.add_argument("--shard", help=argparse.SUPPRESS)
    return p


def parse(argv=None):
    import items
    a = parser().parse_args(argv)
    a.groups = a.groups.split(",") if a.groups else list(items.GROUPS)
    a.models = [None if m == EMBEDDED else m for m in a.models] or [None]
    return a


def main():
    a = parse()
    if a.shard:
        work(a)
        return 0
    start = time.monotonic()
    records = measure(a)
    if a.answers:
        with open(a.answers, "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in records)
    got = table(records)
    print_table(got, a.models)
    missed = [c for c in check(got) if not c[3]]
    print(f"\n{len(records)} items in {time.monotonic() - start:.0f} s; "
          f"{len(missed)} rows of {len(check(got))} are below what is wanted")
    for what, value, least, _ in missed:
        print(f"  {what}: {value:.3f}, wanted {least:.2f}")
    if len(a.models) > 1:
        print_changes(records, got, [m or EMBEDDED for m in a.models])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
