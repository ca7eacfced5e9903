#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process that ends while a model is being loaded, since its pipeline failed at
once, ends as it would without one: with its own status, and nothing of a driver's
that another thread was loading.

usage: test_early_end.py PLUGIN_DIR [OWL2_LIVE]"""

import os
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

TIMES = 60 if os.environ.get("OWL2_LONG") else 6


def main():
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "text.mp4"
        text.write_text("not a video\n" * 100)
        lines = [["gst-launch-1.0", "-q", "filesrc", f"location={text}", "!",
                  "decodebin", "!", "videoconvert", "!", "owl2", "!", "fakesink"]]
        lines += [[program, "--port", "0", str(text)] for program in sys.argv[2:]]
        for line in lines * TIMES:
            r = subprocess.run(line, capture_output=True, text=True, timeout=60,
                               env={**os.environ, "GST_PLUGIN_PATH": sys.argv[1]})
            check(r.returncode == 1 and "LLVM ERROR" not in r.stderr,
                  f"{line[0]}: {r.returncode}, {r.stderr}")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
