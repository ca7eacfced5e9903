/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands: their order, their limits, and their end. */
#include "common.h"
#include "random_program.h"

#include <dlfcn.h>
#include <string.h>

/* ---- counting barriers ------------------------------------------------ */

static guint n_barriers, n_host_barriers;

VKAPI_ATTR void VKAPI_CALL
vkCmdPipelineBarrier (VkCommandBuffer buffer, VkPipelineStageFlags src,
    VkPipelineStageFlags dst, VkDependencyFlags flags, uint32_t n_memory,
    const VkMemoryBarrier *memory, uint32_t n_buffer,
    const VkBufferMemoryBarrier *buffers, uint32_t n_image,
    const VkImageMemoryBarrier *images)
{
  static PFN_vkCmdPipelineBarrier real;

  if (!real)
    real = (PFN_vkCmdPipelineBarrier) dlsym (RTLD_NEXT, "vkCmdPipelineBarrier");
  /* The one for the host at the end is another matter. */
  if (dst == VK_PIPELINE_STAGE_HOST_BIT)
    n_host_barriers++;
  else
    n_barriers++;
  real (buffer, src, dst, flags, n_memory, memory, n_buffer, buffers, n_image,
      images);
}

static guint
take_barriers (void)
{
  guint n = n_barriers;

  n_barriers = 0;
  return n;
}

/* ---- order ------------------------------------------------------------ */

static void
test_barriers (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  const VkMixSpec spec = { 64, 1, 1 };
  const guint n = 256;
  OvkSlice s[10], whole = vk_alloc (arena, 10 * 1024);
  GError *error = NULL;
  guint32 words[4] = { 1, 2, 3, 4 };

  for (guint i = 0; i < 10; i++)
    s[i] = vk_slice (whole, i * 1024u, 1024);
  take_barriers ();

  /* Reading the same, and writing neighbours: none. */
  vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, 1);
  vk_mix (cmd, &spec, s[0], s[1], s[4], s[5], n, 1);
  vk_mix (cmd, &spec, s[1], s[1], s[6], s[7], n, 1);
  ovk_cmd_copy (cmd, s[8], s[0]);
  ovk_cmd_fill (cmd, s[9], 3);
  g_assert_cmpuint (take_barriers (), ==, 0);
  /* Reading what was written, by another stage. */
  vk_mix (cmd, &spec, s[8], s[9], s[0], s[1], n, 1);
  g_assert_cmpuint (take_barriers (), ==, 1);
  /* All before is in order now: the same once more is a new hazard only
   * against the last one. */
  vk_mix (cmd, &spec, s[2], s[3], s[4], s[5], n, 1);
  g_assert_cmpuint (take_barriers (), ==, 0);
  /* Write after read. */
  ovk_cmd_update (cmd, s[2], words, 16);
  g_assert_cmpuint (take_barriers (), ==, 1);
  /* Write after write, in part. */
  ovk_cmd_fill (cmd, vk_slice (whole, 2 * 1024 + 12, 8), 7);
  g_assert_cmpuint (take_barriers (), ==, 1);
  /* The words beside it. */
  ovk_cmd_fill (cmd, vk_slice (whole, 2 * 1024 + 20, 8), 7);
  g_assert_cmpuint (take_barriers (), ==, 0);
  ovk_cmd_copy (cmd, s[3], s[2]);
  g_assert_cmpuint (take_barriers (), ==, 1);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);

  /* A chain has one between each two, and none in front. */
  for (guint i = 0; i < 9; i++)
    ovk_cmd_copy (cmd, s[i + 1], s[i]);
  g_assert_cmpuint (take_barriers (), ==, 8);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
}

/* Commands that write what the host sees end with a barrier for it, others
 * don't. */
