#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the tokenizer with the SentencePiece library, both ways.

usage: compare_spm.py SPM_TOOL DATA_DIR [--seed N] [--rounds N] [--model PATH]

Thousands of strings made by chance go through both, with the vocabularies of
the reference data, with vocabularies made by chance (equal scores, unused and
user-defined pieces), and with every PATH. Exits 77 where Python has no
sentencepiece.
"""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile

from wire import field, number

try:
    import sentencepiece
except ImportError:
    print("sentencepiece is not installed (Debian: python3-sentencepiece)")
    sys.exit(77)

SPACE = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def load(self, path):
        answer = self.ask("M " + path)
        if answer != "ok":
            sys.exit("%s: %s" % (path, answer))

    def encode(self, data):
        return [int(i) for i in self.ask("E " + data.hex()).split()]

    def decode(self, ids):
        line = self.ask("D " + " ".join(map(str, ids)))
        return bytes.fromhex(line).decode("utf-8")


def model_bytes(pieces):
    """A ModelProto (sentencepiece_model.proto) as LLaMA's: BPE, byte fallback,
    identity normalisation, dummy prefix, no whitespace removed."""
    out = b""
    for text, score, kind in pieces:
        out += field(1, field(1, text.encode()) + b"\x15" +
                     struct.pack("<f", score) + number(3, kind))
    trainer = number(3, 2) + number(35, 1)
    normalizer = field(1, b"identity") + number(3, 1) + number(4, 0) + \
        number(5, 1)
    return out + field(2, trainer) + field(3, normalizer)


LETTERS = ["a", "b", "c", SPACE, "\u00e9", "\u732b", "\U0001f600", "\ufffd"]


def random_model(rng):
    pieces = [("<unk>", 0, UNKNOWN), ("<s>", 0, CONTROL), ("</s>", 0, CONTROL)]
    pieces += [("<0x%02X>" % b, 0, BYTE) for b in range(256)]
    seen = set()
    kinds = rng.choice([[NORMAL], [NORMAL, NORMAL, UNUSED],
                        [NORMAL, NORMAL, NORMAL, USER],
                        [NORMAL, NORMAL, UNUSED, USER]])
    few = LETTERS[:rng.randint(2, len(LETTERS))]
    for i in range(rng.randint(1, 120)):
        text = "".join(rng.choice(few)
                       for _ in range(1 if i < 6 else rng.randint(1, 7)))
        if text not in seen:
            seen.add(text)
            score = rng.choice([-1.5, -1, -0.5, -0.0, 0.0, 0.5])
            pieces.append((text, score, rng.choice(kinds)))
    return pieces


PARTS = [" ", "  ", "        ", "\n", "\t", "\r", "\x00", "\x01", "\x1b", "\x7f",
         "a", "b", "e", "the", " the", "image", "ASSISTANT:", "0", "99", SPACE,
         SPACE + " ", "\u00e9", "e\u0301", "\u732b\u304c", "\U0001f600",
         "\U0001f468\u200d\U0001f469", "\ufffd", "\ufeff", "\u00a0", "\u3000",
         "\u0300", "\u0645\u0631", "<s>", "</s>", "<unk>", "<0x41>", "\U0010ffff"]
BROKEN = [b"\xff", b"\x80", b"\xc0\x80", b"\xe7\x8c", b"\xed\xa0\x80",
          b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xc3"]


def random_text(rng, most):
    out = b""
    kind = rng.randrange(4)
    for _ in range(rng.randint(0, most)):
        dice = rng.random()
        if kind == 0:
            # "z" is in no piece made by chance: it cuts the text into runs.
            out += rng.choice(LETTERS[:4] + [" ", "z"]).encode()
        elif dice < 0.55:
            out += rng.choice(PARTS).encode()
        elif dice < 0.75:
            out += bytes([rng.randrange(128)])
        elif dice < 0.85:
            c = rng.randrange(0x110000)
            out += chr(c if not 0xd800 <= c < 0xe000 else 0x20).encode()
        elif dice < 0.9:
            out += rng.choice([" ", SPACE, "a", "\u732b"]).encode() * \
                rng.randint(1, 70)
        elif kind == 3:
            out += rng.choice(BROKEN)
    return out


def check(tool, spm, data, has_user, what):
    # SentencePiece's trie of user-defined pieces is of C strings.
    if has_user:
        data = data.replace(b"\0", b"")
    got, want = tool.encode(data), spm.encode(data)
    if got != want:
        sys.exit("%s: encode %r\n got %s\nwant %s" % (what, data, got, want))
    check_decode(tool, spm, want, what)


def check_decode(tool, spm, ids, what):
    # A C string can't hold U+0000: it becomes U+FFFD.
    got, want = tool.decode(ids), spm.decode(ids).replace("\0", "\ufffd")
    if got != want:
        sys.exit("%s: decode %s\n got %r\nwant %r" % (what, ids, got, want))


def random_ids(rng, n):
    ids = []
    for _ in range(rng.randint(0, 40)):
        dice = rng.random()
        if dice < 0.1:
            ids.append(rng.randrange(3))
        elif dice < 0.3:
            ids.append(3 + rng.choice(
                [0xc3, 0xe2, 0xe7, 0xed, 0xf0, 0xf4, 0xe0, 0xc0, 0xff, 0]))
        elif dice < 0.5:
            ids.append(3 + rng.randrange(0x80, 0xc0))
        else:
            ids.append(rng.randrange(n))
    return ids


def compare(tool, rng, path, rounds, most, what, has_user=False):
    tool.load(path)
    spm = sentencepiece.SentencePieceProcessor(model_file=path)
    for _ in range(rounds):
        check(tool, spm, random_text(rng, most), has_user, what)
        check_decode(tool, spm, random_ids(rng, spm.vocab_size()), what)
    return 2 * rounds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("data")
    parser.add_argument("--seed", type=int, default=20231107)
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--model", action="append", default=[])
    args = parser.parse_args()
    print("sentencepiece %s, seed %d" % (sentencepiece.__version__, args.seed))
    rng = random.Random(args.seed)
    tool = Tool(args.tool)
    n = 0
    for name in ("mini", "gqa"):
        path = os.path.join(args.data, name, "model", "tokenizer.model")
        n += compare(tool, rng, path, args.rounds, 40, name)
    for path in args.model:
        n += compare(tool, rng, path, args.rounds, 200, path)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "chance.model")
        for i in range(args.rounds // 20):
            pieces = random_model(rng)
            with open(path, "wb") as out:
                out.write(model_bytes(pieces))
            n += compare(tool, rng, path, 40, 30, "vocabulary %d" % i,
                         any(p[2] == USER for p in pieces))
    print("%d comparisons, all equal" % n)


if __name__ == "__main__":
    main()
