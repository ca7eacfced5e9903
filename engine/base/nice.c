/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nice.h"

#ifdef __linux__
#  include <errno.h>
#  include <sys/resource.h>
#endif

int
owl2_nice_get (void)
{
#ifdef __linux__
  int nice;

  errno = 0;
  nice = getpriority (PRIO_PROCESS, 0);
  return nice == -1 && errno != 0 ? 0 : nice;
#else
  return 0;
#endif
}

gboolean
owl2_nice_raise (int nice)
{
#ifdef __linux__
  return owl2_nice_get () >= nice || setpriority (PRIO_PROCESS, 0, nice) == 0;
#else
  return TRUE;
#endif
}
