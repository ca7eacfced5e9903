/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of device memory, cut into slices, and the ways in and out. */
#include "ovk_private.h"

#include <string.h>

#define AREA "vk"

/* One staging buffer of a pair. Large enough that a transfer hides the cost of
 * its submission, small enough to stay in the host's caches for the most. */
#define STAGING_BYTES (8u << 20)
#define N_STAGING 2

#define BUFFER_USAGE                                                           \
  (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT       \
      | VK_BUFFER_USAGE_TRANSFER_DST_BIT)

#define DEVICE_LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define HOST_VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define HOST_COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define HOST_CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

/* ---- memory types ----------------------------------------------------- */

static VkMemoryPropertyFlags
type_flags (const OvkDevice *dev, guint type)
{
  return dev->memory.memoryTypes[type].propertyFlags;
}

/* The memory type among @bits on @heap (-1: any) with all of @needed, most of
 * @liked and least of @disliked; -1 if there is none. */
static int
pick_type (const OvkDevice *dev, guint32 bits, int heap,
    VkMemoryPropertyFlags needed, VkMemoryPropertyFlags liked,
    VkMemoryPropertyFlags disliked)
{
  /* Anything beyond these needs a feature or is for other uses. */
  const VkMemoryPropertyFlags known =
      DEVICE_LOCAL | HOST_VISIBLE | HOST_COHERENT | HOST_CACHED;
  int best = -1, best_score = 0;

  for (guint i = 0; i < dev->memory.memoryTypeCount; i++) {
    VkMemoryPropertyFlags flags = type_flags (dev, i);
    int score;

    if (!(bits >> i & 1) || (flags & needed) != needed || (flags & ~known))
      continue;
    if (heap >= 0 && dev->memory.memoryTypes[i].heapIndex != (guint) heap)
      continue;
    score = __builtin_popcount (flags & liked)
            - __builtin_popcount (flags & disliked);
    if (best < 0 || score > best_score) {
      best = (int) i;
      best_score = score;
    }
  }
  return best;
}

static gboolean
create_handle (
    OvkDevice *dev, gsize size_bytes, VkBuffer *handle, GError **error)
{
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = size_bytes,
    .usage = BUFFER_USAGE,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkResult result = vkCreateBuffer (dev->handle, &info, NULL, handle);

  if (result == VK_SUCCESS)
    return TRUE;
  *handle = VK_NULL_HANDLE;
  ovk_set_error (dev, error, result,
      "%s: creating a buffer of %" G_GSIZE_FORMAT " bytes failed",
      dev->caps.name, size_bytes);
  return FALSE;
}

gboolean
ovk_memory_choose_types (OvkDevice *dev, gboolean no_unified, GError **error)
{
  VkMemoryRequirements needs;
  VkBuffer probe;
  int heap = -1, device = -1, up, down;

  if (!create_handle (dev, 256, &probe, error))
    return FALSE;
  vkGetBufferMemoryRequirements (dev->handle, probe, &needs);
  vkDestroyBuffer (dev->handle, probe, NULL);

  for (guint i = 0; i < dev->memory.memoryTypeCount; i++) {
    guint h = dev->memory.memoryTypes[i].heapIndex;

    if (!(needs.memoryTypeBits >> i & 1)
        || !(type_flags (dev, i) & DEVICE_LOCAL))
      continue;
    if (heap < 0
        || dev->memory.memoryHeaps[h].size > dev->memory.memoryHeaps[heap].size)
      heap = (int) h;
  }
  /* The small window through which the host sees part of a discrete card is
   * a heap of its own, so it is never the largest. */
  if (heap >= 0 && !no_unified) {
    device = pick_type (dev, needs.memoryTypeBits, heap,
        DEVICE_LOCAL | HOST_VISIBLE | HOST_COHERENT, HOST_CACHED, 0);
    dev->caps.unified_memory = device >= 0;
  }
  if (device < 0)
    device = pick_type (dev, needs.memoryTypeBits, heap, DEVICE_LOCAL, 0,
        HOST_VISIBLE | HOST_CACHED);
  if (device < 0)
    device = pick_type (dev, needs.memoryTypeBits, -1, 0, DEVICE_LOCAL, 0);
  up = pick_type (
      dev, needs.memoryTypeBits, -1, HOST_VISIBLE, HOST_COHERENT, DEVICE_LOCAL);
  down = pick_type (dev, needs.memoryTypeBits, -1, HOST_VISIBLE | HOST_CACHED,
      HOST_COHERENT, DEVICE_LOCAL);
  if (down < 0)
    down = up;
  if (device < 0 || up < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "%s has no memory for storage buffers", dev->caps.name);
    return FALSE;
  }
  dev->type_device = (guint) device;
  dev->type_upload = (guint) up;
  dev->type_readback = (guint) down;
  return TRUE;
}

