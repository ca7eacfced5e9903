/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RADV makes a device of any family that it knows when it is told to: pipelines
 * are compiled for it as for a real one, and nothing can be run. It lacks even
 * semaphores, so that no OvkDevice can be opened on it; this one can do no more
 * than compile, and asks for what the compiler counts. */
#include "gpu_report.h"
#include "ovk_physical.h"

#include <string.h>

struct _NullDevice {
  VkInstance instance;
  OvkCandidate candidate;
  VkDevice handle;
  PFN_vkGetPipelineExecutableStatisticsKHR get_statistics;
};

static gboolean
fail (GError **error, VkResult result, const char *what)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: result %d", what,
      (int) result);
  return FALSE;
}

static gboolean
open_device (NullDevice *dev, GError **error)
{
  const char *const names[] = {
    VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME
  };
  const float priority = 1.f;
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
    .pipelineExecutableInfo = VK_TRUE,
  };
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = dev->candidate.queue_family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &executable,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .enabledExtensionCount = G_N_ELEMENTS (names),
    .ppEnabledExtensionNames = names,
  };
  VkResult result =
      vkCreateDevice (dev->candidate.handle, &info, NULL, &dev->handle);

  if (result != VK_SUCCESS) {
    dev->handle = VK_NULL_HANDLE;
    return fail (error, result, "opening the null device failed");
  }
  dev->get_statistics = (PFN_vkGetPipelineExecutableStatisticsKHR) (gpointer)
      vkGetDeviceProcAddr (dev->handle, "vkGetPipelineExecutableStatisticsKHR");
  return dev->get_statistics
         || fail (error, VK_ERROR_EXTENSION_NOT_PRESENT,
             "the driver tells nothing of its pipelines");
}

NullDevice *
null_device_new (const char *family, GError **error)
{
  g_autoptr (NullDevice) dev = g_new0 (NullDevice, 1);
  g_autoptr (GArray) found = NULL;
  gboolean debug_utils;

  /* Read by the driver when it lists its devices. */
  g_setenv ("RADV_FORCE_FAMILY", family, TRUE);
  if (!ovk_instance_new (&dev->instance, &debug_utils, error))
    return NULL;
  found = ovk_candidates_find (dev->instance, error);
  for (guint i = 0; found && i < found->len; i++) {
    const OvkCandidate *c = &g_array_index (found, OvkCandidate, i);

    if (g_str_has_prefix (c->caps.name, "Null hardware"))
      dev->candidate = *c;
  }
  if (found && !dev->candidate.handle)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
        "there is no RADV that makes a null device %s", family);
  if (!dev->candidate.handle || !open_device (dev, error))
    return NULL;
  return g_steal_pointer (&dev);
}

void
null_device_free (NullDevice *dev)
{
  if (!dev)
    return;
  if (dev->handle)
    vkDestroyDevice (dev->handle, NULL);
  if (dev->instance)
    vkDestroyInstance (dev->instance, NULL);
  g_free (dev);
}

const OvkCaps *
null_device_caps (const NullDevice *dev)
{
  return &dev->candidate.caps;
}

/* ---- a pipeline ------------------------------------------------------- */

/* FALSE if one that is wanted was not among them, under the name that Mesa 22.3
 * has for it. */
static gboolean
read_statistics (NullDevice *dev, VkPipeline pipeline, Stats *stats)
{
  const struct {
    const char *name;
    guint64 *to; /* added up */
  } wanted[] = {
    { "Instructions", &stats->instructions },
    { "Code size", &stats->code_bytes },
    { "VGPRs", &stats->vgprs },
    { "SGPRs", &stats->sgprs },
    { "Spilled VGPRs", &stats->spilled },
    { "Spilled SGPRs", &stats->spilled },
    { "Scratch size", &stats->spilled },
    { "LDS size", &stats->lds_bytes },
    { "Subgroups per SIMD", &stats->waves },
    { "Latency", &stats->latency },
    { "Inverse Throughput", &stats->throughput },
  };
  VkPipelineExecutableInfoKHR which = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
    .pipeline = pipeline,
  };
  g_autofree VkPipelineExecutableStatisticKHR *all = NULL;
  guint32 n = 0;
  guint found = 0;

  *stats = (Stats){ 0 };
  if (dev->get_statistics (dev->handle, &which, &n, NULL) != VK_SUCCESS)
    return FALSE;
  all = g_new0 (VkPipelineExecutableStatisticKHR, n + 1);
  for (guint32 i = 0; i < n; i++)
    all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  if (dev->get_statistics (dev->handle, &which, &n, all) != VK_SUCCESS)
    return FALSE;
  for (guint32 i = 0; i < n; i++)
    for (guint j = 0; j < G_N_ELEMENTS (wanted); j++)
      if (strcmp (all[i].name, wanted[j].name) == 0) {
        *wanted[j].to += all[i].value.u64;
        found++;
      }
  return found == G_N_ELEMENTS (wanted);
}

