/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pm.h -- ACPI's PM1 registers (ACPI 6.4, 4.8.3) without events: status bits that are never set, enable bits that keep
 * their values, and a control register that powers off.
 */
#ifndef KTSTR_VMM_DEV_PM_H
#define KTSTR_VMM_DEV_PM_H

#include <stdbool.h>
#include <stdint.h>

struct pm {
	uint16_t enable, control;
};

/* @offset: port - X86_PORT_PM; @len: 1, 2 or 4 bytes. */
uint32_t pm_read(const struct pm *p, unsigned offset, unsigned len);
/* Returns whether this write powers off. */
bool pm_write(struct pm *p, unsigned offset, unsigned len, uint32_t value);

#endif
