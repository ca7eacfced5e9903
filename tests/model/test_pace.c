/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much work goes into a submission: some tens of milliseconds of it,
 * whatever the device's pace and the size of the operations. */
#include <string.h>
#include <time.h>

#include "exec.h"
#include "failing.h"
#include "owl2.h"

#define AIM_US 30000 /* as exec.c has it */

static Owl2Exec exec;
static OvkArena *arena;

/* The clock that the pace is measured by stands before GLib's: where it runs
 * this much faster, the device is as much slower; 0: it takes no time. */
static gint64 clock_factor = 1;

gint64
g_get_monotonic_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return ((gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000)
         * clock_factor;
}

/* Multiplies matrices @n times; how many submissions that took. */
static guint
run (guint rows, guint cols, guint n)
{
  g_autoptr (GError) error = NULL;
  Owl2Tensor x, w, out;
  int before;

  g_assert_true (owl2_tensor_alloc (&x, arena, rows, cols, &error)
                 && owl2_tensor_alloc (&w, arena, cols, cols, &error)
                 && owl2_tensor_alloc (&out, arena, rows, cols, &error));
  before = g_atomic_int_get (&n_calls_vkQueueSubmit);
  for (guint i = 0; i < n; i++) {
    owl2_op_matmul (owl2_exec_cmd (&exec), OWL2_PREFILL, &out, &x, &w, NULL,
        OWL2_ACT_NONE, NULL);
    owl2_exec_step (&exec, &error);
    g_assert_no_error (error);
  }
  owl2_exec_finish (&exec, &error);
  g_assert_no_error (error);
  return (guint) (g_atomic_int_get (&n_calls_vkQueueSubmit) - before);
}

/* What a submission costs by itself is nothing beside small operations. */
static void
test_small (void)
{
  guint n;

  run (64, 64, 1000);
  n = run (64, 64, 2000);
  g_test_message ("2000 small operations: %u submissions", n);
  g_assert_cmpuint (n, <, 500);
}

/* No submission of large ones takes long. */
static void
test_large (void)
{
  const guint n_ops = 12;
  gint64 start, took;
  guint n;

  run (128, 1024, 2);
  start = g_get_monotonic_time ();
  n = run (128, 1024, n_ops);
  took = g_get_monotonic_time () - start;
  g_test_message ("%u large operations, %" G_GINT64_FORMAT
                  " us: %u submissions",
      n_ops, took, n);
  g_assert_cmpint (n, >=, MIN (n_ops / 4, took / (2 * AIM_US)));
}

/* ---- one operation ------------------------------------------------------ */

#define ROWS 512
#define COLS 1024
#define HEADS 16
#define KEYS 256
/* Pieces are 64 rows and 128 columns of a product, 32 rows of attention. */
#define N_PIECES (ROWS / 64 * (COLS / 128))
#define N_LOOKS (KEYS / 32)

static Owl2Tensor
random_tensor (guint rows, guint cols)
{
  g_autoptr (GError) error = NULL;
  gsize bytes = (gsize) rows * cols * sizeof (float);
  g_autofree float *values = g_malloc (bytes);
  Owl2Tensor t;

  for (gsize i = 0; i < bytes / sizeof (float); i++)
    values[i] = (float) ((i * 2654435761u + cols) >> 8 & 0xffff) / 65536 - .5f;
  owl2_tensor_alloc (&t, arena, rows, cols, &error);
  g_assert_no_error (error);
  ovk_slice_write (exec.dev, t.slice, values, bytes, &error);
  g_assert_no_error (error);
  return t;
}

typedef struct {
  Owl2Tensor x, w, product; /* product = x w' */
  Owl2Tensor q, k, v, look; /* look = attention (q, k, v) */
} Operands;

/* How many submissions they take; 0 with @error set. */
static guint
run_operations (const Operands *o, gboolean product, GError **error)
{
  const Owl2Attention attention = {
    .family = OWL2_PREFILL,
    .q = o->q,
    .k = o->k,
    .v = o->v,
    .out = o->look,
    .n_q = KEYS,
    .n_k = KEYS,
    .n_heads = HEADS,
    .n_kv_heads = HEADS,
    .head_dim = COLS / HEADS,
    .q_head_stride = COLS / HEADS,
    .kv_head_stride = COLS / HEADS,
    .scale = .125f,
  };
  gint before = g_atomic_int_get (&n_calls_vkQueueSubmit);
  OvkCmd *cmd = owl2_exec_cmd (&exec);

  if (product)
    owl2_op_matmul (cmd, OWL2_PREFILL, &o->product, &o->x, &o->w, NULL,
        OWL2_ACT_NONE, NULL);
  else
    owl2_op_attention (cmd, &attention);
  if (!owl2_exec_finish (&exec, error)) {
    owl2_exec_abandon (&exec);
    return 0;
  }
  return (guint) (g_atomic_int_get (&n_calls_vkQueueSubmit) - before);
}

