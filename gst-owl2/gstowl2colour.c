/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2colour.h"

#include <math.h>

/* cd/m2 */
#define PQ_MOST 10000.0
#define WHITE 203.0
#define HLG_GAMMA 1.2f

/* Above these, GStreamer takes YUV for high definition. */
#define SD_ROWS 576

/* Each table has an entry for each of 16 bits. Where light is looked up it is
 * by its square root, which spreads the dark end as eyes do. */
#define N_ENTRIES 65536

typedef struct {
  float light[N_ENTRIES];  /* of a value, 1 is the peak; of HLG, the scene's */
  float shown[N_ENTRIES];  /* of light, by the EETF; 1 is WHITE */
  guint8 bytes[N_ENTRIES]; /* of what is shown, in BT.709 */
  float to_709[3][3];
  float luminance[3]; /* of R, G and B */
  gboolean hlg;
} Hdr;

struct _GstOwl2Colour {
  /* Code c of component i is (c - zero[i]) * scale[i]: R', G' and B', or Y' of
   * 0 to 1 and Cb and Cr of -0.5 to 0.5. */
  float zero[3], scale[3];
  float rv, gu, gv, bu; /* zeros: there is no chroma */
  gboolean yuv;
  Hdr *hdr; /* (nullable) */
};

/* ---- what is wanted ------------------------------------------------------ */

void
gst_owl2_colour_settle (GstVideoInfo *info)
{
  GstVideoColorimetry *c = &info->colorimetry;
  double r, b;

  if (GST_VIDEO_INFO_IS_GRAY (info))
    c->matrix = GST_VIDEO_COLOR_MATRIX_BT601;
  else if (GST_VIDEO_INFO_IS_YUV (info)
           && !gst_video_color_matrix_get_Kr_Kb (c->matrix, &r, &b))
    c->matrix = info->height > SD_ROWS ? GST_VIDEO_COLOR_MATRIX_BT709
                                       : GST_VIDEO_COLOR_MATRIX_BT601;
  if (c->range != GST_VIDEO_COLOR_RANGE_0_255
      && c->range != GST_VIDEO_COLOR_RANGE_16_235)
    c->range = GST_VIDEO_INFO_IS_YUV (info) ? GST_VIDEO_COLOR_RANGE_16_235
                                            : GST_VIDEO_COLOR_RANGE_0_255;
  if ((guint) c->primaries > GST_VIDEO_COLOR_PRIMARIES_EBU3213)
    c->primaries = GST_VIDEO_COLOR_PRIMARIES_UNKNOWN;
}

static gboolean
is_pq (const GstVideoInfo *info)
{
  return info->colorimetry.transfer == GST_VIDEO_TRANSFER_SMPTE2084;
}

static gboolean
is_hlg (const GstVideoInfo *info)
{
  return info->colorimetry.transfer == GST_VIDEO_TRANSFER_ARIB_STD_B67;
}

double
gst_owl2_colour_peak (const GstCaps *caps, const GstVideoInfo *info)
{
  GstVideoMasteringDisplayInfo display;
  GstVideoContentLightLevel content;
  double peak = 0.0;

  if (!is_pq (info))
    return GST_OWL2_COLOUR_PEAK;
  if (gst_video_mastering_display_info_from_caps (&display, caps))
    peak = display.max_display_mastering_luminance / 10000.0;
  if (gst_video_content_light_level_from_caps (&content, caps)
      && content.max_content_light_level > 0
      && (peak <= 0.0 || content.max_content_light_level < peak))
    peak = content.max_content_light_level;
  return peak > 0.0 ? CLAMP (peak, WHITE, PQ_MOST) : GST_OWL2_COLOUR_PEAK;
}

gboolean
gst_owl2_colour_wanted (const GstVideoInfo *info)
{
  return is_pq (info) || is_hlg (info)
         || (GST_VIDEO_INFO_IS_RGB (info)
             && info->colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235);
}

/* ---- transfer functions -------------------------------------------------- */

/* BT.2100-2, table 4, as the next. */
static const double m1 = 2610.0 / 16384.0, m2 = 2523.0 / 4096.0 * 128.0;
static const double c1 = 3424.0 / 4096.0, c2 = 2413.0 / 4096.0 * 32.0;
static const double c3 = 2392.0 / 4096.0 * 32.0;

/* cd/m2 */
static double
pq_to_light (double value)
{
  const double p = pow (value, 1.0 / m2);

  return PQ_MOST * pow (MAX (p - c1, 0.0) / (c2 - c3 * p), 1.0 / m1);
}

