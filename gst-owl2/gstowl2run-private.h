/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of a run share: gstowl2runcore.c has the run itself and how
 * others are told; above it, and not knowing of each other, gstowl2runload.c
 * the model, and gstowl2runwork.c what the engine does with frames and clips;
 * above those gstowl2runlost.c the model after its device was lost, of which
 * the load asks whether there is another try, and gstowl2runscene.c which clips
 * are answered; on top gstowl2run.c the state machine, the stop and the
 * stream's side. Nobody else includes this.
 */
#ifndef GST_OWL2_RUN_PRIVATE_H
#define GST_OWL2_RUN_PRIVATE_H

#include "gstowl2lane.h"
#include "gstowl2run.h"

G_BEGIN_DECLS

/* Frames that the engine has at a time: as many as it encodes together. */
#define GST_OWL2_MAX_WORK 4

typedef enum {
  GST_OWL2_RUN_LOADING,
  GST_OWL2_RUN_READY,
  GST_OWL2_RUN_FAILED,
} GstOwl2RunState;

/* An earlier question and its answer, as they go into a prompt. */
typedef struct {
  char *question, *answer;
} GstOwl2PastTurn;

typedef struct {
  GstProgressType type;
  char *text;
  int percent;
} GstOwl2Progress;

struct _GstOwl2Run {
  gatomicrefcount refs;
  GList link; /* in the list of gstowl2runlost.c */
  GstOwl2WorkerFuncs funcs;
  gpointer user_data;
  GstOwl2WorkerConfig *config;
  GstOwl2Stats *stats;
  GstOwl2Pool *pool;
  GstOwl2Lane *lane;    /* (nullable): NULL before the start */
  GstOwl2LaneFunc step; /* the state machine, on the run */

  GMutex lock; /* of all below; the engine's and the lanes' come after it */
  GCond cond;
  GstOwl2RunState state;
  gboolean rests;   /* has or loads a model, and there is no stream */
  gboolean failing; /* it is being told, and the state follows */
  gboolean stopping;
  gboolean ended;      /* stopped, and no callback of the engine can come */
  GThread *callback;   /* (nullable): the thread that calls one of the funcs */
  gboolean kicked;     /* a step waits in the lane */
  GThread *stepping;   /* (nullable): the thread that is in a step */
  gboolean away;       /* the step is at something long, without the lock */
  gboolean told_start; /* of a load whose end is not told yet */

  /* Loading */
  Owl2Opening *opening;
  gboolean opened;    /* and so there is a model or an error */
  GError *open_error; /* (nullable) */
  guint n_losses;     /* of devices, and loads after them, since an answer */
  GstClockID retry;   /* (nullable): until the model is loaded again */
  gboolean retry_due; /* that is now */
  GQueue progress;    /* GstOwl2Progress, to be told */
  char *progress_stage;
  guint64 progress_ns;

  Owl2Model *model;
  Owl2Session *session; /* from the end of the load to the stop */

  /* Work */
  gboolean flushing;
  guint epoch;   /* one more for each flush: older work is void */
  GQueue encode; /* GstOwl2Frame, to be encoded, or if lazy shrunk, when idle */
  GQueue clips;  /* GstOwl2Job: also questions, in a stream that waits */
  GQueue asked;  /* GstOwl2Job: questions, which go before those */
  GQueue turns;  /* GstOwl2PastTurn: the newest GST_OWL2_MAX_HISTORY */
  GstOwl2Frame *scene; /* (nullable): the sample that was answered last */
  gint64 scene_t;      /* its, as is the next */
  guint scene_series;
  GstOwl2Job *newest; /* (nullable): the clip that a question is about */
  gboolean alert;     /* there is one */
  guint64 next_id;
  guint64 answer_ns; /* that a clip's answer takes, of late; 0: unknown */
  GError *fatal;     /* (nullable): nothing goes on, and it is not told yet; on
                      * a device that was lost, nothing until there is another */

  /* What the engine has */
  GstOwl2Frame *work[GST_OWL2_MAX_WORK]; /* references; NULL: free */
  guint n_work, n_calls;
  gboolean cancelled; /* until it has nothing any more */

  /* The clip that is being answered */
  GstOwl2Asking *asking; /* (nullable) */
  gboolean generating;   /* the engine has it */
  gboolean generated;    /* and so there is an answer or an error */
  Owl2Answer *got;       /* (nullable) */
  GError *got_error;     /* (nullable) */
  GQueue partials;       /* GstOwl2Answer, to be told before that */

  /* Of the lane alone. */
  char *model_name;
  guint image_size; /* edge in pixels of what the model sees */
  Owl2ImageMode image_mode; /* of the model */
  GstOwl2Rgb rgb;
};

