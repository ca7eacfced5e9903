/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer's entry; FUZZ_TARGET is the target's name, set by the build. */
#include "targets.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const FuzzTarget *target;

  if (!target)
    target = fuzz_find (FUZZ_TARGET);
  fuzz_run (target, data, size);
  return 0;
}
