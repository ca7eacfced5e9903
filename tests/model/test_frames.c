/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame at the model's size, from planes of each kind and of sizes that take
 * each way through the resize, is what the plain C makes of it, to the bit.
 * OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "asking.h"
#include "engine_private.h"
#include "ref.h"
#include "ref_picture.h"

static Owl2Model *model;

static guint8 *
noise (gsize n)
{
  guint8 *data = g_malloc (n);

  for (gsize i = 0; i < n; i += 4) {
    guint32 word = (guint32) g_test_rand_int ();

    memcpy (data + i, &word, MIN (n - i, 4));
  }
  return data;
}

static void
compare_one (Owl2Session *session, const Owl2Image *image, Owl2ImageMode mode)
{
  gboolean across = (image->turn & OWL2_TURN_TRANSPOSE) != 0;
  guint w = across ? image->height : image->width;
  guint h = across ? image->width : image->height;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *got = owl2_session_shrink (session, image, &error);
  g_autofree guint8 *rgb = g_malloc (3 * (gsize) w * h);
  g_autofree guint8 *want = NULL;
  Owl2ModelInfo info;
  gsize size;

  g_assert_no_error (error);
  owl2_model_get_info (model, &info);
  size = info.image_size;
  want = g_malloc (3 * size * size);
  ref_picture_rgb (rgb, image);
  ref_picture_square (want, size, mode, rgb, w, h);
  if (memcmp (got, want, 3 * size * size) != 0)
    g_error ("%ux%u of format %d, turned by %u, is another picture (%s)",
        image->width, image->height, image->format, image->turn,
        owl2_image_mode_name (mode));
}

/* In one mode, as it is, and turned in some way. */
static void
compare (Owl2Session *session, Owl2Image image, Owl2ImageMode mode)
{
  image.mode = mode;
  compare_one (session, &image, mode);
  image.turn = (guint) g_test_rand_int_range (1, 8);
  compare_one (session, &image, mode);
}

static const guint sizes[][2] = { { 20, 13 }, { 13, 20 }, { 1, 1 },
  { 300, 300 }, { 301, 301 }, { 480, 270 }, { 479, 361 }, { 270, 480 },
  { 403, 402 }, { 999, 1 }, { 1, 99 }, { 3, 7 }, { 500, 40 } };

/* Each size in each mode. */
static void
compare_sizes (Owl2Session *session)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint w = sizes[i][0], h = sizes[i][1];
    g_autofree guint8 *rgb = noise (3 * (gsize) w * h);

    for (guint mode = OWL2_IMAGE_STRETCH; mode <= OWL2_IMAGE_CROP; mode++)
      compare (session, (Owl2Image){ rgb, w, h, 3 * (gsize) w },
          (Owl2ImageMode) mode);
  }
}

static void
test_rgb (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  compare_sizes (session);
}

/* Without the kernels for drivers that run on a CPU. */
static void
test_plain (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) other = NULL;
  g_autoptr (Owl2Session) session = NULL;

  owl2_model_device_params.no_subgroups = TRUE;
  other = load_model (OWL2_KV_AUTO, &error);
  owl2_model_device_params.no_subgroups = FALSE;
  g_assert_no_error (error);
  session = owl2_session_new (other, NULL, &error);
  g_assert_no_error (error);
  compare_sizes (session);
}

/* What nobody asks for is as the model file says. */
static void
test_auto (void)
{
  Owl2Config *config = &((Owl2Weights *) model->weights)->config;
  g_autofree guint8 *rgb = noise (3 * 70 * 50);
  const Owl2Image image = { rgb, 70, 50, 3 * 70 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  for (guint mode = OWL2_IMAGE_AUTO; mode <= OWL2_IMAGE_CROP; mode++) {
    Owl2ImageMode want =
        mode == OWL2_IMAGE_AUTO ? OWL2_IMAGE_STRETCH : (Owl2ImageMode) mode;
    Owl2ModelInfo info;

    config->image_mode = (Owl2ImageMode) mode;
    owl2_model_get_info (model, &info);
    g_assert_cmpint (info.image_mode, ==, want);
    compare_one (session, &image, want);
  }
  config->image_mode = OWL2_IMAGE_AUTO;
}

/* Planes with odd strides; then the first two as NV12. */
static void
test_planes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint w = sizes[i][0], h = sizes[i][1];
    gsize cw = (w + 1) / 2, ch = (h + 1) / 2;
    gsize y_stride = w + 3, c_stride = 2 * cw + 1;
    g_autofree guint8 *y = noise (y_stride * h);
    g_autofree guint8 *u = noise (c_stride * ch);
    g_autofree guint8 *v = noise (c_stride * ch);
    Owl2Image image = {
      .data = y,
      .width = w,
      .height = h,
      .stride = y_stride,
      .format = OWL2_PIXELS_I420,
      .chroma = { u, v },
      .chroma_stride = { c_stride, c_stride },
      .matrix = OWL2_MATRIX_BT709,
      .cosited = OWL2_COSITED_H,
    };

    compare (session, image, (Owl2ImageMode) (1 + i % 3));
    image.format = OWL2_PIXELS_NV12;
    compare (session, image, (Owl2ImageMode) (1 + (i + 1) % 3));
  }
}

