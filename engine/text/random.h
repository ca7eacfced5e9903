/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xoshiro256** 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018), its state filled by SplitMix64 from a 64-bit seed, as
 * its authors advise. The same numbers on every machine. */
#ifndef OWL2_TEXT_RANDOM_H
#define OWL2_TEXT_RANDOM_H

#include <glib.h>

typedef struct {
  guint64 s[4];
} Owl2Random;

static inline void
owl2_random_init (Owl2Random *r, guint64 seed)
{
  for (guint i = 0; i < 4; i++) {
    guint64 z = seed += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
    r->s[i] = z ^ z >> 31;
  }
}

static inline guint64
owl2_random_next (Owl2Random *r)
{
  guint64 *s = r->s;
  guint64 x = s[1] * 5, t = s[1] << 17;
  guint64 result = (x << 7 | x >> 57) * 9;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = s[3] << 45 | s[3] >> 19;
  return result;
}

/* [0, 1) in steps of 2^-53. */
static inline double
owl2_random_uniform (Owl2Random *r)
{
  return (double) (owl2_random_next (r) >> 11) * 0x1p-53;
}

#endif
