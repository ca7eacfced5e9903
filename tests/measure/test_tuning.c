/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's tuning: obeyed where it is its own and whole, and otherwise
 * ignored with one warning. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_private.h"
#include "tuned.h"
#include "tuning.h"

static guint n_warnings;

static void
on_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  if (level <= OWL2_LOG_WARNING && strstr (message, "tuning")) {
    n_warnings++;
    g_test_message ("%s", message);
  }
}

static Owl2Model *
load (const char *cache_dir)
{
  GError *error = NULL;
  Owl2ModelParams params = { .path = g_getenv ("OWL2_TEST_MODEL"),
    .cache_dir = cache_dir,
    .log = { on_log, NULL, OWL2_LOG_WARNING } };
  Owl2Model *model = owl2_model_load (&params, &error);

  g_assert_no_error (error);
  return model;
}

/* Dispatches of products in decode steps: those of @kernel, and all. */
static void
count_products (Owl2Model *model, const char *kernel, guint64 *of, guint64 *all)
{
  Owl2SessionParams params = { .n_ctx = 0 };
  Owl2Request request = { .prompt = "USER: x ASSISTANT:",
    .sampling = OWL2_SAMPLING_DEFAULT };
  g_autoptr (Owl2Session) session = NULL;
  g_autoptr (GArray) timings = NULL;
  GError *error = NULL;
  Owl2Answer *answer;

  request.sampling.max_tokens = 3;
  request.sampling.ignore_eos = TRUE;
  ovk_device_set_timing (model->dev, TRUE);
  session = owl2_session_new (model, &params, &error);
  g_assert_no_error (error);
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  owl2_answer_free (answer);
  timings = ovk_device_timings (model->dev);
  *of = *all = 0;
  for (guint i = 0; i < timings->len; i++) {
    const OvkTiming *t = &g_array_index (timings, OvkTiming, i);

    if (!g_str_has_prefix (t->label, "decode ")
        || !g_str_has_prefix (t->what, "matmul"))
      continue;
    *all += t->n_commands;
    if (g_str_has_prefix (t->what, kernel))
      *of += t->n_commands;
  }
}

/* The kernel of the last resort, which no device prefers for a decode step. */
#define LAST "matmul_tile"

typedef struct {
  char *dir, *path, *text; /* of a tuning that has LAST for all */
} Scene;

static void
scene_init (Scene *scene)
{
  const Owl2Kernel *last = owl2_kernel_find (LAST, NULL);
  g_autoptr (GArray) works = g_array_new (FALSE, FALSE, sizeof (Owl2Work));
  g_autoptr (Owl2Tuning) tuning = owl2_tuning_new ();
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autoptr (Owl2Model) model = NULL;
  GError *error = NULL;

  owl2_tuning_forget ();
  scene->dir = g_dir_make_tmp ("owl2-tuning-XXXXXX", &error);
  g_assert_no_error (error);
  model = load (NULL);
  owl2_kernels_watch (&owl2_matmul_kernels, works);
  owl2_model_warm_up (model, model->kv_type, TRUE, set, &error);
  owl2_kernels_watch (NULL, NULL);
  g_assert_no_error (error);
  g_assert_cmpuint (works->len, >, 4);
  for (guint i = 0; i < works->len; i++)
    owl2_tuning_add (tuning, &owl2_matmul_kernels,
        &g_array_index (works, Owl2Work, i), &last, 1);
  scene->text = owl2_tuning_write (tuning, ovk_device_caps (model->dev));
  scene->path = owl2_tuned_path (ovk_device_caps (model->dev), scene->dir);
  owl2_tuning_forget ();
}

static void
remove_all (const char *dir)
{
  g_autoptr (GDir) d = g_dir_open (dir, 0, NULL);
  const char *name;

  while (d && (name = g_dir_read_name (d))) {
    g_autofree char *path = g_build_filename (dir, name, NULL);

    g_remove (path);
  }
  g_rmdir (dir);
}

static void
scene_clear (Scene *scene)
{
  owl2_tuning_forget ();
  remove_all (scene->dir);
  g_free (scene->dir);
  g_free (scene->path);
  g_free (scene->text);
}

static void
put (const Scene *scene, const char *text, gssize n)
{
  GError *error = NULL;

  g_file_set_contents (scene->path, text, n, &error);
  g_assert_no_error (error);
}

