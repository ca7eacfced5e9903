/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2frame.h"
#include "gstowl2layout.h"

#include <string.h>

/* ---- pool -------------------------------------------------------------- */

GstOwl2Pool *
gst_owl2_pool_new (void)
{
  GstOwl2Pool *pool = g_new0 (GstOwl2Pool, 1);

  g_atomic_ref_count_init (&pool->refs);
  g_mutex_init (&pool->lock);
  g_queue_init (&pool->frames);
  return pool;
}

GstOwl2Pool *
gst_owl2_pool_ref (GstOwl2Pool *pool)
{
  g_atomic_ref_count_inc (&pool->refs);
  return pool;
}

void
gst_owl2_pool_unref (GstOwl2Pool *pool)
{
  if (!pool || !g_atomic_ref_count_dec (&pool->refs))
    return;
  gst_owl2_snapshots_free (pool->snapshots);
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

gsize
gst_owl2_pool_raw_bytes (GstOwl2Pool *pool)
{
  return (gsize) g_atomic_pointer_get (&pool->raw_bytes);
}

static void
pool_add (GstOwl2Pool *pool, GstOwl2Frame *frame)
{
  frame->pool = gst_owl2_pool_ref (pool);
  frame->link.data = frame;
  g_mutex_lock (&pool->lock);
  g_queue_push_tail_link (&pool->frames, &frame->link);
  g_mutex_unlock (&pool->lock);
}

static void
pool_remove (GstOwl2Pool *pool, GstOwl2Frame *frame)
{
  g_mutex_lock (&pool->lock);
  g_queue_unlink (&pool->frames, &frame->link);
  g_mutex_unlock (&pool->lock);
}

GPtrArray *
gst_owl2_pool_lose_features (GstOwl2Pool *pool)
{
  GPtrArray *lost =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);

  g_mutex_lock (&pool->lock);
  for (GList *l = pool->frames.head; l; l = l->next) {
    GstOwl2Frame *frame = l->data;

    if (!frame->features)
      continue;
    g_ptr_array_add (lost, g_steal_pointer (&frame->features));
    if (!frame->raw && !frame->snapshot && !frame->small && !frame->error)
      frame->error = g_error_new (OWL2_ERROR, OWL2_ERROR_FAILED,
          "the device that had the frame at %" GST_TIME_FORMAT " was lost",
          GST_TIME_ARGS (frame->time));
  }
  g_mutex_unlock (&pool->lock);
  return lost;
}

/* ---- frame ------------------------------------------------------------- */

/* The picture in memory of our own and in the layout of @info, whatever it has
 * in @from: what the converter reads is a layout that GStreamer computed. */
static GstBuffer *
frame_copy (GstBuffer *from, const GstVideoInfo *info, GError **error)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (from);
  guint8 *data = gst_owl2_layout_read (from, info, error);
  GstVideoFrameFlags flags;
  GstVideoInfo own = *info;
  GstBuffer *copy;

  if (!data)
    return NULL;
  copy = gst_buffer_new_wrapped (data, info->size);
  /* Whether this very frame is interlaced is in the flags. The meta's count
   * only where the caps allow it: else the layout has no rows for it. */
  gst_buffer_copy_into (copy, from, GST_BUFFER_COPY_FLAGS, 0, -1);
  flags = meta && GST_VIDEO_INFO_IS_INTERLACED (info)
              ? meta->flags
              : GST_VIDEO_FRAME_FLAG_NONE;
  if (flags)
    gst_buffer_add_video_meta_full (copy, flags, GST_VIDEO_INFO_FORMAT (info),
        (guint) info->width, (guint) info->height,
        GST_VIDEO_INFO_N_PLANES (info), own.offset, own.stride);
  return copy;
}

static gboolean planes_get (
    const GstOwl2Frame *frame, const guint8 *data, Owl2Image *image);

/* The device's own copy; frame->info becomes that one's, of what is shown alone
 * if the engine takes that. */
static void
frame_snapshot (GstOwl2Frame *frame, GstBuffer *from, GError **error)
{
  GstOwl2Pool *pool = frame->pool;
  /* Only what is known of the layout is wanted. */
  const guint8 *anywhere = (const guint8 *) frame;
  gboolean importable;
  Owl2Image image;

  if (!pool->snapshots)
    pool->snapshots = gst_owl2_snapshots_new ();
  importable = planes_get (frame, anywhere, &image);
  frame->snapshot = gst_owl2_snapshot_take (pool->snapshots, from, importable,
      &frame->crop, &frame->info, &frame->raw, error);
}

