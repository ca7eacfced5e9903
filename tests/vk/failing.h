/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vulkan calls that fail when they are told to: they stand before the loader's
 * in a test program, which includes this once. Needs libdl. */
#ifndef OWL2_TESTS_FAILING_H
#define OWL2_TESTS_FAILING_H

#include <dlfcn.h>
#include <glib.h>
#include <string.h>
#include <vulkan/vulkan.h>

static guint n_calls, fail_at; /* 0: none fails */
static guint fail_repeat;      /* how many after it fail as well */
static const char *fail_only;  /* count calls of this name; NULL: all */
static VkResult fail_result;
static const char *failed_call;
static VkDevice live_devices[8]; /* those that live; NULL in between */
/* Calls come from several threads, too. What is above is set while there is
 * but one. */
static GMutex failing_lock;
/* The driver wants nobody else at a queue while its device is waited for. Taken
 * last. */
static GMutex queues_lock;
/* Nothing is submitted any more, by whoever was about to, until there is
 * another device. Under that lock. */
static gboolean queues_lost;

static void
wait_for_devices (gboolean lost)
{
  g_mutex_lock (&queues_lock);
  queues_lost |= lost;
  for (guint i = 0; i < G_N_ELEMENTS (live_devices); i++)
    if (live_devices[i])
      vkDeviceWaitIdle (live_devices[i]);
  g_mutex_unlock (&queues_lock);
}

/* TRUE if this call is the one to fail. */
static gboolean
is_time_to_fail (const char *name)
{
  gboolean fails = FALSE;

  g_mutex_lock (&failing_lock);
  if (fail_at && (!fail_only || strcmp (name, fail_only) == 0)) {
    n_calls++;
    fails = n_calls >= fail_at && n_calls - fail_at <= fail_repeat;
  }
  if (fails)
    failed_call = name;
  /* A device said to be lost must really be idle, since all that it uses may
   * be destroyed then. */
  if (fails && fail_result == VK_ERROR_DEVICE_LOST)
    wait_for_devices (TRUE);
  g_mutex_unlock (&failing_lock);
  return fails;
}

static void
replace_device (VkDevice from, VkDevice to)
{
  guint i = 0;

  g_mutex_lock (&failing_lock);
  while (i < G_N_ELEMENTS (live_devices) && live_devices[i] != from)
    i++;
  if (i < G_N_ELEMENTS (live_devices))
    live_devices[i] = to;
  g_mutex_unlock (&failing_lock);
}

