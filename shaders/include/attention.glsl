/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the attention kernels share: bindings and loads of four elements of a
 * head. out[row][head] = softmax (q k' * scale) v. Maximum and sum of the
 * softmax run along with the keys (Milakov, Gimelshein 2018; Dao et al. 2022,
 * algorithm 1), so no row of scores is ever held. VEC4: all heads of q, k and v
 * are whole, aligned vec4s.
 *
 * OWL2_PAGED: keys and values lie in pages of OWL2_PAGE positions, by page,
 * head, then position; the table of rows tells a row's position, up to which it
 * sees the keys of its sequence, and where the list of pages has those. Loads of
 * either are the same for the whole workgroup wherever a driver would else load
 * lane by lane: keys are taken in groups that lie in one page.
 * Else a row for each position, F32, and every row sees all n_k keys.
 *
 * OWL2_PARTS: there is another binding, for what is found in parts of the keys.
 *
 * Keys and values are of the type that -D picks. In pages there is a row for
 * each head and position, which begins at a multiple of 16 bytes.
 * OWL2_F16: halves, read as words; offsets and strides count halves.
 * OWL2_Q8_0: as a weight's row (see include/weight.glsl), all quants, then all
 *   scales; offsets and strides count words, a head is whole blocks of 32. */
layout (constant_id = OWL2_SC_ATTENTION_HEAD_DIM) const uint HEAD_DIM = 64;

#if defined OWL2_F16
# define KV1 uint
# define KV4 uvec2
#elif defined OWL2_Q8_0
# define KV1 uint
# define KV4 uint
#else
# define KV1 float
# define KV4 vec4
#endif

layout (push_constant) uniform Push { owl2_pc_attention pc; };
layout (set = 0, binding = 0) readonly buffer Q1 { float q1[]; };
layout (set = 0, binding = 0) readonly buffer Q4 { vec4 q4[]; };
layout (set = 0, binding = 1) readonly buffer K1 { KV1 k1[]; };
layout (set = 0, binding = 1) readonly buffer K4 { KV4 k4[]; };
#ifndef OWL2_KEYS_ALONE
layout (set = 0, binding = 2) readonly buffer V1 { KV1 v1[]; };
layout (set = 0, binding = 2) readonly buffer V4 { KV4 v4[]; };
layout (set = 0, binding = 3) writeonly buffer Out { float o[]; };
#endif
#ifdef OWL2_PAGED
# ifdef OWL2_KEYS_ALONE
layout (set = 0, binding = 3) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 4) readonly buffer Pages { uint pages[]; };
# else
layout (set = 0, binding = 4) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 5) readonly buffer Pages { uint pages[]; };
# endif
#endif
#ifdef OWL2_PARTS
layout (set = 0, binding = 6) writeonly buffer Parts { float parts[]; };
#endif

const uint D4 = (HEAD_DIM + 3) / 4;     /* vec4s of a head */
const float LOWEST = -3.402823466e38;

/* Elements 4 d4 .. 4 d4 + 3 of a head; 0 past its end. ELEMENT: of B1. */
#define OWL2_LOAD_ONES(B1, ELEMENT) \
    vec4 v = vec4 (ELEMENT (B1, at), 0.0, 0.0, 0.0); \
    if (4 * d4 + 1 < HEAD_DIM) \
      v.y = ELEMENT (B1, at + 1); \
    if (4 * d4 + 2 < HEAD_DIM) \
      v.z = ELEMENT (B1, at + 2); \
    if (4 * d4 + 3 < HEAD_DIM) \
      v.w = ELEMENT (B1, at + 3); \
    return v;
#define OWL2_FLOAT(B1, I) B1[I]
#define OWL2_HALF(B1, I) unpackHalf2x16 (B1[(I) / 2] >> ((I) % 2 * 16)).x

/* Where the head of a row starts. */
uint
q_at (uint row, uint head)
{
  return pc.q_offset + row * pc.q_stride + head * pc.q_head_stride;
}

