/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of what is decoded from its beginning to its end, as the element's
 * trigger=eos takes them: spread over what comes once and says nothing of its
 * end, the nearest of those that are kept; or one for each second. */
#include "video_private.h"

#include "clip.h"

typedef struct {
  Video *video;
  const VideoModel *model;
  Owl2Clipper *clipper;
  Owl2ClipSettings settings;
  Shown *now; /* the one being pushed */
  Owl2Clip *clip;
  GError *error; /* why a frame could not be taken */
} Stream;

static gpointer
take (gpointer data, gpointer user_data)
{
  Stream *s = user_data;

  return s->error ? NULL : video_take (s->video, s->now, s->model, &s->error);
}

static void
done (Owl2Clip *clip, gpointer user_data)
{
  Stream *s = user_data;

  if (s->clip)
    owl2_clipper_free_clip (s->clipper, s->clip);
  s->clip = clip;
}

static gboolean
push (Stream *s, Shown *shown, const VideoWant *want, GError **error)
{
  if (!shown->frame.sample || shown->gone <= want->from
      || shown->frame.t >= want->to)
    return TRUE;
  s->now = shown;
  owl2_clipper_push (
      s->clipper, &s->settings, shown->frame.t, shown->frame.duration);
  if (!s->error)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&s->error));
  return FALSE;
}

static void
expect_end (Stream *s, const VideoWant *want)
{
  const gint64 length = video_length (s->video);
  const gint64 end = length ? MIN (length, want->to) : want->to;

  if (end != VIDEO_END)
    owl2_clipper_expect (s->clipper, &end, 1);
}

static gboolean
push_all (Stream *s, const VideoWant *want, GError **error)
{
  Video *v = s->video;

  expect_end (s, want);
  if (!push (s, &v->prev, want, error) || !push (s, &v->cur, want, error))
    return FALSE;
  while (!v->at_end && v->cur.end < want->to)
    if (!video_advance (v, error)
        || (!v->at_end && !push (s, &v->cur, want, error)))
      return FALSE;
  owl2_clipper_cut (s->clipper, &s->settings);
  if (s->clip)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is nothing from %.3f s on: the video ends at %.3f s",
      (double) want->from / 1e9, (double) v->seen_end / 1e9);
  return FALSE;
}

static void
init_settings (Stream *s, const VideoWant *want)
{
  GstVideoInfo info;

  s->settings = (Owl2ClipSettings){
    .interval = GST_SECOND, .n_frames = want->n_frames, .whole = TRUE
  };
  if (want->rule == VIDEO_SPREAD)
    return;
  gst_video_info_from_caps (
      &info, gst_sample_get_caps (s->video->cur.frame.sample));
  s->settings.n_frames = 0;
  s->settings.fps_n = (guint) MAX (info.fps_n, 0);
  s->settings.fps_d = (guint) MAX (info.fps_d, 0);
}

/* (transfer full): those of the clip that there is room for. */
static VideoClip *
make_clip (const Owl2Clip *from, const VideoWant *want)
{
  VideoClip *clip = video_clip_new (from->start, MIN (from->end, want->to));
  const guint n = MIN (from->n_frames, want->n_frames);

  for (guint i = 0; i < n; i++)
    video_clip_add (
        clip, gst_owl2_frame_ref (from->frames[i * from->n_frames / n]));
  if (from->n_wanted > n)
    clip->thinned_from = from->n_wanted;
  return clip;
}

VideoClip *
video_stream (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error)
{
  static const Owl2ClipperFuncs funcs = { take, gst_owl2_frame_clip_ref,
    gst_owl2_frame_clip_drop, done };
  Stream s = { .video = v, .model = model };
  VideoClip *clip = NULL;

  init_settings (&s, want);
  s.clipper = owl2_clipper_new (&funcs, &s);
  if (push_all (&s, want, error))
    clip = make_clip (s.clip, want);
  if (s.clip)
    owl2_clipper_free_clip (s.clipper, s.clip);
  owl2_clipper_free (s.clipper);
  return clip;
}
