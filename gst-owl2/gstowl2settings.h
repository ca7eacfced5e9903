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
 * @GST_OWL2_TRIGGER_SCENE: an answer when the picture has changed (Since: 0.2)
 *
 * When an answer is made.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OWL2_TRIGGER_INTERVAL,
  GST_OWL2_TRIGGER_EOS,
  GST_OWL2_TRIGGER_QUESTION,
  GST_OWL2_TRIGGER_SCENE,
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

/**
 * GstOwl2ImageMode:
 * @GST_OWL2_IMAGE_MODE_AUTO: as the model file says, else stretch
 * @GST_OWL2_IMAGE_MODE_STRETCH: width and height become the same
 * @GST_OWL2_IMAGE_MODE_PAD: in the middle of a square of the mean colour
 * @GST_OWL2_IMAGE_MODE_CROP: the square in the middle
 *
 * How a picture becomes square.
 *
 * Since: 0.2
 */
typedef enum {
  GST_OWL2_IMAGE_MODE_AUTO = OWL2_IMAGE_AUTO,
  GST_OWL2_IMAGE_MODE_STRETCH = OWL2_IMAGE_STRETCH,
  GST_OWL2_IMAGE_MODE_PAD = OWL2_IMAGE_PAD,
  GST_OWL2_IMAGE_MODE_CROP = OWL2_IMAGE_CROP,
} GstOwl2ImageMode;

#define GST_TYPE_OWL2_IMAGE_MODE (gst_owl2_image_mode_get_type ())
GType gst_owl2_image_mode_get_type (void);
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
 * @prompt: (nullable): NULL asks the recipe's question, or for a caption
 * @interval: ns of stream time, at least 1
 * @span: ns of stream time; 0: @interval, or the whole stream at EOS
 * @n_frames: 0 to GST_OWL2_MAX_FRAMES; 0: one for each second
 * @eos_timeout: ns that the end of a live stream waits for the answer under way
 * @max_queue_time: ns of running time that is held while its answer is made
 * @max_queue_bytes: the same in bytes
 * @scene_threshold: cosine distance of two frames that is a new scene, 0 to 2
 * @min_interval: ns between two answers at least, and @max_interval at most (0:
 *   any), with GST_OWL2_TRIGGER_SCENE
 * @max_age: ns of stream time after the end of its clip for which an answer is
 *   put on buffers; 0: any
 * @history: earlier questions and answers in the prompt
 * @template, @answer_prefix: (nullable): the user's; an empty one is none at
 *   all, whatever the recipe has
 * @choices: (nullable) (array zero-terminated=1): the user's
 * @weights: (nullable) (array length=n_weights): the user's
 * @recipe_name: (nullable): the user's; NULL: the model file's own, where
 *   nothing is asked by hand; empty: none
 * @model_recipe: (nullable): the model file's own
 * @recipe: (nullable): the one that is asked by: by gst_owl2_recipe_apply()
 * @by_hand: bits of those properties that the user has set
 *
 * What a recipe has to say and the user did not is read by the functions of
 * gstowl2recipe.h; numbers of it are in their fields.
 */
typedef struct {
  gatomicrefcount refs;
  char *prompt;
  GstOwl2Trigger trigger;
  guint64 interval;
  guint64 span;
  guint n_frames;
  Owl2ImageMode image_mode;
  GstOwl2WhenBusy when_busy;
  guint64 max_queue_time, max_queue_bytes;
  guint64 eos_timeout;
  double scene_threshold;
  guint64 min_interval, max_interval;
  GstOwl2TextTime text_time;
  guint64 max_age;
  guint history;
  guint max_tokens, min_tokens, top_k;
  double temperature, top_p, repetition_penalty;
  guint64 seed;
  gboolean partial;
  gboolean look;
  char *template, *answer_prefix;
  char **choices;
  double *weights;
  guint n_weights;
  double alert_threshold, alert_hysteresis;
  char *recipe_name;
  const Owl2Recipe *model_recipe, *recipe;
  guint64 by_hand;
} GstOwl2Settings;

/* (transfer full): the defaults. */
GstOwl2Settings *gst_owl2_settings_new (void);
GstOwl2Settings *gst_owl2_settings_copy (const GstOwl2Settings *settings);
GstOwl2Settings *gst_owl2_settings_ref (GstOwl2Settings *settings);
void gst_owl2_settings_unref (GstOwl2Settings *settings); /* accepts NULL */

/* The question asked: the user's, the recipe's, or the caption prompt for an
 * image or a clip. Valid as long as @settings. */
const char *gst_owl2_settings_question (const GstOwl2Settings *settings);
/* Frames of a clip that looks at @settings' span: where they are one for each
 * second, no more than GST_OWL2_MAX_FRAMES. */
guint gst_owl2_settings_n_frames (const GstOwl2Settings *settings);
Owl2Sampling gst_owl2_settings_sampling (const GstOwl2Settings *settings);
/* Stream time that the frames of an answer cover, but for those at the end of
 * the stream. */
guint64 gst_owl2_settings_span (const GstOwl2Settings *settings);
/* What `when-busy` means for a stream that is live or not. */
gboolean gst_owl2_settings_waits (
    const GstOwl2Settings *settings, gboolean live);
/* From one frame to the next that is looked at for a new scene: two of them are
 * no less than `min-interval`. */
guint64 gst_owl2_settings_scene_step (const GstOwl2Settings *settings);
/* How clips are made by them; of scenes those frames, which are no answers yet;
 * with
 * @settings themselves (borrowed) as data. */
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
