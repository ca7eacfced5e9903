/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one folder in which owl2 keeps what nobody asked it to write. */
#ifndef OWL2_CACHE_DIR_H
#define OWL2_CACHE_DIR_H

#include "base.h"

G_BEGIN_DECLS

/* Whether the process has rights that whoever started it has not (set-user-id,
 * set-group-id, file capabilities): what the environment says is not to be
 * believed then. Any thread. */
gboolean owl2_is_privileged (void);

/* (transfer full) (nullable): "owl2" in the user's cache folder
 * (XDG_CACHE_HOME), whether it is there or not; NULL, no cache, in a privileged
 * process, which would write where others tell it to. */
char *owl2_cache_dir (void);

/* Makes the folder that @path is to lie in, for its user alone, and those that
 * it is in. FAILED, also if another user has it or everybody may write to it:
 * what lies there would be theirs. */
gboolean owl2_cache_make (const char *path, GError **error);

/* (transfer full): all of @path, a file of the cache, at most @max_bytes.
 * FAILED if another user has it or its folder, or everybody may write to one of
 * them; BAD_FILE; NO_MEMORY. */
GBytes *owl2_cache_read (const char *path, gsize max_bytes, GError **error);

/* Makes @path, a file in the cache folder, of @data or puts it in place of what
 * is there, whole and for its user alone. What is cached can be made again, but
 * for what took somebody's time: that is @durable, as owl2_output_finish() has
 * it. FAILED, also for what owl2_cache_make() refuses. */
gboolean owl2_cache_write (const char *path, const void *data, gsize size,
    gboolean durable, GError **error);

G_END_DECLS

#endif
