#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small random checkpoints in the layout of each published family of this
architecture, and of its relatives that are of another one.

    for name in FAMILIES:
        arguments = make(name, directory)    # of owl2-convert, before OUT.gguf
        FAMILIES[name].image_mode, FAMILIES[name].recipe     # in the model file

Words that scorers choose from (WORDS) are one token each, as with the published
tokenizer. RELATIVES are to be refused: make_relative(name, directory).

    make_families.py --list
    make_families.py FAMILY DIRECTORY        # prints the arguments
"""

import argparse
import collections
import os
import shlex

import numpy as np

import make_checkpoint as mc

WORDS = ["excellent", "good", "fair", "poor", "bad", "high", "low", "fine",
         "average", "medium", "acceptable", "Yes", "No", "yes", "no"]

# What the trainers of the published scorers leave in config.json.
TRAINED = {"freeze_vision_model": False, "tune_visual_abstractor": True,
           "visual_abstractor_lr": None, "use_cache": True, "pretraining_tp": 1,
           "initializer_range": 0.02, "pad_token_id": 0}
AUTO_MAP = {"AutoConfig": "configuration_mplug_owl2.MPLUGOwl2Config",
            "AutoModelForCausalLM":
                "modeling_mplug_owl2.MPLUGOwl2LlamaForCausalLM"}
ALIGN = {**TRAINED, "auto_map": AUTO_MAP, "image_aspect_ratio": "pad",
         "torch_dtype": "bfloat16", "transformers_version": "4.31.0"}
DEQA = {**TRAINED, "attention_dropout": 0.0, "image_aspect_ratio": "pad",
        "level_ids": [15129, 1781, 6534, 6460, 4319],
        "level_prefix": [11029, 310, 278, 1967, 338],
        "closeset_rating_loss": True, "continuous_rating_loss": False,
        "detach_pred_std": True, "use_fix_std": True, "weight_rank": 1.0,
        "torch_dtype": "float16", "transformers_version": "4.36.1"}

Family = collections.namedtuple(
    "Family", "folder keys options image_mode recipe adapter")


def family(folder, keys, image_mode, recipe, adapter=None, **options):
    return Family(folder, keys, options, image_mode, recipe, adapter)


# name -> how it is published, and what the model file says. image_mode, recipe:
# None: nothing. adapter: (folder, its config.json's keys, options).
FAMILIES = {
    "mplug-owl2": family(
        "mplug-owl2-llama2-7b", {"torch_dtype": "float16"}, None, None,
        shards=33, padded_names=False, dtype="f16"),
    "one-align": family(
        "one-align", ALIGN, "pad", "quality", shards=2, dtype="bf16"),
    "one-align-safetensors": family(
        "models--q-future--one-align/snapshots/0123abcd", ALIGN, "pad",
        "quality", shards=2, dtype="bf16", form="safetensors"),
    "one-align-patched": family(
        "one-align", {**ALIGN, "mlp_bias": False, "attention_bias": False},
        "pad", "quality", dtype="bf16", form="safetensors"),
    "q-align-quality": family(
        "q-align-quality", ALIGN, "pad", "quality", dtype="bf16"),
    "q-align-aesthetic": family(
        "q-align-aesthetic", ALIGN, "pad", "aesthetics", dtype="bf16"),
    "q-align-vqa": family(
        "q-align-vqa", ALIGN, "pad", "video-quality", dtype="bf16"),
    "q-align-iaa-vqa": family(
        "q-align-iaa-vqa", ALIGN, "pad", None, dtype="bf16"),
    "q-instruct": family(
        "q-instruct-mplug-owl2", TRAINED, None, "q-instruct", shards=2,
        dtype="f16"),
    "q-instruct-preview": family(
        "downloaded", {
            "_name_or_path": "teowu/mplug_owl2_7b_448_qinstruct_preview_v0.1"},
        None, "q-instruct", dtype="f16"),
    "co-instruct": family(
        "co-instruct", {**TRAINED, "auto_map": AUTO_MAP,
                        "image_aspect_ratio": "square"}, "crop",
        "co-instruct", dtype="bf16"),
    "compare2score": family(
        "Compare2Score_1", {**TRAINED, "image_aspect_ratio": "resize"},
        "stretch", None, dtype="f16"),
    "deqa": family(
        "DeQA-Score-Mix3", DEQA, "pad", "deqa", shards=2, dtype="f16",
        form="safetensors"),
    "q-align-maxwell-lora": family(
        "mplug-owl2-llama2-7b", {}, "pad", "video-quality",
        ("q-align-maxwell-lora", ALIGN,
         {"dtype": "bf16", "form": "bin", "rank": 4}), dtype="f16"),
    "deqa-lora": family(
        "mplug-owl2-llama2-7b", {}, "pad", "deqa",
        ("DeQA-Score-LoRA-Mix3", DEQA, {"dtype": "f16"}), dtype="f16"),
}


def make_config(**keys):
    return {**mc.make_config(vocab=480, image=56), **keys}


def make_tokenizer(vocab):
    """Pieces of make_checkpoint, and WORDS with all that they begin with, so
    that they can grow to one piece."""
    begins = dict.fromkeys("\u2581" + word[:n] for word in WORDS
                           for n in range(1, len(word) + 1))
    old = mc.make_pieces(400)
    begins = [b for b in begins if b not in {text for text, _, _ in old}]
    pieces = old + [(b, -1000.0 - i, 1) for i, b in enumerate(begins)]
    pieces += [(f"\u2581fill{i}", -9000.0 - i, 1)
               for i in range(vocab - len(pieces))]
    return mc.make_tokenizer(vocab, pieces=pieces)


def make(name, directory):
    """Writes the family's folders into @directory; the arguments to convert."""
    of = FAMILIES[name]
    rng = np.random.default_rng(sum(name.encode()))
    config = make_config(**of.keys)
    base = os.path.join(directory, of.folder)
    mc.write_checkpoint(base, config, mc.make_tensors(config, rng),
                        tokenizer=make_tokenizer(config["vocab_size"]),
                        **of.options)
    if not of.adapter:
        return [base]
    folder, keys, options = of.adapter
    adapter = os.path.join(directory, folder)
    write_adapter(adapter, config, rng,
                  whole=[n for n in mc.parameter_shapes(config)
                         if ".visual_abstractor." in n or "lm_head" in n],
                  **options)
    mc.write_file(adapter, "config.json", make_config(**keys))
    return ["--lora", adapter, base]


