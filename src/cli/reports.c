/* SPDX-License-Identifier: GPL-2.0-only */
/* reports.c -- see reports.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/reports.h"
#include "results/scan.h"
#include "run/rundir.h"

static int check_files(const struct report_orders *o, struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < o->count && r == 0; i++) {
		r = report_order_check(&o->item[i], err);
		for (size_t k = 0; k < i && r == 0; k++)
			r = report_orders_differ(&o->item[k], &o->item[i], err);
	}
	return r;
}

int reports_parse(const char *option, const struct strings *texts, struct report_orders *ret, struct err **err)
{
	if (texts->count > REPORT_ORDERS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "--%s: more than %d reports", option, REPORT_ORDERS_MAX);
	for (size_t i = 0; i < texts->count; i++) {
		int r = report_order_parse(texts->item[i], &ret->item[i], err);
		if (r < 0)
			return err_wrap(err, r, "--%s", option);
	}
	ret->count = texts->count;
	int r = check_files(ret, err);
	return r < 0 ? err_wrap(err, r, "--%s", option) : 0;
}

int reports_check_input(const char *option, const struct report_orders *orders, const char *path, struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < orders->count && r == 0; i++)
		r = file_check_not_input(orders->item[i].file, path, err);
	return r < 0 ? err_wrap(err, r, "--%s", option) : 0;
}

int reports_check_results(const char *option, const struct report_orders *orders, const struct report_results *results,
			  struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < results->count && r == 0; i++) {
		const char *sidecar = results->item[i].sidecar;
		_cleanup_free_ char *beside = *sidecar ? rundir_beside(sidecar, REPORT_SUFFIX) : NULL;
		if (!beside)
			continue;
		r = reports_check_input(option, orders, sidecar, err);
		if (r == 0)
			r = reports_check_input(option, orders, beside, err);
	}
	return r;
}

static int write_one(const struct report_order *o, const struct report_results *r, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int result = report_write(o, r, &text, err);
	if (result < 0)
		return result;
	if (!strcmp(o->file, "-"))
		out_buf(&text);
	else
		say_printf("%s report: %s\n", o->format->name, o->file);
	return 0;
}

int reports_write(const struct report_orders *orders, const struct report_results *r, struct err **err)
{
	int first = 0;
	for (size_t i = 0; i < orders->count; i++) {
		_cleanup_err_ struct err *why = NULL;
		_cleanup_buf_ struct buf text = BUF_NULL;
		int result = write_one(&orders->item[i], r, first ? &why : err);
		if (result < 0 && first) {
			err_format(why, &text);
			say_printf("error: %s\n", buf_str(&text));
		}
		first = first ?: result;
	}
	return first;
}

static int add_record(struct report_results *ret, const struct run_record *i, struct err **err)
{
	const struct missing_result missing = { .name = i->name,
						.suite = i->suite,
						.topology = i->topology,
						.scheduler = i->scheduler,
						.kernel_label = i->kernel_label,
						.why = i->why };
	return i->sidecar ? report_results_add_file(ret, i->sidecar, err)
			  : report_results_add_missing(ret, &missing, err);
}

int reports_collect(const struct run_records *records, struct report_results *ret, struct err **err)
{
	for (size_t i = 0; i < records->count; i++) {
		int r = add_record(ret, &records->item[i], err);
		if (r < 0)
			return r;
	}
	if (records->lost)
		return FAIL_SYS(err, -ENOMEM, "%zu results are missing in the reports", records->lost);
	report_results_sort(ret);
	return 0;
}

void reports_say_problems(const struct report_results *r)
{
	for (const char *line = buf_str(&r->problems); *line;) {
		size_t len = strcspn(line, "\n");
		say_printf("warning: %.*s\n", (int)len, line);
		line += len + (line[len] != '\0');
	}
	if (r->damaged > RESULTS_PROBLEMS)
		say_printf("warning: %zu more sidecar%s could not be read\n", r->damaged - RESULTS_PROBLEMS,
			   plural(r->damaged - RESULTS_PROBLEMS));
	size_t unreadable = report_results_count(r).outcome[OUTCOME_UNREADABLE];
	if (unreadable)
		say_printf("note: %zu of %zu results could not be read; whether they passed is not known\n", unreadable,
			   r->count);
	if (r->damaged)
		status_note(EXIT_BAD_DATA);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

/* The directory in @root that was changed last, or NULL. */
static char *newest_run(const char *root)
{
	char *best = NULL;
	struct timespec when = { 0 };
	DIR *dir = opendir(root);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct stat st;
		if (e->d_name[0] == '.' || is_samples_name(e->d_name) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			continue;
		bool later = st.st_mtim.tv_sec > when.tv_sec ||
			     (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec > when.tv_nsec);
		if (best && !later)
			continue;
		free(best);
		best = path_join(root, e->d_name);
		when = st.st_mtim;
	}
	if (dir)
		closedir(dir);
	return best;
}

