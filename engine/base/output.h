/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one way in which the programs make files. */
#ifndef OWL2_OUTPUT_H
#define OWL2_OUTPUT_H

#include "base.h"

#include <stdio.h>

G_BEGIN_DECLS

/**
 * Owl2Output: a file that appears under its name when it is complete, and not
 * at all otherwise.
 *
 * It is always a new file, in the folder of that name: where the file system
 * can, one without a name until it is finished, else ".owl2-XXXXXXXX.part" with
 * another number each time. So nothing that lies in the folder is ever written
 * to. Finishing takes the name from whatever regular file has it: its other
 * names (hard links) and whoever has it open keep the old bytes. A symbolic
 * link to a regular file, or to nothing, is replaced itself, not followed.
 * Directories, FIFOs, sockets and devices, and links to them, are refused. Of
 * several writers of one name each is whole; the last to finish has it.
 *
 * A process that is killed leaves nothing, or, on file systems without unnamed
 * files (NFS, FAT), one ".owl2-XXXXXXXX.part" that nothing looks at again.
 */
typedef struct _Owl2Output Owl2Output;

/* FAILED, naming @path. */
Owl2Output *owl2_output_new (const char *path, GError **error);
/* Borrowed, open for writing and reading; not to be closed. */
FILE *owl2_output_file (Owl2Output *out);
/* (transfer full): a path by which others in this process can open the file to
 * write it, until it is finished. */
char *owl2_output_path (const Owl2Output *out);
/* Gives the file its name, unless something that was written to it got lost,
 * whether that was noticed then or not; only freeing is allowed afterwards.
 * @durable: it is on the disk before, so that a crash of the machine can't
 * leave a good name on a file with holes; that takes as long as the disk does.
 */
gboolean owl2_output_finish (Owl2Output *out, gboolean durable, GError **error);
/* The same, durable, for what many may make at once and all must agree on: the
 * first to finish has the name. Whatever has it already, a link to nothing
 * included, stays, and that is no failure. */
gboolean owl2_output_finish_first (Owl2Output *out, GError **error);
void owl2_output_free (Owl2Output *out); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Output, owl2_output_free)

G_END_DECLS

#endif
