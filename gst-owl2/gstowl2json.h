/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GstStructure as JSON. */
#ifndef GST_OWL2_JSON_H
#define GST_OWL2_JSON_H

#include <gst/gst.h>
#include <jansson.h>

G_BEGIN_DECLS

/* (transfer full): an object on one line, with all fields in their order and
 * under their names: strings, numbers, booleans, and arrays of these; times are
 * in nanoseconds, and one that is unknown is null, as is what else JSON can't
 * say. It is UTF-8, and all its characters are printable. */
char *gst_owl2_json (const GstStructure *structure);
/* (transfer full): the same of one field's value. */
json_t *gst_owl2_json_value (const GValue *value);

G_END_DECLS

#endif
