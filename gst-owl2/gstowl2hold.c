/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2hold-private.h"

/* ---- items -------------------------------------------------------------- */

static void
item_free (gpointer data)
{
  Item *item = data;

  if (item->object)
    gst_mini_object_unref (item->object);
  if (item->place)
    gst_owl2_place_unref (item->place);
  g_free (item);
}

/* (nullable) */
static GstEvent *
item_event (const Item *item)
{
  return item->object && GST_IS_EVENT (item->object)
             ? GST_EVENT_CAST (item->object)
             : NULL;
}

/* (nullable): what those that follow were held for, when that has ended. */
static GstOwl2Answer *
item_answer (const Item *item)
{
  return item->place && item->place->holds ? item->place->answer : NULL;
}

/* With the lock held, as all that follow. */
static void
hold_append (GstOwl2Hold *hold, Item *item)
{
  g_queue_push_tail (&hold->items, item);
  hold->bytes += item->bytes;
  hold->n_places += item->place != NULL;
  g_cond_broadcast (&hold->cond);
}

static void
hold_append_place (GstOwl2Hold *hold, GstOwl2Place *place)
{
  Item *item = g_new0 (Item, 1);

  item->place = gst_owl2_place_ref (place);
  item->start = item->end = GST_CLOCK_TIME_NONE;
  place->queued = TRUE;
  hold_append (hold, item);
}

/* Who calls frees them without the lock. */
static void
hold_take_items (GstOwl2Hold *hold, GQueue *items)
{
  *items = hold->items;
  g_queue_init (&hold->items);
  hold->bytes = 0;
  hold->n_places = 0;
}

static gboolean
hold_is_open (const GstOwl2Hold *hold)
{
  return hold->active && !hold->flushing;
}

/* A place of a clip that needs more video. */
static gboolean
item_moves (const Item *item)
{
  return item->place && item->place->moves && !item->place->ended;
}

/* (nullable): the first item that is not one of those. */
static GList *
hold_first_fixed (const GstOwl2Hold *hold)
{
  GList *l = hold->items.head;

  while (l && item_moves (l->data))
    l = l->next;
  return l;
}

/* Video leaves for which such places are in the way, before them. */
static void
hold_move_places (GstOwl2Hold *hold)
{
  GList *l = hold_first_fixed (hold);

  if (!l || l == hold->items.head)
    return;
  g_queue_unlink (&hold->items, l);
  g_queue_push_head_link (&hold->items, l);
  g_cond_broadcast (&hold->cond);
}

/* Whether @item has to wait for others to leave. */
static gboolean
hold_is_full (
    const GstOwl2Hold *hold, const GstOwl2HoldHow *how, const Item *item)
{
  const GList *l = hold_first_fixed (hold);

  if (!l)
    return FALSE;
  if (hold->items.length >= GST_OWL2_MAX_HELD_ITEMS
      || hold->n_places > GST_OWL2_MAX_HELD_CLIPS
      || item->bytes > how->max_bytes
      || hold->bytes > how->max_bytes - item->bytes)
    return TRUE;
  while (l && !GST_CLOCK_TIME_IS_VALID (((const Item *) l->data)->start))
    l = l->next;
  if (!l || !GST_CLOCK_TIME_IS_VALID (item->end))
    return FALSE;
  return item->end > ((const Item *) l->data)->start
         && item->end - ((const Item *) l->data)->start > how->max_time;
}

/* ---- leaving ------------------------------------------------------------ */

static gboolean
hold_may_leave (const GstOwl2Hold *hold)
{
  const Item *item = g_queue_peek_head ((GQueue *) &hold->items);

  return item && !hold->pusher && (!item->place || item->place->ended);
}

