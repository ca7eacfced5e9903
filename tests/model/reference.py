# SPDX-License-Identifier: LGPL-2.1-or-later
"""mPLUG-Owl2 in NumPy, float64: what the engine is compared with where no
recorded outputs exist. Checked itself against the recorded ones."""

import collections
import io
import json
import pickle
import struct
import zipfile

import numpy as np


def bf16(data):
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)


def read_safetensors(path):
    data = path.read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            part = data[8 + n + begin:8 + n + end]
            value = bf16(part) if t["dtype"] == "BF16" else np.frombuffer(
                part, {"F16": "<f2", "F32": "<f4"}[t["dtype"]])
            tensors[name] = value.astype(np.float32).reshape(t["shape"])
    return tensors


def read_bin(path):
    """A zip of a pickle and raw storages. For the checkpoints of tests/data."""
    archive = zipfile.ZipFile(path)
    prefix = archive.namelist()[0].split("/")[0]
    readers = {"HalfStorage": lambda d: np.frombuffer(d, "<f2"),
               "FloatStorage": lambda d: np.frombuffer(d, "<f4"),
               "BFloat16Storage": bf16}

    def rebuild(storage, offset, size, stride, *_):
        return storage[offset:offset + int(np.prod(size))].reshape(
            size).astype(np.float32)

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if name in readers:
                return name
            return {"OrderedDict": collections.OrderedDict,
                    "_rebuild_tensor_v2": rebuild}[name]

        def persistent_load(self, pid):
            return readers[pid[1]](archive.read(f"{prefix}/data/{pid[2]}"))

    return Reader(io.BytesIO(archive.read(f"{prefix}/data.pkl"))).load()


