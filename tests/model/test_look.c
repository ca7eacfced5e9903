/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where answers look: a map that adds to one, that changes nothing of the
 * answer, is the same in company, and on the small trained model lies on what
 * the question is about. Its numbers are compared by test_look.py.
 * OWL2_TEST_MODEL and OWL2_TEST_NANO name the model files. */
#include <math.h>
#include <string.h>

#include "asking.h"

#define N_FRAMES 3

static Owl2Model *model;

static Owl2Features *
encode_look (Owl2Session *session, guint seed)
{
  g_autoptr (GError) error = NULL;
  guint8 pixels[3 * 20 * 13];
  Owl2Image image = { pixels, 20, 13, 60, .look = TRUE };
  Owl2Features *features;

  fill_noise (pixels, sizeof pixels, seed);
  features = owl2_session_encode (session, &image, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (owl2_features_look (features));
  return features;
}

static Owl2Answer *
ask (Owl2Session *session, Owl2Features **frames, Owl2Request how)
{
  g_autoptr (GError) error = NULL;
  Owl2Answer *answer;

  how.prompt = QUESTION_ABOUT_FRAME;
  how.frames = frames;
  how.n_frames = N_FRAMES;
  if (!how.sampling.max_tokens)
    how.sampling = (Owl2Sampling){ .max_tokens = 5,
      .top_p = 1.f,
      .repetition_penalty = 1.f,
      .ignore_eos = TRUE };
  answer = owl2_session_generate (session, &how, &error);
  g_assert_no_error (error);
  return answer;
}

static void
assert_maps (const Owl2Answer *answer)
{
  gsize n = (gsize) answer->n_maps * answer->grid * answer->grid;
  double sum = 0;

  g_assert_nonnull (answer->maps);
  for (gsize i = 0; i < n; i++) {
    g_assert_true (answer->maps[i] >= 0);
    sum += answer->maps[i];
  }
  /* Each was rounded once, from what was itself divided by its sum. */
  g_assert_cmpfloat (fabs (sum - 1), <=, 4 * 6e-8);
}

static void
assert_same_answer (const Owl2Answer *a, const Owl2Answer *b)
{
  g_assert_cmpmem (
      a->ids, a->n_ids * sizeof *a->ids, b->ids, b->n_ids * sizeof *b->ids);
  g_assert_cmpfloat (a->confidence, ==, b->confidence);
}

static void
assert_same_maps (const Owl2Answer *a, const Owl2Answer *b)
{
  gsize bytes = sizeof (float) * a->n_maps * a->grid * a->grid;

  g_assert_cmpmem (
      a->maps, bytes, b->maps, sizeof (float) * b->n_maps * b->grid * b->grid);
}

typedef struct {
  Owl2Session *session;
  Owl2Features *frames[N_FRAMES];
} Fixture;

static void
set_up (Fixture *f, gconstpointer how)
{
  f->session = new_session (model, how);
  for (guint i = 0; i < N_FRAMES; i++)
    f->frames[i] = encode_look (f->session, i);
}

static void
tear_down (Fixture *f, gconstpointer how)
{
  for (guint i = 0; i < N_FRAMES; i++)
    owl2_features_unref (f->frames[i]);
  owl2_session_free (f->session);
}

/* Also of a prompt whose first positions are there already, and of tokens that
 * the host draws. */
static void
test_same (Fixture *f, gconstpointer how)
{
  const Owl2Sampling drawn = { .max_tokens = 5,
    .temperature = 1.f,
    .top_p = 1.f,
    .repetition_penalty = 1.f,
    .seed = 3,
    .ignore_eos = TRUE };
  g_autoptr (Owl2Answer) plain =
      ask (f->session, f->frames, (Owl2Request){ .cold = TRUE });
  g_autoptr (Owl2Answer) cold =
      ask (f->session, f->frames, (Owl2Request){ .look = TRUE, .cold = TRUE });
  g_autoptr (Owl2Answer) warm =
      ask (f->session, f->frames, (Owl2Request){ .look = TRUE });
  g_autoptr (Owl2Answer) host =
      ask (f->session, f->frames, (Owl2Request){ .sampling = drawn });
  g_autoptr (Owl2Answer) looked = ask (
      f->session, f->frames, (Owl2Request){ .sampling = drawn, .look = TRUE });

  g_assert_null (plain->maps);
  g_assert_cmpuint (plain->n_maps, ==, 0);
  assert_same_answer (plain, cold);
  assert_same_answer (plain, warm);
  assert_same_answer (host, looked);
  g_assert_cmpuint (cold->n_reused, ==, 0);
  g_assert_cmpuint (warm->n_reused, >, 0);
  g_assert_cmpuint (cold->n_maps, ==, N_FRAMES);
  assert_maps (cold);
  assert_maps (looked);
  assert_same_maps (cold, warm);
}

/* What is encoded with look is what is encoded without it. */
static void
test_features (Fixture *f, gconstpointer how)
{
  for (guint i = 0; i < N_FRAMES; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Features) plain = encode (f->session, i);
    double distance = 1;

    g_assert_false (owl2_features_look (plain));
    owl2_session_distance (f->session, plain, f->frames[i], &distance, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (distance, <, 1e-6);
  }
}

/* Of a choice it is the row that chooses, the prompt's last: what one token
 * has. */
static void
test_choice (Fixture *f, gconstpointer how)
{
  static const char *const choices[] = { "yes", "no, not at all" };
  const Owl2Sampling one = {
    .max_tokens = 1, .top_p = 1.f, .repetition_penalty = 1.f
  };
  g_autoptr (Owl2Answer) token = ask (
      f->session, f->frames, (Owl2Request){ .sampling = one, .look = TRUE });
  g_autoptr (Owl2Answer) choice = ask (f->session, f->frames,
      (Owl2Request){ .choices = choices, .n_choices = 2, .look = TRUE });
  g_autoptr (Owl2Answer) plain = ask (f->session, f->frames,
      (Owl2Request){ .choices = choices, .n_choices = 2 });

  assert_maps (choice);
  assert_same_maps (token, choice);
  g_assert_null (plain->maps);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat (plain->probabilities[i], ==, choice->probabilities[i]);
}

typedef struct {
  GMutex lock;
  GCond cond;
  guint n;
  Owl2Answer *answers[4];
} Told;

static Told told;

static void
on_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  g_mutex_lock (&told.lock);
  told.answers[GPOINTER_TO_UINT (user_data)] = answer;
  told.n++;
  g_cond_signal (&told.cond);
  g_mutex_unlock (&told.lock);
}