# ---- adapters --------------------------------------------------------------


def linear_layers(config, kinds=None):
    """Modules of the decoder's linear layers."""
    for name in mc.parameter_shapes(config):
        module = name[:-len(".weight")]
        if name.startswith("model.layers.") and "norm" not in name and (
                kinds is None or module.split(".")[-1] in kinds):
            yield module


def write_adapter(directory, config, rng, rank=3, alpha=5, dtype="f32",
                  form="safetensors", modules=None, whole=(), settings=None,
                  ranks=None, prefix="base_model.model."):
    """Writes a LoRA adapter of @modules (default: all linear layers), and
    non_lora_trainables.bin with new values of the tensors @whole. @settings go
    into adapter_config.json; @ranks: module -> rank, where it is another.
    Returns (module -> (A, B) as stored, name -> array as stored)."""
    shapes = mc.parameter_shapes(config)
    modules = list(linear_layers(config) if modules is None else modules)
    factors = {}
    for module in modules:
        rows, cols = shapes[module + ".weight"]
        r = (ranks or {}).get(module, rank)
        factors[module] = (
            (rng.standard_normal((r, cols)) / np.sqrt(cols)).astype("f4"),
            rng.standard_normal((rows, r)).astype("f4"))
    tensors = {}
    for module, (a, b) in factors.items():
        tensors[f"{prefix}{module}.lora_A.weight"] = a
        tensors[f"{prefix}{module}.lora_B.weight"] = b
    os.makedirs(directory, exist_ok=True)
    for old in os.listdir(directory):
        os.unlink(os.path.join(directory, old))
    name = "adapter_model." + form
    mc.write_file(directory, name, mc.make_bin(tensors, dtype) if form == "bin"
                  else mc.make_safetensors(tensors, dtype))
    mc.write_file(directory, "adapter_config.json", {
        "auto_mapping": None, "base_model_name_or_path": "owner/the-base",
        "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "layers_pattern": None,
        "layers_to_transform": None, "lora_alpha": alpha, "lora_dropout": 0.05,
        "modules_to_save": None, "peft_type": "LORA", "r": rank,
        "revision": None, "task_type": "CAUSAL_LM",
        "target_modules": sorted({m.split(".")[-1] for m in modules}),
        **(settings or {})})
    new = {n: rng.standard_normal(shapes[n]).astype("f4") for n in whole}
    if new:
        mc.write_file(directory, "non_lora_trainables.bin", mc.make_bin(
            {prefix + n: v for n, v in new.items()}, dtype))
    return ({m: (mc.as_stored(a, dtype), mc.as_stored(b, dtype))
             for m, (a, b) in factors.items()},
            {n: mc.as_stored(v, dtype) for n, v in new.items()})


