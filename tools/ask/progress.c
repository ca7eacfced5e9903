/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "printable.h"

#define MAX_CHARACTERS 40 /* of what is under way */
#define INTERVAL (G_USEC_PER_SEC / 5)
#define ERASE "\r\033[K"

static gboolean on, shown;
static gint64 last;

void
progress_begin (void)
{
  on = isatty (STDERR_FILENO);
  last = g_get_monotonic_time ();
}

void
progress_show (const char *what, double fraction)
{
  static const char full[] = "########################";
  const gint64 now = g_get_monotonic_time ();
  g_autofree char *line = NULL;

  if (!on || now - last < INTERVAL)
    return;
  last = now;
  shown = TRUE;
  line = owl2_printable_head (what, MAX_CHARACTERS);
  fraction = CLAMP (fraction, 0, 1);
  fprintf (stderr, ERASE "[%-24.*s] %3d %%  %s", (int) (fraction * 24), full,
      (int) (fraction * 100), line);
}

void
progress_erase (void)
{
  if (shown)
    fputs (ERASE, stderr);
  shown = FALSE;
}
