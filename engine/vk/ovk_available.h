/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory the host has left. */
#ifndef OVK_AVAILABLE_H
#define OVK_AVAILABLE_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * ovk_host_available_bytes: what the process can get of the host's memory
 * without swapping and without passing the limit of a control group that it is
 * in (cgroups, version 2 and 1): the least of them.
 * @root: put before the names of the system's files; "" but in tests
 *
 * Returns: 0 if unknown
 */
guint64 ovk_host_available_bytes (const char *root);

G_END_DECLS

#endif
