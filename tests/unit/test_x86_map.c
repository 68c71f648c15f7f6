/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of a vmlinux that may be mapped instead of copied; the rest is copied around them. */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "t.h"
#include "vmm/x86/boot.h"

#define RAM_BYTES ((uint64_t)256 << 20)

static struct x86_ram ram;

static void ram_new(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	t_ok(x86_ram_plan(1, RAM_BYTES >> 20, &ram, NULL));
	ram.region[0].host = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
	ck_assert(ram.region[0].host != MAP_FAILED);
}

static void ram_free(void)
{
	munmap(ram.region[0].host, RAM_BYTES);
}

enum { CODE_AT = 4096, CODE = 40 * 1024, FILL = 8192, TABLE = 4096, TYPES = 20 * 1024, DATA = 32 * 1024 };
enum { SEGMENT = CODE + FILL + TABLE + TYPES, DATA_AT = CODE_AT + SEGMENT, ALL = DATA_AT + DATA };

static struct {
	union {
		uint8_t byte[ALL];
		struct {
			Elf64_Ehdr eh;
			Elf64_Phdr ph[2];
			Elf64_Shdr sh[6];
		};
	};
} big;

static Elf64_Shdr section(uint64_t flags, uint64_t at, uint64_t bytes)
{
	return (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_flags = flags, .sh_offset = at, .sh_size = bytes };
}

/* Code with padding after it, a table that is written once, types; and a writable segment with its own code. */
static void make_big(void)
{
	static const uint64_t code = SHF_ALLOC | SHF_EXECINSTR;
	for (size_t i = 0; i < sizeof(big); i++)
		big.byte[i] = (uint8_t)(i * 31 + i / 256 + 1);
	memset(big.byte, 0, CODE_AT);
	memset(big.byte + CODE_AT + CODE, 0xcc, FILL);
	big.eh = (Elf64_Ehdr){ .e_type = ET_EXEC,
			       .e_machine = EM_X86_64,
			       .e_phoff = sizeof(Elf64_Ehdr),
			       .e_phentsize = sizeof(Elf64_Phdr),
			       .e_phnum = 2,
			       .e_entry = 0x1000010,
			       .e_shoff = sizeof(Elf64_Ehdr) + sizeof(big.ph),
			       .e_shentsize = sizeof(Elf64_Shdr),
			       .e_shnum = 6 };
	memcpy(big.eh.e_ident, ELFMAG, SELFMAG);
	big.eh.e_ident[EI_CLASS] = ELFCLASS64;
	big.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	big.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				  .p_flags = PF_R | PF_X,
				  .p_offset = CODE_AT,
				  .p_filesz = SEGMENT,
				  .p_memsz = SEGMENT,
				  .p_paddr = 0x1000000,
				  .p_vaddr = 0xffffffff81000000 };
	big.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				  .p_flags = PF_R | PF_W | PF_X,
				  .p_offset = DATA_AT,
				  .p_filesz = DATA,
				  .p_memsz = DATA,
				  .p_paddr = 0x1200000,
				  .p_vaddr = 0xffffffff81200000 };
	big.sh[1] = section(code, CODE_AT, CODE + FILL);
	big.sh[2] = section(SHF_ALLOC | SHF_WRITE, CODE_AT + CODE + FILL, TABLE);
	/* Not page-aligned: only its whole pages are mapped. */
	big.sh[3] = section(SHF_ALLOC, CODE_AT + CODE + FILL + TABLE - 5, TYPES + 5);
	big.sh[4] = section(code, DATA_AT, DATA);
	big.sh[5] = section(SHF_ALLOC, CODE_AT, SEGMENT);
}

static unsigned pieces;
static bool may_map;

static bool take_piece(void *userdata, uint64_t address, uint64_t offset, uint64_t bytes)
{
	ck_assert_ptr_eq(userdata, &pieces);
	ck_assert_uint_eq(address - 0x1000000, offset - CODE_AT);
	ck_assert_uint_eq((offset | bytes) % 4096, 0);
	pieces += may_map;
	return may_map;
}

static bool loaded(uint64_t from, uint64_t bytes)
{
	return !memcmp(x86_ram_at(&ram, 0x1000000 + from - CODE_AT, bytes), big.byte + from, bytes);
}

START_TEST(constant_pieces_are_mapped_and_no_others)
{
	struct boot_plan p;
	struct x86_entry e;
	ram_new();
	make_big();
	t_ok(boot_plan(big.byte, sizeof(big), &p, NULL));
	ck_assert_uint_eq(p.constants, 1);
	ck_assert_uint_eq(p.constant[0].offset, CODE_AT + CODE + FILL + TABLE);
	ck_assert_uint_eq(p.constant[0].bytes, TYPES);
	ck_assert_uint_eq(p.constant[0].address, 0x1000000 + CODE + FILL + TABLE);
	pieces = 0;
	may_map = _i;
	struct boot_config c = {
		.kernel = big.byte, .kernel_len = sizeof(big), .cmdline = "", .map = take_piece, .userdata = &pieces
	};
	t_ok(boot_load(&c, &ram, &e, NULL));
	ck_assert_uint_eq(pieces, _i ? 1 : 0);
	ck_assert(loaded(CODE_AT, CODE + FILL + TABLE));
	ck_assert(loaded(CODE_AT + CODE + FILL + TABLE, TYPES) == !_i);
	ck_assert(!memcmp(x86_ram_at(&ram, 0x1200000, DATA), big.byte + DATA_AT, DATA));
	ram_free();
}
END_TEST

/* Section headers are only a hint: a kernel that boots without them boots with any of them. */
START_TEST(section_headers_that_lie_map_nothing)
{
	struct boot_plan p;
	make_big();
	switch (_i) {
	case 0:
		big.eh.e_shoff = UINT64_MAX - 8;
		break;
	case 1:
		big.eh.e_shnum = UINT16_MAX;
		break;
	case 2:
		big.eh.e_shentsize--;
		break;
	case 3:
		for (unsigned i = 0; i < 6; i++)
			big.sh[i].sh_offset = UINT64_MAX - i;
		break;
	case 4:
		for (unsigned i = 0; i < 6; i++)
			big.sh[i].sh_size = UINT64_MAX - 4095;
		break;
	case 5:
		/* Not congruent: pages of the file are not pages of memory. */
		big.ph[0].p_paddr += 8;
		big.eh.e_entry += 8;
		break;
	default:
		/* Outside the segment, at either end. */
		big.sh[1] = section(SHF_ALLOC, 0, CODE);
		big.sh[3] = section(SHF_ALLOC, DATA_AT - 4096, DATA);
		big.sh[5].sh_type = SHT_NOBITS;
		break;
	}
	t_ok(boot_plan(big.byte, sizeof(big), &p, NULL));
	ck_assert_uint_eq(p.constants, 0);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, constant_pieces_are_mapped_and_no_others, 0, 2);
	tcase_add_loop_test(tc, section_headers_that_lie_map_nothing, 0, 7);
}

int main(void)
{
	return t_main("x86_map", fill);
}
