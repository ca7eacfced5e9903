/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2meta.h"
#include "gstowl2json.h"
#include "gstowl2look.h"

GstOwl2Answer *
gst_owl2_answer_new (void)
{
  GstOwl2Answer *answer = g_new0 (GstOwl2Answer, 1);

  g_atomic_ref_count_init (&answer->refs);
  return answer;
}

GstOwl2Answer *
gst_owl2_answer_ref (GstOwl2Answer *answer)
{
  g_atomic_ref_count_inc (&answer->refs);
  return answer;
}

void
gst_owl2_answer_unref (GstOwl2Answer *answer)
{
  if (!answer || !g_atomic_ref_count_dec (&answer->refs))
    return;
  g_free (answer->text);
  g_free (answer->prompt);
  g_free (answer->model);
  g_free (answer->element);
  g_free (answer->times);
  g_strfreev (answer->choices);
  g_free (answer->probabilities);
  gst_owl2_look_free (answer->look);
  if (answer->structure)
    gst_structure_free (answer->structure);
  g_free (answer);
}

static void
make_valid (char **text)
{
  char *valid;

  if (!*text || g_utf8_validate (*text, -1, NULL))
    return;
  valid = g_utf8_make_valid (*text, -1);
  g_free (*text);
  *text = valid;
}

/* Those of a score: where there is nothing of it, as always, nothing is said.
 */
static void
seal_choices (GstOwl2Answer *answer, GstStructure *s)
{
  GValue choices = G_VALUE_INIT, probabilities = G_VALUE_INIT;

  if (!answer->n_choices)
    return;
  gst_value_array_init (&choices, answer->n_choices);
  gst_value_array_init (&probabilities, answer->n_choices);
  for (guint i = 0; i < answer->n_choices; i++) {
    GValue choice = G_VALUE_INIT, probability = G_VALUE_INIT;

    g_value_init (&choice, G_TYPE_STRING);
    g_value_set_string (&choice, answer->choices[i]);
    gst_value_array_append_and_take_value (&choices, &choice);
    g_value_init (&probability, G_TYPE_DOUBLE);
    g_value_set_double (&probability, answer->probabilities[i]);
    gst_value_array_append_and_take_value (&probabilities, &probability);
  }
  gst_structure_take_value (s, "choices", &choices);
  gst_structure_take_value (s, "probabilities", &probabilities);
  if (answer->scored)
    gst_structure_set (s, "score", G_TYPE_DOUBLE, answer->score, NULL);
  if (answer->alert_threshold > 0)
    gst_structure_set (s, "alert", G_TYPE_BOOLEAN, answer->alert, NULL);
}

void
gst_owl2_answer_seal (GstOwl2Answer *answer)
{
  GValue times = G_VALUE_INIT, json = G_VALUE_INIT;
  GstStructure *s;

  g_return_if_fail (!answer->structure);
  /* GStreamer leaves out strings that are none. */
  make_valid (&answer->text);
  make_valid (&answer->prompt);
  make_valid (&answer->model);
  make_valid (&answer->element);
  /* The text is set as a value, never as part of a serialised string or of a
   * name: it is the model's, and may hold anything that is UTF-8. */
  s = gst_structure_new (GST_OWL2_ANSWER_NAME, "id", G_TYPE_UINT64, answer->id,
      "text", G_TYPE_STRING, answer->text, "prompt", G_TYPE_STRING,
      answer->prompt, "start", G_TYPE_UINT64, answer->start, "end",
      G_TYPE_UINT64, answer->end, "tokens", G_TYPE_UINT, answer->n_tokens,
      "prompt-tokens", G_TYPE_UINT, answer->n_prompt_tokens, "latency",
      G_TYPE_UINT64, answer->latency, "confidence", G_TYPE_DOUBLE,
      answer->confidence, "final", G_TYPE_BOOLEAN, answer->final, "model",
      G_TYPE_STRING, answer->model, "element", G_TYPE_STRING, answer->element,
      NULL);

  gst_value_array_init (&times, answer->n_times);
  for (guint i = 0; i < answer->n_times; i++) {
    GValue time = G_VALUE_INIT;

    g_value_init (&time, G_TYPE_UINT64);
    g_value_set_uint64 (&time, answer->times[i]);
    gst_value_array_append_and_take_value (&times, &time);
  }
  gst_structure_take_value (s, "frame-times", &times);
  if (answer->n_wanted > answer->n_times)
    gst_structure_set (s, "thinned-from", G_TYPE_UINT, answer->n_wanted, NULL);
  seal_choices (answer, s);
  g_value_init (&json, G_TYPE_STRING);
  g_value_take_string (&json, gst_owl2_json (s));
  gst_structure_take_value (s, "json", &json);
  answer->structure = s;
}

