/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "heap.h"

#include <malloc.h>
#include <stdatomic.h>

static _Atomic gint64 live, most;

static void
add (gint64 n)
{
  gint64 now = atomic_fetch_add (&live, n) + n;
  gint64 before = atomic_load (&most);

  while (now > before && !atomic_compare_exchange_weak (&most, &before, now))
    ;
}

void
heap_begin (void)
{
  atomic_store (&live, 0);
  atomic_store (&most, 0);
}

guint64
heap_most (void)
{
  return (guint64) atomic_load (&most);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED
#  endif
#endif

#ifdef SANITIZED

int __sanitizer_install_malloc_and_free_hooks (
    void (*on_malloc) (const volatile void *, size_t),
    void (*on_free) (const volatile void *));
size_t __sanitizer_get_allocated_size (const volatile void *block);

static void
on_malloc (const volatile void *block, size_t n)
{
  add ((gint64) n);
}

static void
on_free (const volatile void *block)
{
  if (block)
    add (-(gint64) __sanitizer_get_allocated_size (block));
}

__attribute__ ((constructor)) static void
watch (void)
{
  __sanitizer_install_malloc_and_free_hooks (on_malloc, on_free);
}

#elif defined(__GLIBC__)

#  define EXPORT __attribute__ ((visibility ("default")))

void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *old, size_t size);
void *__libc_memalign (size_t align, size_t size);
void __libc_free (void *block);

static void *
added (void *block)
{
  if (block)
    add ((gint64) malloc_usable_size (block));
  return block;
}

EXPORT void *
malloc (size_t size)
{
  return added (__libc_malloc (size));
}

EXPORT void *
calloc (size_t n, size_t size)
{
  return added (__libc_calloc (n, size));
}

EXPORT void *
realloc (void *old, size_t size)
{
  const gint64 before = old ? (gint64) malloc_usable_size (old) : 0;
  void *block = __libc_realloc (old, size);

  if (block || size == 0)
    add (-before);
  return added (block);
}

EXPORT void *
memalign (size_t align, size_t size)
{
  return added (__libc_memalign (align, size));
}

EXPORT void *
aligned_alloc (size_t align, size_t size)
{
  return added (__libc_memalign (align, size));
}

EXPORT int
posix_memalign (void **at, size_t align, size_t size)
{
  void *block = __libc_memalign (align, size);

  if (!block)
    return 12; /* ENOMEM */
  *at = added (block);
  return 0;
}

EXPORT void
free (void *block)
{
  if (block)
    add (-(gint64) malloc_usable_size (block));
  __libc_free (block);
}

#endif
