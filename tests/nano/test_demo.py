#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo, as it is run by hand: it captions each clip, answers its questions,
and leaves the captioned video and the picture of all clips.

usage: test_demo.py BUILD"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    with tempfile.TemporaryDirectory() as temp:
        # The folder's name is no part of any pipeline, nor of a command.
        temp = f"{temp}/-a\t! tee name=t 't\"$(touch x)\\ é"
        start = time.monotonic()
        r = subprocess.run(
            ["sh", ROOT / "pipelines" / "demo.sh"], text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "OWL2_BUILD": sys.argv[1], "OWL2_DEMO": temp})
        print(r.stdout, f"{time.monotonic() - start:.0f} s", sep="")
        script = (ROOT / "pipelines" / "demo.sh").read_text()
        clips = re.search(r"^clips='(.*)'$", script, re.M)[1].split()
        captions = re.findall(r"^ *\d+\.\d - +\d+\.\d s   \S.*$", r.stdout, re.M)
        questions = re.findall(r"^      \S.*\?\n        \S.*$", r.stdout, re.M)
        files = [pathlib.Path(temp) / f for f in ("captioned.webm", "captioned.png")]
        sheet = Image.open(files[1]) if files[1].exists() else None
        checks = {
            "it ends well": r.returncode == 0,
            "a caption for each clip": len(captions) == len(clips),
            "answers to questions": len(questions) >= 5,
            "a video": files[0].exists() and files[0].stat().st_size > 10000,
            "a picture": sheet and sheet.width > 900 and sheet.height > 500,
        }
    for what, ok in checks.items():
        print(f"{'ok' if ok else 'FAIL'}: {what}")
    failed = sum(not ok for ok in checks.values())
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
