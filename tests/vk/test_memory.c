/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arenas, transfers, and what happens when memory runs out. */
#include "common.h"

#include <dlfcn.h>
#include <string.h>

#define MIB ((gsize) 1 << 20)

static void
random_bytes (guint8 *data, gsize n)
{
  guint32 state = vk_random (1 << 30) | 1;

  for (gsize i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (guint8) (state >> 24);
  }
}

static void
read_back (OvkDevice *dev, OvkSlice slice, guint8 *data)
{
  GError *error = NULL;

  vk_assert_ok (ovk_slice_read (dev, slice, data, slice.size, &error), error);
}

/* ---- arenas ----------------------------------------------------------- */

static void
test_arena (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  OvkArena *arena = vk_arena (dev, MIB);
  gsize align = ovk_device_caps (dev)->storage_align;
  OvkSlice slices[60];
  guint64 before = ovk_device_allocated_bytes (dev);
  g_autofree guint8 *data = g_malloc (3 * MIB);

  g_assert_cmpuint (ovk_arena_bytes (arena), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (slices); i++) {
    gsize size = i % 20 == 7 ? 3 * MIB - i : 1 + vk_random (100000);

    slices[i] = vk_alloc (arena, size);
    g_assert_cmpuint (slices[i].size, ==, size);
    g_assert_cmpuint (slices[i].offset % align, ==, 0);
    for (guint j = 0; j < i; j++)
      g_assert_true (slices[i].buffer != slices[j].buffer
                     || slices[i].offset >= slices[j].offset + slices[j].size
                     || slices[j].offset >= slices[i].offset + size);
    /* Zeros at first; dirt in it must not show up in the next ones. */
    read_back (dev, slices[i], data);
    for (gsize k = 0; k < size; k++)
      g_assert_cmpuint (data[k], ==, 0);
    memset (data, 0xa5, size);
    g_assert_true (ovk_slice_write (dev, slices[i], data, size, NULL));
  }
  g_assert_cmpuint (ovk_arena_bytes (arena), >=, 3 * 3 * MIB);
  g_assert_cmpuint (
      ovk_device_allocated_bytes (dev), >=, before + ovk_arena_bytes (arena));
  ovk_arena_free (arena);
  ovk_arena_free (NULL);
  /* The staging buffer and two of 8 MiB for readback stay. */
  g_assert_cmpuint (ovk_device_allocated_bytes (dev), <=, 96 * MIB);
}

static void
test_no_memory (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, MIB);
  GError *error = NULL;
  OvkSlice slice = { NULL, 1, 2 };
  guint n = 0;

  vk_assert_error (ovk_arena_alloc (arena, (gsize) 1 << 46, &slice, &error),
      error, OWL2_ERROR_NO_MEMORY, "'test' needs 70368744177664 bytes");
  vk_assert_error (ovk_arena_alloc (arena, G_MAXSIZE, &slice, &error), error,
      OWL2_ERROR_NO_MEMORY, "are free, and one allocation may have");
  vk_assert_error (
      ovk_arena_alloc (arena, ovk_device_caps (dev)->max_allocation_bytes + 1,
          &slice, &error),
      error, OWL2_ERROR_NO_MEMORY, "one allocation may have");
  g_assert_null (slice.buffer);
  g_assert_cmpuint (slice.size, ==, 2);
  g_assert_cmpuint (ovk_arena_bytes (arena), ==, 0);

  /* A device with a heap of ten MiB, all of it for the arena. */
  dev->gpu.caps.type = VK_PHYSICAL_DEVICE_TYPE_OTHER;
  dev->gpu.has_budget = FALSE;
  dev->heap.memory
      .memoryHeaps[dev->heap.memory.memoryTypes[dev->heap.type_device]
                       .heapIndex]
      .size = ovk_device_allocated_bytes (dev) + 10 * MIB;
  g_assert_cmpuint (ovk_device_free_bytes (dev), ==, 10 * MIB);
  vk_assert_error (ovk_arena_alloc (arena, 11 * MIB, &slice, &error), error,
      OWL2_ERROR_NO_MEMORY,
      "'test 0' needs 11534336 bytes of device memory, 10485760 are free");
  while (ovk_arena_alloc (arena, 300000, &slice, &error))
    n++;
  /* Blocks of a MiB take three each; the last ones may be alone. */
  g_assert_cmpuint (n, >=, 30);
  g_assert_cmpuint (n, <=, 34);
  vk_assert_error (FALSE, error, OWL2_ERROR_NO_MEMORY, "are free");
}

