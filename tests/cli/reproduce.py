#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr reproduce: what it writes is a test that can be listed, from each kind of input; and bad input is refused in one line. Exact output
is in tests/golden, parsing in tests/unit/test_reproduce.c."""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import Run, Scratch, check, finish  # noqa: E402

DMESG, PROFILE = (os.path.join(HERE, '..', 'golden', name) for name in ('stall.dmesg', 'stall.ctprof.json'))
DUMP = {'schema': 'single', 'kernel': {'cpus': 4, 'release': '6.12.1'}, 'scx_sched_state': {'ops_name': 'flatcg', 'watchdog_timeout_ms': 30000},
        'scx_exit': {'kind': 'SCX_EXIT_ERROR_STALL', 'reason': 'runnable task stall', 'msg': 'worker[41] failed to run for 30.1s'},
        'task_enrichments': [{'pid': 41, 'comm': 'worker', 'waiting': True, 'on_cpu': False, 'static_prio': 139, 'cpus_allowed': '0-3',
                              'cgroup': '/ktstr/a', 'state': 'R', 'stack': ['__schedule+0x1/0x2', 'futex_wait_queue+0x1/0x2']},
                             {'pid': 42, 'comm': 'worker', 'waiting': False, 'on_cpu': True, 'static_prio': 120, 'cpus_allowed': '2',
                              'cgroup': '/ktstr/b/a', 'state': 'R', 'stack': []}]}


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    return path


def written(scratch, name, *inputs):
    run = Run('reproduce', '-o', 'made.json', *inputs, cwd=scratch.path)
    listed = Run('test', '--list', 'made.json', cwd=scratch.path)
    check(run.status == 0 and listed.status == 0 and re.match(rf'ktstr/{re.escape(name)}_[0-9a-f]{{6}} ', listed.out), f'{name} can be listed', f'{run}{listed}')
    with open(scratch / 'made.json', encoding='utf-8') as f:
        return json.load(f), run


def inputs(scratch):
    made, run = written(scratch, 'rusty_1.0.9_x86_64_unknown_linux_gnu_stall', DMESG)
    check(made['schedulers'][0]['binary'] == 'scx_rusty' and 'nothing is known of the load' in run.out, 'messages alone: the load is made up, which is said', run)
    made, run = written(scratch, 'rusty_1.0.9_x86_64_unknown_linux_gnu_stall', PROFILE, DMESG)
    groups = {g['name']: g for g in made['scenario']['steps'][0]['cgroups']}
    check(groups['nginx.service']['workers'] == 8 and groups['nginx.service']['limits'] == {'cpu_weight': 400}, 'a profile: control groups with weights', made)
    check(groups['batch.slice']['policy'] == {'kind': 'batch'} and groups['batch.slice']['limits']['cpu_quota_us'] == 200000, 'policies and quotas', made)
    made, run = written(scratch, 'flatcg_stall', write(scratch / 'x.failure-dump.json', DUMP))
    groups = made['scenario']['steps'][0]['cgroups']
    check([g['name'] for g in groups] == ['a', 'a_1'] and groups[0]['nice'] == 19 and groups[0]['work']['type'] == 'futex_ping_pong', 'a dump: two groups', made)
    first = made['test']['name']
    made, run = written(scratch, 'flatcg_stall', '--scheduler', '/bin/true', scratch / 'x.failure-dump.json')
    check(made['test']['name'] != first, 'another file has another name for its test', (first, made['test']['name']))
    check(made['schedulers'][0]['binary'] == '/bin/true' and '--scheduler names' not in run.out, 'the program that is named', run)
    run = Run('reproduce', '--json', '-o', 'made.json', PROFILE, DMESG, cwd=scratch.path)
    out = json.loads(run.out)
    check(out['victim'] == 'nginx' and sum(g['has_victim'] for g in out['groups']) == 1 and out['end'] == 'stall', '--json: the fingerprint', run)
    run = Run('reproduce', '-o', '-', DMESG, cwd=scratch.path)
    check(json.loads(run.out)['ktstr_scenario'] == 1 and 'unknown' in run.err, '-o -: the scenario on standard output, notes on standard error', run)


def refused(scratch, name, status, said, *args):
    run = Run('reproduce', *args, cwd=scratch.path)
    lines = run.err.strip().splitlines()
    check(run.status == status and said in run.err and len(lines) == 1 and not run.out, f'{name}: exit status {status}', f'wanted "{said}"\n{run}')
    check(not os.path.exists(scratch / 'reproduced.json'), f'{name}: nothing is written')


def mistakes(scratch):
    dump = scratch / 'x.failure-dump.json'
    refused(scratch, 'no input', 64, 'name what is known of the failure')
    refused(scratch, 'a file that is not there', 69, 'nothing.txt', 'nothing.txt')
    refused(scratch, 'a directory', 65, scratch.path, scratch.path)
    refused(scratch, 'another text', 65, 'has no message of sched_ext', write(scratch / 'other.txt', 'usb 1-1: new device\n'))
    refused(scratch, 'an empty file', 65, 'has no message of sched_ext', write(scratch / 'empty', ''))
    refused(scratch, 'other JSON', 65, 'neither a dump', write(scratch / 'other.json', {'a': 1}))
    refused(scratch, 'a placeholder', 65, 'placeholder', write(scratch / 'placeholder.json', {'schema': 'single', 'is_placeholder': True}))
    refused(scratch, 'a damaged profile', 65, "'threads' is not an array", write(scratch / 'bad.json', {'version': 1, 'captured_at_unix_ns': 1, 'uptime_ns': 1,
                                                                                               'clock_ticks_per_second': 1, 'threads': 7}))
    refused(scratch, 'two dumps', 64, 'is a second dump', dump, dump)
    refused(scratch, 'two logs', 64, 'is a second text', DMESG, DMESG)
    refused(scratch, 'no place to write to', 74, 'no/x.json', '-o', 'no/x.json', DMESG)
    refused(scratch, 'two things on standard output', 64, 'both go to standard output', '--json', '-o', '-', DMESG)


def main():
    with Scratch() as scratch:
        inputs(scratch)
        mistakes(scratch)
    finish(at_least=30)


main()
