#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every published family is converted from its layout and asked in the way that
its model file says it was made for: scorers give a score, the others answer.

    test_families.py OWL2_CONVERT SCORE_FAMILIES
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "file"))

import make_families as mf  # noqa: E402

# Weights of the published code, at the last position alone.
LEVELS = [1, .75, .5, .25, 0]
WEIGHTS = {"quality": LEVELS, "aesthetics": LEVELS, "video-quality": LEVELS,
           "deqa": [5, 4, 3, 2, 1], "q-instruct": [1, 0]}
# They differ from another one in names and keys alone, which the test of the
# converter looks at.
SAME = {"one-align-patched", "q-align-quality", "q-instruct-preview"}
NAMES = [name for name in mf.FAMILIES if name not in SAME]


def convert(program, temp, name):
    out = temp / (name + ".gguf")
    done = subprocess.run(
        [program, *mf.make(name, temp / name), out, "--type", "q8_0"],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return out


def check(name, line):
    of = mf.FAMILIES[name]
    recipe, mode, n_tokens, score, *probabilities = line.split()
    p = [float(x) for x in probabilities]
    weights = WEIGHTS.get(of.recipe, [])
    assert recipe == (of.recipe or "-"), line
    assert mode == (of.image_mode or "stretch"), line
    assert len(p) == len(weights), line
    want = sum(w * x for w, x in zip(weights, p))
    assert abs(float(score) - want) < 1e-6, (line, want)
    if weights:  # each word is one token
        assert n_tokens == "1" and abs(sum(p) - 1) < 1e-6, line
        assert all(0 < x < 1 for x in p), line


def main():
    program, scorer = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        files = [convert(program, temp, name) for name in NAMES]
        done = subprocess.run([scorer, *files], capture_output=True, text=True,
                              timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(NAMES)
    for name, line in zip(NAMES, lines):
        check(name, line)
    print(f"{len(lines)} families")


if __name__ == "__main__":
    main()
