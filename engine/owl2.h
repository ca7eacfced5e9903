/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION: owl2
 *
 * mPLUG-Owl2 on a Vulkan device: frames and a prompt in, text out. This is the
 * engine's only public header; it knows nothing of GStreamer.
 *
 * A model (weights on one device, and a thread that runs it) is shared by any
 * number of sessions, which are thin: settings, and a share of the device's
 * time that is as large as any other's. Calls of a session either return at
 * once and tell the result through a function, or block, for many frame times,
 * so that a streaming thread must not make them. All may be made from any
 * thread, and several at a time. Features of frames lie on the device, belong
 * to no session and may be used with any session of the same model.
 *
 * What a request gives depends on its frames, prompt, settings and the device
 * alone, to the bit of the logits: never on other requests beside it, on those
 * before it, or on what of its prompt was there already.
 */
#ifndef OWL2_H
#define OWL2_H

#include <glib.h>
#include "base.h"
#include "foreign.h"
#include "picture.h"

G_BEGIN_DECLS

typedef struct _Owl2Model Owl2Model;
typedef struct _Owl2Session Owl2Session;
typedef struct _Owl2Features Owl2Features;

/**
 * Owl2KvType: how keys and values of earlier positions are kept.
 * @OWL2_KV_AUTO: F32 if the model's weights are F32, else F16
 * @OWL2_KV_F16: halves, for numbers up to 65504
 * @OWL2_KV_Q8_0: 8 bits and a scale for each 32; where heads are no multiple of
 *   32 wide it is F16
 * @OWL2_KV_F32: exact
 */
typedef enum {
  OWL2_KV_AUTO,
  OWL2_KV_F16,
  OWL2_KV_Q8_0,
  OWL2_KV_F32,
} Owl2KvType;

/* "auto", "f16", "q8_0", "f32", in any case of letters; FALSE if unknown. */
gboolean owl2_kv_type_parse (const char *name, Owl2KvType *type);
/* "auto", ... */
const char *owl2_kv_type_name (Owl2KvType type);

/* ---- model ------------------------------------------------------------ */

/**
 * Owl2ProgressFunc:
 * @stage: a short text such as "uploading weights"
 * @fraction: 0 to 1, of the whole load, never falling
 *
 * Called on the thread that loads. Returns: FALSE to cancel the load.
 */
typedef gboolean (*Owl2ProgressFunc) (
    const char *stage, double fraction, gpointer user_data);

/**
 * Owl2ModelParams: zeros are defaults; needs to live only for the call,
 * but @log's function may be called until the model is gone.
 * @path: (nullable): GGUF file; NULL takes the embedded model
 * @device: (nullable): Vulkan device by index, UUID or part of its name; NULL
 *   takes the best one: discrete before integrated, virtual and CPU; of one
 * kind the one with most memory, of drivers for the CPU the faster. A driver
 * for the CPU is a warning in @log
 * @cache_dir: (nullable): folder for compiled pipelines, and of the device's
 *   tuning, which `owl2-bench --tune` leaves in `owl2` of the user's cache
 *   folder: which kernels are preferred, and so the last bits of what is
 *   computed. It is read once a process and device; one that is damaged or
 *   another's is ignored with a warning. NULL: none on disk
 * @mmap: TRUE reads weights in place, in the mapped pages of @path, where the
 *   device can; else they are copied, and the file may change after the load. A
 *   file that is read in place must stay as it is: its size and times are
 *   checked before and after each encode and generate, which fail with BAD_FILE
 *   from then on, but one that is cut meanwhile ends the process with SIGBUS.
 *   The embedded model is a part of the program and always read in place.
 * @kv_type: that of the sessions to come, so that their pipelines are compiled
 *   with the load; a session with another compiles its own
 * @nice: nice value of the threads that owl2_model_open() starts, those of the
 *   driver included, 0 to 19; Linux only. owl2_model_load() leaves that to its
 *   caller, whose thread is the first of them.
 * @cache_bytes: budget of kept keys and values and of encoded frames; 0: by the
 *   device's memory
 */
typedef struct {
  const char *path;
  const char *device;
  const char *cache_dir;
  Owl2KvType kv_type;
  gboolean mmap;
  int nice;
  guint64 cache_bytes;
  Owl2Log log;
  Owl2ProgressFunc progress;
  gpointer progress_data;
} Owl2ModelParams;

