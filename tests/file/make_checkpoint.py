#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random mPLUG-Owl2 checkpoints in both published forms, without PyTorch.

Needs numpy only. To be imported by tests:

    config = make_config(width=80, heads=5, kv_heads=1)
    tensors = make_tensors(config, numpy.random.default_rng(1))
    stored = write_checkpoint(directory, config, tensors, dtype="bf16")

`tensors` maps published names to float32 arrays of the published shapes;
`stored` holds the same values as they lie in the files (rounded to the
element type). ZOO names ready-made cases: make_case(name, directory).

    make_checkpoint.py --list
    make_checkpoint.py CASE DIRECTORY
"""

import argparse
import io
import json
import os
import pickle
import struct
import sys
import types
import zlib

import numpy as np

# ---- configuration ---------------------------------------------------------


def make_config(width=48, layers=2, heads=3, kv_heads=None, mlp=80,
                eps=1e-6, rope_base=10000.0, context=512, vocab=400,
                vision_width=32, vision_layers=2, vision_heads=2,
                vision_mlp=72, vision_eps=1e-6, image=28, patch=14,
                abstractor_layers=2, abstractor_heads=4, abstractor_mlp=56,
                abstractor_eps=1e-6, queries=5, tied=False):
    """config.json as a dictionary, with the keys the release writes."""
    return {
        "architectures": ["MPLUGOwl2LlamaForCausalLM"],
        "model_type": "mplug_owl2",
        "attention_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": mlp,
        "max_position_embeddings": context,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": heads if kv_heads is None else kv_heads,
        "rms_norm_eps": eps,
        "rope_scaling": None,
        "rope_theta": rope_base,
        "tie_word_embeddings": tied,
        "vocab_size": vocab,
        "visual_config": {
            "visual_abstractor": {
                "model_type": "mplug_owl_visual_abstract",
                "add_v2t_pos_emb": False,
                "encoder_hidden_size": vision_width,
                "grid_size": image // patch,
                "hidden_size": vision_width,
                "intermediate_size": abstractor_mlp,
                "layer_norm_eps": abstractor_eps,
                "num_attention_heads": abstractor_heads,
                "num_hidden_layers": abstractor_layers,
                "num_learnable_queries": queries,
                "use_cls_token": True,
            },
            "visual_model": {
                "model_type": "mplug_owl_vision_model",
                "hidden_act": "quick_gelu",
                "hidden_size": vision_width,
                "image_size": image,
                "intermediate_size": vision_mlp,
                "layer_norm_eps": vision_eps,
                "num_attention_heads": vision_heads,
                "num_channels": 3,
                "num_hidden_layers": vision_layers,
                "patch_size": patch,
                "use_cls_token": True,
                "use_post_layernorm": True,
            },
        },
    }


def make_preprocessor(config):
    size = config["visual_config"]["visual_model"]["image_size"]
    return {
        "crop_size": size,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "size": size,
    }


# ---- tensors ---------------------------------------------------------------


def sincos_1d(n, width):
    """[n][width]: sines of all frequencies, then cosines."""
    half = width // 2
    angle = np.arange(n)[:, None] * 10000.0 ** (-np.arange(half) / half)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def sincos_2d(grid, width):
    """[1 + grid * grid][width]: row 0 is zero, the column comes first."""
    table = sincos_1d(grid, width // 2)
    out = np.zeros((1 + grid * grid, width))
    for y in range(grid):
        for x in range(grid):
            out[1 + y * grid + x] = np.concatenate([table[x], table[y]])
    return out


def parameter_shapes(config):
    """Published name -> shape of every parameter, in the published order."""
    vision = config["visual_config"]["visual_model"]
    abstractor = config["visual_config"]["visual_abstractor"]
    width = config["hidden_size"]
    kv = width // config["num_attention_heads"] * config["num_key_value_heads"]
    mlp = config["intermediate_size"]
    out = {"model.embed_tokens.weight": (config["vocab_size"], width)}

    def norm(name, n):
        out[name + ".weight"] = out[name + ".bias"] = (n,)

    def linear(name, rows, cols):
        out[name + ".weight"] = (rows, cols)
        out[name + ".bias"] = (rows,)

    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        out[p + "self_attn.q_proj.weight"] = (width, width)
        for kind in "kv":
            for way in (0, 1):
                out[p + f"self_attn.{kind}_proj.multiway.{way}.weight"] = (
                    kv, width)
        out[p + "self_attn.o_proj.weight"] = (width, width)
        out[p + "mlp.gate_proj.weight"] = (mlp, width)
        out[p + "mlp.up_proj.weight"] = (mlp, width)
        out[p + "mlp.down_proj.weight"] = (width, mlp)
        for which in ("input", "post_attention"):
            for way in (0, 1):
                out[p + f"{which}_layernorm.multiway.{way}.weight"] = (width,)
    out["model.norm.weight"] = (width,)

    w, patch = vision["hidden_size"], vision["patch_size"]
    tokens = 1 + (vision["image_size"] // patch) ** 2
    p = "model.vision_model."
    out[p + "embeddings.cls_token"] = (1, 1, w)
    out[p + "embeddings.position_embedding"] = (1, tokens, w)
    out[p + "embeddings.patch_embed.weight"] = (w, 3, patch, patch)
    norm(p + "embeddings.pre_layernorm", w)
    for i in range(vision["num_hidden_layers"]):
        p = f"model.vision_model.encoder.layers.{i}."
        linear(p + "self_attn.query_key_value", 3 * w, w)
        linear(p + "self_attn.dense", w, w)
        norm(p + "input_layernorm", w)
        linear(p + "mlp.fc1", vision["intermediate_size"], w)
        linear(p + "mlp.fc2", w, vision["intermediate_size"])
        norm(p + "post_attention_layernorm", w)
    norm("model.vision_model.post_layernorm", w)

    w, m = abstractor["hidden_size"], abstractor["intermediate_size"]
    p = "model.visual_abstractor."
    out[p + "query_embeds"] = (1, abstractor["num_learnable_queries"], w)
    out[p + "vit_eos"] = (1, 1, width)
    for i in range(abstractor["num_hidden_layers"]):
        p = f"model.visual_abstractor.encoder.layers.{i}.crossattention."
        for name in ("query", "key", "value"):
            linear(p + "attention." + name, w, w)
        linear(p + "output.out_proj", w, w)
        norm(p + "output.norm2", w)
        linear(p + "output.mlp.w1", m, w)
        linear(p + "output.mlp.w2", w, m)
        linear(p + "output.mlp.w3", m, w)
        norm(p + "output.mlp.ffn_ln", m)
        norm(p + "norm1", w)
        norm(p + "normk", w)
    linear("model.visual_abstractor.visual_fc", width, w)
    if not config["tie_word_embeddings"]:
        out["lm_head.weight"] = (config["vocab_size"], width)
    return out


def make_tensors(config, rng, positions=True, inv_freq=True):
    """Published name -> float32 array. Scales keep activations around one, so
    that a wrong stage shows up instead of drowning."""
    out = {}
    for name, shape in parameter_shapes(config).items():
        values = rng.standard_normal(shape)
        if "norm" in name or "ffn_ln" in name or "_ln" in name:
            values = (name.endswith("weight")) + 0.1 * values
        elif name.endswith("bias"):
            values = 0.05 * values
        elif "embed_tokens" in name or "cls_token" in name or (
                "position_embedding" in name) or "query_embeds" in name or (
                "vit_eos" in name):
            values = 0.5 * values
        else:
            fan_in = int(np.prod(shape[1:]))
            values = values * (1.5 / np.sqrt(fan_in))
        out[name] = values.astype(np.float32)
    vision = config["visual_config"]["visual_model"]
    abstractor = config["visual_config"]["visual_abstractor"]
    if positions:
        grid = vision["image_size"] // vision["patch_size"]
        width = abstractor["hidden_size"]
        for i in range(abstractor["num_hidden_layers"]):
            p = (f"model.visual_abstractor.encoder.layers.{i}."
                 "crossattention.attention.")
            out[p + "q_pos_embed"] = sincos_1d(
                abstractor["num_learnable_queries"], width).astype(np.float32)
            out[p + "k_pos_embed"] = sincos_2d(grid, width).astype(np.float32)
    if inv_freq:
        # Wrong on purpose: a converter or loader that uses it is found out.
        half = config["hidden_size"] // config["num_attention_heads"] // 2
        for i in range(config["num_hidden_layers"]):
            out[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = (
                np.full(half, 0.5, np.float32))
    return out


# ---- element types ---------------------------------------------------------


def to_bf16(values):
    """uint16 patterns, rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(patterns):
    return (patterns.astype(np.uint32) << 16).view(np.float32)


