/* SPDX-License-Identifier: GPL-2.0-only */
/* test.h -- the test's process and its time limit. */
#ifndef KTSTR_GUEST_INIT_TEST_H
#define KTSTR_GUEST_INIT_TEST_H

#include "guest/init/init.h"

int test_start(struct init *i);
void test_await(struct init *i);

#endif
