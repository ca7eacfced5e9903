/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct {
  OvkDevice *dev;
  OvkCmd *cmd;
  OvkArena *arena;
  gboolean is_cpu;
  gboolean lost; /* an error was printed; the rest is left out */
} Bench;

#define MIN_SECONDS 0.2 /* measured for at least this long */

static Owl2Tensor
bench_tensor (Bench *b, Owl2Type type, guint rows, guint cols)
{
  g_autoptr (GError) error = NULL;
  gsize bytes = owl2_tensor_bytes (type, rows, cols), i;
  Owl2Tensor t = { .type = type,
    .rows = rows,
    .cols = cols,
    .stride = owl2_tensor_stride (type, cols) };
  g_autofree guint8 *data = g_malloc (bytes);

  /* Ordinary numbers; halves in pairs. */
  for (i = 0; i < bytes / 4; i++) {
    float f = (float) (i * 7 % 31) / 31.f - 0.45f;
    guint32 halves = 0x2f113011u + (guint32) (i % 7) * 0x00110013u;

    memcpy (data + i * 4, type == OWL2_TYPE_F32 ? (void *) &f : &halves, 4);
  }
  if (!ovk_arena_alloc (b->arena, bytes, &t.slice, &error)
      || !ovk_slice_write (b->dev, t.slice, data, bytes, &error)) {
    printf ("%s\n", error->message);
    b->lost = TRUE;
  }
  return t;
}

/* A slice of @bytes from @data. */
static OvkSlice
bench_slice (Bench *b, gconstpointer data, gsize bytes)
{
  g_autoptr (GError) error = NULL;
  OvkSlice slice = { NULL, 0, 0 };

  if (!ovk_arena_alloc (b->arena, bytes, &slice, &error)
      || !ovk_slice_write (b->dev, slice, data, bytes, &error)) {
    printf ("%s\n", error->message);
    b->lost = TRUE;
  }
  return slice;
}

/* @n rows from position @pos0 on, of a sequence in pages 0, 1, .. */
static Owl2Rows
bench_table (Bench *b, guint n, guint pos0)
{
  g_autofree Owl2PassRow *rows = g_new0 (Owl2PassRow, n);

  for (guint i = 0; i < n; i++)
    rows[i] = (Owl2PassRow){
      .position = pos0 + i, .kv_row = pos0 + i, .ban = OWL2_ROW_NO_BAN
    };
  return (Owl2Rows){ bench_slice (b, rows, n * sizeof *rows), 0 };
}

/* Pages 0, 1, .. of @n positions. */
static OvkSlice
bench_list (Bench *b, guint n)
{
  guint n_pages = (n + OWL2_PAGE - 1) / OWL2_PAGE;
  g_autofree guint32 *list = g_new (guint32, n_pages);

  for (guint i = 0; i < n_pages; i++)
    list[i] = i;
  return bench_slice (b, list, n_pages * sizeof *list);
}

