/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device's time is shared out evenly among the sessions of one model.
 * OWL2_TEST_MODEL names the model file. */
#include "asking.h"
#include "owl2.h"

#define N_CLIENTS 8

static Owl2Model *model;

/* Who always has a request that waits, so that it is the scheduler alone who
 * decides how much it gets. */
typedef struct {
  Owl2Session *session;
  Owl2Features *frame;
  gint *stop;
  gint n_tokens, n_pending; /* atomic */
} Eager;

static void be_eager (Eager *e);

static void
on_answer (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  Eager *e = user_data;

  g_assert_no_error (error);
  g_atomic_int_add (&e->n_tokens, (gint) answer->n_ids);
  owl2_answer_free (answer);
  if (!g_atomic_int_get (e->stop))
    be_eager (e);
  g_atomic_int_add (&e->n_pending, -1);
}

static void
be_eager (Eager *e)
{
  Owl2Request request = {
    .prompt = "USER: <|image|>What is it? ASSISTANT:",
    .frames = &e->frame,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  request.sampling.ignore_eos = TRUE;
  request.sampling.max_tokens = 20;
  g_atomic_int_inc (&e->n_pending);
  owl2_session_generate_async (e->session, &request, on_answer, e);
}

/* Answers of equal length go to all alike. */
static void
test_fair (void)
{
  Eager eager[N_CLIENTS];
  guint n_tokens[N_CLIENTS], least = G_MAXUINT, most = 0;
  gint stop = 0;

  for (guint i = 0; i < N_CLIENTS; i++) {
    g_autoptr (GError) error = NULL;

    eager[i] = (Eager){ .stop = &stop };
    eager[i].session = owl2_session_new (model, NULL, &error);
    g_assert_no_error (error);
    eager[i].frame = encode_noise (eager[i].session, 20, 13, i, &error);
    g_assert_no_error (error);
  }
  for (guint i = 0; i < 2 * N_CLIENTS; i++)
    be_eager (&eager[i % N_CLIENTS]);
  g_usleep (4 * G_USEC_PER_SEC);
  for (guint i = 0; i < N_CLIENTS; i++)
    n_tokens[i] = (guint) g_atomic_int_get (&eager[i].n_tokens);
  g_atomic_int_set (&stop, 1);
  for (guint i = 0; i < N_CLIENTS; i++) {
    while (g_atomic_int_get (&eager[i].n_pending))
      g_usleep (1000);
    least = MIN (least, n_tokens[i]);
    most = MAX (most, n_tokens[i]);
    owl2_session_free (eager[i].session);
    owl2_features_unref (eager[i].frame);
  }
  g_test_message ("%u to %u tokens", least, most);
  /* Those of the answers under way are not counted yet. */
  g_assert_cmpuint (least + 2 * 20, >=, most * 9 / 10);
}

/* Frames without end, some of them always waiting. */
typedef struct {
  Owl2Session *session;
  GMutex *lock; /* of the next two */
  guint n_waiting, n_done;
  gboolean stop; /* atomic */
} Flood;

#define N_WAITING 8
#define N_FRAMES 48

static const guint8 small_pixels[3 * 16 * 16];
static const Owl2Image small = { small_pixels, 16, 16, 3 * 16 };

static void
flood_on (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  Flood *f = user_data;
  gboolean stop = g_atomic_int_get (&f->stop);

  g_assert_no_error (error);
  owl2_features_unref (features);
  g_mutex_lock (f->lock);
  f->n_done += !stop;
  f->n_waiting -= stop;
  g_mutex_unlock (f->lock);
  if (!stop)
    owl2_session_encode_async (f->session, &small, flood_on, f);
}

static guint
flood_count (GMutex *lock, const guint *a, const guint *b)
{
  guint n;

  g_mutex_lock (lock);
  n = *a + *b;
  g_mutex_unlock (lock);
  return n;
}

/* Who was alone for a while owes nothing to who comes then. */
static void
test_late (void)
{
  Flood floods[2] = { { .session = new_session (model, NULL) } };
  gint64 start = g_get_monotonic_time ();
  GMutex lock;

  g_mutex_init (&lock);
  while (g_get_monotonic_time () - start < 2 * G_USEC_PER_SEC) {
    g_autoptr (GError) error = NULL;

    owl2_features_unref (encode_noise (floods[0].session, 20, 13, 0, &error));
    g_assert_no_error (error);
  }
  floods[1].session = new_session (model, NULL);
  for (guint i = 2; i-- > 0;) {
    floods[i].lock = &lock;
    floods[i].n_waiting = N_WAITING;
    for (guint j = 0; j < N_WAITING; j++)
      owl2_session_encode_async (
          floods[i].session, &small, flood_on, &floods[i]);
  }
  while (flood_count (&lock, &floods[0].n_done, &floods[1].n_done) < N_FRAMES)
    g_usleep (1000);
  for (guint i = 0; i < 2; i++)
    g_atomic_int_set (&floods[i].stop, TRUE);
  while (flood_count (&lock, &floods[0].n_waiting, &floods[1].n_waiting))
    g_usleep (1000);
  g_test_message ("%u and %u frames", floods[0].n_done, floods[1].n_done);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (floods[i].n_done, >=, N_FRAMES / 4);
  for (guint i = 0; i < 2; i++)
    owl2_session_free (floods[i].session);
  g_mutex_clear (&lock);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add_func ("/sharing/fair", test_fair);
  g_test_add_func ("/sharing/late", test_late);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
