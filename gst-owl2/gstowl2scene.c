/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2scene.h"
#include "gstowl2past.h"

struct _GstOwl2Scene {
  gpointer (*take) (gpointer settings, gpointer user_data);
  gpointer user_data;

  guint series; /* one more for each restart */
  gboolean any; /* a job was made since then, of the frame at `last` */
  gint64 last;

  Owl2Clipper *clipper; /* of clips of one frame, a part of `span` apart */
  GstOwl2Past past;     /* the newest of it, where they were to be */
};

/* ---- the clipper's ------------------------------------------------------ */

static gpointer
scene_take (gpointer settings, gpointer user_data)
{
  GstOwl2Scene *scene = user_data;

  return scene->take (settings, scene->user_data);
}

static void
scene_on_past (Owl2Clip *clip, gpointer user_data)
{
  GstOwl2Scene *scene = user_data;

  if (scene->past.n_frames
      && clip->start < scene->past.times[scene->past.n_frames - 1])
    gst_owl2_past_clear (&scene->past);
  gst_owl2_past_add (&scene->past, clip->frames[0], clip->start);
  owl2_clipper_free_clip (scene->clipper, clip);
}

/* ---- public ------------------------------------------------------------- */

GstOwl2Scene *
gst_owl2_scene_new (gpointer (*take) (gpointer settings, gpointer user_data),
    gpointer user_data)
{
  static const Owl2ClipperFuncs funcs = { scene_take, gst_owl2_frame_clip_ref,
    gst_owl2_frame_clip_drop, scene_on_past, NULL, NULL };
  GstOwl2Scene *scene = g_new0 (GstOwl2Scene, 1);

  scene->take = take;
  scene->user_data = user_data;
  scene->clipper = owl2_clipper_new (&funcs, scene);
  return scene;
}

void
gst_owl2_scene_free (GstOwl2Scene *scene)
{
  if (!scene)
    return;
  gst_owl2_past_clear (&scene->past);
  owl2_clipper_free (scene->clipper);
  g_free (scene);
}

void
gst_owl2_scene_restart (GstOwl2Scene *scene)
{
  if (!scene->any && !scene->past.n_frames)
    return;
  scene->series++;
  scene->any = FALSE;
  gst_owl2_past_clear (&scene->past);
  owl2_clipper_reset (scene->clipper);
}

GstOwl2Job *
gst_owl2_scene_job (GstOwl2Scene *scene, GstOwl2Settings *settings,
    GstOwl2Frame *frame, gint64 t)
{
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  guint n = 0;
  gint64 first;
  GstOwl2Job *job;

  if (scene->any && t < scene->last)
    gst_owl2_scene_restart (scene);
  scene->any = TRUE;
  scene->last = t;

  gst_owl2_past_drop_old (&scene->past, settings, t);
  for (guint i = 0; i < scene->past.n_frames; i++)
    frames[n++] = scene->past.frames[i];
  frames[n++] = frame;
  /* The axis is stream time, negated where that runs backwards. */
  first = n > 1 ? ABS (scene->past.times[0]) : ABS (t);
  job = gst_owl2_job_new (settings, (GstClockTime) MIN (first, ABS (t)),
      (GstClockTime) MAX (first, ABS (t)), frames, n);
  job->sample = (GstOwl2Sample){ frame, t, scene->series };
  return job;
}

void
gst_owl2_scene_push (
    GstOwl2Scene *scene, GstOwl2Settings *settings, gint64 t, gint64 duration)
{
  const guint64 span = gst_owl2_settings_span (settings);
  const Owl2ClipSettings clips = {
    .interval = MAX (span / gst_owl2_settings_n_frames (settings), 1),
    .n_frames = 1,
    /* Not held: such a clip is done with its first frame. */
    .data = settings,
  };

  if (gst_owl2_settings_n_frames (settings) > 1)
    owl2_clipper_push (scene->clipper, &clips, t, duration);
}
