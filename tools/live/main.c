/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-live: a page with live pictures, and with what the model says of them
 * while it says it. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <glib-unix.h>
#include <gst/gst.h>

#include "cache_dir.h"
#include "gstowl2.h"
#include "program.h"
#include "server.h"

/* Files and connections at a time. */
#define MAX_FILES 4096
/* Longest time that the end takes after a signal. */
#define END_US 800000

typedef struct {
  LiveOptions options;
  StreamHost host;
  GPtrArray *streams; /* Stream */
  Server *server;
  GMainLoop *loop;
  Owl2Opening *opening;
  gboolean failed; /* it ends, and was told why */
  guint signals[3];
} Live;

/* ---- ends --------------------------------------------------------------- */

static void
on_alarm (int number)
{
  _exit (EXIT_SUCCESS);
}

/* What the device has under way may take longer to end than anybody waits, and
 * nothing is lost by leaving it. */
static void
limit_end (void)
{
  const struct itimerval limit = { .it_value.tv_usec = END_US };

  signal (SIGALRM, on_alarm);
  setitimer (ITIMER_REAL, &limit, NULL);
}

/* The next one ends it at once. */
static gboolean
on_signal (gpointer user_data)
{
  Live *live = user_data;

  for (guint i = 0; i < G_N_ELEMENTS (live->signals); i++)
    g_clear_handle_id (&live->signals[i], g_source_remove);
  limit_end ();
  g_main_loop_quit (live->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
has_worked (const Live *live)
{
  for (guint i = 0; i < live->streams->len; i++)
    if (stream_has_worked (live->streams->pdata[i]))
      return TRUE;
  return FALSE;
}

/* A page without a picture is of no use; one of several may come yet. */
static void
on_failed (Stream *stream, gboolean for_good, gpointer user_data)
{
  Live *live = user_data;

  if (has_worked (live) || (!for_good && live->streams->len > 1))
    return;
  live->failed = TRUE;
  g_main_loop_quit (live->loop);
}

/* ---- the model ---------------------------------------------------------- */

typedef struct {
  Live *live;
  Owl2Model *model;
} Opened;

static gboolean
on_opened (gpointer user_data)
{
  Opened *opened = user_data;

  opened->live->host.model = opened->model;
  if (opened->live->host.failed)
    for (guint i = 0; i < opened->live->streams->len; i++)
      stream_tell (opened->live->streams->pdata[i]);
  return G_SOURCE_REMOVE;
}

/* On the thread that loads. If there is no model, the elements say why. */
static void
on_model (Owl2Model *model, const GError *error, gpointer user_data)
{
  Opened *opened = g_new0 (Opened, 1);

  opened->live = user_data;
  opened->model = model;
  g_idle_add_full (G_PRIORITY_DEFAULT, on_opened, opened, g_free);
}

/* The elements share it; from it come its name and what it thinks of choices.
 */
static gboolean
open_model (Live *live, GError **error)
{
  g_autofree char *cache = owl2_cache_dir ();
  Owl2ModelParams params = common_model_params (&live->options.common);

  params.cache_dir = cache;
  params.nice = GST_OWL2_NICE;
  live->opening = owl2_model_open (&params, TRUE, on_model, live, error);
  return live->opening != NULL;
}

/* ---- running ------------------------------------------------------------ */

static gboolean
on_second (gpointer user_data)
{
  Live *live = user_data;

  for (guint i = 0; i < live->streams->len; i++)
    stream_tick (live->streams->pdata[i]);
  events_check (live->host.events);
  return G_SOURCE_CONTINUE;
}

static gboolean
make_streams (Live *live, GError **error)
{
  live->host.options = &live->options;
  live->host.events = events_new ();
  live->host.failed = on_failed;
  live->host.user_data = live;
  live->host.shrinker = shrinker_new (error);
  if (!live->host.shrinker)
    return FALSE;
  for (guint i = 0; i < live->options.n_sources; i++) {
    Stream *stream = stream_new (&live->host, i, error);

    if (!stream)
      return FALSE;
    g_ptr_array_add (live->streams, stream);
  }
  return TRUE;
}

static gboolean
run (Live *live, GError **error)
{
  static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
  guint second;

  /* Who reads the link may stop it at once. */
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    live->signals[i] = g_unix_signal_add (numbers[i], on_signal, live);
  live->server = server_new (&live->host, live->streams, error);
  if (!live->server || !open_model (live, error)
      || !program_print_line (server_link (live->server), error))
    return FALSE;
  for (guint i = 0; i < live->streams->len; i++)
    stream_start (live->streams->pdata[i]);
  second = g_timeout_add_seconds (1, on_second, live);
  g_main_loop_run (live->loop);
  g_source_remove (second);
  return !live->failed;
}

static void
clear (Live *live)
{
  live->host.failed = NULL;
  server_close (live->server);
  g_ptr_array_unref (live->streams);
  shrinker_free (live->host.shrinker);
  events_free (live->host.events);
  owl2_opening_cancel (live->opening);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  server_free (live->server);
  if (live->host.model)
    owl2_model_unref (live->host.model);
  g_main_loop_unref (live->loop);
  live_options_clear (&live->options);
}

/* Each browser takes a few; the usual limit is 1024. */
static void
raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= MAX_FILES)
    return;
  limit.rlim_cur = MIN (limit.rlim_max, MAX_FILES);
  setrlimit (RLIMIT_NOFILE, &limit);
}

int
main (int argc, char **argv)
{
  Live live = { .options = { 0 } };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-live");
  if (!live_options_parse (&live.options, &argc, &argv, &error)) {
    live_options_clear (&live.options);
    return program_usage (error);
  }
  if (live.options.common.list_devices) {
    ok = common_list_devices (&error);
    live_options_clear (&live.options);
    return program_end (ok, error);
  }
  raise_limit ();
  live.loop = g_main_loop_new (NULL, FALSE);
  live.streams = g_ptr_array_new_with_free_func ((GDestroyNotify) stream_free);
  ok = make_streams (&live, &error) && run (&live, &error);
  clear (&live);
  return program_end (ok, error);
}
