/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures whose GstVideoMeta lies, between pages that nobody may touch: either
 * refused with numbers, or converted, and nothing outside of the buffer is
 * read. (What the converter reads of the copy, AddressSanitizer watches.) And
 * odd layouts that are honest: within 1 of what videoconvert makes. */
#include "bench.h"
#include "gstowl2frame.h"
#include "guarded.h"
#include "ref_picture.h"

#include <stdlib.h>
#include <string.h>

/* ---- looking at one ------------------------------------------------------ */

/* NULL: refused, and then @why says so with numbers; else the packed RGB. */
static guint8 *
look (GstBuffer *buffer, const GstVideoInfo *info, char **why)
{
  static GstOwl2Rgb rgb;
  GstOwl2Pool *pool = gst_owl2_pool_new ();
  const GstOwl2Picture picture = {
    .buffer = buffer, .info = info, .peak = GST_OWL2_COLOUR_PEAK
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GstOwl2Frame) frame = gst_owl2_frame_new (pool, &picture, &error);
  g_autofree gpointer memory = NULL;
  guint8 *packed = NULL;
  Owl2Image image;

  gst_owl2_pool_unref (pool);
  if (why)
    *why = NULL;
  if (!frame) {
    g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
    g_assert_nonnull (strstr (error->message,
        gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info))));
    g_assert_nonnull (strstr (error->message, "bytes"));
    if (why)
      *why = g_strdup (error->message);
    return NULL;
  }
  g_assert_true (gst_owl2_rgb_convert (&rgb, frame, &image, &memory, &error));
  packed = g_malloc (3 * (gsize) image.width * image.height);
  ref_picture_rgb (packed, &image);
  gst_owl2_rgb_clear (&rgb);
  return packed;
}

static void
set_info (GstVideoInfo *info, GstVideoFormat format, guint width, guint height)
{
  g_assert_true (gst_video_info_set_format (info, format, width, height));
  info->fps_n = 25;
  info->fps_d = 1;
}

/* ---- lies ---------------------------------------------------------------- */

typedef struct {
  gsize size;
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  guint n, width, height;
  GstVideoFormat format;
  GstVideoFrameFlags flags;
  gboolean cropped; /* by a crop meta of the next four */
  guint crop_x, crop_y, crop_width, crop_height;
} Lie;

/* What a buffer's bytes are in. */
typedef enum { BEFORE_GUARD, BEHIND_GUARD, IN_FD, IN_PARTS } Place;

static void
lie_init (Lie *lie, const GstVideoInfo *info)
{
  memset (lie, 0, sizeof (*lie));
  lie->size = info->size;
  memcpy (lie->offset, info->offset, sizeof (lie->offset));
  memcpy (lie->stride, info->stride, sizeof (lie->stride));
  lie->n = GST_VIDEO_INFO_N_PLANES (info);
  lie->width = (guint) info->width;
  lie->height = (guint) info->height;
  lie->format = GST_VIDEO_INFO_FORMAT (info);
}

static guint8 *
lie_look (Lie *lie, const GstVideoInfo *info, Place place, char **why)
{
  g_autoptr (GstBuffer) buffer =
      place == IN_FD      ? guarded_new_fd (lie->size)
      : place == IN_PARTS ? guarded_new_parts (lie->size)
                          : guarded_new (lie->size, place == BEFORE_GUARD);
  GstVideoMeta *meta =
      gst_buffer_add_video_meta_full (buffer, lie->flags, lie->format,
          lie->width, lie->height, MIN (lie->n, 4), lie->offset, lie->stride);

  g_assert_nonnull (meta);
  meta->n_planes = lie->n;
  if (lie->cropped) {
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

    crop->x = lie->crop_x;
    crop->y = lie->crop_y;
    crop->width = lie->crop_width;
    crop->height = lie->crop_height;
  }
  return look (buffer, info, why);
}

static const char *const kinds[] = { "small", "empty", "off", "offmax",
  "offwrap", "stride", "neg", "min", "max", "zero", "last", "tile", "tile2",
  "size", "size-less", "planes", "planes-less", "planes-many", "format", "odd",
  "plus60", "each-off", "each-neg" };

