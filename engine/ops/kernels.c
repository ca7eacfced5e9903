/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels.h"

#include <string.h>

#include "operand.h"
#include "tuning.h"

static const Owl2KernelTable *const tables[] = { &owl2_matmul_kernels,
  &owl2_attention_kernels, NULL };

static const Owl2Kernel *forced;
static gint forced_uses; /* atomic: models record on threads of their own */
static const Owl2KernelTable *watched;
static GArray *watched_works; /* borrowed */

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

const char *
owl2_family_name (Owl2Family family)
{
  return family == OWL2_DECODE ? "decode" : "prefill";
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
  if (caps->matrix.m)
    flags |= OWL2_CAP_MATRIX;
  if (caps->matrix.m && caps->type != VK_PHYSICAL_DEVICE_TYPE_CPU)
    flags |= OWL2_CAP_MATRIX_UNITS;
  if (caps->texels)
    flags |= OWL2_CAP_TEXELS;
  if (caps->fast_texels)
    flags |= OWL2_CAP_FAST_TEXELS;
  if (caps->type != VK_PHYSICAL_DEVICE_TYPE_CPU)
    flags |= OWL2_CAP_GPU;
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

static void
watch (const Owl2Work *work)
{
  for (guint i = 0; i < watched_works->len; i++) {
    const Owl2Work *w = &g_array_index (watched_works, Owl2Work, i);

    if (w->family == work->family && w->type == work->type && w->n == work->n
        && w->k == work->k)
      return;
  }
  g_array_append_vals (watched_works, work, 1);
}

void
owl2_kernels_watch (const Owl2KernelTable *table, GArray *works)
{
  watched = table;
  watched_works = works;
}

const Owl2Kernel *
owl2_kernel_choice (
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work)
{
  const Owl2Tuning *tuning = owl2_tuning_in_use (caps);
  const Owl2Kernel *first =
      tuning ? owl2_tuning_pick (tuning, table, caps, work) : NULL;

  if (table == watched)
    watch (work);
  for (guint i = 0; i < table->n_kernels; i++) {
    const Owl2Kernel *kernel = &table->kernels[i];

    if (!owl2_kernel_fits (kernel, caps, work))
      continue;
    if (kernel == forced)
      return kernel;
    if (!first && owl2_caps_have (caps, kernel->wants))
      first = kernel;
  }
  return first;
}

const Owl2Kernel *
owl2_kernel_pick (
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work)
{
  const Owl2Kernel *kernel = owl2_kernel_choice (table, caps, work);

  if (kernel && kernel == forced)
    g_atomic_int_inc (&forced_uses);
  return kernel;
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
