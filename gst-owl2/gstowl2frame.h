/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sampled frame: a copy of the raw picture, or the same at the model's size,
 * until it is encoded, the engine's features from then on; and the conversion
 * between them. */
#ifndef GST_OWL2_FRAME_H
#define GST_OWL2_FRAME_H

#include "gstowl2colour.h"
#include "gstowl2look.h"
#include "gstowl2snapshot.h"
#include "gstowl2upright.h"

G_BEGIN_DECLS

/**
 * GstOwl2Pool: knows the frames that are alive, and counts the bytes of their
 * pictures, raw ones and small ones. Shared by them, so it may be dropped
 * before they are.
 */
typedef struct {
  gatomicrefcount refs;
  GMutex lock;                 /* of the list; taken last */
  GQueue frames;               /* GstOwl2Frame, borrowed; links of theirs */
  gsize raw_bytes;             /* atomic */
  GstOwl2Snapshots *snapshots; /* (nullable) of the streaming thread */
} GstOwl2Pool;

GstOwl2Pool *gst_owl2_pool_new (void);
GstOwl2Pool *gst_owl2_pool_ref (GstOwl2Pool *pool);
void gst_owl2_pool_unref (GstOwl2Pool *pool); /* accepts NULL */
gsize gst_owl2_pool_raw_bytes (GstOwl2Pool *pool);
/* Takes from all frames what the model made of them, as its device is lost:
 * those that have no picture any more get an error. By the worker, under the
 * lock of its run. Returns: (transfer full): Owl2Features, to be freed without
 * that lock */
GPtrArray *gst_owl2_pool_lose_features (GstOwl2Pool *pool);

/**
 * GstOwl2Picture: a buffer that goes by; borrowed.
 * @orientation: how it is to be turned to be upright
 * @peak: of gst_owl2_colour_peak()
 * @mode: how it becomes square
 * @time: stream time
 * @arrived_ns: monotonic clock when it came
 * @look: answers about it are to say where they look
 */
typedef struct {
  GstBuffer *buffer;
  const GstVideoInfo *info;
  GstVideoOrientationMethod orientation;
  double peak;
  Owl2ImageMode mode;
  GstClockTime time;
  guint64 arrived_ns;
  gboolean look;
} GstOwl2Picture;

/**
 * GstOwl2Frame: references may be taken and dropped on any thread; the
 * streaming thread makes it, and from then on only the worker looks inside.
 * @time: stream time; as @arrived_ns, @orientation, @peak, @mode and @look, of
 *   the picture
 * @seen: set by the worker when it hands the picture to the model
 * @crop: what is shown of @raw
 * @info: of @raw, its colorimetry settled; its pixel aspect ratio is the
 *   picture's before it is turned
 * @raw: (nullable): NULL once shrunk or encoded
 * @snapshot: (nullable): the picture on its Vulkan device; with it, @raw is
 *   NULL or the host's view of it, and @memory, once it has landed, the
 * engine's
 * @small: (nullable): packed RGB8, upright, of @edge x @edge; NULL once encoded
 * @lazy: it may never be wanted
 * @features: (nullable): set by the worker, with @encode_ns, the device's time
 * @error: (nullable): why it could not be encoded
 * @shot: (nullable): what somebody keeps of it to show, freed by @shot_free
 * @uses: places in answered clips so far
 */
typedef struct {
  gatomicrefcount refs;
  GstOwl2Pool *pool;
  GList link; /* in the pool's list */
  GstClockTime time;
  guint64 arrived_ns;
  GstVideoInfo info;
  GstOwl2Crop crop;
  GstVideoOrientationMethod orientation;
  double peak;
  Owl2ImageMode mode;
  GstBuffer *raw;
  GstOwl2Snapshot *snapshot;
  Owl2Memory *memory;
  guint8 *small;
  guint edge;
  gsize raw_bytes; /* of @raw or @small */
  gboolean lazy, look;
  GstOwl2Seen seen;
  Owl2Features *features;
  guint64 encode_ns;
  GError *error;
  gpointer shot;
  GDestroyNotify shot_free;
  guint uses;
} GstOwl2Frame;

/**
 * gst_owl2_frame_new: copies the picture in its own format: all that
 * the streaming thread spends on a sampled frame.
 * @error: GST_RESOURCE_ERROR: no memory, or memory that can't be read
 */
GstOwl2Frame *gst_owl2_frame_new (
    GstOwl2Pool *pool, const GstOwl2Picture *picture, GError **error);
GstOwl2Frame *gst_owl2_frame_ref (GstOwl2Frame *frame);
void gst_owl2_frame_unref (GstOwl2Frame *frame); /* accepts NULL */
/* The same as Owl2ClipperFuncs.ref and .drop. */
gpointer gst_owl2_frame_clip_ref (gpointer frame, gpointer user_data);
void gst_owl2_frame_clip_drop (gpointer frame, gpointer user_data);
/* The raw picture, or the small one. */
void gst_owl2_frame_drop_raw (GstOwl2Frame *frame);
/* Puts @small (transfer full), the picture at the model's size, in the place of
 * the raw one. */
void gst_owl2_frame_set_small (GstOwl2Frame *frame, guint8 *small, guint edge);

/**
 * GstOwl2Rgb: what makes pictures that the engine takes, with its converter
 * kept from frame to frame. Zeros are a valid start.
 *
 * Progressive frames of the engine's formats are handed over as they are, and
 * become the RGB that `videoconvert` gives at full chroma quality, within 1.
 * Others become RGB here, by the same converter, and of an interlaced frame it
 * is the first field. Of colours that the converter does not convert it makes
 * codes of 16 bits, and @colour the RGB. Alpha counts nowhere: what is under it
 * is seen, as `videoconvert` drops it.
 */
typedef struct {
  GstVideoConverter *converter;
  GstOwl2Colour *colour; /* (nullable) */
  GstVideoInfo in, out;
  double peak;
} GstOwl2Rgb;

/* Brings a frame's picture to where gst_owl2_rgb_convert() reads it: blocks
 * while a Vulkan device copies it, and for nothing else. */
gboolean gst_owl2_frame_land (
    GstOwl2Frame *frame, Owl2Model *model, GError **error);
/* @image's data is valid until g_free (@memory), and as long as the frame has
 * its picture, raw or small. It says how it is to be turned and made square. */
gboolean gst_owl2_rgb_convert (GstOwl2Rgb *rgb, GstOwl2Frame *frame,
    Owl2Image *image, gpointer *memory, GError **error);
void gst_owl2_rgb_clear (GstOwl2Rgb *rgb);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Frame, gst_owl2_frame_unref)

G_END_DECLS

#endif
