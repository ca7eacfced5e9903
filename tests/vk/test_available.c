/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of the host, from files as Linux has them. */
#include "ovk_available.h"

#include <glib/gstdio.h>

static char *root;

static void
put (const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (root, file, NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Removes what @file (a folder too) is. */
static void
drop (const char *file)
{
  g_autofree char *path = g_build_filename (root, file, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *inner = g_build_filename (file, name, NULL);

    drop (inner);
  }
  g_remove (path);
}

static void
expect (guint64 bytes)
{
  g_assert_cmpuint (ovk_host_available_bytes (root), ==, bytes);
}

#define CGROUP "sys/fs/cgroup/"

static void
test_available (void)
{
  root = g_dir_make_tmp ("owl2-available-XXXXXX", NULL);
  expect (0);
  put ("proc/meminfo", "MemTotal:  9 kB\nMemFree: 1 kB\n");
  expect (0);
  put ("proc/meminfo",
      "MemTotal:       24000 kB\nMemAvailable:   20000 kB\nX: 1 kB\n");
  expect (20000 * 1024);

  /* Version 2: the group, and those above it. */
  put ("proc/self/cgroup", "0::/a/b\n");
  expect (20000 * 1024);
  put (CGROUP "a/b/memory.max", "max\n");
  put (CGROUP "a/b/memory.current", "5000\n");
  expect (20000 * 1024);
  put (CGROUP "a/b/memory.max", "7000\n");
  expect (2000);
  put (CGROUP "a/b/memory.stat",
      "anon 4000\ninactive_anon 9\ninactive_file 600\n");
  expect (2600);
  put (CGROUP "a/memory.max", "5500\n");
  put (CGROUP "a/memory.current", "5000\n");
  expect (500);
  put (CGROUP "memory.max", "100\n");
  put (CGROUP "memory.current", "101\n");
  expect (0);
  drop (CGROUP "memory.max");
  /* Outside what the process sees. */
  put ("proc/self/cgroup", "0::/../x\n");
  put (CGROUP "memory.max", "300\n");
  expect (199);
  drop (CGROUP "memory.max");

  /* Version 1, beside a version 2 without memory. */
  drop (CGROUP "a");
  put ("proc/self/cgroup",
      "12:cpu,cpuacct:/x\n3:hugetlb,memory:/c:d\n1:name=systemd:/y\n0::/z\n");
  put (CGROUP "memory/c:d/memory.limit_in_bytes", "9000\n");
  put (CGROUP "memory/c:d/memory.usage_in_bytes", "8000\n");
  put (CGROUP "memory/c:d/memory.stat",
      "inactive_file 900\ntotal_inactive_file 50\n");
  expect (1050);
  put (CGROUP "memory/c:d/memory.limit_in_bytes", "9223372036854771712\n");
  expect (20000 * 1024);

  /* Files of any content. */
  put ("proc/self/cgroup", "\n:\n::\n0::\n0:memory\n1:memory:\n");
  put ("proc/meminfo", "MemAvailable: 99999999999999999999 kB");
  put (CGROUP "memory/memory.limit_in_bytes", "-1\n");
  (void) ovk_host_available_bytes (root);
  drop ("");
  g_free (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/available/files", test_available);
  return g_test_run ();
}
