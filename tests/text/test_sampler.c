/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sampler against a plain computation of the distribution it must draw
 * from: the same set of tokens, and frequencies by chi-square. */
#include <math.h>
#include <string.h>

#include "random.h"
#include "testdata.h"

static guint32 seed;

static Owl2Sampler *
new_sampler (float temperature, guint top_k, float top_p, float penalty,
    guint64 sampler_seed, guint n)
{
  const Owl2SamplerParams params = { temperature, top_k, top_p, penalty,
    sampler_seed };
  g_autoptr (GError) error = NULL;
  Owl2Sampler *sampler = owl2_sampler_new (&params, n, &error);

  g_assert_no_error (error);
  return sampler;
}

/* ---- generator -------------------------------------------------------- */

/* The first numbers of the authors' xoshiro256starstar.c for the state
 * 1, 2, 3, 4, and of splitmix64.c for the seed 1234567. */
static void
test_random (void)
{
  const guint64 want[] = { G_GUINT64_CONSTANT (11520), 0,
    G_GUINT64_CONSTANT (1509978240), G_GUINT64_CONSTANT (1215971899390074240),
    G_GUINT64_CONSTANT (1216172134540287360),
    G_GUINT64_CONSTANT (607988272756665600),
    G_GUINT64_CONSTANT (16172922978634559625),
    G_GUINT64_CONSTANT (8476171486693032832),
    G_GUINT64_CONSTANT (10595114339597558777),
    G_GUINT64_CONSTANT (2904607092377533576) };
  Owl2Random r = { { 1, 2, 3, 4 } }, seeded;
  double sum = 0;

  for (guint i = 0; i < G_N_ELEMENTS (want); i++)
    g_assert_cmpuint (owl2_random_next (&r), ==, want[i]);
  owl2_random_init (&seeded, 1234567);
  g_assert_cmpuint (seeded.s[0], ==, G_GUINT64_CONSTANT (6457827717110365317));
  g_assert_cmpuint (seeded.s[1], ==, G_GUINT64_CONSTANT (3203168211198807973));
  for (guint i = 0; i < 100000; i++) {
    double u = owl2_random_uniform (&seeded);

    g_assert_true (u >= 0 && u < 1);
    sum += u;
  }
  /* Standard deviation of the mean: sqrt (1/12 / 100000) = 0.0009. */
  g_assert_cmpfloat_with_epsilon (sum / 100000, 0.5, 0.005);
}

/* ---- plain distribution ----------------------------------------------- */

typedef struct {
  double score;
  guint id;
} Scored;

static int
ascending (gconstpointer a, gconstpointer b)
{
  const Scored *x = a, *y = b;

  if (x->score != y->score)
    return x->score < y->score ? -1 : 1;
  return x->id < y->id ? -1 : 1; /* as a stable sort */
}

/* Probabilities of all @n tokens, step by step as transformers does it: a
 * removed token gets the score minus infinity. */
static void
plain_distribution (const float *logits, guint n, const Owl2SamplerParams *p,
    const gboolean *accepted, gint32 banned, double *prob)
{
  g_autofree Scored *sorted = g_new (Scored, n);
  g_autofree double *score = g_new (double, n);
  double total = 0, sum = 0, best = -INFINITY;
  guint finite = 0;

  for (guint i = 0; i < n; i++) {
    score[i] = (double) logits[i];
    if (accepted[i])
      score[i] = score[i] < 0 ? score[i] * (double) p->repetition_penalty
                              : score[i] / (double) p->repetition_penalty;
    score[i] /= (double) p->temperature;
    if (!isfinite (logits[i]) || (gint32) i == banned)
      score[i] = -INFINITY;
    finite += isfinite (score[i]) != 0;
    sorted[i].score = score[i];
    sorted[i].id = i;
  }
  qsort (sorted, n, sizeof *sorted, ascending);
  if (p->top_k > 0 && p->top_k < finite) {
    for (guint i = 0; i < n; i++) {
      if (score[i] < sorted[n - p->top_k].score)
        score[i] = -INFINITY;
    }
  }
  best = sorted[n - 1].score;
  for (guint i = 0; i < n; i++)
    total += exp (score[i] - best);
  for (guint i = 0; i < n; i++) {
    double share = exp (score[sorted[i].id] - best) / total;

    sum += share;
    /* The cumulative sum has this rounding error; no test has its limit
     * exactly on a sum unless its numbers are exact. */
    if (p->top_p < 1 && i + 1 < n && sum <= 1 - (double) p->top_p)
      score[sorted[i].id] = -INFINITY;
  }
  total = 0;
  for (guint i = 0; i < n; i++)
    total += exp (score[i] - best);
  for (guint i = 0; i < n; i++)
    prob[i] = exp (score[i] - best) / total;
}

