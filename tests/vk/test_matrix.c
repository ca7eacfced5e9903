/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which matrices are used of those that a driver lists, from drivers that no
 * machine has: no device is needed. */
#include <string.h>

#include "common.h"
#include "ovk_matrix.h"

/* ---- the driver -------------------------------------------------------- */

#define BF16 ((VkComponentTypeKHR) 1000141000)
#define SINT8 ((VkComponentTypeKHR) 3)
#define WORKGROUP ((VkScopeKHR) 2)

typedef struct {
  guint m, n, k;
  VkComponentTypeKHR in, out;
  VkScopeKHR scope;
} Listed;

static struct {
  const Listed *listed;
  guint n_listed;
  gboolean no_matrix, no_sizes; /* extensions */
  gboolean no_feature, no_halves, no_model, no_full;
  gboolean not_in_compute, not_required;
  guint min, max, most;
} driver;

VKAPI_ATTR VkResult VKAPI_CALL
vkEnumerateDeviceExtensionProperties (VkPhysicalDevice device,
    const char *layer, uint32_t *n, VkExtensionProperties *props)
{
  guint at = 0;

  if (!driver.no_matrix && props)
    strcpy (props[at].extensionName, "VK_KHR_cooperative_matrix");
  at += !driver.no_matrix;
  if (!driver.no_sizes && props)
    strcpy (props[at].extensionName, "VK_EXT_subgroup_size_control");
  *n = at + !driver.no_sizes;
  return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
vkGetPhysicalDeviceFeatures2 (
    VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features)
{
  for (VkBaseOutStructure *s = features->pNext; s; s = s->pNext) {
    OvkMatrixFeatures *f = NULL;

    if (s->sType
        == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR)
      f = (gpointer) ((char *) s - G_STRUCT_OFFSET (OvkMatrixFeatures, matrix));
    if (!f)
      continue;
    f->matrix.cooperativeMatrix = !driver.no_feature;
    f->halves.shaderFloat16 = !driver.no_halves;
    f->memory_model.vulkanMemoryModel = !driver.no_model;
    f->subgroups.subgroupSizeControl = VK_TRUE;
    f->subgroups.computeFullSubgroups = !driver.no_full;
  }
}

VKAPI_ATTR void VKAPI_CALL
vkGetPhysicalDeviceProperties2 (
    VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties)
{
  for (VkBaseOutStructure *s = properties->pNext; s; s = s->pNext) {
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT *sizes = (gpointer) s;
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR *matrix = (gpointer) s;

    if (s->sType
        == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR)
      matrix->cooperativeMatrixSupportedStages =
          driver.not_in_compute ? 0 : VK_SHADER_STAGE_COMPUTE_BIT;
    if (s->sType
        == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT) {
      sizes->minSubgroupSize = driver.min;
      sizes->maxSubgroupSize = driver.max;
      sizes->maxComputeWorkgroupSubgroups = driver.most;
      sizes->requiredSubgroupSizeStages =
          driver.not_required ? 0 : VK_SHADER_STAGE_COMPUTE_BIT;
    }
  }
}

static VKAPI_ATTR VkResult VKAPI_CALL
list_matrices (VkPhysicalDevice device, uint32_t *n,
    VkCooperativeMatrixPropertiesKHR *properties)
{
  for (guint i = 0; properties && i < MIN (*n, driver.n_listed); i++) {
    const Listed *l = &driver.listed[i];

    g_assert_cmpint (properties[i].sType, ==,
        VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR);
    properties[i].MSize = l->m;
    properties[i].NSize = l->n;
    properties[i].KSize = l->k;
    properties[i].AType = properties[i].BType = l->in;
    properties[i].CType = properties[i].ResultType = l->out;
    properties[i].scope = l->scope;
  }
  *n = driver.n_listed;
  return VK_SUCCESS;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
vkGetInstanceProcAddr (VkInstance instance, const char *name)
{
  g_assert_cmpstr (
      name, ==, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  return (PFN_vkVoidFunction) list_matrices;
}

/* ---- the tests --------------------------------------------------------- */

#define F16 VK_COMPONENT_TYPE_FLOAT16_KHR
#define F32 VK_COMPONENT_TYPE_FLOAT32_KHR
#define SUBGROUP VK_SCOPE_SUBGROUP_KHR

static const Listed nvidia[] = {
  { 16, 8, 8, F16, F32, SUBGROUP },
  { 16, 8, 16, F16, F32, SUBGROUP },
  { 16, 16, 16, F16, F32, SUBGROUP },
  { 16, 16, 16, F16, F16, SUBGROUP },
  { 16, 16, 32, SINT8, (VkComponentTypeKHR) 5, SUBGROUP },
};
/* None of them is of use. */
static const Listed useless[] = {
  { 16, 16, 16, BF16, F32, SUBGROUP },
  { 16, 16, 16, F16, F16, SUBGROUP },
  { 16, 16, 16, F16, F32, WORKGROUP },
  { 64, 64, 16, F16, F32, SUBGROUP },
  { 12, 16, 16, F16, F32, SUBGROUP },
  { 16, 16, 64, F16, F32, SUBGROUP },
};
static const Listed small[] = {
  { 8, 8, 8, F16, F16, SUBGROUP },
  { 8, 8, 8, F16, F32, SUBGROUP },
};

static OvkMatrix
read_matrix (void)
{
  return ovk_matrix_read (VK_NULL_HANDLE, VK_NULL_HANDLE);
}

static void
reset (const Listed *listed, guint n)
{
  memset (&driver, 0, sizeof driver);
  driver.listed = listed;
  driver.n_listed = n;
  driver.min = driver.max = 32;
  driver.most = 32;
}

static void
test_choice (void)
{
  OvkMatrix matrix;

  reset (nvidia, G_N_ELEMENTS (nvidia));
  matrix = read_matrix ();
  g_assert_cmpuint (matrix.m, ==, 16);
  g_assert_cmpuint (matrix.n, ==, 16);
  g_assert_cmpuint (matrix.k, ==, 16);
  reset (small, G_N_ELEMENTS (small));
  matrix = read_matrix ();
  g_assert_cmpuint (matrix.m, ==, 8);
  reset (useless, G_N_ELEMENTS (useless));
  matrix = read_matrix ();
  g_assert_cmpuint (matrix.m, ==, 0);
}

static void
test_subgroups (void)
{
  static const struct {
    guint min, max, want;
  } cases[] = { { 32, 32, 32 }, { 32, 64, 32 }, { 64, 64, 64 }, { 8, 8, 8 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    reset (nvidia, G_N_ELEMENTS (nvidia));
    driver.min = cases[i].min;
    driver.max = cases[i].max;
    g_assert_cmpuint (read_matrix ().subgroup, ==, cases[i].want);
  }
}

/* Whatever is missing, there is nothing of use. */
static void
test_missing (void)
{
  gboolean *const flags[] = { &driver.no_matrix, &driver.no_sizes,
    &driver.no_feature, &driver.no_halves, &driver.no_model, &driver.no_full,
    &driver.not_in_compute, &driver.not_required };
  const OvkMatrix none = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++) {
    OvkMatrix matrix;

    reset (nvidia, G_N_ELEMENTS (nvidia));
    *flags[i] = TRUE;
    matrix = read_matrix ();
    g_assert_cmpmem (&matrix, sizeof matrix, &none, sizeof none);
  }
  reset (nvidia, G_N_ELEMENTS (nvidia));
  driver.most = OVK_MATRIX_SUBGROUPS - 1;
  g_assert_cmpuint (read_matrix ().m, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vk/matrix/choice", test_choice);
  g_test_add_func ("/vk/matrix/subgroups", test_subgroups);
  g_test_add_func ("/vk/matrix/missing", test_missing);
  return g_test_run ();
}