def read_checkpoint(folder):
    """config.json and name -> float32 array."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(read_safetensors(path))
    for path in sorted(folder.glob("*.bin")):
        tensors.update(read_bin(path))
    return json.loads((folder / "config.json").read_text()), tensors


def layernorm(x, w, b, eps):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * w + b


def rmsnorm(x, w, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def attention(q, k, v, heads, kv_heads, causal_from=None):
    """q [n_q][heads * d], k and v [n_k][kv_heads * d]; with causal_from, query
    i sees the keys up to causal_from + i. Returns the output and the
    probabilities [heads][n_q][n_k]."""
    n_q, n_k, d = len(q), len(k), q.shape[1] // heads
    q = q.reshape(n_q, heads, d).transpose(1, 0, 2)
    k = k.reshape(n_k, kv_heads, d).transpose(1, 0, 2)
    v = v.reshape(n_k, kv_heads, d).transpose(1, 0, 2)
    k = np.repeat(k, heads // kv_heads, 0)
    v = np.repeat(v, heads // kv_heads, 0)
    s = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    if causal_from is not None:
        mask = np.arange(n_k)[None] > causal_from + np.arange(n_q)[:, None]
        s[:, mask] = -np.inf
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return (p @ v).transpose(1, 0, 2).reshape(n_q, heads * d), p


def sincos(positions, width):
    omega = 10000.0 ** (-np.arange(width // 2) / (width / 2))
    angle = np.asarray(positions, np.float64)[:, None] * omega
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)


def query_positions(n, width):
    return sincos(np.arange(n), width)


def key_positions(grid, width):
    y, x = np.divmod(np.arange(grid * grid), grid)
    table = np.concatenate([sincos(x, width // 2), sincos(y, width // 2)], 1)
    return np.concatenate([np.zeros((1, width)), table])


class Model:
    """config: config.json; tensors: name in a published checkpoint -> array."""

    def __init__(self, config, tensors):
        self.t = {k: np.asarray(v, np.float64) for k, v in tensors.items()}
        self.c = config
        if config.get("tie_word_embeddings"):
            self.t.setdefault("lm_head.weight",
                              self.t["model.embed_tokens.weight"])
        self.vis = config["visual_config"]["visual_model"]
        self.abs = config["visual_config"]["visual_abstractor"]

    def product(self, x, name):
        w = self.t[name + ".weight"]
        return x @ w.reshape(len(w), -1).T

    def linear(self, x, name):
        y = self.product(x, name)
        bias = self.t.get(name + ".bias")
        return y if bias is None else y + bias

    def norm(self, x, name, eps):
        return layernorm(x, self.t[name + ".weight"], self.t[name + ".bias"],
                         eps)

    def vision(self, pixels, stages=None):
        """pixels [3][S][S] -> [1 + N][width]."""
        c, p = self.vis, "model.vision_model."
        P, heads, eps = c["patch_size"], c["num_attention_heads"], \
            c["layer_norm_eps"]
        g = pixels.shape[1] // P
        rows = pixels.reshape(3, g, P, g, P).transpose(1, 3, 0, 2, 4)
        rows = rows.reshape(g * g, -1).astype(np.float64)
        x = self.product(rows, p + "embeddings.patch_embed")
        x = np.concatenate([self.t[p + "embeddings.cls_token"].reshape(1, -1),
                            x])
        x = x + self.t[p + "embeddings.position_embedding"].reshape(x.shape)
        x = self.norm(x, p + "embeddings.pre_layernorm", eps)
        self.note(stages, "vision_embeddings", x)
        for i in range(c["num_hidden_layers"]):
            q = f"{p}encoder.layers.{i}."
            h = self.norm(x, q + "input_layernorm", eps)
            qkv = self.linear(h, q + "self_attn.query_key_value")
            qkv = qkv.reshape(len(x), heads, 3, -1)
            a, _ = attention(*(qkv[:, :, j].reshape(len(x), -1)
                               for j in range(3)), heads, heads)
            x = x + self.linear(a, q + "self_attn.dense")
            h = self.norm(x, q + "post_attention_layernorm", eps)
            h = self.linear(h, q + "mlp.fc1")
            x = x + self.linear(h * sigmoid(1.702 * h), q + "mlp.fc2")
            self.note(stages, f"vision_hidden_{i}", x)
        x = self.norm(x, p + "post_layernorm", eps)
        self.note(stages, "vision_last_hidden", x)
        return x

    def abstractor(self, v, stages=None):
        """[1 + N][width] -> [queries + 1][decoder width]."""
        c, p = self.abs, "model.visual_abstractor."
        heads, width = c["num_attention_heads"], c["hidden_size"]
        n = c["num_learnable_queries"]
        x = self.t[p + "query_embeds"].reshape(n, width)
        for i in range(c["num_hidden_layers"]):
            q = f"{p}encoder.layers.{i}.crossattention."
            q_pos = self.t.get(q + "attention.q_pos_embed")
            k_pos = self.t.get(q + "attention.k_pos_embed")
            if q_pos is None:
                q_pos = query_positions(n, width)
            if k_pos is None:
                k_pos = key_positions(c["grid_size"], width)
            h = self.norm(x, q + "norm1", 1e-5)
            kv = np.concatenate([h, self.norm(v, q + "normk", 1e-5)])
            a, _ = attention(
                self.linear(h + q_pos, q + "attention.query"),
                self.linear(kv + np.concatenate([q_pos, k_pos]),
                            q + "attention.key"),
                self.linear(kv, q + "attention.value"), heads, heads)
            t = h + self.linear(a, q + "output.out_proj")
            u = self.norm(t, q + "output.norm2", 1e-5)
            m = silu(self.linear(u, q + "output.mlp.w1")) \
                * self.linear(u, q + "output.mlp.w3")
            m = self.norm(m, q + "output.mlp.ffn_ln", c["layer_norm_eps"])
            x = t + self.linear(m, q + "output.mlp.w2")
            self.note(stages, f"abstractor_hidden_{i}", x)
        x = self.linear(x, p + "visual_fc")
        x = np.concatenate([x, self.t[p + "vit_eos"].reshape(1, -1)])
        self.note(stages, "abstractor_output", x)
        return x

    def rope(self, x, heads):
        c = self.c
        n, d = len(x), x.shape[1] // heads
        base = np.float32(c.get("rope_theta", 10000.0))
        # The published table is fp32.
        freq = (np.float32(1) / base ** (np.arange(0, d, 2, dtype=np.float32)
                                         / np.float32(d))).astype(np.float32)
        angle = np.outer(np.arange(n, dtype=np.float32), freq)
        cos, sin = (np.concatenate([f(angle)] * 2, 1).astype(np.float32)[:, None]
                    for f in (np.cos, np.sin))
        x = x.reshape(n, heads, d)
        turned = np.concatenate([-x[..., d // 2:], x[..., :d // 2]], -1)
        return (x * cos + turned * sin).reshape(n, heads * d)

    def decoder(self, x, modality, stages=None):
        """x [T][width], modality [T] -> logits [T][vocab]."""
        c, n = self.c, len(x)
        heads = c["num_attention_heads"]
        kv_heads = c.get("num_key_value_heads") or heads
        eps, m = c["rms_norm_eps"], np.asarray(modality)

        def pick(values):
            return np.where(m[:, None] == 0, values[0], values[1])

        def multiway(f, name):
            return pick([f(f"{name}.multiway.{w}") for w in range(2)])

        self.note(stages, "inputs_embeds", x)
        for i in range(c["num_hidden_layers"]):
            p = f"model.layers.{i}."
            h = multiway(lambda q: rmsnorm(x, self.t[q + ".weight"], eps),
                         p + "input_layernorm")
            q = self.rope(self.linear(h, p + "self_attn.q_proj"), heads)
            k = self.rope(multiway(lambda q: self.linear(h, q),
                                   p + "self_attn.k_proj"), kv_heads)
            v = multiway(lambda q: self.linear(h, q), p + "self_attn.v_proj")
            a, probs = attention(q, k, v, heads, kv_heads, 0)
            self.note(stages, f"attn_{i}", probs)
            x = x + self.linear(a, p + "self_attn.o_proj")
            h = multiway(lambda q: rmsnorm(x, self.t[q + ".weight"], eps),
                         p + "post_attention_layernorm")
            x = x + self.linear(silu(self.linear(h, p + "mlp.gate_proj"))
                                * self.linear(h, p + "mlp.up_proj"),
                                p + "mlp.down_proj")
            self.note(stages, f"hidden_{i}", x)
        x = rmsnorm(x, self.t["model.norm.weight"], eps)
        self.note(stages, "final_norm", x)
        logits = x @ self.t["lm_head.weight"].T
        self.note(stages, "logits", logits)
        return logits

    def embed(self, ids, features):
        """ids with one -200 for all of features ([rows][width] each)."""
        table, rows, modality = self.t["model.embed_tokens.weight"], [], []
        for i in ids:
            if i == -200:
                for f in features:
                    rows.extend(f)
                    modality.extend([1] * len(f))
            else:
                rows.append(table[i])
                modality.append(0)
        return np.array(rows), np.array(modality, np.int32)

    def generate(self, ids, features, n, language_only=False):
        """n greedy tokens, by full recomputation; the ids, the logits each was
        chosen from, and the smallest gap between best and second-best."""
        ids, steps = list(ids), []
        for _ in range(n):
            x, m = self.embed(ids, features)
            logits = self.decoder(x, m * (not language_only))[-1]
            steps.append(logits)
            ids.append(int(logits.argmax()))
        top = np.sort(np.array(steps), 1)
        return ids[-n:], np.array(steps), float((top[:, -1] - top[:, -2]).min())

    @staticmethod
    def note(stages, name, x):
        if stages is not None:
            stages[name] = x
