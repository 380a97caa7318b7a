/*
 * labels.h - what nodes have and children require: NAME=VALUE on the command line, a JSON object of strings in the state file.
 */
#ifndef WP_DISTRIBUTE_LABELS_H
#define WP_DISTRIBUTE_LABELS_H

#include "strbuf.h"
#include "strvec.h"

/* Append the object. -1 with err recorded (64): one is none, or is there twice. */
int labels_add(struct strbuf *text, const struct strvec *labels);

#endif