/**
 * Owl2ModelInfo:
 * @name: general.name of the file; "mplug-owl2" where it has none
 * @n_ctx: positions the model was made for: prompt, image rows and answer
 * @n_rows: positions that one frame takes (queries + 1)
 * @image_size: edge in pixels of the square that frames are resized to
 * @image_mode: how pictures become square where nobody says else; never AUTO
 * @recipe: (nullable): name of the published way of asking that the file was
 *   made for, see owl2_recipe_find(); one that is unknown here is as it stands
 *   in the file
 * @weights_bytes: the weights, wherever they lie
 * @mapped_bytes: those of them that are read in place: pages of the file, which
 *   the system shares between processes and may drop and read again. They are
 *   no device memory.
 * @token_bytes: weights that the decoder reads for one generated token
 * @device_bytes: all device memory taken through this model and its sessions,
 *   on devices without their own: memory of the process
 */
typedef struct {
  const char *name;
  const char *device;
  const char *driver;
  guint n_ctx;
  guint n_vocab;
  guint n_rows;
  guint image_size;
  Owl2ImageMode image_mode;
  const char *recipe;
  guint64 weights_bytes;
  guint64 mapped_bytes;
  guint64 token_bytes;
  guint64 device_bytes;
} Owl2ModelInfo;

/**
 * owl2_model_load:
 *
 * Reads and checks the file, opens the device, uploads the weights, compiles
 * the pipelines. Errors: BAD_FILE (also if the file changes meanwhile),
 * NO_DEVICE, UNSUPPORTED, NO_MEMORY (before anything is allocated where the
 * sizes show it), CANCELLED, FAILED.
 *
 * Returns: (transfer full): drop it with owl2_model_unref(); sessions hold a
 * reference of their own
 */
Owl2Model *owl2_model_load (const Owl2ModelParams *params, GError **error);
Owl2Model *owl2_model_ref (Owl2Model *model);
void owl2_model_unref (Owl2Model *model);
/* Sessions that the model has. Any thread. */
guint owl2_model_n_users (Owl2Model *model);
/* FALSE with DEVICE_LOST once the device is gone, which does not come back: all
 * that the model is asked fails so, and it can only be dropped; another load
 * may succeed. Any thread. */
gboolean owl2_model_alive (Owl2Model *model, GError **error);
/* Strings in @info live as long as the model. Any thread. */
void owl2_model_get_info (Owl2Model *model, Owl2ModelInfo *info);

typedef struct _Owl2Opening Owl2Opening;

/* @model: (transfer full) (nullable); @error: (nullable): without @model */
typedef void (*Owl2OpenedFunc) (
    Owl2Model *model, const GError *error, gpointer user_data);

/**
 * owl2_model_open: a model that all of the process share which open the same
 * file (by device, inode, size and time of change) on the same Vulkan device,
 * in place or not (@params->mmap), as long as one of them has it. The first one
 * loads it, on a thread of its own, with its @kv_type, @cache_bytes, @log and
 * @nice; those who come meanwhile wait for that, and each is told the progress.
 * Threads that run can't be made less nice: that a later user wants so is said
 * in the log.
 * @share: FALSE: the model is nobody else's
 * @done: called once, and so is @params->progress any number of times before,
 *   on the thread that loads, or, where the model is there, within this call.
 *   Both must be short and must not block. Where progress returns FALSE the
 *   load goes on for the others, and @done gets CANCELLED.
 *
 * Errors: what can be told at once: BAD_FILE, NO_DEVICE, UNSUPPORTED, FAILED;
 * @done is not called then.
 *
 * Returns: (transfer full): give it back with owl2_opening_cancel() in any case
 */
Owl2Opening *owl2_model_open (const Owl2ModelParams *params, gboolean share,
    Owl2OpenedFunc done, gpointer user_data, GError **error);
/* Gives it up, or back after @done; accepts NULL. When this returns, which it
 * does at once, no callback is running or will come; so not in a callback. A
 * load that nobody waits for any more is cancelled. */
void owl2_opening_cancel (Owl2Opening *opening);

/* (transfer full) (nullable): the name of the recipe that the file was made
 * for, as Owl2ModelInfo has it, without a load: a few milliseconds. NULL also
 * where it can't be read; a load says why. @path: (nullable): as of
 * Owl2ModelParams */
char *owl2_model_peek_recipe (const char *path);

/* (transfer full): one line for each Vulkan device, by index:
 * "0: name (type, driver, 8192 MiB, UUID ..)" */
