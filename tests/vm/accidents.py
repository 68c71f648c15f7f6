#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Accidents around a run: signals at every state, machines killed from outside, the runner killed, a full disk."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'


def start(kernel, scratch, *args):
    return subprocess.Popen([KTSTR, 'test', '--kernel', kernel['key'], '--json', *args, EXAMPLES], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch.path))


def await_machine(before):
    """Other tests, which run at the same time, may hold the CPUs for long. A run that was interrupted while it waited for
    them has begun nothing, and keeps nothing."""
    for _ in range(6000):
        new = [pid for pid in machines() if pid not in before]
        if new:
            return new
        time.sleep(0.02)
    return []


def interrupted(kernel, before):
    """From the time before the first machine to the middle of a test."""
    for delay in (0.0, 0.15, 1.0, 3.0, 4.2):
        with Scratch() as scratch:
            p = start(kernel, scratch, '-E', 'test(eevdf)')
            if delay and not check(await_machine(before), f'SIGINT after {delay} s: a machine starts'):
                p.kill()
                p.communicate()
                continue
            time.sleep(delay)
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=60)
            name = f'SIGINT after {delay} s'
            early = p.returncode == -signal.SIGINT and delay == 0.0     # before ktstr handled the signal
            check(p.returncode == 130 or early, f'{name}: exits with 130', (p.returncode, out, err))
            check_nothing_left(name, before)
            kept = []
            for path in scratch.sidecars():
                with open(path) as f:
                    kept.append(json.load(f))
            marked = [s for s in kept if any(d['message'] == 'interrupted' for d in s['details'])]
            ended = [s for s in kept if s['verdict'] == 'pass']
            check(len(marked) + len(ended) == len(kept), f'{name}: what was begun is kept and marked', kept)
            if delay >= 1.0:
                check(marked, f'{name}: a result says interrupted', kept)


def killed_machine(kernel, before):
    with Scratch() as scratch:
        p = start(kernel, scratch, '-j', '1', '-E', 'test(eevdf_custom) | test(eevdf_two)')
        victims = await_machine(before)
        time.sleep(1)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        out, err = p.communicate(timeout=120)
        events = [json.loads(line) for line in out.splitlines()]
        verdicts = sorted(e['verdict'] for e in events if e['event'] == 'test-finished')
        check(verdicts == ['inconclusive', 'pass'], 'a machine killed from outside is inconclusive, the next one runs', events)
        check(b"the virtual machine's process was killed by SIGKILL" in out, 'and says so', out)
        check(p.returncode == 2, 'the run exits with 2', p.returncode)


def killed_runner(kernel, before):
    with Scratch() as scratch:
        p = start(kernel, scratch, '-E', 'test(eevdf_two)')
        await_machine(before)
        p.kill()
        p.communicate()
        for _ in range(100):
            if not [pid for pid in machines() if pid not in before]:
                break
            time.sleep(0.05)
        check_nothing_left('runner killed', before)


def full_disk(kernel):
    with Scratch() as scratch:
        mount = scratch / 'full'
        os.mkdir(mount)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount], capture_output=True).returncode != 0:
            skip('disk full while storing', 'a tmpfs cannot be mounted here')
            return
        try:
            subprocess.run(['dd', 'if=/dev/zero', f'of={mount}/filler', 'bs=1k'], capture_output=True)
            run = Run('test', '--kernel', kernel['key'], '-E', 'test(eevdf_custom)', EXAMPLES, env={'KTSTR_SIDECAR_DIR': mount})
            check(run.status == 74 and 'PASS' in run.out, 'disk full while storing: the result is shown, the exit is 74', run)
            errors = [line for line in run.err.splitlines() if line.startswith('error:')]
            check(len(errors) == 2 and "keep the result of 'ktstr/eevdf_custom_work'" in errors[0] and 'No space left' in errors[0]
                  and "1 result could not be stored: ktstr/eevdf_custom_work" in errors[1],
                  'one line says why, and the last one what could not be kept', run.err)
            check(os.listdir(mount) == ['filler'], 'no temporary file is left', os.listdir(mount))
        finally:
            subprocess.run(['umount', mount], check=False)


def other_ways(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(simple_crowd)', EXAMPLES,
              env={'KTSTR_SCHEDULER_BIN_SCX_SIMPLE': '/no/such', 'KTSTR_SIDECAR_DIR': scratch.path})
    check(run.status == 65 and "the scheduler's binary /no/such does not exist (KTSTR_SCHEDULER" in run.err,
          'a scheduler binary that is missing stops the run up front', run)
    bare = scratch / 'bin'
    os.mkdir(bare)
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(eevdf_custom)', EXAMPLES,
              env={'PATH': bare, 'KTSTR_SIDECAR_DIR': scratch.path})
    check(run.status == 69 and 'install it (Debian: qemu-system-x86)' in run.err, 'QEMU missing: 69 and the package', run)


def main():
    kernel = need_kernel('accidents')
    before = machines()
    interrupted(kernel, before)
    killed_machine(kernel, before)
    killed_runner(kernel, before)
    full_disk(kernel)
    with Scratch() as scratch:
        other_ways(kernel, scratch)
    check_nothing_left('accidents', before)
    finish(at_least=8)


main()
