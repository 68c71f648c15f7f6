/* SPDX-License-Identifier: GPL-2.0-only */
/* machine_card.c -- see machine_card.h. */
#include "run/machine_card.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "topo/topology.h"
#include "vmm/x86/layout.h"

#define CARD_SCHEMA    "ktstr.machine/1"
#define CARD_BYTES_MAX 16384
#define LINK_START     "/memfd:" MACHINE_CARD_NAME
#define MEMORY_MIB_MAX ((uint64_t)1 << 24)
/* QEMU's q35 (hw/i386/pc_q35.c): from this much RAM on, all but the first 2 GiB is above 4 GiB. */
#define QEMU_SPLIT_FROM ((uint64_t)0xb0000000)
#define QEMU_LOW_MEMORY ((uint64_t)2 << 30)

uint64_t machine_low_memory(enum arch arch, const char *backend, uint64_t memory_mib)
{
	uint64_t bytes = memory_mib << 20;
	if (arch != ARCH_X86_64)
		return 0;
	if (!strcmp(backend, "kvm"))
		return bytes > X86_MMIO_GAP ? X86_MMIO_GAP : 0;
	return bytes >= QEMU_SPLIT_FROM ? QEMU_LOW_MEMORY : 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static json_t *nodes_json(const struct guestmem *m)
{
	json_t *list = json_array();
	struct stat st;
	for (unsigned i = 0; i < m->nodes; i++) {
		json_t *node = json_object();
		json_put_int(&node, "fd", m->node[i].fd);
		json_put_u64(&node, "inode", fstat(m->node[i].fd, &st) == 0 ? st.st_ino : 0);
		json_put_u64(&node, "address", m->node[i].address);
		json_put_u64(&node, "size", m->node[i].size);
		json_add(&list, node);
	}
	return list;
}

static json_t *card_json(const struct vm *vm, const struct vm_config *c, const struct machine_card *card,
			 const struct guestmem *m)
{
	char topology[TOPOLOGY_TEXT_MAX];
	json_t *o = json_object();
	json_put_text(&o, "schema", CARD_SCHEMA);
	json_put_text(&o, "name", card->name);
	json_put_text(&o, "run", card->run);
	json_put_text(&o, "kernel", card->kernel);
	json_put_text(&o, "version", card->version);
	json_put_bool(&o, "image", card->image);
	json_put_text(&o, "arch", arch_names[c->arch].name);
	json_put_text(&o, "topology", topology_format(&c->topology, topology));
	json_put_text(&o, "backend", vm->backend->name);
	json_put_u64(&o, "memory_mib", c->memory_mib);
	json_put_int(&o, "pid", getpid());
	json_put_int(&o, "machine_pid", vm->pid);
	json_put_int(&o, "started", nsec_now());
	json_put(&o, "nodes", nodes_json(m));
	return o;
}

int machine_card_show(const struct vm *vm, const struct vm_config *config, const struct machine_card *card)
{
	const struct guestmem *m = vm->backend->memory ? vm->backend->memory(vm) : NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!m || !m->nodes)
		return -EOPNOTSUPP;
	json_auto_t *o = card_json(vm, config, card, m);
	json_print(o, false, &text);
	if (text.failed)
		return -ENOMEM;
	_cleanup_close_ int fd = memfd_new(MACHINE_CARD_NAME, 0);
	int r = fd < 0 ? fd : fd_write_full(fd, text.data, text.len);
	return r < 0 ? r : TAKE_FD(fd);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool read_text(const json_t *o, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));
	if (text)
		text_copy_line(out, size, text, strlen(text));
	return text != NULL;
}

static bool read_number(const json_t *o, const char *key, uint64_t most, uint64_t *ret)
{
	const json_t *value = json_object_get(o, key);
	json_int_t number = json_integer_value(value);
	*ret = (uint64_t)number;
	return json_is_integer(value) && number >= 0 && (uint64_t)number <= most;
}

static bool read_node(const json_t *o, struct machine_card *c)
{
	uint64_t fd;
	unsigned i = c->nodes++;
	if (!read_number(o, "fd", INT_MAX, &fd) || !read_number(o, "inode", INT64_MAX, &c->node[i].inode) ||
	    !read_number(o, "address", INT64_MAX / 2, &c->node[i].address) ||
	    !read_number(o, "size", MEMORY_MIB_MAX << 20, &c->node[i].size))
		return false;
	c->node[i].fd = (int)fd;
	/* Nodes follow each other. */
	return c->node[i].size && (!i || c->node[i].address == c->node[i - 1].address + c->node[i - 1].size);
}