GPtrArray *owl2_list_devices (GError **error);

/**
 * owl2_model_tokenize: plain SentencePiece ids (gint32) of @len bytes of @text
 * (-1: up to NUL), at most 512 MiB, without `<s>`.
 * owl2_model_detokenize: the text of @ids.
 */
GArray *owl2_model_tokenize (Owl2Model *model, const char *text, gssize len);
char *owl2_model_detokenize (Owl2Model *model, const gint32 *ids, guint n_ids);

/* ---- session ---------------------------------------------------------- */

/**
 * Owl2SessionParams: zeros are defaults; needs to live only for the call.
 * @language_only: TRUE uses the language weights for every token (the
 *   modality-adaptive module off, the paper's ablation)
 * @n_ctx: most positions of a request; 0: the model's own limit
 * @kv_type: of the KV cache
 * @prompt, @n_frames, @max_tokens: (nullable): a request that there is to be
 *   room for; the KV cache grows when it has to
 */
typedef struct {
  gboolean language_only;
  guint n_ctx;
  Owl2KvType kv_type;
  const char *prompt;
  guint n_frames;
  guint max_tokens;
} Owl2SessionParams;

/**
 * owl2_session_new:
 *
 * Errors: NO_MEMORY, with the numbers and before anything is taken where the
 * device says what it has; BAD_REQUEST: @prompt and the frames have no room in
 * the context; DEVICE_LOST.
 *
 * Returns: (transfer full)
 */
Owl2Session *owl2_session_new (
    Owl2Model *model, const Owl2SessionParams *params, GError **error);
/* Cancels, and returns when everybody was told. Accepts NULL. */
void owl2_session_free (Owl2Session *session);
/* Ends all that the session has under way with CANCELLED, soon: between layers,
 * too; and all that is asked later at once, until owl2_session_uncancel(). Any
 * thread. */
void owl2_session_cancel (Owl2Session *session);
void owl2_session_uncancel (Owl2Session *session);

/**
 * owl2_session_encode: one frame through resize, ViT and abstractor.
 * @encode_ns: (out) (optional): of the device's time; of frames that it took
 *   together, a share
 *
 * Errors: BAD_REQUEST, CANCELLED, NO_MEMORY, DEVICE_LOST, BAD_FILE, FAILED (the
 * device computed something that is no number).
 *
 * Returns: (transfer full): n_rows x width floats on the device
 */
Owl2Features *owl2_session_encode (Owl2Session *session, const Owl2Image *image,
    guint64 *encode_ns, GError **error);
/**
 * Owl2EncodedFunc, as all functions that are told a result: called exactly
 * once, on the model's thread. It must be short, must not block, and must not
 * call what blocks here, nor free the session; it may make further requests.
 * @features: (transfer full) (nullable): NULL with @error set
 */
typedef void (*Owl2EncodedFunc) (Owl2Features *features, guint64 encode_ns,
    const GError *error, gpointer user_data);
/* The same, at once; the struct @image is copied, its pixels must stay until
 * @done is called. */
void owl2_session_encode_async (Owl2Session *session, const Owl2Image *image,
    Owl2EncodedFunc done, gpointer user_data);
/**
 * owl2_session_shrink: the resize alone, for a frame that is to be kept in
 * little memory until it is known whether it is wanted: the result is encoded
 * to the same features, to the bit. Errors as those of owl2_session_encode().
 *
 * Returns: (transfer full): packed RGB8 of image_size x image_size; g_free()
 */
guint8 *owl2_session_shrink (
    Owl2Session *session, const Owl2Image *image, GError **error);
typedef void (*Owl2ShrunkFunc) (guint8 *rgb /* (transfer full) (nullable) */,
    const GError *error, gpointer user_data);
void owl2_session_shrink_async (Owl2Session *session, const Owl2Image *image,
    Owl2ShrunkFunc done, gpointer user_data);
/**
 * owl2_session_distance: the cosine distance of two frames that the model
 * encoded: 0 is the same, 1 nothing in common, 2 the opposite. Compared is the
 * mean over a frame's rows, which says what is in a picture and little of
 * where. What has no features at all is at 0 from its like and at 1 from
 * others.
 *
 * Errors: BAD_REQUEST, CANCELLED, DEVICE_LOST, FAILED (it is no number).
 */
