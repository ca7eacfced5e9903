/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels: operations that can be computed in several ways have a table of
 * them, in order of preference. A row is all that there is to a kernel beside
 * its shader; the operation, checkops and owl2-bench walk the table. */
#ifndef OWL2_KERNELS_H
#define OWL2_KERNELS_H

#include "ops.h"

G_BEGIN_DECLS

/**
 * Owl2Work: what the choice of a kernel may depend on. The number of rows is
 * not in it: a row's result is the same to the bit alone and among others.
 * @type: of the weights, or of keys and values
 * @n: columns of the result; not used for attention
 * @k: terms of a sum: columns of the weights, width of a head
 * @vec4: operands can be read four elements at a time
 * @paged: attention: keys and values lie in pages
 */
typedef struct {
  Owl2Family family;
  Owl2Type type;
  guint n, k;
  gboolean vec4, paged;
} Owl2Work;

/**
 * Owl2Caps: what of a device kernels ask for, as flags.
 * @OWL2_CAP_LANES: it runs a subgroup as the SIMD lanes of a CPU: kernels with
 *   one subgroup a workgroup then win
 * @OWL2_CAP_SHUFFLE: subgroupShuffle() works in compute shaders
 * @OWL2_CAP_FAST_SHUFFLE: and costs next to nothing
 * @OWL2_CAP_MATRIX: subgroups multiply matrices of halves, see OvkMatrix
 * @OWL2_CAP_MATRIX_UNITS: and have units for it, of no use for anything else
 * @OWL2_CAP_TEXELS: shaders can read bindings as texels
 * @OWL2_CAP_FAST_TEXELS: and do it faster than from the bindings
 * @OWL2_CAP_GPU: it is no driver for a CPU: it runs far more workgroups at once
 *   than a token has heads
 */
typedef enum {
  OWL2_CAP_LANES = 1 << 0,
  OWL2_CAP_SHUFFLE = 1 << 1,
  OWL2_CAP_FAST_SHUFFLE = 1 << 2,
  OWL2_CAP_MATRIX = 1 << 3,
  OWL2_CAP_MATRIX_UNITS = 1 << 4,
  OWL2_CAP_TEXELS = 1 << 6,
  OWL2_CAP_FAST_TEXELS = 1 << 7,
  OWL2_CAP_GPU = 1 << 5,
} Owl2Caps;

/* TRUE if a device has all of @flags. */
gboolean owl2_caps_have (const OvkCaps *caps, guint flags);

/* "prefill" or "decode". */
const char *owl2_family_name (Owl2Family family);

#define OWL2_ANY_FAMILY (1 << OWL2_PREFILL | 1 << OWL2_DECODE)

/* How a kernel shares out its work. */
typedef struct {
  guint workgroup;  /* invocations */
  guint rows, cols; /* of the result that a workgroup makes */
  guint each;       /* rows of these that an invocation makes, where it cares */
  guint part;       /* attention: keys of a workgroup; 0: all of a query */
  guint subgroup;   /* invocations in one, likewise */
  gboolean eager;   /* much is loaded ahead, at the cost of code; likewise */
} Owl2Tile;

/**
 * Owl2Kernel: a row of a table.
 * @name: as of its shaders, without the type
 * @shaders: by owl2_type_index(); NULL for a type that it can't do; asked only
 *   for work that fits
 * @needs: Owl2Caps without which the device can't do it
 * @wants: those without which another is faster, or may be
 * @families: Owl2Family as flags (1 << family) that it is made for
 * @halves: its products are of halves, as matmul_halves.comp makes them of x
 * @max_rows: rows that a dispatch takes, each power of two with a pipeline of
 *   its own; 0: any
 * @fits: (nullable): FALSE if it can't do @work; NULL: it can do all
 * @tile: for @rows rows; at most @max_rows
 */
typedef struct {
  const char *name;
  const OvkShader *const *shaders;
  guint needs, wants, families, max_rows;
  gboolean halves;
  gboolean (*fits) (const OvkCaps *caps, const Owl2Work *work);
  Owl2Tile (*tile) (const OvkCaps *caps, const Owl2Work *work, guint rows);
} Owl2Kernel;

/* @op: as checkops and owl2-bench name it. */
typedef struct {
  const char *op;
  const Owl2Kernel *kernels;
  guint n_kernels;
} Owl2KernelTable;

extern const Owl2KernelTable owl2_matmul_kernels;
extern const Owl2KernelTable owl2_attention_kernels;

/* owl2_op_matmul() with @kernel as it would be for @work, whose weights may be
 * larger than @w; all operands fit their bindings, and at most
 * @kernel->max_rows rows. matmul.c */
void owl2_matmul_piece (OvkCmd *cmd, const Owl2Kernel *kernel,
    const Owl2Work *work, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor *w, const Owl2Tensor *bias, Owl2Act act,
    const Owl2Tensor *residual);

/* The tables, one after the other; NULL behind the last. */
const Owl2KernelTable *owl2_kernel_table (guint i);
/* NULL if @op has no table. */
const Owl2KernelTable *owl2_kernel_table_of (const char *op);
/* (nullable): the kernel @name of any table; @table (optional): which. */
const Owl2Kernel *owl2_kernel_find (
    const char *name, const Owl2KernelTable **table);
/* TRUE if a device has what @kernel needs. */
gboolean owl2_kernel_can (const Owl2Kernel *kernel, const OvkCaps *caps);
/* The same, and @kernel is made for @work. */
gboolean owl2_kernel_fits (
    const Owl2Kernel *kernel, const OvkCaps *caps, const Owl2Work *work);
/* The kernel that a tuning of the device (tuning.h) has first for @work, or
 * else the first of @table that the device has all for and that is made for
 * @work. For any work each table has one that needs nothing. */
const Owl2Kernel *owl2_kernel_pick (
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work);

/* The same, for those who only want to know. */
const Owl2Kernel *owl2_kernel_choice (
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work);

/**
 * owl2_kernels_force: for tests and measurements: wherever @kernel fits, it is
 * taken in place of the one that its table prefers; other operations, and work
 * that it does not fit, are done as ever. For the whole process, until it is
 * called again; no other thread may be recording. Accepts NULL: as ever.
 */
void owl2_kernels_force (const Owl2Kernel *kernel);
/* Times that the forced kernel was taken since. */
guint owl2_kernels_forced_uses (void);
/**
 * owl2_kernels_watch: for measurements: enters each work that a kernel of
 * @table is picked for into @works, of Owl2Work, once for each family, type and
 * shape. For the whole process, until it is called again with NULL; no other
 * thread may be recording but that of one model.
 */
void owl2_kernels_watch (const Owl2KernelTable *table, GArray *works);

G_END_DECLS

#endif