/* The kinds from "odd" on may be true of some formats. */
static gboolean
lie_apply (Lie *lie, const char *kind, const GstVideoInfo *info, guint plane)
{
  gsize *off = &lie->offset[plane];
  gint *stride = &lie->stride[plane];

#define KIND(name, statement)                                                  \
  if (g_str_equal (kind, name)) {                                              \
    statement;                                                                 \
    return TRUE;                                                               \
  }
  KIND ("small", lie->size /= 2)
  KIND ("empty", lie->size = 0)
  KIND ("off", *off = lie->size + 4096)
  KIND ("offmax", *off = G_MAXSIZE - 15)
  KIND ("offwrap", *off = (gsize) G_MAXSSIZE + 1)
  KIND ("stride", *stride = 1 << 28)
  KIND ("neg", *stride = -*stride)
  KIND ("min", *stride = G_MININT)
  KIND ("max", *stride = G_MAXINT)
  KIND ("zero", memset (lie->stride, 0, sizeof (lie->stride)))
  KIND ("last", *off = lie->size - 1)
  KIND ("tile", *stride = (0x7fff << 16) | 0x7fff)
  KIND ("tile2", *stride = (0x40 << 16) | 0x400)
  KIND ("size", lie->width *= 4)
  KIND ("size-less", lie->height = 1)
  KIND ("planes", lie->n = lie->n % 4 + 1)
  KIND ("planes-less", lie->n = 0)
  KIND ("planes-many", lie->n = G_MAXUINT)
  KIND ("format", lie->format = lie->format == GST_VIDEO_FORMAT_RGB
                                    ? GST_VIDEO_FORMAT_BGR
                                    : GST_VIDEO_FORMAT_RGB)
  KIND ("odd", *stride += 1)
  KIND ("plus60", *off += 60)
  KIND ("each-off", for (guint i = 0; i < lie->n; i++) lie->offset[i] += 7)
  KIND ("each-neg", for (guint i = 0; i < lie->n; i++) lie->stride[i] *= -1)
#undef KIND
  g_assert_not_reached ();
}

/* Of every format and plane at 320x120, with what has to be refused. */
static void
test_lies (void)
{
  static const guint sizes[][2] = { { 320, 120 }, { 37, 21 }, { 1, 1 },
    { 64, 22 } };
  guint n_formats, n_refused = 0, n_converted = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint f = 0; f < n_formats; f++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
      GstVideoInfo info;

      set_info (&info, formats[f], sizes[s][0], sizes[s][1]);
      for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES (&info); plane++) {
        const gboolean palette =
            GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info.finfo) && plane == 1;
        gboolean certain = s == 0;

        for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
          g_autofree char *why = NULL;
          g_autofree guint8 *rgb = NULL;
          Lie lie;

          certain = certain && !g_str_equal (kinds[k], "odd");
          lie_init (&lie, &info);
          lie_apply (&lie, kinds[k], &info, plane);
          rgb =
              lie_look (&lie, &info, k % 2 ? BEFORE_GUARD : BEHIND_GUARD, &why);
          /* A palette has no rows, so its stride says nothing; and a later
           * plane may run back over an earlier one. */
          if (certain && !(plane && g_str_equal (kinds[k], "neg"))
              && !(palette && lie.stride[plane] != info.stride[plane]
                   && lie.stride[0] == info.stride[0])
              && rgb)
            g_error ("%s: plane %u: '%s' is taken for true",
                gst_video_format_to_string (formats[f]), plane, kinds[k]);
          rgb ? n_converted++ : n_refused++;
        }
      }
    }
  g_test_message ("%u refused, %u converted", n_refused, n_converted);
  g_assert_cmpuint (n_refused, >, 15000);
  g_assert_cmpuint (n_converted, >, 500);
}

static gsize
random_offset (gsize size)
{
  switch (g_test_rand_int_range (0, 6)) {
    case 0:
      return 0;
    case 1:
      return size ? size - 1 : 0;
    case 2:
      return G_MAXSIZE - (gsize) g_test_rand_int_range (0, 1 << 20);
    case 3:
      return (gsize) g_test_rand_int_range (0, 1 << 30)
             * (gsize) g_test_rand_int_range (1, 1 << 30);
    default:
      return (gsize) g_test_rand_int_range (
          0, (gint32) MIN (size, 1 << 30) + 1);
  }
}

static gint
random_stride (gint stride)
{
  switch (g_test_rand_int_range (0, 7)) {
    case 0:
      return (gint) g_test_rand_int ();
    case 1:
      return -stride;
    case 2:
      return stride * g_test_rand_int_range (-3, 4);
    case 3:
      return GST_VIDEO_TILE_MAKE_STRIDE (
          g_test_rand_int_range (0, 12), g_test_rand_int_range (0, 12));
    case 4:
      return g_test_rand_int_range (-300, 300);
    default:
      return stride + g_test_rand_int_range (-40, 41);
  }
}

