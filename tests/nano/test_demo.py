#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo, as it is run by hand: it captions each clip, answers its questions,
and leaves the captioned video and the picture of all clips.

usage: test_demo.py BUILD"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(folder):
    """(what it printed, exit status, what was at the address that it ended with; None
    where owl2-live is not built)"""
    live = (pathlib.Path(sys.argv[1]) / "tools" / "live" / "owl2-live").exists()
    said, page = [], ""
    with subprocess.Popen(
            ["sh", ROOT / "pipelines" / "demo.sh"], text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "OWL2_BUILD": sys.argv[1], "OWL2_DEMO": folder,
                 "DISPLAY": ":0"}) as demo:
        for line in demo.stdout:
            said.append(line)
            address = re.match(r"\S*http://127\.0\.0\.1:\d+/?$", line.strip())
            if address:
                with urllib.request.urlopen(address[0], timeout=60) as f:
                    page = f.read().decode()
                demo.send_signal(signal.SIGINT)
    return "".join(said), demo.returncode, page if live else None


def main():
    with tempfile.TemporaryDirectory() as temp:
        # The folder's name is no part of any pipeline, nor of a command.
        temp = f"{temp}/-a\t! tee name=t 't\"$(touch x)\\ é"
        start = time.monotonic()
        said, status, page = run(temp)
        print(said, f"{time.monotonic() - start:.0f} s", sep="")
        script = (ROOT / "pipelines" / "demo.sh").read_text()
        clips = re.search(r"^clips='(.*)'$", script, re.M)[1].split()
        captions = re.findall(r"^ *\d+\.\d - +\d+\.\d s   \S.*$", said, re.M)
        questions = re.findall(r"^      \S.*\?\n        \S.*$", said, re.M)
        files = [pathlib.Path(temp) / f for f in ("captioned.webm", "captioned.png")]
        sheet = Image.open(files[1]) if files[1].exists() else None
        checks = {
            "it ends well": status == 0,
            "a page, where there is a screen": page is None or "<!DOCTYPE html" in page,
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
