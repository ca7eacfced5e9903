/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace-forced --kernels
 * trace-forced KERNEL ARGUMENT...
 *
 * The first prints the kernels that the device can do. The second is owl2-trace
 * with the ARGUMENTs, on a way that the device would not take by itself: with
 * KERNEL wherever it fits, or, if that is "staging", with memory that the host
 * can't reach, as on discrete GPUs. It fails if nothing took that way. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "engine_private.h"
#include "kernels.h"

/* The main() of owl2-trace, which is compiled so for this. */
int trace_main (int argc, char **argv);

static gint n_copies; /* atomic */

/* Before the loader's: copies between buffers are what staging adds. */
VKAPI_ATTR void VKAPI_CALL
vkCmdCopyBuffer (VkCommandBuffer cmd, VkBuffer src, VkBuffer dst,
    uint32_t n_regions, const VkBufferCopy *regions)
{
  PFN_vkCmdCopyBuffer real =
      (PFN_vkCmdCopyBuffer) dlsym (RTLD_NEXT, "vkCmdCopyBuffer");

  g_atomic_int_inc (&n_copies);
  real (cmd, src, dst, n_regions, regions);
}

static int
list_kernels (void)
{
  OvkDeviceParams params = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);
  const Owl2KernelTable *table;

  if (!dev) {
    fprintf (stderr, "%s\n", error->message);
    return error->code == OWL2_ERROR_NO_DEVICE ? 77 : 1;
  }
  for (guint t = 0; (table = owl2_kernel_table (t)); t++)
    for (guint i = 0; i < table->n_kernels; i++)
      if (owl2_kernel_can (&table->kernels[i], ovk_device_caps (dev)))
        puts (table->kernels[i].name);
  return 0;
}

int
main (int argc, char **argv)
{
  const char *way = argc > 1 ? argv[1] : "";
  const Owl2Kernel *kernel = owl2_kernel_find (way, NULL);
  gboolean staging = strcmp (way, "staging") == 0;
  int status;

  if (strcmp (way, "--kernels") == 0)
    return list_kernels ();
  if (!kernel && !staging) {
    fprintf (stderr, "there is no kernel '%s'\n", way);
    return 2;
  }
  owl2_model_device_params.no_unified_memory = staging;
  owl2_kernels_force (kernel);
  argv[1] = argv[0];
  status = trace_main (argc - 1, argv + 1);
  if (staging ? g_atomic_int_get (&n_copies) == 0
              : owl2_kernels_forced_uses () == 0) {
    fprintf (stderr, "%s was never used\n", way);
    return 1;
  }
  return status;
}
