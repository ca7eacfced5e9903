/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of image modes. */
#include "picture.h"

static void
test_names (void)
{
  static const char *const names[] = { "auto", "stretch", "pad", "crop" };
  static const char *const others[] = { "", "pa", "pads", "resize", " pad" };
  Owl2ImageMode mode = OWL2_IMAGE_CROP;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *loud = g_ascii_strup (names[i], -1);

    g_assert_cmpstr (owl2_image_mode_name ((Owl2ImageMode) i), ==, names[i]);
    g_assert_true (owl2_image_mode_parse (names[i], &mode));
    g_assert_cmpint (mode, ==, i);
    mode = OWL2_IMAGE_AUTO;
    g_assert_true (owl2_image_mode_parse (loud, &mode));
    g_assert_cmpint (mode, ==, i);
  }
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (owl2_image_mode_parse (others[i], &mode));
  g_assert_cmpint (mode, ==, OWL2_IMAGE_CROP);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/picture/names", test_names);
  return g_test_run ();
}
