#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-convert on whole checkpoints: every tensor and key of the result is
compared with the source, through readers that share no code with it.

    test_convert.py OWL2_CONVERT QUANT_TOOL DATA_DIR [unittest arguments]
"""

import collections
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np

import make_checkpoint as mc
from read_gguf import BLOCKS, decode, read_gguf

CONVERT = QUANT_TOOL = DATA = None

# Names of the model file, written down a second time: (pattern of the
# published name, replacement). The first that matches whole counts.
_BLOCK = r"model\.layers\.(\d+)\."
_VIT = r"model\.vision_model\."
_VIT_BLOCK = _VIT + r"encoder\.layers\.(\d+)\."
_ABS = r"model\.visual_abstractor\."
_ABS_BLOCK = _ABS + r"encoder\.layers\.(\d+)\.crossattention\."
_WB = r"\.(weight|bias)"
NAMES = [
    (r"model\.embed_tokens\.weight", "token_embd.weight"),
    (r"model\.norm\.weight", "output_norm.weight"),
    (r"lm_head\.weight", "output.weight"),
    (_BLOCK + r"self_attn\.q_proj\.weight", r"blk.\1.attn_q.weight"),
    (_BLOCK + r"self_attn\.o_proj\.weight", r"blk.\1.attn_output.weight"),
    (_BLOCK + r"self_attn\.([kv])_proj\.multiway\.0\.weight",
     r"blk.\1.attn_\2.weight"),
    (_BLOCK + r"self_attn\.([kv])_proj\.multiway\.1\.weight",
     r"blk.\1.attn_\2_img.weight"),
    (_BLOCK + r"input_layernorm\.multiway\.0\.weight",
     r"blk.\1.attn_norm.weight"),
    (_BLOCK + r"input_layernorm\.multiway\.1\.weight",
     r"blk.\1.attn_norm_img.weight"),
    (_BLOCK + r"post_attention_layernorm\.multiway\.0\.weight",
     r"blk.\1.ffn_norm.weight"),
    (_BLOCK + r"post_attention_layernorm\.multiway\.1\.weight",
     r"blk.\1.ffn_norm_img.weight"),
    (_BLOCK + r"mlp\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2.weight"),
    (_VIT + r"embeddings\.cls_token", "v.class_embd"),
    (_VIT + r"embeddings\.position_embedding", "v.position_embd.weight"),
    (_VIT + r"embeddings\.patch_embed\.weight", "v.patch_embd.weight"),
    (_VIT + r"embeddings\.pre_layernorm" + _WB, r"v.pre_ln.\1"),
    (_VIT + r"post_layernorm" + _WB, r"v.post_ln.\1"),
    (_VIT_BLOCK + "input_layernorm" + _WB, r"v.blk.\1.ln1.\2"),
    (_VIT_BLOCK + "post_attention_layernorm" + _WB, r"v.blk.\1.ln2.\2"),
    (_VIT_BLOCK + r"self_attn\.query_key_value" + _WB,
     r"v.blk.\1.attn_qkv.\2"),
    (_VIT_BLOCK + r"self_attn\.dense" + _WB, r"v.blk.\1.attn_out.\2"),
    (_VIT_BLOCK + r"mlp\.fc1" + _WB, r"v.blk.\1.ffn_up.\2"),
    (_VIT_BLOCK + r"mlp\.fc2" + _WB, r"v.blk.\1.ffn_down.\2"),
    (_ABS + "query_embeds", "a.query_embd"),
    (_ABS + "vit_eos", "a.eos"),
    (_ABS + "visual_fc" + _WB, r"a.proj.\1"),
    (_ABS_BLOCK + r"attention\.q_pos_embed", r"a.blk.\1.q_pos"),
    (_ABS_BLOCK + r"attention\.k_pos_embed", r"a.blk.\1.k_pos"),
    (_ABS_BLOCK + r"attention\.(q)uery" + _WB, r"a.blk.\1.attn_\2.\3"),
    (_ABS_BLOCK + r"attention\.(k)ey" + _WB, r"a.blk.\1.attn_\2.\3"),
    (_ABS_BLOCK + r"attention\.(v)alue" + _WB, r"a.blk.\1.attn_\2.\3"),
    (_ABS_BLOCK + r"output\.out_proj" + _WB, r"a.blk.\1.attn_out.\2"),
    (_ABS_BLOCK + "norm1" + _WB, r"a.blk.\1.ln1.\2"),
    (_ABS_BLOCK + "normk" + _WB, r"a.blk.\1.lnk.\2"),
    (_ABS_BLOCK + r"output\.norm2" + _WB, r"a.blk.\1.ln2.\2"),
    (_ABS_BLOCK + r"output\.mlp\.w1" + _WB, r"a.blk.\1.ffn_gate.\2"),
    (_ABS_BLOCK + r"output\.mlp\.w3" + _WB, r"a.blk.\1.ffn_up.\2"),
    (_ABS_BLOCK + r"output\.mlp\.w2" + _WB, r"a.blk.\1.ffn_down.\2"),
    (_ABS_BLOCK + r"output\.mlp\.ffn_ln" + _WB, r"a.blk.\1.ffn_norm.\2"),
]


def file_name(published):
    for pattern, name in NAMES:
        match = re.fullmatch(pattern, published)
        if match:
            return match.expand(name)
    return None


def keeps_f32(name, shape):
    """Norms, biases, positions and queries."""
    return (len(shape) == 1 or "_pos" in name or "position_embd" in name
            or name in ("a.query_embd", "a.eos", "v.class_embd"))


def folded(name, shape):
    """Shape in the model file, slowest first."""
    if len(shape) == 4:
        return (shape[0], shape[1] * shape[2] * shape[3])
    if len(shape) == 3:
        return shape[2:] if name in ("a.eos", "v.class_embd") else shape[1:]
    return tuple(shape)


# ---- sources ---------------------------------------------------------------


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive, prefix, f):
        super().__init__(f)
        self.archive, self.prefix = archive, prefix

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return lambda s, offset, size, stride, *_: s.reshape(size)
        if name == "OrderedDict":
            return collections.OrderedDict
        return name

    def persistent_load(self, pid):
        data = self.archive.read(f"{self.prefix}/data/{pid[2]}")
        if pid[1] == "BFloat16Storage":
            return mc.from_bf16(np.frombuffer(data, "<u2"))
        kind = {"HalfStorage": "<f2", "FloatStorage": "<f4"}[pid[1]]
        return np.frombuffer(data, kind).astype(np.float32)


def read_bin(path):
    with zipfile.ZipFile(path) as archive:
        name = [n for n in archive.namelist() if n.endswith("data.pkl")][0]
        with archive.open(name) as f:
            return _Unpickler(archive, name.split("/")[0], f).load()


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    n = int.from_bytes(data[:8], "little")
    out = {}
    for name, info in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        raw = data[8 + n + begin:8 + n + end]
        if info["dtype"] == "BF16":
            values = mc.from_bf16(np.frombuffer(raw, "<u2"))
        else:
            kind = {"F16": "<f2", "F32": "<f4"}[info["dtype"]]
            values = np.frombuffer(raw, kind).astype(np.float32)
        out[name] = values.reshape(info["shape"])
    return out


def read_checkpoint(directory):
    out = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.endswith(".bin"):
            out.update(read_bin(path))
        elif name.endswith(".safetensors"):
            out.update(read_safetensors(path))
    with open(os.path.join(directory, "config.json"), encoding="utf-8") as f:
        return json.load(f), out


def run_convert(directory, out, *options):
    return subprocess.run([CONVERT, *options, directory, out], text=True,
                          capture_output=True, timeout=120, check=False)


# ---- blocks ----------------------------------------------------------------


def suited_type(kind, name, layers):
    """What costs most in Q4_K stays in Q8_0; @layers: of the decoder."""
    worst = re.fullmatch(
        rf"(v|a)\..*|(token_embd|output)\..*|blk\.(0|{layers - 1})\..*", name)
    return "q8_0" if worst and kind == "q4_k" else kind


def best_type(kind, cols):
    """@kind or the next better type that rows of @cols can have."""
    order = ["q4_k", "q8_0", "f16"]
    while kind in order and cols % BLOCKS[kind][0]:
        kind = order[order.index(kind) + 1]
    return kind


def encode_decode(kind, values):
    """(bytes, values) of the C encoder and decoder, called directly."""
    done = subprocess.run([QUANT_TOOL, kind], input=values.tobytes(),
                          capture_output=True, check=True)
    block, size = BLOCKS[kind]
    n = values.size // block * size
    return (np.frombuffer(done.stdout, "u1", n),
            np.frombuffer(done.stdout, "<f4", values.size, n))


def encode_q8_0(values):
    """As published: d = max / 127, x / d rounded, halves away from zero."""
    x = values.reshape(-1, 32)
    d = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    half = d.astype("<f2")
    with np.errstate(divide="ignore"):
        inverse = np.where(half > 0, np.float32(1) / d, np.float32(0))
    v = (x * inverse).astype(np.float64)
    quants = (np.sign(v) * np.floor(np.abs(v) + 0.5)).astype("i1")
    return np.concatenate([half.view("u1"), quants.view("u1")],
                          axis=1).reshape(-1)


# ---- tests -----------------------------------------------------------------


class Values(unittest.TestCase):
    def check_keys(self, config, keys):
        vision = config["visual_config"]["visual_model"]
        abstractor = config["visual_config"]["visual_abstractor"]
        heads = config["num_attention_heads"]
        wanted = {
            "context_length": config["max_position_embeddings"],
            "embedding_length": config["hidden_size"],
            "block_count": config["num_hidden_layers"],
            "feed_forward_length": config["intermediate_size"],
            "attention.head_count": heads,
            "attention.head_count_kv": config["num_key_value_heads"],
            "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
            "rope.freq_base": config["rope_theta"],
            "rope.dimension_count": config["hidden_size"] // heads,
            "vocab_size": config["vocab_size"],
            "vision.image_size": vision["image_size"],
            "vision.patch_size": vision["patch_size"],
            "vision.embedding_length": vision["hidden_size"],
            "vision.block_count": vision["num_hidden_layers"],
            "vision.feed_forward_length": vision["intermediate_size"],
            "vision.attention.head_count": vision["num_attention_heads"],
            "vision.attention.layer_norm_epsilon": vision["layer_norm_eps"],
            "abstractor.embedding_length": abstractor["hidden_size"],
            "abstractor.block_count": abstractor["num_hidden_layers"],
            "abstractor.feed_forward_length": abstractor["intermediate_size"],
            "abstractor.attention.head_count":
                abstractor["num_attention_heads"],
            "abstractor.query_count": abstractor["num_learnable_queries"],
            "abstractor.ffn_norm_epsilon": abstractor["layer_norm_eps"],
        }
        for name, value in wanted.items():
            have = keys["mplug-owl2." + name]
            self.assertEqual(have, np.float32(value) if
                             isinstance(value, float) else value, name)
        np.testing.assert_array_equal(
            keys["mplug-owl2.vision.image_mean"],
            np.float32([0.48145466, 0.4578275, 0.40821073]))
        np.testing.assert_array_equal(
            keys["mplug-owl2.vision.image_std"],
            np.float32([0.26862954, 0.26130258, 0.27577711]))
        self.assertEqual(keys["general.architecture"], "mplug-owl2")
        self.assertEqual(keys["general.alignment"], 64)

    def check_tokenizer(self, config, keys, pieces):
        n = config["vocab_size"]
        p = "tokenizer.ggml."
        self.assertEqual(keys[p + "model"], "llama")
        self.assertEqual(len(keys[p + "tokens"]), n)
        for i, (text, score, kind) in enumerate(pieces):
            self.assertEqual(keys[p + "tokens"][i], text.encode())
            self.assertEqual(keys[p + "scores"][i], np.float32(score))
            self.assertEqual(keys[p + "token_type"][i], kind)
        self.assertEqual(keys[p + "bos_token_id"], 1)
        self.assertEqual(keys[p + "eos_token_id"], 2)
        self.assertEqual(keys[p + "unknown_token_id"], 0)
        self.assertEqual(keys[p + "padding_token_id"], 0)
        self.assertEqual(keys[p + "add_bos_token"], True)
        self.assertEqual(keys[p + "add_space_prefix"], True)

    def check_tensors(self, config, source, tensors, kind):
        source = dict(source)
        vision = config["visual_config"]["visual_model"]
        abstractor = config["visual_config"]["visual_abstractor"]
        grid = vision["image_size"] // vision["patch_size"]
        width = abstractor["hidden_size"]
        for i in range(abstractor["num_hidden_layers"]):
            p = (f"model.visual_abstractor.encoder.layers.{i}."
                 "crossattention.attention.")
            source.setdefault(p + "q_pos_embed", mc.sincos_1d(
                abstractor["num_learnable_queries"], width))
            source.setdefault(p + "k_pos_embed", mc.sincos_2d(grid, width))
        if config["tie_word_embeddings"]:
            source["lm_head.weight"] = source["model.embed_tokens.weight"]
        left = set(tensors)
        for published, values in source.items():
            if published.endswith("inv_freq"):
                continue
            name = file_name(published)
            self.assertIsNotNone(name, published)
            left.remove(name)
            type_name, have = tensors[name]
            want = values.astype(np.float32)
            want = want.reshape(folded(name, want.shape))
            self.assertEqual(have.shape, want.shape, name)
            if kind == "f16" and not keeps_f32(name, want.shape):
                self.assertEqual(type_name, "f16", name)
                want = want.astype(np.float16)
            else:
                self.assertEqual(type_name, "f32", name)
            if "_pos" in name:  # libm and numpy may differ in the last bit
                np.testing.assert_allclose(have, want, 0, 1e-7, err_msg=name)
            else:
                np.testing.assert_array_equal(
                    have.view(np.uint8), np.ascontiguousarray(want).view(
                        np.uint8), err_msg=name)
        self.assertEqual(left, set())

    def check(self, directory, config, source, pieces):
        with tempfile.TemporaryDirectory() as tmp:
            for kind in ("f32", "f16"):
                out = os.path.join(tmp, "out.gguf")
                done = run_convert(directory, out, "--type", kind)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("\r", done.stderr)
                self.assertEqual(os.listdir(tmp), ["out.gguf"])
                keys, tensors = read_gguf(out)
                self.check_keys(config, keys)
                self.check_tokenizer(config, keys, pieces)
                self.check_tensors(config, source, tensors, kind)
                self.assertEqual(keys["general.file_type"], kind == "f16")

    def check_blocks(self, directory, source, layers):
        """Every byte of the matrices is what the encoder gives for the values
        of the checkpoint, and the reader here and the decoder in C read the
        same numbers, to the bit. Returns the types that there are."""
        matrices = {}
        for published, values in source.items():
            name = file_name(published)
            if name and not keeps_f32(name, values.shape):
                shape = folded(name, values.shape)
                matrices[name] = np.ascontiguousarray(
                    values, np.float32).reshape(shape)
        seen = set()
        with tempfile.TemporaryDirectory() as tmp:
            for kind, number in (("q8_0", 7), ("q4_k", 15)):
                outs = [os.path.join(tmp, f"{i}.gguf") for i in (1, 5, 0)]
                lines = []
                for i, out in zip((1, 5, 0), outs):
                    done = run_convert(directory, out, "--type", kind,
                                       "--threads", str(i))
                    self.assertEqual(done.returncode, 0, done.stderr)
                    lines.append(done.stderr)
                self.assertEqual(lines[0], lines[1])
                with open(outs[0], "rb") as a:
                    whole = a.read()
                for out in outs[1:]:
                    with open(out, "rb") as b:
                        self.assertTrue(whole == b.read(), "threads differ")
                keys, tensors = read_gguf(outs[0], raw=True)
                self.assertEqual(keys["general.file_type"], number)
                self.assertEqual(keys["general.quantization_version"], 2)
                suited = {n: suited_type(kind, n, layers) for n in matrices}
                seen |= self.check_bytes(suited, tensors, matrices)
                self.check_lines(kind, suited, matrices, lines[0])
        return seen

    def check_bytes(self, suited, tensors, matrices):
        seen = set()
        for name, (type_name, raw) in tensors.items():
            if name not in matrices:
                self.assertEqual(type_name, "f32", name)
                continue
            values = matrices[name]
            want = best_type(suited[name], values.shape[1])
            self.assertEqual(type_name, want, name)
            seen.add(type_name)
            if want == "f16":
                np.testing.assert_array_equal(
                    raw.reshape(-1), values.astype("<f2").reshape(-1).view(
                        "u1"), err_msg=name)
                continue
            blocks, decoded = encode_decode(want, values)
            np.testing.assert_array_equal(raw.reshape(-1), blocks,
                                          err_msg=name)
            read = decode(type_name, np.ascontiguousarray(raw).reshape(-1))
            np.testing.assert_array_equal(
                read.view("<u4"), decoded.view("<u4"), err_msg=name)
            if want == "q8_0":
                np.testing.assert_array_equal(encode_q8_0(values), blocks,
                                              err_msg=name)
        return seen

    def check_lines(self, kind, suited, matrices, stderr):
        """One line for each type that had to stand in."""
        types = [(suited[n], best_type(suited[n], m.shape[1]))
                 for n, m in matrices.items()]
        for want, have in set(types):
            line = f"{types.count((want, have))} tensors? written as {have}, "
            line += (f"since {kind} costs them most: '" if want == have else
                     f"since {want} takes rows of a multiple of "
                     f"{BLOCKS[want][0]}: '")
            self.assertEqual(len(re.findall(line, stderr)), have != kind,
                             stderr)
        self.assertEqual(len(re.findall("written as", stderr)),
                         sum(have != kind for _, have in set(types)), stderr)

    def test_blocks(self):
        seen = set()
        for name in ("blocks", "blocks-bf16", "odd-widths", "one-of-each"):
            with self.subTest(name), tempfile.TemporaryDirectory() as tmp:
                config, source = mc.make_case(name, tmp)
                if config["tie_word_embeddings"]:
                    source["lm_head.weight"] = source[
                        "model.embed_tokens.weight"]
                seen |= self.check_blocks(tmp, source,
                                          config["num_hidden_layers"])
        for name in ("mini", "gqa"):
            with self.subTest(name):
                directory = os.path.join(DATA, name, "model")
                config, source = read_checkpoint(directory)
                seen |= self.check_blocks(directory, source,
                                          config["num_hidden_layers"])
        self.assertEqual(seen, {"q4_k", "q8_0", "f16"})

    def test_zoo(self):
        for name in mc.ZOO:
            with self.subTest(name), tempfile.TemporaryDirectory() as tmp:
                config, source = mc.make_case(name, tmp)
                self.check(tmp, config, source,
                           mc.make_pieces(config["vocab_size"]))

    def test_published_layout(self):
        for name in ("mini", "gqa"):
            with self.subTest(name):
                directory = os.path.join(DATA, name, "model")
                config, source = read_checkpoint(directory)
                self.check(directory, config, source,
                           [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3),
                            ("<0x00>", 0, 6)])


if __name__ == "__main__":
    CONVERT, QUANT_TOOL, DATA = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
