/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model file that is cut, overwritten or replaced while it is loaded and
 * between answers, at many moments: an error or the answer of the whole file,
 * never a signal, never another answer. OWL2_TEST_MODEL names the file. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "asking.h"
#include "gguf.h"

typedef enum {
  CUT,
  CUT_TO_HEADER,
  OVERWRITE, /* at once, at the same length */
  COPY,      /* as cp does: cut, then written piece by piece */
  RENAME,
  REMOVE,
  FLIP, /* a byte of a weight, which another flip puts right again */
  N_CHANGES,
} Change;

static const char *const names[] = { "cut", "cut to the header", "overwrite",
  "copy", "rename", "remove", "flip" };

/* The model, one of the same numbers whose weights have other signs, and both
 * with the byte at @flip_at flipped: all that a whole file may hold. */
#define N_MODELS 4
static char *models[N_MODELS], *dir, *path;
static gsize size, flip_at;

/* ---- answers ---------------------------------------------------------- */

typedef struct {
  gint32 ids[6];
  double confidence;
} Result;

static Result results[N_MODELS];

static gboolean
ask (Owl2Model *model, Owl2Session *session, Result *result, GError **error)
{
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request how = { .sampling = OWL2_SAMPLING_DEFAULT };

  memset (result, 0, sizeof *result);
  how.sampling.max_tokens = G_N_ELEMENTS (result->ids);
  how.sampling.ignore_eos = TRUE;
  answer = ask_about_noise (session, 40, 30, how, error);
  if (!answer)
    return FALSE;
  memcpy (result->ids, answer->ids, 4 * answer->n_ids);
  result->confidence = answer->confidence;
  return TRUE;
}

/* Which of the models' answers it is; -1: none. */
static int
whose (const Result *result)
{
  for (int i = 0; i < N_MODELS; i++)
    if (memcmp (result, &results[i], sizeof *result) == 0)
      return i;
  return -1;
}

/* A file that is wrong is said to be that file. */
static void
check_error (const GError *error)
{
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_true (g_str_has_prefix (error->message, path));
}

/* ---- changes ---------------------------------------------------------- */

static void
write_file (const char *to, const char *data)
{
  int fd = g_open (to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, size), ==, size);
  close (fd);
}

static void
change_file (Change change)
{
  g_autofree char *other = g_strconcat (path, ".new", NULL);
  gsize piece = size / 7 + 1;
  guint8 byte;
  int fd;

  if (change == RENAME) {
    write_file (other, models[1]);
    g_assert_cmpint (g_rename (other, path), ==, 0);
    return;
  }
  if (change == REMOVE) {
    g_unlink (path);
    return;
  }
  fd = g_open (path, O_RDWR, 0);
  if (fd < 0)
    return; /* removed before */
  if (change == FLIP) {
    if (pread (fd, &byte, 1, (off_t) flip_at) == 1) {
      byte ^= 0x40;
      g_assert_cmpint (pwrite (fd, &byte, 1, (off_t) flip_at), ==, 1);
    }
  } else if (change == CUT || change == CUT_TO_HEADER)
    g_assert_cmpint (
        ftruncate (fd, change == CUT ? size / 2 + 7 : 4096), ==, 0);
  else if (change == OVERWRITE)
    g_assert_cmpint (pwrite (fd, models[1], size, 0), ==, size);
  else
    g_assert_cmpint (ftruncate (fd, 0), ==, 0);
  for (gsize at = 0; change == COPY && at < size; at += piece)
    g_assert_cmpint (pwrite (fd, models[1] + at, MIN (piece, size - at), at),
        ==, MIN (piece, size - at));
  close (fd);
}

/* ---- while it is loaded ----------------------------------------------- */

typedef struct {
  Change change;
  guint when, n_reports;
} Moment;

static gboolean
change_then (const char *stage, double fraction, gpointer user_data)
{
  Moment *m = user_data;

  if (m->n_reports++ == m->when)
    change_file (m->change);
  return TRUE;
}

/* The n-th report of a load is a moment between two reads. The first comes
 * before the file is opened. */
