/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies of kernels that boot faster. */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "t.h"
#include "vmm/qemu/kernel_patch.h"

#define TEXT_ADDR   0xffffffff81f94000u
#define PAUSE_BYTES 0xf3, 0x90

/* The smallest possible kernel: code, one symbol, names. */
struct tiny_kernel {
	Elf64_Ehdr head;
	Elf64_Shdr section[4]; /* none, code, symbols, names */
	Elf64_Sym symbol[2];
	char names[40];
	uint8_t code[16];
};

static struct tiny_kernel tiny(const char *function)
{
	struct tiny_kernel k = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
			  .e_machine = EM_X86_64,
			  .e_shoff = offsetof(struct tiny_kernel, section),
			  .e_shnum = 4 },
		.section = { [1] = { .sh_type = SHT_PROGBITS,
				     .sh_addr = TEXT_ADDR,
				     .sh_offset = offsetof(struct tiny_kernel, code),
				     .sh_size = 16 },
			     [2] = { .sh_type = SHT_SYMTAB,
				     .sh_offset = offsetof(struct tiny_kernel, symbol),
				     .sh_size = 2 * sizeof(Elf64_Sym),
				     .sh_link = 3 },
			     [3] = { .sh_type = SHT_STRTAB,
				     .sh_offset = offsetof(struct tiny_kernel, names),
				     .sh_size = 40 } },
		.symbol = { [1] = { .st_name = 1,
				    .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				    .st_shndx = 1,
				    .st_value = TEXT_ADDR + 4,
				    .st_size = 8 } },
		.code = { PAUSE_BYTES, 0x55, 0x55, 0x55, PAUSE_BYTES, 0x55, PAUSE_BYTES, 0xc3, 0xf3, 0x90 },
	};
	snprintf(k.names + 1, sizeof(k.names) - 1, "%s", function);
	return k;
}

static int patch_in(const char *cache, int in, uint8_t ret_code[16])
{
	char path[40];
	int out = -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	int r = kernel_patch_boot(path, true, cache, NULL, &out);
	if (r == 0)
		t_ok(fd_pread_full(out, ret_code, 16, offsetof(struct tiny_kernel, code)));
	fd_close(out);
	return r;
}

static unsigned files_in(const char *dir)
{
	unsigned files = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		files += e->d_name[0] != '.' && !strstr(e->d_name, ".sum");
	closedir(d);
	return files;
}

static int tiny_file(const struct tiny_kernel *k)
{
	int fd = memfd_new("tiny", 0);
	t_ok(fd_write_full(fd, k, sizeof(*k)));
	return fd;
}

static int patch_kernel(const struct tiny_kernel *k, uint8_t ret_code[16])
{
	int in = tiny_file(k);
	int r = patch_in(NULL, in, ret_code);
	fd_close(in);
	return r;
}

/* The copy is kept for as long as the kernel is the same file: other content has another modification time. */
START_TEST(a_quick_copy_is_kept)
{
	uint8_t code[16], again[16], later[16];
	char *dir = t_tmpdir(), *cache = path_join(dir, "images");
	struct tiny_kernel k = tiny("calibrate_APIC_clock");
	int in = tiny_file(&k);
	t_ok(patch_in(cache, in, code));
	ck_assert_uint_eq(files_in(cache), 1);
	t_ok(patch_in(cache, in, again));
	ck_assert(!memcmp(code, again, sizeof(code)));
	ck_assert_uint_eq(files_in(cache), 1);
	/* A damaged copy is made again. */
	glob_t found;
	_cleanup_free_ char *pattern = path_join(cache, "*.vmlinux");
	t_ok(glob(pattern, 0, NULL, &found));
	_cleanup_close_ int kept = open(found.gl_pathv[0], O_WRONLY | O_CLOEXEC);
	t_ok(fd_pwrite_full(kept, "XXXX", 4, offsetof(struct tiny_kernel, code)));
	globfree(&found);
	t_ok(patch_in(cache, in, again));
	ck_assert(!memcmp(code, again, sizeof(code)));
	k.code[2] = 0x90;
	t_ok(fd_pwrite_full(in, &k, sizeof(k), 0));
	t_ok(futimens(in, (const struct timespec[]){ { .tv_sec = 1 }, { .tv_sec = 1 } }));
	t_ok(patch_in(cache, in, later));
	ck_assert_uint_eq(later[2], 0x90);
	ck_assert_uint_eq(files_in(cache), 2);
	fd_close(in);
	free(cache);
	t_rmdir(dir);
}
END_TEST