static VkResult
make_layout (NullDevice *dev, const OvkShader *shader,
    VkDescriptorSetLayout *set, VkPipelineLayout *layout)
{
  VkDescriptorSetLayoutBinding bindings[OVK_MAX_BINDINGS];
  VkDescriptorSetLayoutCreateInfo set_info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
    .bindingCount = shader->n_bindings,
    .pBindings = bindings,
  };
  VkPushConstantRange range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = shader->push_bytes,
  };
  VkPipelineLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .setLayoutCount = 1,
    .pSetLayouts = set,
    .pushConstantRangeCount = shader->push_bytes ? 1 : 0,
    .pPushConstantRanges = &range,
  };
  VkResult result;

  for (guint i = 0; i < shader->n_bindings; i++)
    bindings[i] = (VkDescriptorSetLayoutBinding){
      .binding = i,
      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
      .descriptorCount = 1,
      .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
  result = vkCreateDescriptorSetLayout (dev->handle, &set_info, NULL, set);
  return result == VK_SUCCESS
             ? vkCreatePipelineLayout (dev->handle, &info, NULL, layout)
             : result;
}

static VkResult
make_pipeline (NullDevice *dev, const OvkPipeline *key, VkPipelineLayout layout,
    VkPipeline *pipeline)
{
  VkSpecializationMapEntry entries[OVK_MAX_SPEC];
  VkSpecializationInfo spec = {
    .mapEntryCount = key->n_spec,
    .pMapEntries = entries,
    .dataSize = key->n_spec * sizeof (guint32),
    .pData = key->spec,
  };
  VkShaderModuleCreateInfo module_info = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = key->shader->code_bytes,
    .pCode = key->shader->code,
  };
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .pName = "main",
      .pSpecializationInfo = &spec,
    },
    .layout = layout,
    .basePipelineIndex = -1,
  };
  VkResult result;

  for (guint i = 0; i < key->n_spec; i++)
    entries[i] = (VkSpecializationMapEntry){
      .constantID = i,
      .offset = i * (guint) sizeof (guint32),
      .size = sizeof (guint32),
    };
  result = vkCreateShaderModule (
      dev->handle, &module_info, NULL, &info.stage.module);
  if (result != VK_SUCCESS)
    return result;
  result = vkCreateComputePipelines (
      dev->handle, VK_NULL_HANDLE, 1, &info, NULL, pipeline);
  vkDestroyShaderModule (dev->handle, info.stage.module, NULL);
  return result;
}

gboolean
null_device_compile (
    NullDevice *dev, const OvkPipeline *key, Stats *stats, GError **error)
{
  VkDescriptorSetLayout set = VK_NULL_HANDLE;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkPipeline pipeline = VK_NULL_HANDLE;
  VkResult result = make_layout (dev, key->shader, &set, &layout);
  gboolean told = FALSE;

  if (result == VK_SUCCESS)
    result = make_pipeline (dev, key, layout, &pipeline);
  if (result == VK_SUCCESS)
    told = read_statistics (dev, pipeline, stats);
  vkDestroyPipeline (dev->handle, pipeline, NULL);
  vkDestroyPipelineLayout (dev->handle, layout, NULL);
  vkDestroyDescriptorSetLayout (dev->handle, set, NULL);
  if (result != VK_SUCCESS)
    return fail (error, result, key->shader->name);
  return told
         || fail (error, VK_INCOMPLETE, "the driver's statistics have changed");
}
