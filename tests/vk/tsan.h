/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For files that tell ThreadSanitizer, by standing before functions of a
 * library, what it does not see. WITH_TSAN: it is there. */
#ifndef TSAN_H
#define TSAN_H

#include <glib.h>

#if defined(__has_feature)
#  if __has_feature(thread_sanitizer)
#    define WITH_TSAN
#  endif
#elif defined(__SANITIZE_THREAD__)
#  define WITH_TSAN
#endif

#ifdef WITH_TSAN
#  include <dlfcn.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);

/* The function that one of these stands before. */
#  define REAL(name)                                                           \
    static __typeof__ (&name) real;                                            \
    if (!g_atomic_pointer_get (&real))                                         \
    g_atomic_pointer_set (&real, (__typeof__ (&name)) dlsym (RTLD_NEXT, #name))
#  define EXPORT __attribute__ ((visibility ("default")))
#endif

#endif
