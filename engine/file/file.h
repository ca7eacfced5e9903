/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A regular file that is read, and is to be the same file from beginning to
 * end. Another process may cut or overwrite it at any moment, so nothing is
 * read from a mapping: every read goes into memory of our own, and fails where
 * the file has become too short. What is overwritten shows in the file's size
 * and times, which are noted when it is opened.
 *
 * Not noticed is what the system notes nowhere: a write through a mapping that
 * another process shares and had written to before; a file that is half
 * overwritten when it is opened, and not touched again before it has been read;
 * and times that a file system keeps more coarsely than SETTLE_MS in file.c. */
#ifndef OWL2_FILE_H
#define OWL2_FILE_H

#include "base.h"

G_BEGIN_DECLS

typedef struct _Owl2File Owl2File;

/* A file that was written to just now is first waited for, for a tenth of a
 * second at most, so that a later write gives it another time. Errors: BAD_FILE
 * (it can't be opened, is no regular file, or is still being written to). */
Owl2File *owl2_file_open (const char *path, GError **error);
Owl2File *owl2_file_ref (Owl2File *file);
void owl2_file_unref (Owl2File *file); /* accepts NULL */
const char *owl2_file_name (const Owl2File *file);
guint64 owl2_file_size (const Owl2File *file); /* as it was opened */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2File, owl2_file_unref)

/* Exactly @n bytes from @offset on. @what names them in messages. Errors:
 * BAD_FILE, with the numbers. Any thread. */
gboolean owl2_file_read (const Owl2File *file, guint64 offset, void *dst,
    gsize n, const char *what, GError **error);
/* TRUE while size and times are those of the opening. A file that lost its last
 * name, as when another one was renamed over it, is still the same. Errors:
 * BAD_FILE, with what differs. Any thread. */
gboolean owl2_file_check (const Owl2File *file, GError **error);
/* (transfer full): all of it, mapped; its pages follow every change, and those
 * behind the end of a file that was cut end the process with SIGBUS. Errors:
 * BAD_FILE. */
GBytes *owl2_file_map (const Owl2File *file, GError **error);

G_END_DECLS

#endif
