#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The schedule model, fed by an observed guest: its sums equal the kernel's own statistics at each switch, to the
nanosecond, and the guest does not notice.

KTSTR_SCHEDULE_ALL=1: with all examples, which takes long."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
FEW = 'test(=ktstr/simple_crowd) | test(=ktstr/eevdf_two_cgroups)'
# Kernels with a server for fair tasks (6.8 and later) may drop time of a task that just fell asleep: in
# dl_server_update_idle_time(), which takes it for the idle task.
RUN_TIME_WRONG_MAX = 0.01
NS_PER_RUN_MAX = 100_000
IRQ_SHARE_MAX = 0.05


def run(kernel, scratch, label, program, env, *args):
    """Digests by test, what `observed` wrote, and all output."""
    out = scratch / label + '.out'
    done = subprocess.run([program, 'test', *args, '--kernel', kernel['key'], '--accel', 'tcg', '--seed', '7', '-E',
                           'all()' if os.environ.get('KTSTR_SCHEDULE_ALL') else FEW, EXAMPLES], capture_output=True, timeout=1800,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label, OBSERVED_OUT=out, **env))
    digests = {}
    for path in scratch.sidecars(label):
        with open(path) as f:
            sidecar = json.load(f)
        digests[sidecar['test_name']] = sidecar['guest']['event_digest']
    text = ''
    if os.path.exists(out):
        with open(out) as f:
            text = f.read()
    return digests, text, (done.stdout + done.stderr).decode(errors='replace')


def sums(text):
    compared, wrong = {}, {}
    for name, n, bad in re.findall(r'^compared (.+) (\d+) wrong (\d+)$', text, re.M):
        compared[name] = compared.get(name, 0) + int(n)
        wrong[name] = wrong.get(name, 0) + int(bad)
    return compared, wrong


def is_far(exact, kernels, runs):
    """The kernel does not count interrupts as time of the task that they interrupt (CONFIG_IRQ_TIME_ACCOUNTING)."""
    slack = NS_PER_RUN_MAX * (runs + 1)
    return not exact * (1 - IRQ_SHARE_MAX) - slack <= kernels <= exact + slack


def check_recorded(kernel, scratch, plain):
    """What every run records, unless --no-monitor says not to."""
    recorded, _, said = run(kernel, scratch, 'recorded', KTSTR, {})
    check(recorded == plain, 'digests are equal with and without a recorded schedule', f'{plain}\n{recorded}\n{said}')
    blocks = {label: [json.load(open(path))['schedule'] for path in scratch.sidecars(label)] for label in ('plain', 'recorded')}
    check(blocks['plain'] == [None] * len(plain), 'nothing is recorded with --no-monitor', blocks['plain'])
    whole = [b for b in blocks['recorded'] if b and b['events'] > 1000 and not any(b['lost'].values()) and b['windows'][0]['complete']]
    check(len(whole) == len(plain), 'each sidecar has a whole schedule', blocks['recorded'])
    loads = [load for b in whole for load in b['loads']]
    check(all(load['run_ns'] > 1e8 and load['longest_idle_wait_ns'] < 5e7 for load in loads), 'each load ran, and used idle CPUs', loads)


def main():
    kernel = need_kernel('schedule')
    with Scratch() as scratch:
        plain, _, said = run(kernel, scratch, 'plain', KTSTR, {}, '--no-monitor')
        seen, text, more = run(kernel, scratch, 'seen', BUILD + '/tests/observed',
                               {'OBSERVED_SCHEDULE': kernel['path'] + '/vmlinux'}, '--no-monitor')
        check_recorded(kernel, scratch, plain)
        check(len(plain) >= 2 and plain == seen, f'{len(plain)} digests are equal', f'{plain}\n{seen}\n{said}{more}')
        compared, wrong = sums(text)
        check(min(compared.values(), default=0) > 1000, f'{compared.get("run_delay")} switches were compared', more)
        differences = '\n'.join(re.findall('^differs .*', text, re.M))
        for name in ('run_delay', 'pcount', 'migrations', 'next run_delay', 'next pcount'):
            check(wrong.get(name) == 0, f"{name} equals the kernel's at each switch", differences)
        check(wrong.get('sum_exec', 1e9) <= RUN_TIME_WRONG_MAX * compared.get('sum_exec', 0),
              f"run time equals the kernel's, but for {wrong.get('sum_exec')} of {compared.get('sum_exec')}", differences)
        losses = re.findall(r'^losses (.*)', text, re.M)
        check(len(losses) == len(seen) and not [x for x in losses if re.search(r'(events|no_room|gaps|pairs) [1-9]', x)],
              'no event was lost or did not fit', losses)
        tasks = re.findall(r'^task \d+ class \d+ group \d+ run (\d+) kernel-run (\d+) .* runs (\d+) ', text, re.M)
        far = [t for t in tasks if is_far(*map(int, t))]
        check(len(tasks) > 50 and len(far) * 10 < len(tasks), f'exact run times of {len(tasks)} tasks are near the kernel\'s', far)
    finish(at_least=14)


main()
