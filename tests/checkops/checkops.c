/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkops [--op=GLOB] [--seed=N] [--device=NAME] [--bench]
 *
 * Runs every operation and variant on a Vulkan device against plain C, over
 * shapes chosen to hurt and random ones, and where there are several kernels,
 * with each that the device can do; the device is opened as it is, then
 * without subgroups, then with a small storage range, so that the paths of
 * lesser devices run too. A kernel that is forced, and lesser devices, take
 * every sixth of the shapes of matmul and attention, other ones with each seed,
 * unless OWL2_LONG is set: each costs a CPU driver a pipeline. Ends with 1 if
 * anything was wrong, 77 if there is no device. */
#include "checkops.h"
#include "kernels.h"
#include "operand.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* @table: (nullable): the operation whose kernels it is run with, if its name
 * is another. */
static const struct {
  const char *name;
  void (*check) (Check *c);
  const char *table;
} ops[] = {
  { "half", check_half, "matmul" },
  { "matmul", check_matmul },
  { "matmul_wide", check_matmul_wide },
  { "layernorm", check_layernorm },
  { "rmsnorm", check_rmsnorm },
  { "attention", check_attention },
  { "attention_probs", check_attention_probs },
  { "mean_heads", check_mean_heads },
  { "place_qkv", check_place_qkv },
  { "swiglu", check_swiglu },
  { "add", check_add },
  { "copy", check_copy },
  { "fma_chain", check_fma_chain },
  { "embed", check_embed },
  { "argmax", check_argmax },
  { "likelihood", check_likelihood },
  { "count_bad", check_count_bad },
  { "pooled_dots", check_pooled_dots },
  { "resize", check_resize },
  { "resize_along", check_resize_along },
  { "resize_lanes", check_resize_lanes },
  { "patchify", check_patchify },
  { "to_rgb", check_to_rgb },
  { "turn", check_turn },
};

static const struct {
  const char *name;
  gboolean no_subgroups;
  gsize max_storage_range;
} configs[] = {
  { "as it is", FALSE, 0 },
  { "no subgroups", TRUE, 0 },
  { "storage range 64 KiB", FALSE, 65536 },
};

static guint64
hash_string (const char *s)
{
  guint64 h = 14695981039346656037u; /* FNV-1a */

  for (; *s; s++)
    h = (h ^ (guint8) *s) * 1099511628211u;
  return h;
}

/* One operation, with @kernel where it fits; NULL: with those that are
 * preferred. */
static void
run_op (Check *c, guint i, const Owl2Kernel *kernel)
{
  gint64 start = g_get_monotonic_time ();
  g_autofree char *seed_name =
      g_strconcat (ops[i].name, kernel ? kernel->name : "", c->config, NULL);

  c->op = ops[i].name;
  c->kernel = kernel ? kernel->name : NULL;
  c->n_op_cases = c->n_op_failed = 0;
  c->rng = c->seed ^ hash_string (seed_name);
  owl2_kernels_force (kernel);
  ops[i].check (c);
  if (kernel && !c->limit && !c->all && owl2_kernels_forced_uses () == 0) {
    c->all = TRUE; /* where only a shape that was left out has it taken */
    ops[i].check (c);
    c->all = FALSE;
  }
  /* What fits a lowered range is left to chance. */
  if (kernel && !c->limit && owl2_kernels_forced_uses () == 0) {
    printf ("FAIL %s (%s): the kernel %s was never taken\n", c->op, c->config,
        kernel->name);
    c->n_op_failed++;
    c->n_failed++;
  }
  owl2_kernels_force (NULL);
  printf ("  %-20s %5u cases, %u failed, %.2f s\n",
      kernel ? kernel->name : c->op, c->n_op_cases, c->n_op_failed,
      (double) (g_get_monotonic_time () - start) / 1e6);
  fflush (stdout);
}

/* Kernels that no trial takes. */
static guint n_untried;

static void
count_untried (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  if (strstr (message, "there is no trial")) {
    printf ("FAIL %s\n", message);
    n_untried++;
  }
}