static void
test_allocation_count (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  GError *error = NULL;
  OvkSlice slice;

  dev->gpu.max_allocations = dev->heap.n_allocations + 2;
  vk_alloc (arena, 1000);
  vk_alloc (arena, 1000);
  vk_assert_error (ovk_arena_alloc (arena, 1000, &slice, &error), error,
      OWL2_ERROR_NO_MEMORY, "allocations");
}

/* ---- transfers -------------------------------------------------------- */

static void
test_write_read (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  const gsize size = 37 * MIB + 5;
  OvkSlice whole = vk_alloc (arena, size);
  g_autofree guint8 *want = g_malloc0 (size), *got = g_malloc0 (size);
  GError *error = NULL;
  static const gsize sizes[] = { 0, 1, 3, 4, 5, 4096, 8 * MIB - 1, 8 * MIB,
    8 * MIB + 1, 16 * MIB, 16 * MIB + 7, 30 * MIB };

  random_bytes (want, size);
  vk_assert_ok (ovk_slice_write (dev, whole, want, size, &error), error);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gsize n = sizes[i], at = vk_random ((guint) (size - n));
    OvkSlice slice = vk_slice (whole, at, n);

    random_bytes (want + at, n);
    vk_assert_ok (ovk_slice_write (dev, slice, want + at, n, &error), error);
    at = vk_random ((guint) (size - n));
    memset (got, 0, n);
    vk_assert_ok (
        ovk_slice_read (dev, vk_slice (whole, at, n), got, n, &error), error);
    g_assert_cmpmem (got, n, want + at, n);
  }
  read_back (dev, whole, got);
  g_assert_true (memcmp (got, want, size) == 0);

  vk_assert_error (
      ovk_slice_read (dev, vk_slice (whole, 0, 10), got, 11, &error), error,
      OWL2_ERROR_FAILED, "11 bytes does not fit a slice of 10");
  whole.size++;
  whole.offset = whole.buffer->size;
  vk_assert_error (ovk_slice_write (dev, whole, want, 5, &error), error,
      OWL2_ERROR_FAILED, "does not fit");
}

/* Rows of random shapes, several in one go, into a destination whose bytes
 * between the pieces must not change. */
static void
test_uploader (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  const gsize size = 40 * MIB;
  OvkSlice whole = vk_alloc (arena, size);
  g_autofree guint8 *want = g_malloc (size), *got = g_malloc (size);
  g_autofree guint8 *src = g_malloc (size);
  g_autoptr (OvkUploader) up = NULL;
  GError *error = NULL;

  up = ovk_uploader_new (dev, &error);
  vk_assert_ok (up != NULL, error);
  memset (want, 0x5a, size);
  random_bytes (src, size);
  vk_assert_ok (ovk_slice_write (dev, whole, want, size, &error), error);
  for (guint round = 0; round < 6; round++) {
    for (gsize at = 0;;) {
      gboolean large = vk_random (8) == 0;
      gsize row_bytes = 1 + vk_random (large ? 9 * MIB : 5000);
      gsize dst_stride =
          (row_bytes + vk_random (vk_random (3) ? 1 : 40) + 3) / 4 * 4;
      gsize src_stride = row_bytes + (vk_random (2) ? vk_random (100) : 0);
      gsize rows = 1 + vk_random (large ? 3 : 40);
      gsize offset = vk_random (2) ? 0 : vk_random (1000);

      at += vk_random (200);
      if (at + rows * dst_stride > size || offset + rows * src_stride > size)
        break;
      vk_assert_ok (
          ovk_uploader_rows (up, vk_slice (whole, at, rows * dst_stride),
              dst_stride, src + offset, src_stride, row_bytes, rows, &error),
          error);
      for (gsize r = 0; r < rows; r++) {
        memcpy (want + at + r * dst_stride, src + offset + r * src_stride,
            row_bytes);
        memset (
            want + at + r * dst_stride + row_bytes, 0, dst_stride - row_bytes);
      }
      at += rows * dst_stride;
    }
    vk_assert_ok (ovk_uploader_finish (up, &error), error);
    read_back (dev, whole, got);
    for (gsize i = 0; i < size; i++) {
      if (got[i] != want[i])
        g_error ("round %u: byte %" G_GSIZE_FORMAT " is %u, should be %u",
            round, i, got[i], want[i]);
    }
  }
}

