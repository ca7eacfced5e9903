/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Orders of preference that were measured on a device, for what the tables of
 * kernels can't know: they depend on what the choice of a kernel may depend on,
 * and on nothing else. As a text they begin with whose they are: a device, its
 * driver, and the code of the shaders. */
#ifndef OWL2_TUNING_H
#define OWL2_TUNING_H

#include "kernels.h"

G_BEGIN_DECLS

typedef struct _Owl2Tuning Owl2Tuning;

Owl2Tuning *owl2_tuning_new (void);
void owl2_tuning_free (Owl2Tuning *tuning); /* accepts NULL */
/* For the family, type and shape of @work: @order (array length=n), kernels of
 * @table, the best first. */
void owl2_tuning_add (Owl2Tuning *tuning, const Owl2KernelTable *table,
    const Owl2Work *work, const Owl2Kernel *const *order, guint n);
/* The kernel of @table that comes first of those that fit; NULL if nothing is
 * known of such work. */
const Owl2Kernel *owl2_tuning_pick (const Owl2Tuning *tuning,
    const Owl2KernelTable *table, const OvkCaps *caps, const Owl2Work *work);

/* (transfer full): the name, without a folder, of the file of a device. */
char *owl2_tuning_file_name (const OvkCaps *caps);
/* (transfer full): the text for a device. */
char *owl2_tuning_write (const Owl2Tuning *tuning, const OvkCaps *caps);
/**
 * owl2_tuning_read: @text may be anything.
 *
 * Errors: UNSUPPORTED, it is of another device or driver, or of other shaders;
 * BAD_FILE, with the place, it is no such text: nothing of it is taken then.
 *
 * Returns: (transfer full)
 */
Owl2Tuning *owl2_tuning_read (
    const char *text, gsize n, const OvkCaps *caps, GError **error);

/**
 * owl2_tuning_use: owl2_kernel_pick() goes by @tuning (transfer full)
 * (nullable: by the tables) on the device of @caps, which all its names in the
 * process mean, from now on and for good: what was computed with one order is
 * not gone on with in another. FALSE, and nothing is done: that was settled
 * before. Any thread.
 * owl2_tuning_in_use: (nullable): that.
 * owl2_tuning_is_settled: whether it was.
 * owl2_tuning_forget: for tests: nothing is settled. No other thread may be
 * recording.
 */
gboolean owl2_tuning_use (const OvkCaps *caps, Owl2Tuning *tuning);
const Owl2Tuning *owl2_tuning_in_use (const OvkCaps *caps);
gboolean owl2_tuning_is_settled (const OvkCaps *caps);
void owl2_tuning_forget (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Tuning, owl2_tuning_free)

G_END_DECLS

#endif
