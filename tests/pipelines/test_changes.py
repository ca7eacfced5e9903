#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real plugin in gst-launch-1.0, while its model file is cut, overwritten at
the same length, or replaced: at moments of the load and between answers. An
error that names the file, or the answers of the old file; never a signal, never
other answers.

usage: test_changes.py PLUGINS OWL2_CONVERT CHECKPOINT"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

# A still picture, so that every answer of one model is the same text.
LINE = ("videotestsrc is-live=true num-buffers=60 pattern=green ! "
        "video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! "
        "owl2 model={} max-tokens=4 interval=60000000 {} ! fakesink")
# Milliseconds: before and around the opening, during the load, between answers.
MOMENTS = (60, 150, 400, 1200)


def cut(path, data, other):
    os.truncate(path, 4096)


def overwrite(path, data, other):
    with open(path, "r+b") as f:
        f.write(other)


def copy(path, data, other):
    """As cp does."""
    with open(path, "wb") as f:
        f.write(other)


def rename(path, data, other):
    new = path.with_suffix(".new")
    new.write_bytes(other)
    os.replace(new, path)


# What is done, whether that may be done to weights in place: they live on in a
# file that was renamed over, and an overwritten one is noticed, but a cut one
# may end the process, which the documentation says.
CHANGES = ((cut, False), (overwrite, True), (copy, False), (rename, True))


def run(path, properties, env, change=None, after_ms=0):
    line = LINE.format(path, properties).split()
    process = subprocess.Popen(["gst-launch-1.0", "-m", "-f", *line], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, errors="replace")
    if change:
        time.sleep(after_ms / 1000)
        change()
    out, err = process.communicate(timeout=120)
    answers = re.findall(r"owl2-answer, .*?\btext=\(string\)(.*?), prompt=", out)
    return process.returncode, answers, out + err


def main():
    plugins, convert, checkpoint = sys.argv[1:4]
    failed = passed = 0
    with tempfile.TemporaryDirectory() as temp:
        path = pathlib.Path(temp) / "model.gguf"
        subprocess.run([convert, checkpoint, path], check=True,
                       stderr=subprocess.DEVNULL)
        data = path.read_bytes()
        # The weights are the last half at least; the header stays as it is.
        other = bytearray(data)
        for i in range(len(data) // 2 + 1, len(data), 6):
            other[i] ^= 0x80
        other = bytes(other)
        env = {**os.environ, "GST_PLUGIN_PATH": plugins, "LC_ALL": "C"}
        texts = []
        for content in (data, other):
            path.write_bytes(content)
            status, answers, out = run(path, "", env)
            if status or not answers or len(set(answers)) != 1:
                print(f"exit {status}, answers {set(answers)}\n{out[-3000:]}")
                return 1
            texts.append(answers[0])
        if texts[0] == texts[1]:
            print(f"both models say {texts[0]}")
            return 1
        for properties in ("", "mmap=true"):
            for change, in_place in CHANGES:
                if properties and not in_place:
                    continue
                for moment in MOMENTS:
                    path.write_bytes(data)
                    status, answers, out = run(
                        path, properties, env,
                        lambda: change(path, data, other), moment)
                    said = "ERROR: from" in out and str(path) in out
                    kinds = set(answers)
                    # Less than 0 is a signal. A change before the file is
                    # opened makes another model, for all of the answers.
                    ok = (status in (0, 1, 255) and len(kinds) <= 1
                          and kinds <= set(texts)
                          and (said if status else bool(answers)))
                    passed += ok
                    failed += not ok
                    print(f"{properties or 'copied'}, {change.__name__} after "
                          f"{moment} ms: exit {status}, {len(answers)} answers"
                          f"{', an error' if said else ''}", flush=True)
                    if not ok:
                        print(f"{kinds} of {texts}\n{out[-3000:]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