/* ---- how much there is ------------------------------------------------ */

guint64
ovk_device_allocated_bytes (OvkDevice *dev)
{
  guint64 allocated;

  g_mutex_lock (&dev->memory_lock);
  allocated = dev->allocated;
  g_mutex_unlock (&dev->memory_lock);
  return allocated;
}

/* What Linux could give out without swapping; 0 if unknown. */
static guint64
host_available_bytes (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  line = strstr (text, "MemAvailable:");
  if (!line)
    return 0;
  return g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10) * 1024;
}

guint64
ovk_device_free_bytes (OvkDevice *dev)
{
  guint heap = dev->memory.memoryTypes[dev->type_device].heapIndex;
  guint64 size = dev->memory.memoryHeaps[heap].size;
  guint64 allocated;

  if (dev->has_budget) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
    };
    VkPhysicalDeviceMemoryProperties2 props = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
      .pNext = &budget,
    };

    vkGetPhysicalDeviceMemoryProperties2 (dev->physical, &props);
    if (budget.heapBudget[heap])
      return budget.heapBudget[heap]
             - MIN (budget.heapUsage[heap], budget.heapBudget[heap]);
  }
  /* The heap of a device in software is an arbitrary number, such as 2 GiB;
   * what it uses is the host's memory. */
  if (dev->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU) {
    guint64 available = host_available_bytes ();

    if (available)
      return available;
  }
  allocated = ovk_device_allocated_bytes (dev);
  return size - MIN (allocated, size);
}

/* ---- buffers ---------------------------------------------------------- */

static guint64
buffer_last_use (OvkBuffer *buffer)
{
  guint64 value;

  g_mutex_lock (&buffer->dev->queue_lock);
  value = buffer->last_use;
  g_mutex_unlock (&buffer->dev->queue_lock);
  return value;
}

static void
buffer_free (OvkBuffer *buffer)
{
  OvkDevice *dev;

  if (!buffer)
    return;
  dev = buffer->dev;
  if (!ovk_device_settle (dev, buffer_last_use (buffer))) {
    owl2_log (dev->log, OWL2_LOG_WARNING, AREA,
        "leaving %" G_GSIZE_FORMAT " bytes to %s, which hangs", buffer->size,
        dev->caps.name);
    return;
  }
  if (buffer->handle)
    vkDestroyBuffer (dev->handle, buffer->handle, NULL);
  if (buffer->memory)
    vkFreeMemory (dev->handle, buffer->memory, NULL);
  g_mutex_lock (&dev->memory_lock);
  dev->allocated -= buffer->charged;
  dev->n_allocations -= buffer->charged > 0;
  g_mutex_unlock (&dev->memory_lock);
  g_free (buffer);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkBuffer, buffer_free)

static gboolean
set_no_memory (OvkDevice *dev, const char *name, guint64 size_bytes,
    guint64 free_bytes, const char *why, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: '%s' needs %" G_GUINT64_FORMAT
      " bytes of device memory, %" G_GUINT64_FORMAT " are free%s",
      dev->caps.name, name, size_bytes, free_bytes, why);
  return FALSE;
}

/* Reserves the bytes in the device's books, so that two threads can't both
 * take the last of them. */
