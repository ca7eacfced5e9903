/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mam.h"

#include <string.h>

gboolean
owl2_modality_init (
    Owl2Modality *m, OvkArena *arena, guint capacity, GError **error)
{
  memset (m, 0, sizeof *m);
  m->runs = g_array_new (FALSE, FALSE, sizeof (Owl2Run));
  return ovk_arena_alloc (
      arena, (gsize) capacity * sizeof (guint32), &m->device, error);
}

void
owl2_modality_clear (Owl2Modality *m)
{
  g_clear_pointer (&m->runs, g_array_unref);
}

void
owl2_modality_record (
    Owl2Modality *m, OvkCmd *cmd, const guint32 *modality, guint n)
{
  OvkSlice slice = m->device;

  m->n = n;
  g_array_set_size (m->runs, 0);
  for (guint i = 0; i < n; i++) {
    Owl2Run *last = m->runs->len
                        ? &g_array_index (m->runs, Owl2Run, m->runs->len - 1)
                        : NULL;
    Owl2Run run = { i, 1, modality[i] };

    if (last && last->modality == modality[i])
      last->n++;
    else
      g_array_append_val (m->runs, run);
  }
  slice.size = (gsize) n * sizeof (guint32);
  ovk_cmd_update (cmd, slice, modality, slice.size);
}

void
owl2_mam_norm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor w[2], const Owl2Modality *m, float eps)
{
  owl2_op_rmsnorm (cmd, out, x, &w[0], &w[1], &m->device, eps);
}

void
owl2_mam_project (OvkCmd *cmd, Owl2Family family, const Owl2Tensor *out,
    const Owl2Tensor *x, const Owl2Tensor w[2], const Owl2Modality *m)
{
  const Owl2Tensor *const pair[2] = { &w[0], &w[1] };

  owl2_op_matmul_mam (cmd, family, out, x, pair,
      (const Owl2Run *) (gpointer) m->runs->data, m->runs->len);
}