/* Where no file can be kept, the caller still gets a copy. */
START_TEST(a_quick_copy_does_not_need_a_cache)
{
	uint8_t code[16];
	struct tiny_kernel k = tiny("calibrate_APIC_clock");
	int in = tiny_file(&k);
	t_ok(patch_in("/proc/no/such/place", in, code));
	fd_close(in);
}
END_TEST

START_TEST(pauses_go_in_the_timers_calibration_alone)
{
	static const uint8_t wanted[16] = { PAUSE_BYTES, 0x55, 0x55, 0x55, 0x66, 0x90,
					    0x55,	 0x66, 0x90, 0xc3, 0xf3, 0x90 };
	uint8_t code[16];
	struct tiny_kernel k = tiny("setup_boot_APIC_clock");
	t_ok(patch_kernel(&k, code));
	ck_assert(!memcmp(code, wanted, sizeof(code)));
	k = tiny("schedule");
	t_errno(patch_kernel(&k, code), ENOENT);
}
END_TEST

/* A kernel with the three symbols that the calibration of the TSC is made of: code, and data behind it. */
struct timer_kernel {
	Elf64_Ehdr head;
	Elf64_Shdr section[5]; /* none, code, symbols, names, data */
	Elf64_Sym symbol[4];
	char names[80];
	uint8_t code[24];
	uint64_t jiffies;
};

#define DATA_ADDR 0xffffffff82000000u

static Elf64_Sym symbol_at(const char *names, const char *name, unsigned section, uint64_t address, uint64_t size)
{
	const char *at = names + 1;
	while (strcmp(at, name))
		at += strlen(at) + 1;
	return (Elf64_Sym){ .st_name = (uint32_t)(at - names),
			    .st_info = ELF64_ST_INFO(STB_GLOBAL, section == 1 ? STT_FUNC : STT_OBJECT),
			    .st_shndx = (uint16_t)section,
			    .st_value = address,
			    .st_size = size };
}

static struct timer_kernel timers(unsigned hz)
{
	static const uint8_t begin[24] = { 0x80, 0x3d, 1, 2, 3, 4,  0,	  0x75, 0x76, 0x83,
					   0x3d, 5,    6, 7, 8, 20, 0x7e, 9,	0x90 };
	struct timer_kernel k = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
			  .e_machine = EM_X86_64,
			  .e_shoff = offsetof(struct timer_kernel, section),
			  .e_shnum = 5 },
		.section = { [1] = { .sh_type = SHT_PROGBITS,
				     .sh_addr = TEXT_ADDR,
				     .sh_offset = offsetof(struct timer_kernel, code),
				     .sh_size = 24 },
			     [2] = { .sh_type = SHT_SYMTAB,
				     .sh_offset = offsetof(struct timer_kernel, symbol),
				     .sh_size = 4 * sizeof(Elf64_Sym),
				     .sh_link = 3 },
			     [3] = { .sh_type = SHT_STRTAB,
				     .sh_offset = offsetof(struct timer_kernel, names),
				     .sh_size = 80 },
			     [4] = { .sh_type = SHT_PROGBITS,
				     .sh_addr = DATA_ADDR,
				     .sh_offset = offsetof(struct timer_kernel, jiffies),
				     .sh_size = 8 } },
		.names = "\0native_calibrate_tsc\0lapic_timer_period\0jiffies_64\0trace_event_update_all",
		.jiffies = (uint32_t)(-300 * (int)hz),
	};
	memcpy(k.code, begin, sizeof(begin));
	k.symbol[1] = symbol_at(k.names, "native_calibrate_tsc", 1, TEXT_ADDR, 24);
	k.symbol[2] = symbol_at(k.names, "lapic_timer_period", 4, DATA_ADDR + 0x100, 4);
	k.symbol[3] = symbol_at(k.names, "jiffies_64", 4, DATA_ADDR, 8);
	return k;
}

