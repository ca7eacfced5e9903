/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_NICE_H
#define OWL2_NICE_H

#include <glib.h>

G_BEGIN_DECLS

/* Linux has a nice value for each thread, which the threads that it starts
 * inherit. Elsewhere it is 0 here, and nothing is changed. */

/* That of the calling thread. */
int owl2_nice_get (void);
/* Makes the calling thread as nice as that, unless it is nicer by itself. FALSE
 * with errno set where the system does not allow it. */
gboolean owl2_nice_raise (int nice);

G_END_DECLS

#endif
