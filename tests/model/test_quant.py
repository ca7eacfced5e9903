#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Quantised models: the engine against the NumPy model with the dequantised
weights (the kernels' share of the error), and against F32 (the format's share),
as the KL divergence of the next token's distribution.

usage: test_quant.py OWL2_CONVERT OWL2_TRACE DATA [MODEL.gguf ...]"""

import pathlib
import re
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import make_checkpoint  # noqa: E402
import read_gguf  # noqa: E402
import reference  # noqa: E402
from test_goldens import Report, run  # noqa: E402

# A checkpoint whose rows divide by every block, beside the two that have rows
# which do not.
WIDE = dict(width=512, heads=8, mlp=768, vision_width=256, vision_heads=4,
            vision_mlp=512, abstractor_heads=4, abstractor_mlp=512, layers=4)

NAMES = [
    (r"token_embd", "model.embed_tokens"), (r"output_norm", "model.norm"),
    (r"output", "lm_head"), (r"v\.patch_embd", "V.embeddings.patch_embed"),
    (r"v\.class_embd", "V.embeddings.cls_token"),
    (r"v\.position_embd\.weight", "V.embeddings.position_embedding"),
    (r"v\.pre_ln", "V.embeddings.pre_layernorm"),
    (r"v\.post_ln", "V.post_layernorm"),
    (r"v\.blk\.(\d+)\.ln1", r"V.encoder.layers.\1.input_layernorm"),
    (r"v\.blk\.(\d+)\.ln2", r"V.encoder.layers.\1.post_attention_layernorm"),
    (r"v\.blk\.(\d+)\.attn_qkv",
     r"V.encoder.layers.\1.self_attn.query_key_value"),
    (r"v\.blk\.(\d+)\.attn_out", r"V.encoder.layers.\1.self_attn.dense"),
    (r"v\.blk\.(\d+)\.ffn_up", r"V.encoder.layers.\1.mlp.fc1"),
    (r"v\.blk\.(\d+)\.ffn_down", r"V.encoder.layers.\1.mlp.fc2"),
    (r"a\.query_embd", "A.query_embeds"), (r"a\.eos", "A.vit_eos"),
    (r"a\.proj", "A.visual_fc"),
    (r"a\.blk\.(\d+)\.([qk])_pos", r"A.L\1.attention.\2_pos_embed"),
    (r"a\.blk\.(\d+)\.ln1", r"A.L\1.norm1"),
    (r"a\.blk\.(\d+)\.lnk", r"A.L\1.normk"),
    (r"a\.blk\.(\d+)\.ln2", r"A.L\1.output.norm2"),
    (r"a\.blk\.(\d+)\.attn_q", r"A.L\1.attention.query"),
    (r"a\.blk\.(\d+)\.attn_k", r"A.L\1.attention.key"),
    (r"a\.blk\.(\d+)\.attn_v", r"A.L\1.attention.value"),
    (r"a\.blk\.(\d+)\.attn_out", r"A.L\1.output.out_proj"),
    (r"a\.blk\.(\d+)\.ffn_gate", r"A.L\1.output.mlp.w1"),
    (r"a\.blk\.(\d+)\.ffn_up", r"A.L\1.output.mlp.w3"),
    (r"a\.blk\.(\d+)\.ffn_down", r"A.L\1.output.mlp.w2"),
    (r"a\.blk\.(\d+)\.ffn_norm", r"A.L\1.output.mlp.ffn_ln"),
    (r"blk\.(\d+)\.attn_norm", r"D.\1.input_layernorm.multiway.0"),
    (r"blk\.(\d+)\.attn_norm_img", r"D.\1.input_layernorm.multiway.1"),
    (r"blk\.(\d+)\.ffn_norm", r"D.\1.post_attention_layernorm.multiway.0"),
    (r"blk\.(\d+)\.ffn_norm_img", r"D.\1.post_attention_layernorm.multiway.1"),
    (r"blk\.(\d+)\.attn_q", r"D.\1.self_attn.q_proj"),
    (r"blk\.(\d+)\.attn_([kv])", r"D.\1.self_attn.\2_proj.multiway.0"),
    (r"blk\.(\d+)\.attn_([kv])_img", r"D.\1.self_attn.\2_proj.multiway.1"),
    (r"blk\.(\d+)\.attn_output", r"D.\1.self_attn.o_proj"),
    (r"blk\.(\d+)\.ffn_(gate|up|down)", r"D.\1.mlp.\2_proj"),
]


def published(name):
    for pattern, to in NAMES:
        m = re.fullmatch(pattern + r"(\.weight|\.bias)?", name)
        if m:
            to = m.expand(to)
            suffix = m.group(m.re.groups) or ""
            if suffix == ".weight" and pattern.endswith(r"\.weight"):
                suffix = ""
            to = re.sub(r"^A\.L(\d+)", r"A.encoder.layers.\1.crossattention", to)
            for short, full in (("V.", "model.vision_model."),
                                ("A.", "model.visual_abstractor."),
                                ("D.", "model.layers.")):
                if to.startswith(short):
                    to = full + to[len(short):]
            return to + suffix
    raise KeyError(name)


def log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def divergence(want, got):
    p, q = log_softmax(want.astype(np.float64)), log_softmax(
        got.astype(np.float64))
    return float((np.exp(p) * (p - q)).sum(1).mean())


def trace(args, gguf, frames, out):
    run(args[1], "--model", gguf, "--prompt",
        "USER: <|image|>What colour is the ball? ASSISTANT:", "--frames",
        ",".join(map(str, frames)), "--max-tokens", 1, "--kv-type", "f32",
        "--out", out)
    return np.load(out / "logits.npy")


def main():
    args = [pathlib.Path(a) for a in sys.argv[1:4]]
    frames = [args[2] / "mini" / "golden" / "frames" / f"frame_{i}.png"
              for i in range(2)]
    report = Report()
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        checkpoints = {n: args[2] / n / "model" for n in ("mini", "gqa")}
        config = make_checkpoint.make_config(**WIDE)
        make_checkpoint.write_checkpoint(
            temp / "wide", config, make_checkpoint.make_tensors(
                config, np.random.default_rng(20)), "f32")
        checkpoints["wide"] = temp / "wide"
        for name, folder in checkpoints.items():
            gguf = temp / f"{name}-f32.gguf"
            run(args[0], folder, gguf, "--type", "f32")
            exact = trace(args, gguf, frames, temp / f"{name}-f32")
            config = reference.read_checkpoint(folder)[0]
            for kind in "q8_0", "q4_k":
                gguf = temp / f"{name}-{kind}.gguf"
                out = temp / f"{name}-{kind}"
                run(args[0], folder, gguf, "--type", kind)
                logits = trace(args, gguf, frames, out)
                model = reference.Model(config, {
                    published(k): v
                    for k, (_, v) in read_gguf.read_gguf(gguf)[1].items()})
                features = [model.abstractor(model.vision(p))
                            for p in np.load(out / "pixel_values.npy")]
                x, m = model.embed(np.load(out / "input_ids.npy").tolist(),
                                   features)
                want = model.decoder(x, m)
                diff = np.abs(want - logits).max() / max(
                    1, np.abs(want).max() / 15)
                report.check(f"{name} {kind} logits", diff < 1e-3,
                             f"off by {diff:.1e} from the dequantised weights")
                print(f"{name} {kind}: {diff:.1e} from the dequantised weights, "
                      f"KL {divergence(exact, logits):.1e} from f32", flush=True)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
