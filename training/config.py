# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dimensions of owl2-nano, as the config.json of its checkpoint."""
import world

SEED = 1


def config(queries=16, size=world.SIZE):
    vision = {'hidden_size': 160, 'num_hidden_layers': 5, 'num_attention_heads': 5, 'intermediate_size': 640,
              'image_size': size, 'patch_size': 14, 'num_channels': 3, 'layer_norm_eps': 1e-6,
              'hidden_act': 'quick_gelu', 'attention_dropout': 0.0, 'initializer_factor': 1.0,
              'initializer_range': 0.02, 'model_type': 'mplug_owl_vision_model', 'projection_dim': 160,
              'use_flash_attn': False, 'use_cls_token': True, 'use_post_layernorm': True}
    abstractor = {'hidden_size': 160, 'num_hidden_layers': 2, 'num_attention_heads': 5, 'intermediate_size': 416,
                  'num_learnable_queries': queries, 'grid_size': size // 14, 'encoder_hidden_size': 160,
                  'layer_norm_eps': 1e-6, 'attention_probs_dropout_prob': 0.0, 'initializer_range': 0.02,
                  'model_type': 'mplug_owl_visual_abstract', 'add_v2t_pos_emb': False}
    return {'architectures': ['MPLUGOwl2LlamaForCausalLM'], 'model_type': 'mplug_owl2', 'attention_bias': False,
            'bos_token_id': 1, 'eos_token_id': 2, 'hidden_act': 'silu', 'hidden_size': 192,
            'initializer_range': 0.02, 'intermediate_size': 512, 'max_position_embeddings': 2048,
            'num_attention_heads': 6, 'num_hidden_layers': 4, 'num_key_value_heads': 6, 'pretraining_tp': 1,
            'rms_norm_eps': 1e-6, 'rope_scaling': None, 'rope_theta': 10000.0, 'tie_word_embeddings': False,
            'torch_dtype': 'float16', 'transformers_version': '4.31.0', 'use_cache': True, 'vocab_size': 1024,
            'visual_config': {'visual_model': vision, 'visual_abstractor': abstractor}}
