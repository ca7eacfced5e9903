/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2layout.h"

/* A width that every format's rows fill without padding, so that it tells how
 * many bytes a pixel takes. */
#define WHOLE_WIDTH 3840

/* One plane in GStreamer's own layout, where rows or tiles follow each other.
 * @row: bytes from row to row; of tiled planes, those of a tile
 * @n_rows: rows there are; of tiled planes, tiles
 * @need, @need_rows: without padding: what has to be there */
typedef struct {
  guint index;
  gsize offset;
  gsize row, n_rows;
  gsize need, need_rows;
  guint x_tiles, y_tiles; /* 0: not tiled */
} Plane;

/* What is read from. */
typedef struct {
  const guint8 *data;
  gsize size;
  const GstVideoMeta *meta;
} Source;

G_GNUC_PRINTF (4, 5)
static gboolean
refuse (GError **error, const GstVideoInfo *info, gsize size,
    const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
      "%dx%d %s in a buffer of %" G_GSIZE_FORMAT " bytes: %s", info->width,
      info->height, gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)),
      size, why);
  return FALSE;
}

/* ---- GStreamer's own layout --------------------------------------------- */

/* Bytes of one tile, of one of its lines, and its lines. */
static void
tile_size (const GstVideoFormatInfo *format, guint plane, gsize *size,
    gsize *stride, gsize *height)
{
#if GST_CHECK_VERSION(1, 22, 0)
  *size = format->tile_info[plane].size;
  *stride = format->tile_info[plane].stride;
  *height = format->tile_info[plane].height;
#else
  *stride = (gsize) 1 << format->tile_ws;
  *height = (gsize) 1 << format->tile_hs;
  if (plane > 0 && GST_VIDEO_FORMAT_INFO_HAS_SUBTILES (format))
    *height >>= format->h_sub[plane];
  *size = *stride * *height;
#endif
}

static void
tiles_of_stride (int stride, guint *x_tiles, guint *y_tiles)
{
  *x_tiles = GST_VIDEO_TILE_X_TILES ((guint) stride);
  *y_tiles = GST_VIDEO_TILE_Y_TILES ((guint) stride);
}

/* The plane's tiles cover the picture: counts of large pictures don't fit the
 * 16 bits that a stride has for each. @bits: of all the plane's components. */
static gboolean
plane_init_tiled (Plane *plane, const GstVideoInfo *info, gsize bytes,
    guint bits, gsize width, gsize height)
{
  gsize stride, tile_height;

  tile_size (info->finfo, plane->index, &plane->row, &stride, &tile_height);
  tiles_of_stride (
      info->stride[plane->index], &plane->x_tiles, &plane->y_tiles);
  plane->n_rows = (gsize) plane->x_tiles * plane->y_tiles;
  return plane->n_rows && plane->row && plane->n_rows <= bytes / plane->row
         && 8 * stride * plane->x_tiles >= width * bits
         && tile_height * plane->y_tiles >= height;
}

/* Plane @index of @info's picture. FALSE if GStreamer's layout of it is none,
 * as of tiled pictures that are too large. */
