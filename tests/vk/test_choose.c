/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the devices is taken, on lists that no machine has: no device is
 * needed. */
#include <string.h>

#include "common.h"

#define GPU(type_, mib)                                                        \
  {                                                                            \
    .caps = { .type = VK_PHYSICAL_DEVICE_TYPE_##type_,                         \
      .driver_id = VK_DRIVER_ID_MESA_RADV,                                     \
      .heap_bytes = (guint64) (mib) << 20 },                                   \
  }
#define CPU(driver, mib)                                                       \
  {                                                                            \
    .caps = { .type = VK_PHYSICAL_DEVICE_TYPE_CPU,                             \
      .driver_id = (driver),                                                   \
      .heap_bytes = (guint64) (mib) << 20 },                                   \
  }

/* The best first; each is better than all that follow. The memory of those that
 * are better in kind or driver is the smaller, so that nothing else decides. */
static const OvkCandidate ranking[] = {
  GPU (DISCRETE_GPU, 2),
  GPU (DISCRETE_GPU, 1),
  GPU (INTEGRATED_GPU, 8192),
  GPU (INTEGRATED_GPU, 8191),
  GPU (VIRTUAL_GPU, 16384),
  CPU (VK_DRIVER_ID_MESA_LLVMPIPE, 1),
  CPU (VK_DRIVER_ID_MESA_VENUS, 2),
  CPU (VK_DRIVER_ID_GOOGLE_SWIFTSHADER, 65536),
  GPU (OTHER, 131072),
};
#define N_RANKED ((guint) G_N_ELEMENTS (ranking))

/* As ranking[@order[i]], each with a name, a UUID and the version it needs. */
static GArray *
make_list (const guint *order, guint n)
{
  GArray *found = g_array_new (FALSE, TRUE, sizeof (OvkCandidate));

  for (guint i = 0; i < n; i++) {
    OvkCandidate c = ranking[order[i]];

    g_snprintf (c.caps.name, sizeof (c.caps.name), "Device %c (rev 0.9)",
        (char) ('A' + order[i]));
    memset (c.caps.uuid, (int) (0xa0 + order[i]), VK_UUID_SIZE);
    c.caps.api_version = VK_API_VERSION_1_2;
    g_array_append_val (found, c);
  }
  return found;
}

static OvkCandidate *
at (const GArray *found, guint i)
{
  return &g_array_index (found, OvkCandidate, i);
}

/* The place in @found of the one that is taken. */
static guint
choose (const GArray *found, const char *wanted)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) usable = ovk_candidates_choose (found, wanted, &error);

  vk_assert_ok (usable != NULL, error);
  return (guint) ((OvkCandidate *) usable->pdata[0] - at (found, 0));
}

/* Calls @check with each order of @n numbers from @from on. */
static void
permute (guint *order, guint from, guint n,
    void (*check) (const guint *order, guint n))
{
  if (from == n) {
    check (order, n);
    return;
  }
  for (guint i = from; i < n; i++) {
    guint swap = order[from];

    order[from] = order[i];
    order[i] = swap;
    permute (order, from + 1, n, check);
    order[i] = order[from];
    order[from] = swap;
  }
}