static void
test_reports (void)
{
  static const guint whens[] = { 1, 2, 4, 9, 33, 90 };

  for (guint change = 0; change < N_CHANGES; change++)
    for (guint i = 0; i < G_N_ELEMENTS (whens); i++) {
      Moment m = { (Change) change, whens[i], 0 };
      g_autoptr (GError) error = NULL;
      g_autoptr (Owl2Session) session = NULL;
      g_autoptr (Owl2Model) model = NULL;
      Owl2ModelParams params = {
        .path = path,
        .cache_dir = dir,
        .progress = change_then,
        .progress_data = &m,
      };
      Result result;

      write_file (path, models[0]);
      model = owl2_model_load (&params, &error);
      g_assert_cmpuint (m.n_reports, >, whens[0]);
      if (!model) {
        check_error (error);
        g_assert_true (change != RENAME && change != REMOVE);
        continue;
      }
      session = owl2_session_new (model, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (ask (model, session, &result, &error));
      if (whose (&result) != 0)
        g_error ("%s at report %u: another answer", names[change], whens[i]);
    }
}

static gpointer
change_later (gpointer user_data)
{
  Moment *m = user_data;

  g_usleep (m->when);
  change_file (m->change);
  return NULL;
}

/* At any moment: then all of it may have come before the load. */
static void
test_any_moment (void)
{
  guint n_failed = 0, n_whose[N_MODELS] = { 0 };
  gint64 usual = 1;

  for (guint i = 0; i < 40; i++) {
    Moment m = { (Change) (i % N_CHANGES), 0, 0 };
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Session) session = NULL;
    g_autoptr (Owl2Model) model = NULL;
    Owl2ModelParams params = { .path = path, .cache_dir = dir };
    gint64 start;
    GThread *thread;
    Result result;

    write_file (path, models[0]);
    /* Most of a load comes after the last byte of the file. */
    m.when = g_random_int_range (0, (gint32) (i % 4 ? usual / 8 + 1 : usual));
    start = g_get_monotonic_time ();
    thread = i ? g_thread_new ("change", change_later, &m) : NULL;
    model = owl2_model_load (&params, &error);
    if (!i)
      usual = g_get_monotonic_time () - start;
    if (thread)
      g_thread_join (thread);
    if (!model) {
      check_error (error);
      n_failed++;
      continue;
    }
    session = owl2_session_new (model, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ask (model, session, &result, &error));
    if (whose (&result) < 0)
      g_error ("%s after %u us of %" G_GINT64_FORMAT ": an answer of neither",
          names[m.change], m.when, usual);
    n_whose[whose (&result)]++;
  }
  g_test_message ("%u failed, %u old answers, %u new, %u of one byte more",
      n_failed, n_whose[0], n_whose[1], n_whose[2]);
}

/* ---- all the while ---------------------------------------------------- */

typedef struct {
  gint stop, begun; /* atomic */
  guint when;       /* the report of the load that it begins with */
  guint n_reports;
  guint seed;
} Changer;

/* Reports are moments between two reads. */
static gboolean
begin_changes (const char *stage, double fraction, gpointer user_data)
{
  Changer *c = user_data;

  if (c->n_reports++ == c->when)
    g_atomic_int_set (&c->begun, TRUE);
  return TRUE;
}

static gpointer
change_all_the_while (gpointer user_data)
{
  Changer *c = user_data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (c->seed);

  while (!g_atomic_int_get (&c->begun) && !g_atomic_int_get (&c->stop))
    g_usleep (20);
  while (!g_atomic_int_get (&c->stop)) {
    /* What only the file's times tell is tried most. */
    const Change change = g_rand_int_range (rand, 0, 3) ? (
                              Change) g_rand_int_range (rand, 0, N_CHANGES + 1)
                                                        : OVERWRITE;

    if (change == N_CHANGES)
      write_file (path, models[g_rand_int_range (rand, 0, N_MODELS)]);
    else
      change_file (change);
    g_usleep ((gulong) g_rand_int_range (
        rand, 0, 1 << g_rand_int_range (rand, 1, 16)));
  }
  return NULL;
}

/* A file that never rests: a load is an error or one of its whole states, and
 * what was loaded goes on answering as it did. */
