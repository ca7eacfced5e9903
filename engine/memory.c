/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"
#include "engine_private.h"

Owl2Memory *
owl2_memory_import (
    Owl2Model *model, const Owl2Foreign *foreign, GError **error)
{
  OvkImport *import =
      ovk_import_foreign (model->dev, "picture", foreign, error);
  Owl2Memory *memory;

  if (!import)
    return NULL;
  memory = g_new0 (Owl2Memory, 1);
  g_atomic_ref_count_init (&memory->refs);
  memory->import = import;
  memory->dev = model->dev;
  return memory;
}

gboolean
owl2_memory_is_of (const Owl2Memory *memory, const Owl2Model *model)
{
  /* The import has a reference to its device, so no other is at its place. */
  return memory->dev == model->dev;
}

Owl2Memory *
owl2_memory_ref (Owl2Memory *memory)
{
  g_atomic_ref_count_inc (&memory->refs);
  return memory;
}

void
owl2_memory_unref (Owl2Memory *memory)
{
  if (!memory || !g_atomic_ref_count_dec (&memory->refs))
    return;
  ovk_import_free (memory->import);
  g_free (memory);
}
