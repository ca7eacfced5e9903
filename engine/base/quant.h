/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quantised blocks, bit for bit as published for GGUF (ggml-common.h,
 * ggml-quants.c of llama.cpp at the time of GGUF v3):
 *
 * Q8_0, 32 elements in 34 bytes: f16 d; int8 q[32].       x = d q
 * Q4_K, 256 elements in 144 bytes: f16 d, dmin; 6-bit scales sc and mins m of
 * 8 groups of 32 in 12 bytes; 4-bit q[256].               x = d sc q - dmin m
 */
#ifndef OWL2_QUANT_H
#define OWL2_QUANT_H

#include <glib.h>

G_BEGIN_DECLS

#define OWL2_Q8_0_BLOCK 32
#define OWL2_Q8_0_BYTES 34
#define OWL2_Q4_K_BLOCK 256
#define OWL2_Q4_K_BYTES 144

/* @n is a multiple of the block. Values must be finite; those of more than
 * 65504 times the largest quant can't be held and are clamped. Any thread. */
void owl2_q8_0_encode (const float *x, gsize n, guint8 *out);
void owl2_q8_0_decode (const guint8 *blocks, gsize n, float *x);
void owl2_q4_k_encode (const float *x, gsize n, guint8 *out);
void owl2_q4_k_decode (const guint8 *blocks, gsize n, float *x);

/* A row of @cols elements as devices want it, whose words would begin amid the
 * file's: all quants, then all scales. */
void owl2_q8_0_pack (const guint8 *blocks, guint cols, guint8 *packed);

G_END_DECLS

#endif