/* gst_buffer_get_custom_meta() knows the first one only. */
static GstCustomMeta *
next_meta (GstBuffer *buffer, const char *name, gpointer *state)
{
  const GstMetaInfo *info = gst_meta_get_info (name);

  return info ? (GstCustomMeta *) gst_buffer_iterate_meta_filtered (
             buffer, state, info->api)
              : NULL;
}

/* By quarks, which takes two thirds of the time that names take. From 1.26 on
 * GStreamer has another way for that, and keeps this one. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS
static gboolean
copy_field (GQuark field, const GValue *value, gpointer to)
{
  gst_structure_id_set_value (to, field, value);
  return TRUE;
}

static void
copy_fields (GstStructure *to, const GstStructure *from)
{
  gst_structure_foreach (from, copy_field, to);
}
G_GNUC_END_IGNORE_DEPRECATIONS

/* The one copy that a buffer costs. The meta's own structure can't be replaced
 * from here, so its fields are. */
void
gst_owl2_meta_put (
    GstBuffer *buffer, const char *name, const GstStructure *fields)
{
  const char *element = gst_structure_get_string (fields, "element");
  gpointer state = NULL;
  GstCustomMeta *meta;

  while ((meta = next_meta (buffer, name, &state))) {
    const GstStructure *s = gst_custom_meta_get_structure (meta);

    if (g_strcmp0 (gst_structure_get_string (s, "element"), element) == 0) {
      gst_buffer_remove_meta (buffer, &meta->meta);
      state = NULL;
    }
  }
  meta = gst_buffer_add_custom_meta (buffer, name);
  if (meta)
    copy_fields (gst_custom_meta_get_structure (meta), fields);
}

/* Whatever becomes of the picture, the answer is about the same. */
static gboolean
transform_meta (GstBuffer *to, GstCustomMeta *meta, GstBuffer *from,
    GQuark type, gpointer data, gpointer user_data)
{
  const GstStructure *fields = gst_custom_meta_get_structure (meta);

  gst_owl2_meta_put (to, gst_structure_get_name (fields), fields);
  return TRUE;
}

void
gst_owl2_meta_register (void)
{
  static gsize done;
  const gchar *no_tags[] = { NULL };
  static const char *const names[] = { GST_OWL2_META_NAME,
    GST_OWL2_LOOK_META_NAME };

  if (g_once_init_enter (&done)) {
    /* Another copy of this code in the process may have been first. */
    for (guint i = 0; i < G_N_ELEMENTS (names); i++)
      if (!gst_meta_get_info (names[i]))
        gst_meta_register_custom (
            names[i], no_tags, transform_meta, NULL, NULL);
    g_once_init_leave (&done, 1);
  }
}

void
gst_owl2_meta_add (GstBuffer *buffer, const GstOwl2Answer *answer)
{
  gst_owl2_meta_put (buffer, GST_OWL2_META_NAME, answer->structure);
}

const GstStructure *
gst_owl2_meta_next (GstBuffer *buffer, gpointer *state)
{
  GstCustomMeta *meta = next_meta (buffer, GST_OWL2_META_NAME, state);

  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

const GstStructure *
gst_owl2_meta_get (GstBuffer *buffer)
{
  gpointer state = NULL;

  return gst_owl2_meta_next (buffer, &state);
}
