/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame at the model's size, from planes of each kind and of sizes that take
 * each way through the resize, is what the plain C makes of it, to the bit.
 * OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "asking.h"
#include "ref.h"
#include "ref_picture.h"

static Owl2Model *model;

static guint8 *
noise (gsize n)
{
  guint8 *data = g_malloc (n);

  for (gsize i = 0; i < n; i++)
    data[i] = (guint8) g_test_rand_int ();
  return data;
}

/* As it is, and turned in some way. */
static void
compare (Owl2Session *session, Owl2Image image)
{
  g_autofree guint8 *rgb = g_malloc (3 * (gsize) image.width * image.height);
  gsize edge = MAX (image.width, image.height), size;
  g_autofree guint8 *square = g_malloc (3 * edge * edge);
  g_autofree guint8 *want = NULL;
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  size = info.image_size;
  want = g_malloc (3 * size * size);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GError) error = NULL;
    g_autofree guint8 *got = NULL;
    gboolean across;

    image.turn = i ? (guint) g_test_rand_int_range (1, 8) : 0;
    across = (image.turn & OWL2_TURN_TRANSPOSE) != 0;
    got = owl2_session_shrink (session, &image, &error);
    g_assert_no_error (error);
    ref_picture_rgb (rgb, &image);
    ref_resize (square, edge, edge, rgb, across ? image.height : image.width,
        across ? image.width : image.height);
    ref_resize (want, size, size, square, edge, edge);
    if (memcmp (got, want, 3 * size * size) != 0)
      g_error ("%ux%u of format %d, turned by %u, is another picture",
          image.width, image.height, image.format, image.turn);
  }
}

static const guint sizes[][2] = { { 20, 13 }, { 13, 20 }, { 1, 1 },
  { 300, 300 }, { 301, 301 }, { 480, 270 }, { 479, 361 }, { 270, 480 },
  { 403, 402 }, { 999, 1 }, { 1, 99 } };

static void
test_rgb (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint w = sizes[i][0], h = sizes[i][1];
    g_autofree guint8 *rgb = noise (3 * (gsize) w * h);

    compare (session, (Owl2Image){ rgb, w, h, 3 * (gsize) w });
  }
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

    compare (session, image);
    image.format = OWL2_PIXELS_NV12;
    compare (session, image);
  }
}

/* More than can be staged at once. */
static void
test_large (void)
{
  const guint edge = 4740;
  g_autofree guint8 *rgb = noise (3 * (gsize) edge * edge);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

  g_assert_no_error (error);
  compare (session, (Owl2Image){ rgb, edge, edge, 3 * (gsize) edge });
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
  g_test_add_func ("/frames/large", test_large);
  g_test_add_func ("/frames/bad", test_bad);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