/* None, one inside of the picture or of what the meta says, or any. */
static void
random_crop (Lie *lie, const GstVideoInfo *info)
{
  const gint32 width = info->width, height = info->height;
  const gint way = g_test_rand_int_range (0, 6);

  lie->cropped = way < 3;
  if (way == 2) {
    lie->crop_x = g_test_rand_bit () ? (guint) g_test_rand_int () : 0;
    lie->crop_y = g_test_rand_bit () ? (guint) g_test_rand_int () : 0;
    lie->crop_width = (guint) g_test_rand_int ();
    lie->crop_height = (guint) g_test_rand_int_range (0, height + 2);
  } else {
    lie->crop_x = (guint) g_test_rand_int_range (0, width);
    lie->crop_y = (guint) g_test_rand_int_range (0, height);
    lie->crop_width =
        (guint) g_test_rand_int_range (1, width + 1 - (gint32) lie->crop_x);
    lie->crop_height =
        (guint) g_test_rand_int_range (1, height + 1 - (gint32) lie->crop_y);
  }
  /* A decoder's picture, which is larger than what is shown of it. */
  if (way == 0 && g_test_rand_bit ()) {
    lie->width += (guint) g_test_rand_int_range (0, 20);
    lie->height += (guint) g_test_rand_int_range (0, 20);
    lie->size = lie->size * 3;
  }
}

/* Anything, in buffers from nothing to twice the picture. */
static void
test_random (void)
{
  guint n_formats, n_converted = 0, n_cropped = 0;
  const gboolean is_long = g_getenv ("OWL2_LONG") && *g_getenv ("OWL2_LONG");
  const guint n = is_long ? 1000000 : 10000;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint i = 0; i < n; i++) {
    const gboolean interlaced = g_test_rand_int_range (0, 4) == 0;
    g_autofree guint8 *rgb = NULL;
    GstVideoInfo info;
    Place place;
    Lie lie;

    g_assert_true (gst_video_info_set_interlaced_format (&info,
        formats[(guint) g_test_rand_int_range (0, (gint32) n_formats)],
        interlaced ? GST_VIDEO_INTERLACE_MODE_MIXED
                   : GST_VIDEO_INTERLACE_MODE_PROGRESSIVE,
        (guint) g_test_rand_int_range (1, 80),
        (guint) g_test_rand_int_range (1, 50)));
    lie_init (&lie, &info);
    if (g_test_rand_bit ())
      lie.size = (gsize) g_test_rand_int_range (0, 2 * (gint32) info.size);
    else if (g_test_rand_bit ())
      lie.size += (gsize) g_test_rand_int_range (0, 5000);
    if (g_test_rand_bit ())
      lie.flags = (guint) g_test_rand_int_range (0, 256);
    for (guint p = 0; p < lie.n; p++) {
      if (g_test_rand_int_range (0, 3) == 0)
        lie.offset[p] = random_offset (lie.size);
      if (g_test_rand_int_range (0, 3) == 0)
        lie.stride[p] = random_stride (lie.stride[p]);
    }
    random_crop (&lie, &info);
    place = (Place) g_test_rand_int_range (0, 8) % 6;
    rgb = lie_look (&lie, &info, place > IN_PARTS ? BEFORE_GUARD : place, NULL);
    n_converted += rgb != NULL;
    n_cropped += rgb != NULL && lie.cropped;
  }
  g_test_message (
      "%u of %u converted, %u of them cropped", n_converted, n, n_cropped);
  g_assert_cmpuint (n_cropped, >, n / 100);
  g_assert_cmpuint (n_converted, >, n / 20);
  g_assert_cmpuint (n_converted, <, n * 19 / 20);
}

/* GStreamer packs the number of tiles into 16 bits, and its own layout of what
 * has more lies, without any meta. */
