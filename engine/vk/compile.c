/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiles pipelines ahead of their use, on several threads. */
#include "ovk_cmd.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#  include <malloc.h>
#endif

/* More would take the processors from those who decode the video. */
#define MAX_THREADS 4

/* ---- the first dispatch ----------------------------------------------- */

/* What dispatches pipelines on a device that compiles late, without any
 * workgroup. On others it is empty. */
typedef struct {
  OvkArena *arena;
  OvkCmd *cmd;
  OvkSlice slice; /* what all bindings are */
} Starter;

static void
starter_clear (Starter *s)
{
  g_clear_pointer (&s->cmd, ovk_cmd_free);
  g_clear_pointer (&s->arena, ovk_arena_free);
}

static gboolean
starter_init (Starter *s, OvkDevice *dev, GError **error)
{
  memset (s, 0, sizeof (*s));
  if (!dev->gpu.caps.compiles_late)
    return TRUE;
  s->arena = ovk_arena_new (dev, "compiler", 256);
  s->cmd = ovk_cmd_new (dev, "compiler", error);
  if (s->cmd && ovk_arena_alloc (s->arena, 256, &s->slice, error))
    return TRUE;
  starter_clear (s);
  return FALSE;
}

/* ---- the end of the process ------------------------------------------- */

/* A driver's compiler must not be at work while the process takes it down. What
 * was registered last runs first; compilers, such as LLVM, register what they
 * make as they get along, most of all with the first pipeline. So the process
 * waits, before that, for what is being made, and begins nothing more. */
static GMutex making_lock;
static GCond making_done;
static guint n_making;
static gboolean is_ending;
static gint primed; /* atomic: this process has made a pipeline */

static void
stop_making (void)
{
  g_mutex_lock (&making_lock);
  is_ending = TRUE;
  while (n_making)
    g_cond_wait (&making_done, &making_lock);
  g_mutex_unlock (&making_lock);
}

static gboolean
begin_making (const OvkDevice *dev, GError **error)
{
  gboolean ok;

  g_mutex_lock (&making_lock);
  ok = !is_ending;
  n_making += ok;
  g_mutex_unlock (&making_lock);
  if (!ok)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED,
        "%s: no pipelines are made while the process ends", dev->gpu.caps.name);
  return ok;
}

static void
end_making (void)
{
  g_mutex_lock (&making_lock);
  if (!g_atomic_int_get (&primed))
    (void) atexit (stop_making);
  g_atomic_int_set (&primed, 1);
  n_making--;
  g_cond_broadcast (&making_done);
  g_mutex_unlock (&making_lock);
}

/* The pipeline on @dev, such that its use takes no time. */
static gboolean
make_ready (OvkDevice *dev, Starter *s, const OvkPipeline *key, GError **error)
{
  OvkPipeline *pipeline;
  gboolean ok;

  if (!begin_making (dev, error))
    return FALSE;
  pipeline = ovk_pipelines_get (
      &dev->pipelines, key->shader, key->spec, key->n_spec, error);
  ok = pipeline != NULL;
  if (ok && s->cmd) {
    ovk_cmd_start_pipeline (s->cmd, pipeline, s->slice);
    ok = ovk_cmd_run (s->cmd, error);
  }
  end_making ();
  return ok;
}

/* ---- what was given up ------------------------------------------------ */

/* Compilers that their threads are to free, and have not yet. */
static GMutex left_lock;
static GCond left_freed;
static guint n_left;

void
ovk_compiler_drain (void)
{
  g_mutex_lock (&left_lock);
  while (n_left)
    g_cond_wait (&left_freed, &left_lock);
  g_mutex_unlock (&left_lock);
}

/* It is registered after what the first pipeline made. */
static void
leave (void)
{
  (void) atexit (ovk_compiler_drain);
  g_mutex_lock (&left_lock);
  n_left++;
  g_mutex_unlock (&left_lock);
}

/* ---- compiling -------------------------------------------------------- */

typedef struct {
  OvkPipeline key;
  gboolean on_twin; /* ready there, not on the device itself */
} Item;

struct _OvkCompiler {
  OvkDevice *dev;                /* reference */
  GThread *threads[MAX_THREADS]; /* NULL: there could be none */
  gboolean no_first;             /* there could be no first thread */
  GArray *items;                 /* Item, the longest to compile first */
  Starter here; /* of whoever waits, where there is no first thread */
  gboolean here_ready;

  GMutex lock; /* of all below, and of the items' on_twin */
  GCond changed;
  guint next;      /* item that nobody has begun */
  guint n_twins;   /* threads with a twin that are at work */
  guint n_running; /* threads that still use all this */
  gboolean active; /* the first thread is at work, or who does that for it */
  gboolean stop;
  gboolean left;                   /* nobody waits: the last thread frees it */
  guint64 done_bytes, total_bytes; /* of the shaders' code */
  GError *error;                   /* (nullable) the first */
};

