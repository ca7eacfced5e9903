/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VK_KHR_cooperative_matrix: which matrices a device multiplies by itself, and
 * what has to be asked for so that it does. */
#ifndef OVK_MATRIX_H
#define OVK_MATRIX_H

#include "ovk.h"

G_BEGIN_DECLS

/* Headers from before 1.3.255 don't have it (The Khronos Group: Vulkan
 * specification, appendix on VK_KHR_cooperative_matrix). */
#ifndef VK_KHR_cooperative_matrix
#  define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
#  define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR    \
    ((VkStructureType) 1000506000)
#  define VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR                  \
    ((VkStructureType) 1000506001)
#  define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR  \
    ((VkStructureType) 1000506002)
typedef enum {
  VK_COMPONENT_TYPE_FLOAT16_KHR = 0,
  VK_COMPONENT_TYPE_FLOAT32_KHR = 1,
} VkComponentTypeKHR;
typedef enum {
  VK_SCOPE_SUBGROUP_KHR = 3,
} VkScopeKHR;
typedef struct {
  VkStructureType sType;
  void *pNext;
  uint32_t MSize, NSize, KSize;
  VkComponentTypeKHR AType, BType, CType, ResultType;
  VkBool32 saturatingAccumulation;
  VkScopeKHR scope;
} VkCooperativeMatrixPropertiesKHR;
typedef struct {
  VkStructureType sType;
  void *pNext;
  VkBool32 cooperativeMatrix;
  VkBool32 cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
typedef struct {
  VkStructureType sType;
  void *pNext;
  VkShaderStageFlags cooperativeMatrixSupportedStages;
} VkPhysicalDeviceCooperativeMatrixPropertiesKHR;
typedef VkResult (
    VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) (
    VkPhysicalDevice device, uint32_t *n,
    VkCooperativeMatrixPropertiesKHR *properties);
#endif

/* What @device can do with all that goes with it; zeros: nothing of use. */
OvkMatrix ovk_matrix_read (VkInstance instance, VkPhysicalDevice device);

/* What a logical device with matrices is asked for. */
typedef struct {
  VkPhysicalDeviceShaderFloat16Int8Features halves;
  VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroups;
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
} OvkMatrixFeatures;
/* Adds names, which are constant, to @extensions and puts @features before
 * @next. Returns: the new first of the chain */
void *ovk_matrix_enable (
    OvkMatrixFeatures *features, void *next, GPtrArray *extensions);

G_END_DECLS

#endif
