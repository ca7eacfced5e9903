/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-ask: questions about videos and pictures, answered on standard output,
 * one line each. A source is looked at before the model is loaded; the model is
 * loaded once, a video decoded once, and each frame encoded once for all
 * questions. */
#include <stdio.h>
#include <stdlib.h>

#include "asker.h"
#include "options.h"
#include "print.h"
#include "program.h"
#include "progress.h"
#include "talk.h"

/* What is asked about at once: one source, or one for each image place. */
typedef struct {
  char *name;
  GPtrArray *videos;
  GPtrArray *features; /* of the clip at hand */
  VideoClip *clip;     /* the first video's, with the times of all */
  guint64 encode_ns;
} Item;

typedef struct {
  const AskOptions *options;
  Asker asker;
  Printer *printer;
} Run;

static void
item_forget_clip (Item *item)
{
  g_clear_pointer (&item->features, g_ptr_array_unref);
  g_clear_pointer (&item->clip, video_clip_free);
  item->encode_ns = 0;
}

static void
item_clear (Item *item)
{
  item_forget_clip (item);
  g_clear_pointer (&item->videos, g_ptr_array_unref);
  g_clear_pointer (&item->name, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Item, item_clear)

static void
show_video (double fraction, gpointer user_data)
{
  progress_show (user_data, fraction);
}

/* ---- looking ---------------------------------------------------------- */

static gboolean
item_open (
    Item *item, const AskOptions *o, guint first, guint n, GError **error)
{
  g_autoptr (GString) name = g_string_new (NULL);

  item->videos = g_ptr_array_new_with_free_func ((GDestroyNotify) video_free);
  for (guint i = first; i < first + n; i++) {
    char *source = o->sources->pdata[i];
    Video *video = video_open (source, (guint64) o->max_pixels, error);

    if (!video) {
      g_prefix_error (error, "%s: ", source);
      return FALSE;
    }
    video_set_progress (video, show_video, source);
    g_ptr_array_add (item->videos, video);
    g_string_append_printf (name, "%s%s", i > first ? ", " : "", source);
  }
  item->name = g_string_free (g_steal_pointer (&name), FALSE);
  return TRUE;
}

static void
item_add (Item *item, VideoClip *clip, GPtrArray *features)
{
  if (!item->clip) {
    item->clip = clip;
    item->features = features;
    return;
  }
  video_clip_join (item->clip, clip);
  g_ptr_array_extend_and_steal (item->features, features);
}

/* The next clip with its features; without one there are no more. */
static gboolean
item_next (Item *item, const Run *run, GError **error)
{
  const VideoModel *model = &run->asker.video;

  item_forget_clip (item);
  for (guint i = 0; i < item->videos->len; i++) {
    Video *video = item->videos->pdata[i];
    GPtrArray *features;
    VideoClip *clip;
    VideoWant want;
    guint64 ns;

    if (!asker_want (&run->asker, video, &want, error))
      return FALSE;
    if (item->videos->len > 1)
      want.n_frames = 1;
    if (!video_next (video, &want, model, &clip, error))
      return FALSE;
    if (!clip) {
      /* Of pictures that are compared there are no more where one ends. */
      item_forget_clip (item);
      return TRUE;
    }
    features = video_encode (video, clip, model, &ns, error);
    if (!features) {
      video_clip_free (clip);
      return FALSE;
    }
    item->encode_ns += ns;
    item_add (item, clip, features);
  }
  return TRUE;
}

/* ---- asking ----------------------------------------------------------- */

static gboolean
ask (Run *run, Item *item, const char *question)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer =
      asker_ask (&run->asker, item->features, question, NULL, 0, NULL, &error);

  if (answer
      && printer_add (run->printer, &run->asker, item->name, question,
          item->clip, answer, item->encode_ns, &error))
    return TRUE;
  progress_erase ();
  program_say ("%s", error->message);
  return FALSE;
}

static gboolean
ask_all (Run *run, Item *item)
{
  const GPtrArray *questions = run->options->questions;
  gboolean ok = TRUE;

  printer_add_clip (run->printer, item->clip);
  if (run->options->interactive)
    return talk (run->printer, &run->asker, item->name, item->clip,
        item->features, item->encode_ns);
  if (!questions->len)
    return ask (
        run, item, asker_default_question (&run->asker, item->clip->n_frames));
  for (guint i = 0; i < questions->len && !program_signal; i++)
    ok &= ask (run, item, questions->pdata[i]);
  return ok;
}

/* FALSE with @error set if nothing more can be asked, and without if something
 * of this could not. */
static gboolean
ask_item (Run *run, Item *item, GError **error)
{
  gboolean ok = TRUE;
  GError *failed = NULL;

  if (!run->asker.model && !asker_open (&run->asker, run->options, error))
    return FALSE;
  while (item_next (item, run, &failed) && item->clip)
    ok &= ask_all (run, item);
  for (guint i = 0; i < item->videos->len; i++)
    printer_add_video (run->printer, item->videos->pdata[i]);
  if (!failed)
    return ok;
  progress_erase ();
  program_say ("%s: %s", item->name, failed->message);
  g_error_free (failed);
  return FALSE;
}

/* A recipe that compares pictures takes as many sources at a time. */
static gboolean
count_together (const AskOptions *o, guint *n, GError **error)
{
  const guint n_places = asker_n_places (o->recipe);

  *n = n_places > 1 && o->sources->len > 1 ? n_places : 1;
  if (o->sources->len % *n == 0)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "recipe '%s' is about %u pictures, of %u", o->recipe->name, *n,
      o->sources->len);
  return FALSE;
}

static gboolean
ask_sources (Run *run, guint n_together, GError **error)
{
  const AskOptions *o = run->options;
  gboolean ok = TRUE;

  for (guint i = 0; i < o->sources->len && !program_signal; i += n_together) {
    g_auto (Item) item = { NULL };
    g_autoptr (GError) failed = NULL;

    if (!item_open (&item, o, i, n_together, &failed)) {
      progress_erase ();
      program_say ("%s", failed->message);
      ok = FALSE;
      continue;
    }
    /* Files that are written stay as they are until there is something. */
    if (!run->printer && !(run->printer = printer_new (o, error)))
      return FALSE;
    ok &= ask_item (run, &item, &failed);
    if (failed) {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  }
  return (!run->printer || printer_end (run->printer, error)) && ok;
}

static gboolean
run_all (Run *run, guint n_together, GError **error)
{
  g_autoptr (GError) lost = NULL;
  gboolean ok;

  /* Who stops it is left what has been said. */
  if (run->options->srt || run->options->vtt)
    program_catch_signals ();
  ok = ask_sources (run, n_together, error);
  if (run->printer
      && !printer_finish (run->printer, ok || program_signal, &lost)) {
    progress_erase ();
    program_say ("%s", lost->message);
    ok = FALSE;
  }
  return ok && !program_signal;
}

int
main (int argc, char **argv)
{
  AskOptions o = { { NULL } };
  Run run = { .options = &o };
  g_autoptr (GError) error = NULL;
  guint n_together = 1;
  gboolean ok;

  program_begin ("owl2-ask");
  if (!ask_options_parse (&o, &argc, &argv, &error)
      || (!o.common.list_devices
          && !count_together (&o, &n_together, &error))) {
    ask_options_clear (&o);
    return program_usage (error);
  }
  if (!o.verbose)
    progress_begin ();
  ok = o.common.list_devices ? common_list_devices (&error)
                             : run_all (&run, n_together, &error);
  progress_erase ();
  printer_free (run.printer);
  asker_clear (&run.asker);
  ask_options_clear (&o);
  return program_end (ok, error);
}
