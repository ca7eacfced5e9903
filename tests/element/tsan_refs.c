/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into a test, this tells ThreadSanitizer what GLib and GStreamer do in
 * code that it does not see. Reference counts: whoever drops the last reference
 * comes after all that dropped theirs. Queues, which the harness has: GLib's
 * own calls of its locks can't be caught. Empty in other builds. */
#include <gst/gst.h>

#include "../vk/tsan.h"

#ifdef WITH_TSAN
#  undef g_atomic_ref_count_dec
EXPORT gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  gboolean last;

  REAL (g_atomic_ref_count_dec);
  __tsan_release (count);
  last = real (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

/* Frees in there, so what comes after the last one is told before. */
EXPORT void
gst_mini_object_unref (GstMiniObject *object)
{
  REAL (gst_mini_object_unref);
  __tsan_release (object);
  __tsan_acquire (object);
  real (object);
}

EXPORT void
g_object_unref (gpointer object)
{
  REAL (g_object_unref);
  __tsan_release (object);
  __tsan_acquire (object);
  real (object);
}

EXPORT void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  g_async_queue_lock (queue);
  __tsan_acquire (queue);
  g_async_queue_push_unlocked (queue, data);
  __tsan_release (queue);
  g_async_queue_unlock (queue);
}

EXPORT gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer data;

  g_async_queue_lock (queue);
  data = g_async_queue_timeout_pop_unlocked (queue, timeout);
  __tsan_acquire (queue);
  __tsan_release (queue);
  g_async_queue_unlock (queue);
  return data;
}

EXPORT gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
  gpointer data;

  g_async_queue_lock (queue);
  __tsan_acquire (queue);
  data = g_async_queue_try_pop_unlocked (queue);
  __tsan_release (queue);
  g_async_queue_unlock (queue);
  return data;
}
#endif