static void
test_uploader_errors (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  OvkSlice whole = vk_alloc (arena, 4096);
  g_autofree guint8 *src = g_malloc0 (8192);
  g_autoptr (OvkUploader) up = NULL;
  GError *error = NULL;

  up = ovk_uploader_new (dev, &error);
  vk_assert_ok (up != NULL, error);
  vk_assert_error (ovk_uploader_rows (up, whole, 64, src, 80, 65, 2, &error),
      error, OWL2_ERROR_FAILED, "2 rows of 65 bytes, 64 apart");
  vk_assert_error (ovk_uploader_rows (up, whole, 64, src, 64, 64, 65, &error),
      error, OWL2_ERROR_FAILED, "4160 bytes does not fit a slice of 4096");
  vk_assert_error (
      ovk_uploader_rows (up, whole, G_MAXSIZE / 2, src, 64, 64, 3, &error),
      error, OWL2_ERROR_FAILED, "not possible");
  vk_assert_ok (
      ovk_uploader_rows (up, whole, 64, src, 64, 64, 0, &error), error);
  vk_assert_ok (ovk_uploader_finish (up, &error), error);
  vk_assert_ok (ovk_uploader_finish (up, &error), error);
  ovk_uploader_free (NULL);
}

/* The same bytes twice in one go: the later ones count. */
static void
test_uploader_overlap (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 0);
  OvkSlice whole = vk_alloc (arena, 4096);
  guint8 ones[4096], twos[4096], got[4096];
  g_autoptr (OvkUploader) up = NULL;
  GError *error = NULL;

  memset (ones, 1, sizeof (ones));
  memset (twos, 2, sizeof (twos));
  up = ovk_uploader_new (dev, &error);
  vk_assert_ok (up != NULL, error);
  for (guint i = 0; i < 50; i++) {
    vk_assert_ok (
        ovk_uploader_rows (up, whole, 4096, ones, 4096, 4096, 1, &error),
        error);
    vk_assert_ok (ovk_uploader_rows (up, vk_slice (whole, 1000, 2000), 2000,
                      twos, 2000, 2000, 1, &error),
        error);
  }
  vk_assert_ok (ovk_uploader_finish (up, &error), error);
  read_back (dev, whole, got);
  for (guint i = 0; i < 4096; i++)
    g_assert_cmpuint (got[i], ==, i >= 1000 && i < 3000 ? 2 : 1);
}

/* Host access has to wait for what is in flight, in both directions. */
static void
test_in_flight (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, MIB);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  const guint n = 4096;
  const VkMixSpec spec = { 64, 1, 2000 };
  OvkSlice a = vk_alloc (arena, n * 4), b = vk_alloc (arena, n * 4);
  OvkSlice out = vk_alloc (arena, n * 4), io = vk_alloc (arena, n * 4);
  g_autofree guint32 *ha = g_new0 (guint32, n), *hb = g_new0 (guint32, n);
  g_autofree guint32 *ho = g_new0 (guint32, n), *hio = g_new0 (guint32, n);
  g_autofree guint32 *got = g_new0 (guint32, n);
  GError *error = NULL;

  for (guint round = 0; round < 5; round++) {
    for (guint k = 0; k < 4; k++) {
      vk_mix (cmd, &spec, a, b, out, io, n, round);
      vk_mix_host (&spec, ha, hb, ho, hio, n, round);
    }
    vk_assert_ok (ovk_cmd_submit (cmd, &error), error);
    for (guint i = 0; i < n; i++)
      ha[i] = i * 17 + round;
    /* The dispatches must not see these. */
    vk_assert_ok (ovk_slice_write (dev, a, ha, n * 4, &error), error);
    vk_assert_ok (ovk_slice_read (dev, io, got, n * 4, &error), error);
    g_assert_cmpmem (got, n * 4, hio, n * 4);
    vk_assert_ok (ovk_cmd_wait (cmd, &error), error);
  }
}

