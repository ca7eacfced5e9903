/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "captions.h"

#include "subtitles.h"

/* However short the answers' times: more than one each 0.1 s are none that
 * anybody reads. */
#define MAX_CAPTIONS 36000
/* A caption stays until the next one if that comes within this time, in us. */
#define STAY_US (5 * G_USEC_PER_SEC)

struct _Captions {
  GQueue all; /* Caption, by time of arrival */
};

static void
caption_free (gpointer data)
{
  Caption *caption = data;

  g_free (caption->text);
  g_free (caption);
}

Captions *
captions_new (void)
{
  Captions *captions = g_new0 (Captions, 1);

  g_queue_init (&captions->all);
  return captions;
}

void
captions_free (Captions *captions)
{
  if (!captions)
    return;
  g_queue_clear_full (&captions->all, caption_free);
  g_free (captions);
}

static gboolean
has_old (Captions *captions, gint64 now)
{
  const Caption *oldest = g_queue_peek_head (&captions->all);

  return captions->all.length > MAX_CAPTIONS
         || (oldest && oldest->end < now - CAPTIONS_US);
}

void
captions_add (Captions *captions, gint64 start, gint64 end, const char *text)
{
  Caption *caption = g_new0 (Caption, 1);

  caption->start = start;
  caption->end = MAX (end, start);
  caption->came = g_get_monotonic_time ();
  caption->text = g_strdup (text);
  g_queue_push_tail (&captions->all, caption);
  while (has_old (captions, caption->came))
    caption_free (g_queue_pop_head (&captions->all));
}

GPtrArray *
captions_between (Captions *captions, gint64 from, gint64 to)
{
  GPtrArray *some = g_ptr_array_new_with_free_func (caption_free);

  for (GList *l = captions->all.head; l; l = l->next) {
    const Caption *caption = l->data, *next = l->next ? l->next->data : NULL;
    const gint64 start = MAX (caption->came, from);
    const gint64 end = next ? MIN (next->came, to) : to;
    Caption *copy;

    if (start >= end)
      continue;
    copy = g_new0 (Caption, 1);
    copy->start = start;
    copy->end = end;
    copy->came = caption->came;
    copy->text = g_strdup (caption->text);
    g_ptr_array_add (some, copy);
  }
  return some;
}

/* When the time that the text of @l is shown for ends. */
static gint64
stays_until (GList *l)
{
  const Caption *caption = l->data, *next = l->next ? l->next->data : NULL;

  return next && next->start > caption->start
                 && next->start <= caption->end + STAY_US
             ? next->start
             : caption->end;
}

static guint64
to_ns (gint64 us, gint64 zero)
{
  return (guint64) MAX (us - zero, 0) * 1000;
}

GBytes *
captions_vtt (Captions *captions, gint64 zero)
{
  GString *vtt = g_string_new (SUBTITLES_VTT_HEAD);

  for (GList *l = captions->all.head; l; l = l->next) {
    const Caption *caption = l->data;
    const gint64 end = stays_until (l);
    g_autofree char *cue = subtitles_cue (SUBTITLES_VTT, 0,
        to_ns (caption->start, zero), to_ns (end, zero), caption->text);

    if (cue)
      g_string_append (vtt, cue);
  }
  return g_string_free_to_bytes (vtt);
}
