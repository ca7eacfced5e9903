/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a device's tuning, read once. */
#include "tuned.h"

#include "cache_dir.h"
#include "input.h"
#include "tuning.h"

#define AREA "engine"
/* Far above what a few hundred shapes take. */
#define MAX_BYTES 65536

char *
owl2_tuned_path (const OvkCaps *caps, const char *cache_dir)
{
  g_autofree char *name = owl2_tuning_file_name (caps);

  return g_build_filename (cache_dir, name, NULL);
}

static Owl2Tuning *
read_file (const char *path, const OvkCaps *caps, GError **error)
{
  const char *wrong = owl2_cache_distrust (path);
  g_autoptr (Owl2Input) in = wrong ? NULL : owl2_input_open (path, error);
  g_autoptr (GBytes) bytes = in ? owl2_input_copy (in, 0, owl2_input_size (in),
                                 MAX_BYTES, "the file", error)
                                : NULL;
  Owl2Tuning *tuning;
  gconstpointer text;
  gsize n;

  if (wrong)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", path, wrong);
  if (!bytes)
    return NULL;
  text = g_bytes_get_data (bytes, &n);
  tuning = owl2_tuning_read (text, n, caps, error);
  if (!tuning)
    g_prefix_error (error, "%s: ", path);
  return tuning;
}

void
owl2_tuned_load (OvkDevice *dev, const char *cache_dir, const Owl2Log *log)
{
  const OvkCaps *caps = ovk_device_caps (dev);
  g_autofree char *path = cache_dir ? owl2_tuned_path (caps, cache_dir) : NULL;
  g_autoptr (GError) error = NULL;
  Owl2Tuning *tuning = NULL;

  if (owl2_tuning_is_settled (caps))
    return;
  if (path && g_file_test (path, G_FILE_TEST_EXISTS)) {
    tuning = read_file (path, caps, &error);
    if (tuning)
      owl2_log (
          log, OWL2_LOG_INFO, AREA, "kernels are preferred as %s says", path);
    else
      owl2_log (log, OWL2_LOG_WARNING, AREA,
          "ignoring the tuning of the kernels: %s", error->message);
  }
  owl2_tuning_use (caps, tuning);
}
