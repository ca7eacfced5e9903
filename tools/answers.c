/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "base.h"
#include "printable.h"
#include "program.h"

#define ANSWER "owl2-answer"

struct _Answers {
  char *path;
  FILE *srt;
  guint n_cues;
};

static gboolean
check_written (const Answers *a, gboolean ok, GError **error)
{
  g_autofree char *path = NULL;

  if (ok)
    return TRUE;
  path = owl2_excerpt (a->path, strlen (a->path), OWL2_MESSAGE_MAX / 2);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't be written: %s",
      path, g_strerror (errno));
  return FALSE;
}

Answers *
answers_new (const char *srt, GError **error)
{
  g_autoptr (Answers) a = g_new0 (Answers, 1);

  if (!srt)
    return g_steal_pointer (&a);
  a->path = g_strdup (srt);
  a->srt = g_fopen (srt, "we");
  if (!check_written (a, a->srt != NULL, error))
    return NULL;
  return g_steal_pointer (&a);
}

void
answers_free (Answers *answers)
{
  if (!answers)
    return;
  if (answers->srt)
    fclose (answers->srt);
  g_free (answers->path);
  g_free (answers);
}

/* ---- subtitles ---------------------------------------------------------- */

char *
answers_subtitle (const char *text)
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

static void
print_stamp (FILE *file, guint64 ns, const char *end)
{
  guint64 ms = ns / GST_MSECOND;

  fprintf (file, "%02u:%02u:%02u,%03u%s", (guint) (ms / 3600000),
      (guint) (ms / 60000 % 60), (guint) (ms / 1000 % 60), (guint) (ms % 1000),
      end);
}

/* A cue without text would be none, so there is none. */
static gboolean
write_cue (
    Answers *a, guint64 start, guint64 end, const char *text, GError **error)
{
  g_autofree char *line = answers_subtitle (text);

  g_strstrip (line);
  if (!*line)
    return TRUE;
  fprintf (a->srt, "%u\n", ++a->n_cues);
  print_stamp (a->srt, start, " --> ");
  print_stamp (a->srt, end, "\n");
  fprintf (a->srt, "%s\n\n", line);
  return check_written (a, fflush (a->srt) == 0, error);
}

/* ---- answers --------------------------------------------------------------
 */

gboolean
answers_add (Answers *answers, const GstStructure *answer, GError **error)
{
  const char *text = gst_structure_get_string (answer, "text");
  g_autofree char *shown = owl2_printable (text);
  g_autofree char *line = NULL;
  gboolean final = TRUE;
  guint64 start, end;

  gst_structure_get_boolean (answer, "final", &final);
  if (!gst_structure_has_name (answer, ANSWER) || !text || !final
      || !gst_structure_get_uint64 (answer, "start", &start)
      || !gst_structure_get_uint64 (answer, "end", &end))
    return TRUE;
  line = g_strdup_printf ("%5" G_GUINT64_FORMAT ".%u - %5" G_GUINT64_FORMAT
                          ".%u s   %s",
      start / GST_SECOND, (guint) (start / (100 * GST_MSECOND) % 10),
      end / GST_SECOND, (guint) (end / (100 * GST_MSECOND) % 10), shown);
  return program_print_line (line, error)
         && (!answers->srt || write_cue (answers, start, end, text, error));
}

/* What follows "Got message #1 from element "owl2-0" (element): ", as the whole
 * beginning of the line; NULL if it begins in another way. Within the fields of
 * a message spaces and brackets have backslashes before them, so that nothing
 * in one looks like this. */
static const char *
after_head (const char *line)
{
  const char *p = line;

  if (!g_str_has_prefix (p, "Got message #"))
    return NULL;
  p += strlen ("Got message #");
  p += strspn (p, "0123456789");
  if (!g_str_has_prefix (p, " from element \""))
    return NULL;
  p = strstr (p, "\" (");
  return p && g_str_has_prefix (p, "\" (element): ")
             ? p + strlen ("\" (element): ")
             : NULL;
}

gboolean
answers_add_line (Answers *answers, const char *line, GError **error)
{
  const char *fields = after_head (line);
  g_autoptr (GstStructure) s = NULL;
  char *end = NULL;

  if (!fields || !g_str_has_prefix (fields, ANSWER ", "))
    return TRUE;
  s = gst_structure_from_string (fields, &end);
  if (!s || !end || end[strspn (end, " ;\r")])
    return TRUE;
  return answers_add (answers, s, error);
}
