/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "subtitles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "printable.h"
#include "program.h"

struct _Subtitles {
  char *path;
  Owl2Output *out;
  SubtitlesForm form;
  guint n_cues;
};

Subtitles *
subtitles_new (const char *path, SubtitlesForm form, GError **error)
{
  g_autoptr (Subtitles) s = g_new0 (Subtitles, 1);

  s->path = g_strdup (path);
  s->form = form;
  s->out = owl2_output_new (path, error);
  if (!s->out)
    return NULL;
  if (form == SUBTITLES_VTT)
    fputs (SUBTITLES_VTT_HEAD, owl2_output_file (s->out));
  return g_steal_pointer (&s);
}

void
subtitles_free (Subtitles *s)
{
  if (!s)
    return;
  owl2_output_free (s->out);
  g_free (s->path);
  g_free (s);
}

/* WebVTT has a way to quote: "&", "<" and ">" are entities. */
static char *
vtt_text (const char *text)
{
  g_autofree char *line = owl2_printable (text);
  GString *out = g_string_new (line);

  g_string_replace (out, "&", "&amp;", 0);
  g_string_replace (out, "<", "&lt;", 0);
  g_string_replace (out, ">", "&gt;", 0);
  return g_string_free (out, FALSE);
}

/* Times of frames are rounded to ns: what is nearly a second is one. */
static guint64
to_ms (guint64 ns)
{
  return ns / 1000000 + (ns % 1000000 >= 500000);
}

char *
subtitles_line (guint64 start, guint64 end, const char *text)
{
  g_autofree char *shown = owl2_printable (text);
  const guint64 a = to_ms (start) / 100, b = to_ms (end) / 100;

  return g_strdup_printf ("%5" G_GUINT64_FORMAT ".%u - %5" G_GUINT64_FORMAT
                          ".%u s   %s",
      a / 10, (guint) (a % 10), b / 10, (guint) (b % 10), shown);
}

static void
add_stamp (GString *cue, SubtitlesForm form, guint64 ns, const char *end)
{
  const guint64 ms = to_ms (ns);

  g_string_append_printf (cue, "%02u:%02u:%02u%c%03u%s", (guint) (ms / 3600000),
      (guint) (ms / 60000 % 60), (guint) (ms / 1000 % 60),
      form == SUBTITLES_SRT ? ',' : '.', (guint) (ms % 1000), end);
}

char *
subtitles_cue (SubtitlesForm form, guint number, guint64 start, guint64 end,
    const char *text)
{
  g_autofree char *line =
      form == SUBTITLES_SRT ? owl2_printable_cue (text) : vtt_text (text);
  GString *cue;

  g_strstrip (line);
  if (!*line)
    return NULL;
  cue = g_string_new (NULL);
  if (form == SUBTITLES_SRT)
    g_string_append_printf (cue, "%u\n", number);
  add_stamp (cue, form, start, " --> ");
  add_stamp (cue, form, end, "\n");
  g_string_append_printf (cue, "%s\n\n", line);
  return g_string_free (cue, FALSE);
}

gboolean
subtitles_add (
    Subtitles *s, guint64 start, guint64 end, const char *text, GError **error)
{
  FILE *file = owl2_output_file (s->out);
  g_autofree char *cue =
      subtitles_cue (s->form, s->n_cues + 1, start, end, text);

  if (!cue)
    return TRUE;
  s->n_cues++;
  fputs (cue, file);
  if (fflush (file) == 0 && !ferror (file))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't write: %s",
      s->path, g_strerror (errno));
  return FALSE;
}

gboolean
subtitles_finish (Subtitles *s, gboolean ok, GError **error)
{
  if (!s || (s->n_cues == 0 && (!ok || program_signal)))
    return TRUE;
  return ok ? owl2_output_finish (s->out, TRUE, error)
            : owl2_output_finish_first (s->out, error);
}