static guint64
device_bytes (void)
{
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  return info.device_bytes;
}

/* 8K: more than can be staged at once, and padded without its square. */
static void
test_8k (void)
{
  const guint w = 7680, h = 4320;
  g_autofree guint8 *rgb = noise (3 * (gsize) w * h);
  const Owl2Image image = { rgb, w, h, 3 * w, .mode = OWL2_IMAGE_PAD };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
  guint64 bytes = device_bytes ();

  g_assert_no_error (error);
  compare_one (session, &image, OWL2_IMAGE_PAD);
  /* The frame itself, its rows shrunk, and what memory is taken in. */
  g_assert_cmpuint (
      device_bytes () - bytes, <, 3 * (guint64) w * h + (16 << 20));
}

/* The longest edges, of one colour; a crop of them is a part of millions of
 * pixels. */
static void
test_longest (void)
{
  static const guint8 colour[3] = { 122, 116, 104 };
  const guint longest = 65535;
  g_autofree guint8 *rgb = g_malloc (3 * (longest + 1));
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i <= longest; i++)
    memcpy (rgb + 3 * i, colour, 3);
  for (guint i = 0; i < 4; i++) {
    gboolean tall = i & 1;
    Owl2Image image = { rgb, tall ? 1 : longest, tall ? longest : 1,
      tall ? 3 : 3 * longest,
      .mode = i < 2 ? OWL2_IMAGE_PAD : OWL2_IMAGE_CROP };
    g_autofree guint8 *small = NULL;
    Owl2ModelInfo info;

    small = owl2_session_shrink (session, &image, &error);
    g_assert_no_error (error);
    owl2_model_get_info (model, &info);
    for (gsize k = 0; k < 3 * info.image_size * info.image_size; k++)
      g_assert_cmpint (small[k], ==, colour[k % 3]);
    *(tall ? &image.height : &image.width) += 1;
    image.stride = MAX (image.stride, 3 * (gsize) image.width);
    g_assert_null (owl2_session_shrink (session, &image, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
    g_assert_nonnull (strstr (error->message, "65536"));
    g_clear_error (&error);
  }
}

static void
test_bad (void)
{
  static const guint8 data[64];
  const struct {
    Owl2Image image;
    const char *pattern;
  } cases[] = {
    { { data, 0, 1, 3 }, "*0x1*RGB*" },
    { { data, 2, 1, 5 }, "*2x1 with rows of 5, *RGB*" },
    { { data, 2, 2, 2, OWL2_PIXELS_NV12, { data }, { 1 } },
        "*2, 1 and 0*NV12*" },
    { { data, 1, 1, 3, OWL2_N_PIXEL_FORMATS }, "*1x1*" },
    { { data, 1, 1, 3, .turn = 8 }, "*1x1*" },
    { { data, 1, 1, 3, .mode = (Owl2ImageMode) 4 }, "*1x1*" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_null (owl2_session_shrink (session, &cases[i].image, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
    if (!g_pattern_match_simple (cases[i].pattern, error->message))
      g_error ("'%s' is not '%s'", error->message, cases[i].pattern);
    g_clear_error (&error);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add_func ("/frames/rgb", test_rgb);
  g_test_add_func ("/frames/planes", test_planes);
  g_test_add_func ("/frames/plain", test_plain);
  g_test_add_func ("/frames/auto", test_auto);
  g_test_add_func ("/frames/8k", test_8k);
  g_test_add_func ("/frames/longest", test_longest);
  g_test_add_func ("/frames/bad", test_bad);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
