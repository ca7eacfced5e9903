#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each program of examples/ is run as it is written: it reads answers from
messages and from buffers, there those of both elements, and asks a question; and
a source that can't be opened ends it with an error.

usage: test_examples.py PLUGIN_DIR ANSWERS"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ENV = {**os.environ, "GST_PLUGIN_PATH": sys.argv[1]}
# A source of two seconds, and one that is none.
GOOD = ("videotestsrc num-buffers=20 pattern=ball ! "
        "video/x-raw,width=320,height=240,framerate=10/1")
BAD = "filesrc location=/nowhere/a.mp4 ! decodebin ! videoconvert"
COMMANDS = {
    "answers.c": [sys.argv[2]],
    "answers.py": [sys.executable, "-W", "ignore", EXAMPLES / "answers.py"],
    "answers.js": [shutil.which("gjs"), EXAMPLES / "answers.js"],
}
# What can't be had.
BLIND = {"answers.js": Gst.version() < (1, 24)}
# Every line is one of these.
LINE = re.compile(r"(buffer) what: \S.*, color: \S|(buffer) what: \S|"
                  r"(message what|message color|asked what): \S.*\(frames at.*s\)")
passed = failed = 0


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print("ok" if ok else "FAIL", text[-1500:], flush=True)


def run(command, source):
    return subprocess.run([*command, source], env=ENV, capture_output=True,
                          text=True, timeout=200)


def main():
    there = {p.name for p in EXAMPLES.iterdir()} - {"meson.build"}
    check(there == set(COMMANDS), f"examples: {sorted(there)}")
    for name, command in COMMANDS.items():
        if not command[0]:
            print(f"{name}: no gjs, left out")
            continue
        r = run(command, GOOD)
        kinds = [LINE.match(line) for line in r.stdout.splitlines()]
        found = {next(filter(None, m.groups())) for m in kinds if m}
        both = re.search("^buffer what: .*, color: ", r.stdout, re.M)
        if BLIND.get(name):
            print(f"{name}: metas need GStreamer 1.24, left out")
        check(r.returncode == 0 and all(kinds)
              and found - {"buffer"} == {
                  "message what", "message color", "asked what"}
              and (both or BLIND.get(name)),
              f"{name}: {r.returncode}\n{r.stdout}{r.stderr}")
        r = run(command, BAD)
        check(r.returncode == 1 and r.stderr and "asked" not in r.stdout,
              f"{name}, no source: {r.returncode} {r.stdout}{r.stderr}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
