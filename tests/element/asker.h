/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is linked to question_sink. */
#ifndef ASKER_H
#define ASKER_H

#include "bench.h"

/**
 * Asker: @live: what it says of itself
 * @n_seeks: atomic
 * @on_seek: (nullable): called with @data in the middle of one
 */
typedef struct {
  GstPad *src, *sink;
  gboolean live;
  gint n_seeks;
  void (*on_seek) (gpointer data);
  gpointer data;
} Asker;

/* Requests the pad and links it; says nothing yet. */
Asker *asker_new (Bench *b);
/* Has said that it begins, in a TIME segment from 0. */
Asker *asker_begin (Bench *b);
void asker_free (Asker *a);
/* Frees both, and finds what is still alive. */
void asker_end (Bench *b, Asker *a);
/* (transfer full): what the one warning says that is on the bus. */
char *asker_warning (Bench *b);

void asker_event (Asker *a, GstEvent *event);
void asker_segment (Asker *a, const GstSegment *segment);
GstFlowReturn asker_push (Asker *a, const char *text, GstClockTime pts);
/* Must be taken. */
void asker_ask (Asker *a, const char *text, GstClockTime pts);
void asker_gap (Asker *a, GstClockTime pts, GstClockTime duration);
void asker_eos (Asker *a);

/* On a thread of its own: questions at @pts, @step apart, then EOS. finish()
 * returns the flow of the last one, and fails after 20 s. */
typedef struct _AskerCall AskerCall;
AskerCall *asker_push_async (
    Asker *a, guint n, GstClockTime pts, GstClockTime step);
guint asker_n_pushed (AskerCall *call);
/* Waits until so many are taken. */
void asker_wait_pushed (AskerCall *call, guint n);
GstFlowReturn asker_call_finish (AskerCall *call);

/* What is on the bus as "prompt:times start-end", in ms, one after the other;
 * (transfer full). */
char *asker_answers (Bench *b);
/* The same without start and end. */
char *asker_times (Bench *b);
/* The same once there are @n: an answer is counted before it is told. */
char *asker_wait_times (Bench *b, guint n);

#endif
