/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a token and a frame cost beside the device's work, once answers and
 * frames like them have been made before: waits of the host, and allocations of
 * either side. OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "failing.h"
#include "live.h"
#include "owl2.h"

#define MAX_TOKENS 60
/* Tokens between which it is counted: the answer is under way, all is warm. */
#define FIRST 20
#define LAST 55
#define N_TOKENS (LAST - FIRST)
/* Waits of a frame: for its upload, and for its features. */
#define FRAME_WAITS 2
/* What describes a frame on its way: none of its pixels. */
#define FRAME_BLOCKS 8

/* ---- counts ------------------------------------------------------------- */

typedef enum {
  WAITS, /* for the device, that block */
  SUBMISSIONS,
  RECORDINGS,  /* command buffers */
  DESCRIPTORS, /* sets */
  OBJECTS,     /* of Vulkan, memory included */
  BLOCKS,      /* of the host's memory */
  N_COUNTS,
} Count;

static const char *const names[] = { "waits", "submissions", "recordings",
  "descriptor sets", "Vulkan objects", "blocks" };

typedef struct {
  gint64 n[N_COUNTS];
} Counts;

static gint64
n_of (gint *calls)
{
  return g_atomic_int_get (calls);
}

static Counts
count (void)
{
  return (Counts){ {
      [WAITS] = n_of (&n_calls_vkWaitSemaphores),
      [SUBMISSIONS] = n_of (&n_calls_vkQueueSubmit),
      [RECORDINGS] = n_of (&n_calls_vkBeginCommandBuffer),
      [DESCRIPTORS] = n_of (&n_calls_vkAllocateDescriptorSets),
      [OBJECTS] = n_of (&n_calls_vkAllocateMemory)
                  + n_of (&n_calls_vkCreateBuffer)
                  + n_of (&n_calls_vkCreateCommandPool)
                  + n_of (&n_calls_vkAllocateCommandBuffers)
                  + n_of (&n_calls_vkCreateDescriptorPool)
                  + n_of (&n_calls_vkCreateQueryPool)
                  + n_of (&n_calls_vkCreateSemaphore)
                  + n_of (&n_calls_vkCreateShaderModule)
                  + n_of (&n_calls_vkCreateComputePipelines),
      [BLOCKS] = (gint64) live_n_asked (),
  } };
}

static Counts
minus (Counts a, Counts b)
{
  for (guint i = 0; i < N_COUNTS; i++)
    a.n[i] -= b.n[i];
  return a;
}

static void
tell (const char *what, Counts counts)
{
  for (guint i = 0; i < N_COUNTS; i++)
    g_test_message ("%s: %" G_GINT64_FORMAT " %s", what, counts.n[i], names[i]);
}

/* ---- asking ------------------------------------------------------------- */

static Owl2Model *model;
static Owl2Session *session;

/* A request under way. What comes before @done is the engine's thread's. */
typedef struct {
  GMutex lock;
  GCond cond;
  gboolean done;
  guint n_tokens;
  Counts counts[2]; /* at the first and last token, or around a frame */
  Owl2Features *features;
} Asked;

static void
asked_done (Asked *asked)
{
  g_mutex_lock (&asked->lock);
  asked->done = TRUE;
  g_cond_signal (&asked->cond);
  g_mutex_unlock (&asked->lock);
}

static void
asked_wait (Asked *asked)
{
  g_mutex_lock (&asked->lock);
  while (!asked->done)
    g_cond_wait (&asked->cond, &asked->lock);
  g_mutex_unlock (&asked->lock);
}

static gboolean
on_token (gint32 id, double probability, const char *text, gpointer user_data)
{
  Asked *asked = user_data;

  asked->n_tokens++;
  if (asked->n_tokens == FIRST || asked->n_tokens == LAST)
    asked->counts[asked->n_tokens == LAST] = count ();
  return TRUE;
}

static void
on_answer (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  owl2_answer_free (answer);
  asked_done (user_data);
}

/* What the tokens of one answer took. */
static Counts
ask (float temperature)
{
  Asked asked = { .done = FALSE };
  Owl2Request request = {
    .prompt = "USER: What? ASSISTANT:",
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = on_token,
    .user_data = &asked,
  };

  request.sampling.max_tokens = MAX_TOKENS;
  request.sampling.ignore_eos = TRUE;
  request.sampling.temperature = temperature;
  owl2_session_generate_async (session, &request, on_answer, &asked);
  asked_wait (&asked);
  g_assert_cmpuint (asked.n_tokens, ==, MAX_TOKENS);
  return minus (asked.counts[1], asked.counts[0]);
}