/* Side by side with others, which look at other frames or at none. */
static void
test_company (Fixture *f, gconstpointer how)
{
  Owl2Features *turned[] = { f->frames[2], f->frames[1], f->frames[0] };
  g_autoptr (Owl2Answer) alone =
      ask (f->session, f->frames, (Owl2Request){ .look = TRUE });

  told.n = 0;
  for (guint i = 0; i < G_N_ELEMENTS (told.answers); i++) {
    Owl2Request request = { .prompt = QUESTION_ABOUT_FRAME,
      .frames = i % 2 ? turned : f->frames,
      .n_frames = N_FRAMES,
      .look = i != 3,
      .cold = TRUE,
      .sampling = { .max_tokens = 5,
          .top_p = 1.f,
          .repetition_penalty = 1.f,
          .ignore_eos = TRUE } };

    owl2_session_generate_async (
        f->session, &request, on_answered, GUINT_TO_POINTER (i));
  }
  g_mutex_lock (&told.lock);
  while (told.n < G_N_ELEMENTS (told.answers))
    g_cond_wait (&told.cond, &told.lock);
  g_mutex_unlock (&told.lock);
  assert_same_maps (alone, told.answers[0]);
  assert_same_maps (alone, told.answers[2]);
  assert_maps (told.answers[1]);
  g_assert_cmpint (memcmp (alone->maps, told.answers[1]->maps,
                       sizeof (float) * alone->grid * alone->grid),
      !=, 0);
  g_assert_null (told.answers[3]->maps);
  assert_same_answer (told.answers[1], told.answers[3]);
  for (guint i = 0; i < G_N_ELEMENTS (told.answers); i++)
    owl2_answer_free (told.answers[i]);
}

