/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "nice.h"

/* A load that is still under way when the process exits must end before the
 * driver's libraries are taken apart, but not for ever. */
#define EXIT_WAIT_US (10 * G_USEC_PER_SEC)

/* A model that is there or being loaded. */
typedef struct {
  char *key;              /* (nullable): NULL: nobody else may have it */
  Owl2ModelParams params; /* strings of its own */
  GList *openings;        /* Owl2Opening: that wait for the load */
  Owl2Model *model;       /* (nullable): no reference; NULL while it loads */
  guint n_told;           /* times that progress was told */
  gboolean dropped;       /* counted so */
} Entry;

struct _Owl2Opening {
  Entry *entry; /* (nullable): NULL when it does not wait any more */
  Owl2OpenedFunc done;
  gpointer user_data;
  Owl2ProgressFunc progress;
  gpointer progress_data;
  guint n_told;     /* as the entry's when this one was told last */
  gboolean calling; /* one of its functions runs */
};

static struct {
  GMutex lock; /* of all here and of all entries and openings */
  GCond cond;  /* a function has returned, or a thread has ended */
  GList *entries;
  guint n_threads;
  guint n_dropped; /* threads whose load nobody waits for any more */
  gboolean exiting;
  pid_t pid; /* of the process that the threads are in */
} registry;

/* ---- entries ----------------------------------------------------------- */

static Entry *
entry_new (const char *key, const Owl2ModelParams *params)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->key = g_strdup (key);
  entry->params = *params;
  entry->params.path = g_strdup (params->path);
  entry->params.device = g_strdup (params->device);
  entry->params.cache_dir = g_strdup (params->cache_dir);
  return entry;
}

static void
entry_free (Entry *entry)
{
  g_free (entry->key);
  g_free ((char *) entry->params.path);
  g_free ((char *) entry->params.device);
  g_free ((char *) entry->params.cache_dir);
  g_free (entry);
}

/* From now on nobody finds it. With the lock held. */
static void
entry_hide (Entry *entry)
{
  registry.entries = g_list_remove (registry.entries, entry);
}

/* (nullable): with the lock held. */
static Entry *
find_entry (const char *key)
{
  for (GList *l = registry.entries; l; l = l->next)
    if (g_strcmp0 (((Entry *) l->data)->key, key) == 0)
      return l->data;
  return NULL;
}

void
owl2_registry_forget (Owl2Model *model)
{
  Entry *entry = NULL;

  g_mutex_lock (&registry.lock);
  for (GList *l = registry.entries; l && !entry; l = l->next)
    if (((Entry *) l->data)->model == model)
      entry = l->data;
  if (entry)
    entry_hide (entry);
  g_mutex_unlock (&registry.lock);
  if (entry)
    entry_free (entry);
}

/* ---- callbacks --------------------------------------------------------- */

/* Around each function of an opening, with the lock held, which is let go in
 * between. Afterwards the opening may be gone. */
static void
opening_begin_call (Owl2Opening *opening)
{
  opening->calling = TRUE;
  g_mutex_unlock (&registry.lock);
}

static void
opening_end_call (Owl2Opening *opening)
{
  g_mutex_lock (&registry.lock);
  opening->calling = FALSE;
  g_cond_broadcast (&registry.cond);
}

/* It waits no longer. @model: (transfer full) (nullable) */
static void
opening_finish (Owl2Opening *opening, Owl2Model *model, const GError *error)
{
  opening->entry->openings = g_list_remove (opening->entry->openings, opening);
  opening->entry = NULL;
  opening_begin_call (opening);
  opening->done (model, error, opening->user_data);
  opening_end_call (opening);
}

/* (nullable): one that was not told what the others were. */
static Owl2Opening *
find_untold (const Entry *entry)
{
  for (GList *l = entry->openings; l; l = l->next)
    if (((Owl2Opening *) l->data)->n_told != entry->n_told)
      return l->data;
  return NULL;
}

/* ---- loading ----------------------------------------------------------- */

void
owl2_registry_drain (void)
{
  g_mutex_lock (&registry.lock);
  while (registry.n_threads)
    g_cond_wait (&registry.cond, &registry.lock);
  g_mutex_unlock (&registry.lock);
}

/* Once, and in a child of fork() not at all: it has none of the threads. */
static void
wait_at_exit (void)
{
  const gint64 end = g_get_monotonic_time () + EXIT_WAIT_US;
  gboolean waits;

  if (getpid () != registry.pid)
    return;
  g_mutex_lock (&registry.lock);
  waits = !registry.exiting;
  registry.exiting = TRUE;
  g_cond_broadcast (&registry.cond);
  while (registry.n_threads && waits)
    waits = g_cond_wait_until (&registry.cond, &registry.lock, end);
  g_mutex_unlock (&registry.lock);
}

