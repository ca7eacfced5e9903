/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipelines made ahead of their use: which, how often, and what goes wrong. */
#include "common.h"
#include "failing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_VARIANTS 12
#define N_WORDS 100u

/* The dispatches of @n variants into @set. */
static void
collect (OvkDevice *dev, OvkPipelineSet *set, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice s[4];

  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, N_WORDS * 4);
  ovk_cmd_collect (cmd, set);
  for (guint twice = 0; twice < 2; twice++)
    for (guint i = 0; i < n; i++) {
      VkMixSpec spec = { 64, 3 + i, 1 };

      vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], N_WORDS, 0);
      ovk_cmd_copy (cmd, s[0], s[1]);
      ovk_cmd_fill (cmd, s[1], 7);
      ovk_cmd_update (cmd, s[2], &spec, sizeof spec);
    }
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
}

static void
test_collect (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice s = vk_alloc (arena, N_WORDS * 4), wrong = s;
  VkMixSpec spec = { 64, 3, 1 };
  GError *error = NULL;
  guint32 word;
  guint64 submitted = dev->queue.submitted;

  g_assert_cmpuint (ovk_pipeline_set_size (set), ==, 0);
  n_calls_vkCreateComputePipelines = 0;
  collect (dev, set, N_VARIANTS);
  g_assert_cmpuint (ovk_pipeline_set_size (set), ==, N_VARIANTS);
  collect (dev, set, N_VARIANTS + 1);
  g_assert_cmpuint (ovk_pipeline_set_size (set), ==, N_VARIANTS + 1);
  g_assert_cmpint (n_calls_vkCreateComputePipelines, ==, 0);

  /* What is wrong fails, and what is right leaves no trace. */
  ovk_cmd_collect (cmd, set);
  wrong.offset = s.buffer->size;
  ovk_cmd_fill (cmd, wrong, 1);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "not possible");
  vk_mix (cmd, &spec, s, s, wrong, s, N_WORDS, 0);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "do not lie in");
  ovk_cmd_fill (cmd, s, 5);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  ovk_cmd_collect (cmd, NULL);
  vk_assert_ok (ovk_slice_read (dev, s, &word, 4, &error), error);
  g_assert_cmpuint (word, ==, 0);
  g_test_message (
      "%" G_GUINT64_FORMAT " submissions", dev->queue.submitted - submitted);
  ovk_cmd_fill (cmd, s, 5);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, s, &word, 4, &error), error);
  g_assert_cmpuint (word, ==, 5);
}

/* All variants compute what they should, and none is made for it. */
static void
check_made (OvkDevice *dev)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  gint n = n_calls_vkCreateComputePipelines;
  OvkSlice s[4];
  guint32 host[4][N_WORDS], got[N_WORDS];

  memset (host, 0, sizeof host);
  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, N_WORDS * 4);
  for (guint i = 0; i < N_VARIANTS; i++) {
    VkMixSpec spec = { 64, 3 + i, 1 };

    vk_mix (cmd, &spec, s[0], s[3], s[2], s[1], N_WORDS, i);
    vk_mix_host (&spec, host[0], host[3], host[2], host[1], N_WORDS, i);
  }
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, s[1], got, sizeof got, &error), error);
  g_assert_cmpmem (got, sizeof got, host[1], sizeof host[1]);
  g_assert_cmpint (n_calls_vkCreateComputePipelines, ==, n);
}

static void
test_make (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autoptr (OvkCompiler) none = ovk_compiler_new (dev, set);
  OvkCompiler *compiler;
  GError *error = NULL;
  double fraction, last = 0;
  OvkCompilerState state;

  /* An empty set is made at once. */
  vk_assert_ok (ovk_compiler_finish (none, &error), error);
  g_assert_cmpint (ovk_compiler_wait (none, 0, NULL), ==, OVK_COMPILER_DONE);
  collect (dev, set, N_VARIANTS);
  compiler = ovk_compiler_new (dev, set);
  ovk_pipeline_set_free (g_steal_pointer (&set));
  do {
    state = ovk_compiler_wait (compiler, 1, &fraction);
    g_assert_cmpfloat (fraction, >=, last);
    g_assert_cmpfloat (fraction, <=, 1);
    last = fraction;
  } while (state == OVK_COMPILER_BUSY);
  g_assert_cmpint (state, ==, OVK_COMPILER_DONE);
  g_assert_cmpfloat (fraction, ==, 1);
  vk_assert_ok (ovk_compiler_finish (compiler, &error), error);
  ovk_compiler_free (compiler);
  check_made (dev);
}

