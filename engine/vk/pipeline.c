/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shaders with their constants become pipelines, once; the driver's work is
 * kept on disk. */
#include "ovk_pipelines.h"

#include <string.h>

#include "cache_dir.h"

#define AREA "vk"

void
ovk_pipelines_init (OvkPipelines *ps, OvkGpu *gpu)
{
  ps->gpu = gpu;
  g_mutex_init (&ps->lock);
  g_cond_init (&ps->made);
}

void
ovk_pipelines_clear (OvkPipelines *ps)
{
  g_mutex_clear (&ps->lock);
  g_cond_clear (&ps->made);
}

/* ---- pipelines -------------------------------------------------------- */

guint
ovk_pipeline_hash (gconstpointer p)
{
  const OvkPipeline *a = p;
  guint hash = g_direct_hash (a->shader);

  for (guint i = 0; i < a->n_spec; i++)
    hash = hash * 31 + a->spec[i];
  return hash;
}

gboolean
ovk_pipeline_equal (gconstpointer p, gconstpointer q)
{
  const OvkPipeline *a = p, *b = q;

  return a->shader == b->shader && a->n_spec == b->n_spec
         && memcmp (a->spec, b->spec, a->n_spec * sizeof (guint32)) == 0;
}

/* One layout serves all shaders with as many bindings. Under the lock. */
static gboolean
get_set_layout (OvkPipelines *ps, const OvkShader *shader, GError **error)
{
  VkDescriptorSetLayoutBinding bindings[OVK_MAX_BINDINGS + OVK_MAX_TEXELS];
  guint n = shader->n_bindings;
  VkDescriptorSetLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
    .bindingCount = n + shader->n_texels,
    .pBindings = bindings,
  };
  VkDescriptorSetLayout *layout = &ps->set_layouts[n][shader->n_texels];
  VkResult result;

  if (*layout)
    return TRUE;
  for (guint i = 0; i < info.bindingCount; i++) {
    bindings[i] = (VkDescriptorSetLayoutBinding){
      .binding = i,
      .descriptorType = i < n ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                              : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
      .descriptorCount = 1,
      .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
  }
  result = vkCreateDescriptorSetLayout (ps->gpu->handle, &info, NULL, layout);
  if (result != VK_SUCCESS) {
    *layout = VK_NULL_HANDLE;
    ovk_set_error (ps->gpu, error, result,
        "%s: creating a layout of %u bindings failed", ps->gpu->caps.name,
        info.bindingCount);
    return FALSE;
  }
  ovk_gpu_name (ps->gpu, VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT,
      OVK_HANDLE (*layout), "%u bindings", info.bindingCount);
  return TRUE;
}

/* Under the lock. */
static gboolean
get_layouts (OvkPipelines *ps, OvkPipeline *pipeline, GError **error)
{
  const OvkShader *shader = pipeline->shader;
  guint n_bindings = shader->n_bindings + shader->n_texels;
  guint push_bytes = shader->push_bytes;
  VkDescriptorSetLayout *set =
      &ps->set_layouts[shader->n_bindings][shader->n_texels];
  VkPipelineLayout *layout =
      &ps->layouts[shader->n_bindings][shader->n_texels][push_bytes / 4];
  VkPushConstantRange range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = push_bytes,
  };
  VkPipelineLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .setLayoutCount = 1,
    .pSetLayouts = set,
    .pushConstantRangeCount = push_bytes ? 1 : 0,
    .pPushConstantRanges = &range,
  };
  VkResult result;

  if (!get_set_layout (ps, shader, error))
    return FALSE;
  if (!*layout) {
    result = vkCreatePipelineLayout (ps->gpu->handle, &info, NULL, layout);
    if (result != VK_SUCCESS) {
      *layout = VK_NULL_HANDLE;
      ovk_set_error (ps->gpu, error, result,
          "%s: creating a layout of %u bindings and %u bytes failed",
          ps->gpu->caps.name, n_bindings, push_bytes);
      return FALSE;
    }
    ovk_gpu_name (ps->gpu, VK_OBJECT_TYPE_PIPELINE_LAYOUT, OVK_HANDLE (*layout),
        "%u bindings, %u bytes", n_bindings, push_bytes);
  }
  pipeline->layout = *layout;
  pipeline->set_layout = *set;
  return TRUE;
}