GstOwl2Frame *
gst_owl2_frame_new (
    GstOwl2Pool *pool, const GstOwl2Picture *picture, GError **error)
{
  g_autoptr (GstOwl2Frame) frame = g_new0 (GstOwl2Frame, 1);

  g_atomic_ref_count_init (&frame->refs);
  pool_add (pool, frame);
  frame->time = picture->time;
  frame->arrived_ns = picture->arrived_ns;
  if (!gst_owl2_crop_get (
          picture->buffer, picture->info, &frame->info, &frame->crop, error))
    return NULL;
  gst_owl2_colour_settle (&frame->info);
  frame->orientation = picture->orientation;
  frame->peak = picture->peak;
  frame->look = picture->look;
  frame->mode = picture->mode;
  if (!gst_owl2_snapshot_wanted (picture->buffer))
    frame->raw = frame_copy (picture->buffer, &frame->info, error);
  else
    frame_snapshot (frame, picture->buffer, error);
  if (!frame->raw && !frame->snapshot)
    return NULL;
  frame->raw_bytes = frame->info.size;
  g_atomic_pointer_add (&pool->raw_bytes, (gssize) frame->raw_bytes);
  return g_steal_pointer (&frame);
}

GstOwl2Frame *
gst_owl2_frame_ref (GstOwl2Frame *frame)
{
  g_atomic_ref_count_inc (&frame->refs);
  return frame;
}

void
gst_owl2_frame_unref (GstOwl2Frame *frame)
{
  if (!frame || !g_atomic_ref_count_dec (&frame->refs))
    return;
  pool_remove (frame->pool, frame);
  gst_owl2_frame_drop_raw (frame);
  owl2_features_unref (frame->features);
  g_clear_error (&frame->error);
  if (frame->shot)
    frame->shot_free (frame->shot);
  gst_owl2_pool_unref (frame->pool);
  g_free (frame);
}

gpointer
gst_owl2_frame_clip_ref (gpointer frame, gpointer user_data)
{
  return gst_owl2_frame_ref (frame);
}

void
gst_owl2_frame_clip_drop (gpointer frame, gpointer user_data)
{
  gst_owl2_frame_unref (frame);
}

void
gst_owl2_frame_drop_raw (GstOwl2Frame *frame)
{
  gst_clear_buffer (&frame->raw);
  g_clear_pointer (&frame->snapshot, gst_owl2_snapshot_give_back);
  frame->memory = NULL;
  g_clear_pointer (&frame->small, g_free);
  g_atomic_pointer_add (&frame->pool->raw_bytes, -(gssize) frame->raw_bytes);
  frame->raw_bytes = 0;
}

void
gst_owl2_frame_set_small (GstOwl2Frame *frame, guint8 *small, guint edge)
{
  gst_owl2_frame_drop_raw (frame);
  frame->small = small;
  frame->edge = edge;
  frame->raw_bytes = 3 * (gsize) edge * edge;
  g_atomic_pointer_add (&frame->pool->raw_bytes, (gssize) frame->raw_bytes);
}

/* ---- planes ------------------------------------------------------------ */

static const struct {
  GstVideoFormat from;
  Owl2PixelFormat to;
} formats[] = {
  { GST_VIDEO_FORMAT_RGB, OWL2_PIXELS_RGB },
  { GST_VIDEO_FORMAT_BGR, OWL2_PIXELS_BGR },
  { GST_VIDEO_FORMAT_RGBx, OWL2_PIXELS_RGBX },
  { GST_VIDEO_FORMAT_RGBA, OWL2_PIXELS_RGBX },
  { GST_VIDEO_FORMAT_BGRx, OWL2_PIXELS_BGRX },
  { GST_VIDEO_FORMAT_BGRA, OWL2_PIXELS_BGRX },
  { GST_VIDEO_FORMAT_xRGB, OWL2_PIXELS_XRGB },
  { GST_VIDEO_FORMAT_ARGB, OWL2_PIXELS_XRGB },
  { GST_VIDEO_FORMAT_xBGR, OWL2_PIXELS_XBGR },
  { GST_VIDEO_FORMAT_ABGR, OWL2_PIXELS_XBGR },
  { GST_VIDEO_FORMAT_GRAY8, OWL2_PIXELS_GRAY8 },
  { GST_VIDEO_FORMAT_I420, OWL2_PIXELS_I420 },
  { GST_VIDEO_FORMAT_YV12, OWL2_PIXELS_I420 },
  { GST_VIDEO_FORMAT_NV12, OWL2_PIXELS_NV12 },
  { GST_VIDEO_FORMAT_NV21, OWL2_PIXELS_NV21 },
  { GST_VIDEO_FORMAT_Y42B, OWL2_PIXELS_Y42B },
  { GST_VIDEO_FORMAT_Y444, OWL2_PIXELS_Y444 },
  { GST_VIDEO_FORMAT_YUY2, OWL2_PIXELS_YUY2 },
  { GST_VIDEO_FORMAT_UYVY, OWL2_PIXELS_UYVY },
};

