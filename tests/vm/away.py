#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Time in which the process could not run does not count: the runner, or the machine, is stopped for longer than a host
deadline. Time in which the guest had nothing to run counts."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
# The percentage of the host deadlines, which are minutes long because they detect hangs: a machine of one CPU has 9.5 s
# to boot here.
PERCENT = 5
STOPPED_S = 12


def start(kernel, scratch):
    return subprocess.Popen([KTSTR, 'test', '--kernel', kernel['key'], '--json', '-E', 'test(eevdf_custom)', EXAMPLES],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch.path, KTSTR_HOST_DEADLINE_PERCENT=str(PERCENT)))


def new_machine(before):
    for _ in range(3000):
        new = [pid for pid in machines() if pid not in before]
        if new:
            return new[0]
        time.sleep(0.02)
    return 0


def result(p):
    out, err = p.communicate(timeout=300)
    events = [json.loads(line) for line in out.splitlines()]
    return [e for e in events if e['event'] == 'test-finished'], err


def runner_stopped(kernel, before):
    """The runner's machine continues, and has ended when the runner looks again."""
    with Scratch() as scratch:
        p = start(kernel, scratch)
        new_machine(before)
        p.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        p.send_signal(signal.SIGCONT)
        tests, err = result(p)
        check(p.returncode == 0 and [e['verdict'] for e in tests] == ['pass'],
              'the runner is stopped for longer than a host deadline: the test passes', (p.returncode, tests, err))


def machine_stopped(kernel, before):
    with Scratch() as scratch:
        p = start(kernel, scratch)
        pid = new_machine(before)
        time.sleep(0.5)
        os.kill(pid, signal.SIGSTOP)
        tests, err = result(p)
        check(p.returncode == 2 and [e['verdict'] for e in tests] == ['inconclusive'],
              'the machine is stopped past its host deadline: inconclusive', (p.returncode, tests, err))
        check('it was stopped by a signal' in (tests[0].get('cause') or ''), 'and the cause says so', tests)


def guest_halted(kernel):
    """It uses no CPU time, but nobody keeps any from it."""
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', BUILD + '/tests/halted',
                  env={'KTSTR_SIDECAR_DIR': scratch.path, 'KTSTR_HOST_DEADLINE_PERCENT': str(PERCENT)})
        causes = [e.get('cause') or '' for e in run.events() if e['event'] == 'test-finished']
        check(run.status == 1 and len(causes) == 1 and re.search('its CPUs are idle in |the machine was halted', causes[0]),
              'a guest that halts fails, and the cause says so', run)


def main():
    kernel = need_kernel('away')
    before = machines()
    runner_stopped(kernel, before)
    machine_stopped(kernel, before)
    guest_halted(kernel)
    check_nothing_left('away', before)
    finish()


main()