static GstFlowReturn
hold_push (GstOwl2Hold *hold, Item *item, GstOwl2Answer *current)
{
  GstMiniObject *object = g_steal_pointer (&item->object);

  if (object && GST_IS_BUFFER (object))
    return hold->funcs.buffer (
        GST_BUFFER_CAST (object), current, hold->user_data);
  if (object)
    hold->taken = hold->funcs.event (GST_EVENT_CAST (object), hold->user_data);
  else if (item_answer (item))
    hold->funcs.answer (item_answer (item),
        (guint64) (item->place->ended_us - item->place->begun_us) * 1000,
        hold->user_data);
  return GST_FLOW_OK;
}

static gboolean
flow_is_error (GstFlowReturn flow)
{
  return flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS;
}

/* Downstream takes no more video: what is held goes, but events. Who gives the
 * next buffer is told; if the end was given, nobody comes. */
static void
hold_end_flow (GstOwl2Hold *hold, GstFlowReturn flow)
{
  gboolean eos = FALSE;
  GQueue items;

  hold_take_items (hold, &items);
  for (GList *l = items.head, *next; l; l = next) {
    const GstEvent *event = item_event (l->data);

    next = l->next;
    if (!event || GST_EVENT_TYPE (event) == GST_EVENT_GAP)
      continue;
    eos = eos || GST_EVENT_TYPE (event) == GST_EVENT_EOS;
    hold_append (hold, l->data);
    g_queue_delete_link (&items, l);
  }
  if (!eos)
    hold->flow = flow;
  g_mutex_unlock (&hold->lock);
  g_queue_clear_full (&items, item_free);
  if (eos && flow_is_error (flow))
    hold->funcs.failed (flow, hold->user_data);
  g_mutex_lock (&hold->lock);
}

/* The head leaves; the lock is let go meanwhile. */
static void
hold_leave (GstOwl2Hold *hold)
{
  const guint life = hold->life, epoch = hold->epoch;
  Item *item = g_queue_pop_head (&hold->items);
  g_autoptr (GstOwl2Answer) current = NULL;
  GstFlowReturn flow;

  hold->bytes -= item->bytes;
  hold->n_places -= item->place != NULL;
  hold->pusher = g_thread_self ();
  if (item_answer (item))
    current = gst_owl2_answer_ref (item_answer (item));
  else if (hold->current)
    current = gst_owl2_answer_ref (hold->current);
  g_cond_broadcast (&hold->cond); /* there is room */
  g_mutex_unlock (&hold->lock);

  flow = hold_push (hold, item, current);

  g_mutex_lock (&hold->lock);
  if (hold->epoch == epoch) {
    GstOwl2Answer *old = hold->current;

    /* That of a question that came meanwhile is newer. */
    if (item_answer (item)) {
      hold->current = g_steal_pointer (&current);
      current = old;
    }
    if (flow != GST_FLOW_OK)
      hold_end_flow (hold, flow);
  }
  /* Stopped in there, it may have been started anew, with others in here. */
  if (hold->life == life)
    hold->pusher = NULL;
  g_cond_broadcast (&hold->cond);
  g_mutex_unlock (&hold->lock);
  item_free (item);
  g_mutex_lock (&hold->lock);
}

/* Lets all leave: until there is nothing, or the task until it is stopped. */
static void
hold_run (GstOwl2Hold *hold, gboolean in_task)
{
  const guint life = hold->life;

  while (hold->life == life && (in_task || !hold->flushing)) {
    if (!in_task)
      hold_move_places (hold);
    if (hold_may_leave (hold))
      hold_leave (hold);
    else if (!in_task && !hold_first_fixed (hold))
      return;
    else
      g_cond_wait (&hold->cond, &hold->lock);
  }
}

/* ---- the task ----------------------------------------------------------- */

typedef struct {
  GstOwl2Hold *hold; /* reference */
  GstTask *task;     /* borrowed: has this */
  GRecMutex lock;
} HoldTask;

static void
task_data_free (gpointer data)
{
  HoldTask *t = data;

  gst_owl2_hold_unref (t->hold);
  g_rec_mutex_clear (&t->lock);
  g_free (t);
}