/* Upper limit of chi-square that chance passes once in some 10^6 (Wilson and
 * Hilferty's approximation, 4.75 standard deviations). */
static double
chi_square_limit (guint freedom)
{
  double k = 2.0 / (9.0 * freedom), c = 1 - k + 4.75 * sqrt (k);

  return freedom * c * c * c;
}

static void
check_distribution (const float *logits, guint n, const Owl2SamplerParams *p,
    const gboolean *accepted, gint32 banned, guint draws)
{
  g_autofree double *prob = g_new0 (double, n);
  g_autofree guint *count = g_new0 (guint, n);
  g_autoptr (Owl2Sampler) sampler = owl2_sampler_new (p, n, NULL);
  double chi = 0, rare = 0, rare_count = 0;
  guint freedom = 0;

  for (guint i = 0; i < n; i++) {
    if (accepted[i])
      owl2_sampler_accept (sampler, (gint32) i);
  }
  plain_distribution (logits, n, p, accepted, banned, prob);
  for (guint i = 0; i < draws; i++) {
    gint32 id = owl2_sampler_choose (sampler, logits, banned, NULL);

    g_assert_cmpint (id, >=, 0);
    g_assert_cmpint (id, <, (gint32) n);
    if (prob[id] == 0)
      g_error ("token %d must not be drawn", id);
    count[id]++;
  }
  /* Tokens expected less than 10 times count as one. */
  for (guint i = 0; i < n; i++) {
    double want = prob[i] * draws;

    if (want < 10) {
      rare += want;
      rare_count += count[i];
      continue;
    }
    chi += (count[i] - want) * (count[i] - want) / want;
    freedom++;
  }
  if (rare >= 10) {
    chi += (rare_count - rare) * (rare_count - rare) / rare;
    freedom++;
  }
  if (freedom > 1) {
    g_test_message ("temperature %g, top-k %u, top-p %g, penalty %g: "
                    "chi-square %.1f of %u, limit %.1f",
        (double) p->temperature, p->top_k, (double) p->top_p,
        (double) p->repetition_penalty, chi, freedom - 1,
        chi_square_limit (freedom - 1));
    g_assert_cmpfloat (chi, <, chi_square_limit (freedom - 1));
  }
}