static double
cpu_seconds (void)
{
  struct timespec t;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Records @n times, runs, and gives seconds of wall and processor time. */
static gboolean
run_once (Bench *b, void (*record) (OvkCmd *, void *), void *data, guint n,
    double *wall, double *cpu)
{
  g_autoptr (GError) error = NULL;
  double cpu0 = cpu_seconds ();
  gint64 start = g_get_monotonic_time ();
  guint i;

  for (i = 0; i < n; i++)
    record (b->cmd, data);
  if (!ovk_cmd_run (b->cmd, &error)) {
    printf (" %s\n", error->message);
    b->lost = TRUE;
    return FALSE;
  }
  *wall = (double) (g_get_monotonic_time () - start) * 1e-6;
  *cpu = cpu_seconds () - cpu0;
  return TRUE;
}

/* Runs what @record puts into the command buffer until the time is long
 * enough, and prints the best of three: wall time, and what it means. First
 * run: what compiling the pipeline took on top. On a CPU device others may
 * want the same cores, so the processor time stands beside it. */
static void
bench_run (Bench *b, const char *name, void (*record) (OvkCmd *, void *),
    void *data, double flop, double bytes)
{
  double first, first_cpu, wall, cpu, best = 1e30, best_cpu = 1e30;
  guint n = 1, i;

  if (b->lost)
    return;
  printf ("%-40s", name);
  fflush (stdout);
  if (!run_once (b, record, data, 1, &first, &first_cpu))
    return;
  for (;;) {
    if (!run_once (b, record, data, n, &wall, &cpu))
      return;
    if (wall >= MIN_SECONDS || n >= 4096)
      break;
    n *= wall * 8 < MIN_SECONDS ? 8 : 2;
  }
  for (i = 0; i < 3; i++) {
    best = MIN (best, wall / n);
    best_cpu = MIN (best_cpu, cpu / n);
    if (i < 2 && !run_once (b, record, data, n, &wall, &cpu))
      return;
  }
  printf (" %9.3f ms %8.2f GFLOP/s %7.2f GB/s", best * 1e3, flop / best / 1e9,
      bytes / best / 1e9);
  if (b->is_cpu)
    printf ("  cpu %8.3f ms (%6.2f GFLOP/s a core), compiled in %.2f s",
        best_cpu * 1e3, flop / best_cpu / 1e9, first_cpu - best_cpu);
  printf ("\n");
  fflush (stdout);
}

typedef struct {
  Owl2Tensor x, w, out;
} Matmul;

static void
record_matmul (OvkCmd *cmd, void *data)
{
  Matmul *m = data;

  owl2_op_matmul (cmd, m->x.rows <= 8 ? OWL2_DECODE : OWL2_PREFILL, &m->out,
      &m->x, &m->w, NULL, OWL2_ACT_NONE, NULL);
}

static void
bench_matmul (Bench *b)
{
  static const guint shapes[][3] = { { 1, 4096, 4096 }, { 1, 11008, 4096 },
    { 4, 4096, 4096 }, { 8, 4096, 4096 }, { 16, 4096, 4096 },
    { 64, 4096, 4096 }, { 512, 4096, 4096 }, { 1025, 1024, 1024 },
    { 1025, 4096, 1024 } };
  guint i, t;

  for (i = 0; i < G_N_ELEMENTS (shapes) && !b->lost; i++) {
    for (t = 0; t < 2; t++) {
      guint m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
      Owl2Type type = t ? OWL2_TYPE_F16 : OWL2_TYPE_F32;
      Matmul mm;
      char name[64];

      b->arena = ovk_arena_new (b->dev, "bench", 1 << 20);
      mm.x = bench_tensor (b, OWL2_TYPE_F32, m, k);
      mm.w = bench_tensor (b, type, n, k);
      mm.out = bench_tensor (b, OWL2_TYPE_F32, m, n);
      g_snprintf (name, sizeof name, "matmul %s %ux%ux%u",
          owl2_type_name (type), m, n, k);
      bench_run (b, name, record_matmul, &mm, 2.0 * m * n * k,
          (double) owl2_tensor_bytes (type, n, k) + 4.0 * m * (n + k));
      g_clear_pointer (&b->arena, ovk_arena_free);
    }
  }
}

static void
record_attention (OvkCmd *cmd, void *data)
{
  owl2_op_attention (cmd, data);
}

typedef struct {
  const char *name;
  guint n_q, n_k, n_heads, head_dim;
  gboolean causal;
} AttentionShape;

static void
bench_attention_type (Bench *b, const AttentionShape *s, Owl2Type type)
{
  guint cols = s->n_heads * s->head_dim;
  double pairs = (double) s->n_q * s->n_k * cols;
  guint n_rows = (s->n_k + OWL2_PAGE - 1) / OWL2_PAGE * OWL2_PAGE;
  Owl2Rows rows;
  Owl2Attention a = { .family = s->n_q == 1 ? OWL2_DECODE : OWL2_PREFILL,
    .n_q = s->n_q,
    .n_k = s->n_k,
    .n_heads = s->n_heads,
    .n_kv_heads = s->n_heads,
    .head_dim = s->head_dim,
    .q_head_stride = s->head_dim,
    .kv_head_stride = s->head_dim,
    .scale = 0.1f };
  char name[64];

  b->arena = ovk_arena_new (b->dev, "bench", 1 << 20);
  a.q = bench_tensor (b, OWL2_TYPE_F32, a.n_q, cols);
  if (s->causal) {
    rows = bench_table (b, a.n_q, a.n_k - a.n_q);
    a.rows = &rows;
    a.pages = bench_list (b, a.n_k);
    a.most_keys = a.n_k;
    a.scratch = bench_tensor (b, OWL2_TYPE_F32, 1,
        (guint) owl2_attention_scratch (a.n_q, a.n_heads, a.head_dim, a.n_k)
            / 4)
                    .slice;
  }
  a.k = s->causal ? bench_tensor (b, type, s->n_heads * n_rows, s->head_dim)
                  : bench_tensor (b, type, a.n_k, cols);
  a.v = s->causal ? bench_tensor (b, type, s->n_heads * n_rows, s->head_dim)
                  : bench_tensor (b, type, a.n_k, cols);
  a.out = bench_tensor (b, OWL2_TYPE_F32, a.n_q, cols);
  g_snprintf (
      name, sizeof name, "attention %s, %s", s->name, owl2_type_name (type));
  bench_run (b, name, record_attention, &a,
      4.0 * pairs * (s->causal && a.n_q == a.n_k ? 0.5 : 1.0),
      8.0 * cols * a.n_q + 2.0 * owl2_tensor_bytes (type, a.n_k, cols));
  g_clear_pointer (&b->arena, ovk_arena_free);
}

/* What is causal reads pages, of three types. */
static void
bench_attention (Bench *b)
{
  static const AttentionShape shapes[] = {
    { "ViT 1025, 16 x 64", 1025, 1025, 16, 64, FALSE },
    { "abstractor 64/1089, 16 x 64", 64, 1089, 16, 64, FALSE },
    { "prefill 512, 32 x 128", 512, 512, 32, 128, TRUE },
    { "prefill 64/4096, 32 x 128", 64, 4096, 32, 128, TRUE },
    { "decode 1/1024, 8 x 64", 1, 1024, 8, 64, TRUE },
    { "decode 1/1024, 32 x 128", 1, 1024, 32, 128, TRUE },
    { "decode 1/4096, 32 x 128", 1, 4096, 32, 128, TRUE },
  };
  static const Owl2Type types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
    OWL2_TYPE_Q8_0 };
  guint i, t;

  for (i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (t = 0; t < (shapes[i].causal ? G_N_ELEMENTS (types) : 1); t++)
      if (!b->lost)
        bench_attention_type (b, &shapes[i], types[t]);
}

static void
record_place_qkv (OvkCmd *cmd, void *data)
{
  owl2_op_place_qkv (cmd, data);
}

static void
bench_place_qkv (Bench *b)
{
  static const Owl2Type types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
    OWL2_TYPE_Q8_0 };
  static const guint n_rows[] = { 1, 512 };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (types) && !b->lost; i++) {
    guint rows = n_rows[i % 2], cols = 4096, dim = 128;
    Owl2Type type = types[i / 2];
    Owl2PlaceQkv p = { .n_heads = cols / dim, .n_kv_heads = cols / dim };
    Owl2Rows of;
    char name[64];

    b->arena = ovk_arena_new (b->dev, "bench", 1 << 20);
    p.qkv = bench_tensor (b, OWL2_TYPE_F32, rows, 3 * cols);
    p.q = bench_tensor (b, OWL2_TYPE_F32, rows, cols);
    p.k = bench_tensor (b, type, 512 * cols / dim, dim);
    p.v = bench_tensor (b, type, 512 * cols / dim, dim);
    p.table = bench_tensor (b, OWL2_TYPE_F32, 512, dim);
    of = bench_table (b, rows, 0);
    p.rows = &of;
    g_snprintf (name, sizeof name, "place_qkv %s %ux3x%u",
        owl2_type_name (type), rows, cols);
    bench_run (b, name, record_place_qkv, &p, 0.0,
        16.0 * rows * cols + 2.0 * owl2_tensor_bytes (type, rows, cols));
    g_clear_pointer (&b->arena, ovk_arena_free);
  }
}

