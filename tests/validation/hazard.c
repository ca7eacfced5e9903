/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does what no program may do in Vulkan, so that tests/run.sh knows that the
 * validation layers watch and that their messages arrive: a fill of a size that
 * is no multiple of four (core), and two fills of one buffer with no barrier
 * between them (synchronization). Nothing is submitted. */
#include <stdio.h>
#include <vulkan/vulkan.h>

#define BYTES 256

static int
check (VkResult result, const char *what)
{
  if (result != VK_SUCCESS)
    fprintf (stderr, "%s: VkResult %d\n", what, result);
  return result == VK_SUCCESS;
}

static VkInstance
make_instance (void)
{
  const VkApplicationInfo app = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .apiVersion = VK_API_VERSION_1_2,
  };
  const VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pApplicationInfo = &app,
  };
  VkInstance instance = VK_NULL_HANDLE;

  check (vkCreateInstance (&info, NULL, &instance), "vkCreateInstance");
  return instance;
}

static VkDevice
make_device (VkInstance instance, VkPhysicalDevice *physical)
{
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  const VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
  };
  VkDevice device = VK_NULL_HANDLE;
  uint32_t n = 1;
  VkResult result = vkEnumeratePhysicalDevices (instance, &n, physical);

  if (result == VK_INCOMPLETE)
    result = VK_SUCCESS;
  if (check (result, "vkEnumeratePhysicalDevices") && n)
    check (vkCreateDevice (*physical, &info, NULL, &device), "vkCreateDevice");
  return device;
}

/* Memory of the first type that the buffer takes. */
static VkDeviceMemory
bind_memory (VkDevice device, VkBuffer buffer)
{
  VkMemoryRequirements need;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
  };

  vkGetBufferMemoryRequirements (device, buffer, &need);
  info.allocationSize = need.size;
  while (!(need.memoryTypeBits & 1u << info.memoryTypeIndex))
    info.memoryTypeIndex++;
  if (check (vkAllocateMemory (device, &info, NULL, &memory), "memory"))
    check (vkBindBufferMemory (device, buffer, memory, 0), "bind");
  return memory;
}

static void
record (VkDevice device, VkBuffer buffer)
{
  const VkCommandPoolCreateInfo pool_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
  };
  const VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
  };
  VkCommandBufferAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandBufferCount = 1,
  };
  VkCommandPool pool;
  VkCommandBuffer cmd;

  if (!check (vkCreateCommandPool (device, &pool_info, NULL, &pool), "pool"))
    return;
  info.commandPool = pool;
  if (check (vkAllocateCommandBuffers (device, &info, &cmd), "commands")) {
    vkBeginCommandBuffer (cmd, &begin);
    vkCmdFillBuffer (cmd, buffer, 0, BYTES, 1);
    vkCmdFillBuffer (cmd, buffer, 0, BYTES, 2);
    vkCmdFillBuffer (cmd, buffer, 0, 3, 3);
    vkEndCommandBuffer (cmd);
  }
  vkDestroyCommandPool (device, pool, NULL);
}

int
main (void)
{
  const VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = BYTES,
    .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
  };
  VkInstance instance = make_instance ();
  VkPhysicalDevice physical;
  VkDevice device;
  VkBuffer buffer;
  VkDeviceMemory memory;

  if (!instance)
    return 1;
  device = make_device (instance, &physical);
  if (!device)
    return 1;
  if (!check (vkCreateBuffer (device, &info, NULL, &buffer), "vkCreateBuffer"))
    return 1;
  memory = bind_memory (device, buffer);
  record (device, buffer);
  vkDestroyBuffer (device, buffer, NULL);
  vkFreeMemory (device, memory, NULL);
  vkDestroyDevice (device, NULL);
  vkDestroyInstance (instance, NULL);
  return 0;
}
