#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr locks as people and scripts use it: real locks, a terminal, signals, pipes that close, hostile command lines.

KTSTR_BLESS=1 writes the frame again; check the difference."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

CLEAR = b'\x1b[2J\x1b[H'
HOLD = 'import fcntl,sys,time; f=open(sys.argv[1],"a"); fcntl.flock(f, fcntl.LOCK_EX); print("held", flush=True); time.sleep(600)'


class Holder:
    """A process with a given command line that holds a lock."""

    def __init__(self, path, *words):
        self.p = subprocess.Popen([sys.executable, '-c', HOLD, path, *words], stdout=subprocess.PIPE)
        self.p.stdout.readline()
        self.pid = self.p.pid

    def end(self):
        self.p.kill()
        self.p.wait()
        self.p.stdout.close()


class Terminal:
    """ktstr on a terminal of its own."""

    def __init__(self, *args, env, rows=40, columns=180):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.p = subprocess.Popen([KTSTR, *args], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        self.data = b''

    def size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def frames(self, wanted, seconds=20):
        """Reads until this many frames have begun and no more data comes for a moment."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ready, _, _ = select.select([self.master], [], [], 0.3)
            if ready:
                try:
                    self.data += os.read(self.master, 65536)
                except OSError:
                    break
            if self.data.count(CLEAR) > wanted or (not ready and self.data.count(CLEAR) >= wanted):
                break
        return self.data.split(CLEAR)[1:]

    def until(self, pattern, seconds=20):
        """Reads until a frame contains it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not re.search(pattern, self.data):
            if select.select([self.master], [], [], 0.1)[0]:
                self.data += os.read(self.master, 65536)
        return re.search(pattern, self.data) is not None

    def end(self, sig):
        self.p.send_signal(sig)
        status = self.p.wait(timeout=20)
        same = termios.tcgetattr(self.slave) == self.before
        os.close(self.slave)
        os.close(self.master)
        return status, same


def once(env, locks, holder):
    text = Run('locks', env=env)
    line = f'{locks}/ktstr-cpu-0.lock  {holder.pid} ('
    check(text.status == 0 and line in text.out and ') exclusive' in text.out, 'the holder is named', text)
    check('<none recorded>' in text.out, 'idle files are shown as such', text)
    found = json.loads(Run('locks', '--json', env=env).out)
    check(list(found) == ['llcs', 'cpus', 'cache', 'run_dirs'], 'the JSON has its four parts', found)
    check([h['pid'] for h in found['cpus'][0]['holders']] == [holder.pid] and found['cpus'][1]['holders'] == [],
          'the JSON names the holder', found)
    check(found['cpus'][0]['holders'][0]['since'].startswith('20'), 'and since when', found)


def hostile(env, scratch, locks):
    """Hostile command lines do no harm."""
    words = ['two\nlines', '\x1b[2J', os.fsdecode(b'\xff\xfe'), '\x9b31m', '\u202e', *('x' * 130000,) * 8]
    holder = Holder(locks + '/ktstr-cpu-2.lock', *words)
    run = Run('locks', env=env)
    line = [x for x in run.out.splitlines() if f'{holder.pid} (' in x]
    check(len(line) == 1 and '\x1b' not in run.out and '\x9b' not in run.out and '\u202e' not in run.out, 'a hostile command '
          'line is one tame line', run.out[:2000])
    check(line and len(line[0]) < 400, 'and not a long one', line)
    text = Run('locks', '--json', env=env).out
    found = json.loads(text)
    check(text == json.dumps(found, indent=2, ensure_ascii=False) + '\n', 'and is laid out as usual', text)
    check(any(h['pid'] == holder.pid for c in found['cpus'] for h in c['holders']), 'JSON stays JSON', found)
    holder.end()


def has_terminals():
    """Some containers have no devpts."""
    try:
        for fd in pty.openpty():
            os.close(fd)
        return True
    except OSError as error:
        skip('on a terminal', error)
        return False


def on_a_terminal(env, locks, holder):
    t = Terminal('locks', '--watch', '50ms', env=env)
    check(t.until(rb'ktstr-cpu-0.lock') and len(t.frames(2)) >= 2, 'it redraws', t.data[-2000:])
    other = Holder(locks + '/ktstr-llc-0.lock')
    check(t.until(rb'ktstr-llc-0.lock +\S*%d' % other.pid), 'a lock that is taken appears', t.data[-2000:])
    other.end()
    check(t.until(rb'(?s)ktstr-llc-0.lock +\S*%d.*ktstr-llc-0.lock +\S*<none' % other.pid), 'and goes', t.data[-2000:])
    status, same = t.end(signal.SIGINT)
    check(status == 0, '^C ends it with 0', status)
    check(same and not re.search(rb'\x1b\[\?', t.data), 'the terminal is as it was', t.data[-300:])

    t = Terminal('locks', '--watch', '1h', env=env)
    t.frames(1)
    for n, (rows, columns) in enumerate(((6, 40), (30, 100), (2, 10))):
        t.size(rows, columns)
        t.p.send_signal(signal.SIGWINCH)
        frame = t.frames(n + 2)[-1]
        plain = re.sub(rb'\x1b\[[0-9;]*m', b'', frame).decode(errors='replace')
        lines = plain.split('\r\n')
        check(len(lines) <= rows and all(len(x) <= columns for x in lines), f'a window of {rows}x{columns} is drawn at once', plain)
    status, same = t.end(signal.SIGTERM)
    check(status == 130 and same, 'SIGTERM ends it, the terminal is as it was', status)

    t = Terminal('locks', '--watch', '1h', env=env)
    t.frames(1)
    os.close(t.master)
    os.close(t.slave)
    t.p.send_signal(signal.SIGHUP)
    # Any of three comes first: the failing write, the signal, or the signal during the exit.
    status = t.p.wait(timeout=20)
    check(status in (0, 130, -signal.SIGHUP), 'a terminal that is gone ends it', status)


def golden_frame(env, scratch):
    locks = scratch / 'golden'
    os.mkdir(locks)
    for name in ('ktstr-cpu-1.lock', 'ktstr-llc-0.lock'):
        open(os.path.join(locks, name), 'w').close()
    sleeper = subprocess.Popen(['flock', '--no-fork', '-x', locks + '/ktstr-cpu-0.lock', 'sleep', '600'])
    t = Terminal('locks', '--watch', '50ms', env=dict(env, KTSTR_LOCK_DIR=locks, TERM='xterm'))
    t.until(rb'(?s)%d.{0,20}sleep 600.*Run-dir locks' % sleeper.pid)
    t.frames(t.data.count(CLEAR) + 1)
    t.end(signal.SIGINT)
    sleeper.kill()
    sleeper.wait()
    # The last whole frame; CPUs, paths, pids and times differ between machines.
    text = (CLEAR + t.data.split(CLEAR)[-2]).decode(errors='replace').replace('\r\n', '\n').replace('\x1b', '^[')
    text = re.sub(r'  node \d+ +LLC .*\n( {10,}.*\n)*', '  node N LLC N\n', text)
    text = re.sub(r'(node N LLC N\n)(  node N LLC N\n)+', r'\1', text).replace(locks, 'LOCKS').replace(str(sleeper.pid), 'PID')
    text = re.sub(r'(exclusive|shared) [0-9.]+m?s', r'\1 TIME', text)
    text = re.sub(r'(?m)^(  \d+ +)[0-9?]+( +LOCKS)', r'\1N\2', text)
    text = re.sub(r'LOCKFILE +HOLDERS', 'LOCKFILE HOLDERS', text)
    path = os.path.join(HERE, '..', 'golden', 'watch-frame.out')
    if os.environ.get('KTSTR_BLESS'):
        with open(path, 'w') as f:
            f.write(text + '\n')
    with open(path) as f:
        check(f.read() == text + '\n', 'the frame is as agreed', text)


def in_pipes(env):
    p = subprocess.Popen([KTSTR, 'locks', '--json', '--watch', '20ms'], env=env, stdout=subprocess.PIPE)
    lines = [json.loads(p.stdout.readline()) for _ in range(5)]
    check(all(list(x) == ['llcs', 'cpus', 'cache', 'run_dirs'] for x in lines), '--watch --json is an object a line')
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=20)
    check(p.returncode == 0, '^C ends it with 0')
    for period, name in (('10ms', 'while it writes'), ('1h', 'while it waits')):
        p = subprocess.Popen([KTSTR, 'locks', '--watch', period], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        err = p.stderr.read()
        check(p.wait(timeout=20) == 0 and not err, f'a pipe that closes {name} ends it in silence', err)
        p.stderr.close()
    p = subprocess.Popen([KTSTR, 'locks', '--watch', '10ms'], env=env, stdout=subprocess.PIPE)
    out = b''
    while out.count(b'LLC locks:') < 3:
        out += os.read(p.stdout.fileno(), 65536)
    p.send_signal(signal.SIGINT)
    out += p.communicate(timeout=20)[0]
    check(p.returncode == 0 and b'\x1b' not in out and out.count(b'\n\nLLC locks:') > 1, 'frames in a pipe have no escapes', out[:600])


def bad_input(scratch, env):
    for value in ('0', '5x', '0s', '1ms', '', '-1s', '99999999999999999999s'):
        run = Run('locks', '--watch', value, env=env)
        check(run.status == 64 and run.err.startswith(('error: --watch: ', 'error: --watch needs ')) and run.err.count('\n') == 1, f'--watch {value!r}', run)
    for name, path in (('missing', scratch / 'nowhere'), ('not a directory', '/dev/null')):
        run = Run('locks', env=dict(env, KTSTR_LOCK_DIR=path))
        check(run.status == 0 and 'Per-CPU locks:\n  (none)' in run.out, f'lock directory {name}: nothing is held', run)
    run = Run('topo', '--root', scratch / 'nowhere')
    check(run.status == 69 and 'is sysfs mounted' in run.err, 'topo of a tree that is not there', run)
    check(Run('topo').status == 0 and json.loads(Run('topo', '--json').out)['cpus'] >= 1, 'topo of this machine')
    if os.path.exists('/dev/full'):
        with open('/dev/full', 'w') as full:
            p = subprocess.run([KTSTR, 'locks'], env=env, stdout=full, stderr=subprocess.PIPE, text=True)
        check(p.returncode == 74 and 'No space left' in p.stderr, 'no room for the output', p)


def main():
    with Scratch() as scratch:
        locks = scratch / 'locks'
        os.mkdir(locks)
        env = dict(os.environ, KTSTR_LOCK_DIR=locks, KTSTR_CACHE_DIR=scratch / 'cache', KTSTR_RUNS_ROOT=scratch / 'runs',
                   TERM='xterm')
        env.pop('NO_COLOR', None)
        open(locks + '/ktstr-cpu-1.lock', 'w').close()
        holder = Holder(locks + '/ktstr-cpu-0.lock')
        try:
            once(env, locks, holder)
            hostile(env, scratch, locks)
            if has_terminals():
                on_a_terminal(env, locks, holder)
                golden_frame(env, scratch)
            in_pipes(env)
            bad_input(scratch, env)
        finally:
            holder.end()
    finish(at_least=30)


main()
