#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs each pipeline of pipelines/ as it is written, with a small model where
the build has none embedded, and looks for its answers.

usage: test_lines.py BUILD OWL2_CONVERT CHECKPOINT EMBEDDED(0|1)"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

VIDEO = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/"
                     "VID_20191220_170832.mp4")
ROOT = pathlib.Path(__file__).parents[2]

# Arguments and the fewest answers expected. TEMP is a folder of the test's.
TEMP = "TEMP"
LINES = {
    "caption-file.sh": ([VIDEO], 2),
    "ask-file.sh": ([VIDEO, "What is in the video?"], 1),
    "live-test.sh": ([], 1),
    "camera.sh": ([], 1),
    "burn-in.sh": ([VIDEO, TEMP + "/burned-in.mp4"], 2),
    "subtitles.sh": ([VIDEO, TEMP + "/beside"], 2),
    "json-lines.sh": ([VIDEO], 2),
}
# Go on until they are told to end, after so many seconds.
ENDLESS = {"camera.sh": 8}


def answers_of(name, out):
    if name != "json-lines.sh":
        return re.findall(r"owl2-answer, id=\(guint64\)(\d+)", out)
    return [a["id"] for a in map(json.loads, out.splitlines())
            if a["text"] and a["final"] and a["frame-times"]]


def cues(text):
    """Start and end in ms of each cue of SubRip or WebVTT."""
    times = re.findall(r"(\d+):(\d+):(\d+)[,.](\d+)", text)
    ms = [((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(f)
          for h, m, s, f in times]
    return list(zip(ms[::2], ms[1::2]))


def written(name, temp, n_answers):
    """What is wrong with the files that a pipeline has written, or None."""
    if name == "burn-in.sh":
        data = (temp / "burned-in.mp4").read_bytes()
        return None if b"moov" in data and len(data) > 10000 else "no MP4"
    if name == "subtitles.sh":
        for ext in "vtt", "srt":
            found = cues((temp / f"beside.{ext}").read_text())
            if len(found) != n_answers:
                return f"{ext}: {len(found)} cues for {n_answers} answers"
            if any(a >= b for a, b in found) or any(
                    a[1] > b[0] for a, b in zip(found, found[1:])):
                return f"{ext}: {found}"
    return None


def run(name, command, env):
    if name not in ENDLESS:
        return subprocess.run(command, env=env, capture_output=True, text=True,
                              errors="replace", timeout=120)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               errors="replace")
    time.sleep(ENDLESS[name])
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


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
            args = [str(a).replace(TEMP, temp) for a in args]
            r = run(name, ["sh", ROOT / "pipelines" / name, *args, *extra], env)
            answers = answers_of(name, r.stdout)
            wrong = written(name, pathlib.Path(temp), len(answers))
            ok = r.returncode == 0 and len(answers) >= least and not wrong
            passed += ok
            failed += not ok
            print(f"{name}: {len(answers)} answers, exit {r.returncode}",
                  flush=True)
            if not ok:
                print(wrong, r.stdout[-2000:], r.stderr[-2000:])
    there = {p.name for p in (ROOT / "pipelines").glob("*.sh")} - {
        "env.sh", "demo.sh", "show-answers.sh"}
    if there != set(LINES):
        print(f"FAIL: no test for {sorted(there ^ set(LINES))}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
