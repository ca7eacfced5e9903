#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Converts the two reference checkpoints, traces the three recorded prompts
and compares every stage with what the published code computed, in the order
of the computation, so that the first wrong stage is named.

With --forced the same again, for the smaller checkpoint in F32, on every way
through the engine that a device does not take by itself: with memory that the
host can't reach, and with each kernel that the device can do in place of those
that it prefers. Kernels that don't take F32 must give the tokens of all, in the
first type that they take.

usage: test_goldens.py OWL2_CONVERT OWL2_TRACE DATA [--device D]
       test_goldens.py OWL2_CONVERT TRACE_FORCED DATA --forced"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[1] / "pipelines"))
from hostile import undo  # noqa: E402

# The recorded numbers are off the exact ones by 6e-5 in the logits (+-15), 5e-5
# in hidden states, 6e-6 in probabilities; a right fp32 implementation sums in
# another order and lands within a few times that. Pixels are integers, and
# their normalisation is a table: both must be equal.
LIMITS = {"resized_rgb": 0, "pixel_values": 0, "input_ids": 0, "modality": 0,
          "attn": 1e-4, "logits": 1e-3, "step_logits": 1e-3,
          "generated_ids": 0}
LIMIT = 5e-4


def order(name):
    stages = ["resized_rgb", "pixel_values", "vision_embeddings",
              "vision_hidden", "vision_last_hidden", "abstractor_hidden",
              "abstractor_output", "input_ids", "modality", "inputs_embeds",
              "attn", "hidden", "final_norm", "logits", "generated_ids",
              "step_logits"]
    base, _, index = name.rpartition("_")
    if not index.isdigit():
        base, index = name, 0
    return stages.index(base), int(index)


def stage_limit(name):
    for key, limit in LIMITS.items():
        if name == key or name.startswith(key + "_"):
            return limit
    return LIMIT


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, ok, detail=""):
        ok = bool(ok)
        self.passed += ok
        self.failed += not ok
        if not ok:
            print(f"FAIL {what} {detail}", flush=True)
        return ok

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def own(stdout):
    """What a program itself has printed: the validation layers, from 1.4 on, say
    there where their messages go."""
    return re.sub(r"^Validation Layer Info - .*\n", "", stdout, flags=re.M)


def run(*command):
    r = subprocess.run([str(c) for c in command], capture_output=True)
    if r.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {r.returncode}\n"
                 + r.stderr.decode(errors="replace"))
    return own(r.stdout.decode())


def compare(report, what, want_path, got_path, limit):
    if not report.check(what, got_path.exists(), "was not written"):
        return 0.0
    want, got = np.load(want_path), np.load(got_path)
    if not report.check(what, want.shape == got.shape and want.dtype == got.dtype,
                        f"{got.dtype}{got.shape} for {want.dtype}{want.shape}"):
        return 0.0
    diff = np.abs(want.astype(np.float64) - got.astype(np.float64))
    worst = np.unravel_index(diff.argmax(), diff.shape)
    report.check(what, diff.max() <= limit and np.isfinite(diff).all(),
                 f"at {tuple(map(int, worst))}: {got[worst]} for {want[worst]},"
                 f" limit {limit}")
    return float(diff.max())


def trace(args, gguf, golden, prompt, spec, out):
    frames = {"image": [0], "video": [0, 1, 2, 3], "text": []}[prompt]
    command = [args.trace, *args.way, "--model", gguf, "--prompt", spec["prompt"],
               "--max-tokens", len(spec["generated_ids"]), "--ignore-eos",
               "--out", out]
    if args.device:
        command += ["--device", args.device]
    if frames:
        command += ["--frames", ",".join(
            str(golden / "frames" / f"frame_{i}.png") for i in frames)]
    if prompt == "image":
        command += ["--attention"]
    return run(*command)


