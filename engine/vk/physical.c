/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices there are, what they can do, and which one is wanted. */
#include "ovk_physical.h"
#include "ovk_gpu.h"
#include "ovk_matrix.h"

#include <string.h>

/* The bytes of a UUID that have a dash before them, as a string. */
#define UUID_DASHES "\4\6\10\12"

/* ---- finding devices -------------------------------------------------- */

gboolean
ovk_instance_new (VkInstance *instance, gboolean *debug_utils, GError **error)
{
  g_autoptr (GPtrArray) wanted = g_ptr_array_new (); /* constant names */
  guint32 n_props = 0;
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
  };
  VkResult result;

  *debug_utils = FALSE;
  if (vkEnumerateInstanceExtensionProperties (NULL, &n_props, NULL)
      == VK_SUCCESS) {
    props = g_new0 (VkExtensionProperties, n_props + 1);
    if (vkEnumerateInstanceExtensionProperties (NULL, &n_props, props) < 0)
      n_props = 0;
  }
  if (ovk_has_extension (props, n_props, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) {
    *debug_utils = TRUE;
    g_ptr_array_add (wanted, (gpointer) VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  }
#ifdef VK_KHR_portability_enumeration
  if (ovk_has_extension (
          props, n_props, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
    info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    g_ptr_array_add (
        wanted, (gpointer) VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
  }
#endif
  info.enabledExtensionCount = wanted->len;
  info.ppEnabledExtensionNames = (const char *const *) wanted->pdata;

  result = vkCreateInstance (&info, NULL, instance);
  if (result == VK_SUCCESS)
    return TRUE;
  *instance = VK_NULL_HANDLE;
  ovk_set_error (NULL, error, result, "Vulkan can't be used");
  return FALSE;
}

/* A family for compute alone leaves the graphics queue to the desktop. */
static gboolean
pick_queue_family (OvkCandidate *c)
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

/* Older ones are listed, but not asked for what they can do. */
static gboolean
is_known (const OvkCandidate *c)
{
  return c->caps.api_version >= VK_API_VERSION_1_2;
}

/* What drivers do and don't say: the one place that knows them by name. */
static const struct {
  const char *driver; /* begins so */
  gsize cap;          /* a gboolean of OvkCaps that is set */
} quirks[] = {
  { "llvmpipe", G_STRUCT_OFFSET (OvkCaps, fast_shuffle) },
  { "llvmpipe", G_STRUCT_OFFSET (OvkCaps, fast_texels) },
  { "llvmpipe", G_STRUCT_OFFSET (OvkCaps, compiles_late) },
  /* Which size subgroups with matrices must have there, it does not say. */
  { "Intel", G_STRUCT_OFFSET (OvkCaps, no_matrix) },
};

static void
add_quirks (OvkCaps *caps)
{
  for (guint i = 0; i < G_N_ELEMENTS (quirks); i++)
    if (g_str_has_prefix (caps->driver, quirks[i].driver))
      G_STRUCT_MEMBER (gboolean, caps, quirks[i].cap) = TRUE;
  caps->fast_shuffle = caps->fast_shuffle && caps->subgroup_shuffle;
  caps->fast_texels = caps->fast_texels && caps->texels;
}

static void
read_caps (OvkCandidate *c, VkInstance instance)
{
  VkPhysicalDeviceSubgroupProperties subgroup = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
  };
  VkPhysicalDeviceMaintenance3Properties maintenance3 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
    .pNext = &subgroup,
  };
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
    .pNext = &maintenance3,
  };
  VkPhysicalDeviceDriverProperties driver = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    .pNext = &id,
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
  caps->driver_id = driver.driverID;
  memcpy (caps->uuid, id.deviceUUID, VK_UUID_SIZE);
  memcpy (caps->cache_uuid, props.properties.pipelineCacheUUID, VK_UUID_SIZE);
  c->limits = *limits;
  caps->subgroup_size = subgroup.subgroupSize;
  if (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) {
    caps->subgroup_ballot =
        !!(subgroup.supportedOperations & VK_SUBGROUP_FEATURE_BALLOT_BIT);
    caps->subgroup_arithmetic =
        !!(subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    caps->subgroup_shuffle =
        !!(subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
  }
  caps->max_storage_range = limits->maxStorageBufferRange;
  caps->storage_align = MAX (limits->minStorageBufferOffsetAlignment, 4);
  caps->texels =
      caps->type == VK_PHYSICAL_DEVICE_TYPE_CPU
      && limits->maxTexelBufferElements
             >= (caps->max_storage_range + OVK_TEXEL_SPARE) / OVK_TEXEL_BYTES
      && limits->minTexelBufferOffsetAlignment
             <= MAX (caps->storage_align, OVK_TEXEL_BYTES);
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
  add_quirks (caps);
  if (!caps->no_matrix)
    caps->matrix = ovk_matrix_read (instance, c->handle);
}

static const char *
find_what_is_missing (OvkCandidate *c)
{
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &timeline,
  };

  if (!is_known (c))
    return "lacks Vulkan 1.2";
  vkGetPhysicalDeviceFeatures2 (c->handle, &features);
  if (!timeline.timelineSemaphore)
    return "lacks timeline semaphores";
  if (!pick_queue_family (c))
    return "lacks a compute queue";
  return NULL;
}

static void
look_at_device (OvkCandidate *c, VkInstance instance, VkPhysicalDevice handle)
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
  if (is_known (c))
    read_caps (c, instance);
}