/* Functions of a thread's end, in the C++ ABI of glibc and others: exit() calls
 * those of its own thread before all others. */
extern int __cxa_thread_atexit_impl (
    void (*func) (void *), void *data, void *library) __attribute__ ((weak));
extern char __dso_handle __attribute__ ((visibility ("hidden")));

static void
at_thread_exit (void *data)
{
  wait_at_exit ();
}

/* The last functions of exit() that were added are called first, and a driver
 * adds its own, with what it has built up, up to the end of its first compile:
 * after any of ours. Only what belongs to the main thread comes before them:
 * its end is taken for that of the process. */
static void
watch_exit (void)
{
  static gsize once, once_main;

  if (g_once_init_enter (&once)) {
    registry.pid = getpid ();
    atexit (wait_at_exit);
    g_once_init_leave (&once, 1);
  }
  if (gettid () == getpid () && __cxa_thread_atexit_impl
      && g_once_init_enter (&once_main)) {
    __cxa_thread_atexit_impl (at_thread_exit, NULL, &__dso_handle);
    g_once_init_leave (&once_main, 1);
  }
}

static gboolean
load_on_progress (const char *stage, double fraction, gpointer user_data)
{
  Entry *entry = user_data;
  Owl2Opening *opening;
  gboolean wanted;

  g_mutex_lock (&registry.lock);
  entry->n_told++;
  while ((opening = find_untold (entry))) {
    gboolean go_on = TRUE;

    opening->n_told = entry->n_told;
    if (!opening->progress)
      continue;
    opening_begin_call (opening);
    go_on = opening->progress (stage, fraction, opening->progress_data);
    opening_end_call (opening);
    if (!go_on && g_list_find (entry->openings, opening)) {
      g_autoptr (GError) error = g_error_new_literal (
          OWL2_ERROR, OWL2_ERROR_CANCELLED, "loading was cancelled");

      opening_finish (opening, NULL, error);
    }
  }
  wanted = entry->openings && !registry.exiting;
  if (!wanted && !entry->dropped) {
    entry_hide (entry);
    entry->dropped = TRUE;
    registry.n_dropped++;
  }
  g_mutex_unlock (&registry.lock);
  return wanted;
}

/* Two models at a time may be more than the device has room for, so those that
 * are being dropped go first. FALSE if nobody waits any more. */
static gboolean
load_wait_for_dropped (Entry *entry)
{
  gboolean wanted;

  g_mutex_lock (&registry.lock);
  while (registry.n_dropped && entry->openings && !registry.exiting)
    g_cond_wait (&registry.cond, &registry.lock);
  wanted = entry->openings && !registry.exiting;
  if (!wanted)
    entry_hide (entry);
  g_mutex_unlock (&registry.lock);
  return wanted;
}

/* And with it the threads that it starts: those that compile, and those of a
 * driver that computes on the CPU. */
static void
set_nice (const Owl2ModelParams *params)
{
  if (!owl2_nice_raise (params->nice))
    owl2_log (&params->log, OWL2_LOG_DEBUG, "registry", "nice %d: %s",
        params->nice, g_strerror (errno));
}

/* A file that is another one by now is not what the key says. */
static gboolean
entry_is_true (const Entry *entry)
{
  g_autofree char *key = NULL;

  if (!entry->key)
    return FALSE;
  key = owl2_model_key (&entry->params, NULL);
  return g_strcmp0 (key, entry->key) == 0;
}

static gpointer
load_thread (gpointer user_data)
{
  Entry *entry = user_data;
  g_autoptr (GError) error = NULL;
  Owl2Model *model = NULL;
  gboolean dropped, keep;

  set_nice (&entry->params);
  entry->params.progress = load_on_progress;
  entry->params.progress_data = entry;
  if (load_wait_for_dropped (entry))
    model = owl2_model_load (&entry->params, &error);
  else
    g_set_error_literal (
        &error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "loading was cancelled");
  keep = model && entry_is_true (entry);

  g_mutex_lock (&registry.lock);
  if (keep && g_list_find (registry.entries, entry))
    entry->model = model;
  else
    entry_hide (entry);
  keep = entry->model != NULL;
  while (entry->openings) {
    /* The last one's takes the reference, and may free a kept entry. */
    const gboolean last = !entry->openings->next;

    opening_finish (entry->openings->data,
        model && !last ? owl2_model_ref (model) : model, error);
    if (last) {
      model = NULL;
      break;
    }
  }
  dropped = !keep && entry->dropped;
  g_mutex_unlock (&registry.lock);

  if (!keep)
    entry_free (entry);
  owl2_model_unref (model);

  g_mutex_lock (&registry.lock);
  registry.n_dropped -= dropped;
  registry.n_threads--;
  g_cond_broadcast (&registry.cond);
  g_mutex_unlock (&registry.lock);
  return NULL;
}