static gboolean
planes_format (GstVideoFormat from, Owl2PixelFormat *to)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].from == from) {
      *to = formats[i].to;
      return TRUE;
    }
  return FALSE;
}

/* Of what is not RGB. FALSE if the engine doesn't know it. */
static gboolean
planes_colour (const GstVideoInfo *info, Owl2Image *image)
{
  switch (info->colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT601:
      image->matrix = OWL2_MATRIX_BT601;
      break;
    case GST_VIDEO_COLOR_MATRIX_BT709:
      image->matrix = OWL2_MATRIX_BT709;
      break;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      image->matrix = OWL2_MATRIX_BT2020;
      break;
    default:
      return FALSE;
  }
  if (info->chroma_site & GST_VIDEO_CHROMA_SITE_ALT_LINE)
    return FALSE;
  image->full_range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
  if (info->chroma_site & GST_VIDEO_CHROMA_SITE_H_COSITED)
    image->cosited |= OWL2_COSITED_H;
  if (info->chroma_site & GST_VIDEO_CHROMA_SITE_V_COSITED)
    image->cosited |= OWL2_COSITED_V;
  return TRUE;
}

/* What is shown; FALSE if the engine doesn't take such pictures. Of two fields
 * in one, chroma is not where this says. */
static gboolean
planes_get (const GstOwl2Frame *frame, const guint8 *data, Owl2Image *image)
{
  const GstVideoInfo *info = &frame->info;
  guint n = 0;

  memset (image, 0, sizeof *image);
  if (GST_VIDEO_INFO_INTERLACE_MODE (info)
          != GST_VIDEO_INTERLACE_MODE_PROGRESSIVE
      || !gst_owl2_crop_is_whole (&frame->crop, info)
      || gst_owl2_colour_wanted (info)
      || !planes_format (GST_VIDEO_INFO_FORMAT (info), &image->format)
      || (!GST_VIDEO_INFO_IS_RGB (info) && !planes_colour (info, image)))
    return FALSE;
  image->data = data + GST_VIDEO_INFO_PLANE_OFFSET (info, 0)
                + gst_owl2_crop_offset (&frame->crop, info, 0);
  image->stride = (gsize) GST_VIDEO_INFO_PLANE_STRIDE (info, 0);
  image->width = frame->crop.width;
  image->height = frame->crop.height;
  /* U before V, whichever comes first. */
  for (guint c = 1; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++) {
    guint plane = GST_VIDEO_INFO_COMP_PLANE (info, c);

    if (plane == 0 || n == 2)
      continue;
    image->chroma[n] = data + GST_VIDEO_INFO_PLANE_OFFSET (info, plane)
                       + gst_owl2_crop_offset (&frame->crop, info, c);
    image->chroma_stride[n++] =
        (gsize) GST_VIDEO_INFO_PLANE_STRIDE (info, plane);
  }
  return TRUE;
}

/* ---- rgb --------------------------------------------------------------- */

/* The output that videoconvert negotiates for RGB: the input's colorimetry if
 * it is RGB already, so that nothing is converted, else RGB's own. Primaries
 * and transfer function are never converted, so only range and matrix matter.
 * For @codes, pixels of 16 bits a component, and nothing is converted at all.
 */
