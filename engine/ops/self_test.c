/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kernel takes for granted of a GPU that Vulkan leaves to it. */
#include "operand.h"

#include <string.h>

#define K 2048 /* as long as rows of large models: one pipeline serves both */
#define WORDS (K / 256 * 36)
/* Quants of 0 to 7 with scale 1 and min 0, times 1: every order of sums gives
 * this. */
#define QUANTS 0x76543210u
#define EXPECTED (K / 8 * 28.f)

static void
fill_row (guint32 *w)
{
  for (guint32 *block = w; block < w + WORDS; block += 36) {
    block[0] = 0x3c003c00; /* both scales are 1 */
    block[1] = 0x01010101; /* six bits a scale, of the first four groups */
    block[2] = 0;          /* their mins */
    block[3] = 0x01010101; /* scales and mins of the others, four bits each */
    for (guint i = 4; i < 36; i++)
      block[i] = QUANTS;
  }
}

static gboolean
multiply (OvkDevice *dev, float *result, GError **error)
{
  g_autoptr (OvkArena) arena = ovk_arena_new (dev, "self-test", 1 << 14);
  g_autoptr (OvkCmd) cmd = ovk_cmd_new (dev, "self-test", error);
  Owl2Tensor w = { .type = OWL2_TYPE_Q4_K,
    .rows = 1,
    .cols = K,
    .stride = owl2_tensor_stride (OWL2_TYPE_Q4_K, K) };
  guint32 row[WORDS];
  Owl2Tensor x, out;
  float ones[K];

  fill_row (row);
  for (guint i = 0; i < K; i++)
    ones[i] = 1.f;
  if (!cmd || !owl2_tensor_alloc (&x, arena, 1, K, error)
      || !owl2_tensor_alloc (&out, arena, 1, 1, error)
      || !ovk_arena_alloc (arena, sizeof row, &w.slice, error)
      || !ovk_slice_write (dev, w.slice, row, sizeof row, error)
      || !ovk_slice_write (dev, x.slice, ones, sizeof ones, error))
    return FALSE;
  owl2_op_matmul (cmd, OWL2_DECODE, &out, &x, &w, NULL, OWL2_ACT_NONE, NULL);
  return ovk_cmd_run (cmd, error)
         && ovk_slice_read (dev, out.slice, result, sizeof *result, error);
}

gboolean
owl2_ops_self_test (OvkDevice *dev, GError **error)
{
  const OvkCaps *caps = ovk_device_caps (dev);
  float result;

  if (caps->type == VK_PHYSICAL_DEVICE_TYPE_CPU || caps->flushes_halves)
    return TRUE;
  if (!multiply (dev, &result, error))
    return FALSE;
  if (result == EXPECTED)
    return TRUE;
  owl2_log (ovk_device_log (dev), OWL2_LOG_WARNING, "ops",
      "%s computes %g in place of %g with halves below the normal range; a "
      "slower kernel is taken for Q4_K",
      caps->name, (double) result, (double) EXPECTED);
  ovk_device_set_flushes_halves (dev);
  return TRUE;
}