/* Takes milliseconds to seconds; called without any lock. */
static gboolean
compile (
    OvkPipelines *ps, OvkPipeline *pipeline, VkPipeline *handle, GError **error)
{
  const OvkShader *shader = pipeline->shader;
  VkSpecializationMapEntry entries[OVK_MAX_SPEC];
  VkSpecializationInfo spec = {
    .mapEntryCount = pipeline->n_spec,
    .pMapEntries = entries,
    .dataSize = pipeline->n_spec * sizeof (guint32),
    .pData = pipeline->spec,
  };
  VkShaderModuleCreateInfo module_info = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = shader->code_bytes,
    .pCode = shader->code,
  };
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .pName = "main",
      .pSpecializationInfo = pipeline->n_spec ? &spec : NULL,
    },
    .layout = pipeline->layout,
    .basePipelineIndex = -1,
  };
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT subgroup = {
    .sType =
        VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
    .requiredSubgroupSize = ps->gpu->caps.matrix.subgroup,
  };
  VkResult result;

  for (guint i = 0; i < pipeline->n_spec; i++) {
    entries[i] = (VkSpecializationMapEntry){
      .constantID = i,
      .offset = i * (guint) sizeof (guint32),
      .size = sizeof (guint32),
    };
  }
  if (shader->matrix) {
    info.stage.flags =
        VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT;
    info.stage.pNext = &subgroup;
  }
  result = vkCreateShaderModule (
      ps->gpu->handle, &module_info, NULL, &info.stage.module);
  if (result == VK_SUCCESS) {
    ovk_gpu_name (ps->gpu, VK_OBJECT_TYPE_SHADER_MODULE,
        OVK_HANDLE (info.stage.module), "%s", shader->name);
    result = vkCreateComputePipelines (
        ps->gpu->handle, ps->cache, 1, &info, NULL, handle);
    vkDestroyShaderModule (ps->gpu->handle, info.stage.module, NULL);
  }
  if (result != VK_SUCCESS) {
    *handle = VK_NULL_HANDLE;
    ovk_set_error (ps->gpu, error, result, "%s: compiling shader '%s' failed",
        ps->gpu->caps.name, shader->name);
    return FALSE;
  }
  ovk_gpu_name (ps->gpu, VK_OBJECT_TYPE_PIPELINE, OVK_HANDLE (*handle), "%s",
      shader->name);
  return TRUE;
}

static gboolean
check_shader (
    OvkPipelines *ps, const OvkShader *shader, guint n_spec, GError **error)
{
  if (n_spec > OVK_MAX_SPEC || shader->push_bytes > OVK_MAX_PUSH_BYTES
      || shader->push_bytes % 4 || shader->n_bindings > OVK_MAX_BINDINGS
      || shader->n_texels > MIN (OVK_MAX_TEXELS, shader->n_bindings)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "shader '%s' has %u bindings, %u push bytes, %u constants; "
        "%d, %u, %d are possible",
        shader->name, shader->n_bindings, shader->push_bytes, n_spec,
        OVK_MAX_BINDINGS, OVK_MAX_PUSH_BYTES, OVK_MAX_SPEC);
    return FALSE;
  }
  if (shader->n_bindings > ps->gpu->max_bindings) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "shader '%s' has %u bindings, %s allows %u", shader->name,
        shader->n_bindings, ps->gpu->caps.name, ps->gpu->max_bindings);
    return FALSE;
  }
  if (shader->matrix && !ps->gpu->caps.matrix.m) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "shader '%s' multiplies matrices, which %s can't", shader->name,
        ps->gpu->caps.name);
    return FALSE;
  }
  return TRUE;
}

