/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came by `question_sink`, between the thread that brings it and that of
 * the video: a bounded queue by running time, and how far each side is.
 *
 * The thread that brings questions waits while the queue is full. The thread of
 * the video waits where it is told to, until it is known that no question comes
 * before a time: from a question that comes later, a GAP, a segment or the end.
 * Where none of these comes for seconds, it goes on: whoever brings questions
 * may itself wait for it, such as a demuxer whose queue of video is full. So,
 * but for that, nothing depends on which thread is faster. Neither waits for
 * the other in a circle: a full queue holds questions that the video may take,
 * or that the worker answers meanwhile.
 *
 * References are taken and dropped on any thread, since what is asked may
 * outlive the element. */
#ifndef GST_OWL2_QUESTIONS_H
#define GST_OWL2_QUESTIONS_H

#include "gstowl2ask.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Questions GstOwl2Questions;

GstOwl2Questions *gst_owl2_questions_new (void);
GstOwl2Questions *gst_owl2_questions_ref (GstOwl2Questions *questions);
void gst_owl2_questions_unref (GstOwl2Questions *questions); /* accepts NULL */

/* ---- from the pad -------------------------------------------------------- */

/* FALSE if there is one already. @pad: borrowed until it is NULL again. */
gboolean gst_owl2_questions_set_pad (GstOwl2Questions *questions, GstPad *pad);
/* Forgets all, and lets who waits go on. */
void gst_owl2_questions_set_active (
    GstOwl2Questions *questions, gboolean active);
void gst_owl2_questions_set_linked (
    GstOwl2Questions *questions, gboolean linked);
/* How far it is by this event, or that a flush begins or ends. */
void gst_owl2_questions_event (GstOwl2Questions *questions, GstEvent *event);
/* TRUE: what is known is of no use; no question is taken until it is FALSE. */
void gst_owl2_questions_set_seeking (
    GstOwl2Questions *questions, gboolean seeking);
/* Whether the segment, if there is one, begins at this stream time. */
gboolean gst_owl2_questions_are_at (
    GstOwl2Questions *questions, GstClockTime start);
/**
 * gst_owl2_questions_push: returns when there is room.
 * @text: (nullable): NULL if there is nothing to ask
 * @pts: NONE: as soon as there is a frame
 * @settings: for a job that is asked now
 * @now: (out) (nullable): a question whose time has passed, to be asked
 *
 * Returns: GST_FLOW_OK, or _FLUSHING
 */
GstFlowReturn gst_owl2_questions_push (GstOwl2Questions *questions,
    const char *text, GstClockTime pts, GstOwl2Settings *settings,
    GstOwl2Job **now);

/* ---- from the video ------------------------------------------------------ */

/* TRUE lets the video's thread go on, until FALSE; then the video begins anew,
 * and what it was is forgotten. */
void gst_owl2_questions_set_video_flushing (
    GstOwl2Questions *questions, gboolean flushing);
/* Whether questions may come, for which frames have to be kept. */
gboolean gst_owl2_questions_are_wanted (GstOwl2Questions *questions);
/* (transfer full) (nullable): the clip of questions whose time has passed. */
void gst_owl2_questions_set_newest (
    GstOwl2Questions *questions, GstOwl2Job *job);
/**
 * gst_owl2_questions_next: the next question before the running time @end.
 * @wait: until all of them are known
 * @time: (out): its running time, or NONE
 *
 * Returns: (transfer full) (nullable): its text, for
 * gst_owl2_questions_lend() or _put_back(); NULL if there is none: then the
 * video has passed @end
 */
char *gst_owl2_questions_next (GstOwl2Questions *questions, GstClockTime end,
    gboolean wait, GstClockTime *time);
/* (transfer full): @job asks it, and its place is free when the job is. */
void gst_owl2_questions_lend (
    GstOwl2Questions *questions, GstOwl2Job *job, char *text);
/* (transfer full): it can't be asked yet. */
void gst_owl2_questions_put_back (GstOwl2Questions *questions, char *text);
/* The video ends; FALSE: it goes on after all. */
void gst_owl2_questions_set_ended (GstOwl2Questions *questions, gboolean ended);
/* How often the video went on without having heard, since the last call. */
guint gst_owl2_questions_take_silences (GstOwl2Questions *questions);
/* How many questions came to nothing since the last call.
 * @wait: until no more of them come, if there are some */
guint gst_owl2_questions_take_lost (GstOwl2Questions *questions, gboolean wait);
/* Where [pts, pts + duration), which @segment leaves something of, lies in
 * running time; never empty. In a segment without one it is as it is. */
void gst_owl2_questions_place (const GstSegment *segment, GstClockTime pts,
    GstClockTime duration, GstClockTime *from, GstClockTime *to);
/* Stream time of the running time, or NONE. */
GstClockTime gst_owl2_questions_stream_time (
    const GstSegment *segment, GstClockTime running);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Questions, gst_owl2_questions_unref)

G_END_DECLS

#endif
