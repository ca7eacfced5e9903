/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands there are: checked, ordered after those they depend on, and
 * written into the command buffer. */
#include "ovk_cmd.h"

#define SETS_PER_POOL 256
#define MAX_UPDATE_BYTES 65536

void
ovk_cmd_touch (OvkCmd *cmd, OvkBuffer *buffer)
{
  if (buffer == cmd->touched.last)
    return;
  cmd->touched.last = buffer;
  g_hash_table_add (cmd->touched.buffers, buffer);
}

/* To be called before the command that does @uses; FALSE: there is to be
 * none. */
static gboolean
order (OvkCmd *cmd, VkCommandBuffer buffer, const OvkUse *uses, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (uses[i].buffer->host && (uses[i].how & OVK_USE_WRITES)) {
      ovk_cmd_fail_text (
          cmd, "the host's memory is only read, but was to be written");
      return FALSE;
    }
    if (uses[i].buffer->map && (uses[i].how & OVK_USE_WRITES))
      cmd->host_reads = TRUE;
    ovk_cmd_touch (cmd, uses[i].buffer);
  }
  ovk_hazards_order (&cmd->hazards, buffer, uses, n);
  return TRUE;
}

/* ---- dispatch --------------------------------------------------------- */

static gboolean
add_descriptor_pool (OvkCmd *cmd)
{
  VkDescriptorPoolSize sizes[] = {
    { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS_PER_POOL * OVK_MAX_BINDINGS },
    { VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, SETS_PER_POOL * OVK_MAX_TEXELS },
  };
  VkDescriptorPoolCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
    .maxSets = SETS_PER_POOL,
    .poolSizeCount = cmd->dev->gpu.caps.texels ? 2 : 1,
    .pPoolSizes = sizes,
  };
  VkDescriptorPool pool;
  VkResult result =
      vkCreateDescriptorPool (cmd->dev->gpu.handle, &info, NULL, &pool);

  if (result != VK_SUCCESS) {
    ovk_cmd_fail_result (cmd, result, "making descriptors");
    return FALSE;
  }
  ovk_gpu_name (&cmd->dev->gpu, VK_OBJECT_TYPE_DESCRIPTOR_POOL,
      OVK_HANDLE (pool), "%s descriptors %u", cmd->name, cmd->pools->len);
  g_array_append_val (cmd->pools, pool);
  return TRUE;
}

static VkDescriptorSet
new_set (OvkCmd *cmd, const OvkPipeline *pipeline)
{
  guint index = cmd->n_sets / SETS_PER_POOL;
  VkDescriptorSetAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
    .descriptorSetCount = 1,
    .pSetLayouts = &pipeline->set_layout,
  };
  VkDescriptorSet set;
  VkResult result;

  if (index == cmd->pools->len && !add_descriptor_pool (cmd))
    return VK_NULL_HANDLE;
  info.descriptorPool = g_array_index (cmd->pools, VkDescriptorPool, index);
  result = vkAllocateDescriptorSets (cmd->dev->gpu.handle, &info, &set);
  if (result != VK_SUCCESS) {
    ovk_cmd_fail_result (cmd, result, "allocating descriptors");
    return VK_NULL_HANDLE;
  }
  cmd->n_sets++;
  return set;
}

static gboolean
bind_buffers (OvkCmd *cmd, VkCommandBuffer buffer, const OvkPipeline *pipeline,
    const OvkBinding *bindings)
{
  VkDescriptorBufferInfo infos[OVK_MAX_BINDINGS];
  VkWriteDescriptorSet writes[OVK_MAX_BINDINGS + OVK_MAX_TEXELS];
  VkBufferView views[OVK_MAX_TEXELS];
  guint n = pipeline->shader->n_bindings, t;
  VkDescriptorSet set = new_set (cmd, pipeline);

  if (!set)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const OvkSlice *s = &bindings[i].slice;

    infos[i] =
        (VkDescriptorBufferInfo){ s->buffer->handle, s->offset, s->size };
    writes[i] = (VkWriteDescriptorSet){
      .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
      .dstSet = set,
      .dstBinding = i,
      .descriptorCount = 1,
      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
      .pBufferInfo = &infos[i],
    };
  }
  for (t = 0; t < pipeline->shader->n_texels; t++) {
    const OvkSlice *s = &bindings[t].slice;
    VkResult result = ovk_buffer_texels (s->buffer, s->offset, &views[t]);

    if (result != VK_SUCCESS) {
      ovk_cmd_fail_result (cmd, result, "viewing a buffer as texels");
      return FALSE;
    }
    writes[n + t] = (VkWriteDescriptorSet){
      .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
      .dstSet = set,
      .dstBinding = n + t,
      .descriptorCount = 1,
      .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
      .pTexelBufferView = &views[t],
    };
  }
  vkUpdateDescriptorSets (cmd->dev->gpu.handle, n + t, writes, 0, NULL);
  vkCmdBindDescriptorSets (buffer, VK_PIPELINE_BIND_POINT_COMPUTE,
      pipeline->layout, 0, 1, &set, 0, NULL);
  return TRUE;
}

