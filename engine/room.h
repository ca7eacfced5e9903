/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a session takes of the device, known before it takes it. */
#ifndef OWL2_ROOM_H
#define OWL2_ROOM_H

#include "engine_private.h"
#include "kvcache.h"

G_BEGIN_DECLS

/* The KV cache's type on this model; says in the log where it is not the one
 * asked for. */
Owl2Type owl2_room_kv_type (const Owl2Model *model, Owl2KvType wanted);

/* Bytes of a session's buffers, but for the KV cache and those that depend on a
 * frame's size; 0 with @error set. */
guint64 owl2_room_buffers (const Owl2Model *model, GError **error);

/**
 * owl2_room_check: TRUE if the device has room for @buffers bytes and a KV
 * cache of @n_positions (0: none yet). Errors: NO_MEMORY with all the numbers.
 */
gboolean owl2_room_check (const Owl2Model *model, const Owl2KvCache *cache,
    guint n_positions, guint64 buffers, GError **error);

G_END_DECLS

#endif
