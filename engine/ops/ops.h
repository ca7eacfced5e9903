/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations of the model, each recording its dispatches into an OvkCmd.
 *
 * Shapes come from a checked configuration, so a shape that does not fit is a
 * caller's bug. What fails for other reasons (pipelines, memory) is kept by
 * the OvkCmd and returned when it is run. Activations are F32, row by row;
 * weights F32, F16, Q8_0 or Q4_K [out features][in features], each row padded
 * with zeros to owl2_tensor_stride(). All sums are F32. A tensor
 * larger than caps.max_storage_range is worked on in pieces of rows. Bound
 * whole, and an error (UNSUPPORTED) if too large: keys and values of an
 * attention (the queries too for its probabilities), the rotary table, an
 * operand of an addition that repeats, the source of a vertical resize or of
 * the patches. */
#ifndef OWL2_OPS_H
#define OWL2_OPS_H

#include "ovk.h"
#include "owl2_pc.h"
#include "picture.h"
#include "types.h"

G_BEGIN_DECLS

typedef struct owl2_pass_row Owl2PassRow;
typedef struct owl2_result Owl2Result;
typedef struct owl2_pick Owl2Pick;
typedef struct owl2_likelihood Owl2Likelihood;

/**
 * Owl2Tensor: a matrix on the device, or a view into one.
 * @slice: from row 0 on
 * @offset: elements from the slice's start to element 0 (views); for quantised
 *   rows, words
 * @rows, @cols: elements; a vector has one row
 * @stride: elements from one row to the next; of quantised rows, words
 */
typedef struct {
  OvkSlice slice;
  Owl2Type type;
  gsize offset;
  guint rows, cols, stride;
} Owl2Tensor;

/* Between rows of a weight, padded to 16 bytes: elements, or 32-bit words for
 * the quantised types, whose rows are whole blocks. */
guint owl2_tensor_stride (Owl2Type type, guint cols);
gsize owl2_tensor_bytes (Owl2Type type, guint rows, guint cols);
/* A row of @cols elements as files have it to the layout that the kernels read:
 * the same, but for Q8_0, where quants and scales are parted so that both lie
 * in whole words. TRUE if the layouts differ, so that rows must be packed.
 * weight.c */
gboolean owl2_weight_is_packed (Owl2Type type);
void owl2_weight_pack_row (
    Owl2Type type, const guint8 *file, guint cols, guint8 *packed);
/* An F32 activation [rows][cols], rows packed. FALSE with NO_MEMORY. */
gboolean owl2_tensor_alloc (Owl2Tensor *tensor, OvkArena *arena, guint rows,
    guint cols, GError **error);
/* The same of any type, rows padded as those of weights. */
gboolean owl2_tensor_alloc_typed (Owl2Tensor *tensor, OvkArena *arena,
    Owl2Type type, guint rows, guint cols, GError **error);
/* Rows first .. first + n - 1 of a tensor, and columns likewise if it is F32.
 */
Owl2Tensor owl2_tensor_rows (Owl2Tensor tensor, guint first, guint n);
Owl2Tensor owl2_tensor_cols (Owl2Tensor tensor, guint first, guint n);

/**
 * Owl2Family: which kernels a row goes through, by its place in its request and
 * never by how many rows go through together. Within a family each row's sums
 * run in an order that the shapes of weights and keys and the device fix, so a
 * row's result is the same to the bit alone and among others.
 * @OWL2_PREFILL: rows of prompts and of frames; kernels for many rows
 * @OWL2_DECODE: generated tokens, and the rows whose logits are wanted; kernels
 *   that read each weight for few rows
 */
typedef enum {
  OWL2_PREFILL,
  OWL2_DECODE,
} Owl2Family;

/* Of the code of all shaders: another one where any is changed. operand.c */
guint64 owl2_ops_shaders_hash (void);

/* Of the device's memory, what operations take for themselves at first use.
 * matmul_matrix.c */
guint64 owl2_ops_scratch_bytes (OvkDevice *dev);

/* Whether a GPU keeps halves below the normal range, as a kernel for Q4_K wants:
 * if not, that is said in its log and another kernel is taken from now on. To be
 * called before anything is recorded for @dev. FALSE: it can't compute at all.
 * self_test.c */