static gboolean
rgb_out_info (const GstVideoInfo *in, gboolean codes, GstVideoInfo *out)
{
  const gboolean is_rgb = GST_VIDEO_INFO_IS_RGB (in);
  GstVideoFormat format = GST_VIDEO_FORMAT_RGB;

  if (codes)
    format = is_rgb ? GST_VIDEO_FORMAT_ARGB64 : GST_VIDEO_FORMAT_AYUV64;
  if (!gst_video_info_set_interlaced_format (out, format,
          GST_VIDEO_INFO_INTERLACE_MODE (in), (guint) in->width,
          (guint) in->height))
    return FALSE;
  out->fps_n = in->fps_n;
  out->fps_d = in->fps_d;
  out->par_n = in->par_n;
  out->par_d = in->par_d;
  if (is_rgb || codes) {
    out->colorimetry = in->colorimetry;
  } else {
    out->colorimetry.primaries = in->colorimetry.primaries;
    out->colorimetry.transfer = in->colorimetry.transfer;
  }
  return TRUE;
}

static gboolean
rgb_refuse (const GstVideoInfo *in, GError **error)
{
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
      "no conversion from %dx%d %s to RGB", in->width, in->height,
      gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (in)));
  return FALSE;
}

/* Of progressive I420 the converter takes the nearest chroma, whatever it is
 * told, by a short cut that it has not for streams that may be interlaced. */
static gboolean
rgb_has_short_cut (const GstVideoInfo *in)
{
  const GstVideoFormat format = GST_VIDEO_INFO_FORMAT (in);

  return GST_VIDEO_INFO_INTERLACE_MODE (in)
             == GST_VIDEO_INTERLACE_MODE_PROGRESSIVE
         && (format == GST_VIDEO_FORMAT_I420
             || format == GST_VIDEO_FORMAT_YV12);
}

static gboolean
rgb_setup (GstOwl2Rgb *rgb, const GstOwl2Frame *frame, GError **error)
{
  const GstVideoInfo *in = &frame->info;
  GstVideoInfo from, to;

  if (rgb->converter && gst_video_info_is_equal (&rgb->in, in)
      && rgb->peak == frame->peak)
    return TRUE;

  gst_owl2_rgb_clear (rgb);
  rgb->in = *in;
  rgb->peak = frame->peak;
  if (gst_owl2_colour_wanted (in))
    rgb->colour = gst_owl2_colour_new (in, rgb->peak);
  if (!rgb_out_info (in, rgb->colour != NULL, &rgb->out))
    return rgb_refuse (in, error);
  from = rgb->in;
  to = rgb->out;
  /* The frames themselves stay progressive. */
  if (rgb_has_short_cut (in))
    GST_VIDEO_INFO_INTERLACE_MODE (&from) =
        GST_VIDEO_INFO_INTERLACE_MODE (&to) = GST_VIDEO_INTERLACE_MODE_MIXED;
  /* videoconvert's defaults, by name, whatever the library's are. */
  rgb->converter = gst_video_converter_new (&from, &to,
      gst_structure_new ("owl2", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
          GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_BAYER,
          GST_VIDEO_CONVERTER_OPT_DITHER_QUANTIZATION, G_TYPE_UINT, 1,
          GST_VIDEO_CONVERTER_OPT_CHROMA_RESAMPLER_METHOD,
          GST_TYPE_VIDEO_RESAMPLER_METHOD, GST_VIDEO_RESAMPLER_METHOD_LINEAR,
          GST_VIDEO_CONVERTER_OPT_CHROMA_MODE, GST_TYPE_VIDEO_CHROMA_MODE,
          GST_VIDEO_CHROMA_MODE_FULL, GST_VIDEO_CONVERTER_OPT_MATRIX_MODE,
          GST_TYPE_VIDEO_MATRIX_MODE, GST_VIDEO_MATRIX_MODE_FULL,
          GST_VIDEO_CONVERTER_OPT_GAMMA_MODE, GST_TYPE_VIDEO_GAMMA_MODE,
          GST_VIDEO_GAMMA_MODE_NONE, GST_VIDEO_CONVERTER_OPT_PRIMARIES_MODE,
          GST_TYPE_VIDEO_PRIMARIES_MODE, GST_VIDEO_PRIMARIES_MODE_NONE,
          GST_VIDEO_CONVERTER_OPT_THREADS, G_TYPE_UINT, 1, NULL));
  return rgb->converter || rgb_refuse (in, error);
}

/* From codes to packed RGB, in their place: 8 bytes of a pixel become 3, and
 * the rest is given back. */
