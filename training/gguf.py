# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model file that owl2-convert made of a checkpoint of ours, to be trained further.

    python3 gguf.py MODEL.gguf RUN_DIR TOKENIZER.model

writes RUN_DIR/start.pt, a state dict of net.Owl2, and RUN_DIR/tokenizer.model.
Names are those of engine/file/tensors.inc; what is quantised becomes the values
that the file stands for. TOKENIZER.model is one that tokenizer.py made: all but
the pieces is taken from it.
"""
import os
import struct
import sys

import torch

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tests/file'))
from read_gguf import published, read_gguf  # noqa: E402

NORMAL = 1      # the type of a piece that need not be written

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