/* As pads tell of their tasks: who listens may give the thread a priority. */
static void
task_tell (
    GstOwl2Hold *hold, GstTask *task, GThread *thread, GstStreamStatusType type)
{
  g_autoptr (GstElement) element = gst_pad_get_parent_element (hold->pad);
  GValue value = G_VALUE_INIT;
  GstMessage *message;

  if (!element)
    return;
  message =
      gst_message_new_stream_status (GST_OBJECT (hold->pad), type, element);
  g_value_init (&value, GST_TYPE_TASK);
  g_value_set_object (&value, task);
  gst_message_set_stream_status_object (message, &value);
  g_value_unset (&value);
  gst_element_post_message (element, message);
}

static void
task_enter (GstTask *task, GThread *thread, gpointer data)
{
  task_tell (data, task, thread, GST_STREAM_STATUS_TYPE_ENTER);
}

static void
task_func (gpointer data)
{
  HoldTask *t = data;
  GstOwl2Hold *hold = t->hold;

  g_mutex_lock (&hold->lock);
  if (hold->task == t->task) {
    hold->task_thread = g_thread_self ();
    hold_run (hold, TRUE);
  }
  g_mutex_unlock (&hold->lock);
  gst_task_stop (t->task);
}

/* What is given from now on may be held. Without the lock; by the streaming
 * thread. */
static void
hold_need_task (GstOwl2Hold *hold)
{
  g_autoptr (GstTask) task = NULL;
  gboolean needed;
  HoldTask *t;
  guint life;

  g_mutex_lock (&hold->lock);
  needed = hold_is_open (hold) && !hold->task;
  life = hold->life;
  g_mutex_unlock (&hold->lock);
  if (!needed)
    return;

  t = g_new0 (HoldTask, 1);
  t->hold = gst_owl2_hold_ref (hold);
  g_rec_mutex_init (&t->lock);
  t->task = task = gst_task_new (task_func, t, task_data_free);
  gst_task_set_lock (task, &t->lock);
  gst_task_set_enter_callback (task, task_enter, gst_owl2_hold_ref (hold),
      (GDestroyNotify) gst_owl2_hold_unref);
  {
    g_autofree char *name =
        g_strdup_printf ("%s:%s", GST_DEBUG_PAD_NAME (hold->pad));

    gst_object_set_name (GST_OBJECT (task), name);
  }
  task_tell (hold, task, NULL, GST_STREAM_STATUS_TYPE_CREATE);

  g_mutex_lock (&hold->lock);
  if (hold->life == life && hold_is_open (hold)) {
    /* Where there can be no thread, the streaming thread does it. */
    hold->task = task;
    if (gst_task_start (task))
      task = NULL;
    else
      hold->task = NULL;
  }
  g_mutex_unlock (&hold->lock);
}

/* ---- what comes --------------------------------------------------------- */

/* @item: (transfer full). The flow of what left last. @taken: (out) (optional):
 * FALSE if downstream has refused the event. */
static GstFlowReturn
hold_add (GstOwl2Hold *hold, const GstOwl2HoldHow *how, Item *item,
    gboolean waits_for_room, gboolean *taken)
{
  const gboolean may_queue = how->max_time && how->max_bytes;
  GstFlowReturn flow = GST_FLOW_FLUSHING;

  if (how->queues && may_queue)
    hold_need_task (hold);
  g_mutex_lock (&hold->lock);
  if (may_queue && waits_for_room && hold->task)
    while (hold_is_open (hold) && hold_is_full (hold, how, item)) {
      hold_move_places (hold);
      g_cond_wait (&hold->cond, &hold->lock);
    }
  if (hold_is_open (hold)) {
    /* What the task has goes before. */
    const gboolean queues =
        hold->task && may_queue
        && (how->queues || hold->items.length || hold->pusher);

    hold_append (hold, g_steal_pointer (&item));
    if (!queues) {
      hold->taken = TRUE;
      hold_run (hold, FALSE);
      if (taken)
        *taken = hold->taken;
    }
    if (hold_is_open (hold)) {
      flow = hold->flow;
      hold->flow = GST_FLOW_OK;
    }
  }
  g_mutex_unlock (&hold->lock);
  if (item)
    item_free (item);
  return flow;
}