gboolean owl2_ops_self_test (OvkDevice *dev, GError **error);

/**
 * owl2_ops_verify_device: from now on each kernel of @dev is tried before its
 * first use, in the variant that is used, on a few numbers that are compared
 * with plain C (trial.h); recording fails with UNSUPPORTED and the kernel's
 * name if they are wrong. What was right once, with this build of the shaders
 * and of the driver, is right: in this process, and in the device's folder for
 * caches. Before others use @dev. verify.c
 *
 * owl2_ops_verify_set: the same now for all pipelines of @set, which exist;
 * some milliseconds each at first. Any thread. Blocks. Errors: UNSUPPORTED,
 * NO_MEMORY, DEVICE_LOST.
 */
void owl2_ops_verify_device (OvkDevice *dev);
gboolean owl2_ops_verify_set (
    OvkDevice *dev, const OvkPipelineSet *set, GError **error);

typedef enum {
  OWL2_ACT_NONE,
  OWL2_ACT_QUICK_GELU, /* x * sigmoid (1.702 x) */
} Owl2Act;

/* out[m][n] = act (sum_k x[m][k] w[n][k] + bias[n]) + residual[m][n]
 * x [M][K], w [N][K], bias [1][N] or NULL, residual [M][N] or NULL (may be
 * out itself), out [M][N]. matmul.c; picks a kernel by family, K, type and
 * device. */
void owl2_op_matmul (OvkCmd *cmd, Owl2Family family, const Owl2Tensor *out,
    const Owl2Tensor *x, const Owl2Tensor *w, const Owl2Tensor *bias,
    Owl2Act act, const Owl2Tensor *residual);

/* out = (x - mean) / sqrt (var + eps) * w + b, per row. layernorm.c */
void owl2_op_layernorm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor *w, const Owl2Tensor *b, float eps);

/**
 * Owl2Rows: what the rows of an operation's tensors are, as the device reads
 * it. What tells one pass from the next lies in there, so that a recorded
 * operation may run again with other rows. Nothing in it is checked.
 * @table: of struct owl2_pass_row; starts at a multiple of 32 bytes
 * @first: the row of the table that is row 0 of the tensors
 */
typedef struct {
  OvkSlice table;
  guint first;
} Owl2Rows;

/* out = x / sqrt (mean (x^2) + eps) * w[modality of the row]; @rows: NULL for
 * language everywhere. rmsnorm.c */
void owl2_op_rmsnorm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor *w_language, const Owl2Tensor *w_vision,
    const Owl2Rows *rows, float eps);

/**
 * Owl2PlaceQkv: what attention reads of a layer's products. Queries and keys
 * are rotated by halves: element i pairs with i + head_dim / 2. A head's keys
 * lie side by side, which is what attention reads: head h of row r goes to row
 * (page
 * * n_kv_heads + h) * OWL2_PAGE + place of the layer, where kv_row of r is page
 * * OWL2_PAGE + place.
 * @qkv: [rows][(n_heads + 2 n_kv_heads) * head_dim]: rows of language are
 *   queries, keys, values, rows of vision keys, values, queries
 * @q: the queries, [rows][n_heads * head_dim]
 * @k, @v: keys and values, F32, F16 or Q8_0 (head_dim then a multiple of 32)
 *   [n_pages * n_kv_heads * OWL2_PAGE][head_dim], rows padded as those of
 *   weights. Finite values past the type's largest become that; what is no
 *   number makes its half, or its block, none. Bound whole
 * @table: [positions][head_dim]: cos of the head_dim / 2 angles, then sin
 */
typedef struct {
  Owl2Tensor qkv, q, k, v, table;
  guint n_heads, n_kv_heads; /* head_dim is even */
  const Owl2Rows *rows;
} Owl2PlaceQkv;

/* place_qkv.c */
void owl2_op_place_qkv (OvkCmd *cmd, const Owl2PlaceQkv *p);
/* Fills a host table for the above: angle = pos * base^(-2i/head_dim), in the
 * fp32 steps of the published code. @table: n_pos * head_dim floats. */
void owl2_rope_table (float *table, guint n_pos, guint head_dim, float base);

