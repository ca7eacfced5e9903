/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "video_private.h"

#include <string.h>

#include "intake.h"
#include "look.h"

/* Frames are kept as they are until there are more of them than this, then at
 * the model's size, which they get sooner or later anyway. */
#define RAW_BYTES (8 * 1024 * 1024)

/* ---- opening ------------------------------------------------------------ */

Video *
video_open (const char *name, guint64 max_pixels, GError **error)
{
  g_autoptr (Video) v = g_new0 (Video, 1);
  g_autofree char *uri = intake_make_uri (name, error);

  if (!uri)
    return NULL;
  v->player = player_new (uri, max_pixels);
  v->can_reopen = !g_str_has_prefix (uri, "fd:");
  v->pool = gst_owl2_pool_new ();
  v->gap = GST_SECOND;
  if (!video_rewind (v, error))
    return NULL;
  if (player_is_live (v->player)) {
    v->no_seek = "it is live";
    v->can_reopen = FALSE;
    player_stop (v->player);
  } else {
    v->can_seek = player_can_seek (v->player);
    v->length = video_length (v);
    v->no_seek = v->can_seek ? NULL : "it can't be sought";
  }
  return g_steal_pointer (&v);
}

void
video_free (Video *v)
{
  if (!v)
    return;
  player_frame_clear (&v->cur.frame);
  player_frame_clear (&v->prev.frame);
  gst_owl2_frame_unref (v->cur.taken);
  gst_owl2_frame_unref (v->prev.taken);
  gst_owl2_frame_unref (v->ahead);
  player_free (v->player);
  gst_owl2_rgb_clear (&v->rgb);
  gst_owl2_pool_unref (v->pool);
  g_free (v);
}

gboolean
video_is_live (Video *v)
{
  return player_is_live (v->player);
}

gint64
video_length (Video *v)
{
  gint64 length;

  if (v->have_end)
    return v->end;
  return !player_is_live (v->player) && player_get_duration (v->player, &length)
             ? length
             : v->length;
}

void
video_set_progress (Video *v, VideoProgressFunc func, gpointer user_data)
{
  v->progress = func;
  v->progress_data = user_data;
}

char *
video_describe (Video *v)
{
  const guint64 n = player_n_decoded (v->player);
  const char *why =
      v->no_keys && !v->no_seek ? "it has no frames to be sought" : v->no_seek;

  if (why)
    return g_strdup_printf (
        "%" G_GUINT64_FORMAT " frames decoded, all of it: %s", n, why);
  return g_strdup_printf (
      "%" G_GUINT64_FORMAT " frames decoded, %u seeks", n, v->n_seeks);
}

/* ---- frames ------------------------------------------------------------- */

/* The frame as the model is to get it. @memory: see gst_owl2_rgb_convert() */
static gboolean
convert (Video *v, GstOwl2Frame *frame, const VideoModel *model,
    Owl2Image *image, gpointer *memory, GError **error)
{
  if (!gst_owl2_rgb_convert (&v->rgb, frame, image, memory, error))
    return FALSE;
  image->mode = model->mode;
  image->look = model->look;
  return !model->look || look_keep (frame, image, model->image_size, error);
}

/* The frame at the model's size. */
static gboolean
shrink (Video *v, GstOwl2Frame *frame, const VideoModel *model, GError **error)
{
  g_autofree gpointer memory = NULL;
  Owl2Image image;
  guint8 *small;

  if (!convert (v, frame, model, &image, &memory, error))
    return FALSE;
  small = owl2_session_shrink (model->session, &image, error);
  if (!small)
    return FALSE;
  gst_owl2_frame_set_small (frame, small, model->image_size);
  return TRUE;
}

GstOwl2Frame *
video_take (Video *v, Shown *shown, const VideoModel *model, GError **error)
{
  g_autoptr (GstOwl2Frame) frame = NULL;
  GstSample *sample = shown->frame.sample;
  GstVideoInfo info;
  GstOwl2Picture picture = {
    .buffer = gst_sample_get_buffer (sample),
    .info = &info,
    .orientation = shown->frame.orientation,
    .time = (GstClockTime) shown->frame.t,
  };

  if (shown->taken)
    return gst_owl2_frame_ref (shown->taken);
  /* The player has seen that these caps can be read. */
  gst_video_info_from_caps (&info, gst_sample_get_caps (sample));
  picture.peak = gst_owl2_colour_peak (gst_sample_get_caps (sample), &info);
  frame = gst_owl2_frame_new (v->pool, &picture, error);
  if (!frame
      || (gst_owl2_pool_raw_bytes (v->pool) > RAW_BYTES
          && !shrink (v, frame, model, error)))
    return NULL;
  shown->taken = gst_owl2_frame_ref (frame);
  return g_steal_pointer (&frame);
}

VideoClip *
video_clip_new (gint64 start, gint64 end)
{
  VideoClip *clip = g_new0 (VideoClip, 1);

  clip->start = start;
  clip->end = end;
  clip->frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_owl2_frame_unref);
  return clip;
}

void
video_clip_add (VideoClip *clip, GstOwl2Frame *frame)
{
  clip->times = g_renew (gint64, clip->times, clip->n_frames + 1);
  clip->times[clip->n_frames++] = (gint64) frame->time;
  g_ptr_array_add (clip->frames, frame);
}

void
video_clip_free (VideoClip *clip)
{
  if (!clip)
    return;
  g_ptr_array_unref (clip->frames);
  g_free (clip->times);
  g_free (clip);
}

void
video_clip_join (VideoClip *clip, VideoClip *more)
{
  for (guint i = 0; i < more->n_frames; i++)
    video_clip_add (clip, gst_owl2_frame_ref (more->frames->pdata[i]));
  video_clip_free (more);
}