static gboolean
buffer_charge (OvkBuffer *buffer, const char *name, gsize bytes, GError **error)
{
  OvkDevice *dev = buffer->dev;
  guint64 free_bytes = ovk_device_free_bytes (dev);
  gboolean many;

  if (bytes > free_bytes)
    return set_no_memory (dev, name, bytes, free_bytes, "", error);
  g_mutex_lock (&dev->memory_lock);
  many = dev->n_allocations >= dev->max_allocations;
  if (!many) {
    buffer->charged = bytes;
    dev->allocated += bytes;
    dev->n_allocations++;
  }
  g_mutex_unlock (&dev->memory_lock);
  if (many) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: '%s' can't be allocated, the device allows %u allocations",
        dev->caps.name, name, dev->max_allocations);
    return FALSE;
  }
  return TRUE;
}

static gboolean
buffer_back (OvkBuffer *buffer, const char *name, GError **error)
{
  OvkDevice *dev = buffer->dev;
  VkMemoryRequirements needs;
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .memoryTypeIndex = buffer->type,
  };
  VkResult result;

  vkGetBufferMemoryRequirements (dev->handle, buffer->handle, &needs);
  info.allocationSize = needs.size;
  if (needs.size > dev->caps.max_allocation_bytes)
    return set_no_memory (dev, name, needs.size, ovk_device_free_bytes (dev),
        ", but not in one piece", error);
  if (!buffer_charge (buffer, name, needs.size, error))
    return FALSE;
  result = vkAllocateMemory (dev->handle, &info, NULL, &buffer->memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY
      || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
    buffer->memory = VK_NULL_HANDLE;
    return set_no_memory (dev, name, needs.size, ovk_device_free_bytes (dev),
        " and the driver refused", error);
  }
  if (result != VK_SUCCESS) {
    buffer->memory = VK_NULL_HANDLE;
    ovk_set_error (dev, error, result,
        "%s: allocating '%s', %" G_GUINT64_FORMAT " bytes, failed",
        dev->caps.name, name, (guint64) needs.size);
    return FALSE;
  }
  ovk_device_name (dev, VK_OBJECT_TYPE_DEVICE_MEMORY,
      OVK_HANDLE (buffer->memory), "%s", name);
  result = vkBindBufferMemory (dev->handle, buffer->handle, buffer->memory, 0);
  if (result == VK_SUCCESS && buffer->mappable)
    result = vkMapMemory (dev->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0,
        (void **) &buffer->map);
  if (result != VK_SUCCESS) {
    buffer->map = NULL;
    ovk_set_error (dev, error, result,
        "%s: binding '%s', %" G_GUINT64_FORMAT " bytes, failed", dev->caps.name,
        name, (guint64) needs.size);
    return FALSE;
  }
  return TRUE;
}

static OvkBuffer *
buffer_new (OvkDevice *dev, const char *name, gsize size_bytes, guint type,
    gboolean mappable, GError **error)
{
  g_autoptr (OvkBuffer) buffer = g_new0 (OvkBuffer, 1);

  buffer->dev = dev;
  buffer->size = size_bytes;
  buffer->type = type;
  buffer->mappable = mappable;
  if (!ovk_device_alive (dev, error))
    return NULL;
  if (size_bytes > dev->caps.max_allocation_bytes) {
    set_no_memory (dev, name, size_bytes, ovk_device_free_bytes (dev),
        ", but not in one piece", error);
    return NULL;
  }
  if (!create_handle (dev, size_bytes, &buffer->handle, error)
      || !buffer_back (buffer, name, error))
    return NULL;
  ovk_device_name (
      dev, VK_OBJECT_TYPE_BUFFER, OVK_HANDLE (buffer->handle), "%s", name);
  return g_steal_pointer (&buffer);
}

/* Writes of the host to @size bytes at @offset reach the device, or (@read)
 * the reverse. Only for memory that is not coherent; always for staging, where
 * it costs nothing otherwise. */