static gboolean
poll_some (gpointer user_data)
{
  guint *n = user_data;

  *n -= *n > 0;
  return *n > 0;
}

static float *
read_tensor (const Owl2Tensor *t)
{
  g_autoptr (GError) error = NULL;
  float *values = owl2_tensor_read (exec.dev, t, &error);

  g_assert_no_error (error);
  return values;
}

/* What takes long by itself is submitted in pieces, which changes no bit of its
 * results; between them it can be ended. */
static void
test_pieces (void)
{
  g_autoptr (GError) error = NULL;
  Operands o = { random_tensor (ROWS, COLS), random_tensor (COLS, COLS),
    random_tensor (ROWS, COLS), random_tensor (KEYS, COLS),
    random_tensor (KEYS, COLS), random_tensor (KEYS, COLS),
    random_tensor (KEYS, COLS) };
  g_autofree float *product = NULL, *look = NULL, *again = NULL, *relook = NULL;
  guint n_product, n_look, n_polls = 5;

  exec.flops_limit = 1e12;
  g_assert_cmpuint (run_operations (&o, TRUE, &error), ==, 1);
  product = read_tensor (&o.product);
  exec.flops_limit = 1e12;
  g_assert_cmpuint (run_operations (&o, FALSE, &error), ==, 1);
  look = read_tensor (&o.look);

  clock_factor = 100000;
  run (16, 64, 10);
  n_product = run_operations (&o, TRUE, &error);
  again = read_tensor (&o.product);
  n_look = run_operations (&o, FALSE, &error);
  relook = read_tensor (&o.look);
  g_assert_no_error (error);
  g_test_message ("%u and %u submissions", n_product, n_look);
  g_assert_cmpuint (n_product, ==, N_PIECES);
  g_assert_cmpuint (n_look, ==, N_LOOKS);
  g_assert_cmpmem (product, ROWS * COLS * sizeof (float), again,
      ROWS * COLS * sizeof (float));
  g_assert_cmpmem (
      look, KEYS * COLS * sizeof (float), relook, KEYS * COLS * sizeof (float));

  exec.poll = poll_some;
  exec.poll_data = &n_polls;
  g_assert_cmpuint (run_operations (&o, TRUE, &error), ==, 0);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  g_assert_cmpuint (n_polls, ==, 0);
  exec.poll = NULL;
  clock_factor = 1;
}

/* ---- what is kept ------------------------------------------------------- */

#define N_KEPT 100

static guint
n_submits (void)
{
  return (guint) g_atomic_int_get (&n_calls_vkQueueSubmit);
}

/* Work that takes long is kept in several submissions, and can be ended between
 * them; it is to be recorded anew when the pace wants others. */
