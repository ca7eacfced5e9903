/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of device memory, and slices of them. */
#include "ovk_private.h"

#include <string.h>

#define AREA "vk"

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

int
ovk_memory_pick_type (const OvkDevice *dev, guint32 bits, int heap,
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
  /* The host sees a discrete card's memory through a bus, if at all: writes
   * are faster by the card's own copies, and reads, without a cache, take
   * many times as long. */
  if (heap >= 0 && !no_unified
      && dev->caps.type != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU) {
    device = ovk_memory_pick_type (dev, needs.memoryTypeBits, heap,
        DEVICE_LOCAL | HOST_VISIBLE | HOST_COHERENT, HOST_CACHED, 0);
    dev->caps.unified_memory = device >= 0;
  }
  if (!dev->caps.unified_memory)
    dev->caps.host_import_align = 0;
  if (device < 0)
    device = ovk_memory_pick_type (dev, needs.memoryTypeBits, heap,
        DEVICE_LOCAL, 0, HOST_VISIBLE | HOST_CACHED);
  if (device < 0)
    device = ovk_memory_pick_type (
        dev, needs.memoryTypeBits, -1, 0, DEVICE_LOCAL, 0);
  up = ovk_memory_pick_type (
      dev, needs.memoryTypeBits, -1, HOST_VISIBLE, HOST_COHERENT, DEVICE_LOCAL);
  down = ovk_memory_pick_type (dev, needs.memoryTypeBits, -1,
      HOST_VISIBLE | HOST_CACHED, HOST_COHERENT, DEVICE_LOCAL);
  if (down < 0)
    down = up;
  if (device < 0 || up < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "%s has no memory for storage buffers", dev->caps.name);
    return FALSE;
  }
  if (heap >= 0)
    dev->caps.max_allocation_bytes = MIN (
        dev->caps.max_allocation_bytes, dev->memory.memoryHeaps[heap].size);
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
    guint64 available = ovk_host_available_bytes ("");

    if (available)
      return available;
  }
  allocated = ovk_device_allocated_bytes (dev);
  return size - MIN (allocated, size);
}

/* ---- buffers ---------------------------------------------------------- */

guint64
ovk_buffer_last_use (OvkBuffer *buffer)
{
  guint64 value;

  g_mutex_lock (&buffer->dev->queue_lock);
  value = buffer->last_use;
  g_mutex_unlock (&buffer->dev->queue_lock);
  return value;
}

void
ovk_touched_keep (OvkDevice *dev, OvkTouched *touched, gboolean keep)
{
  if (touched->kept == keep)
    return;
  g_mutex_lock (&dev->kept_lock);
  if (keep)
    g_ptr_array_add (dev->kept, touched);
  else
    g_ptr_array_remove_fast (dev->kept, touched);
  g_mutex_unlock (&dev->kept_lock);
  touched->kept = keep;
}

/* Nobody can use it again. */
static void
buffer_forget (OvkBuffer *buffer)
{
  OvkDevice *dev = buffer->dev;

  g_mutex_lock (&dev->kept_lock);
  for (guint i = 0; i < dev->kept->len; i++) {
    OvkTouched *touched = g_ptr_array_index (dev->kept, i);

    touched->stale |= g_hash_table_remove (touched->buffers, buffer);
  }
  g_mutex_unlock (&dev->kept_lock);
}

void
ovk_buffer_free (OvkBuffer *buffer)
{
  OvkDevice *dev;

  if (!buffer)
    return;
  dev = buffer->dev;
  buffer_forget (buffer);
  if (!ovk_device_settle (dev, ovk_buffer_last_use (buffer))) {
    g_mutex_lock (&dev->memory_lock);
    g_ptr_array_add (dev->parked_buffers, buffer);
    g_mutex_unlock (&dev->memory_lock);
    return;
  }
  if (buffer->handle)
    vkDestroyBuffer (dev->handle, buffer->handle, NULL);
  if (buffer->memory)
    vkFreeMemory (dev->handle, buffer->memory, NULL);
  g_mutex_lock (&dev->memory_lock);
  dev->allocated -= buffer->charged;
  dev->n_allocations -= buffer->counted ? 1 : 0;
  g_mutex_unlock (&dev->memory_lock);
  g_clear_pointer (&buffer->host, g_bytes_unref);
  g_free (buffer);
}

static gboolean
set_no_memory (OvkDevice *dev, const char *name, guint64 size_bytes,
    const char *why, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: '%s' needs %" G_GUINT64_FORMAT
      " bytes of device memory, %" G_GUINT64_FORMAT " are free%s",
      dev->caps.name, name, size_bytes, ovk_device_free_bytes (dev), why);
  return FALSE;
}

static gboolean
set_too_large (
    OvkDevice *dev, const char *name, guint64 size_bytes, GError **error)
{
  g_autofree char *why =
      g_strdup_printf (", and one allocation may have %" G_GSIZE_FORMAT,
          dev->caps.max_allocation_bytes);

  return set_no_memory (dev, name, size_bytes, why, error);
}