vec4
load_q (uint at, uint d4)
{
  if (VEC4)
    return q4[at / 4 + d4];
  at += 4 * d4;
  OWL2_LOAD_ONES (q1, OWL2_FLOAT)
}

#ifdef OWL2_PAGED
/* Keys that @row sees. */
uint
keys_of (uint row)
{
  return rows[pc.r_offset + row].position + 1;
}

/* Where the list has the page of @row's first key, for the next. */
uint
pages_of (uint row)
{
  return pc.p_offset + rows[pc.r_offset + row].pages;
}

/* The page of a key, for what is at it. */
uint
page_of (uint list, uint key)
{
  return pages[list + key / OWL2_PAGE];
}

uint
kv_at (uint page, uint key, uint head, uint stride)
{
  return page * pc.kv_page_stride + head / pc.group * pc.kv_head_stride
      + key % OWL2_PAGE * stride;
}
#else
uint
keys_of (uint row)
{
  return pc.n_k;
}

uint
pages_of (uint row)
{
  return 0;
}

uint
page_of (uint list, uint key)
{
  return 0;
}

uint
kv_at (uint page, uint key, uint head, uint stride)
{
  return head / pc.group * pc.kv_head_stride + key * stride;
}
#endif

/* Keys that row @row sees, of rows that see @first, and each one more than the
 * row before. */
uint
keys_of_run (uint first, uint row)
{
#ifdef OWL2_PAGED
  return first + row;
#else
  return first;
#endif
}

/* Where a head of a key and of its value starts. */
uint
k_at (uint page, uint key, uint head)
{
  return pc.k_offset + kv_at (page, key, head, pc.k_stride);
}

/* What vec4s d4 .. share, as many as lie in the same KV_GROUP: the scale. */
#ifdef OWL2_Q8_0
# define KV_GROUP 8
# define OWL2_SCALE(NAME, B1) \
  float \
  NAME (uint at, uint d4) \
  { \
    uint i = 2 * at + HEAD_DIM / 2 + d4 / 8; \
    return OWL2_HALF (B1, i); \
  }
#else
# define KV_GROUP 65536
# define OWL2_SCALE(NAME, B1) \
  float \
  NAME (uint at, uint d4) \
  { \
    return 1.0; \
  }
#endif

#if defined OWL2_F16
# define OWL2_LOAD_KV(NAME, B1, B4) \
  vec4 \
  NAME (uint at, uint d4, float scale) \
  { \
    if (VEC4) { \
      uvec2 h = B4[at / 4 + d4]; \
      return vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y)); \
    } \
    at += 4 * d4; \
    OWL2_LOAD_ONES (B1, OWL2_HALF) \
  }
#elif defined OWL2_Q8_0
# define OWL2_LOAD_KV(NAME, B1, B4) \
  vec4 \
  NAME (uint at, uint d4, float scale) \
  { \
    int w = int (B1[at + d4]); \
    return scale \
      * vec4 (bitfieldExtract (w, 0, 8), bitfieldExtract (w, 8, 8), \
        bitfieldExtract (w, 16, 8), bitfieldExtract (w, 24, 8)); \
  }
#else
# define OWL2_LOAD_KV(NAME, B1, B4) \
  vec4 \
  NAME (uint at, uint d4, float scale) \
  { \
    if (VEC4) \
      return B4[at / 4 + d4]; \
    at += 4 * d4; \
    OWL2_LOAD_ONES (B1, OWL2_FLOAT) \
  }
#endif

OWL2_SCALE (k_scale, k1)
OWL2_LOAD_KV (load_k, k1, k4)
#ifndef OWL2_KEYS_ALONE
OWL2_SCALE (v_scale, v1)
OWL2_LOAD_KV (load_v, v1, v4)

uint
v_at (uint page, uint key, uint head)
{
  return pc.v_offset + kv_at (page, key, head, pc.v_stride);
}

void
store_out (uint row, uint head, uint d, float value)
{
  o[pc.o_offset + row * pc.o_stride + head * HEAD_DIM + d] = value;
}
#endif
