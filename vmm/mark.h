/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mark.h -- a guest says where its test is (wire.h), and goes on when the orchestrator has looked at it. A program in
 * the guest writes the mark's words to a port, one after the other, and then its kind to the next port. The machine's
 * process puts the mark into memory that it shares with the orchestrator. That vCPU waits there; the others run until
 * the orchestrator stops the process (freeze.h).
 */
#ifndef KTSTR_VMM_MARK_H
#define KTSTR_VMM_MARK_H

#include <stdint.h>

#include <ktstr/wire.h>

/* Shared. The guest may have taken over the machine's process. */
struct vm_mark {
	uint64_t number; /* of marks so far; the others are valid once it has changed */
	uint64_t seen;	 /* written by the orchestrator: it has looked at that one, which goes on */
	uint32_t kind;
	uint32_t word[WIRE_MARK_WORDS];
};

#endif
