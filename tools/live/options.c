/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <math.h>
#include <gst/gst.h>

#include "intake.h"
#include "owl2.h"
#include "program.h"

#define MAX_FRAMES 64
/* An hour. */
#define MAX_EVERY_S 3600.

static const char summary[] =
    "Shows SOURCEs in a browser, with captions as they are written: files (in\n"
    "a loop), URIs (rtsp://..., http://...), cameras (v4l2:///dev/video0).\n"
    "None: a test picture. The address to open is printed.\n\n"
    "It listens on 127.0.0.1, for this machine alone. With --listen everybody\n"
    "who reaches ADDRESS and has the link that is printed sees the pictures,\n"
    "and can ask; the link has a token, and nothing is encrypted.";

static gboolean
check_numbers (LiveOptions *o, GError **error)
{
  if (o->port < 0 || o->port > 65535)
    return owl2_refuse (
        error, "--port is %d (0 to 65535, 0 is any that is free)", o->port);
  if (o->frames < 0 || o->frames > MAX_FRAMES)
    return owl2_refuse (
        error, "--frames is %d (1 to %d)", o->frames, MAX_FRAMES);
  if (o->max_pixels < 1)
    return owl2_refuse (error,
        "--max-pixels is %" G_GINT64_FORMAT " (1 or more)", o->max_pixels);
  if (!isfinite (o->every_s) || o->every_s < .05 || o->every_s > MAX_EVERY_S)
    return owl2_refuse (
        error, "--every is %g (0.05 to %g seconds)", o->every_s, MAX_EVERY_S);
  o->every = (guint64) llround (o->every_s * 1e9);
  return TRUE;
}

/* A name would have to be looked up, and may have several addresses. */
static gboolean
check_address (LiveOptions *o, GError **error)
{
  o->open = o->listen != NULL;
  o->address =
      g_inet_address_new_from_string (o->open ? o->listen : "127.0.0.1");
  if (o->address)
    return TRUE;
  return owl2_refuse (error,
      "--listen is '%s', which is no address such as 192.168.1.2, 0.0.0.0 or "
      "::",
      o->listen);
}

static gboolean
check_recipe (const LiveOptions *o, GError **error)
{
  const Owl2Recipe *recipe;

  if (!o->recipe)
    return TRUE;
  recipe = owl2_recipe_require (o->recipe, error);
  if (!recipe)
    return FALSE;
  return o->prompt || !owl2_recipe_needs_question (recipe)
         || owl2_refuse (error, "recipe '%s' needs a --prompt", o->recipe);
}

static gboolean
add_sources (LiveOptions *o, GError **error)
{
  const guint n = o->rest ? g_strv_length (o->rest) : 0;

  if (n > LIVE_MAX_SOURCES)
    return owl2_refuse (
        error, "%u sources are too many (1 to %d)", n, LIVE_MAX_SOURCES);
  o->n_sources = MAX (n, 1);
  o->uris = g_new0 (char *, o->n_sources + 1);
  o->names = g_new0 (char *, o->n_sources + 1);
  if (n == 0)
    o->names[0] = g_strdup ("test picture");
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) why = NULL;

    o->names[i] = g_strdup (o->rest[i]);
    o->uris[i] = intake_make_uri (o->rest[i], &why);
    if (!o->uris[i])
      return owl2_refuse (error, "'%s': %s", o->rest[i], why->message);
  }
  return TRUE;
}

gboolean
live_options_parse (LiveOptions *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_INT, &o->port,
        "port to listen on; 0: any that is free (default: 8080)", "N" },
    { "listen", 0, 0, G_OPTION_ARG_STRING, &o->listen,
        "address to listen on, for others than this machine", "ADDRESS" },
    { "every", 0, 0, G_OPTION_ARG_DOUBLE, &o->every_s,
        "time from one caption to the next (default: 1)", "SECONDS" },
    { "frames", 0, 0, G_OPTION_ARG_INT, &o->frames,
        "frames that a caption looks at (default: 1, or the recipe's)", "N" },
    { "prompt", 0, 0, G_OPTION_ARG_STRING, &o->prompt,
        "what is asked for each caption", "TEXT" },
    { "recipe", 0, 0, G_OPTION_ARG_STRING, &o->recipe,
        "a published way of asking, such as quality", "NAME" },
    { "max-pixels", 0, 0, G_OPTION_ARG_INT64, &o->max_pixels,
        "refuse larger pictures (default: 100000000)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL,
        "[SOURCE...]" },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      common_options_new ("- captions of live video in a browser", &o->common);

  o->port = 8080;
  o->every_s = 1;
  o->max_pixels = OWL2_MAX_PIXELS;
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, &o->verbose,
      "print on standard error how far the model is loaded");
  g_option_context_add_group (context, gst_init_get_option_group ());
  return g_option_context_parse (context, argc, argv, error)
         && check_numbers (o, error) && check_address (o, error)
         && check_recipe (o, error) && add_sources (o, error);
}

void
live_options_clear (LiveOptions *o)
{
  g_clear_object (&o->address);
  g_free (o->listen);
  common_options_clear (&o->common);
  g_free (o->prompt);
  g_free (o->recipe);
  g_strfreev (o->rest);
  for (guint i = 0; i < o->n_sources; i++) {
    g_free (o->uris[i]);
    g_free (o->names[i]);
  }
  g_free (o->uris);
  g_free (o->names);
}