gboolean owl2_session_distance (Owl2Session *session, Owl2Features *a,
    Owl2Features *b, double *distance, GError **error);
/* @distance: 0 with @error set */
typedef void (*Owl2DistanceFunc) (
    double distance, const GError *error, gpointer user_data);
void owl2_session_distance_async (Owl2Session *session, Owl2Features *a,
    Owl2Features *b, Owl2DistanceFunc done, gpointer user_data);
/* Whether its picture was encoded with look. */
gboolean owl2_features_look (const Owl2Features *features);
Owl2Features *owl2_features_ref (Owl2Features *features);
void owl2_features_unref (Owl2Features *features); /* accepts NULL */

/**
 * owl2_memory_import: lets the model's device read pictures in memory of
 * another device, see @memory of Owl2Image; nothing is copied, and nothing goes
 * through the host. The other device must have finished writing, and have given
 * the buffer to VK_QUEUE_FAMILY_EXTERNAL, before the picture is handed over,
 * and may write it again when the result is there. It may be used for any
 * number of pictures, one after the other. Any thread.
 *
 * Errors: UNSUPPORTED: it is other hardware or another driver, or this one
 * can't; NO_MEMORY, FAILED, DEVICE_LOST.
 *
 * Returns: (transfer full): pictures that are under way hold it, too
 */
Owl2Memory *owl2_memory_import (
    Owl2Model *model, const Owl2Foreign *foreign, GError **error);
/* Whether it is the device of @model that reads it. */
gboolean owl2_memory_is_of (const Owl2Memory *memory, const Owl2Model *model);
Owl2Memory *owl2_memory_ref (Owl2Memory *memory);
void owl2_memory_unref (Owl2Memory *memory); /* accepts NULL */

/**
 * Owl2Sampling:
 * @max_tokens: most tokens of an answer, at least 1
 * @min_tokens: `</s>` is not chosen before this many
 * @temperature: 0 is greedy: the first largest logit
 * @top_k: 0 is off
 * @top_p: in (0, 1]; 1 is off
 * @repetition_penalty: > 0; 1 is off; applies to prompt and answer tokens
 * @seed: of the sampler; the same seed, prompt and device give the same text
 * @ignore_eos: goes on after `</s>` up to @max_tokens
 */
typedef struct {
  guint max_tokens;
  guint min_tokens;
  float temperature;
  guint top_k;
  float top_p;
  float repetition_penalty;
  guint64 seed;
  gboolean ignore_eos;
} Owl2Sampling;

#define OWL2_SAMPLING_DEFAULT                                                  \
  {                                                                            \
    .max_tokens = 128, .top_p = 1.f, .repetition_penalty = 1.f                 \
  }

/**
 * Owl2TokenFunc:
 * @id: the token
 * @probability: of this token before temperature and penalties
 * @text: UTF-8 that became complete with this token, possibly empty
 *
 * Called on the thread that waits for the answer. Returns: FALSE to end the
 * answer here.
 */
typedef gboolean (*Owl2TokenFunc) (
    gint32 id, double probability, const char *text, gpointer user_data);

/**
 * Owl2Request:
 * @prompt: taken literally; `<|image|>` is the image place
 * @frames: (array length=n_frames): all go to the prompt's one image place, in
 *   order, or one to each where there are as many places; a prompt without
 *   image place needs n_frames == 0 and the reverse
 * @answer_prefix: (nullable): text after the prompt that the answer goes on
 *   from, and that is no part of it: appended as it is, after a space where
 *   neither the prompt ends nor it begins with white space
 * @choices: (nullable) (array length=n_choices): the answer is one of these, 2
 *   to OWL2_MAX_CHOICES, each one or more tokens (its plain ids, see
 *   owl2_model_tokenize()); what the ids of one are the beginning of those of
 *   another is BAD_REQUEST. No token is drawn then: sampling is not looked at,
 *   on_token is not called.
 * @choice_weights: (nullable) (array length=n_choices): finite; what the score
 *   is made with
 * @look: TRUE makes @maps of the answer; all frames must have been encoded with
 *   look, see Owl2Image, else it is BAD_REQUEST
 * @cold: TRUE computes all of the prompt, as if nothing had been asked before:
 *   for timing
 */
typedef struct {
  const char *prompt;
  Owl2Features *const *frames;
  guint n_frames;
  const char *answer_prefix;
  const char *const *choices;
  const double *choice_weights;
  guint n_choices;
  Owl2Sampling sampling;
  gboolean look;
  gboolean cold;
  Owl2TokenFunc on_token; /* (nullable) */
  gpointer user_data;
} Owl2Request;

