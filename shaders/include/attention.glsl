/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the attention kernels share: bindings and loads of four elements of a
 * head. out[row][head] = softmax (q k' * scale) v; row r sees keys 0 .. pos0 +
 * r if causal, else all. Maximum and sum of the softmax run along with the
 * keys (Milakov, Gimelshein 2018; Dao et al. 2022, algorithm 1), so no row of
 * scores is ever held. VEC4: all heads of q, k and v are whole, aligned
 * vec4s. */
layout (constant_id = OWL2_SC_ATTENTION_HEAD_DIM) const uint HEAD_DIM = 64;

layout (push_constant) uniform Push { owl2_pc_attention pc; };
layout (set = 0, binding = 0) readonly buffer Q1 { float q1[]; };
layout (set = 0, binding = 0) readonly buffer Q4 { vec4 q4[]; };
layout (set = 0, binding = 1) readonly buffer K1 { float k1[]; };
layout (set = 0, binding = 1) readonly buffer K4 { vec4 k4[]; };
layout (set = 0, binding = 2) readonly buffer V1 { float v1[]; };
layout (set = 0, binding = 2) readonly buffer V4 { vec4 v4[]; };
layout (set = 0, binding = 3) writeonly buffer Out { float o[]; };

const uint D4 = (HEAD_DIM + 3) / 4;     /* vec4s of a head */
const float LOWEST = -3.402823466e38;

/* Elements 4 d4 .. 4 d4 + 3 of the head at @at; 0 past its end. */
#define OWL2_LOAD4(NAME, B1, B4) \
  vec4 \
  NAME (uint at, uint d4) \
  { \
    if (VEC4) \
      return B4[at / 4 + d4]; \
    at += 4 * d4; \
    vec4 v = vec4 (B1[at], 0.0, 0.0, 0.0); \
    if (4 * d4 + 1 < HEAD_DIM) \
      v.y = B1[at + 1]; \
    if (4 * d4 + 2 < HEAD_DIM) \
      v.z = B1[at + 2]; \
    if (4 * d4 + 3 < HEAD_DIM) \
      v.w = B1[at + 3]; \
    return v; \
  }
OWL2_LOAD4 (load_q, q1, q4)
OWL2_LOAD4 (load_k, k1, k4)
OWL2_LOAD4 (load_v, v1, v4)

/* Where the head of a row starts. */
uint
q_at (uint row, uint head)
{
  return pc.q_offset + row * pc.q_stride + head * pc.q_head_stride;
}

uint
k_at (uint key, uint head)
{
  return pc.k_offset + key * pc.k_stride + head / pc.group * pc.kv_head_stride;
}

uint
v_at (uint key, uint head)
{
  return pc.v_offset + key * pc.v_stride + head / pc.group * pc.kv_head_stride;
}

/* Keys that @row sees. */
uint
keys_of (uint row)
{
  return pc.causal != 0 ? min (pc.n_k, pc.pos0 + row + 1) : pc.n_k;
}

void
store_out (uint row, uint head, uint d, float value)
{
  o[pc.o_offset + row * pc.o_stride + head * HEAD_DIM + d] = value;
}