const char *
ovk_type_name (VkPhysicalDeviceType type)
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

static char *
describe (const OvkCandidate *c, guint index)
{
  const OvkCaps *caps = &c->caps;
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%u: %s (%s, %s, %" G_GUINT64_FORMAT " MiB",
      index, caps->name, ovk_type_name (caps->type),
      caps->driver[0] ? caps->driver : "unknown driver",
      caps->heap_bytes >> 20);
  for (guint i = 0; is_known (c) && i < VK_UUID_SIZE; i++)
    g_string_append_printf (text, "%s%02x",
        i == 0                          ? ", UUID "
        : strchr (UUID_DASHES, (int) i) ? "-"
                                        : "",
        caps->uuid[i]);
  g_string_append_printf (
      text, "%s%s)", c->lacks ? "; " : "", c->lacks ? c->lacks : "");
  return g_string_free (text, FALSE);
}

/* All devices as "0: a (..); 1: b (..)". */
static char *
describe_all (const GArray *candidates)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < candidates->len; i++) {
    g_autofree char *line =
        describe (&g_array_index (candidates, OvkCandidate, i), i);

    g_string_append_printf (text, "%s%s", i ? "; " : "", line);
  }
  if (!candidates->len)
    g_string_append (text, "none");
  return g_string_free (text, FALSE);
}

GArray *
ovk_candidates_find (VkInstance instance, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, TRUE, sizeof (OvkCandidate));
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
    look_at_device (
        &g_array_index (found, OvkCandidate, i), instance, handles[i]);
  return g_steal_pointer (&found);
}

GPtrArray *
ovk_device_list (GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) found = NULL;
  VkInstance instance;
  gboolean debug_utils;

  if (!ovk_instance_new (&instance, &debug_utils, error))
    return NULL;
  found = ovk_candidates_find (instance, error);
  vkDestroyInstance (instance, NULL);
  if (!found)
    return NULL;
  for (guint i = 0; i < found->len; i++)
    g_ptr_array_add (
        lines, describe (&g_array_index (found, OvkCandidate, i), i));
  return g_steal_pointer (&lines);
}

/* ---- choosing --------------------------------------------------------- */

/* What a user may mean by the name of a device, in this order. */
typedef struct {
  enum { WANT_ANY, WANT_UUID, WANT_INDEX, WANT_PART } by;
  guint8 uuid[VK_UUID_SIZE];
  guint index;
  char *part; /* casefolded */
} Wanted;

/* As 32 hexadecimal digits, or with all four dashes. */
static gboolean
parse_uuid (const char *text, guint8 uuid[VK_UUID_SIZE])
{
  gboolean dashes = strchr (text, '-') != NULL;

  for (guint i = 0; i < VK_UUID_SIZE; i++) {
    if (dashes && strchr (UUID_DASHES, (int) i) && i && *text++ != '-')
      return FALSE;
    if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1]))
      return FALSE;
    uuid[i] = (guint8) (g_ascii_xdigit_value (text[0]) << 4
                        | g_ascii_xdigit_value (text[1]));
    text += 2;
  }
  return *text == '\0';
}

static gboolean
has_uuid (const OvkCandidate *c, const guint8 uuid[VK_UUID_SIZE])
{
  return is_known (c) && memcmp (c->caps.uuid, uuid, VK_UUID_SIZE) == 0;
}

/* A UUID that no device has and a number beyond the last one may still be part
 * of a name. A UUID of digits alone would be a number, too. */
