/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "subtitles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "base.h"
#include "printable.h"

struct _Subtitles {
  char *path;
  FILE *file;
  SubtitlesForm form;
  guint n_cues;
};

static gboolean
check_written (const Subtitles *s, gboolean ok, GError **error)
{
  g_autofree char *path = NULL;

  if (ok)
    return TRUE;
  path = owl2_excerpt (s->path, strlen (s->path), OWL2_MESSAGE_MAX / 2);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't be written: %s",
      path, g_strerror (errno));
  return FALSE;
}

Subtitles *
subtitles_new (const char *path, SubtitlesForm form, GError **error)
{
  g_autoptr (Subtitles) s = g_new0 (Subtitles, 1);

  s->path = g_strdup (path);
  s->form = form;
  s->file = g_fopen (path, "we");
  if (!check_written (s, s->file != NULL, error))
    return NULL;
  if (form == SUBTITLES_VTT) {
    fputs ("WEBVTT\n\n", s->file);
    if (!check_written (s, fflush (s->file) == 0, error))
      return NULL;
  }
  return g_steal_pointer (&s);
}

void
subtitles_free (Subtitles *s)
{
  if (!s)
    return;
  if (s->file)
    fclose (s->file);
  g_free (s->path);
  g_free (s);
}

char *
subtitles_srt_text (const char *text)
{
  g_autofree char *line = owl2_printable (text);
  GString *out = g_string_new (NULL);

  for (const char *p = line; *p; p++) {
    if (*p == '{' || *p == '}') {
      g_string_append_c (out, *p == '{' ? '(' : ')');
      continue;
    }
    if (*p == '>' && g_str_has_suffix (out->str, "--"))
      g_string_append_c (out, ' ');
    g_string_append_c (out, *p);
    if (*p == '<' && p[1] && p[1] != ' ')
      g_string_append_c (out, ' ');
  }
  return g_string_free (out, FALSE);
}

char *
subtitles_vtt_text (const char *text)
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
print_stamp (const Subtitles *s, guint64 ns, const char *end)
{
  const guint64 ms = to_ms (ns);

  fprintf (s->file, "%02u:%02u:%02u%c%03u%s", (guint) (ms / 3600000),
      (guint) (ms / 60000 % 60), (guint) (ms / 1000 % 60),
      s->form == SUBTITLES_SRT ? ',' : '.', (guint) (ms % 1000), end);
}

gboolean
subtitles_add (
    Subtitles *s, guint64 start, guint64 end, const char *text, GError **error)
{
  g_autofree char *line = s->form == SUBTITLES_SRT ? subtitles_srt_text (text)
                                                   : subtitles_vtt_text (text);

  g_strstrip (line);
  if (!*line)
    return TRUE;
  if (s->form == SUBTITLES_SRT)
    fprintf (s->file, "%u\n", ++s->n_cues);
  print_stamp (s, start, " --> ");
  print_stamp (s, end, "\n");
  fprintf (s->file, "%s\n\n", line);
  return check_written (s, fflush (s->file) == 0, error);
}