def encode(values, dtype):
    """Little-endian bytes of @values."""
    if dtype == "bf16":
        return to_bf16(values).astype("<u2").tobytes()
    return np.ascontiguousarray(values).astype(
        {"f32": "<f4", "f16": "<f2", "f64": "<f8"}[dtype]).tobytes()


def as_stored(values, dtype):
    """float32 array of the values after rounding to @dtype."""
    if dtype == "bf16":
        return from_bf16(to_bf16(values)).reshape(values.shape)
    if dtype == "f16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    return values.astype(np.float32)


# ---- tokenizer.model -------------------------------------------------------


def _varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number, value):
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    return _varint(number << 3) + _varint(value)


def make_pieces(vocab):
    """(text, score, type): specials, bytes, merges, characters."""
    chars = ["\u2581"] + [chr(c) for c in range(0x21, 0x7f)]
    n_merges = vocab - 3 - 256 - len(chars)
    if n_merges < 0:
        raise ValueError(f"a vocabulary has at least {3 + 256 + len(chars)}")
    letters = "etaoinshrdlu"
    merges = ["\u2581" + a for a in letters] + [
        a + b for a in letters for b in letters]
    merges += [m + c for m in merges[:40] for c in letters]
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)]
    texts = list(dict.fromkeys(merges))[:n_merges] + chars
    texts += [f"\u2581pad{i}" for i in range(vocab - 259 - len(texts))]
    return pieces + [(t, -float(i), 1) for i, t in enumerate(texts)]


