/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_report.c -- ktstr report: writes the results of runs in formats of other programs. */
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/reports.h"
#include "cli/reports_planned.h"
#include "cli/shared_options.h"

struct report_args {
	struct strings operands, to;
};

static const struct option_row report_options[] = {
	ROW_REPORTS(struct report_args, to, "to"),
	OPT_END,
};

static int run_report(void *args, struct err **err)
{
	const struct report_args *a = args;
	struct report_orders orders = { 0 };
	_cleanup_(report_results_done) struct report_results results = RESULTS_NULL;
	if (!a->to.count)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "report: which report? For example: --to html=report.html,junit=junit.xml");
	int r = reports_parse("to", &a->to, &orders, err);
	if (r == 0)
		r = reports_read(&a->operands, &results, err);
	if (r == 0)
		r = reports_add_planned(&results, err);
	if (r == 0)
		r = reports_check_results("to", &orders, &results, err);
	return r == 0 ? reports_write(&orders, &results, err) : r;
}

const struct command cmd_report = {
	.name = "report",
	.group = GROUP_TESTS,
	.summary = "Write the results of runs as JUnit, KTAP, TAP, HTML or for GitHub",
	.operands = "[RUN...]",
	.text = "A RUN is the directory of a run, the name of such a directory in target/ktstr, or a single sidecar "
		"(*.ktstr.json). Directories without sidecars are searched below. Without a RUN, the run that was "
		"written last is taken. Several runs become one report.\n\n"
		"The exit status says whether the reports could be written; it is not a verdict. 'ktstr test --report' "
		"writes the same reports at the end of a run.\n\n"
		"The HTML report is one file. It has all charts and logs in it and needs no network.",
	.option = report_options,
	.example =
		(const struct example[]){
			{ "ktstr report --to html=report.html", "the last run, for a browser" },
			{ "ktstr report shards/* --to junit=junit.xml",
			  "the artifacts of several CI jobs as one file" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_RESULTS,
	OPERANDS(struct report_args, operands),
	.run = run_report,
};
