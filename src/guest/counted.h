/* SPDX-License-Identifier: GPL-2.0-only */
/* counted.h -- the environment in which programs of a guest count the code that they execute. */
#ifndef KTSTR_GUEST_COUNTED_H
#define KTSTR_GUEST_COUNTED_H

#include <stdint.h>

/* For all programs that this process executes from now on. @address: of the memory for counters, guest-physical. */
void counted_environment(uint64_t address);

#endif
