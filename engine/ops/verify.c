/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipelines are tried once for each build of the driver; what was found right
 * is kept for the process, and beside the pipeline cache. */
#include <string.h>
#include <time.h>

#include "trial.h"

#define AREA "ops"
#define SUFFIX ".right"
#define MAGIC "owl2 kernels found right 1\n"
/* To be changed with what trials look at. */
#define TRIALS_VERSION 1

/* Pipelines that were right on some device of this process: keys of
 * pipeline_key(). */
static GMutex lock;
static GHashTable *right; /* set of guint64 */

static guint64
add_bytes (guint64 hash, const void *data, gsize n)
{
  const guint8 *bytes = data;

  for (gsize i = 0; i < n; i++) /* FNV-1a */
    hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

/* Of a driver's build on a device, and of this build of the shaders. */
static guint64
device_key (const OvkCaps *caps)
{
  const guint64 numbers[] = { TRIALS_VERSION, owl2_ops_shaders_hash (),
    caps->vendor_id, caps->device_id, caps->driver_version, caps->driver_id,
    caps->subgroup_size, caps->matrix.subgroup };
  guint64 hash = add_bytes (14695981039346656037u, numbers, sizeof numbers);

  /* A driver for the CPU names its compiler, and the CPU's vectors. */
  hash = add_bytes (hash, caps->name, strlen (caps->name));
  hash = add_bytes (hash, caps->uuid, sizeof caps->uuid);
  hash = add_bytes (hash, caps->cache_uuid, sizeof caps->cache_uuid);
  return add_bytes (hash, caps->driver, strlen (caps->driver));
}

static guint64
pipeline_key (const OvkCaps *caps, const OvkShader *shader, const guint32 *spec,
    guint n_spec)
{
  guint64 hash = device_key (caps);

  hash = add_bytes (hash, shader->name, strlen (shader->name));
  return add_bytes (hash, spec, n_spec * sizeof *spec);
}

static gboolean
is_right (guint64 key)
{
  gboolean found;

  g_mutex_lock (&lock);
  found = right && g_hash_table_contains (right, &key);
  g_mutex_unlock (&lock);
  return found;
}

static void
add_right (guint64 key)
{
  g_mutex_lock (&lock);
  if (!right)
    right = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_hash_table_add (right, g_memdup2 (&key, sizeof key));
  g_mutex_unlock (&lock);
}

/* ---- the file --------------------------------------------------------- */

/* The file: MAGIC, the key of the device, those of the pipelines, and the
 * SHA-256 of all this; hexadecimal, a line each. */

static char *
checksum_of (const char *text, gsize n)
{
  return g_compute_checksum_for_data (
      G_CHECKSUM_SHA256, (const guchar *) text, n);
}

/* Of another device, driver or build, or damaged: as if there were none. */
static void
load (OvkDevice *dev)
{
  const gsize tail = 64 + 1, head = strlen (MAGIC);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ovk_device_load_beside (dev, SUFFIX, &error);
  g_autofree char *device = NULL, *keys = NULL, *sum = NULL;
  g_auto (GStrv) lines = NULL;
  const char *text;
  gsize n;

  if (error)
    owl2_log (ovk_device_log (dev), OWL2_LOG_WARNING, AREA,
        "ignoring what kernels were found right: %s", error->message);
  if (!bytes)
    return;
  text = g_bytes_get_data (bytes, &n);
  if (n < head + tail || memcmp (text, MAGIC, head) != 0)
    return;
  sum = checksum_of (text, n - tail);
  if (memcmp (text + n - tail, sum, tail - 1) != 0 || memchr (text, 0, n))
    return;
  keys = g_strndup (text + head, n - tail - head);
  lines = g_strsplit (keys, "\n", -1);
  device = g_strdup_printf (
      "%016" G_GINT64_MODIFIER "x", device_key (ovk_device_caps (dev)));
  if (g_strcmp0 (lines[0], device) != 0)
    return;
  for (guint i = 1; lines[i]; i++)
    if (strlen (lines[i]) == 16)
      add_right (g_ascii_strtoull (lines[i], NULL, 16));
}

/* Keys of other devices in this process do no harm: no pipeline of this one has
 * them. */
static void
save (OvkDevice *dev)
{
  GString *text = g_string_new (MAGIC);
  g_autofree char *sum = NULL;
  g_autoptr (GError) error = NULL;
  GHashTableIter iter;
  gpointer key;

  g_string_append_printf (
      text, "%016" G_GINT64_MODIFIER "x\n", device_key (ovk_device_caps (dev)));
  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, right);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_string_append_printf (
        text, "%016" G_GINT64_MODIFIER "x\n", *(const guint64 *) key);
  g_mutex_unlock (&lock);
  sum = checksum_of (text->str, text->len);
  g_string_append_printf (text, "%s\n", sum);
  if (!ovk_device_save_beside (dev, SUFFIX, text->str, text->len, &error))
    owl2_log (ovk_device_log (dev), OWL2_LOG_DEBUG, AREA,
        "each start tries all kernels again: %s", error->message);
  g_string_free (text, TRUE);
}

