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
  guint8 *encoded; /* PIPELINE_ELEMENTS of any type */
} Slot;

struct _Pipeline {
  GThreadPool *pool;
  GMutex mutex;
  GCond done;
  Slot slots[MAX_THREADS + SPARE_PIECES];
  guint n_slots;
  /* Slots are used in a ring. */
  guint next, n_used;
};

/* What does not change is not copied: the bytes of the file are the result. */
static gboolean
is_same (const Piece *p)
{
  if (G_BYTE_ORDER != G_LITTLE_ENDIAN || !p->encoder || !p->source->contiguous)
    return FALSE;
  return (p->source->type == SHARD_F16 && p->encoder->type == OWL2_TYPE_F16)
         || (p->source->type == SHARD_F32 && p->encoder->type == OWL2_TYPE_F32);
}

static void
count (Piece *p, float *values, gsize n)
{
  gsize n_bad = floats_count_not_finite (values, n);

  if (!p->encoder) {
    float largest = 0;
    gsize beyond = floats_count_beyond_f16 (values, n, &largest);

    p->n_beyond_f16 += beyond;
    p->largest = MAX (p->largest, largest);
  } else if (n_bad > 0 && p->encoder->quantised) {
    /* The piece can't be used, but is encoded all the same. */
    memset (values, 0, n * sizeof (float));
  }
  p->n_not_finite += n_bad;
}

static void
work_step (Piece *p, Slot *slot, gsize at, gsize n)
{
  float values[STEP];
  gsize size;
  const guint8 *bytes = shard_tensor_bytes (p->source, p->first + at, n, &size);

  if (p->checksum)
    p->crc = (guint32) crc32 (p->crc, bytes, (uInt) size);
  if (p->data && p->source->type == SHARD_F16) {
    p->n_not_finite += halves_count_not_finite (bytes, n);
    return;
  }
  shard_tensor_read (p->source, p->first + at, n, values);
  count (p, values, n);
  if (p->encoder && !p->data) {
    Owl2Type type = p->encoder->type;

    p->encoder->encode (values, n,
        slot->encoded
            + at / owl2_type_block (type) * owl2_type_block_bytes (type));
  }
}

static void
work (gpointer data, gpointer user_data)
{
  Slot *slot = data;
  Pipeline *pipeline = user_data;
  Piece *p = &slot->piece;

  if (is_same (p))
    p->data = shard_tensor_bytes (p->source, p->first, p->n, &p->size);
  for (gsize at = 0; at < p->n; at += STEP)
    work_step (p, slot, at, MIN (p->n - at, STEP));
  if (p->encoder && !p->data) {
    p->data = slot->encoded;
    p->size = p->n / owl2_type_block (p->encoder->type)
              * owl2_type_block_bytes (p->encoder->type);
  }
  g_mutex_lock (&pipeline->mutex);
  slot->done = TRUE;
  g_cond_signal (&pipeline->done);
  g_mutex_unlock (&pipeline->mutex);
}

Pipeline *
pipeline_new (guint n_threads, GError **error)
{
  Pipeline *pipeline = g_new0 (Pipeline, 1);
  GError *cause = NULL;

  if (n_threads == 0)
    n_threads = g_get_num_processors ();
  n_threads = MIN (n_threads, MAX_THREADS);
  pipeline->n_slots = n_threads + SPARE_PIECES;
  g_mutex_init (&pipeline->mutex);
  g_cond_init (&pipeline->done);
  pipeline->pool =
      g_thread_pool_new (work, pipeline, (gint) n_threads, TRUE, &cause);
  if (cause) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "can't start %u threads: %s", n_threads, cause->message);
    g_error_free (cause);
    pipeline_free (pipeline);
    return NULL;
  }
  for (guint i = 0; i < pipeline->n_slots; i++)
    pipeline->slots[i].encoded = g_malloc (PIPELINE_ELEMENTS * sizeof (float));
  return pipeline;
}

void
pipeline_free (Pipeline *pipeline)
{
  if (!pipeline)
    return;
  if (pipeline->pool)
    g_thread_pool_free (pipeline->pool, TRUE, TRUE);
  for (guint i = 0; i < pipeline->n_slots; i++)
    g_free (pipeline->slots[i].encoded);
  g_mutex_clear (&pipeline->mutex);
  g_cond_clear (&pipeline->done);
  g_free (pipeline);
}

Piece *
pipeline_get (Pipeline *pipeline)
{
  Slot *slot = &pipeline->slots[pipeline->next];

  if (pipeline->n_used == pipeline->n_slots)
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
  pipeline->next = (pipeline->next + 1) % pipeline->n_slots;
  pipeline->n_used++;
  /* Fails only where no thread can be started, and all of an exclusive pool's
   * run already. */
  g_thread_pool_push (pipeline->pool, piece, NULL);
}

gboolean
pipeline_busy (const Pipeline *pipeline)
{
  return pipeline->n_used > 0;
}

Piece *
pipeline_take (Pipeline *pipeline)
{
  guint oldest = (pipeline->next + pipeline->n_slots - pipeline->n_used)
                 % pipeline->n_slots;
  Slot *slot = &pipeline->slots[oldest];

  if (pipeline->n_used == 0)
    return NULL;
  g_mutex_lock (&pipeline->mutex);
  while (!slot->done)
    g_cond_wait (&pipeline->done, &pipeline->mutex);
  g_mutex_unlock (&pipeline->mutex);
  return &slot->piece;
}

void
pipeline_put_back (Pipeline *pipeline, Piece *piece)
{
  shard_tensor_release (piece->source, piece->first, piece->n);
  pipeline->n_used--;
}
