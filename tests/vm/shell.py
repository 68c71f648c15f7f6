#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr shell on a pseudo-terminal, as a person uses it: keys, sizes, jobs, a large paste, and all the ways in which a
session can end. The terminal has its own modes again after each of them."""
import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

TIMEOUT = 120
PASTE = b''.join(b'%07d ' % i + b'x' * 91 + b'\n' for i in range(10486))  # 1 MiB
# The session's leader outlives ktstr, as a user's shell does, and shows the terminal's modes.
LEADER = '"$@"; s=$?; sleep 0.5; echo; stty -a; echo "ended $s."; read x'


class Terminal:
    def __init__(self, *args):
        self.data = b''
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve('/bin/sh', ['sh', '-c', LEADER, 'sh', KTSTR, 'shell', *args], dict(os.environ, TERM='xterm'))
        self.size(100, 30)

    def size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def until(self, pattern, timeout=TIMEOUT):
        """Reads until @pattern is there. Returns what came up to its end, or b''."""
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.data)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                return b''
            try:
                self.data += os.read(self.master, 65536)
            except OSError:
                return b''
        text, self.data = self.data[:found.end()], self.data[found.end():]
        return text

    def keys(self, data):
        os.write(self.master, data)

    def prompt(self):
        return self.until(rb'\x1b\[2m\^Ax=quit\x1b\[0m \S+ # ')

    def command(self, line, timeout=TIMEOUT):
        """Types a command, and returns what it prints."""
        self.keys(line.encode() + b'; echo "<$((6*7))>"\n')
        text = self.until(rb'<42>\r\n', timeout)
        self.prompt()
        return text.decode(errors='replace').split('\n', 1)[-1].replace('\r', '')

    def process(self, name):
        """The pid of a process of this terminal."""
        found = subprocess.run(['pgrep', '-f', '-s', str(self.pid), name], capture_output=True, text=True).stdout.split()
        return [int(pid) for pid in found if int(pid) != self.pid]

    def end(self):
        """The status of ktstr, what was printed last, and whether the terminal is as it was."""
        text = self.until(rb'ended \d+\.').decode(errors='replace')
        found = re.search(r'ended (\d+)\.', text)
        cooked = all(re.search(rf'(?m)(^| ){mode}\b', text) for mode in ('icanon', 'echo', 'isig', 'opost'))
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)
        return (int(found.group(1)) if found else None), text, cooked


def check_keys(t):
    check(t.command('echo $TERM').startswith('xterm'), 'the type of the terminal is passed on')
    check(t.command('stty size').startswith('30 100'), 'and its size')
    t.size(77, 41)
    time.sleep(0.5)
    text = t.command('stty size')
    check('41 77' in text, 'a new size arrives while the session runs', text)
    text = t.command("printf 'na\\303\\257ve \\342\\234\\223 %s\\n' 'Grüße'")
    check('naïve ✓ Grüße' in text, 'UTF-8 arrives in both directions', text)
    t.keys(b'cat\n')
    time.sleep(1)
    t.keys(b'\x01a\n')
    check(t.until(rb'\x01a\r\n'), 'Ctrl-A and another key are passed on', t.data)
    t.keys(b'\x04')
    t.prompt()


def check_jobs(t):
    t.keys(b'sleep 1000\n')
    # The shell gives the terminal to the job before it starts it.
    time.sleep(2)
    t.keys(b'\x1a')
    check(t.until(rb'Stopped'), 'Ctrl-Z stops a job', t.data)
    t.prompt()
    check('Stopped' in t.command('jobs'), 'which the shell lists')
    t.keys(b'fg\n')
    t.until(rb'sleep 1000\r\n')
    time.sleep(1)
    t.keys(b'\x03')
    t.prompt()
    text = t.command('jobs; echo end')
    check('sleep' not in text and 'end' in text, 'fg continues it, and Ctrl-C ends it', text)


def check_schedulers(t):
    # The name is there before the scheduler has all tasks.
    wait = ('for i in $(seq 300); do grep -q %s /sys/kernel/sched_ext/root/ops 2>/dev/null && '
            'grep -qx enabled /sys/kernel/sched_ext/state && break; sleep 0.1; done')
    shown = 'cat /sys/kernel/sched_ext/state /sys/kernel/sched_ext/root/ops'
    t.command('scx_simple > /dev/null 2>&1 & true')
    text = t.command(wait % 'simple' + '; ' + shown)
    check('enabled\nsimple' in text, 'a scheduler of the kernel tree is started inside', text)
    t.command('kill $!; wait $!')
    t.command('scx_qmap > /dev/null 2>&1 & true')
    text = t.command(wait % 'qmap' + '; ' + shown)
    check('enabled\nqmap' in text, 'and replaced by another one', text)
    t.command('kill $!; wait $!')


def check_paste(t):
    t.command('stty -echo')
    t.keys(b'cat > /tmp/pasted; echo pa""sted\n')
    time.sleep(1)
    writer = threading.Thread(target=lambda: [t.keys(PASTE[i:i + 4096]) for i in range(0, len(PASTE), 4096)] + [t.keys(b'\x04')])
    writer.start()
    check(t.until(rb'pasted'), f'{len(PASTE)} bytes are pasted', t.data[-500:])
    writer.join()
    t.prompt()
    t.command('stty echo')
    text = t.command('md5sum < /tmp/pasted')
    check(hashlib.md5(PASTE).hexdigest() in text, 'and arrive unchanged', text)
    text = t.command('cat /tmp/pasted')
    check(hashlib.md5(text[text.find('0000000'):text.find('<42>')].encode()).hexdigest() == hashlib.md5(PASTE).hexdigest(),
          'as they do in the other direction', f'{len(text)} bytes')


def check_session(kernel, scratch):
    with open(scratch / 'hello', 'w') as f:
        f.write('#!/bin/sh\necho hello from $0\n')
    os.chmod(scratch / 'hello', 0o755)
    t = Terminal('--kernel', kernel['key'], '--topology', '1,1,2,1', '-i', scratch / 'hello', '-i', 'scx_simple', '-i', 'scx_qmap')
    text = t.prompt().decode(errors='replace')
    check('topology 1n1l2c1t' in text and 'Ctrl-A X' in text, 'the session begins with what it is and how to leave it', text)
    check('/include-files/hello (executable)' in text, 'and with the files that came along', text)
    check('hello from /include-files/hello' in t.command('hello'), 'which are in the PATH')
    check(t.command('nproc').startswith('2'), 'the topology is the one that was asked for')
    check_keys(t)
    check_jobs(t)
    check_schedulers(t)
    check_paste(t)
    t.keys(b'exit 5\n')
    status, text, cooked = t.end()
    check(status == 5 and cooked, "'exit 5' ends the session with 5", text)


def check_ends(kernel):
    t = Terminal('--kernel', kernel['key'])
    t.prompt()
    t.keys(b'\x01x')
    status, text, cooked = t.end()
    check(status == 0 and 'Terminated.' in text and cooked, 'Ctrl-A X stops the guest', text)

    t = Terminal('--kernel', kernel['key'])
    t.prompt()
    for pid in t.process('^qemu-system') or machines():
        os.kill(pid, signal.SIGKILL)
    status, text, cooked = t.end()
    check(status == 69 and 'was killed or failed' in text and cooked, 'a SIGKILL of the machine is an error', text)

    t = Terminal('--kernel', kernel['key'])
    t.prompt()
    t.keys(b'echo c > /proc/sysrq-trigger\n')
    status, text, cooked = t.end()
    check(status == 69 and 'sysrq triggered crash' in text and cooked, "a panic is shown with the kernel's last words", text)

    t = Terminal('--kernel', kernel['key'])
    t.prompt()
    for pid in t.process('^' + re.escape(KTSTR)):
        os.kill(pid, signal.SIGKILL)
    status, text, cooked = t.end()
    check(status == 137 and cooked, 'also a SIGKILL of ktstr itself leaves the terminal as it was', text)

    t = Terminal('--kernel', kernel['key'])
    t.prompt()
    os.close(t.master)
    os.waitpid(t.pid, 0)
    for _ in range(300):
        if not machines():
            break
        time.sleep(0.1)
    check(not machines(), 'a closed terminal ends the guest')


def check_exec(kernel, scratch):
    with open(scratch / 'input', 'w') as f:
        f.write('first\nsecond\n')
    with open(scratch / 'input') as f:
        r = Run('shell', '--kernel', kernel['key'], '--exec', 'cat\necho "it\'s $(nproc)" >&2\nexit 7', stdin=f)
    check(r.status == 7 and r.out == 'first\nsecond\n' and r.err == "it's 1\n", 'a command: input, output, errors, status', r)
    r = Run('shell', '--kernel', kernel['key'], '--exec', 'kill -9 $$')
    check(r.status == 137, 'a command that a signal ends', r)
    r = Run('shell', '--kernel', kernel['key'], '--exec', 'sleep 1000', '--exec-timeout', '3s')
    check(r.status == 124 and 'took longer than its limit of 3 s' in r.err, 'a command that takes too long', r)
    image = os.path.join(os.path.expanduser('~/.cache') if not os.environ.get('XDG_CACHE_HOME') else os.environ['XDG_CACHE_HOME'],
                         'ktstr/kernels', kernel['key'], 'bzImage')
    if not os.path.exists(image):
        skip('a raw image', f'{image} is not there')
        return
    r = Run('shell', '--kernel', image, '--disk', '64MiB', '--exec',
            'cat /sys/block/vda/size; seq 9999 > /dev/vda; head -c 10 /dev/vda | head -n 2; dd if=/dev/zero bs=1000 count=200 2>/dev/null | wc -c')
    check(r.status == 0 and r.out == '131072\n1\n2\n200000\n', 'a raw image, over a serial port, with a disk', r)


def main():
    r = Run('shell')
    check(r.status == 64 and 'stdin must be a terminal' in r.err, 'without a terminal there is only --exec', r)
    kernel = need_kernel('shell')
    before = machines()
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError as error:
        skip('shell', f'no pseudo-terminals: {error}')
        finish()
    with Scratch() as scratch:
        check_session(kernel, scratch)
        check_ends(kernel)
        check_exec(kernel, scratch)
    check_nothing_left('shell', before)
    finish(at_least=28)


main()
