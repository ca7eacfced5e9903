/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the stages that a session hands to its tap as .npy files, joining
 * those that come in parts. */
#ifndef OWL2_STAGES_H
#define OWL2_STAGES_H

#include "owl2.h"

G_BEGIN_DECLS

typedef struct _Stages Stages;

/* Makes @folder if it is missing; FAILED. */
Stages *stages_new (const char *folder, GError **error);
/* An Owl2TapFunc; user_data is the Stages. The file that becomes
 * FOLDER/NAME.npy grows by each part; parts that do not follow each other there
 * are kept in memory. */
void stages_tap (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data);
/* Writes what was kept and gives all files their names. FAILED with the first
 * thing that went wrong, here or before; no stage is written then. */
gboolean stages_finish (Stages *stages, GError **error);
void stages_free (Stages *stages); /* accepts NULL */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stages, stages_free)

G_END_DECLS

#endif