static gboolean
plane_init (Plane *plane, const GstVideoInfo *info, guint index)
{
  const GstVideoFormatInfo *format = info->finfo;
  const gsize end = index + 1 < GST_VIDEO_INFO_N_PLANES (info)
                        ? info->offset[index + 1]
                        : info->size;
  int components[GST_VIDEO_MAX_COMPONENTS];
  gsize bytes, width, height, whole_width;
  guint bits = 0, w_sub = 0;
  GstVideoInfo whole;

  memset (plane, 0, sizeof (*plane));
  plane->index = index;
  plane->offset = info->offset[index];
  if (end <= plane->offset || end > info->size)
    return FALSE;
  bytes = end - plane->offset;

  /* Read as one piece, whatever the stride says. */
  if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE (format)
      && index == GST_VIDEO_COMP_PALETTE) {
    plane->row = plane->need = bytes;
    plane->n_rows = plane->need_rows = 1;
    return TRUE;
  }

  gst_video_format_info_component (format, index, components);
  if (components[0] < 0)
    return FALSE;
  width = (gsize) GST_VIDEO_INFO_COMP_WIDTH (info, components[0]);
  height = (gsize) GST_VIDEO_INFO_COMP_HEIGHT (info, components[0]);
  for (guint i = 0; i < GST_VIDEO_MAX_COMPONENTS && components[i] >= 0; i++) {
    bits += GST_VIDEO_FORMAT_INFO_DEPTH (format, components[i]);
    w_sub = MAX (w_sub, GST_VIDEO_FORMAT_INFO_W_SUB (format, components[i]));
  }
  if (GST_VIDEO_FORMAT_INFO_IS_TILED (format))
    return plane_init_tiled (plane, info, bytes, bits, width, height);

  if (info->stride[index] <= 0
      || !gst_video_info_set_format (
          &whole, GST_VIDEO_INFO_FORMAT (info), WHOLE_WIDTH, 4))
    return FALSE;
  plane->row = (gsize) info->stride[index];
  plane->n_rows = bytes / plane->row;
  /* Pixels that share their chroma are there together. */
  whole_width =
      ((gsize) info->width + ((gsize) 1 << w_sub) - 1) >> w_sub << w_sub;
  plane->need =
      MIN ((whole_width * (gsize) whole.stride[index] + WHOLE_WIDTH - 1)
               / WHOLE_WIDTH,
          plane->row);
  plane->need_rows = height;
  return plane->need_rows <= plane->n_rows;
}

/* ---- what a meta says --------------------------------------------------- */

static gboolean
meta_fits_caps (const Source *from, const GstVideoInfo *info, GError **error)
{
  const GstVideoMeta *meta = from->meta;

  if (meta->format == GST_VIDEO_INFO_FORMAT (info)
      && meta->width == (guint) info->width
      && meta->height == (guint) info->height
      && meta->n_planes == GST_VIDEO_INFO_N_PLANES (info))
    return TRUE;
  return refuse (error, info, from->size,
      "its meta says %ux%u %s with %u planes", meta->width, meta->height,
      gst_video_format_to_string (meta->format), meta->n_planes);
}

/* Whether the meta says what GStreamer would say without it, and all of that is
 * there. */
static gboolean
meta_is_plain (const Source *from, const GstVideoInfo *info)
{
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++)
    if (from->meta->offset[i] != info->offset[i]
        || from->meta->stride[i] != info->stride[i])
      return FALSE;
  return from->size >= info->size;
}

/* Offset of row @row, which may be outside of the buffer. Offset and size are
 * far from the ends of 64 bits by then, and so is the product of 31 bits each.
 */
static gint64
row_start (const Source *from, const Plane *plane, gsize row)
{
  return (gint64) from->meta->offset[plane->index]
         + (gint64) row * from->meta->stride[plane->index];
}

static gboolean
row_is_there (const Source *from, const Plane *plane, gsize row)
{
  const gint64 start = row_start (from, plane, row);

  return start >= 0 && start <= (gint64) from->size
         && plane->need <= from->size - (gsize) start;
}

/* Rows lie on a line, so the first and the last prove all. */
static gboolean
rows_are_there (const GstVideoInfo *info, const Source *from,
    const Plane *plane, GError **error)
{
  const int stride = from->meta->stride[plane->index];
  const gsize offset = from->meta->offset[plane->index];

  return (offset <= from->size && row_is_there (from, plane, 0)
             && row_is_there (from, plane, plane->need_rows - 1)
             && (plane->need_rows == 1
                 || (gsize) ABS ((gint64) stride) >= plane->need))
         || refuse (error, info, from->size,
             "plane %u of %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT
             " bytes does not lie at offset %" G_GSIZE_FORMAT " with stride %d",
             plane->index, plane->need_rows, plane->need, offset, stride);
}