/* Calls of one kind, such as n_calls_vkQueueSubmit, are counted too. */
#define FAILING(name, params, args)                                            \
  static gint n_calls_##name G_GNUC_UNUSED; /* atomic */                       \
  VKAPI_ATTR VkResult VKAPI_CALL name params                                   \
  {                                                                            \
    PFN_##name real;                                                           \
    g_atomic_int_inc (&n_calls_##name);                                        \
    if (is_time_to_fail (#name))                                               \
      return fail_result;                                                      \
    real = (PFN_##name) dlsym (RTLD_NEXT, #name);                              \
    return real args;                                                          \
  }

/* Creating calls that share a form: device, info, allocator, result. */
#define FAILING_CREATE(what)                                                   \
  FAILING (vkCreate##what,                                                     \
      (VkDevice dev, const Vk##what##CreateInfo *info,                         \
          const VkAllocationCallbacks *alloc, Vk##what *object),               \
      (dev, info, alloc, object))

FAILING (vkCreateInstance,
    (const VkInstanceCreateInfo *info, const VkAllocationCallbacks *alloc,
        VkInstance *object),
    (info, alloc, object))
FAILING (vkEnumeratePhysicalDevices,
    (VkInstance instance, uint32_t *n, VkPhysicalDevice *devices),
    (instance, n, devices))
FAILING_CREATE (Semaphore)
FAILING_CREATE (Buffer)
FAILING_CREATE (BufferView)
FAILING_CREATE (PipelineCache)
FAILING_CREATE (DescriptorSetLayout)
FAILING_CREATE (PipelineLayout)
FAILING_CREATE (ShaderModule)
FAILING_CREATE (CommandPool)
FAILING_CREATE (DescriptorPool)
FAILING_CREATE (QueryPool)
FAILING (vkAllocateMemory,
    (VkDevice dev, const VkMemoryAllocateInfo *info,
        const VkAllocationCallbacks *alloc, VkDeviceMemory *memory),
    (dev, info, alloc, memory))
FAILING (vkBindBufferMemory,
    (VkDevice dev, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize at),
    (dev, buffer, memory, at))
FAILING (vkMapMemory,
    (VkDevice dev, VkDeviceMemory memory, VkDeviceSize at, VkDeviceSize size,
        VkMemoryMapFlags flags, void **map),
    (dev, memory, at, size, flags, map))
FAILING (vkFlushMappedMemoryRanges,
    (VkDevice dev, uint32_t n, const VkMappedMemoryRange *ranges),
    (dev, n, ranges))
FAILING (vkInvalidateMappedMemoryRanges,
    (VkDevice dev, uint32_t n, const VkMappedMemoryRange *ranges),
    (dev, n, ranges))
FAILING (vkGetPipelineCacheData,
    (VkDevice dev, VkPipelineCache cache, size_t *size, void *data),
    (dev, cache, size, data))
FAILING (vkCreateComputePipelines,
    (VkDevice dev, VkPipelineCache cache, uint32_t n,
        const VkComputePipelineCreateInfo *infos,
        const VkAllocationCallbacks *alloc, VkPipeline *pipelines),
    (dev, cache, n, infos, alloc, pipelines))
FAILING (vkAllocateCommandBuffers,
    (VkDevice dev, const VkCommandBufferAllocateInfo *info,
        VkCommandBuffer *buffers),
    (dev, info, buffers))
FAILING (vkBeginCommandBuffer,
    (VkCommandBuffer buffer, const VkCommandBufferBeginInfo *info),
    (buffer, info))
FAILING (vkEndCommandBuffer, (VkCommandBuffer buffer), (buffer))
FAILING (vkResetCommandPool,
    (VkDevice dev, VkCommandPool pool, VkCommandPoolResetFlags flags),
    (dev, pool, flags))
FAILING (vkResetDescriptorPool,
    (VkDevice dev, VkDescriptorPool pool, VkDescriptorPoolResetFlags flags),
    (dev, pool, flags))
FAILING (vkAllocateDescriptorSets,
    (VkDevice dev, const VkDescriptorSetAllocateInfo *info,
        VkDescriptorSet *sets),
    (dev, info, sets))
FAILING (vkGetQueryPoolResults,
    (VkDevice dev, VkQueryPool pool, uint32_t first, uint32_t n, size_t size,
        void *data, VkDeviceSize stride, VkQueryResultFlags flags),
    (dev, pool, first, n, size, data, stride, flags))
static VkResult
submit (VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence fence)
{
  PFN_vkQueueSubmit real =
      (PFN_vkQueueSubmit) dlsym (RTLD_NEXT, "vkQueueSubmit");
  VkResult result = VK_ERROR_DEVICE_LOST;

  g_mutex_lock (&queues_lock);
  if (!queues_lost)
    result = real (queue, n, infos, fence);
  g_mutex_unlock (&queues_lock);
  return result;
}

static gint n_calls_vkQueueSubmit G_GNUC_UNUSED; /* atomic */
VKAPI_ATTR VkResult VKAPI_CALL
vkQueueSubmit (
    VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence fence)
{
  g_atomic_int_inc (&n_calls_vkQueueSubmit);
  if (is_time_to_fail ("vkQueueSubmit"))
    return fail_result;
  return submit (queue, n, infos, fence);
}

FAILING (vkWaitSemaphores,
    (VkDevice dev, const VkSemaphoreWaitInfo *info, uint64_t timeout),
    (dev, info, timeout))
FAILING (vkGetSemaphoreCounterValue,
    (VkDevice dev, VkSemaphore semaphore, uint64_t *value),
    (dev, semaphore, value))

/* These two also keep the handles, for as long as they live. */
VKAPI_ATTR VkResult VKAPI_CALL
vkCreateDevice (VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
    const VkAllocationCallbacks *alloc, VkDevice *object)
{
  PFN_vkCreateDevice real =
      (PFN_vkCreateDevice) dlsym (RTLD_NEXT, "vkCreateDevice");
  VkResult result;

  if (is_time_to_fail ("vkCreateDevice"))
    return fail_result;
  result = real (physical, info, alloc, object);
  if (result == VK_SUCCESS) {
    replace_device (NULL, *object);
    g_mutex_lock (&queues_lock);
    queues_lost = FALSE;
    g_mutex_unlock (&queues_lock);
  }
  return result;
}

VKAPI_ATTR void VKAPI_CALL
vkDestroyDevice (VkDevice dev, const VkAllocationCallbacks *alloc)
{
  PFN_vkDestroyDevice real =
      (PFN_vkDestroyDevice) dlsym (RTLD_NEXT, "vkDestroyDevice");

  if (dev)
    replace_device (dev, NULL);
  real (dev, alloc);
}

#endif
