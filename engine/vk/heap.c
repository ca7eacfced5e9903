/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory types, and the books of what is allocated. */
#include "ovk_heap.h"
#include "ovk_available.h"

#define BUFFER_USAGE                                                           \
  (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT       \
      | VK_BUFFER_USAGE_TRANSFER_DST_BIT)

#define DEVICE_LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define HOST_VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define HOST_COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define HOST_CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

void
ovk_heap_init (OvkHeap *heap, OvkGpu *gpu, OvkQueue *queue)
{
  heap->gpu = gpu;
  heap->queue = queue;
  g_mutex_init (&heap->lock);
  g_mutex_init (&heap->kept_lock);
  heap->kept = g_ptr_array_new ();
}

void
ovk_heap_clear (OvkHeap *heap)
{
  g_mutex_clear (&heap->lock);
  g_mutex_clear (&heap->kept_lock);
  g_ptr_array_unref (heap->kept);
}

/* ---- memory types ----------------------------------------------------- */

VkMemoryPropertyFlags
ovk_heap_type_flags (const OvkHeap *heap, guint type)
{
  return heap->memory.memoryTypes[type].propertyFlags;
}

int
ovk_heap_pick_type (const OvkHeap *heap, guint32 bits, int index,
    VkMemoryPropertyFlags needed, VkMemoryPropertyFlags liked,
    VkMemoryPropertyFlags disliked)
{
  /* Anything beyond these needs a feature or is for other uses. */
  const VkMemoryPropertyFlags known =
      DEVICE_LOCAL | HOST_VISIBLE | HOST_COHERENT | HOST_CACHED;
  int best = -1, best_score = 0;

  for (guint i = 0; i < heap->memory.memoryTypeCount; i++) {
    VkMemoryPropertyFlags flags = ovk_heap_type_flags (heap, i);
    int score;

    if (!(bits >> i & 1) || (flags & needed) != needed || (flags & ~known))
      continue;
    if (index >= 0 && heap->memory.memoryTypes[i].heapIndex != (guint) index)
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

gboolean
ovk_heap_create_handle (
    OvkHeap *heap, gsize size_bytes, VkBuffer *handle, GError **error)
{
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = ovk_gpu_buffer_bytes (heap->gpu, size_bytes),
    .usage = ovk_gpu_usage (heap->gpu, BUFFER_USAGE),
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkResult result = vkCreateBuffer (heap->gpu->handle, &info, NULL, handle);

  if (result == VK_SUCCESS)
    return TRUE;
  *handle = VK_NULL_HANDLE;
  ovk_set_error (heap->gpu, error, result,
      "%s: creating a buffer of %" G_GSIZE_FORMAT " bytes failed",
      heap->gpu->caps.name, size_bytes);
  return FALSE;
}

gboolean
ovk_heap_open (OvkHeap *heap, gboolean no_unified, GError **error)
{
  VkMemoryRequirements needs;
  VkBuffer probe;
  int index = -1, device = -1, up, down;

  vkGetPhysicalDeviceMemoryProperties (heap->gpu->physical, &heap->memory);
  if (!ovk_heap_create_handle (heap, 256, &probe, error))
    return FALSE;
  vkGetBufferMemoryRequirements (heap->gpu->handle, probe, &needs);
  vkDestroyBuffer (heap->gpu->handle, probe, NULL);

  for (guint i = 0; i < heap->memory.memoryTypeCount; i++) {
    guint h = heap->memory.memoryTypes[i].heapIndex;

    if (!(needs.memoryTypeBits >> i & 1)
        || !(ovk_heap_type_flags (heap, i) & DEVICE_LOCAL))
      continue;
    if (index < 0
        || heap->memory.memoryHeaps[h].size
               > heap->memory.memoryHeaps[index].size)
      index = (int) h;
  }
  /* The host sees a discrete card's memory through a bus, if at all: writes
   * are faster by the card's own copies, and reads, without a cache, take
   * many times as long. */
  if (index >= 0 && !no_unified
      && heap->gpu->caps.type != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU) {
    device = ovk_heap_pick_type (heap, needs.memoryTypeBits, index,
        DEVICE_LOCAL | HOST_VISIBLE | HOST_COHERENT, HOST_CACHED, 0);
    heap->gpu->caps.unified_memory = device >= 0;
  }
  if (!heap->gpu->caps.unified_memory)
    heap->gpu->caps.host_import_align = 0;
  if (device < 0)
    device = ovk_heap_pick_type (heap, needs.memoryTypeBits, index,
        DEVICE_LOCAL, 0, HOST_VISIBLE | HOST_CACHED);
  if (device < 0)
    device =
        ovk_heap_pick_type (heap, needs.memoryTypeBits, -1, 0, DEVICE_LOCAL, 0);
  up = ovk_heap_pick_type (heap, needs.memoryTypeBits, -1, HOST_VISIBLE,
      HOST_COHERENT, DEVICE_LOCAL);
  down = ovk_heap_pick_type (heap, needs.memoryTypeBits, -1,
      HOST_VISIBLE | HOST_CACHED, HOST_COHERENT, DEVICE_LOCAL);
  if (down < 0)
    down = up;
  if (device < 0 || up < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "%s has no memory for storage buffers", heap->gpu->caps.name);
    return FALSE;
  }
  if (index >= 0)
    heap->gpu->caps.max_allocation_bytes =
        MIN (heap->gpu->caps.max_allocation_bytes,
            heap->memory.memoryHeaps[index].size);
  heap->type_device = (guint) device;
  heap->type_upload = (guint) up;
  heap->type_readback = (guint) down;
  return TRUE;
}

/* ---- how much there is ------------------------------------------------ */

guint64
ovk_heap_allocated_bytes (OvkHeap *heap)
{
  guint64 allocated;

  g_mutex_lock (&heap->lock);
  allocated = heap->allocated;
  g_mutex_unlock (&heap->lock);
  return allocated;
}

guint64
ovk_heap_free_bytes (OvkHeap *heap)
{
  guint index = heap->memory.memoryTypes[heap->type_device].heapIndex;
  guint64 size = heap->memory.memoryHeaps[index].size;
  guint64 allocated, least = G_MAXUINT64;

  if (heap->gpu->has_budget) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
    };
    VkPhysicalDeviceMemoryProperties2 props = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
      .pNext = &budget,
    };

    vkGetPhysicalDeviceMemoryProperties2 (heap->gpu->physical, &props);
    if (budget.heapBudget[index])
      least = budget.heapBudget[index]
              - MIN (budget.heapUsage[index], budget.heapBudget[index]);
  }
  /* The heap of a device in software is an arbitrary number, such as 2 GiB;
   * what it uses is the host's memory, of which its budget knows no limit of a
   * control group. */
  if (heap->gpu->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU) {
    guint64 available = ovk_host_available_bytes ("");

    if (available)
      least = MIN (least, available);
  }
  if (least < G_MAXUINT64)
    return least;
  allocated = ovk_heap_allocated_bytes (heap);
  return size - MIN (allocated, size);
}