/* ---- staging ---------------------------------------------------------- */

static gint n_allocated; /* atomic; calls */

VKAPI_ATTR VkResult VKAPI_CALL
vkAllocateMemory (VkDevice dev, const VkMemoryAllocateInfo *info,
    const VkAllocationCallbacks *alloc, VkDeviceMemory *memory)
{
  PFN_vkAllocateMemory real =
      (PFN_vkAllocateMemory) dlsym (RTLD_NEXT, "vkAllocateMemory");

  g_atomic_int_inc (&n_allocated);
  return real (dev, info, alloc, memory);
}

typedef struct {
  OvkDevice *dev;
  OvkArena *arena; /* of the device's memory */
  guint n_rounds;
  guint32 seed;
} StageJob;

/* Rounds with a few submissions in flight, each of which brings words of its
 * own, by a copy and read in place. */
static gpointer
stage_thread (gpointer data)
{
  const StageJob *job = data;
  const guint n_max = 40000;
  const VkMixSpec spec = { 64, 3, 1 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (job->seed);
  g_autoptr (OvkArena) results =
      ovk_arena_new_results (job->dev, "results", MIB);
  OvkSlice zeros = vk_alloc (job->arena, n_max * 4);
  OvkCmd *cmds[3];
  OvkSlice out[3], io[3], copy[3];
  guint32 *want[3], *want_copy[3], *none = g_new0 (guint32, n_max);
  guint n[3] = { 0 };
  GError *error = NULL;

  for (guint i = 0; i < 3; i++) {
    cmds[i] = vk_cmd (job->dev);
    out[i] = vk_alloc (results, n_max * 4);
    io[i] = vk_alloc (job->arena, n_max * 4);
    copy[i] = vk_alloc (results, n_max * 4);
    want[i] = g_new0 (guint32, n_max);
    want_copy[i] = g_new0 (guint32, n_max);
  }
  for (guint round = 0; round < job->n_rounds + 3; round++) {
    guint i = round % 3;
    OvkSlice staged;
    guint32 *map;

    vk_assert_ok (ovk_cmd_wait (cmds[i], &error), error);
    if (n[i]) {
      const void *got = ovk_slice_peek (vk_slice (out[i], 0, n[i] * 4), &error);

      vk_assert_ok (got != NULL, error);
      g_assert_cmpmem (got, n[i] * 4, want[i], n[i] * 4);
      got = ovk_slice_peek (vk_slice (copy[i], 0, n[i] * 4), &error);
      vk_assert_ok (got != NULL, error);
      g_assert_cmpmem (got, n[i] * 4, want_copy[i], n[i] * 4);
    }
    if (round >= job->n_rounds)
      continue;
    n[i] = (guint) g_rand_int_range (rand, 1, (gint32) n_max);
    map = ovk_cmd_stage (cmds[i], n[i] * 4, &staged);
    vk_assert_ok (ovk_cmd_check (cmds[i], &error) && map, error);
    g_assert_cmpuint (staged.size, ==, n[i] * 4);
    ovk_cmd_fill (cmds[i], io[i], 0);
    vk_mix (cmds[i], &spec, staged, zeros, out[i], io[i], n[i], round);
    ovk_cmd_copy (cmds[i], vk_slice (copy[i], 0, n[i] * 4), staged);
    /* The host writes when it likes, before the submission. */
    for (guint k = 0; k < n[i]; k++)
      map[k] = want_copy[i][k] = g_rand_int (rand);
    if (g_rand_int_range (rand, 0, 8) == 0) {
      ovk_cmd_reset (cmds[i]); /* gives it back */
      n[i] = 0;
      continue;
    }
    memset (none, 0, n_max * 4);
    vk_mix_host (&spec, want_copy[i], none, want[i], none, n[i], round);
    memset (none, 0, n_max * 4);
    vk_assert_ok (ovk_cmd_submit (cmds[i], &error), error);
  }
  for (guint i = 0; i < 3; i++) {
    ovk_cmd_free (cmds[i]);
    g_free (want[i]);
    g_free (want_copy[i]);
  }
  g_free (none);
  return NULL;
}

/* Much more than the buffer holds, by one thread and then by several. */
static void
test_stage (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 8 * MIB);
  guint n_rounds = g_test_slow () ? 400 : 60;
  StageJob jobs[3];
  GThread *threads[3];

  dev->staging.size = 600 << 10;
  for (guint i = 0; i < 3; i++)
    jobs[i] = (StageJob){ dev, arena, n_rounds, vk_random (1 << 30) };
  stage_thread (&jobs[0]);
  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new ("stage", stage_thread, &jobs[i]);
  for (guint i = 0; i < 3; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (dev->staging.buffer->size, ==, 600 << 10);
}

/* Once there is all that is needed, frames allocate nothing, nor do they touch
 * more of what is allocated. */
static void
test_stage_allocates_nothing (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, 8 * MIB);
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkSlice dst = vk_alloc (arena, 5 * MIB), staged;
  GError *error = NULL;

  for (guint round = 0; round < 30; round++) {
    guint8 *map = ovk_cmd_stage (cmd, dst.size, &staged);

    vk_assert_ok (ovk_cmd_check (cmd, &error) && map, error);
    g_assert_cmpuint (staged.offset, ==, 0);
    memset (map, (gint) round, dst.size);
    ovk_cmd_copy (cmd, dst, staged);
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
    if (!round)
      g_atomic_int_set (&n_allocated, 0);
  }
  g_assert_cmpint (g_atomic_int_get (&n_allocated), ==, 0);
}