/* Staging buffers lie in the host's memory, mostly. */
static gboolean
on_device_heap (const OvkBuffer *buffer)
{
  const OvkDevice *dev = buffer->dev;

  return dev->memory.memoryTypes[buffer->type].heapIndex
         == dev->memory.memoryTypes[dev->type_device].heapIndex;
}

gboolean
ovk_buffer_charge (
    OvkBuffer *buffer, const char *name, gsize bytes, GError **error)
{
  OvkDevice *dev = buffer->dev;

  if (on_device_heap (buffer) && bytes > ovk_device_free_bytes (dev))
    return set_no_memory (dev, name, bytes, "", error);
  g_mutex_lock (&dev->memory_lock);
  buffer->counted = dev->n_allocations < dev->max_allocations;
  if (buffer->counted) {
    dev->n_allocations++;
    buffer->charged = on_device_heap (buffer) ? bytes : 0;
    dev->allocated += buffer->charged;
  }
  g_mutex_unlock (&dev->memory_lock);
  if (!buffer->counted) {
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
    return set_too_large (dev, name, needs.size, error);
  if (!ovk_buffer_charge (buffer, name, needs.size, error))
    return FALSE;
  result = vkAllocateMemory (dev->handle, &info, NULL, &buffer->memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY
      || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
    buffer->memory = VK_NULL_HANDLE;
    return set_no_memory (
        dev, name, needs.size, ", but the driver refused", error);
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

OvkBuffer *
ovk_buffer_new (OvkDevice *dev, const char *name, gsize size_bytes, guint type,
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
    set_too_large (dev, name, size_bytes, error);
    return NULL;
  }
  if (!create_handle (dev, size_bytes, &buffer->handle, error)
      || !buffer_back (buffer, name, error))
    return NULL;
  ovk_device_name (
      dev, VK_OBJECT_TYPE_BUFFER, OVK_HANDLE (buffer->handle), "%s", name);
  return g_steal_pointer (&buffer);
}

gboolean
ovk_buffer_sync (
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

  if (type_flags (dev, buffer->type) & HOST_COHERENT)
    return TRUE;
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

gboolean
ovk_buffer_is_cached (const OvkBuffer *buffer)
{
  return (type_flags (buffer->dev, buffer->type) & HOST_CACHED) != 0;
}

/* Contents of a new block: the host is faster where it has a cache over it. */
static gboolean
buffer_zero (OvkBuffer *buffer, GError **error)
{
  g_autoptr (OvkCmd) cmd = NULL;

  if (buffer->map && ovk_buffer_is_cached (buffer)) {
    memset (buffer->map, 0, buffer->size);
    return ovk_buffer_sync (buffer, 0, buffer->size, FALSE, error);
  }
  cmd = ovk_cmd_new (buffer->dev, "zeroing", error);
  if (!cmd)
    return FALSE;
  ovk_cmd_fill (cmd, (OvkSlice){ buffer, 0, buffer->size }, 0);
  return ovk_cmd_run (cmd, error);
}

/* ---- arenas ----------------------------------------------------------- */

struct _OvkArena {
  OvkDevice *dev; /* reference */
  char *name;
  gsize block_bytes;
  gsize align;       /* of slices, a power of two */
  gboolean counts;   /* only: takes nothing */
  guint type;        /* memory type of the blocks */
  gboolean mapped;   /* the host sees them */
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
  arena->type = dev->type_device;
  arena->mapped = dev->caps.unified_memory;
  arena->block_bytes = MIN (block_bytes, dev->caps.max_allocation_bytes)
                       / arena->align * arena->align;
  arena->blocks =
      g_ptr_array_new_with_free_func ((GDestroyNotify) ovk_buffer_free);
  g_mutex_init (&arena->lock);
  return arena;
}

OvkArena *
ovk_arena_new_results (OvkDevice *dev, const char *name, gsize block_bytes)
{
  OvkArena *arena = ovk_arena_new (dev, name, block_bytes);

  arena->type = dev->type_readback;
  arena->mapped = TRUE;
  return arena;
}

OvkArena *
ovk_arena_new_counting (OvkDevice *dev)
{
  OvkArena *arena = ovk_arena_new (dev, "counting", 0);

  arena->counts = TRUE;
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
  g_autofree char *name =
      g_strdup_printf ("%s %u", arena->name, arena->blocks->len);
  g_autoptr (OvkBuffer) block = ovk_buffer_new (
      arena->dev, name, size_bytes, arena->type, arena->mapped, error);

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
    return set_too_large (dev, arena->name, size_bytes, error);
  rounded = (MAX (size_bytes, 1) + arena->align - 1) & ~(arena->align - 1);
  locker = g_mutex_locker_new (&arena->lock);
  if (arena->counts) {
    *slice = (OvkSlice){ NULL, 0, size_bytes };
    arena->bytes += rounded;
    return TRUE;
  }
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
  GMutex *lock = (GMutex *) &arena->lock;
  guint64 bytes;

  g_mutex_lock (lock);
  bytes = arena->bytes;
  g_mutex_unlock (lock);
  return bytes;
}
