#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What attention reads of the products of a layer: queries and keys turned by
 * the rotary embedding (Su et al. 2021; LLaMA's pairing by halves), keys and
 * values in their places in the pages of the layer.
 *   a = x[i], b = x[i + head_dim / 2]
 *   y[i] = a cos - b sin, y[i + head_dim / 2] = b cos + a sin
 * src: a row of language is queries, keys, values, one of vision keys, values,
 * queries; the table has a row [cos: head_dim / 2][sin: head_dim / 2] for each
 * position. Keys and values lie by page, head, then position, as
 * include/attention.glsl reads them. No product is fused with a sum, so that
 * keys are the same in each of their types.
 *
 * The smaller types are made of the words, so that every driver rounds alike:
 * halves to nearest, ties to even. What is too large for a half becomes the
 * largest; what is no number stays none, so that the model's output shows it.
 * An invocation makes, of a head,
 *   queries and F32: an element, or if VEC4 four of each half of the head;
 *   OWL2_F16: a word of two elements, or if VEC4 four of each half;
 *   OWL2_Q8_0: two blocks of 32, whose scales are one word. The scale is the
 *     largest magnitude / 127, rounded to a half; the quants are rounded with
 *     what it became, so they are off by half a step at most.
 * VEC4: rows of src and of the table start at whole vec4s, and so do halves of
 * heads and rows of the queries. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_place_qkv pc; };
layout (set = 0, binding = 0) readonly buffer Src1 { float s1[]; };
layout (set = 0, binding = 0) readonly buffer Src4 { vec4 s4[]; };
layout (set = 0, binding = 1) readonly buffer Table1 { float t1[]; };
layout (set = 0, binding = 1) readonly buffer Table4 { vec4 t4[]; };
layout (set = 0, binding = 2) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 3) writeonly buffer Queries1 { float q1[]; };
layout (set = 0, binding = 3) writeonly buffer Queries4 { vec4 q4[]; };
layout (set = 0, binding = 4) writeonly buffer Keys1 { uint k1[]; };
layout (set = 0, binding = 5) writeonly buffer Values1 { uint v1[]; };

#if defined OWL2_Q8_0
# define KV_UNITS ((pc.head_dim / 32 + 1) / 2)
#elif defined OWL2_F16
# define KV_UNITS (pc.head_dim / (VEC4 ? 8 : 2))
#else
# define KV_UNITS (pc.head_dim / (VEC4 ? 8 : 1))
#endif

const uint INFINITE = 0x7f800000u;
const uint NONE = 0xffffffffu;          /* no row of the table: not turned */

/* Element e of the head at @from, turned. */
float
load_one (uint from, uint e, uint tab)
{
  uint half_dim = pc.head_dim / 2;

  if (tab == NONE)
    return s1[from + e];

  uint i = e % half_dim;
  float a = s1[from + i], b = s1[from + half_dim + i];
  float c = t1[tab + i], s = t1[tab + half_dim + i];
  precise float low = a * c - b * s, high = b * c + a * s;

  return e < half_dim ? low : high;
}

/* Elements e .. e + 3 of both halves. */
void
load_fours (uint from, uint e, uint tab, out vec4 low, out vec4 high)
{
  uint half_dim = pc.head_dim / 2;
  vec4 a = s4[(from + e) / 4], b = s4[(from + half_dim + e) / 4];

  if (tab == NONE) {
    low = a;
    high = b;
    return;
  }

  vec4 c = t4[(tab + e) / 4], s = t4[(tab + half_dim + e) / 4];
  precise vec4 x = a * c - b * s, y = b * c + a * s;

  low = x;
  high = y;
}

/* The half of a float's bits. */
uint
to_half (uint bits)
{
  uint sign = bits >> 16 & 0x8000u, b = bits & 0x7fffffffu;

  if (b >= INFINITE)
    return sign | (b == INFINITE ? 0x7c00u : 0x7e00u);
  if (b >= 0x477ff000u)                 /* rounds to 65536 or more */
    return sign | 0x7bffu;
  if (b >= 0x38800000u)                 /* 2^-14 */
    return sign | (b - 0x38000000u + 0xfffu + (b >> 13 & 1u)) >> 13;
  if (b < 0x33000000u)                  /* 2^-25 */
    return sign;

  uint m = (b & 0x7fffffu) | 0x800000u, shift = 126u - (b >> 23);
  uint h = m >> shift, rest = m & ((1u << shift) - 1u), tie = 1u << (shift - 1u);

  return sign | (h + (rest > tie || (rest == tie && (h & 1u) != 0u) ? 1u : 0u));
}

uint
to_halves (float a, float b)
{
  return to_half (floatBitsToUint (a)) | to_half (floatBitsToUint (b)) << 16;
}

void
store (bool values, uint at, uint word)
{
  if (values)
    v1[at] = word;
  else
    k1[at] = word;
}