static void
test_stage_errors (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autoptr (OvkCmd) cmd = vk_cmd (dev);
  OvkCmd *other = vk_cmd (dev);
  guint64 timeout_ns;
  OvkSlice slice;
  GError *error = NULL;

  dev->staging.size = MIB;
  g_assert_null (ovk_cmd_stage (cmd, MIB + 1, &slice));
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_NO_MEMORY,
      "1048577 bytes can't be staged at once, 1 to 1048576 are possible");
  g_assert_null (ovk_cmd_stage (cmd, 0, &slice));
  vk_assert_error (
      ovk_cmd_run (cmd, &error), error, OWL2_ERROR_NO_MEMORY, "0 bytes can't");
  /* What this recording holds is not waited for, nor what others hold while
   * they may wait for this one. */
  g_assert_nonnull (ovk_cmd_stage (other, MIB / 2, &slice));
  g_assert_nonnull (ovk_cmd_stage (cmd, MIB / 4, &slice));
  g_assert_null (ovk_cmd_stage (cmd, MIB / 2, &slice));
  g_assert_null (ovk_cmd_stage (cmd, 1, &slice)); /* the error is kept */
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_NO_MEMORY,
      "524288 bytes can't be staged, of 1048576 this recording has 262144");
  /* Whoever holds nothing waits, but not for ever. */
  timeout_ns = dev->queue.timeout_ns;
  dev->queue.timeout_ns = OVK_SECOND_NS / 50;
  g_assert_null (ovk_cmd_stage (cmd, MIB, &slice));
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_NO_MEMORY,
      "this recording has 0");
  dev->queue.timeout_ns = timeout_ns;
  ovk_cmd_free (other); /* gives back what it had */
  g_assert_nonnull (ovk_cmd_stage (cmd, MIB, &slice));
  vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  ovk_cmd_collect (cmd, set);
  for (guint i = 0; i < 3; i++) {
    g_assert_nonnull (ovk_cmd_stage (cmd, MIB, &slice));
    vk_assert_ok (ovk_cmd_run (cmd, &error), error);
  }
  ovk_cmd_collect (cmd, NULL);
  ovk_cmd_set_kept (cmd, TRUE);
  g_assert_null (ovk_cmd_stage (cmd, 4, &slice));
  vk_assert_error (ovk_cmd_run (cmd, &error), error, OWL2_ERROR_FAILED,
      "what is kept can't read");
}

