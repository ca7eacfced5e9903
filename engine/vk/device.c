/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the devices, and opens one. */
#include "ovk_private.h"

#include <string.h>

#define AREA "vk"

/* ---- finding devices -------------------------------------------------- */

/* A physical device, and why it can't be used. */
typedef struct {
  VkPhysicalDevice handle;
  OvkCaps caps;
  VkPhysicalDeviceLimits limits;
  guint queue_family;
  guint timestamp_bits;
  const char *lacks; /* (nullable) constant; NULL: usable */
} Candidate;

static gboolean
has_extension (const VkExtensionProperties *props, guint n, const char *name)
{
  for (guint i = 0; i < n; i++) {
    if (strcmp (props[i].extensionName, name) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
create_instance (VkInstance *instance, gboolean *debug_utils, GError **error)
{
  const char *wanted[2];
  guint32 n_props = 0, n_wanted = 0;
  g_autofree VkExtensionProperties *props = NULL;
  VkApplicationInfo app = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "owl2",
    .pEngineName = "owl2",
    .apiVersion = VK_API_VERSION_1_2,
  };
  VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pApplicationInfo = &app,
    .ppEnabledExtensionNames = wanted,
  };
  VkResult result;

  *debug_utils = FALSE;
  if (vkEnumerateInstanceExtensionProperties (NULL, &n_props, NULL)
      == VK_SUCCESS) {
    props = g_new0 (VkExtensionProperties, n_props + 1);
    if (vkEnumerateInstanceExtensionProperties (NULL, &n_props, props) < 0)
      n_props = 0;
  }
  if (has_extension (props, n_props, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) {
    *debug_utils = TRUE;
    wanted[n_wanted++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  }
#ifdef VK_KHR_portability_enumeration
  if (has_extension (
          props, n_props, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
    info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    wanted[n_wanted++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
  }
#endif
  info.enabledExtensionCount = n_wanted;

  result = vkCreateInstance (&info, NULL, instance);
  if (result == VK_SUCCESS)
    return TRUE;
  *instance = VK_NULL_HANDLE;
  ovk_set_error (NULL, error, result, "Vulkan can't be used");
  return FALSE;
}

/* A family for compute alone leaves the graphics queue to the desktop. */
static gboolean
pick_queue_family (Candidate *c)
{
  guint32 n = 0;
  g_autofree VkQueueFamilyProperties *props = NULL;
  gboolean found = FALSE;

  vkGetPhysicalDeviceQueueFamilyProperties (c->handle, &n, NULL);
  props = g_new0 (VkQueueFamilyProperties, n + 1);
  vkGetPhysicalDeviceQueueFamilyProperties (c->handle, &n, props);
  for (guint32 i = 0; i < n; i++) {
    gboolean alone = !(props[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);

    if (!(props[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || !props[i].queueCount)
      continue;
    if (found && !alone)
      continue;
    c->queue_family = i;
    c->timestamp_bits = props[i].timestampValidBits;
    found = TRUE;
    if (alone)
      break;
  }
  return found;
}

static void
read_caps (Candidate *c)
{
  VkPhysicalDeviceSubgroupProperties subgroup = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
  };
  VkPhysicalDeviceMaintenance3Properties maintenance3 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
    .pNext = &subgroup,
  };
  VkPhysicalDeviceDriverProperties driver = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    .pNext = &maintenance3,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &driver,
  };
  OvkCaps *caps = &c->caps;
  const VkPhysicalDeviceLimits *limits = &props.properties.limits;

  vkGetPhysicalDeviceProperties2 (c->handle, &props);
  g_snprintf (caps->driver, sizeof (caps->driver), "%s%s%s", driver.driverName,
      driver.driverInfo[0] ? " " : "", driver.driverInfo);
  memcpy (caps->cache_uuid, props.properties.pipelineCacheUUID, VK_UUID_SIZE);
  c->limits = *limits;
  caps->subgroup_size = subgroup.subgroupSize;
  if (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) {
    caps->subgroup_ballot =
        !!(subgroup.supportedOperations & VK_SUBGROUP_FEATURE_BALLOT_BIT);
    caps->subgroup_arithmetic =
        !!(subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
  }
  caps->max_storage_range = limits->maxStorageBufferRange;
  caps->storage_align = MAX (limits->minStorageBufferOffsetAlignment, 4);
  caps->max_shared_bytes = limits->maxComputeSharedMemorySize;
  caps->max_workgroup = MIN (limits->maxComputeWorkGroupInvocations,
      limits->maxComputeWorkGroupSize[0]);
  caps->max_groups_x = limits->maxComputeWorkGroupCount[0];
  caps->max_groups_yz = MIN (
      limits->maxComputeWorkGroupCount[1], limits->maxComputeWorkGroupCount[2]);
  caps->max_allocation_bytes =
      MIN (maintenance3.maxMemoryAllocationSize, G_MAXSIZE / 2);
  if (c->timestamp_bits)
    caps->timestamp_ns = limits->timestampPeriod;
}

static const char *
find_what_is_missing (Candidate *c)
{
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &timeline,
  };

  if (c->caps.api_version < VK_API_VERSION_1_2)
    return "lacks Vulkan 1.2";
  vkGetPhysicalDeviceFeatures2 (c->handle, &features);
  if (!timeline.timelineSemaphore)
    return "lacks timeline semaphores";
  if (!pick_queue_family (c))
    return "lacks a compute queue";
  return NULL;
}

static void
look_at_device (Candidate *c, VkPhysicalDevice handle)
{
  VkPhysicalDeviceProperties props;
  VkPhysicalDeviceMemoryProperties memory;
  OvkCaps *caps = &c->caps;

  c->handle = handle;
  vkGetPhysicalDeviceProperties (handle, &props);
  g_strlcpy (caps->name, props.deviceName, sizeof (caps->name));
  caps->type = props.deviceType;
  caps->vendor_id = props.vendorID;
  caps->device_id = props.deviceID;
  caps->driver_version = props.driverVersion;
  caps->api_version = props.apiVersion;

  vkGetPhysicalDeviceMemoryProperties (handle, &memory);
  for (guint i = 0; i < memory.memoryHeapCount; i++) {
    if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      caps->heap_bytes = MAX (caps->heap_bytes, memory.memoryHeaps[i].size);
  }
  c->lacks = find_what_is_missing (c);
  if (caps->api_version >= VK_API_VERSION_1_2)
    read_caps (c);
}

static const char *
type_name (VkPhysicalDeviceType type)
{
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return "discrete GPU";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return "integrated GPU";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return "virtual GPU";
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return "CPU";
    default:
      return "other";
  }
}

/* Lower is better. */
static guint
type_rank (VkPhysicalDeviceType type)
{
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return 0;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return 1;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return 2;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return 3;
    default:
      return 4;
  }
}

static char *
describe (const Candidate *c, guint index)
{
  return g_strdup_printf ("%u: %s (%s, %s%s%s)", index, c->caps.name,
      type_name (c->caps.type),
      c->caps.driver[0] ? c->caps.driver : "unknown driver",
      c->lacks ? "; " : "", c->lacks ? c->lacks : "");
}

/* All devices as "0: a (..); 1: b (..)". */
static char *
describe_all (const GArray *candidates)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < candidates->len; i++) {
    g_autofree char *line =
        describe (&g_array_index (candidates, Candidate, i), i);

    g_string_append_printf (text, "%s%s", i ? "; " : "", line);
  }
  if (!candidates->len)
    g_string_append (text, "none");
  return g_string_free (text, FALSE);
}

static GArray *
find_devices (VkInstance instance, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, TRUE, sizeof (Candidate));
  g_autofree VkPhysicalDevice *handles = NULL;
  guint32 n = 0;
  VkResult result;

  result = vkEnumeratePhysicalDevices (instance, &n, NULL);
  if (result == VK_SUCCESS && n) {
    handles = g_new0 (VkPhysicalDevice, n);
    result = vkEnumeratePhysicalDevices (instance, &n, handles);
  }
  /* Some loaders say that a driver without devices failed to initialize. */
  if (result == VK_ERROR_INITIALIZATION_FAILED)
    n = 0;
  else if (result < 0) {
    ovk_set_error (NULL, error, result, "listing the Vulkan devices failed");
    return NULL;
  }
  g_array_set_size (found, n);
  for (guint32 i = 0; i < n; i++)
    look_at_device (&g_array_index (found, Candidate, i), handles[i]);
  return g_steal_pointer (&found);
}

