#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-convert on checkpoints with something wrong: one line that names it,
no file left behind, nothing executed.

    test_convert_errors.py OWL2_CONVERT [unittest arguments]
"""

import json
import os
import pickle
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

import make_checkpoint as mc
from read_gguf import read_gguf

CONVERT = None
HEAD = "lm_head.weight"
NORM = "model.norm.weight"


class Case(unittest.TestCase):
    """A small checkpoint in self.dir, changed by each test."""

    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = os.path.join(tmp.name, "ck")
        self.out_dir = os.path.join(tmp.name, "out")
        os.mkdir(self.out_dir)
        self.out = os.path.join(self.out_dir, "m.gguf")
        self.config = mc.make_config(layers=1, vision_layers=1,
                                     abstractor_layers=1)
        self.tensors = mc.make_tensors(self.config, np.random.default_rng(99),
                                       inv_freq=False)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, **options):
        return mc.write_checkpoint(self.dir, self.config, self.tensors,
                                   **options)

    def write_bin(self, data):
        self.write()
        mc.write_file(self.dir, "pytorch_model.bin", data)

    def edit_json(self, name, **changes):
        with open(self.path(name), encoding="utf-8") as f:
            value = json.load(f)
        for key, new in changes.items():
            at = value
            *path, last = key.split("__")
            for part in path:
                at = at[part]
            at[last] = new
        mc.write_file(self.dir, name, value)

    def run_tool(self, *options, **kwargs):
        return subprocess.run([CONVERT, *options, self.dir, self.out],
                              text=True, capture_output=True, timeout=60,
                              check=False, **kwargs)

    def lines(self, done):
        """What it says, less the notes."""
        return [line for line in done.stderr.splitlines()
                if "left out: rope_theta" not in line
                and "since q" not in line]

    def refused(self, *wanted):
        """One line with all of @wanted, status 1, nothing written."""
        done = self.run_tool()
        lines = [line for line in self.lines(done) if "warning:" not in line]
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("owl2-convert: "), lines[0])
        for text in wanted:
            self.assertRegex(lines[0], text)
        self.assertEqual(os.listdir(self.out_dir), [])
        self.assertLess(len(lines[0]), 500)
        return lines[0]

    def accepted(self, *warnings, options=()):
        done = self.run_tool(*options)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = self.lines(done)
        self.assertEqual(len(lines), len(warnings), done.stderr)
        for line, text in zip(lines, warnings):
            self.assertRegex(line, "^owl2-convert: warning: ")
            self.assertRegex(line, text)
        return read_gguf(self.out)


class Exploit:
    """Pickles as a call of @function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Pickles(Case):
    def test_nothing_runs(self):
        marker = os.path.join(self.out_dir, "marker")
        for protocol in (2, 3, 4, 5):
            for function, name in ((os.system, "(posix|nt).system"),
                                   (eval, "builtins.*eval"),
                                   (subprocess.call, "subprocess.call")):
                with self.subTest(protocol=protocol, name=name):
                    bad = Exploit(function, f"touch {marker}")
                    tensors = dict(self.tensors, extra=bad)
                    self.write_bin(mc.make_bin(tensors, "f32",
                                               protocol=protocol))
                    self.refused(name.replace("builtins.*",
                                              "(__builtin__|builtins).")
                                 .replace("subprocess", "[a-z]+"),
                                 "not allowed", "pytorch_model.bin")
                    self.assertFalse(os.path.exists(marker))

    def raw_pickle(self, data):
        self.write_bin(mc.make_zip([("a/data.pkl", data)]))

    def test_opcodes(self):
        for data, text in (
                (b"\x80\x02(S'ls'\nios\nsystem\n.", "0x53"),  # STRING, INST
                (b"\x80\x02(cos\nsystem\no.", "os.system"),
                (b"\x80\x02ctorch\nload\n)R.", "torch.load"),
                (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "tensor"),
                (b"\x80\x02ctorch\nFloatStorage\n)R.", "storage"),
                (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "0x81"),
                (b"\x80\x02K\x01K\x01b.", "byte 6.*no dictionary"),
                (b"\x80\x02}", "needed"),
                (b"\x80\x02.", "empty"),
                (b"\x80\x02t.", "mark"),
                (b"\x80\x02h\x05.", "memo 5"),
                (b"\x80\x02}r\xff\xff\xff\xff.", "memo index"),
                (b"\x80\x02X\xff\xff\xff\xffabc.", "bytes needed"),
                (b"\x80\x05\x8d" + b"\xff" * 8 + b".", "bytes needed"),
                (b"\x80\x02\x8a\xff", "integer of 255"),
                (b"\x80\x06}.", "protocol 6"),
                (b"(lp0\n.", "0x6c"),
                (b"\x80\x02]}Q.", "persistent id"),
                (b"\x80\x02](s.", "empty|expected|value"),
                (b"\x80\x02K\x01.", "dictionary"),
                (b"\x80\x02}(K\x01K\x02u.", "printable"),
                (b"\x80\x02}X\x01\0\0\0\nK\x02s.", "printable"),
                (b"\x80\x02" + b"(" * 2000000 + b".", "marks"),
                (b"\x80\x02}" + b"2" * 2000000 + b".", "stack"),
                (b"\x80\x02" + b"N0" * 2000000 + b".", "values"),
                (b"\x80\x02}" + b"q\x00" * 9000000 + b".", "limit")):
            with self.subTest(data[:40]):
                self.raw_pickle(data)
                self.refused("pickle", text)

    def test_recursive_list(self):
        """A list that holds itself, and one nested as deeply as is allowed: no
        recursion."""
        self.raw_pickle(b"\x80\x02}X\x01\0\0\0a]q\0h\0as.")
        self.refused("missing")
        for deep, text in (200000, "missing"), (500000, "values"):
            self.raw_pickle(b"\x80\x02}X\x01\0\0\0a" + b"]" * deep
                            + b"a" * (deep - 1) + b"s.")
            self.refused(text)

    def test_double_name(self):
        self.raw_pickle(b"\x80\x02}(X\x01\0\0\0aNX\x01\0\0\0aNu.")
        self.refused("'a' is there twice")

    def test_strides(self):
        """A transposed tensor is read through its strides, one with an offset
        from the middle of its storage."""
        want = self.tensors[HEAD]
        data = mc.encode(want.T, "f32")
        rows, cols = want.shape
        norm = self.tensors[NORM]
        self.tensors[HEAD] = mc.Raw("t", data, "f32", want.size, 0,
                                    (rows, cols), (1, rows))
        self.tensors[NORM] = mc.Raw(
            "n", b"\0" * 12 + mc.encode(norm, "f32") + b"\0" * 4, "f32",
            norm.size + 4, 3, norm.shape, (1,))
        self.write(dtype="f32")
        _, tensors = self.accepted(options=("--type", "f32"))
        np.testing.assert_array_equal(tensors["output.weight"][1], want)
        np.testing.assert_array_equal(tensors["output_norm.weight"][1], norm)

    def test_shared_storage(self):
        """Two tensors on one storage, as tied weights are saved."""
        embed = self.tensors["model.embed_tokens.weight"]
        self.tensors["model.embed_tokens.weight"] = mc.Raw(
            "e", mc.encode(embed, "f16"), "f16", embed.size, 0, embed.shape,
            (embed.shape[1], 1))
        self.tensors[HEAD] = mc.Raw("e", None, "f16", embed.size, 0,
                                    embed.shape, (embed.shape[1], 1))
        self.write(dtype="f16")
        _, tensors = self.accepted()
        np.testing.assert_array_equal(tensors["output.weight"][1],
                                      tensors["token_embd.weight"][1])

    def test_bounds(self):
        norm = self.tensors[NORM]
        n, data = norm.size, mc.encode(norm, "f32")
        for raw, text in (
                (mc.Raw("n", data, "f32", n, 1, (n,), (1,)), "beyond"),
                (mc.Raw("n", data, "f32", n, 0, (n,), (2,)), "beyond"),
                (mc.Raw("n", data, "f32", n, 0, (n + 1,), (1,)), "beyond"),
                (mc.Raw("n", data, "f32", n, 2 ** 62, (n,), (1,)), "beyond"),
                (mc.Raw("n", data, "f32", n, 0, (2, n), (2 ** 63 - 1, 1)),
                 "beyond"),
                (mc.Raw("n", data, "f32", n, 0, (2 ** 40, n), (0, 1)),
                 "more elements"),
                (mc.Raw("n", data, "f32", n, -1, (n,), (1,)), "described"),
                (mc.Raw("n", data, "f32", n, 0, (-n,), (1,)), "described"),
                (mc.Raw("n", data, "f32", n, 0, (n, 1), (1,)), "described"),
                (mc.Raw("n", data, "f32", n, 0, (1,) * 9, (1,) * 9),
                 "described"),
                (mc.Raw("n", data, "f32", n + 1, 0, (n,), (1,)),
                 f"{n + 1} elements"),
                (mc.Raw("n", data, "f32", 2 ** 62, 0, (n,), (1,)),
                 "elements"),
                (mc.Raw("../n", data, "f32", n, 0, (n,), (1,)), ""),
                (mc.Raw("x", None, "f32", n, 0, (n,), (1,)), "no entry")):
            with self.subTest(vars(raw)):
                self.tensors[NORM] = raw
                self.write_bin(mc.make_bin(self.tensors, "f32"))
                if text:
                    self.refused(text, "pytorch_model.bin")
                else:
                    self.accepted()
                    os.unlink(self.out)

    def test_double_precision(self):
        self.tensors["extra.step"] = mc.Raw("s", b"\0" * 8, "i64", 1, 0, (),
                                            ())
        self.write(dtype="f32")
        self.accepted("'extra.step' is unknown")
        os.unlink(self.out)
        norm = self.tensors[NORM]
        self.tensors[NORM] = mc.Raw(
            "n", mc.encode(norm, "f64"), "f64", norm.size, 0, norm.shape,
            (1,))
        self.write(dtype="f32")
        self.refused(f"'{NORM}' is DoubleStorage")