static gboolean
refuse_tiles (const GstVideoInfo *info, const Source *from, const Plane *plane,
    GError **error)
{
  guint x_tiles, y_tiles;

  tiles_of_stride (from->meta->stride[plane->index], &x_tiles, &y_tiles);
  return refuse (error, info, from->size,
      "plane %u of %u x %u tiles of %" G_GSIZE_FORMAT
      " bytes does not lie at offset %" G_GSIZE_FORMAT
      " with stride %d, %u x %u tiles",
      plane->index, plane->x_tiles, plane->y_tiles, plane->row,
      from->meta->offset[plane->index], from->meta->stride[plane->index],
      x_tiles, y_tiles);
}

static gboolean
tiles_are_there (const GstVideoInfo *info, const Source *from,
    const Plane *plane, GError **error)
{
  const gsize offset = from->meta->offset[plane->index];
  guint x_tiles, y_tiles;

  tiles_of_stride (from->meta->stride[plane->index], &x_tiles, &y_tiles);
  return (x_tiles >= plane->x_tiles && y_tiles >= plane->y_tiles
             && offset <= from->size
             && (gsize) x_tiles * y_tiles <= (from->size - offset) / plane->row)
         || refuse_tiles (info, from, plane, error);
}

static gboolean
planes_are_there (const GstVideoInfo *info, const Source *from,
    const Plane *planes, GError **error)
{
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++)
    if (!(planes[i].x_tiles ? tiles_are_there (info, from, &planes[i], error)
                            : rows_are_there (info, from, &planes[i], error)))
      return FALSE;
  return TRUE;
}

/* ---- copies ------------------------------------------------------------- */

static void
copy_rows (guint8 *to, const Source *from, const Plane *plane)
{
  /* Layouts keep rows below the picture, which interlaced chroma is read from.
   * Where they are not there, the last row is repeated. */
  for (gsize row = 0; row < plane->n_rows; row++) {
    guint8 *at = to + plane->offset + row * plane->row;
    gsize start, n;

    if (!row_is_there (from, plane, row)) {
      memcpy (at, at - plane->row, plane->row);
      continue;
    }
    start = (gsize) row_start (from, plane, row);
    n = MIN (plane->row, from->size - start);
    memcpy (at, from->data + start, n);
    memset (at + n, 0, plane->row - n);
  }
}

/* Where tile @x, @y begins, as the format orders them. FALSE if that is not in
 * @bytes. */
static gboolean
tile_start (const GstVideoInfo *info, const Plane *plane, guint x, guint y,
    guint x_tiles, guint y_tiles, gsize bytes, gsize *start)
{
  const guint index =
      gst_video_tile_get_index (GST_VIDEO_FORMAT_INFO_TILE_MODE (info->finfo),
          (int) x, (int) y, (int) x_tiles, (int) y_tiles);

  *start = index * plane->row;
  return *start <= bytes && plane->row <= bytes - *start;
}

static gboolean
copy_tiles (guint8 *to, const GstVideoInfo *info, const Source *from,
    const Plane *plane, GError **error)
{
  const gsize offset = from->meta->offset[plane->index];
  const gsize room = plane->n_rows * plane->row;
  guint x_tiles, y_tiles;
  gboolean ok = TRUE;

  tiles_of_stride (from->meta->stride[plane->index], &x_tiles, &y_tiles);
  for (guint y = 0; ok && y < plane->y_tiles; y++)
    for (guint x = 0; ok && x < plane->x_tiles; x++) {
      gsize source, target;

      ok = tile_start (info, plane, x, y, x_tiles, y_tiles, from->size - offset,
               &source)
           && tile_start (info, plane, x, y, plane->x_tiles, plane->y_tiles,
               room, &target);
      if (ok)
        memcpy (to + plane->offset + target, from->data + offset + source,
            plane->row);
    }
  return ok || refuse_tiles (info, from, plane, error);
}

