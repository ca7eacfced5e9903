/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2lane.h"

#include <gst/gst.h>

#include <errno.h>

#include "nice.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

typedef struct {
  GstOwl2LaneFunc func;
  gpointer data;
  GDestroyNotify free;
} LaneCall;

struct _GstOwl2Lane {
  gatomicrefcount refs;
  int nice;
  /* Under the threads' lock. */
  GQueue calls;  /* LaneCall */
  gboolean busy; /* a call is running */
  gboolean closed;
};

/* One of the threads, for lanes that are as nice as it is or nicer. */
typedef struct {
  int nice;
  gboolean retiring; /* another one is there in its stead */
} LaneThread;

static struct {
  GMutex lock;
  GCond cond; /* something is to be done, or to end */
  GCond done; /* a call has ended */
  guint n_lanes;
  GList *all;   /* LaneThread */
  GQueue ready; /* GstOwl2Lane with calls that is not busy; references */
} threads = { .ready = G_QUEUE_INIT };

static GPrivate current_lane;

/* With the lock held, which is let go meanwhile. */
static void
lane_run_one (GstOwl2Lane *lane)
{
  LaneCall *call = g_queue_pop_head (&lane->calls);

  if (!call)
    return; /* closed since it became ready */
  lane->busy = TRUE;
  g_mutex_unlock (&threads.lock);
  g_private_set (&current_lane, lane);
  call->func (call->data);
  if (call->free)
    call->free (call->data);
  g_private_set (&current_lane, NULL);
  g_free (call);
  g_mutex_lock (&threads.lock);
  lane->busy = FALSE;
  if (lane->calls.length) {
    g_queue_push_tail (&threads.ready, gst_owl2_lane_ref (lane));
    g_cond_broadcast (&threads.cond);
  }
  g_cond_broadcast (&threads.done);
}

/* (nullable): the first lane for this thread. With the lock held. */
static GstOwl2Lane *
take_ready (const LaneThread *self)
{
  for (GList *l = threads.ready.head; l; l = l->next) {
    GstOwl2Lane *lane = l->data;

    if (lane->nice >= self->nice) {
      g_queue_delete_link (&threads.ready, l);
      return lane;
    }
  }
  return NULL;
}

static gpointer
lane_thread (gpointer data)
{
  LaneThread *self = data;

  if (!owl2_nice_raise (self->nice))
    GST_DEBUG ("nice %d: %s", self->nice, g_strerror (errno));
  g_mutex_lock (&threads.lock);
  while (threads.n_lanes && !self->retiring) {
    GstOwl2Lane *lane = take_ready (self);

    if (!lane) {
      g_cond_wait (&threads.cond, &threads.lock);
      continue;
    }
    lane_run_one (lane);
    g_mutex_unlock (&threads.lock);
    gst_owl2_lane_unref (lane);
    g_mutex_lock (&threads.lock);
  }
  threads.all = g_list_remove (threads.all, self);
  g_mutex_unlock (&threads.lock);
  g_free (self);
  return NULL;
}

/* Makes sure that there is a thread for a lane of this nice value, and that
 * there are as many as lanes, up to the most that there may be. With the lock
 * held. */
static gboolean
threads_provide (int nice, GError **error)
{
  LaneThread *nicest = NULL, *added;
  gboolean fits = FALSE, equals = FALSE;
  GThread *thread;
  guint n = 0;

  for (GList *l = threads.all; l; l = l->next) {
    LaneThread *t = l->data;

    if (t->retiring)
      continue;
    n++;
    fits |= t->nice <= nice;
    equals |= t->nice == nice;
    if (!nicest || t->nice > nicest->nice)
      nicest = t;
  }
  if (fits
      && (n == GST_OWL2_MAX_LANE_THREADS || (equals && n >= threads.n_lanes)))
    return TRUE;
  added = g_new0 (LaneThread, 1);
  added->nice = nice;
  thread = g_thread_try_new ("owl2", lane_thread, added, fits ? NULL : error);
  if (!thread) {
    g_free (added);
    return fits;
  }
  g_thread_unref (thread);
  threads.all = g_list_prepend (threads.all, added);
  if (n == GST_OWL2_MAX_LANE_THREADS) {
    nicest->retiring = TRUE;
    g_cond_broadcast (&threads.cond);
  }
  return TRUE;
}

GstOwl2Lane *
gst_owl2_lane_new (int nice, GError **error)
{
  GstOwl2Lane *lane;
  gboolean ok;

  nice = MAX (nice, owl2_nice_get ());
  g_mutex_lock (&threads.lock);
  threads.n_lanes++;
  ok = threads_provide (nice, error);
  threads.n_lanes -= !ok;
  g_mutex_unlock (&threads.lock);
  if (!ok)
    return NULL;
  lane = g_new0 (GstOwl2Lane, 1);
  g_atomic_ref_count_init (&lane->refs);
  lane->nice = nice;
  g_queue_init (&lane->calls);
  return lane;
}

GstOwl2Lane *
gst_owl2_lane_ref (GstOwl2Lane *lane)
{
  g_atomic_ref_count_inc (&lane->refs);
  return lane;
}

void
gst_owl2_lane_unref (GstOwl2Lane *lane)
{
  if (!lane || !g_atomic_ref_count_dec (&lane->refs))
    return;
  g_mutex_lock (&threads.lock);
  threads.n_lanes--;
  g_cond_broadcast (&threads.cond);
  g_mutex_unlock (&threads.lock);
  g_free (lane);
}

static void
call_drop (gpointer data)
{
  LaneCall *call = data;

  if (call->free)
    call->free (call->data);
  g_free (call);
}

void
gst_owl2_lane_push (
    GstOwl2Lane *lane, GstOwl2LaneFunc func, gpointer data, GDestroyNotify free)
{
  LaneCall *call = g_new (LaneCall, 1);

  *call = (LaneCall){ func, data, free };
  g_mutex_lock (&threads.lock);
  if (!lane->closed) {
    g_queue_push_tail (&lane->calls, g_steal_pointer (&call));
    if (!lane->busy && lane->calls.length == 1)
      g_queue_push_tail (&threads.ready, gst_owl2_lane_ref (lane));
    g_cond_broadcast (&threads.cond);
  }
  g_mutex_unlock (&threads.lock);
  if (call)
    call_drop (call);
}

void
gst_owl2_lane_close (GstOwl2Lane *lane)
{
  GQueue calls;

  g_mutex_lock (&threads.lock);
  lane->closed = TRUE;
  calls = lane->calls;
  g_queue_init (&lane->calls);
  g_mutex_unlock (&threads.lock);
  g_queue_clear_full (&calls, call_drop);
}

gboolean
gst_owl2_lane_is_current (const GstOwl2Lane *lane)
{
  return lane == g_private_get (&current_lane);
}

gboolean
gst_owl2_lane_is_busy (GstOwl2Lane *lane)
{
  gboolean busy;

  g_mutex_lock (&threads.lock);
  busy = lane->busy;
  g_mutex_unlock (&threads.lock);
  return busy;
}

void
gst_owl2_lane_wait (GstOwl2Lane *lane)
{
  g_mutex_lock (&threads.lock);
  while (lane->busy)
    g_cond_wait (&threads.done, &threads.lock);
  g_mutex_unlock (&threads.lock);
}
