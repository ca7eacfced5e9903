/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element's answers as JSON lines. */
#ifndef OWL2_ANSWER_JSON_H
#define OWL2_ANSWER_JSON_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* (transfer full) (nullable): a final answer as one line, with all the fields
 * that the message `owl2-answer` has, times in nanoseconds; NULL for what is
 * none. */
char *answer_json (const GstStructure *answer);

G_END_DECLS

#endif
