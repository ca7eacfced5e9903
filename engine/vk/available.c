/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory of the host there is to be had. A container or a service has
 * less than the machine: a control group that passes its limit is killed, not
 * refused. Files as proc(5) and the kernel's cgroup-v2.rst describe them. */
#include "ovk_available.h"

#include <string.h>

/* A version of control groups, below /sys/fs/cgroup. */
typedef struct {
  const char *folder;
  const char *limit, *usage; /* files with a number, or "max" */
  const char *reclaimable;   /* line of memory.stat */
} Version;

static const Version v2 = { "", "memory.max", "memory.current",
  "inactive_file" };
static const Version v1 = { "/memory", "memory.limit_in_bytes",
  "memory.usage_in_bytes", "total_inactive_file" };

/* The number behind @name at the beginning of a line; FALSE if there is none.
 */
static gboolean
find_number (const char *text, const char *name, guint64 *number)
{
  gsize n = strlen (name);
  const char *line = text;

  for (; line; line = strchr (line, '\n')) {
    line += *line == '\n';
    if (strncmp (line, name, n) == 0
        && (line[n] == ' ' || line[n] == ':' || !n)) {
      const char *at = line + n + (line[n] == ':');
      char *end;

      *number = g_ascii_strtoull (at, &end, 10);
      return end > at;
    }
  }
  return FALSE;
}

static gboolean
read_number (
    const char *folder, const char *file, const char *name, guint64 *number)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL)
         && find_number (text, name, number);
}

/* What is free in the group at @path and in those above it. What the page cache
 * holds and nobody used of late is given back before a limit hurts. */
static guint64
group_available (const char *root, const Version *version, const char *path)
{
  g_autofree char *top =
      g_strconcat (root, "/sys/fs/cgroup", version->folder, NULL);
  g_autofree char *folder = g_build_filename (top, path, NULL);
  guint64 least = G_MAXUINT64;

  while (strlen (folder) >= strlen (top)) {
    guint64 limit, usage, cached = 0;
    char *slash;

    if (read_number (folder, version->limit, "", &limit)
        && read_number (folder, version->usage, "", &usage)) {
      (void) read_number (folder, "memory.stat", version->reclaimable, &cached);
      usage -= MIN (usage, cached);
      least = MIN (least, limit - MIN (limit, usage));
    }
    slash = strrchr (folder, '/');
    if (!slash)
      break;
    *slash = 0;
  }
  return least;
}

/* Lines of /proc/self/cgroup: "0::/path" of version 2, and of version 1
 * "number:controllers:/path". */
static guint64
groups_available (const char *root)
{
  g_autofree char *file = g_strconcat (root, "/proc/self/cgroup", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 least = G_MAXUINT64;

  if (!g_file_get_contents (file, &text, NULL, NULL))
    return least;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) parts = g_strsplit (lines[i], ":", 3);
    g_auto (GStrv) controllers = NULL;
    const Version *version;

    if (g_strv_length (parts) != 3)
      continue;
    controllers = g_strsplit (parts[1], ",", -1);
    if (!*parts[1])
      version = &v2;
    else if (g_strv_contains ((const char *const *) controllers, "memory"))
      version = &v1;
    else
      continue;
    /* A group outside what the process sees is above its top. */
    least = MIN (least, group_available (root, version,
                            strstr (parts[2], "/..") ? "" : parts[2]));
  }
  return least;
}

guint64
ovk_host_available_bytes (const char *root)
{
  g_autofree char *proc = g_strconcat (root, "/proc", NULL);
  guint64 groups = groups_available (root), kib;

  if (!read_number (proc, "meminfo", "MemAvailable", &kib)
      || kib > G_MAXUINT64 / 1024)
    return groups == G_MAXUINT64 ? 0 : groups;
  return MIN (kib * 1024, groups);
}
