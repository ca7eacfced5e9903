/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Put before a program (LD_PRELOAD): its devices have no timestamps. */
#include <dlfcn.h>
#include <vulkan/vulkan.h>

__attribute__ ((visibility ("default"))) VKAPI_ATTR void VKAPI_CALL
vkGetPhysicalDeviceQueueFamilyProperties (
    VkPhysicalDevice device, uint32_t *n, VkQueueFamilyProperties *families)
{
  PFN_vkGetPhysicalDeviceQueueFamilyProperties real;

  *(void **) &real =
      dlsym (RTLD_NEXT, "vkGetPhysicalDeviceQueueFamilyProperties");
  real (device, n, families);
  for (uint32_t i = 0; families && i < *n; i++)
    families[i].timestampValidBits = 0;
}
