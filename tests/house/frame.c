/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A function with a big frame touches all of it on its way down, so that it
 * can't jump over the page that guards a stack into what lies below. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_BYTES (512 * 1024)
#define GUARD_BYTES (128 * 1024)
#define STACK_BYTES (2 * 1024 * 1024)

/* Uses its lowest byte only, which lies below the guard. */
static __attribute__ ((noinline)) int
use_big_frame (void)
{
  volatile char frame[FRAME_BYTES];

  /* Nothing is known of what is done with it, so that none is left out. */
  __asm__ volatile("" ::"r"(frame) : "memory");
  frame[0] = 1;
  return frame[0];
}

static void *
run (void *unused)
{
  (void) use_big_frame ();
  return NULL;
}

/* In a process of its own. */
static int
run_on_guarded_stack (void)
{
  char *stack = mmap (NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_t attr;
  pthread_t thread;

  /* The frame begins a few KiB under the top. */
  if (stack == MAP_FAILED
      || mprotect (
          stack + STACK_BYTES - FRAME_BYTES / 2, GUARD_BYTES, PROT_NONE)
      || pthread_attr_init (&attr)
      || pthread_attr_setstack (&attr, stack, STACK_BYTES)
      || pthread_create (&thread, &attr, run, NULL)
      || pthread_join (thread, NULL))
    return 2;
  return 0;
}

int
main (void)
{
  int status = 0;
  pid_t child = fork ();

  if (child == 0) {
    signal (SIGSEGV, SIG_DFL);
    _exit (run_on_guarded_stack ());
  }
  if (child < 0 || waitpid (child, &status, 0) != child) {
    perror ("frame");
    return 1;
  }
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGSEGV) {
    puts ("1 passed, 0 failed");
    return 0;
  }
  printf ("FAIL: the guard of a stack was jumped over (status %d)\n", status);
  return 1;
}
