#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs under calls that fail (layer.h): the n-th, alone or from then on.
Each ends by itself, with 0 or with words on its standard error, and leaves no
part of an output. A fixed n of each kind; with OWL2_LONG every n.

usage: test_programs.py LAYER OWL2-ASK OWL2-CONVERT OWL2-EVAL CHECKPOINT"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "pipelines"))
import eval_set
from checks import check, finish

LAYER, ASK, CONVERT, EVAL, CHECKPOINT = map(os.path.abspath, sys.argv[1:])
LONG = bool(os.environ.get("OWL2_LONG"))
LIMIT_S = 120
N = 3  # past what is before the program itself
ALL = ("memory", "thread", "file", "device-memory", "device-lost")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "G_DEBUG"}


def run(command, fault, folder):
    """Its exit status and whether a call failed."""
    name = pathlib.Path(command[0]).name
    try:
        r = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LIMIT_S, cwd=folder,
            env={**ENVIRONMENT, "LD_PRELOAD": LAYER, "OWL2_FAULT": fault})
    except subprocess.TimeoutExpired:
        check(False, f"{name}, {fault}: goes on after {LIMIT_S} s")
        return 1, True
    told = re.findall(r"^fault: \d+ calls, failed: (\S+)", r.stderr, re.M)
    check(r.returncode >= 0 and told,
          f"{name}, {fault}: ended by signal {-r.returncode}: {r.stderr}")
    check(r.returncode == 0 or re.search(f"^{name}: ", r.stderr, re.M),
          f"{name}, {fault}: status {r.returncode} without a word: {r.stderr}")
    return r.returncode, told and told[-1] != "none"


def play(command, kinds, folder, outputs=lambda: []):
    """Each kind. Returns how often a call failed, and how often the program."""
    n_failed = n_refused = 0
    for kind in kinds:
        for after in ("", "+") if LONG else ("",):
            n = 1 if LONG else N
            while True:
                status, failed = run(command, f"{kind}:{n}{after}", folder)
                n_failed += failed
                n_refused += status != 0
                left = outputs()
                check(status == 0 or not left, f"{kind}:{n}{after} leaves {left}")
                for path in left:
                    path.unlink()
                if not LONG or not failed:
                    break
                n += 1
    return n_failed, n_refused


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        inner = folder / "out"
        inner.mkdir()
        picture, data = folder / "picture.png", eval_set.write(folder)
        eval_set.draw(picture, (255, 0, 0), (640, 480))
        data.write_text(data.read_text().split("\n")[0] + "\n")
        told = {
            "owl2-ask": play([ASK, "--max-tokens", "3", str(picture), "What?"],
                             ALL, folder),
            "owl2-convert": play([CONVERT, CHECKPOINT, str(inner / "m.gguf")],
                                 ("memory", "file"), folder,
                                 lambda: list(inner.iterdir())),
            "owl2-eval": play([EVAL, str(data), *eval_set.ASKED, "--out",
                               str(folder / "eval")],
                              ("file", "device-lost"), folder),
        }
        for program, (n_failed, n_refused) in told.items():
            print(f"{program}: {n_failed} calls failed, {n_refused} runs told of it")
            check(n_failed, f"{program}: no call failed")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
