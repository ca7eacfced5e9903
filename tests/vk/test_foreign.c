/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of another device, read where it is. */
#include "common.h"
#include "export.h"

#include <string.h>

#define BYTES ((gsize) 300 * 1000)

/* Both read what the host writes through the first device, again and again,
 * without a copy of it. */
static void
test_read (const VkMode *mode)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) other = vk_test_open (mode);
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkImport) import = NULL;
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  g_autofree guint32 *got = g_malloc (BYTES), *io = g_malloc0 (BYTES);
  g_autofree guint32 *want = g_malloc (BYTES);
  const VkMixSpec spec = { 64, 7, 1 };
  const guint n = BYTES / 4;
  OvkSlice copy, out, zeros;
  guint64 before;
  VkExport export;

  if (!vk_export_init (&export, other, BYTES)) {
    g_test_skip ("the device exports no memory");
    return;
  }
  before = ovk_device_allocated_bytes (dev);
  import = ovk_import_foreign (dev, "picture", &export.foreign, &error);
  vk_assert_ok (import != NULL, error);
  g_assert_cmpuint (ovk_import_all (import).size, ==, BYTES);
  g_assert_cmpuint (ovk_device_allocated_bytes (dev), ==, before);
  copy = vk_alloc (arena, BYTES);
  out = vk_alloc (arena, BYTES);
  zeros = vk_alloc (arena, BYTES);
  for (guint round = 0; round < 3; round++) {
    for (gsize i = 0; i < BYTES; i++)
      export.map[i] = (guint8) vk_random (256);
    ovk_cmd_acquire (cmd, ovk_import_all (import));
    ovk_cmd_copy (cmd, copy, ovk_import_all (import));
    ovk_cmd_fill (cmd, zeros, 0);
    vk_mix (cmd, &spec, ovk_import_all (import), copy, out, zeros, n, 3);
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    vk_assert_ok (ovk_slice_read (dev, copy, got, BYTES, &error), error);
    g_assert_cmpmem (got, BYTES, export.map, BYTES);
    memset (io, 0, BYTES);
    vk_mix_host (&spec, got, got, want, io, n, 3);
    vk_assert_ok (ovk_slice_read (dev, out, got, BYTES, &error), error);
    g_assert_cmpmem (got, BYTES, want, BYTES);
  }
  /* It outlives the one who exported it. */
  memset (export.map, 0x5a, BYTES);
  vk_export_clear (&export);
  ovk_cmd_acquire (cmd, ovk_import_all (import));
  ovk_cmd_copy (cmd, copy, ovk_import_all (import));
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, copy, got, BYTES, &error), error);
  memset (want, 0x5a, BYTES);
  g_assert_cmpmem (got, BYTES, want, BYTES);
}

static void
check_refused (OvkDevice *dev, const Owl2Foreign *foreign, const char *part)
{
  g_autoptr (GError) error = NULL;
  OvkImport *import = ovk_import_foreign (dev, "picture", foreign, &error);

  vk_assert_error (import != NULL, error, OWL2_ERROR_UNSUPPORTED, part);
}

static void
test_refused (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  Owl2Foreign foreign;
  VkExport export;

  if (!vk_export_init (&export, dev, 4096)) {
    g_test_skip ("the device exports no memory");
    return;
  }
  foreign = export.foreign;
  foreign.device_uuid[3] ^= 1;
  check_refused (dev, &foreign, "other hardware");
  foreign = export.foreign;
  foreign.driver_uuid[15] ^= 0x80;
  check_refused (dev, &foreign, "another driver");
  foreign = export.foreign;
  foreign.memory_type = 200;
  check_refused (dev, &foreign, "type");
  foreign = export.foreign;
  foreign.size_bytes = (gsize) foreign.allocation_bytes + 1;
  check_refused (dev, &foreign, "sizes");
  foreign = export.foreign;
  foreign.size_bytes = 0;
  check_refused (dev, &foreign, "sizes");
  dev->gpu.imports_fd = FALSE;
  check_refused (dev, &export.foreign, "no external memory");
  vk_export_clear (&export);
}

static void
add (void)
{
  vk_test_add ("/vk/foreign/read", test_read);
  vk_test_add_once ("/vk/foreign/refused", test_refused);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add);
}
