#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-convert --lora: the model file is, to the byte, that of a checkpoint into
which numpy has merged the adapter; what can't be merged is named in one line.

    test_convert_lora.py OWL2_CONVERT [unittest arguments]
"""

import json
import os
import subprocess
import sys
import unittest

import numpy as np

import make_checkpoint as mc
import make_families as mf
import test_convert_errors as errors

Q = "model.layers.0.self_attn.q_proj"
K1 = "model.layers.0.self_attn.k_proj.multiway.1"
DOWN = "model.layers.0.mlp.down_proj"
HEAD, NORM = "lm_head.weight", "model.norm.weight"
CONV = "model.vision_model.embeddings.patch_embed"


def merge(weights, factors, scale):
    """W + scale * B A: sums in double precision, by rising index, rounded
    once. @factors: (A, B) pairs; @scale: of each."""
    total = np.zeros(weights.shape, np.float64)
    for (a, b), s in zip(factors, scale):
        dots = np.zeros(weights.shape, np.float64)
        for k in range(a.shape[0]):
            dots += b[:, k, None].astype("f8") * a[k].astype("f8")
        total += s * dots
    return (weights.astype("f8") + total).astype("f4")


class Lora(errors.Case):
    def setUp(self):
        super().setUp()
        self.config["_name_or_path"] = "owner/base"
        self.adapter = os.path.join(os.path.dirname(self.dir), "adapter")
        self.merged = os.path.join(os.path.dirname(self.dir), "merged")
        self.rng = np.random.default_rng(7)

    def adapt(self, directory=None, **options):
        return mf.write_adapter(directory or self.adapter, self.config,
                                self.rng, **options)

    def run_tool(self, *options, **kwargs):
        return super().run_tool("--lora", self.adapter, *options, **kwargs)

    def lines(self, done):
        return [line for line in super().lines(done)
                if " matrices changed and " not in line]

    def bytes_of(self, directory, *options):
        done = subprocess.run([errors.CONVERT, *options, directory, self.out],
                              text=True, capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stderr
        with open(self.out, "rb") as f:
            data = f.read()
        os.unlink(self.out)
        return data

    def same(self, merged, *adapters, kinds=("f32", "f16"), dtype="f32"):
        """What is merged on the way is what is merged beforehand."""
        mc.write_checkpoint(self.merged, self.config, merged, dtype=dtype)
        lora = [x for a in adapters or [self.adapter] for x in ("--lora", a)]
        for kind in kinds:
            with self.subTest(kind):
                want = self.bytes_of(self.merged, "--type", kind)
                have = self.bytes_of(self.dir, "--type", kind, *lora)
                self.assertTrue(want == have, "files differ")

    def changed(self, stored, factors, scale):
        merged = dict(stored)
        for module, pair in factors.items():
            name = module + ".weight"
            s = scale(module) if callable(scale) else scale
            merged[name] = merge(merged[name], [pair], [s])
        return merged

    def test_all_layers(self):
        """Every linear layer of the decoder, both multiway ones; each type of
        base and adapter, and every type of file."""
        for base, dtype, form, kinds in (
                ("f32", "f32", "safetensors", ("f32", "f16", "q8_0", "q4_k")),
                ("f16", "f16", "bin", ("f32", "q8_0")),
                ("bf16", "bf16", "safetensors", ("f16",))):
            with self.subTest(base=base, dtype=dtype):
                stored = self.write(dtype=base)
                factors, _ = self.adapt(dtype=dtype, form=form)
                self.assertEqual(len(factors), 9)
                self.same(self.changed(stored, factors, 5 / 3), kinds=kinds)
                self.assertIn("9 matrices changed and 0 tensors replaced; it "
                              "is made for 'owner/the-base'", self.said)

    def test_published_rounding(self):
        """A merged checkpoint that was saved in the base's F16."""
        stored = self.write(dtype="f16")
        factors, _ = self.adapt()
        self.same(self.changed(stored, factors, 5 / 3), kinds=("f16",),
                  dtype="f16")

    def test_whole_tensors(self):
        """non_lora_trainables.bin goes first, then the adapter."""
        for prefix in ("base_model.model.", "model.", ""):
            with self.subTest(prefix):
                stored = self.write(dtype="f32")
                query = [n for n in self.tensors if "query_embeds" in n
                         or "visual_fc" in n]
                factors, whole = self.adapt(
                    prefix=prefix, whole=[Q + ".weight", HEAD, NORM, *query])
                self.assertEqual(len(whole), 6)
                self.same(self.changed({**stored, **whole}, factors, 5 / 3))

    def test_tokens_scale(self):
        stored = self.write(dtype="f32")
        for settings, scale in (
                ({"use_rslora": True}, 5 / np.sqrt(3)),
                ({"lora_alpha": 2.5}, 2.5 / 3),
                ({"alpha_pattern": {"q_proj": 7}, "use_dora": False},
                 lambda m: (7 if m == Q else 5) / 3),
                ({"alpha_pattern": {"1": 1, "k_proj.multiway.1": 7}},
                 lambda m: (1 if m.endswith(".1") else 5) / 3),
                ({"alpha_pattern": {"^" + Q: 7, "^q_proj": 1, "proj": 1}},
                 lambda m: (7 if m == Q else 5) / 3)):
            with self.subTest(settings):
                factors, _ = self.adapt(settings=settings)
                self.same(self.changed(stored, factors, scale), kinds=("f32",))

    def test_ranks(self):
        stored = self.write(dtype="f32")
        factors, _ = self.adapt(settings={"rank_pattern": {"q_proj": 17}},
                                ranks={Q: 17})
        self.same(self.changed(stored, factors, lambda m: 5 / factors[m][
            0].shape[0]), kinds=("f32",))

    def test_vision(self):
        """Layers with a bias, too, and biases that were trained."""
        layer = "model.vision_model.encoder.layers.0.mlp.fc1"
        stored = self.write(dtype="f32")
        factors, whole = self.adapt(modules=[layer], whole=[layer + ".bias"],
                                    settings={"bias": "lora_only"})
        self.same(self.changed({**stored, **whole}, factors, 5 / 3))

    def rename(self, change):
        """The adapter's tensors by other names, (name -> name)."""
        tensors = {}
        with open(os.path.join(self.adapter, "adapter_model.safetensors"),
                  "rb") as f:
            data = f.read()
        n = int.from_bytes(data[:8], "little")
        for name, info in json.loads(data[8:8 + n]).items():
            if name != "__metadata__":
                begin, end = info["data_offsets"]
                tensors[change(name)] = np.frombuffer(
                    data[8 + n + begin:8 + n + end], "<f4").reshape(
                        info["shape"])
        mc.write_file(self.adapter, "adapter_model.safetensors",
                      mc.make_safetensors(tensors, "f32"))
        return tensors

    def test_names(self):
        """Of older and of newer versions of PEFT."""
        stored = self.write(dtype="f32")
        factors, whole = self.adapt(modules=[Q], whole=[HEAD, NORM])
        self.rename(lambda n: n.replace(".weight", ".default.weight"))
        mc.write_file(self.adapter, "non_lora_trainables.bin", mc.make_bin({
            "base_model.model.lm_head.modules_to_save.default.weight":
                whole[HEAD],
            "base_model.model.model.norm.base_layer.weight": whole[NORM],
            "base_model.model.model.layers.0.self_attn.rotary_emb.inv_freq":
                whole[NORM]}, "f32"))
        self.same(self.changed({**stored, **whole}, factors, 5 / 3),
                  kinds=("f32",))

    def test_several(self):
        """In their order: the second adds to what the first made, or takes its
        place, which is said."""
        stored = self.write(dtype="f32")
        other = self.adapter + "-2"
        first, _ = self.adapt(modules=[Q, K1])
        second, whole = self.adapt(other, modules=[Q], alpha=9,
                                   whole=[K1 + ".weight"])
        merged = dict(stored, **whole)
        merged[Q + ".weight"] = merge(stored[Q + ".weight"],
                                      [first[Q], second[Q]], [5 / 3, 3])
        self.same(merged, self.adapter, other)
        self.assertIn("adapter-2: 1 of its whole tensors take the place of "
                      "what adapters before it made", self.said)

    def test_pieces(self):
        """Matrices of several pieces; the first ends inside a row with which
        four rows begin (240), or end (243)."""
        for mlp in 1090, 1075:
            self.config = mc.make_config(layers=1, width=264, heads=4, mlp=mlp,
                                         vision_layers=1, abstractor_layers=1)
            self.config["_name_or_path"] = "owner/base"
            self.tensors = mc.make_tensors(self.config, self.rng,
                                           inv_freq=False)
            stored = self.write(dtype="bf16", form="safetensors")
            factors, _ = self.adapt(modules=[DOWN, HEAD[:-7]])
            self.same(self.changed(stored, factors, 5 / 3), kinds=("f16",))
        want = self.bytes_of(self.merged, "--threads", "1")
        self.assertTrue(want == self.bytes_of(
            self.dir, "--lora", self.adapter, "--threads", "1"))

    def test_beyond_f16(self):
        """A base in F16 fits F16 by nature, the sum need not."""
        self.write(dtype="f16")
        self.adapt(modules=[Q], alpha=1e7)
        _, tensors = self.accepted("q_proj.weight' stays f32")
        self.assertEqual(tensors["blk.0.attn_q.weight"][0], "f32")

    def test_own_config(self):
        """config.json beside the adapter: its sizes, mode and recipe."""
        self.config["image_aspect_ratio"] = "resize"
        self.write()
        self.adapt(whole=[NORM])
        mc.write_file(self.adapter, "config.json", {
            **self.config, "image_aspect_ratio": "pad", "level_ids": [1],
            "level_prefix": [2]})
        done = self.run_tool()
        self.assertEqual(done.returncode, 0, done.stderr)
        keys, _ = errors.read_gguf(self.out)
        self.assertEqual(keys["mplug-owl2.vision.image_mode"], "pad")
        self.assertEqual(keys["mplug-owl2.recipe"], "deqa")
        os.unlink(self.out)
        mc.write_file(self.adapter, "config.json",
                      {**self.config, "num_hidden_layers": 2})
        self.refused("adapter.config.json: block_count is 2, but 1 in the base")
        mc.write_file(self.adapter, "config.json",
                      {**self.config, "rms_norm_eps": 1e-5})
        self.refused("rms_epsilon is 1e-05, but 1e-06 in the base")
        mc.write_file(self.adapter, "config.json", self.config)
        os.unlink(os.path.join(self.adapter, "non_lora_trainables.bin"))
        self.accepted("has a config.json, but no non_lora_trainables.bin")

    def test_settings_refused(self):
        self.write()
        for key, value, text in (
                ("peft_type", "IA3", "is 'IA3', supported is only 'LORA'"),
                ("peft_type", None, "peft_type is missing"),
                ("use_dora", True, "use_dora is set"),
                ("lora_bias", True, "lora_bias is set"),
                ("layer_replication", [[0, 1]], "layer_replication is set"),
                ("trainable_token_indices", [3], "indices is set"),
                ("target_parameters", ["x"], "target_parameters is set"),
                ("something_new\x1b", 1, r"something_new\\x1b is set"),
                ("init_lora_weights", "pissa", "'pissa', which changes the "),
                ("r", 0, "r is 0, not from 1 to 1024"),
                ("r", "3", "r is not an integer"),
                ("r", 4, r"q_proj.lora_A.weight' is \[3, 48\], must be "
                 r"\[4, 48\]: by adapter_config.json and as '.*' is \[48, 48"),
                ("lora_alpha", "x", "lora_alpha is not a number"),
                ("use_rslora", 1, "use_rslora is neither"),
                ("rank_pattern", {"q_.*": 3}, "q_.* is no plain name"),
                ("rank_pattern", {"": 3}, "is no plain name"),
                ("rank_pattern", {"q_proj": 0}, "q_proj is 0, not from 1"),
                ("rank_pattern", {"q_proj": None}, "q_proj is not a number"),
                ("rank_pattern", 3, "rank_pattern is not an object"),
                ("rank_pattern", {"q_proj": 5}, r"must be \[5, 48\]"),
                ("alpha_pattern", {"q_proj": "x"}, "q_proj is not a number"),
                ("target_modules", [], "target_modules is no list"),
                ("target_modules", None, "target_modules is no list"),
                ("target_modules", [3], "has something else than names"),
                ("target_modules", ["k_proj"], "q_proj.lora_.* target_modules "
                 "of adapter_config.json does not name")):
            with self.subTest(key=key, value=value):
                self.adapt(modules=[Q], settings={key: value})
                self.refused("adapter", text)
        self.adapt(modules=[Q], settings={"target_modules": ".*q_proj",
                                          "fan_in_fan_out": True})
        self.accepted("fan_in_fan_out is true, which has no meaning")

    def test_tensors_refused(self):
        """Nothing of an adapter is left out."""
        self.write()
        p = "base_model.model."
        for change, text in (
                (lambda n: n.replace("layers.0", "layers.1"),
                 "layers.1.self_attn.q_proj.lora_A.weight' has no place"),
                (lambda n: n.replace("lora_B", "lora_C"),
                 "lora_C.weight' is more than lora_A and lora_B of a linear"),
                (lambda n: n.replace("lora_B.weight", "lora_B.bias"),
                 "lora_B.bias' is more than"),
                (lambda n: n.replace("lora_A.weight", "lora_embedding_A"),
                 "lora_embedding_A' is more than"),
                (lambda n: n.replace("lora_B.weight",
                                     "lora_magnitude_vector.weight"),
                 "lora_magnitude_vector.weight' is more than"),
                (lambda n: n.replace("lora_B", "other"),
                 "other.weight' has no place"),
                (lambda n: n.replace(p + Q, p + CONV), "patch_embed.weight', "
                 "which is no linear layer"),
                (lambda n: p + NORM if "lora_B" in n else n,
                 "norm.weight' is .*must be|lora_A.weight' has no lora_B"),
                (lambda n: n.replace("self_attn", "deepmlp."), "Q-Scorer"),
                (lambda n: n.replace("q_proj", "o_proj"), "does not name")):
            with self.subTest(text):
                self.adapt(modules=[Q])
                names = self.rename(change)
                self.refused("adapter_model.safetensors: ", text)
                self.assertEqual(len(names), 2)

    def test_values_refused(self):
        self.write()
        for name, shape, text in (
                ("lora_A", (3, 47), r"lora_A.* is \[3, 47\], must be \[3, 48"),
                ("lora_A", (48, 3), r"is \[48, 3\], must be \[3, 48\]"),
                ("lora_B", (47, 3), r"lora_B.* is \[47, 3\], must be \[48, 3"),
                ("lora_B", (48 * 3,), r"is \[144\], must be \[48, 3\]"),
                ("lora_B", None, "lora_B.* has 1 values that are not finite"),
                ("lora_A", float, "lora_A.* is DoubleStorage; fp32, fp16")):
            with self.subTest(text):
                tensors = {}
                for which, good in (("lora_A", (3, 48)), ("lora_B", (48, 3))):
                    values = np.ones(good if name != which or not isinstance(
                        shape, tuple) else shape, np.float32)
                    if which == name and shape is None:
                        values[7, 1] = np.inf
                    tensors[f"base_model.model.{Q}.{which}.weight"] = values
                self.adapt(modules=[Q], form="bin")
                kind = (lambda n: "f64" if name in n else "f32") if (
                    shape is float) else "f32"
                mc.write_file(self.adapter, "adapter_model.bin",
                              mc.make_bin(tensors, kind))
                self.refused("adapter_model.bin", text)

    def test_files_refused(self):
        self.write()
        self.adapt(modules=[Q], whole=[NORM])
        weights = os.path.join(self.adapter, "adapter_model.safetensors")
        mc.write_file(self.adapter, "non_lora_trainables.bin", mc.make_bin(
            {"a." + NORM: self.tensors[NORM]}, "f32"))
        self.refused("non_lora_trainables.bin: tensor 'a.model.norm.weight' "
                     "has no place")
        mc.write_file(self.adapter, "non_lora_trainables.bin", mc.make_bin(
            {NORM: self.tensors[NORM], "model." + NORM: self.tensors[NORM]},
            "f32"))
        self.refused("'model.model.norm.weight' is 'model.norm.weight', as is")
        mc.write_file(self.adapter, "non_lora_trainables.bin", mc.make_bin(
            {NORM: self.tensors[NORM][:9]}, "f32"))
        self.refused(r"is \[9\], the configuration asks for \[48\]")
        os.unlink(os.path.join(self.adapter, "non_lora_trainables.bin"))
        mc.write_file(self.adapter, "adapter_model.safetensors",
                      mc.make_safetensors({}, "f32"))
        self.refused("an adapter without tensors")
        os.unlink(weights)
        self.refused("no weights of an adapter")
        os.unlink(os.path.join(self.adapter, "adapter_config.json"))
        self.refused("no adapter_config.json, so no LoRA adapter")
        os.rmdir(self.adapter)
        self.refused("adapter: can't be opened: No such file")
        mc.write_file(os.path.dirname(self.adapter), "adapter", b"")
        self.refused("not the directory of a LoRA adapter.*a regular file")

    def test_tied(self):
        self.config["tie_word_embeddings"] = True
        self.write()
        self.adapt(modules=[Q], whole=["model.embed_tokens.weight"])
        self.refused("changes 'model.embed_tokens.weight', which is not supp")

    def test_out_is_adapter(self):
        self.write()
        self.adapt(modules=[Q])
        self.out = os.path.join(self.adapter, "adapter_model.safetensors")
        done = self.run_tool()
        self.assertEqual(done.returncode, 1)
        self.assertIn("is a file of the checkpoint itself", done.stderr)


