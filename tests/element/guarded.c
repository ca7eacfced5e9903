/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guarded.h"

#include <sys/mman.h>
#include <unistd.h>
#include <gst/allocators/allocators.h>

static void
fill_random (guint8 *data, gsize size)
{
  guint32 random = (guint32) g_test_rand_int () | 1;

  for (gsize i = 0; i < size; i++) {
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    data[i] = (guint8) random;
  }
}

typedef struct {
  guint8 *map;
  gsize bytes;
} Guarded;

static void
guarded_free (gpointer data)
{
  Guarded *g = data;

  munmap (g->map, g->bytes);
  g_free (g);
}

GstBuffer *
guarded_new (gsize size, gboolean at_end)
{
  const gsize page = (gsize) sysconf (_SC_PAGESIZE);
  const gsize inside = (size + page - 1) / page * page;
  Guarded *g = g_new0 (Guarded, 1);
  guint8 *data;

  g->bytes = inside + 2 * page;
  g->map = mmap (NULL, g->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (g->map != MAP_FAILED);
  g_assert_cmpint (
      mprotect (g->map + page, inside, PROT_READ | PROT_WRITE), ==, 0);
  data = g->map + page + (at_end ? inside - size : 0);
  fill_random (data, size);
  return gst_buffer_new_wrapped_full (0, data, size, 0, size, g, guarded_free);
}

GstBuffer *
guarded_new_fd (gsize size)
{
  GstAllocator *allocator;
  GstBuffer *buffer;
  guint8 *data;
  int fd;

  if (size == 0)
    return gst_buffer_new ();
  allocator = gst_dmabuf_allocator_new ();
  buffer = gst_buffer_new ();
  fd = memfd_create ("picture", MFD_CLOEXEC);
  g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
  data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (data != MAP_FAILED);
  fill_random (data, size);
  munmap (data, size);
  gst_buffer_append_memory (
      buffer, gst_dmabuf_allocator_alloc (allocator, fd, size));
  gst_object_unref (allocator);
  return buffer;
}

GstBuffer *
guarded_new_parts (gsize size)
{
  GstBuffer *buffer = gst_buffer_new ();
  guint n = 2 + (guint) g_test_rand_bit ();

  for (; n > 0; n--) {
    const gsize part = n == 1 ? size
                              : (gsize) g_test_rand_int_range (
                                  0, (gint32) MIN (size, 1 << 30) + 1);

    buffer = gst_buffer_append (buffer, guarded_new (part, TRUE));
    size -= part;
  }
  return buffer;
}
