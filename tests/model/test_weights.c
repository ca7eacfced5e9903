/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Weights read where they lie in the file against copied ones: the same bytes,
 * the same answers to the bit, and what is copied where pages can't be had.
 * OWL2_TEST_MODEL names the model file. */
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "asking.h"
#include "failing.h"
#include "place.h"

/* ---- places ----------------------------------------------------------- */

typedef struct {
  OvkDevice *dev;
  Owl2Gguf *gguf;
  Owl2Config config;
  Owl2WeightsSource source;
} Scene;

/* FALSE, and the test is skipped, where the device takes no pages. */
static gboolean
scene_open (Scene *s, const char *path)
{
  g_autoptr (GError) error = NULL;

  memset (s, 0, sizeof *s);
  s->dev = ovk_device_new (NULL, &error);
  g_assert_no_error (error);
  s->gguf = owl2_gguf_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (owl2_gguf_map (s->gguf, &error));
  g_assert_true (owl2_config_read (&s->config, s->gguf, &error));
  s->source = owl2_weights_source_gguf (s->gguf);
  if (ovk_device_caps (s->dev)->host_import_align)
    return TRUE;
  g_test_skip ("the device takes no memory of the host");
  return FALSE;
}

static void
scene_close (Scene *s)
{
  owl2_config_clear (&s->config);
  owl2_gguf_free (s->gguf);
  ovk_device_unref (s->dev);
}

static gboolean
count (double fraction, gpointer user_data)
{
  double *last = user_data;

  g_assert_cmpfloat (fraction, >=, *last);
  g_assert_cmpfloat (fraction, <=, 1.001);
  *last = fraction;
  return TRUE;
}

/* Every tensor on the device has the bytes of the file. */
static void
check_bytes (Scene *s, Owl2Places *places)
{
  for (guint i = 0; i < places->specs->len; i++) {
    const Owl2TensorSpec *spec =
        &g_array_index (places->specs, Owl2TensorSpec, i);
    const Owl2GgufTensor *t = owl2_gguf_tensor (s->gguf, spec->name);
    const Owl2Place *place = g_hash_table_lookup (places->table, spec->name);
    gsize row = t->size_bytes / spec->rows;
    gsize stride = owl2_tensor_bytes (t->type, 1, spec->cols);
    OvkSlice slice = place->tensor.slice;
    g_autofree guint8 *got = g_malloc0 (slice.size);
    g_autofree guint8 *want = g_malloc (t->size_bytes);
    g_autoptr (GError) error = NULL;

    g_assert_cmpuint (slice.size, ==, stride * spec->rows);
    g_assert_true (owl2_gguf_read (s->gguf, t, 0, want, t->size_bytes, &error));
    g_assert_true (ovk_slice_read (s->dev, slice, got, slice.size, &error));
    g_assert_no_error (error);
    for (guint r = 0; r < spec->rows && !owl2_weight_is_packed (t->type); r++)
      g_assert_true (memcmp (got + r * stride, want + r * row, row) == 0);
    if (place->in_place) {
      GBytes *bytes = owl2_gguf_bytes (s->gguf);

      g_assert_true (
          place->in_place
          == (const guint8 *) g_bytes_get_data (bytes, NULL) + t->offset);
      g_assert_cmpuint (slice.offset % 16, ==, 0);
    }
  }
}

static Owl2Places *
place (Scene *s)
{
  g_autoptr (GError) error = NULL;
  double last = 0;
  Owl2Places *places = owl2_places_new (s->dev, &s->config, &s->source, &error);

  g_assert_no_error (error);
  g_assert_true (owl2_places_fill (places, &s->source, count, &last, &error));
  g_assert_no_error (error);
  g_test_message ("%u imports, %" G_GUINT64_FORMAT
                  " bytes in place, %" G_GUINT64_FORMAT " copied",
      places->imports->len, places->mapped_bytes, places->copied_bytes);
  check_bytes (s, places);
  return places;
}

static void
test_one_import (void)
{
  Scene s;

  if (scene_open (&s, g_getenv ("OWL2_TEST_MODEL"))) {
    g_autoptr (Owl2Places) places = place (&s);

    g_assert_cmpuint (places->imports->len, ==, 1);
    g_assert_cmpuint (places->mapped_bytes, >, 9 * places->copied_bytes);
  }
  scene_close (&s);
}

/* Products with the same rows are one each: what is copied lies end to end, and
 * so does what is in a file in the order of the table. */
