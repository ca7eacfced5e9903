/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each name by itself: not one for the other, and none inline. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#pragma GCC visibility push(default)
#include "../vk/failing.h"
#pragma GCC visibility pop

#include "layer.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define MAX_FRAMES 24

static const char *const names[] = { "none", "memory", "thread", "file",
  "device-memory", "device-lost" };

/* Set while there is one thread. */
static FaultKind fault_kind;
static guint fault_at;
static gboolean fault_after;
static gint fault_calls;       /* atomic */
static const char *fault_name; /* atomic */
static gboolean fault_is_preloaded;
/* What is asked here calls some of the same functions. */
static __thread gboolean is_asking;

/* ---- who asks ------------------------------------------------------------ */

static gboolean
is_helper (const char *name)
{
  static const char *const helpers[] = { "libc.so", "libglib", "libgobject",
    "libgio", "libfault", "ld-linux" };

  for (guint i = 0; i < G_N_ELEMENTS (helpers); i++)
    if (strncmp (name, helpers[i], strlen (helpers[i])) == 0)
      return TRUE;
  return FALSE;
}

/* Whether the nearest caller beside the C library and GLib is owl2: what
 * GStreamer and drivers do without memory is theirs. Threads are owl2's and the
 * driver's: GStreamer waits for ever for one that it did not get. */
static gboolean
is_wanted (FaultKind kind)
{
  void *frames[MAX_FRAMES];
  const int n = backtrace (frames, MAX_FRAMES);

  for (int i = 1; i < n; i++) {
    const char *name;
    Dl_info info;

    if (!dladdr (frames[i], &info) || !info.dli_fname)
      break;
    name = strrchr (info.dli_fname, '/');
    name = name ? name + 1 : info.dli_fname;
    if (is_helper (name))
      continue;
    return strstr (name, "owl2")
           || (kind == FAULT_THREAD && strncmp (name, "libgst", 6) != 0);
  }
  return kind == FAULT_THREAD;
}

static gboolean
fails (FaultKind kind, const char *name)
{
  gboolean now = FALSE;

  if (kind != fault_kind || !fault_at || is_asking)
    return FALSE;
  is_asking = TRUE;
  if (is_wanted (kind)) {
    const guint n = (guint) g_atomic_int_add (&fault_calls, 1) + 1;

    now = n == fault_at || (fault_after && n > fault_at);
  }
  if (now)
    g_atomic_pointer_compare_and_exchange (&fault_name, NULL, name);
  is_asking = FALSE;
  return now;
}

/* ---- control ------------------------------------------------------------- */

EXPORT void
fault_set (FaultKind kind, guint nth, gboolean after)
{
  const gboolean of_device =
      kind == FAULT_DEVICE_MEMORY || kind == FAULT_DEVICE_LOST;
  void *frame;

  backtrace (&frame, 1); /* loads what it needs */
  fault_kind = kind;
  fault_at = nth;
  fault_after = after;
  fault_name = NULL;
  fault_calls = 0;
  n_calls = 0;
  failed_call = NULL;
  fail_result = kind == FAULT_DEVICE_LOST ? VK_ERROR_DEVICE_LOST
                                          : VK_ERROR_OUT_OF_DEVICE_MEMORY;
  fail_repeat = after ? G_MAXUINT / 2 : 0;
  fail_at = of_device ? nth : 0;
}

EXPORT const char *
fault_failed (void)
{
  return fault_name ? fault_name : failed_call;
}

__attribute__ ((constructor)) static void
begin (void)
{
  const char *text = getenv ("OWL2_FAULT");
  const char *colon = text ? strchr (text, ':') : NULL;

  if (!colon)
    return;
  fault_is_preloaded = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == (size_t) (colon - text)
        && strncmp (text, names[i], strlen (names[i])) == 0)
      fault_set (
          (FaultKind) i, (guint) atoi (colon + 1), strchr (colon, '+') != NULL);
}

__attribute__ ((destructor)) static void
end (void)
{
  const char *failed = fault_failed ();

  if (fault_is_preloaded)
    dprintf (STDERR_FILENO, "fault: %u calls, failed: %s\n",
        fault_calls ? (guint) fault_calls : n_calls, failed ? failed : "none");
}

/* ---- memory -------------------------------------------------------------- */

void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *p, size_t size);
void *__libc_memalign (size_t align, size_t size);

