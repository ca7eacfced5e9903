/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON lines {"text": ..}, byte for byte: json-glib ends a string at its first
 * NUL, swallows what follows half a surrogate pair, and recurses as deep as the
 * text nests. */
#ifndef OWL2_JSON_LINE_H
#define OWL2_JSON_LINE_H

#include "base.h"

G_BEGIN_DECLS

/* The last string "text" of the object that @line is, NUL bytes and all; half
 * a surrogate pair becomes U+FFFD. Other members are passed over, not checked.
 * BAD_REQUEST, naming the byte, if @line is no such object. */
gboolean json_line_get_text (
    const char *line, gsize n, GString *text, GError **error);

/* Appends @text as a JSON string, quotes included. Characters that are not
 * printable (owl2_is_printable()) become `\u....`, which says the same; bytes
 * that are not UTF-8 become U+FFFD, as JSON has no way to say them. */
void json_line_append_string (GString *out, const char *text);

/* Appends @json, which has such characters in strings alone, in the same way.
 */
void json_line_append_escaped (GString *out, const char *json);

G_END_DECLS

#endif
