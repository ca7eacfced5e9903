#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The numbers of docs/memory.md, and those of sizes that other pages repeat, are
what the engine counts for the full-size model (sizes.c).

usage: test_memory.py SIZES ROOT"""

import json
import pathlib
import subprocess
import sys

MIB, GIB = 2**20, 2**30
ROOT = pathlib.Path(sys.argv[2])
SIZES = json.loads(subprocess.run([sys.argv[1]], check=True, text=True,
                                  capture_output=True).stdout)
# What a card is taken to keep for itself.
KEPT = GIB // 2
WORDS, ANSWER = 40, 128
CARDS = {6: "q4_k", 8: "q4_k", 12: "q8_0", 16: "q8_0", 24: "f16", 48: "f32"}
failed = []


def want(page, text):
    if text not in (ROOT / page).read_text():
        failed.append(f"{page} has no '{text}'")


def positions(frames):
    """In whole pages."""
    n = frames * SIZES["frame"] + WORDS + ANSWER
    return -(-n // SIZES["page"]) * SIZES["page"]


def taken(kind):
    """But for keys and values."""
    return SIZES["weights"][kind] + SIZES["work"] + SIZES["halves"]


def check_cards():
    order = ["q4_k", "q8_0", "f16", "f32"]
    context = SIZES["context"] * SIZES["position"]["f16"]
    for card, kind in CARDS.items():
        left = card * GIB - KEPT - taken(kind)
        whole = left // context
        frames = [n for n in range(1, 65)
                  if positions(n) * SIZES["position"]["f16"] <= left]
        room = (f"1 to {frames[-1]} frames" if not whole else
                "the whole context" + ", of several streams" * (whole > 1))
        want("docs/memory.md", f"| {card} GB | `{kind}` | `--type {kind}` | "
             f"{left / GIB:.2f} GiB: {room} |")
        better = order[order.index(kind) + 1:][:1]
        if better and card * GIB - KEPT - taken(better[0]) > positions(1) * \
                SIZES["position"]["f16"]:
            failed.append(f"{card} GB have room for {better[0]}")


def check_types():
    for kind, size in SIZES["weights"].items():
        want("docs/memory.md",
             f"| `{kind}` | {size / SIZES['values']:.2f} | {size / GIB:.2f} GiB | "
             f"{taken(kind) / GIB:.2f} GiB |")
        want("tools/convert/README.md", f"| {kind} | {size / GIB:.2f} GiB |")
    want("docs/checkpoints.md", f"{SIZES['values'] * 2 / 1e9:.1f} GB in 16 bits")


def check_keys():
    counts = [positions(n) for n in (1, 8, 32)] + [SIZES["context"]]
    want("docs/memory.md", f"{WORDS} words, {ANSWER} of the answer | "
         + " | ".join(map(str, counts)) + " |")
    for kind in "f16", "q8_0", "f32":
        size = SIZES["position"][kind]
        want("docs/memory.md", f"| `kv-type={kind}` | " + " | ".join(
            f"{n * size // MIB} MiB" for n in counts) + " |")


def check_words():
    for text in (
            f"**Weights**: {SIZES['values']} numbers",
            f"**Work buffers**: {SIZES['work'] // MIB} MiB",
            f"and {SIZES['halves'] // MIB} MiB more",
            f"{SIZES['position']['f16']} bytes in F16",
            f"pages of {SIZES['page']} positions",
            f"{SIZES['features'] / MIB:.2f} MiB while a clip",
            f"| {SIZES['position']['q8_0'] / SIZES['position']['f16']:.2f} of the "
            "keys and values"):
        want("docs/memory.md", text)


def main():
    check_cards()
    check_types()
    check_keys()
    check_words()
    print(SIZES)
    print(*failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
