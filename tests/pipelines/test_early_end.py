#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process that ends while a model is being loaded, since its pipeline failed at
once or it is told to, ends as it would without one: with its own status, and
nothing of a driver's that another thread was loading or that still compiles.

usage: test_early_end.py PLUGIN_DIR SLOW_COMPILE [OWL2_LIVE]
  SLOW_COMPILE: the library of slow_compile.c; empty: not with it"""

import os
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

TIMES = 60 if os.environ.get("OWL2_LONG") else 6


def test_failing(plugins, programs):
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "text.mp4"
        text.write_text("not a video\n" * 100)
        lines = [["gst-launch-1.0", "-q", "filesrc", f"location={text}", "!",
                  "decodebin", "!", "videoconvert", "!", "owl2", "!", "fakesink"]]
        lines += [[program, "--port", "0", str(text)] for program in programs]
        for line in lines * TIMES:
            r = subprocess.run(line, capture_output=True, text=True, timeout=60,
                               env={**os.environ, "GST_PLUGIN_PATH": plugins})
            check(r.returncode == 1 and "LLVM ERROR" not in r.stderr,
                  f"{line[0]}: {r.returncode}, {r.stderr}")


def test_compiling(plugins, slow):
    with tempfile.TemporaryDirectory() as cache:
        r = subprocess.run(
            ["gst-launch-1.0", "videotestsrc", "num-buffers=900", "is-live=true",
             "!", "owl2", "!", "fakesink"],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, "GST_PLUGIN_PATH": plugins, "LD_PRELOAD": slow,
                 "XDG_CACHE_HOME": cache, "MESA_SHADER_CACHE_DISABLE": "true"})
    check(r.returncode == 0, f"while it compiles: {r.returncode}, {r.stderr}")
    if "handling interrupt" not in r.stdout:
        print("skipped: nothing was compiled by the LLVM that is waited for")


def main():
    test_failing(sys.argv[1], sys.argv[3:])
    if sys.argv[2]:
        test_compiling(sys.argv[1], sys.argv[2])
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