static gboolean
stop (gint32 id, double probability, const char *text, gpointer user_data)
{
  return FALSE;
}

static void
test_none (Fixture *f, gconstpointer how)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Features) plain = encode (f->session, 9);
  Owl2Features *frames[] = { f->frames[0], plain, f->frames[1] };
  Owl2Request request = { .prompt = QUESTION_ABOUT_FRAME,
    .frames = frames,
    .n_frames = N_FRAMES,
    .look = TRUE,
    .sampling = OWL2_SAMPLING_DEFAULT };
  Owl2Answer *refused = owl2_session_generate (f->session, &request, &error);
  g_autoptr (Owl2Answer) stopped = ask (
      f->session, f->frames, (Owl2Request){ .look = TRUE, .on_token = stop });
  g_autoptr (Owl2Answer) blind = NULL;

  g_assert_null (refused);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "frame 2 of 3"));
  g_clear_error (&error);
  g_assert_null (stopped->maps);
  request.prompt = "USER: What is it? ASSISTANT:";
  request.n_frames = 0;
  request.sampling.max_tokens = 2;
  blind = owl2_session_generate (f->session, &request, &error);
  g_assert_no_error (error);
  g_assert_null (blind->maps);
}

/* ---- what it is about ---------------------------------------------------- */

typedef enum { CIRCLE, SQUARE, TRIANGLE, DIAMOND } Shape;

static const char *const shape_names[] = { "circle", "square", "triangle",
  "diamond" };

typedef struct {
  Shape shape;
  const char *colour;
  guint8 rgb[3];
  double x, y; /* of the middle, in parts of width and height */
} Thing;

/* Pictures of 160 x 120, stretched to a square. */
#define WIDTH 160
#define HEIGHT 120
#define RADIUS 21.

static const struct {
  guint8 ground[3];
  Thing things[2];
} scenes[] = {
  { { 250, 250, 250 }, { { CIRCLE, "red", { 220, 30, 30 }, .25, .3 },
                           { SQUARE, "blue", { 35, 60, 220 }, .7, .7 } } },
  { { 12, 12, 12 }, { { TRIANGLE, "green", { 30, 160, 50 }, .75, .25 },
                        { CIRCLE, "yellow", { 245, 225, 40 }, .2, .7 } } },
  { { 35, 60, 220 }, { { SQUARE, "yellow", { 255, 255, 0 }, .3, .75 },
                         { TRIANGLE, "red", { 255, 0, 0 }, .75, .3 } } },
  { { 245, 225, 40 }, { { DIAMOND, "blue", { 35, 60, 220 }, .2, .3 },
                          { CIRCLE, "red", { 220, 30, 30 }, .6, .7 } } },
  { { 250, 250, 250 }, { { TRIANGLE, "orange", { 250, 135, 20 }, .5, .25 },
                           { DIAMOND, "green", { 30, 160, 50 }, .5, .75 } } },
  { { 30, 160, 50 }, { { CIRCLE, "white", { 250, 250, 250 }, .8, .7 },
                         { SQUARE, "red", { 220, 30, 30 }, .3, .5 } } },
  { { 220, 30, 30 }, { { SQUARE, "cyan", { 40, 215, 225 }, .75, .25 },
                         { CIRCLE, "white", { 250, 250, 250 }, .25, .25 } } },
  { { 128, 128, 128 }, { { DIAMOND, "yellow", { 245, 225, 40 }, .8, .5 },
                           { SQUARE, "blue", { 35, 60, 220 }, .2, .5 } } },
  { { 12, 12, 12 }, { { CIRCLE, "orange", { 250, 135, 20 }, .3, .3 },
                        { TRIANGLE, "white", { 250, 250, 250 }, .7, .75 } } },
  { { 40, 215, 225 }, { { TRIANGLE, "purple", { 130, 40, 170 }, .25, .7 },
                          { DIAMOND, "red", { 220, 30, 30 }, .7, .3 } } },
};