static gboolean
buffer_sync (
    OvkBuffer *buffer, gsize offset, gsize size, gboolean read, GError **error)
{
  OvkDevice *dev = buffer->dev;
  gsize atom = dev->copy_atom;
  gsize begin = offset / atom * atom;
  gsize end = (offset + size + atom - 1) / atom * atom;
  VkMappedMemoryRange range = {
    .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
    .memory = buffer->memory,
    .offset = begin,
    .size = end >= buffer->size ? VK_WHOLE_SIZE : end - begin,
  };
  VkResult result;

  if (read)
    result = vkInvalidateMappedMemoryRanges (dev->handle, 1, &range);
  else
    result = vkFlushMappedMemoryRanges (dev->handle, 1, &range);
  if (result == VK_SUCCESS)
    return TRUE;
  ovk_set_error (
      dev, error, result, "%s: synchronizing memory failed", dev->caps.name);
  return FALSE;
}

/* Contents of a new block: the host is faster where it has a cache over it. */
static gboolean
buffer_zero (OvkBuffer *buffer, GError **error)
{
  OvkDevice *dev = buffer->dev;
  g_autoptr (GMutexLocker) locker = NULL;

  if (buffer->map && (type_flags (dev, buffer->type) & HOST_CACHED)) {
    memset (buffer->map, 0, buffer->size);
    return TRUE;
  }
  locker = g_mutex_locker_new (&dev->transfer_lock);
  if (!dev->filler)
    dev->filler = ovk_cmd_new_internal (dev, "zeroing", FALSE, error);
  if (!dev->filler)
    return FALSE;
  ovk_cmd_fill (dev->filler, (OvkSlice){ buffer, 0, buffer->size }, 0);
  return ovk_cmd_run (dev->filler, error);
}

/* ---- arenas ----------------------------------------------------------- */

struct _OvkArena {
  OvkDevice *dev; /* reference */
  char *name;
  gsize block_bytes;
  gsize align;       /* of slices, a power of two */
  GMutex lock;       /* of the next two */
  GPtrArray *blocks; /* OvkBuffer, owned */
  guint64 bytes;
};

OvkArena *
ovk_arena_new (OvkDevice *dev, const char *name, gsize block_bytes)
{
  OvkArena *arena = g_new0 (OvkArena, 1);

  arena->dev = ovk_device_ref (dev);
  arena->name = g_strdup (name);
  /* 256 suits every device's caches; drivers rarely ask for more. */
  arena->align = MAX (dev->caps.storage_align, 256);
  arena->block_bytes = MIN (block_bytes, dev->caps.max_allocation_bytes)
                       / arena->align * arena->align;
  arena->blocks = g_ptr_array_new_with_free_func ((GDestroyNotify) buffer_free);
  g_mutex_init (&arena->lock);
  return arena;
}

void
ovk_arena_free (OvkArena *arena)
{
  if (!arena)
    return;
  g_ptr_array_unref (arena->blocks);
  g_mutex_clear (&arena->lock);
  ovk_device_unref (arena->dev);
  g_free (arena->name);
  g_free (arena);
}

static OvkBuffer *
arena_add_block (OvkArena *arena, gsize size_bytes, GError **error)
{
  OvkDevice *dev = arena->dev;
  g_autofree char *name =
      g_strdup_printf ("%s %u", arena->name, arena->blocks->len);
  g_autoptr (OvkBuffer) block = buffer_new (
      dev, name, size_bytes, dev->type_device, dev->caps.unified_memory, error);

  if (!block || !buffer_zero (block, error))
    return NULL;
  arena->bytes += size_bytes;
  g_ptr_array_add (arena->blocks, block);
  return g_steal_pointer (&block);
}