static void
test_host_barriers (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkArena) results = ovk_arena_new_results (dev, "results", 4096);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice a = vk_alloc (arena, 1024), b = vk_alloc (arena, 1024);
  OvkSlice r = vk_alloc (results, 1024);
  guint for_device = mode->staging ? 0 : 1;
  GError *error = NULL;

  n_host_barriers = 0;
  ovk_cmd_copy (cmd, b, r);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (n_host_barriers, ==, for_device);
  n_host_barriers = 0;
  ovk_cmd_copy (cmd, r, b);
  ovk_cmd_fill (cmd, a, 1);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (n_host_barriers, ==, 1);
  n_host_barriers = 0;
  ovk_cmd_fill (cmd, a, 1);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (n_host_barriers, ==, for_device);
}

static void
test_random (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  guint n_programs = g_test_slow () ? 500 : 40;

  for (guint i = 0; i < n_programs; i++) {
    guint32 seed = (guint32) g_test_rand_int ();

    g_test_message ("program of seed %u", seed);
    vk_random_program (dev, seed, 60 + vk_random (200));
  }
}

/* ---- errors of recording ---------------------------------------------- */

typedef struct {
  OvkSlice s[4];
  guint32 spec[3], push[2];
  guint groups[3];
  guint n_spec;
} Dispatch;

static gboolean
run_dispatch (OvkCmd *cmd, const Dispatch *d, GError **error)
{
  OvkBinding bindings[4];

  for (guint i = 0; i < 4; i++)
    bindings[i] = (OvkBinding){ d->s[i], i < 2 ? OVK_READ : OVK_READ_WRITE };
  ovk_cmd_dispatch (cmd, &vk_shader_mix, d->spec, d->n_spec, bindings, d->push,
      d->groups[0], d->groups[1], d->groups[2]);
  return ovk_cmd_run (cmd, error);
}

static void
test_dispatch_limits (const VkMode *mode)
{
  OvkDeviceParams params = { .device = mode->device,
    .max_storage_range = 65536 };
  GError *error = NULL;
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);
  g_autoptr (OvkArena) arena = NULL;
  g_autoptr (OvkCmd) cmd = NULL;
  const OvkCaps *caps;
  Dispatch good = { .spec = { 64, 1, 1 }, .groups = { 1, 1, 1 }, .n_spec = 3 };
  Dispatch d;

  vk_assert_ok (dev != NULL, error);
  caps = ovk_device_caps (dev);
  arena = vk_arena (dev, 0);
  cmd = vk_cmd (dev);
  for (guint i = 0; i < 4; i++)
    good.s[i] = vk_slice (vk_alloc (arena, 65536 * 2), 0, 65536);
  vk_assert_ok (run_dispatch (cmd, &good, &error), error);

  d = good;
  /* Some allow two thousand million. */
  d.groups[0] = MIN (caps->max_groups_x, 1u << 20);
  vk_assert_ok (run_dispatch (cmd, &d, &error), error);
  if (caps->max_groups_x < G_MAXUINT) {
    d.groups[0] = caps->max_groups_x + 1;
    vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
        "shader 'mix' needs");
  }
  if (caps->max_groups_yz < G_MAXUINT) {
    d = good;
    d.groups[1] = caps->max_groups_yz + 1;
    vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
        "x 1 workgroups");
    d = good;
    d.groups[2] = caps->max_groups_yz + 1;
    vk_assert_error (
        run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED, "1 x 1 x ");
  }
  d = good;
  d.s[1].size++;
  vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
      "binding 1: 65537 bytes");
  d = good;
  d.s[2].offset += 2;
  vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
      "binding 2: offset 2 is no multiple of");
  d = good;
  d.s[3].offset += 65536 + caps->storage_align;
  vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
      "binding 3: 65536 bytes at ");
  d = good;
  d.s[0].buffer = NULL;
  vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
      "do not lie in a buffer of 0");
  d = good;
  d.s[0].size = 0;
  vk_assert_error (run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED,
      "binding 0: 0 bytes");
  d = good;
  d.n_spec = OVK_MAX_SPEC + 1;
  vk_assert_error (
      run_dispatch (cmd, &d, &error), error, OWL2_ERROR_FAILED, "17 constants");
  /* No workgroups: nothing happens. */
  d = good;
  d.groups[1] = 0;
  vk_assert_ok (run_dispatch (cmd, &d, &error), error);
  vk_assert_ok (run_dispatch (cmd, &good, &error), error);
}

