/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that fail when they are told to, under the whole element or a program:
 * the library stands before the C library and the Vulkan loader, linked to a
 * test or preloaded with OWL2_FAULT="KIND:N" or "KIND:N+" in the environment.
 * At the exit of a program it writes "fault: CALLS calls, failed: NAME". */
#ifndef OWL2_TESTS_FAULT_LAYER_H
#define OWL2_TESTS_FAULT_LAYER_H

#include <glib.h>

typedef enum {
  FAULT_NONE,
  FAULT_MEMORY,        /* allocations of FAULT_LARGE on that owl2 asks for */
  FAULT_THREAD,        /* pthread_create() of owl2 and the driver */
  FAULT_FILE,          /* open, read, write, fsync and mmap of owl2 */
  FAULT_DEVICE_MEMORY, /* any Vulkan call that can: out of memory */
  FAULT_DEVICE_LOST,   /* likewise: the device is lost */
  FAULT_N_KINDS,
} FaultKind;

/* Bytes. Smaller ones are GLib's, which ends the process without memory. */
#define FAULT_LARGE ((gsize) 256 * 1024)

/* The @nth call of @kind from now on fails, with @after all later ones, too.
 * Not while another thread makes such calls. */
void fault_set (FaultKind kind, guint nth, gboolean after);
/* (nullable): the first call that failed since. */
const char *fault_failed (void);

#endif
