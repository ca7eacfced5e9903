/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <gst/gst.h>

#include "json_line.h"
#include "look.h"
#include "printable.h"
#include "program.h"
#include "progress.h"
#include "subtitles.h"

/* A score that waits to be sorted. */
typedef struct {
  double score;
  char *text, *file;
} Row;

struct _Printer {
  const AskOptions *options;
  Subtitles *srt, *vtt; /* (nullable) */
  GArray *rows;
  guint n_looks; /* written so far */
};

static void
row_clear (gpointer data)
{
  Row *row = data;

  g_free (row->text);
  g_free (row->file);
}

Printer *
printer_new (const AskOptions *o, GError **error)
{
  g_autoptr (Printer) p = g_new0 (Printer, 1);

  p->options = o;
  p->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  g_array_set_clear_func (p->rows, row_clear);
  if (o->srt && !(p->srt = subtitles_new (o->srt, SUBTITLES_SRT, error)))
    return NULL;
  if (o->vtt && !(p->vtt = subtitles_new (o->vtt, SUBTITLES_VTT, error)))
    return NULL;
  return g_steal_pointer (&p);
}

void
printer_free (Printer *p)
{
  if (!p)
    return;
  subtitles_free (p->srt);
  subtitles_free (p->vtt);
  g_array_unref (p->rows);
  g_free (p);
}

/* ---- JSON ------------------------------------------------------------- */

static json_t *
json_times (const VideoClip *clip)
{
  json_t *array = json_array ();

  for (guint i = 0; i < clip->n_frames; i++)
    json_array_append_new (array, json_integer (clip->times[i]));
  return array;
}

static void
add_choices (json_t *object, const Asker *asker, const Owl2Answer *answer)
{
  json_t *choices = json_array (), *probabilities = json_array ();

  for (guint i = 0; i < answer->n_choices; i++) {
    json_array_append_new (choices, json_line_string (asker->choices[i]));
    json_array_append_new (probabilities, json_real (answer->probabilities[i]));
  }
  json_object_set_new (object, "choices", choices);
  json_object_set_new (object, "probabilities", probabilities);
  if (asker->weights)
    json_object_set_new (object, "score", json_real (answer->score));
}

