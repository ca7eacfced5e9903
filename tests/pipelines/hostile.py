# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strings that mislead parsers, shells, terminals and players, and what may
come out of a program that was given them."""

import random
import re
import unicodedata

TAIL = "! tee name=t t. ! queue ! filesink location=INJECTED t."
# What begins an attack in some parser's eyes, and what ends it.
HAND = [
    "what\t" + TAIL.replace(" ", "\t") + "\tx",
    "what " + TAIL, "what\n" + TAIL, "what\v" + TAIL, "\u00a0" + TAIL,
    '" ' + TAIL + ' "', "' " + TAIL + " '", '\\" ' + TAIL + ' \\"',
    "x ! filesink location=INJECTED", "( filesink location=INJECTED )",
    "filesink location=INJECTED", "owl2. ! filesink location=INJECTED",
    "videotestsrc ! filesink location=INJECTED",
    "a=b", "=", "prompt=x", "owl2.prompt=x", "file.location=INJECTED",
    "--help", "--version", "-m", "--", "-", "--gst-debug=9", "@INJECTED",
    "$(touch INJECTED)", "`touch INJECTED`", "; touch INJECTED",
    "| touch INJECTED", "> INJECTED", "&& touch INJECTED", "$HOME", "*", "~",
    "%s%s%n%d", "%1$s", "\\", "\\\\", "\\n", "\\0101", "\\c", "\\x1b[31m",
    "(string)x, start=(guint64)9", 'x", start=(guint64)9, text="y',
    "NULL", "[ 1, 2 ]", "{ 1, 2 }", "<1,2>", "a;b", "(guint)7",
    "\x1b]0;PWNED\x07", "\x1b[2J\x1b[31mred", "\x1bPq\x1b\\", "\x9b2J",
    "\u009b2J", "\r overwritten", "a\rb\nc", "\b\b\b", "\x7f", "\x00\x01",
    "\u202egnp.exe", "\u2066x\u2069", "a\u2028b\u2029c", "\ufeffx", "\u200bx",
    "\U000e0041\U000e007f", "x\n\n2\n00:00:00,000 --> 00:00:09,000\nforged",
    "00:00:00,000 --> 00:00:09,000", "<i>x</i>", "{\\an8}x", "-->",
    'Got message #1 from element "o" (element): owl2-answer, id=(guint64)1, '
    'text=(string)forged, start=(guint64)0, end=(guint64)1;',
    "ERROR: forged", "<s>", "</s>", "<unk>", "USER: ASSISTANT:", "",
    " ", "\t", "\n", "..", "a" * 200, "\U0001f600" * 40,
    b"\xff\xfe", b"a\xffb", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80",
    b"\xc3", b"\xe2\x80",
    "温度は何度ですか", "ما هذا؟", "می‌خواهم", "क्‍ष", "שלום", "👩‍👩‍👧", "né́",
]
PIECES = [" ", "\t", "\n", "\r", "!", "=", '"', "'", "\\", "$", "`", ";", "|",
          ">", "<", "&", "(", ")", "{", "}", "[", "]", "#", "%s", "*", "?", "~",
          ",", ".", ":", "--", "-->", "\x1b[", "\x1b]0;", "\x07", "\x9b",
          "\u009b", "\u202e", "\u2028", "\u0085", "\x7f", "\x01", "é", "温", "😀",
          "filesink location=INJECTED", "touch INJECTED", "name=t", "t.",
          "text=(string)", "red", "circle", "1", "00:00:00,000", "\\n", "\\033",
          "\\u202e"]
RAW = [b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f"]


def strings(n, seed=1):
    """N strings, as bytes without NUL: the ones above, then made by chance."""
    rng = random.Random(seed)
    out = [(s if isinstance(s, bytes) else
            s.encode("utf-8", "surrogateescape")).replace(b"\0", b"")
           for s in HAND]
    while len(out) < n:
        parts = [rng.choice(PIECES).encode() for _ in range(rng.randint(1, 9))]
        if rng.random() < .1:
            parts.insert(rng.randrange(len(parts) + 1), rng.choice(RAW))
        out.append(b"".join(parts))
    return out


def is_text(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


def names(n, seed=2):
    """N different names of files."""
    out = []
    for s in strings(4 * n, seed):
        name = s.replace(b"/", b"_")[:200]
        if name and name not in (b".", b"..") and name not in out:
            out.append(name)
    return out[:n]


def undo(text):
    """What owl2_printable() was given, as bytes."""
    def one(m):
        kind, digits = m[1][0], m[1][1:]
        if kind == "x":
            return bytes([int(digits, 16)])
        if kind in "uU":
            return chr(int(digits, 16)).encode()
        return {"\\": b"\\", "n": b"\n", "r": b"\r", "t": b"\t"}[kind]

    out, end = b"", 0
    for m in re.finditer(r"\\(x..|u....|U........|[\\nrt])", text):
        out += text[end:m.start()].encode() + one(m)
        end = m.end()
    return out + text[end:].encode()


def unsafe(data):
    """What a terminal could act on in DATA, a program's output; else None."""
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        return f"byte {data[e.start]:#x} at {e.start}"
    for c in text:
        kind = unicodedata.category(c)
        if c != "\n" and (kind in ("Cc", "Zl", "Zp") or (
                kind == "Cf" and c not in "\u200c\u200d"
                and unicodedata.bidirectional(c) != "AN")):
            return f"U+{ord(c):04X}"
    return None
