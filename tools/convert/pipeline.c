/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"
#include "halves.h"
#include "base.h"

#include <string.h>
#include <zlib.h>

#define MAX_THREADS 16u
#define SPARE_PIECES 4u /* being written, or done early */
/* Elements that go through a thread's cache together; a multiple of every
 * block. */
#define STEP 8192u

typedef struct {
  Piece piece; /* first, so that one is the other */
  gboolean done;
  guint8 *read, *encoded; /* PIPELINE_ELEMENTS of any type */
  float *merged;          /* as many; from the first merge on */
} Slot;

/* Pieces are counted from the first; a ring of slots holds those in use:
 * put_back <= started <= submitted <= put_back + n_slots. */
struct _Pipeline {
  GThread *threads[MAX_THREADS];
  guint n_threads;
  Slot slots[MAX_THREADS + SPARE_PIECES];
  guint n_slots;
  guint64 put_back; /* the caller's alone */
  GMutex mutex;     /* over all below, and Slot.done */
  GCond has_work, has_result;
  guint64 submitted, started;
  gboolean stop;
};

static Slot *
slot_at (Pipeline *pipeline, guint64 number)
{
  return &pipeline->slots[number % pipeline->n_slots];
}

/* What does not change is not encoded: the bytes read are the result. */
static gboolean
is_same (const Piece *p)
{
  if (G_BYTE_ORDER != G_LITTLE_ENDIAN || !p->to || p->merge)
    return FALSE;
  return (p->source->type == SHARD_F16 && p->to->type == OWL2_TYPE_F16)
         || (p->source->type == SHARD_F32 && p->to->type == OWL2_TYPE_F32);
}

static void
count (Piece *p, float *values, gsize n)
{
  gsize n_bad = floats_count_not_finite (values, n);

  if (!p->to) {
    float largest = 0;
    gsize beyond = floats_count_beyond_f16 (values, n, &largest);

    p->n_beyond_f16 += beyond;
    p->largest = MAX (p->largest, largest);
  } else if (n_bad > 0 && p->to->block > 1) {
    /* The piece can't be used, but is encoded all the same. */
    memset (values, 0, n * sizeof (float));
  }
  p->n_not_finite += n_bad;
}

static void
work_step (Piece *p, Slot *slot, gsize at, gsize n)
{
  float values[STEP];
  guint element = shard_type_bytes (p->source->type);
  const guint8 *bytes = slot->read + at * element;

  if (p->checksum)
    p->crc = (guint32) crc32 (p->crc, bytes, (uInt) (n * element));
  if (p->data && p->source->type == SHARD_F16) {
    p->n_not_finite += halves_count_not_finite (bytes, n);
    return;
  }
  if (p->merge)
    memcpy (values, slot->merged + at, n * sizeof (float));
  else
    shard_type_decode (p->source->type, bytes, n, values);
  count (p, values, n);
  if (p->to && !p->data) {
    p->to->encode (
        values, n, slot->encoded + at / p->to->block * p->to->block_bytes);
  }
}

/* A whole piece, so that the factors go through the cache less often. */
static gboolean
merge_piece (Slot *slot)
{
  Piece *p = &slot->piece;

  if (!slot->merged)
    slot->merged = g_try_malloc_n (PIPELINE_ELEMENTS, sizeof (float));
  if (!slot->merged) {
    g_set_error (&p->error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for %u values", PIPELINE_ELEMENTS);
    return FALSE;
  }
  shard_type_decode (p->source->type, slot->read, p->n, slot->merged);
  merge_add (p->merge, p->first, p->n, slot->merged);
  return TRUE;
}

static void
work_piece (Slot *slot)
{
  Piece *p = &slot->piece;

  if (!shard_tensor_read (p->source, p->first, p->n, slot->read, &p->error)
      || (p->merge && !merge_piece (slot)))
    return;
  if (is_same (p)) {
    p->data = slot->read;
    p->size = p->n * shard_type_bytes (p->source->type);
  }
  for (gsize at = 0; at < p->n; at += STEP)
    work_step (p, slot, at, MIN (p->n - at, STEP));
  if (p->to && !p->data) {
    p->data = slot->encoded;
    p->size = p->n / p->to->block * p->to->block_bytes;
  }
}

static gpointer
work (gpointer data)
{
  Pipeline *pipeline = data;

  g_mutex_lock (&pipeline->mutex);
  for (;;) {
    Slot *slot;

    while (!pipeline->stop && pipeline->started == pipeline->submitted)
      g_cond_wait (&pipeline->has_work, &pipeline->mutex);
    if (pipeline->stop)
      break;
    slot = slot_at (pipeline, pipeline->started++);
    g_mutex_unlock (&pipeline->mutex);
    work_piece (slot);
    g_mutex_lock (&pipeline->mutex);
    slot->done = TRUE;
    g_cond_signal (&pipeline->has_result);
  }
  g_mutex_unlock (&pipeline->mutex);
  return NULL;
}

static gboolean
alloc_slots (Pipeline *pipeline, GError **error)
{
  for (guint i = 0; i < pipeline->n_slots; i++) {
    Slot *slot = &pipeline->slots[i];

    slot->read = g_try_malloc_n (PIPELINE_ELEMENTS, sizeof (float));
    slot->encoded = g_try_malloc_n (PIPELINE_ELEMENTS, sizeof (float));
    if (slot->read && slot->encoded)
      continue;
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for %u pieces of %u values", pipeline->n_slots,
        PIPELINE_ELEMENTS);
    return FALSE;
  }
  return TRUE;
}