static gboolean
run_config (guint config, const char *device, const char *glob, guint64 seed,
    guint *n_cases, guint *n_failed, GError **error)
{
  const Owl2Log log = { count_untried, NULL, OWL2_LOG_INFO };
  OvkDeviceParams params = { .device = device,
    .log = &log,
    .no_subgroups = configs[config].no_subgroups,
    .max_storage_range = configs[config].max_storage_range };
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, error);
  g_autoptr (OvkCmd) cmd = dev ? ovk_cmd_new (dev, "checkops", error) : NULL;
  Check c = { .dev = dev,
    .cmd = cmd,
    .config = configs[config].name,
    .thorough = config == 0,
    .all = g_getenv ("OWL2_LONG") != NULL,
    .limit = configs[config].max_storage_range,
    .seed = seed };
  guint i, k;

  if (!cmd)
    return FALSE;
  /* Before its first use each pipeline has to be found right by its trial, too;
   * what that binds doesn't fit a lowered range. */
  n_untried = 0;
  if (!c.limit)
    owl2_ops_verify_device (dev);
  /* Into the guard words; a lowered range has no room for it. */
  owl2_operand_spill = c.limit ? 0 : CHECK_SPILL;
  c.caps = ovk_device_caps (dev);
  printf ("device: %s, %s; %s\n", c.caps->name, c.caps->driver, c.config);

  for (i = 0; i < G_N_ELEMENTS (ops); i++) {
    const Owl2KernelTable *table =
        owl2_kernel_table_of (ops[i].table ? ops[i].table : ops[i].name);

    if (!g_pattern_match_simple (glob, ops[i].name))
      continue;
    c.thorough = config == 0;
    run_op (&c, i, NULL);
    c.thorough = FALSE;
    for (k = 0; table && k < table->n_kernels; k++)
      if (owl2_kernel_can (&table->kernels[k], c.caps))
        run_op (&c, i, &table->kernels[k]);
  }
  *n_cases += c.n_cases;
  *n_failed += c.n_failed + n_untried;
  return TRUE;
}

/* TRUE if shaders were made for the types of weights, in their order. */
static gboolean
shaders_know (const char *types)
{
  g_auto (GStrv) made = g_strsplit (OWL2_SHADER_TYPES, ",", -1);
  guint n = g_strv_length (made);

  for (guint i = 0; i < n; i++)
    if (i >= owl2_n_types () || strcmp (made[i], owl2_type_at (i)->name) != 0)
      return FALSE;
  return n == owl2_n_types ();
}

/* Each family has a kernel that even the least device can do, for every type
 * that any kernel of the table takes, whatever the shape. NULL, or what has
 * none. (transfer full) */
static char *
find_gap (void)
{
  const OvkCaps least = { .type = VK_PHYSICAL_DEVICE_TYPE_OTHER,
    .max_workgroup = 128 };
  const Owl2KernelTable *table;

  for (guint i = 0; (table = owl2_kernel_table (i)); i++)
    for (guint t = 0; t < owl2_n_types (); t++)
      for (guint f = OWL2_PREFILL; f <= OWL2_DECODE; f++)
        for (guint paged = 0; paged < 2; paged++) {
          Owl2Work work = { f, owl2_type_at (t)->type, 1, 255, FALSE, paged };
          /* Keys lie in no pages in encoders alone, which are F32. */
          gboolean never = table == &owl2_attention_kernels && !paged
                           && (f == OWL2_DECODE || work.type != OWL2_TYPE_F32);

          if (!never && table->kernels[0].shaders[t]
              && !owl2_kernel_pick (table, &least, &work))
            return g_strdup_printf (
                "%s, %s, family %u", table->op, owl2_type_at (t)->name, f);
        }
  return NULL;
}

int
main (int argc, char **argv)
{
  g_autofree char *glob = NULL;
  g_autofree char *device = NULL;
  g_autofree char *types = NULL;
  g_autofree char *gap = find_gap ();
  gint64 seed = -1;
  gboolean bench = FALSE;
  guint n_cases = 0, n_failed = 0, i;
  g_autoptr (GError) error = NULL;
  GOptionEntry entries[] = {
    { "op", 0, 0, G_OPTION_ARG_STRING, &glob, "Only these operations", "GLOB" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Repeat a run", "N" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &device, "Vulkan device", "NAME" },
    { "bench", 0, 0, G_OPTION_ARG_NONE, &bench, "Measure instead", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 2;
  }
  if (!glob)
    glob = g_strdup ("*");
  types = owl2_type_names (",");
  if (!shaders_know (types)) {
    fprintf (stderr, "the types are %s, those of the shaders %s\n", types,
        OWL2_SHADER_TYPES);
    return 1;
  }

  if (gap) {
    fprintf (stderr, "no kernel: %s\n", gap);
    return 1;
  }
  if (bench) {
    OvkDeviceParams params = { .device = device };
    g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);

    if (dev)
      return bench_all (dev, glob);
    fprintf (stderr, "%s\n", error->message);
    return error->code == OWL2_ERROR_NO_DEVICE ? 77 : 1;
  }

  if (seed < 0)
    seed = g_get_real_time () & 0x7fffffff;
  printf ("seed: %" G_GINT64_FORMAT "\n", seed);
  for (i = 0; i < G_N_ELEMENTS (configs); i++) {
    if (!run_config (
            i, device, glob, (guint64) seed, &n_cases, &n_failed, &error)) {
      fprintf (stderr, "%s\n", error->message);
      return g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE) ? 77 : 1;
    }
  }
  printf ("checkops: %u cases, %u failed, seed %" G_GINT64_FORMAT "\n", n_cases,
      n_failed, seed);
  return n_failed || !n_cases;
}