static int patch_timers(const struct timer_kernel *k, bool counted, uint8_t ret_code[24])
{
	char path[40];
	int in = memfd_new("timers", 0), out = -1;
	t_ok(fd_write_full(in, k, sizeof(*k)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	int r = kernel_patch_boot(path, counted, NULL, NULL, &out);
	if (r == 0)
		t_ok(fd_pread_full(out, ret_code, 24, offsetof(struct timer_kernel, code)));
	fd_close(out);
	fd_close(in);
	return r;
}

/* MOVL $4000000, lapic_timer_period(%rip); MOV $1000000, %eax; RET */
START_TEST(a_counted_guest_knows_its_timers)
{
	static const uint8_t wanted[16] = { 0xc7, 0x05, 0xf6, 0xc0, 0x06, 0x00, 0x00, 0x09,
					    0x3d, 0x00, 0xb8, 0x40, 0x42, 0x0f, 0x00, 0xc3 };
	uint8_t code[24];
	struct timer_kernel k = timers(250);
	t_ok(patch_timers(&k, true, code));
	ck_assert_mem_eq(code, wanted, sizeof(wanted));
	ck_assert_mem_eq(code + 16, k.code + 16, 8);
	/* In real time, its TSC is that of the host. */
	t_errno(patch_timers(&k, false, code), ENOENT);
	/* Other code, and another start of the clock, are not known. */
	k.code[7] = 0x74;
	t_errno(patch_timers(&k, true, code), ENOENT);
	k = timers(250);
	k.jiffies--;
	t_errno(patch_timers(&k, true, code), ENOENT);
}
END_TEST

START_TEST(a_counted_guest_does_nothing_for_tracers)
{
	uint8_t code[24];
	struct timer_kernel k = timers(250);
	k.symbol[1] = symbol_at(k.names, "trace_event_update_all", 1, TEXT_ADDR, 24);
	t_errno(patch_timers(&k, true, code), ENOENT);
	k.code[0] = 0x55;
	t_ok(patch_timers(&k, true, code));
	ck_assert_uint_eq(code[0], 0xc3);
	ck_assert_mem_eq(code + 1, k.code + 1, 23);
	/* The kernel itself changes the call of the function tracer. */
	k.code[0] = 0xe8;
	k.code[5] = 0x53;
	t_ok(patch_timers(&k, true, code));
	ck_assert_uint_eq(code[5], 0xc3);
	t_errno(patch_timers(&k, false, code), ENOENT);
}
END_TEST

/* Offsets outside the file, or to nothing, leave the kernel unchanged. */
START_TEST(a_kernel_that_lies_is_left_alone)
{
	uint8_t code[16];
	int fd;
	struct tiny_kernel bad[8];
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = tiny("calibrate_APIC_clock");
	bad[0].head.e_shoff = UINT64_MAX - 7;
	bad[1].head.e_shnum = 60000;
	bad[2].section[2].sh_offset = UINT64_MAX - 7;
	bad[3].section[2].sh_link = 9;
	bad[4].section[3].sh_size = UINT64_MAX;
	bad[5].symbol[1].st_size = 4096;
	bad[6].symbol[1].st_value = 4;
	bad[7].section[1].sh_offset = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		t_errno(patch_kernel(&bad[i], code), ENOENT);
	t_errno(kernel_patch_boot("/no/such/kernel", true, NULL, NULL, &fd), ENOENT);
	t_errno(kernel_patch_boot("/bin/true", true, NULL, NULL, &fd), ENOENT);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_quick_copy_is_kept);
	tcase_add_test(tc, a_quick_copy_does_not_need_a_cache);
	tcase_add_test(tc, pauses_go_in_the_timers_calibration_alone);
	tcase_add_test(tc, a_counted_guest_knows_its_timers);
	tcase_add_test(tc, a_counted_guest_does_nothing_for_tracers);
	tcase_add_test(tc, a_kernel_that_lies_is_left_alone);
}

int main(void)
{
	return t_main("kernel_patch", fill);
}
