/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264.h"

#include <gst/gst.h>

#include "base.h"

typedef struct {
  const char *element, *file, *live;
} Encoder;

/* The first that is there is taken. What has no settings for live pictures has
 * no B frames in the profile that is asked for. */
static const Encoder encoders[] = {
  { "x264enc", "x264enc speed-preset=veryfast bitrate=2000 threads=2",
      "x264enc tune=zerolatency speed-preset=superfast bitrate=2000 threads=2 "
      "key-int-max=60" },
  { "openh264enc", "openh264enc bitrate=2000000",
      "openh264enc complexity=low bitrate=2000000 gop-size=60" },
  { "vah264enc", "vah264enc", "vah264enc" },
  { "vaapih264enc", "vaapih264enc", "vaapih264enc" },
  { "nvh264enc", "nvh264enc", "nvh264enc" },
  { "v4l2h264enc", "v4l2h264enc", "v4l2h264enc" },
  { "vulkanh264enc", "vulkanh264enc", "vulkanh264enc" },
};

static gboolean
is_there (const char *element)
{
  GstElementFactory *factory = gst_element_factory_find (element);

  if (factory)
    gst_object_unref (factory);
  return factory != NULL;
}

/* (nullable) */
static const Encoder *
find_encoder (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (encoders); i++)
    if (is_there (encoders[i].element))
      return &encoders[i];
  return NULL;
}

const char *
h264_missing (const char *const *needed)
{
  if (!find_encoder ())
    return "H.264 encoder, such as x264enc of gstreamer1.0-plugins-ugly,";
  for (; *needed; needed++)
    if (!is_there (*needed))
      return *needed;
  return NULL;
}

/* (nullable) */
static const Encoder *
get_encoder (GError **error)
{
  const Encoder *encoder = find_encoder ();

  if (!encoder)
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "GStreamer has no H.264 encoder installed");
  return encoder;
}

const char *
h264_for_file (GError **error)
{
  const Encoder *encoder = get_encoder (error);

  return encoder ? encoder->file : NULL;
}

const char *
h264_for_live (GError **error)
{
  const Encoder *encoder = get_encoder (error);

  return encoder ? encoder->live : NULL;
}