gboolean
ovk_heap_no_memory (OvkHeap *heap, const char *name, guint64 size_bytes,
    const char *why, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: '%s' needs %" G_GUINT64_FORMAT
      " bytes of device memory, %" G_GUINT64_FORMAT " are free%s",
      heap->gpu->caps.name, name, size_bytes, ovk_heap_free_bytes (heap), why);
  return FALSE;
}

gboolean
ovk_heap_too_large (
    OvkHeap *heap, const char *name, guint64 size_bytes, GError **error)
{
  g_autofree char *why =
      g_strdup_printf (", and one allocation may have %" G_GSIZE_FORMAT,
          heap->gpu->caps.max_allocation_bytes);

  return ovk_heap_no_memory (heap, name, size_bytes, why, error);
}

/* Staging buffers lie in the host's memory, mostly. */
static gboolean
on_device_heap (const OvkHeap *heap, guint type)
{
  return heap->memory.memoryTypes[type].heapIndex
         == heap->memory.memoryTypes[heap->type_device].heapIndex;
}

gboolean
ovk_heap_charge (OvkHeap *heap, OvkCharge *charge, guint type, const char *name,
    gsize bytes, GError **error)
{
  const OvkGpu *gpu = heap->gpu;

  if (on_device_heap (heap, type) && bytes > ovk_heap_free_bytes (heap))
    return ovk_heap_no_memory (heap, name, bytes, "", error);
  g_mutex_lock (&heap->lock);
  charge->counted = heap->n_allocations < gpu->max_allocations;
  if (charge->counted) {
    heap->n_allocations++;
    charge->bytes = on_device_heap (heap, type) ? bytes : 0;
    heap->allocated += charge->bytes;
  }
  g_mutex_unlock (&heap->lock);
  if (!charge->counted) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: '%s' can't be allocated, the device allows %u allocations",
        gpu->caps.name, name, gpu->max_allocations);
    return FALSE;
  }
  return TRUE;
}

void
ovk_heap_discharge (OvkHeap *heap, const OvkCharge *charge)
{
  g_mutex_lock (&heap->lock);
  heap->allocated -= charge->bytes;
  heap->n_allocations -= charge->counted ? 1 : 0;
  g_mutex_unlock (&heap->lock);
}