class Archives(Case):
    def entries(self):
        data = mc.make_bin(self.tensors, "f32")
        self.write()
        return data

    def test_compressed(self):
        self.write_bin(mc.make_bin(self.tensors, "f32", method=8))
        self.refused("compressed", "method 8")

    def test_byte_order(self):
        self.write_bin(mc.make_bin(self.tensors, "f32", byteorder="big"))
        self.refused("little-endian")

    def test_legacy(self):
        self.write_bin(pickle.dumps(0x1950a86a20f9469cfc6c, 2)
                       + pickle.dumps(1001, 2))
        self.refused("before 1.6")

    def test_no_pickle(self):
        self.write_bin(mc.make_zip([("a/b", b"x")]))
        self.refused("data.pkl")
        self.write_bin(mc.make_zip([("a/data.pkl", b"x"),
                                    ("b/data.pkl", b"x")]))
        self.refused("several data.pkl")

    def test_doubled_entry(self):
        self.write_bin(mc.make_zip([("a/b", b"x"), ("a/b", b"x")]))
        self.refused("'a/b' is there twice")

    def test_truncated(self):
        data = self.entries()
        for n in (len(data) - 1, len(data) // 2, 100, 8, 3, 0):
            with self.subTest(n):
                self.write_bin(data[:n])
                self.refused("pytorch_model.bin")

    def test_checksum(self):
        data = bytearray(self.entries())
        at = data.find(mc.encode(self.tensors[HEAD], "f32"))
        data[at + 1001] ^= 4
        self.write_bin(bytes(data))
        self.refused(f"'{HEAD}' is damaged", "checksum")

    def test_checksum_far(self):
        """In the last of many pieces, of a tensor that is not the last."""
        self.tensors["model.embed_tokens.weight"] = np.zeros((40000, 48),
                                                             np.float32)
        self.config["vocab_size"] = 40000
        self.tensors["lm_head.weight"] = np.ones((40000, 48), np.float32)
        data = bytearray(mc.make_bin(self.tensors, "f16"))
        at = data.index(b"\0" * 40000 * 48 * 2) + 40000 * 48 * 2 - 1
        data[at] ^= 1
        self.write_bin(bytes(data))
        for kind in ("f16", "q8_0", "f32"):
            done = self.run_tool("--type", kind)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "embed_tokens.weight' is damaged")
            self.assertEqual(os.listdir(self.out_dir), [])

    def test_overlap(self):
        """Two directory entries that share bytes."""
        data = bytearray(mc.make_zip([("a/b", b"x" * 100),
                                      ("a/c", b"y" * 100)]))
        second = data.rfind(struct.pack("<I", 0x02014b50))
        first = data.find(struct.pack("<I", 0x02014b50))
        local = struct.unpack_from("<I", data, second + 42)[0]
        struct.pack_into("<II", data, first + 20, local + 20, local + 20)
        self.write_bin(bytes(data))
        self.refused("overlap")

    def test_zip64_sizes(self):
        data = bytearray(mc.make_zip([("a/data.pkl", b"}.")], zip64=True))
        at = data.find(struct.pack("<HH", 1, 24))
        for size in (3, 2 ** 32, 2 ** 63, 2 ** 64 - 1):
            struct.pack_into("<QQ", data, at + 4, size, size)
            self.write_bin(bytes(data))
            self.refused("a/data.pkl|pickle|pytorch_model.bin")


