/* SPDX-License-Identifier: GPL-2.0-only */
/* Every parser of a short text: filters, topologies, CPU lists, durations, numbers, Makefiles, configurations, logs. */
#include "base/parse.h"
#include "fuzz.h"
#include "kernel/config.h"
#include "kernel/unpack.h"
#include "run/budget.h"
#include "run/filter.h"
#include "run/planner.h"
#include "topo/presets.h"
#include "verdict/cause.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *text = fuzz_text(data + 1, size - 1), out[CPUSET_TEXT_MAX], version[VERSION_TEXT_MAX];
	struct filter *f = NULL;
	struct ktstr_topology t;
	struct partition partition;
	struct cpuset_bits set;
	struct cause cause;
	nsec_t duration;
	uint64_t number;
	const struct filter_subject subject = { { { "a", "f" }, { "b" }, { "c" }, { "d" }, { "e" } } };
	switch (data[0] % 8) {
	case 0:
		if (filter_parse(text, &f, NULL) == 0)
			filter_match(f, &subject);
		filter_free(f);
		break;
	case 1:
		topology_parse(text, &t, NULL);
		break;
	case 2:
		if (cpuset_parse(text, &set) == 0)
			cpuset_format(&set, out, sizeof(out));
		break;
	case 3:
		parse_duration(text, &duration);
		parse_u64(text, &number);
		break;
	case 4:
		kernel_makefile_version(text, version);
		break;
	case 5:
		kconfig_validate(ARCH_X86_64, text, true, NULL);
		break;
	case 7:
		partition_parse(text, &partition, NULL);
		budget_parse(text, &duration);
		preset_nearest(text);
		break;
	default:
		cause_in_kernel_log(text, &cause);
		cause_in_scheduler_log(text, &cause);
		cause_last_line(text, out, 40);
		break;
	}
	free(text);
	return 0;
}