static Item *
begin_item (OvkCompiler *c)
{
  Item *item = NULL;

  g_mutex_lock (&c->lock);
  if (!c->stop && c->next < c->items->len)
    item = &g_array_index (c->items, Item, c->next++);
  g_mutex_unlock (&c->lock);
  return item;
}

static void
end_item (OvkCompiler *c, Item *item, gboolean on_twin)
{
  g_mutex_lock (&c->lock);
  item->on_twin = on_twin;
  c->done_bytes += item->key.shader->code_bytes;
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
}

/* Takes over @error. */
static void
fail (OvkCompiler *c, GError *error)
{
  g_mutex_lock (&c->lock);
  if (c->error)
    g_error_free (error);
  else
    c->error = error;
  c->stop = TRUE;
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
}

/* A thread on the device itself. */
static void
work (OvkCompiler *c, Starter *s)
{
  Item *item;

  while ((item = begin_item (c))) {
    GError *error = NULL;

    if (!make_ready (c->dev, s, &item->key, &error))
      fail (c, error);
    end_item (c, item, FALSE);
  }
}

/* The machine code that a twin made lies in the driver's cache, which both
 * share. Where it does not, as without a folder for it, it is made here. */
static void
take_over (OvkCompiler *c, Starter *s)
{
  g_mutex_lock (&c->lock);
  while (c->n_twins && !c->stop)
    g_cond_wait (&c->changed, &c->lock);
  g_mutex_unlock (&c->lock);

  for (guint i = 0; i < c->items->len; i++) {
    Item *item = &g_array_index (c->items, Item, i);
    GError *error = NULL;
    gboolean wanted;

    g_mutex_lock (&c->lock);
    wanted = !c->stop && item->on_twin;
    g_mutex_unlock (&c->lock);
    if (wanted && !make_ready (c->dev, s, &item->key, &error))
      fail (c, error);
  }
}

static void
finish_first (OvkCompiler *c)
{
  g_mutex_lock (&c->lock);
  c->active = FALSE;
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
}

/* Nothing is under way any more. */
static void
destroy (OvkCompiler *c)
{
  g_array_unref (c->items);
  g_clear_error (&c->error);
  g_mutex_clear (&c->lock);
  g_cond_clear (&c->changed);
  ovk_device_unref (c->dev);
  g_free (c);
}

/* The last that a thread does with @c. */
static void
end_thread (OvkCompiler *c)
{
  gboolean last;

  g_mutex_lock (&c->lock);
  last = --c->n_running == 0 && c->left;
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
  if (!last)
    return;
  destroy (c);
  g_mutex_lock (&left_lock);
  n_left--;
  g_cond_broadcast (&left_freed);
  g_mutex_unlock (&left_lock);
}

static gpointer
first_thread (gpointer data)
{
  OvkCompiler *c = data;
  GError *error = NULL;
  Starter s;

  if (!starter_init (&s, c->dev, &error)) {
    fail (c, error);
  } else {
    work (c, &s);
    take_over (c, &s);
    starter_clear (&s);
  }
  finish_first (c);
  end_thread (c);
  return NULL;
}

static gboolean
needs_this_thread (OvkCompiler *c)
{
  gboolean here;

  g_mutex_lock (&c->lock);
  here = c->no_first && c->active && !c->error;
  g_mutex_unlock (&c->lock);
  return here;
}

/* As the first thread, one pipeline a call, on the thread of who waits: it
 * looks at progress and cancels in between. */
static void
work_here (OvkCompiler *c)
{
  GError *error = NULL;
  Item *item;

  if (!c->here_ready && !starter_init (&c->here, c->dev, &error)) {
    fail (c, error);
    finish_first (c);
    return;
  }
  c->here_ready = TRUE;
  item = begin_item (c);
  if (item) {
    if (!make_ready (c->dev, &c->here, &item->key, &error))
      fail (c, error);
    end_item (c, item, FALSE);
    return;
  }
  take_over (c, &c->here);
  starter_clear (&c->here);
  c->here_ready = FALSE;
  finish_first (c);
}

static gboolean
is_stopped (OvkCompiler *c)
{
  gboolean stop;

  g_mutex_lock (&c->lock);
  stop = c->stop;
  g_mutex_unlock (&c->lock);
  return stop;
}

/* Nothing that fails on a twin matters: the device tries again. */
static void
work_on_twin (OvkCompiler *c)
{
  g_autoptr (OvkDevice) twin = ovk_device_twin (c->dev, NULL);
  Starter s;
  Item *item;

  if (!twin || !starter_init (&s, twin, NULL))
    return;
  while ((item = begin_item (c))) {
    make_ready (twin, &s, &item->key, NULL);
    if (!is_stopped (c) && begin_making (c->dev, NULL)) {
      ovk_pipelines_get (&c->dev->pipelines, item->key.shader, item->key.spec,
          item->key.n_spec, NULL);
      end_making ();
    }
    end_item (c, item, TRUE);
  }
  starter_clear (&s);
}