static void
wanted_init (Wanted *w, const char *text, const GArray *found)
{
  guint64 number;

  *w = (Wanted){ .by = WANT_ANY };
  if (!text)
    return;
  if (parse_uuid (text, w->uuid))
    for (guint i = 0; i < found->len; i++)
      if (has_uuid (&g_array_index (found, OvkCandidate, i), w->uuid)) {
        w->by = WANT_UUID;
        return;
      }
  if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL)
      && number < found->len) {
    w->by = WANT_INDEX;
    w->index = (guint) number;
    return;
  }
  w->by = WANT_PART;
  w->part = g_utf8_casefold (text, -1);
}

static gboolean
matches (const Wanted *w, const OvkCandidate *c, guint index)
{
  g_autofree char *name = NULL;

  switch (w->by) {
    case WANT_UUID:
      return has_uuid (c, w->uuid);
    case WANT_INDEX:
      return w->index == index;
    case WANT_PART:
      name = g_utf8_casefold (c->caps.name, -1);
      return strstr (name, w->part) != NULL;
    default:
      return TRUE;
  }
}

/* Lower is better. */
static int
type_rank (const OvkCaps *caps)
{
  static const VkPhysicalDeviceType best_first[] = {
    VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU,
    VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU,
    VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU,
    VK_PHYSICAL_DEVICE_TYPE_CPU,
  };
  guint i = 0;

  while (i < G_N_ELEMENTS (best_first) && caps->type != best_first[i])
    i++;
  return (int) i;
}

/* Lower is better. llvmpipe computes with vectors as wide as the processor has,
 * SwiftShader with four numbers at a time, many times slower. Of others nothing
 * is known, except that they can hardly be slower than that. */
static int
cpu_driver_rank (const OvkCaps *caps)
{
  switch (caps->driver_id) {
    case VK_DRIVER_ID_MESA_LLVMPIPE:
      return 0;
    case VK_DRIVER_ID_GOOGLE_SWIFTSHADER:
      return 2;
    default:
      return 1;
  }
}

/* Memory of a driver for the CPU is the host's, whatever it says. */
static int
compare_rank (gconstpointer a, gconstpointer b)
{
  const OvkCandidate *const *x = a, *const *y = b;
  const OvkCaps *p = &(*x)->caps, *q = &(*y)->caps;
  int rank = type_rank (p) - type_rank (q);

  if (!rank && p->type == VK_PHYSICAL_DEVICE_TYPE_CPU)
    rank = cpu_driver_rank (p) - cpu_driver_rank (q);
  else if (!rank)
    rank = (p->heap_bytes < q->heap_bytes) - (p->heap_bytes > q->heap_bytes);
  /* Equal ones stay in the loader's order. */
  return rank ? rank : (*x > *y) - (*x < *y);
}

/* The devices that fit @wanted, the best first. Never empty on success. */
GPtrArray *
ovk_candidates_choose (const GArray *found, const char *wanted, GError **error)
{
  g_autoptr (GPtrArray) usable = g_ptr_array_new ();
  g_autofree char *all = NULL;
  const OvkCandidate *unusable = NULL;
  Wanted w;

  wanted_init (&w, wanted, found);
  for (guint i = 0; i < found->len; i++) {
    OvkCandidate *c = &g_array_index (found, OvkCandidate, i);

    if (!matches (&w, c, i))
      continue;
    if (c->lacks)
      unusable = c;
    else
      g_ptr_array_add (usable, c);
  }
  g_free (w.part);
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

/* An instance has its drivers loaded, and the last one unloads them. Those of
 * the first one stay: a process that ends while another thread loads a driver
 * tears down what that has built up so far of LLVM's, which then aborts. */
static void
keep_drivers (VkInstance instance)
{
  static gpointer kept;

  if (!g_atomic_pointer_compare_and_exchange (&kept, NULL, (gpointer) instance))
    vkDestroyInstance (instance, NULL);
}

char *
ovk_device_find (const char *device, GError **error)
{
  g_autoptr (GArray) found = NULL;
  g_autoptr (GPtrArray) usable = NULL;
  VkInstance instance;
  gboolean debug_utils;
  const OvkCandidate *best;
  char *id;

  if (!ovk_instance_new (&instance, &debug_utils, error))
    return NULL;
  found = ovk_candidates_find (instance, error);
  keep_drivers (instance);
  usable = found ? ovk_candidates_choose (found, device, error) : NULL;
  if (!usable)
    return NULL;
  best = g_ptr_array_index (usable, 0);
  id = g_malloc0 (2 * VK_UUID_SIZE + 1);
  for (guint i = 0; i < VK_UUID_SIZE; i++)
    g_snprintf (id + 2 * i, 3, "%02x", best->caps.uuid[i]);
  return id;
}
