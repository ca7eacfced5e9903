/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a model and its requests take of the device, known before it is taken.
 */
#ifndef OWL2_ROOM_H
#define OWL2_ROOM_H

#include "engine_private.h"
#include "kvpool.h"

G_BEGIN_DECLS

/* The type of keys and values on this model; says in the log where it is not
 * the one asked for. */
Owl2Type owl2_room_kv_type (const Owl2Model *model, Owl2KvType wanted);

/**
 * owl2_room_check_work: TRUE if the device has room for the buffers of frames
 * and passes beside the weights. Errors: NO_MEMORY with all the numbers.
 */
gboolean owl2_room_check_work (const Owl2Model *model, GError **error);
/**
 * owl2_room_check_kv: TRUE if a request of @n_positions (0: none) fits what
 * @pool has and what the device has free. Errors: NO_MEMORY with all the
 * numbers.
 */
gboolean owl2_room_check_kv (const Owl2Model *model, Owl2KvPool *pool,
    guint n_positions, GError **error);

G_END_DECLS

#endif