static double
light_to_pq (double light)
{
  const double p = pow (light / PQ_MOST, m1);

  return pow ((c1 + c2 * p) / (1.0 + c3 * p), m2);
}

/* Table 5: of the scene, 0 to 1. */
static double
hlg_to_scene (double value)
{
  const double a = 0.17883277, b = 1.0 - 4.0 * a;
  const double c = 0.5 - a * log (4.0 * a);

  return value <= 0.5 ? value * value / 3.0
                      : (exp ((value - c) / a) + b) / 12.0;
}

/* Both in cd/m2. */
static double
eetf (double light, double peak)
{
  const double most = light_to_pq (peak), w = light_to_pq (WHITE) / most;
  const double k = 1.5 * w - 0.5, e = light_to_pq (light) / most;
  double t, t2, t3;

  if (e <= k)
    return light;
  t = (e - k) / (1.0 - k);
  t2 = t * t;
  t3 = t2 * t;
  return pq_to_light (
      most
      * ((2.0 * t3 - 3.0 * t2 + 1.0) * k + (t3 - 2.0 * t2 + t) * (1.0 - k)
          + (-2.0 * t3 + 3.0 * t2) * w));
}

/* ---- primaries ----------------------------------------------------------- */

static void
multiply (double out[3][3], double a[3][3], double b[3][3])
{
  for (guint i = 0; i < 3; i++)
    for (guint j = 0; j < 3; j++)
      out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void
invert (double out[3][3], double m[3][3])
{
  double det = 0.0;

  for (guint i = 0; i < 3; i++)
    for (guint j = 0; j < 3; j++) {
      const guint r = (j + 1) % 3, s = (j + 2) % 3;
      const guint p = (i + 1) % 3, q = (i + 2) % 3;

      out[i][j] = m[r][p] * m[s][q] - m[r][q] * m[s][p];
    }
  for (guint j = 0; j < 3; j++)
    det += m[0][j] * out[j][0];
  for (guint i = 0; i < 3; i++)
    for (guint j = 0; j < 3; j++)
      out[i][j] /= det;
}

/* SMPTE RP 177: columns are XYZ of R, G and B, which add up to white. */
static void
rgb_to_xyz (double m[3][3], GstVideoColorPrimaries primaries)
{
  const GstVideoColorPrimariesInfo *p =
      gst_video_color_primaries_get_info (primaries);
  double xyz[3][3] = { { p->Rx, p->Gx, p->Bx }, { p->Ry, p->Gy, p->By },
    { 1.0 - p->Rx - p->Ry, 1.0 - p->Gx - p->Gy, 1.0 - p->Bx - p->By } };
  double white[3] = { p->Wx / p->Wy, 1.0, (1.0 - p->Wx - p->Wy) / p->Wy };
  double inverse[3][3];

  invert (inverse, xyz);
  for (guint j = 0; j < 3; j++) {
    double most = 0.0;

    for (guint i = 0; i < 3; i++)
      most += inverse[j][i] * white[i];
    for (guint i = 0; i < 3; i++)
      m[i][j] = xyz[i][j] * most;
  }
}

/* White stays white, whatever white the primaries have. */
static void
set_primaries (Hdr *hdr, GstVideoColorPrimaries primaries)
{
  double from[3][3], to[3][3], m[3][3];

  if (primaries == GST_VIDEO_COLOR_PRIMARIES_UNKNOWN)
    primaries = GST_VIDEO_COLOR_PRIMARIES_BT2020;
  rgb_to_xyz (from, primaries);
  rgb_to_xyz (m, GST_VIDEO_COLOR_PRIMARIES_BT709);
  invert (to, m);
  multiply (m, to, from);
  for (guint i = 0; i < 3; i++) {
    const double white = m[i][0] + m[i][1] + m[i][2];

    hdr->luminance[i] = (float) from[1][i];
    for (guint j = 0; j < 3; j++)
      hdr->to_709[i][j] = (float) (m[i][j] / white);
  }
}

/* ---- object -------------------------------------------------------------- */

static Hdr *
hdr_new (const GstVideoInfo *info, double peak)
{
  Hdr *hdr = g_new0 (Hdr, 1);

  hdr->hlg = is_hlg (info);
  set_primaries (hdr, info->colorimetry.primaries);
  for (guint i = 0; i < N_ENTRIES; i++) {
    const double x = i / (N_ENTRIES - 1.0), light = peak * x * x;

    hdr->light[i] = (float) (hdr->hlg ? hlg_to_scene (x)
                                      : MIN (pq_to_light (x) / peak, 1.0));
    hdr->shown[i] = (float) (eetf (light, peak) / WHITE);
    hdr->bytes[i] = (guint8) (255.0 * pow (x, 2.0 / 2.4) + 0.5);
  }
  return hdr;
}

/* Rec. ITU-R BT.2100-2, table 9, and the same for SDR: in n bits, black is
 * 16 * 2^(n-8), white 219 of these above it, and chroma 224 around 128. What
 * has fewer than 8 bits is read as 8. */
static void
set_range (GstOwl2Colour *self, const GstVideoInfo *info)
{
  const guint bits = MAX (8, GST_VIDEO_FORMAT_INFO_DEPTH (info->finfo, 0));
  const float unit = (float) (1u << (bits - 8));
  const float most = 256.0f * unit - 1.0f; /* the largest code */
  const gboolean full = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;

  for (guint i = 0; i < 3; i++) {
    const gboolean chroma = self->yuv && i > 0;
    const guint zero = (chroma ? 128u : full ? 0u : 16u) << (bits - 8);
    const float range = full ? most : (chroma ? 224.0f : 219.0f) * unit;

    /* As it is unpacked, so that gray has no colour at all. */
    self->zero[i] = (float) (zero << (16 - bits) | zero >> (2 * bits - 16));
    self->scale[i] = most / 65535.0f / range;
  }
}

static void
set_matrix (GstOwl2Colour *self, const GstVideoInfo *info)
{
  double r = 0.0, b = 0.0, g;

  if (!GST_VIDEO_INFO_IS_YUV (info)
      || !gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &r, &b))
    return;
  g = 1.0 - r - b;
  self->rv = (float) (2.0 * (1.0 - r));
  self->bu = (float) (2.0 * (1.0 - b));
  self->gu = (float) (-2.0 * (1.0 - b) * b / g);
  self->gv = (float) (-2.0 * (1.0 - r) * r / g);
}