/**
 * Owl2Attention: softmax (q k' * scale) v, per head; query head h uses K/V
 * head h / (n_heads / n_kv_heads).
 * @rows: NULL: every query sees all keys; OWL2_PREFILL only. Else keys and
 * values lie in pages, and a query sees those of its sequence up to its own
 * position. OWL2_PREFILL: queries that follow one another in one sequence, each
 * one position on. OWL2_DECODE: any, each may have a sequence of its own
 * @pages: with @rows: u32, the list that their `pages` count in
 * @q: [n_q rows]; head h starts at column h * q_head_stride
 * @k, @v: F32 [n_k rows]; K/V head g starts at column g * kv_head_stride. In
 *   pages F32, F16 or Q8_0 [n_pages * n_kv_heads * OWL2_PAGE][head_dim] as
 *   owl2_op_place_qkv() leaves them
 * @out: [n_q][n_heads * head_dim]
 * @scratch: OWL2_DECODE: room for owl2_attention_scratch()
 * @most_keys: OWL2_DECODE: that a query may see, in this recording or a later
 *   use of it
 * @n_k: in pages: the columns of the probabilities; else only counted, as work:
 *   the keys that a query sees
 */
typedef struct {
  Owl2Family family;
  const Owl2Rows *rows;
  OvkSlice pages, scratch;
  Owl2Tensor q, k, v, out;
  guint n_q, n_k, most_keys;
  guint n_heads, n_kv_heads, head_dim; /* head_dim at most 256 */
  guint q_head_stride, kv_head_stride; /* elements; the second not in pages */
  float scale;
} Owl2Attention;

/* Never holds a full score matrix in memory. attention.c */
void owl2_op_attention (OvkCmd *cmd, const Owl2Attention *a);
/* Bytes of what is found in the parts of the keys that @n_q queries may see. */
gsize owl2_attention_scratch (
    guint n_q, guint n_heads, guint head_dim, guint most_keys);
/* The probabilities [n_heads * n_q][n_k], for looking inside; 0 for keys that a
 * query does not see; v and out are not used, and any rows of a pass are
 * OWL2_PREFILL. attention.c */
void owl2_op_attention_probs (
    OvkCmd *cmd, const Owl2Tensor *probs, const Owl2Attention *a);
/* out[r] = scale * sum over h of x[h * out.rows + r], of @n_heads; @add: that
 * is added to out. Both are bound whole. mean_heads.c */
void owl2_op_mean_heads (OvkCmd *cmd, const Owl2Tensor *out,
    const Owl2Tensor *x, guint n_heads, float scale, gboolean add);

/* out = silu (gate) * up. swiglu.c */
void owl2_op_swiglu (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *gate,
    const Owl2Tensor *up);
/* out[r] = a[r] + b[r % b.rows]. add.c */
void owl2_op_add (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *a,
    const Owl2Tensor *b);
/* dst = src, any strides. copy.c */
void owl2_op_copy (OvkCmd *cmd, const Owl2Tensor *dst, const Owl2Tensor *src);
/* out[r] = table[id of row r], the first @n rows: what `source` says, with
 * @results for ids that are there; rows that are given, or whose id is not in
 * the table, stay as they are. @results: of struct owl2_result, from a multiple
 * of 16 bytes on. Rows past max_storage_range work. embed.c */
void owl2_op_embed (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *table,
    const Owl2Rows *rows, guint n, OvkSlice results);
/* What the sampler needs of each row of logits, into the entry of @results that
 * its `result` names: see struct owl2_result. The id `ban` can't win. @scratch:
 * room for owl2_argmax_scratch(). argmax.c */
void owl2_op_argmax (OvkCmd *cmd, OvkSlice results, const Owl2Tensor *logits,
    const Owl2Rows *rows, OvkSlice scratch);
/* Bytes of what is found in the parts of @rows rows of @n logits; 0 where there
 * is but one part. */
gsize owl2_argmax_scratch (guint rows, guint n);
/* How likely tokens are: entry i of @out, of struct owl2_likelihood, is of
 * entry i of @picks, of struct owl2_pick, whose rows count from @first, that of
 * row 0 of @logits; picks of other rows, and their entries, are left alone. Ids
 * are not checked. A row of logits fits a binding. likelihood.c */
void owl2_op_likelihood (OvkCmd *cmd, OvkSlice out, OvkSlice picks,
    guint n_picks, const Owl2Tensor *logits, guint first);
