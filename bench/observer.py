#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the observer costs: CPU seconds of a guest's process and of ktstr, with one test, without the observer, with it
loaded but idle, with samples each 100 ms of guest time, with ten recording hooks on the scheduler besides, and with the
hooks and the model of the exact schedule.

    bench/observer.py [BUILD [REPEATS]]

The variants take turns, and the least of each is printed: other load on the host only adds.
"""
import glob
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
HOOKS = ('__switch_to', 'try_to_wake_up', 'set_task_cpu', 'activate_task', 'wakeup_preempt', 'do_exit', 'sched_tick',
         'pick_next_task_idle', 'update_rq_clock', 'bpf_ksym_add')


def addresses(entry):
    out = subprocess.run(['nm', entry['path'] + '/vmlinux'], capture_output=True, text=True, check=True).stdout
    known = {name: address for address, name in re.findall(r'^([0-9a-f]{16}) [tT] (\S+)$', out, re.M)}
    return [known[name] for name in HOOKS if name in known]


def children_cpu():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def measure(entry, mode, program, env):
    """CPU seconds of the guest's process, and of the rest; digest; records."""
    with tempfile.TemporaryDirectory() as out:
        before = children_cpu()
        subprocess.run([program, 'test', '--no-monitor', '--kernel', entry['key'], '--accel', 'tcg', '--tcg-time', mode, '--seed', '7', '-E',
                        'test(=ktstr/simple_crowd)', BUILD + '/tests/examples'], capture_output=True, check=True,
                       env=dict(os.environ, KTSTR_SIDECAR_DIR=out, OBSERVED_OUT=out + '/out', **env))
        spent = children_cpu() - before
        with open(glob.glob(out + '/*.ktstr.json')[0]) as f:
            sidecar = json.load(f)
        text = open(out + '/out').read() if os.path.exists(out + '/out') else ''
        vm = sidecar['vm_cpu_us'] / 1e6
        hits = sum(int(n) for n in re.findall(r'hits (\d+)', text))
        stops = len(re.findall('^stop ', text, re.M))
        return vm, max(spent - vm, 0), sidecar['guest']['event_digest'], stops, hits


def main():
    entry = kernels.newest(BUILD)
    hooks = ','.join(a + ':record' for a in addresses(entry))
    sampled = {'OBSERVED_SAMPLE_MS': '100'}
    observed = BUILD + '/tests/observed'
    variants = [('none', BUILD + '/ktstr', {}), ('idle', observed, {}), ('samples', observed, sampled),
                ('samples, 10 hooks', observed, dict(sampled, OBSERVED_HOOKS=hooks)),
                ('schedule', observed, {'OBSERVED_SCHEDULE': entry['path'] + '/vmlinux', 'OBSERVED_UNCHECKED': '1'})]
    for mode in ('shared', 'parallel'):
        runs = {name: [] for name, _, _ in variants}
        for _ in range(REPEATS):
            for name, program, env in variants:
                runs[name].append(measure(entry, mode, program, env))
        none = min(r[0] for r in runs['none'])
        for name, all_ in runs.items():
            vm, rest = min(r[0] for r in all_), min(r[1] for r in all_)
            print(json.dumps({'name': name, 'tcg_time': mode, 'vm_cpu_s': round(vm, 3), 'more_pct': round(100 * (vm / none - 1), 1),
                              'ktstr_cpu_s': round(rest, 3), 'stops': all_[0][3], 'hits': all_[0][4],
                              'digests': sorted({r[2] for r in all_})}), flush=True)


main()