/* A block with room for @size_bytes, which is a multiple of the alignment. */
static OvkBuffer *
arena_find_block (OvkArena *arena, gsize size_bytes, GError **error)
{
  g_autoptr (GError) failure = NULL;
  OvkBuffer *block = NULL;

  for (guint i = arena->blocks->len; i-- > 0;) {
    block = g_ptr_array_index (arena->blocks, i);
    if (block->size - block->used >= size_bytes)
      return block;
  }
  block =
      arena_add_block (arena, MAX (size_bytes, arena->block_bytes), &failure);
  /* Near the end of the memory a smaller block may still do. */
  if (!block && size_bytes < arena->block_bytes
      && g_error_matches (failure, OWL2_ERROR, OWL2_ERROR_NO_MEMORY)) {
    g_clear_error (&failure);
    block = arena_add_block (arena, size_bytes, &failure);
  }
  if (!block)
    g_propagate_error (error, g_steal_pointer (&failure));
  return block;
}

gboolean
ovk_arena_alloc (
    OvkArena *arena, gsize size_bytes, OvkSlice *slice, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  OvkDevice *dev = arena->dev;
  OvkBuffer *block;
  gsize rounded;

  if (size_bytes > dev->caps.max_allocation_bytes)
    return set_no_memory (dev, arena->name, size_bytes,
        ovk_device_free_bytes (dev), ", but not in one piece", error);
  rounded = (MAX (size_bytes, 1) + arena->align - 1) & ~(arena->align - 1);
  locker = g_mutex_locker_new (&arena->lock);
  block = arena_find_block (arena, rounded, error);
  if (!block)
    return FALSE;
  *slice = (OvkSlice){ block, block->used, size_bytes };
  block->used += rounded;
  return TRUE;
}

guint64
ovk_arena_bytes (const OvkArena *arena)
{
  return arena->bytes;
}

/* ---- staging ---------------------------------------------------------- */

typedef struct {
  OvkCmd *cmd;
  OvkBuffer *buffer;
  gsize used; /* bytes of @buffer in what @cmd records */
} Stage;

struct _OvkUploader {
  OvkDevice *dev;          /* borrowed; a public one's cmds hold it */
  Stage stages[N_STAGING]; /* made when first needed */
  guint current;
  guint type;        /* memory type of the staging buffers */
  gboolean internal; /* owned by the device itself */
};

static OvkUploader *
uploader_new (OvkDevice *dev, guint type, gboolean internal)
{
  OvkUploader *up = g_new0 (OvkUploader, 1);

  up->dev = internal ? dev : ovk_device_ref (dev);
  up->type = type;
  up->internal = internal;
  return up;
}

OvkUploader *
ovk_uploader_new (OvkDevice *dev, GError **error)
{
  if (!ovk_device_alive (dev, error))
    return NULL;
  return uploader_new (dev, dev->type_upload, FALSE);
}

void
ovk_uploader_free (OvkUploader *up)
{
  if (!up)
    return;
  for (guint i = 0; i < N_STAGING; i++) {
    ovk_cmd_free (up->stages[i].cmd);
    buffer_free (up->stages[i].buffer);
  }
  if (!up->internal)
    ovk_device_unref (up->dev);
  g_free (up);
}

void
ovk_memory_clear (OvkDevice *dev)
{
  g_clear_pointer (&dev->uploader, ovk_uploader_free);
  g_clear_pointer (&dev->reader, ovk_uploader_free);
  g_clear_pointer (&dev->filler, ovk_cmd_free);
}

static gboolean
stage_prepare (OvkUploader *up, Stage *stage, GError **error)
{
  if (!stage->cmd)
    stage->cmd = ovk_cmd_new_internal (up->dev, "transfer", FALSE, error);
  if (stage->cmd && !stage->buffer)
    stage->buffer =
        buffer_new (up->dev, "staging", STAGING_BYTES, up->type, TRUE, error);
  return stage->buffer != NULL;
}

static gboolean
uploader_submit (OvkUploader *up, GError **error)
{
  Stage *stage = &up->stages[up->current];

  if (!stage->used)
    return TRUE;
  stage->used = 0;
  up->current = (up->current + 1) % N_STAGING;
  return ovk_cmd_submit (stage->cmd, error);
}

/* Rows of a matrix as the destination has them: a run of bytes in which each
 * row is followed by its padding. */
typedef struct {
  const guint8 *src;
  gsize src_stride, dst_stride, row_bytes;
} Rows;

