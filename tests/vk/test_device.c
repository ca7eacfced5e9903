/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing and opening devices, their limits, pipelines and their cache. */
#include "common.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* ---- a driver that lacks something ------------------------------------ */

static gboolean hide_timeline;

VKAPI_ATTR void VKAPI_CALL
vkGetPhysicalDeviceFeatures2 (
    VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features)
{
  static PFN_vkGetPhysicalDeviceFeatures2 real;

  if (!real)
    real = (PFN_vkGetPhysicalDeviceFeatures2) dlsym (
        RTLD_NEXT, "vkGetPhysicalDeviceFeatures2");
  real (device, features);
  for (VkBaseOutStructure *s = features->pNext; s; s = s->pNext) {
    if (hide_timeline
        && s->sType
               == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES)
      ((VkPhysicalDeviceTimelineSemaphoreFeatures *) s)->timelineSemaphore =
          VK_FALSE;
  }
}

/* ---- a driver that has much ------------------------------------------- */

/* Extensions nobody knows, in front of the real ones, and one behind them. */
static guint n_unknown;
static const char *another; /* (nullable) */
static gboolean is_growing; /* by one more with each look */

static VkResult
list_more (const VkExtensionProperties *real, guint n_real, uint32_t *n,
    VkExtensionProperties *props)
{
  const guint front = n_unknown, total = front + n_real + (another ? 1 : 0);
  const guint room = *n;

  if (is_growing)
    n_unknown++;
  *n = props ? MIN (room, total) : total;
  for (guint i = 0; props && i < *n; i++) {
    memset (&props[i], 0, sizeof props[i]);
    if (i < front)
      g_snprintf (props[i].extensionName, VK_MAX_EXTENSION_NAME_SIZE,
          "VK_UNKNOWN_number_%u", i);
    else if (i < front + n_real)
      props[i] = real[i - front];
    else
      g_strlcpy (props[i].extensionName, another, VK_MAX_EXTENSION_NAME_SIZE);
  }
  return props && room < total ? VK_INCOMPLETE : VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
vkEnumerateDeviceExtensionProperties (VkPhysicalDevice device,
    const char *layer, uint32_t *n, VkExtensionProperties *props)
{
  PFN_vkEnumerateDeviceExtensionProperties real =
      (PFN_vkEnumerateDeviceExtensionProperties) dlsym (
          RTLD_NEXT, "vkEnumerateDeviceExtensionProperties");
  g_autofree VkExtensionProperties *list = NULL;
  guint32 n_real = 0;

  if (!n_unknown)
    return real (device, layer, n, props);
  g_assert_cmpint (real (device, layer, &n_real, NULL), ==, VK_SUCCESS);
  list = g_new0 (VkExtensionProperties, n_real + 1);
  g_assert_cmpint (real (device, layer, &n_real, list), ==, VK_SUCCESS);
  return list_more (list, n_real, n, props);
}

VKAPI_ATTR VkResult VKAPI_CALL
vkEnumerateInstanceExtensionProperties (
    const char *layer, uint32_t *n, VkExtensionProperties *props)
{
  PFN_vkEnumerateInstanceExtensionProperties real =
      (PFN_vkEnumerateInstanceExtensionProperties) dlsym (
          RTLD_NEXT, "vkEnumerateInstanceExtensionProperties");
  g_autofree VkExtensionProperties *list = NULL;
  guint32 n_real = 0;

  if (!n_unknown)
    return real (layer, n, props);
  g_assert_cmpint (real (layer, &n_real, NULL), ==, VK_SUCCESS);
  list = g_new0 (VkExtensionProperties, n_real + 1);
  g_assert_cmpint (real (layer, &n_real, list), ==, VK_SUCCESS);
  return list_more (list, n_real, n, props);
}

/* However long the lists of extensions are, what stands last in them counts;
 * and a list that has grown between two looks does no harm. */
static void
test_many_extensions (const VkMode *mode)
{
  const guint lengths[] = { 1, 300, 5000 };
  OvkDeviceParams params = { .device = mode->device, .log = vk_test_log () };
  GError *error = NULL;
  g_autoptr (OvkDevice) plain = ovk_device_new (&params, &error);

  vk_assert_ok (plain != NULL, error);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (OvkDevice) dev = NULL;

    n_unknown = lengths[i];
    another = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    dev = ovk_device_new (&params, &error);
    vk_assert_ok (dev != NULL, error);
    g_assert_true (dev->gpu.has_budget);
    g_assert_true (dev->gpu.debug_utils == plain->gpu.debug_utils);
    g_assert_cmpuint (
        dev->gpu.caps.host_import_align, ==, plain->gpu.caps.host_import_align);
  }
  another = NULL;
  is_growing = TRUE;
  {
    g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);

    vk_assert_ok (dev != NULL, error);
  }
  is_growing = FALSE;
  n_unknown = 0;
}

