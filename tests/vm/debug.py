#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr pack, replay PACK and debug with a real guest: a pack gives the same run elsewhere; looking at a run does not
change it; a debugger stops exactly, and goes back."""
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
AT = 3.3
NUMBER = 'runqueues[1].nr_running'


class Gdb:
    """The few packets of gdb's protocol that the test needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(400)
        for _ in range(4000):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.data = b''

    def byte(self):
        if not self.data:
            self.data = self.socket.recv(4096)
        first, self.data = self.data[:1], self.data[1:]
        return first

    def ask(self, text):
        packet = text.encode()
        self.socket.sendall(b'$' + packet + b'#%02x' % (sum(packet) % 256))
        while self.byte() not in (b'$', b''):
            pass
        reply = b''
        while (one := self.byte()) not in (b'#', b''):
            reply += one
        self.byte(), self.byte()
        self.socket.sendall(b'+')
        return reply.decode()

    def monitor(self, command):
        return bytes.fromhex(self.ask('qRcmd,' + command.encode().hex())).decode()

    def where(self):
        found = re.match(r'([\d.]+) s  CPU (\d+)', self.monitor('where'))
        return (round(float(found.group(1)) * 1e9), int(found.group(2))) if found else None

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.ask('g')[16 * 16:17 * 16]), 'little')


def check_pack(scratch, kernel):
    pack = scratch / 'crowd.pack'
    made = Run('pack', '-o', pack, '--', 'test', '-E', 'test(=ktstr/simple_crowd)', '--seed', '7', '--kernel', kernel['key'], EXAMPLES)
    check(made.status == 0 and os.path.getsize(pack) > 1 << 20, 'a run is packed', made)
    digest = re.search(r'digest ([0-9a-f]{8})', made.err)
    os.mkdir(scratch / 'elsewhere')
    again = Run('replay', '--json', pack, env={'HOME': scratch / 'elsewhere', 'KTSTR_CACHE_DIR': scratch / 'no-cache'}, cwd=scratch / 'elsewhere')
    result = json.loads(again.out) if again.out else {}
    check(again.status == 0 and result.get('same') and digest and result['event_digest'] == digest.group(1),
          'with another home and no cache, it is the same run', again)
    return pack


def check_refusals(scratch, pack):
    with open(pack, 'rb') as f:
        data = f.read()
    with open(scratch / 'cut.pack', 'wb') as f:
        f.write(data[:len(data) // 2])
    cut = Run('replay', scratch / 'cut.pack')
    check(cut.status == 65 and 'cut.pack' in cut.err, 'a pack of which the end is missing is refused', cut)
    for expression, why in (('runqueues.nr_running', 'name the CPU'), ('runqueues[1].nothing', 'not a member'),
                            ('runqueues[1].nr_running == x', 'not a number')):
        refused = Run('debug', pack, '--when', expression)
        check(refused.status == 64 and why in refused.err, f'the expression {expression} is refused', refused)
    wrong = Run('debug', pack, '--at', 'yesterday')
    check(wrong.status == 64, 'a wrong moment is refused', wrong)


def check_value(pack):
    """A name that nothing has is an error, and does not look like a number that never changes."""
    run = Run('debug', pack, '--when', 'no_such_variable')
    check(run.status == 65 and "'no_such_variable' had no value at any event" in run.err and not run.out,
          'an expression that never had a value is an error', run)


def check_when(pack):
    # Each 250 us of guest time the turn of some CPU is divided.
    run = Run('debug', pack, '--json', '--when', NUMBER, '--every', '250us')
    changes = run.events()
    check(run.status == 0 and 'as without looking' in run.err, 'looking does not change the run', run.err)
    check(len(changes) > 50 and all(a['value'] == b['before'] for a, b in zip(changes, changes[1:])), 'each change follows the one before',
          changes[:3])
    check(any(c['function'] and any('__schedule' in f for f in c['stack'] or []) for c in changes), 'they have stacks', changes[:3])


def check_new_task(pack):
    """A task has a value from its fork on, also one that was not there at the events before."""
    run = Run('debug', pack, '--json', '--when', NUMBER, '--every', '250us')
    pid = max(e['pid'] for e in run.events() if e['comm'] == 'test')
    forks = Run('debug', pack, '--json', '--when', 'total_forks').events()
    seen = Run('debug', pack, '--json', '--when', f'task({pid})->pid').events()
    check(seen and seen[0]['value'] == pid and seen[0]['event'] in [e['event'] for e in forks], 'a task is seen from its fork on',
          (pid, seen[:1], forks[-8:]))


def check_debugger(scratch, pack):
    path = scratch / 'gdb'
    server = subprocess.Popen([KTSTR, 'debug', pack, '--at', f'{AT}s', '--gdb-server', path], stderr=subprocess.PIPE, text=True)
    gdb = Gdb(path)
    check(gdb.ask('?').startswith('T05thread:'), 'the run has stopped')
    at = gdb.where()
    check(at and at[0] == round(AT * 1e9), 'exactly at the time that was wanted', at)
    check(gdb.ask('M0,1:00') == 'E01', 'memory is not written')
    check('nr_running' in gdb.monitor('cpus'), 'run queues are shown')
    check(re.match(r'\d+ \(0x', gdb.monitor('print ' + NUMBER)), 'a number is shown')
    gdb.monitor('last ' + NUMBER)
    earlier = gdb.where()
    check(earlier and at and earlier[0] < at[0], 'it goes back to the last change of a number', (earlier, at))
    pc = gdb.pc()
    gdb.ask('bs')
    check(gdb.where()[0] < earlier[0] and gdb.where()[1] == earlier[1], 'it goes one instruction back', gdb.where())
    gdb.ask('s')
    check(gdb.where() == earlier and gdb.pc() == pc, 'and one forwards, to where it was', (gdb.where(), earlier))
    gdb.ask('D')
    check(server.wait(60) == 0, 'it ends with the debugger', server.stderr.read())
    server.stderr.close()


def main():
    kernel, before = need_kernel('debug'), machines()
    with Scratch() as scratch:
        pack = check_pack(scratch, kernel)
        check_refusals(scratch, pack)
        check_when(pack)
        check_new_task(pack)
        check_value(pack)
        check_debugger(scratch, pack)
    check_nothing_left('debug', before)
    finish(at_least=15)


main()