static int find_newest(const char *root, char **ret, struct err **err)
{
	*ret = newest_run(root);
	if (!*ret)
		return FAIL(err, ERR_DATA, -ENOENT, "there is no run in '%s'; name one, or run 'ktstr test' first",
			    root);
	say_printf("run: %s\n", *ret);
	return 0;
}

int reports_find_run(const char *text, char **ret, struct err **err)
{
	_cleanup_free_ char *root = rundir_root(), *inside = NULL;
	if (!root)
		return -ENOMEM;
	if (!text)
		return find_newest(root, ret, err);
	if (!path_exists(text) && !strchr(text, '/'))
		inside = path_join(root, text);
	*ret = inside && path_exists(inside) ? TAKE_PTR(inside) : strdup(text);
	if (!*ret)
		return -ENOMEM;
	if (path_exists(*ret))
		return 0;
	free(TAKE_PTR(*ret));
	return FAIL(err, ERR_DATA, -ENOENT, "there is no run or file '%s' here or in '%s'", text, root);
}

static int read_run(const char *text, struct report_results *ret, struct err **err)
{
	_cleanup_free_ char *path = NULL;
	int r = reports_find_run(text, &path, err);
	return r == 0 ? report_results_add_path(ret, path, err) : r;
}

/* A shard of a matrix may have no tests. That all of them have none is an error. */
static int read_runs(const struct strings *runs, struct report_results *ret, struct err **err)
{
	const char *empty[STRINGS_MAX];
	size_t count = 0;
	_cleanup_err_ struct err *why = NULL;
	for (size_t i = 0; i < runs->count; i++) {
		_cleanup_err_ struct err *own = NULL;
		int r = read_run(runs->item[i], ret, &own);
		if (r == -ENODATA) {
			empty[count++] = runs->item[i];
			why = why ?: TAKE_PTR(own);
		} else if (r < 0) {
			*err = TAKE_PTR(own);
			return r;
		}
	}
	if (!ret->count) {
		*err = TAKE_PTR(why);
		return -ENODATA;
	}
	for (size_t i = 0; i < count; i++)
		say_printf("note: there are no results in '%s'\n", empty[i]);
	return 0;
}

int reports_read(const struct strings *runs, struct report_results *ret, struct err **err)
{
	int r = runs->count ? read_runs(runs, ret, err) : read_run(NULL, ret, err);
	if (r < 0)
		return r;
	report_results_sort(ret);
	reports_say_problems(ret);
	return 0;
}

/* --- verdict ------------------------------------------------------------------------------------------------------ */

int results_status(const struct report_results *r)
{
	int status = KTSTR_EXIT_PASS;
	for (size_t i = 0; i < r->count; i++) {
		const struct report_result *t = &r->item[i];
		bool failed = t->outcome == OUTCOME_FAIL || t->outcome == OUTCOME_XPASS;
		/* A result that could not be read has no verdict. The status for that is noted when it is read. */
		if (t->bad && t->outcome != OUTCOME_UNREADABLE)
			status = status_first(status, failed ? KTSTR_EXIT_FAIL : KTSTR_EXIT_INCONCLUSIVE);
	}
	return status;
}

static void put_bad(const struct report_result *t, struct buf *out)
{
	buf_appendf(out, "%-13s %s  %s\n", outcome_rows[t->outcome].word, t->name, t->cause);
	if (t->replay && *t->replay)
		buf_appendf(out, "%-13s replay  %s\n", "", t->replay);
}

void results_print_bad(const struct report_results *r, struct output *to)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	for (enum test_outcome o = 0; o < OUTCOME_MAX; o++)
		for (size_t i = 0; i < r->count; i++)
			if (r->item[i].bad && r->item[i].outcome == o)
				put_bad(&r->item[i], &text);
	output_buf(to, &text);
}