Pipeline *
pipeline_new (guint n_threads, GError **error)
{
  Pipeline *pipeline = g_new0 (Pipeline, 1);
  GError *cause = NULL;

  if (n_threads == 0)
    n_threads = g_get_num_processors ();
  n_threads = MIN (n_threads, MAX_THREADS);
  g_mutex_init (&pipeline->mutex);
  g_cond_init (&pipeline->has_work);
  g_cond_init (&pipeline->has_result);
  pipeline->n_slots = n_threads + SPARE_PIECES;
  if (!alloc_slots (pipeline, error)) {
    pipeline_free (pipeline);
    return NULL;
  }
  while (pipeline->n_threads < n_threads) {
    GThread *thread = g_thread_try_new ("convert", work, pipeline, &cause);

    if (!thread)
      break;
    pipeline->threads[pipeline->n_threads++] = thread;
  }
  /* Fewer are slower, and do. */
  if (pipeline->n_threads == 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "can't start a thread: %s", cause->message);
    g_clear_pointer (&pipeline, pipeline_free);
  }
  g_clear_error (&cause);
  return pipeline;
}

void
pipeline_free (Pipeline *pipeline)
{
  if (!pipeline)
    return;
  g_mutex_lock (&pipeline->mutex);
  pipeline->stop = TRUE;
  g_cond_broadcast (&pipeline->has_work);
  g_mutex_unlock (&pipeline->mutex);
  for (guint i = 0; i < pipeline->n_threads; i++)
    g_thread_join (pipeline->threads[i]);
  for (guint i = 0; i < pipeline->n_slots; i++) {
    g_clear_error (&pipeline->slots[i].piece.error);
    g_free (pipeline->slots[i].read);
    g_free (pipeline->slots[i].encoded);
    g_free (pipeline->slots[i].merged);
  }
  g_mutex_clear (&pipeline->mutex);
  g_cond_clear (&pipeline->has_work);
  g_cond_clear (&pipeline->has_result);
  g_free (pipeline);
}

Piece *
pipeline_get (Pipeline *pipeline)
{
  Slot *slot = slot_at (pipeline, pipeline->submitted);

  if (pipeline->submitted == pipeline->put_back + pipeline->n_slots)
    return NULL;
  memset (&slot->piece, 0, sizeof (slot->piece));
  slot->done = FALSE;
  return &slot->piece;
}

void
pipeline_submit (Pipeline *pipeline, Piece *piece)
{
  g_return_if_fail (piece->n > 0 && piece->n <= PIPELINE_ELEMENTS);
  shard_tensor_prefetch (piece->source, piece->first, piece->n);
  g_mutex_lock (&pipeline->mutex);
  pipeline->submitted++;
  g_cond_signal (&pipeline->has_work);
  g_mutex_unlock (&pipeline->mutex);
}

gboolean
pipeline_busy (const Pipeline *pipeline)
{
  return pipeline->put_back < pipeline->submitted;
}

Piece *
pipeline_take (Pipeline *pipeline)
{
  Slot *slot = slot_at (pipeline, pipeline->put_back);

  if (!pipeline_busy (pipeline))
    return NULL;
  g_mutex_lock (&pipeline->mutex);
  while (!slot->done)
    g_cond_wait (&pipeline->has_result, &pipeline->mutex);
  g_mutex_unlock (&pipeline->mutex);
  return &slot->piece;
}

void
pipeline_put_back (Pipeline *pipeline, Piece *piece)
{
  g_clear_error (&piece->error);
  pipeline->put_back++;
}
