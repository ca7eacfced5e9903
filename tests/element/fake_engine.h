/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An engine without a device behind owl2.h, for the element's tests: it fails,
 * blocks and takes time as programmed, and remembers what it was asked. All
 * functions may be called from any thread. */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H

#include "owl2.h"

/* FAKE_OPEN is what can be told of a load before it begins; FAKE_TOKEN and
 * FAKE_DROP have gates only: the moments before a token is told and before a
 * load that was cancelled ends, which nothing cuts short. */
typedef enum {
  FAKE_OPEN,
  FAKE_LOAD,
  FAKE_SESSION,
  FAKE_ENCODE,
  FAKE_SHRINK,
  FAKE_DISTANCE,
  FAKE_GENERATE,
  FAKE_TOKEN,
  FAKE_DROP,
  FAKE_N_CALLS,
} FakeCall;

/* Edge in pixels of what the model sees. */
#define FAKE_IMAGE_SIZE 28

/* One encoded image. */
typedef struct {
  guint width, height;
  guint8 *rgb;            /* width * height * 3; kept if fake_keep_images() */
  Owl2PixelFormat format; /* in which it came */
  Owl2ImageMode mode;
} FakeImage;

/* One generate call; @images are indices of the images encoded so far. */
typedef struct {
  char *prompt, *answer_prefix;
  guint n_images;
  guint images[64];
  char **choices;  /* as many as n_choices, NULL: none */
  double *weights; /* (nullable) likewise */
  guint n_choices;
  Owl2Sampling sampling;
} FakeRequest;

/* Back to an engine that answers at once, with no records, when no load is
 * under way. Fails if a model, session, features or answer of before is still
 * alive.
 */
void fake_reset (void);
/* Forgets the images and requests that it was given, not how many. */
void fake_forget (void);
void fake_keep_images (void);

/* Each call takes this long (a token's time for FAKE_GENERATE), and is cut
 * short by a cancel. */
void fake_set_delay (FakeCall call, guint microseconds);
/* Tokens of each answer; 4 from the start. */
void fake_set_n_tokens (guint n);
/* The text of each token after the first one, " t" at first; static. */
void fake_set_word (const char *word);
/* The answers to come, in one token each, instead of that: @n of them, then
 * from the first one again; static. 0: none. */
void fake_set_answers (const char *const *texts, guint n);
/* Of each token, as the callback hears it, and of the first of a request's
 * choices, of which the others share the rest evenly; 0.5 at first. */
void fake_set_probability (double probability);
/* What is seen in pictures, by the first byte of each: a letter, or the last
 * one for those after it; static. Two are at the distance of 0.1 a letter.
 * NULL: all are the same. */
void fake_set_scenes (const char *scenes);
/* The @nth call from now on (1 is the next one) fails; 0: all do, from now on.
 * With DEVICE_LOST all else fails that is asked of that model, too. */
void fake_fail (FakeCall call, guint nth, Owl2Error code);
/* A closed gate holds calls until it is opened, or a cancel comes. */
void fake_set_gate (FakeCall call, gboolean closed);
/* As a driver that does not look for cancels inside a call. */
void fake_ignore_cancel (gboolean ignore);

/* The models that there are can't be used any more. */
void fake_lose_device (void);

/* Of the longest prompt for which the context has room; 0: any. */
void fake_set_room (guint bytes);
/* The most frames for which it has; 0: any. */
void fake_set_room_frames (guint n);
/* What all model files say that they were made for; static. NULL: nothing. */
void fake_set_recipe (const char *name);

/* Calls begun so far. */
guint fake_n_calls (FakeCall call);
guint fake_n_cancelled (void);
/* Returns when @n calls have begun; fails after 20 s. */
void fake_wait_calls (FakeCall call, guint n);
/* Frames that the engine was given so far, encoded or not; the call counts it.
 */
void fake_note_frame (void);
/* Returns when it was given @n; fails after 20 s. */
void fake_wait_frames (guint n);
/* Returns when no load is under way and no model is alive: whoever was stopped
 * in a callback is done with it. Fails after 20 s. */
void fake_wait_gone (void);
/* Features alive, and the most that ever were. */
guint fake_n_features (guint *peak);
/* Parameters of the last load and session. */
const char *fake_model_path (void);
const char *fake_device (void);
gboolean fake_language_only (void);
/* The prompt is of the last session. */
Owl2SessionParams fake_session_params (void);
Owl2KvType fake_load_kv_type (void);
gboolean fake_load_mmap (void);
guint64 fake_load_cache_bytes (void);
/* Alive now. */
guint fake_n_models (void);
/* Of the thread that made the last call. */
int fake_nice (FakeCall call);

FakeImage fake_image (guint index);
FakeRequest fake_request (guint index);

#endif
