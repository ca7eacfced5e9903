/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench_kernels.h"
#include "bench_rates.h"
#include "json_line.h"
#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  guint m, n, k;
} Shape;

typedef struct _Kernel Kernel;

struct _BenchOp {
  OvkDevice *dev; /* borrowed, as is the next */
  OvkCmd *cmd;
  const Kernel *kernel;
  OvkArena *arena;
  Shape s;
  Owl2Type type;         /* of the weights, or of keys in pages */
  Owl2Tensor x, w, y, z; /* what a kernel needs of them */
  Owl2Rows rows;
  OvkSlice small;      /* pages, or results */
  OvkSlice scratch;    /* of attention */
  double flops, bytes; /* of one run */
};

typedef enum {
  UNTYPED,
  WEIGHTS,
  KEYS, /* in pages */
} Typed;

/* An operation; or, under another name, a kernel of its table. */
struct _Kernel {
  const char *name;
  Typed typed; /* what has a type */
  guint max_k; /* 0: any */
  gboolean (*prepare) (BenchOp *b, GError **error);
  void (*record) (BenchOp *b);
  Shape shapes[6]; /* the full-size model's; ends with m == 0 */
};

/* Of a shape on the command line. */
#define MAX_M 65536u
#define MAX_N 1048576u
#define MAX_K 65536u
/* Heads that owl2_op_attention() takes. */
#define MAX_HEAD_DIM 256u

/* ---- data ------------------------------------------------------------- */

