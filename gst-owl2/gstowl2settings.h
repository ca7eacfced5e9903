/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The properties that may change while PLAYING, as one immutable snapshot: a
 * clip keeps the snapshot it was opened with, so that a change takes effect on
 * the next clip and never on half of one. */
#ifndef GST_OWL2_SETTINGS_H
#define GST_OWL2_SETTINGS_H

#include <gst/gst.h>
#include "clip.h"
#include "owl2.h"

G_BEGIN_DECLS

#define GST_OWL2_MAX_FRAMES OWL2_CLIP_MAX_FRAMES
#define GST_OWL2_MAX_HISTORY 16

#define GST_OWL2_IMAGE_PROMPT                                                  \
  "Provide a one-sentence caption for the provided image."
#define GST_OWL2_VIDEO_PROMPT                                                  \
  "Provide a one-sentence caption for the provided video."

/**
 * GstOwl2Trigger:
 * @GST_OWL2_TRIGGER_INTERVAL: an answer each `interval`
 * @GST_OWL2_TRIGGER_EOS: one answer when the stream ends
 * @GST_OWL2_TRIGGER_QUESTION: none but to questions that come
 *
 * When an answer is made.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OWL2_TRIGGER_INTERVAL,
  GST_OWL2_TRIGGER_EOS,
  GST_OWL2_TRIGGER_QUESTION,
} GstOwl2Trigger;

/**
 * GstOwl2WhenBusy:
 * @GST_OWL2_WHEN_BUSY_AUTO: drop if upstream is live, else wait
 * @GST_OWL2_WHEN_BUSY_WAIT: the stream waits for every answer
 * @GST_OWL2_WHEN_BUSY_DROP: clips are skipped, the stream never waits
 *
 * What happens when the model is slower than the stream.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OWL2_WHEN_BUSY_AUTO,
  GST_OWL2_WHEN_BUSY_WAIT,
  GST_OWL2_WHEN_BUSY_DROP,
} GstOwl2WhenBusy;

/**
 * GstOwl2TextTime:
 * @GST_OWL2_TEXT_TIME_AUTO: arrival if upstream is live, else clip-end
 * @GST_OWL2_TEXT_TIME_ARRIVAL: from the moment when the answer is there
 * @GST_OWL2_TEXT_TIME_CLIP_END: from the clip's last frame to that of the next
 *   answer
 * @GST_OWL2_TEXT_TIME_CLIP_START: from the clip's first frame on
 *
 * What the timestamps of text mean.
 *
 * Since: 0.2
 */
typedef enum {
  GST_OWL2_TEXT_TIME_AUTO,
  GST_OWL2_TEXT_TIME_ARRIVAL,
  GST_OWL2_TEXT_TIME_CLIP_END,
  GST_OWL2_TEXT_TIME_CLIP_START,
} GstOwl2TextTime;

/**
 * GstOwl2KvType:
 * @GST_OWL2_KV_TYPE_AUTO: f32 if the model's weights are, else f16
 * @GST_OWL2_KV_TYPE_F16: halves
 * @GST_OWL2_KV_TYPE_Q8_0: 8 bits and a scale for each 32; f16 where heads are
 *   no multiple of 32 wide
 * @GST_OWL2_KV_TYPE_F32: exact
 *
 * How the model keeps keys and values of earlier tokens.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OWL2_KV_TYPE_AUTO = OWL2_KV_AUTO,
  GST_OWL2_KV_TYPE_F16 = OWL2_KV_F16,
  GST_OWL2_KV_TYPE_Q8_0 = OWL2_KV_Q8_0,
  GST_OWL2_KV_TYPE_F32 = OWL2_KV_F32,
} GstOwl2KvType;

#define GST_TYPE_OWL2_KV_TYPE (gst_owl2_kv_type_get_type ())
GType gst_owl2_kv_type_get_type (void);
#define GST_TYPE_OWL2_TRIGGER (gst_owl2_trigger_get_type ())
GType gst_owl2_trigger_get_type (void);
#define GST_TYPE_OWL2_TEXT_TIME (gst_owl2_text_time_get_type ())
#define GST_TYPE_OWL2_WHEN_BUSY (gst_owl2_when_busy_get_type ())
GType gst_owl2_text_time_get_type (void);
GType gst_owl2_when_busy_get_type (void);

/**
 * GstOwl2Settings:
 * @prompt: (nullable): NULL asks for a caption
 * @interval: ns of stream time, at least 1
 * @span: ns of stream time; 0: @interval, or the whole stream at EOS
 * @n_frames: 1 to GST_OWL2_MAX_FRAMES
 * @eos_timeout: ns that the end of a live stream waits for the answer under way
 * @max_age: ns of stream time after the end of its clip for which an answer is
 *   put on buffers; 0: any
 * @history: earlier questions and answers in the prompt
 */
typedef struct {
  gatomicrefcount refs;
  char *prompt;
  GstOwl2Trigger trigger;
  guint64 interval;
  guint64 span;
  guint n_frames;
  GstOwl2WhenBusy when_busy;
  guint64 eos_timeout;
  GstOwl2TextTime text_time;
  guint64 max_age;
  guint history;
  guint max_tokens, min_tokens, top_k;
  double temperature, top_p, repetition_penalty;
  guint64 seed;
  gboolean partial;
} GstOwl2Settings;

/* (transfer full): the defaults. */
GstOwl2Settings *gst_owl2_settings_new (void);
GstOwl2Settings *gst_owl2_settings_copy (const GstOwl2Settings *settings);
GstOwl2Settings *gst_owl2_settings_ref (GstOwl2Settings *settings);
void gst_owl2_settings_unref (GstOwl2Settings *settings); /* accepts NULL */

/* The question asked: the user's, or the caption prompt for an image or a
 * clip. Valid as long as @settings. */
const char *gst_owl2_settings_question (const GstOwl2Settings *settings);
Owl2Sampling gst_owl2_settings_sampling (const GstOwl2Settings *settings);
/* How clips are made by them, with @settings themselves (borrowed) as data. */
Owl2ClipSettings gst_owl2_settings_clip (GstOwl2Settings *settings);

/* Installs the properties with ids from @first_id on; set and get return FALSE
 * for an id that is not one of them. set() may only be called on a snapshot
 * that nobody else holds. */
void gst_owl2_settings_install (GObjectClass *klass, guint first_id);
gboolean gst_owl2_settings_set (
    GstOwl2Settings *settings, guint id, const GValue *value);
gboolean gst_owl2_settings_get (
    const GstOwl2Settings *settings, guint id, GValue *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Settings, gst_owl2_settings_unref)

G_END_DECLS

#endif
