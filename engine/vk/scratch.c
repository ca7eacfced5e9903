/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovk_scratch.h"

void
ovk_scratch_init (OvkScratch *scratch, OvkHeap *heap)
{
  scratch->heap = heap;
  g_mutex_init (&scratch->lock);
}

void
ovk_scratch_close (OvkScratch *scratch)
{
  g_clear_pointer (&scratch->buffer, ovk_buffer_free);
}

void
ovk_scratch_clear (OvkScratch *scratch)
{
  g_mutex_clear (&scratch->lock);
}

OvkBuffer *
ovk_scratch_get (OvkScratch *scratch, GError **error)
{
  OvkBuffer *buffer;

  g_mutex_lock (&scratch->lock);
  if (!scratch->buffer)
    scratch->buffer = ovk_buffer_new (scratch->heap, "scratch",
        OVK_SCRATCH_BYTES, scratch->heap->type_device, FALSE, error);
  buffer = scratch->buffer;
  g_mutex_unlock (&scratch->lock);
  return buffer;
}
