/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours that GstVideoConverter leaves as they are, and that a screen for
 * standard dynamic range (SDR) would show wrong.
 *
 * Of high dynamic range it is PQ and HLG. Both become light by Rec. ITU-R
 * BT.2100-2, tables 4 and 5: PQ by its EOTF; HLG by its inverse OETF and the
 * OOTF of a display of 1000 cd/m2 (gamma 1.2), where it shows what PQ shows.
 * Then each of R, G and B is mapped from 0 to the picture's peak to 0 to 203
 * cd/m2, the reference white of Rep. ITU-R BT.2408, by the EETF of Rep. ITU-R
 * BT.2390-8, 5.4.1, for black at 0: in PQ, with w = PQ (203) / PQ (peak) and
 * k = 1.5 w - 0.5, a value e of 0 to 1, the peak, stays below k, and above it
 * is
 *
 *   (2 t^3 - 3 t^2 + 1) k + (t^3 - 2 t^2 + t) (1 - k) + (-2 t^3 + 3 t^2) w
 *
 * where t = (e - k) / (1 - k). The primaries become BT.709's in linear light,
 * what they don't reach is cut off, and 203 cd/m2 are the white of an SDR
 * screen, whose codes are by the inverse of Rec. ITU-R BT.1886 (gamma 2.4,
 * black at 0). At a peak of 1000 cd/m2 the reference white itself comes out at
 * 230 of 255: the rest is for what is brighter.
 *
 * SDR is shown as it is, whatever its primaries and transfer function are: so
 * do videoconvert and GStreamer's sinks. */
#ifndef GST_OWL2_COLOUR_H
#define GST_OWL2_COLOUR_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/* cd/m2: HLG's display, and PQ of which caps don't say it. */
#define GST_OWL2_COLOUR_PEAK 1000.0

/**
 * gst_owl2_colour_settle: fills in what @info's colorimetry leaves open, as
 * players do. YUV of unknown range is 16..235, which is what video standards
 * mean where they don't say; RGB and gray are of full range. YUV of an unknown
 * matrix is by its height of BT.601 or BT.709. Gray has no use for a matrix,
 * but converters ask for one. Numbers that GStreamer does not know are unknown.
 */
void gst_owl2_colour_settle (GstVideoInfo *info);

/**
 * gst_owl2_colour_peak: how bright pictures become, in cd/m2: by
 * `mastering-display-info` and `content-light-level` the lesser, if @caps have
 * them and are of PQ. At least reference white, at most what PQ can say.
 */
double gst_owl2_colour_peak (const GstCaps *caps, const GstVideoInfo *info);

/* Whether the RGB that GstVideoConverter makes of @info is not what is to be
 * shown: PQ, HLG, and RGB of 16..235, which it leaves as it is. */
gboolean gst_owl2_colour_wanted (const GstVideoInfo *info);

/**
 * GstOwl2Colour: from codes of 16 bits to the RGB of full range that an SDR
 * screen shows. Immutable, any thread.
 */
typedef struct _GstOwl2Colour GstOwl2Colour;

/* @info: settled
 * @peak: of gst_owl2_colour_peak() */
GstOwl2Colour *gst_owl2_colour_new (const GstVideoInfo *info, double peak);
void gst_owl2_colour_free (GstOwl2Colour *colour); /* accepts NULL */

/**
 * gst_owl2_colour_row:
 * @rgb: 3 * @n bytes; may be the first ones of @codes
 * @codes: @n pixels of AYUV64 or ARGB64, as @info's format is unpacked to, with
 *   its own matrix and range: each code's bits are the upper ones, and below
 *   them from its highest one on again
 */
void gst_owl2_colour_row (
    const GstOwl2Colour *colour, guint8 *rgb, const guint16 *codes, gsize n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Colour, gst_owl2_colour_free)

G_END_DECLS

#endif