/* ---- trying ----------------------------------------------------------- */

static void
add_name (const OvkShader *shader, const guint32 *spec, guint n_spec,
    const void *what, gpointer user_data)
{
  GString *names = user_data;

  if (!strstr (names->str, shader->name))
    g_string_append_printf (names, ", with '%s'", shader->name);
}

static void
add_used (const OvkShader *shader, const guint32 *spec, guint n_spec,
    const void *what, gpointer user_data)
{
  add_right (pipeline_key (user_data, shader, spec, n_spec));
}

/* The kernel, with the numbers that make its variant. */
static void
set_wrong (OvkDevice *dev, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const OvkPipelineSet *used, const char *wrong, GError **error)
{
  const OvkCaps *caps = ovk_device_caps (dev);
  g_autoptr (GString) names = g_string_new (NULL);

  g_string_append_printf (names, "'%s' (", shader->name);
  for (guint i = 0; i < n_spec; i++)
    g_string_append_printf (names, "%s%u", i ? " " : "", spec[i]);
  g_string_append_c (names, ')');
  ovk_pipeline_set_foreach (used, add_name, names);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
      "%s (%s) computes wrong numbers, so it isn't used: kernel %s: %s",
      caps->name, caps->driver, names->str, wrong);
}

/* Unless it is known to be right. @n_tried: counted up */
static gboolean
try (OvkDevice *dev, Owl2Trial **t, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const Owl2Subject *subject,
    guint *n_tried, GError **error)
{
  const OvkCaps *caps = ovk_device_caps (dev);
  g_autoptr (OvkPipelineSet) used = NULL;
  g_autofree char *wrong = NULL;

  if (!subject || subject->op == OWL2_OP_NONE
      || is_right (pipeline_key (caps, shader, spec, n_spec)))
    return TRUE;
  if (!*t && !(*t = owl2_trial_new (dev, error)))
    return FALSE;
  used = ovk_pipeline_set_new ();
  switch (owl2_trial (*t, shader, spec, n_spec, subject, used, &wrong, error)) {
    case OWL2_TRIAL_RIGHT:
      ovk_pipeline_set_foreach (used, add_used, (gpointer) caps);
      (*n_tried)++;
      return TRUE;
    case OWL2_TRIAL_WRONG:
      set_wrong (dev, shader, spec, n_spec, used, wrong, error);
      return FALSE;
    case OWL2_TRIAL_NONE:
      owl2_log (ovk_device_log (dev), OWL2_LOG_INFO, AREA,
          "there is no trial of kernel '%s'", shader->name);
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
verify (OvkDevice *dev, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const void *what, GError **error)
{
  g_autoptr (Owl2Trial) t = NULL;
  guint n_tried = 0;
  gboolean ok = try (dev, &t, shader, spec, n_spec, what, &n_tried, error);

  if (n_tried)
    save (dev);
  return ok;
}

void
owl2_ops_verify_device (OvkDevice *dev)
{
  load (dev);
  ovk_device_set_verifier (dev, verify);
}

typedef struct {
  OvkDevice *dev;
  Owl2Trial *trial; /* (nullable) */
  guint n_tried;
  GError *error; /* (nullable) the first */
} All;

static void
try_next (const OvkShader *shader, const guint32 *spec, guint n_spec,
    const void *what, gpointer user_data)
{
  All *all = user_data;

  if (!all->error)
    (void) try (all->dev, &all->trial, shader, spec, n_spec, what,
        &all->n_tried, &all->error);
}

gboolean
owl2_ops_verify_set (OvkDevice *dev, const OvkPipelineSet *set, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  clock_t worked = clock ();
  All all = { dev, NULL, 0, NULL };

  ovk_pipeline_set_foreach (set, try_next, &all);
  owl2_trial_free (all.trial);
  if (all.n_tried) {
    save (dev);
    owl2_log (ovk_device_log (dev), OWL2_LOG_DEBUG, AREA,
        "%s: tried %u kernels of %u in %.1f ms, %.1f ms of the processors",
        ovk_device_caps (dev)->name, all.n_tried, ovk_pipeline_set_size (set),
        (double) (g_get_monotonic_time () - start) / 1000,
        (double) (clock () - worked) * 1000 / CLOCKS_PER_SEC);
  }
  if (!all.error)
    return TRUE;
  g_propagate_error (error, all.error);
  return FALSE;
}
