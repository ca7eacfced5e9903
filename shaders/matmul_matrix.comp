#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix product for many rows on matrix units (see include/matmul.glsl): halves
 * times halves, summed up in F32, always in steps of MATRIX_K columns in their
 * order, so that a row's sums are the same in any tile. x comes as halves with a
 * scale a row (matmul_halves.comp): pc.x_stride units of eight to a row, whole
 * slices, and the scales from pc.x_offset on. Weights become halves on their
 * way to shared memory.
 *
 * A workgroup computes a tile of TILE_M rows by TILE_N columns of out, of which
 * each of its SUBS_M x SUBS_N subgroups has a block in registers, from slices of
 * SLICE columns. Rows past the last of x are rows of the tile's own memory, and
 * those past the last of w are the last again: nothing is asked inside. The next
 * slice is loaded into registers while this one is multiplied. */
#include "include/owl2.glsl"
#include "include/act.glsl"
#define OWL2_X_HALVES
#include "include/matmul.glsl"

layout (constant_id = OWL2_SC_MATRIX_M) const uint MATRIX_M = 16;
layout (constant_id = OWL2_SC_MATRIX_N) const uint MATRIX_N = 16;
layout (constant_id = OWL2_SC_MATRIX_K) const uint MATRIX_K = 16;
layout (constant_id = OWL2_SC_MATRIX_SUBS_M) const uint SUBS_M = 2;
layout (constant_id = OWL2_SC_MATRIX_SUBS_N) const uint SUBS_N = 2;

#define SLICE OWL2_MATRIX_SLICE
#define UNITS (SLICE / 8)       /* of eight columns, in a slice of a row */
/* Of a row in shared memory. The odd number puts the units that matrices load
 * together, of eight rows in turn, into different banks. */
#define LINE (UNITS + 1)

#define BLOCK_M (TILE_M / SUBS_M)
#define BLOCK_N (TILE_N / SUBS_N)
const uint MS = TILE_M / SUBS_M / MATRIX_M;     /* matrices of a block */
const uint NS = TILE_N / SUBS_N / MATRIX_N;
const uint LINES = gl_WorkGroupSize.x / UNITS;  /* rows loaded at a time */
const uint XS = TILE_M / LINES; /* loads of an invocation for a slice */
const uint WS = TILE_N / LINES;
const uint RESULT = MATRIX_M * MATRIX_N;

/* In the end, too, of each subgroup's own, a matrix of results. */
shared uvec4 xs[TILE_M * LINE];
shared uvec4 ws[TILE_N * LINE];

void
main ()
{
  uint i = gl_LocalInvocationIndex, sub = gl_SubgroupID;
  uint tiles_m = (pc.m + TILE_M - 1) / TILE_M;
  uint tiles = (pc.n + TILE_N - 1) / TILE_N * tiles_m;
  uint last8 = (pc.k + 7) / 8 - 1;
  uint line = i / UNITS, c = i % UNITS;
  uint bm = sub / SUBS_N * BLOCK_M, bn = sub % SUBS_N * BLOCK_N;

  /* Tiles that follow each other share rows of w. */
  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint m0 = tile % tiles_m * TILE_M, n0 = tile / tiles_m * TILE_N;
    coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N,
      gl_MatrixUseAccumulator> sum[MS * NS];
    uvec4 from_x[XS], from_w[WS];
    uint k8 = 0;
    bool more = true;

    [[unroll]] for (uint t = 0; t < MS * NS; t++)
      sum[t] = coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N,
        gl_MatrixUseAccumulator> (0.0);
    [[unroll]] for (uint t = 0; t < XS; t++)
      from_x[t] = load_x8 (m0 + line + t * LINES, c);
    [[unroll]] for (uint t = 0; t < WS; t++)
      from_w[t] = load_w8 (min (n0 + line + t * LINES, pc.n - 1),
        min (c, last8));

    while (more) {
      [[unroll]] for (uint t = 0; t < XS; t++)
        xs[(line + t * LINES) * LINE + c] = from_x[t];
      [[unroll]] for (uint t = 0; t < WS; t++)
        ws[(line + t * LINES) * LINE + c] = from_w[t];
      barrier ();

      k8 += UNITS;
      more = k8 < pc.x_stride;
      if (more) {
        [[unroll]] for (uint t = 0; t < XS; t++)
          from_x[t] = load_x8 (m0 + line + t * LINES, k8 + c);
        [[unroll]] for (uint t = 0; t < WS; t++)
          from_w[t] = load_w8 (min (n0 + line + t * LINES, pc.n - 1),
            min (k8 + c, last8));
      }

      [[unroll]] for (uint k = 0; k < SLICE; k += MATRIX_K) {
        coopmat<float16_t, gl_ScopeSubgroup, MATRIX_M, MATRIX_K,
          gl_MatrixUseA> a[MS];

        [[unroll]] for (uint m = 0; m < MS; m++)
          coopMatLoad (a[m], xs, (bm + m * MATRIX_M) * LINE + k / 8, LINE,
            gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint n = 0; n < NS; n++) {
          coopmat<float16_t, gl_ScopeSubgroup, MATRIX_K, MATRIX_N,
            gl_MatrixUseB> b;

          coopMatLoad (b, ws, (bn + n * MATRIX_N) * LINE + k / 8, LINE,
            gl_CooperativeMatrixLayoutColumnMajor);
          [[unroll]] for (uint m = 0; m < MS; m++)
            sum[m * NS + n] = coopMatMulAdd (a[m], b, sum[m * NS + n]);
        }
      }
      barrier ();
    }

    /* Which element of a matrix an invocation has, nobody says: each goes
     * through memory of its subgroup's own. */
    [[unroll]] for (uint t = 0; t < MS * NS; t++) {
      uint at = sub * RESULT / 4;

      coopMatStore (sum[t], xs, at, MATRIX_N / 4,
        gl_CooperativeMatrixLayoutRowMajor);
      subgroupBarrier ();
      for (uint e = gl_SubgroupInvocationID; e < RESULT;
           e += gl_SubgroupSize) {
        uint m = m0 + bm + t / NS * MATRIX_M + e / MATRIX_N;
        uint n = n0 + bn + t % NS * MATRIX_N + e % MATRIX_N;

        if (m < pc.m && n < pc.n)
          store (m, n,
            uintBitsToFloat (xs[at + e / 4][e % 4]) * scale_of_x (m));
      }
      subgroupBarrier ();
    }
    barrier ();
  }
}
