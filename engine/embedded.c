/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded model: the file itself, in the program's read-only data, so that
 * it is mapped with the program and shared between processes. */
#include "engine_private.h"

#ifdef OWL2_EMBEDDED

#  include "owl2-embedded.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".hidden owl2_embedded_start\n"
        ".globl owl2_embedded_start\n"
        "owl2_embedded_start:\n"
        ".incbin \"" OWL2_EMBEDDED_FILE "\"\n"
        ".hidden owl2_embedded_end\n"
        ".globl owl2_embedded_end\n"
        "owl2_embedded_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const guint8 owl2_embedded_start[], owl2_embedded_end[];

GBytes *
owl2_embedded_model (void)
{
  return g_bytes_new_static (
      owl2_embedded_start, owl2_embedded_end - owl2_embedded_start);
}

#else

GBytes *
owl2_embedded_model (void)
{
  return NULL;
}

#endif
