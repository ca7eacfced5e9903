/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device used from several threads at once. */
#include "random_program.h"

#define N_THREADS 4

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

static void
add_tests (void)
{
  vk_test_add ("/threads/programs", test_programs);
  vk_test_add_once ("/threads/pipelines", test_pipelines);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