static void
test_transfer_limits (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice whole = vk_alloc (arena, 256 << 10), bad = whole;
  g_autofree guint8 *data = g_malloc0 (128 << 10);
  GError *error = NULL;

  ovk_cmd_update (cmd, whole, data, 65536);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  ovk_cmd_update (cmd, whole, data, 65540);
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
      "update of 65540 bytes, at most 65536");
  ovk_cmd_update (cmd, vk_slice (whole, 0, 8), data, 12);
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
      "update of 12 bytes");
  ovk_cmd_fill (cmd, vk_slice (whole, 2, 8), 1);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "fill of 8 bytes");
  bad.offset = 4;
  ovk_cmd_fill (cmd, bad, 1);
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
      "fill of 262144 bytes");
  ovk_cmd_copy (cmd, vk_slice (whole, 0, 16), vk_slice (whole, 16, 12));
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
      "copying 12 bytes at 16 to 16 bytes");
  ovk_cmd_copy (cmd, vk_slice (whole, 0, 16), vk_slice (whole, 12, 16));
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "copying");
}

/* The first error stays, and what follows does nothing. */
static void
test_errors_kept (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice word = vk_alloc (arena, 4);
  GError *error = NULL;
  guint32 got = 0;

  g_assert_true (ovk_cmd_device (cmd) == dev);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error); /* nothing to do */
  vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
  ovk_cmd_fill (cmd, word, 5);
  g_assert_false (ovk_cmd_failed (cmd));
  vk_assert_ok (ovk_cmd_check (cmd, &error), error);
  ovk_cmd_fail (cmd, g_error_new (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST, "one"));
  ovk_cmd_fail (cmd, g_error_new (OWL2_ERROR, OWL2_ERROR_FAILED, "two"));
  g_assert_true (ovk_cmd_failed (cmd));
  ovk_cmd_fill (cmd, word, 6);
  vk_assert_error (
      ovk_cmd_check (cmd, &error), error, OWL2_ERROR_BAD_REQUEST, "one");
  vk_assert_error (
      ovk_cmd_submit (cmd, &error), error, OWL2_ERROR_BAD_REQUEST, "one");
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, word, &got, 4, &error), error);
  g_assert_cmpuint (got, ==, 0);

  ovk_cmd_fill (cmd, word, 7);
  ovk_cmd_reset (cmd);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, word, &got, 4, &error), error);
  g_assert_cmpuint (got, ==, 0);
  ovk_cmd_fill (cmd, word, 8);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_read (dev, word, &got, 4, &error), error);
  g_assert_cmpuint (got, ==, 8);
}

/* ---- length --------------------------------------------------------- */

/* More dispatches than one descriptor pool, one command buffer or one query
 * pool holds, recorded several times. */
static void
test_long (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  const VkMixSpec spec = { 64, 3, 1 };
  const guint n = 100, n_dispatches = 1300;
  OvkSlice s[4];
  guint32 words[4][100] = { { 0 } }, got[100];
  static const char *const labels[] = { "even", "odd" };
  GError *error = NULL;

  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, n * 4);
  for (guint round = 0; round < 3; round++) {
    GArray *timings;
    guint64 total = 0;

    ovk_device_set_timing (dev, round != 1);
    for (guint i = 0; i < n_dispatches; i++) {
      guint a = i % 4, b = (i + 1) % 4, o = (i + 2) % 4, io = (i + 3) % 4;

      ovk_cmd_label (cmd, labels[i % 2]);
      vk_mix (cmd, &spec, s[a], s[b], s[o], s[io], n, i);
      vk_mix_host (&spec, words[a], words[b], words[o], words[io], n, i);
    }
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    ovk_device_set_timing (dev, FALSE);
    for (guint i = 0; i < 4; i++) {
      vk_assert_ok (ovk_slice_read (dev, s[i], got, n * 4, &error), error);
      g_assert_cmpmem (got, n * 4, words[i], n * 4);
    }
    timings = ovk_device_timings (dev);
    g_assert_cmpuint (timings->len, ==, round == 1 ? 0 : 2);
    for (guint i = 0; i < timings->len; i++) {
      const OvkTiming *t = &g_array_index (timings, OvkTiming, i);

      g_assert_cmpstr (t->label, ==, labels[i]);
      g_test_message ("%s: %" G_GUINT64_FORMAT " dispatches, %g us", t->label,
          t->n_commands, t->ns / 1e3);
      total += t->n_commands;
      if (ovk_device_caps (dev)->timestamp_ns > 0.)
        g_assert_cmpfloat (t->ns, >, 0.);
      g_assert_cmpfloat (t->ns, <, 100e9);
    }
    g_assert_cmpuint (total, ==, round == 1 ? 0 : n_dispatches);
    g_array_unref (timings);
  }
}