OvkPipeline *
ovk_pipelines_get (OvkPipelines *ps, const OvkShader *shader,
    const guint32 *spec, guint n_spec, GError **error)
{
  OvkPipeline key = { .shader = shader, .n_spec = n_spec };
  OvkPipeline *pipeline;
  VkPipeline handle = VK_NULL_HANDLE;
  gboolean made;

  if (!check_shader (ps, shader, n_spec, error)
      || !ovk_gpu_alive (ps->gpu, error))
    return NULL;
  if (n_spec)
    memcpy (key.spec, spec, n_spec * sizeof (guint32));

  g_mutex_lock (&ps->lock);
  while (
      (pipeline = g_hash_table_lookup (ps->known, &key)) && !pipeline->handle)
    g_cond_wait (&ps->made, &ps->lock);
  if (!pipeline) {
    /* Others who want the same one wait for this thread to make it. */
    pipeline = g_memdup2 (&key, sizeof (key));
    g_hash_table_add (ps->known, pipeline);
    made = get_layouts (ps, pipeline, error);
    g_mutex_unlock (&ps->lock);

    made = made && compile (ps, pipeline, &handle, error);

    g_mutex_lock (&ps->lock);
    if (made) {
      pipeline->handle = handle;
      ps->cache_grown = TRUE;
    } else {
      g_hash_table_remove (ps->known, pipeline);
      pipeline = NULL;
    }
    g_cond_broadcast (&ps->made);
  }
  g_mutex_unlock (&ps->lock);
  return pipeline;
}

/* ---- the cache on disk ------------------------------------------------ */

/* The file: this, then what the driver gave. Numbers are in the byte order of
 * the machine, as the driver's part is. */
typedef struct {
  char magic[8];
  guint64 shaders; /* OvkDeviceParams.shaders_hash */
  guint64 data_bytes;
  guint8 sha256[32]; /* of @shaders and the data */
} CacheHeader;

#define CACHE_MAGIC "owl2pc2\n"
#define CACHE_MAGIC_1 "owl2pc1\n" /* without the hash of the shaders */
#define CACHE_SUFFIX ".bin"
/* Far above what a few hundred pipelines take. */
#define CACHE_MAX_BYTES ((gsize) 256 << 20)

static void
sha256 (guint64 shaders, const guint8 *data, gsize size, guint8 digest[32])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize digest_bytes = 32;

  g_checksum_update (checksum, (const guint8 *) &shaders, sizeof (shaders));
  g_checksum_update (checksum, data, (gssize) size);
  g_checksum_get_digest (checksum, digest, &digest_bytes);
}

static char *
cache_file_name (const OvkCaps *caps)
{
  GString *name = g_string_new ("owl2-");

  for (guint i = 0; i < VK_UUID_SIZE; i++)
    g_string_append_printf (name, "%02x", caps->cache_uuid[i]);
  g_string_append_printf (name, "-%08x-%08x-%08x" CACHE_SUFFIX, caps->vendor_id,
      caps->device_id, caps->driver_version);
  return g_string_free (name, FALSE);
}

/* What is wrong with the file, or NULL. @outdated: it is of another version's
 * shaders, whose pipelines nobody will ask for: then it is left behind, or it
 * would grow with each version. */
static const char *
check_cache (
    const OvkPipelines *ps, const char *file, gsize size, gboolean *outdated)
{
  const OvkCaps *caps = &ps->gpu->caps;
  VkPipelineCacheHeaderVersionOne inner;
  CacheHeader header;
  guint8 digest[32];

  if (size < sizeof (header) + sizeof (inner))
    return "it is too short";
  memcpy (&header, file, sizeof (header));
  memcpy (&inner, file + sizeof (header), sizeof (inner));
  *outdated = memcmp (header.magic, CACHE_MAGIC_1, sizeof (header.magic)) == 0;
  if (*outdated)
    return NULL;
  if (memcmp (header.magic, CACHE_MAGIC, sizeof (header.magic)) != 0)
    return "it is no pipeline cache";
  if (header.data_bytes != size - sizeof (header))
    return "its length is wrong";
  sha256 (header.shaders, (const guint8 *) file + sizeof (header),
      size - sizeof (header), digest);
  if (memcmp (digest, header.sha256, sizeof (digest)) != 0)
    return "its checksum is wrong";
  if (inner.headerSize < sizeof (inner)
      || inner.headerVersion != VK_PIPELINE_CACHE_HEADER_VERSION_ONE
      || inner.vendorID != caps->vendor_id || inner.deviceID != caps->device_id
      || memcmp (inner.pipelineCacheUUID, caps->cache_uuid, VK_UUID_SIZE) != 0)
    return "it is of another device or driver";
  *outdated = header.shaders != ps->shaders_hash;
  return NULL;
}