static gboolean
slice_fits (const OvkSlice *slice)
{
  return slice->buffer && slice->size && slice->offset <= slice->buffer->size
         && slice->size <= slice->buffer->size - slice->offset;
}

static gboolean
check_dispatch (OvkCmd *cmd, const OvkShader *shader,
    const OvkBinding *bindings, guint x, guint y, guint z)
{
  const OvkCaps *caps = &cmd->dev->gpu.caps;

  if (x > caps->max_groups_x || y > caps->max_groups_yz
      || z > caps->max_groups_yz) {
    ovk_cmd_fail_text (cmd,
        "shader '%s' needs %u x %u x %u workgroups, %s allows "
        "%u x %u x %u",
        shader->name, x, y, z, caps->name, caps->max_groups_x,
        caps->max_groups_yz, caps->max_groups_yz);
    return FALSE;
  }
  for (guint i = 0; i < shader->n_bindings; i++) {
    const OvkSlice *s = &bindings[i].slice;

    if (!slice_fits (s)) {
      ovk_cmd_fail_text (cmd,
          "shader '%s', binding %u: %" G_GSIZE_FORMAT
          " bytes at %" G_GSIZE_FORMAT
          " do not lie in a buffer of %" G_GSIZE_FORMAT,
          shader->name, i, s->size, s->offset, s->buffer ? s->buffer->size : 0);
      return FALSE;
    }
    if (s->size > caps->max_storage_range) {
      ovk_cmd_fail_text (cmd,
          "shader '%s', binding %u: %" G_GSIZE_FORMAT " bytes, %s "
          "allows %" G_GSIZE_FORMAT,
          shader->name, i, s->size, caps->name, caps->max_storage_range);
      return FALSE;
    }
    if (s->offset & (caps->storage_align - 1)) {
      ovk_cmd_fail_text (cmd,
          "shader '%s', binding %u: offset %" G_GSIZE_FORMAT
          " is no multiple of %" G_GSIZE_FORMAT,
          shader->name, i, s->offset, caps->storage_align);
      return FALSE;
    }
  }
  return TRUE;
}

/* Two threads that want the same pipeline first may both ask. */
static gboolean
verify (OvkCmd *cmd, OvkPipeline *pipeline, GError **error)
{
  if (!cmd->dev->verify || cmd->trusted
      || g_atomic_int_get (&pipeline->verified))
    return TRUE;
  if (!cmd->dev->verify (cmd->dev, pipeline->shader, pipeline->spec,
          pipeline->n_spec, cmd->what_bytes ? cmd->what : NULL, error))
    return FALSE;
  g_atomic_int_set (&pipeline->verified, TRUE);
  return TRUE;
}

