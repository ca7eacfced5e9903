/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that are handed over in pieces while the rest is recorded. */
#include <string.h>

#include "common.h"

#define N 4096

static void
assert_words (OvkDevice *dev, OvkSlice slice, const guint32 *want)
{
  g_autofree guint32 *got = g_new (guint32, N);
  GError *error = NULL;

  vk_assert_ok (ovk_slice_read (dev, slice, got, N * 4, &error), error);
  g_assert_cmpmem (got, N * 4, want, N * 4);
}

/* Each piece is done by itself, sees those before it, and the staged bytes of
 * the whole. */
static void
test_pieces (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  const VkMixSpec spec = { 64, 3, 1 };
  static guint32 words[4][N];
  OvkSlice s[4], staged;
  GError *error = NULL;
  guint64 ticket = 0;
  guint32 *map;

  memset (words, 0, sizeof words);
  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, N * 4);
  for (guint round = 0; round < 2; round++) {
    map = ovk_cmd_stage (cmd, N * 4, &staged);
    g_assert_nonnull (map);
    for (guint i = 0; i < N; i++)
      map[i] = words[0][i] = i + round;
    ovk_cmd_copy (cmd, s[0], staged);
    for (guint piece = 0; piece < 4; piece++) {
      for (guint i = piece; i < piece + 3; i++) {
        vk_mix (cmd, &spec, s[i % 4], s[(i + 1) % 4], s[(i + 2) % 4],
            s[(i + 3) % 4], N, i);
        vk_mix_host (&spec, words[i % 4], words[(i + 1) % 4],
            words[(i + 2) % 4], words[(i + 3) % 4], N, i);
      }
      ovk_cmd_add_work (cmd, 5.);
      g_assert_cmpfloat (ovk_cmd_work (cmd), ==, 5.);
      if (piece == 3)
        break;
      vk_assert_ok (ovk_cmd_cut (cmd, &error), error);
      g_assert_cmpfloat (ovk_cmd_work (cmd), ==, 0.);
      g_assert_cmpuint (ovk_cmd_ticket (cmd), >, ticket);
      ticket = ovk_cmd_ticket (cmd);
      if (piece == 1)
        vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
      if (piece == 2) {
        vk_assert_ok (ovk_device_wait (dev, ticket, "piece", &error), error);
        for (guint i = 0; i < 4; i++)
          assert_words (dev, s[i], words[i]);
      }
    }
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    for (guint i = 0; i < 4; i++)
      assert_words (dev, s[i], words[i]);
  }
}

/* What was not handed over can be dropped, and what is wrong with it does not
 * undo the rest. */
static void
test_rest (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice s = vk_alloc (arena, N * 4), staged;
  guint32 *words = g_new0 (guint32, N);
  GError *error = NULL;

  vk_assert_ok (ovk_cmd_cut (cmd, &error), error); /* nothing yet */
  for (guint round = 0; round < 3; round++) {
    g_assert_nonnull (ovk_cmd_stage (cmd, 16, &staged));
    ovk_cmd_fill (cmd, s, round + 5);
    vk_assert_ok (ovk_cmd_cut (cmd, &error), error);
    ovk_cmd_fill (cmd, s, 99);
    for (guint i = 0; i < N; i++)
      words[i] = round + 5;
    if (round == 0)
      ovk_cmd_reset (cmd);
    if (round == 1) {
      ovk_cmd_fill (cmd, vk_slice (s, 2, 4), 1);
      vk_assert_error (ovk_cmd_cut (cmd, &error), error, OWL2_ERROR_FAILED,
          "fill of 4 bytes");
      vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
          "fill of 4 bytes");
    }
    if (round == 2)
      g_clear_pointer (&cmd, ovk_cmd_free);
    else
      vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    assert_words (dev, s, words);
  }
  g_free (words);
}

static void
test_kept (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  GError *error = NULL;

  ovk_cmd_set_kept (cmd, TRUE);
  ovk_cmd_fill (cmd, vk_alloc (arena, 16), 1);
  vk_assert_error (ovk_cmd_cut (cmd, &error), error, OWL2_ERROR_FAILED,
      "what is kept can't be cut");
}

static void
count_pause (OvkCmd *cmd, gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_pause (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  guint n = 0;

  g_assert_cmpfloat (ovk_cmd_most_work (cmd), ==, G_MAXDOUBLE);
  ovk_cmd_pause (cmd);
  ovk_cmd_set_pieces (cmd, 7., count_pause, &n);
  g_assert_cmpfloat (ovk_cmd_most_work (cmd), ==, 7.);
  ovk_cmd_pause (cmd);
  g_assert_cmpuint (n, ==, 1);
}

static void
add_tests (void)
{
  vk_test_add ("/cut/pieces", test_pieces);
  vk_test_add ("/cut/rest", test_rest);
  vk_test_add_once ("/cut/kept", test_kept);
  vk_test_add_once ("/cut/pause", test_pause);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
