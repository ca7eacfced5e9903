/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recent.h"

#include "gstowl2json.h"
#include "json_line.h"

typedef struct {
  guint64 id;
  json_t *told;
  GPtrArray *smalls; /* Small */
} Answer;

struct _Recent {
  guint stream;
  GQueue all; /* Answer */
};

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  json_decref (answer->told);
  g_ptr_array_unref (answer->smalls);
  g_free (answer);
}

Recent *
recent_new (guint stream)
{
  Recent *recent = g_new0 (Recent, 1);

  recent->stream = stream;
  g_queue_init (&recent->all);
  return recent;
}

void
recent_free (Recent *recent)
{
  if (!recent)
    return;
  g_queue_clear_full (&recent->all, answer_free);
  g_free (recent);
}

/* ---- fields ------------------------------------------------------------- */

static void
put_time (json_t *to, const char *name, const GstStructure *s)
{
  guint64 ns = 0;

  gst_structure_get_uint64 (s, name, &ns);
  json_object_set_new (to, name, json_real ((double) ns / 1e9));
}

static void
put_text (json_t *to, const char *name, const char *text)
{
  json_object_set_new (to, name, json_line_string (text ? text : ""));
}

static void
put_frame_times (json_t *to, const GstStructure *s)
{
  const GValue *times = gst_structure_get_value (s, "frame-times");
  const guint n = times ? gst_value_array_get_size (times) : 0;
  json_t *array = json_array ();

  for (guint i = 0; i < n; i++) {
    const GValue *time = gst_value_array_get_value (times, i);

    json_array_append_new (
        array, json_real ((double) g_value_get_uint64 (time) / 1e9));
  }
  json_object_set_new (to, "frame-times", array);
}

/* Where they apply. */
static void
put_scores (json_t *to, const GstStructure *s)
{
  static const char *const names[] = { "choices", "probabilities", "score",
    "alert" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const GValue *value = gst_structure_get_value (s, names[i]);

    if (value)
      json_object_set_new (to, names[i], gst_owl2_json_value (value));
  }
}

/* (transfer full) */
static json_t *
describe (guint stream, const GstStructure *s, const char *question)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *wall = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  json_t *told = json_object ();
  double confidence = 0;
  guint64 id = 0;

  gst_structure_get_uint64 (s, "id", &id);
  gst_structure_get_double (s, "confidence", &confidence);
  json_object_set_new (told, "stream", json_integer (stream));
  json_object_set_new (told, "id", json_integer ((json_int_t) id));
  put_text (told, "question", question);
  put_text (told, "text", gst_structure_get_string (s, "text"));
  put_time (told, "start", s);
  put_time (told, "end", s);
  put_frame_times (told, s);
  put_time (told, "latency", s);
  json_object_set_new (told, "confidence", json_real (confidence));
  put_text (told, "wall", wall);
  put_scores (told, s);
  return told;
}

/* ---- pictures ----------------------------------------------------------- */

/* Small pictures of the frames that are there, and their addresses. */
static void
add_frames (Recent *recent, Answer *answer, const GstStructure *s,
    Pictures *pictures, Shrinker *shrinker)
{
  const GValue *times = gst_structure_get_value (s, "frame-times");
  const guint n = times ? gst_value_array_get_size (times) : 0;
  const guint n_kept = MIN (n, RECENT_FRAMES);
  json_t *frames = json_array ();

  for (guint i = 0; i < n_kept; i++) {
    const GValue *time = gst_value_array_get_value (times, i * n / n_kept);
    g_autoptr (Picture) picture =
        pictures_find (pictures, g_value_get_uint64 (time));
    g_autofree char *path = NULL;

    if (!picture)
      continue;
    path = g_strdup_printf ("/streams/%u/frames/%" G_GUINT64_FORMAT "/%u.jpg",
        recent->stream, answer->id, answer->smalls->len);
    g_ptr_array_add (answer->smalls, shrinker_add (shrinker, picture));
    json_array_append_new (frames, json_line_string (path));
  }
  json_object_set_new (answer->told, "frames", frames);
}

/* ---- answers ------------------------------------------------------------ */

json_t *
recent_add (Recent *recent, const GstStructure *s, const char *question,
    Pictures *pictures, Shrinker *shrinker)
{
  Answer *answer = g_new0 (Answer, 1);

  gst_structure_get_uint64 (s, "id", &answer->id);
  answer->told = describe (recent->stream, s, question);
  answer->smalls = g_ptr_array_new_with_free_func ((GDestroyNotify) small_free);
  add_frames (recent, answer, s, pictures, shrinker);
  g_queue_push_tail (&recent->all, answer);
  if (recent->all.length > RECENT_ANSWERS)
    answer_free (g_queue_pop_head (&recent->all));
  return answer->told;
}

void
recent_replay (Recent *recent, Events *events, GPtrArray *first)
{
  for (GList *l = recent->all.head; l; l = l->next) {
    const Answer *answer = l->data;
    json_t *again = json_copy (answer->told);

    json_object_set_new (again, "replay", json_true ());
    g_ptr_array_add (first, events_make (events, "answer", again));
    json_decref (again);
  }
}

Small *
recent_find (Recent *recent, guint64 id, guint frame)
{
  for (GList *l = recent->all.head; l; l = l->next) {
    const Answer *answer = l->data;

    if (answer->id == id)
      return frame < answer->smalls->len ? answer->smalls->pdata[frame] : NULL;
  }
  return NULL;
}