class Safetensors(Case):
    def header(self, header, body=b"\0" * 64):
        self.write(form="safetensors", dtype="f32")
        text = header if isinstance(header, bytes) else json.dumps(
            header).encode()
        mc.write_file(self.dir, "model.safetensors",
                      struct.pack("<Q", len(text)) + text + body)

    def tensor(self, dtype="F32", shape=(4,), offsets=(0, 16)):
        return {"dtype": dtype, "shape": list(shape),
                "data_offsets": list(offsets)}

    def test_headers(self):
        t = self.tensor
        for header, text in (
                ({"a": t(offsets=(0, 80))}, "0 to 80"),
                ({"a": t(offsets=(16, 0))}, "16 to 0"),
                ({"a": t(offsets=(0, 12))}, "12 bytes"),
                ({"a": t(offsets=(-16, 0))}, "offsets"),
                ({"a": t(offsets=(0, 2 ** 62))}, "bytes 0"),
                ({"a": t(shape=(2 ** 62, 2 ** 62))}, "shape"),
                ({"a": t(shape=(4.5,))}, "shape"),
                ({"a": t(shape=(1,) * 9)}, "shape"),
                ({"a": t(dtype="F31")}, "'F31'"),
                ({"a": t(dtype=3)}, "element type"),
                ({"a": 7}, "element type"),
                ({"a": t(), "b": t()}, "'a' and 'b' overlap"),
                ({"a\nb": t()}, r"a\\nb"),
                (b'{"a":' + json.dumps(t()).encode() + b',"a":'
                 + json.dumps(t(offsets=(16, 32))).encode() + b"}",
                 "line 1, column [0-9]+: duplicate object key near.*a"),
                (b'{"a":' + b"[" * 5000, "maximum parsing depth"),
                (b'{"a":' * 5000, "maximum parsing depth"),
                (b"[]", "neither"),
                (b"{\xff}", "UTF-8"),
                (b"{'a':1}", "not JSON"),
                (b"{/* */}", "not JSON"),
                (b"{ ", "not JSON")):
            with self.subTest(str(header)[:60]):
                self.header(header)
                self.refused("model.safetensors", text)

    def test_lengths(self):
        self.write(form="safetensors", dtype="f32")
        with open(self.path("model.safetensors"), "rb") as f:
            data = f.read()
        for n in (2 ** 64 - 1, 2 ** 63, len(data) - 7, len(data), 0, 1):
            mc.write_file(self.dir, "model.safetensors",
                          struct.pack("<Q", n) + data[8:])
            self.refused(f"header of {n} bytes")
        for n in (0, 7, 8, 9, 1000, len(data) - 1):
            mc.write_file(self.dir, "model.safetensors", data[:n])
            self.refused("model.safetensors")