/* Whether (@x, @y), from the middle, is within the shape. */
static gboolean
is_in (Shape shape, double x, double y)
{
  switch (shape) {
    case CIRCLE:
      return hypot (x, y) <= RADIUS;
    case SQUARE:
      return MAX (fabs (x), fabs (y)) <= .8 * RADIUS;
    case TRIANGLE:
      return y <= RADIUS / 2 && fabs (x) <= (y + RADIUS) / sqrt (3);
    case DIAMOND:
      return fabs (x) / .72 + fabs (y) <= RADIUS;
  }
  return FALSE;
}

static gboolean
is_on (const Thing *thing, double x, double y)
{
  return is_in (thing->shape, x - thing->x * WIDTH, y - thing->y * HEIGHT);
}

/* Each pixel the mean of 4 x 4 places. */
static void
draw (guint scene, guint8 *pixels)
{
  for (guint i = 0; i < WIDTH * HEIGHT; i++) {
    guint sums[3] = { 0 };

    for (guint k = 0; k < 16; k++) {
      double x = i % WIDTH + (k % 4 + .5) / 4;
      double y = i / WIDTH + (k / 4 + .5) / 4; /* the row */
      const guint8 *rgb = scenes[scene].ground;

      for (guint t = 0; t < 2; t++)
        if (is_on (&scenes[scene].things[t], x, y))
          rgb = scenes[scene].things[t].rgb;
      for (guint c = 0; c < 3; c++)
        sums[c] += rgb[c];
    }
    for (guint c = 0; c < 3; c++)
      pixels[3 * i + c] = (guint8) ((sums[c] + 8) / 16);
  }
}

/* Whether some pixel of the thing lies in the patch with the map's peak. */
static gboolean
peak_is_on (const Owl2Answer *answer, guint image_size, const Thing *thing)
{
  guint grid = answer->grid, best = 0;
  double rect[4];

  for (guint i = 1; i < grid * grid; i++)
    if (answer->maps[i] > answer->maps[best])
      best = i;
  g_assert_true (owl2_picture_cell (OWL2_IMAGE_STRETCH, WIDTH, HEIGHT,
      image_size, grid, best % grid, best / grid, rect));
  for (double y = rect[1] + .5; y < rect[3]; y++)
    for (double x = rect[0] + .5; x < rect[2]; x++)
      if (is_on (thing, x, y))
        return TRUE;
  return FALSE;
}

static void
test_scenes (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Model *nano = owl2_model_load (
      &(Owl2ModelParams){ .path = g_getenv ("OWL2_TEST_NANO") }, &error);
  g_autofree guint8 *pixels = g_malloc (3 * WIDTH * HEIGHT);
  Owl2Image image = { pixels, WIDTH, HEIGHT, 3 * WIDTH, .look = TRUE };
  guint n_on = 0, n_right = 0;
  Owl2ModelInfo info;
  Owl2Session *session;

  g_assert_no_error (error);
  owl2_model_get_info (nano, &info);
  session = new_session (nano, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (scenes); i++) {
    g_autoptr (Owl2Features) features = NULL;

    draw (i, pixels);
    features = owl2_session_encode (session, &image, NULL, &error);
    g_assert_no_error (error);
    for (guint t = 0; t < 2; t++) {
      const Thing *thing = &scenes[i].things[t];
      g_autofree char *question =
          g_strdup_printf ("USER: <|image|>What color is the %s? ASSISTANT:",
              shape_names[thing->shape]);
      Owl2Request request = { .prompt = question,
        .frames = &features,
        .n_frames = 1,
        .look = TRUE,
        .sampling = OWL2_SAMPLING_DEFAULT };
      g_autoptr (Owl2Answer) answer =
          owl2_session_generate (session, &request, &error);
      gboolean on;

      g_assert_no_error (error);
      assert_maps (answer);
      on = peak_is_on (answer, info.image_size, thing);
      n_on += on;
      n_right += strstr (answer->text, thing->colour) != NULL;
      g_test_message ("scene %u, %s: %s, %s", i, shape_names[thing->shape],
          answer->text, on ? "looked at" : "missed");
    }
  }
  owl2_session_free (session);
  owl2_model_unref (nano);
  /* Of both things of a picture: where it looks follows the question. */
  g_assert_cmpuint (10 * n_on, >=, 9 * 2 * G_N_ELEMENTS (scenes));
  g_assert_cmpuint (10 * n_right, >=, 9 * 2 * G_N_ELEMENTS (scenes));
}