/* With the lock held. FALSE if there can be no thread. */
static gboolean
entry_start (Entry *entry, GError **error)
{
  GThread *thread = g_thread_try_new ("owl2-load", load_thread, entry, error);

  if (!thread) {
    g_prefix_error (error, "no thread for the model: ");
    return FALSE;
  }
  g_thread_unref (thread);
  registry.n_threads++;
  registry.entries = g_list_prepend (registry.entries, entry);
  return TRUE;
}

/* ---- opening ----------------------------------------------------------- */

/* Running threads can be made nicer, but not less so without privilege. */
static void
tell_nice (const Entry *entry, const Owl2ModelParams *params)
{
  if (params->nice < entry->params.nice)
    owl2_log (&params->log, OWL2_LOG_INFO, "registry",
        "the threads of a shared model have the nice value %d, not %d",
        entry->params.nice, params->nice);
}

/* Joins what is there. FALSE if there is nothing. With the lock held. */
static gboolean
join (Owl2Opening *opening, const char *key, const Owl2ModelParams *params,
    Owl2Model **model)
{
  Entry *entry = key ? find_entry (key) : NULL;

  if (!entry)
    return FALSE;
  /* Its last user is just leaving, or its device is lost. The entry goes with
   * the model: its load may still be telling others. */
  if (entry->model && !owl2_model_try_ref (entry->model)) {
    g_clear_pointer (&entry->key, g_free);
    return FALSE;
  }
  tell_nice (entry, params);
  *model = entry->model;
  if (!entry->model) {
    entry->openings = g_list_append (entry->openings, opening);
    opening->entry = entry;
    opening->n_told = entry->n_told;
  }
  return TRUE;
}

/* Loads anew, unless another one began that meanwhile. */
static gboolean
begin (Owl2Opening *opening, const char *key, const Owl2ModelParams *params,
    Owl2Model **model, GError **error)
{
  Entry *entry;

  if (!owl2_model_check (params, error))
    return FALSE;
  g_mutex_lock (&registry.lock);
  if (join (opening, key, params, model)) {
    g_mutex_unlock (&registry.lock);
    return TRUE;
  }
  entry = entry_new (key, params);
  entry->openings = g_list_append (NULL, opening);
  opening->entry = entry;
  if (entry_start (entry, error)) {
    g_mutex_unlock (&registry.lock);
    return TRUE;
  }
  g_mutex_unlock (&registry.lock);
  g_list_free (entry->openings);
  entry_free (entry);
  return FALSE;
}

Owl2Opening *
owl2_model_open (const Owl2ModelParams *params, gboolean share,
    Owl2OpenedFunc done, gpointer user_data, GError **error)
{
  g_autofree char *key = owl2_model_key (params, error);
  g_autofree Owl2Opening *opening = g_new0 (Owl2Opening, 1);
  Owl2Model *model = NULL;
  gboolean joined;

  if (!key)
    return NULL;
  watch_exit ();
  if (!share)
    g_clear_pointer (&key, g_free);
  *opening = (Owl2Opening){
    .done = done,
    .user_data = user_data,
    .progress = params->progress,
    .progress_data = params->progress_data,
  };
  g_mutex_lock (&registry.lock);
  joined = join (opening, key, params, &model);
  g_mutex_unlock (&registry.lock);
  if (!joined && !begin (opening, key, params, &model, error))
    return NULL;
  if (model)
    done (model, NULL, user_data);
  return g_steal_pointer (&opening);
}

void
owl2_opening_cancel (Owl2Opening *opening)
{
  if (!opening)
    return;
  g_mutex_lock (&registry.lock);
  if (opening->entry)
    opening->entry->openings =
        g_list_remove (opening->entry->openings, opening);
  g_cond_broadcast (&registry.cond);
  while (opening->calling)
    g_cond_wait (&registry.cond, &registry.lock);
  g_mutex_unlock (&registry.lock);
  g_free (opening);
}