static void
on_encoded (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  Asked *asked = user_data;

  g_assert_no_error (error);
  asked->counts[1] = count ();
  asked->features = features;
  asked_done (asked);
}

/* What one frame took. */
static Counts
encode (void)
{
  static guint8 pixels[3 * 40 * 30];
  const Owl2Image image = { pixels, 40, 30, 120 };
  Asked asked = { .done = FALSE };

  asked.counts[0] = count ();
  owl2_session_encode_async (session, &image, on_encoded, &asked);
  asked_wait (&asked);
  owl2_features_unref (asked.features);
  return minus (asked.counts[1], asked.counts[0]);
}

/* ---- tests -------------------------------------------------------------- */

/* The tokens of the second answer. The pace may ask for other submissions
 * meanwhile, as the device is left less of a processor that it is: the fewest
 * of some answers count, since nothing else takes any. */
static void
check_tokens (const char *what, float temperature, guint n_submissions)
{
  gint64 start = g_get_monotonic_time ();
  Counts least = ask (temperature);
  guint n_looks;

  for (guint i = 0; i < 2; i++) {
    Counts counts = ask (temperature);

    for (guint k = 0; k < N_COUNTS; k++)
      least.n[k] = MIN (least.n[k], counts.n[k]);
  }
  tell (what, least);
  g_assert_cmpint (least.n[WAITS], >, 0);
  /* A wait that takes long looks for cancels every 20 ms, and goes on. */
  n_looks = (guint) ((g_get_monotonic_time () - start) / 20000);
  g_assert_cmpint (least.n[WAITS], <=, N_TOKENS + n_looks);
  g_assert_cmpint (least.n[SUBMISSIONS], >=, N_TOKENS);
  g_assert_cmpint (least.n[SUBMISSIONS], <=, n_submissions * N_TOKENS);
  /* One less for each token: what is kept is not recorded. */
  g_assert_cmpint (least.n[RECORDINGS], <=, (n_submissions - 1) * N_TOKENS);
  g_assert_cmpint (least.n[DESCRIPTORS], ==, 0);
  g_assert_cmpint (least.n[OBJECTS], ==, 0);
  g_assert_cmpint (least.n[BLOCKS], ==, 0);
}

/* The tables of a token are uploaded, then what was kept goes. */
static void
test_tokens (void)
{
  check_tokens ("tokens of the device", 0, 2);
}

/* Then the logits are copied to where the host reads them. */
static void
test_chosen (void)
{
  check_tokens ("tokens of the host", 1, 3);
}

static void
test_frames (void)
{
  gint64 start = g_get_monotonic_time ();
  Counts least = encode ();
  guint n_looks;

  for (guint i = 0; i < 5; i++) {
    Counts counts = encode ();

    for (guint k = 0; k < N_COUNTS; k++)
      least.n[k] = MIN (least.n[k], counts.n[k]);
  }
  tell ("a frame", least);
  g_assert_cmpint (least.n[WAITS], >, 0);
  /* Of the submissions of a frame that takes long two are in flight. */
  n_looks = (guint) ((g_get_monotonic_time () - start) / 20000);
  g_assert_cmpint (
      least.n[WAITS], <=, MAX (FRAME_WAITS, least.n[SUBMISSIONS]) + n_looks);
  g_assert_cmpint (least.n[OBJECTS], ==, 0);
  g_assert_cmpint (least.n[BLOCKS], <=, FRAME_BLOCKS);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Owl2ModelParams params = { .path = g_getenv ("OWL2_TEST_MODEL") };
  Owl2SessionParams own = { 0 };
  int result;

  g_test_init (&argc, &argv, NULL);
  model = owl2_model_load (&params, &error);
  g_assert_no_error (error);
  session = owl2_session_new (model, &own, &error);
  g_assert_no_error (error);
  g_test_add_func ("/counts/tokens", test_tokens);
  g_test_add_func ("/counts/chosen", test_chosen);
  g_test_add_func ("/counts/frames", test_frames);
  result = g_test_run ();
  owl2_session_free (session);
  owl2_model_unref (model);
  return result;
}