static void
test_all_the_while (void)
{
  const gboolean is_long = g_getenv ("OWL2_LONG") && *g_getenv ("OWL2_LONG");
  const guint n_loads = is_long ? 1000 : 20;
  guint n_loaded = 0, n_answers = 0;

  for (guint i = 0; i < n_loads || (is_long && n_answers < 1000); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Session) session = NULL;
    g_autoptr (Owl2Model) model = NULL;
    Changer changer = { .seed = g_random_int () };
    Owl2ModelParams params = {
      .path = path,
      .cache_dir = dir,
      .progress = begin_changes,
      .progress_data = &changer,
    };
    GThread *thread;
    int first = -1;

    write_file (path, models[0]);
    changer.when = i % 4 ? (guint) g_random_int_range (1, 100) : 0;
    thread = g_thread_new ("change", change_all_the_while, &changer);
    model = owl2_model_load (&params, &error);
    if (!model) {
      check_error (error);
    } else {
      session = owl2_session_new (model, NULL, &error);
      g_assert_no_error (error);
      n_loaded++;
    }
    for (guint k = 0; model && k < 3; k++, n_answers++) {
      Result result;

      g_assert_true (ask (model, session, &result, &error));
      if (k == 0)
        first = whose (&result);
      if (first < 0 || whose (&result) != first)
        g_error ("load %u, answer %u: of %d, the first of %d", i, k,
            whose (&result), first);
    }
    g_atomic_int_set (&changer.stop, 1);
    g_thread_join (thread);
  }
  g_test_message (
      "%u loads, %u whole, %u answers", n_loads, n_loaded, n_answers);
  g_assert_cmpuint (n_loaded, >, 0);
}

/* ---- between answers -------------------------------------------------- */

static Owl2Model *
load (gboolean in_place, Owl2ModelInfo *info)
{
  g_autoptr (GError) error = NULL;
  Owl2ModelParams params = {
    .path = path,
    .cache_dir = dir,
    .mmap = in_place,
  };
  Owl2Model *model;

  write_file (path, models[0]);
  model = owl2_model_load (&params, &error);
  g_assert_no_error (error);
  owl2_model_get_info (model, info);
  return model;
}

/* Copied weights are the model's own. */
static void
test_copied (void)
{
  for (guint change = 0; change < N_CHANGES; change++) {
    g_autoptr (GError) error = NULL;
    Owl2ModelInfo info;
    g_autoptr (Owl2Model) model = load (FALSE, &info);
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
    Result result;

    g_assert_cmpuint (info.mapped_bytes, ==, 0);
    g_assert_cmpuint (info.device_bytes, >=, info.weights_bytes);
    for (guint i = 0; i < 2; i++) {
      g_assert_true (ask (model, session, &result, &error));
      g_assert_cmpint (whose (&result), ==, 0);
      if (i == 0)
        change_file ((Change) change);
    }
  }
}

/* Weights in place are not used once the file is another. */
static void
test_in_place (void)
{
  for (guint change = 0; change < N_CHANGES; change++) {
    g_autoptr (GError) error = NULL;
    Owl2ModelInfo info;
    g_autoptr (Owl2Model) model = load (TRUE, &info);
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
    Owl2Request request = {
      .prompt = "USER: Hello ASSISTANT:",
      .sampling = OWL2_SAMPLING_DEFAULT,
    };
    Result result;

    if (!info.mapped_bytes) {
      g_test_skip ("the device takes no memory of the host");
      return;
    }
    g_assert_true (ask (model, session, &result, &error));
    g_assert_cmpint (whose (&result), ==, 0);
    change_file ((Change) change);
    if (change == RENAME || change == REMOVE) {
      g_assert_true (ask (model, session, &result, &error));
      g_assert_cmpint (whose (&result), ==, 0);
      continue;
    }
    /* Of both calls, and for good. */
    for (guint i = 0; i < 2; i++) {
      g_assert_false (ask (model, session, &result, &error));
      check_error (error);
      g_assert_nonnull (strstr (error->message, "changed while it was"));
      g_clear_error (&error);
      g_assert_null (owl2_session_generate (session, &request, &error));
      check_error (error);
      g_clear_error (&error);
    }
  }
}

