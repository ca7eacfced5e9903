# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model file that owl2-convert made of a checkpoint of ours, to be trained further.

    python3 gguf.py MODEL.gguf RUN_DIR TOKENIZER.model

writes RUN_DIR/start.pt, a state dict of net.Owl2, and RUN_DIR/tokenizer.model.
Names are those of engine/file/tensors.c; what is quantised becomes the values
that the file stands for. TOKENIZER.model is one that tokenizer.py made: all but
the pieces is taken from it.
"""
import os
import re
import struct
import sys

import torch

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tests/file'))
from read_gguf import read_gguf  # noqa: E402

NORMAL = 1      # the type of a piece that need not be written

# Where a name begins, in the file and in a checkpoint, and the names behind it.
TABLE = [
    (r'v\.blk\.(\d+)\.', r'model.vision_model.encoder.layers.\1.', {
        'ln1': 'input_layernorm', 'attn_qkv': 'self_attn.query_key_value', 'attn_out': 'self_attn.dense',
        'ln2': 'post_attention_layernorm', 'ffn_up': 'mlp.fc1', 'ffn_down': 'mlp.fc2'}),
    (r'v\.', r'model.vision_model.', {
        'patch_embd': 'embeddings.patch_embed', 'class_embd': 'embeddings.cls_token',
        'position_embd.weight': 'embeddings.position_embedding', 'pre_ln': 'embeddings.pre_layernorm',
        'post_ln': 'post_layernorm'}),
    (r'a\.blk\.(\d+)\.', r'model.visual_abstractor.encoder.layers.\1.crossattention.', {
        'q_pos': 'attention.q_pos_embed', 'k_pos': 'attention.k_pos_embed', 'ln1': 'norm1', 'lnk': 'normk',
        'attn_q': 'attention.query', 'attn_k': 'attention.key', 'attn_v': 'attention.value',
        'attn_out': 'output.out_proj', 'ln2': 'output.norm2', 'ffn_gate': 'output.mlp.w1', 'ffn_up': 'output.mlp.w3',
        'ffn_norm': 'output.mlp.ffn_ln', 'ffn_down': 'output.mlp.w2'}),
    (r'a\.', r'model.visual_abstractor.', {'query_embd': 'query_embeds', 'proj': 'visual_fc', 'eos': 'vit_eos'}),
    (r'blk\.(\d+)\.', r'model.layers.\1.', {
        'attn_norm': 'input_layernorm.multiway.0', 'attn_norm_img': 'input_layernorm.multiway.1',
        'attn_q': 'self_attn.q_proj', 'attn_k': 'self_attn.k_proj.multiway.0',
        'attn_k_img': 'self_attn.k_proj.multiway.1', 'attn_v': 'self_attn.v_proj.multiway.0',
        'attn_v_img': 'self_attn.v_proj.multiway.1', 'attn_output': 'self_attn.o_proj',
        'ffn_norm': 'post_attention_layernorm.multiway.0', 'ffn_norm_img': 'post_attention_layernorm.multiway.1',
        'ffn_gate': 'mlp.gate_proj', 'ffn_up': 'mlp.up_proj', 'ffn_down': 'mlp.down_proj'}),
    (r'', r'', {'token_embd': 'model.embed_tokens', 'output_norm': 'model.norm', 'output': 'lm_head'}),
]


def published(name):
    """The name of a tensor in a checkpoint"""
    for pattern, prefix, names in TABLE:
        m = re.match(pattern, name)
        if m:
            rest = name[m.end():]
            stem, dot, last = rest.rpartition('.')
            return m.expand(prefix) + (names[rest] if rest in names else names[stem] + dot + last)


def state(tensors, net):
    """The state dict for `net` of a model file's tensors"""
    want = net.state_dict()
    return {n: torch.from_numpy(v.astype('float32')).view(want[n].shape)
            for n, v in ((published(n), v) for n, (_, v) in tensors.items())}


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(key, data):
    """A field of bytes of a protocol buffer"""
    return bytes([key << 3 | 2]) + varint(len(data)) + data


def tokenizer(keys, template):
    """A SentencePiece model (sentencepiece_model.proto) with the pieces of a model file's keys."""
    out = b''
    for piece, score, kind in zip(*(keys['tokenizer.ggml.' + k] for k in ('tokens', 'scores', 'token_type'))):
        out += field(1, field(1, bytes(piece)) + b'\x15' + struct.pack('<f', score) +
                     (b'' if kind == NORMAL else b'\x18' + varint(int(kind))))
    at = 0
    while at < len(template):
        key, body = read_varint(template, at)
        assert key & 7 == 2, 'a SentencePiece model holds messages'
        size, body = read_varint(template, body)
        if key != 1 << 3 | 2:
            out += template[at:body + size]
        at = body + size
    return out


if __name__ == '__main__':
    import net as network
    from config import config
    model, run, template = sys.argv[1:]
    keys, tensors = read_gguf(model)[:2]
    with open(template, 'rb') as f:
        pieces = tokenizer(keys, f.read())
    with open(os.path.join(run, 'tokenizer.model'), 'wb') as f:
        f.write(pieces)
    net = network.Owl2(config())
    net.load_state_dict(state(tensors, net))
    torch.save(net.state_dict(), os.path.join(run, 'start.pt'))