GPtrArray *
ovk_device_list (GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) found = NULL;
  VkInstance instance;
  gboolean debug_utils;

  if (!create_instance (&instance, &debug_utils, error))
    return NULL;
  found = find_devices (instance, error);
  vkDestroyInstance (instance, NULL);
  if (!found)
    return NULL;
  for (guint i = 0; i < found->len; i++)
    g_ptr_array_add (lines, describe (&g_array_index (found, Candidate, i), i));
  return g_steal_pointer (&lines);
}

/* ---- opening ---------------------------------------------------------- */

void
ovk_device_name (
    OvkDevice *dev, VkObjectType type, guint64 object, const char *format, ...)
{
  g_autofree char *name = NULL;
  VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = object,
  };
  va_list args;

  if (!dev->set_name || !object)
    return;
  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  info.pObjectName = name;
  /* A name that could not be set is no reason to fail anything. */
  (void) dev->set_name (dev->handle, &info);
}

/* A number beyond the last device may still be part of a name. */
static gboolean
is_index (const char *text, guint n_devices)
{
  guint64 number;

  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL)
         && number < n_devices;
}

static gboolean
matches (const Candidate *c, guint index, const char *wanted, guint n_devices)
{
  g_autofree char *name = NULL, *part = NULL;

  if (!wanted)
    return TRUE;
  if (is_index (wanted, n_devices))
    return g_ascii_strtoull (wanted, NULL, 10) == index;
  name = g_utf8_casefold (c->caps.name, -1);
  part = g_utf8_casefold (wanted, -1);
  return strstr (name, part) != NULL;
}

