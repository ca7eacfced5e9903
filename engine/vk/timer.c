/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures on the device how long the commands of each kind take. */
#include "ovk_timer.h"

#include <string.h>

#define QUERIES_PER_POOL 256

/* ---- sums ------------------------------------------------------------- */

void
ovk_timings_init (OvkTimings *timings)
{
  g_mutex_init (&timings->lock);
  timings->sums = g_array_new (FALSE, TRUE, sizeof (OvkTiming));
}

void
ovk_timings_clear (OvkTimings *timings)
{
  g_mutex_clear (&timings->lock);
  g_array_unref (timings->sums);
}

GArray *
ovk_timings_take (OvkTimings *timings)
{
  GArray *sums;

  g_mutex_lock (&timings->lock);
  sums = timings->sums;
  timings->sums = g_array_new (FALSE, TRUE, sizeof (OvkTiming));
  g_mutex_unlock (&timings->lock);
  return sums;
}

static gboolean
same_kind (const OvkTiming *a, const OvkTiming *b)
{
  return a->n == b->n && a->k == b->k && strcmp (a->label, b->label) == 0
         && strcmp (a->what, b->what) == 0;
}

/* Under the lock. */
static void
add_to_sums (OvkTimings *timings, const OvkTiming *one)
{
  GArray *sums = timings->sums;

  for (guint i = 0; i < sums->len; i++) {
    OvkTiming *t = &g_array_index (sums, OvkTiming, i);

    if (!same_kind (t, one))
      continue;
    t->n_commands += one->n_commands;
    t->ns += one->ns;
    t->flops += one->flops;
    t->bytes += one->bytes;
    t->matrix_bytes += one->matrix_bytes;
    return;
  }
  g_array_append_vals (sums, one, 1);
}

/* ---- timestamps ------------------------------------------------------- */

void
ovk_timer_init (OvkTimer *timer, OvkGpu *gpu)
{
  timer->gpu = gpu;
  timer->pools = g_array_new (FALSE, TRUE, sizeof (VkQueryPool));
  timer->segments = g_array_new (FALSE, TRUE, sizeof (OvkTiming));
}

void
ovk_timer_clear (OvkTimer *timer)
{
  for (guint i = 0; i < timer->pools->len; i++)
    vkDestroyQueryPool (
        timer->gpu->handle, g_array_index (timer->pools, VkQueryPool, i), NULL);
  g_clear_pointer (&timer->pools, g_array_unref);
  g_clear_pointer (&timer->segments, g_array_unref);
}

void
ovk_timer_reset (OvkTimer *timer)
{
  g_array_set_size (timer->segments, 0);
  timer->n_stamps = 0;
}

static gboolean
add_pool (OvkTimer *timer, GError **error)
{
  OvkGpu *gpu = timer->gpu;
  VkQueryPoolCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
    .queryType = VK_QUERY_TYPE_TIMESTAMP,
    .queryCount = QUERIES_PER_POOL,
  };
  VkQueryPool pool;
  VkResult result = vkCreateQueryPool (gpu->handle, &info, NULL, &pool);

  if (result != VK_SUCCESS) {
    ovk_set_error (
        gpu, error, result, "%s: making timestamps failed", gpu->caps.name);
    return FALSE;
  }
  ovk_gpu_name (gpu, VK_OBJECT_TYPE_QUERY_POOL, OVK_HANDLE (pool),
      "timestamps %u", timer->pools->len);
  g_array_append_val (timer->pools, pool);
  return TRUE;
}

/* Writes the next timestamp; does nothing where there are none. */
static gboolean
stamp (OvkTimer *timer, VkCommandBuffer buffer, GError **error)
{
  guint index = timer->n_stamps / QUERIES_PER_POOL;
  guint query = timer->n_stamps % QUERIES_PER_POOL;
  VkQueryPool pool;

  if (timer->gpu->caps.timestamp_ns <= 0.)
    return TRUE;
  if (index == timer->pools->len && !add_pool (timer, error))
    return FALSE;
  pool = g_array_index (timer->pools, VkQueryPool, index);
  if (query == 0)
    vkCmdResetQueryPool (buffer, pool, 0, QUERIES_PER_POOL);
  vkCmdWriteTimestamp (
      buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, query);
  timer->n_stamps++;
  return TRUE;
}

gboolean
ovk_timer_mark (OvkTimer *timer, VkCommandBuffer buffer, const char *label,
    const char *what, GError **error)
{
  OvkTiming segment = { .label = label, .what = what, .n_commands = 1 };

  if (!stamp (timer, buffer, error))
    return FALSE;
  g_array_append_val (timer->segments, segment);
  return TRUE;
}

OvkTiming *
ovk_timer_current (OvkTimer *timer)
{
  guint n = timer->segments->len;
  OvkTiming *last =
      n ? &g_array_index (timer->segments, OvkTiming, n - 1) : NULL;

  return last && last->what ? last : NULL;
}

void
ovk_timer_collect (OvkTimer *timer, OvkTimings *timings)
{
  OvkGpu *gpu = timer->gpu;
  guint n = timer->n_stamps;
  guint bits = gpu->timestamp_bits;
  guint64 mask =
      bits >= 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT (1) << bits) - 1;
  g_autofree guint64 *ticks = g_new0 (guint64, n + 1);
  gboolean known = n > 0 && n == timer->segments->len;

  for (guint i = 0; i < n; i += QUERIES_PER_POOL) {
    guint part = MIN (n - i, QUERIES_PER_POOL);
    VkResult result = vkGetQueryPoolResults (gpu->handle,
        g_array_index (timer->pools, VkQueryPool, i / QUERIES_PER_POOL), 0,
        part, part * sizeof (guint64), ticks + i, sizeof (guint64),
        VK_QUERY_RESULT_64_BIT);

    known &= result == VK_SUCCESS;
  }
  g_mutex_lock (&timings->lock);
  for (guint i = 0; i < timer->segments->len; i++) {
    OvkTiming one = g_array_index (timer->segments, OvkTiming, i);

    if (!one.what)
      continue;
    if (known)
      one.ns =
          (double) ((ticks[i + 1] - ticks[i]) & mask) * gpu->caps.timestamp_ns;
    add_to_sums (timings, &one);
  }
  g_mutex_unlock (&timings->lock);
}