static void
check_order (const guint *order, guint n)
{
  g_autoptr (GArray) found = make_list (order, n);
  g_autoptr (GPtrArray) usable = ovk_candidates_choose (found, NULL, NULL);

  g_assert_nonnull (usable);
  g_assert_cmpuint (usable->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (
        order[(OvkCandidate *) usable->pdata[i] - at (found, 0)], ==, i);
}

/* All orders that the loader could have them in, 9! = 362880. */
static void
test_orders (void)
{
  guint order[N_RANKED];

  for (guint i = 0; i < N_RANKED; i++)
    order[i] = i;
  permute (order, 0, N_RANKED, check_order);
}

/* Equal ones, and drivers of which nothing is known, stay in order. */
static void
test_equal (void)
{
  for (guint which = 0; which < N_RANKED; which++) {
    const guint order[] = { which, which, which };
    g_autoptr (GArray) found = make_list (order, 3);
    g_autoptr (GPtrArray) usable = ovk_candidates_choose (found, NULL, NULL);

    for (guint i = 0; i < 3; i++)
      g_assert_true (usable->pdata[i] == (gpointer) at (found, i));
  }
}

/* What is better but lacks something is passed over, and never taken. */
static void
test_lacking (void)
{
  const guint order[] = { 7, 0, 5 };
  g_autoptr (GArray) found = make_list (order, 3);
  GError *error = NULL;
  GPtrArray *none;

  at (found, 1)->lacks = "lacks a compute queue";
  g_assert_cmpuint (choose (found, NULL), ==, 2);
  none = ovk_candidates_choose (found, "1", &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_UNSUPPORTED, "Device A");
  none = ovk_candidates_choose (
      found, "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0", &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_UNSUPPORTED, "Device A");
}

/* In each way that a user may write it. */
static void
test_uuid (void)
{
  const guint order[] = { 7, 0, 5, 5 };
  g_autoptr (GArray) found = make_list (order, 4);
  GError *error = NULL;
  static const char *const right[] = {
    "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
    "A7a7A7a7a7a7a7a7a7a7a7a7a7a7a7A7",
    "a7a7a7a7-a7a7-a7a7-a7a7-a7a7a7a7a7a7",
    "A7A7A7A7-A7A7-A7A7-A7A7-A7A7A7A7A7A7",
  };
  static const char *const wrong[] = {
    "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a",
    "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a",
    "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7ag",
    "a7a7a7a7-a7a7a7a7a7a7a7a7a7a7a7a7",
    "a7a7a7a7-a7a7-a7a7-a7a7-a7a7a7a7a7a",
    "a7a7a7a7-a7a7-a7a7-a7a7-a7a7a7a7a7a7-",
    "a7a7-a7a7a7a7-a7a7-a7a7-a7a7a7a7a7a7",
    "-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
    "77777777777777777777777777777777",
    "-",
  };

  for (guint i = 0; i < G_N_ELEMENTS (right); i++)
    g_assert_cmpuint (choose (found, right[i]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    GPtrArray *none = ovk_candidates_choose (found, wrong[i], &error);

    vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE, wrong[i]);
  }
  /* The first of two that say the same; also where it could be an index. */
  g_assert_cmpuint (choose (found, "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"), ==, 2);
  memset (at (found, 2)->caps.uuid, 0, VK_UUID_SIZE);
  g_assert_cmpuint (choose (found, "00000000000000000000000000000000"), ==, 2);
  /* A driver that is too old was not asked for its UUID. */
  at (found, 2)->caps.api_version = VK_API_VERSION_1_1;
  g_assert_cmpuint (choose (found, "00000000000000000000000000000000"), ==, 0);
}

static void
test_names (void)
{
  const guint order[] = { 7, 0, 5 };
  g_autoptr (GArray) found = make_list (order, 3);
  GError *error = NULL;
  GPtrArray *none;

  /* An index is the loader's, not the rank. */
  g_assert_cmpuint (choose (found, "0"), ==, 0);
  g_assert_cmpuint (choose (found, "2"), ==, 2);
  /* Of those that a part of a name fits, the best. */
  g_assert_cmpuint (choose (found, "dEvIcE"), ==, 1);
  g_assert_cmpuint (choose (found, "h (REV"), ==, 0);
  /* Beyond the last one: part of a name. */
  g_assert_cmpuint (choose (found, "9"), ==, 1);
  none = ovk_candidates_choose (found, "3", &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE,
      "1: Device A (rev 0.9) (discrete GPU, unknown driver, 2 MiB, UUID "
      "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0); 2: Device F");
}

static void
test_none (void)
{
  g_autoptr (GArray) found = make_list (NULL, 0);
  GError *error = NULL;
  GPtrArray *none = ovk_candidates_choose (found, NULL, &error);

  vk_assert_error (
      none != NULL, error, OWL2_ERROR_NO_DEVICE, "no usable Vulkan device");
  none =
      ovk_candidates_choose (found, "00000000000000000000000000000000", &error);
  vk_assert_error (none != NULL, error, OWL2_ERROR_NO_DEVICE, "devices: none");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/choose/orders", test_orders);
  g_test_add_func ("/choose/equal", test_equal);
  g_test_add_func ("/choose/lacking", test_lacking);
  g_test_add_func ("/choose/uuid", test_uuid);
  g_test_add_func ("/choose/names", test_names);
  g_test_add_func ("/choose/none", test_none);
  return g_test_run ();
}
