/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of a mapped file read by the device where they are, and drivers that
 * will not have it. */
#include "common.h"
#include "failing.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES ((gsize) (5 << 20) + 1234)

/* A file of random words, mapped to be read only. */
static GBytes *
map_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMappedFile) file = NULL;
  g_autofree guint8 *data = g_malloc (FILE_BYTES);
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("owl2-import-XXXXXX", &path, &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < FILE_BYTES; i++)
    data[i] = (guint8) vk_random (256);
  g_assert_cmpint (write (fd, data, FILE_BYTES), ==, FILE_BYTES);
  file = g_mapped_file_new_from_fd (fd, FALSE, &error);
  g_assert_no_error (error);
  g_close (fd, NULL);
  g_unlink (path);
  return g_mapped_file_get_bytes (file);
}

/* NULL, and the test is skipped, where the device takes none of the host's. */
static OvkDevice *
open_importing (const VkMode *mode)
{
  g_autoptr (GError) error = NULL;
  OvkDeviceParams params = { .device = mode->device, .log = vk_test_log () };
  OvkDevice *dev = ovk_device_new (&params, &error);

  vk_assert_ok (dev != NULL, error);
  if (ovk_device_caps (dev)->host_import_align)
    return dev;
  ovk_device_unref (dev);
  g_test_skip ("the device takes no memory of the host");
  return NULL;
}

static OvkImport *
import_range (OvkDevice *dev, GBytes *file, gsize offset, gsize size)
{
  g_autoptr (GError) error = NULL;
  const guint8 *data = g_bytes_get_data (file, NULL);
  OvkImport *import =
      ovk_import_new (dev, "file", file, data + offset, size, &error);

  vk_assert_ok (import != NULL, error);
  return import;
}

/* The device sums words of the file at @a and @b, which lie in imports. */
static void
check_sum (OvkDevice *dev, OvkSlice a, OvkSlice b, const guint8 *at_a,
    const guint8 *at_b, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  const VkMixSpec spec = { 64, 7, 1 };
  OvkSlice out = vk_alloc (arena, n * 4), io = vk_alloc (arena, n * 4);
  g_autofree guint32 *want = g_new0 (guint32, n), *got = g_new0 (guint32, n);
  g_autofree guint32 *hio = g_new0 (guint32, n);
  g_autofree guint32 *ha = g_memdup2 (at_a, n * 4);
  g_autofree guint32 *hb = g_memdup2 (at_b, n * 4);

  vk_mix (cmd, &spec, a, b, out, io, n, 3);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_mix_host (&spec, ha, hb, want, hio, n, 3);
  vk_assert_ok (ovk_slice_read (dev, out, got, n * 4, &error), error);
  g_assert_cmpmem (got, n * 4, want, n * 4);
}

static void
test_read (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = open_importing (mode);
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  g_autofree guint8 *got = g_malloc (FILE_BYTES);
  guint64 before;
  guint n_before;

  if (!dev)
    return;
  before = ovk_device_allocated_bytes (dev);
  n_before = dev->heap.n_allocations;
  for (guint i = 0; i < 30; i++) {
    g_autoptr (GError) error = NULL;
    gsize align = MAX (ovk_device_caps (dev)->storage_align, 16);
    gsize offset = vk_random (FILE_BYTES - 1);
    gsize size = 1 + vk_random (FILE_BYTES - offset);
    g_autoptr (OvkImport) import = import_range (dev, file, offset, size);
    OvkSlice slice = ovk_import_slice (import, data + offset, size);
    gsize begin = offset + (align - slice.offset % align) % align;

    g_assert_cmpuint (slice.size, ==, size);
    g_assert_cmpuint (
        slice.offset, ==, offset % dev->gpu.caps.host_import_align);
    vk_assert_ok (ovk_slice_read (dev, slice, got, size, &error), error);
    g_assert_cmpmem (got, size, data + offset, size);
    /* None of it is memory of the device. */
    g_assert_cmpuint (ovk_device_allocated_bytes (dev), ==, before);
    g_assert_cmpuint (dev->heap.n_allocations, ==, n_before + 1);
    if (begin + 4 <= offset + size) {
      guint n = MIN ((offset + size - begin) / 4, 5000);

      slice = ovk_import_slice (import, data + begin, n * 4);
      check_sum (dev, slice, slice, data + begin, data + begin, n);
      g_assert_cmpuint (n_before, <=, dev->heap.n_allocations);
      before = ovk_device_allocated_bytes (dev);
      n_before = dev->heap.n_allocations - 1;
    }
  }
  ovk_import_free (NULL);
}

/* As of a file larger than one import may be: they share a page, and each
 * serves its part. */
static void
test_several (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = open_importing (mode);
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkImport) a = NULL;
  g_autoptr (OvkImport) b = NULL;
  const gsize middle = (2 << 20) + 256, n = 3000;

  if (!dev)
    return;
  dev->gpu.caps.max_allocation_bytes = 4 << 20;
  vk_assert_error (
      ovk_import_new (dev, "all", file, data, FILE_BYTES, &error) != NULL,
      error, OWL2_ERROR_NO_MEMORY, "'all' has 5246976 bytes");
  a = import_range (dev, file, 512, middle - 512);
  b = import_range (dev, file, middle, FILE_BYTES - middle);
  check_sum (dev, ovk_import_slice (a, data + 512, n * 4),
      ovk_import_slice (b, data + middle, n * 4), data + 512, data + middle, n);
  check_sum (dev, ovk_import_slice (b, data + middle, n * 4),
      ovk_import_slice (a, data + middle - n * 4 - 256, n * 4), data + middle,
      data + middle - n * 4 - 256, n);
}

