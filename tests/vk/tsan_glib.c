/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into a test, this tells ThreadSanitizer about GLib's locks. They are
 * made of system calls that it does not see, so that all they protect looks
 * like a race. Empty in other builds. */
#include <glib.h>
#include <pthread.h>

#include "tsan.h"

#ifdef WITH_TSAN
EXPORT void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock);
  real (mutex);
  __tsan_acquire (mutex);
}

EXPORT gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked;

  REAL (g_mutex_trylock);
  locked = real (mutex);
  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

EXPORT void
g_mutex_unlock (GMutex *mutex)
{
  REAL (g_mutex_unlock);
  __tsan_release (mutex);
  real (mutex);
}

EXPORT void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  REAL (g_cond_wait);
  __tsan_release (mutex);
  real (cond, mutex);
  __tsan_acquire (mutex);
}

EXPORT gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  REAL (g_cond_wait_until);
  __tsan_release (mutex);
  signalled = real (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* From who gives a thread pool something to do to the thread that does it, as
 * GStreamer's tasks are. */
typedef struct {
  GFunc func;
  gpointer user_data;
} Pooled;

static char handed_over;

static void
run_pooled (gpointer data, gpointer user_data)
{
  const Pooled *pooled = user_data;

  __tsan_acquire (&handed_over);
  pooled->func (data, pooled->user_data);
}

EXPORT GThreadPool *
g_thread_pool_new (GFunc func, gpointer user_data, gint max_threads,
    gboolean exclusive, GError **error)
{
  Pooled *pooled = g_new (Pooled, 1); /* pools last as long as the process */

  REAL (g_thread_pool_new);
  *pooled = (Pooled){ func, user_data };
  return real (run_pooled, pooled, max_threads, exclusive, error);
}

EXPORT gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  REAL (g_thread_pool_push);
  __tsan_release (&handed_over);
  return real (pool, data, error);
}

/* Mesa has barriers on the stack of whoever waits, and destroys one as soon as
 * it is through while others are still on their way out, as POSIX allows.
 * ThreadSanitizer takes that for a race, so it is not told. */
EXPORT int
pthread_barrier_destroy (pthread_barrier_t *barrier)
{
  REAL (pthread_barrier_destroy);
  return real (barrier);
}
#endif