def make_tokenizer(vocab, model_type=2, byte_fallback=1, charsmap=b"",
                   dummy_prefix=1, extra_whitespaces=0, pieces=None):
    """A SentencePiece model as bytes."""
    out = b""
    for text, score, kind in pieces or make_pieces(vocab):
        piece = _field(1, text.encode()) + _field(2, score)
        if kind != 1:
            piece += _field(3, kind)
        out += _field(1, piece)
    out += _field(2, _field(3, model_type) + _field(4, vocab)
                  + _field(35, byte_fallback) + _field(40, 0) + _field(41, 1)
                  + _field(42, 2) + _field(43, -1))
    out += _field(3, _field(1, b"identity") + _field(2, charsmap)
                  + _field(3, dummy_prefix) + _field(4, extra_whitespaces))
    return out


# ---- zip archives as PyTorch writes them -----------------------------------


class ZipWriter:
    """Writes an archive to the file @out. Local headers have zero sizes and
    the data-descriptor flag, as torch.save() leaves them; @zip64 writes all
    sizes and offsets as 64-bit fields, as in files beyond 4 GiB."""

    def __init__(self, out, zip64=False, alignment=64, crc=True, method=0):
        self.out, self.zip64, self.alignment = out, zip64, alignment
        self.crc, self.method = crc, method
        self.directory, self.entries = b"", 0

    def add(self, name, pieces):
        """@pieces: bytes in order, not all needed at once."""
        raw, offset = name.encode(), self.out.tell()
        pad = -(offset + 30 + len(raw) + 4) % self.alignment
        self.out.write(struct.pack(
            "<IHHHHHIIIHH", 0x04034b50, 0, 0x0808, self.method, 0, 0, 0, 0, 0,
            len(raw), pad + 4) + raw)
        self.out.write(b"FB" + struct.pack("<H", pad) + b"Z" * pad)
        checksum = size = stored = 0
        for data in pieces:
            body = data
            if self.method == 8:
                body = zlib.compress(data)[2:-4]
            if self.crc:
                checksum = zlib.crc32(data, checksum)
            self.out.write(body)
            size += len(data)
            stored += len(body)
        self.out.write(struct.pack("<IIII", 0x08074b50, checksum, stored,
                                   size))
        extra, sizes, at = b"", (stored, size), offset
        if self.zip64:
            extra = struct.pack("<HHQQQ", 1, 24, size, stored, offset)
            sizes, at = (0xffffffff, 0xffffffff), 0xffffffff
        self.directory += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014b50, 0, 0, 0x0808, self.method, 0, 0,
            checksum, *sizes, len(raw), len(extra), 0, 0, 0, 0, at)
        self.directory += raw + extra
        self.entries += 1

    def close(self):
        start, size, n = self.out.tell(), len(self.directory), self.entries
        self.out.write(self.directory)
        if self.zip64:
            end = self.out.tell()
            self.out.write(struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45,
                                       0, 0, n, n, size, start))
            self.out.write(struct.pack("<IIQI", 0x07064b50, 0, end, 1))
            self.out.write(struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 0xffff,
                                       0xffff, 0xffffffff, 0xffffffff, 0))
        else:
            self.out.write(struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, n, n,
                                       size, start, 0))