#define OWL2_MAX_CHOICES 64
/* BAD_REQUEST: an answer can't be one of @n choices. */
gboolean owl2_check_n_choices (guint n, GError **error);
/* BAD_REQUEST: an answer can't be one of these @n, whatever the prompt: their
 * number, or one that is empty, longer than the model's context, or the
 * beginning of another one. Any thread. */
gboolean owl2_model_check_choices (
    Owl2Model *model, const char *const *choices, guint n, GError **error);

/**
 * Owl2Answer:
 * @text: the answer, without `</s>`
 * @ids: tokens in order, `</s>` included where it came
 * @n_prompt: positions of the prompt, image rows included
 * @n_reused: the first of them, whose keys and values an earlier request had
 *   left; the answer is the same to the bit as without them
 * @confidence: geometric mean of the chosen tokens' probabilities, 0 to 1
 * @truncated: ended by max_tokens or the context, not by `</s>`
 * @probabilities: (nullable) (array length=n_choices): of the request's
 * choices: the product of a choice's tokens' probabilities, each as the model
 * gives it after those before it, without `</s>` and without a correction for
 * length, divided by the sum over all choices; they add to 1. @text is then the
 *   choice with the largest, the first of equals, @ids are its tokens, and
 *   @confidence is of them, as of any answer
 * @score: sum of the choices' weights times their probabilities; 0 without
 *   weights
 * @maps: (nullable) (array length=n_maps * grid * grid): where the answer
 * looks, of a request with look and frames: for each frame, in their order, the
 *   patches of its square row by row. None is negative, and all frames together
 *   add to 1, so that they can be compared. It is the decoder's attention from
 *   the rows whose logits chose the answer's @ids (with @choices, that which
 *   chose their first) to the rows of the frames' queries, times the
 *   abstractor's from each query to the patches; both are means over layers and
 *   heads, divided by what is left of their sum without `vit_eos`, and without
 *   the class token and the queries' attention to each other. The same request
 *   gives the same bits on the same device. NULL of an answer of
 *   owl2_session_generate() that on_token ended
 * @grid: patches along an edge; owl2_picture_cell() tells where they lie
 */
typedef struct {
  char *text;
  gint32 *ids;
  guint n_ids;
  guint n_prompt;
  guint n_reused;
  double confidence;
  double *probabilities;
  guint n_choices;
  double score;
  float *maps;
  guint n_maps, grid;
  gboolean truncated;
  guint64 prefill_ns, decode_ns;
} Owl2Answer;

/**
 * owl2_session_generate: runs the decoder until `</s>`, max_tokens, the end of
 * the context, a FALSE from on_token, or a cancel.
 *
 * Errors: BAD_REQUEST (with the numbers), CANCELLED, NO_MEMORY, DEVICE_LOST,
 * FAILED (the device computed something that is no number).
 *
 * Returns: (transfer full): owl2_answer_free()
 */
Owl2Answer *owl2_session_generate (
    Owl2Session *session, const Owl2Request *request, GError **error);
void owl2_answer_free (Owl2Answer *answer); /* accepts NULL */
typedef void (*Owl2AnsweredFunc) (
    Owl2Answer *answer /* (transfer full) (nullable) */, const GError *error,
    gpointer user_data);
/* The same, at once; @request is copied, and its frames are held. on_token is
 * called on the model's thread, and is to be as short as @done. */
void owl2_session_generate_async (Owl2Session *session,
    const Owl2Request *request, Owl2AnsweredFunc done, gpointer user_data);

/**
 * Owl2Turn: an earlier question and its answer.
 */
typedef struct {
  const char *question;
  const char *answer;
} Owl2Turn;

/**
 * owl2_prompt_plain:
 * @text: somebody else's; what is no UTF-8 in it becomes U+FFFD
 *
 * `<|image|>`, `</s>` and the like in @text are letters where the result is a
 * question or an answer for owl2_prompt_format(), or a part of a prompt. Text
 * without them gives the ids that it gives as it is. Any thread.
 *
 * Returns: (transfer full): for prompts only, not to be shown
 */
char *owl2_prompt_plain (const char *text);

