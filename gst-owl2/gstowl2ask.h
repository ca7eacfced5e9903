/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A clip, and its way to an answer. */
#ifndef GST_OWL2_ASK_H
#define GST_OWL2_ASK_H

#include "gstowl2frame.h"
#include "gstowl2meta.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

typedef enum {
  GST_OWL2_SOURCE_TRIGGER, /* what the property `trigger` says */
  GST_OWL2_SOURCE_ASK,     /* the signal */
} GstOwl2Source;

/**
 * GstOwl2Job: a clip to be answered.
 * @id: of the answer; 0: the next one when it is begun
 * @question: (nullable): somebody's, which is plain text; NULL: the settings'
 * @frames: (array length=n_frames): with repetitions
 */
typedef struct {
  GstOwl2Source source;
  guint64 id;
  char *question;
  GstOwl2Settings *settings;
  GstClockTime start, end;
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  guint n_frames;
} GstOwl2Job;

void gst_owl2_job_free (GstOwl2Job *job); /* accepts NULL */
/* (transfer full): of @settings' question, with references to all. */
GstOwl2Job *gst_owl2_job_new (GstOwl2Settings *settings, GstClockTime start,
    GstClockTime end, GstOwl2Frame *const *frames, guint n_frames);
/* (transfer full): the same clip, asked by @settings. */
GstOwl2Job *gst_owl2_job_copy (
    const GstOwl2Job *job, GstOwl2Settings *settings);
/* As it is told. Valid as long as @job. */
const char *gst_owl2_job_question (const GstOwl2Job *job);
/* (transfer full): the question as a part of a prompt. */
char *gst_owl2_job_literal (const GstOwl2Job *job);
/* (transfer full): the whole literal prompt, after @turns, oldest first. */
char *gst_owl2_job_prompt (
    const GstOwl2Job *job, const Owl2Turn *turns, guint n_turns);
/* The seed is that of an answer's own stream: from the settings' seed, the
 * clip's start and the question. */
Owl2Sampling gst_owl2_job_sampling (const GstOwl2Job *job);

/**
 * GstOwl2Asking: by one thread at a time.
 * @job: owned
 * @epoch: of the worker when it was begun
 * @model, @element: whose answer it is; borrowed
 * @begun_ns: monotonic clock when the engine got it
 * @text: so far
 * @log_probability: sum over the tokens
 */
typedef struct {
  GstOwl2Job *job;
  guint epoch;
  guint64 id;
  const char *model, *element;
  guint64 begun_ns;
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
/* (transfer full): the whole answer, as the engine gives it. */
GstOwl2Answer *gst_owl2_asking_final (
    const GstOwl2Asking *asking, const Owl2Answer *got);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Job, gst_owl2_job_free)

G_END_DECLS

#endif
