/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where each tensor of a model lies for the device, and how it comes there: in
 * pages of the file where these are what the kernels read, else in memory of
 * the device. */
#ifndef OWL2_PLACE_H
#define OWL2_PLACE_H

#include "weights.h"

G_BEGIN_DECLS

typedef struct {
  Owl2Tensor tensor;
  const guint8 *in_place; /* (nullable) where it lies in the file */
} Owl2Place;

/**
 * Owl2Places: @table has a place for each of @specs, by name. Copied matrices
 * of one type that are neighbours in @specs and have rows as long lie end to
 * end.
 */
typedef struct _Owl2Places {
  OvkDevice *dev;     /* a reference */
  GArray *specs;      /* Owl2TensorSpec */
  GHashTable *table;  /* name -> Owl2Place */
  GPtrArray *imports; /* OvkImport */
  OvkArena *arena;    /* what is copied, */
  OvkArena *large;    /* and what of that has blocks of its own */
  guint64 mapped_bytes, copied_bytes;
} Owl2Places;

/* Imports pages and allocates memory, but reads nothing. Errors: the source's;
 * NO_MEMORY, before anything is allocated where the device says what it has. */
Owl2Places *owl2_places_new (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, GError **error);
/* Fills the memory, and brings the pages there. See owl2_weights_upload(). */
gboolean owl2_places_fill (Owl2Places *places, const Owl2WeightsSource *source,
    Owl2WeightsProgress progress, gpointer progress_data, GError **error);
void owl2_places_free (Owl2Places *places); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Places, owl2_places_free)

G_END_DECLS

#endif
