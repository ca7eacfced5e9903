/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of a JSON object that are checked as they are read. */
#ifndef OWL2_CONVERT_JS_H
#define OWL2_CONVERT_JS_H

#include "json.h"

G_BEGIN_DECLS

/* One object of a file. Getters leave the first failure in @error and give
 * the default from then on, so that a list of them reads like a table. */
typedef struct {
  const char *file, *path; /* path: "visual_config.visual_model." or "" */
  json_t *object;          /* borrowed; NULL: all defaults */
  GError **error;
  gboolean failed;
} Js;

/* "FILE: PATH KEY message" */
void js_fail (Js *js, const char *key, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* The value of @key; NULL where it is missing or null. */
json_t *js_member (Js *js, const char *key);
gboolean js_is_number (const json_t *node);

gint64 js_int (
    Js *js, const char *key, gint64 fallback, gint64 min, gint64 max);
guint js_uint (Js *js, const char *key, guint fallback);
gboolean js_bool (Js *js, const char *key, gboolean fallback);
float js_float (Js *js, const char *key, double fallback);

/* The model is only implemented for one value of these. */
void js_require_bool (Js *js, const char *key, gboolean wanted);
void js_require_string (Js *js, const char *key, const char *wanted);
void js_require_uint (Js *js, const char *key, guint wanted, const char *why);
/* Only null, or not being there, is as published. */
void js_require_null (Js *js, const char *key);

/* A sub-object; all its keys have defaults, so it may be missing. */
Js js_sub (Js *js, const char *key, const char *path);

G_END_DECLS

#endif
