/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the requests of a session take of the device: refused with the numbers,
 * before anything is taken, where there is too little. OWL2_TEST_MODEL names
 * the model file. */
#include <string.h>

#include "asking.h"
#include "failing.h"

#define PROMPT "USER: Hello ASSISTANT:"
#define MAX_TOKENS 1500

/* What a driver in software has left, as the host says; 0: the truth. */
static guint free_mib;

gboolean
g_file_get_contents (
    const char *name, char **contents, gsize *length, GError **error)
{
  gboolean (*real) (const char *, char **, gsize *, GError **) =
      dlsym (RTLD_NEXT, "g_file_get_contents");

  if (!free_mib || strcmp (name, "/proc/meminfo") != 0)
    return real (name, contents, length, error);
  *contents = g_strdup_printf ("MemAvailable: %u kB\n", free_mib * 1024);
  return TRUE;
}

/* Bytes that one binding may cover, as the driver says; 0: the truth. */
static guint32 binding_bytes;

VKAPI_ATTR void VKAPI_CALL
vkGetPhysicalDeviceProperties2 (
    VkPhysicalDevice device, VkPhysicalDeviceProperties2 *props)
{
  PFN_vkGetPhysicalDeviceProperties2 real =
      (PFN_vkGetPhysicalDeviceProperties2) dlsym (
          RTLD_NEXT, "vkGetPhysicalDeviceProperties2");

  real (device, props);
  if (binding_bytes)
    props->properties.limits.maxStorageBufferRange = binding_bytes;
}

static Owl2Model *
load (Owl2KvType kv_type)
{
  g_autoptr (GError) error = NULL;
  Owl2Model *model = load_model (kv_type, &error);

  g_assert_no_error (error);
  return model;
}

static guint64
device_bytes (Owl2Model *model)
{
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  return info.device_bytes;
}

static gboolean
is_software (Owl2Model *model)
{
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  return strstr (info.driver, "llvmpipe")
         || strstr (info.driver, "SwiftShader");
}

static guint64
number_after (const char *text, const char *words)
{
  const char *found = strstr (text, words);

  if (!found)
    g_error ("no '%s' in '%s'", words, text);
  return g_ascii_strtoull (found + strlen (words), NULL, 10);
}

static void
generate (Owl2Session *session, guint max_tokens)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = PROMPT,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  request.sampling.max_tokens = max_tokens;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
}

/* One MiB less than it says it needs is refused, and with nothing taken; with
 * what it says, the request takes that much at most. */
