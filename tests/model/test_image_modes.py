#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures become square as Pillow does it: in each mode, at each model's size,
every byte of what the model sees is that of the recorded picture, which Pillow
9.4 made in the steps of the published preprocessing.

usage: test_image_modes.py OWL2_TRACE DATA MODEL..."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

MODES = "stretch", "pad", "crop"


def rgb(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def trace(program, model, mode, frames, out):
    """What the model sees of each frame."""
    places = "<|image|>" * len(frames)
    command = [program, "--model", model, "--prompt", f"USER: {places}"
               "ASSISTANT:", "--max-tokens", "1", "--frames",
               ",".join(map(str, frames)), "--out", out]
    if mode:
        command += ["--image-mode", mode]
    run = subprocess.run([str(c) for c in command], capture_output=True,
                         text=True, errors="replace")
    if run.returncode:
        sys.exit(run.stderr)
    return np.load(out / "resized_rgb.npy")


def check_mode(args, model, mode, frames, out):
    """None is the model's own: of these, which say nothing, stretched."""
    program, data = args
    got = trace(program, model, mode, frames, out)
    failed = 0
    for frame, seen in zip(frames, got):
        name = f"{frame.stem}.{mode or 'stretch'}{seen.shape[0]}.png"
        want = rgb(data / name)
        if seen.shape != want.shape or (seen != want).any():
            print(f"FAIL {name}: {(seen != want).sum()} bytes differ")
            failed += 1
    return failed


def main():
    args, models = sys.argv[1:3], sys.argv[3:]
    args[1] = pathlib.Path(args[1])
    frames = sorted(p for p in args[1].glob("*.png") if "." not in p.stem)
    failed = n = 0
    with tempfile.TemporaryDirectory() as temp:
        for model in models:
            for mode in (None, *MODES):
                failed += check_mode(args, model, mode, frames,
                                     pathlib.Path(temp))
                n += len(frames)
    print(f"{n} pictures, {failed} failed")
    return 1 if failed or not n else 0


if __name__ == "__main__":
    sys.exit(main())
