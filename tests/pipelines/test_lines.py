#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs each pipeline of pipelines/ as it is written, with a small model where
the build has none embedded, and looks for its answers.

usage: test_lines.py BUILD OWL2_CONVERT CHECKPOINT EMBEDDED(0|1)"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

VIDEO = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/"
                     "VID_20191220_170832.mp4")
ROOT = pathlib.Path(__file__).parents[2]

# Arguments and the fewest answers expected.
LINES = {
    "caption-file.sh": ([VIDEO], 2),
    "ask-file.sh": ([VIDEO, "What is in the video?"], 1),
    "live-test.sh": ([], 1),
    "camera.sh": ([], 1),
}


def main():
    build, convert, checkpoint = map(pathlib.Path, sys.argv[1:4])
    failed = passed = 0
    with tempfile.TemporaryDirectory() as temp:
        extra = []
        if sys.argv[4] == "0":
            model = pathlib.Path(temp) / "model.gguf"
            subprocess.run([convert, checkpoint, model], check=True,
                           stderr=subprocess.DEVNULL)
            extra = [f"model={model}", "max-tokens=8"]
        env = {**os.environ, "OWL2_BUILD": str(build)}
        for name, (args, least) in LINES.items():
            if VIDEO in args and not VIDEO.exists():
                print(f"{name}: no {VIDEO}, left out")
                continue
            r = subprocess.run(
                ["sh", ROOT / "pipelines" / name, *args, *extra], env=env,
                capture_output=True, text=True, errors="replace", timeout=120)
            answers = re.findall(r"owl2-answer, id=\(guint64\)(\d+)", r.stdout)
            ok = r.returncode == 0 and len(answers) >= least
            passed += ok
            failed += not ok
            print(f"{name}: {len(answers)} answers, exit {r.returncode}",
                  flush=True)
            if not ok:
                print(r.stdout[-2000:], r.stderr[-2000:])
    there = {p.name for p in (ROOT / "pipelines").glob("*.sh")} - {
        "env.sh", "demo.sh", "show-answers.sh"}
    if there != set(LINES):
        print(f"FAIL: no test for {sorted(there ^ set(LINES))}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
