/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live.h"

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SAMPLES 64
#define MAX_COUNTERS 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED
#  endif
#endif

/* ---- the C library's blocks -------------------------------------------- */

#if defined(__GLIBC__) && !defined(SANITIZED)
#  define COUNT_BLOCKS

G_BEGIN_DECLS
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *old, size_t size);
void *__libc_memalign (size_t align, size_t size);
void __libc_free (void *block);
G_END_DECLS

#  define EXPORT __attribute__ ((visibility ("default")))
#  define CALLER ((uintptr_t) __builtin_return_address (0))

/* Where a block was asked for tells whose it is. */
typedef struct {
  uintptr_t at; /* 0: free */
  uintptr_t caller;
  size_t size;
} Block;

/* All live blocks: hashed, the next entry where one is taken. */
#  define N_SLOTS (1u << 20)
static Block blocks[N_SLOTS];
static guint n_blocks;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;

/* Code of what counts, as of the last sample. */
static struct {
  uintptr_t start, end;
} ours[256];
static guint n_ours;

static size_t lose_least, lose_most; /* 0: none is to be lost */
static guint n_lost;

static gboolean counts_asked; /* calls, too */
static guint64 n_asked;

static gboolean
is_ours (uintptr_t caller)
{
  for (guint i = 0; i < n_ours; i++)
    if (caller >= ours[i].start && caller < ours[i].end)
      return TRUE;
  return FALSE;
}

static guint
slot_of (uintptr_t at)
{
  return (guint) ((at >> 4) * 0x9e3779b97f4a7c15u >> 44) % N_SLOTS;
}

static void *
block_add (void *at, size_t size, uintptr_t caller)
{
  guint i = slot_of ((uintptr_t) at);

  if (!at)
    return NULL;
  pthread_mutex_lock (&blocks_lock);
  n_asked += counts_asked && is_ours (caller);
  if (++n_blocks > N_SLOTS / 4 * 3) {
    fputs ("live.c: too many blocks\n", stderr);
    __builtin_trap ();
  }
  while (blocks[i].at)
    i = (i + 1) % N_SLOTS;
  blocks[i] = (Block){ (uintptr_t) at, caller, size };
  pthread_mutex_unlock (&blocks_lock);
  return at;
}

/* Moves up what was put behind entry @hole because that was taken. */
static void
fill_hole (guint hole)
{
  for (guint i = (hole + 1) % N_SLOTS; blocks[i].at; i = (i + 1) % N_SLOTS) {
    guint home = slot_of (blocks[i].at);

    if ((i - home) % N_SLOTS >= (i - hole) % N_SLOTS) {
      blocks[hole] = blocks[i];
      hole = i;
    }
  }
  blocks[hole].at = 0;
}

/* FALSE if it is to be lost, which it may be. Blocks that were never seen are
 * none of ours. */
static gboolean
block_remove (void *at, gboolean may_lose)
{
  guint i = slot_of ((uintptr_t) at);
  gboolean lose = FALSE;

  if (!at)
    return TRUE;
  pthread_mutex_lock (&blocks_lock);
  while (blocks[i].at && blocks[i].at != (uintptr_t) at)
    i = (i + 1) % N_SLOTS;
  if (blocks[i].at) {
    lose = may_lose && lose_least && blocks[i].size >= lose_least
           && blocks[i].size <= lose_most && is_ours (blocks[i].caller);
    if (lose) {
      lose_least = 0;
      n_lost++;
    } else {
      n_blocks--;
      fill_hole (i);
    }
  }
  pthread_mutex_unlock (&blocks_lock);
  return !lose;
}

EXPORT void *
malloc (size_t size)
{
  return block_add (__libc_malloc (size), size, CALLER);
}

EXPORT void *
calloc (size_t n, size_t size)
{
  return block_add (__libc_calloc (n, size), n * size, CALLER);
}

/* In between, another thread may be given the old place: it is forgotten before
 * it is free. */
EXPORT void *
realloc (void *old, size_t size)
{
  void *at;

  block_remove (old, FALSE);
  at = __libc_realloc (old, size);
  return block_add (at, size, CALLER);
}