/* ---- kept commands ---------------------------------------------------- */

static guint32
read_word (OvkDevice *dev, OvkSlice slice)
{
  GError *error = NULL;
  guint32 word = 0;

  vk_assert_ok (ovk_slice_read (dev, slice, &word, 4, &error), error);
  return word;
}

/* A recording longer than one command buffer is done again and again. */
static void
test_kept (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  const VkMixSpec spec = { 64, 3, 1 };
  const guint n = 100, n_dispatches = 300;
  OvkSlice s[4];
  guint32 words[4][100] = { { 0 } }, got[100];
  GError *error = NULL;
  GArray *timings;
  guint64 ticket = 0;

  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, n * 4);
  ovk_cmd_set_kept (cmd, TRUE);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error); /* nothing yet */
  ovk_device_set_timing (dev, TRUE);
  ovk_cmd_label (cmd, "kept");
  for (guint i = 0; i < n_dispatches; i++)
    vk_mix (cmd, &spec, s[i % 4], s[(i + 1) % 4], s[(i + 2) % 4],
        s[(i + 3) % 4], n, i);
  ovk_cmd_add_work (cmd, 5.);
  ovk_device_set_timing (dev, FALSE); /* this one began before */
  for (guint round = 0; round < 5; round++) {
    for (guint i = 0; i < n_dispatches; i++)
      vk_mix_host (&spec, words[i % 4], words[(i + 1) % 4], words[(i + 2) % 4],
          words[(i + 3) % 4], n, i);
    vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
    g_assert_cmpuint (ovk_cmd_ticket (cmd), >, ticket);
    ticket = ovk_cmd_ticket (cmd);
    if (round == 1) /* in flight, which the next submission waits for */
      continue;
    for (guint i = 0; i < 4; i++) {
      vk_assert_ok (ovk_slice_read (dev, s[i], got, n * 4, &error), error);
      g_assert_cmpmem (got, n * 4, words[i], n * 4);
    }
    g_assert_cmpfloat (ovk_cmd_work (cmd), ==, 5.);
    vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
  }
  timings = ovk_device_timings (dev);
  g_assert_cmpuint (timings->len, ==, 1);
  g_assert_cmpuint (
      g_array_index (timings, OvkTiming, 0).n_commands, ==, 5 * n_dispatches);
  g_array_unref (timings);

  /* While pipelines are collected, nothing is submitted. */
  ovk_cmd_collect (cmd, set);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (ovk_cmd_ticket (cmd), ==, ticket);
  ovk_cmd_collect (cmd, NULL);

  /* Recording anew drops it, and so does a reset. */
  ovk_cmd_fill (cmd, s[0], 9);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  vk_assert_ok (ovk_slice_write (dev, s[0], "1234", 4, &error), error);
  vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
  vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
  ovk_cmd_reset (cmd); /* takes effect at the wait */
  vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
  g_assert_cmpuint (read_word (dev, s[0]), ==, 9);
  vk_assert_ok (ovk_slice_write (dev, s[0], "\1\0\0\0", 4, &error), error);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (read_word (dev, s[0]), ==, 1);
  ovk_cmd_fill (cmd, s[0], 9);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  ovk_cmd_set_kept (cmd, FALSE);
  vk_assert_ok (ovk_slice_write (dev, s[0], "\1\0\0\0", 4, &error), error);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  g_assert_cmpuint (read_word (dev, s[0]), ==, 1);
}

