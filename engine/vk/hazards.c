/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which commands depend on earlier ones, and the barriers between them. */
#include "ovk_hazards.h"

#define USE_SHADER (OVK_USE_SHADER_READ | OVK_USE_SHADER_WRITE)
#define USE_TRANSFER (OVK_USE_TRANSFER_READ | OVK_USE_TRANSFER_WRITE)

void
ovk_hazards_reset (OvkHazards *hazards)
{
  hazards->n_uses = 0;
  hazards->how = 0;
}

gboolean
ovk_use_conflicts (const OvkUse *a, const OvkUse *b)
{
  return a->buffer == b->buffer && a->begin < b->end && b->begin < a->end
         && ((a->how | b->how) & OVK_USE_WRITES);
}

/* Separates all before from all after. The first half is exact; the second
 * covers everything, since the list of uses starts anew. */
static void
barrier (OvkHazards *hazards, VkCommandBuffer buffer)
{
  VkMemoryBarrier memory = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT
                     | VK_ACCESS_TRANSFER_READ_BIT
                     | VK_ACCESS_TRANSFER_WRITE_BIT,
  };
  VkPipelineStageFlags from = 0;

  if (hazards->how & USE_SHADER)
    from |= VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
  if (hazards->how & USE_TRANSFER)
    from |= VK_PIPELINE_STAGE_TRANSFER_BIT;
  if (hazards->how & OVK_USE_SHADER_WRITE)
    memory.srcAccessMask |= VK_ACCESS_SHADER_WRITE_BIT;
  if (hazards->how & OVK_USE_TRANSFER_WRITE)
    memory.srcAccessMask |= VK_ACCESS_TRANSFER_WRITE_BIT;
  /* Reads before a write need only their order. */
  vkCmdPipelineBarrier (buffer, from,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0,
      memory.srcAccessMask ? 1 : 0, &memory, 0, NULL, 0, NULL);
  ovk_hazards_reset (hazards);
}

void
ovk_hazards_order (OvkHazards *hazards, VkCommandBuffer buffer,
    const OvkUse *uses, guint n_uses)
{
  gboolean hazard = hazards->n_uses + n_uses > OVK_MAX_USES;

  for (guint i = 0; i < n_uses && !hazard; i++) {
    /* The newest are the likeliest. */
    for (guint j = hazards->n_uses; j-- > 0 && !hazard;)
      hazard = ovk_use_conflicts (&uses[i], &hazards->uses[j]);
  }
  if (hazard)
    barrier (hazards, buffer);
  for (guint i = 0; i < n_uses; i++) {
    hazards->uses[hazards->n_uses++] = uses[i];
    hazards->how |= uses[i].how;
  }
}