static void
test_joints (void)
{
  Scene s;
  guint imports = scene_open (&s, g_getenv ("OWL2_TEST_MODEL"));

  for (guint in_place = 0; in_place <= imports; in_place++) {
    g_autoptr (GError) error = NULL;
    Owl2WeightsSource source = s.source;
    g_autoptr (Owl2Weights) weights = NULL;

    if (!in_place)
      source.memory = NULL;
    weights = owl2_weights_new (s.dev, &s.config, &source, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (weights->mapped_bytes > 0, ==, in_place);
    for (guint i = 0; i < s.config.decoder.n_layers; i++) {
      const Owl2DecoderLayer *w = &weights->decoder.layers[i];
      guint n_qkv = w->q.rows + 2 * w->k[0].rows;

      g_assert_cmpuint (w->qkv[0].n, ==, 1);
      g_assert_cmpuint (w->qkv[0].w[0].rows, ==, n_qkv);
      g_assert_cmpuint (w->qkv[1].n, ==, 1);
      g_assert_cmpuint (w->qkv[1].w[0].rows, ==, n_qkv);
      g_assert_cmpuint (w->gate_up.n, ==, 1);
      g_assert_cmpuint (w->gate_up.w[0].rows, ==, 2 * w->up.rows);
    }
  }
  scene_close (&s);
}

/* As in a file that is larger than an allocation may be. */
static void
test_several_imports (void)
{
  Scene s;

  if (scene_open (&s, g_getenv ("OWL2_TEST_MODEL"))) {
    OvkCaps *caps = (OvkCaps *) ovk_device_caps (s.dev);
    Owl2Places *places;

    caps->max_allocation_bytes = 256 << 10;
    places = place (&s);
    g_assert_cmpuint (places->imports->len, >, 3);
    g_assert_cmpuint (places->mapped_bytes, >, 2 * places->copied_bytes);
    owl2_places_free (places);
  }
  scene_close (&s);
}

/* Tensors that do not begin where kernels can load them are copied. */
static void
test_alignment (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  g_autofree guint8 *memory = NULL;
  gsize size;
  Scene s;

  g_assert_true (
      g_file_get_contents (g_getenv ("OWL2_TEST_MODEL"), &data, &size, &error));
  memory = g_malloc (size + 64);
  if (scene_open (&s, g_getenv ("OWL2_TEST_MODEL")))
    for (guint shift = 0; shift < 64; shift += 8) {
      guint8 *start = (guint8 *) (((guintptr) memory + 15) / 16 * 16) + shift;
      g_autoptr (GBytes) bytes = NULL;
      Owl2Places *places;

      memcpy (start, data, size);
      bytes = g_bytes_new_static (start, size);
      owl2_gguf_free (s.gguf);
      s.gguf = owl2_gguf_new (bytes, "shifted", &error);
      g_assert_no_error (error);
      s.source = owl2_weights_source_gguf (s.gguf);
      places = place (&s);
      if (shift % 16)
        g_assert_cmpuint (places->mapped_bytes, ==, 0);
      else
        g_assert_cmpuint (places->mapped_bytes, >, 9 * places->copied_bytes);
      owl2_places_free (places);
    }
  scene_close (&s);
}

static void
test_refused (void)
{
  static const char *const calls[] = { "vkAllocateMemory",
    "vkBindBufferMemory" };
  Scene s;

  if (scene_open (&s, g_getenv ("OWL2_TEST_MODEL")))
    for (guint i = 0; i < G_N_ELEMENTS (calls); i++) {
      Owl2Places *places;

      n_calls = 0;
      fail_only = calls[i];
      fail_result = VK_ERROR_INVALID_EXTERNAL_HANDLE;
      fail_at = 1;
      places = place (&s);
      fail_at = 0;
      fail_only = NULL;
      g_assert_cmpuint (places->imports->len, ==, 0);
      g_assert_cmpuint (places->mapped_bytes, ==, 0);
      owl2_places_free (places);
    }
  scene_close (&s);
}

/* Only what is copied counts against the memory that is free. */
static void
test_no_memory (void)
{
  Scene s;

  if (scene_open (&s, g_getenv ("OWL2_TEST_MODEL"))) {
    Owl2Places *places = place (&s);
    guint64 needed = places->copied_bytes;

    owl2_places_free (places);
    g_assert_cmpuint (ovk_device_allocated_bytes (s.dev), ==, 0);
    /* Without its memory, what was mapped would have to be copied. */
    s.source.memory = NULL;
    places = place (&s);
    g_assert_cmpuint (places->mapped_bytes, ==, 0);
    g_assert_cmpuint (places->copied_bytes, >, 3 * needed);
    g_assert_cmpuint (
        ovk_device_allocated_bytes (s.dev), ==, places->copied_bytes);
    owl2_places_free (places);
  }
  scene_close (&s);
}

static char *
copy_model (gsize *size)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  char *path = NULL;
  int fd = g_file_open_tmp ("owl2-weights-XXXXXX.gguf", &path, &error);

  g_assert_no_error (error);
  g_assert_true (
      g_file_get_contents (g_getenv ("OWL2_TEST_MODEL"), &data, size, &error));
  g_assert_cmpint (write (fd, data, *size), ==, *size);
  g_close (fd, NULL);
  return path;
}