/* An error drops what was kept; memory that was freed is one. */
static void
test_kept_errors (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 1 << 20);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  g_autoptr (OvkCmd) other = vk_cmd (dev);
  OvkSlice s = vk_alloc (arena, 16), wrong = vk_slice (s, 2, 4);
  GError *error = NULL;

  ovk_cmd_set_kept (cmd, TRUE);
  ovk_cmd_set_kept (other, TRUE);
  ovk_cmd_fill (other, s, 3);
  vk_assert_ok (ovk_cmd_run (other, &error), error);
  for (guint in_flight = 0; in_flight < 2; in_flight++) {
    OvkArena *short_lived = vk_arena (dev, 4096);
    OvkSlice t = vk_alloc (short_lived, 16);

    ovk_cmd_copy (cmd, t, s);
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
    if (!in_flight)
      vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
    ovk_arena_free (short_lived);
    vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
        "what was kept refers to memory that has been freed");
    vk_assert_ok (ovk_cmd_run (cmd, &error), error); /* empty now */
  }
  ovk_cmd_fill (cmd, s, 4);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  ovk_cmd_fill (cmd, wrong, 4);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED, "fill of 4 bytes");
  vk_assert_ok (ovk_cmd_run (other, &error), error);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error); /* empty now */
  g_assert_cmpuint (read_word (dev, s), ==, 3);
}

/* ---- the end ---------------------------------------------------------- */

/* Everything is freed while the device works on it; that has to wait. */
static void
test_free_in_flight (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  const VkMixSpec spec = { 64, 1, 3000 };
  const guint n = 4096;
  GError *error = NULL;

  for (guint round = 0; round < 6; round++) {
    OvkArena *arena = vk_arena (dev, 1 << 20);
    OvkCmd *cmd = vk_cmd (dev);
    OvkSlice s[4];

    for (guint i = 0; i < 4; i++)
      s[i] = vk_alloc (arena, n * 4);
    for (guint i = 0; i < 3; i++)
      vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, i);
    vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
    if (round % 2) {
      ovk_cmd_free (cmd);
      ovk_arena_free (arena);
    } else {
      ovk_arena_free (arena);
      ovk_cmd_free (cmd);
    }
  }
  ovk_cmd_free (NULL);
}

/* The last reference on the device may be an arena's or a cmd's. */
static void
test_device_goes_first (const VkMode *mode)
{
  OvkDevice *dev = vk_test_open (mode);
  OvkArena *arena = vk_arena (dev, 1 << 20);
  OvkCmd *cmd = vk_cmd (dev);
  OvkSlice s = vk_alloc (arena, 4096);
  GError *error = NULL;
  OvkUploader *up = ovk_uploader_new (dev, &error);

  vk_assert_ok (up != NULL, error);
  ovk_device_unref (dev);
  vk_assert_ok (ovk_uploader_rows (up, s, 4, "abcd", 4, 4, 1, &error), error);
  ovk_cmd_fill (cmd, vk_slice (s, 8, 8), 1);
  vk_assert_ok (ovk_uploader_finish (up, &error), error);
  vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
  ovk_uploader_free (up);
  ovk_cmd_free (cmd);
  ovk_arena_free (arena);
  ovk_device_unref (NULL);
}

/* A device that takes longer than it may. Calls fail fast then; what is freed
 * stays alive until the device is done. */
