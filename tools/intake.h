/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes by while GStreamer takes a source apart, and why no video comes of
 * it. */
#ifndef OWL2_INTAKE_H
#define OWL2_INTAKE_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _Intake Intake;

/* @max_pixels: frames that have more are refused; 0: any. */
Intake *intake_new (const char *uri, guint64 max_pixels);
/* Once what was watched is in the state NULL. */
void intake_free (Intake *intake); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Intake, intake_free)

/* (transfer full): the URI of a file, of a URI, or of "-" for standard input; a
 * file that is there is no URI, whatever its name. BAD_FILE: it can't be read,
 * without the name. */
char *intake_make_uri (const char *name, GError **error);

/* Gives @in, a uridecodebin in @bin, the URI, and watches it until it is gone.
 * It gives pictures only, with whatever features: a decoder that names more
 * than what is wanted, such as fields of interlaced video, would never be
 * tried. */
void intake_watch (Intake *intake, GstElement *in, GstBin *bin);

/* Of a message on the bus, what it says of missing decoders. Any thread. */
void intake_see_message (Intake *intake, GstMessage *message);
/* FALSE: frames of these caps are too large. Any thread. */
gboolean intake_see_caps (Intake *intake, const GstCaps *caps);
/* Frames, or what leads to them, are too large. Any thread. */
gboolean intake_is_too_large (Intake *intake);
/* Frames went by that have no times in the source. Any thread. */
gboolean intake_has_guesses (Intake *intake);

/* Sets the plainest cause of @cause (nullable), which is what the pipeline
 * noticed: BAD_FILE. @host_too: the source's host is tried, too, which may take
 * seconds. */
void intake_explain (
    Intake *intake, const GError *cause, gboolean host_too, GError **error);

G_END_DECLS

#endif
