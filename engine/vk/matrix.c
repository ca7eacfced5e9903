/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovk_matrix.h"
#include "ovk_gpu.h"

/* Of matrices in registers, what one operation takes: larger ones leave too few
 * to a subgroup, as it has several of them at a time. */
#define MAX_SIDE 16

static gboolean
has_extensions (VkPhysicalDevice device)
{
  guint32 n = 0;
  g_autofree VkExtensionProperties *props = NULL;

  if (vkEnumerateDeviceExtensionProperties (device, NULL, &n, NULL)
      != VK_SUCCESS)
    return FALSE;
  props = g_new0 (VkExtensionProperties, n + 1);
  if (vkEnumerateDeviceExtensionProperties (device, NULL, &n, props) < 0)
    return FALSE;
  return ovk_has_extension (props, n, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)
         && ovk_has_extension (
             props, n, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
}

/* Chains all of @features; returns the first. */
static void *
chain (OvkMatrixFeatures *f, void *next)
{
  f->halves.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
  f->halves.pNext = next;
  f->memory_model.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES;
  f->memory_model.pNext = &f->halves;
  f->subgroups.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
  f->subgroups.pNext = &f->memory_model;
  f->matrix.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
  f->matrix.pNext = &f->subgroups;
  return &f->matrix;
}

static gboolean
has_features (VkPhysicalDevice device)
{
  OvkMatrixFeatures f = { .halves = { 0 } };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = chain (&f, NULL),
  };

  vkGetPhysicalDeviceFeatures2 (device, &features);
  return f.matrix.cooperativeMatrix && f.halves.shaderFloat16
         && f.memory_model.vulkanMemoryModel && f.subgroups.subgroupSizeControl
         && f.subgroups.computeFullSubgroups;
}

/* Matrices belong to a subgroup, whose size must be known: 32 or what is
 * nearest, since the less lanes share one, the more of it each has at hand. */
static guint
subgroup_size (VkPhysicalDevice device)
{
  VkPhysicalDeviceCooperativeMatrixPropertiesKHR matrix = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR,
  };
  VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT,
    .pNext = &matrix,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &sizes,
  };

  vkGetPhysicalDeviceProperties2 (device, &props);
  if (!(matrix.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT)
      || !(sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)
      || sizes.maxComputeWorkgroupSubgroups < OVK_MATRIX_SUBGROUPS)
    return 0;
  return CLAMP (32, sizes.minSubgroupSize, sizes.maxSubgroupSize);
}

static gboolean
is_side (guint n)
{
  return n >= 4 && n <= MAX_SIDE && (n & (n - 1)) == 0;
}

/* Halves times halves, summed up in F32. */
static gboolean
fits (const VkCooperativeMatrixPropertiesKHR *p)
{
  return p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR
         && p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR
         && p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR
         && p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR
         && !p->saturatingAccumulation && p->scope == VK_SCOPE_SUBGROUP_KHR
         && is_side (p->MSize) && is_side (p->NSize)
         && (is_side (p->KSize) || p->KSize == 2 * MAX_SIDE);
}

static OvkMatrix
largest (const VkCooperativeMatrixPropertiesKHR *all, guint n)
{
  OvkMatrix best = { 0 };

  for (guint i = 0; i < n; i++) {
    const VkCooperativeMatrixPropertiesKHR *p = &all[i];

    if (fits (p) && p->MSize * p->NSize * p->KSize > best.m * best.n * best.k)
      best = (OvkMatrix){ .m = p->MSize, .n = p->NSize, .k = p->KSize };
  }
  return best;
}

OvkMatrix
ovk_matrix_read (VkInstance instance, VkPhysicalDevice device)
{
  PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR list =
      (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) (gpointer)
          vkGetInstanceProcAddr (
              instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  g_autofree VkCooperativeMatrixPropertiesKHR *all = NULL;
  OvkMatrix matrix = { 0 };
  guint32 n = 0;

  if (!list || !has_extensions (device) || !has_features (device)
      || list (device, &n, NULL) != VK_SUCCESS)
    return matrix;
  all = g_new0 (VkCooperativeMatrixPropertiesKHR, n + 1);
  for (guint i = 0; i < n; i++)
    all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  if (list (device, &n, all) < 0)
    return matrix;
  matrix = largest (all, n);
  matrix.subgroup = subgroup_size (device);
  return matrix.m && matrix.subgroup ? matrix : (OvkMatrix){ 0 };
}

void *
ovk_matrix_enable (
    OvkMatrixFeatures *features, void *next, GPtrArray *extensions)
{
  features->halves.shaderFloat16 = VK_TRUE;
  features->memory_model.vulkanMemoryModel = VK_TRUE;
  features->subgroups.subgroupSizeControl = VK_TRUE;
  features->subgroups.computeFullSubgroups = VK_TRUE;
  features->matrix.cooperativeMatrix = VK_TRUE;
  g_ptr_array_add (
      extensions, (gpointer) VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
  g_ptr_array_add (
      extensions, (gpointer) VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  return chain (features, next);
}