void
ovk_cmd_dispatch (OvkCmd *cmd, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const OvkBinding *bindings, const void *push, guint groups_x,
    guint groups_y, guint groups_z)
{
  OvkUse uses[OVK_MAX_BINDINGS];
  GError *error = NULL;
  OvkPipeline *pipeline;
  VkCommandBuffer buffer;

  if (cmd->error)
    return;
  if (cmd->collect) {
    if (check_dispatch (cmd, shader, bindings, groups_x, groups_y, groups_z))
      ovk_pipeline_set_add (cmd->collect, shader, spec, n_spec,
          cmd->what_bytes ? cmd->what : NULL, cmd->what_bytes);
    return;
  }
  pipeline =
      ovk_pipelines_get (&cmd->dev->pipelines, shader, spec, n_spec, &error);
  if (!pipeline || !verify (cmd, pipeline, &error)) {
    ovk_cmd_fail (cmd, error);
    return;
  }
  if (!check_dispatch (cmd, shader, bindings, groups_x, groups_y, groups_z))
    return;
  /* Nothing to do is nothing to record. */
  if (!groups_x || !groups_y || !groups_z
      || !(buffer = ovk_cmd_next (cmd, shader->name)))
    return;

  for (guint i = 0; i < shader->n_bindings; i++) {
    const OvkBinding *b = &bindings[i];

    uses[i] = (OvkUse){
      .buffer = b->slice.buffer,
      .begin = b->slice.offset,
      .end = b->slice.offset + b->slice.size,
      .how = (b->access & OVK_READ ? OVK_USE_SHADER_READ : 0)
             | (b->access & OVK_WRITE ? OVK_USE_SHADER_WRITE : 0),
    };
    /* What is behind the binding could be read as well. Barriers cost little
     * where there are texels. */
    if (i < shader->n_texels)
      uses[i].end = MAX (uses[i].end,
          uses[i].begin
              + ovk_buffer_texel_bytes (b->slice.buffer, b->slice.offset));
  }
  if (!order (cmd, buffer, uses, shader->n_bindings))
    return;
  if (pipeline != cmd->bound)
    vkCmdBindPipeline (
        buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  cmd->bound = pipeline;
  if (shader->n_bindings && !bind_buffers (cmd, buffer, pipeline, bindings))
    return;
  if (shader->push_bytes)
    vkCmdPushConstants (buffer, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT,
        0, shader->push_bytes, push);
  vkCmdDispatch (buffer, groups_x, groups_y, groups_z);
}

void
ovk_cmd_start_pipeline (OvkCmd *cmd, OvkPipeline *pipeline, OvkSlice slice)
{
  static const guint8 push[OVK_MAX_PUSH_BYTES];
  const OvkShader *shader = pipeline->shader;
  OvkBinding bindings[OVK_MAX_BINDINGS];
  VkCommandBuffer buffer = ovk_cmd_next (cmd, NULL);

  if (!buffer)
    return;
  for (guint i = 0; i < shader->n_bindings; i++)
    bindings[i] = (OvkBinding){ slice, OVK_READ };
  ovk_cmd_touch (cmd, slice.buffer);
  vkCmdBindPipeline (buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  cmd->bound = pipeline;
  if (shader->n_bindings && !bind_buffers (cmd, buffer, pipeline, bindings))
    return;
  if (shader->push_bytes)
    vkCmdPushConstants (buffer, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT,
        0, shader->push_bytes, push);
  vkCmdDispatch (buffer, 0, 0, 0);
}

/* ---- transfers -------------------------------------------------------- */

static OvkUse
slice_use (const OvkSlice *slice, guint how)
{
  return (
      OvkUse){ slice->buffer, slice->offset, slice->offset + slice->size, how };
}

void
ovk_cmd_copy_bytes (OvkCmd *cmd, OvkSlice dst, OvkSlice src)
{
  VkBufferCopy region = { src.offset, dst.offset, src.size };
  OvkUse uses[2] = {
    slice_use (&src, OVK_USE_TRANSFER_READ),
    slice_use (&dst, OVK_USE_TRANSFER_WRITE),
  };
  VkCommandBuffer buffer;

  if (cmd->error)
    return;
  if (src.size != dst.size || !slice_fits (&src) || !slice_fits (&dst)
      || ovk_use_conflicts (&uses[0], &uses[1])) {
    ovk_cmd_fail_text (cmd,
        "copying %" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT
        " to %" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT " is not possible",
        src.size, src.offset, dst.size, dst.offset);
    return;
  }
  if (cmd->collect || !(buffer = ovk_cmd_next (cmd, "copy")))
    return;
  if (order (cmd, buffer, uses, 2))
    vkCmdCopyBuffer (
        buffer, src.buffer->handle, dst.buffer->handle, 1, &region);
}

static gboolean
check_words (
    OvkCmd *cmd, const OvkSlice *dst, gsize size_bytes, const char *what)
{
  if (cmd->error)
    return FALSE;
  if (slice_fits (dst) && size_bytes && size_bytes <= dst->size
      && dst->offset % 4 == 0 && size_bytes % 4 == 0)
    return TRUE;
  ovk_cmd_fail_text (cmd,
      "%s of %" G_GSIZE_FORMAT " bytes is not possible in %" G_GSIZE_FORMAT
      " bytes at %" G_GSIZE_FORMAT,
      what, size_bytes, dst->size, dst->offset);
  return FALSE;
}

void
ovk_cmd_copy (OvkCmd *cmd, OvkSlice dst, OvkSlice src)
{
  if (check_words (cmd, &dst, dst.size, "copy")
      && check_words (cmd, &src, src.size, "copy"))
    ovk_cmd_copy_bytes (cmd, dst, src);
}

void
ovk_cmd_update (OvkCmd *cmd, OvkSlice dst, const void *data, gsize size_bytes)
{
  OvkUse use;
  VkCommandBuffer buffer;

  if (!check_words (cmd, &dst, size_bytes, "update"))
    return;
  if (size_bytes > MAX_UPDATE_BYTES) {
    ovk_cmd_fail_text (cmd,
        "update of %" G_GSIZE_FORMAT " bytes, at most %d are "
        "possible",
        size_bytes, MAX_UPDATE_BYTES);
    return;
  }
  if (cmd->collect || !(buffer = ovk_cmd_next (cmd, "update")))
    return;
  dst.size = size_bytes;
  use = slice_use (&dst, OVK_USE_TRANSFER_WRITE);
  if (order (cmd, buffer, &use, 1))
    vkCmdUpdateBuffer (
        buffer, dst.buffer->handle, dst.offset, size_bytes, data);
}

void
ovk_cmd_fill (OvkCmd *cmd, OvkSlice dst, guint32 word)
{
  OvkUse use = slice_use (&dst, OVK_USE_TRANSFER_WRITE);
  VkCommandBuffer buffer;

  if (!check_words (cmd, &dst, dst.size, "fill") || cmd->collect
      || !(buffer = ovk_cmd_next (cmd, "fill")))
    return;
  if (order (cmd, buffer, &use, 1))
    vkCmdFillBuffer (buffer, dst.buffer->handle, dst.offset, dst.size, word);
}
