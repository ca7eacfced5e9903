/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls.h"

#define GST_USE_UNSTABLE_API
#include <gst/app/gstappsrc.h>
#include <gst/sdp/sdp.h>
#include <gst/video/video.h>
#include <gst/webrtc/webrtc.h>

#include "base.h"
#include "h264.h"
#include "offer.h"
#include "reply.h"

/* Longest time until there is an answer: the first one waits for keys that are
 * made and plugins that are loaded, on a machine that may be busy. */
#define ANSWER_US (30 * G_USEC_PER_SEC)
/* Longest time from then until there is a connection, and then without anything
 * from the other end; a browser reports each second. */
#define SILENCE_US (10 * G_USEC_PER_SEC)
/* Pictures that may wait to be sent. */
#define MAX_WAITING 8

struct _Calls {
  const LiveOptions *options;
  Video *video;
  GMutex
      lock;   /* of all, and what calls say; held for a few instructions only */
  GList *all; /* Call */
};

/* Counted: the threads of its pipeline have it, too. */
typedef struct {
  Calls *calls; /* NULL once it is over */
  GstElement *pipeline, *in, *peer;
  guint watch;
  Waiting *waiting; /* (nullable): its answer */
  gint failed;       /* atomic */
  gint heard;        /* atomic: since it was looked at */
  gint64 last_heard; /* or answered, or begun; monotonic clock, us */
  gboolean ready;    /* under the lock: it is sent pictures */
  gboolean lost;     /* under the lock: up to the next that needs none */
} Call;

static guint n_calls;

static const char *const needed[] = { "webrtcbin", "nicesrc", "nicesink",
  "dtlssrtpenc", "dtlssrtpdec", "srtpenc", "srtpdec", "rtpbin", "rtph264pay",
  "h264parse", NULL };

const char *
calls_missing (void)
{
  return h264_missing (needed);
}

/* ---- what is sent ------------------------------------------------------- */

/* On the encoder's thread. */
static void
give (Call *call, GstBuffer *picture)
{
  GstAppSrc *in = GST_APP_SRC (call->in);
  GstBuffer *own;

  call->lost |= gst_app_src_get_current_level_buffers (in) >= MAX_WAITING;
  if (call->lost
      && GST_BUFFER_FLAG_IS_SET (picture, GST_BUFFER_FLAG_DELTA_UNIT))
    return;
  call->lost = FALSE;
  own = gst_buffer_copy (picture);
  GST_BUFFER_PTS (own) = GST_BUFFER_DTS (own) = GST_CLOCK_TIME_NONE;
  gst_app_src_push_buffer (in, own);
}

static void
on_video (GstBuffer *picture, gpointer user_data)
{
  Calls *calls = user_data;

  g_mutex_lock (&calls->lock);
  for (GList *l = calls->all; l; l = l->next)
    if (((Call *) l->data)->ready)
      give (l->data, picture);
  g_mutex_unlock (&calls->lock);
}

/* ---- ends --------------------------------------------------------------- */

static void
reply_failed (SoupServerMessage *msg, gpointer user_data)
{
  reply_error (msg, SOUP_STATUS_INTERNAL_SERVER_ERROR, user_data);
}

/* Its elements have it, so it lets go of them: their threads have ended then.
 */
static void
end_call (Call *call, const char *why)
{
  Calls *calls = g_steal_pointer (&call->calls);
  gboolean some = FALSE;

  if (!calls)
    return;
  g_mutex_lock (&calls->lock);
  calls->all = g_list_remove (calls->all, call);
  for (GList *l = calls->all; l; l = l->next)
    some |= ((Call *) l->data)->ready;
  g_mutex_unlock (&calls->lock);
  if (!some)
    video_stop (calls->video);
  if (call->waiting)
    waiting_end (
        g_steal_pointer (&call->waiting), reply_failed, (gpointer) why);
  g_clear_handle_id (&call->watch, g_source_remove);
  gst_element_set_state (call->pipeline, GST_STATE_NULL);
  gst_clear_object (&call->in);
  gst_clear_object (&call->peer);
  gst_clear_object (&call->pipeline);
  n_calls--;
  g_atomic_rc_box_release (call);
}

static void
on_video_failed (gpointer user_data)
{
  Calls *calls = user_data;

  while (calls->all)
    end_call (calls->all->data, "the video can't be encoded");
}

/* ---- what its state makes of it ----------------------------------------- */

static void
reply_answer (SoupServerMessage *msg, gpointer user_data)
{
  json_t *told = json_object ();

  json_object_set_new (told, "sdp", json_string (user_data));
  reply_json (msg, SOUP_STATUS_OK, told);
}