class Memory(errors.Large):
    def test_changes(self):
        """A file of the adapter changes while it is merged."""
        adapter = os.path.join(os.path.dirname(self.dir), "adapter")
        config = mc.make_config(layers=1, width=4096, heads=32, mlp=64)
        mf.write_adapter(adapter, config, np.random.default_rng(1), rank=1,
                         modules=[Q])

        def act(process):
            with open(os.path.join(adapter, "adapter_config.json"), "a",
                      encoding="utf-8") as f:
                f.write(" ")
        status, said = self.meanwhile(act, "--lora", adapter)
        self.assertEqual(status, 1, said)
        self.assertIn("adapter_config.json: has changed while it was", said)
        self.assertEqual(os.listdir(self.out_dir), [])

    def test_bounded(self):
        """A merge takes the factors' memory and a block of rows, no matrix."""
        self.write_large(200)
        with open(self.path("config.json"), encoding="utf-8") as f:
            config = json.load(f)
        adapter = os.path.join(os.path.dirname(self.dir), "adapter")
        mf.write_adapter(adapter, config, np.random.default_rng(1), rank=2,
                         modules=["lm_head"])
        measure = ("import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], "
                   "sys.argv[1:]); _, status, usage = os.wait4(pid, 0); "
                   "print(usage.ru_maxrss); sys.exit(status != 0)")
        done = subprocess.run(
            [sys.executable, "-S", "-c", measure, errors.CONVERT, "--lora",
             adapter, self.dir, self.out], capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        limit = 400 if os.environ.get("OWL2_TEST_SANITIZED") else 48
        self.assertLess(int(done.stdout.splitlines()[-1]), limit << 10)


if __name__ == "__main__":
    errors.CONVERT = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
