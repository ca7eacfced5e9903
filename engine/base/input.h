/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one way in which files are opened to read: models, checkpoints, pictures.
 */
#ifndef OWL2_INPUT_H
#define OWL2_INPUT_H

#include "base.h"

#include <sys/stat.h>

G_BEGIN_DECLS

/**
 * Owl2Input: a regular file, read by copying: what is checked is memory of our
 * own, and a file that is cut meanwhile is an error. Reading is safe from
 * several threads.
 */
typedef struct _Owl2Input Owl2Input;

/* Never waits: what is no regular file (FIFO, socket, device, directory) is
 * refused. So is a Git LFS pointer, which stands for a file and is none.
 * BAD_FILE, "@path: ...". */
Owl2Input *owl2_input_open (const char *path, GError **error);
/* The same for bytes in memory; @name stands for the path. */
Owl2Input *owl2_input_new (GBytes *bytes, const char *name);
Owl2Input *owl2_input_ref (Owl2Input *in);
void owl2_input_unref (Owl2Input *in); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Input, owl2_input_unref)

const char *owl2_input_path (const Owl2Input *in);
/* As it was when it was opened; of no use for bytes in memory. Borrowed. */
const struct stat *owl2_input_stat (const Owl2Input *in);
/* Bytes it had when it was opened; nothing beyond is read. */
guint64 owl2_input_size (const Owl2Input *in);
/* Copies bytes [at, at + n); BAD_FILE if they are not there. */
gboolean owl2_input_read (
    const Owl2Input *in, guint64 at, gpointer out, gsize n, GError **error);
/* (transfer full): bytes [at, at + n) in memory of their own, of at most
 * @max_bytes; @what is named if they are more. BAD_FILE; NO_MEMORY. */
GBytes *owl2_input_copy (const Owl2Input *in, guint64 at, guint64 n,
    guint64 max_bytes, const char *what, GError **error);
/* Tells the kernel that bytes [at, at + n) are going to be read. */
void owl2_input_prefetch (const Owl2Input *in, guint64 at, guint64 n);

/* Before the first reading that owl2_input_check() is to vouch for: where the
 * file was changed in the last seconds, waits (a tenth of a second at most on
 * usual file systems) until its times have stayed the same for some ticks of
 * the clock that they come from, so that no later change can have the same
 * ones. BAD_FILE if the file is being written all the time. */
gboolean owl2_input_settle (Owl2Input *in, GError **error);
/* BAD_FILE, with the numbers, if the file's size or times are others than when
 * it was opened or settled. Not noticed is what the kernel does not stamp:
 * writing through a mapping that was dirty already, and a single write that
 * began before and goes on. */
gboolean owl2_input_check (const Owl2Input *in, GError **error);
/* The same of the bytes alone: a file that has lost its last name, because it
 * was removed or another one was renamed over it, is changed by those alone who
 * had it open before, so it is still the same. Any thread. */
gboolean owl2_input_check_bytes (const Owl2Input *in, GError **error);

/* (transfer full): all of the file, mapped; its pages follow every change, and
 * those behind the end of a file that was cut end the process with SIGBUS.
 * BAD_FILE. */
GBytes *owl2_input_map (const Owl2Input *in, GError **error);

/* TRUE if @path leads to the same file. */
gboolean owl2_input_is (const Owl2Input *in, const char *path);

/* "a directory", "a FIFO" and such. */
const char *owl2_input_kind (mode_t mode);

G_END_DECLS

#endif
