/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens a device, and closes it. */
#include "ovk_device.h"
#include "ovk_matrix.h"
#include "ovk_physical.h"

#include <string.h>
#include <unistd.h>

#define AREA "vk"

/* Whether the device's memory may be the host's: over a bus it would not be
 * read in place but at each use. */
static gboolean
works_on_host_memory (const OvkDevice *dev)
{
  return dev->gpu.caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU
         || dev->gpu.caps.type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
}

/* Files are mapped in pages of the system; devices that take larger ones can't
 * have them. */
static void
read_host_import (OvkDevice *dev)
{
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &host,
  };
  long page = sysconf (_SC_PAGESIZE);

  vkGetPhysicalDeviceProperties2 (dev->gpu.physical, &props);
  if (page > 0 && host.minImportedHostPointerAlignment <= (guint64) page
      && ovk_gpu_can_import (&dev->gpu))
    dev->gpu.caps.host_import_align = host.minImportedHostPointerAlignment;
}

static gboolean
create_logical_device (OvkDevice *dev, gboolean host_import, GError **error)
{
  const float priority = 1.f;
  g_autoptr (GPtrArray) wanted = g_ptr_array_new (); /* constant names */
  guint32 n_props = 0;
  g_autofree VkExtensionProperties *props = NULL;
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
    .timelineSemaphore = VK_TRUE,
  };
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = dev->gpu.queue_family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &timeline,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
  };
  OvkMatrixFeatures matrix = { .halves = { 0 } };
  VkResult result;

  if (vkEnumerateDeviceExtensionProperties (
          dev->gpu.physical, NULL, &n_props, NULL)
      == VK_SUCCESS) {
    props = g_new0 (VkExtensionProperties, n_props + 1);
    if (vkEnumerateDeviceExtensionProperties (
            dev->gpu.physical, NULL, &n_props, props)
        < 0)
      n_props = 0;
  }
  dev->gpu.has_budget =
      ovk_has_extension (props, n_props, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  /* Whoever has it, must have it enabled. */
  if (ovk_has_extension (props, n_props, "VK_KHR_portability_subset"))
    g_ptr_array_add (wanted, (gpointer) "VK_KHR_portability_subset");
  host_import = host_import && works_on_host_memory (dev)
                && ovk_has_extension (
                    props, n_props, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  if (host_import)
    g_ptr_array_add (
        wanted, (gpointer) VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  dev->gpu.imports_fd = ovk_has_extension (
      props, n_props, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
  if (dev->gpu.imports_fd)
    g_ptr_array_add (
        wanted, (gpointer) VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
  if (dev->gpu.caps.matrix.m)
    info.pNext = ovk_matrix_enable (&matrix, &timeline, wanted);
  info.enabledExtensionCount = wanted->len;
  info.ppEnabledExtensionNames = (const char *const *) wanted->pdata;

#ifdef VK_KHR_maintenance4
  if (ovk_has_extension (props, n_props, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) {
    VkPhysicalDeviceMaintenance4PropertiesKHR maintenance4 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES_KHR,
    };
    VkPhysicalDeviceProperties2 more = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &maintenance4,
    };

    vkGetPhysicalDeviceProperties2 (dev->gpu.physical, &more);
    if (maintenance4.maxBufferSize)
      dev->gpu.caps.max_allocation_bytes =
          MIN (dev->gpu.caps.max_allocation_bytes, maintenance4.maxBufferSize);
  }
#endif

  result = vkCreateDevice (dev->gpu.physical, &info, NULL, &dev->gpu.handle);
  if (result != VK_SUCCESS) {
    dev->gpu.handle = VK_NULL_HANDLE;
    ovk_set_error (
        &dev->gpu, error, result, "opening %s failed", dev->gpu.caps.name);
    return FALSE;
  }
  if (host_import)
    read_host_import (dev);
  return TRUE;
}

/* Names and labels are for who looks closely, and only then given: the loader
 * (up to 1.4 at least) looks for the device of a name in its list of all
 * instances without a lock, which ends the process when another thread makes or
 * ends an instance of its own. */
static gboolean
wants_names (const Owl2Log *log)
{
  return log && log->func && log->level >= OWL2_LOG_DEBUG;
}

static void
load_debug_functions (OvkDevice *dev)
{
  dev->gpu.set_name =
      (PFN_vkSetDebugUtilsObjectNameEXT) (gpointer) vkGetInstanceProcAddr (
          dev->gpu.instance, "vkSetDebugUtilsObjectNameEXT");
  dev->gpu.begin_label =
      (PFN_vkCmdBeginDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->gpu.instance, "vkCmdBeginDebugUtilsLabelEXT");
  dev->gpu.end_label =
      (PFN_vkCmdEndDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->gpu.instance, "vkCmdEndDebugUtilsLabelEXT");
  if (!dev->gpu.begin_label || !dev->gpu.end_label) {
    dev->gpu.begin_label = NULL;
    dev->gpu.end_label = NULL;
  }
}

static void
apply_params (OvkDevice *dev, const OvkDeviceParams *params)
{
  if (params->no_subgroups) {
    dev->gpu.caps.subgroup_ballot = FALSE;
    dev->gpu.caps.subgroup_arithmetic = FALSE;
    dev->gpu.caps.subgroup_shuffle = FALSE;
    dev->gpu.caps.fast_shuffle = FALSE;
    dev->gpu.caps.matrix = (OvkMatrix){ 0 };
  }
  if (params->max_storage_range)
    dev->gpu.caps.max_storage_range =
        MIN (dev->gpu.caps.max_storage_range, params->max_storage_range);
}

/* What every device has from the start, and needs to be freed. */
static OvkDevice *
device_alloc (VkInstance instance, const Owl2Log *log)
{
  OvkDevice *dev = g_new0 (OvkDevice, 1);

  g_atomic_ref_count_init (&dev->refs);
  if (log)
    dev->gpu.log = *log;
  dev->gpu.instance = instance;
  ovk_queue_init (&dev->queue, &dev->gpu);
  ovk_heap_init (&dev->heap, &dev->gpu, &dev->queue);
  ovk_staging_init (&dev->staging, &dev->heap);
  ovk_scratch_init (&dev->scratch, &dev->heap);
  ovk_pipelines_init (&dev->pipelines, &dev->gpu);
  ovk_timings_init (&dev->timings);
  ovk_shelf_init (&dev->writers);
  ovk_shelf_init (&dev->readers);
  return dev;
}

/* The caps and limits are known; makes the rest. */
static gboolean
device_open (OvkDevice *dev, const OvkDeviceParams *params, GError **error)
{
  gboolean host_import = !params->no_host_import && !params->no_unified_memory;

  if (!create_logical_device (dev, host_import, error))
    return FALSE;
  if (dev->gpu.debug_utils)
    load_debug_functions (dev);
  if (dev->gpu.caps.host_import_align)
    dev->gpu.host_pointer_properties =
        (PFN_vkGetMemoryHostPointerPropertiesEXT) (gpointer)
            vkGetDeviceProcAddr (
                dev->gpu.handle, "vkGetMemoryHostPointerPropertiesEXT");
  if (!dev->gpu.host_pointer_properties)
    dev->gpu.caps.host_import_align = 0;
  return ovk_queue_open (&dev->queue, error)
         && ovk_heap_open (&dev->heap, params->no_unified_memory, error)
         && ovk_pipelines_open (
             &dev->pipelines, params->cache_dir, params->shaders_hash, error);
}

/* Opens @c; takes over @instance in any case. */
static OvkDevice *
open_candidate (const OvkDeviceParams *params, VkInstance instance,
    const OvkCandidate *c, gboolean debug_utils, GError **error)
{
  g_autoptr (OvkDevice) dev = device_alloc (instance, params->log);

  dev->gpu.physical = c->handle;
  dev->gpu.caps = c->caps;
  dev->gpu.queue_family = c->queue_family;
  dev->gpu.timestamp_bits = c->timestamp_bits;
  dev->gpu.copy_atom = MAX (c->limits.nonCoherentAtomSize, 1);
  dev->gpu.max_bindings =
      MIN (c->limits.maxPerStageDescriptorStorageBuffers, OVK_MAX_BINDINGS);
  dev->gpu.max_allocations = c->limits.maxMemoryAllocationCount;
  dev->gpu.debug_utils = debug_utils && wants_names (params->log);
  apply_params (dev, params);
  if (!device_open (dev, params, error))
    return NULL;
  if (dev->gpu.caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU)
    owl2_log (&dev->gpu.log, OWL2_LOG_WARNING, AREA,
        "using %s (%s): a Vulkan driver that computes on the CPU, not on a GPU",
        dev->gpu.caps.name, dev->gpu.caps.driver);
  else
    owl2_log (&dev->gpu.log, OWL2_LOG_INFO, AREA, "using %s (%s, %s)",
        dev->gpu.caps.name, ovk_type_name (dev->gpu.caps.type),
        dev->gpu.caps.driver);
  return g_steal_pointer (&dev);
}

OvkDevice *
ovk_device_twin (OvkDevice *dev, GError **error)
{
  g_autoptr (OvkDevice) twin = device_alloc (dev->gpu.instance, &dev->gpu.log);
  OvkDeviceParams params = {
    .no_unified_memory = !dev->gpu.caps.unified_memory,
    .no_host_import = !dev->gpu.caps.host_import_align,
  };

  twin->parent = ovk_device_ref (dev);
  twin->gpu.physical = dev->gpu.physical;
  twin->gpu.caps = dev->gpu.caps;
  twin->gpu.queue_family = dev->gpu.queue_family;
  twin->gpu.timestamp_bits = dev->gpu.timestamp_bits;
  twin->gpu.copy_atom = dev->gpu.copy_atom;
  twin->gpu.max_bindings = dev->gpu.max_bindings;
  twin->gpu.max_allocations = dev->gpu.max_allocations;
  twin->gpu.debug_utils = dev->gpu.debug_utils;
  return device_open (twin, &params, error) ? g_steal_pointer (&twin) : NULL;
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
    if (!ovk_instance_new (&instance, &debug_utils, error))
      return NULL;
    found = ovk_candidates_find (instance, error);
    usable =
        found ? ovk_candidates_choose (found, params->device, error) : NULL;
    if (!usable || i >= usable->len) {
      vkDestroyInstance (instance, NULL);
      if (usable)
        g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
            "the Vulkan devices changed while one was opened");
      return NULL;
    }
    dev = open_candidate (
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

/* FALSE if it had to be left behind. */
static gboolean
close_device (OvkDevice *dev)
{
  guint64 last = ovk_queue_submitted (&dev->queue);

  if (dev->queue.timeline && !ovk_queue_settle (&dev->queue, last)) {
    owl2_log (&dev->gpu.log, OWL2_LOG_WARNING, AREA,
        "%s hangs; leaving it and %" G_GUINT64_FORMAT " bytes behind",
        dev->gpu.caps.name, ovk_heap_allocated_bytes (&dev->heap));
    return FALSE;
  }
  ovk_pipelines_save_cache (&dev->pipelines);
  ovk_shelf_empty (&dev->writers);
  ovk_shelf_empty (&dev->readers);
  ovk_staging_close (&dev->staging);
  ovk_scratch_close (&dev->scratch);
  /* A device that hung may have finished in the meantime. */
  ovk_shelf_empty (&dev->queue.parked);
  ovk_pipelines_close (&dev->pipelines);
  ovk_queue_close (&dev->queue);
  vkDestroyDevice (dev->gpu.handle, NULL);
  return TRUE;
}

void
ovk_device_unref (OvkDevice *dev)
{
  if (!dev || !g_atomic_ref_count_dec (&dev->refs))
    return;
  if (dev->gpu.handle && !close_device (dev))
    return;
  if (dev->parent)
    ovk_device_unref (dev->parent);
  else if (dev->gpu.instance)
    vkDestroyInstance (dev->gpu.instance, NULL);
  ovk_shelf_clear (&dev->readers);
  ovk_shelf_clear (&dev->writers);
  ovk_timings_clear (&dev->timings);
  ovk_pipelines_clear (&dev->pipelines);
  ovk_scratch_clear (&dev->scratch);
  ovk_staging_clear (&dev->staging);
  ovk_heap_clear (&dev->heap);
  ovk_queue_clear (&dev->queue);
  g_free (dev);
}

gboolean
ovk_device_alive (OvkDevice *dev, GError **error)
{
  return ovk_gpu_alive (&dev->gpu, error);
}

const OvkCaps *
ovk_device_caps (const OvkDevice *dev)
{
  return &dev->gpu.caps;
}

void
ovk_device_set_flushes_halves (OvkDevice *dev)
{
  dev->gpu.caps.flushes_halves = TRUE;
}

const Owl2Log *
ovk_device_log (const OvkDevice *dev)
{
  return &dev->gpu.log;
}

/* ---- its parts, for those above --------------------------------------- */

guint64
ovk_device_allocated_bytes (OvkDevice *dev)
{
  return ovk_heap_allocated_bytes (&dev->heap);
}

guint64
ovk_device_free_bytes (OvkDevice *dev)
{
  return ovk_heap_free_bytes (&dev->heap);
}

gboolean
ovk_device_reached (OvkDevice *dev, guint64 ticket, guint64 within_ns)
{
  return ovk_queue_reached (&dev->queue, ticket, within_ns);
}

gboolean
ovk_device_wait (
    OvkDevice *dev, guint64 ticket, const char *what, GError **error)
{
  return ovk_queue_wait (&dev->queue, ticket, what, error);
}

OvkPipeline *
ovk_pipeline_get (OvkDevice *dev, const OvkShader *shader, const guint32 *spec,
    guint n_spec, GError **error)
{
  return ovk_pipelines_get (&dev->pipelines, shader, spec, n_spec, error);
}

void
ovk_device_save_cache (OvkDevice *dev)
{
  ovk_pipelines_save_cache (&dev->pipelines);
}

void
ovk_device_set_verifier (OvkDevice *dev, OvkVerifyFunc func)
{
  dev->verify = func;
}

gboolean
ovk_device_save_beside (OvkDevice *dev, const char *suffix, const void *data,
    gsize size, GError **error)
{
  return ovk_pipelines_save_beside (&dev->pipelines, suffix, data, size, error);
}

GBytes *
ovk_device_load_beside (OvkDevice *dev, const char *suffix, GError **error)
{
  return ovk_pipelines_load_beside (&dev->pipelines, suffix, error);
}

void
ovk_device_set_timing (OvkDevice *dev, gboolean on)
{
  g_atomic_int_set (&dev->timings.on, on);
}

gboolean
ovk_device_is_timing (OvkDevice *dev)
{
  return g_atomic_int_get (&dev->timings.on);
}

GArray *
ovk_device_timings (OvkDevice *dev)
{
  return ovk_timings_take (&dev->timings);
}