class Tensors(Case):
    def test_missing(self):
        del self.tensors[NORM]
        self.write()
        self.refused(f"'{NORM}' is missing")
        del self.tensors[HEAD]
        self.write()
        self.refused("and 1 more are missing")

    def test_shape(self):
        self.tensors[HEAD] = self.tensors[HEAD].T.copy()
        self.write()
        self.refused(f"'{HEAD}'", r"\[48, 400\]", r"\[400, 48\]")

    def test_unknown(self):
        self.tensors["model.some.weight"] = np.ones(3, np.float32)
        self.write()
        self.accepted("'model.some.weight' is unknown")

    def test_doubled(self):
        self.write(shards=2, index=False)
        data = mc.make_bin({HEAD: self.tensors[HEAD]}, "f16")
        mc.write_file(self.dir, "pytorch_model-3.bin", data)
        self.refused(f"'{HEAD}' is also in")

    def test_beyond_f16(self):
        for dtype in ("f32", "bf16"):
            self.tensors[HEAD][7, 5] = -1e5
            self.tensors["model.embed_tokens.weight"][0, 0] = 65504
            stored = self.write(dtype=dtype)
            _, tensors = self.accepted(
                "model.embed_tokens.weight.*65536|"
                f"'{HEAD}' stays f32: 1 of its values",
                *([f"'{HEAD}' stays f32"] if dtype == "bf16" else []))
            self.assertEqual(tensors["output.weight"][0], "f32")
            np.testing.assert_array_equal(tensors["output.weight"][1],
                                          stored[HEAD])
            self.assertEqual(tensors["blk.0.attn_q.weight"][0], "f16")

    def test_not_finite(self):
        self.tensors[HEAD][3, 3] = np.nan
        self.tensors[NORM][2] = np.inf
        stored = self.write(dtype="f32")
        _, tensors = self.accepted("stays f32",
                                   f"'{NORM}' has 1 values.*not finite",
                                   f"'{HEAD}' has 1 values.*not finite")
        np.testing.assert_array_equal(tensors["output.weight"][1],
                                      stored[HEAD])


