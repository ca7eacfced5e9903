#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-convert on folders as people have them: configurations of newer
libraries, added tokens, downloads that are not complete, adapters, files that
change meanwhile. Each is converted rightly or named in one line.

    test_convert_folders.py OWL2_CONVERT [unittest arguments]
"""

import json
import os
import socket
import sys
import unittest

import numpy as np

import make_checkpoint as mc
import test_convert_errors as errors
from test_convert_errors import HEAD

EMBED = "model.embed_tokens.weight"
THETA = "mplug-owl2.rope.freq_base"


class Rope(errors.Case):
    def set(self, **keys):
        """config.json with @keys, without rope_theta unless it is there."""
        self.write(dtype="f32")
        with open(self.path("config.json"), encoding="utf-8") as f:
            config = json.load(f)
        del config["rope_theta"], config["rope_scaling"]
        mc.write_file(self.dir, "config.json", {**config, **keys})

    def theta(self, wanted, **keys):
        with self.subTest(keys):
            self.set(**keys)
            keys, _ = self.accepted()
            self.assertEqual(keys[THETA], wanted)
            os.unlink(self.out)

    def test_places(self):
        new = {"rope_theta": 5e5, "rope_type": "default"}
        self.theta(10000)
        self.theta(5e5, rope_theta=500000)
        self.theta(5e5, rope_parameters=new)
        self.theta(5e5, rope_scaling=new)
        self.theta(5e5, rope_parameters=new, rope_theta=5e5)
        self.theta(5e5, rope_parameters=new, rope_scaling=None)
        self.theta(5e5, rope_parameters={"full_attention": new})
        self.theta(5e5, rope_parameters={"full_attention": new,
                                         "sliding_attention": new})
        self.theta(5e5, rope_parameters={"full_attention": new,
                                         "sliding_attention": None})

    def test_none(self):
        for key in ("rope_scaling", "rope_parameters"):
            for value in (None, {}, {"rope_type": "default"},
                          {"type": "default"}, {"rope_type": None},
                          {"rope_type": "default", "type": "default"},
                          {"rope_type": "default", "factor": 1.0},
                          {"rope_type": "default", "low_freq_factor": None},
                          {"full_attention": {}}):
                self.theta(10000, **{key: value})
                self.theta(20000, rope_theta=20000, **{key: value})

    def test_refused(self):
        for key in ("rope_scaling", "rope_parameters"):
            for value, text in (
                    ({"type": "linear", "factor": 2.0}, "type is 'linear'"),
                    ({"rope_type": "linear", "factor": 2.0}, "null"),
                    ({"rope_type": "dynamic", "rope_theta": 5e5}, "dynamic"),
                    ({"rope_type": "default", "type": "yarn"}, "yarn"),
                    ({"rope_type": "llama3", "factor": 8.0}, "llama3"),
                    ({"rope_type": "a\x1b]0;x\x07"}, r"a\\x1b"),
                    ({"rope_type": 7}, "rope_type"),
                    ({"factor": 2.0}, "factor is 2"),
                    ({"factor": "x"}, "factor is not a number"),
                    ({"partial_rotary_factor": 0.5}, "factor is 0.5"),
                    ({"mrope_section": [1, 2]}, "mrope_section is set"),
                    ({"rope_theta": "x"}, "rope_theta is not a number"),
                    ({"rope_theta": True}, "rope_theta is not a number"),
                    ({"full_attention": {"rope_type": "yarn"}},
                     "full_attention.rope_type is 'yarn'"),
                    ({"full_attention": {}, "sliding_attention": 3},
                     "sliding_attention is not an object"),
                    ({"a": {"rope_theta": 1e4}, "b": {"rope_theta": 2e4}},
                     "b.rope_theta is 20000, but .*a.rope_theta is 10000"),
                    ("linear", "not an object"), (False, "not an object"),
                    ([], "not an object")):
                with self.subTest(key=key, value=value):
                    self.set(**{key: value})
                    self.refused("config.json", key, text)

    def test_two_values(self):
        self.set(rope_parameters={"rope_theta": 0.5})
        self.refused("config.json", "freq_base is 0.5")
        self.set(rope_theta=10000, rope_parameters={"rope_theta": 500000})
        self.refused("rope_parameters.rope_theta is 500000, but rope_theta is "
                     "10000")
        self.set(rope_scaling={"rope_theta": 10000.5},
                 rope_parameters={"rope_theta": 10000})
        self.refused("10000.5", "is 10000")


class Config(errors.Case):
    def test_matters(self):
        for key, value, text in (
                ("partial_rotary_factor", 0.5, "is 0.5"),
                ("sliding_window", 100, "is 100.*512"),
                ("layer_types", ["full_attention", "sliding_attention"],
                 "others"),
                ("layer_types", "full_attention", "no list"),
                ("quantization_config", {"bits": 4}, "is set"),
                ("attn_logit_softcapping", 50.0, "is set"),
                ("pruned_heads", {"0": [1]}, "not empty"),
                ("visual_config__visual_model__pruned_heads", {"0": [1]},
                 "visual_model.pruned_heads is not empty")):
            with self.subTest(key):
                self.write()
                self.edit_json("config.json", **{key: value})
                self.refused("config.json", key.split("__")[-1], text)

    def test_does_not(self):
        self.write()
        self.edit_json("config.json", sliding_window=512, pruned_heads={},
                       layer_types=["full_attention"],
                       quantization_config=None, pretraining_tp=4,
                       partial_rotary_factor=1.0, dtype="float16")
        self.accepted()
        self.edit_json("config.json", sliding_window=4,
                       use_sliding_window=False)
        self.accepted()

    def test_tied(self):
        """One matrix, or two that are the same."""
        self.config["tie_word_embeddings"] = True
        self.tensors[HEAD] = self.tensors[EMBED]
        for form in ("bin", "safetensors"):
            self.write(dtype="f32", form=form, shards=2)
            self.accepted()
            os.unlink(self.out)
        self.tensors[HEAD] = self.tensors[EMBED].copy()
        self.tensors[HEAD][399, 47] += 1
        self.write(dtype="f32", form="safetensors", shards=2)
        self.refused("tie_word_embeddings is true", HEAD, "differ")

    def test_tokenizer(self):
        for key, value in (("add_bos_token", False), ("add_eos_token", True),
                           ("add_prefix_space", False)):
            self.write()
            mc.write_file(self.dir, "tokenizer_config.json", {key: value})
            self.refused("tokenizer_config.json", key)
        mc.write_file(self.dir, "tokenizer_config.json", {
            "add_bos_token": True, "add_eos_token": False,
            "model_max_length": int(1e30), "pad_token": None})
        self.accepted()


class Added(errors.Case):
    """Rows behind the 400 of tokenizer.model."""

    def set(self, rows, added=None, decoder=None, special=None):
        self.config["vocab_size"] = 400 + rows
        self.tensors = mc.make_tensors(self.config, np.random.default_rng(1),
                                       inv_freq=False)
        self.write(tokenizer=mc.make_tokenizer(400))
        for name, value in (("added_tokens.json", added),
                            ("special_tokens_map.json", special),
                            ("tokenizer_config.json",
                             decoder and {"added_tokens_decoder": decoder})):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
            if value is not None:
                mc.write_file(self.dir, name, value)

    def lines(self, done):
        self.notes = [line for line in done.stderr.splitlines()
                      if "is added as a control piece" in line]
        return [line for line in super().lines(done)
                if line not in self.notes]

    def check(self, wanted, *warnings):
        """Names and kinds of the rows."""
        keys, _ = self.accepted(*warnings)
        tokens = keys["tokenizer.ggml.tokens"][400:]
        types = keys["tokenizer.ggml.token_type"][400:]
        self.assertEqual([(t.decode(), k) for t, k in zip(tokens, types)],
                         wanted)
        self.assertEqual(len(self.notes), sum(k == 3 for _, k in wanted))
        os.unlink(self.out)

    def test_list(self):
        self.set(1, {"[PAD]": 400})
        self.check([("[PAD]", 3)])
        self.set(2, {"<image>": 401, "[PAD]": 400, "<far>": 402, "<s>": 1})
        self.check([("[PAD]", 3), ("<image>", 3)])
        self.set(1, {"pad": 400}, special={"pad_token": "pad"})
        self.check([("pad", 3)])
        self.set(1, {"pad": 400}, special={
            "additional_special_tokens": [{"content": "pad"}]})
        self.check([("pad", 3)])

    def test_decoder(self):
        old = {"0": {"content": "<unk>", "special": True},
               "2": {"content": "</s>", "special": True}}
        self.set(1, None, {**old, "400": {"content": "pad", "special": True}})
        self.check([("pad", 3)])
        self.set(1, {"[PAD]": 400}, {**old, "400": {"content": "[PAD]",
                                                    "special": True}})
        self.check([("[PAD]", 3)])

    def test_gaps(self):
        """A matrix made larger than the tokens need."""
        self.set(4, {"[PAD]": 402})
        self.check([("[PAD400]", 5), ("[PAD401]", 5), ("[PAD]", 3),
                    ("[PAD403]", 5)], "400 pieces, vocab_size is 404")
        self.set(3, {"[PAD402]": 400})
        self.check([("[PAD402]", 3), ("[PAD401]", 5), ("[PAD402]_", 5)],
                   "vocab_size is 403")

    def test_pad_id(self):
        self.set(1, {"[PAD]": 400})
        self.edit_json("config.json", pad_token_id=400)
        os.unlink(self.path("generation_config.json"))
        keys, _ = self.accepted()
        self.assertEqual(keys["tokenizer.ggml.padding_token_id"], 400)

    def test_refused(self):
        word = {"400": {"content": "word", "special": False}}
        for added, decoder, text in (
                ({"word": 400}, None, "'word' .400. is a word added"),
                (None, word, "tokenizer_config.json: token 'word' .400. is a "),
                ({"[A]": 400}, {"400": {"content": "[B]", "special": True}},
                 "added_tokens.json: token 400 is '.A.', but '.B.' in .*config"),
                (None, {"x": {"content": "[B]"}}, "no text of a token"),
                (None, {"-1": {"content": "[B]"}}, "no text of a token"),
                (None, {"400": {"special": True}}, "no text of a token"),
                (None, {"400": "[B]"}, "not an object"),
                (None, {"400": {"content": "[B]", "special": 1}}, "special"),
                (None, {"5": {"content": "[B]", "special": True}},
                 "'.B.' .5. is not in tokenizer.model"),
                ({"<s>": 400}, None, "another piece"),
                ({"[a\nb\x1b]": 400}, None, r"a\\nb\\x1b.* not printable"),
                ({"": 400}, None, "not printable")):
            with self.subTest(added=added, decoder=decoder):
                self.set(1, added, decoder)
                self.refused(text)
        self.set(2, {"[A]": 400}, {"401": {"content": "[A]", "special": True}})
        self.refused("'.A.' .401. is another piece")


class Folders(errors.Case):
    def test_lfs(self):
        for form, shards in (("bin", 2), ("safetensors", 1)):
            self.write(form=form, shards=shards)
            mc.write_file(self.dir, "added_tokens.json", {})
            mc.write_file(self.dir, "tokenizer_config.json", {})
            for name in sorted(os.listdir(self.dir)):
                with self.subTest(name):
                    with open(self.path(name), "rb") as f:
                        kept = f.read()
                    mc.write_file(self.dir, name, mc.LFS_POINTER)
                    self.refused(f"{name}: a Git LFS pointer, not the file "
                                 "itself", "574207 bytes", "git lfs pull")
                    mc.write_file(self.dir, name, kept)
            for name in os.listdir(self.dir):
                os.unlink(self.path(name))

    def test_special_files(self):
        """In place of any file; none is waited for."""
        makes = (("a FIFO", os.mkfifo), ("a directory", os.mkdir),
                 ("a device", lambda path: os.symlink("/dev/zero", path)))
        self.write(shards=2)
        mc.write_file(self.dir, "added_tokens.json", {})
        mc.write_file(self.dir, "tokenizer_config.json", {})
        for name in sorted(os.listdir(self.dir)):
            for kind, make in makes:
                with self.subTest(name=name, kind=kind):
                    path = self.path(name)
                    os.rename(path, path + ".kept")
                    make(path)
                    self.refused(f"{name}: not a regular file, but {kind}")
                    os.rmdir(path) if kind == "a directory" else os.unlink(
                        path)
                    os.rename(path + ".kept", path)
        os.unlink(self.path("tokenizer.model"))
        here = os.getcwd()
        os.chdir(self.dir)  # for a path that is short enough
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("tokenizer.model")
        os.chdir(here)
        self.refused("tokenizer.model: not a regular file, but a socket")
        os.unlink(self.path("tokenizer.model"))
        os.symlink("../../blobs/gone", self.path("tokenizer.model"))
        self.refused("tokenizer.model: can't be opened: No such file")

    def empty(self, *names):
        os.makedirs(self.dir, exist_ok=True)
        for name in os.listdir(self.dir):
            os.unlink(self.path(name))
        for name in names:
            mc.write_file(self.dir, name, b"x")

    def test_adapter(self):
        for name in ("adapter_model.safetensors", "adapter_model.bin",
                     "non_lora_trainables.bin"):
            self.empty(name)
            mc.write_file(self.dir, "adapter_config.json",
                          {"base_model_name_or_path": "o/\x1bbase"})
            self.refused("only a LoRA adapter", r"'o/\\x1bbase'", "--lora",
                         name if "adapter" in name else "adapter_config.json")
            self.write()
            self.refused("lies beside the model's weights", "--lora")
        self.empty("adapter_model.bin")
        self.refused("only a LoRA adapter", "unknown")

    def test_tensors_of_adapter(self):
        self.tensors["base_model.model.layers.0.q.lora_A.weight"] = np.ones(
            (2, 2), np.float32)
        self.write()
        self.refused("lora_A.weight' is of a LoRA adapter", "--lora")

    def test_others(self):
        for name, text in (("zero_to_fp32.py", "DeepSpeed"),
                           ("consolidated.00.pth", "Meta"),
                           ("pytorch_model_fsdp.bin", "FSDP"),
                           ("snapshots", "below snapshots/"),
                           ("flax_model.msgpack", "Flax"),
                           ("x\x1b.gguf", r"x\\x1b.gguf: a model file")):
            with self.subTest(name):
                self.empty(name)
                self.refused(text)
        self.empty()
        self.refused("config.json: can't be opened")
        os.rmdir(self.dir)
        self.refused("ck: can't be opened: No such file")
        with open(self.dir, "wb"):
            self.refused("ck: not the directory of a checkpoint.*regular file")

    def test_no_tokenizer(self):
        self.write()
        os.unlink(self.path("tokenizer.model"))
        mc.write_file(self.dir, "tokenizer.json", {})
        self.refused("tokenizer.model: is missing; tokenizer.json")

    def test_out_is_source(self):
        """A slip of the hand must not cost the checkpoint."""
        self.write(form="safetensors")
        source = self.path("model.safetensors")
        os.symlink(source, self.path("link"))
        with open(source, "rb") as f:
            kept = f.read()
        self.out_dir, names = self.dir, sorted(os.listdir(self.dir))
        for name in ("model.safetensors", "config.json", "link"):
            self.out = self.path(name)
            done = self.run_tool()
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, f"{name}: is a file of the "
                             "checkpoint itself")
        self.assertEqual(sorted(os.listdir(self.dir)), names)
        with open(source, "rb") as f:
            self.assertEqual(f.read(), kept)

    def test_index_and_single(self):
        self.write(shards=2)
        self.tensors[HEAD] = self.tensors[HEAD] + 1
        single = mc.make_bin(self.tensors, "f16")
        mc.write_file(self.dir, "pytorch_model.bin", single)
        self.refused("both pytorch_model.bin and pytorch_model.bin.index.json")

    def test_both_forms(self):
        """safetensors go first, whole or in shards, as in transformers."""
        stored = self.write(form="safetensors", dtype="f32")
        self.tensors[HEAD] = self.tensors[HEAD] + 1
        self.write(shards=2, dtype="f32")
        _, tensors = self.accepted(options=("--type", "f32"))
        np.testing.assert_array_equal(tensors["output.weight"][1],
                                      stored[HEAD])

    def test_more_layers(self):
        for name, key in (
                ("model.layers.1.self_attn.q_proj.weight", "of a layer behind "
                 "the 1"),
                ("model.layers.1.self_attn.rotary_emb.inv_freq", "the 1 "),
                ("model.vision_model.encoder.layers.12.mlp.fc1.weight", "the "),
                ("model.visual_abstractor.encoder.layers.1.x", "the 1 "),
                ("model.layers.0.self_attn.q_proj.bias", "no bias there")):
            with self.subTest(name):
                self.tensors[name] = np.ones(4, np.float32)
                self.write()
                self.refused(name, key)
                del self.tensors[name]


class Changes(errors.Large):
    """A file of the checkpoint changes while it is converted."""

    def lines_with(self, change):
        status, stderr = self.meanwhile(lambda process: change())
        self.assertEqual(status, 1, stderr)
        self.assertEqual(os.listdir(self.out_dir), [])
        return [x for x in stderr.splitlines() if "warning" not in x]

    def test_changes(self):
        def write(name, at, mode="r+b"):
            with open(self.path(name), mode) as f:
                f.seek(at)
                f.write(b"1")

        def write_and_set_back(name):
            times = os.stat(self.path(name))
            write(name, 4000)
            os.utime(self.path(name), ns=(times.st_atime_ns,
                                          times.st_mtime_ns))

        def replace(name):
            mc.write_file(self.dir, "new", b"{}")
            os.replace(self.path("new"), self.path(name))

        def size():
            return os.path.getsize(self.path(shard))

        shard = "model.safetensors"
        for name, change in (
                (shard, lambda: write(shard, size() - 1)),
                (shard, lambda: write_and_set_back(shard)),
                (shard, lambda: write(shard, size())),
                ("tokenizer.model", lambda: write("tokenizer.model", 4000)),
                ("config.json", lambda: write_and_set_back("config.json")),
                ("config.json", lambda: replace("config.json")),
                (shard, lambda: os.truncate(self.path(shard), size() // 2))):
            lines = self.lines_with(change)
            self.assertEqual(len(lines), 1, lines)
            self.assertRegex(lines[0], f"{name}: has changed while it was "
                             "read: was [0-9]+ bytes, changed 2.*; is [0-9]+ "
                             "bytes, changed 2")


if __name__ == "__main__":
    errors.CONVERT = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