typedef struct {
  Owl2Tensor x, y, w, out;
  Owl2Rows rows;
  guint kind;
} Rows;

static void
record_rows (OvkCmd *cmd, void *data)
{
  Rows *r = data;
  OvkSlice result = r->out.slice;

  switch (r->kind) {
    case 0:
      owl2_op_layernorm (cmd, &r->out, &r->x, &r->w, &r->w, 1e-6f);
      break;
    case 1:
      owl2_op_rmsnorm (cmd, &r->out, &r->x, &r->w, NULL, NULL, 1e-6f);
      break;
    case 2:
      owl2_op_swiglu (cmd, &r->out, &r->x, &r->y);
      break;
    case 3:
      owl2_op_add (cmd, &r->out, &r->x, &r->y);
      break;
    case 4:
      owl2_op_copy (cmd, &r->out, &r->x);
      break;
    case 5:
      owl2_op_argmax (cmd, result, &r->x, &r->rows, r->y.slice);
      break;
    case 6:
      owl2_op_count_bad (cmd, result, &r->x);
      break;
    default:
      owl2_op_pooled_dots (cmd, result, &r->x, &r->y);
      break;
  }
}

static void
bench_rows (Bench *b, const char *glob)
{
  static const struct {
    const char *op;
    guint rows, cols;
    double tensors; /* read or written */
  } shapes[] = { { "layernorm", 1025, 1024, 2 }, { "rmsnorm", 512, 4096, 2 },
    { "swiglu", 512, 11008, 3 }, { "add", 1025, 1024, 3 },
    { "copy", 1025, 1024, 2 }, { "argmax", 1, 32000, 1 },
    { "count_bad", 65, 4096, 1 }, { "pooled_dots", 64, 4096, 2 } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (shapes) && !b->lost; i++) {
    guint rows = shapes[i].rows, cols = shapes[i].cols;
    Rows r = { .kind = i };
    char name[64];

    if (!g_pattern_match_simple (glob, shapes[i].op))
      continue;
    b->arena = ovk_arena_new (b->dev, "bench", 1 << 20);
    r.x = bench_tensor (b, OWL2_TYPE_F32, rows, cols);
    r.y = bench_tensor (b, OWL2_TYPE_F32, rows, cols);
    r.w = bench_tensor (b, OWL2_TYPE_F32, 1, cols);
    r.out = bench_tensor (b, OWL2_TYPE_F32, rows, cols);
    r.rows = bench_table (b, rows, 0);
    g_snprintf (name, sizeof name, "%s %ux%u", shapes[i].op, rows, cols);
    bench_run (
        b, name, record_rows, &r, 0.0, shapes[i].tensors * rows * cols * 4.0);
    g_clear_pointer (&b->arena, ovk_arena_free);
  }
}

