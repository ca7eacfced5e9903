/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device used from several threads at once. */
#include <dlfcn.h>

#include "random_program.h"

#define N_THREADS 4

/* ---- calls that are watched ------------------------------------------- */

/* The thread whose waits for the device are held up, and from when on. */
static GThread *held_thread;
static GMutex held_lock; /* of the next two */
static GCond held_cond;
static gboolean is_held, is_free;

/* Each wait begins with this. */
VKAPI_ATTR VkResult VKAPI_CALL
vkGetSemaphoreCounterValue (
    VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
  static PFN_vkGetSemaphoreCounterValue real;

  if (!g_atomic_pointer_get (&real))
    g_atomic_pointer_set (&real, (PFN_vkGetSemaphoreCounterValue) dlsym (
                                     RTLD_NEXT, "vkGetSemaphoreCounterValue"));
  if (g_atomic_pointer_get (&held_thread) == g_thread_self ()) {
    g_mutex_lock (&held_lock);
    is_held = TRUE;
    g_cond_broadcast (&held_cond);
    while (!is_free)
      g_cond_wait (&held_cond, &held_lock);
    g_mutex_unlock (&held_lock);
  }
  return real (device, semaphore, value);
}

/* What looks at a buffer as soon as the queue lets it. */
static OvkBuffer *watched; /* set while there is but one thread */
static GThread *watcher;

static gpointer
look (gpointer data)
{
  guint64 *value = g_new (guint64, 1);

  *value = ovk_buffer_last_use (data);
  return value;
}

VKAPI_ATTR VkResult VKAPI_CALL
vkQueueSubmit (VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence f)
{
  static PFN_vkQueueSubmit real;

  if (!g_atomic_pointer_get (&real))
    g_atomic_pointer_set (
        &real, (PFN_vkQueueSubmit) dlsym (RTLD_NEXT, "vkQueueSubmit"));
  if (watched) {
    watcher = g_thread_new ("look", look, watched);
    g_usleep (200);
  }
  return real (queue, n, infos, f);
}

/* ---- jobs ------------------------------------------------------------- */

typedef struct {
  OvkDevice *dev;
  guint32 seed;
  OvkPipeline *pipelines[8];
} Job;

static gpointer
run_programs (gpointer data)
{
  Job *job = data;

  for (guint i = 0; i < 8; i++)
    vk_random_program (job->dev, job->seed + i, 100);
  return NULL;
}

static gpointer
get_pipelines (gpointer data)
{
  Job *job = data;
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (job->pipelines); i++) {
    guint32 spec[3] = { 32, 1 + i, 77 };

    job->pipelines[i] =
        ovk_pipeline_get (job->dev, &vk_shader_mix, spec, 3, &error);
    vk_assert_ok (job->pipelines[i] != NULL, error);
    ovk_device_save_cache (job->dev);
  }
  return NULL;
}

static void
run (Job *jobs, GThreadFunc func)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("test", func, &jobs[i]);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static void
test_programs (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  Job jobs[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++) {
    jobs[i].dev = dev;
    jobs[i].seed = (guint32) g_test_rand_int ();
    g_test_message ("thread %u: seeds from %u", i, jobs[i].seed);
  }
  run (jobs, run_programs);
}

static gint n_opening; /* atomic */

static gpointer
open_and_close (gpointer data)
{
  OvkDeviceParams params = { .device = ((const VkMode *) data)->device };

  for (guint i = 0; i < 10; i++) {
    GError *error = NULL;
    g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);

    vk_assert_ok (dev != NULL, error);
  }
  g_atomic_int_add (&n_opening, -1);
  return NULL;
}

/* Each device has an instance of its own, and they come and go while others are
 * at work, and make what would have a name. */
static void
test_open (const VkMode *mode)
{
  OvkDeviceParams params = { .device = mode->device };
  GError *error = NULL;
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);
  GThread *threads[4];

  vk_assert_ok (dev != NULL, error);
  g_atomic_int_set (&n_opening, G_N_ELEMENTS (threads));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("open", open_and_close, (gpointer) mode);
  while (g_atomic_int_get (&n_opening)) {
    OvkCmd *cmd = ovk_cmd_new (dev, "beside", &error);

    vk_assert_ok (cmd != NULL, error);
    ovk_cmd_free (cmd);
  }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Who comes second gets what the first one made. */
static void
test_pipelines (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  Job jobs[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    jobs[i].dev = dev;
  run (jobs, get_pipelines);
  for (guint i = 1; i < N_THREADS; i++)
    g_assert_cmpmem (jobs[i].pipelines, sizeof (jobs[i].pipelines),
        jobs[0].pipelines, sizeof (jobs[0].pipelines));
}

typedef struct {
  OvkDevice *dev;
  OvkSlice slice;
} ReadJob;

static gpointer
read_and_wait (gpointer data)
{
  const ReadJob *job = data;
  gsize n = job->slice.size;
  g_autofree guint8 *bytes = g_malloc (n);
  GError *error = NULL;

  g_atomic_pointer_set (&held_thread, g_thread_self ());
  vk_assert_ok (ovk_slice_read (job->dev, job->slice, bytes, n, &error), error);
  return NULL;
}

/* A transfer that waits for the device holds up no other thread's. */
static void
test_transfers (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  OvkArena *arena = vk_arena (dev, 1 << 20);
  OvkSlice slice = vk_alloc (arena, 100000), other = vk_alloc (arena, 64);
  ReadJob job = { dev, slice };
  guint32 words[16] = { 1, 2, 3 }, back[16];
  GError *error = NULL;
  GThread *thread;

  /* So that there is something to wait for in any case. */
  vk_assert_ok (ovk_slice_write (dev, slice, words, 64, &error), error);
  thread = g_thread_new ("held", read_and_wait, &job);
  g_mutex_lock (&held_lock);
  if (!slice.buffer->map)
    while (!is_held)
      g_cond_wait (&held_cond, &held_lock);
  g_mutex_unlock (&held_lock);

  vk_assert_ok (ovk_slice_write (dev, other, words, 64, &error), error);
  vk_assert_ok (ovk_slice_read (dev, other, back, 64, &error), error);
  g_assert_cmpmem (words, 64, back, 64);

  g_mutex_lock (&held_lock);
  is_free = TRUE;
  g_cond_broadcast (&held_cond);
  g_mutex_unlock (&held_lock);
  g_thread_join (thread);
  g_atomic_pointer_set (&held_thread, NULL);
  is_held = is_free = FALSE;
  ovk_arena_free (arena);
}

/* No thread sees a buffer that is in use without that use. */
static void
test_last_use (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  OvkArena *arena = vk_arena (dev, 1 << 20);
  OvkSlice slice = vk_alloc (arena, 64);
  OvkCmd *cmd = vk_cmd (dev);
  GError *error = NULL;

  for (guint i = 0; i < 200; i++) {
    g_autofree guint64 *seen = NULL;

    ovk_cmd_fill (cmd, slice, i);
    watched = slice.buffer;
    vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
    watched = NULL;
    seen = g_thread_join (watcher);
    g_assert_cmpuint (*seen, ==, dev->queue.submitted);
    vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
  }
  ovk_cmd_free (cmd);
  ovk_arena_free (arena);
}

static void
add_tests (void)
{
  vk_test_add ("/threads/transfers", test_transfers);
  vk_test_add_once ("/threads/last-use", test_last_use);
  vk_test_add_once ("/threads/open", test_open);
  vk_test_add ("/threads/programs", test_programs);
  vk_test_add_once ("/threads/pipelines", test_pipelines);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