class Index(Case):
    def bad_index(self, **weight_map):
        self.write(shards=2)
        name = "pytorch_model.bin.index.json"
        with open(self.path(name), encoding="utf-8") as f:
            index = json.load(f)
        index["weight_map"].update(weight_map)
        mc.write_file(self.dir, name, index)

    def test_not_finite_blocks(self):
        self.config = mc.make_config(layers=1, vision_layers=1, width=64,
                                     heads=4, abstractor_layers=1)
        for value in (np.nan, -np.inf):
            self.tensors = mc.make_tensors(self.config,
                                           np.random.default_rng(99))
            self.tensors[HEAD][399, 63] = value
            self.write(dtype="f16")
            done = self.run_tool("--type", "q8_0")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, f"'{HEAD}' has 1 values that are "
                                          "not finite, which q8_0 can't hold")
            self.assertEqual(os.listdir(self.out_dir), [])

    def test_names(self):
        for name in ("../secret.bin", "/etc/passwd", "a/b.bin", "..", ".", "",
                     "a\nb", "a\\b"):
            with self.subTest(name):
                self.bad_index(**{NORM: name})
                self.refused("no plain file name", "index.json")

    def test_wrong(self):
        self.bad_index(**{"no.such": "pytorch_model-00001-of-00002.bin"})
        self.refused("'no.such' is not in shard")
        self.bad_index(**{HEAD: "pytorch_model-00001-of-00002.bin"})
        self.refused(f"'{HEAD}' is not in shard")
        self.bad_index(**{NORM: "gone.bin"})
        self.refused("gone.bin: can't be opened")
        self.bad_index(**{NORM: 5})
        self.refused("has no shard")
        for text in (b"{}", b'{"weight_map": []}', b"[]", b"", b"nul"):
            mc.write_file(self.dir, "pytorch_model.bin.index.json", text)
            self.refused("index.json")

    def test_special_files(self):
        self.write()
        os.unlink(self.path("pytorch_model.bin"))
        self.refused("no weights")
        os.mkfifo(self.path("pytorch_model.bin"))
        self.refused("not a regular file")
        os.unlink(self.path("pytorch_model.bin"))
        os.mkdir(self.path("pytorch_model.bin"))
        self.refused("not a regular file")
        os.unlink(self.path("config.json"))
        os.mkfifo(self.path("config.json"))
        self.refused("config.json: not a regular file")