static gboolean
print_json (const Asker *asker, const char *file, const char *question,
    const VideoClip *clip, const Owl2Answer *answer, guint64 encode_ns,
    GError **error)
{
  json_t *object = json_object ();
  g_autofree char *line = NULL;
  const struct {
    const char *name;
    json_t *value;
  } fields[] = {
    { "file", json_line_string (file) },
    { "question", json_line_string (question) },
    { "text", json_line_string (answer->text) },
    { "start", json_integer (clip->start) },
    { "end", json_integer (clip->end) },
    { "frame-times", json_times (clip) },
    { "tokens", json_integer (answer->n_ids) },
    { "prompt-tokens", json_integer (answer->n_prompt) },
    { "prompt-tokens-reused", json_integer (answer->n_reused) },
    { "encode-ns", json_integer ((json_int_t) encode_ns) },
    { "prefill-ns", json_integer ((json_int_t) answer->prefill_ns) },
    { "decode-ns", json_integer ((json_int_t) answer->decode_ns) },
    { "confidence", json_real (answer->confidence) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    json_object_set_new (object, fields[i].name, fields[i].value);
  if (answer->n_choices)
    add_choices (object, asker, answer);
  if (clip->thinned_from)
    json_object_set_new (
        object, "thinned-from", json_integer (clip->thinned_from));
  line = json_line_write (object);
  json_decref (object);
  return program_print_line (line, error);
}

/* ---- text ------------------------------------------------------------- */

/* The answer, with what it takes to know which it is. */
static gboolean
print_text (const Printer *p, const Asker *asker, const char *file,
    const VideoClip *clip, const Owl2Answer *answer, GError **error)
{
  const AskOptions *o = p->options;
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *shown = owl2_printable (file);
  g_autofree char *text =
      asker->weights ? g_strdup_printf ("%.4f  %s", answer->score, answer->text)
                     : g_strdup (answer->text);
  g_autofree char *said = o->every >= 0 ? subtitles_line (
                              (guint64) clip->start, (guint64) clip->end, text)
                                        : owl2_printable (text);

  if (o->sources->len > 1)
    g_string_append_printf (line, "%s: ", shown);
  g_string_append (line, said);
  return program_print_line (line->str, error);
}

static void
say_prompt (const Asker *asker, const Owl2Answer *answer)
{
  fprintf (stderr,
      "prompt of %u tokens, %u of them reused, first token after %.1f ms\n",
      answer->n_prompt, answer->n_reused, (double) answer->prefill_ns / 1e6);
  for (guint i = 0; i < answer->n_choices; i++) {
    g_autofree char *choice = owl2_printable (asker->choices[i]);

    fprintf (stderr, "%.6f  %s\n", answer->probabilities[i], choice);
  }
}

/* FILE.png, then FILE-2.png and so on. */
static gboolean
print_look (
    Printer *p, const VideoClip *clip, const Owl2Answer *answer, GError **error)
{
  const char *path = p->options->look;
  const gsize stem = strlen (path) - (g_str_has_suffix (path, ".png") ? 4 : 0);
  g_autofree char *numbered = NULL;

  if (++p->n_looks > 1)
    numbered = g_strdup_printf (
        "%.*s-%u%s", (int) stem, path, p->n_looks, path + stem);
  return look_write (numbered ? numbered : path, clip->frames, answer, error);
}

/* All but the text. */
static gboolean
add_beside (Printer *p, const Asker *asker, const VideoClip *clip,
    const Owl2Answer *answer, GError **error)
{
  const guint64 start = (guint64) clip->start, end = (guint64) clip->end;

  if (p->options->verbose)
    say_prompt (asker, answer);
  if ((p->srt && !subtitles_add (p->srt, start, end, answer->text, error))
      || (p->vtt && !subtitles_add (p->vtt, start, end, answer->text, error)))
    return FALSE;
  return !p->options->look || !answer->maps
         || print_look (p, clip, answer, error);
}

gboolean
printer_add_shown (Printer *p, const Asker *asker, const VideoClip *clip,
    const Owl2Answer *answer, GError **error)
{
  return program_print_line ("", error)
         && add_beside (p, asker, clip, answer, error);
}

gboolean
printer_add (Printer *p, const Asker *asker, const char *file,
    const char *question, const VideoClip *clip, const Owl2Answer *answer,
    guint64 encode_ns, GError **error)
{
  progress_erase ();
  if (!add_beside (p, asker, clip, answer, error))
    return FALSE;
  if (p->options->json)
    return print_json (asker, file, question, clip, answer, encode_ns, error);
  if (asker->weights && p->options->every < 0 && !p->options->interactive) {
    const Row row = { answer->score, g_strdup (answer->text), g_strdup (file) };

    g_array_append_val (p->rows, row);
    return TRUE;
  }
  return print_text (p, asker, file, clip, answer, error);
}

/* ---- the table -------------------------------------------------------- */

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const double x = ((const Row *) a)->score, y = ((const Row *) b)->score;

  return (x < y) - (x > y);
}

gboolean
printer_end (Printer *p, GError **error)
{
  gsize width = 0;

  g_array_sort (p->rows, compare_rows);
  for (guint i = 0; i < p->rows->len; i++)
    width = MAX (width,
        (gsize) g_utf8_strlen (g_array_index (p->rows, Row, i).text, -1));
  progress_erase ();
  for (guint i = 0; i < p->rows->len; i++) {
    const Row *row = &g_array_index (p->rows, Row, i);
    const gsize n = (gsize) g_utf8_strlen (row->text, -1);
    g_autofree char *line = g_strdup_printf ("%.4f  %s%*s  %s", row->score,
        row->text, (int) (width - n), "", row->file);

    if (!program_print (line, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
printer_finish (Printer *p, gboolean ok, GError **error)
{
  const gboolean done = subtitles_finish (p->srt, ok, error);

  return subtitles_finish (p->vtt, ok, done ? error : NULL) && done;
}

/* ---- what is looked at ------------------------------------------------ */

void
printer_add_clip (Printer *p, const VideoClip *clip)
{
  if (clip->thinned_from)
    program_say ("warning: %u seconds have a frame each, %u frames are what "
                 "the context has room for",
        clip->thinned_from, clip->n_frames);
  if (!p->options->verbose)
    return;
  progress_erase ();
  for (guint i = 0; i < clip->n_frames; i++)
    fprintf (stderr, "frame %u at %" GST_TIME_FORMAT "\n", i,
        GST_TIME_ARGS ((GstClockTime) clip->times[i]));
}

void
printer_add_video (Printer *p, Video *video)
{
  g_autofree char *how = NULL;

  if (!p->options->verbose)
    return;
  how = video_describe (video);
  progress_erase ();
  fprintf (stderr, "%s\n", how);
}
