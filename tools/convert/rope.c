/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rope.h"
#include "files.h"

#include <string.h>

/* The first place that says what theta is. */
typedef struct {
  char *place; /* NULL: none did yet */
  double value;
} Theta;

static void
take_theta (Js *js, Theta *theta)
{
  json_t *node = js_member (js, "rope_theta");
  double value;

  if (!node)
    return;
  if (!js_is_number (node)) {
    js_fail (js, "rope_theta", "is not a number");
    return;
  }
  value = json_number_value (node);
  if (!theta->place) {
    theta->place = g_strconcat (js->path, "rope_theta", NULL);
    theta->value = value;
  } else if (value != theta->value) {
    js_fail (js, "rope_theta", "is %.9g, but %s is %.9g", value, theta->place,
        theta->value);
  }
}

/* The older name is "type". */
static void
require_default (Js *js, const char *key)
{
  const json_t *node = js_member (js, key);
  const char *value = json_is_string (node) ? json_string_value (node) : "";
  g_autofree char *safe = convert_quote (value, strlen (value));

  if (node && strcmp (value, "default") != 0)
    js_fail (js, key,
        "is '%s', supported is only 'default' or null, as published", safe);
}

static void
require_one (Js *js, const char *key)
{
  if (js_float (js, key, 1) != 1)
    js_fail (js, key, "is %g, supported is only 1, as published",
        (double) js_float (js, key, 1));
}

/* One set of parameters. What is not known may matter. */
static void
take_set (Js *js, Theta *theta)
{
  static const char *const known[] = { "rope_type", "type", "factor",
    "partial_rotary_factor", "rope_theta", NULL };
  const char *key;
  json_t *value;

  if (!js->object)
    return;
  require_default (js, "rope_type");
  require_default (js, "type");
  require_one (js, "factor");
  require_one (js, "partial_rotary_factor");
  take_theta (js, theta);
  json_object_foreach (js->object, key, value) {
    g_autofree char *safe = convert_quote (key, strlen (key));

    if (!g_strv_contains (known, key) && !json_is_null (value))
      js_fail (js, safe, "is set, supported is only null, as published");
  }
}

/* A set, or an object of sets, one for each kind of layer. */
static void
take_key (Js *config, const char *key, Theta *theta)
{
  g_autofree char *path = g_strconcat (config->path, key, ".", NULL);
  Js js = js_sub (config, key, path);
  gboolean nested = FALSE;
  const char *name;
  json_t *value;

  json_object_foreach (js.object, name, value)
    nested = nested || json_is_object (value);
  json_object_foreach (nested ? js.object : NULL, name, value) {
    g_autofree char *kind = convert_quote (name, strlen (name));
    g_autofree char *deep = g_strconcat (path, kind, ".", NULL);
    Js set = js_sub (&js, name, deep);

    take_set (&set, theta);
    js.failed = set.failed;
  }
  if (!nested)
    take_set (&js, theta);
  config->failed = js.failed;
}

float
rope_read_theta (Js *config, float fallback)
{
  Theta theta = { NULL, 0 };

  take_theta (config, &theta);
  take_key (config, "rope_parameters", &theta);
  take_key (config, "rope_scaling", &theta);
  require_one (config, "partial_rotary_factor");
  if (theta.place)
    fallback = (float) theta.value;
  g_free (theta.place);
  return fallback;
}