static void
answer (Call *call)
{
  GstWebRTCSessionDescription *local = NULL;
  g_autofree char *text = NULL;

  g_object_get (call->peer, "local-description", &local, NULL);
  if (!local)
    return;
  text = gst_sdp_message_as_text (local->sdp);
  gst_webrtc_session_description_free (local);
  call->last_heard = g_get_monotonic_time ();
  waiting_end (g_steal_pointer (&call->waiting), reply_answer, text);
}

static void
begin_sending (Call *call)
{
  Calls *calls = call->calls;
  const VideoTaker taker = { on_video, on_video_failed, calls };

  g_mutex_lock (&calls->lock);
  call->ready = TRUE;
  g_mutex_unlock (&calls->lock);
  if (video_is_on (calls->video))
    video_want_key (calls->video);
  else if (!video_start (calls->video, &taker, NULL))
    end_call (call, "");
}

static void
check_call (Call *call)
{
  GstWebRTCPeerConnectionState state;
  GstWebRTCICEGatheringState gathering;

  g_object_get (call->peer, "connection-state", &state, "ice-gathering-state",
      &gathering, NULL);
  if (call->waiting && gathering == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE)
    answer (call);
  if (g_atomic_int_get (&call->failed))
    end_call (call, "the offer can't be answered");
  else if (state >= GST_WEBRTC_PEER_CONNECTION_STATE_DISCONNECTED)
    end_call (call, "the connection has ended");
  else if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED && !call->ready)
    begin_sending (call);
}

static void
check_times (Call *call, gint64 now)
{
  if (g_atomic_int_exchange (&call->heard, FALSE))
    call->last_heard = now;
  if (now - call->last_heard > (call->waiting ? ANSWER_US : SILENCE_US))
    end_call (call, "no address to send from was found in time");
}

void
calls_check (Calls *calls)
{
  const gint64 now = g_get_monotonic_time ();

  for (GList *l = calls->all, *next; l; l = next) {
    next = l->next;
    check_times (l->data, now);
  }
}

/* ---- what its threads tell ---------------------------------------------- */

static gboolean
on_news (gpointer user_data)
{
  Call *call = user_data;

  if (call->calls)
    check_call (call);
  return G_SOURCE_REMOVE;
}

/* Any thread. */
static void
tell (Call *call)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, on_news, g_atomic_rc_box_acquire (call),
      g_atomic_rc_box_release);
}

static void
on_state (GObject *peer, GParamSpec *pspec, gpointer user_data)
{
  tell (user_data);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Call *call = user_data;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    g_atomic_int_set (&call->failed, TRUE);
    tell (call);
  }
  return G_SOURCE_CONTINUE;
}

static GstPadProbeReturn
on_heard (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  g_atomic_int_set (&((Call *) user_data)->heard, TRUE);
  return GST_PAD_PROBE_OK;
}

static void
on_element (
    GstBin *pipeline, GstBin *bin, GstElement *element, gpointer user_data)
{
  GstElementFactory *factory = gst_element_get_factory (element);
  g_autoptr (GstPad) pad = NULL;

  if (!factory || !g_str_equal (GST_OBJECT_NAME (factory), "nicesrc"))
    return;
  pad = gst_element_get_static_pad (element, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_heard,
      g_atomic_rc_box_acquire (user_data), g_atomic_rc_box_release);
}

/* The browser has lost a picture. */
static GstPadProbeReturn
on_wish (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  if (gst_video_event_is_force_key_unit (GST_PAD_PROBE_INFO_EVENT (info)))
    video_want_key (user_data);
  return GST_PAD_PROBE_OK;
}

static void
connect_call (Call *call)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (call->in, "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (call->pipeline);
  static const char *const states[] = { "notify::connection-state",
    "notify::ice-gathering-state" };

  call->watch = gst_bus_add_watch (bus, on_message, call);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, on_wish,
      call->calls->video, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    g_signal_connect_data (call->peer, states[i], G_CALLBACK (on_state),
        g_atomic_rc_box_acquire (call),
        (GClosureNotify) (void (*) (void)) g_atomic_rc_box_release, 0);
  g_signal_connect_data (call->pipeline, "deep-element-added",
      G_CALLBACK (on_element), g_atomic_rc_box_acquire (call),
      (GClosureNotify) (void (*) (void)) g_atomic_rc_box_release, 0);
}

/* ---- beginning ---------------------------------------------------------- */

/* Only the address that is listened on is sent from. No server is asked for
 * others, nor a router for a way through it. */