static guint8 *
rgb_from_codes (const GstOwl2Colour *colour, guint8 *data, Owl2Image *image)
{
  const gsize stride = 3 * (gsize) image->width;

  for (guint y = 0; y < image->height; y++)
    gst_owl2_colour_row (colour, data + y * stride,
        (const guint16 *) (gconstpointer) (data + y * image->stride),
        image->width);
  data = g_realloc (data, stride * image->height);
  image->data = data;
  image->stride = stride;
  return data;
}

/* By the converter, into *@memory; of two fields the first alone. */
static gboolean
rgb_run (GstOwl2Rgb *rgb, const GstOwl2Frame *frame, Owl2Image *image,
    gpointer *memory, GError **error)
{
  g_autoptr (GstBuffer) out_buffer = NULL;
  g_autofree guint8 *data = NULL;
  GstVideoFrame in, out;

  if (!rgb_setup (rgb, frame, error))
    return FALSE;

  data = g_try_malloc (rgb->out.size);
  if (!data) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
        "no memory for a %dx%d RGB frame", rgb->out.width, rgb->out.height);
    return FALSE;
  }
  out_buffer = gst_buffer_new_wrapped_full (
      0, data, rgb->out.size, 0, rgb->out.size, NULL, NULL);
  /* A frame's own flags decide between progressive and interlaced in a mixed
   * stream, on both sides. */
  gst_buffer_copy_into (out_buffer, frame->raw, GST_BUFFER_COPY_FLAGS, 0, -1);

  if (!gst_video_frame_map (&in, &rgb->in, frame->raw, GST_MAP_READ)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "a %dx%d frame can't be mapped", rgb->in.width, rgb->in.height);
    return FALSE;
  }
  if (!gst_video_frame_map (&out, &rgb->out, out_buffer, GST_MAP_WRITE)) {
    gst_video_frame_unmap (&in);
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "a %dx%d RGB frame can't be mapped", rgb->out.width, rgb->out.height);
    return FALSE;
  }
  gst_video_converter_frame (rgb->converter, &in, &out);
  gst_video_frame_unmap (&out);
  gst_video_frame_unmap (&in);

  *image = (Owl2Image){ data, (guint) rgb->out.width, (guint) rgb->out.height,
    (gsize) GST_VIDEO_INFO_PLANE_STRIDE (&rgb->out, 0) };
  if (rgb->colour)
    data = rgb_from_codes (rgb->colour, data, image);
  *memory = g_steal_pointer (&data);
  gst_owl2_upright_field (
      image, in.flags, GST_VIDEO_INFO_INTERLACE_MODE (&rgb->in));
  gst_owl2_crop_rgb (&frame->crop, &rgb->in, image);
  return TRUE;
}

gboolean
gst_owl2_frame_land (GstOwl2Frame *frame, Owl2Model *model, GError **error)
{
  return !frame->snapshot
         || gst_owl2_snapshot_land (
             frame->snapshot, model, &frame->memory, &frame->raw, error);
}

gboolean
gst_owl2_rgb_convert (GstOwl2Rgb *rgb, GstOwl2Frame *frame, Owl2Image *image,
    gpointer *memory, GError **error)
{
  GstMapInfo map;

  *memory = NULL;
  if (frame->small) {
    *image = (Owl2Image){ frame->small, frame->edge, frame->edge,
      3 * (gsize) frame->edge };
    return TRUE;
  }
  if (frame->memory) {
    planes_get (frame, (const guint8 *) frame, image);
    image->data = image->chroma[0] = image->chroma[1] = NULL;
    image->memory = frame->memory;
    image->turn = gst_owl2_upright_turn (frame->orientation);
    image->mode = frame->mode;
    return TRUE;
  }
  if (!gst_buffer_map (frame->raw, &map, GST_MAP_READ)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "a %dx%d frame can't be mapped", frame->info.width, frame->info.height);
    return FALSE;
  }
  /* Memory of our own, which stays where it is. */
  gst_buffer_unmap (frame->raw, &map);
  if (!planes_get (frame, map.data, image)
      && !rgb_run (rgb, frame, image, memory, error))
    return FALSE;
  image->turn = gst_owl2_upright_turn (frame->orientation);
  image->mode = frame->mode;
  return TRUE;
}

void
gst_owl2_rgb_clear (GstOwl2Rgb *rgb)
{
  g_clear_pointer (&rgb->converter, gst_video_converter_free);
  g_clear_pointer (&rgb->colour, gst_owl2_colour_free);
}