/* ---- results ---------------------------------------------------------- */

static gint n_invalidated; /* atomic; calls, as the next */
static gint n_flushed;

VKAPI_ATTR VkResult VKAPI_CALL
vkInvalidateMappedMemoryRanges (
    VkDevice dev, uint32_t n, const VkMappedMemoryRange *ranges)
{
  PFN_vkInvalidateMappedMemoryRanges real =
      (PFN_vkInvalidateMappedMemoryRanges) dlsym (
          RTLD_NEXT, "vkInvalidateMappedMemoryRanges");

  g_atomic_int_inc (&n_invalidated);
  return real (dev, n, ranges);
}

VKAPI_ATTR VkResult VKAPI_CALL
vkFlushMappedMemoryRanges (
    VkDevice dev, uint32_t n, const VkMappedMemoryRange *ranges)
{
  PFN_vkFlushMappedMemoryRanges real = (PFN_vkFlushMappedMemoryRanges) dlsym (
      RTLD_NEXT, "vkFlushMappedMemoryRanges");

  g_atomic_int_inc (&n_flushed);
  return real (dev, n, ranges);
}

static const guint32 *
peek (OvkSlice slice)
{
  GError *error = NULL;
  const guint32 *words = ovk_slice_peek (slice, &error);

  vk_assert_ok (words != NULL, error);
  return words;
}

/* Shaders, copies and fills write results, which the host sees once their
 * submission is reached, whatever else is under way. */
static void
test_results (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) arena = vk_arena (dev, MIB);
  GError *error = NULL;
  g_autoptr (OvkArena) results =
      ovk_arena_new_results (dev, "results", 64 << 10);
  const guint n = 2048;
  const VkMixSpec spec = { 64, 3, 20 };
  OvkCmd *cmds[4];
  OvkSlice a = vk_alloc (arena, n * 4), b = vk_alloc (arena, n * 4);
  OvkSlice io = vk_alloc (arena, n * 4), out[4], copy[4], fill[4];
  g_autofree guint32 *ha = g_new0 (guint32, n), *hb = g_new0 (guint32, n);
  g_autofree guint32 *hio = g_new0 (guint32, n);
  guint32 *ho[4];
  guint64 last = 0;

  for (guint i = 0; i < 4; i++) {
    cmds[i] = vk_cmd (dev);
    out[i] = vk_alloc (results, n * 4);
    copy[i] = vk_alloc (results, n * 4);
    fill[i] = vk_alloc (results, 16);
    ho[i] = g_new0 (guint32, n);
    g_assert_cmpuint (ovk_cmd_ticket (cmds[i]), ==, 0);
    for (guint k = 0; k < n; k++)
      g_assert_cmpuint (peek (out[i])[k], ==, 0);
  }
  for (guint round = 0; round < 12; round++) {
    guint i = round % 4;

    if (round >= 4) {
      guint64 ticket = ovk_cmd_ticket (cmds[i]);

      vk_assert_ok (ovk_device_wait (dev, ticket, "round", &error), error);
      g_assert_true (ovk_device_reached (dev, ticket, 0));
      g_assert_true (ovk_device_reached (dev, ticket - 1, 0));
      g_assert_cmpmem (peek (out[i]), n * 4, ho[i], n * 4);
      g_assert_cmpmem (peek (copy[i]), n * 4, ho[i], n * 4);
      g_assert_cmpuint (peek (fill[i])[3], ==, round - 4);
    }
    vk_mix (cmds[i], &spec, a, b, out[i], io, n, round);
    vk_mix_host (&spec, ha, hb, ho[i], hio, n, round);
    ovk_cmd_copy (cmds[i], copy[i], out[i]);
    ovk_cmd_fill (cmds[i], fill[i], round);
    vk_assert_ok (ovk_cmd_submit (cmds[i], &error), error);
    g_assert_cmpuint (ovk_cmd_ticket (cmds[i]), >, last);
    last = ovk_cmd_ticket (cmds[i]);
  }
  for (guint i = 0; i < 4; i++) {
    vk_assert_ok (ovk_cmd_wait (cmds[i], &error), error);
    g_assert_cmpmem (peek (out[i]), n * 4, ho[i], n * 4);
    ovk_cmd_free (cmds[i]);
    g_free (ho[i]);
  }
  g_assert_true (ovk_device_reached (dev, 0, 0));
  g_assert_true (ovk_device_reached (dev, last, 0));
  /* The host may write them, too. */
  vk_assert_ok (
      ovk_slice_write (dev, fill[0], "abcdefghijklmnop", 16, &error), error);
  g_assert_cmpmem (peek (fill[0]), 16, "abcdefghijklmnop", 16);
  vk_assert_ok (ovk_slice_read (dev, fill[0], ha, 16, &error), error);
  g_assert_cmpmem (ha, 16, "abcdefghijklmnop", 16);

  if (mode->staging)
    vk_assert_error (ovk_slice_peek (a, &error) != NULL, error,
        OWL2_ERROR_FAILED, "8192 bytes at 0 lie in memory that the host");
  out[0].offset = out[0].buffer->size;
  vk_assert_error (ovk_slice_peek (out[0], &error) != NULL, error,
      OWL2_ERROR_FAILED, "does not fit");
}

