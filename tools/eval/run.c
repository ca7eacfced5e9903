/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

#include <stdio.h>
#include <unistd.h>

#include "program.h"

#define SAY_EVERY (30 * G_USEC_PER_SEC)

typedef struct {
  const Ledger *ledger; /* borrowed */
  gboolean terminal;
  guint64 before; /* answers that were there */
  gint64 start, said;
} Progress;

static void
progress_begin (Progress *p, const Ledger *ledger)
{
  *p = (Progress){ .ledger = ledger,
    .terminal = isatty (STDERR_FILENO),
    .before = ledger_done (ledger),
    .start = g_get_monotonic_time () };
  p->said = p->start;
  if (p->before)
    program_say ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                 " answers are there, going on",
        p->before, ledger_total (ledger));
}

static void
progress_say (Progress *p)
{
  const guint64 done = ledger_done (p->ledger),
                total = ledger_total (p->ledger);
  const gint64 now = g_get_monotonic_time ();
  const double took = (double) (now - p->start) / G_USEC_PER_SEC;
  g_autofree char *line = NULL;

  if (!p->terminal && now - p->said < SAY_EVERY)
    return;
  p->said = now;
  line = g_strdup_printf ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                          ", %.0f s left",
      done, total,
      took / (double) MAX (done - p->before, 1) * (double) (total - done));
  if (p->terminal)
    fprintf (stderr, "\r%s\033[K%s", line, done == total ? "\n" : "");
  else
    program_say ("%s", line);
}

static gboolean
stopped (const Ledger *ledger, GError **error)
{
  if (!program_signal)
    return FALSE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED,
      "stopped by signal %d with %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
      " answers; the same command goes on from there",
      (int) program_signal, ledger_done (ledger), ledger_total (ledger));
  return TRUE;
}

gboolean
eval_run (const EvalSet *set, Ledger *ledger, EvalAnswerFunc answer,
    gpointer user_data, GError **error)
{
  Progress progress;

  progress_begin (&progress, ledger);
  while (ledger_done (ledger) < ledger_total (ledger)) {
    const guint64 i = ledger_next (ledger);
    json_auto_t *line = NULL;

    if (stopped (ledger, error))
      return FALSE;
    line = answer (set, eval_set_item (set, i), user_data, error);
    if (!line) {
      g_prefix_error (error, "question %" G_GUINT64_FORMAT ": ", i);
      return FALSE;
    }
    if (!ledger_append (ledger, line, error))
      return FALSE;
    progress_say (&progress);
  }
  return TRUE;
}