/* Given up at once, or after the first pipelines; what there is stays good. */
static void
test_give_up (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();

  collect (dev, set, N_VARIANTS);
  for (guint i = 0; i < 8; i++) {
    OvkCompiler *compiler = ovk_compiler_new (dev, set);

    if (i % 2)
      ovk_compiler_wait (compiler, vk_random (20), NULL);
    ovk_compiler_free (compiler);
  }
  ovk_compiler_free (NULL);
  {
    g_autoptr (OvkCompiler) compiler = ovk_compiler_new (dev, set);
    GError *error = NULL;

    vk_assert_ok (ovk_compiler_finish (compiler, &error), error);
  }
  check_made (dev);
}

/* A driver whose compiler gets stuck, for as long as the gate is shut. */
static struct {
  GMutex lock;
  GCond changed;
  gboolean shut;
  guint n_stuck;
  gboolean given_up; /* somebody was stuck for ten seconds */
} gate;

VKAPI_ATTR void VKAPI_CALL
vkDestroyShaderModule (
    VkDevice dev, VkShaderModule module, const VkAllocationCallbacks *alloc)
{
  PFN_vkDestroyShaderModule real =
      (PFN_vkDestroyShaderModule) dlsym (RTLD_NEXT, "vkDestroyShaderModule");
  gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  g_mutex_lock (&gate.lock);
  gate.n_stuck++;
  g_cond_broadcast (&gate.changed);
  while (gate.shut && !gate.given_up)
    gate.given_up = !g_cond_wait_until (&gate.changed, &gate.lock, end);
  gate.n_stuck--;
  g_mutex_unlock (&gate.lock);
  real (dev, module, alloc);
}

/* Returns whether somebody has given up waiting for it. */
static gboolean
set_gate (gboolean shut)
{
  gboolean given_up;

  g_mutex_lock (&gate.lock);
  gate.shut = shut;
  given_up = gate.given_up;
  g_cond_broadcast (&gate.changed);
  g_mutex_unlock (&gate.lock);
  return given_up;
}

/* Makes the first pipeline of the process, which is waited for in any case. */
static void
prime (OvkDevice *dev)
{
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autoptr (OvkCompiler) compiler = NULL;
  GError *error = NULL;

  collect (dev, set, 1);
  compiler = ovk_compiler_new (dev, set);
  vk_assert_ok (ovk_compiler_finish (compiler, &error), error);
}

/* Giving up waits for nothing that is under way, even if the device's last
 * reference outside goes with it; nothing is left behind in the end. */
static void
test_give_up_stuck (const VkMode *mode)
{
  for (guint i = 0; i < 6; i++) {
    OvkDevice *dev = vk_test_open (mode);
    g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
    OvkCompiler *compiler;
    gint n;

    prime (dev);
    collect (dev, set, N_VARIANTS);
    set_gate (TRUE);
    compiler = ovk_compiler_new (dev, set);
    if (i % 3 == 0) {
      g_mutex_lock (&gate.lock);
      while (!gate.n_stuck)
        g_cond_wait (&gate.changed, &gate.lock);
      g_mutex_unlock (&gate.lock);
    } else {
      ovk_compiler_wait (compiler, vk_random (20), NULL);
    }
    ovk_compiler_free (compiler);
    ovk_device_unref (dev);
    n = g_atomic_int_get (&n_calls_vkCreateComputePipelines);
    g_assert_false (set_gate (FALSE));
    ovk_compiler_drain ();
    /* What each thread had begun, and nothing else. */
    g_assert_cmpint (
        g_atomic_int_get (&n_calls_vkCreateComputePipelines) - n, <=, 4);
    for (guint k = 0; k < G_N_ELEMENTS (live_devices); k++)
      g_assert_null (live_devices[k]);
  }
}

static void
check_end (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (live_devices); i++)
    if (live_devices[i])
      _exit (1);
}

static gpointer
open_gate_later (gpointer data)
{
  g_usleep (G_USEC_PER_SEC / 5);
  set_gate (FALSE);
  return NULL;
}

/* A process that ends waits for what was given up, before its libraries and
 * drivers are taken down. */
