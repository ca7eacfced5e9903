/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame that lies in another device's memory is the frame in the host's, to
 * the bit. OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "asking.h"
#include "export.h"
#include "ops.h"

static Owl2Model *model;
static OvkDevice *other;

static const guint sizes[][2] = { { 20, 13 }, { 13, 20 }, { 1, 1 },
  { 300, 300 }, { 479, 361 } };

/* Planes with rows as the engine has them, in @data; the image of them. */
static Owl2Image
fill (guint8 *data, const Owl2Planes *planes, Owl2Image image)
{
  for (gsize i = 0; i < planes->bytes; i++)
    data[i] = (guint8) g_test_rand_int ();
  image.data = data;
  image.stride = planes->stride[0];
  for (guint i = 1; i < planes->n; i++) {
    image.chroma[i - 1] = data + planes->offset[i];
    image.chroma_stride[i - 1] = planes->stride[i];
  }
  return image;
}

/* TRUE if the device can. */
static gboolean
compare (Owl2Session *session, guint format, guint width, guint height)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Memory) memory = NULL;
  Owl2Image image = { .width = width, .height = height, .format = format },
            there;
  Owl2Planes planes;
  Owl2ModelInfo info;
  VkExport export;

  owl2_model_get_info (model, &info);
  owl2_planes_init (&planes, &image);
  if (!vk_export_init (&export, other, planes.bytes))
    return FALSE;
  memory = owl2_memory_import (model, &export.foreign, &error);
  g_assert_no_error (error);
  /* Twice: the memory is used again. */
  for (guint i = 0; i < 2; i++) {
    g_autofree guint8 *want = NULL, *got = NULL;

    image.turn = i ? (guint) g_test_rand_int_range (1, 8) : 0;
    image = fill (export.map, &planes, image);
    want = owl2_session_shrink (session, &image, &error);
    g_assert_no_error (error);
    there = image;
    there.data = there.chroma[0] = there.chroma[1] = NULL;
    there.memory = memory;
    got = owl2_session_shrink (session, &there, &error);
    g_assert_no_error (error);
    if (memcmp (got, want, 3 * (gsize) info.image_size * info.image_size) != 0)
      g_error ("%ux%u of format %u, turned by %u, is another picture", width,
          height, format, image.turn);
  }
  vk_export_clear (&export);
  return TRUE;
}

static void
test_formats (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);

  for (guint f = 0; f < OWL2_N_PIXEL_FORMATS; f++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      if (!compare (session, f, sizes[i][0], sizes[i][1])) {
        g_test_skip ("the device exports no memory");
        return;
      }
}

static Owl2Answer *
ask (Owl2Session *session, const Owl2Image *image)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Features) features =
      owl2_session_encode (session, image, NULL, &error);
  Owl2Request request = { .prompt = QUESTION_ABOUT_FRAME,
    .frames = &features,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT };
  Owl2Answer *answer;

  g_assert_no_error (error);
  request.sampling.max_tokens = 8;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  return answer;
}

/* The answer, and the memory that the other device gave up meanwhile. */
static void
test_answer (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) want = NULL, got = NULL;
  g_autoptr (Owl2Memory) memory = NULL;
  Owl2Image image = { .width = 64, .height = 48, .format = OWL2_PIXELS_NV12 };
  Owl2Planes planes;
  VkExport export;

  owl2_planes_init (&planes, &image);
  if (!vk_export_init (&export, other, planes.bytes)) {
    g_test_skip ("the device exports no memory");
    return;
  }
  memory = owl2_memory_import (model, &export.foreign, &error);
  g_assert_no_error (error);
  image = fill (export.map, &planes, image);
  want = ask (session, &image);
  vk_export_clear (&export);
  image.data = image.chroma[0] = NULL;
  image.memory = memory;
  got = ask (session, &image);
  g_assert_cmpmem (want->ids, want->n_ids * sizeof *want->ids, got->ids,
      got->n_ids * sizeof *got->ids);
  g_assert_cmpfloat (got->confidence, ==, want->confidence);
}

static void
test_small (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Memory) memory = NULL;
  Owl2Image image = { .width = 64, .height = 48, .format = OWL2_PIXELS_RGBX };
  VkExport export;

  if (!vk_export_init (&export, other, 4 * 64 * 48 - 4)) {
    g_test_skip ("the device exports no memory");
    return;
  }
  memory = owl2_memory_import (model, &export.foreign, &error);
  g_assert_no_error (error);
  image.memory = memory;
  g_assert_null (owl2_session_encode (session, &image, NULL, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_assert_nonnull (
      strstr (error->message, "has 12288 bytes, its memory 12284"));
  vk_export_clear (&export);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  const Owl2Log log = { 0 };
  OvkDeviceParams params = { .log = &log };
  int result;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  if (!model && g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE)) {
    g_print ("1..0 # SKIP %s\n", error->message);
    return 77;
  }
  g_assert_no_error (error);
  other = ovk_device_new (&params, &error);
  g_assert_no_error (error);
  g_test_add_func ("/foreign/formats", test_formats);
  g_test_add_func ("/foreign/answer", test_answer);
  g_test_add_func ("/foreign/small", test_small);
  result = g_test_run ();
  ovk_device_unref (other);
  owl2_model_unref (model);
  return result;
}
