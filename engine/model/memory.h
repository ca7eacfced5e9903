/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture's planes in memory of another device, see owl2.h. */
#ifndef OWL2_MODEL_MEMORY_H
#define OWL2_MODEL_MEMORY_H

#include "ovk.h"
#include "picture.h"

G_BEGIN_DECLS

struct _Owl2Memory {
  gatomicrefcount refs;
  OvkImport *import;
  const OvkDevice *dev; /* the import's */
};

G_END_DECLS

#endif