class Config(Case):
    VISION = "visual_config__visual_model__"
    ABSTRACTOR = "visual_config__visual_abstractor__"

    def test_values(self):
        for key, value, text in (
                ("hidden_act", "gelu", "'gelu'"),
                ("hidden_act", "a\nb" + "c" * 500, "'a.*n"),
                ("attention_bias", True, "true"),
                ("mlp_bias", True, "true"),
                ("rope_scaling", {"type": "linear", "factor": 2.0}, "null"),
                ("model_type", "llama", "'llama'"),
                ("model_type", None, "missing"),
                ("model_type", 3, "not a string"),
                ("hidden_size", 47, "47"),
                ("hidden_size", 0, "is 0"),
                ("hidden_size", -5, "-5"),
                ("hidden_size", "48", "not an integer"),
                ("hidden_size", 2 ** 31, "2147483648"),
                ("hidden_size", 48.0, "not an integer"),
                ("hidden_size", 1 << 20, "1048576"),
                ("num_key_value_heads", 2, "no multiple"),
                ("num_attention_heads", 16, "odd"),
                ("num_attention_heads", 7, "divisible"),
                ("head_dim", 32, "head_dim is 32, not 16"),
                ("rms_norm_eps", 0, "is 0"),
                ("rms_norm_eps", -1e-5, "-1e-05"),
                ("rms_norm_eps", "x", "not a number"),
                ("rope_theta", 0.5, "0.5"),
                ("vocab_size", 399, r"\[400, 48\].*\[399, 48\]"),
                ("eos_token_id", 3, "eos_token_id"),
                ("eos_token_id", [2, 5], "list of one"),
                ("visual_config", [], "not an object"),
                (self.VISION + "hidden_act", "gelu", "gelu"),
                (self.VISION + "use_cls_token", False, "false"),
                (self.VISION + "use_cls_token", 1, "neither"),
                (self.VISION + "use_post_layernorm", False, "false"),
                (self.VISION + "num_channels", 1, "num_channels is 1"),
                (self.VISION + "patch_size", 0, "patch_size is 0"),
                (self.VISION + "patch_size", 13, "grid_size|no multiple"),
                (self.VISION + "hidden_size", 64, "32, not 64"),
                (self.VISION + "num_hidden_layers", 2000, "2000"),
                (self.ABSTRACTOR + "add_v2t_pos_emb", True, "true"),
                (self.ABSTRACTOR + "use_cls_token", False, "false"),
                (self.ABSTRACTOR + "grid_size", 32, "grid_size is 32, not 2"),
                (self.ABSTRACTOR + "encoder_hidden_size", 1408, "1408"),
                (self.ABSTRACTOR + "num_learnable_queries", 0, "is 0")):
            with self.subTest(key=key, value=value):
                self.write()
                self.edit_json("config.json", **{key: value})
                self.refused("config|vocab", text)

    def test_defaults(self):
        """What the first published version did not write has defaults."""
        self.write(dtype="f32")
        for key in ("rope_scaling", "attention_bias", "rope_theta",
                    "rms_norm_eps", "tie_word_embeddings", "hidden_act",
                    "num_key_value_heads", self.VISION + "use_cls_token",
                    self.VISION + "use_post_layernorm",
                    self.VISION + "layer_norm_eps",
                    self.ABSTRACTOR + "add_v2t_pos_emb",
                    self.ABSTRACTOR + "grid_size",
                    self.ABSTRACTOR + "layer_norm_eps"):
            with open(self.path("config.json"), encoding="utf-8") as f:
                config = json.load(f)
            *path, last = key.split("__")
            at = config
            for part in path:
                at = at[part]
            del at[last]
            mc.write_file(self.dir, "config.json", config)
        keys, _ = self.accepted()
        p = "mplug-owl2."
        self.assertEqual(keys[p + "rope.freq_base"], 10000)
        self.assertEqual(keys[p + "attention.layer_norm_rms_epsilon"],
                         np.float32(1e-6))
        self.assertEqual(keys[p + "attention.head_count_kv"], 3)

    def test_preprocessor(self):
        for key, value, text in (
                ("size", 224, "size is 224, not 28"),
                ("size", {"shortest_edge": 336}, "shortest_edge is 336"),
                ("size", {"height": 28, "width": 29}, "width is 29"),
                ("size", "big", "not an integer"),
                ("crop_size", 27, "crop_size is 27"),
                ("resample", 2, "resample is 2, not 3"),
                ("do_resize", False, "do_resize"),
                ("do_normalize", False, "do_normalize"),
                ("rescale_factor", 1, "1/255"),
                ("image_mean", [0.5], "three numbers"),
                ("image_mean", [0.5, "x", 1], "three numbers"),
                ("image_std", [0.5, 0, 1], "image_std 1 is 0")):
            with self.subTest(key=key, value=value):
                self.write()
                self.edit_json("preprocessor_config.json", **{key: value})
                self.refused("preprocessor_config.json", text)
        self.write()
        self.edit_json("preprocessor_config.json",
                       size={"height": 28, "width": 28},
                       crop_size={"shortest_edge": 28},
                       image_mean=[0, 0.25, 1], rescale_factor=1 / 255)
        keys, _ = self.accepted()
        np.testing.assert_array_equal(keys["mplug-owl2.vision.image_mean"],
                                      [0, 0.25, 1])

    def test_no_preprocessor(self):
        self.write(preprocessor=False)
        self.accepted("preprocessor_config.json is missing")

    def test_generation(self):
        self.write()
        self.edit_json("generation_config.json", eos_token_id=7)
        self.refused("generation_config.json", "is 7, but 2")

    def test_text(self):
        self.write()
        for text in (b"", b"{", b"[" * 100000, b'{"a": 1, "a": 2}', b"\xff",
                     b"{}", b'"x"', b"null", b"{" * 65,
                     b'{"a": "' + b"x" * (2 << 20) + b'"}'):
            with self.subTest(text[:20]):
                mc.write_file(self.dir, "config.json", text)
                self.refused("config.json")
        mc.write_file(self.dir, "config.json", b'{\n "a": 1,\n "b" 2}')
        self.refused("config.json: not JSON: line 3, column 6: ")

    def test_long_integers(self):
        """Integers of more than 64 bits are taken, others beside them too."""
        self.write()
        self.edit_json("config.json", vocab_size=2 ** 63 - 1)
        self.refused("vocab_size is 9223372036854775807")
        self.write()
        self.edit_json("config.json", max_length=10 ** 30)
        keys, _ = self.accepted()
        self.assertEqual(keys["mplug-owl2.embedding_length"], 48)
        os.unlink(self.out)
        self.edit_json("config.json", vocab_size=2 ** 63)
        self.refused("vocab_size is not an integer")


