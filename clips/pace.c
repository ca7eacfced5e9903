/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pace.h"

gint64
owl2_pace_off (const Owl2Pace *pace, gint64 t, gint64 duration)
{
  gint64 off;

  if (!duration || duration != pace->duration || t < pace->beat)
    return 0;
  off = (t - pace->beat) % duration;
  return off > duration / 2 ? off - duration : off;
}

gint64
owl2_pace_end (Owl2Pace *pace, gint64 t, gint64 duration)
{
  gint64 off = owl2_pace_off (pace, t, duration);

  if (ABS (off) > MIN ((gint64) OWL2_PACE_ROUNDING, (duration - 1) / 2))
    off = 0;
  if (ABS (off) <= OWL2_PACE_EXACT) {
    pace->beat = t;
    pace->duration = duration;
    return t + duration;
  }
  return t - off + duration;
}

gint64
owl2_pace_gone (gint64 end, gint64 duration)
{
  return end - MIN (OWL2_PACE_EXACT, duration / 8);
}

guint64
owl2_pace_part (guint64 span, guint i, guint n)
{
  return span / n * i + span % n * i / n;
}

gint64
owl2_pace_middle (gint64 start, gint64 end, guint i, guint n)
{
  return start
         + (gint64) owl2_pace_part ((guint64) (end - start), 2 * i + 1, 2 * n);
}
