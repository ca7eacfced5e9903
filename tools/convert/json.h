/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json-glib behind a strict check of the text. */
#ifndef OWL2_CONVERT_JSON_H
#define OWL2_CONVERT_JSON_H

#include "folder.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* (transfer full): root object. The text is one JSON object of RFC 8259,
 * nested at most 64 deep, in UTF-8, without NUL or half surrogates in its
 * strings, and no key is twice in an object. */
JsonObject *convert_json_parse (
    const char *text, gsize n, const char *file, GError **error);
JsonObject *convert_json_load (
    Folder *folder, const char *name, gsize max_bytes, GError **error);

G_END_DECLS

#endif
