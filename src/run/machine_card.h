/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine_card.h -- how another process of the same user finds a running machine and reads its memory.
 *
 * The process that runs a machine keeps a card: a memfd with a JSON object. It says what runs there, and which of the
 * process's descriptors are the guest's memory. Readers find cards in /proc/PID/fd, and open the memory there, for
 * reading. So nothing listens, nothing is left over by a process that was killed, and the kernel decides who may look:
 * whoever may read the files of the process.
 */
#ifndef KTSTR_RUN_MACHINE_CARD_H
#define KTSTR_RUN_MACHINE_CARD_H

#include <sys/types.h>

#include "vmm/vm.h"

#define MACHINE_CARD_NAME "ktstr-machine" /* of the memfd */
#define MACHINE_CARDS_MAX 4096

struct machine_card {
	char name[256];	  /* test and try: "ktstr/crowd", "shell" */
	char run[128];	  /* id of the run's directory; "": none */
	char kernel[512]; /* file that was booted first, before any copy of it; vmlinux is beside it, or it is that */
	char version[64];
	char topology[64], backend[16];
	enum arch arch;
	bool image; /* an image without a vmlinux */
	uint64_t memory_mib;
	pid_t pid, machine_pid; /* of the process that has the card; of the machine's own */
	uint64_t started;	/* CLOCK_MONOTONIC, ns */
	struct {
		int fd;		/* in that process */
		uint64_t inode; /* of the memory, so that a number that was used again is noticed */
		uint64_t address, size;
	} node[GUEST_NODES_MAX];
	unsigned nodes;
};

/* Bytes of RAM below 4 GiB where there is more above, as struct view has it; 0: there is not. */
uint64_t machine_low_memory(enum arch arch, const char *backend, uint64_t memory_mib);

/*
 * Makes the card of a machine that was started. @card has what is known besides: name, run, kernel, version, image.
 * Returns a descriptor, which the caller closes when the machine has ended. -EOPNOTSUPP: its memory is not in our
 * files.
 */
int machine_card_show(const struct vm *vm, const struct vm_config *config, const struct machine_card *card);

/* The cards of all processes whose files may be read, in the order of their starts. The caller frees. */
int machine_cards_find(const char *proc, struct machine_card **ret, size_t *ret_count, struct err **err);
/* Reads one card; it may come from anywhere. -EBADMSG: it is none. */
int machine_card_parse(const char *text, size_t len, struct machine_card *ret);
/* Maps the machine's memory for reading. -ESRCH: the machine has ended. The caller calls guestmem_done(). */
int machine_card_map(const char *proc, const struct machine_card *card, struct guestmem *ret, struct err **err);
/* False: the machine has ended. */
bool machine_card_lives(const char *proc, const struct machine_card *card);

#endif