static void
test_kept (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Tensor x = random_tensor (64, 64), w = random_tensor (64, 64);
  Owl2Tensor out = random_tensor (64, 64);
  g_autofree float *made = NULL, *again = NULL;
  g_autofree float *nothing = g_new0 (float, 64 * 64);
  guint before, n_polls = 3;
  Owl2Kept kept = { NULL };

  clock_factor = 100000;
  run (16, 64, 10);
  g_assert_false (owl2_exec_fits (&exec, &kept));
  before = n_submits ();
  owl2_exec_keep (&exec, &kept, &error);
  for (guint i = 0; i < N_KEPT; i++) {
    owl2_op_matmul (owl2_exec_cmd (&exec), OWL2_PREFILL, &out, &x, &w, NULL,
        OWL2_ACT_NONE, NULL);
    owl2_exec_step (&exec, &error);
  }
  owl2_exec_keep_end (&exec, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (kept.n, >=, 4);
  g_assert_cmpuint (n_submits () - before, ==, kept.n);
  g_assert_true (owl2_exec_is_busy (&exec, &kept));
  owl2_exec_finish (&exec, &error);
  g_assert_false (owl2_exec_is_busy (&exec, &kept));
  made = read_tensor (&out);

  for (guint round = 0; round < 2; round++) {
    ovk_slice_write (
        exec.dev, out.slice, nothing, 64 * 64 * sizeof (float), &error);
    g_assert_true (owl2_exec_fits (&exec, &kept));
    before = n_submits ();
    owl2_exec_repeat (&exec, &kept, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (n_submits () - before, ==, kept.n);
    owl2_exec_finish (&exec, &error);
    g_assert_no_error (error);
    g_clear_pointer (&again, g_free);
    again = read_tensor (&out);
    g_assert_cmpmem (
        made, 64 * 64 * sizeof (float), again, 64 * 64 * sizeof (float));
  }

  exec.poll = poll_some;
  exec.poll_data = &n_polls;
  before = n_submits ();
  g_assert_false (owl2_exec_repeat (&exec, &kept, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  /* A wait may have looked, too. */
  g_assert_cmpuint (n_submits () - before, <=, 2);
  exec.poll = NULL;
  owl2_exec_abandon (&exec);

  exec.flops_limit = 1e12;
  g_assert_false (owl2_exec_fits (&exec, &kept));
  owl2_kept_clear (&kept);
  clock_factor = 1;
}

/* ---- a model ------------------------------------------------------------ */

static void
on_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  if (strcmp (name, "step_logits") == 0)
    g_array_append_vals (user_data, data, (guint) (shape[0] * shape[1]));
}

/* All logits (float) of an answer about a frame. @n: (out): its submissions */
static GArray *
ask (Owl2Session *session, guint *n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) logits = g_array_new (FALSE, FALSE, sizeof (float));
  static const guint8 pixels[3 * 20 * 13] = { 1, 2, 3 };
  const Owl2Image image = { pixels, 20, 13, 60 };
  gint before = g_atomic_int_get (&n_calls_vkQueueSubmit);
  Owl2Features *frame = owl2_session_encode (session, &image, NULL, &error);
  Owl2Request request = {
    .prompt = "USER: <|image|>What is it? ASSISTANT:",
    .frames = &frame,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
    .cold = TRUE,
  };
  Owl2Answer *answer;

  g_assert_no_error (error);
  request.sampling.max_tokens = 8;
  request.sampling.ignore_eos = TRUE;
  owl2_session_set_tap (session, on_stage, FALSE, logits);
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  owl2_answer_free (answer);
  owl2_features_unref (frame);
  *n = (guint) (g_atomic_int_get (&n_calls_vkQueueSubmit) - before);
  return g_steal_pointer (&logits);
}

/* On a slow device steps and operations are in pieces, and answers are the
 * same, to the bit. */
static void
test_model (void)
{
  g_autoptr (GError) error = NULL;
  Owl2ModelParams params = { .path = g_getenv ("OWL2_TEST_NANO") };
  Owl2SessionParams own = { .kv_type = OWL2_KV_F16 };
  Owl2Model *model = owl2_model_load (&params, &error);
  Owl2Session *session;
  g_autoptr (GArray) fast = NULL;
  guint n_fast, n_slow = 0;

  g_assert_no_error (error);
  session = owl2_session_new (model, &own, &error);
  g_assert_no_error (error);
  clock_factor = 0;
  g_array_unref (ask (session, &n_fast));
  fast = ask (session, &n_fast);
  g_assert_cmpuint (fast->len, >, 0);
  clock_factor = 100000;
  for (guint round = 0; round < 2; round++) {
    g_autoptr (GArray) slow = ask (session, &n_slow);

    g_assert_cmpmem (fast->data, fast->len * sizeof (float), slow->data,
        slow->len * sizeof (float));
  }
  clock_factor = 1;
  g_test_message ("%u submissions, on a slow device %u", n_fast, n_slow);
  g_assert_cmpuint (n_slow, >=, n_fast + 10);
  owl2_session_free (session);
  owl2_model_unref (model);
}

static gboolean
count_poll (gpointer user_data)
{
  ++*(guint *) user_data;
  return TRUE;
}

/* Who waits for the device still looks whether it is wanted. */
static void
test_wait (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Tensor x, w, out;
  guint n_polls, n = 0;
  gint64 start, took;
  guint64 number;

  g_assert_true (owl2_tensor_alloc (&x, arena, 128, 1024, &error)
                 && owl2_tensor_alloc (&w, arena, 1024, 1024, &error)
                 && owl2_tensor_alloc (&out, arena, 128, 1024, &error));
  exec.poll_data = &n_polls;
  do {
    n = MAX (2 * n, 1);
    n_polls = 0;
    /* As if the device were faster: all is one submission. */
    exec.flops_limit = 1e15;
    for (guint i = 0; i < n; i++)
      owl2_op_matmul (owl2_exec_cmd (&exec), OWL2_PREFILL, &out, &x, &w, NULL,
          OWL2_ACT_NONE, NULL);
    g_assert_true (owl2_exec_flush (&exec, &number, &error));
    exec.poll = count_poll;
    start = g_get_monotonic_time ();
    g_assert_true (owl2_exec_wait (&exec, number, &error));
    took = g_get_monotonic_time () - start;
    exec.poll = NULL;
  } while (took < 100000 && n < 10000);
  g_test_message ("%u looks in %" G_GINT64_FORMAT " us", n_polls, took);
  /* Every 20 ms, but for what else the machine does. */
  g_assert_cmpuint (n_polls, >=, 2);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) dev = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  dev = ovk_device_new (NULL, &error);
  g_assert_no_error (error);
  arena = ovk_arena_new (dev, "test", 1 << 20);
  g_assert_true (owl2_exec_init (&exec, dev, &error));
  g_test_add_func ("/pace/large", test_large);
  g_test_add_func ("/pace/small", test_small);
  g_test_add_func ("/pace/pieces", test_pieces);
  g_test_add_func ("/pace/kept", test_kept);
  g_test_add_func ("/pace/model", test_model);
  g_test_add_func ("/pace/wait", test_wait);
  result = g_test_run ();
  owl2_exec_clear (&exec);
  ovk_arena_free (arena);
  return result;
}