/**
 * owl2_prompt_format: the template of mPLUG-Owl2:
 * "USER: <|image|>question ASSISTANT:", with earlier turns before it as
 * "USER: question ASSISTANT: answer</s>". Image places stay in the first turn,
 * and are left out of all later ones, and of answers.
 * @with_image: put one before the first turn's question, unless that has one
 *
 * Returns: (transfer full): the literal prompt for an Owl2Request
 */
char *owl2_prompt_format (const char *question, gboolean with_image,
    const Owl2Turn *history, guint n_history);

/**
 * Owl2Recipe: a published way of asking, to the letter.
 * @name: such as "quality"
 * @family: (nullable): checkpoints that are made for it, in the words of a user
 * @source: the published file that it was read in
 * @pattern: the literal prompt, with its image places and `{}` where the
 *   question goes, if one does
 * @question: (nullable): the one that is asked where the user asks none
 * @answer_prefix, @choices, @weights, @n_choices: as in Owl2Request
 * @image_mode: AUTO: the model's own
 * @n_frames: 0: one for each second, by index `int (fps * i)`
 * @max_tokens, @min_tokens: 0: the user's
 */
typedef struct {
  const char *name;
  const char *family;
  const char *source;
  const char *pattern;
  const char *question;
  const char *answer_prefix;
  const char *const *choices;
  const double *weights;
  guint n_choices;
  Owl2ImageMode image_mode;
  guint n_frames;
  guint max_tokens, min_tokens;
} Owl2Recipe;

/* (nullable): NULL: there is none of this name. Any thread. */
const Owl2Recipe *owl2_recipe_find (const char *name);
/* The same; if there is none, BAD_REQUEST with the names that there are. */
const Owl2Recipe *owl2_recipe_require (const char *name, GError **error);
/* (array length=n): all, in an order for people. Any thread. */
const Owl2Recipe *owl2_recipes (guint *n);
/* (transfer full): their names, with ", " between. Any thread. */
char *owl2_recipe_names (void);
/* Whether it has a place for a question and none of its own. */
gboolean owl2_recipe_needs_question (const Owl2Recipe *recipe);

/**
 * owl2_prompt_fill:
 * @pattern: of a recipe, or a user's
 * @question: (nullable): put in the place of each `{}`; it may be what
 *   owl2_prompt_plain() made
 *
 * Returns: (transfer full): the literal prompt
 */
char *owl2_prompt_fill (const char *pattern, const char *question);

/**
 * Owl2Room:
 * @OWL2_ROOM_ENOUGH: the answer may have all its tokens
 * @OWL2_ROOM_SHORT: the prompt is too long for that
 * @OWL2_ROOM_INVALID: however short it were, its image places are not those of
 *   the frames
 */
typedef enum {
  OWL2_ROOM_ENOUGH,
  OWL2_ROOM_SHORT,
  OWL2_ROOM_INVALID,
} Owl2Room;

/* What room the session's context has for the answer to @request: max_tokens,
 * or the longest choice, after the prompt with its prefix and as many frames,
 * which need not be there. What else the request holds is not looked at. Any
 * thread. */
Owl2Room owl2_session_room (Owl2Session *session, const Owl2Request *request);
/* The most frames, up to n_frames of @request and 1 at least, with which that
 * is not short. Any thread. */
guint owl2_session_most_frames (
    Owl2Session *session, const Owl2Request *request);

/* ---- looking inside --------------------------------------------------- */

/**
 * Owl2TapFunc: receives a stage's result, named as in the trace files.
 * @name: "resized_rgb", "vision_hidden_3", "logits", ...
 * @type: 'f' float, 'i' gint32, 'b' guint8
 * @shape: (array length=n_dims): C order
 * @axis: a stage that comes in several parts (a part for each frame or prefill
 *   chunk) is joined along this dimension
 * @data: valid during the call
 */
typedef void (*Owl2TapFunc) (const char *name, char type, const gsize *shape,
    guint n_dims, guint axis, const void *data, gpointer user_data);

/**
 * owl2_session_set_tap: every later call hands its stages to @func; much
 * slower. Of a prompt that is the positions that the call computes: not those
 * that an earlier request had left (n_reused). @attention adds the attention
 * probabilities ("attn_I").
 */
void owl2_session_set_tap (Owl2Session *session, Owl2TapFunc func,
    gboolean attention, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Model, owl2_model_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Session, owl2_session_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Memory, owl2_memory_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Features, owl2_features_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Answer, owl2_answer_free)

G_END_DECLS

#endif
