/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of the tests of owl2-eval, in a folder of their own. */
#ifndef OWL2_TEST_EVAL_SCRATCH_H
#define OWL2_TEST_EVAL_SCRATCH_H

#include <stdio.h>

#include <glib.h>
#include <glib/gstdio.h>

/* (transfer full): a new folder */
static inline char *
scratch_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("owl2-eval-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

/* (transfer full): the path of a file in it that holds @text */
static inline char *
scratch_file (const char *folder, const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);
  FILE *file = g_fopen (path, "w");

  g_assert_nonnull (file);
  fputs (text, file);
  g_assert_cmpint (fclose (file), ==, 0);
  return path;
}

/* (transfer full): what is in a file of it; NULL: there is none */
static inline char *
scratch_read (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

/* The folder, with its files and folders of files; frees its name. */
static inline void
scratch_remove (char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      scratch_remove (g_steal_pointer (&path));
    else
      g_unlink (path);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (folder);
  g_free (folder);
}

#endif
