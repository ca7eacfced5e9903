/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache folder: whose it is, and that there is none where the environment
 * is not to be believed. */
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "cache_dir.h"

/* The linker's --wrap: as in a set-user-id program. */
static unsigned long secure;

unsigned long __real_getauxval (unsigned long type);
unsigned long __wrap_getauxval (unsigned long type);

unsigned long
__wrap_getauxval (unsigned long type)
{
  return type == AT_SECURE ? secure : __real_getauxval (type);
}

static void
test_privileged (void)
{
  g_autofree char *dir = owl2_cache_dir ();

  g_assert_true (g_str_has_suffix (dir, "/owl2"));
  g_assert_false (owl2_is_privileged ());
  secure = 1;
  g_assert_true (owl2_is_privileged ());
  g_assert_null (owl2_cache_dir ());
  secure = 0;
}

static void
refuse (const char *path, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (owl2_cache_make (path, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, wanted));
}

static void
refuse_to_read (const char *path, gsize most, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (owl2_cache_read (path, most, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, wanted));
}

static void
test_owner (void)
{
  g_autofree char *top = g_dir_make_tmp ("owl2-cache-XXXXXX", NULL);
  g_autofree char *dir = g_build_filename (top, "a", "owl2", NULL);
  g_autofree char *middle = g_path_get_dirname (dir);
  g_autofree char *path = g_build_filename (dir, "file", NULL);
  g_autofree char *below = g_build_filename (path, "file", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  struct stat st;

  refuse_to_read (path, 1, "No such file");
  g_assert_true (owl2_cache_make (path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (dir, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
  refuse_to_read (path, 1, "No such file");
  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  bytes = owl2_cache_read (path, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 1);
  refuse_to_read (path, 0, "the limit is 0");
  g_assert_true (owl2_cache_write (path, "new", 3, FALSE, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (st.st_size, ==, 3);
  refuse (below, "can't make");
  g_assert_cmpint (chmod (path, 0602), ==, 0);
  refuse_to_read (path, 1, "file: everybody may write to it");
  g_assert_cmpint (chmod (path, 0600), ==, 0);
  g_assert_cmpint (chmod (dir, 0777), ==, 0);
  refuse (path, "everybody may write to it");
  refuse_to_read (path, 1, "owl2: everybody may write to it");
  g_assert_cmpint (chmod (dir, 0700), ==, 0);
  if (geteuid () == 0) {
    g_assert_cmpint (chown (path, 65534, 65534), ==, 0);
    refuse_to_read (path, 1, "file: it is another user's");
    g_assert_cmpint (chown (dir, 65534, 65534), ==, 0);
    refuse (path, "it is another user's");
    refuse_to_read (path, 1, "owl2: it is another user's");
  } else {
    g_test_message ("SKIP: only root can make another user's folder");
  }
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
  g_assert_cmpint (g_rmdir (middle), ==, 0);
  g_assert_cmpint (g_rmdir (top), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cache/privileged", test_privileged);
  g_test_add_func ("/cache/owner", test_owner);
  return g_test_run ();
}