static int
compare_rank (gconstpointer a, gconstpointer b)
{
  const Candidate *const *x = a, *const *y = b;
  int rank =
      (int) type_rank ((*x)->caps.type) - (int) type_rank ((*y)->caps.type);

  /* Equal ones stay in the loader's order. */
  return rank ? rank : (*x > *y) - (*x < *y);
}

/* The devices that fit @wanted, the best first. Never empty on success. */
static GPtrArray *
choose_devices (const GArray *found, const char *wanted, GError **error)
{
  g_autoptr (GPtrArray) usable = g_ptr_array_new ();
  g_autofree char *all = NULL;
  const Candidate *unusable = NULL;

  for (guint i = 0; i < found->len; i++) {
    Candidate *c = &g_array_index (found, Candidate, i);

    if (!matches (c, i, wanted, found->len))
      continue;
    if (c->lacks)
      unusable = c;
    else
      g_ptr_array_add (usable, c);
  }
  g_ptr_array_sort (usable, compare_rank);
  if (usable->len)
    return g_steal_pointer (&usable);

  all = describe_all (found);
  if (wanted && unusable)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "Vulkan device '%s' can't be used: %s %s; devices: %s", wanted,
        unusable->caps.name, unusable->lacks, all);
  else if (wanted)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
        "there is no Vulkan device '%s'; devices: %s", wanted, all);
  else
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
        "there is no usable Vulkan device; devices: %s", all);
  return NULL;
}

static gboolean
create_logical_device (OvkDevice *dev, GError **error)
{
  const float priority = 1.f;
  const char *wanted[1];
  guint32 n_props = 0, n_wanted = 0;
  g_autofree VkExtensionProperties *props = NULL;
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
    .timelineSemaphore = VK_TRUE,
  };
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = dev->queue_family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &timeline,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .ppEnabledExtensionNames = wanted,
  };
  VkResult result;

  if (vkEnumerateDeviceExtensionProperties (dev->physical, NULL, &n_props, NULL)
      == VK_SUCCESS) {
    props = g_new0 (VkExtensionProperties, n_props + 1);
    if (vkEnumerateDeviceExtensionProperties (
            dev->physical, NULL, &n_props, props)
        < 0)
      n_props = 0;
  }
  dev->has_budget =
      has_extension (props, n_props, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  /* Whoever has it, must have it enabled. */
  if (has_extension (props, n_props, "VK_KHR_portability_subset"))
    wanted[n_wanted++] = "VK_KHR_portability_subset";
  info.enabledExtensionCount = n_wanted;

#ifdef VK_KHR_maintenance4
  if (has_extension (props, n_props, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) {
    VkPhysicalDeviceMaintenance4PropertiesKHR maintenance4 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES_KHR,
    };
    VkPhysicalDeviceProperties2 more = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &maintenance4,
    };

    vkGetPhysicalDeviceProperties2 (dev->physical, &more);
    if (maintenance4.maxBufferSize)
      dev->caps.max_allocation_bytes =
          MIN (dev->caps.max_allocation_bytes, maintenance4.maxBufferSize);
  }