static gboolean
memory_fails (const char *name, size_t size)
{
  if (size < FAULT_LARGE || !fails (FAULT_MEMORY, name))
    return FALSE;
  errno = ENOMEM;
  return TRUE;
}

EXPORT void *
malloc (size_t size)
{
  return memory_fails ("malloc", size) ? NULL : __libc_malloc (size);
}

EXPORT void *
calloc (size_t n, size_t size)
{
  return memory_fails ("calloc", n * size) ? NULL : __libc_calloc (n, size);
}

EXPORT void *
realloc (void *p, size_t size)
{
  return memory_fails ("realloc", size) ? NULL : __libc_realloc (p, size);
}

EXPORT void *
aligned_alloc (size_t align, size_t size)
{
  return memory_fails ("aligned_alloc", size) ? NULL
                                              : __libc_memalign (align, size);
}

EXPORT int
posix_memalign (void **p, size_t align, size_t size)
{
  void *got = aligned_alloc (align, size);

  if (!got)
    return ENOMEM;
  *p = got;
  return 0;
}

/* ---- threads and files --------------------------------------------------- */

#define REAL(name) ((__typeof__ (name) *) real_function (&real_##name, #name))

static void *
real_function (void **real, const char *name)
{
  if (!*real)
    *real = dlsym (RTLD_NEXT, name);
  return *real;
}

#define FAULTY(type, name, params, args, kind, code, failure)                  \
  static void *real_##name;                                                    \
  EXPORT type name params                                                      \
  {                                                                            \
    if (fails (kind, #name)) {                                                 \
      errno = code;                                                            \
      return failure;                                                          \
    }                                                                          \
    return REAL (name) args;                                                   \
  }

FAULTY (int, pthread_create,
    (pthread_t * thread, const pthread_attr_t *attr, void *(*func) (void *),
        void *data),
    (thread, attr, func, data), FAULT_THREAD, EAGAIN, EAGAIN)
FAULTY (ssize_t, read, (int fd, void *data, size_t size), (fd, data, size),
    FAULT_FILE, EIO, -1)
FAULTY (ssize_t, pread, (int fd, void *data, size_t size, off_t at),
    (fd, data, size, at), FAULT_FILE, EIO, -1)
FAULTY (ssize_t, pread64, (int fd, void *data, size_t size, off64_t at),
    (fd, data, size, at), FAULT_FILE, EIO, -1)
FAULTY (ssize_t, write, (int fd, const void *data, size_t size),
    (fd, data, size), FAULT_FILE, ENOSPC, -1)
FAULTY (ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at),
    (fd, data, size, at), FAULT_FILE, ENOSPC, -1)
FAULTY (int, fsync, (int fd), (fd), FAULT_FILE, EIO, -1)
FAULTY (int, fstat, (int fd, struct stat *st), (fd, st), FAULT_FILE, EIO, -1)
FAULTY (FILE *, fopen, (const char *path, const char *mode), (path, mode),
    FAULT_FILE, EMFILE, NULL)
FAULTY (FILE *, fopen64, (const char *path, const char *mode), (path, mode),
    FAULT_FILE, EMFILE, NULL)
FAULTY (void *, mmap,
    (void *at, size_t size, int prot, int flags, int fd, off_t offset),
    (at, size, prot, flags, fd, offset), FAULT_FILE, ENOMEM, MAP_FAILED)
FAULTY (void *, mmap64,
    (void *at, size_t size, int prot, int flags, int fd, off64_t offset),
    (at, size, prot, flags, fd, offset), FAULT_FILE, ENOMEM, MAP_FAILED)

#define FAULTY_OPEN(name)                                                      \
  static void *real_##name;                                                    \
  EXPORT int name (const char *path, int flags, ...)                           \
  {                                                                            \
    va_list args;                                                              \
    mode_t mode;                                                               \
                                                                               \
    va_start (args, flags);                                                    \
    mode = (mode_t) (flags & (O_CREAT | O_TMPFILE) ? va_arg (args, int) : 0);  \
    va_end (args);                                                             \
    if (fails (FAULT_FILE, #name)) {                                           \
      errno = EMFILE;                                                          \
      return -1;                                                               \
    }                                                                          \
    return REAL (name) (path, flags, mode);                                    \
  }

FAULTY_OPEN (open)
FAULTY_OPEN (open64)