static void
bind_call (Call *call)
{
  GInetAddress *address = call->calls->options->address;
  g_autofree char *own = g_inet_address_to_string (address);
  g_autoptr (GObject) ice = NULL, agent = NULL;
  gboolean added;

  g_object_get (call->peer, "ice-agent", &ice, NULL);
  g_object_get (ice, "agent", &agent, NULL);
  g_object_set (agent, "upnp", FALSE, "ice-tcp", FALSE, NULL);
  if (!g_inet_address_get_is_any (address))
    g_signal_emit_by_name (ice, "add-local-ip-address", own, &added);
}

/* On the thread of webrtcbin. */
static void
on_answer (GstPromise *promise, gpointer user_data)
{
  const GstStructure *reply = gst_promise_get_reply (promise);
  g_autoptr (GstWebRTCSessionDescription) made = NULL;
  Call *call = user_data;

  if (reply)
    gst_structure_get (
        reply, "answer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &made, NULL);
  if (made)
    g_signal_emit_by_name (call->peer, "set-local-description", made, NULL);
  else
    g_atomic_int_set (&call->failed, TRUE);
  tell (call);
}

static void
negotiate (Call *call, const Offer *offer)
{
  g_autoptr (GstWebRTCSessionDescription) remote = NULL;
  GstPromise *promise = gst_promise_new_with_change_func (
      on_answer, g_atomic_rc_box_acquire (call), g_atomic_rc_box_release);
  GstSDPMessage *sdp;

  gst_sdp_message_new_from_text (offer->sdp, &sdp);
  remote = gst_webrtc_session_description_new (GST_WEBRTC_SDP_TYPE_OFFER, sdp);
  g_signal_emit_by_name (call->peer, "set-remote-description", remote, NULL);
  g_signal_emit_by_name (call->peer, "create-answer", NULL, promise);
}

static GstElement *
make_pipeline (guint payload, GError **error)
{
  g_autofree char *text = g_strdup_printf (
      "appsrc name=in is-live=true format=time do-timestamp=true max-bytes=0 "
      "max-buffers=0 max-time=0 caps=" VIDEO_CAPS " ! rtph264pay pt=%u "
      "mtu=1200 aggregate-mode=zero-latency ! application/x-rtp,media=video,"
      "encoding-name=H264,clock-rate=90000,payload=%u ! webrtcbin name=peer "
      "bundle-policy=max-bundle latency=0",
      payload, payload);

  return gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
}

/* (transfer full) (nullable) */
static Call *
begin_call (Calls *calls, const Offer *offer, GError **error)
{
  GstElement *pipeline = make_pipeline (offer->payload, error);
  Call *call;

  if (!pipeline)
    return NULL;
  call = g_atomic_rc_box_new0 (Call);
  call->calls = calls;
  call->pipeline = pipeline;
  call->in = gst_bin_get_by_name (GST_BIN (pipeline), "in");
  call->peer = gst_bin_get_by_name (GST_BIN (pipeline), "peer");
  call->last_heard = g_get_monotonic_time ();
  call->lost = TRUE;
  call->waiting = waiting_new ();
  n_calls++;
  bind_call (call);
  connect_call (call);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  negotiate (call, offer);
  return call;
}

void
calls_add (Calls *calls, SoupServerMessage *msg, const char *sdp)
{
  g_autoptr (GError) error = NULL;
  Offer offer = { 0 };
  Call *call;

  if (n_calls >= CALLS_MAX) {
    reply_error (msg, SOUP_STATUS_SERVICE_UNAVAILABLE,
        "too many browsers are sent video");
    return;
  }
  if (!offer_read (sdp, &offer, &error)) {
    reply_error (msg, SOUP_STATUS_BAD_REQUEST, error->message);
    return;
  }
  call = begin_call (calls, &offer, &error);
  offer_clear (&offer);
  if (!call) {
    reply_error (msg, SOUP_STATUS_INTERNAL_SERVER_ERROR, error->message);
    return;
  }
  waiting_add (call->waiting, msg);
  g_mutex_lock (&calls->lock);
  calls->all = g_list_prepend (calls->all, call);
  g_mutex_unlock (&calls->lock);
}

Calls *
calls_new (const LiveOptions *options, Video *video)
{
  Calls *calls = g_new0 (Calls, 1);

  g_mutex_init (&calls->lock);
  calls->options = options;
  calls->video = video;
  return calls;
}

void
calls_free (Calls *calls)
{
  if (!calls)
    return;
  while (calls->all)
    end_call (calls->all->data, "the program ends");
  g_mutex_clear (&calls->lock);
  g_free (calls);
}
