/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How each of the command-line programs begins, speaks and ends. */
#ifndef OWL2_PROGRAM_H
#define OWL2_PROGRAM_H

#include <signal.h>

#include <glib.h>
#include <glib/gstdio.h>

G_BEGIN_DECLS

/* Pixels of a picture: what has more is refused before it is decoded, unless
 * the user says otherwise. A file of some kilobytes may ask for any number. */
#define OWL2_MAX_PIXELS 100000000

/* The first thing in main(): ends the program if the file has set-user-id,
 * set-group-id or capabilities (owl2_is_privileged()); sets the locale, the
 * name (a constant) that messages begin with, and from here on a program whose
 * output got lost ends with a message and status 1, also where GOption prints
 * its help and ends it. */
void program_begin (const char *name);

/* Adds --version, which prints the version and ends the program, and, where
 * there is something to be said, --verbose, which sets @verbose (nullable:
 * nothing is); @what, a constant, is the help about it. */
void program_add_options (
    GOptionContext *context, gboolean *verbose, const char *what);

/* Parses the options of a program that takes no arguments but those. */
gboolean program_parse (
    GOptionContext *context, int *argc, char ***argv, GError **error);

/* One line "NAME: ..." on standard error, whatever the arguments hold: the
 * message as owl2_printable_message() makes it. Any thread. */
void program_say (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* The same for arguments that are printable already. */
void program_say_line (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* SIGINT, SIGTERM and SIGHUP end nothing by themselves the first time, but are
 * kept in program_signal, 0 until then; the second time they do. */
void program_catch_signals (void);
extern volatile sig_atomic_t program_signal;

/* Whether @name, a path or a file's URI, is the file that @file tells of. */
gboolean program_names_file (const char *name, const GStatBuf *file);

/* What main() returns: 0 if all went well, else 1, after the line that tells
 * @error (nullable: that has been told). */
int program_end (gboolean ok, const GError *error);

/* What main() returns, 2, where the command line is wrong, after the line that
 * tells @error. */
int program_usage (const GError *error);

/* Writes @text, as owl2_printable() makes it, and a newline to standard output,
 * at once. FAILED if that can't be done: a program whose answers got lost did
 * not succeed. */
gboolean program_print (const char *text, GError **error);

/* The same for a line that is printable already, such as JSON. */
gboolean program_print_line (const char *line, GError **error);

G_END_DECLS

#endif