GstOwl2Colour *
gst_owl2_colour_new (const GstVideoInfo *info, double peak)
{
  GstOwl2Colour *self = g_new0 (GstOwl2Colour, 1);

  self->yuv = !GST_VIDEO_INFO_IS_RGB (info);
  set_range (self, info);
  set_matrix (self, info);
  if (is_pq (info) || is_hlg (info))
    self->hdr = hdr_new (info, peak);
  return self;
}

void
gst_owl2_colour_free (GstOwl2Colour *self)
{
  if (!self)
    return;
  g_free (self->hdr);
  g_free (self);
}

/* ---- pixels -------------------------------------------------------------- */

static void
to_rgb (const GstOwl2Colour *self, const guint16 *codes, float rgb[3])
{
  float c[3];

  for (guint i = 0; i < 3; i++)
    c[i] = ((float) codes[i + 1] - self->zero[i]) * self->scale[i];
  rgb[0] = c[0] + (self->yuv ? self->rv * c[2] : 0.0f);
  rgb[1] = self->yuv ? c[0] + self->gu * c[1] + self->gv * c[2] : c[1];
  rgb[2] = self->yuv ? c[0] + self->bu * c[1] : c[2];
}

static guint
entry (float x)
{
  return (guint) (CLAMP (x, 0.0f, 1.0f) * (N_ENTRIES - 1) + 0.5f);
}

static void
show (const Hdr *hdr, const float rgb[3], guint8 *bytes)
{
  float light[3], ootf = 1.0f;

  for (guint i = 0; i < 3; i++)
    light[i] = hdr->light[entry (rgb[i])];
  if (hdr->hlg) {
    float y = 0.0f;

    for (guint i = 0; i < 3; i++)
      y += hdr->luminance[i] * light[i];
    ootf = powf (y, HLG_GAMMA - 1.0f);
  }
  for (guint i = 0; i < 3; i++)
    light[i] = hdr->shown[entry (sqrtf (light[i] * ootf))];
  for (guint i = 0; i < 3; i++) {
    float x = light[i];

    /* The factors' sum is 1: so gray stays what it is, to the bit. */
    for (guint k = 0; k < 3; k++)
      x += hdr->to_709[i][k] * (light[k] - light[i]);
    bytes[i] = hdr->bytes[entry (sqrtf (MAX (x, 0.0f)))];
  }
}

void
gst_owl2_colour_row (
    const GstOwl2Colour *self, guint8 *rgb, const guint16 *codes, gsize n)
{
  for (gsize i = 0; i < n; i++, codes += 4, rgb += 3) {
    float v[3];

    to_rgb (self, codes, v);
    if (self->hdr)
      show (self->hdr, v, rgb);
    else
      for (guint k = 0; k < 3; k++)
        rgb[k] = (guint8) (CLAMP (v[k], 0.0f, 1.0f) * 255.0f + 0.5f);
  }
}