/* ---- choosing --------------------------------------------------------- */

static void
test_choose (const VkMode *mode)
{
  GError *error = NULL;
  OvkDeviceParams params = { .device = mode->device };
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);
  g_autoptr (OvkDevice) best = NULL, named = NULL, none = NULL;
  g_autofree char *upper = NULL;
  const char *name;

  vk_assert_ok (dev != NULL, error);
  name = ovk_device_caps (dev)->name;

  best = ovk_device_new (NULL, &error);
  vk_assert_ok (best != NULL, error);

  /* Part of the name, in any case. */
  upper = g_ascii_strup (name, 5);
  params.device = upper;
  named = ovk_device_new (&params, &error);
  vk_assert_ok (named != NULL, error);
  g_assert_cmpint (
      g_ascii_strncasecmp (ovk_device_caps (named)->name, name, 5), ==, 0);

  params.device = "no such device";
  none = ovk_device_new (&params, &error);
  g_assert_nonnull (strstr (error->message, name));
  vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE, params.device);
  params.device = "4000000000";
  none = ovk_device_new (&params, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE, name);
  params.device = "99999999999999999999999";
  none = ovk_device_new (&params, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE, name);
}

/* A CPU is said to be one, once a device; a GPU never. */
static void
test_cpu_is_said (const VkMode *mode)
{
  OvkDevice *dev;
  gboolean cpu;

  vk_test_take_cpu_warnings ();
  dev = vk_test_open (mode);
  cpu = ovk_device_caps (dev)->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
  ovk_device_unref (dev);
  g_assert_cmpuint (vk_test_take_cpu_warnings (), ==, cpu ? 1 : 0);
}

/* By the UUID that the list shows, with dashes and without. */
static void
test_uuid (const VkMode *mode)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) lines = ovk_device_list (&error);
  OvkDeviceParams params = { NULL };
  g_autofree char *uuid = NULL;
  g_auto (GStrv) parts = NULL;
  const char *shown;

  vk_assert_ok (lines != NULL, error);
  shown = strstr (lines->pdata[atoi (mode->device)], "UUID ");
  g_assert_nonnull (shown);
  uuid = g_strndup (shown + strlen ("UUID "), 36);
  parts = g_strsplit (uuid, "-", -1);
  for (guint i = 0; i < 2; i++) {
    g_autofree char *plain = g_strjoinv ("", parts);
    g_autoptr (OvkDevice) dev = NULL;

    params.device = i ? plain : uuid;
    dev = ovk_device_new (&params, &error);
    vk_assert_ok (dev != NULL, error);
    for (guint j = 0; j < VK_UUID_SIZE; j++)
      g_assert_cmpint (ovk_device_caps (dev)->uuid[j], ==,
          g_ascii_xdigit_value (plain[2 * j]) << 4
              | g_ascii_xdigit_value (plain[2 * j + 1]));
  }
}