EXPORT void *
memalign (size_t align, size_t size)
{
  return block_add (__libc_memalign (align, size), size, CALLER);
}

EXPORT void *
aligned_alloc (size_t align, size_t size)
{
  return block_add (__libc_memalign (align, size), size, CALLER);
}

EXPORT int
posix_memalign (void **at, size_t align, size_t size)
{
  void *block = __libc_memalign (align, size);

  if (!block)
    return 12; /* ENOMEM */
  *at = block_add (block, size, CALLER);
  return 0;
}

EXPORT void
free (void *block)
{
  if (block_remove (block, TRUE))
    __libc_free (block);
}

static void
lock_blocks (void)
{
  pthread_mutex_lock (&blocks_lock);
}

static void
unlock_blocks (void)
{
  pthread_mutex_unlock (&blocks_lock);
}

__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (lock_blocks, unlock_blocks, unlock_blocks);
}

/* The program itself has no name here. */
static int
find_ours (struct dl_phdr_info *module, size_t size, void *data)
{
  static const char *const names[] = { "libglib-", "libgobject-", "libgmodule-",
    "libgio-", "libgst" };
  const char *slash = strrchr (module->dlpi_name, '/');
  const char *name = slash ? slash + 1 : module->dlpi_name;
  gboolean found = !*name;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    found = found || strncmp (name, names[i], strlen (names[i])) == 0;
  for (guint i = 0; found && i < module->dlpi_phnum; i++) {
    const ElfW (Phdr) *part = &module->dlpi_phdr[i];

    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
      continue;
    g_assert_cmpuint (n_ours, <, G_N_ELEMENTS (ours));
    ours[n_ours].start = module->dlpi_addr + part->p_vaddr;
    ours[n_ours].end = ours[n_ours].start + part->p_memsz;
    n_ours++;
  }
  return 0;
}

/* The loader's lock is taken before ours, as by a thread that loads. */
static void
count_blocks (gint64 *n, gint64 *bytes)
{
  *n = *bytes = 0;
  n_ours = 0;
  dl_iterate_phdr (find_ours, NULL);
  pthread_mutex_lock (&blocks_lock);
  for (guint i = 0; i < N_SLOTS; i++)
    if (blocks[i].at && is_ours (blocks[i].caller)) {
      *n += 1;
      *bytes += (gint64) blocks[i].size;
    }
  pthread_mutex_unlock (&blocks_lock);
}

static gint64
count_n_blocks (void)
{
  gint64 n, bytes;

  count_blocks (&n, &bytes);
  return n;
}

static gint64
count_bytes (void)
{
  gint64 n, bytes;

  count_blocks (&n, &bytes);
  return bytes;
}

void
live_lose_block (gsize least, gsize most)
{
  pthread_mutex_lock (&blocks_lock);
  lose_least = least;
  lose_most = most;
  pthread_mutex_unlock (&blocks_lock);
}

guint
live_n_lost (void)
{
  return n_lost;
}

guint64
live_n_asked (void)
{
  guint64 n;

  if (!counts_asked)
    dl_iterate_phdr (find_ours, NULL);
  pthread_mutex_lock (&blocks_lock);
  counts_asked = TRUE;
  n = n_asked;
  pthread_mutex_unlock (&blocks_lock);
  return n;
}

#else

void
live_lose_block (gsize least, gsize most)
{
}

guint
live_n_lost (void)
{
  return 0;
}

guint64
live_n_asked (void)
{
  return 0;
}

#endif

/* ---- what the kernel tells --------------------------------------------- */

static gint64
count_dir (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  gint64 n = 0;

  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

static gint64
count_threads (void)
{
  return count_dir ("/proc/self/task");
}

static gboolean
has_thread (const char *name)
{
  const char *folder = "/proc/self/task";
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *id;
  gboolean found = FALSE;

  while (dir && !found && (id = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, id, "comm", NULL);
    g_autofree char *comm = NULL;

    found = g_file_get_contents (path, &comm, NULL, NULL)
            && g_str_has_prefix (comm, name);
  }
  return found;
}

void
live_wait_threads (const char *name)
{
  for (guint try = 0; try < 6000 && has_thread (name); try++)
    g_usleep (10000);
}

/* Without FIFOs: layers of Vulkan open the one that their log goes into for
 * each instance, and leave it open. */
static gint64
count_files (void)
{
  const char *folder = "/proc/self/fd";
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  gint64 n = 0;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    struct stat st;

    n += stat (path, &st) != 0 || !S_ISFIFO (st.st_mode);
  }
  return n;
}

