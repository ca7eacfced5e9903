/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"

#include <string.h>

static const guint32 mix_code[] =
#include "mix.comp.h"
    ;

const OvkShader vk_shader_mix = {
  .name = "mix",
  .code = mix_code,
  .code_bytes = sizeof (mix_code),
  .n_bindings = 4,
  .push_bytes = 8,
};

/* ---- the log ---------------------------------------------------------- */

static GMutex log_lock;
static guint n_warnings, n_cpu_warnings;
static char *last_warning;

static void
log_message (
    Owl2LogLevel level, const char *area, const char *message, gpointer data)
{
  g_assert_cmpstr (area, ==, "vk");
  g_mutex_lock (&log_lock);
  /* Each device that is opened may say that it is none. */
  if (level == OWL2_LOG_WARNING && strstr (message, VK_TEST_CPU_WARNING)) {
    n_cpu_warnings++;
  } else if (level <= OWL2_LOG_WARNING) {
    n_warnings++;
    g_free (last_warning);
    last_warning = g_strdup (message);
  }
  g_mutex_unlock (&log_lock);
  g_test_message ("log %d: %s", level, message);
}

const Owl2Log *
vk_test_log (void)
{
  static const Owl2Log log = { log_message, NULL, OWL2_LOG_TRACE };

  return &log;
}

static guint
take (guint *count)
{
  guint n;

  g_mutex_lock (&log_lock);
  n = *count;
  *count = 0;
  g_mutex_unlock (&log_lock);
  return n;
}

guint
vk_test_take_warnings (void)
{
  return take (&n_warnings);
}

guint
vk_test_take_cpu_warnings (void)
{
  return take (&n_cpu_warnings);
}

char *
vk_test_last_warning (void)
{
  char *text;

  g_mutex_lock (&log_lock);
  text = g_strdup (last_warning ? last_warning : "");
  g_mutex_unlock (&log_lock);
  return text;
}

/* ---- devices and modes ------------------------------------------------ */

static GArray *modes; /* VkMode, of the usable devices */

static void
find_modes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) lines = ovk_device_list (&error);

  modes = g_array_new (FALSE, TRUE, sizeof (VkMode));
  if (!lines) {
    g_test_message ("no devices: %s", error->message);
    return;
  }
  for (guint i = 0; i < lines->len; i++) {
    VkMode mode = { "", FALSE };
    OvkDeviceParams params = { .device = mode.device };
    g_autoptr (OvkDevice) dev = NULL;
    g_autoptr (GError) failure = NULL;

    g_snprintf (mode.device, sizeof (mode.device), "%u", i);
    dev = ovk_device_new (&params, &failure);
    g_print ("# %s%s%s\n", (char *) lines->pdata[i],
        dev ? "" : ": left out: ", dev ? "" : failure->message);
    if (!dev)
      continue;
    if (ovk_device_caps (dev)->unified_memory)
      g_array_append_val (modes, mode);
    mode.staging = TRUE;
    g_array_append_val (modes, mode);
  }
}

static void
add (const char *path, void (*func) (const VkMode *mode), gboolean once)
{
  const char *before = "";

  for (guint i = 0; i < modes->len; i++) {
    const VkMode *mode = &g_array_index (modes, VkMode, i);
    g_autofree char *full = g_strdup_printf ("%s/%s/%s", path, mode->device,
        once            ? "any"
        : mode->staging ? "staging"
                        : "mapped");

    if (!once || strcmp (mode->device, before) != 0)
      g_test_add_data_func (full, mode, (GTestDataFunc) func);
    before = mode->device;
  }
}

void
vk_test_add (const char *path, void (*func) (const VkMode *mode))
{
  add (path, func, FALSE);
}

void
vk_test_add_once (const char *path, void (*func) (const VkMode *mode))
{
  add (path, func, TRUE);
}

int
vk_test_main (int argc, char **argv, void (*add_tests) (void))
{
  int status;

  g_test_init (&argc, &argv, NULL);
  find_modes ();
  if (!modes->len) {
    g_print ("1..0 # SKIP no usable Vulkan device\n");
    g_array_unref (modes);
    return 77;
  }
  add_tests ();
  status = g_test_run ();
  g_array_unref (modes);
  g_free (last_warning);
  return status;
}

OvkDevice *
vk_test_open (const VkMode *mode)
{
  GError *error = NULL;
  OvkDeviceParams params = {
    .device = mode->device,
    .log = vk_test_log (),
    .no_unified_memory = mode->staging,
  };
  OvkDevice *dev = ovk_device_new (&params, &error);

  vk_assert_ok (dev != NULL, error);
  g_assert_cmpint (
      ovk_device_caps (dev)->unified_memory, ==, mode->staging ? 0 : 1);
  return dev;
}

/* ---- small things ----------------------------------------------------- */

guint
vk_random (guint below)
{
  return (guint) g_test_rand_int_range (0, (gint32) below);
}

OvkSlice
vk_slice (OvkSlice slice, gsize offset, gsize size)
{
  g_assert_cmpuint (offset, <=, slice.size);
  g_assert_cmpuint (size, <=, slice.size - offset);
  return (OvkSlice){ slice.buffer, slice.offset + offset, size };
}

OvkSlice
vk_alloc (OvkArena *arena, gsize size_bytes)
{
  GError *error = NULL;
  OvkSlice slice;

  vk_assert_ok (ovk_arena_alloc (arena, size_bytes, &slice, &error), error);
  return slice;
}

OvkArena *
vk_arena (OvkDevice *dev, gsize block_bytes)
{
  OvkArena *arena = ovk_arena_new (dev, "test", block_bytes);

  g_assert_nonnull (arena);
  return arena;
}

OvkCmd *
vk_cmd (OvkDevice *dev)
{
  GError *error = NULL;
  OvkCmd *cmd = ovk_cmd_new (dev, "test", &error);

  vk_assert_ok (cmd != NULL, error);
  return cmd;
}

void
vk_mix (OvkCmd *cmd, const VkMixSpec *spec, OvkSlice a, OvkSlice b,
    OvkSlice out, OvkSlice io, guint n, guint32 add_word)
{
  guint32 push[2] = { n, add_word };
  OvkBinding bindings[4] = {
    { vk_slice (a, 0, n * 4u), OVK_READ },
    { vk_slice (b, 0, n * 4u), OVK_READ },
    { vk_slice (out, 0, n * 4u), OVK_WRITE },
    { vk_slice (io, 0, n * 4u), OVK_READ_WRITE },
  };

  ovk_cmd_dispatch (cmd, &vk_shader_mix, (const guint32 *) spec, 3, bindings,
      push, (n + spec->workgroup - 1) / spec->workgroup, 1, 1);
}

void
vk_mix_host (const VkMixSpec *spec, const guint32 *a, const guint32 *b,
    guint32 *out, guint32 *io, guint n, guint32 add_word)
{
  for (guint i = 0; i < n; i++) {
    guint32 x = spec->mul * (a[i] + b[i]);

    for (guint r = 0; r < spec->rounds; r++)
      x = x * 1664525u + add_word;
    out[i] = x;
    io[i] = io[i] * 3u + x;
  }
}