static void
test_too_many_tiles (void)
{
  static const struct {
    GstVideoFormat format;
    guint width, height;
  } sizes[] = { { GST_VIDEO_FORMAT_NV12_4L4, 300000, 16 },
    { GST_VIDEO_FORMAT_NV12_4L4, 4 * 65536, 4 },
    { GST_VIDEO_FORMAT_NV12_4L4, 4, 300000 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *why = NULL;
    g_autofree guint8 *rgb = NULL;
    GstVideoInfo info;
    g_autoptr (GstBuffer) buffer = NULL;

    set_info (&info, sizes[i].format, sizes[i].width, sizes[i].height);
    buffer = guarded_new (info.size, TRUE);
    rgb = look (buffer, &info, &why);
    g_assert_nonnull (why);
  }
}

/* ---- what is honest ------------------------------------------------------ */

/* Puts the rows or tiles of @plain, which has the layout of @info, where @lie
 * says; the rest of the new buffer is random. */
static GstBuffer *
lay_out (GstBuffer *plain, const GstVideoInfo *info, Lie *lie)
{
  GstBuffer *buffer = guarded_new (lie->size, TRUE);
  GstMapInfo from, to;

  g_assert_true (gst_buffer_map (plain, &from, GST_MAP_READ));
  g_assert_true (gst_buffer_map (buffer, &to, GST_MAP_WRITE));
  for (guint p = 0; p < lie->n; p++) {
    const gsize end = p + 1 < lie->n ? info->offset[p + 1] : info->size;
    const gsize bytes = end - info->offset[p];
    guint8 *target = to.data + lie->offset[p];
    const guint8 *source = from.data + info->offset[p];

    if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info->finfo) && p == 1) {
      memcpy (target, source, bytes);
    } else if (GST_VIDEO_FORMAT_INFO_IS_TILED (info->finfo)) {
      const gsize tile = info->finfo->tile_info[p].size;
      const int mode = (int) info->finfo->tile_mode;
      const gint old = info->stride[p], now = lie->stride[p];

      for (gint y = 0; y < GST_VIDEO_TILE_Y_TILES (old); y++)
        for (gint x = 0; x < GST_VIDEO_TILE_X_TILES (old); x++)
          memcpy (target
                      + tile
                            * gst_video_tile_get_index (mode, x, y,
                                GST_VIDEO_TILE_X_TILES (now),
                                GST_VIDEO_TILE_Y_TILES (now)),
              source
                  + tile
                        * gst_video_tile_get_index (mode, x, y,
                            GST_VIDEO_TILE_X_TILES (old),
                            GST_VIDEO_TILE_Y_TILES (old)),
              tile);
    } else {
      for (gsize row = 0; row < bytes / (gsize) info->stride[p]; row++)
        memcpy (target + (gssize) row * lie->stride[p],
            source + row * (gsize) info->stride[p], (gsize) info->stride[p]);
    }
  }
  gst_buffer_unmap (buffer, &to);
  gst_buffer_unmap (plain, &from);
  gst_buffer_add_video_meta_full (buffer, lie->flags, lie->format, lie->width,
      lie->height, lie->n, lie->offset, lie->stride);
  return buffer;
}

/* Layout number @way; FALSE if the format has none of that kind. */
static gboolean
honest (Lie *lie, const GstVideoInfo *info, guint way)
{
  const gboolean tiled = GST_VIDEO_FORMAT_INFO_IS_TILED (info->finfo);
  const gboolean backwards = way == 2;
  gsize at = way == 0 ? 0 : 13;

  if (tiled && backwards)
    return FALSE;
  lie_init (lie, info);
  for (guint i = 0; i < lie->n; i++) {
    /* Way 3: the planes in the reverse order. */
    const guint p = way == 3 ? lie->n - 1 - i : i;
    const gsize end = p + 1 < lie->n ? info->offset[p + 1] : info->size;
    gsize bytes = end - info->offset[p];

    lie->offset[p] = at;
    if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info->finfo) && p == 1) {
      lie->stride[p] = 4;
    } else if (tiled) {
      const int x = GST_VIDEO_TILE_X_TILES (info->stride[p]) + 2 * (int) way;
      const int y = GST_VIDEO_TILE_Y_TILES (info->stride[p]) + 2 * (int) way;

      lie->stride[p] = GST_VIDEO_TILE_MAKE_STRIDE (x, y);
      bytes = (gsize) x * (gsize) y * info->finfo->tile_info[p].size;
    } else {
      const gsize rows = bytes / (gsize) info->stride[p];
      const gsize stride = (gsize) info->stride[p] + (way ? 5 + 12 * way : 0);

      bytes = rows * stride;
      lie->stride[p] = (gint) stride;
      if (backwards) {
        lie->stride[p] = -lie->stride[p];
        lie->offset[p] = at + (rows - 1) * stride;
      }
    }
    at += bytes + 3 * way;
  }
  lie->size = at;
  return TRUE;
}

/* @same: the same picture, for videoconvert; of two fields, the model sees the
 * rows of the first one. */