static gint64
count_mappings (void)
{
  g_autofree char *maps = NULL;
  gint64 n = 0;

  if (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL))
    for (const char *at = maps; (at = strstr (at, ".gguf")); at++)
      n++;
  return n;
}

/* ---- samples ----------------------------------------------------------- */

static struct {
  const char *name;
  gint64 (*count) (void);
  gint64 samples[MAX_SAMPLES];
} counters[MAX_COUNTERS] = {
  { LIVE_THREADS, count_threads, { 0 } },
  { LIVE_FILES, count_files, { 0 } },
  { LIVE_MAPPINGS, count_mappings, { 0 } },
#ifdef COUNT_BLOCKS
  { LIVE_BLOCKS, count_n_blocks, { 0 } },
  { LIVE_BYTES, count_bytes, { 0 } },
#endif
};
static guint n_samples;

void
live_add (const char *name, gint64 (*count) (void))
{
  guint i = 0;

  while (counters[i].name)
    i++;
  g_assert_cmpuint (i, <, MAX_COUNTERS - 1);
  counters[i].name = name;
  counters[i].count = count;
}

void
live_reset (void)
{
  /* Threads of GLib's pools would be kept for a while. */
  g_thread_pool_set_max_unused_threads (0);
  n_samples = 0;
}

void
live_sample (void)
{
  gint64 last[MAX_COUNTERS];
  gboolean same = FALSE;

  g_assert_cmpuint (n_samples, <, MAX_SAMPLES);
  /* Meson's tests have it from there. */
  g_assert_cmpstr (g_getenv ("G_SLICE"), ==, "always-malloc");
  for (guint try = 0; try < 100 && !same; try++) {
    if (try > 0)
      g_usleep (10000);
    same = try > 0;
    for (guint i = 0; counters[i].name; i++) {
      gint64 now = counters[i].count ();

      same = same && now == last[i];
      last[i] = now;
    }
  }
  for (guint i = 0; counters[i].name; i++)
    counters[i].samples[n_samples] = last[i];
  n_samples++;
}

static gint
find (const char *name)
{
  for (gint i = 0; counters[i].name; i++)
    if (strcmp (counters[i].name, name) == 0)
      return i;
  return -1;
}

gboolean
live_has (const char *name)
{
  return find (name) >= 0;
}

static int
compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

double
live_slope (const char *name)
{
  static double slopes[MAX_SAMPLES * MAX_SAMPLES / 2];
  gint which = find (name);
  guint n = 0;

  g_assert_cmpint (which, >=, 0);
  g_assert_cmpuint (n_samples, >=, 5);
  for (guint i = 0; i < n_samples; i++)
    for (guint j = i + 1; j < n_samples; j++)
      slopes[n++] =
          (double) (counters[which].samples[j] - counters[which].samples[i])
          / (j - i);
  qsort (slopes, n, sizeof slopes[0], compare);
  return (slopes[(n - 1) / 2] + slopes[n / 2]) / 2;
}

gboolean
live_grows (const char *name, gsize block_bytes)
{
  double one = strcmp (name, LIVE_BYTES) == 0 ? (double) block_bytes : 1;
  double slope = live_slope (name);
  const gint64 *samples = counters[find (name)].samples;

  g_test_message ("%s: %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                  " in %u rounds, %.2f in each",
      name, samples[0], samples[n_samples - 1], n_samples - 1, slope);
  /* Between none and one of them. */
  return slope > one / 2;
}

void
live_assert_steady (gsize block_bytes)
{
  for (guint i = 0; counters[i].name; i++)
    if (live_grows (counters[i].name, block_bytes)) {
      g_test_message ("%s grow", counters[i].name);
      for (guint s = 0; s < n_samples; s++)
        g_test_message ("%u: %" G_GINT64_FORMAT, s, counters[i].samples[s]);
      g_test_fail ();
    }
}
