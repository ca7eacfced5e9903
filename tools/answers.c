/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answers.h"

#include <string.h>

#include "program.h"
#include "subtitles.h"

#define ANSWER "owl2-answer"

struct _Answers {
  Subtitles *srt; /* (nullable) */
};

Answers *
answers_new (const char *srt, GError **error)
{
  g_autoptr (Answers) a = g_new0 (Answers, 1);

  if (srt)
    a->srt = subtitles_new (srt, SUBTITLES_SRT, error);
  return !srt || a->srt ? g_steal_pointer (&a) : NULL;
}

void
answers_free (Answers *answers)
{
  if (!answers)
    return;
  subtitles_free (answers->srt);
  g_free (answers);
}

gboolean
answers_add (Answers *answers, const GstStructure *answer, GError **error)
{
  const char *text = gst_structure_get_string (answer, "text");
  g_autofree char *line = NULL;
  gboolean final = TRUE;
  guint64 start, end;

  gst_structure_get_boolean (answer, "final", &final);
  if (!gst_structure_has_name (answer, ANSWER) || !text || !final
      || !gst_structure_get_uint64 (answer, "start", &start)
      || !gst_structure_get_uint64 (answer, "end", &end))
    return TRUE;
  line = subtitles_line (start, end, text);
  return program_print_line (line, error)
         && (!answers->srt
             || subtitles_add (answers->srt, start, end, text, error));
}

gboolean
answers_finish (Answers *answers, gboolean ok, GError **error)
{
  return subtitles_finish (answers->srt, ok, error);
}

const char *
answers_json (const GstStructure *answer)
{
  gboolean final = FALSE;

  gst_structure_get_boolean (answer, "final", &final);
  return final && gst_structure_has_name (answer, ANSWER)
             ? gst_structure_get_string (answer, "json")
             : NULL;
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