GPtrArray *
video_encode (Video *v, VideoClip *clip, const VideoModel *model,
    guint64 *encode_ns, GError **error)
{
  g_autoptr (GPtrArray) features =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
  guint64 sum_ns = 0, ns;

  for (guint i = 0; i < clip->n_frames; i++) {
    GstOwl2Frame *frame = clip->frames->pdata[i];
    g_autofree gpointer memory = NULL;
    Owl2Image image;

    if (!frame->features) {
      if (!convert (v, frame, model, &image, &memory, error))
        return NULL;
      frame->features =
          owl2_session_encode (model->session, &image, &ns, error);
      if (!frame->features)
        return NULL;
      gst_owl2_frame_drop_raw (frame);
      sum_ns += ns;
    }
    g_ptr_array_add (features, owl2_features_ref (frame->features));
  }
  if (encode_ns)
    *encode_ns = sum_ns;
  return g_steal_pointer (&features);
}

/* ---- clips -------------------------------------------------------------- */

static gboolean
fail_from (const Video *v, gint64 from, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is nothing at %.3f s: the video ends at %.3f s",
      (double) from / 1e9, (double) (v->have_end ? v->end : v->seen_end) / 1e9);
  return FALSE;
}

gboolean
video_check_from (Video *v, gint64 from, GError **error)
{
  return !v->have_end || from < v->end || fail_from (v, from, error);
}

/* The frame that all of a picture is. */
static VideoClip *
next_still (Video *v, const VideoModel *model, GError **error)
{
  g_autoptr (VideoClip) clip = video_clip_new (v->cur.frame.t, v->cur.end);
  GstOwl2Frame *frame = video_take (v, &v->cur, model, error);

  if (!frame)
    return NULL;
  video_clip_add (clip, frame);
  return g_steal_pointer (&clip);
}

/* (transfer full): the frame at @t; NULL and no error if there is none. */
static GstOwl2Frame *
take_at (Video *v, gint64 t, const VideoModel *model, GError **error)
{
  gboolean past;
  Shown *shown = video_pick (v, t, &past, error);

  return shown && !past ? video_take (v, shown, model, error) : NULL;
}

static VideoClip *
next_at (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error)
{
  g_autoptr (VideoClip) clip = video_clip_new (want->from, want->from);
  GError *failed = NULL;
  GstOwl2Frame *frame = take_at (v, want->from, model, &failed);

  if (frame) {
    video_clip_add (clip, frame);
    return g_steal_pointer (&clip);
  }
  if (failed)
    g_propagate_error (error, failed);
  else
    fail_from (v, want->from, error);
  return NULL;
}

/* The first frame of the next clip tells where this one ends. Of what is live
 * that would be waited for. */
static gboolean
look_ahead (Video *v, VideoClip *clip, const VideoWant *want,
    const VideoModel *model, GError **error)
{
  GError *failed = NULL;

  if (video_is_live (v) || clip->end >= want->to)
    return TRUE;
  v->ahead = take_at (v, clip->end, model, &failed);
  if (failed) {
    g_propagate_error (error, failed);
    return FALSE;
  }
  if (v->ahead)
    return TRUE;
  v->done = TRUE;
  if (clip->end - v->end > OWL2_PACE_ROUNDING)
    clip->end = v->end;
  return TRUE;
}

/* NULL and no error: there are no more. */
static VideoClip *
next_every (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error)
{
  const gint64 start =
      MAX (want->from, v->first.beat) + (gint64) v->k++ * want->every;
  g_autoptr (VideoClip) clip =
      video_clip_new (start, MIN (start + want->every, want->to));
  GError *failed = NULL;

  for (guint i = 0; i < want->n_frames; i++) {
    const gint64 t =
        start
        + (gint64) owl2_pace_part ((guint64) want->every, i, want->n_frames);
    GstOwl2Frame *frame = NULL;

    if (t >= want->to)
      break;
    frame = i == 0 && v->ahead ? g_steal_pointer (&v->ahead)
                               : take_at (v, t, model, &failed);
    if (!frame)
      break;
    video_clip_add (clip, frame);
  }
  if (failed) {
    g_propagate_error (error, failed);
    return NULL;
  }
  if (!clip->n_frames) {
    if (v->k == 1)
      fail_from (v, start, error);
    return NULL;
  }
  return look_ahead (v, clip, want, model, error) ? g_steal_pointer (&clip)
                                                  : NULL;
}

/* What is live begins here. Of the rest two frames are seen, to know a picture
 * from a video. */
static gboolean
begin (Video *v, GError **error)
{
  if (v->begun)
    return TRUE;
  v->begun = TRUE;
  return video_is_live (v) ? video_rewind (v, error) : video_advance (v, error);
}

gboolean
video_next (Video *v, const VideoWant *want, const VideoModel *model,
    VideoClip **clip, GError **error)
{
  GError *failed = NULL;

  *clip = NULL;
  if (!begin (v, error))
    return FALSE;
  if (v->done)
    return TRUE;
  v->done = want->rule != VIDEO_EVERY || v->still;
  if (v->still)
    *clip = next_still (v, model, &failed);
  else if (want->rule == VIDEO_AT)
    *clip = next_at (v, want, model, &failed);
  else if (want->rule == VIDEO_EVERY)
    *clip = next_every (v, want, model, &failed);
  else if (want->rule == VIDEO_SPREAD && video_can_rewind (v))
    *clip = video_spread (v, want, model, &failed);
  else
    *clip = video_stream (v, want, model, &failed);
  if (!failed) {
    v->done |= !*clip;
    return TRUE;
  }
  g_propagate_error (error, failed);
  return FALSE;
}
