/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON files of a checkpoint. */
#ifndef OWL2_CONVERT_JSON_H
#define OWL2_CONVERT_JSON_H

#include "folder.h"

#include <jansson.h>

G_BEGIN_DECLS

/* (transfer full): root object. The text is one JSON object of RFC 8259, in
 * UTF-8, without NUL or half surrogates in its strings, nested no deeper than
 * jansson goes (2048), and no key is twice in an object. Integers of more than
 * 64 bits, as Python writes model_max_length, are read as real numbers.
 * BAD_FILE, naming line and column, else. */
json_t *convert_json_parse (
    const char *text, gsize n, const char *file, GError **error);
json_t *convert_json_load (
    Folder *folder, const char *name, gsize max_bytes, GError **error);

G_END_DECLS

#endif