/* Writes @n bytes of the run, from byte @start on. */
static void
rows_copy (const Rows *r, guint8 *dst, gsize start, gsize n)
{
  if (r->row_bytes == r->dst_stride && r->row_bytes == r->src_stride) {
    memcpy (dst, r->src + start, n);
    return;
  }
  while (n > 0) {
    gsize row = start / r->dst_stride, column = start % r->dst_stride;
    gsize part;

    if (column < r->row_bytes) {
      part = MIN (n, r->row_bytes - column);
      memcpy (dst, r->src + row * r->src_stride + column, part);
    } else {
      part = MIN (n, r->dst_stride - column);
      memset (dst, 0, part);
    }
    dst += part;
    start += part;
    n -= part;
  }
}

static gboolean
uploader_stage (OvkUploader *up, OvkSlice dst, const Rows *rows, gsize total,
    GError **error)
{
  gsize done = 0;

  while (done < total) {
    Stage *stage = &up->stages[up->current];
    gsize part;

    if (!stage_prepare (up, stage, error))
      return FALSE;
    /* The previous round of this stage may still be read by the device. */
    if (!stage->used && !ovk_cmd_wait (stage->cmd, error))
      return FALSE;
    part = MIN (total - done, STAGING_BYTES - stage->used);
    rows_copy (rows, stage->buffer->map + stage->used, done, part);
    if (!buffer_sync (stage->buffer, stage->used, part, FALSE, error))
      return FALSE;
    ovk_cmd_copy_bytes (stage->cmd,
        (OvkSlice){ dst.buffer, dst.offset + done, part },
        (OvkSlice){ stage->buffer, stage->used, part });
    done += part;
    /* Each piece starts on a word, which copies fastest. */
    stage->used = MIN ((stage->used + part + 15) & ~(gsize) 15, STAGING_BYTES);
    if (stage->used == STAGING_BYTES && !uploader_submit (up, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_slice (OvkSlice slice, gsize size_bytes, GError **error)
{
  if (slice.buffer && size_bytes <= slice.size
      && slice.offset <= slice.buffer->size
      && slice.size <= slice.buffer->size - slice.offset)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "transfer of %" G_GSIZE_FORMAT
      " bytes does not fit a slice of %" G_GSIZE_FORMAT,
      size_bytes, slice.size);
  return FALSE;
}

/* Drops what was recorded and not submitted: the caller of a failed upload may
 * free the destination. */
static gboolean
uploader_drop (OvkUploader *up)
{
  for (guint i = 0; i < N_STAGING; i++) {
    up->stages[i].used = 0;
    if (up->stages[i].cmd)
      ovk_cmd_discard (up->stages[i].cmd);
  }
  return FALSE;
}

/* For mapped memory. */
static gboolean
write_rows (
    OvkDevice *dev, OvkSlice dst, const Rows *rows, gsize total, GError **error)
{
  if (!ovk_device_wait (dev, buffer_last_use (dst.buffer), "upload", error))
    return FALSE;
  rows_copy (rows, dst.buffer->map + dst.offset, 0, total);
  return TRUE;
}

gboolean
ovk_uploader_rows (OvkUploader *up, OvkSlice dst, gsize dst_stride,
    const void *src, gsize src_stride, gsize row_bytes, gsize rows,
    GError **error)
{
  Rows r = { src, src_stride, dst_stride, row_bytes };
  gsize total;

  if (!rows || !row_bytes)
    return TRUE;
  if (row_bytes > dst_stride || rows > G_MAXSIZE / dst_stride) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "upload of %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT
        " bytes, %" G_GSIZE_FORMAT " apart, is not possible",
        rows, row_bytes, dst_stride);
    return FALSE;
  }
  total = rows * dst_stride;
  if (!check_slice (dst, total, error) || !ovk_device_alive (up->dev, error))
    return FALSE;
  if (dst.buffer->map)
    return write_rows (up->dev, dst, &r, total, error);
  return uploader_stage (up, dst, &r, total, error) || uploader_drop (up);
}

gboolean
ovk_uploader_finish (OvkUploader *up, GError **error)
{
  if (!uploader_submit (up, error))
    return uploader_drop (up);
  for (guint i = 0; i < N_STAGING; i++) {
    Stage *stage = &up->stages[i];

    if (stage->cmd && !ovk_cmd_wait (stage->cmd, error))
      return uploader_drop (up);
  }
  return TRUE;
}

gboolean
ovk_slice_write (OvkDevice *dev, OvkSlice dst, const void *data,
    gsize size_bytes, GError **error)
{
  Rows r = { data, size_bytes, size_bytes, size_bytes };
  g_autoptr (GMutexLocker) locker = NULL;

  if (!size_bytes)
    return TRUE;
  if (!check_slice (dst, size_bytes, error) || !ovk_device_alive (dev, error))
    return FALSE;
  if (dst.buffer->map)
    return write_rows (dev, dst, &r, size_bytes, error);
  locker = g_mutex_locker_new (&dev->transfer_lock);
  if (!dev->uploader)
    dev->uploader = uploader_new (dev, dev->type_upload, TRUE);
  return ovk_uploader_rows (dev->uploader, dst, size_bytes, data, size_bytes,
             size_bytes, 1, error)
         && ovk_uploader_finish (dev->uploader, error);
}

/* ---- readback --------------------------------------------------------- */

/* Takes what the stage's copy has brought to @data. */
static gboolean
stage_take (Stage *stage, guint8 *data, GError **error)
{
  gsize n = stage->used;

  stage->used = 0;
  if (!n)
    return TRUE;
  if (!ovk_cmd_wait (stage->cmd, error)
      || !buffer_sync (stage->buffer, 0, n, TRUE, error))
    return FALSE;
  memcpy (data, stage->buffer->map, n);
  return TRUE;
}

static gboolean
read_staged (OvkUploader *reader, OvkSlice src, guint8 *data, gsize size_bytes,
    GError **error)
{
  gsize asked = 0, taken = 0;

  for (guint i = 0; i < N_STAGING; i++)
    reader->stages[i].used = 0;
  /* One stage is filled by the device while the other one is emptied. */
  for (guint i = 0; taken < size_bytes; i = (i + 1) % N_STAGING) {
    Stage *stage = &reader->stages[i];
    gsize n = stage->used;

    if (!stage_prepare (reader, stage, error)
        || !stage_take (stage, data + taken, error))
      return FALSE;
    taken += n;
    if (asked == size_bytes)
      continue;
    n = MIN (size_bytes - asked, STAGING_BYTES);
    ovk_cmd_copy_bytes (stage->cmd, (OvkSlice){ stage->buffer, 0, n },
        (OvkSlice){ src.buffer, src.offset + asked, n });
    ovk_cmd_host_reads (stage->cmd);
    if (!ovk_cmd_submit (stage->cmd, error))
      return FALSE;
    stage->used = n;
    asked += n;
  }
  return TRUE;
}

gboolean
ovk_slice_read (
    OvkDevice *dev, OvkSlice src, void *data, gsize size_bytes, GError **error)
{
  /* Below this, reading memory without a cache costs less than a submission. */
  const gsize small = 16 << 10;
  g_autoptr (GMutexLocker) locker = NULL;
  OvkBuffer *buffer = src.buffer;

  if (!size_bytes)
    return TRUE;
  if (!check_slice (src, size_bytes, error) || !ovk_device_alive (dev, error))
    return FALSE;
  if (buffer->map
      && (size_bytes <= small
          || (type_flags (dev, buffer->type) & HOST_CACHED))) {
    if (!ovk_device_wait (dev, buffer_last_use (buffer), "readback", error))
      return FALSE;
    memcpy (data, buffer->map + src.offset, size_bytes);
    return TRUE;
  }
  locker = g_mutex_locker_new (&dev->transfer_lock);
  if (!dev->reader)
    dev->reader = uploader_new (dev, dev->type_readback, TRUE);
  return read_staged (dev->reader, src, data, size_bytes, error);
}