/* (transfer full) the file if it can be used, else NULL. */
static GBytes *
load_cache (OvkPipelines *ps)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gboolean outdated = FALSE;
  const char *wrong = NULL;

  if (!ps->cache_path || !g_file_test (ps->cache_path, G_FILE_TEST_EXISTS))
    return NULL;
  bytes = owl2_cache_read (ps->cache_path, CACHE_MAX_BYTES, &error);
  if (bytes)
    wrong = check_cache (ps, g_bytes_get_data (bytes, NULL),
        g_bytes_get_size (bytes), &outdated);
  if (!bytes || wrong) {
    owl2_log (&ps->gpu->log, OWL2_LOG_WARNING, AREA,
        "ignoring the pipeline cache %s%s%s", bytes ? ps->cache_path : "",
        bytes ? ": " : "", bytes ? wrong : error->message);
    return NULL;
  }
  if (outdated) {
    owl2_log (&ps->gpu->log, OWL2_LOG_DEBUG, AREA,
        "the pipeline cache %s is of other shaders; it begins anew",
        ps->cache_path);
    return NULL;
  }
  return g_steal_pointer (&bytes);
}

gboolean
ovk_pipelines_open (OvkPipelines *ps, const char *cache_dir,
    guint64 shaders_hash, GError **error)
{
  g_autoptr (GBytes) file = NULL;
  VkPipelineCacheCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };
  VkResult result;

  ps->known = g_hash_table_new_full (
      ovk_pipeline_hash, ovk_pipeline_equal, g_free, NULL);
  if (cache_dir) {
    g_autofree char *name = cache_file_name (&ps->gpu->caps);

    ps->cache_path = g_build_filename (cache_dir, name, NULL);
  }
  ps->shaders_hash = shaders_hash;
  file = load_cache (ps);
  if (file) {
    info.initialDataSize = g_bytes_get_size (file) - sizeof (CacheHeader);
    info.pInitialData =
        (const guint8 *) g_bytes_get_data (file, NULL) + sizeof (CacheHeader);
  }
  result = vkCreatePipelineCache (ps->gpu->handle, &info, NULL, &ps->cache);
  if (result != VK_SUCCESS && file) {
    owl2_log (&ps->gpu->log, OWL2_LOG_WARNING, AREA,
        "ignoring the pipeline cache %s: the driver refused it",
        ps->cache_path);
    info.initialDataSize = 0;
    info.pInitialData = NULL;
    result = vkCreatePipelineCache (ps->gpu->handle, &info, NULL, &ps->cache);
  }
  if (result != VK_SUCCESS) {
    ps->cache = VK_NULL_HANDLE;
    ovk_set_error (ps->gpu, error, result,
        "%s: creating a pipeline cache failed", ps->gpu->caps.name);
    return FALSE;
  }
  ps->cache_saved_bytes = info.initialDataSize;
  ovk_gpu_name (ps->gpu, VK_OBJECT_TYPE_PIPELINE_CACHE, OVK_HANDLE (ps->cache),
      "pipeline cache");
  return TRUE;
}

/* Of a file beside the cache, at most. */
#define BESIDE_MAX_BYTES ((gsize) 16 << 20)

/* (transfer full) (nullable) */
static char *
path_beside (const OvkPipelines *ps, const char *suffix)
{
  return ps->cache_path ? g_strdup_printf ("%.*s%s",
             (int) (strlen (ps->cache_path) - strlen (CACHE_SUFFIX)),
             ps->cache_path, suffix)
                        : NULL;
}

