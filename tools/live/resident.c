/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "resident.h"

#include <stdio.h>
#include <unistd.h>

guint64
resident_bytes (void)
{
  FILE *file = fopen ("/proc/self/statm", "re");
  unsigned long long all, resident = 0;

  if (!file)
    return 0;
  if (fscanf (file, "%llu %llu", &all, &resident) != 2)
    resident = 0;
  fclose (file);
  return resident * (guint64) sysconf (_SC_PAGESIZE);
}
