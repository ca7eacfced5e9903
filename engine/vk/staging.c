/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one buffer through which the host's bytes go to the device. */
#include "ovk_staging.h"

#define STAGING_BYTES ((gsize) 64 << 20)

/* Bytes [begin, end) that are in use. */
typedef struct {
  gsize begin, end;
  gconstpointer owner; /* records what reads them */
  guint64 ticket;      /* of the submission that does; 0: there was none yet */
} Piece;

void
ovk_staging_init (OvkStaging *s, OvkHeap *heap)
{
  s->heap = heap;
  g_mutex_init (&s->lock);
  g_cond_init (&s->changed);
  s->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  s->size = STAGING_BYTES;
}

void
ovk_staging_close (OvkStaging *s)
{
  g_clear_pointer (&s->buffer, ovk_buffer_free);
}

void
ovk_staging_clear (OvkStaging *s)
{
  g_array_unref (s->pieces);
  g_mutex_clear (&s->lock);
  g_cond_clear (&s->changed);
}

static Piece *
piece (OvkStaging *s, guint i)
{
  return &g_array_index (s->pieces, Piece, i);
}

/* ---- under the lock --------------------------------------------------- */

/* Takes back what the device is done with. */
static void
reclaim (OvkStaging *s)
{
  for (guint i = s->pieces->len; i-- > 0;) {
    guint64 ticket = piece (s, i)->ticket;

    if (ticket && ovk_queue_reached (s->heap->queue, ticket, 0))
      g_array_remove_index (s->pieces, i);
  }
}

/* The first room for @n bytes, so that no more of the buffer is ever touched
 * than is in use together; G_MAXSIZE if there is none. @at: (out): the index of
 * the piece behind it */
static gsize
find_room (OvkStaging *s, gsize n, guint *at)
{
  gsize begin = 0;

  for (*at = 0; *at < s->pieces->len; ++*at) {
    const Piece *p = piece (s, *at);

    if (p->begin - begin >= n)
      return begin;
    begin = p->end;
  }
  return s->size - begin >= n ? begin : G_MAXSIZE;
}

/* @n is a multiple of the alignment. */
static gboolean
place (OvkStaging *s, gconstpointer owner, gsize n, gsize *begin)
{
  Piece fresh = { 0, 0, owner, 0 };
  guint at;

  fresh.begin = find_room (s, n, &at);
  if (fresh.begin == G_MAXSIZE)
    return FALSE;
  *begin = fresh.begin;
  fresh.end = fresh.begin + n;
  g_array_insert_val (s->pieces, at, fresh);
  return TRUE;
}

/* The submission that is done first, 0 if there is none. @held: (out): bytes
 * of the recording of @owner. */
static guint64
oldest_ticket (OvkStaging *s, gconstpointer owner, gsize *held)
{
  guint64 oldest = 0;

  *held = 0;
  for (guint i = 0; i < s->pieces->len; i++) {
    const Piece *p = piece (s, i);

    if (p->ticket && (!oldest || p->ticket < oldest))
      oldest = p->ticket;
    if (!p->ticket && p->owner == owner)
      *held += p->end - p->begin;
  }
  return oldest;
}

/* Waits for something to become free. The lock is let go in between. */
static gboolean
wait_for_room (
    OvkStaging *s, gconstpointer owner, gsize n, gint64 end, GError **error)
{
  gsize held;
  guint64 ticket = oldest_ticket (s, owner, &held);
  gboolean ok;

  if (ticket) {
    g_mutex_unlock (&s->lock);
    ok = ovk_queue_wait (s->heap->queue, ticket, "upload", error);
    g_mutex_lock (&s->lock);
    return ok;
  }
  /* All of it belongs to recordings. Others will be submitted, but whoever
   * holds some and waits for others may be waited for by them. */
  if (!held && g_cond_wait_until (&s->changed, &s->lock, end))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: %" G_GSIZE_FORMAT " bytes can't be staged, of %" G_GSIZE_FORMAT
      " this recording has %" G_GSIZE_FORMAT
      " and others that are not submitted the rest",
      s->heap->gpu->caps.name, n, s->size, held);
  return FALSE;
}

/* ---- reserving -------------------------------------------------------- */

static gboolean
make_buffer (OvkStaging *s, GError **error)
{
  if (!s->buffer)
    s->buffer = ovk_buffer_new (
        s->heap, "staging", s->size, s->heap->type_upload, TRUE, error);
  return s->buffer != NULL;
}

guint8 *
ovk_staging_reserve (OvkStaging *s, gconstpointer owner, gsize size_bytes,
    OvkSlice *slice, GError **error)
{
  const gint64 end =
      g_get_monotonic_time () + (gint64) s->heap->queue->timeout_ns / 1000;
  OvkGpu *gpu = s->heap->gpu;
  gsize align = MAX (MAX (gpu->caps.storage_align, gpu->copy_atom), 256);
  g_autoptr (GMutexLocker) locker = NULL;
  gsize n, begin;

  if (!size_bytes || size_bytes > s->size) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: %" G_GSIZE_FORMAT " bytes can't be staged at once, 1 to "
        "%" G_GSIZE_FORMAT " are possible",
        s->heap->gpu->caps.name, size_bytes, s->size);
    return NULL;
  }
  if (!ovk_gpu_alive (gpu, error))
    return NULL;
  n = (size_bytes + align - 1) / align * align;
  locker = g_mutex_locker_new (&s->lock);
  if (!make_buffer (s, error))
    return NULL;
  for (;;) {
    reclaim (s);
    if (place (s, owner, n, &begin))
      break;
    if (!wait_for_room (s, owner, n, end, error))
      return NULL;
  }
  *slice = (OvkSlice){ s->buffer, begin, size_bytes };
  return s->buffer->map + begin;
}

gboolean
ovk_staging_flush (OvkStaging *s, gconstpointer owner, GError **error)
{
  gboolean ok = TRUE;

  g_mutex_lock (&s->lock);
  for (guint i = 0; i < s->pieces->len && ok; i++) {
    const Piece *p = piece (s, i);

    if (!p->ticket && p->owner == owner)
      ok = ovk_buffer_sync (
          s->buffer, p->begin, p->end - p->begin, FALSE, error);
  }
  g_mutex_unlock (&s->lock);
  return ok;
}

void
ovk_staging_release (OvkStaging *s, gconstpointer owner, guint64 ticket)
{
  g_mutex_lock (&s->lock);
  for (guint i = s->pieces->len; i-- > 0;) {
    Piece *p = piece (s, i);

    if (p->ticket || p->owner != owner)
      continue;
    p->ticket = ticket;
    if (!ticket)
      g_array_remove_index (s->pieces, i);
  }
  g_cond_broadcast (&s->changed);
  g_mutex_unlock (&s->lock);
}