/* Streams an answer in whose middle the file is overwritten. */
static gboolean
change_at_second (
    gint32 id, double probability, const char *text, gpointer user_data)
{
  guint *n = user_data;

  if ((*n)++ == 1)
    change_file (OVERWRITE);
  return TRUE;
}

static void
test_amid_an_answer (void)
{
  g_autoptr (GError) error = NULL;
  Owl2ModelInfo info;
  g_autoptr (Owl2Model) model = load (TRUE, &info);
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
  guint n = 0;
  Owl2Request request = {
    .prompt = "USER: Hello ASSISTANT:",
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = change_at_second,
    .user_data = &n,
  };

  if (!info.mapped_bytes) {
    g_test_skip ("the device takes no memory of the host");
    return;
  }
  request.sampling.max_tokens = 32;
  request.sampling.ignore_eos = TRUE;
  g_assert_null (owl2_session_generate (session, &request, &error));
  g_assert_cmpuint (n, >, 1);
  check_error (error);
}

/* ---- parts ------------------------------------------------------------ */

/* What a part of a split file lacks is explained by its name, if by no key. */
static void
test_part (void)
{
  g_autofree char *part = g_build_filename (dir, "m-00002-of-00003.gguf", NULL);
  g_autoptr (GError) error = NULL;
  Owl2ModelParams params = { .path = part, .cache_dir = dir };

  g_assert_true (g_file_set_contents (part, models[0], 30000, NULL));
  g_assert_null (owl2_model_load (&params, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_nonnull (strstr (error->message, "part 2 of 3"));
  g_unlink (part);
}

/* ---- set-up ----------------------------------------------------------- */

static void
make_models (void)
{
  g_autoptr (GError) error = NULL;
  const char *file = g_getenv ("OWL2_TEST_MODEL");
  g_autoptr (Owl2Gguf) gguf = owl2_gguf_open (file, &error);

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (file, &models[0], &size, NULL));
  models[1] = g_memdup2 (models[0], size);
  for (guint i = 0; i < owl2_gguf_n_tensors (gguf); i++) {
    const Owl2GgufTensor *t = owl2_gguf_tensor_at (gguf, i);

    g_assert_cmpint (t->type, ==, OWL2_TYPE_F32);
    for (gsize at = 3; at < t->size_bytes; at += 12)
      models[1][t->offset + at] ^= 0x80;
    if (strcmp (t->name, "output_norm.weight") == 0)
      flip_at = t->offset + 2;
  }
  g_assert_cmpuint (flip_at, >, 0);
  for (guint i = 2; i < N_MODELS; i++) {
    models[i] = g_memdup2 (models[i - 2], size);
    models[i][flip_at] ^= 0x40;
  }
  dir = g_dir_make_tmp ("owl2-changes-XXXXXX", NULL);
  path = g_build_filename (dir, "m.gguf", NULL);
  for (guint i = 0; i < N_MODELS; i++) {
    Owl2ModelParams params = { .path = path, .cache_dir = dir };
    g_autoptr (Owl2Model) model = NULL;
    g_autoptr (Owl2Session) session = NULL;

    write_file (path, models[i]);
    model = owl2_model_load (&params, &error);
    g_assert_no_error (error);
    session = owl2_session_new (model, NULL, &error);
    g_assert_true (ask (model, session, &results[i], &error));
    g_assert_no_error (error);
  }
  for (int i = 0; i < N_MODELS; i++)
    g_assert_cmpint (whose (&results[i]), ==, i);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  make_models ();
  g_test_add_func ("/changes/reports-of-a-load", test_reports);
  g_test_add_func ("/changes/any-moment-of-a-load", test_any_moment);
  g_test_add_func ("/changes/all-the-while", test_all_the_while);
  g_test_add_func ("/changes/copied", test_copied);
  g_test_add_func ("/changes/in-place", test_in_place);
  g_test_add_func ("/changes/amid-an-answer", test_amid_an_answer);
  g_test_add_func ("/changes/part", test_part);
  status = g_test_run ();
  {
    g_autoptr (GDir) all = g_dir_open (dir, 0, NULL);

    for (const char *name; (name = g_dir_read_name (all));) {
      g_autofree char *file = g_build_filename (dir, name, NULL);

      g_unlink (file);
    }
  }
  g_rmdir (dir);
  return status;
}
