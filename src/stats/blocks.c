/* SPDX-License-Identifier: GPL-2.0-only */
/* blocks.c -- see blocks.h. */
#include <string.h>

#include "stats/blocks.h"
#include "stats/runs.h"

#define VERIFIER_LIMIT	  1000000.0 /* instructions that the kernel's verifier looks at */
#define VERIFIER_WARN_PCT 75

void blocks_done(struct blocks *b)
{
	json_decref(b->verifier);
	json_decref(b->callbacks);
	*b = (struct blocks){ 0 };
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void read_verifier(struct blocks *b, const json_t *sidecar)
{
	size_t i;
	json_t *program;
	json_array_foreach(json_object_get(sidecar, "verifier_stats"), i, program) {
		const char *name = json_string_value(json_object_get(program, "name"));
		json_int_t insns = json_integer_value(json_object_get(program, "verified_insns"));
		json_int_t known = name ? json_integer_value(json_object_get(b->verifier, name)) : 0;
		if (name && insns >= known)
			json_put_int(&b->verifier, name, insns);
	}
}

static void read_callbacks(struct blocks *b, const json_t *sidecar)
{
	const char *test = json_string_value(json_object_get(sidecar, "test_name"));
	json_t *list = json_object_get(json_object_get(sidecar, "monitor"), "prog_stats_deltas"), *program;
	size_t i;
	if (!test || !json_array_size(list))
		return;
	if (!json_object_get(b->callbacks, test))
		json_put(&b->callbacks, test, json_object());
	json_t *programs = json_object_get(b->callbacks, test);
	json_array_foreach(list, i, program) {
		const char *name = json_string_value(json_object_get(program, "name"));
		if (!name || !programs)
			continue;
		json_t *known = json_object_get(programs, name), *sum = json_object();
		json_put_int(&sum, "cnt",
			     json_integer_value(json_object_get(known, "cnt")) +
				     json_integer_value(json_object_get(program, "cnt")));
		json_put_int(&sum, "nsecs",
			     json_integer_value(json_object_get(known, "nsecs")) +
				     json_integer_value(json_object_get(program, "nsecs")));
		/* The object belongs to b->callbacks. */
		if (sum)
			json_object_set(programs, name, sum);
		json_decref(sum);
	}
}

static double counter(const json_t *vcpu, const char *name)
{
	return json_number_value(json_object_get(vcpu, name));
}

static void read_kvm(struct blocks *b, const json_t *sidecar)
{
	json_t *list = json_object_get(json_object_get(sidecar, "kvm_stats"), "per_vcpu"), *vcpu;
	size_t i;
	b->vms += json_array_size(list) > 0;
	json_array_foreach(list, i, vcpu) {
		b->vcpus++;
		b->exits += counter(vcpu, "exits");
		b->halts += counter(vcpu, "halt_exits");
		b->halt_wait_ns += counter(vcpu, "halt_wait_ns");
		b->polls_good += counter(vcpu, "halt_successful_poll");
		b->polls_tried += counter(vcpu, "halt_attempted_poll");
		b->preempted += counter(vcpu, "preemption_reported");
		b->signals += counter(vcpu, "signal_exits");
		b->hypercalls += counter(vcpu, "hypercalls");
	}
}

int blocks_read(const struct results *r, struct blocks *ret)
{
	*ret = (struct blocks){ .verifier = json_object(), .callbacks = json_object() };
	for (size_t i = 0; i < r->pool.rows; i++) {
		json_auto_t *sidecar = result_is_valid(&r->pool.row[i]) ? result_read_file(r, i, NULL) : NULL;
		if (!sidecar)
			continue;
		read_verifier(ret, sidecar);
		read_callbacks(ret, sidecar);
		read_kvm(ret, sidecar);
	}
	if (ret->verifier && ret->callbacks)
		return 0;
	blocks_done(ret);
	return -ENOMEM;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void print_verifier(const struct blocks *b, struct buf *out)
{
	const char *name;
	json_t *insns;
	double total = 0;
	_cleanup_buf_ struct buf warned = BUF_NULL;
	buf_puts(out, "\n=== BPF VERIFIER STATS ===\n");
	json_object_foreach(b->verifier, name, insns) {
		double n = json_number_value(insns), percent = n / VERIFIER_LIMIT * 100;
		total += n;
		buf_appendf(out, "  %-32s %10.0f  %5.1f%%%s\n", name, n, percent,
			    percent >= VERIFIER_WARN_PCT ? " !" : "");
		if (percent >= VERIFIER_WARN_PCT)
			buf_appendf(&warned, "  %s: %.1f%% of the limit of %.0f\n", name, percent, VERIFIER_LIMIT);
	}
	buf_appendf(out, "  %-32s %10.0f\n", "total", total);
	if (warned.len)
		buf_appendf(out, "WARNING: programs close to the verifier's limit:\n%s", buf_str(&warned));
}

static void print_callbacks(const struct blocks *b, struct buf *out)
{
	const char *test, *name;
	json_t *programs, *sum;
	buf_puts(out, "\n=== BPF CALLBACK PROFILE ===\n");
	json_object_foreach(b->callbacks, test, programs) {
		buf_appendf(out, "%s:\n", test);
		json_object_foreach(programs, name, sum) {
			double count = json_number_value(json_object_get(sum, "cnt"));
			double ns = json_number_value(json_object_get(sum, "nsecs"));
			buf_appendf(out, "  %-32s cnt=%.0f total=%.0fns avg=%.0fns\n", name, count, ns,
				    count > 0 ? ns / count : 0);
		}
	}
}

static void print_kvm(const struct blocks *b, struct buf *out)
{
	double vcpus = b->vcpus;
	buf_appendf(out,
		    "\n=== KVM STATS (avg across %zu VMs) ===\n"
		    "  exits/vcpu=%.0f halt/vcpu=%.0f halt_wait_ms=%.1f poll_ok%%=%.1f preempted/vcpu=%.1f "
		    "signal/vcpu=%.1f hypercalls/vcpu=%.1f\n",
		    b->vms, b->exits / vcpus, b->halts / vcpus, b->halt_wait_ns / 1e6 / vcpus,
		    b->polls_tried > 0 ? b->polls_good / b->polls_tried * 100 : 0, b->preempted / vcpus,
		    b->signals / vcpus, b->hypercalls / vcpus);
	if (b->preempted > 0)
		buf_appendf(out, "WARNING: the host preempted vCPUs %.0f times; times are not reliable\n",
			    b->preempted);
}

void blocks_print(const struct blocks *b, struct buf *out)
{
	if (json_object_size(b->verifier))
		print_verifier(b, out);
	if (json_object_size(b->callbacks))
		print_callbacks(b, out);
	if (b->exits > 0)
		print_kvm(b, out);
}

static json_t *kvm_json(const struct blocks *b)
{
	json_t *o = json_object();
	json_put_u64(&o, "vms", b->vms);
	json_put_number(&o, "exits_per_vcpu", b->exits / b->vcpus);
	json_put_number(&o, "halts_per_vcpu", b->halts / b->vcpus);
	json_put_number(&o, "halt_wait_ms_per_vcpu", b->halt_wait_ns / 1e6 / b->vcpus);
	json_put(&o, "poll_ok_percent",
		 b->polls_tried > 0 ? json_number(b->polls_good / b->polls_tried * 100) : json_null());
	json_put_number(&o, "preempted_per_vcpu", b->preempted / b->vcpus);
	json_put_number(&o, "signals_per_vcpu", b->signals / b->vcpus);
	json_put_number(&o, "hypercalls_per_vcpu", b->hypercalls / b->vcpus);
	return o;
}

json_t *blocks_json(const struct blocks *b)
{
	json_t *o = json_object();
	json_put(&o, "verifier", json_incref(b->verifier));
	json_put(&o, "callbacks", json_incref(b->callbacks));
	json_put(&o, "kvm", b->exits > 0 ? kvm_json(b) : json_null());
	return o;
}