static gboolean
fill (BenchOp *b, Owl2Tensor *t, GError **error)
{
  gsize bytes = owl2_tensor_bytes (t->type, t->rows, t->cols), n = 1 << 20;
  g_autofree guint32 *words = NULL;
  g_autoptr (OvkUploader) up = ovk_uploader_new (b->dev, error);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  if (!up)
    return FALSE;
  n = MIN (bytes, n);
  words = g_malloc (n);
  for (gsize i = 0; i < n / 4; i++) {
    float f = g_rand_double_range (rand, -1, 1);

    if (t->type == OWL2_TYPE_F32)
      memcpy (&words[i], &f, 4);
    else /* halves of -1.99 to 1.99: values, or scales and any quants */
      words[i] = (g_rand_int (rand) & 0x83ff83ff) | 0x38003800;
  }
  for (gsize at = 0; at < bytes; at += n) {
    OvkSlice part = t->slice;
    gsize count = MIN (n, bytes - at);

    part.offset += at;
    part.size = count;
    if (!ovk_uploader_rows (up, part, count, words, count, count, 1, error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error);
}

static gboolean
activation (BenchOp *b, Owl2Tensor *t, guint rows, guint cols, GError **error)
{
  return owl2_tensor_alloc (t, b->arena, rows, cols, error)
         && fill (b, t, error);
}

static gboolean
weight (BenchOp *b, Owl2Tensor *t, guint rows, guint cols, GError **error)
{
  *t = (Owl2Tensor){
    .type = b->type,
    .rows = rows,
    .cols = cols,
    .stride = owl2_tensor_stride (b->type, cols),
  };
  return ovk_arena_alloc (b->arena, owl2_tensor_bytes (b->type, rows, cols),
             &t->slice, error)
         && fill (b, t, error);
}

/* m rows: of any ids, each the last of @n_k positions in pages 0, 1, .. */
static gboolean
table (BenchOp *b, guint n_k, GError **error)
{
  gsize bytes = b->s.m * sizeof (Owl2PassRow);
  g_autofree Owl2PassRow *rows = g_new0 (Owl2PassRow, b->s.m);

  for (guint i = 0; i < b->s.m; i++)
    rows[i] = (Owl2PassRow){
      .source = (i * 2654435761u) % b->s.n,
      .position = n_k - 1,
      .ban = OWL2_ROW_NO_BAN,
    };
  return ovk_arena_alloc (b->arena, bytes, &b->rows.table, error)
         && ovk_slice_write (b->dev, b->rows.table, rows, bytes, error)
         && ovk_arena_alloc (b->arena, sizeof (Owl2Result), &b->small, error);
}

/* ---- kernels ---------------------------------------------------------- */

/* Few rows are as in decoding: several sequences, or one. */
static Owl2Family
family_of (const char *op, const Shape *s)
{
  return s->m <= (strcmp (op, "matmul") == 0 ? 8 : 1) ? OWL2_DECODE
                                                      : OWL2_PREFILL;
}

static gboolean
prepare_matmul (BenchOp *b, GError **error)
{
  b->flops = 2.0 * b->s.m * b->s.n * b->s.k;
  b->bytes = (double) owl2_tensor_bytes (b->type, b->s.n, b->s.k)
             + 4.0 * b->s.m * (b->s.n + b->s.k);
  return activation (b, &b->x, b->s.m, b->s.k, error)
         && weight (b, &b->w, b->s.n, b->s.k, error)
         && activation (b, &b->y, b->s.m, b->s.n, error);
}

static void
record_matmul (BenchOp *b)
{
  owl2_op_matmul (b->cmd, family_of ("matmul", &b->s), &b->y, &b->x, &b->w,
      NULL, OWL2_ACT_NONE, NULL);
}

static gboolean
prepare_embed (BenchOp *b, GError **error)
{
  b->bytes = (owl2_tensor_bytes (b->type, 1, b->s.k) + 4.0 * b->s.k) * b->s.m;
  return weight (b, &b->w, b->s.n, b->s.k, error)
         && activation (b, &b->y, b->s.m, b->s.k, error) && table (b, 1, error);
}

static void
record_embed (BenchOp *b)
{
  owl2_op_embed (b->cmd, &b->y, &b->w, &b->rows, b->s.m, b->small);
}

/* m queries, n keys, heads of k; as many heads as make 4096. */
static guint
bench_heads (const BenchOp *b)
{
  return MAX (1, 4096 / b->s.k);
}

/* One query is a token, whose keys lie in pages; more are a frame's. */
static gboolean
prepare_pages (BenchOp *b, GError **error)
{
  guint n_pages = (b->s.n + OWL2_PAGE - 1) / OWL2_PAGE;
  guint rows = n_pages * bench_heads (b) * OWL2_PAGE;
  g_autofree guint32 *list = g_new (guint32, n_pages);

  for (guint i = 0; i < n_pages; i++)
    list[i] = i;
  return weight (b, &b->w, rows, b->s.k, error)
         && weight (b, &b->z, rows, b->s.k, error) && table (b, b->s.n, error)
         && ovk_arena_alloc (b->arena,
             owl2_attention_scratch (1, bench_heads (b), b->s.k, b->s.n),
             &b->scratch, error)
         && ovk_arena_alloc (b->arena, n_pages * sizeof *list, &b->small, error)
         && ovk_slice_write (
             b->dev, b->small, list, n_pages * sizeof *list, error);
}

static gboolean
prepare_attention (BenchOp *b, GError **error)
{
  guint width = bench_heads (b) * b->s.k;

  b->flops = 4.0 * b->s.m * b->s.n * width;
  b->bytes =
      8.0 * width * b->s.m
      + 2.0 * owl2_tensor_bytes (b->type, b->s.n * bench_heads (b), b->s.k);
  return activation (b, &b->x, b->s.m, width, error)
         && (b->s.m == 1 ? prepare_pages (b, error)
                         : activation (b, &b->w, b->s.n, width, error)
                               && activation (b, &b->z, b->s.n, width, error))
         && activation (b, &b->y, b->s.m, width, error);
}

static void
record_attention (BenchOp *b)
{
  Owl2Attention a = {
    .family = family_of ("attention", &b->s),
    .rows = family_of ("attention", &b->s) == OWL2_DECODE ? &b->rows : NULL,
    .pages = b->small,
    .scratch = b->scratch,
    .most_keys = b->s.n,
    .q = b->x,
    .k = b->w,
    .v = b->z,
    .out = b->y,
    .n_q = b->s.m,
    .n_k = b->s.n,
    .n_heads = bench_heads (b),
    .n_kv_heads = bench_heads (b),
    .head_dim = b->s.k,
    .q_head_stride = b->s.k,
    .kv_head_stride = b->s.k,
    .scale = 1.f / sqrtf (b->s.k),
  };

  owl2_op_attention (b->cmd, &a);
}

/* The ones below take m rows of n. */
static gboolean
prepare_rows (BenchOp *b, GError **error)
{
  b->bytes = 12.0 * b->s.m * b->s.n;
  return activation (b, &b->x, b->s.m, b->s.n, error)
         && activation (b, &b->z, b->s.m, b->s.n, error)
         && activation (b, &b->w, 1, b->s.n, error)
         && activation (b, &b->y, b->s.m, b->s.n, error) && table (b, 1, error);
}

static void
record_rmsnorm (BenchOp *b)
{
  owl2_op_rmsnorm (b->cmd, &b->y, &b->x, &b->w, &b->w, NULL, 1e-5f);
}

static void
record_layernorm (BenchOp *b)
{
  owl2_op_layernorm (b->cmd, &b->y, &b->x, &b->w, &b->w, 1e-5f);
}

static void
record_swiglu (BenchOp *b)
{
  owl2_op_swiglu (b->cmd, &b->y, &b->x, &b->z);
}

static void
record_argmax (BenchOp *b)
{
  Owl2Tensor row = owl2_tensor_rows (b->x, 0, 1);

  owl2_op_argmax (b->cmd, b->small, &row, &b->rows, b->y.slice);
}

static const Kernel kernels[] = {
  { "matmul", WEIGHTS, 0, prepare_matmul, record_matmul,
      { { 1, 4096, 4096 }, { 1, 11008, 4096 }, { 1, 4096, 11008 },
          { 65, 4096, 4096 }, { 512, 4096, 4096 } } },
  { "embed", WEIGHTS, 0, prepare_embed, record_embed,
      { { 512, 32000, 4096 } } },
  { "attention", KEYS, MAX_HEAD_DIM, prepare_attention, record_attention,
      { { 1025, 1025, 64 }, { 512, 512, 128 }, { 1, 1024, 128 } } },
  { "rmsnorm", UNTYPED, 0, prepare_rows, record_rmsnorm,
      { { 1, 4096, 1 }, { 512, 4096, 1 } } },
  { "layernorm", UNTYPED, 0, prepare_rows, record_layernorm,
      { { 1025, 1024, 1 } } },
  { "swiglu", UNTYPED, 0, prepare_rows, record_swiglu, { { 512, 11008, 1 } } },
  { "argmax", UNTYPED, 0, prepare_rows, record_argmax, { { 1, 32000, 1 } } },
};

/* ---- timing ----------------------------------------------------------- */

BenchOp *
bench_op_new (OvkDevice *dev, OvkCmd *cmd, const char *op, const guint shape[3],
    Owl2Type type, GError **error)
{
  g_autoptr (BenchOp) b = g_new0 (BenchOp, 1);

  b->dev = dev;
  b->cmd = cmd;
  b->arena = ovk_arena_new (dev, "bench", 1 << 20);
  b->s = (Shape){ shape[0], shape[1], shape[2] };
  b->type = type;
  for (guint i = 0; i < G_N_ELEMENTS (kernels); i++)
    if (strcmp (kernels[i].name, op) == 0)
      b->kernel = &kernels[i];
  g_return_val_if_fail (b->kernel, NULL);
  return b->kernel->prepare (b, error) ? g_steal_pointer (&b) : NULL;
}

void
bench_op_free (BenchOp *b)
{
  if (!b)
    return;
  ovk_arena_free (b->arena);
  g_free (b);
}

void
bench_op_record (gpointer op)
{
  BenchOp *b = op;

  b->kernel->record (b);
}

/* @name: under which it is printed. */
static gboolean
bench_one (OvkDevice *dev, const Kernel *kernel, const char *name, Shape shape,
    Owl2Type type, BenchPrint print, GError **error)
{
  g_autoptr (OvkCmd) cmd = ovk_cmd_new (dev, "bench", error);
  const guint mnk[] = { shape.m, shape.n, shape.k };
  g_autoptr (BenchOp) b =
      cmd ? bench_op_new (dev, cmd, kernel->name, mnk, type, error) : NULL;
  const OvkCaps *caps = ovk_device_caps (dev);
  json_t *o;
  double ns;

  if (!b || !bench_time (cmd, bench_op_record, b, &ns, error))
    return FALSE;
  o = json_object ();
  json_object_set_new (o, "kernel", json_line_string (name));
  if (kernel->typed)
    json_object_set_new (o, "type", json_line_string (owl2_type_name (type)));
  json_object_set_new (o, "m", json_integer (shape.m));
  json_object_set_new (o, "n", json_integer (shape.n));
  json_object_set_new (o, "k", json_integer (shape.k));
  json_object_set_new (o, "ms", json_real (ns / 1e6));
  json_object_set_new (o, "gflops", json_real (b->flops / ns));
  json_object_set_new (o, "gbytes_per_s", json_real (b->bytes / ns));
  json_object_set_new (o, "device", json_line_string (caps->name));
  json_object_set_new (o, "driver", json_line_string (caps->driver));
  print (o);
  return TRUE;
}

static gboolean
parse_shape (const char *text, Shape *shape, GError **error)
{
  int used = 0;

  if (sscanf (text, "%ux%ux%u%n", &shape->m, &shape->n, &shape->k, &used) == 3
      && text[used] == '\0' && shape->m && shape->n && shape->k
      && shape->m <= MAX_M && shape->n <= MAX_N && shape->k <= MAX_K)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the shape '%s' is not MxNxK, such as 512x4096x4096, from 1x1x1 to "
      "%ux%ux%u",
      text, MAX_M, MAX_N, MAX_K);
  return FALSE;
}

/* NULL, or why the kernel can't have the shape. (transfer full) */
static GError *
check_shape (
    const Kernel *kernel, const char *name, const Shape *s, Owl2Type type)
{
  guint block = kernel->typed ? owl2_type_block (type) : 1;
  const char *type_name = owl2_type_name (type);

  if (kernel->max_k && s->k > kernel->max_k)
    return g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "kernel '%s' takes a K of up to %u, not %u", name, kernel->max_k, s->k);
  if (kernel->typed == KEYS && !owl2_type_info (type)->is_kv)
    return g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "keys and values are not of type %s", type_name);
  if (kernel->typed == KEYS && s->m > 1 && type != OWL2_TYPE_F32)
    return g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "keys of a frame are f32, not %s", type_name);
  if (s->k % block)
    return g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "type %s takes a K that is a multiple of %u, not %u", type_name, block,
        s->k);
  return NULL;
}

