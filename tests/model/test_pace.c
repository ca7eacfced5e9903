/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much work goes into a submission: some tens of milliseconds of it,
 * whatever the device's pace and the size of the operations. */
#include "exec.h"
#include "failing.h"

#define AIM_US 30000 /* as exec.c has it */

static Owl2Exec exec;
static OvkArena *arena;

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

/* No submission of large ones takes long; an operation is never cut. */
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
  result = g_test_run ();
  owl2_exec_clear (&exec);
  ovk_arena_free (arena);
  return result;
}
