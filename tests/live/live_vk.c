/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live.h"

#include <dlfcn.h>
#include <vulkan/vulkan.h>

static GMutex lock;
static gint64 n_objects, n_bytes;
static gint n_instances; /* atomic */
static gboolean lose_memory;
/* Vulkan allows 4096 at a time, unless a device says more. */
static struct {
  VkDeviceMemory handle;
  VkDeviceSize size;
} memories[1 << 14];

#define EXPORT __attribute__ ((visibility ("default")))
extern PFN_vkEnumerateInstanceVersion live_vk_loader;

#define REAL(name) PFN_##name real = (PFN_##name) dlsym (RTLD_NEXT, #name)

static void
count (gint64 n)
{
  g_mutex_lock (&lock);
  n_objects += n;
  g_mutex_unlock (&lock);
}

#define LIVE_CREATE(name, params, args)                                        \
  EXPORT VKAPI_ATTR VkResult VKAPI_CALL name params                            \
  {                                                                            \
    REAL (name);                                                               \
    VkResult result = real args;                                               \
    count (result == VK_SUCCESS);                                              \
    return result;                                                             \
  }

#define LIVE_DESTROY(name, params, args, object)                               \
  EXPORT VKAPI_ATTR void VKAPI_CALL name params                                \
  {                                                                            \
    REAL (name);                                                               \
    count (object ? -1 : 0);                                                   \
    real args;                                                                 \
  }

/* Most share a form: device, info, allocator, result. */
#define LIVE_OBJECT(what)                                                      \
  LIVE_CREATE (vkCreate##what,                                                 \
      (VkDevice dev, const Vk##what##CreateInfo *info,                         \
          const VkAllocationCallbacks *alloc, Vk##what *object),               \
      (dev, info, alloc, object))                                              \
  LIVE_DESTROY (vkDestroy##what,                                               \
      (VkDevice dev, Vk##what object, const VkAllocationCallbacks *alloc),     \
      (dev, object, alloc), object)

LIVE_CREATE (vkCreateDevice,
    (VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
        const VkAllocationCallbacks *alloc, VkDevice *object),
    (physical, info, alloc, object))
LIVE_DESTROY (vkDestroyDevice,
    (VkDevice object, const VkAllocationCallbacks *alloc), (object, alloc),
    object)
LIVE_OBJECT (Buffer)
LIVE_OBJECT (BufferView)
LIVE_OBJECT (CommandPool)
LIVE_OBJECT (DescriptorPool)
LIVE_OBJECT (DescriptorSetLayout)
LIVE_OBJECT (Event)
LIVE_OBJECT (Fence)
LIVE_OBJECT (Image)
LIVE_OBJECT (ImageView)
LIVE_OBJECT (PipelineCache)
LIVE_OBJECT (PipelineLayout)
LIVE_OBJECT (QueryPool)
LIVE_OBJECT (Sampler)
LIVE_OBJECT (Semaphore)
LIVE_OBJECT (ShaderModule)

EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkCreateInstance (const VkInstanceCreateInfo *info,
    const VkAllocationCallbacks *alloc, VkInstance *instance)
{
  REAL (vkCreateInstance);
  VkResult result = real (info, alloc, instance);

  g_atomic_int_add (&n_instances, result == VK_SUCCESS);
  count (result == VK_SUCCESS);
  return result;
}

EXPORT VKAPI_ATTR void VKAPI_CALL
vkDestroyInstance (VkInstance instance, const VkAllocationCallbacks *alloc)
{
  REAL (vkDestroyInstance);
  real (instance, alloc);
  count (instance ? -1 : 0);
  g_atomic_int_add (&n_instances, instance ? -1 : 0);
}

void
live_wait_vk_instances (void)
{
  for (guint try = 0; try < 6000 && g_atomic_int_get (&n_instances) > 1; try++)
    g_usleep (10000);
}

EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkCreateComputePipelines (VkDevice dev, VkPipelineCache cache, uint32_t n,
    const VkComputePipelineCreateInfo *infos,
    const VkAllocationCallbacks *alloc, VkPipeline *pipelines)
{
  REAL (vkCreateComputePipelines);
  VkResult result = real (dev, cache, n, infos, alloc, pipelines);

  for (uint32_t i = 0; i < n; i++)
    count (pipelines[i] != VK_NULL_HANDLE);
  return result;
}

LIVE_DESTROY (vkDestroyPipeline,
    (VkDevice dev, VkPipeline object, const VkAllocationCallbacks *alloc),
    (dev, object, alloc), object)

EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkAllocateMemory (VkDevice dev, const VkMemoryAllocateInfo *info,
    const VkAllocationCallbacks *alloc, VkDeviceMemory *memory)
{
  REAL (vkAllocateMemory);
  VkResult result = real (dev, info, alloc, memory);

  if (result == VK_SUCCESS) {
    guint i = 0;

    g_mutex_lock (&lock);
    while (memories[i].handle)
      g_assert_cmpuint (++i, <, G_N_ELEMENTS (memories));
    memories[i].handle = *memory;
    memories[i].size = info->allocationSize;
    n_objects++;
    n_bytes += (gint64) info->allocationSize;
    g_mutex_unlock (&lock);
  }
  return result;
}

EXPORT VKAPI_ATTR void VKAPI_CALL
vkFreeMemory (
    VkDevice dev, VkDeviceMemory memory, const VkAllocationCallbacks *alloc)
{
  REAL (vkFreeMemory);
  guint i = 0;

  if (memory) {
    g_mutex_lock (&lock);
    while (memories[i].handle != memory)
      g_assert_cmpuint (++i, <, G_N_ELEMENTS (memories));
    if (!lose_memory) {
      n_objects--;
      n_bytes -= (gint64) memories[i].size;
    }
    lose_memory = FALSE;
    memories[i].handle = VK_NULL_HANDLE;
    g_mutex_unlock (&lock);
  }
  real (dev, memory, alloc);
}

void
live_lose_vk_memory (void)
{
  g_mutex_lock (&lock);
  lose_memory = TRUE;
  g_mutex_unlock (&lock);
}

static gint64
count_objects (void)
{
  gint64 n;

  g_mutex_lock (&lock);
  n = n_objects;
  g_mutex_unlock (&lock);
  return n;
}

static gint64
count_bytes (void)
{
  gint64 n;

  g_mutex_lock (&lock);
  n = n_bytes;
  g_mutex_unlock (&lock);
  return n;
}

/* One that the program itself does not have, so that the loader is linked to
 * it: that of a plugin alone would not be found behind the functions above. */
PFN_vkEnumerateInstanceVersion live_vk_loader = vkEnumerateInstanceVersion;

__attribute__ ((constructor)) static void
add_counters (void)
{
  g_assert_nonnull (live_vk_loader);
  live_add (LIVE_VK_OBJECTS, count_objects);
  live_add (LIVE_VK_BYTES, count_bytes);
}