#define PATCH 14
#define PICTURE 448 /* pixels of an edge */

typedef struct {
  Owl2Tensor picture, lut, out;
} Patches;

static void
record_patchify (OvkCmd *cmd, void *data)
{
  Patches *p = data;

  owl2_op_patchify (
      cmd, &p->out, p->picture.slice, p->lut.slice, PICTURE, PATCH);
}

static void
bench_patchify (Bench *b)
{
  guint grid = PICTURE / PATCH;
  Patches p;
  char name[64];

  b->arena = ovk_arena_new (b->dev, "bench", 1 << 20);
  p.picture = bench_tensor (b, OWL2_TYPE_F32, PICTURE, PICTURE);
  p.lut = bench_tensor (b, OWL2_TYPE_F32, 3, 256);
  p.out = bench_tensor (b, OWL2_TYPE_F32, grid * grid, 3 * PATCH * PATCH);
  g_snprintf (name, sizeof name, "patchify %ux%u", PICTURE, PICTURE);
  bench_run (b, name, record_patchify, &p, 0.0, 4.0 * 4.0 * PICTURE * PICTURE);
  g_clear_pointer (&b->arena, ovk_arena_free);
}

int
bench_all (OvkDevice *dev, const char *glob)
{
  g_autoptr (GError) error = NULL;
  Bench b = { .dev = dev };
  const OvkCaps *caps = ovk_device_caps (dev);

  b.is_cpu = caps->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
  b.cmd = ovk_cmd_new (dev, "bench", &error);
  if (!b.cmd) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  printf ("device: %s, %s\n", caps->name, caps->driver);
  if (g_pattern_match_simple (glob, "matmul"))
    bench_matmul (&b);
  if (g_pattern_match_simple (glob, "attention"))
    bench_attention (&b);
  if (g_pattern_match_simple (glob, "place_qkv"))
    bench_place_qkv (&b);
  if (g_pattern_match_simple (glob, "patchify"))
    bench_patchify (&b);
  bench_rows (&b, glob);
  ovk_cmd_free (b.cmd);
  return b.lost;
}