GstFlowReturn
gst_owl2_hold_buffer (GstOwl2Hold *hold, const GstOwl2HoldHow *how,
    GstBuffer *buffer, GstClockTime start, GstClockTime end)
{
  Item *item = g_new (Item, 1);

  *item = (Item){ GST_MINI_OBJECT_CAST (buffer), NULL, start, end,
    gst_buffer_get_size (buffer) };
  return hold_add (hold, how, item, TRUE, NULL);
}

gboolean
gst_owl2_hold_event (GstOwl2Hold *hold, const GstOwl2HoldHow *how,
    GstEvent *event, GstClockTime start, GstClockTime end)
{
  const gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
  const gboolean gap = GST_EVENT_TYPE (event) == GST_EVENT_GAP;
  Item *item = g_new (Item, 1);
  gboolean taken = TRUE;
  GstFlowReturn flow;

  *item = (Item){ GST_MINI_OBJECT_CAST (event), NULL, start, end, 0 };
  flow = hold_add (hold, how, item, gap, &taken);
  if (eos && flow_is_error (flow))
    hold->funcs.failed (flow, hold->user_data);
  return taken && flow != GST_FLOW_FLUSHING;
}

gboolean
gst_owl2_hold_wait (GstOwl2Hold *hold)
{
  gboolean open;

  g_mutex_lock (&hold->lock);
  while ((open = hold_is_open (hold)) && hold->task
         && (hold_first_fixed (hold) || hold->pusher)) {
    hold_move_places (hold);
    g_cond_wait (&hold->cond, &hold->lock);
  }
  g_mutex_unlock (&hold->lock);
  return open;
}

static GstOwl2Place *
hold_place (GstOwl2Hold *hold, gboolean holds, gboolean moves)
{
  GstOwl2Place *place = g_new0 (GstOwl2Place, 1);

  g_atomic_ref_count_init (&place->refs);
  place->hold = gst_owl2_hold_ref (hold);
  place->holds = holds;
  place->moves = moves;
  place->begun_us = g_get_monotonic_time ();
  place->link.data = place;
  g_mutex_lock (&hold->lock);
  place->epoch = hold->epoch;
  g_queue_push_tail_link (&hold->open, &place->link);
  if (holds && hold_is_open (hold))
    hold_append_place (hold, place);
  g_mutex_unlock (&hold->lock);
  return place;
}

GstOwl2Place *
gst_owl2_hold_place (GstOwl2Hold *hold, gboolean holds)
{
  return hold_place (hold, holds, FALSE);
}

GstOwl2Place *
gst_owl2_hold_place_early (GstOwl2Hold *hold)
{
  return hold_place (hold, TRUE, TRUE);
}

void
gst_owl2_hold_rest (GstOwl2Hold *hold)
{
  g_mutex_lock (&hold->lock);
  for (GList *l = hold->open.head; l && hold_is_open (hold); l = l->next) {
    GstOwl2Place *place = l->data;

    if (!place->queued && place->epoch == hold->epoch)
      hold_append_place (hold, place);
  }
  g_mutex_unlock (&hold->lock);
}

/* ---- starts and ends ---------------------------------------------------- */

/* With the lock held. Who calls frees what it is given without. */
static GstOwl2Answer *
hold_forget (GstOwl2Hold *hold, GQueue *items)
{
  hold_take_items (hold, items);
  hold->epoch++;
  hold->flow = GST_FLOW_OK;
  g_cond_broadcast (&hold->cond);
  return g_steal_pointer (&hold->current);
}

/* A task that is not joined leaves something behind in its pool. */
static void
join_later (GstElement *element, gpointer task)
{
  gst_task_join (task);
  gst_object_unref (task);
}