class Tokenizer(Case):
    def test_specs(self):
        pieces = mc.make_pieces(400)
        for options, text in (
                ({"model_type": 1}, "type 1 is not BPE"),
                ({"byte_fallback": 0}, "byte fallback"),
                ({"charsmap": b"abc"}, "normalisation"),
                ({"dummy_prefix": 0}, "dummy prefix off"),
                ({"extra_whitespaces": 1}, "extra spaces removed"),
                ({"pieces": pieces[:258]}, "255 byte pieces"),
                ({"pieces": pieces + pieces[300:301]}, "twice"),
                ({"pieces": pieces[3:]}, "0 pieces for unknown"),
                ({"pieces": pieces[:-1] + [("", 0.0, 1)]}, "empty"),
                ({"pieces": pieces[:-1] + [("zz", 0.0, 7)]}, "known type"),
                ({"pieces": pieces[:-1] + [("zz", float("nan"), 1)]},
                 "finite")):
            with self.subTest(options):
                self.write(tokenizer=mc.make_tokenizer(400, **options))
                self.refused("tokenizer.model", text)

    def test_damaged(self):
        data = mc.make_tokenizer(400)
        for n in (0, 1, 5, 1000, len(data) - 1):
            self.write()
            mc.write_file(self.dir, "tokenizer.model", data[:n])
            self.refused("tokenizer.model")

    def test_too_many(self):
        self.write(tokenizer=mc.make_tokenizer(401))
        self.refused("401 pieces, vocab_size is only 400")

    def test_added(self):
        self.write()
        mc.write_file(self.dir, "added_tokens.json",
                      {"<pad>": 400, "<s>": 1})
        self.accepted()
        os.unlink(self.out)
        for token, number, text in (("<x>", 3, "'<x>' .3. is not in"),
                                    ("<x>", -1, "not in"),
                                    ("a", 2.5, "no id")):
            mc.write_file(self.dir, "added_tokens.json", {token: number})
            self.refused("added_tokens.json", text)

    def test_ids(self):
        self.config["bos_token_id"] = 2
        self.write()
        os.unlink(self.path("generation_config.json"))
        self.refused("bos_token_id is 2", "1 in tokenizer.model")

    def test_padding(self):
        self.config["vocab_size"] = 410
        self.tensors = mc.make_tensors(self.config, np.random.default_rng(1))
        self.write(tokenizer=mc.make_tokenizer(400))
        keys, _ = self.accepted("400 pieces, vocab_size is 410")
        self.assertEqual(keys["tokenizer.ggml.tokens"][409], b"[PAD409]")
        self.assertEqual(keys["tokenizer.ggml.token_type"][409], 5)


