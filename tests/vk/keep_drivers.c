/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into a test, this keeps Vulkan drivers loaded until the process ends.
 * The loader unloads them with the last instance; what their global variables
 * pointed to then looks like a leak, with no name left to suppress it by. */
#include <glib.h>

G_BEGIN_DECLS
__attribute__ ((visibility ("default"))) int dlclose (void *handle);
G_END_DECLS

int
dlclose (void *handle)
{
  return 0;
}
