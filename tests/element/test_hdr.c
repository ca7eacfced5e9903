/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PQ and HLG as an SDR screen shows them, against the standards' formulas in
 * double precision. */
#include "bench.h"
#include "colours.h"

#include <math.h>
#include <string.h>

/* SMPTE ST 2084: cd/m2, and back. */
static double
pq_eotf (double value)
{
  const double root = pow (value, 4096.0 / (128 * 2523));
  const double x = MAX (root - 0.8359375, 0) / (18.8515625 - 18.6875 * root);

  return 10000 * pow (x, 16384.0 / 2610);
}

static double
pq_inverse (double light)
{
  const double x = pow (light / 10000, 0.1593017578125);

  return pow ((0.8359375 + 18.8515625 * x) / (1 + 18.6875 * x), 78.84375);
}

/* ARIB STD-B67, and a display of 1000 cd/m2. */
static void
hlg_eotf (const double rgb[3], double light[3])
{
  double y;

  for (guint i = 0; i < 3; i++)
    light[i] =
        rgb[i] <= 0.5
            ? rgb[i] * rgb[i] / 3
            : (exp ((rgb[i] - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  y = 0.2627 * light[0] + 0.6780 * light[1] + 0.0593 * light[2];
  for (guint i = 0; i < 3; i++)
    light[i] *= 1000 * pow (y, 0.2);
}

/* Rep. ITU-R BT.2390, with the names that it has. */
static double
eetf (double light, double Lw, double Lmax)
{
  const double E1 = pq_inverse (light) / pq_inverse (Lw);
  const double maxLum = pq_inverse (Lmax) / pq_inverse (Lw);
  const double KS = 1.5 * maxLum - 0.5, T = (E1 - KS) / (1 - KS);
  double E2 = E1;

  if (E1 >= KS)
    E2 = (2 * T * T * T - 3 * T * T + 1) * KS
         + (T * T * T - 2 * T * T + T) * (1 - KS)
         + (-2 * T * T * T + 3 * T * T) * maxLum;
  return pq_eotf (E2 * pq_inverse (Lw));
}

/* R', G' and B' as they are in BT.2020 to what is shown, 0 to 255. */
static void
hdr_to_sdr (
    const GstVideoInfo *info, const double rgb[3], double peak, double bytes[3])
{
  /* Rep. ITU-R BT.2407: BT.2020 to BT.709 */
  static const double m[3][3] = { { 1.660491, -0.587641, -0.072850 },
    { -0.124550, 1.132900, -0.008349 }, { -0.018151, -0.100579, 1.118730 } };
  double legal[3], light[3];

  for (guint i = 0; i < 3; i++)
    legal[i] = CLAMP (rgb[i], 0, 1);
  if (info->colorimetry.transfer == GST_VIDEO_TRANSFER_ARIB_STD_B67)
    hlg_eotf (legal, light);
  else
    for (guint i = 0; i < 3; i++)
      light[i] = pq_eotf (legal[i]);
  for (guint i = 0; i < 3; i++)
    light[i] = eetf (MIN (light[i], peak), peak, 203) / 203;
  for (guint i = 0; i < 3; i++) {
    const double x =
        m[i][0] * light[0] + m[i][1] * light[1] + m[i][2] * light[2];

    bytes[i] = 255 * pow (CLAMP (x, 0, 1), 1 / 2.4);
  }
}

/* The bytes that the element makes of a picture that is @codes all over. */
static void
look_plain (GstOwl2Rgb *converter, const GstVideoInfo *info, Codes *codes,
    double peak, guint8 rgb[3])
{
  g_autoptr (GstBuffer) buffer = colours_plain (info, codes);
  g_autoptr (GstOwl2Frame) frame = colours_take (buffer, info, peak);
  g_autofree guint8 *packed = NULL;
  Owl2Image image;

  *codes = colours_read (info, buffer);
  packed = colours_look (converter, frame, &image);
  g_assert_cmpuint (
      image.width * image.height, ==, COLOURS_EDGE * COLOURS_EDGE);
  for (guint i = 1; i < COLOURS_EDGE * COLOURS_EDGE; i++)
    g_assert_cmpmem (packed, 3, packed + 3 * i, 3);
  memcpy (rgb, packed, 3);
}

/* Gray of all levels and colours that are in BT.709. Half a step is rounding. A
 * code is off by up to 2 steps of 16 bits (its own bits repeated below them,
 * and the nearest entry of a table): PQ's light is then off by 2 / 65535 times
 * 40, its steepest relative slope up from 0.1 cd/m2, and twice that after the
 * matrix, which subtracts: 0.25 % of light, 0.1 % of a byte's 255 steps. */
static void
test_hdr_formats (void)
{
  static const char *const names[] = { "P010_10LE", "I420_10LE", "I422_12LE",
    "Y444_16LE", "Y410", "v210", "A420_10LE", "AYUV64", "NV12", "I420", "AYUV",
    "GRAY8", "GRAY10_LE32", "GRAY16_LE", "RGB10A2_LE", "GBR_10LE", "GBRA_12LE",
    "ARGB64", "RGB", "BGRx" };
  static const char *const colorimetries[] = { "2:6:14:7", "1:6:14:7",
    "2:6:15:7", "1:6:15:7", "2:1:14:7", "1:1:14:7", "2:1:15:7", "1:1:15:7",
    "0:6:14:0", "0:1:15:0", "2:3:14:99" };
  static const double peaks[] = { 1000, 4000, 203, 10000 };
  static const double looks[][3] = { { 0, 0, 0 }, { 0.02, 0.02, 0.02 },
    { 0.1, 0.1, 0.1 }, { 0.3, 0.3, 0.3 }, { 0.5, 0.5, 0.5 },
    { 0.58, 0.58, 0.58 }, { 0.65, 0.65, 0.65 }, { 0.75, 0.75, 0.75 },
    { 0.85, 0.85, 0.85 }, { 1, 1, 1 }, { 0.55, 0.45, 0.4 }, { 0.4, 0.5, 0.42 },
    { 0.4, 0.42, 0.55 }, { 0.7, 0.6, 0.5 }, { 0.5, 0.7, 0.65 } };
  guint n_compared = 0;

  for (guint n = 0; n < G_N_ELEMENTS (names) * G_N_ELEMENTS (colorimetries);
       n++) {
    g_autofree char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,"
                                             "height=%u,framerate=25/1,"
                                             "colorimetry=%s",
        names[n % G_N_ELEMENTS (names)], COLOURS_EDGE, COLOURS_EDGE,
        colorimetries[n / G_N_ELEMENTS (names)]);
    GstVideoInfo info = colours_info (caps);
    double peak = info.colorimetry.transfer == GST_VIDEO_TRANSFER_ARIB_STD_B67
                      ? 1000
                      : peaks[n % G_N_ELEMENTS (peaks)];
    GstOwl2Rgb converter = { 0 };

    if (!gst_owl2_colour_wanted (&info))
      continue; /* YUV of RGB's matrix: caps have SDR's defaults instead */
    n_compared++;
    gst_owl2_colour_settle (&info);
    for (guint k = 0; k < G_N_ELEMENTS (looks); k++) {
      Codes codes = colours_encode (&info, looks[k], 1);
      double rgb[3], want[3];
      guint8 got[3];

      look_plain (&converter, &info, &codes, peak, got);
      colours_decode (&info, &codes, rgb);
      hdr_to_sdr (&info, rgb, peak, want);
      for (guint i = 0; i < 3; i++)
        if (fabs (got[i] - want[i]) > 0.75)
          g_error ("%s, look %u, peak %g: component %u is %u, not %.2f", caps,
              k, peak, i, got[i], want[i]);
    }
    gst_owl2_rgb_clear (&converter);
  }
  g_assert_cmpuint (n_compared, ==, 14 * 6 + 6 * 11);
}

/* Codes of 10 bits, in one row. */
static guint8 *
look_ramp (const char *colorimetry, guint width, guint first)
{
  g_autofree char *caps = g_strdup_printf (
      "video/x-raw,format=P010_10LE,width=%u,height=2,framerate=25/1,"
      "colorimetry=%s",
      width, colorimetry);
  const GstVideoInfo info = colours_info (caps);
  g_autoptr (GstBuffer) buffer =
      gst_buffer_new_allocate (NULL, info.size, NULL);
  g_autoptr (GstOwl2Frame) frame = NULL;
  GstOwl2Rgb converter = { 0 };
  GstMapInfo map;
  Owl2Image image;
  guint8 *rgb;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size / 2; i++) {
    guint code = i < info.offset[1] / 2 ? first + (guint) i % width : 512;

    GST_WRITE_UINT16_LE (map.data + 2 * i, code << 6);
  }
  gst_buffer_unmap (buffer, &map);
  frame = colours_take (buffer, &info, GST_OWL2_COLOUR_PEAK);
  rgb = colours_look (&converter, frame, &image);
  gst_owl2_rgb_clear (&converter);
  return rgb;
}

/* Gray stays gray, what is brighter is never shown darker, from black to white;
 * and what PQ and HLG have at reference white is the same. */
static void
test_hdr_gray (void)
{
  static const char *const names[] = { "bt2100-pq", "bt2100-hlg" };
  guint8 white[2];

  for (guint n = 0; n < 2; n++) {
    g_autofree guint8 *rgb = look_ramp (names[n], 1024, 0);

    for (guint i = 0; i < 1024; i++) {
      g_assert_cmpuint (rgb[3 * i], ==, rgb[3 * i + 1]);
      g_assert_cmpuint (rgb[3 * i], ==, rgb[3 * i + 2]);
      if (i > 0)
        g_assert_cmpuint (rgb[3 * i], >=, rgb[3 * i - 3]);
    }
    g_assert_cmpuint (rgb[3 * 64], ==, 0);
    g_assert_cmpuint (rgb[3 * 940], ==, 255);
    g_assert_cmpuint (rgb[3 * 1023], ==, 255);
    /* Rep. ITU-R BT.2408: 58 % and 75 % of the signal. */
    white[n] = rgb[3 * (n ? 721 : 572)];
  }
  g_assert_cmpuint (white[0], ==, 230);
  g_assert_cmpuint (white[1], ==, 230);
}

/* What BT.709 does not reach is cut off, not wrapped. */
static void
test_hdr_gamut (void)
{
  static const double looks[][3] = { { 0.6, 0, 0 }, { 0, 0.6, 0 },
    { 0, 0, 0.6 }, { 0.6, 0.6, 0 }, { 0, 0.6, 0.6 }, { 0.6, 0, 0.6 } };
  const GstVideoInfo info =
      colours_info ("video/x-raw,format=Y410,width=24,height=24,framerate=25/1,"
                    "colorimetry=bt2100-pq");
  GstOwl2Rgb converter = { 0 };

  for (guint k = 0; k < G_N_ELEMENTS (looks); k++) {
    Codes codes = colours_encode (&info, looks[k], 1);
    guint8 got[3];

    look_plain (&converter, &info, &codes, GST_OWL2_COLOUR_PEAK, got);
    for (guint i = 0; i < 3; i++)
      if (looks[k][i] > 0)
        g_assert_cmpuint (got[i], >, 200);
      else
        g_assert_cmpuint (got[i], <, 10);
  }
  gst_owl2_rgb_clear (&converter);
}

static void
test_hdr_peak (void)
{
#define DISPLAY(max)                                                           \
  "mastering-display-info=(string)35400:14600:8500:39850:6550:2300:"           \
  "15635:16450:" max ":50"
#define LIGHT(max) "content-light-level=(string)" max ":400"
  static const struct {
    const char *colorimetry, *more;
    double peak;
  } rows[] = {
    { "bt2100-pq", "x=1", 1000 },
    { "bt2100-pq", DISPLAY ("40000000"), 4000 },
    { "bt2100-pq", DISPLAY ("40000000") "," LIGHT ("1500"), 1500 },
    { "bt2100-pq", DISPLAY ("10000000") "," LIGHT ("1500"), 1000 },
    { "bt2100-pq", LIGHT ("700"), 700 },
    { "bt2100-pq", LIGHT ("0"), 1000 },
    { "bt2100-pq", LIGHT ("50"), 203 },
    { "bt2100-pq", DISPLAY ("4000000000"), 10000 },
    { "bt2100-pq", "mastering-display-info=(string)nothing", 1000 },
    { "bt2100-hlg", DISPLAY ("40000000"), 1000 },
    { "bt709", LIGHT ("700"), 1000 },
  };
#undef DISPLAY
#undef LIGHT

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text =
        g_strdup_printf ("video/x-raw,format=P010_10LE,width=24,height=24,"
                         "framerate=25/1,colorimetry=%s,%s",
            rows[i].colorimetry, rows[i].more);
    g_autoptr (GstCaps) caps = gst_caps_from_string (text);
    const GstVideoInfo info = colours_info (text);

    g_assert_cmpfloat (gst_owl2_colour_peak (caps, &info), ==, rows[i].peak);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/hdr/formats", test_hdr_formats);
  g_test_add_func ("/hdr/gray", test_hdr_gray);
  g_test_add_func ("/hdr/gamut", test_hdr_gamut);
  g_test_add_func ("/hdr/peak", test_hdr_peak);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