class Large(Case):
    """What takes long enough to do something meanwhile."""

    def write_large(self, megabytes):
        """A checkpoint whose embedding and head are holes in a file."""
        rows = megabytes * 1024 * 1024 // 2 // 4096 // 2
        config = mc.make_config(layers=1, vision_layers=1, width=4096,
                                heads=32, mlp=64, abstractor_layers=1,
                                vocab=rows)
        small = {n: s for n, s in mc.parameter_shapes(config).items()}
        header, at = {}, 0
        for name, shape in small.items():
            n = 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": list(shape),
                            "data_offsets": [at, at + n]}
            at += n
        os.makedirs(self.dir, exist_ok=True)
        mc.write_file(self.dir, "config.json", config)
        mc.write_file(self.dir, "tokenizer.model", mc.make_tokenizer(400))
        text = json.dumps(header).encode()
        with open(self.path("model.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            f.truncate(8 + len(text) + at)

    def wait_for_output(self, process):
        """Until the file to write is open, which has no name yet: then all
        that is read is, too. FALSE if the process ended before it was seen."""
        deadline = time.monotonic() + 30
        fds = f"/proc/{process.pid}/fd"
        while process.poll() is None:
            self.assertLess(time.monotonic(), deadline)
            try:
                if any(os.readlink(f"{fds}/{fd}").startswith(self.out_dir)
                       for fd in os.listdir(fds)):
                    return True
            except FileNotFoundError:
                pass
            time.sleep(0.001)
        return False

    def meanwhile(self, act, *options):
        """Calls @act (process) while a large checkpoint is converted; the exit
        status and messages. On a busy machine the converter may be done before
        this process is woken; then there is more to do for it."""
        for megabytes in 50, 300, 1200, 2400:
            self.write_large(megabytes)
            with subprocess.Popen([CONVERT, *options, self.dir, self.out],
                                  text=True, stderr=subprocess.PIPE) as process:
                if self.wait_for_output(process):
                    process.send_signal(signal.SIGSTOP)
                    act(process)
                    process.send_signal(signal.SIGCONT)
                stderr = process.communicate()[1]
            if process.returncode != 0:
                break
            os.unlink(self.out)
        return process.returncode, stderr


class Program(Large):
    def test_usage(self):
        self.write()
        for args, text in (((), "needed"), ((self.dir,), "needed"),
                           ((self.dir, self.out, "x"), "needed"),
                           (("--type", "q3", self.dir, self.out), "unknown"),
                           (("--type", "q4", self.dir, self.out), "q4_k"),
                           (("--threads", "-1", self.dir, self.out), "-1|0 to"),
                           (("--nonsense",), "nonsense")):
            done = subprocess.run([CONVERT, *args], text=True,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, text)
            self.assertEqual(os.listdir(self.out_dir), [])

    def test_places(self):
        self.write()
        for out in (os.path.join(self.out_dir, "no", "m.gguf"), self.out_dir):
            done = subprocess.run([CONVERT, self.dir, out], text=True,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(os.listdir(self.out_dir), [])

    def test_old_file(self):
        """What is there already stays until the new one is complete."""
        self.write()
        mc.write_file(self.out_dir, "m.gguf", b"old")
        mc.write_file(self.out_dir, "m.gguf.part", b"somebody's")
        os.rename(self.path("tokenizer.model"), self.path("t"))
        self.assertEqual(self.run_tool().returncode, 1)
        with open(self.out, "rb") as f:
            self.assertEqual(f.read(), b"old")
        os.rename(self.path("t"), self.path("tokenizer.model"))
        self.accepted()
        self.assertEqual(sorted(os.listdir(self.out_dir)),
                         ["m.gguf", "m.gguf.part"])
        with open(self.out + ".part", "rb") as f:
            self.assertEqual(f.read(), b"somebody's")

    def test_strangers(self):
        """Links and FIFOs that lie about, and other names of OUT.gguf."""
        self.write()
        theirs = os.path.join(self.out_dir, "theirs")
        for make in (os.link, os.symlink, lambda _, name: os.mkfifo(name)):
            for name in (self.out + ".part", self.out):
                with self.subTest(name=name, make=make):
                    mc.write_file(self.out_dir, "theirs", b"theirs")
                    make(theirs, name)
                    fifo = stat.S_ISFIFO(os.lstat(name).st_mode)
                    done = self.run_tool()
                    self.assertEqual(done.returncode,
                                     1 if fifo and name == self.out else 0,
                                     done.stderr)
                    if done.returncode:
                        self.assertRegex(done.stderr, "m.gguf: exists and is "
                                         "not a regular file, but a FIFO")
                    else:
                        read_gguf(self.out)
                    with open(theirs, "rb") as f:
                        self.assertEqual(f.read(), b"theirs")
                for entry in os.listdir(self.out_dir):
                    os.unlink(os.path.join(self.out_dir, entry))

    def test_memory(self):
        """Memory is bounded whatever the size: address space for the mapping,
        but pages only for what is being read."""
        self.write_large(300)
        # A process begins with the size of the one that forked it, which is
        # large here; so a small one runs the converter.
        measure = ("import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], "
                   "sys.argv[1:]); _, status, usage = os.wait4(pid, 0); "
                   "print(usage.ru_maxrss); sys.exit(status != 0)")
        done = subprocess.run([sys.executable, "-S", "-c", measure, CONVERT,
                               self.dir, self.out], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        kilobytes = int(done.stdout.splitlines()[-1])
        self.assertGreater(os.path.getsize(self.out), 300 << 20)
        # Sanitizers keep shadow memory of their own.
        limit = 400 if os.environ.get("OWL2_TEST_SANITIZED") else 40
        self.assertLess(kilobytes, limit << 10)

    def n_errors(self, done):
        return len([line for line in self.lines(done)
                    if "warning:" not in line])

    def test_limit(self):
        """A file that may not become as large as it must."""
        self.write_large(20)
        for limit in (0, 100000, 10 << 20, (20 << 20) - 1):
            with self.subTest(limit):
                done = self.run_tool(preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (limit, limit)))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, "m.gguf: .*File too large")
                self.assertEqual(self.n_errors(done), 1, done.stderr)
                self.assertEqual(os.listdir(self.out_dir), [])

    def test_full_disk(self):
        """Told before the work, with the number, and nothing stays."""
        self.write_large(20)
        inner = ('mount -t tmpfs -o size=10m none "$1" && '
                 '{ "$2" "$3" "$1/m.gguf"; echo "status $?"; ls -A "$1"; }')
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", inner, "sh", self.out_dir, CONVERT,
             self.dir], text=True, capture_output=True, check=False)
        if "status" not in done.stdout:
            self.skipTest("no mount namespaces here: " + done.stderr.strip())
        self.assertEqual(done.stdout, "status 1\n")
        self.assertRegex(done.stderr, "m.gguf: can't reserve 2[0-9]{8} "
                                      "bytes: No space left on device")
        self.assertEqual(self.n_errors(done), 1, done.stderr)

    def test_killed(self):
        """Nothing of it is in the way of the next."""
        self.meanwhile(lambda process: process.kill())
        for name in os.listdir(self.out_dir):
            self.assertRegex(name, r"^\.owl2-[0-9a-f]{8}\.part$")
        self.write()
        os.unlink(self.path("model.safetensors"))
        self.accepted()

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                status, stderr = self.meanwhile(
                    lambda process: process.send_signal(number))
                self.assertEqual(status, 128 + number)
                self.assertRegex(stderr, "stopped")
                self.assertEqual(os.listdir(self.out_dir), [])


if __name__ == "__main__":
    CONVERT = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
