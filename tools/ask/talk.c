/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "printable.h"
#include "program.h"

typedef struct {
  Printer *printer;
  const Asker *asker;
  const char *file;
  const VideoClip *clip;
  GPtrArray *features;
  guint64 encode_ns;
  gboolean live; /* text is shown as it is made */
  GArray *turns; /* Owl2Turn */
} Talk;

static void
turn_clear (gpointer data)
{
  Owl2Turn *turn = data;

  g_free ((char *) turn->question);
  g_free ((char *) turn->answer);
}

static gboolean
show_text (gint32 id, double probability, const char *text, gpointer user_data)
{
  g_autofree char *shown = owl2_printable (text);

  fputs (shown, stdout);
  fflush (stdout);
  return TRUE;
}

static gboolean
say_answer (
    Talk *t, const char *question, const Owl2Answer *answer, GError **error)
{
  if (t->live && !answer->n_choices)
    return printer_add_shown (t->printer, t->asker, t->clip, answer, error);
  return printer_add (t->printer, t->asker, t->file, question, t->clip, answer,
      t->encode_ns, error);
}

static gboolean
ask (Talk *t, const char *question)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer = asker_ask (t->asker, t->features, question,
      (const Owl2Turn *) (gpointer) t->turns->data, t->turns->len,
      t->live ? show_text : NULL, &error);
  Owl2Turn turn;

  if (!answer || !say_answer (t, question, answer, &error)) {
    program_say ("%s", error->message);
    return FALSE;
  }
  turn = (Owl2Turn){ g_strdup (question), g_strdup (answer->text) };
  g_array_append_val (t->turns, turn);
  return TRUE;
}

static gboolean
read_questions (Talk *t, gboolean terminal)
{
  char *line = NULL;
  gsize size = 0;
  gboolean ok = TRUE;

  for (;;) {
    if (terminal)
      fputs ("> ", stderr);
    if (program_signal || getline (&line, &size, stdin) < 0)
      break;
    g_strstrip (line);
    if (!g_utf8_validate (line, -1, NULL)) {
      program_say ("the question is not UTF-8");
      ok = FALSE;
    } else if (*line) {
      ok &= ask (t, line);
    }
  }
  free (line);
  if (terminal)
    fputc ('\n', stderr);
  return ok;
}

gboolean
talk (Printer *printer, const Asker *asker, const char *file,
    const VideoClip *clip, GPtrArray *features, guint64 encode_ns)
{
  const GPtrArray *questions = asker->options->questions;
  Talk t = { printer, asker, file, clip, features, encode_ns };
  gboolean ok = TRUE;

  t.live = isatty (STDOUT_FILENO) && !asker->options->json;
  t.turns = g_array_new (FALSE, FALSE, sizeof (Owl2Turn));
  g_array_set_clear_func (t.turns, turn_clear);
  for (guint i = 0; i < questions->len && !program_signal; i++)
    ok &= ask (&t, questions->pdata[i]);
  ok &= read_questions (&t, isatty (STDIN_FILENO) && isatty (STDERR_FILENO));
  g_array_unref (t.turns);
  return ok;
}
