/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every operation against its reference, over many shapes. See checkops.c. */
#ifndef OWL2_CHECKOPS_H
#define OWL2_CHECKOPS_H

#include "ops.h"
#include "ref.h"

#define CHECK_SPILL 128u /* bytes, see owl2_operand_spill */

/* How a tensor lies in its buffer. */
typedef enum {
  LIE_PACKED,  /* rows end to end, from the start */
  LIE_ALIGNED, /* padding and offset: multiples of four */
  LIE_ODD,     /* any padding and offset */
  LIE_COUNT
} CheckLie;

/* One operand: a tensor on the device, what the host thinks is in it, and the
 * words around it. Lives until check_end(). */
typedef struct {
  const char *name;
  Owl2Tensor t;
  guint32 *host; /* the whole slice */
  gsize words;
  float *val; /* elements, packed; after check_end() those
               * that the device wrote */
  gboolean written;
} CheckBuf;

typedef struct {
  OvkDevice *dev;
  OvkCmd *cmd;
  const OvkCaps *caps;
  const char *config; /* how the device was opened */
  gboolean thorough;  /* the first configuration: all shapes */
  gboolean all;       /* OWL2_LONG: none is left out anywhere */
  gsize limit;        /* max_storage_range, if lowered; else 0 */
  guint64 seed;

  const char *op, *kernel; /* kernel: (nullable): the one that is forced */
  guint64 rng;
  OvkArena *arena;
  GPtrArray *bufs; /* CheckBuf */
  char shape[256];
  gboolean case_failed;

  guint n_cases, n_failed, n_op_cases, n_op_failed;
} Check;

/* Of the shapes that take long each so many are tried. */
static inline guint
check_step (const Check *c)
{
  return c->thorough || c->all ? 1 : 6;
}

guint64 check_random (Check *c);
guint check_between (Check *c, guint lo, guint hi); /* both included */
float check_float (Check *c, float lo, float hi);
CheckLie check_lie (Check *c);

/* Starts a case; the text names it when it fails. */
void check_begin (Check *c, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Random inputs. What lies around the tensor is NaN. */
CheckBuf *check_in (Check *c, const char *name, guint rows, guint cols,
    float lo, float hi, CheckLie lie);
CheckBuf *check_weight (Check *c, const char *name, Owl2Type type, guint rows,
    guint cols, float lo, float hi);
/* A layer's keys or values in pages: random where @used [n_pages * OWL2_PAGE]
 * is TRUE, NaN elsewhere; buf->val is [n_pages][n_heads][OWL2_PAGE][head_dim].
 */
CheckBuf *check_pages (Check *c, const char *name, Owl2Type type, guint n_pages,
    guint n_heads, guint head_dim, const gboolean *used);
CheckBuf *check_out (
    Check *c, const char *name, guint rows, guint cols, CheckLie lie);
/* Input first, then output. */
CheckBuf *check_inout (Check *c, const char *name, guint rows, guint cols,
    float lo, float hi, CheckLie lie);
/* Words: an input with the words of @data, or an output if that is NULL. */
CheckBuf *check_words (
    Check *c, const char *name, const guint32 *data, gsize n);
/* A table of rows, amid others that are wild. */
Owl2Rows check_rows (Check *c, const Owl2PassRow *rows, guint n);
/* Results: an input, or an output if @data is NULL. */
CheckBuf *check_results (Check *c, const Owl2Result *data, guint n);
/* The exact bytes of a CheckBuf, for operations that take a slice. */
OvkSlice check_slice (const CheckBuf *buf);
/* Puts buf->val into buf->host and on the device again. */
void check_upload (Check *c, CheckBuf *buf);

/* Runs what was recorded, reads outputs back, looks at the words around them.
 * FALSE if that failed already. */
gboolean check_run (Check *c);
/* |got - want| <= units * FLT_EPSILON * mag for each element. */
void check_compare (Check *c, const CheckBuf *got, const double *want,
    const double *mag, double units);
void check_compare_words (Check *c, const CheckBuf *got, const guint32 *want);
void check_fail (Check *c, const char *format, ...) G_GNUC_PRINTF (2, 3);
void check_end (Check *c);

void check_matmul (Check *c);
void check_matmul_wide (Check *c);
void check_half (Check *c);
void check_layernorm (Check *c);
void check_rmsnorm (Check *c);
void check_attention (Check *c);
void check_attention_probs (Check *c);
void check_mean_heads (Check *c);
void check_place_qkv (Check *c);
void check_swiglu (Check *c);
void check_add (Check *c);
void check_copy (Check *c);
void check_fma_chain (Check *c);
void check_embed (Check *c);
void check_argmax (Check *c);
void check_likelihood (Check *c);
void check_count_bad (Check *c);
void check_pooled_dots (Check *c);
void check_resize (Check *c);
void check_resize_along (Check *c);
void check_resize_lanes (Check *c);
void check_patchify (Check *c);
void check_to_rgb (Check *c);
void check_turn (Check *c);

/* Prints a line for each operation at the model's shapes. bench.c */
int bench_all (OvkDevice *dev, const char *glob);

#endif