/* ---- gstowl2runcore.c: all with the lock held --------------------------- */

void gst_owl2_progress_free (gpointer progress);
void gst_owl2_past_turn_free (gpointer turn);
/* Asks for a step. */
void gst_owl2_run_kick (GstOwl2Run *run);
void gst_owl2_run_take_queues (GstOwl2Run *run, GQueue *encode, GQueue *clips);
/* Without the lock. */
void gst_owl2_run_free_queues (GQueue *encode, GQueue *clips);
/* Around each of the funcs: the lock is let go in between. */
void gst_owl2_run_begin_callback (GstOwl2Run *run);
void gst_owl2_run_end_callback (GstOwl2Run *run);
/* Around what may take long, likewise: a stop does not wait for it, and may be
 * over afterwards. */
void gst_owl2_run_begin_away (GstOwl2Run *run);
void gst_owl2_run_end_away (GstOwl2Run *run);
void gst_owl2_run_tell_progress (
    GstOwl2Run *run, GstProgressType type, const char *text, int percent);
/* The same by the next step. */
void gst_owl2_run_push_progress (
    GstOwl2Run *run, GstProgressType type, const char *text, int percent);
/* Nothing more is done. The message is out before anyone who waits goes on, so
 * that it is the first of those that the failure brings. */
void gst_owl2_run_fail (GstOwl2Run *run, const GError *error);
/* Whether nobody wants the work of @epoch any more. */
gboolean gst_owl2_run_is_void (const GstOwl2Run *run, guint epoch);
gboolean gst_owl2_run_works_on (
    const GstOwl2Run *run, const GstOwl2Frame *frame);
/* Takes out of the queue what is encoded by now, and what no clip wants any
 * more. */
void gst_owl2_run_prune (GstOwl2Run *run);
/* (nullable): the place in the queue of what there is to do: frames that are
 * sure to be wanted first, the others only to make room. */
GList *gst_owl2_run_next_frame (GstOwl2Run *run);

/* ---- gstowl2runload.c --------------------------------------------------- */

/* Begins to load the model, whose end is noted. Without the lock. */
Owl2Opening *gst_owl2_run_open (GstOwl2Run *run, GError **error);
/* There is a model, or an error, which is told unless there is another try.
 * With the lock held, which is let go meanwhile, as in all that follows. */
void gst_owl2_run_end_load (GstOwl2Run *run);

/* ---- gstowl2runlost.c --------------------------------------------------- */

/* From its beginning to its stop others may tell it that the device of a model
 * that it has is lost. Without any lock, as the next; that more than once. */
void gst_owl2_run_enlist (GstOwl2Run *run);
void gst_owl2_run_strike (GstOwl2Run *run);
/* After DEVICE_LOST, which is run->fatal. FALSE if it is the engine's turn. */
gboolean gst_owl2_run_step_lost (GstOwl2Run *run);
/* The time has come to load the model again. */
void gst_owl2_run_step_retry (GstOwl2Run *run);
/* The load that came of that failed. FALSE if there is no other try. */
gboolean gst_owl2_run_retry (GstOwl2Run *run, const GError *error);
/* Of the stop, without the lock. Accepts NULL. */
void gst_owl2_run_cancel_retry (GstClockID retry);

/* ---- gstowl2runwork.c --------------------------------------------------- */

/* When there is no clip to answer, or it is not known yet. FALSE if there is
 * nothing to do. */
gboolean gst_owl2_run_step_frames (GstOwl2Run *run);
/* The next thing for the clip. FALSE if it is the engine's turn. */
gboolean gst_owl2_run_step_clip (GstOwl2Run *run);
void gst_owl2_run_tell_partial (GstOwl2Run *run);
/* Has the frame encoded. FALSE if it is, or it is the engine's turn. */
gboolean gst_owl2_run_want_frame (GstOwl2Run *run, GstOwl2Frame *frame);
/* The clip is not answered, and that is told. */
void gst_owl2_run_lose (GstOwl2Run *run, const GError *error);
/* What the engine made of the clip. */
void gst_owl2_run_step_generated (GstOwl2Run *run);
/* The clip is done with. */
void gst_owl2_run_end_clip (GstOwl2Run *run);
/* It is done with for an error of a request, after which nothing may go on. */
void gst_owl2_run_refuse (GstOwl2Run *run, const GError *error);

/* ---- gstowl2runscene.c -------------------------------------------------- */

/* The next thing for a clip of which it is not known whether it is answered.
 * FALSE if it is the engine's turn. */
gboolean gst_owl2_run_step_scene (GstOwl2Run *run);

G_END_DECLS

#endif
