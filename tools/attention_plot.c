/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attention_plot.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

#define WIDTH 560
#define HEIGHT 320
#define LEFT 56
#define TOP 24
#define BOTTOM 40
#define RIGHT 176 /* with the names of the lines */

/* ---- shares ------------------------------------------------------------- */

static void
take_modality (AttentionShares *s, const gint32 *modality, gsize n)
{
  s->n_positions = s->first = (guint) n;
  s->is_frame = g_new (gboolean, n);
  for (guint i = 0; i < n; i++) {
    s->is_frame[i] = modality[i] != 0;
    if (s->is_frame[i])
      s->first = MIN (s->first, i);
  }
}

/* Rows of the prompt's end, of which the last sees all @n_k keys. */
static void
take_layer (
    AttentionShares *s, guint layer, const gsize shape[3], const float *probs)
{
  const gsize n_heads = shape[0], n_q = shape[1], n_k = shape[2];

  if (layer >= s->shares->len) {
    g_array_set_size (s->shares, layer + 1);
    g_array_set_size (s->counts, layer + 1);
  }
  for (gsize i = 0; i < n_heads * n_q; i++) {
    const gsize row = n_k - n_q + i % n_q;
    double sum = 0;

    if (row < s->first || row >= s->n_positions || s->is_frame[row])
      continue;
    for (gsize k = 0; k <= row; k++)
      sum += s->is_frame[k] ? probs[i * n_k + k] : 0;
    g_array_index (s->shares, double, layer) += sum;
    g_array_index (s->counts, guint64, layer)++;
  }
}

void
attention_shares_tap (const char *name, char type, const gsize *shape,
    guint n_dims, guint axis, const void *data, gpointer user_data)
{
  AttentionShares *s = user_data;
  guint layer;

  if (!s->shares) {
    s->shares = g_array_new (FALSE, TRUE, sizeof (double));
    s->counts = g_array_new (FALSE, TRUE, sizeof (guint64));
  }
  if (strcmp (name, "modality") == 0 && !s->is_frame)
    take_modality (s, data, shape[0]);
  else if (s->is_frame && n_dims == 3 && sscanf (name, "attn_%u", &layer) == 1)
    take_layer (s, layer, shape, data);
}

void
attention_shares_clear (AttentionShares *s)
{
  g_clear_pointer (&s->shares, g_array_unref);
  g_clear_pointer (&s->counts, g_array_unref);
  g_clear_pointer (&s->is_frame, g_free);
}

static double
share_of (const AttentionShares *s, guint layer, gboolean text)
{
  double share = g_array_index (s->shares, double, layer)
                 / (double) g_array_index (s->counts, guint64, layer);

  return text ? 1 - share : share;
}

/* ---- the plot ----------------------------------------------------------- */

static double
x_of (guint layer, guint n)
{
  return LEFT
         + (WIDTH - LEFT - RIGHT) * (n > 1 ? (double) layer / (n - 1) : .5);
}

static double
y_of (double share)
{
  return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share);
}

static void
add_text (GString *svg, double x, double y, const char *anchor,
    const char *format, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (number, sizeof number, format, value);
  g_string_append_printf (svg,
      "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", (int) x,
      (int) y, anchor, number);
}

static void
add_axes (GString *svg, guint n)
{
  const guint step = MAX (1, n / 8);

  for (guint i = 0; i <= 4; i++) {
    int y = (int) y_of (i / 4.);

    g_string_append_printf (svg, "<path d=\"M%d %dH%d\" stroke=\"#ddd\"/>\n",
        LEFT, y, WIDTH - RIGHT);
    add_text (svg, LEFT - 6, y + 4, "end", "%.2f", i / 4.);
  }
  for (guint i = 0; i < n; i += step)
    add_text (svg, x_of (i, n), HEIGHT - BOTTOM + 18, "middle", "%.0f", i);
  g_string_append_printf (svg,
      "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">layer</text>\n",
      (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
}

static void
add_line (GString *svg, const AttentionShares *s, gboolean text,
    gboolean dashed, guint place, const char *name)
{
  const char *colour = text ? "#1f4e9c" : "#c0392b";
  const char *dash = dashed ? " stroke-dasharray=\"6 4\"" : "";
  g_autoptr (GString) points = g_string_new (NULL);
  g_autoptr (GString) shares = g_string_new (NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  int y = TOP + 16 + 22 * (int) place;

  for (guint i = 0; i < s->shares->len; i++) {
    double share = share_of (s, i, text);

    g_string_append_printf (points, "%s%d,%d", i ? " " : "",
        (int) (x_of (i, s->shares->len) + .5), (int) (y_of (share) + .5));
    g_string_append_printf (shares, "%s%s", i ? " " : "",
        g_ascii_formatd (number, sizeof number, "%.7f", share));
  }
  g_string_append_printf (svg,
      "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" "
      "stroke-width=\"2\"%s data-name=\"%s\" data-shares=\"%s\"/>\n",
      points->str, colour, dash, name, shares->str);
  g_string_append_printf (svg,
      "<path d=\"M%d %dh24\" stroke=\"%s\" stroke-width=\"2\"%s/>\n"
      "<text x=\"%d\" y=\"%d\">%s</text>\n",
      WIDTH - RIGHT + 12, y - 4, colour, dash, WIDTH - RIGHT + 42, y, name);
}

static gboolean
has_shares (const AttentionShares *s)
{
  return s->shares && s->shares->len
         && g_array_index (s->counts, guint64, 0) > 0;
}

gboolean
attention_plot_write (const char *path, const AttentionShares *with,
    const AttentionShares *without, GError **error)
{
  g_autoptr (GString) svg = g_string_new (NULL);
  g_autoptr (Owl2Output) out = NULL;

  if (!has_shares (with) || !has_shares (without)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%s: there is nothing to plot: the prompt needs frames, and text after "
        "them",
        path);
    return FALSE;
  }
  g_string_append_printf (svg,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
      "<text x=\"%d\" y=\"14\">share of the text's attention</text>\n",
      WIDTH, HEIGHT, LEFT);
  add_axes (svg, with->shares->len);
  add_line (svg, with, FALSE, FALSE, 0, "image");
  add_line (svg, with, TRUE, FALSE, 1, "text");
  add_line (svg, without, FALSE, TRUE, 2, "image, no module");
  add_line (svg, without, TRUE, TRUE, 3, "text, no module");
  g_string_append (svg, "</svg>\n");
  out = owl2_output_new (path, error);
  if (!out)
    return FALSE;
  if (fwrite (svg->str, 1, svg->len, owl2_output_file (out)) != svg->len) {
    g_set_error (
        error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't be written", path);
    return FALSE;
  }
  return owl2_output_finish (out, TRUE, error);
}
