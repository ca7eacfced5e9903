/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zip archives of stored (uncompressed) entries, as torch.save() writes them,
 * used in place in a mapping. Format: PKWARE APPNOTE 6.3. */
#ifndef OWL2_CONVERT_ZIP_H
#define OWL2_CONVERT_ZIP_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  char *name;
  const guint8 *data; /* in the mapping */
  gsize size;
  guint32 crc; /* of the data; 0: not known */
} ZipEntry;

/* (transfer full): ZipEntry by name. Refuses compressed and encrypted entries,
 * doubled names, entries outside the file and overlapping ones. Sizes come
 * from the central directory. @file is named in messages. */
GHashTable *zip_read (
    const guint8 *data, gsize size, const char *file, GError **error);

G_END_DECLS

#endif
