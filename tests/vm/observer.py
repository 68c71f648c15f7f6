#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The observer inside QEMU: the guest stops exactly where and when it is told to, and does not notice.

KTSTR_OBSERVER_ALL=1: with all examples, which takes long."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

OBSERVED = os.path.join(BUILD, 'tests', 'observed')
EXAMPLES = BUILD + '/tests/examples'
CROWD = 'test(=ktstr/simple_crowd)'
FEW = CROWD + ' | test(=ktstr/eevdf_two_cgroups)'
REPEATS, NS_PER_INSTRUCTION = 3, 8
MODES = [(t, s) for t in ('shared', 'parallel') for s in ('boot', 'clone')]


class Observed:
    """One run of ktstr, observed unless @env is None: status, sidecars by test, and what `observed` wrote."""

    def __init__(self, kernel, scratch, label, env, *options, filter=CROWD, suite=EXAMPLES):
        program = KTSTR if env is None else OBSERVED
        out = scratch / label + '.out'
        done = subprocess.run([program, 'test', '--no-monitor', '--kernel', kernel['key'], '--accel', 'tcg', '--seed', '7', '-E', filter,
                               *options, suite], capture_output=True, timeout=900, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label, OBSERVED_OUT=out, **(env or {})))
        self.status, self.text = done.returncode, (done.stdout + done.stderr).decode(errors='replace')
        self.sidecars, self.lines = {}, []
        for path in scratch.sidecars(label):
            with open(path) as f:
                sidecar = json.load(f)
            self.sidecars[sidecar['test_name']] = sidecar
        if os.path.exists(out):
            with open(out) as f:
                self.lines = f.read().splitlines()

    def digests(self):
        return {name: s['guest']['event_digest'] for name, s in self.sidecars.items()}

    def found(self, pattern):
        return [m.groups() for line in self.lines if (m := re.search(pattern, line))]

    def stops(self, why):
        """(hook, vCPU, guest ns)"""
        return [tuple(int(n) for n in s) for s in self.found(rf'^stop \d+ {why} hook (\d+) vcpu (\d+) ns (\d+) ')]

    def __str__(self):
        return f'status {self.status}\n{self.text[-2000:]}' + '\n'.join(self.lines[-20:])


def symbols(kernel):
    out = subprocess.run(['nm', kernel['path'] + '/vmlinux'], capture_output=True, text=True).stdout
    return {name: address for address, kind, name in re.findall(r'^([0-9a-f]{16}) ([tT]) (\S+)$', out, re.M)}


def first_instructions(kernel, address, count):
    out = subprocess.run(['objdump', '-d', f'--start-address=0x{address}', f'--stop-address={int(address, 16) + 64:#x}',
                          kernel['path'] + '/vmlinux'], capture_output=True, text=True).stdout
    return re.findall(r'^\s*([0-9a-f]{16}):', out, re.M)[:count]


def unnoticed(kernel, scratch, hooks):
    """Samples, records, counts, and stops at what BPF programs do at their start change nothing."""
    everything = bool(os.environ.get('KTSTR_OBSERVER_ALL'))
    for time_, start in MODES:
        options = ('--tcg-time', time_, '--start', start)
        label = f'{time_}-{start}'
        off, on = (Observed(kernel, scratch, f'{label}-{i}', env, *options, filter='all()' if everything else FEW)
                   for i, env in enumerate((None, {'OBSERVED_SAMPLE_MS': '100', 'OBSERVED_HOOKS': hooks})))
        check(len(off.digests()) >= 2 and off.digests() == on.digests(), f'{label}: {len(on.digests())} digests are equal',
              f'{off.digests()}\n{on.digests()}\n{on}')
        at = [ns for _, _, ns in on.stops('time')]
        check(len(at) > 20 and all(ns % 10**8 < 10**7 for ns in at), f'{label}: samples each 100 ms of guest time', at)
        check(len(on.stops('hook')) > 0, f'{label}: stops at hooks', on)
        hits = sum(int(n) for n, in on.found(r'^hook [23] hits (\d+)'))
        check(hits == sum(int(n) for n, in on.found(r'^end \d+ records (\d+)')) > 100, f'{label}: all {hits} records arrive', on)
        check(on.found(r'^hook 1 hits [1-9]') and not on.found('(damaged|not in force|late [1-9]|outside)'),
              f'{label}: hooks are in force, times grow, registers are in range', on)


def exact(kernel, scratch, address):
    """Instructions that follow each other are one instruction's time apart."""
    three = first_instructions(kernel, address, 3)
    run = Observed(kernel, scratch, 'exact', {'OBSERVED_HOOKS': ','.join(a + ':record' for a in three)})
    seen = [tuple(int(n) for n in r) for r in run.found(r'^record hook (\d+) vcpu (\d+) ns (\d+)')]
    triples = [seen[i:i + 3] for i in range(0, len(seen) - 2, 3)]
    check(len(triples) >= 5 and all([(hook, ns - t[0][2]) for hook, _, ns in t] ==
                                    [(1 + i, i * NS_PER_INSTRUCTION) for i in range(3)] for t in triples),
          f'{len(triples)} times: instructions are {NS_PER_INSTRUCTION} ns apart', seen)
    # __switch_to(prev, next)
    on, chained = {}, []
    for vcpu, prev, next_ in run.found(r'^record hook 1 vcpu (\d+) ns \d+ (\S+) (\S+)'):
        chained += [prev == on[vcpu]] if vcpu in on else []
        on[vcpu] = next_
    check(len(chained) >= 4 and all(chained), f'{len(chained)} times: the task that a CPU leaves is the one it went to', run)