static void
test_list (const VkMode *mode)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) lines = ovk_device_list (&error);
  g_autofree char *prefix = g_strdup_printf ("%s: ", mode->device);
  guint index = (guint) atoi (mode->device);

  vk_assert_ok (lines != NULL, error);
  g_assert_cmpuint (index, <, lines->len);
  g_assert_true (g_str_has_prefix (lines->pdata[index], prefix));
  g_assert_nonnull (strchr (lines->pdata[index], '('));
}

static void
test_lacking (const VkMode *mode)
{
  const char *part = "lacks timeline semaphores";
  GError *error = NULL;
  OvkDeviceParams params = { .device = mode->device };
  OvkDevice *dev;

  hide_timeline = TRUE;
  dev = ovk_device_new (&params, &error);
  vk_assert_error (dev != NULL, error, OWL2_ERROR_UNSUPPORTED, part);
  dev = ovk_device_new (NULL, &error);
  vk_assert_error (dev != NULL, error, OWL2_ERROR_NO_DEVICE, part);
  hide_timeline = FALSE;
}

static void
test_caps (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkDevice) poor = NULL;
  const OvkCaps *caps = ovk_device_caps (dev);
  OvkDeviceParams params = {
    .device = mode->device,
    .no_subgroups = TRUE,
    .no_unified_memory = TRUE,
    .max_storage_range = 4096,
  };
  GError *error = NULL;

  g_assert_cmpuint (caps->api_version, >=, VK_API_VERSION_1_2);
  g_assert_cmpuint (caps->subgroup_size, >=, 1);
  g_assert_cmpuint (caps->max_storage_range, >=, 1u << 27);
  g_assert_cmpuint (caps->storage_align, >=, 4);
  g_assert_cmpuint (caps->storage_align & (caps->storage_align - 1), ==, 0);
  g_assert_cmpuint (caps->max_shared_bytes, >=, 16384);
  g_assert_cmpuint (caps->max_workgroup, >=, 128);
  g_assert_cmpuint (caps->max_groups_x, >=, 65535);
  g_assert_cmpuint (caps->max_groups_yz, >=, 65535);
  g_assert_cmpuint (caps->max_allocation_bytes, >=, 1u << 28);
  g_assert_cmpuint (caps->heap_bytes, >, 0);
  g_assert_cmpuint (ovk_device_free_bytes (dev), >, 0);
  g_assert_true (ovk_device_log (dev)->func == vk_test_log ()->func);
  g_test_message ("%s, %s: subgroups of %u (ballot %d, arithmetic %d), unified "
                  "%d, timestamps %g ns",
      caps->name, caps->driver, caps->subgroup_size, caps->subgroup_ballot,
      caps->subgroup_arithmetic, caps->unified_memory, caps->timestamp_ns);

  poor = ovk_device_new (&params, &error);
  vk_assert_ok (poor != NULL, error);
  caps = ovk_device_caps (poor);
  g_assert_false (caps->subgroup_ballot);
  g_assert_false (caps->subgroup_arithmetic);
  g_assert_false (caps->unified_memory);
  g_assert_cmpuint (caps->max_storage_range, ==, 4096);
}

/* ---- pipelines -------------------------------------------------------- */

