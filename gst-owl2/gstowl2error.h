/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine's errors are in GStreamer. */
#ifndef GST_OWL2_ERROR_H
#define GST_OWL2_ERROR_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* @model: (nullable): the file that was to be loaded. Any other error than the
 * engine's is GST_LIBRARY_ERROR_FAILED. */
void gst_owl2_error_to_gst (
    const GError *error, const char *model, GQuark *domain, int *code);

G_END_DECLS

#endif