static bool read_card(const json_t *o, struct machine_card *c)
{
	const char *schema = json_string_value(json_object_get(o, "schema"));
	const json_t *nodes = json_object_get(o, "nodes");
	char arch[16];
	uint64_t pid, machine;
	if (!schema || strcmp(schema, CARD_SCHEMA) || json_array_size(nodes) > GUEST_NODES_MAX ||
	    !json_array_size(nodes))
		return false;
	if (!read_text(o, "name", c->name, sizeof(c->name)) || !read_text(o, "run", c->run, sizeof(c->run)) ||
	    !read_text(o, "kernel", c->kernel, sizeof(c->kernel)) ||
	    !read_text(o, "version", c->version, sizeof(c->version)) || !read_text(o, "arch", arch, sizeof(arch)) ||
	    !read_text(o, "topology", c->topology, sizeof(c->topology)) ||
	    !read_text(o, "backend", c->backend, sizeof(c->backend)))
		return false;
	if (!read_number(o, "memory_mib", MEMORY_MIB_MAX, &c->memory_mib) || !read_number(o, "pid", INT_MAX, &pid) ||
	    !read_number(o, "machine_pid", INT_MAX, &machine) || !read_number(o, "started", INT64_MAX, &c->started))
		return false;
	c->pid = (pid_t)pid;
	c->machine_pid = (pid_t)machine;
	c->image = json_is_true(json_object_get(o, "image"));
	for (c->arch = 0; c->arch < ARCH_COUNT && strcmp(arch, arch_names[c->arch].name); c->arch++)
		;
	bool valid = c->arch < ARCH_COUNT;
	for (size_t i = 0; valid && i < json_array_size(nodes); i++)
		valid = read_node(json_array_get(nodes, i), c);
	return valid;
}

int machine_card_parse(const char *text, size_t len, struct machine_card *ret)
{
	json_auto_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	*ret = (struct machine_card){ 0 };
	return o && read_card(o, ret) ? 0 : -EBADMSG;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

struct finding {
	const char *proc;
	struct machine_card *card;
	size_t count;
};

/* A card that is no longer there, or is none, is left out. */
static int add_card(struct finding *f, const char *path, pid_t pid)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct machine_card card;
	if (f->count == MACHINE_CARDS_MAX || file_read(path, CARD_BYTES_MAX, &text, NULL) < 0 ||
	    machine_card_parse(text.data ?: "", text.len, &card) < 0)
		return 0;
	struct machine_card *more = realloc(f->card, (f->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->card = more;
	card.pid = pid; /* in this process's name space */
	more[f->count++] = card;
	return 0;
}

static int look_at_process(struct finding *f, const char *name)
{
	char dir[300], path[600], target[80];
	struct dirent *e;
	uint64_t pid;
	int r = 0;
	if (parse_u64(name, &pid) < 0)
		return 0;
	snprintf(dir, sizeof(dir), "%s/%.20s/fd", f->proc, name);
	DIR *d = opendir(dir);
	while (d && r == 0 && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%.20s", dir, e->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n < (ssize_t)strlen(LINK_START) || strncmp(target, LINK_START, strlen(LINK_START)))
			continue;
		r = add_card(f, path, (pid_t)pid);
	}
	if (d)
		closedir(d);
	return r;
}

/* A child that was just forked has the same descriptors for an instant: the first in the list counts. */
static int by_start(const void *x, const void *y)
{
	const struct machine_card *a = x, *b = y;
	return a->started != b->started ? (a->started < b->started ? -1 : 1) : a->pid - b->pid;
}

static void drop_copies(struct finding *f)
{
	size_t kept = 0;
	for (size_t i = 0; i < f->count; i++)
		if (!i || f->card[i].started != f->card[kept - 1].started ||
		    f->card[i].node[0].inode != f->card[kept - 1].node[0].inode)
			f->card[kept++] = f->card[i];
	f->count = kept;
}

int machine_cards_find(const char *proc, struct machine_card **ret, size_t *ret_count, struct err **err)
{
	struct finding f = { .proc = proc };
	struct dirent *e;
	DIR *d = opendir(proc);
	int r = d ? 0 : FAIL_SYS(err, -errno, "look for machines in '%s'", proc);
	while (d && r == 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = look_at_process(&f, e->d_name);
	if (d)
		closedir(d);
	if (r < 0) {
		free(f.card);
		return r;
	}
	if (f.count)
		qsort(f.card, f.count, sizeof(*f.card), by_start);
	drop_copies(&f);
	*ret = f.card;
	*ret_count = f.count;
	return 0;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static int open_node(const char *proc, const struct machine_card *c, unsigned i)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%d/fd/%d", proc, c->pid, c->node[i].fd);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != c->node[i].inode || (uint64_t)st.st_size < c->node[i].size)
		return -ESRCH;
	return TAKE_FD(fd);
}

static int map_node(const char *proc, const struct machine_card *c, unsigned i, struct guestmem *m)
{
	m->node[i].fd = open_node(proc, c, i);
	if (m->node[i].fd < 0)
		return m->node[i].fd == -ENOENT ? -ESRCH : m->node[i].fd;
	void *map = mmap(NULL, c->node[i].size, PROT_READ, MAP_SHARED, m->node[i].fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	m->node[i].map = map;
	m->node[i].address = c->node[i].address;
	m->node[i].size = c->node[i].size;
	return 0;
}

int machine_card_map(const char *proc, const struct machine_card *card, struct guestmem *ret, struct err **err)
{
	struct guestmem m = { .nodes = card->nodes };
	int r = 0;
	for (unsigned i = 0; i < GUEST_NODES_MAX; i++)
		m.node[i].fd = -1;
	for (unsigned i = 0; r == 0 && i < m.nodes; i++)
		r = map_node(proc, card, i, &m);
	if (r < 0) {
		guestmem_done(&m);
		return r == -ESRCH ? FAIL(err, ERR_MISSING, r, "the machine '%s' has ended", card->name)
				   : FAIL_SYS(err, r, "map the memory of the machine '%s'", card->name);
	}
	*ret = m;
	return 0;
}

bool machine_card_lives(const char *proc, const struct machine_card *card)
{
	int fd = open_node(proc, card, 0);
	return fd_close(fd) == -1 && fd >= 0;
}
