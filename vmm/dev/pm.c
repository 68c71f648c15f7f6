/* SPDX-License-Identifier: GPL-2.0-only */
/* pm.c -- see pm.h. */
#include "vmm/dev/pm.h"

enum { REG_STATUS = 0, REG_ENABLE = 2, REG_CONTROL = 4, REG_END = 6 };

#define CONTROL_SCI_EN	  (1u << 0)
#define CONTROL_SLP_TYP	  (7u << 10)
#define CONTROL_SLP_EN	  (1u << 13)
#define SLP_TYP_OF(value) (((value)&CONTROL_SLP_TYP) >> 10)
#define SLP_TYP_S5	  5u /* X86_SLEEP_TYPE_S5 */

static uint8_t read_byte(const struct pm *p, unsigned at)
{
	uint16_t v = 0;
	if (at >= REG_CONTROL)
		v = p->control | CONTROL_SCI_EN;
	else if (at >= REG_ENABLE)
		v = p->enable;
	return (uint8_t)(at & 1 ? v >> 8 : v);
}

uint32_t pm_read(const struct pm *p, unsigned offset, unsigned len)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < len && i < 4; i++)
		v |= (offset < REG_END && offset + i < REG_END ? (uint32_t)read_byte(p, offset + i) : 0xffu) << 8 * i;
	return v;
}

static void write_byte(struct pm *p, unsigned at, uint8_t value)
{
	uint16_t *reg = at >= REG_CONTROL ? &p->control : &p->enable;
	if (at >= REG_ENABLE)
		*reg = (uint16_t)(at & 1 ? (*reg & 0x00ff) | value << 8 : (*reg & 0xff00) | value);
}

bool pm_write(struct pm *p, unsigned offset, unsigned len, uint32_t value)
{
	for (unsigned i = 0; i < len && i < 4; i++)
		if (offset < REG_END && offset + i < REG_END)
			write_byte(p, offset + i, (uint8_t)(value >> 8 * i));
	bool off = (p->control & CONTROL_SLP_EN) && SLP_TYP_OF(p->control) == SLP_TYP_S5;
	p->control &= (uint16_t)~CONTROL_SLP_EN; /* reads as 0 */
	return off;
}