def check_prompt(report, args, name, gguf, golden, prompt, spec, full, out):
    """full: compare numbers; else (F16) tokens alone."""
    text = trace(args, gguf, golden, prompt, spec, out)
    worst = {}
    report.check(f"{name} {prompt} text",
                 undo(text[:-1]) == spec["generated_text"].encode(),
                 f"{text!r} for {spec['generated_text']!r}")
    ids = np.load(out / "generated_ids.npy")
    report.check(f"{name} {prompt} generated_ids",
                 ids.tolist() == spec["generated_ids"],
                 f"{ids.tolist()} for {spec['generated_ids']}")
    if not full:
        return worst
    wants = {}
    for path in golden.glob("*.npy"):
        stage = path.stem
        if stage.startswith(prompt + "_"):
            wants[stage[len(prompt) + 1:]] = path
        elif prompt == "video" and stage.split("_")[0] not in (
                "image", "text", "frame"):
            wants[stage] = path
    if prompt == "image":  # its frame was recorded with the four of "video"
        frame = {p.stem for p in golden.glob("*.npy") if p.stem.split("_")[0]
                 in ("resized", "pixel", "vision", "abstractor")}
    else:
        frame = set()
    got = {p.name for p in out.iterdir()}
    names = {f"{stage}.npy" for stage in wants.keys() | frame}
    report.check(f"{name} {prompt} files", got == names,
                 f"{sorted(got ^ names)}")
    for stage in sorted(wants, key=order):
        worst[stage] = compare(report, f"{name} {prompt} {stage}",
                               wants[stage], out / f"{stage}.npy",
                               stage_limit(stage))
    return worst


def convert(args, temp, name, kind):
    gguf = temp / f"{name}-{kind}.gguf"
    if not gguf.exists():
        run(args.convert, args.data / name / "model", gguf, "--type", kind)
    golden = args.data / name / "golden"
    return gguf, golden, json.loads((golden / "prompts.json").read_text())


def check_tokens(report, args, temp, way, kind):
    for name in "mini", "gqa":
        gguf, golden, prompts = convert(args, temp, name, kind)
        for prompt, spec in prompts.items():
            out = temp / f"{way}-{name}-{prompt}"
            check_prompt(report, args, f"{way} {name} {kind}", gguf, golden,
                         prompt, spec, False, out)
            want = np.load(golden / f"{prompt}_step_logits.npy")
            got = np.load(out / "step_logits.npy")
            print(f"{way}: {name} {kind} {prompt}: tokens, and logits off by "
                  f"{np.abs(want - got).max():.1e}", flush=True)


def check_forced(report, args, temp):
    """Each way that trace_forced.c knows; it fails if a way was not gone."""
    kernels = [line.split() for line in
               run(args.trace, "--kernels").splitlines()]
    report.check("kernels", len(kernels) >= 2, f"{kernels}")
    gguf, golden, prompts = convert(args, temp, "mini", "f32")
    for way, kind in [["staging", "f32"], *kernels]:
        args.way = [way]
        if kind != "f32":
            check_tokens(report, args, temp, way, kind)
            continue
        # It has frames and tokens, and rows of both families.
        worst = check_prompt(report, args, way, gguf, golden, "video",
                             prompts["video"], True, temp / way)
        print(f"{way}: largest difference {max(worst.values()):.1e}",
              flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("convert", type=pathlib.Path)
    parser.add_argument("trace", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--device")
    parser.add_argument("--forced", action="store_true")
    args = parser.parse_args()
    args.way = []
    report = Report()
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        if args.forced:
            check_forced(report, args, temp)
            return report.end()
        for name in "mini", "gqa":
            for kind in "f32", "f16":
                gguf, golden, prompts = convert(args, temp, name, kind)
                for prompt, spec in prompts.items():
                    out = temp / f"{name}-{kind}-{prompt}"
                    worst = check_prompt(report, args, f"{name} {kind}", gguf,
                                         golden, prompt, spec, kind == "f32",
                                         out)
                    if worst:
                        print(f"{name} {kind} {prompt}: largest differences " +
                              ", ".join(f"{k} {v:.1e}" for k, v in
                                        worst.items() if v), flush=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