gboolean
ovk_pipelines_save_beside (OvkPipelines *ps, const char *suffix,
    const void *data, gsize size, GError **error)
{
  g_autofree char *path = path_beside (ps, suffix);

  return !path || owl2_cache_write (path, data, size, FALSE, error);
}

GBytes *
ovk_pipelines_load_beside (OvkPipelines *ps, const char *suffix, GError **error)
{
  g_autofree char *path = path_beside (ps, suffix);

  return path && g_file_test (path, G_FILE_TEST_EXISTS)
             ? owl2_cache_read (path, BESIDE_MAX_BYTES, error)
             : NULL;
}

/* The file to be, if it would hold more than the one there is. */
static char *
make_cache_file (OvkPipelines *ps, gsize *file_bytes)
{
  g_autofree char *file = NULL;
  CacheHeader header = { CACHE_MAGIC, ps->shaders_hash, 0, { 0 } };
  size_t size = 0;
  VkResult result;

  result = vkGetPipelineCacheData (ps->gpu->handle, ps->cache, &size, NULL);
  if (result != VK_SUCCESS || size <= ps->cache_saved_bytes
      || size > CACHE_MAX_BYTES - sizeof (header))
    return NULL;
  file = g_try_malloc (sizeof (header) + size);
  if (!file)
    return NULL;
  result = vkGetPipelineCacheData (
      ps->gpu->handle, ps->cache, &size, file + sizeof (header));
  if (result != VK_SUCCESS)
    return NULL;
  header.data_bytes = size;
  sha256 (header.shaders, (const guint8 *) file + sizeof (header), size,
      header.sha256);
  memcpy (file, &header, sizeof (header));
  *file_bytes = sizeof (header) + size;
  return g_steal_pointer (&file);
}

void
ovk_pipelines_save_cache (OvkPipelines *ps)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMutexLocker) locker = NULL;
  g_autofree char *file = NULL;
  gsize size = 0;

  if (!ps->cache_path || !ps->cache || g_atomic_int_get (&ps->gpu->lost))
    return;
  locker = g_mutex_locker_new (&ps->lock);
  if (!ps->cache_grown || !(file = make_cache_file (ps, &size)))
    return;
  if (!owl2_cache_write (ps->cache_path, file, size, FALSE, &error)) {
    if (!ps->cache_failed)
      owl2_log (&ps->gpu->log, OWL2_LOG_WARNING, AREA,
          "the pipeline cache can't be written, so each start compiles all"
          " pipelines again, which may take seconds: %s",
          error->message);
    ps->cache_failed = TRUE;
    return;
  }
  ps->cache_grown = FALSE;
  ps->cache_saved_bytes = size - sizeof (CacheHeader);
  owl2_log (&ps->gpu->log, OWL2_LOG_DEBUG, AREA,
      "wrote the pipeline cache %s, %" G_GSIZE_FORMAT " bytes", ps->cache_path,
      size);
}

void
ovk_pipelines_close (OvkPipelines *ps)
{
  if (ps->known) {
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init (&iter, ps->known);
    while (g_hash_table_iter_next (&iter, &key, NULL))
      vkDestroyPipeline (ps->gpu->handle, ((OvkPipeline *) key)->handle, NULL);
    g_clear_pointer (&ps->known, g_hash_table_unref);
  }
  for (guint i = 0; i < G_N_ELEMENTS (ps->layouts); i++)
    for (guint t = 0; t < G_N_ELEMENTS (ps->layouts[i]); t++) {
      for (guint j = 0; j < G_N_ELEMENTS (ps->layouts[i][t]); j++)
        vkDestroyPipelineLayout (ps->gpu->handle, ps->layouts[i][t][j], NULL);
      vkDestroyDescriptorSetLayout (
          ps->gpu->handle, ps->set_layouts[i][t], NULL);
    }
  vkDestroyPipelineCache (ps->gpu->handle, ps->cache, NULL);
  g_clear_pointer (&ps->cache_path, g_free);
}
