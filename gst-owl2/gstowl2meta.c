/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2meta.h"

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
  g_free (answer);
}

void
gst_owl2_answer_to_structure (const GstOwl2Answer *answer, GstStructure *s)
{
  GValue times = G_VALUE_INIT;

  /* The text is set as a value, never as part of a serialised string or of a
   * name: it is the model's, and may hold anything that is UTF-8. */
  gst_structure_set (s, "id", G_TYPE_UINT64, answer->id, "text", G_TYPE_STRING,
      answer->text, "prompt", G_TYPE_STRING, answer->prompt, "start",
      G_TYPE_UINT64, answer->start, "end", G_TYPE_UINT64, answer->end, "tokens",
      G_TYPE_UINT, answer->n_tokens, "prompt-tokens", G_TYPE_UINT,
      answer->n_prompt_tokens, "latency", G_TYPE_UINT64, answer->latency,
      "confidence", G_TYPE_DOUBLE, answer->confidence, "final", G_TYPE_BOOLEAN,
      answer->final, "model", G_TYPE_STRING, answer->model, "element",
      G_TYPE_STRING, answer->element, NULL);

  gst_value_array_init (&times, answer->n_times);
  for (guint i = 0; i < answer->n_times; i++) {
    GValue time = G_VALUE_INIT;

    g_value_init (&time, G_TYPE_UINT64);
    g_value_set_uint64 (&time, answer->times[i]);
    gst_value_array_append_and_take_value (&times, &time);
  }
  gst_structure_take_value (s, "frame-times", &times);
}

void
gst_owl2_meta_register (void)
{
  static gsize done;
  const gchar *no_tags[] = { NULL };

  if (g_once_init_enter (&done)) {
    /* Another copy of this code in the process may have been first. */
    if (!gst_meta_get_info (GST_OWL2_META_NAME))
      gst_meta_register_custom (GST_OWL2_META_NAME, no_tags, NULL, NULL, NULL);
    g_once_init_leave (&done, 1);
  }
}

/* gst_buffer_get_custom_meta() knows the first one only. */
static GstCustomMeta *
next_meta (GstBuffer *buffer, gpointer *state)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_OWL2_META_NAME);

  return info ? (GstCustomMeta *) gst_buffer_iterate_meta_filtered (
             buffer, state, info->api)
              : NULL;
}

void
gst_owl2_meta_add (GstBuffer *buffer, const GstOwl2Answer *answer)
{
  gpointer state = NULL;
  GstCustomMeta *meta;

  while ((meta = next_meta (buffer, &state))) {
    const GstStructure *s = gst_custom_meta_get_structure (meta);

    if (g_strcmp0 (gst_structure_get_string (s, "element"), answer->element)
        == 0) {
      gst_buffer_remove_meta (buffer, &meta->meta);
      state = NULL;
    }
  }
  meta = gst_buffer_add_custom_meta (buffer, GST_OWL2_META_NAME);
  if (meta)
    gst_owl2_answer_to_structure (answer, gst_custom_meta_get_structure (meta));
}

const GstStructure *
gst_owl2_meta_next (GstBuffer *buffer, gpointer *state)
{
  GstCustomMeta *meta = next_meta (buffer, state);

  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

const GstStructure *
gst_owl2_meta_get (GstBuffer *buffer)
{
  gpointer state = NULL;

  return gst_owl2_meta_next (buffer, &state);
}