static gpointer
next_thread (gpointer data)
{
  OvkCompiler *c = data;
  Starter none = { NULL };

  if (c->dev->gpu.caps.compiles_late)
    work_on_twin (c);
  else
    work (c, &none);
  g_mutex_lock (&c->lock);
  c->n_twins--;
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
  end_thread (c);
  return NULL;
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  gsize x = ((const Item *) a)->key.shader->code_bytes;
  gsize y = ((const Item *) b)->key.shader->code_bytes;

  return (x < y) - (x > y);
}

OvkCompiler *
ovk_compiler_new (OvkDevice *dev, const OvkPipelineSet *set)
{
  OvkCompiler *c = g_new0 (OvkCompiler, 1);
  g_autoptr (GPtrArray) keys = ovk_pipeline_set_list (set);
  guint n_threads;

  c->dev = ovk_device_ref (dev);
  c->items = g_array_new (FALSE, FALSE, sizeof (Item));
  g_mutex_init (&c->lock);
  g_cond_init (&c->changed);
  for (guint i = 0; i < keys->len; i++) {
    Item item = { *(const OvkPipeline *) g_ptr_array_index (keys, i), FALSE };

    g_array_append_val (c->items, item);
    c->total_bytes += item.key.shader->code_bytes;
  }
  g_array_sort (c->items, compare_items);
  /* Nobody gives up before there is a first one, so it is the shortest. */
  if (!g_atomic_int_get (&primed) && c->items->len > 1) {
    Item shortest = g_array_index (c->items, Item, c->items->len - 1);

    g_array_set_size (c->items, c->items->len - 1);
    g_array_prepend_val (c->items, shortest);
  }
  n_threads = CLAMP (g_get_num_processors (), 1, MAX_THREADS);
  n_threads = CLAMP (c->items->len, 1, n_threads);
  c->n_twins = n_threads - 1;
  c->n_running = n_threads;
  c->active = TRUE;
  for (guint i = 0; i < n_threads; i++) {
    c->threads[i] = g_thread_try_new (
        "owl2-compile", i ? next_thread : first_thread, c, NULL);
    if (!c->threads[i]) {
      g_mutex_lock (&c->lock);
      c->no_first |= i == 0;
      c->n_twins -= i ? 1 : 0;
      c->n_running--;
      g_cond_broadcast (&c->changed);
      g_mutex_unlock (&c->lock);
    }
  }
  return c;
}

OvkCompilerState
ovk_compiler_wait (OvkCompiler *c, guint timeout_ms, double *fraction)
{
  gint64 end = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  OvkCompilerState state;

  if (needs_this_thread (c)) {
    work_here (c);
    end = 0;
  }

  g_mutex_lock (&c->lock);
  while ((c->active || c->n_twins) && !c->error
         && g_cond_wait_until (&c->changed, &c->lock, end))
    ;
  state = c->error                  ? OVK_COMPILER_FAILED
          : c->active || c->n_twins ? OVK_COMPILER_BUSY
                                    : OVK_COMPILER_DONE;
  if (fraction)
    *fraction =
        c->total_bytes ? (double) c->done_bytes / (double) c->total_bytes : 1;
  g_mutex_unlock (&c->lock);
  return state;
}

/* What drivers took to compile and gave back lies scattered in the C library's
 * arenas, which keep it: some 20 MB on llvmpipe. */
static void
trim (void)
{
#ifdef __GLIBC__
  malloc_trim (0);
#endif
}

gboolean
ovk_compiler_finish (OvkCompiler *c, GError **error)
{
  while (needs_this_thread (c))
    work_here (c);
  g_mutex_lock (&c->lock);
  while (c->n_running)
    g_cond_wait (&c->changed, &c->lock);
  g_mutex_unlock (&c->lock);
  trim ();
  if (!c->error)
    return TRUE;
  if (error)
    *error = g_error_copy (c->error);
  return FALSE;
}

void
ovk_compiler_free (OvkCompiler *c)
{
  GThread *threads[MAX_THREADS];
  gboolean left;

  if (!c)
    return;
  if (c->here_ready)
    starter_clear (&c->here);
  g_mutex_lock (&c->lock);
  c->stop = TRUE;
  while (!g_atomic_int_get (&primed) && c->n_running)
    g_cond_wait (&c->changed, &c->lock);
  c->left = left = c->n_running > 0;
  if (left)
    leave ();
  memcpy (threads, c->threads, sizeof threads);
  g_cond_broadcast (&c->changed);
  g_mutex_unlock (&c->lock);
  for (guint i = 0; i < MAX_THREADS; i++)
    if (threads[i] && left)
      g_thread_unref (threads[i]);
    else if (threads[i])
      g_thread_join (threads[i]);
  if (!left)
    destroy (c);
}