static void
test_pipelines (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  guint32 spec[OVK_MAX_SPEC + 1] = { 32, 1, 1 };
  OvkShader bad = vk_shader_mix, same = vk_shader_mix;
  GError *error = NULL;
  OvkPipeline *a, *b, *c, *d, *none;

  a = ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error);
  vk_assert_ok (a != NULL, error);
  b = ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error);
  g_assert_true (a == b);
  spec[1] = 2;
  c = ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error);
  vk_assert_ok (c != NULL, error);
  g_assert_true (a != c);
  d = ovk_pipeline_get (dev, &same, spec, 3, &error);
  vk_assert_ok (d != NULL, error);
  g_assert_true (c != d);
  b = ovk_pipeline_get (dev, &vk_shader_mix, spec, 2, &error);
  vk_assert_ok (b != NULL, error);
  g_assert_true (b != c);

  none = ovk_pipeline_get (dev, &vk_shader_mix, spec, OVK_MAX_SPEC + 1, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_FAILED, "17 constants");
  bad.n_bindings = OVK_MAX_BINDINGS + 1;
  none = ovk_pipeline_get (dev, &bad, spec, 3, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_FAILED, "9 bindings");
  bad = vk_shader_mix;
  bad.push_bytes = 132;
  none = ovk_pipeline_get (dev, &bad, spec, 3, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_FAILED, "132 push bytes");
  bad = vk_shader_mix;
  dev->gpu.max_bindings = 3;
  none = ovk_pipeline_get (dev, &bad, spec, 3, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_UNSUPPORTED, "allows 3");
  dev->gpu.max_bindings = OVK_MAX_BINDINGS;
  dev->gpu.caps.matrix.m = 0;
  bad.matrix = TRUE;
  none = ovk_pipeline_get (dev, &bad, spec, 3, &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_UNSUPPORTED, "matrices");
}

/* ---- the cache on disk ------------------------------------------------ */

/* A cache folder that does not exist yet, and the file in it. */
typedef struct {
  const VkMode *mode;
  char *top, *dir, *file;
  guint64 shaders_hash;
} Cache;

static OvkDevice *
cache_open (const Cache *cache)
{
  GError *error = NULL;
  OvkDeviceParams params = {
    .device = cache->mode->device,
    .cache_dir = cache->dir,
    .shaders_hash = cache->shaders_hash,
    .log = vk_test_log (),
  };
  OvkDevice *dev = ovk_device_new (&params, &error);

  vk_assert_ok (dev != NULL, error);
  return dev;
}

/* Opens with the file as it is, makes a pipeline, closes. Returns the bytes
 * that were taken from the file. */
static gsize
cache_use (const Cache *cache)
{
  guint32 spec[3] = { 64, 7, 1 };
  GError *error = NULL;
  g_autoptr (OvkDevice) dev = cache_open (cache);
  gsize loaded = dev->pipelines.cache_saved_bytes;

  vk_assert_ok (
      ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error) != NULL, error);
  return loaded;
}

static void
cache_setup (Cache *cache, const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = NULL;
  GError *error = NULL;

  vk_test_take_warnings ();
  cache->shaders_hash = 0;
  cache->mode = mode;
  cache->top = g_dir_make_tmp ("owl2-vk-XXXXXX", &error);
  vk_assert_ok (cache->top != NULL, error);
  cache->dir = g_build_filename (cache->top, "a", "b", NULL);
  dev = cache_open (cache);
  cache->file = g_strdup (dev->pipelines.cache_path);
}

static void
cache_teardown (Cache *cache)
{
  g_autofree char *a = g_path_get_dirname (cache->dir);

  g_remove (cache->file);
  g_rmdir (cache->dir);
  g_rmdir (a);
  g_assert_cmpint (g_rmdir (cache->top), ==, 0);
  g_free (cache->top);
  g_free (cache->dir);
  g_free (cache->file);
}

static void
test_cache (const VkMode *mode)
{
  Cache cache;
  GStatBuf st;
  g_autofree char *first = NULL, *second = NULL;
  gsize n_first, n_second;

  cache_setup (&cache, mode);
  g_assert_cmpuint (cache_use (&cache), ==, 0);
  g_assert_cmpint (g_stat (cache.file, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (g_stat (cache.dir, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0700);
  g_assert_true (g_file_get_contents (cache.file, &first, &n_first, NULL));
  g_assert_cmpuint (cache_use (&cache), >, 0);
  g_assert_true (g_file_get_contents (cache.file, &second, &n_second, NULL));
  g_assert_cmpuint (n_second, >=, n_first);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 0);
  cache_teardown (&cache);
}

static void
expect_ignored (const Cache *cache, const char *why, const char *data, gsize n)
{
  g_autofree char *warning = NULL;
  GError *error = NULL;

  vk_assert_ok (
      g_file_set_contents (cache->file, data, (gssize) n, &error), error);
  g_assert_cmpuint (cache_use (cache), ==, 0);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 1);
  warning = vk_test_last_warning ();
  g_assert_nonnull (strstr (warning, cache->file));
  g_assert_nonnull (strstr (warning, why));
  /* The broken file was replaced by a good one. */
  g_assert_cmpuint (cache_use (cache), >, 0);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 0);
}

