/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random commands on a device, and the same on the host. */
#ifndef VK_TEST_RANDOM_PROGRAM_H
#define VK_TEST_RANDOM_PROGRAM_H

#include "common.h"

/* Runs @n_steps random commands, transfers and submissions in memory of their
 * own; the memory has to be as the host's at the end, and where it is looked
 * at in between. Any thread. */
void vk_random_program (OvkDevice *dev, guint32 seed, guint n_steps);

#endif
