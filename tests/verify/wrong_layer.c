/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Vulkan layer that makes a driver wrong: the shader whose code is that of
 * the file OWL2_WRONG_FROM is compiled as the code of the file OWL2_WRONG_TO.
 * The length and CRC-32 of each shader that goes through are appended to the
 * file OWL2_WRONG_LIST. Nothing else is changed. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* What is below the layer, by dispatch table. Entries are never freed. */
typedef struct {
  void *key;
  PFN_vkGetInstanceProcAddr get_instance;
  PFN_vkGetDeviceProcAddr get_device;
  PFN_vkCreateShaderModule create_module;
} Below;

static GMutex lock;
static GPtrArray *belows;

static Below *
below_of (const void *handle)
{
  void *key = *(void *const *) handle;
  Below *found = NULL;

  g_mutex_lock (&lock);
  for (guint i = 0; belows && i < belows->len && !found; i++) {
    Below *b = g_ptr_array_index (belows, i);

    if (b->key == key)
      found = b;
  }
  g_mutex_unlock (&lock);
  return found;
}

static Below *
add_below (const void *handle)
{
  Below *b = below_of (handle);

  if (b)
    return b;
  b = g_new0 (Below, 1);
  b->key = *(void *const *) handle;
  g_mutex_lock (&lock);
  if (!belows)
    belows = g_ptr_array_new ();
  g_ptr_array_add (belows, b);
  g_mutex_unlock (&lock);
  return b;
}

/* The chain's entry that says what is below. */
static void *
link_info (const void *next, VkStructureType type)
{
  const VkLayerInstanceCreateInfo *info;

  for (info = next; info; info = info->pNext)
    if (info->sType == type && info->function == VK_LAYER_LINK_INFO)
      break;
  return (void *) info;
}

/* By zlib's polynomial. */
static guint32
crc32_of (const guint8 *bytes, gsize n)
{
  guint32 crc = 0xffffffffu;

  for (gsize i = 0; i < n; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static void
list (const VkShaderModuleCreateInfo *info)
{
  const char *path = g_getenv ("OWL2_WRONG_LIST");
  FILE *file = path ? fopen (path, "a") : NULL;

  if (!file)
    return;
  fprintf (file, "%zu %08x\n", info->codeSize,
      crc32_of ((const guint8 *) info->pCode, info->codeSize));
  fclose (file);
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_module (VkDevice device, const VkShaderModuleCreateInfo *info,
    const VkAllocationCallbacks *memory, VkShaderModule *module)
{
  const char *from = g_getenv ("OWL2_WRONG_FROM");
  const char *to = g_getenv ("OWL2_WRONG_TO");
  g_autofree char *right = NULL, *wrong = NULL;
  VkShaderModuleCreateInfo other = *info;
  gsize n, n_wrong;

  list (info);
  if (from && to && g_file_get_contents (from, &right, &n, NULL)
      && n == info->codeSize && memcmp (right, info->pCode, n) == 0
      && g_file_get_contents (to, &wrong, &n_wrong, NULL)) {
    other.pCode = (const uint32_t *) (gconstpointer) wrong;
    other.codeSize = n_wrong;
  }
  return below_of (device)->create_module (device, &other, memory, module);
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_instance (const VkInstanceCreateInfo *info,
    const VkAllocationCallbacks *memory, VkInstance *instance)
{
  VkLayerInstanceCreateInfo *link =
      link_info (info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
  PFN_vkGetInstanceProcAddr get;
  PFN_vkCreateInstance create;
  VkResult result;

  if (!link)
    return VK_ERROR_INITIALIZATION_FAILED;
  get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  create = (PFN_vkCreateInstance) get (NULL, "vkCreateInstance");
  result = create (info, memory, instance);
  if (result == VK_SUCCESS)
    add_below (*instance)->get_instance = get;
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_device (VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
    const VkAllocationCallbacks *memory, VkDevice *device)
{
  VkLayerDeviceCreateInfo *link =
      link_info (info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
  PFN_vkGetInstanceProcAddr get;
  PFN_vkGetDeviceProcAddr get_device;
  PFN_vkCreateDevice create;
  VkResult result;
  Below *b;

  if (!link)
    return VK_ERROR_INITIALIZATION_FAILED;
  get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  get_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  create = (PFN_vkCreateDevice) get (NULL, "vkCreateDevice");
  result = create (physical, info, memory, device);
  if (result != VK_SUCCESS)
    return result;
  b = add_below (*device);
  b->get_device = get_device;
  b->create_module =
      (PFN_vkCreateShaderModule) get_device (*device, "vkCreateShaderModule");
  return VK_SUCCESS;
}

EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL wrong_get_device (
    VkDevice device, const char *name);
EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL wrong_get_instance (
    VkInstance instance, const char *name);

PFN_vkVoidFunction
wrong_get_device (VkDevice device, const char *name)
{
  if (strcmp (name, "vkGetDeviceProcAddr") == 0)
    return (PFN_vkVoidFunction) wrong_get_device;
  if (strcmp (name, "vkCreateShaderModule") == 0)
    return (PFN_vkVoidFunction) create_module;
  return below_of (device)->get_device (device, name);
}

PFN_vkVoidFunction
wrong_get_instance (VkInstance instance, const char *name)
{
  static const struct {
    const char *name;
    PFN_vkVoidFunction function;
  } ours[] = {
    { "vkGetInstanceProcAddr", (PFN_vkVoidFunction) wrong_get_instance },
    { "vkGetDeviceProcAddr", (PFN_vkVoidFunction) wrong_get_device },
    { "vkCreateInstance", (PFN_vkVoidFunction) create_instance },
    { "vkCreateDevice", (PFN_vkVoidFunction) create_device },
    { "vkCreateShaderModule", (PFN_vkVoidFunction) create_module },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ours); i++)
    if (strcmp (name, ours[i].name) == 0)
      return ours[i].function;
  return instance ? below_of (instance)->get_instance (instance, name) : NULL;
}
