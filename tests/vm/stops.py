#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A guest in parallel time that is stopped by QEMU's monitor and by a debugger does not notice it. It can be debugged,
killed, and given up while it is stopped."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from qemu import TICKS, Monitor, cpu_ticks, missing  # noqa: E402
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

TEST = 'test(=ktstr/stopped_4)'
HOOK = 'try_to_wake_up'
CPUS = 4
TESTING = 0.5  # the test has begun by this part of the CPU time
RIP = 16        # in the registers of the `g` packet, 8 bytes each


class Guest:
    """One run of the test, beside which the caller does something to its QEMU."""

    def __init__(self, kernel, scratch, label, **env):
        self.before, self.scratch, self.label = machines(), scratch, label
        self.process = subprocess.Popen([KTSTR, 'test', '--kernel', kernel['key'], '--accel', 'tcg', '-E', TEST, BUILD + '/tests/parallel'],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label, **env))

    def machine(self):
        while self.process.poll() is None:
            new = [pid for pid in machines() if pid not in self.before]
            if new:
                return new[0]
            time.sleep(0.02)
        raise RuntimeError('there was no machine')

    def running(self, usual):
        """The machine, when most of the CPU time has passed that it needs, so its test runs."""
        pid = self.machine()
        while self.process.poll() is None and cpu_ticks(pid) / TICKS < TESTING * usual['vm_cpu_us'] / 1e6:
            time.sleep(0.01)
        return pid

    def end(self):
        """The sidecar."""
        self.output = self.process.communicate(timeout=600)[0]
        paths = self.scratch.sidecars(self.label)
        with open(paths[0]) as f:
            return json.load(f)


def digest(sidecar):
    return sidecar['guest']['event_digest']


def undisturbed(kernel, scratch):
    return Guest(kernel, scratch, 'undisturbed').end()


def attached(monitor):
    """A debugger attaches, looks, and detaches. Returns what it saw: why the guest stopped, the vCPUs, their registers."""
    debugger = monitor.debugger()
    why, vcpus = debugger.ask('?'), [debugger.ask('qfThreadInfo')]
    while vcpus[-1] != 'l':
        vcpus.append(debugger.ask('qsThreadInfo'))
    seen = (why[:1], len(vcpus) - 1, len(debugger.ask('g')) > RIP * 16)
    debugger.detach()
    return seen


def stopped(kernel, scratch, usual):
    guest, stops = Guest(kernel, scratch, 'stopped'), 0
    monitor = Monitor(guest.process.pid, guest.running(usual))
    while stops < 4 and monitor.stop():
        monitor.resume()
        stops += 1
        time.sleep(0.05)
    seen = attached(monitor)
    sidecar = guest.end()
    check(stops == 4, 'the monitor stops a guest in parallel time', f'{stops} times: {guest.output}')
    check(seen == ('T', CPUS, True), 'a debugger attaches, looks, and detaches', (seen, guest.output))
    check((sidecar['verdict'], digest(sidecar)) == ('pass', digest(usual)), 'the guest has the same events', guest.output)


def symbol(kernel, name):
    for line in subprocess.run(['nm', kernel['path'] + '/vmlinux'], capture_output=True, text=True).stdout.splitlines():
        address, _, found = line.split()
        if found == name:
            return int(address, 16)
    raise LookupError(name)


def instruction(debugger):
    at = RIP * 16
    return int.from_bytes(bytes.fromhex(debugger.ask('g')[at:at + 16]), 'little')


def debugged(kernel, scratch, usual):
    hook = symbol(kernel, HOOK)
    guest, hits = Guest(kernel, scratch, 'debugged'), []
    debugger = Monitor(guest.process.pid, guest.running(usual)).debugger()
    debugger.ask('?')
    debugger.ask(f'Z0,{hook:x},1')
    for _ in range(20):
        debugger.ask('c')
        hits.append(instruction(debugger))
        debugger.ask('s')
        hits.append(instruction(debugger))
    debugger.ask(f'z0,{hook:x},1')
    debugger.detach()
    sidecar = guest.end()
    check(set(hits[::2]) == {hook} and hook not in hits[1::2], '20 stops at a breakpoint, each with a step', [hex(h) for h in hits])
    check(sidecar['verdict'] == 'pass', 'the test passes after it was debugged', guest.output)


def killed(kernel, scratch, usual):
    guest = Guest(kernel, scratch, 'killed')
    pid = guest.running(usual)
    Monitor(guest.process.pid, pid).stop()
    os.kill(pid, signal.SIGKILL)
    sidecar = guest.end()
    check(sidecar['verdict'] == 'inconclusive' and 'killed by SIGKILL' in guest.output, 'a guest that is killed while it is stopped',
          guest.output)


def given_up(kernel, scratch, usual):
    guest = Guest(kernel, scratch, 'given-up', KTSTR_HOST_DEADLINE_PERCENT='10')
    Monitor(guest.process.pid, guest.running(usual)).stop()
    sidecar = guest.end()
    check(sidecar['verdict'] == 'inconclusive' and 'it was stopped by a signal, a debugger or its monitor' in guest.output,
          'a guest that is never resumed ends by its deadline, which is not its fault', guest.output)


def main():
    kernel = need_kernel('stops')
    why = missing()
    if why:
        skip('stops', why)
        finish()
    before = machines()
    with Scratch() as scratch:
        usual = undisturbed(kernel, scratch)
        check(usual['verdict'] == 'pass' and usual['tcg_time'] == 'parallel', 'the test passes', usual['details'])
        stopped(kernel, scratch, usual)
        debugged(kernel, scratch, usual)
        killed(kernel, scratch, usual)
        given_up(kernel, scratch, usual)
    check_nothing_left('stops', before)
    finish(at_least=9)


main()
