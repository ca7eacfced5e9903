/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every call into Vulkan fails once, in a scenario that uses all of the layer.
 * Each time there has to be an error or a correct result, and nothing may
 * leak, crash or be used after it was freed. */
#include "common.h"
#include "failing.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---- the scenario ----------------------------------------------------- */

#define N_WORDS 5000

typedef struct {
  OvkDevice *dev;
  OvkArena *arena, *results;
  OvkUploader *up;
  OvkCmd *cmd, *kept;
  OvkSlice s[4], result;
  guint32 *host[4];
} Scene;

static gboolean
scene_build (Scene *scene, const OvkDeviceParams *params, GError **error)
{
  scene->dev = ovk_device_new (params, error);
  if (!scene->dev)
    return FALSE;
  scene->arena = ovk_arena_new (scene->dev, "scene", 30000);
  scene->results = ovk_arena_new_results (scene->dev, "results", 4096);
  if (!ovk_arena_alloc (scene->results, 64, &scene->result, error))
    return FALSE;
  scene->cmd = ovk_cmd_new (scene->dev, "scene", error);
  if (!scene->cmd)
    return FALSE;
  scene->kept = ovk_cmd_new (scene->dev, "kept", error);
  if (!scene->kept)
    return FALSE;
  ovk_cmd_set_kept (scene->kept, TRUE);
  scene->up = ovk_uploader_new (scene->dev, error);
  if (!scene->up)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    if (!ovk_arena_alloc (scene->arena, N_WORDS * 4, &scene->s[i], error)
        || !ovk_uploader_rows (scene->up, scene->s[i], N_WORDS * 4,
            scene->host[i], N_WORDS * 4, N_WORDS * 4, 1, error))
      return FALSE;
  }
  return ovk_uploader_finish (scene->up, error);
}

static gboolean
scene_run (Scene *scene, GError **error)
{
  const VkMixSpec spec = { 64, 3, 1 };
  guint32 **h = scene->host;
  OvkSlice *s = scene->s;
  OvkSlice staged = { NULL, 0, 0 };
  const void *words;
  void *map;

  ovk_device_set_timing (scene->dev, TRUE);
  h[2][3] = 4711;
  map = ovk_cmd_stage (scene->cmd, 64, &staged);
  if (map)
    memcpy (map, h[2], 64);
  ovk_cmd_copy (scene->cmd, vk_slice (s[2], 0, 64), staged);
  vk_mix (scene->kept, &spec, s[0], s[1], s[2], s[3], N_WORDS, 77);
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < 20; i++) {
      vk_mix (scene->cmd, &spec, s[0], s[1], s[2], s[3], N_WORDS, i);
      vk_mix_host (&spec, h[0], h[1], h[2], h[3], N_WORDS, i);
    }
    ovk_cmd_copy (scene->cmd, s[0], s[2]);
    ovk_cmd_copy (scene->cmd, scene->result, vk_slice (s[0], 0, 64));
    memcpy (h[0], h[2], N_WORDS * 4);
    if (!ovk_cmd_submit (scene->cmd, error))
      return FALSE;
    h[1][7] = round;
    if (!ovk_slice_write (scene->dev, s[1], h[1], N_WORDS * 4, error)
        || !ovk_cmd_wait (scene->cmd, error))
      return FALSE;
    vk_mix_host (&spec, h[0], h[1], h[2], h[3], N_WORDS, 77);
    if (!ovk_cmd_run (scene->kept, error))
      return FALSE;
    words = ovk_slice_peek (scene->result, error);
    if (!words)
      return FALSE;
    g_assert_cmpmem (words, 64, h[0], 64);
  }
  return TRUE;
}

static gboolean
scene_check (Scene *scene, GError **error)
{
  g_autofree guint32 *got = g_new0 (guint32, N_WORDS);

  for (guint i = 0; i < 4; i++) {
    if (!ovk_slice_read (scene->dev, scene->s[i], got, N_WORDS * 4, error))
      return FALSE;
    g_assert_cmpmem (got, N_WORDS * 4, scene->host[i], N_WORDS * 4);
  }
  return TRUE;
}

static gboolean
play (const OvkDeviceParams *params, GError **error)
{
  Scene scene = { NULL };
  gboolean ok;

  for (guint i = 0; i < 4; i++) {
    scene.host[i] = g_new0 (guint32, N_WORDS);
    for (guint j = 0; j < N_WORDS; j++)
      scene.host[i][j] = i * 1000 + j;
  }
  ok = scene_build (&scene, params, error) && scene_run (&scene, error)
       && scene_check (&scene, error);
  ovk_uploader_free (scene.up);
  ovk_cmd_free (scene.cmd);
  ovk_cmd_free (scene.kept);
  ovk_arena_free (scene.arena);
  ovk_arena_free (scene.results);
  ovk_device_unref (scene.dev);
  for (guint i = 0; i < 4; i++)
    g_free (scene.host[i]);
  return ok;
}

static void
fail_each_call (const VkMode *mode, VkResult result, const char *cache_dir)
{
  OvkDeviceParams params = {
    .device = mode->device,
    .cache_dir = cache_dir,
    .no_unified_memory = mode->staging,
  };
  guint n_errors = 0, n_absorbed = 0;

  fail_result = result;
  for (guint n = 1;; n++) {
    g_autoptr (GError) error = NULL;
    gboolean ok;

    n_calls = 0;
    fail_at = n;
    failed_call = NULL;
    ok = play (&params, &error);
    fail_at = 0;
    if (!failed_call) {
      vk_assert_ok (ok, error);
      break;
    }
    g_test_message ("call %u, %s: %s", n, failed_call,
        ok      ? "went well"
        : error ? error->message
                : "no error");
    g_assert_true (ok == (error == NULL));
    if (error) {
      g_assert_true (error->domain == OWL2_ERROR);
      g_assert_true (result != VK_ERROR_DEVICE_LOST
                     || error->code == OWL2_ERROR_DEVICE_LOST);
      g_assert_true (result != VK_ERROR_OUT_OF_DEVICE_MEMORY
                     || error->code == OWL2_ERROR_NO_MEMORY
                     || error->code == OWL2_ERROR_DEVICE_LOST);
      n_errors++;
    } else {
      n_absorbed++;
    }
  }
  g_test_message ("%u errors, %u failures absorbed", n_errors, n_absorbed);
  g_assert_cmpuint (n_errors, >, 40);
}

static void
test_faults (const VkMode *mode, VkResult result)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("owl2-vk-XXXXXX", &error);
  g_autoptr (GDir) entries = NULL;
  const char *name;

  vk_assert_ok (dir != NULL, error);
  fail_each_call (mode, result, dir);
  entries = g_dir_open (dir, 0, NULL);
  while ((name = g_dir_read_name (entries))) {
    g_autofree char *path = g_build_filename (dir, name, NULL);

    g_remove (path);
  }
  g_rmdir (dir);
}

static void
test_no_memory (const VkMode *mode)
{
  test_faults (mode, VK_ERROR_OUT_OF_DEVICE_MEMORY);
}

static void
test_lost (const VkMode *mode)
{
  test_faults (mode, VK_ERROR_DEVICE_LOST);
}

static void
add_tests (void)
{
  vk_test_add ("/faults/no-memory", test_no_memory);
  vk_test_add ("/faults/device-lost", test_lost);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