# ---- relatives -------------------------------------------------------------


def _other_type(model_type, **keys):
    def write(directory):
        config = {**make_config(), "model_type": model_type, **keys}
        mc.write_checkpoint(directory, config, {"x": np.zeros(4, np.float32)},
                            tokenizer=make_tokenizer(480))
    return write


def _owl21(directory):
    """Qwen's vocabulary is in another form, and larger."""
    _other_type("mplug_owl2_1", vocab_size=151851)(directory)
    os.unlink(os.path.join(directory, "tokenizer.model"))
    mc.write_file(directory, "qwen.tiktoken", b"IQ== 0\n")


def _other_tensors(*names):
    def write(directory):
        config = make_config()
        tensors = mc.make_tensors(config, np.random.default_rng(5))
        tensors.update({n: np.zeros(4, np.float32) for n in names})
        mc.write_checkpoint(directory, config, tensors)
    return write


def _docowl(directory):
    config = make_config(model_type="mplug_docowl")
    visual = config["visual_config"]
    del visual["visual_abstractor"]
    visual["visual_hreducer"] = {"conv_shape": "1x4", "hidden_size": 32}
    mc.write_checkpoint(directory, config, {"x": np.zeros(4, np.float32)})


def _docowl_key(directory):
    _docowl(directory)
    config = make_config()
    config["visual_config"]["visual_hreducer"] = {"conv_shape": "1x4"}
    mc.write_file(directory, "config.json", config)


def _q_scorer_tokens(directory):
    config = make_config(vocab_size=485)
    mc.write_checkpoint(directory, config, mc.make_tensors(
        config, np.random.default_rng(6)), tokenizer=make_tokenizer(480))
    mc.write_file(directory, "added_tokens.json",
                  {f"<score{i}>": 479 + i for i in range(1, 6)})


# name -> (writer, words of the refusal)
RELATIVES = {
    "mPLUG-Owl2.1": (_owl21, "mPLUG-Owl2.1, whose decoder is Qwen"),
    "mPLUG-Owl2.1-tensors": (
        _other_tensors("transformer.h.0.attn.c_attn.weight"),
        "mPLUG-Owl2.1, whose"),
    "DocOwl": (_docowl, "'mplug_docowl': mPLUG-DocOwl, .* H-reducer"),
    "DocOwl-key": (_docowl_key, "visual_hreducer is set: this is mPLUG-DocOwl"),
    "DocOwl-tensors": (
        _other_tensors("model.vision2text.reducer.0.weight"), "mPLUG-DocOwl"),
    "Owl3": (_other_type("mplugowl3"), "mPLUG-Owl3, which reads"),
    "Owl1": (_other_type("mplug-owl"), "the first mPLUG-Owl, which has no"),
    "Owl1-tensors": (_other_tensors("language_model.lm_head.weight"),
                     "the first mPLUG-Owl"),
    "Q-Scorer": (
        _other_type("mplug_owl2", score_token_id=[32004, 32003],
                    score_tokens=["<score1>"], deepmlp_hidden_dims=[8]),
        "score_token_id is set: this is Q-Scorer"),
    "Q-Scorer-tensors": (_other_tensors("deepmlp.net.0.weight"),
                         "'deepmlp.net.0.weight' is of Q-Scorer"),
    "Q-Scorer-tokens": (_q_scorer_tokens, "'<score1>' is of Q-Scorer"),
}


def make_relative(name, directory):
    RELATIVES[name][0](directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("family", nargs="?", choices=FAMILIES)
    parser.add_argument("directory", nargs="?")
    args = parser.parse_args()
    if args.list or not args.directory:
        print("\n".join(FAMILIES))
    else:
        print(shlex.join(make(args.family, args.directory)))


if __name__ == "__main__":
    main()
