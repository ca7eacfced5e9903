/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "video_private.h"

#include "clip.h"

/* How long the frame of each place is seen. */
typedef struct {
  gint64 from[OWL2_CLIP_MAX_FRAMES], gone[OWL2_CLIP_MAX_FRAMES];
} Seen;

/* (transfer full): frames on screen at the middles of equal parts. */
static VideoClip *
pick_all (Video *v, guint n, gint64 start, gint64 stop, Seen *seen,
    const VideoModel *model, GError **error)
{
  g_autoptr (VideoClip) clip = video_clip_new (start, stop);

  for (guint i = 0; i < n; i++) {
    gboolean past;
    GstOwl2Frame *frame;
    Shown *shown =
        video_pick (v, owl2_pace_middle (start, stop, i, n), &past, error);

    if (!shown)
      return NULL;
    seen->from[i] = shown == &v->cur && v->prev.frame.sample
                        ? MIN (v->prev.gone, shown->frame.t)
                        : shown->frame.t;
    seen->gone[i] = MAX (shown->gone, shown->frame.t + 1);
    frame = video_take (v, shown, model, error);
    if (!frame)
      return NULL;
    video_clip_add (clip, frame);
  }
  return g_steal_pointer (&clip);
}

/* Whether they are those that a clip up to @stop has. */
static gboolean
is_right (const VideoClip *clip, const Seen *seen, gint64 stop)
{
  if (stop == clip->end)
    return TRUE;
  for (guint i = 0; i < clip->n_frames; i++) {
    const gint64 t = owl2_pace_middle (clip->start, stop, i, clip->n_frames);

    if (t < seen->from[i] || t >= seen->gone[i])
      return FALSE;
  }
  return TRUE;
}

/* Where the clip ends by what is known. What is to be decoded anyway is taken
 * at its word, until it is seen. */
static gboolean
guess_stop (Video *v, gint64 to, gint64 *stop, GError **error)
{
  gint64 length;

  if (!video_seek_end (v, error))
    return FALSE;
  length = video_length (v);
  if (!length && to == VIDEO_END) {
    if (!video_find_end (v, VIDEO_END, error))
      return FALSE;
    length = v->end;
  }
  *stop = length ? MIN (length, to) : to;
  return TRUE;
}

VideoClip *
video_spread (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error)
{
  for (;;) {
    gint64 start, stop;
    g_autoptr (VideoClip) clip = NULL;
    Seen seen;

    if (!guess_stop (v, want->to, &stop, error)
        || !video_check_from (v, want->from, error))
      return NULL;
    start = MAX (want->from, v->first.beat);
    stop = MAX (stop, start + 1);
    clip = pick_all (v, want->n_frames, start, stop, &seen, model, error);
    if (!clip)
      return NULL;
    if (!video_find_end (v, want->to, error))
      return NULL;
    if (v->have_end)
      stop = MIN (v->end, want->to);
    if (!video_check_from (v, want->from, error))
      return NULL;
    if (is_right (clip, &seen, stop)) {
      clip->end = stop;
      return g_steal_pointer (&clip);
    }
  }
}