static void
compare (const char *caps, GstBuffer *buffer, GstBuffer *same,
    const GstVideoInfo *info)
{
  g_autoptr (GstBuffer) want = bench_reference_rgb (caps, same);
  g_autofree char *why = NULL;
  g_autofree guint8 *rgb = look (buffer, info, &why);
  const gsize row = 3 * (gsize) info->width;
  GstVideoFrame frame;
  GstVideoInfo out;
  gssize first = 0, step = 1;

  if (!rgb)
    g_error ("%s: %s", caps, why);
  g_assert_true (gst_video_frame_map (&frame, info, same, GST_MAP_READ));
  if (GST_VIDEO_FRAME_IS_INTERLACED (&frame)) {
    first = GST_VIDEO_FRAME_IS_TFF (&frame) ? 0 : 1;
    step = 2;
  }
  gst_video_frame_unmap (&frame);
  set_info (
      &out, GST_VIDEO_FORMAT_RGB, (guint) info->width, (guint) info->height);
  g_assert_true (gst_video_frame_map (&frame, &out, want, GST_MAP_READ));
  for (gssize y = first; y < info->height; y += step)
    for (gsize x = 0; x < row; x++)
      if (abs (
              ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame,
                  0))[y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + (gssize) x]
              - rgb[(gsize) (y / step) * row + x])
          > 1)
        g_error ("%s: row %u differs from videoconvert's", caps, (guint) y);
  gst_video_frame_unmap (&frame);
}

/* Every format in every layout gives what videoconvert gives; of what lies
 * upside down it gets the picture as it was before, since it crashes on some.
 */
static void
test_honest (void)
{
  static const guint sizes[][2] = { { 64, 48 }, { 37, 21 }, { 50, 24 } };
  guint n_formats, n_compared = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint f = 0; f < n_formats; f++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint way = 0; way < 4; way++) {
        g_autofree char *text = g_strdup_printf (
            "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1%s",
            gst_video_format_to_string (formats[f]), sizes[s][0], sizes[s][1],
            s == 2 ? ",interlace-mode=interleaved" : "");
        g_autoptr (GstCaps) caps = gst_caps_from_string (text);
        g_autoptr (GstBuffer) plain = NULL, buffer = NULL;
        GstVideoInfo info;
        Lie lie;

        g_assert_true (gst_video_info_from_caps (&info, caps));
        if (!honest (&lie, &info, way))
          continue;
        plain = guarded_new (info.size, TRUE);
        buffer = lay_out (plain, &info, &lie);
        GST_BUFFER_PTS (plain) = GST_BUFFER_PTS (buffer) = 0;
        compare (text, buffer, way == 2 ? plain : buffer, &info);
        n_compared++;
      }
  g_test_message ("%u compared", n_compared);
  g_assert_cmpuint (n_compared, >, 1200);
}

/* Rows without padding, and nothing behind the last pixel. */
static void
test_tight (void)
{
  static const struct {
    const char *format;
    gint stride[3];
    guint rows[3], width;
  } tight[] = { { "RGB", { 111 }, { 21 }, 37 },
    { "I420", { 37, 19, 19 }, { 21, 11, 11 }, 37 },
    { "NV12", { 37, 38 }, { 21, 11 }, 37 }, { "GRAY8", { 37 }, { 21 }, 37 },
    { "v210", { 112 }, { 21 }, 37 }, { "RGB16", { 74 }, { 21 }, 37 },
    { "UYVP", { 95 }, { 21 }, 38 }, { "IYU1", { 60 }, { 21 }, 40 },
    { "Y41B", { 37, 10, 10 }, { 21, 21, 21 }, 37 },
    { "NV12_10LE32", { 52, 52 }, { 21, 11 }, 37 } };

  for (guint i = 0; i < G_N_ELEMENTS (tight); i++) {
    g_autofree guint8 *rgb = NULL;
    g_autofree char *why = NULL;
    GstVideoInfo info;
    gsize at = 0;
    Lie lie;

    set_info (&info, gst_video_format_from_string (tight[i].format),
        tight[i].width, 21);
    lie_init (&lie, &info);
    for (guint p = 0; p < lie.n; p++) {
      lie.offset[p] = at;
      lie.stride[p] = tight[i].stride[p];
      at += (gsize) tight[i].stride[p] * tight[i].rows[p];
    }
    lie.size = at;
    rgb = lie_look (&lie, &info, BEFORE_GUARD, &why);
    if (!rgb)
      g_error ("%s: %s", tight[i].format, why);
    /* One byte less is one too few. */
    g_clear_pointer (&rgb, g_free);
    g_clear_pointer (&why, g_free);
    lie.size -= g_str_equal (tight[i].format, "v210")          ? 11
                : g_str_has_prefix (tight[i].format, "NV12_1") ? 3
                                                               : 1;
    rgb = lie_look (&lie, &info, BEFORE_GUARD, &why);
    if (rgb)
      g_error ("%s: a row that ends outside is taken", tight[i].format);
  }
}