static guint64
check_need (Owl2Model *model, Owl2KvType kv_type, const char *name)
{
  Owl2SessionParams params = {
    .kv_type = kv_type,
    .prompt = PROMPT,
    .max_tokens = MAX_TOKENS,
  };
  g_autofree char *words = g_strdup_printf (" in %s ", name);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = NULL;
  guint64 before, need, kv, took;
  gint n_calls_before;

  /* The rotary table is taken with the first session of a type. */
  owl2_session_free (owl2_session_new (
      model, &(Owl2SessionParams){ .kv_type = kv_type }, &error));
  g_assert_no_error (error);
  before = device_bytes (model);
  n_calls_before = n_calls_vkAllocateMemory;
  free_mib = 1;
  g_assert_null (owl2_session_new (model, &params, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
  g_test_message ("%s", error->message);
  need = number_after (error->message, " needs ");
  g_assert_cmpuint (
      number_after (error->message, "the KV cache for "), >, MAX_TOKENS);
  kv = number_after (error->message, words);
  g_assert_cmpuint (kv, >=, need);
  g_assert_cmpuint (number_after (error->message, "' has "), ==, 1);
  g_clear_error (&error);
  g_assert_cmpint (n_calls_vkAllocateMemory, ==, n_calls_before);
  g_assert_cmpuint (device_bytes (model), ==, before);

  free_mib = (guint) need - 1;
  g_assert_null (owl2_session_new (model, &params, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
  g_clear_error (&error);

  free_mib = (guint) need;
  session = owl2_session_new (model, &params, &error);
  g_assert_no_error (error);
  generate (session, MAX_TOKENS);
  free_mib = 0;
  took = device_bytes (model) - before;
  g_test_message ("%s: %" G_GUINT64_FORMAT " MiB said, %" G_GUINT64_FORMAT
                  " bytes taken",
      name, need, took);
  g_assert_cmpuint (took, <=, need << 20);
  g_assert_cmpuint (took, >, (need - 2) << 20);
  /* Beside what is kept of it there is room for one more, and then no more is
   * taken. */
  generate (session, MAX_TOKENS);
  took = device_bytes (model);
  for (guint i = 0; i < 3; i++)
    generate (session, MAX_TOKENS);
  g_assert_cmpuint (device_bytes (model), ==, took);
  return kv;
}

static void
test_need (void)
{
  g_autoptr (Owl2Model) model = load (OWL2_KV_AUTO);
  guint64 kv[2];

  if (!is_software (model)) {
    g_test_skip ("only a driver in software is told how much memory is free");
    return;
  }
  /* The weights are F32. */
  kv[0] = check_need (model, OWL2_KV_AUTO, "f32");
  kv[1] = check_need (model, OWL2_KV_F16, "f16");
  g_assert_cmpuint (kv[1], <, kv[0]);
}

/* What the context can't hold is refused before anything is encoded. */
static void
test_context (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load (OWL2_KV_AUTO);
  Owl2ModelInfo info;
  Owl2SessionParams params = {
    .prompt = "USER: <|image|>What? ASSISTANT:",
    .max_tokens = G_MAXINT,
  };
  Owl2Session *session;

  owl2_model_get_info (model, &info);
  params.n_frames = info.n_ctx / info.n_rows + 1;
  g_assert_null (owl2_session_new (model, &params, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
  g_assert_cmpuint (
      number_after (error->message, "context has 1 to "), ==, info.n_ctx);
  g_clear_error (&error);
  params.n_frames = G_MAXUINT;
  g_assert_null (owl2_session_new (model, &params, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  /* An answer is cut where the context ends. */
  params.n_frames = 1;
  session = owl2_session_new (model, &params, &error);
  g_assert_no_error (error);
  owl2_session_free (session);
}

/* Keys that no binding of the device holds are a request that can't be met. */
static void
test_binding (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = NULL;
  g_autoptr (Owl2Session) session = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2SessionParams params = { .kv_type = OWL2_KV_F32 };
  Owl2Request request = {
    .prompt = PROMPT,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  binding_bytes = 160 << 10;
  model = load (OWL2_KV_F32);
  binding_bytes = 0;
  session = owl2_session_new (model, &params, &error);
  g_assert_no_error (error);
  request.sampling.max_tokens = MAX_TOKENS;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_assert_null (answer);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "the keys of "));
  g_assert_nonnull (strstr (error->message, "a binding of the device holds"));
  g_clear_error (&error);
  /* Fewer do fit. */
  generate (session, 3);
}

/* Whatever the load compiled for, no answer waits for a pipeline. */
static void
test_compiled (void)
{
  static const Owl2KvType types[] = { OWL2_KV_AUTO, OWL2_KV_F16, OWL2_KV_Q8_0,
    OWL2_KV_F32 };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autoptr (Owl2Model) model = load (types[i]);

    for (guint k = 0; k < G_N_ELEMENTS (types); k++) {
      g_autoptr (GError) error = NULL;
      Owl2SessionParams params = { .kv_type = types[k] };
      gint before = n_calls_vkCreateComputePipelines, n;
      Owl2Session *session = owl2_session_new (model, &params, &error);

      g_assert_no_error (error);
      n = n_calls_vkCreateComputePipelines;
      if (i == k)
        g_assert_cmpint (n, ==, before);
      generate (session, 3);
      g_assert_cmpint (n_calls_vkCreateComputePipelines, ==, n);
      owl2_session_free (session);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/room/need", test_need);
  g_test_add_func ("/engine/room/context", test_context);
  g_test_add_func ("/engine/room/binding", test_binding);
  g_test_add_func ("/engine/room/compiled", test_compiled);
  return g_test_run ();
}