static void
test_cache_broken (const VkMode *mode)
{
  const gsize header = 56; /* magic, shaders, length, checksum */
  Cache cache;
  g_autofree char *good = NULL, *bad = NULL;
  g_autofree guint8 *digest = g_malloc (32);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize n, n_digest = 32;

  cache_setup (&cache, mode);
  cache_use (&cache);
  g_assert_true (g_file_get_contents (cache.file, &good, &n, NULL));
  bad = g_malloc0 (n + 8);

  expect_ignored (&cache, "too short", good, 0);
  expect_ignored (&cache, "too short", good, header + 31);
  if (n > header + 32)
    expect_ignored (&cache, "length", good, n - 1);
  memcpy (bad, good, n);
  expect_ignored (&cache, "length", bad, n + 1);
  for (guint i = 0; i < 8; i++) {
    gsize at = vk_random ((guint) n);

    memcpy (bad, good, n);
    bad[at] ^= (char) (1u << vk_random (8));
    expect_ignored (&cache, "it", bad, n);
  }
  /* Well-formed, but of another device. */
  memcpy (bad, good, n);
  bad[header + 8] ^= 1; /* vendorID */
  g_checksum_update (checksum, (guint8 *) bad + 8, 8);
  g_checksum_update (checksum, (guint8 *) bad + header, (gssize) (n - header));
  g_checksum_get_digest (checksum, digest, &n_digest);
  memcpy (bad + 24, digest, 32);
  expect_ignored (&cache, "another device", bad, n);
  cache_teardown (&cache);
}

/* Two times in which there is something new to write. */
static void
cache_use_twice (const Cache *cache)
{
  g_autoptr (OvkDevice) dev = cache_open (cache);
  guint32 spec[3] = { 64, 8, 1 };
  GError *error = NULL;

  for (guint i = 0; i < 2; i++, spec[1]++) {
    vk_assert_ok (
        ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error) != NULL, error);
    ovk_device_save_cache (dev);
  }
}

/* A folder that can't be made or written to costs a warning, which names it and
 * says why and what it costs, and nothing else. */
static void
test_cache_unwritable (const VkMode *mode)
{
  Cache cache;
  GError *error = NULL;
  g_autofree char *warning = NULL;

  cache_setup (&cache, mode);
  g_free (cache.dir);
  cache.dir = g_build_filename (cache.file, "b", NULL);
  {
    g_autofree char *dir = g_path_get_dirname (cache.file);

    g_mkdir_with_parents (dir, 0700);
    vk_assert_ok (g_file_set_contents (cache.file, "x", 1, &error), error);
    vk_test_take_warnings ();
    cache_use_twice (&cache);
    g_assert_cmpuint (vk_test_take_warnings (), ==, 1);
    warning = vk_test_last_warning ();
    g_assert_nonnull (strstr (warning, cache.dir));
    g_assert_nonnull (strstr (warning, g_strerror (ENOTDIR)));
    g_assert_nonnull (strstr (warning, "may take seconds"));
    g_free (cache.dir);
    cache.dir = g_steal_pointer (&dir);
  }
  /* A folder where the file should be. */
  g_remove (cache.file);
  g_mkdir (cache.file, 0700);
  cache_use (&cache);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 2);
  g_rmdir (cache.file);
  cache_teardown (&cache);
}