static void
test_distribution (void)
{
  static const Owl2SamplerParams params[] = {
    { 1.f, 0, 1.f, 1.f, 1 },
    { 0.7f, 0, 1.f, 1.f, 2 },
    { 2.5f, 0, 1.f, 1.f, 3 },
    { 1.f, 5, 1.f, 1.f, 4 },
    { 1.f, 0, 0.9f, 1.f, 5 },
    { 1.f, 0, 0.5f, 1.f, 6 },
    { 0.8f, 40, 0.95f, 1.2f, 7 },
    { 1.3f, 20, 0.8f, 0.7f, 8 },
    { 1.f, 1, 1.f, 1.f, 9 },
    { 1.f, 1000, 1.f, 1.f, 10 },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  float logits[200];
  gboolean accepted[200] = { FALSE };

  for (guint i = 0; i < G_N_ELEMENTS (logits); i++) {
    logits[i] = (float) g_rand_double_range (rand, -3, 3);
    accepted[i] = i % 7 == 0;
  }
  logits[3] = NAN;
  logits[4] = INFINITY;
  logits[5] = -INFINITY;
  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    check_distribution (logits, G_N_ELEMENTS (logits), &params[i], accepted,
        i % 2 ? 17 : -1, 100000);
}

/* Many small cases, full of equal scores: which tokens can be drawn at all. */
static void
test_sets (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (guint round = 0; round < 3000; round++) {
    guint n = (guint) g_rand_int_range (rand, 1, 12);
    float logits[12];
    gboolean accepted[12] = { FALSE };
    double prob[12] = { 0 };
    gint32 banned = g_rand_int_range (rand, -1, (gint32) n);
    guint seen = 0, may = 0, must = 0;
    g_autoptr (Owl2Sampler) sampler = NULL;
    Owl2SamplerParams p = { (float) g_rand_double_range (rand, 0.3, 3),
      (guint) g_rand_int_range (rand, 0, 14),
      (float) g_rand_double_range (rand, 0.01, 1),
      (float) g_rand_double_range (rand, 0.5, 2), round };

    if (round % 5 == 0)
      p.top_p = 1;
    if (n == 1)
      banned = -1;
    sampler = owl2_sampler_new (&p, n, NULL);
    for (guint i = 0; i < n; i++) {
      logits[i] = (float) g_rand_int_range (rand, -2, 3) * 0.5f;
      accepted[i] = g_rand_boolean (rand);
      if (accepted[i])
        owl2_sampler_accept (sampler, (gint32) i);
    }
    plain_distribution (logits, n, &p, accepted, banned, prob);
    /* 4000 draws miss a share of 0.005 once in 10^8 times. */
    for (guint i = 0; i < G_N_ELEMENTS (prob); i++) {
      may |= (guint) (prob[i] > 0) << i;
      must |= (guint) (prob[i] > 0.005) << i;
    }
    for (guint i = 0; i < 4000 && (must & ~seen); i++)
      seen |= 1u << owl2_sampler_choose (sampler, logits, banned, NULL);
    if ((must & ~seen) || (seen & ~may))
      g_error ("round %u: tokens drawn 0x%x, possible 0x%x, likely 0x%x "
               "(n %u, top-k %u, top-p %g)",
          round, seen, may, must, n, p.top_k, (double) p.top_p);
  }
}

/* Limits that lie exactly on a cumulative sum, with exact numbers. */
static void
test_top_p_edges (void)
{
  /* Shares 1/2, 1/4, 1/8, 1/8. */
  const float logits[] = { 0, (float) -G_LN2, (float) (-2 * G_LN2),
    (float) (-2 * G_LN2) };
  static const struct {
    float top_p;
    guint tokens; /* bits */
  } cases[] = {
    { 0.0001f, 1 },
    { 0.4f, 1 },
    { 0.6f, 3 },
    { 0.74f, 3 },
    /* Of equal ones the one with the larger id stays. */
    { 0.8f, 3 | 8 },
    { 0.9f, 15 },
    { 1.f, 15 },
  };
  const float equal[] = { 1, 1, 1, 1 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (Owl2Sampler) sampler =
        new_sampler (1, 0, cases[i].top_p, 1, i, 4);
    guint seen = 0;

    for (guint j = 0; j < 2000; j++)
      seen |= 1u << owl2_sampler_choose (sampler, logits, -1, NULL);
    g_assert_cmpuint (seen, ==, cases[i].tokens);
  }
  for (guint keep = 1; keep <= 4; keep++) {
    g_autoptr (Owl2Sampler) sampler =
        new_sampler (1, 0, 0.25f * (float) keep, 1, keep, 4);
    guint seen = 0;

    for (guint j = 0; j < 2000; j++)
      seen |= 1u << owl2_sampler_choose (sampler, equal, -1, NULL);
    g_assert_cmpuint (seen, ==, 15u & ~(15u >> keep));
  }
}

/* ---- greedy, penalty, probability ------------------------------------- */

static void
test_greedy (void)
{
  const float logits[] = { 1, 5, NAN, 5, INFINITY, -INFINITY, 4 };
  g_autoptr (Owl2Sampler) plain = new_sampler (0, 3, 0.5f, 1, 0, 7);
  g_autoptr (Owl2Sampler) penalised = new_sampler (0, 0, 1, 1.2f, 0, 7);
  double probability;

  g_assert_true (owl2_sampler_is_argmax (plain));
  g_assert_false (owl2_sampler_is_argmax (penalised));
  g_assert_cmpint (
      owl2_sampler_choose (plain, logits, -1, &probability), ==, 1);
  g_assert_cmpfloat_with_epsilon (
      probability, 1 / (exp (-4) + 1 + 1 + exp (-1)), 1e-12);
  g_assert_cmpint (owl2_sampler_choose (plain, logits, 1, NULL), ==, 3);
  /* Accepting changes nothing without a penalty. */
  owl2_sampler_accept (plain, 1);
  g_assert_cmpint (owl2_sampler_choose (plain, logits, -1, NULL), ==, 1);

  owl2_sampler_accept (penalised, -200);
  owl2_sampler_accept (penalised, 7);
  g_assert_cmpint (owl2_sampler_choose (penalised, logits, -1, NULL), ==, 1);
  owl2_sampler_accept (penalised, 1); /* 5 / 1.2 = 4.17 */
  owl2_sampler_accept (penalised, 1); /* once for each token, however often */
  g_assert_cmpint (
      owl2_sampler_choose (penalised, logits, -1, &probability), ==, 3);
  owl2_sampler_accept (penalised, 3);
  g_assert_cmpint (
      owl2_sampler_choose (penalised, logits, -1, &probability), ==, 1);
  /* Of the logits as they came, not of the penalised ones. */
  g_assert_cmpfloat_with_epsilon (
      probability, 1 / (exp (-4) + 1 + 1 + exp (-1)), 1e-12);
}

static void
test_penalty_sign (void)
{
  const float logits[] = { -1, -1.1f };
  g_autoptr (Owl2Sampler) more = new_sampler (0, 0, 1, 1.2f, 0, 2);
  g_autoptr (Owl2Sampler) less = new_sampler (0, 0, 1, 0.8f, 0, 2);

  owl2_sampler_accept (more, 0);
  owl2_sampler_accept (less, 1);
  g_assert_cmpint (owl2_sampler_choose (more, logits, -1, NULL), ==, 1);
  g_assert_cmpint (owl2_sampler_choose (less, logits, -1, NULL), ==, 1);
}

static void
test_hostile_logits (void)
{
  static const Owl2SamplerParams params[] = {
    { 0, 0, 1, 1, 0 },
    { 0, 0, 1, 1e-45f, 0 },
    { 1, 0, 1, 1, 0 },
    { 1e-45f, 2, 0.5f, 1e-45f, 0 },
    { 3.4e38f, 2, 0.5f, 3.4e38f, 0 },
  };
  static const float none[][3] = {
    { NAN, NAN, NAN },
    { INFINITY, INFINITY, INFINITY },
    { -INFINITY, -INFINITY, -INFINITY },
    { NAN, INFINITY, -INFINITY },
  };
  static const float some[][3] = {
    { NAN, 3.4e38f, NAN },
    { -3.4e38f, 3.4e38f, INFINITY },
    { -3.4e38f, -3.4e38f, 1e-45f },
    { 0, -0.f, NAN },
    { 3.4e38f, 3.4e38f, 3.4e38f },
  };

  for (guint i = 0; i < G_N_ELEMENTS (params); i++) {
    g_autoptr (Owl2Sampler) sampler = owl2_sampler_new (&params[i], 3, NULL);
    double probability;

    for (guint round = 0; round < 2; round++) {
      for (guint j = 0; j < G_N_ELEMENTS (none); j++) {
        probability = 7;
        g_assert_cmpint (
            owl2_sampler_choose (sampler, none[j], -1, &probability), ==, -1);
        g_assert_cmpfloat (probability, ==, 0);
      }
      for (guint j = 0; j < G_N_ELEMENTS (some); j++) {
        gint32 id = owl2_sampler_choose (sampler, some[j], -1, &probability);

        g_assert_cmpint (id, >=, 0);
        g_assert_true (isfinite (some[j][id]));
        g_assert_true (probability >= 0 && probability <= 1);
      }
      for (gint32 j = 0; j < 3; j++)
        owl2_sampler_accept (sampler, j);
    }
    /* All but the banned one are unusable. */
    g_assert_cmpint (
        owl2_sampler_choose (sampler, some[0], 1, &probability), ==, -1);
  }
}

/* ---- parameters ------------------------------------------------------- */

static void
test_ranges (void)
{
  static const struct {
    Owl2SamplerParams params;
    guint n;
    const char *message;
  } cases[] = {
    { { -0.1f, 0, 1, 1, 0 }, 9, "temperature must be 0 or more" },
    { { NAN, 0, 1, 1, 0 }, 9, "temperature must" },
    { { INFINITY, 0, 1, 1, 0 }, 9, "temperature must" },
    { { 1, 0, 0, 1, 0 }, 9, "top-p must be more than 0 and at most 1, not 0" },
    { { 1, 0, -1, 1, 0 }, 9, "top-p must" },
    { { 1, 0, 1.01f, 1, 0 }, 9, "not 1.01" },
    { { 1, 0, NAN, 1, 0 }, 9, "top-p must" },
    { { 1, 0, 1, 0, 0 }, 9, "repetition-penalty must be more than 0" },
    { { 1, 0, 1, -2, 0 }, 9, "not -2" },
    { { 1, 0, 1, NAN, 0 }, 9, "repetition-penalty must" },
    { { 1, 0, 1, INFINITY, 0 }, 9, "repetition-penalty must" },
    { { 1, 0, 1, 1, 0 }, 0, "number of logits must be 1 to 2147483647" },
    { { 1, 0, 1, 1, 0 }, 2147483648u, "number of logits must" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (owl2_sampler_new (&cases[i].params, cases[i].n, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, cases[i].message));
  }
}

static void
test_seeds (void)
{
  g_autoptr (Owl2Sampler) a = new_sampler (1, 0, 0.9f, 1, 42, 64);
  g_autoptr (Owl2Sampler) b = new_sampler (1, 0, 0.9f, 1, 42, 64);
  g_autoptr (Owl2Sampler) c = new_sampler (1, 0, 0.9f, 1, 43, 64);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  guint differ = 0;
  float logits[64];

  for (guint i = 0; i < G_N_ELEMENTS (logits); i++)
    logits[i] = (float) g_rand_double (rand);
  for (guint i = 0; i < 200; i++) {
    gint32 id = owl2_sampler_choose (a, logits, -1, NULL);

    g_assert_cmpint (id, ==, owl2_sampler_choose (b, logits, -1, NULL));
    differ += id != owl2_sampler_choose (c, logits, -1, NULL);
  }
  g_assert_cmpuint (differ, >, 150);
}

static void
test_speed (void)
{
  const guint n = 32000;
  g_autofree float *logits = g_new (float, n);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  static const Owl2SamplerParams params[] = {
    { 0, 0, 1, 1.1f, 0 },
    { 1, 0, 1, 1, 0 },
    { 1, 40, 0.9f, 1.1f, 0 },
    { 1, 0, 0.999f, 1, 0 },
  };

  for (guint i = 0; i < n; i++)
    logits[i] = (float) g_rand_double_range (rand, -8, 8);
  for (guint i = 0; i < G_N_ELEMENTS (params); i++) {
    g_autoptr (Owl2Sampler) sampler = owl2_sampler_new (&params[i], n, NULL);
    gint64 begin = g_get_monotonic_time ();
    double probability;

    for (guint j = 0; j < 20; j++)
      owl2_sampler_choose (sampler, logits, -1, &probability);
    g_test_message ("%u logits, temperature %g, top-k %u, top-p %g: %.2f ms", n,
        (double) params[i].temperature, params[i].top_k,
        (double) params[i].top_p,
        (double) (g_get_monotonic_time () - begin) / 20e3);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  seed = test_seed ();
  g_test_message ("OWL2_TEST_SEED=%u", seed);
  g_test_add_func ("/sampler/random", test_random);
  g_test_add_func ("/sampler/distribution", test_distribution);
  g_test_add_func ("/sampler/sets", test_sets);
  g_test_add_func ("/sampler/top-p-edges", test_top_p_edges);
  g_test_add_func ("/sampler/greedy", test_greedy);
  g_test_add_func ("/sampler/penalty-sign", test_penalty_sign);
  g_test_add_func ("/sampler/hostile-logits", test_hostile_logits);
  g_test_add_func ("/sampler/ranges", test_ranges);
  g_test_add_func ("/sampler/seeds", test_seeds);
  g_test_add_func ("/sampler/speed", test_speed);
  return g_test_run ();
}