/* A file that is cut while it is loaded is an error, not a signal. */
static void
test_truncated (void)
{
  gsize size;
  g_autofree char *path = copy_model (&size);
  Scene s;

  if (scene_open (&s, path)) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Places) places =
        owl2_places_new (s.dev, &s.config, &s.source, &error);

    g_assert_no_error (error);
    g_assert_cmpint (truncate (path, size / 2), ==, 0);
    g_assert_false (owl2_places_fill (places, &s.source, NULL, NULL, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    g_assert_nonnull (strstr (error->message, "changed while it was"));
  }
  scene_close (&s);
  g_unlink (path);
}

/* ---- answers ---------------------------------------------------------- */

static void
take_floats (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  gsize n = 1;

  for (guint i = 0; i < n_dims; i++)
    n *= shape[i];
  if (type == 'f')
    g_byte_array_append (user_data, data, n * sizeof (float));
}

/* All stages of one frame and its answer. */
static GByteArray *
run (Owl2Model *model)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  GByteArray *stages = g_byte_array_new ();
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request how = { .sampling = OWL2_SAMPLING_DEFAULT };

  owl2_session_set_tap (session, take_floats, FALSE, stages);
  how.sampling.max_tokens = 5;
  how.sampling.ignore_eos = TRUE;
  answer = ask_about_noise (session, 40, 30, how, &error);
  g_assert_no_error (error);
  g_byte_array_append (stages, (const guint8 *) answer->ids, 4 * answer->n_ids);
  return stages;
}

/* In place against copied; the embedded model, which is always in place,
 * against the file that it was made of. */
static void
test_equal (void)
{
  const Owl2ModelParams all[][2] = {
    { { .path = g_getenv ("OWL2_TEST_MODEL"), .mmap = TRUE },
        { .path = g_getenv ("OWL2_TEST_MODEL") } },
    { { NULL }, { .path = g_getenv ("OWL2_TEST_NANO") } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    GByteArray *stages[2];
    Owl2ModelInfo infos[2];

    for (guint copied = 0; copied < 2; copied++) {
      g_autoptr (GError) error = NULL;
      const Owl2ModelParams *params = &all[i][copied];
      g_autoptr (Owl2Model) model = owl2_model_load (params, &error);

      /* A build need not have an embedded model. */
      if (!model && !params->path) {
        g_test_message ("%s", error->message);
        return;
      }
      g_assert_no_error (error);
      owl2_model_get_info (model, &infos[copied]);
      g_assert_cmpuint (infos[copied].device_bytes, >=,
          infos[copied].weights_bytes - infos[copied].mapped_bytes);
      stages[copied] = run (model);
    }
    g_assert_cmpuint (infos[1].mapped_bytes, ==, 0);
    /* Beside the weights both have the same buffers. */
    for (guint k = 0; k < 2; k++)
      infos[k].device_bytes -= infos[k].weights_bytes - infos[k].mapped_bytes;
    g_assert_cmpuint (infos[1].device_bytes, ==, infos[0].device_bytes);
    g_test_message ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                    " bytes in place, %u bytes of stages",
        infos[0].mapped_bytes, infos[0].weights_bytes, stages[0]->len);
    g_assert_cmpuint (stages[0]->len, >, 1000);
    g_assert_true (stages[0]->len == stages[1]->len);
    g_assert_true (
        memcmp (stages[0]->data, stages[1]->data, stages[0]->len) == 0);
    g_byte_array_unref (stages[0]);
    g_byte_array_unref (stages[1]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/one-import", test_one_import);
  g_test_add_func ("/weights/joints", test_joints);
  g_test_add_func ("/weights/several-imports", test_several_imports);
  g_test_add_func ("/weights/alignment", test_alignment);
  g_test_add_func ("/weights/refused", test_refused);
  g_test_add_func ("/weights/no-memory", test_no_memory);
  g_test_add_func ("/weights/truncated", test_truncated);
  g_test_add_func ("/weights/equal", test_equal);
  return g_test_run ();
}