#ifdef OWL2_Q8_0
/* Writes the quants of the block at e to words @to .. , returns the scale. */
uint
store_block (uint from, uint e, uint tab, bool values, uint to)
{
  uint top = 0;

  for (uint i = 0; i < 32; i++)
    top = max (top, floatBitsToUint (load_one (from, e + i, tab)) & 0x7fffffffu);

  uint h = to_half (floatBitsToUint (uintBitsToFloat (top) * (1.0 / 127.0)));

  if (top >= INFINITE)
    h = 0x7e00u;

  float scale = unpackHalf2x16 (h).x;
  float inverse = top < INFINITE && scale > 0.0 ? 1.0 / scale : 0.0;

  for (uint w = 0; w < 8; w++) {
    uint word = 0;

    for (uint i = 0; i < 4; i++) {
      float x = inverse > 0.0
          ? load_one (from, e + 4 * w + i, tab) * inverse : 0.0;

      word |= (uint (int (clamp (roundEven (x), -127.0, 127.0))) & 255u)
          << (8 * i);
    }
    store (values, to + w, word);
  }
  return h;
}
#endif

/* Unit u of the head of keys or values at @from into the row at @to. */
void
place_kv (uint from, uint u, uint tab, bool values, uint to)
{
#if defined OWL2_Q8_0
  uint blocks = pc.head_dim / 32;
  uint scales = store_block (from, 64 * u, tab, values, to + 16 * u);

  if (2 * u + 1 < blocks)
    scales |= store_block (from, 64 * u + 32, tab, values, to + 16 * u + 8)
        << 16;
  store (values, to + pc.head_dim / 4 + u, scales);
#else
  if (VEC4) {
    vec4 low, high;

    load_fours (from, 4 * u, tab, low, high);
# ifdef OWL2_F16
    store (values, to + 2 * u, to_halves (low.x, low.y));
    store (values, to + 2 * u + 1, to_halves (low.z, low.w));
    to += pc.head_dim / 4;
    store (values, to + 2 * u, to_halves (high.x, high.y));
    store (values, to + 2 * u + 1, to_halves (high.z, high.w));
# else
    for (uint i = 0; i < 4; i++) {
      store (values, to + 4 * u + i, floatBitsToUint (low[i]));
      store (values, to + pc.head_dim / 2 + 4 * u + i,
        floatBitsToUint (high[i]));
    }
# endif
    return;
  }
# ifdef OWL2_F16
  store (values, to + u,
    to_halves (load_one (from, 2 * u, tab), load_one (from, 2 * u + 1, tab)));
# else
  store (values, to + u, floatBitsToUint (load_one (from, u, tab)));
# endif
#endif
}

/* Unit u of a row's queries at @from. */
void
place_q (uint from, uint u, uint tab, uint to)
{
  if (VEC4) {
    uint steps = pc.head_dim / 8, at = u / steps * pc.head_dim;
    uint e = u % steps * 4;
    vec4 low, high;

    load_fours (from + at, e, tab, low, high);
    q4[(to + at + e) / 4] = low;
    q4[(to + at + pc.head_dim / 2 + e) / 4] = high;
  } else {
    uint e = u % pc.head_dim;

    q1[to + u] = load_one (from + u - e, e, tab);
  }
}

void
main ()
{
  uint dim = pc.head_dim, q_cols = pc.n_heads * dim;
  uint q_units = VEC4 ? q_cols / 8 : q_cols;
  uint kv_units = pc.n_kv_heads * KV_UNITS, units = q_units + 2 * kv_units;

  for (uint item = gl_WorkGroupID.x; item < pc.rows * OWL2_SLICES (units);
       item += gl_NumWorkGroups.x) {
    uint r = OWL2_ROW_OF (item, units), u = OWL2_UNIT_OF (item, units);
    uint from = pc.s_offset + r * pc.s_stride, row = pc.r_offset + r;
    uint tab = pc.t_offset + rows[row].position * pc.t_stride;
    uint place = rows[row].kv_row;
    bool vision = rows[row].modality != 0;

    if (u >= units)
      continue;
    if (u < q_units) {
      if (vision)
        from += 2 * pc.n_kv_heads * dim;
      place_q (from, u, tab, pc.q_offset + r * pc.q_stride);
      continue;
    }
    u -= q_units;

    bool values = u >= kv_units;

    if (!vision)
      from += q_cols;
    if (values) {
      from += pc.n_kv_heads * dim;
      u -= kv_units;
    }

    uint head = u / KV_UNITS;
    uint to = (place / OWL2_PAGE * pc.n_kv_heads + head) * OWL2_PAGE
        + place % OWL2_PAGE;

    place_kv (from + head * dim, u % KV_UNITS, values ? NONE : tab, values,
      (values ? pc.v_offset : pc.k_offset) + to * pc.kv_stride);
  }
}