/* ---- reading ------------------------------------------------------------ */

static gboolean
copy_planes (guint8 *to, const GstVideoInfo *info, const Source *from,
    const Plane *planes, GError **error)
{
  if (!planes_are_there (info, from, planes, error))
    return FALSE;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    if (!planes[i].x_tiles)
      copy_rows (to, from, &planes[i]);
    else if (!copy_tiles (to, info, from, &planes[i], error))
      return FALSE;
  }
  return TRUE;
}

static guint8 *
try_new (const GstVideoInfo *info, gsize size, GError **error)
{
  guint8 *data = size <= G_MAXSSIZE ? g_try_malloc (size) : NULL;

  if (!data)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
        "no memory for a copy of a %dx%d %s frame of %" G_GSIZE_FORMAT " bytes",
        info->width, info->height,
        gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), size);
  return data;
}

/* The first @size bytes of @buffer, whose memories are not joined for it: that
 * is GStreamer's allocator, which aborts when memory is short. */
static gboolean
extract (GstBuffer *buffer, const GstVideoInfo *info, guint8 *to, gsize size,
    GError **error)
{
  gsize n = gst_buffer_extract (buffer, 0, to, size);

  return n == size
         || refuse (error, info, gst_buffer_get_size (buffer),
             "%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes can be read", n,
             size);
}

/* Copies by the buffer's meta. */
static gboolean
read_by_meta (guint8 *to, GstBuffer *buffer, const GstVideoInfo *info,
    Source *from, const Plane *planes, GError **error)
{
  g_autofree guint8 *joined = NULL;
  GstMapInfo map;
  gboolean ok;

  if (gst_buffer_n_memory (buffer) != 1) {
    joined = try_new (info, MAX (from->size, 1), error);
    if (!joined || !extract (buffer, info, joined, from->size, error))
      return FALSE;
    from->data = joined;
    return copy_planes (to, info, from, planes, error);
  }
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return refuse (error, info, from->size, "it can't be read");
  from->data = map.data;
  from->size = map.size;
  ok = copy_planes (to, info, from, planes, error);
  gst_buffer_unmap (buffer, &map);
  return ok;
}

guint8 *
gst_owl2_layout_read (
    GstBuffer *buffer, const GstVideoInfo *info, GError **error)
{
  Source from = { NULL, gst_buffer_get_size (buffer),
    gst_buffer_get_video_meta (buffer) };
  Plane planes[GST_VIDEO_MAX_PLANES];
  g_autofree guint8 *to = NULL;
  gboolean by_meta, ok;

  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++)
    if (!plane_init (&planes[i], info, i)) {
      refuse (error, info, from.size,
          "plane %u of %" G_GSIZE_FORMAT
          " bytes has no layout of that size in GStreamer (stride %d)",
          i, info->size, info->stride[i]);
      return NULL;
    }
  if (from.meta && !meta_fits_caps (&from, info, error))
    return NULL;
  by_meta = from.meta && !meta_is_plain (&from, info);
  /* Before memory is taken for what is only said to be there. */
  if (by_meta && !planes_are_there (info, &from, planes, error))
    return NULL;
  if (!from.meta && from.size < info->size) {
    refuse (error, info, from.size, "the frame takes %" G_GSIZE_FORMAT " bytes",
        info->size);
    return NULL;
  }

  to = try_new (info, info->size + GST_OWL2_LAYOUT_SLACK, error);
  if (!to)
    return NULL;
  if (!by_meta) {
    ok = extract (buffer, info, to, info->size, error);
    memset (to + info->size, 0, GST_OWL2_LAYOUT_SLACK);
  } else {
    /* What no row or tile fills is read by nobody, but is never left over from
     * something else. */
    memset (to, 0, info->size + GST_OWL2_LAYOUT_SLACK);
    ok = read_by_meta (to, buffer, info, &from, planes, error);
  }
  return ok ? g_steal_pointer (&to) : NULL;
}