void
gst_owl2_hold_set_active (GstOwl2Hold *hold, gboolean active)
{
  g_autoptr (GstOwl2Answer) current = NULL;
  g_autoptr (GstElement) element = NULL;
  g_autoptr (GstTask) task = NULL;
  gboolean own;
  GQueue items;

  g_mutex_lock (&hold->lock);
  hold->active = active;
  hold->flushing = FALSE;
  hold->life++;
  current = hold_forget (hold, &items);
  hold->pusher = NULL;
  task = g_steal_pointer (&hold->task);
  own = hold->task_thread == g_thread_self ();
  hold->task_thread = NULL;
  g_mutex_unlock (&hold->lock);

  g_queue_clear_full (&items, item_free);
  if (!task)
    return;
  gst_task_stop (task);
  if (!own)
    gst_task_join (task);
  else if ((element = gst_pad_get_parent_element (hold->pad)))
    gst_element_call_async (element, join_later, g_steal_pointer (&task), NULL);
}

gboolean
gst_owl2_hold_is_open (GstOwl2Hold *hold)
{
  gboolean open;

  g_mutex_lock (&hold->lock);
  open = hold_is_open (hold);
  g_mutex_unlock (&hold->lock);
  return open;
}

static void
hold_flush (GstOwl2Hold *hold, gboolean flushing)
{
  g_autoptr (GstOwl2Answer) current = NULL;
  GQueue items;

  g_mutex_lock (&hold->lock);
  hold->flushing = flushing;
  current = hold_forget (hold, &items);
  g_mutex_unlock (&hold->lock);
  /* Nobody sends again what stays across a flush. */
  for (const GList *l = items.head; l; l = l->next) {
    GstEvent *event = item_event (l->data);

    if (event && GST_EVENT_IS_STICKY (event)
        && GST_EVENT_TYPE (event) != GST_EVENT_SEGMENT
        && GST_EVENT_TYPE (event) != GST_EVENT_EOS)
      gst_pad_store_sticky_event (hold->pad, event);
  }
  g_queue_clear_full (&items, item_free);
}

void
gst_owl2_hold_flush_start (GstOwl2Hold *hold)
{
  hold_flush (hold, TRUE);
}

/* What the task was about to push must not come behind the flush. */
void
gst_owl2_hold_flush_told (GstOwl2Hold *hold)
{
  g_mutex_lock (&hold->lock);
  while (hold->flushing && hold->pusher && hold->pusher == hold->task_thread
         && hold->pusher != g_thread_self ())
    g_cond_wait (&hold->cond, &hold->lock);
  g_mutex_unlock (&hold->lock);
}

void
gst_owl2_hold_flush_stop (GstOwl2Hold *hold)
{
  hold_flush (hold, FALSE);
}

/* ---- object ------------------------------------------------------------- */

GstOwl2Hold *
gst_owl2_hold_new (
    const GstOwl2HoldFuncs *funcs, GstPad *pad, gpointer user_data)
{
  GstOwl2Hold *hold = g_new0 (GstOwl2Hold, 1);

  g_atomic_ref_count_init (&hold->refs);
  hold->funcs = *funcs;
  hold->user_data = user_data;
  hold->pad = pad;
  g_mutex_init (&hold->lock);
  g_cond_init (&hold->cond);
  g_queue_init (&hold->items);
  g_queue_init (&hold->open);
  return hold;
}

GstOwl2Hold *
gst_owl2_hold_ref (GstOwl2Hold *hold)
{
  g_atomic_ref_count_inc (&hold->refs);
  return hold;
}

void
gst_owl2_hold_unref (GstOwl2Hold *hold)
{
  if (!hold || !g_atomic_ref_count_dec (&hold->refs))
    return;
  gst_owl2_answer_unref (hold->current);
  g_cond_clear (&hold->cond);
  g_mutex_clear (&hold->lock);
  g_free (hold);
}
