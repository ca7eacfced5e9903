/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace-forced --kernels
 * trace-forced --halves
 * trace-forced KERNEL ARGUMENT...
 *
 * The first prints the kernels that the device can do, each with the first type
 * of weights, or of keys and values, that it takes. The second prints "yes" if
 * the device prefers products of halves for prompts, else "no". The third is
 * owl2-trace with the ARGUMENTs, on a way that the device would not take by
 * itself: with KERNEL wherever it fits, or, if that is "staging", with memory
 * that the host can't reach, as on discrete GPUs. It fails if nothing took that
 * way. */
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

static void
print_kernel (const Owl2Kernel *kernel)
{
  guint t = 0;

  while (!kernel->shaders[t])
    t++;
  printf ("%s %s\n", kernel->name, owl2_type_at (t)->name);
}

static int
list_kernels (gboolean halves)
{
  Owl2Work work = { OWL2_PREFILL, OWL2_TYPE_F16, 512, 512, FALSE, FALSE };
  OvkDeviceParams params = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) dev = ovk_device_new (&params, &error);
  const Owl2KernelTable *table;

  if (!dev) {
    fprintf (stderr, "%s\n", error->message);
    return error->code == OWL2_ERROR_NO_DEVICE ? 77 : 1;
  }
  if (halves) {
    const OvkCaps *caps = ovk_device_caps (dev);

    puts (owl2_kernel_choice (&owl2_matmul_kernels, caps, &work)->halves
              ? "yes"
              : "no");
    return 0;
  }
  for (guint t = 0; (table = owl2_kernel_table (t)); t++)
    for (guint i = 0; i < table->n_kernels; i++)
      if (owl2_kernel_can (&table->kernels[i], ovk_device_caps (dev)))
        print_kernel (&table->kernels[i]);
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
    return list_kernels (FALSE);
  if (strcmp (way, "--halves") == 0)
    return list_kernels (TRUE);
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
