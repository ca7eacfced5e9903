/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zip archives of stored (uncompressed) entries, as torch.save() writes them.
 * Format: PKWARE APPNOTE 6.3. */
#ifndef OWL2_CONVERT_ZIP_H
#define OWL2_CONVERT_ZIP_H

#include "input.h"

G_BEGIN_DECLS

typedef struct {
  char *name;
  guint64 at, size; /* of the data in the file */
  guint32 crc;      /* of the data; 0: not known */
} ZipEntry;

/* (transfer full): ZipEntry by name. Refuses compressed and encrypted entries,
 * doubled names, entries outside the file and overlapping ones. Sizes come
 * from the central directory. */
GHashTable *zip_read (const Owl2Input *in, GError **error);

G_END_DECLS

#endif