/* Writes how many elements of x are NaN or infinite to @count, one u32.
 * count_bad.c */
void owl2_op_count_bad (OvkCmd *cmd, OvkSlice count, const Owl2Tensor *x);
/* With a and b the sums of the rows of x and of y [rows][cols]: writes a a, b b
 * and a b to @dots, three F32. x and y are bound whole. pooled_dots.c */
void owl2_op_pooled_dots (
    OvkCmd *cmd, OvkSlice dots, const Owl2Tensor *x, const Owl2Tensor *y);

/* out = x after @steps, a multiple of OWL2_FMA_CHAIN_STEPS, times x = x a + b,
 * each element for itself; x and out have one row. No part of the model: it
 * shows how much arithmetic a device can do. fma_chain.c */
void owl2_op_fma_chain (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    guint steps, float a, float b);

/* ---- pixels ----------------------------------------------------------- */

/**
 * Owl2Axis: one pass of a resize, of @in pixels to @out.
 * @at, @there: those of the input that there are; the others have the colour
 *   OWL2_PAD_*, and are nowhere
 * @first, @kept: those of the output that are made
 */
typedef struct {
  guint in, out;
  guint at, there;
  guint first, kept;
} Owl2Axis;
#define OWL2_RESIZE_MAX 65535u /* pixels, of what is resized */
/* With all of both. */
Owl2Axis owl2_axis (guint in, guint out);
/* Pixels of the whole input that the outputs have weights for: from the first
 * on. */
guint owl2_axis_span (const Owl2Axis *axis, guint *first);

/**
 * Owl2Filter: one pass of Pillow's bicubic resize: for each output index the
 * first input, the count, and weights times 2^22, rounded.
 * @in, @out: pixels that there are, and that are made; indices count these
 * @table: u32 [out][OWL2_FILTER_HEAD + taps]: first, count, the sum of the
 *   weights of what is not there, then int32 weights
 */
typedef struct {
  guint in, out, taps;
  guint32 *table;
} Owl2Filter;
/* Computed in double precision, see reference, "Preprocessing". NULL with
 * NO_MEMORY or BAD_REQUEST. resize.c */
Owl2Filter *owl2_filter_new (Owl2Axis axis, GError **error);
void owl2_filter_free (Owl2Filter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Filter, owl2_filter_free)
/* Of output @out: an entry of the table, and the last input it has a weight
 * for, and one more. */
const guint32 *owl2_filter_row (const Owl2Filter *filter, guint out);
guint owl2_filter_end (const Owl2Filter *filter, guint out);

/**
 * owl2_op_resize: one pass. Pixels are u32 words 0x00BBGGRR, except that @src
 * may be packed RGB8 bytes (@src_rgb), rows @src_stride bytes apart (a
 * multiple of 4).
 * Horizontal: dst [rows][filter.out] from src [rows][filter.in].
 * Vertical: dst [dst_rows][cols], rows dst_row0 .. of the filter's output,
 * from src [filter.in][cols].
 * @filter: the table on the device.
 */
typedef struct {
  OvkSlice dst, src, filter;
  gboolean src_rgb;
  gsize src_stride; /* bytes; for words 4 * columns */
  gboolean vertical;
  guint taps;       /* of the filter */
  guint cols, rows; /* of dst */
  guint dst_row0;   /* first row of dst in the filter's output */
  guint src_row0;   /* horizontal: first row read of src */
} Owl2Resize;
void owl2_op_resize (OvkCmd *cmd, const Owl2Resize *p);

/**
 * Owl2Steps: a shrink's weights in the order of its input, four pixels a step,
 * for owl2_op_resize_lanes().
 * table: u32 [n][OWL2_RESIZE_STEP], see owl2_pc.h
 */
typedef struct {
  guint n;
  gsize n_words; /* of all */
  guint32 *table;
} Owl2Steps;
/* NULL without @error where more outputs lie over a place than a step has room
 * for: @filter must shrink about fourfold. NULL with NO_MEMORY. resize_lanes.c
 */
Owl2Steps *owl2_steps_new (const Owl2Filter *filter, GError **error);
void owl2_steps_free (Owl2Steps *steps);
/* Rows of a vertical pass's input that any @rows rows of its output that start
 * at a multiple of @rows lie over. */
