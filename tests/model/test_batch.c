/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that are encoded together have the features, to the bit, that each has
 * alone. OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "abstractor.h"
#include "asking.h"
#include "engine_private.h"
#include "image.h"
#include "vit.h"

#define MOST 4

typedef struct {
  const Owl2Weights *weights;
  Owl2Exec exec;
  OvkArena *arena;
  Owl2ImageBuffers image;
  Owl2VitBuffers vit;
  Owl2AbstractorBuffers abstractor;
} Encoder;

static Owl2Model *model;

static void
encoder_init (Encoder *e, guint n_frames)
{
  g_autoptr (GError) error = NULL;
  const Owl2Config *config = &model->weights->config;
  gboolean ok;

  memset (e, 0, sizeof *e);
  e->weights = model->weights;
  e->arena = ovk_arena_new (model->dev, "test", 1 << 20);
  ok = owl2_exec_init (&e->exec, model->dev, &error)
       && owl2_image_buffers_alloc (
           &e->image, e->arena, config, n_frames, &error)
       && owl2_image_init (&e->image, model->weights, &error)
       && owl2_vit_buffers_alloc (&e->vit, e->arena, config, n_frames, &error)
       && owl2_abstractor_buffers_alloc (
           &e->abstractor, e->arena, config, n_frames, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

static void
encoder_clear (Encoder *e)
{
  owl2_exec_clear (&e->exec);
  owl2_image_clear (&e->image);
  ovk_arena_free (e->arena);
}

/* (transfer full): the features of frames first .. first + n - 1 */
static float *
encode_frames (Encoder *e, guint first, guint n)
{
  static const guint sizes[MOST][2] = { { 40, 30 }, { 40, 30 }, { 31, 67 },
    { 100, 100 } };
  g_autoptr (GError) error = NULL;
  float *features;

  for (guint i = 0; i < n; i++) {
    guint width = sizes[first + i][0], height = sizes[first + i][1];
    g_autofree guint8 *pixels = g_malloc (3 * width * height);
    Owl2Image picture = { pixels, width, height, 3 * width };

    for (guint k = 0; k < 3 * width * height; k++)
      pixels[k] = (guint8) ((k + 7919 * (first + i)) * 2654435761u >> 24);
    owl2_image_record (&e->image, &e->exec, &picture, i, &error);
    g_assert_no_error (error);
  }
  owl2_vit_record (&e->exec, e->weights, &e->vit, &e->image.patches, n, &error);
  g_assert_no_error (error);
  owl2_abstractor_record (
      &e->exec, e->weights, &e->abstractor, &e->vit.h, n, NULL, &error);
  g_assert_no_error (error);
  owl2_exec_finish (&e->exec, &error);
  g_assert_no_error (error);
  features = owl2_tensor_read (model->dev, &e->abstractor.out, &error);
  g_assert_no_error (error);
  return features;
}

static void
test_batch (void)
{
  gsize bytes;
  Encoder one, many;
  float *alone[MOST];

  encoder_init (&one, 1);
  encoder_init (&many, MOST);
  bytes = (gsize) one.abstractor.out.rows * one.abstractor.out.cols
          * sizeof (float);
  for (guint i = 0; i < MOST; i++) {
    alone[i] = encode_frames (&one, i, 1);
    if (i > 0)
      g_assert_cmpint (memcmp (alone[i], alone[i - 1], bytes), !=, 0);
  }
  for (guint first = 0; first < MOST; first++)
    for (guint n = 1; n <= MOST - first; n++) {
      g_autofree float *together = encode_frames (&many, first, n);

      for (guint i = 0; i < n; i++)
        g_assert_cmpmem (
            (char *) together + i * bytes, bytes, alone[first + i], bytes);
    }
  for (guint i = 0; i < MOST; i++)
    g_free (alone[i]);
  encoder_clear (&one);
  encoder_clear (&many);
}

static void
record_noise (Encoder *e, guint width, guint height, guint place)
{
  g_autofree guint8 *pixels = g_malloc0 (3 * width * height);
  const Owl2Image picture = { pixels, width, height, 3 * width };
  g_autoptr (GError) error = NULL;

  owl2_image_record (&e->image, &e->exec, &picture, place, &error);
  g_assert_no_error (error);
}

/* Streams of as many sizes as are kept: from the second frame of each on,
 * nothing is allocated, and nothing submitted or waited for. */
static void
test_sizes (void)
{
  static const guint sizes[OWL2_IMAGE_SIZES + 1][2] = { { 640, 360 },
    { 90, 160 }, { 50, 50 }, { 161, 90 }, { 162, 90 } };
  g_autoptr (GError) error = NULL;
  guint64 bytes, submitted;
  Encoder e;

  encoder_init (&e, MOST);
  for (guint i = 0; i < OWL2_IMAGE_SIZES; i++)
    record_noise (&e, sizes[i][0], sizes[i][1], i);
  bytes = ovk_device_allocated_bytes (model->dev);
  submitted = e.exec.n_submitted;
  for (guint i = 0; i < 3 * OWL2_IMAGE_SIZES; i++) {
    guint k = i % OWL2_IMAGE_SIZES;

    record_noise (&e, sizes[k][0], sizes[k][1], k);
  }
  g_assert_cmpuint (ovk_device_allocated_bytes (model->dev), ==, bytes);
  g_assert_cmpuint (e.exec.n_submitted, ==, submitted);
  /* One more takes the place of the largest, and its scratch goes, too. */
  record_noise (&e, sizes[OWL2_IMAGE_SIZES][0], sizes[OWL2_IMAGE_SIZES][1], 0);
  g_assert_cmpuint (e.exec.n_submitted, >, submitted);
  g_assert_cmpuint (e.image.scratch[OWL2_SCRATCH_TALL].size, <,
      640 * model->weights->config.vision.image_size * 4);
  owl2_exec_finish (&e.exec, &error);
  g_assert_no_error (error);
  encoder_clear (&e);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add_func ("/batch/alone-and-together", test_batch);
  g_test_add_func ("/batch/sizes", test_sizes);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
