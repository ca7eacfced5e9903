/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A clip, and its way to an answer. */
#ifndef GST_OWL2_ASK_H
#define GST_OWL2_ASK_H

#include "gstowl2frame.h"
#include "gstowl2meta.h"
#include "gstowl2place.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

typedef enum {
  GST_OWL2_SOURCE_TRIGGER, /* what the property `trigger` says */
  GST_OWL2_SOURCE_ASK,     /* the signal */
  GST_OWL2_SOURCE_PAD,     /* `question_sink` */
} GstOwl2Source;

/**
 * GstOwl2Sample: what it takes to decide whether a job is answered.
 * @frame: (nullable): borrowed, one of the job's frames; NULL: it is answered
 * in any case
 * @t: its time on the clipper's axis
 * @series: those of one series are compared with each other
 */
typedef struct {
  GstOwl2Frame *frame;
  gint64 t;
  guint series;
} GstOwl2Sample;

/**
 * GstOwl2Job: a clip to be answered.
 * @id: of the answer; 0: the next one when it is begun
 * @question: (nullable): somebody's, which is plain text; NULL: the settings'
 * @place: (nullable): of the answer; it ends with the job
 * @sample: with trigger=scene
 * @n_wanted: frames that there were to be, where some were left out
 * @frames: (array length=n_frames): with repetitions, in the order of stream
 *   time, whichever way it is played
 * @on_free: (nullable): called with @on_free_data when the job is freed, on any
 *   thread without a lock held
 */
typedef struct {
  GstOwl2Source source;
  guint64 id;
  char *question;
  GstOwl2Place *place;
  GstOwl2Sample sample;
  GstOwl2Settings *settings;
  GstClockTime start, end;
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  guint n_frames, n_wanted;
  GDestroyNotify on_free;
  gpointer on_free_data;
} GstOwl2Job;

void gst_owl2_job_free (GstOwl2Job *job); /* accepts NULL */
/* (transfer full): of @settings' question, with references to all; @frames as
 * they came, forwards or backwards in stream time. */
GstOwl2Job *gst_owl2_job_new (GstOwl2Settings *settings, GstClockTime start,
    GstClockTime end, GstOwl2Frame *const *frames, guint n_frames);
/* (transfer full): the same clip, asked by @settings, without a place, to be
 * answered in any case. */
GstOwl2Job *gst_owl2_job_copy (
    const GstOwl2Job *job, GstOwl2Settings *settings);
/* Leaves @n of its frames, spread evenly from the first one on. */
void gst_owl2_job_thin (GstOwl2Job *job, guint n);
/* When the last of its frames came; monotonic clock. */
guint64 gst_owl2_job_arrived_ns (const GstOwl2Job *job);
/* As it is told. Valid as long as @job. */
const char *gst_owl2_job_question (const GstOwl2Job *job);
/* (transfer full): the question as a part of a prompt. */
char *gst_owl2_job_literal (const GstOwl2Job *job);
/* (transfer full): the whole literal prompt, after @turns, oldest first, where
 * there is no template. */
char *gst_owl2_job_prompt (
    const GstOwl2Job *job, const Owl2Turn *turns, guint n_turns);
/* The seed is that of an answer's own stream: from the settings' seed, the
 * clip's start and the question. */
Owl2Sampling gst_owl2_job_sampling (const GstOwl2Job *job);

/* Whether a job is answered. */
typedef enum {
  GST_OWL2_DECISION_OPEN,
  GST_OWL2_DECISION_COMPARING, /* the engine has it */
  GST_OWL2_DECISION_COMPARED,
  GST_OWL2_DECISION_ANSWER,
} GstOwl2Decision;

/**
 * GstOwl2Asking: by one thread at a time.
 * @job: owned
 * @decision: OPEN at first where the job has a sample
 * @distance, @compare_error: (nullable): when it was COMPARED
 * @prepared: its settings and its frames were looked at
 * @epoch: of the worker when it was begun
 * @model, @element: whose answer it is; borrowed
 * @taken_ns: monotonic clock when it was its turn
 * @begun_ns: the same when the engine got it
 * @text: so far
 * @log_probability: sum over the tokens
 */
typedef struct {
  GstOwl2Job *job;
  GstOwl2Decision decision;
  double distance;
  GError *compare_error;
  gboolean prepared;
  guint epoch;
  guint64 id;
  const char *model, *element;
  guint64 taken_ns, begun_ns;
  GString *text;
  guint n_tokens;
  double log_probability;
} GstOwl2Asking;

/* (transfer full): @job (transfer full) */
GstOwl2Asking *gst_owl2_asking_new (GstOwl2Job *job, guint epoch);
void gst_owl2_asking_free (GstOwl2Asking *asking); /* accepts NULL */
/* One more token, as in Owl2TokenFunc. */
void gst_owl2_asking_add (
    GstOwl2Asking *asking, double probability, const char *text);
/* (transfer full): what there is so far. */
GstOwl2Answer *gst_owl2_asking_partial (const GstOwl2Asking *asking);
/* (transfer full): the whole answer, as the engine gives it. @alert: (inout):
 * whether there is one */
GstOwl2Answer *gst_owl2_asking_final (
    const GstOwl2Asking *asking, const Owl2Answer *got, gboolean *alert);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Job, gst_owl2_job_free)

G_END_DECLS

#endif
