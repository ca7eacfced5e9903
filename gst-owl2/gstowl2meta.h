/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer, and how it is told: as a GstStructure in the message, and in the
 * GstCustomMeta on buffers, whose fields are the same. */
#ifndef GST_OWL2_META_H
#define GST_OWL2_META_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_OWL2_META_NAME "GstOwl2Meta"
#define GST_OWL2_LOOK_META_NAME "GstOwl2LookMeta"
#define GST_OWL2_ANSWER_NAME "owl2-answer"

/* See gstowl2look.h. */
typedef struct _GstOwl2Look GstOwl2Look;

/**
 * GstOwl2Answer: immutable once it is sealed.
 * @id: counts up with each clip that is asked about, from 1
 * @prompt: the question
 * @element: who asked: the name of the element
 * @start: stream time that was looked at, as is @end
 * @times: (array length=n_times): stream time of each frame, in playback order
 * @latency: from the last frame's arrival to the answer
 * @confidence: geometric mean of the chosen tokens' probabilities
 * @final: FALSE while tokens are still to come
 * @n_wanted: frames that there were to be; more than @n_times: these stayed
 * @choices, @probabilities: (nullable) (array length=n_choices): what @text was
 *   chosen from
 * @scored: whether there is a @score
 * @alert_threshold: 0: nobody looks for alerts
 * @alert: whether there is one, and @alert_changed, whether that is news
 * @look: (nullable): where it looks; not told
 * @structure: all of that, as it is told
 */
typedef struct {
  gatomicrefcount refs;
  guint64 id;
  char *text;
  char *prompt;
  char *model;
  char *element;
  GstClockTime start, end;
  GstClockTime *times;
  guint n_times, n_wanted;
  guint n_tokens;
  guint n_prompt_tokens;
  GstClockTime latency;
  double confidence;
  gboolean final;
  char **choices;
  double *probabilities;
  guint n_choices;
  gboolean scored;
  double score;
  double alert_threshold;
  gboolean alert, alert_changed;
  GstOwl2Look *look;
  GstStructure *structure;
} GstOwl2Answer;

GstOwl2Answer *gst_owl2_answer_new (void);
GstOwl2Answer *gst_owl2_answer_ref (GstOwl2Answer *answer);
void gst_owl2_answer_unref (GstOwl2Answer *answer); /* accepts NULL */
/* Once, when all else is set: makes the structure `owl2-answer`. Its fields, of
 * which docs/properties.md is made, are
 *
 * `id`: counts up with each clip that is asked about, from 1
 * `text`: what the model says; UTF-8, where bytes that are not become U+FFFD
 * `prompt`: the question
 * `start`: stream time of the beginning of what was looked at, in nanoseconds
 * `end`: and of its end
 * `frame-times`: stream time of each frame, in nanoseconds, in playback order
 * `tokens`: of the answer
 * `prompt-tokens`: of the prompt, those of pictures included
 * `latency`: nanoseconds from the last frame's arrival to the answer
 * `confidence`: geometric mean of the chosen tokens' probabilities
 * `final`: FALSE while tokens are still to come
 * `model`: name of the model
 * `element`: name of the element that asked
 * `json`: all other fields as one JSON text
 *
 * and where they apply
 *
 * `choices`: what `text` was chosen from
 * `probabilities`: of each of them; they add to 1
 * `score`: sum of the choices' weights times their probabilities
 * `alert`: whether the first choice is likely enough for one
 * `thinned-from`: frames that there were to be, of which those of `frame-times`
 *   stayed */
void gst_owl2_answer_seal (GstOwl2Answer *answer);

/* Makes the meta known to GStreamer; more than once is fine. It has no tags,
 * so scaling and conversion keep it, and it goes along wherever an element asks
 * it to. From GStreamer 1.24 on it can be serialised. */
void gst_owl2_meta_register (void);
/* @buffer must be writable. What another element put on it stays, and what one
 * of the answer's `element` did, as when the buffer passes it twice, goes. */
void gst_owl2_meta_add (GstBuffer *buffer, const GstOwl2Answer *answer);
/* Likewise of the meta @name, GST_OWL2_META_NAME or GST_OWL2_LOOK_META_NAME,
 * with fields that have an `element`. */
void gst_owl2_meta_put (
    GstBuffer *buffer, const char *name, const GstStructure *fields);
/* (nullable) (transfer none): the fields of the next answer on @buffer, in the
 * order in which they were put there; @state is NULL for the first. */
const GstStructure *gst_owl2_meta_next (GstBuffer *buffer, gpointer *state);
/* (nullable) (transfer none): the fields of the first. */
const GstStructure *gst_owl2_meta_get (GstBuffer *buffer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Answer, gst_owl2_answer_unref)

G_END_DECLS

#endif
