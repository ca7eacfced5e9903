# SPDX-License-Identifier: LGPL-2.1-or-later
"""mPLUG-Owl2 in PyTorch, small enough to train on two cores.

Module names are those of the published checkpoint, so that a state dict is a
checkpoint.  Weights stay in fp32; with `FAST` set, matrix products run in
bf16 while norms, softmax and the residual stream stay in fp32.
"""
import json
import math
import os
import types

import torch
import torch.nn as nn
import torch.nn.functional as F

from tasks import cells

FAST = False  # bf16 matrix products


def linear(x, weight, bias=None):
    if FAST:
        return F.linear(x.to(torch.bfloat16), weight.to(torch.bfloat16),
                        None if bias is None else bias.to(torch.bfloat16))
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    def forward(self, x):
        return linear(x, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.float())


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def attend(q, k, v, mask=None):
    """q [B, h, Tq, d], k and v [B, h, Tk, d]; mask is added to the scores."""
    score = torch.matmul(q * (1 / math.sqrt(q.shape[-1])), k.transpose(2, 3))
    if mask is not None:
        score = score + mask
    return torch.matmul(score.softmax(-1).to(v.dtype), v)


def split_heads(x, heads):
    b, t, w = x.shape
    return x.view(b, t, heads, w // heads).transpose(1, 2)


def join_heads(x):
    b, h, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, h * d)


# ---- vision encoder ---------------------------------------------------------

class VisionEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        n = (c.image_size // c.patch_size) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.hidden_size))
        self.patch_embed = nn.Conv2d(3, c.hidden_size, c.patch_size, c.patch_size, bias=False)
        self.position_embedding = nn.Parameter(torch.zeros(1, 1 + n, c.hidden_size))
        self.pre_layernorm = LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.patch = c.patch_size

    def forward(self, pixels):
        b, ch, h, w = pixels.shape
        p = self.patch
        x = pixels.view(b, ch, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5)
        x = x.reshape(b, (h // p) * (w // p), ch * p * p)
        x = linear(x, self.patch_embed.weight.flatten(1)).float()
        x = torch.cat([self.cls_token.expand(b, -1, -1), x], 1)
        return self.pre_layernorm(x + self.position_embedding)


class VisionAttention(nn.Module):
    """Query, key and value rows are interleaved head by head."""

    def __init__(self, c):
        super().__init__()
        self.heads = c.num_attention_heads
        self.query_key_value = Linear(c.hidden_size, 3 * c.hidden_size)
        self.dense = Linear(c.hidden_size, c.hidden_size)

    def forward(self, x):
        b, t, w = x.shape
        qkv = self.query_key_value(x).view(b, t, self.heads, 3, w // self.heads)
        q, k, v = qkv.permute(3, 0, 2, 1, 4).unbind(0)
        return self.dense(join_heads(attend(q, k, v)))


class VisionMLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1 = Linear(c.hidden_size, c.intermediate_size)
        self.fc2 = Linear(c.intermediate_size, c.hidden_size)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class VisionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.self_attn = VisionAttention(c)
        self.post_attention_layernorm = LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.mlp = VisionMLP(c)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings = VisionEmbeddings(c)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(VisionLayer(c) for _ in range(c.num_hidden_layers))
        self.post_layernorm = LayerNorm(c.hidden_size, c.layer_norm_eps)

    def forward(self, pixels):
        x = self.embeddings(pixels)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


# ---- visual abstractor ------------------------------------------------------

def sincos(positions, width):
    """[n] positions to [n, width]: sines in the first half, cosines in the second."""
    half = width // 2
    freq = torch.tensor([10000.0 ** (-j / half) for j in range(half)], dtype=torch.float64)
    angle = positions.double()[:, None] * freq[None]
    return torch.cat([angle.sin(), angle.cos()], 1).float()


def grid_sincos(grid, width):
    """Class token first, then row by row; the column's table is the first half."""
    i = torch.arange(grid * grid)
    table = torch.cat([sincos(i % grid, width // 2),
                       sincos(torch.div(i, grid, rounding_mode='floor'), width // 2)], 1)
    return torch.cat([torch.zeros(1, width), table], 0)


class AbstractorAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.num_attention_heads
        for name in ('query', 'key', 'value'):
            setattr(self, name, Linear(c.hidden_size, c.hidden_size))
        self.register_buffer('q_pos_embed', sincos(torch.arange(c.num_learnable_queries), c.hidden_size))
        self.register_buffer('k_pos_embed', grid_sincos(c.grid_size, c.hidden_size))

    def forward(self, h, image):
        kv = torch.cat([h, image], 1)
        q = self.query(h + self.q_pos_embed)
        k = self.key(kv + torch.cat([self.q_pos_embed, self.k_pos_embed], 0))
        v = self.value(kv)
        return join_heads(attend(*(split_heads(t, self.heads) for t in (q, k, v))))


class AbstractorMLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.w1 = Linear(c.hidden_size, c.intermediate_size)
        self.w2 = Linear(c.intermediate_size, c.hidden_size)
        self.w3 = Linear(c.hidden_size, c.intermediate_size)
        self.ffn_ln = LayerNorm(c.intermediate_size, c.layer_norm_eps)

    def forward(self, x):
        return self.w2(self.ffn_ln(F.silu(self.w1(x)) * self.w3(x)))


class AbstractorOutput(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.out_proj = Linear(c.hidden_size, c.hidden_size)
        self.norm2 = LayerNorm(c.hidden_size, 1e-5)
        self.mlp = AbstractorMLP(c)


class CrossAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention = AbstractorAttention(c)
        self.output = AbstractorOutput(c)
        self.norm1 = LayerNorm(c.hidden_size, 1e-5)
        self.normk = LayerNorm(c.hidden_size, 1e-5)

    def forward(self, x, image):
        h = self.norm1(x)
        t = h + self.output.out_proj(self.attention(h, self.normk(image)))
        return t + self.output.mlp(self.output.norm2(t))


class Abstractor(nn.Module):
    def __init__(self, c, out_width):
        super().__init__()
        self.query_embeds = nn.Parameter(torch.zeros(1, c.num_learnable_queries, c.hidden_size))
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(nn.Module() for _ in range(c.num_hidden_layers))
        for layer in self.encoder.layers:
            layer.crossattention = CrossAttention(c)
        self.visual_fc = Linear(c.hidden_size, out_width)
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, out_width))

    def forward(self, image):
        x = self.query_embeds.expand(image.shape[0], -1, -1)
        for layer in self.encoder.layers:
            x = layer.crossattention(x, image)
        x = self.visual_fc(x).float()
        return torch.cat([x, self.vit_eos.expand(x.shape[0], -1, -1)], 1)


# ---- language decoder with the modality-adaptive module ---------------------

class MultiWay(nn.Module):
    """Two copies of a module: way 0 for text positions, way 1 for image rows.

    `span` is the (start, end) of the image rows, the same in the whole batch,
    or None where there are none.  With ADAPTIVE unset way 0 serves both.
    """
    ADAPTIVE = True

    def __init__(self, make):
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, x, span):
        if span is None or not self.ADAPTIVE:
            return self.multiway[0](x)
        a, b = span
        text, image = self.multiway
        parts = [text(x[:, :a]), image(x[:, a:b])]
        if b < x.shape[1]:
            parts.append(text(x[:, b:]))
        return torch.cat(parts, 1)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class DecoderAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv_heads = c.num_attention_heads, c.num_key_value_heads
        d = c.hidden_size // self.heads
        self.q_proj = Linear(c.hidden_size, c.hidden_size, bias=False)
        self.k_proj = MultiWay(lambda: Linear(c.hidden_size, self.kv_heads * d, bias=False))
        self.v_proj = MultiWay(lambda: Linear(c.hidden_size, self.kv_heads * d, bias=False))
        self.o_proj = Linear(c.hidden_size, c.hidden_size, bias=False)

    def forward(self, x, span, cos, sin, mask, cache):
        q = split_heads(self.q_proj(x), self.heads)
        k = split_heads(self.k_proj(x, span), self.kv_heads)
        v = split_heads(self.v_proj(x, span), self.kv_heads)
        q, k = rotate(q, cos.to(q.dtype), sin.to(q.dtype)), rotate(k, cos.to(k.dtype), sin.to(k.dtype))
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
        if self.kv_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        return self.o_proj(join_heads(attend(q, k, v, mask)))


class DecoderMLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = DecoderAttention(c)
        self.mlp = DecoderMLP(c)
        self.input_layernorm = MultiWay(lambda: RMSNorm(c.hidden_size, c.rms_norm_eps))
        self.post_attention_layernorm = MultiWay(lambda: RMSNorm(c.hidden_size, c.rms_norm_eps))

    def forward(self, x, span, cos, sin, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x, span), span, cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x, span))


class Owl2(nn.Module):
    def __init__(self, config):
        """config: the content of config.json"""
        super().__init__()
        c = types.SimpleNamespace(**config)
        vision = types.SimpleNamespace(**config['visual_config']['visual_model'])
        abstractor = types.SimpleNamespace(**config['visual_config']['visual_abstractor'])
        self.config, self.c = config, c
        self.rows = abstractor.num_learnable_queries + 1
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.model.vision_model = VisionModel(vision)
        self.model.visual_abstractor = Abstractor(abstractor, c.hidden_size)
        self.model.layers = nn.ModuleList(DecoderLayer(c) for _ in range(c.num_hidden_layers))
        self.model.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.lm_head = Linear(c.hidden_size, c.vocab_size, bias=False)
        d = c.hidden_size // c.num_attention_heads
        freq = 1.0 / (c.rope_theta ** (torch.arange(0, d, 2).float() / d))
        angle = torch.outer(torch.arange(c.max_position_embeddings).float(), freq)
        self.register_buffer('rope', torch.stack([angle.cos(), angle.sin()]), persistent=False)

    def encode(self, pixels):
        """[frames, 3, S, S] to [frames, rows, width]"""
        return self.model.visual_abstractor(self.model.vision_model(pixels))

    def decode(self, embeds, positions, mask, span, caches=None, states=None):
        """embeds [B, T, W], positions [B, T] or [T], mask added to scores; before lm_head.

        states: a list that gets the residual stream after each layer.
        """
        cos, sin = (torch.cat([t, t], -1) for t in self.rope[:, positions])
        if cos.dim() == 3:
            cos, sin = cos[:, None], sin[:, None]
        x = embeds
        for i, layer in enumerate(self.model.layers):
            x = layer(x, span, cos, sin, mask, None if caches is None else caches[i])
            if states is not None:
                states.append(x)
        return self.model.norm(x)

    @torch.no_grad()
    def generate(self, embeds, span, limit, eos=2, stop=True):
        """Greedy decoding of prompts of one length; token ids [B][<= limit] without eos."""
        b, t, _ = embeds.shape
        caches = [[] for _ in self.model.layers]
        mask = torch.full((t, t), float('-inf')).triu(1)
        x = self.decode(embeds, torch.arange(t), mask, span, caches)
        out, done = [], torch.zeros(b, dtype=torch.bool)
        for i in range(limit):
            ids = self.lm_head(x[:, -1]).float().argmax(-1)
            out.append(ids)
            done |= ids == eos
            if stop and bool(done.all()) or i + 1 == limit:
                break
            x = self.decode(self.model.embed_tokens(ids)[:, None], torch.tensor([t + i]), None, None, caches)
        rows = torch.stack(out, 1).tolist()
        return [r[:r.index(eos)] if stop and eos in r else r for r in rows]

    def init(self, seed):
        """Initial weights: small normals; a 2-D sine table tells the ViT rows and columns apart, and each query of
        the abstractor begins by looking at its own cell of the picture."""
        g = torch.Generator().manual_seed(seed)
        layers = len(self.model.layers)
        for name, p in self.named_parameters():
            if p.dim() < 2 or 'norm' in name:
                continue
            std = 0.02 if 'embed_tokens' in name else 1.0 / math.sqrt(p[0].numel())
            if name.endswith(('cls_token', 'query_embeds', 'vit_eos')):
                std = 1.0 if 'query' in name else 0.1
            if name.endswith(('o_proj.weight', 'down_proj.weight', 'dense.weight', 'fc2.weight')):
                std /= math.sqrt(2 * layers)
            p.data.normal_(0, std, generator=g)
        for name, p in self.named_parameters():
            if name.endswith('bias'):
                p.data.zero_()
        e = self.model.vision_model.embeddings
        grid = int(math.sqrt(e.position_embedding.shape[1] - 1))
        e.position_embedding.data.copy_(0.5 * grid_sincos(grid, e.cls_token.shape[-1])[None])
        e.patch_embed.weight.data.mul_(0.5)
        abstractor = self.model.visual_abstractor
        table = grid_sincos(grid, abstractor.query_embeds.shape[-1])[1:]
        table = table - table.mean(0)
        columns, rows = cells(self.rows - 1)
        at = (torch.arange(grid) + 0.5) / grid
        own = [((at * rows).long() == i // columns)[:, None] & ((at * columns).long() == i % columns)[None]
               for i in range(columns * rows)]
        places = torch.stack([F.layer_norm(table[o.flatten()].mean(0), table.shape[1:]) for o in own])
        for layer in abstractor.encoder.layers:
            # Takes each query to where the keys of its cell are.
            attention = layer.crossattention.attention
            start = F.layer_norm(abstractor.query_embeds.data[0], table.shape[1:]) + attention.q_pos_embed
            to_place = torch.linalg.pinv(start[:len(places)]) @ places
            attention.query.weight.data.mul_(0.3).add_(1.3 * attention.key.weight.data @ to_place.t())

    def same_ways(self):
        """Gives the image way of the modality-adaptive module the weights of the text way."""
        for m in self.modules():
            if isinstance(m, MultiWay):
                m.multiway[1].load_state_dict(m.multiway[0].state_dict())


def load(directory):
    """An Owl2 from a checkpoint directory, widened to fp32."""
    config = json.load(open(os.path.join(directory, 'config.json')))
    net = Owl2(config)
    state = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.endswith('.bin'):
            state.update(torch.load(path, map_location='cpu'))
        elif name.endswith('.safetensors'):
            state.update(read_safetensors(path))
    state = {k: v.float() for k, v in state.items() if not k.endswith('inv_freq')}
    missing, extra = net.load_state_dict(state, strict=False)
    lost = [k for k in missing if not k.endswith('pos_embed')]
    if lost or extra:
        raise ValueError('checkpoint lacks %s and has unknown %s' % (lost, extra))
    return net.eval()


def read_safetensors(path):
    data = open(path, 'rb').read()
    size = int.from_bytes(data[:8], 'little')
    kinds = {'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name != '__metadata__':
            a, b = t['data_offsets']
            raw = torch.frombuffer(bytearray(data[8 + size + a:8 + size + b]), dtype=kinds[t['dtype']])
            out[name] = raw.view(t['shape'])
    return out