def make_zip(entries, **options):
    """@entries: list of (name, bytes)."""
    out = io.BytesIO()
    archive = ZipWriter(out, **options)
    for name, data in entries:
        archive.add(name, [data])
    archive.close()
    return out.getvalue()


# ---- pickles as PyTorch writes them ----------------------------------------


class _Storage:
    def __init__(self, kind, key, n):
        self.kind, self.key, self.n = kind, key, n


class _Tensor:
    """Pickles as torch.Tensor does."""

    def __init__(self, storage, offset, shape, strides, parameter):
        self.args = (storage, offset, tuple(shape), tuple(strides), False,
                     _ordered_dict())
        self.parameter = parameter

    def __reduce__(self):
        utils = sys.modules["torch._utils"]
        if self.parameter:
            inner = _Tensor(*self.args[:4], False)
            return utils._rebuild_parameter, (inner, True, _ordered_dict())
        return utils._rebuild_tensor_v2, self.args


def _ordered_dict():
    import collections
    return collections.OrderedDict()


_STORAGE = {"f32": "FloatStorage", "f16": "HalfStorage",
            "bf16": "BFloat16Storage", "f64": "DoubleStorage",
            "i64": "LongStorage"}


def _fake_torch():
    """Stand-ins for the names that the pickler writes down."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in _STORAGE.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        def function(*args):
            raise NotImplementedError
        function.__module__ = "torch._utils"
        function.__name__ = function.__qualname__ = name
        setattr(utils, name, function)
    torch._utils = utils
    return {"torch": torch, "torch._utils": utils}


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, _Storage):
            return None
        kind = getattr(sys.modules["torch"], value.kind)
        return ("storage", kind, value.key, "cpu", value.n)


class Raw:
    """A tensor for write_bin() with everything given by hand: storage number
    @key, @data bytes (None: another entry has them), and its description."""

    def __init__(self, key, data, dtype, elements, offset, shape, strides):
        self.key, self.data, self.dtype = str(key), data, dtype
        self.elements, self.offset = elements, offset
        self.shape, self.strides = shape, strides


def make_pickle(tensors, dtype, prefix="archive", protocol=2, parameter=False,
                metadata=False):
    """(data.pkl, list of (entry, bytes) with the storages); @tensors: name ->
    array, Raw or any picklable value. dtype may be a function of the name."""
    import collections
    state = collections.OrderedDict() if metadata else {}
    data = []
    for number, (name, value) in enumerate(tensors.items()):
        if isinstance(value, np.ndarray):
            kind = dtype(name) if callable(dtype) else dtype
            strides, step = [], 1
            for n in reversed(value.shape):
                strides.insert(0, step)
                step *= n
            value = Raw(number, encode(value, kind), kind, value.size, 0,
                        value.shape, strides)
        if isinstance(value, Raw):
            if value.data is not None:
                data.append((f"{prefix}/data/{value.key}", value.data))
            storage = _Storage(_STORAGE[value.dtype], value.key,
                               value.elements)
            value = _Tensor(storage, value.offset, value.shape, value.strides,
                            parameter)
        state[name] = value
    if metadata:
        state._metadata = collections.OrderedDict([("", {"version": 1})])
    out = io.BytesIO()
    fakes = _fake_torch()
    saved = {name: sys.modules.get(name) for name in fakes}
    sys.modules.update(fakes)
    try:
        _Pickler(out, protocol).dump(state)
    finally:
        for name, module in saved.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return out.getvalue(), data


def make_bin(tensors, dtype, prefix="archive", byteorder="little", protocol=2,
             parameter=False, metadata=False, **zip_options):
    """Bytes of a pytorch_model.bin; see make_pickle()."""
    data_pkl, data = make_pickle(tensors, dtype, prefix, protocol, parameter,
                                 metadata)
    entries = [(f"{prefix}/data.pkl", data_pkl)]
    if byteorder:
        entries.append((f"{prefix}/byteorder", byteorder.encode()))
    entries += data + [(f"{prefix}/version", b"3\n")]
    return make_zip(entries, **zip_options)


# ---- safetensors -----------------------------------------------------------


def make_safetensors(tensors, dtype):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, value in tensors.items():
        kind = dtype(name) if callable(dtype) else dtype
        data = encode(value, kind)
        header[name] = {"dtype": kind.upper().replace("F64", "F64"),
                        "shape": list(value.shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


# ---- directories -----------------------------------------------------------


def write_file(directory, name, data):
    with open(os.path.join(directory, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else
                json.dumps(data, indent=1).encode())


def write_checkpoint(directory, config, tensors, dtype="f16", form="bin",
                     shards=1, index=True, padded_names=True, tokenizer=None,
                     preprocessor=True, **bin_options):
    """Writes a checkpoint directory; returns name -> float32 array of the
    values as stored. @dtype: one for all, or a function of the name."""
    os.makedirs(directory, exist_ok=True)
    write_file(directory, "config.json", config)
    write_file(directory, "tokenizer.model",
               tokenizer or make_tokenizer(config["vocab_size"]))
    write_file(directory, "generation_config.json",
               {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    if preprocessor:
        write_file(directory, "preprocessor_config.json",
                   make_preprocessor(config))
    stem = "pytorch_model" if form == "bin" else "model"
    suffix = ".bin" if form == "bin" else ".safetensors"
    names = list(tensors)
    weight_map = {}
    for i in range(shards):
        part = names[i * len(names) // shards:(i + 1) * len(names) // shards]
        if shards == 1:
            name = stem + suffix
        elif padded_names:
            name = f"{stem}-{i + 1:05}-of-{shards:05}{suffix}"
        else:
            name = f"{stem}-{i + 1}-of-{shards}{suffix}"
        chunk = {n: tensors[n] for n in part}
        data = (make_bin(chunk, dtype, prefix=name[:-4], **bin_options)
                if form == "bin" else make_safetensors(chunk, dtype))
        write_file(directory, name, data)
        weight_map.update({n: name for n in part})
    if index and shards > 1:
        write_file(directory, stem + suffix + ".index.json",
                   {"metadata": {}, "weight_map": weight_map})
    return {n: as_stored(v, dtype(n) if callable(dtype) else dtype)
            for n, v in tensors.items() if isinstance(v, np.ndarray)}


def pad_checkpoint(source, directory, token):
    """A copy of the safetensors checkpoint @source with one more row in both
    vocabulary matrices, as fine-tuning with an added @token leaves it."""
    os.makedirs(directory)
    tensors, header, body = {}, {}, b""
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), "rb") as f:
            data = f.read()
        if not name.endswith(".safetensors"):
            if not name.endswith(".index.json"):
                write_file(directory, name, data)
            continue
        n = struct.unpack("<Q", data[:8])[0]
        for key, info in json.loads(data[8:8 + n]).items():
            if key != "__metadata__":
                begin, end = info["data_offsets"]
                tensors[key] = [info["dtype"], info["shape"],
                                data[8 + n + begin:8 + n + end]]
    for key in ("lm_head.weight", "model.embed_tokens.weight"):
        _, shape, data = tensors[key]
        tensors[key][1] = [shape[0] + 1, shape[1]]
        tensors[key][2] = data + data[:len(data) // shape[0]]
    for key, (dtype, shape, data) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape,
                       "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    write_file(directory, "model.safetensors",
               struct.pack("<Q", len(text)) + text + body)
    with open(os.path.join(source, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["vocab_size"] += 1
    write_file(directory, "config.json", config)
    write_file(directory, "added_tokens.json",
               {token: config["vocab_size"] - 1})


# What Git leaves in place of a file that Git LFS has.
LFS_POINTER = (b"version https://git-lfs.github.com/spec/v1\noid sha256:"
               + b"0" * 64 + b"\nsize 574207\n")

# name -> (seed, options of make_config, of make_tensors, of write_checkpoint)
ZOO = {
    "fp32-single": (1, {}, {}, {"dtype": "f32"}),
    "fp32-single-safetensors": (
        2, {"width": 40, "heads": 5}, {},
        {"dtype": "f32", "form": "safetensors"}),
    "odd-widths": (
        3, {"width": 42, "heads": 3, "mlp": 37, "vision_width": 20,
            "vision_heads": 5, "vision_mlp": 33, "abstractor_heads": 2,
            "abstractor_mlp": 29, "image": 39, "patch": 13, "queries": 3,
            "vocab": 367}, {}, {"shards": 2}),
    "one-kv-head": (
        4, {"width": 64, "heads": 4, "kv_heads": 1, "vision_heads": 1,
            "abstractor_heads": 8}, {},
        {"dtype": "bf16", "form": "safetensors", "shards": 3}),
    "other-numbers": (
        5, {"eps": 1e-3, "rope_base": 500000.0, "vision_eps": 1e-2,
            "abstractor_eps": 1e-2, "vision_layers": 1, "layers": 1,
            "abstractor_layers": 1}, {},
        {"dtype": "f32", "metadata": True, "protocol": 4}),
    "no-positions": (
        6, {"image": 42, "queries": 9}, {"positions": False,
                                         "inv_freq": False},
        {"dtype": "f16", "parameter": True, "protocol": 5}),
    "release-names": (
        7, {"layers": 3}, {"positions": False},
        {"shards": 33, "padded_names": False}),
    "no-index": (8, {}, {}, {"shards": 4, "index": False, "dtype": "bf16"}),
    "no-index-safetensors": (
        9, {}, {}, {"shards": 2, "index": False, "form": "safetensors",
                    "dtype": "f16"}),
    "zip64": (10, {}, {}, {"zip64": True, "dtype": "f16", "crc": False,
                           "byteorder": None}),
    "tied": (11, {"tied": True}, {}, {"dtype": "f16"}),
    "mixed-types": (
        12, {}, {},
        {"dtype": lambda n: "f32" if "norm" in n or "inv_freq" in n
         else "bf16" if "mlp" in n else "f16"}),
    # Rows of whole blocks of 256 and of 32, and of neither, in tensors of
    # several pieces.
    "blocks": (
        14, {"width": 512, "heads": 4, "layers": 3, "mlp": 768,
             "vision_width": 64, "vision_mlp": 256, "abstractor_mlp": 100, "vocab": 1100}, {},
        {"dtype": "f16", "shards": 2}),
    "blocks-bf16": (
        15, {"width": 256, "heads": 4, "layers": 1, "mlp": 96, "tied": True,
             "vocab": 2500}, {"positions": False}, {"dtype": "bf16"}),
    "one-of-each": (
        13, {"width": 4, "heads": 1, "mlp": 1, "layers": 1, "vision_width": 4,
             "vision_heads": 1, "vision_mlp": 1, "vision_layers": 1,
             "image": 1, "patch": 1, "abstractor_heads": 1,
             "abstractor_mlp": 1, "abstractor_layers": 1, "queries": 1,
             "vocab": 354}, {}, {"dtype": "f32"}),
}


def make_case(name, directory):
    """Writes a case of ZOO; returns (config, tensors as stored)."""
    seed, config_options, tensor_options, options = ZOO[name]
    config = make_config(**config_options)
    tensors = make_tensors(config, np.random.default_rng(seed),
                           **tensor_options)
    return config, write_checkpoint(directory, config, tensors, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("case", nargs="?", choices=ZOO)
    parser.add_argument("directory", nargs="?")
    args = parser.parse_args()
    if args.list or not args.directory:
        print("\n".join(ZOO))
    else:
        make_case(args.case, args.directory)


if __name__ == "__main__":
    main()