static void
test_hang (const VkMode *mode)
{
  OvkDevice *dev = vk_test_open (mode);
  OvkArena *arena = vk_arena (dev, 1 << 20);
  OvkCmd *cmd = vk_cmd (dev), *other = vk_cmd (dev);
  const guint n = 1 << 14;
  VkMixSpec spec = { 64, 1, 1000 };
  OvkSlice s[4], t;
  GError *error = NULL;
  gint64 fastest;
  guint32 word = 0;
  uint64_t reached;

  for (guint i = 0; i < 4; i++)
    s[i] = vk_alloc (arena, n * 4);
  vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, 1);
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);

  /* Doubles the work until the fastest of three takes longer than 20 ms, and
   * then does it 32 times, of which there is enough left after that. */
  do {
    spec.rounds *= 2;
    fastest = G_MAXINT64;
    for (guint i = 0; i < 3; i++) {
      gint64 start = g_get_monotonic_time ();

      vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, 1);
      vk_assert_ok (ovk_cmd_run (cmd, &error), error);
      fastest = MIN (fastest, g_get_monotonic_time () - start);
    }
  } while (fastest < G_USEC_PER_SEC / 50);
  dev->queue.timeout_ns = OVK_SECOND_NS / 50;
  ovk_cmd_label (cmd, "long work");
  for (guint i = 0; i < 32; i++)
    vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, 1);
  vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
  g_assert_false (ovk_device_reached (dev, ovk_cmd_ticket (cmd), 0));
  vk_assert_error (ovk_cmd_wait (cmd, &error), error, OWL2_ERROR_DEVICE_LOST,
      "did not finish 'long work' within 0.02 s");

  dev->queue.timeout_ns = OVK_TIMEOUT_NS;
  vk_mix (cmd, &spec, s[0], s[1], s[2], s[3], n, 1);
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_DEVICE_LOST, "lost earlier");
  ovk_cmd_fill (other, s[0], 1);
  vk_assert_error (ovk_cmd_run (other, &error), error, OWL2_ERROR_DEVICE_LOST,
      "lost earlier");
  vk_assert_error (ovk_slice_read (dev, s[0], &word, 4, &error), error,
      OWL2_ERROR_DEVICE_LOST, "lost");
  g_assert_true (ovk_device_reached (dev, dev->queue.submitted, 0));
  vk_assert_error (ovk_device_wait (dev, dev->queue.submitted, "it", &error),
      error, OWL2_ERROR_DEVICE_LOST, "lost");
  vk_assert_error (ovk_slice_write (dev, s[0], &word, 4, &error), error,
      OWL2_ERROR_DEVICE_LOST, "lost");
  vk_assert_error (ovk_arena_alloc (arena, 4 << 20, &t, &error), error,
      OWL2_ERROR_DEVICE_LOST, "lost");
  vk_assert_error (ovk_cmd_new (dev, "x", &error) != NULL, error,
      OWL2_ERROR_DEVICE_LOST, "lost");
  ovk_device_save_cache (dev);
  ovk_cmd_free (cmd);
  ovk_cmd_free (other);
  ovk_arena_free (arena);
  /* The work still goes on, so nothing of this waited for it. */
  g_assert_cmpint (vkGetSemaphoreCounterValue (
                       dev->gpu.handle, dev->queue.timeline, &reached),
      ==, VK_SUCCESS);
  g_assert_cmpuint (reached, <, dev->queue.submitted);

  /* Once it is done after all, the device frees what was left. */
  vkDeviceWaitIdle (dev->gpu.handle);
  vk_test_take_warnings ();
  ovk_device_unref (dev);
  g_assert_cmpuint (vk_test_take_warnings (), ==, 0);
}

static void
add_tests (void)
{
  vk_test_add_once ("/cmd/barriers", test_barriers);
  vk_test_add ("/cmd/host-barriers", test_host_barriers);
  vk_test_add ("/cmd/random", test_random);
  vk_test_add_once ("/cmd/dispatch-limits", test_dispatch_limits);
  vk_test_add_once ("/cmd/transfer-limits", test_transfer_limits);
  vk_test_add_once ("/cmd/errors-kept", test_errors_kept);
  vk_test_add_once ("/cmd/long", test_long);
  vk_test_add ("/cmd/kept", test_kept);
  vk_test_add ("/cmd/kept-errors", test_kept_errors);
  vk_test_add ("/cmd/free-in-flight", test_free_in_flight);
  vk_test_add ("/cmd/device-goes-first", test_device_goes_first);
  vk_test_add_once ("/cmd/hang", test_hang);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