/* A model loaded now goes by the file, or doesn't, with so many warnings. */
static void
check (const Scene *scene, gboolean obeyed, guint warnings)
{
  g_autoptr (Owl2Model) model = NULL;
  guint64 of, all;

  n_warnings = 0;
  model = load (scene->dir);
  count_products (model, LAST, &of, &all);
  g_assert_cmpuint (all, >, 0);
  g_assert_cmpuint (of, ==, obeyed ? all : 0);
  g_assert_cmpuint (n_warnings, ==, warnings);
}

static void
test_obeyed (void)
{
  Scene scene;

  scene_init (&scene);
  check (&scene, FALSE, 0); /* there is none */
  put (&scene, scene.text, -1);
  check (&scene, FALSE, 0); /* that was settled for this process */
  owl2_tuning_forget ();
  check (&scene, TRUE, 0);
  put (&scene, "damaged", -1);
  check (&scene, TRUE, 0); /* and so was this */
  scene_clear (&scene);
}

/* @from is replaced by @to. */
static char *
changed (const char *text, const char *from, const char *to)
{
  g_auto (GStrv) parts = g_strsplit (text, from, 2);

  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  return g_strjoin (to, parts[0], parts[1], NULL);
}

/* A model loaded now warns of this file, and goes on without it. */
static void
check_ignored (const Scene *scene)
{
  owl2_tuning_forget ();
  check (scene, FALSE, 1);
}

/* Each of @n changes of the text, by itself. */
static void
check_changes (const Scene *scene, const char *const (*changes)[2], guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = changed (scene->text, changes[i][0], changes[i][1]);

    put (scene, text, -1);
    check_ignored (scene);
  }
}

static void
test_others (void)
{
  static const char *const changes[][2] = { { "device=", "device=0" },
    { "driver=", "driver=0" }, { "shaders=", "shaders=0" } };
  Scene scene;

  scene_init (&scene);
  check_changes (&scene, changes, G_N_ELEMENTS (changes));
  put (&scene, scene.text, -1);
  g_assert_cmpint (g_chmod (scene.path, 0602), ==, 0);
  check_ignored (&scene);
  scene_clear (&scene);
}

static void
test_damaged (void)
{
  static const char *const changes[][2] = { { "[owl2 tuning 1]", "" },
    { "[owl2 tuning 1]", "[owl2 tuning 2]" }, { "device=", "d=" },
    { "[matmul]", "[attention]" }, { "[matmul]", "[x]" },
    { LAST, "attention_row" }, { LAST, "" }, { "decode.", "encode." },
    { "decode.", "decode.q." }, { LAST, LAST "\xff" } };
  g_autofree char *large = g_strnfill (1 << 20, '#');
  Scene scene;

  scene_init (&scene);
  check_changes (&scene, changes, G_N_ELEMENTS (changes));
  put (&scene, large, -1);
  check_ignored (&scene);
  put (&scene, "", 0);
  check_ignored (&scene);
  g_remove (scene.path);
  g_assert_cmpint (mkfifo (scene.path, 0600), ==, 0);
  check_ignored (&scene);
  scene_clear (&scene);
}

/* Whatever is changed, it is read or refused with a reason. */
static void
test_hostile (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (Owl2Model) model = load (NULL);
  const OvkCaps *caps = ovk_device_caps (model->dev);
  guint n_read = 0, n_refused = 0;
  gsize n;
  Scene scene;

  scene_init (&scene);
  n = strlen (scene.text);
  for (guint i = 0; i < 3000; i++) {
    g_autofree char *text = g_memdup2 (scene.text, n);
    g_autoptr (Owl2Tuning) tuning = NULL;
    g_autoptr (GError) error = NULL;

    for (guint j = 0; j <= i % 3; j++)
      text[g_rand_int_range (rand, 0, (gint32) n)] =
          (char) g_rand_int_range (rand, 0, 256);
    tuning = owl2_tuning_read (text,
        i % 5 ? n : (gsize) g_rand_int_range (rand, 0, (gint32) n), caps,
        &error);
    g_assert_true (!tuning == !!error);
    n_read += tuning != NULL;
    n_refused += tuning == NULL;
  }
  g_assert_cmpuint (n_read, >, 10);
  g_assert_cmpuint (n_refused, >, 10);
  scene_clear (&scene);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tuning/obeyed", test_obeyed);
  g_test_add_func ("/tuning/others", test_others);
  g_test_add_func ("/tuning/damaged", test_damaged);
  g_test_add_func ("/tuning/hostile", test_hostile);
  return g_test_run ();
}