static void
test_only_read (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = open_importing (mode);
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  g_autoptr (OvkImport) import = NULL;
  g_autoptr (OvkArena) arena = NULL;
  g_autoptr (OvkUploader) up = NULL;
  g_autoptr (OvkCmd) cmd = NULL;
  const VkMixSpec spec = { 64, 7, 1 };
  GError *error = NULL;
  OvkSlice in_file, other;

  if (!dev)
    return;
  import = import_range (dev, file, 0, 4096);
  in_file = ovk_import_slice (import, data, 4096);
  arena = vk_arena (dev, 0);
  other = vk_alloc (arena, 4096);
  cmd = vk_cmd (dev);
  up = ovk_uploader_new (dev, &error);
  g_assert_no_error (error);
  vk_assert_error (ovk_slice_write (dev, in_file, &spec, 4, &error), error,
      OWL2_ERROR_FAILED, "only read");
  vk_assert_error (ovk_uploader_rows (up, in_file, 4, &spec, 4, 4, 1, &error),
      error, OWL2_ERROR_FAILED, "only read");
  ovk_cmd_copy (cmd, in_file, other);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "only read");
  ovk_cmd_fill (cmd, in_file, 0);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "only read");
  vk_mix (cmd, &spec, other, other, in_file, other, 64, 1);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "only read");
  /* And as a source it does. */
  ovk_cmd_copy (cmd, other, in_file);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
}

static void
test_refused (const VkMode *mode)
{
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  OvkDeviceParams params[] = {
    { .device = mode->device, .no_host_import = TRUE },
    { .device = mode->device, .no_unified_memory = TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (params); i++) {
    GError *error = NULL;
    g_autoptr (OvkDevice) dev = ovk_device_new (&params[i], &error);

    vk_assert_ok (dev != NULL, error);
    g_assert_cmpuint (ovk_device_caps (dev)->host_import_align, ==, 0);
    vk_assert_error (
        ovk_import_new (dev, "file", file, data, 4096, &error) != NULL, error,
        OWL2_ERROR_UNSUPPORTED, "host's memory");
  }
}

static void
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
}

/* The memory stays as long as the device may read it, and no longer. */
static void
test_held (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = open_importing (mode);
  gboolean freed = FALSE;
  GBytes *bytes;
  OvkImport *import;
  static guint8 data[8192];

  if (!dev)
    return;
  bytes = g_bytes_new_with_free_func (data, sizeof data, set_flag, &freed);
  import = import_range (dev, bytes, 0, sizeof data);
  g_bytes_unref (bytes);
  g_assert_false (freed);
  ovk_import_free (import);
  g_assert_true (freed);
}

/* ---- drivers that fail ------------------------------------------------ */

/* As if the device were a GPU, so that a twin goes first. */
static OvkDevice *
open_with_probe (const VkMode *mode)
{
  OvkDevice *dev = open_importing (mode);

  if (dev)
    dev->gpu.caps.type = VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
  return dev;
}

static void
test_probe (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = open_with_probe (mode);
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  GError *error = NULL;
  OvkSlice slice;
  OvkImport *import;

  if (!dev)
    return;
  /* The first work with such memory costs the twin, and nothing else. */
  n_calls = 0;
  fail_only = "vkQueueSubmit";
  fail_result = VK_ERROR_DEVICE_LOST;
  fail_at = 1;
  import = ovk_import_new (dev, "file", file, data, FILE_BYTES, &error);
  fail_at = 0;
  fail_only = NULL;
  vk_assert_error (
      import != NULL, error, OWL2_ERROR_DEVICE_LOST, "device lost");
  vk_assert_ok (ovk_gpu_alive (&dev->gpu, &error), error);

  import = import_range (dev, file, 100, FILE_BYTES - 100);
  slice = ovk_import_slice (import, data + 4096, 4096);
  check_sum (dev, slice, slice, data + 4096, data + 4096, 1024);
  ovk_import_free (import);
}

static void
test_faults (const VkMode *mode)
{
  g_autoptr (GBytes) file = map_file ();
  const guint8 *data = g_bytes_get_data (file, NULL);
  guint n_errors = 0;

  for (guint n = 1;; n++) {
    g_autoptr (OvkDevice) dev = open_with_probe (mode);
    g_autoptr (OvkImport) import = NULL;
    g_autoptr (GError) error = NULL;

    if (!dev)
      return;
    n_calls = 0;
    failed_call = NULL;
    fail_result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    fail_at = n;
    import = ovk_import_new (dev, "file", file, data, FILE_BYTES, &error);
    fail_at = 0;
    g_test_message ("call %u, %s: %s", n, failed_call ? failed_call : "none",
        error ? error->message : "went well");
    g_assert_true ((import == NULL) == (error != NULL));
    n_errors += error != NULL;
    g_assert_true (!error || failed_call);
    if (import) {
      OvkSlice slice = ovk_import_slice (import, data, 4096);

      check_sum (dev, slice, slice, data, data, 1024);
    }
    if (!failed_call)
      break;
  }
  g_test_message ("%u errors", n_errors);
  g_assert_cmpuint (n_errors, >, 10);
}

static void
add_tests (void)
{
  vk_test_add_once ("/import/read", test_read);
  vk_test_add_once ("/import/several", test_several);
  vk_test_add_once ("/import/only-read", test_only_read);
  vk_test_add_once ("/import/refused", test_refused);
  vk_test_add_once ("/import/held", test_held);
  vk_test_add_once ("/import/probe", test_probe);
  vk_test_add_once ("/import/faults", test_faults);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
