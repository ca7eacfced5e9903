/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints what the full-size model takes of a device, by the engine's own
 * counts, as JSON; nothing of it is taken. Bytes:
 *
 * weights: for each type of model file what owl2-convert writes and a device
 *   holds; values: how many numbers these are
 * position: of the cache, for each type of keys; frame: positions of a frame
 * work: buffers that frames and passes go through; features: of a frame;
 * halves: what matrix units take beside that */
#include "engine_private.h"
#include "kvpool.h"
#include "scheduler.h"

static const struct {
  const char *name;
  Owl2Type type;
} types[] = { { "f32", OWL2_TYPE_F32 }, { "f16", OWL2_TYPE_F16 },
  { "q8_0", OWL2_TYPE_Q8_0 }, { "q4_k", OWL2_TYPE_Q4_K } };

static guint64
weights_bytes (const Owl2Config *config, Owl2Type type, guint64 *values)
{
  g_autoptr (GArray) specs = owl2_config_tensors (config);
  guint64 bytes = 0;

  *values = 0;
  for (guint i = 0; i < specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);

    *values += spec->rows * spec->cols;
    bytes += owl2_tensor_bytes (owl2_config_tensor_type (spec, type),
        (guint) spec->rows, (guint) spec->cols);
  }
  return bytes;
}

static void
print_types (const Owl2Weights *w)
{
  guint64 values = 0;

  g_print ("{\"weights\": {");
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    g_print ("%s\"%s\": %" G_GUINT64_FORMAT, i ? ", " : "", types[i].name,
        weights_bytes (&w->config, types[i].type, &values));
  g_print ("}, \"values\": %" G_GUINT64_FORMAT ", \"position\": {", values);
  for (guint i = 0; i < 3; i++)
    g_print ("%s\"%s\": %" G_GUINT64_FORMAT, i ? ", " : "", types[i].name,
        (owl2_kvpool_bytes (w, types[i].type, 2 * OWL2_PAGE)
            - owl2_kvpool_bytes (w, types[i].type, OWL2_PAGE))
            / OWL2_PAGE);
}

int
main (void)
{
  const OvkDeviceParams params = { NULL };
  g_autoptr (GError) error = NULL;
  Owl2Weights weights = { .config = owl2_synthetic_config };
  Owl2Model model = { .weights = &weights };
  Owl2Config *config = &weights.config;
  guint rows;
  guint64 work;

  if (!owl2_config_check (config, "synthetic 7B", &error)
      || !(model.dev = ovk_device_new (&params, &error))
      || !(work = owl2_work_bytes (&model, &error))) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  rows = config->abstractor.n_queries + 1;
  print_types (&weights);
  g_print ("}, \"page\": %u, \"frame\": %u, \"features\": %" G_GUINT64_FORMAT
           ", \"work\": %" G_GUINT64_FORMAT ", \"halves\": %u"
           ", \"context\": %u}\n",
      OWL2_PAGE, rows,
      (guint64) rows * config->decoder.width * sizeof (float), work,
      (guint) OVK_SCRATCH_BYTES, config->decoder.n_ctx);
  ovk_device_unref (model.dev);
  return 0;
}
