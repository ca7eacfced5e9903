/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model is loaded, answers and is freed, again and again: nothing may be lost
 * in it; and if one thing is in each round, the measure must tell.
 * OWL2_TEST_MODEL names the model file. */
#include "asking.h"
#include "live.h"

#define WARM_UP 2
#define ROUNDS 6
#define SIDE 60
#define FRAME_BYTES (SIDE * SIDE * 3)

static void
answer (Owl2Model *model)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Answer) got = NULL;
  Owl2Request how = { .sampling = OWL2_SAMPLING_DEFAULT };

  how.sampling.max_tokens = 3;
  got = ask_about_noise (session, SIDE, SIDE, how, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (got->n_ids, >, 0);
}

/* @lose: (nullable): called before each round that is counted. */
static void
repeat (void (*lose) (void))
{
  live_reset ();
  for (guint i = 0; i < WARM_UP + ROUNDS; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Model) model = NULL;

    if (i >= WARM_UP && lose)
      lose ();
    model = load_model (OWL2_KV_AUTO, &error);
    g_assert_no_error (error);
    answer (model);
    g_clear_pointer (&model, owl2_model_unref);
    if (i >= WARM_UP)
      live_sample ();
  }
}

static void
test_steady (void)
{
  repeat (NULL);
  live_assert_steady (FRAME_BYTES);
}

static void
lose (void)
{
  live_lose_block (1024, 1 << 20);
  live_lose_vk_memory ();
}

static void
test_lost (void)
{
  guint before = live_n_lost ();

  repeat (lose);
  g_assert_true (live_grows (LIVE_VK_BYTES, 0));
  g_assert_true (live_grows (LIVE_VK_OBJECTS, 0));
  if (!live_has (LIVE_BLOCKS))
    return;
  g_assert_cmpuint (live_n_lost () - before, ==, ROUNDS);
  g_assert_true (live_grows (LIVE_BLOCKS, 0));
  g_assert_true (live_grows (LIVE_BYTES, 1024));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cycles/steady", test_steady);
  g_test_add_func ("/cycles/lost", test_lost);
  return g_test_run ();
}
