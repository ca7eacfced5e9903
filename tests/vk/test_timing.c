/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured of commands, and counted. */
#include "common.h"

/* Each kind of command by itself, with what it is said to do; what is counted
 * where nothing is timed is nowhere. */
static void
test_kinds (const VkMode *mode)
{
  static const OvkTiming want[] = {
    { "first", "mix", 2, 3, 2, 0, 14., 10., 8. },
    { "first", "mix", 0, 0, 1, 0, 0, 1., 0 },
    { "first", "fill", 0, 0, 1, 0, 0, 0, 0 },
    { "second", "mix", 2, 3, 1, 0, 7., 5., 4. },
    { "second", "copy", 0, 0, 1, 0, 0, 0, 0 },
    { "second", "update", 0, 0, 1, 0, 0, 0, 0 },
  };
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  g_autoptr (GArray) timings = NULL;
  OvkSlice s = vk_alloc (arena, 4096), a = vk_slice (s, 0, 1024);
  OvkSlice b = vk_slice (s, 1024, 1024), c = vk_slice (s, 2048, 1024);
  const VkMixSpec spec = { 64, 3, 1 };
  GError *error = NULL;

  for (guint round = 0; round < 2; round++) {
    ovk_device_set_timing (dev, round);
    g_assert_cmpint (ovk_device_is_timing (dev), ==, round);
    ovk_cmd_label (cmd, "first");
    for (guint i = 0; i < 4; i++) {
      if (i == 3)
        ovk_cmd_label (cmd, "second");
      vk_mix (cmd, &spec, a, a, b, c, 256, 0);
      ovk_cmd_add_bytes (cmd, i == 2 ? 1. : 5.);
      if (i != 2) {
        ovk_cmd_add_work (cmd, 7.);
        ovk_cmd_add_matrix (cmd, 2, 3, 4.);
      } else {
        ovk_cmd_fill (cmd, a, 1);
      }
      if (i == 1)
        vk_assert_ok (ovk_cmd_cut (cmd, &error), error);
    }
    ovk_cmd_copy (cmd, a, b);
    ovk_cmd_update (cmd, a, "1234", 4);
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  }
  timings = ovk_device_timings (dev);
  g_assert_cmpuint (timings->len, ==, G_N_ELEMENTS (want));
  for (guint i = 0; i < timings->len; i++) {
    const OvkTiming *t = &g_array_index (timings, OvkTiming, i);

    g_assert_cmpstr (t->label, ==, want[i].label);
    g_assert_cmpstr (t->what, ==, want[i].what);
    g_assert_cmpuint (t->n, ==, want[i].n);
    g_assert_cmpuint (t->k, ==, want[i].k);
    g_assert_cmpuint (t->n_commands, ==, want[i].n_commands);
    g_assert_cmpfloat (t->flops, ==, want[i].flops);
    g_assert_cmpfloat (t->bytes, ==, want[i].bytes);
    g_assert_cmpfloat (t->matrix_bytes, ==, want[i].matrix_bytes);
  }
}

static void
test_without_timestamps (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice s = vk_alloc (arena, 4096);
  const VkMixSpec spec = { 64, 3, 1 };
  GError *error = NULL;
  GArray *timings;
  const OvkTiming *t;

  dev->gpu.caps.timestamp_ns = 0.;
  ovk_device_set_timing (dev, TRUE);
  vk_mix (cmd, &spec, vk_slice (s, 0, 1024), vk_slice (s, 0, 1024),
      vk_slice (s, 1024, 1024), vk_slice (s, 2048, 1024), 256, 0);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  timings = ovk_device_timings (dev);
  g_assert_cmpuint (timings->len, ==, 1);
  t = &g_array_index (timings, OvkTiming, 0);
  g_assert_cmpuint (t->n_commands, ==, 1);
  g_assert_cmpfloat (t->ns, ==, 0.);
  g_array_unref (timings);
}

static void
add_tests (void)
{
  vk_test_add_once ("/timing/kinds", test_kinds);
  vk_test_add_once ("/timing/without-timestamps", test_without_timestamps);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
