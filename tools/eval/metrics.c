/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vqa_text.h"

static const char *
text_of (const json_t *answer)
{
  return json_string_value (json_object_get (answer, "answer"));
}

/* Whether two of them are different, as they were given. */
static gboolean
differ (const json_t *answers)
{
  for (gsize i = 1; i < json_array_size (answers); i++)
    if (strcmp (text_of (json_array_get (answers, i)),
            text_of (json_array_get (answers, 0)))
        != 0)
      return TRUE;
  return FALSE;
}

static void
strip_all (json_t *answers)
{
  for (gsize i = 0; i < json_array_size (answers); i++) {
    json_t *one = json_array_get (answers, i);
    g_autofree char *text = vqa_text_punctuation (text_of (one));

    json_object_set_new_nocheck (one, "answer", json_string_nocheck (text));
  }
}

double
metrics_vqa (const char *answer, json_t *answers)
{
  const gsize n = json_array_size (answers);
  double sum = 0;

  if (differ (answers))
    strip_all (answers);
  for (gsize i = 0; i < n; i++) {
    const json_t *left_out = json_array_get (answers, i);
    guint matches = 0;

    for (gsize k = 0; k < n; k++) {
      const json_t *other = json_array_get (answers, k);

      matches += strcmp (text_of (other), answer) == 0
                 && !json_equal (other, left_out);
    }
    sum += MIN (1, matches / 3.0);
  }
  return n ? sum / (double) n : 0;
}

gboolean
metrics_says_no (const char *answer)
{
  g_autofree char *first = g_strndup (answer, strcspn (answer, "."));
  g_autoptr (GString) bare = g_string_new (NULL);
  g_auto (GStrv) words = NULL;

  for (const char *p = first; *p; p++)
    if (*p != ',')
      g_string_append_c (bare, *p);
  words = g_strsplit (bare->str, " ", -1);
  return g_strv_contains ((const char *const *) words, "No")
         || g_strv_contains ((const char *const *) words, "no")
         || g_strv_contains ((const char *const *) words, "not");
}

static int
named_by_letter (const char *answer, guint n_options)
{
  const char *p = answer + strspn (answer, " \t\n(");
  const int option = g_ascii_toupper (*p) - 'A';
  gunichar next;

  if (!*p || option < 0 || option >= (int) n_options)
    return -1;
  next = g_utf8_get_char (p + 1);
  return g_unichar_isalnum (next) || next == '\'' ? -1 : option;
}

int
metrics_letter (const char *answer, const char *const *options, guint n_options)
{
  g_autofree char *text = vqa_text_answer (answer);
  int found = -1;

  /* Its text first: "A dog" begins with a letter, too. */
  for (guint i = 0; i < n_options; i++) {
    g_autofree char *option = vqa_text_answer (options[i]);

    if (!*option || strcmp (option, text) != 0)
      continue;
    if (found >= 0)
      return -1;
    found = (int) i;
  }
  return found >= 0 ? found : named_by_letter (answer, n_options);
}

gboolean
metrics_contains (const char *answer, const char *wanted)
{
  g_autofree char *in = g_strconcat (" ", answer, " ", NULL);
  g_autofree char *what = g_strconcat (" ", wanted, " ", NULL);

  return *wanted ? strstr (in, what) != NULL : !*answer;
}

gint64
metrics_count (const char *answer)
{
  g_auto (GStrv) words = g_strsplit (answer, " ", -1);

  for (guint i = 0; words[i]; i++) {
    guint64 n;

    if (g_ascii_string_to_unsigned (words[i], 10, 0, G_MAXINT32, &n, NULL))
      return (gint64) n;
  }
  return -1;
}

/* ---- correlation ------------------------------------------------------ */

static double
mean (const double *x, guint n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += x[i];
  return sum / n;
}

double
metrics_plcc (const double *x, const double *y, guint n)
{
  double mx, my, xx = 0, yy = 0, xy = 0;

  if (n < 2)
    return NAN;
  mx = mean (x, n);
  my = mean (y, n);
  for (guint i = 0; i < n; i++) {
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
    xy += (x[i] - mx) * (y[i] - my);
  }
  return xx > 0 && yy > 0 ? CLAMP (xy / sqrt (xx * yy), -1, 1) : NAN;
}

static int
by_value (gconstpointer a, gconstpointer b, gpointer values)
{
  const double x = ((const double *) values)[*(const guint *) a];
  const double y = ((const double *) values)[*(const guint *) b];

  return (x > y) - (x < y);
}

/* (transfer full) */
static double *
ranks (const double *x, guint n)
{
  double *rank = g_new (double, n);
  g_autofree guint *order = g_new (guint, n);
  guint end;

  for (guint i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, (int) n, sizeof *order, by_value, (gpointer) x);
  for (guint i = 0; i < n; i = end) {
    for (end = i + 1; end < n && !(x[order[end]] > x[order[i]]);)
      end++;
    for (guint k = i; k < end; k++)
      rank[order[k]] = (i + 1 + end) / 2.0;
  }
  return rank;
}

double
metrics_srcc (const double *x, const double *y, guint n)
{
  g_autofree double *rx = ranks (x, n);
  g_autofree double *ry = ranks (y, n);

  return metrics_plcc (rx, ry, n);
}

double
metrics_percent (double sum, double n)
{
  g_autofree char *text = g_strdup_printf ("%.2f", 100 * sum / n);

  for (char *p = text; *p; p++)
    if (*p == ',') /* of the locale */
      *p = '.';
  return g_ascii_strtod (text, NULL);
}