/* The same for a kernel of the table of @op. */
static GError *
check_row (const OvkDevice *dev, const Kernel *op, const Owl2Kernel *row,
    const Shape *s, Owl2Type type)
{
  const OvkCaps *caps = ovk_device_caps (dev);
  Owl2Work work = {
    .family = family_of (op->name, s),
    .type = op->typed ? type : OWL2_TYPE_F32,
    .n = s->n,
    .k = s->k,
    .vec4 = s->k % 4 == 0,
    .paged = op->typed == KEYS && s->m == 1,
  };

  if (!owl2_kernel_can (row, caps))
    return g_error_new (OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "the device '%s' can't do the kernel '%s'", caps->name, row->name);
  if (!owl2_kernel_fits (row, caps, &work))
    return g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "kernel '%s' is not made for %ux%ux%u", row->name, s->m, s->n, s->k);
  return NULL;
}

/* What is to be timed. */
typedef struct {
  OvkDevice *dev;
  const Shape *shape;   /* (nullable) */
  const Owl2Type *type; /* (nullable) */
  BenchPrint print;
  guint n_timed;
  GError *why; /* what was left out was, last */
} Wish;

/* @op as the model does it, or, by @row of its table. */
static gboolean
bench_shapes (
    Wish *wish, const Kernel *op, const Owl2Kernel *row, GError **error)
{
  guint n_types = op->typed && !wish->type ? owl2_n_types () : 1;
  const char *name = row ? row->name : op->name;

  for (guint t = 0; t < n_types; t++)
    for (guint s = 0; s < (wish->shape ? 1 : G_N_ELEMENTS (op->shapes)); s++) {
      Shape one = wish->shape ? *wish->shape : op->shapes[s];
      Owl2Type type = wish->type ? *wish->type : owl2_type_at (t)->type;
      gboolean ok;

      if (!one.m)
        continue;
      g_clear_error (&wish->why);
      wish->why = check_shape (op, name, &one, type);
      if (!wish->why && row)
        wish->why = check_row (wish->dev, op, row, &one, type);
      if (wish->why)
        continue;
      owl2_kernels_force (row);
      ok = bench_one (wish->dev, op, name, one, type, wish->print, error);
      owl2_kernels_force (NULL);
      if (!ok)
        return FALSE;
      wish->n_timed++;
    }
  return TRUE;
}

