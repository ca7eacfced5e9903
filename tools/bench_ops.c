/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench_ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json_line.h"

double
bench_ops_ns (const GArray *timings)
{
  double ns = 0;

  for (guint i = 0; i < timings->len; i++)
    ns += g_array_index (timings, OvkTiming, i).ns;
  return ns;
}

/* ---- numbers ---------------------------------------------------------- */

/* The least time for it: moving its bytes and computing go on side by side. */
static double
bound_ns (const OvkTiming *t, const BenchRates *rates)
{
  return MAX (t->bytes / rates->bytes, t->flops / rates->flops);
}

/* @t and its @bound, of all repeats. */
static json_t *
row (const OvkTiming *t, const char *stage, double bound, double total_ns,
    double repeats)
{
  json_t *o = json_object ();

  json_object_set_new (o, "op", json_line_string (t->what));
  json_object_set_new (o, "of", json_line_string (stage));
  if (t->label)
    json_object_set_new (o, "label", json_line_string (t->label));
  if (t->n) {
    json_object_set_new (o, "n", json_integer (t->n));
    json_object_set_new (o, "k", json_integer (t->k));
  }
  json_object_set_new (o, "commands", json_real (t->n_commands / repeats));
  if (total_ns > 0) {
    json_object_set_new (o, "ms", json_real (t->ns / repeats / 1e6));
    json_object_set_new (o, "share", json_real (t->ns / total_ns));
  }
  json_object_set_new (o, "bytes", json_real (t->bytes / repeats));
  json_object_set_new (
      o, "weight_bytes", json_real (t->matrix_bytes / repeats));
  json_object_set_new (o, "flops", json_real (t->flops / repeats));
  json_object_set_new (o, "bound_ms", json_real (bound / repeats / 1e6));
  if (t->ns > 0)
    json_object_set_new (o, "distance", json_real (bound / t->ns));
  return o;
}

static gint
by_time (gconstpointer a, gconstpointer b)
{
  const OvkTiming *x = a, *y = b;

  return (x->ns < y->ns) - (x->ns > y->ns);
}

static const char *
stage_of (const char *label)
{
  return g_str_has_prefix (label, "prefill ")  ? "prefill"
         : g_str_has_prefix (label, "decode ") ? "decode"
                                               : "encode";
}

void
bench_ops_print (const GArray *timings, const char *stage, guint repeats,
    const BenchRates *rates, BenchPrint print)
{
  g_autoptr (GArray) ours = g_array_new (FALSE, FALSE, sizeof (OvkTiming));
  OvkTiming all = { .what = "all" };
  double bound = 0;

  for (guint i = 0; i < timings->len; i++) {
    const OvkTiming *t = &g_array_index (timings, OvkTiming, i);

    if (strcmp (stage_of (t->label), stage) != 0)
      continue;
    g_array_append_vals (ours, t, 1);
    all.n_commands += t->n_commands;
    all.ns += t->ns;
    all.flops += t->flops;
    all.bytes += t->bytes;
    all.matrix_bytes += t->matrix_bytes;
    bound += bound_ns (t, rates);
  }
  g_array_sort (ours, by_time);
  for (guint i = 0; i < ours->len; i++) {
    const OvkTiming *t = &g_array_index (ours, OvkTiming, i);

    print (row (t, stage, bound_ns (t, rates), all.ns, repeats));
  }
  print (row (&all, stage, bound, all.ns, repeats));
}

/* ---- table ------------------------------------------------------------ */

/* The member @name of @op times @scale in @width columns; none is a dash. */
static void
print_number (
    const json_t *op, const char *name, double scale, int width, int decimals)
{
  const json_t *value = json_object_get (op, name);

  if (value)
    printf (" %*.*f", width, decimals, json_number_value (value) * scale);
  else
    printf (" %*s", width, "-");
}

static const char *
text_of (const json_t *op, const char *name)
{
  const char *text = json_string_value (json_object_get (op, name));

  return text ? text : "";
}

void
bench_ops_print_row (json_t *op)
{
  static char *stage;
  const char *of = text_of (op, "of");

  if (g_strcmp0 (stage, of) != 0) {
    g_free (stage);
    stage = g_strdup (of);
    printf ("%s:\n%7s %10s %9s %11s %11s %10s %8s %13s  %s\n", of, "share %",
        "ms", "commands", "MB", "MFLOP", "bound ms", "distance", "weights",
        "operation, label");
  }
  print_number (op, "share", 100, 6, 2);
  print_number (op, "ms", 1, 10, 3);
  print_number (op, "commands", 1, 9, 1);
  print_number (op, "bytes", 1e-6, 11, 3);
  print_number (op, "flops", 1e-6, 11, 3);
  print_number (op, "bound_ms", 1, 10, 3);
  print_number (op, "distance", 1, 8, 3);
  if (json_object_get (op, "n")) {
    g_autofree char *shape =
        g_strdup_printf ("%" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT,
            json_integer_value (json_object_get (op, "n")),
            json_integer_value (json_object_get (op, "k")));

    printf (" %13s", shape);
  } else {
    printf (" %13s", "");
  }
  printf ("  %s, %s\n", text_of (op, "op"), text_of (op, "label"));
}
