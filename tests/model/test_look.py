#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where an answer looks, as owl2-trace writes it, is what float64 makes of the
same pixels and the same tokens by the definition in owl2.h.

usage: test_look.py OWL2_CONVERT OWL2_TRACE DATA"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

import numpy as np

import reference
from test_goldens import Report, run

# How far a right fp32 implementation's attention probabilities are off: they are
# at most 1, of scores of a few units, and those are sums that fp32 has to some
# 1e-7 of that.
OFF = 1e-6
IMAGE = -200


class Probabilities:
    """Those of all calls of reference.attention() since the last clear."""

    def __init__(self):
        self.plain, self.all = reference.attention, []
        reference.attention = self.call

    def call(self, *args, **how):
        out, p = self.plain(*args, **how)
        self.all.append(p)
        return out, p

    def mean(self):
        """Over layers and heads; they are forgotten."""
        mean = np.mean([p.mean(0) for p in self.all], 0)
        self.all.clear()
        return mean


def maps(model, seen, pixels, input_ids, generated, language_only):
    """[frames][patches], and how far they may be off."""
    n = model.abs["num_learnable_queries"]
    features, patches, off = [], [], 0
    for frame in pixels:
        vision = model.vision(frame)
        seen.all.clear()
        features.append(model.abstractor(vision))
        a = seen.mean()[:, n + 1:]  # without queries and class token
        share = a.sum(1, keepdims=True)
        patches.append(a / share)
        # That of an entry, and that of the sum that it is divided by.
        off = max(off, (OFF * (1 + a.shape[1] * patches[-1]) / share).max())
    # The last token that was chosen has no row of its own.
    ids = list(input_ids) + list(generated[:-1])
    x, modality = model.embed(ids, features)
    model.decoder(x, modality * (not language_only))
    rows = seen.mean()[len(x) - len(generated):]
    first = ids.index(IMAGE)
    rows = rows[:, first:first + len(pixels) * (n + 1)]
    weights = rows.mean(0).reshape(len(pixels), n + 1)[:, :-1]
    share = weights.sum()
    off += 2 * weights.size * OFF / share * np.max(patches)
    weights = weights / share
    return np.einsum("fq,fqp->fp", weights, np.array(patches)), off


def check(report, args, name, seen, folder):
    checkpoint, golden = args.data / name / "model", args.data / name / "golden"
    gguf = folder / f"{name}.gguf"
    run(args.convert, checkpoint, gguf, "--type", "f32")
    model = reference.Model(*reference.read_checkpoint(checkpoint))
    spec = json.loads((golden / "prompts.json").read_text())
    for prompt, frames, flags in (("image", [0], []), ("video", [3, 1, 2], []),
                                  ("video", [2], ["--language-only"])):
        out = folder / f"{name}-{prompt}-{len(frames)}"
        paths = ",".join(str(golden / "frames" / f"frame_{i}.png")
                         for i in frames)
        run(args.trace, "--model", gguf, "--prompt", spec[prompt]["prompt"],
            "--frames", paths, "--max-tokens", 4, "--ignore-eos", "--look",
            "--kv-type", "f32", "--out", out, *flags)
        got = np.load(out / "look.npy")
        grid = got.shape[1]
        want, off = maps(model, seen, np.load(out / "pixel_values.npy"),
                         np.load(out / "input_ids.npy").tolist(),
                         np.load(out / "generated_ids.npy").tolist(),
                         bool(flags))
        what = f"{name}, {len(frames)} frames {' '.join(flags)}"
        report.check(what, got.shape == (len(frames), grid, grid), got.shape)
        worst = np.abs(got.reshape(len(frames), -1) - want).max()
        report.check(what, worst <= off, f"{worst} off, limit {off}")
        # The limit is of use: frames and patches differ by much more.
        report.check(what, np.ptp(want) > 2 * off, f"{np.ptp(want)}, {off}")
        print(f"{what}: {worst:.1e} off, limit {off:.1e}, "
              f"{want.min():.1e} to {want.max():.1e}")


def check_plot(report, args, folder):
    """The numbers of the plot's lines are those of the traced attention."""
    spec = json.loads((args.data / "mini/golden/prompts.json").read_text())
    frames = ",".join(str(args.data / f"mini/golden/frames/frame_{i}.png")
                      for i in range(2))
    svg, want = folder / "plot.svg", {}
    for flags in ([], ["--language-only"]):
        out = folder / f"attention{len(flags)}"
        run(args.trace, "--model", folder / "mini.gguf", "--frames", frames,
            "--prompt", spec["video"]["prompt"], "--max-tokens", 1,
            "--attention", "--out", out, "--attention-plot", svg, *flags)
        frame = np.load(out / "modality.npy") == 1
        rows = ~frame & (np.arange(len(frame)) > frame.argmax())
        shares = [np.load(path)[:, rows][:, :, frame].sum(-1).mean()
                  for path in sorted(out.glob("attn_*.npy"))]
        end = ", no module" if flags else ""
        want["image" + end] = np.array(shares)
        want["text" + end] = 1 - np.array(shares)
    got = {name: np.array(values.split(), float) for name, values in re.findall(
        'data-name="([^"]*)" data-shares="([^"]*)"', svg.read_text())}
    report.check("lines of the plot", got.keys() == want.keys(), got.keys())
    for name, values in want.items():
        # Sums in fp32 there, and seven digits.
        off = np.abs(got[name] - values).max()
        report.check(f"plot, {name}", off < 1e-6, off)
    apart = np.abs(want["image"] - want["image, no module"]).max()
    report.check("with and without the module", apart > 1e-3, apart)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("convert", type=pathlib.Path)
    parser.add_argument("trace", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    args = parser.parse_args()
    report, seen = Report(), Probabilities()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mini", "gqa"):
            check(report, args, name, seen, pathlib.Path(folder))
        check_plot(report, args, pathlib.Path(folder))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
