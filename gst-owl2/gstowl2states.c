/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker does in the element's states. */
#include "gstowl2-private.h"
#include "gstowl2recipe.h"

static void
gst_owl2_configure (GstOwl2 *self)
{
  GstOwl2WorkerConfig config;

  GST_OBJECT_LOCK (self);
  config.element = GST_OBJECT_NAME (self);
  config.model = self->model;
  config.device = self->device;
  config.language_only = !self->modality_adaptive;
  config.kv_type = self->kv_type;
  config.mmap = self->mmap;
  config.share = self->share;
  config.nice = self->nice;
  config.cache_bytes = self->cache_bytes;
  config.settings = self->settings;
  gst_owl2_worker_configure (self->worker, &config);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_owl2_preloads (GstOwl2 *self)
{
  gboolean preload;

  GST_OBJECT_LOCK (self);
  preload = self->preload;
  GST_OBJECT_UNLOCK (self);
  return preload;
}

static gboolean
gst_owl2_preload (GstOwl2 *self)
{
  if (!gst_owl2_preloads (self))
    return TRUE;
  gst_owl2_configure (self);
  return gst_owl2_worker_preload (self->worker);
}

/* The end of a load that is cancelled is told by the thread that changes the
 * state, which may change it again in the message's handler; the worker's could
 * not while this one waits for it. */
static void
gst_owl2_stop (GstOwl2 *self, gboolean keep)
{
  gboolean cancelled = keep ? gst_owl2_worker_rest (self->worker)
                            : gst_owl2_worker_stop (self->worker);

  gst_owl2_stream_reset (self->stream, TRUE);
  gst_owl2_question_tell_lost (self, FALSE);
  if (cancelled)
    gst_owl2_on_progress (
        GST_PROGRESS_TYPE_CANCELED, "Loading cancelled", 0, self);
}

/* What the model file says of how it is asked, before the first clip is made.
 */
static void
gst_owl2_look_at_model (GstOwl2 *self)
{
  g_autofree char *path = NULL, *name = NULL;
  GstOwl2Settings *old;

  GST_OBJECT_LOCK (self);
  path = g_strdup (self->model);
  GST_OBJECT_UNLOCK (self);
  name = owl2_model_peek_recipe (path);
  GST_OBJECT_LOCK (self);
  old = self->settings;
  self->settings = gst_owl2_recipe_of_model (old, owl2_recipe_find (name));
  GST_OBJECT_UNLOCK (self);
  gst_owl2_settings_unref (old);
}

/* FALSE: they don't go together, which was told. */
static gboolean
gst_owl2_check_settings (GstOwl2 *self)
{
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  g_autoptr (GError) error = NULL;

  if (gst_owl2_recipe_check (settings, NULL, &error))
    return TRUE;
  gst_owl2_on_failed (error, self);
  return FALSE;
}

static gboolean
gst_owl2_start (GstOwl2 *self)
{
  gst_owl2_look_at_model (self);
  if (!gst_owl2_check_settings (self))
    return FALSE;
  g_mutex_lock (&self->stats->lock);
  memset (&self->stats->counts, 0, sizeof (self->stats->counts));
  g_mutex_unlock (&self->stats->lock);
  memset (&self->lost_limit, 0, sizeof (self->lost_limit));
  memset (&self->thinned_limit, 0, sizeof (self->thinned_limit));
  gst_owl2_stream_reset (self->stream, TRUE);
  gst_owl2_text_reset (self->text);
  gst_owl2_latency_reset (&self->latency);
  gst_owl2_configure (self);
  if (gst_owl2_worker_resume (self->worker))
    return TRUE;
  gst_owl2_stop (self, FALSE);
  /* Who was told that another load is cancelled may have changed the state. */
  return GST_STATE (self) == GST_STATE_READY
         && gst_owl2_worker_start (self->worker);
}

gboolean
gst_owl2_begin_change (GstOwl2 *self, GstStateChange transition)
{
  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      return gst_owl2_preload (self);
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      return gst_owl2_start (self);
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      /* The streaming thread may wait for an answer, and the pads' deactivation
       * waits for the streaming thread. */
      gst_owl2_worker_cancel (self->worker, gst_owl2_preloads (self));
      return TRUE;
    default:
      return TRUE;
  }
}

void
gst_owl2_end_change (
    GstOwl2 *self, GstStateChange transition, GstStateChangeReturn ret)
{
  const gboolean failed = ret == GST_STATE_CHANGE_FAILURE;

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY
      || (transition == GST_STATE_CHANGE_READY_TO_PAUSED && failed))
    gst_owl2_stop (self, gst_owl2_preloads (self));
  if (transition == GST_STATE_CHANGE_READY_TO_NULL
      || (transition == GST_STATE_CHANGE_NULL_TO_READY && failed))
    gst_owl2_stop (self, FALSE);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    gst_owl2_vulkan_stop (self->vulkan);
}