/* ---- where patches lie --------------------------------------------------- */

static void
test_cells (void)
{
  static const struct {
    Owl2ImageMode mode;
    guint width, height, size, grid, col, row;
    gboolean seen;
    double rect[4];
  } cells[] = {
    { OWL2_IMAGE_STRETCH, 200, 100, 64, 4, 0, 0, TRUE, { 0, 0, 50, 25 } },
    { OWL2_IMAGE_STRETCH, 200, 100, 64, 4, 3, 2, TRUE, { 150, 50, 200, 75 } },
    /* Above and below 50 pixels were added, and on the left of an odd rest the
     * smaller part. */
    { OWL2_IMAGE_PAD, 200, 100, 64, 4, 1, 0, FALSE, { 50, 0, 100, 0 } },
    { OWL2_IMAGE_PAD, 200, 100, 64, 4, 1, 1, TRUE, { 50, 0, 100, 50 } },
    { OWL2_IMAGE_PAD, 200, 100, 64, 5, 0, 1, TRUE, { 0, 0, 40, 30 } },
    { OWL2_IMAGE_PAD, 5, 8, 64, 2, 0, 0, TRUE, { 0, 0, 3, 4 } },
    { OWL2_IMAGE_PAD, 5, 8, 64, 2, 1, 1, TRUE, { 3, 4, 5, 8 } },
    /* 128 x 64, of which the 64 from 32 on are seen. */
    { OWL2_IMAGE_CROP, 200, 100, 64, 4, 0, 0, TRUE, { 50, 0, 75, 25 } },
    { OWL2_IMAGE_CROP, 200, 100, 64, 4, 3, 3, TRUE, { 125, 75, 150, 100 } },
    /* 10 x 13, of which the 10 from 1 on are seen. */
    { OWL2_IMAGE_CROP, 3, 4, 10, 1, 0, 0, TRUE, { 0, 4. / 13, 3, 44. / 13 } },
    { OWL2_IMAGE_CROP, 64, 64, 10, 2, 1, 0, TRUE, { 32, 0, 64, 32 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cells); i++) {
    double rect[4];

    g_assert_cmpint (
        owl2_picture_cell (cells[i].mode, cells[i].width, cells[i].height,
            cells[i].size, cells[i].grid, cells[i].col, cells[i].row, rect),
        ==, cells[i].seen);
    for (guint k = 0; k < 4; k++)
      g_assert_cmpfloat (fabs (rect[k] - cells[i].rect[k]), <=, 1e-12);
  }
}

int
main (int argc, char **argv)
{
  static const Owl2SessionParams plain = { 0 },
                                 halves = { .kv_type = OWL2_KV_F16 },
                                 language = { .language_only = TRUE };
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add ("/look/same", Fixture, &plain, set_up, test_same, tear_down);
  g_test_add ("/look/same-f16", Fixture, &halves, set_up, test_same, tear_down);
  g_test_add (
      "/look/same-language", Fixture, &language, set_up, test_same, tear_down);
  g_test_add (
      "/look/features", Fixture, &plain, set_up, test_features, tear_down);
  g_test_add (
      "/look/company", Fixture, &plain, set_up, test_company, tear_down);
  g_test_add ("/look/choice", Fixture, &plain, set_up, test_choice, tear_down);
  g_test_add ("/look/none", Fixture, &plain, set_up, test_none, tear_down);
  g_test_add_func ("/look/scenes", test_scenes);
  g_test_add_func ("/look/cells", test_cells);
  status = g_test_run ();
  owl2_model_unref (model);
  return status;
}