/* A picture in several memories, its planes cut anywhere. */
static void
test_memories (void)
{
  const char *caps = "video/x-raw,format=I420,width=50,height=30,"
                     "framerate=25/1";
  g_autoptr (GstBuffer) plain = NULL, whole = NULL;
  g_autoptr (GstBuffer) parts = gst_buffer_new ();
  GstVideoInfo info;
  gsize at = 0;
  Lie lie;

  set_info (&info, GST_VIDEO_FORMAT_I420, 50, 30);
  g_assert_true (honest (&lie, &info, 3));
  plain = guarded_new (info.size, TRUE);
  whole = lay_out (plain, &info, &lie);
  for (guint i = 0; i < 5; i++) {
    const gsize n = i < 4 ? lie.size / 5 + i : lie.size - at;
    GstMemory *memory = gst_allocator_alloc (NULL, n, NULL);
    GstMapInfo map;

    gst_memory_map (memory, &map, GST_MAP_WRITE);
    gst_buffer_extract (whole, at, map.data, n);
    gst_memory_unmap (memory, &map);
    gst_buffer_append_memory (parts, memory);
    at += n;
  }
  gst_buffer_add_video_meta_full (parts, 0, lie.format, lie.width, lie.height,
      lie.n, lie.offset, lie.stride);
  /* videoconvert maps only the memory in which a plane begins. */
  GST_BUFFER_PTS (whole) = GST_BUFFER_PTS (parts) = 0;
  compare (caps, parts, whole, &info);
  g_assert_cmpuint (gst_buffer_n_memory (parts), ==, 5);
}

/* A meta that calls a progressive stream's picture interlaced would have its
 * chroma read one row further than there is. */
static void
test_interlaced_flag (void)
{
  guint n_formats;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint f = 0; f < n_formats; f++) {
    g_autofree guint8 *plain = NULL, *flagged = NULL;
    g_autoptr (GstBuffer) buffer = NULL;
    GstVideoInfo info;

    set_info (&info, formats[f], 50, 22);
    buffer = guarded_new (info.size, TRUE);
    plain = look (buffer, &info, NULL);
    gst_buffer_add_video_meta_full (buffer,
        GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF, formats[f],
        50, 22, GST_VIDEO_INFO_N_PLANES (&info), info.offset, info.stride);
    flagged = look (buffer, &info, NULL);
    g_assert_cmpmem (plain, 50 * 22 * 3, flagged, 50 * 22 * 3);
  }
}

/* The element says it, and the stream goes on. */
static void
test_element (void)
{
  Bench *b = bench_new (FALSE, "when-busy", 1, "interval", BENCH_STEP, NULL);
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 1000 };
  GstBuffer *buffer = bench_buffer (0);
  g_autoptr (GstMessage) warning = NULL;
  g_autoptr (GError) error = NULL;

  gst_buffer_add_video_meta_full (
      buffer, 0, GST_VIDEO_FORMAT_RGB, 8, 6, 1, offset, stride);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  warning = bench_message (b, GST_MESSAGE_WARNING);
  gst_message_parse_warning (warning, &error, NULL);
  for (guint i = 0; i < 5; i++) {
    static const char *const numbers[] = { "8x6 RGB", "plane 0", "offset 0",
      "stride 1000", "144 bytes" };

    if (!strstr (error->message, numbers[i]))
      g_error ("'%s' does not say %s", error->message, numbers[i]);
  }
  g_assert_cmpint (bench_push (b, 1), ==, GST_FLOW_OK);
  g_assert_cmpuint (bench_drain (b), ==, 2);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/layout/lies", test_lies);
  g_test_add_func ("/layout/random", test_random);
  g_test_add_func ("/layout/too-many-tiles", test_too_many_tiles);
  g_test_add_func ("/layout/honest", test_honest);
  g_test_add_func ("/layout/tight", test_tight);
  g_test_add_func ("/layout/memories", test_memories);
  g_test_add_func ("/layout/interlaced-flag", test_interlaced_flag);
  g_test_add_func ("/layout/element", test_element);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
