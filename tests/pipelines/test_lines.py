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
import threading

VIDEO = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/"
                     "VID_20191220_170832.mp4")
ROOT = pathlib.Path(__file__).parents[2]

# Arguments and the fewest answers expected. TEMP is a folder of the test's.
TEMP = "TEMP"
LINES = {
    "caption-file.sh": ([VIDEO], 2),
    "ask-file.sh": ([VIDEO, "What is in the video?"], 1),
    "live-test.sh": ([], 1),
    "questions.sh": ([VIDEO, TEMP + "/questions.srt"], 2),
    "camera.sh": ([], 1),
    "burn-in.sh": ([VIDEO, TEMP + "/burned-in.mp4"], 2),
    "subtitles.sh": ([VIDEO, TEMP + "/beside"], 2),
    "json-lines.sh": ([VIDEO], 2),
    "score-file.sh": ([VIDEO], 1),
    "score-live.sh": (["span=2000000000"], 1),
    # As likely as any answer is.
    "alert.sh": ([VIDEO, "Is there a cat?", "alert-threshold=1e-300",
                  "alert-hysteresis=0"], 1),
}
JSON = {"json-lines.sh", "score-file.sh", "score-live.sh"}
QUESTIONS = """1
00:00:00,200 --> 00:00:01,000
What is in the video?

2
00:00:01,000 --> 00:00:02,000
<b>Is there</b> a <|image|>?

"""
# Go on until they are told to end, after the answers expected.
ENDLESS = {"camera.sh", "score-live.sh"}
LIMIT_S = 120


def answers_of(name, out):
    if name == "alert.sh":
        return re.findall(r"owl2-alert, active=\(boolean\)true,", out)
    if name not in JSON:
        return re.findall(r"owl2-answer, id=\(guint64\)(\d+)", out)
    return [a["id"] for a in map(json.loads, out.splitlines())
            if a["text"] and a["final"] and a["frame-times"]
            and (name == "json-lines.sh" or 0 <= a["score"] <= 1
                 and abs(sum(a["probabilities"]) - 1) < 1e-9)]


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
                              errors="replace", timeout=LIMIT_S)
    with tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
                                   stderr=err, text=True, errors="replace")
        hangs = threading.Timer(LIMIT_S, process.kill)
        hangs.start()
        out, told = "", False
        for line in process.stdout:
            out += line
            if not told and len(answers_of(name, out)) >= LINES[name][1]:
                process.send_signal(2)
                told = True
        process.wait()
        hangs.cancel()
        err.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, out,
                                           err.read())


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
        (pathlib.Path(temp) / "questions.srt").write_text(QUESTIONS)
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
        "env.sh", "demo.sh", "show-answers.sh",
        "eval-parallel.sh", "eval-slurm.sh"}  # by test_eval_jobs.py
    if there != set(LINES):
        print(f"FAIL: no test for {sorted(there ^ set(LINES))}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