#endif

  result = vkCreateDevice (dev->physical, &info, NULL, &dev->handle);
  if (result != VK_SUCCESS) {
    dev->handle = VK_NULL_HANDLE;
    ovk_set_error (dev, error, result, "opening %s failed", dev->caps.name);
    return FALSE;
  }
  return TRUE;
}

static gboolean
create_timeline (OvkDevice *dev, GError **error)
{
  VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  VkSemaphoreCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };
  VkResult result =
      vkCreateSemaphore (dev->handle, &info, NULL, &dev->timeline);

  if (result != VK_SUCCESS) {
    dev->timeline = VK_NULL_HANDLE;
    ovk_set_error (
        dev, error, result, "%s: creating a semaphore failed", dev->caps.name);
    return FALSE;
  }
  ovk_device_name (
      dev, VK_OBJECT_TYPE_SEMAPHORE, OVK_HANDLE (dev->timeline), "timeline");
  return TRUE;
}

static void
load_debug_functions (OvkDevice *dev)
{
  dev->set_name =
      (PFN_vkSetDebugUtilsObjectNameEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkSetDebugUtilsObjectNameEXT");
  dev->begin_label =
      (PFN_vkCmdBeginDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkCmdBeginDebugUtilsLabelEXT");
  dev->end_label =
      (PFN_vkCmdEndDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkCmdEndDebugUtilsLabelEXT");
  if (!dev->begin_label || !dev->end_label) {
    dev->begin_label = NULL;
    dev->end_label = NULL;
  }
}

static void
apply_params (OvkDevice *dev, const OvkDeviceParams *params)
{
  if (params->no_subgroups) {
    dev->caps.subgroup_ballot = FALSE;
    dev->caps.subgroup_arithmetic = FALSE;
  }
  if (params->max_storage_range)
    dev->caps.max_storage_range =
        MIN (dev->caps.max_storage_range, params->max_storage_range);
}

/* Opens @c; takes over @instance in any case. */
static OvkDevice *
open_device (const OvkDeviceParams *params, VkInstance instance,
    const Candidate *c, gboolean debug_utils, GError **error)
{
  g_autoptr (OvkDevice) dev = g_new0 (OvkDevice, 1);

  g_atomic_ref_count_init (&dev->refs);
  dev->log = params->log;
  dev->instance = instance;
  dev->physical = c->handle;
  dev->caps = c->caps;
  dev->queue_family = c->queue_family;
  dev->timestamp_bits = c->timestamp_bits;
  dev->copy_atom = MAX (c->limits.nonCoherentAtomSize, 1);
  dev->max_bindings =
      MIN (c->limits.maxPerStageDescriptorStorageBuffers, OVK_MAX_BINDINGS);
  dev->max_allocations = c->limits.maxMemoryAllocationCount;
  dev->timeout_ns = c->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU
                        ? OVK_TIMEOUT_CPU_NS
                        : OVK_TIMEOUT_NS;
  dev->parked_buffers = g_ptr_array_new ();
  dev->parked_cmds = g_ptr_array_new ();
  g_mutex_init (&dev->queue_lock);
  g_mutex_init (&dev->memory_lock);
  g_mutex_init (&dev->transfer_lock);
  g_mutex_init (&dev->pipeline_lock);
  g_cond_init (&dev->pipeline_made);
  apply_params (dev, params);

  vkGetPhysicalDeviceMemoryProperties (dev->physical, &dev->memory);
  if (!create_logical_device (dev, error))
    return NULL;
  if (debug_utils)
    load_debug_functions (dev);
  vkGetDeviceQueue (dev->handle, dev->queue_family, 0, &dev->queue);
  ovk_device_name (
      dev, VK_OBJECT_TYPE_QUEUE, OVK_POINTER (dev->queue), "owl2 queue");
  if (!create_timeline (dev, error)
      || !ovk_memory_choose_types (dev, params->no_unified_memory, error)
      || !ovk_pipeline_open (dev, params->cache_dir, error))
    return NULL;
  owl2_log (dev->log, OWL2_LOG_INFO, AREA, "using %s (%s, %s)", dev->caps.name,
      type_name (dev->caps.type), dev->caps.driver);
  return g_steal_pointer (&dev);
}

OvkDevice *
ovk_device_new (const OvkDeviceParams *params, GError **error)
{
  static const OvkDeviceParams defaults = { NULL };
  g_autoptr (GArray) found = NULL;
  g_autoptr (GPtrArray) usable = NULL;
  VkInstance instance;
  gboolean debug_utils;

  if (!params)
    params = &defaults;
  /* Each try needs its own instance, since a device takes it over. Trying the
   * next best device matters where a driver lists what it can't open. */
  for (guint i = 0;; i++) {
    g_autoptr (GError) failure = NULL;
    OvkDevice *dev;

    g_clear_pointer (&usable, g_ptr_array_unref);
    g_clear_pointer (&found, g_array_unref);
    if (!create_instance (&instance, &debug_utils, error))
      return NULL;
    found = find_devices (instance, error);
    usable = found ? choose_devices (found, params->device, error) : NULL;
    if (!usable || i >= usable->len) {
      vkDestroyInstance (instance, NULL);
      if (usable)
        g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
            "the Vulkan devices changed while one was opened");
      return NULL;
    }
    dev = open_device (
        params, instance, g_ptr_array_index (usable, i), debug_utils, &failure);
    if (dev)
      return dev;
    if (params->device || i + 1 >= usable->len) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    owl2_log (params->log, OWL2_LOG_WARNING, AREA, "%s; trying the next device",
        failure->message);
  }
}

OvkDevice *
ovk_device_ref (OvkDevice *dev)
{
  g_atomic_ref_count_inc (&dev->refs);
  return dev;
}

/* A device that hung may have finished in the meantime. */
static void
free_parked (OvkDevice *dev)
{
  g_autoptr (GPtrArray) cmds = g_steal_pointer (&dev->parked_cmds);
  g_autoptr (GPtrArray) buffers = g_steal_pointer (&dev->parked_buffers);

  for (guint i = 0; i < cmds->len; i++)
    ovk_cmd_free (g_ptr_array_index (cmds, i));
  for (guint i = 0; i < buffers->len; i++)
    ovk_buffer_free (g_ptr_array_index (buffers, i));
}

/* FALSE if it had to be left behind. */
static gboolean
close_device (OvkDevice *dev)
{
  /* Where the first failed for want of memory, the second try may do. */
  if (dev->timeline && !ovk_device_settle (dev, dev->submitted)
      && !ovk_device_settle (dev, dev->submitted)) {
    owl2_log (dev->log, OWL2_LOG_WARNING, AREA,
        "%s hangs; leaving it and %" G_GUINT64_FORMAT " bytes behind",
        dev->caps.name, dev->allocated);
    return FALSE;
  }
  ovk_device_save_cache (dev);
  ovk_transfer_clear (dev);
  free_parked (dev);
  ovk_pipeline_clear (dev);
  /* Mesa's queue thread (22.3) still touches a timeline semaphore shortly after
   * the wait for it has returned; this waits for that thread. */
  if (dev->submitted)
    (void) vkDeviceWaitIdle (dev->handle);
  if (dev->timeline)
    vkDestroySemaphore (dev->handle, dev->timeline, NULL);
  vkDestroyDevice (dev->handle, NULL);
  return TRUE;
}

void
ovk_device_unref (OvkDevice *dev)
{
  if (!dev || !g_atomic_ref_count_dec (&dev->refs))
    return;
  if (dev->handle && !close_device (dev))
    return;
  if (dev->instance)
    vkDestroyInstance (dev->instance, NULL);
  g_clear_pointer (&dev->parked_buffers, g_ptr_array_unref);
  g_clear_pointer (&dev->parked_cmds, g_ptr_array_unref);
  g_mutex_clear (&dev->queue_lock);
  g_mutex_clear (&dev->memory_lock);
  g_mutex_clear (&dev->transfer_lock);
  g_mutex_clear (&dev->pipeline_lock);
  g_cond_clear (&dev->pipeline_made);
  g_free (dev);
}

const OvkCaps *
ovk_device_caps (const OvkDevice *dev)
{
  return &dev->caps;
}

const Owl2Log *
ovk_device_log (const OvkDevice *dev)
{
  return dev->log;
}