/* What was made of other shaders is left behind, without a word. */
static void
test_cache_shaders (const VkMode *mode)
{
  Cache cache;
  g_autofree char *file = NULL;
  gsize n;

  cache_setup (&cache, mode);
  cache.shaders_hash = 1;
  g_assert_cmpuint (cache_use (&cache), ==, 0);
  g_assert_cmpuint (cache_use (&cache), >, 0);
  cache.shaders_hash = 2;
  g_assert_cmpuint (cache_use (&cache), ==, 0);
  g_assert_cmpuint (cache_use (&cache), >, 0);
  cache.shaders_hash = 1;
  g_assert_cmpuint (cache_use (&cache), ==, 0);
  /* As the format before. */
  g_assert_true (g_file_get_contents (cache.file, &file, &n, NULL));
  memcpy (file, "owl2pc1\n", 8);
  g_assert_true (g_file_set_contents (cache.file, file, (gssize) n, NULL));
  g_assert_cmpuint (cache_use (&cache), ==, 0);
  g_assert_cmpuint (cache_use (&cache), >, 0);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 0);
  cache_teardown (&cache);
}

/* What could not be written is written the next time, though nothing has been
 * compiled since. */
static void
test_cache_retry (const VkMode *mode)
{
  guint32 spec[3] = { 64, 7, 1 };
  Cache cache;
  GError *error = NULL;
  g_autofree char *dir = NULL;

  cache_setup (&cache, mode);
  dir = g_path_get_dirname (cache.file);
  {
    g_autofree char *above = g_path_get_dirname (dir);
    g_autoptr (OvkDevice) dev = cache_open (&cache);

    vk_assert_ok (
        ovk_pipeline_get (dev, &vk_shader_mix, spec, 3, &error) != NULL, error);
    g_rmdir (dir);
    g_mkdir_with_parents (above, 0700);
    vk_assert_ok (g_file_set_contents (dir, "x", 1, &error), error);
    vk_test_take_warnings ();
    ovk_device_save_cache (dev);
    g_assert_cmpuint (vk_test_take_warnings (), ==, 1);
    g_remove (dir);
    ovk_device_save_cache (dev);
    g_assert_cmpuint (vk_test_take_warnings (), ==, 0);
    g_assert_true (g_file_test (cache.file, G_FILE_TEST_IS_REGULAR));
  }
  cache_teardown (&cache);
}

/* The loader is asked to name things for those alone who look closely: it does
 * so without a lock, beside whoever else makes instances. */
static void
test_names (const VkMode *mode)
{
  Owl2Log log = *vk_test_log ();

  for (guint level = 0; level <= OWL2_LOG_TRACE; level++) {
    OvkDeviceParams params = { .device = mode->device };
    GError *error = NULL;
    g_autoptr (OvkDevice) dev = NULL;

    log.level = (Owl2LogLevel) level;
    params.log = level ? &log : NULL;
    dev = ovk_device_new (&params, &error);
    vk_assert_ok (dev != NULL, error);
    if (level < OWL2_LOG_DEBUG) {
      g_assert_null (dev->gpu.set_name);
      g_assert_null (dev->gpu.begin_label);
    }
  }
}

static void
add_tests (void)
{
  vk_test_add_once ("/device/many-extensions", test_many_extensions);
  vk_test_add_once ("/device/names", test_names);
  vk_test_add_once ("/device/cache-shaders", test_cache_shaders);
  vk_test_add_once ("/device/cache-retry", test_cache_retry);
  vk_test_add_once ("/device/choose", test_choose);
  vk_test_add_once ("/device/cpu-is-said", test_cpu_is_said);
  vk_test_add_once ("/device/uuid", test_uuid);
  vk_test_add_once ("/device/list", test_list);
  vk_test_add_once ("/device/lacking", test_lacking);
  vk_test_add ("/device/caps", test_caps);
  vk_test_add_once ("/device/pipelines", test_pipelines);
  vk_test_add_once ("/device/cache", test_cache);
  vk_test_add_once ("/device/cache-broken", test_cache_broken);
  vk_test_add_once ("/device/cache-unwritable", test_cache_unwritable);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