guint owl2_filter_window (const Owl2Filter *filter, guint rows);

/**
 * owl2_op_resize_lanes: a vertical pass that enlarges, and on its result a
 * horizontal one that shrinks: dst [rows][cols] from packed RGB8 @src
 * [src_rows][..], rows @src_stride bytes apart. The same pixels as by two calls
 * of owl2_op_resize(), in less time on drivers that run on a CPU. All is bound
 * whole.
 * @filter: the vertical one's table, on the device; no buffer: there is none
 * @window: of that filter for the device's subgroup size
 * @steps: the horizontal one's table, on the device
 * @down: there is only a vertical pass that shrinks, with that table: dst
 *   [cols][rows] from words @src [src_rows][rows]; without @filter
 */
typedef struct {
  OvkSlice dst, src, filter, steps;
  gboolean down;
  gsize src_stride;
  guint taps, window; /* of @filter */
  guint n_steps;
  guint cols, rows, src_rows;
} Owl2ResizeLanes;
/* TRUE if the device can, and with this window. */
gboolean owl2_can_resize_lanes (OvkCmd *cmd, guint window);
void owl2_op_resize_lanes (OvkCmd *cmd, const Owl2ResizeLanes *p);

/* Weights of two horizontal passes, one that enlarges and one that shrinks, in
 * the order of their input, for owl2_op_resize_along(): u32
 * [n][OWL2_ALONG_STEP], see owl2_pc.h. NULL without @error where they don't fit:
 * @shrink must shrink about fourfold, and rows can't be of any length. NULL with
 * NO_MEMORY. resize_along.c */
Owl2Steps *owl2_along_new (
    const Owl2Filter *stretch, const Owl2Filter *shrink, GError **error);

/**
 * owl2_op_resize_along: both passes: dst [rows][cols] from packed RGB8 @src
 * [rows][src_cols], rows @src_stride bytes apart. The same pixels as by two
 * calls of owl2_op_resize(), in less time on drivers that run on a CPU. All is
 * bound whole.
 * @steps: the table, on the device
 */
typedef struct {
  OvkSlice dst, src, steps;
  gsize src_stride; /* bytes, a multiple of 4 */
  guint n_steps;
  guint cols, rows, src_cols;
} Owl2ResizeAlong;
/* TRUE if the device can. */
gboolean owl2_can_resize_along (OvkCmd *cmd);
void owl2_op_resize_along (OvkCmd *cmd, const Owl2ResizeAlong *p);

/**
 * Owl2Planes: how the planes of a frame lie on the device, one after the other,
 * their rows whole words.
 * @row_bytes: that have a meaning
 */
typedef struct {
  guint n;
  gsize row_bytes[3], stride[3], offset[3];
  guint rows[3];
  gsize bytes; /* of all */
} Owl2Planes;
void owl2_planes_init (Owl2Planes *planes, const Owl2Image *picture);
const char *owl2_pixel_format_name (Owl2PixelFormat format);

/* A frame, of which all but the pixels is taken from @picture, to packed RGB8,
 * by the formula in picture.h: dst [height][dst_stride], a multiple of 4, from
 * src as owl2_planes_init() has it. Both are bound whole. to_rgb.c */
void owl2_op_to_rgb (OvkCmd *cmd, OvkSlice dst, gsize dst_stride, OvkSlice src,
    const Owl2Image *picture);

/* Packed RGB8, width x height, as the sum @turn of OWL2_TURN_* says; strides are
 * multiples of 4. Both are bound whole. turn.c */
void owl2_op_turn (OvkCmd *cmd, OvkSlice dst, gsize dst_stride, OvkSlice src,
    gsize src_stride, guint width, guint height, guint turn);

/* Pixels to patch rows: out [grid * grid][3 * patch * patch], element
 * (channel, y, x) of a patch as the convolution weight has them, each byte
 * mapped by lut[channel][byte] (F32, 3 x 256: normalisation). src: words
 * [size][size]. patchify.c */
void owl2_op_patchify (OvkCmd *cmd, const Owl2Tensor *out, OvkSlice src,
    OvkSlice lut, guint size, guint patch);

G_END_DECLS

#endif
