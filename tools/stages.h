/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collects the stages that a session hands to its tap, joining those that come
 * in parts, and writes each as a .npy file. */
#ifndef OWL2_STAGES_H
#define OWL2_STAGES_H

#include "owl2.h"

G_BEGIN_DECLS

typedef struct _Stages Stages;

Stages *stages_new (void);
void stages_free (Stages *stages);
/* An Owl2TapFunc; user_data is the Stages. */
void stages_tap (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data);
/* Writes FOLDER/NAME.npy for each stage; makes the folder. */
gboolean stages_write (Stages *stages, const char *folder, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stages, stages_free)

G_END_DECLS

#endif
