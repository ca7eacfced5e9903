#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which tensors suffer from quantising: one kind at a time in Q8_0 and in Q4_K,
all others as in the checkpoint; how far the next token's distribution moves (KL
divergence, mean over all tokens), by the NumPy model; then what a file in Q4_K
gains by keeping the worst in Q8_0. Prints Markdown tables.

usage: sensitivity.py QUANT_TOOL SIZES.tsv CHECKPOINT RECORDED.npz [DATA]

RECORDED comes from make_kl.py; with DATA, the reference models too, on their
recorded prompts. Where rows are no whole blocks of Q4_K, a tensor is encoded as
one long row: the format's error is the same. SIZES has the full-size model's
shapes, for the column of sizes."""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys

# Threads that wait for each other's small products are slower than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import kl  # noqa: E402
import make_kl  # noqa: E402
import reference  # noqa: E402

VIT, ABS, DEC = ("model.vision_model.", "model.visual_abstractor.",
                 r"model\.layers\.")
# Kinds of tensors, by their names in the file.
KINDS = [
    ("token_embd", r"model\.embed_tokens\.weight"),
    ("output", r"lm_head\.weight"),
    ("attn_q", DEC + r"\d+\.self_attn\.q_proj\.weight"),
    ("attn_k, attn_k_img", DEC + r"\d+\.self_attn\.k_proj\..*weight"),
    ("attn_v, attn_v_img", DEC + r"\d+\.self_attn\.v_proj\..*weight"),
    ("attn_output", DEC + r"\d+\.self_attn\.o_proj\.weight"),
    ("ffn_gate", DEC + r"\d+\.mlp\.gate_proj\.weight"),
    ("ffn_up", DEC + r"\d+\.mlp\.up_proj\.weight"),
    ("ffn_down", DEC + r"\d+\.mlp\.down_proj\.weight"),
    ("blk, the first", DEC + r"0\..*_proj\..*weight"),
    ("blk, the last", DEC + r"{decoder}\..*_proj\..*weight"),
    ("v.patch_embd", VIT + r"embeddings\.patch_embed\.weight"),
    ("v.attn_qkv", VIT + r".*query_key_value\.weight"),
    ("v.attn_out", VIT + r".*self_attn\.dense\.weight"),
    ("v.ffn_up", VIT + r".*fc1\.weight"),
    ("v.ffn_down", VIT + r".*fc2\.weight"),
    ("v.blk, the first", VIT + r"encoder\.layers\.0\..*(query_key_value|dense|"
     r"fc1|fc2)\.weight"),
    ("v.blk, the last", VIT + r"encoder\.layers\.{vision}\..*(query_key_value|"
     r"dense|fc1|fc2)\.weight"),
    ("a.attn_q, _k, _v, _out", ABS + r".*(query|key|value|out_proj)\.weight"),
    ("a.ffn_gate, _up, _down", ABS + r".*mlp\.w\d\.weight"),
    ("a.proj", ABS + r"visual_fc\.weight"),
    ("all", r"lm_head\.weight|model\.embed_tokens\.weight|.*(_proj|"
     r"_proj\.multiway\.\d|patch_embed|query_key_value|dense|fc1|fc2|query|key|"
     r"value|mlp\.w\d|visual_fc)\.weight"),
]
# What a file in Q4_K may keep in Q8_0, one step after the other.
STEPS = [
    ("nothing", None),
    ("abstractor", ABS + ".*"),
    ("and vision encoder", VIT + ".*"),
    ("and output", r"lm_head\.weight"),
    ("and token_embd", r"model\.embed_tokens\.weight"),
    ("and the last blk", DEC + r"{decoder}\..*"),
    ("and the first blk", DEC + r"0\..*"),
    ("and attn_k, attn_k_img", DEC + r"\d+\.self_attn\.k_proj\..*"),
    ("and attn_v, attn_v_img", DEC + r"\d+\.self_attn\.v_proj\..*"),
    ("and ffn_down", DEC + r"\d+\.mlp\.down_proj\.weight"),
]
TYPES = {"q8_0": (32, 34), "q4_k": (256, 144)}


def matching(pattern, names, config):
    visual = config["visual_config"]["visual_model"]
    pattern = pattern.replace("{decoder}", str(
        config["num_hidden_layers"] - 1)).replace(
        "{vision}", str(visual["num_hidden_layers"] - 1))
    return [n for n in names if re.fullmatch(pattern, n)]


def quantised(values, kind, quant_tool):
    """What is read back of @values."""
    block, size = TYPES[kind]
    flat = np.append(values.reshape(-1), np.zeros(-values.size % block)).astype(
        np.float32)
    out = subprocess.run([quant_tool, kind], input=flat.tobytes(),
                         capture_output=True, check=True).stdout
    back = np.frombuffer(out, "<f4", flat.size, flat.size // block * size)
    return back[:values.size].reshape(values.shape)


class Subject:
    """A checkpoint and what it is measured on."""

    def __init__(self, checkpoint, quant_tool):
        self.config, self.tensors = reference.read_checkpoint(checkpoint)
        self.preprocessor = json.loads(
            (checkpoint / "preprocessor_config.json").read_text())
        self.quant_tool, self.cache, self.features = quant_tool, {}, {}

    def divergence(self, kinds):
        """Mean over all tokens; @kinds: name -> type of what is quantised."""
        changed = {}
        for name, kind in kinds.items():
            if (name, kind) not in self.cache:
                self.cache[name, kind] = quantised(self.tensors[name], kind,
                                                   self.quant_tool)
            changed[name] = self.cache[name, kind]
        model = reference.Model(self.config, {**self.tensors, **changed})
        # What the frames become changes only with their own weights.
        own = any(n.startswith("model.vis") for n in kinds)
        return float(np.concatenate(self.run(
            model, {} if own else self.features)).mean())

    def of_kind(self, pattern, kind):
        return self.divergence({n: kind for n in matching(
            pattern, self.tensors, self.config)})

    def split(self, better):
        """All in Q4_K but those that one of @better matches."""
        keep = {n for p in better
                for n in matching(p, self.tensors, self.config)}
        return self.divergence({
            n: "q8_0" if n in keep else "q4_k"
            for n in matching(KINDS[-1][1], self.tensors, self.config)})


class Recorded(Subject):
    def __init__(self, checkpoint, quant_tool, recording):
        super().__init__(checkpoint, quant_tool)
        number, self.prompts = kl.load(recording)
        if number != kl.fingerprint(self.tensors["model.norm.weight"]):
            sys.exit(f"{recording} is of another checkpoint")

    def run(self, model, features):
        return [kl.divergence(p[4], make_kl.forward(
            model, self.preprocessor, p, features)) for p in self.prompts]

    def leave_out_worst(self):
        """The prompt that Q8_0 everywhere moves most: where the model does not
        know what it sees, one token may hide all others."""
        names = matching(KINDS[-1][1], self.tensors, self.config)
        self.divergence({n: "q8_0" for n in names})
        model = reference.Model(self.config, {**self.tensors, **{
            n: self.cache[n, "q8_0"] for n in names}})
        sums = [d.sum() for d in self.run(model, {})]
        prompt = self.prompts.pop(int(np.argmax(sums)))
        return f"{max(sums) / sum(sums):.1%} of Q8_0's divergence is in " \
            f"{prompt[2]!r}"


class Golden(Subject):
    """All text positions of the three recorded prompts."""

    def __init__(self, folder, quant_tool):
        super().__init__(folder / "model", quant_tool)
        self.golden = {p.stem: np.load(p)
                       for p in (folder / "golden").glob("*.npy")}

    def run(self, model, features):
        out, g = [], self.golden
        if not features:
            features["all"] = [model.abstractor(model.vision(p))
                               for p in g["pixel_values"]]
        for prompt, n in ("image", 1), ("video", 4), ("text", 0):
            x, m = model.embed(g[f"{prompt}_input_ids"].tolist(),
                               features["all"][:n])
            logits = model.decoder(x, m)
            out.append(kl.divergence(
                kl.log_softmax(g[f"{prompt}_logits"]), logits)[m == 0])
        return out


FULL = {"num_hidden_layers": 32,
        "visual_config": {"visual_model": {"num_hidden_layers": 24}}}


def full_shapes(path):
    with open(path, encoding="ascii") as f:
        return {r["name"]: [int(n) for n in r["shape"].split(",")]
                for r in csv.DictReader(f, delimiter="\t")
                if not r["name"].endswith("inv_freq")}


def values_of(shapes, pattern):
    return sum(int(np.prod(shapes[n]))
               for n in matching(pattern, shapes, FULL))


def file_size(shapes, better):
    """Bytes of the tensors; patch_embd's rows are for F16 only."""
    matrices = set(matching(KINDS[-1][1], shapes, FULL))
    keep = {n for p in better for n in matching(p, shapes, FULL)}
    size = 0
    for name, shape in shapes.items():
        kind = "q8_0" if name in keep else "q4_k"
        size += int(np.prod(shape)) * (
            4 if name not in matrices else 2 if "patch_embed" in name else
            TYPES[kind][1] / TYPES[kind][0])
    return size


