# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a trained state as a checkpoint directory in the published layout, fp16.

    python3 export.py STATE OUT_DIR TOKENIZER.model [--queries N]

STATE is state.pt of a run, or one of its after-STAGE.pt files.
"""
import argparse
import json
import os
import shutil

import torch

import net as network
import world
from config import config
from heads import Heads
from optim import Flat

SHARDS = 2


def token(content):
    return {'content': content, 'lstrip': False, 'normalized': False, 'rstrip': False, 'single_word': False}


def write_json(directory, name, data):
    with open(os.path.join(directory, name), 'w') as f:
        json.dump(data, f, indent=2, sort_keys=True)
        f.write('\n')


def restore(path, c, mean=False):
    """An Owl2 from what training wrote."""
    net = network.Owl2(c)
    state = torch.load(path)
    if 'p' not in state:
        net.load_state_dict(state)
        return net
    queries = c['visual_config']['visual_abstractor']['num_learnable_queries']
    flat = Flat([net, Heads(c['visual_config']['visual_model']['hidden_size'], c['hidden_size'], queries)])
    flat.p.copy_(state['mean'] if mean else state['p'])
    return net


def export(net, out, tokenizer):
    os.makedirs(out, exist_ok=True)
    c = net.config
    state = {k: v.half().clone() for k, v in net.state_dict().items()}
    d = c['hidden_size'] // c['num_attention_heads']
    for i in range(c['num_hidden_layers']):
        state['model.layers.%d.self_attn.rotary_emb.inv_freq' % i] = \
            1.0 / (c['rope_theta'] ** (torch.arange(0, d, 2).float() / d))
    names, where = list(state), {}
    per = (len(names) + SHARDS - 1) // SHARDS
    for k in range(SHARDS):
        shard = 'pytorch_model-%d-of-%d.bin' % (k + 1, SHARDS)
        part = {n: state[n] for n in names[k * per:(k + 1) * per]}
        torch.save(part, os.path.join(out, shard))
        where.update({n: shard for n in part})
    size = sum(v.numel() * v.element_size() for v in state.values())
    write_json(out, 'pytorch_model.bin.index.json', {'metadata': {'total_size': size}, 'weight_map': where})
    write_json(out, 'config.json', c)
    edge = c['visual_config']['visual_model']['image_size']
    write_json(out, 'preprocessor_config.json', {
        'crop_size': edge, 'do_center_crop': True, 'do_normalize': True, 'do_resize': True,
        'feature_extractor_type': 'CLIPFeatureExtractor', 'image_mean': [0.48145466, 0.4578275, 0.40821073],
        'image_std': [0.26862954, 0.26130258, 0.27577711], 'resample': 3, 'size': edge})
    write_json(out, 'generation_config.json', {'bos_token_id': 1, 'eos_token_id': 2, 'pad_token_id': 0,
                                               'max_length': 2048, 'transformers_version': '4.31.0'})
    write_json(out, 'tokenizer_config.json', {
        'add_bos_token': True, 'add_eos_token': False, 'bos_token': dict(token('<s>'), __type='AddedToken'),
        'eos_token': dict(token('</s>'), __type='AddedToken'), 'unk_token': dict(token('<unk>'), __type='AddedToken'),
        'clean_up_tokenization_spaces': False, 'legacy': True, 'model_max_length': 2048, 'pad_token': None,
        'padding_side': 'right', 'sp_model_kwargs': {}, 'tokenizer_class': 'LlamaTokenizer'})
    write_json(out, 'special_tokens_map.json', {'bos_token': token('<s>'), 'eos_token': token('</s>'),
                                                'pad_token': '<unk>', 'unk_token': token('<unk>')})
    shutil.copy(tokenizer, os.path.join(out, 'tokenizer.model'))


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('state')
    p.add_argument('out')
    p.add_argument('tokenizer')
    p.add_argument('--queries', type=int, default=16)
    p.add_argument('--mean', action='store_true', help='the running mean of the weights: for a run that is not at its end')
    a = p.parse_args()
    export(restore(a.state, config(a.queries, world.SIZE), a.mean), a.out, a.tokenizer)