static void
test_give_up_and_exit (const VkMode *mode)
{
  if (g_test_subprocess ()) {
    OvkDevice *dev = vk_test_open (mode);
    OvkPipelineSet *set = ovk_pipeline_set_new ();
    OvkCompiler *compiler;

    prime (dev);
    collect (dev, set, N_VARIANTS);
    set_gate (TRUE);
    compiler = ovk_compiler_new (dev, set);
    g_mutex_lock (&gate.lock);
    while (!gate.n_stuck)
      g_cond_wait (&gate.changed, &gate.lock);
    g_mutex_unlock (&gate.lock);
    atexit (check_end); /* the last comes first */
    ovk_compiler_free (compiler);
    ovk_pipeline_set_free (set);
    ovk_device_unref (dev);
    g_thread_unref (g_thread_new ("gate", open_gate_later, NULL));
    exit (0);
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

/* At once: what the driver and the threads hold at the end is theirs. */
static void
check_idle (void)
{
  g_mutex_lock (&gate.lock);
  syscall (SYS_exit_group, gate.n_stuck ? 1 : 0);
}

/* So does one that ends in the middle of it: what the driver made along with
 * the first pipeline is not taken down while another one is made. */
static void
test_exit (const VkMode *mode)
{
  if (g_test_subprocess ()) {
    static OvkPipelineSet *set; /* is no leak, so far */
    static OvkCompiler *compiler;
    OvkDevice *dev = vk_test_open (mode);

    set = ovk_pipeline_set_new ();
    atexit (check_idle); /* as if the first pipeline did */
    prime (dev);
    collect (dev, set, N_VARIANTS);
    set_gate (TRUE);
    compiler = ovk_compiler_new (dev, set);
    ovk_device_unref (dev);
    g_assert_nonnull (compiler);
    g_mutex_lock (&gate.lock);
    while (!gate.n_stuck)
      g_cond_wait (&gate.changed, &gate.lock);
    g_mutex_unlock (&gate.lock);
    g_thread_unref (g_thread_new ("gate", open_gate_later, NULL));
    exit (0);
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

/* Two who want the same, and one who does not wait for them. */
static void
test_together (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  OvkCompiler *compilers[2];
  GError *error = NULL;

  collect (dev, set, N_VARIANTS);
  for (guint i = 0; i < 2; i++)
    compilers[i] = ovk_compiler_new (dev, set);
  {
    g_autoptr (OvkArena) arena = vk_arena (dev, 0);
    g_autoptr (OvkCmd) cmd = vk_cmd (dev);
    OvkSlice in = vk_alloc (arena, N_WORDS * 4);
    OvkSlice out = vk_alloc (arena, N_WORDS * 4);
    OvkSlice io = vk_alloc (arena, N_WORDS * 4);
    VkMixSpec spec = { 64, 3 + N_VARIANTS / 2, 1 };

    vk_mix (cmd, &spec, in, in, out, io, N_WORDS, 0);
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  }
  for (guint i = 0; i < 2; i++) {
    vk_assert_ok (ovk_compiler_finish (compilers[i], &error), error);
    ovk_compiler_free (compilers[i]);
  }
  check_made (dev);
}

/* Any call fails, on any thread. Only the device itself matters. */
static void
test_faults (const VkMode *mode)
{
  guint n_errors = 0, n_absorbed = 0;

  for (guint n = 1;; n++) {
    g_autoptr (OvkDevice) dev = vk_test_open (mode);
    g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
    g_autoptr (OvkCompiler) compiler = NULL;
    g_autoptr (GError) error = NULL;
    gboolean ok;

    collect (dev, set, 4);
    n_calls = 0;
    failed_call = NULL;
    fail_result = VK_ERROR_OUT_OF_HOST_MEMORY;
    fail_at = n;
    compiler = ovk_compiler_new (dev, set);
    ok = ovk_compiler_finish (compiler, &error);
    fail_at = 0;
    g_test_message ("call %u, %s: %s", n, failed_call ? failed_call : "none",
        error ? error->message : "went well");
    g_assert_true (ok == (error == NULL));
    g_assert_true (ok || failed_call);
    g_assert_cmpint (ovk_compiler_wait (compiler, 0, NULL), ==,
        ok ? OVK_COMPILER_DONE : OVK_COMPILER_FAILED);
    n_errors += !ok;
    n_absorbed += ok;
    if (!failed_call)
      break;
  }
  g_test_message ("%u errors, %u failures absorbed", n_errors, n_absorbed);
  g_assert_cmpuint (n_errors, >, 3);
}

static void
add_tests (void)
{
  vk_test_add_once ("/compile/collect", test_collect);
  vk_test_add_once ("/compile/make", test_make);
  vk_test_add_once ("/compile/give-up", test_give_up);
  vk_test_add_once ("/compile/give-up-stuck", test_give_up_stuck);
  vk_test_add_once ("/compile/give-up-and-exit", test_give_up_and_exit);
  vk_test_add_once ("/compile/exit", test_exit);
  vk_test_add_once ("/compile/together", test_together);
  vk_test_add_once ("/compile/faults", test_faults);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