/* A device whose memory is not coherent, as far as the layer knows. */
static void
test_results_not_coherent (const VkMode *mode)
{
  g_autoptr (OvkDevice) dev = vk_test_open (mode);
  g_autoptr (OvkArena) results = ovk_arena_new_results (dev, "results", 4096);
  OvkSlice first = vk_alloc (results, 64), slice = vk_alloc (results, 64);
  GError *error = NULL;
  guint32 word = 5;

  n_invalidated = 0;
  n_flushed = 0;
  peek (slice);
  vk_assert_ok (ovk_slice_write (dev, slice, &word, 4, &error), error);
  if (dev->heap.memory.memoryTypes[dev->heap.type_readback].propertyFlags
      & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
    g_assert_cmpint (n_invalidated + n_flushed, ==, 0);
  dev->heap.memory.memoryTypes[dev->heap.type_readback].propertyFlags &=
      ~(VkMemoryPropertyFlags) VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  n_flushed = 0;
  g_assert_cmpuint (peek (slice)[0], ==, 5);
  g_assert_cmpint (n_invalidated, >, 0);
  word = 7;
  vk_assert_ok (ovk_slice_write (dev, slice, &word, 4, &error), error);
  g_assert_cmpint (n_flushed, ==, 1);
  g_assert_cmpuint (peek (slice)[0], ==, 7);
  g_assert_cmpuint (peek (first)[0], ==, 0);
}

static void
add_tests (void)
{
  vk_test_add ("/memory/stage", test_stage);
  vk_test_add ("/memory/stage-allocates-nothing", test_stage_allocates_nothing);
  vk_test_add ("/memory/stage-errors", test_stage_errors);
  vk_test_add ("/memory/results", test_results);
  vk_test_add ("/memory/results-not-coherent", test_results_not_coherent);
  vk_test_add ("/memory/arena", test_arena);
  vk_test_add ("/memory/no-memory", test_no_memory);
  vk_test_add ("/memory/allocation-count", test_allocation_count);
  vk_test_add ("/memory/write-read", test_write_read);
  vk_test_add ("/memory/uploader", test_uploader);
  vk_test_add ("/memory/uploader-errors", test_uploader_errors);
  vk_test_add ("/memory/uploader-overlap", test_uploader_overlap);
  vk_test_add ("/memory/in-flight", test_in_flight);
}

int
main (int argc, char **argv)
{
  return vk_test_main (argc, argv, add_tests);
}
