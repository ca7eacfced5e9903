#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A random checkpoint of the published size, or of its widths with fewer
layers: 16.4 GB in 33 files, named, typed and laid out as the release's.

    make_full_size.py DIRECTORY [--layers N] [--shards N] [--seed N]

Values are normally distributed at the scale that keeps activations around
one. They come from a table of random numbers, read from a new place for every
piece, so that the disk is what limits the speed; memory stays below 1 GB.
--check compares the names and shapes with full_size_tensors.tsv only.
"""

import argparse
import csv
import json
import os
import sys
import time

import numpy as np

import make_checkpoint as mc

TABLE = 1 << 24     # random numbers
PIECE = 1 << 22     # elements written at once


def full_config(layers):
    return mc.make_config(
        width=4096, layers=min(layers, 32), heads=32, mlp=11008, eps=1e-5,
        context=4096, vocab=32000, vision_width=1024,
        vision_layers=min(layers, 24), vision_heads=16, vision_mlp=4096,
        image=448, patch=14, abstractor_layers=min(layers, 6),
        abstractor_heads=16, abstractor_mlp=2816, queries=64)


def full_shapes(config):
    """Parameters and buffers, name -> shape, in the order of the files."""
    out = {}
    vision = config["visual_config"]["visual_model"]
    abstractor = config["visual_config"]["visual_abstractor"]
    tokens = 1 + (vision["image_size"] // vision["patch_size"]) ** 2
    width = abstractor["hidden_size"]
    half = config["hidden_size"] // config["num_attention_heads"] // 2
    for name, shape in mc.parameter_shapes(config).items():
        out[name] = shape
        if name.endswith("o_proj.weight"):
            out[name.replace("o_proj.weight", "rotary_emb.inv_freq")] = (half,)
    for i in range(abstractor["num_hidden_layers"]):
        p = (f"model.visual_abstractor.encoder.layers.{i}."
             "crossattention.attention.")
        out[p + "q_pos_embed"] = (abstractor["num_learnable_queries"], width)
        out[p + "k_pos_embed"] = (tokens, width)
    return out


def check(path):
    """The full configuration has exactly the published tensors."""
    with open(path, encoding="ascii") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    want = {r["name"]: tuple(map(int, r["shape"].split(","))) for r in rows}
    have = full_shapes(full_config(99))
    for name in sorted(want.keys() | have.keys()):
        if want.get(name) != have.get(name):
            sys.exit(f"{name}: {have.get(name)}, published {want.get(name)}")
    print(f"{len(have)} tensors as published")


class Values:
    """Bytes of tensors, a piece at a time."""

    def __init__(self, config, seed):
        self.config, self.rng = config, np.random.default_rng(seed)
        self.table = self.rng.standard_normal(TABLE, np.float32)
        self.scaled = {}

    def special(self, name, shape):
        vision = self.config["visual_config"]["visual_model"]
        if name.endswith("q_pos_embed"):
            return mc.sincos_1d(*shape)
        if name.endswith("k_pos_embed"):
            return mc.sincos_2d(vision["image_size"] // vision["patch_size"],
                                shape[1])
        if name.endswith("inv_freq"):
            return 10000.0 ** (-np.arange(shape[0]) / shape[0])
        values = self.rng.standard_normal(shape)
        if "norm" in name or "_ln." in name:
            return name.endswith("weight") + 0.1 * values
        return 0.05 * values

    def pieces(self, name, shape):
        if len(shape) == 1 or "_pos_embed" in name:
            yield self.special(name, shape).astype("<f2").tobytes()
            return
        scale = 1.5 / np.sqrt(np.prod(shape[1:]))
        if "embed" in name and "patch" not in name or "vit_eos" in name or (
                "cls_token" in name):
            scale = 0.5
        if scale not in self.scaled:
            self.scaled[scale] = (self.table * scale).astype("<f2")
        left = int(np.prod(shape))
        while left > 0:
            n = min(left, PIECE)
            at = self.rng.integers(TABLE - n)
            yield memoryview(self.scaled[scale][at:at + n]).cast("B")
            left -= n


def split(shapes, shards):
    """Lists of names, of about the same number of bytes."""
    total = sum(int(np.prod(s)) for s in shapes.values())
    parts, at = [[] for _ in range(shards)], 0
    for name, shape in shapes.items():
        parts[min(at * shards // total, shards - 1)].append(name)
        at += int(np.prod(shape))
    return [part for part in parts if part]


def write_shard(path, names, shapes, values):
    prefix = os.path.basename(path)[:-len(".bin")]
    tensors = {}
    for key, name in enumerate(names):
        shape, strides = shapes[name], []
        for d in range(len(shape)):
            strides.append(int(np.prod(shape[d + 1:])))
        n = int(np.prod(shape))
        tensors[name] = mc.Raw(key, None, "f16", n, 0, shape, strides)
    data_pkl, _ = mc.make_pickle(tensors, "f16", prefix)
    with open(path, "wb") as out:
        archive = mc.ZipWriter(out)
        archive.add(f"{prefix}/data.pkl", [data_pkl])
        archive.add(f"{prefix}/byteorder", [b"little"])
        for key, name in enumerate(names):
            archive.add(f"{prefix}/data/{key}",
                        values.pieces(name, shapes[name]))
        archive.add(f"{prefix}/version", [b"3\n"])
        archive.close()


def write(directory, layers, shards, seed):
    config = full_config(layers)
    shapes = full_shapes(config)
    values = Values(config, seed)
    os.makedirs(directory, exist_ok=True)
    parts, weight_map, began = split(shapes, shards), {}, time.monotonic()
    for i, names in enumerate(parts):
        name = f"pytorch_model-{i + 1}-of-{len(parts)}.bin"
        write_shard(os.path.join(directory, name), names, shapes, values)
        weight_map.update({n: name for n in names})
        print(f"\r{i + 1} of {len(parts)}", end="", flush=True)
    total = 2 * sum(int(np.prod(s)) for s in shapes.values())
    mc.write_file(directory, "pytorch_model.bin.index.json",
                  {"metadata": {"total_size": total},
                   "weight_map": weight_map})
    mc.write_file(directory, "config.json", config)
    mc.write_file(directory, "preprocessor_config.json",
                  mc.make_preprocessor(config))
    mc.write_file(directory, "generation_config.json",
                  {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    mc.write_file(directory, "tokenizer.model",
                  mc.make_tokenizer(config["vocab_size"]))
    seconds = time.monotonic() - began
    print(f"\r{directory}: {len(shapes)} tensors, {total / 1e9:.2f} GB in "
          f"{len(parts)} files, {seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", nargs="?")
    parser.add_argument("--layers", type=int, default=32,
                        help="of each part at most (32, 24 and 6)")
    parser.add_argument("--shards", type=int, default=33)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", metavar="TSV")
    args = parser.parse_args()
    if args.check:
        check(args.check)
    elif args.directory:
        write(args.directory, args.layers, args.shards, args.seed)
    else:
        parser.error("a directory is needed")


if __name__ == "__main__":
    main()