/* Operations, and, where a name is asked for, the kernels of their tables. */
static gboolean
bench_names (Wish *wish, const char *glob, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (kernels); i++) {
    const Owl2KernelTable *table = owl2_kernel_table_of (kernels[i].name);

    if ((!glob || g_pattern_match_simple (glob, kernels[i].name))
        && !bench_shapes (wish, &kernels[i], NULL, error))
      return FALSE;
    for (guint k = 0; glob && table && k < table->n_kernels; k++)
      if (g_pattern_match_simple (glob, table->kernels[k].name)
          && !bench_shapes (wish, &kernels[i], &table->kernels[k], error))
        return FALSE;
  }
  return TRUE;
}

gboolean
bench_kernels (OvkDevice *dev, const char *kernel, const char *shape,
    const Owl2Type *type, BenchPrint print, GError **error)
{
  Shape own = { 0, 0, 0 };
  Wish wish = { dev, shape ? &own : NULL, type, print };
  gboolean ok;

  if (shape && !parse_shape (shape, &own, error))
    return FALSE;
  ok = bench_names (&wish, kernel, error);
  if (ok && wish.n_timed == 0 && wish.why) {
    g_propagate_error (error, g_steal_pointer (&wish.why));
    ok = FALSE;
  } else if (ok && wish.n_timed == 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "there is no kernel '%s'", kernel);
    ok = FALSE;
  }
  g_clear_error (&wish.why);
  return ok;
}