def table(subjects, first, columns, rows):
    print("\n| " + " | ".join(first + [f"{name}{c}" for name in subjects
                                       for c in columns]) + " |")
    print("| --- |" + " ---: |" * (len(first) - 1 + len(columns)
                                   * len(subjects)), flush=True)
    for head, functions in rows:
        print("| " + " | ".join(head + [
            f"{f(s):.1e}" for s in subjects.values() for f in functions])
            + " |", flush=True)


def sizes_of_types(shapes):
    every = [".*"]
    n = sum(int(np.prod(s)) for s in shapes.values())
    matrices = values_of(shapes, KINDS[-1][1])
    for name, size in (("f32", 4 * n), ("f16", 4 * n - 2 * matrices),
                       ("q8_0", file_size(shapes, every)),
                       ("q4_k", file_size(shapes, [p for _, p in STEPS[1:7]]))):
        print(f"full size in {name}: {size / 2**30:.2f} GiB")


def main():
    quant_tool, sizes, checkpoint, recording, *data = map(pathlib.Path,
                                                          sys.argv[1:])
    shapes = full_shapes(sizes)
    sizes_of_types(shapes)
    subjects = {"embedded": Recorded(checkpoint, quant_tool, recording),
                "embedded*": Recorded(checkpoint, quant_tool, recording)}
    print("* without one prompt:", subjects["embedded*"].leave_out_worst())
    for name in ("mini", "gqa") if data else ():
        subjects[name] = Golden(data[0] / name, quant_tool)
    table(subjects, ["quantised", "values at full size"], [
        f", {kind.upper()}" for kind in TYPES], (
        ([name, f"{values_of(shapes, pattern) / 1e6:.1f} M"],
         [lambda s, p=pattern, k=kind: s.of_kind(p, k) for kind in TYPES])
        for name, pattern in KINDS))
    kept = [[p for _, p in STEPS[1:i + 1]] for i in range(len(STEPS))]
    table(subjects, ["in Q8_0", "full-size file"], [""], (
        ([name, f"{file_size(shapes, better) / 2**30:.2f} GiB"],
         [lambda s, b=better: s.split(b)])
        for (name, _), better in zip(STEPS, kept)))


if __name__ == "__main__":
    main()