def repeated(kernel, scratch, address):
    """Under load, and with long stops: a stop is at the same guest time. Also where the hook is set late."""
    load = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(os.cpu_count() or 1)]
    try:
        hook = {'OBSERVED_HOOKS': address + ':stop'}
        for mode in ('shared', 'parallel'):
            more = [{}, {'OBSERVED_HOLD_MS': '50'}, {'OBSERVED_ADD_AT': '20', 'OBSERVED_SAMPLE_MS': '100'}]
            runs = [Observed(kernel, scratch, f'{mode}-stop-{i}', dict(hook, **more[i]), '--tcg-time', mode)
                    for i in range(REPEATS)]
            stops = [r.stops('hook') for r in runs]
            late = runs[-1].stops('time')[19][2] if len(runs[-1].stops('time')) > 20 else 0
            check(late and len(stops[0]) > 2 and stops[0] == stops[1] and
                  stops[2] == [s for s in stops[0] if s[2] > late], f'{mode}: {len(stops[0])} stops at the same guest times', stops)
            check(not any(r.found('not in force') for r in runs) and stops[2], f'{mode}: a hook that is set late is in force')
    finally:
        for p in load:
            p.kill()
            p.wait()


def perturbed(kernel, scratch, known):
    """vCPUs that are held back give another schedule, which is a function of the seed, or of the points."""
    hooks = {'OBSERVED_HOOKS': ','.join(known[name] + ':hold' for name in ('try_to_wake_up', 'set_task_cpu', 'dispatch_enqueue'))}
    chance = Observed(kernel, scratch, 'chance', dict(hooks, OBSERVED_PERTURB='1,3,50000'))
    points = (chance.found(r'^points \d+ (\S+)') or [('',)])[0][0]
    given = Observed(kernel, scratch, 'given', dict(hooks, OBSERVED_POINTS=points))
    none = Observed(kernel, scratch, 'none', dict(hooks, OBSERVED_POINTS=''))
    plain = Observed(kernel, scratch, 'plain', None)
    count = points.count(':')
    check(count > 100 and chance.digests() and chance.digests() == given.digests(), f'{count} holds repeat by their points', given)
    check(chance.digests() != plain.digests() == none.digests(), 'holds change the schedule, hooks alone do not', none)


def system_calls(kernel, scratch, do_exit, entry):
    """A register that the kernel sets once."""
    run = Observed(kernel, scratch, 'lstar', {'OBSERVED_HOOKS': do_exit + ':stop'})
    values = {lstar for lstar, in run.found(r'^stop .* lstar (\S+)')}
    check(values == {entry.lstrip('0')}, "MSR_LSTAR is the kernel's entry for system calls", values)


def killed(kernel, scratch, before):
    run = Observed(kernel, scratch, 'killed', {'OBSERVED_SAMPLE_MS': '100', 'OBSERVED_KILL_AT': '12'})
    check(run.status == 1 and run.found('^stop 12 ') and not run.found('^stop 13 ') and run.found('^end 3 '),
          'a stopped guest is killed', run)
    check('--- processors ---' in run.text and 'RIP=' in run.text, 'its processors are shown', run)
    check_nothing_left('killed while stopped', before)


def interrupted(kernel, scratch, before):
    out = scratch / 'interrupted.out'
    env = dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'interrupted', OBSERVED_OUT=out, OBSERVED_SAMPLE_MS='100',
               OBSERVED_HOLD_MS='600000')
    run = subprocess.Popen([OBSERVED, 'test', '--no-monitor', '--kernel', kernel['key'], '--accel', 'tcg', '-E', CROWD, EXAMPLES], env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (os.path.exists(out) and os.path.getsize(out)):
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    status = run.wait(timeout=30)
    check(status > 0 and os.path.getsize(out), 'a run is interrupted while its guest is stopped', status)
    check_nothing_left('interrupted while stopped', before)


def lacking(kernel, scratch):
    """A QEMU without plugins is named, and is not a failure of the guest."""
    os.mkdir(scratch / 'bin')
    fake = scratch / 'bin/qemu-system-x86_64'
    with open(fake, 'w') as f:
        f.write('#!/bin/sh\necho "qemu-system-x86_64: -plugin: invalid option" >&2\nexit 1\n')
    os.chmod(fake, 0o755)
    run = Observed(kernel, scratch, 'lacking', {'PATH': scratch / 'bin:' + os.environ['PATH']})
    check(run.status not in (0, 1) and 'no observer: ' in run.text and '-plugin: invalid option' in run.text,
          'a QEMU without plugins is named', run)


def main():
    kernel = need_kernel('observer')
    if not shutil.which('nm') or not shutil.which('objdump'):
        skip('observer', 'nm and objdump are not installed on this machine')
        finish()
    before = machines()
    known = symbols(kernel)
    hooks = ','.join(known[name] + ':' + kind for name, kind in (
        ('__switch_to', 'count'), ('try_to_wake_up', 'record'), ('set_task_cpu', 'record'), ('bpf_ksym_add', 'stop')))
    with Scratch() as scratch:
        lacking(kernel, scratch)
        unnoticed(kernel, scratch, hooks)
        exact(kernel, scratch, known['__switch_to'])
        repeated(kernel, scratch, known['do_exit'])
        perturbed(kernel, scratch, known)
        system_calls(kernel, scratch, known['do_exit'], known['entry_SYSCALL_64'])
        killed(kernel, scratch, before)
        interrupted(kernel, scratch, before)
    check_nothing_left('observer', before)
    finish(at_least=33)


main()
