/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels.h"

#include <string.h>

#include "operand.h"

static const Owl2KernelTable *const tables[] = { &owl2_matmul_kernels,
  &owl2_attention_kernels, NULL };

static const Owl2Kernel *forced;
static gint forced_uses; /* atomic: models record on threads of their own */

const Owl2KernelTable *
owl2_kernel_table (guint i)
{
  return tables[i];
}

const Owl2KernelTable *
owl2_kernel_table_of (const char *op)
{
  for (guint t = 0; tables[t]; t++)
    if (strcmp (tables[t]->op, op) == 0)
      return tables[t];
  return NULL;
}

const Owl2Kernel *
owl2_kernel_find (const char *name, const Owl2KernelTable **table)
{
  for (guint t = 0; tables[t]; t++)
    for (guint i = 0; i < tables[t]->n_kernels; i++)
      if (strcmp (tables[t]->kernels[i].name, name) == 0) {
        if (table)
          *table = tables[t];
        return &tables[t]->kernels[i];
      }
  return NULL;
}

static guint
flags_of (const OvkCaps *caps)
{
  guint flags = 0;

  if (caps->type == VK_PHYSICAL_DEVICE_TYPE_CPU && caps->subgroup_ballot
      && caps->subgroup_size >= 4 && caps->subgroup_size <= 32)
    flags |= OWL2_CAP_LANES;
  if (caps->subgroup_shuffle)
    flags |= OWL2_CAP_SHUFFLE;
  if (caps->fast_shuffle)
    flags |= OWL2_CAP_FAST_SHUFFLE;
  return flags;
}

gboolean
owl2_caps_have (const OvkCaps *caps, guint flags)
{
  return (flags & ~flags_of (caps)) == 0;
}

gboolean
owl2_kernel_can (const Owl2Kernel *kernel, const OvkCaps *caps)
{
  return owl2_caps_have (caps, kernel->needs);
}

gboolean
owl2_kernel_fits (
    const Owl2Kernel *kernel, const OvkCaps *caps, const Owl2Work *work)
{
  return owl2_kernel_can (kernel, caps)
         && (kernel->families >> work->family & 1)
         && (!kernel->fits || kernel->fits (caps, work))
         && kernel->shaders[owl2_type_index (work->type)];
}

const Owl2Kernel *
owl2_kernel_pick (
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work)
{
  const Owl2Kernel *first = NULL;

  for (guint i = 0; i < table->n_kernels; i++) {
    const Owl2Kernel *kernel = &table->kernels[i];

    if (!owl2_kernel_fits (kernel, caps, work))
      continue;
    if (kernel == forced) {
      g_atomic_int_inc (&forced_uses);
      return kernel;
    }
    if (!first && owl2_caps_have (caps, kernel->wants))
      first = kernel;
  }
  return first;
}

void
owl2_kernels_force (const Owl2Kernel *kernel)
{
  forced = kernel;
  g_atomic_int_set (&forced_uses, 0);
}

guint
owl2_kernels_forced_uses (void)
{
  return (guint) g_atomic_int_get (&forced_uses);
}
