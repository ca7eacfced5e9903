#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The KV cache in F16 and Q8_0 against F32: logits of every position of the
recorded prompts, as the largest difference and the mean KL divergence of the
next token's distribution, and greedy tokens. The weights are F32, so the cache
makes all of the difference.

usage: test_kv.py OWL2_CONVERT OWL2_TRACE DATA"""

import json
import pathlib
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import make_checkpoint  # noqa: E402
from test_goldens import Report, run  # noqa: E402
from test_quant import divergence  # noqa: E402

# Heads of 64, which are whole blocks of Q8_0, as the full model's are; and most
# of the context, which is 512 positions. What the cache has no part in is small:
# a driver that interprets spent four minutes on it.
LONG = dict(width=256, heads=4, mlp=256)

# Largest difference of a logit (they are about +-15), and KL; measured are 2e-2
# and 4e-6, 2.3e-1 and 6e-4.
LIMITS = {"f16": (3e-2, 6e-6), "q8_0": (3e-1, 1e-3)}


def trace(args, gguf, kind, spec, frames, out):
    command = [args[1], "--model", gguf, "--prompt", spec["prompt"], "--out",
               out, "--max-tokens", len(spec["generated_ids"]), "--ignore-eos",
               "--kv-type", kind, "--attention"]
    if frames:
        command += ["--frames", ",".join(map(str, frames))]
    run(*command)
    return {name: np.load(out / f"{name}.npy")
            for name in ("logits", "step_logits", "generated_ids", "attn_0")}


def check(report, args, name, gguf, prompt, spec, frames, temp, has_q8_0):
    kinds = ["f32", "f16", "q8_0"]
    # The weights decide, so one prompt says it.
    if prompt == "text":
        kinds.append("auto")
    got = {kind: trace(args, gguf, kind, spec, frames,
                       temp / f"{name}-{prompt}-{kind}") for kind in kinds}
    exact = got["f32"]
    for stage, value in exact.items() if "auto" in got else ():
        report.check(f"{name} {prompt} {stage}: auto is f32 where weights are",
                     (got["auto"][stage] == value).all())
    for kind in "f16", "q8_0":
        diff = np.abs(exact["logits"] - got[kind]["logits"]).max()
        kl = divergence(exact["logits"], got[kind]["logits"])
        attn = np.abs(exact["attn_0"] - got[kind]["attn_0"]).max()
        ids = got[kind]["generated_ids"].tolist()
        same = ids == exact["generated_ids"].tolist()
        what = f"{name} {prompt} {kind}"
        print(f"{what}: logits {diff:.1e}, KL {kl:.1e}, attention of layer 0 "
              f"{attn:.1e}, tokens {'equal' if same else 'differ'}", flush=True)
        # Where heads are no whole blocks, q8_0 falls back to f16.
        limit = LIMITS["f16" if kind == "f16" or not has_q8_0 else kind]
        report.check(f"{what} logits", 0 < diff <= limit[0],
                     f"off by {diff:.1e}, limit {limit[0]}")
        report.check(f"{what} KL", kl <= limit[1], f"{kl:.1e}, limit {limit[1]}")
        if kind == "f16":
            report.check(f"{what} tokens", same,
                         f"{ids} for {exact['generated_ids'].tolist()}")
    if not has_q8_0:
        report.check(f"{name} {prompt}: q8_0 falls back to f16",
                     (got["q8_0"]["logits"] == got["f16"]["logits"]).all())
    return len(exact["logits"])


def main():
    args = [pathlib.Path(a) for a in sys.argv[1:4]]
    report = Report()
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        for name in "mini", "gqa":
            golden = args[2] / name / "golden"
            prompts = json.loads((golden / "prompts.json").read_text())
            gguf = temp / f"{name}.gguf"
            run(args[0], args[2] / name / "model", gguf, "--type", "f32")
            for prompt, spec in prompts.items():
                frames = [golden / "frames" / f"frame_{i}.png" for i in
                          {"image": [0], "video": range(4), "text": []}[prompt]]
                check(report, args, name, gguf, prompt, spec, frames, temp,
                      name == "gqa")
        config = make_checkpoint.make_config(**LONG)
        make_checkpoint.write_checkpoint(
            temp / "long", config, make_checkpoint.make_tensors(
                config, np.random.default_rng(20)), "f32")
        run(args[0], temp / "long", temp / "long.gguf", "--type", "f32")
        spec = {"prompt": "USER: <|image|>" + "What colour is the ball? " * 20
                + "ASSISTANT:", "generated_ids": [0] * 8}
        frames = [args[2] / "mini" / "golden" / "frames" / "frame_0.png"]
        n = check(report, args, "256 wide", temp / "long.gguf", "long", spec,
                  frames, temp, True)
        report.check("256 wide long: many positions", 400 < n < 512, f"{n}")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
