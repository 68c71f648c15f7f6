/* SPDX-License-Identifier: GPL-2.0-only */
/* made_samples.h -- what a monitor may have seen of a test with two steps: a sidecar has a value of every kind then. */
#ifndef KTSTR_TESTS_LIB_MADE_SAMPLES_H
#define KTSTR_TESTS_LIB_MADE_SAMPLES_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"

/* Adds steps @step and @step + 1, from 1 s to 2.5 s, with a change between them, and a broken limit. */
void made_samples(struct evidence *e, struct judgement *j, unsigned step);

#endif
