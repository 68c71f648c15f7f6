#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A whole run on a terminal that is resized, stopped by Ctrl-Z, continued, and ended by Ctrl-C: the screen that a
person sees."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from screen import Screen  # noqa: E402
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

EXAMPLES, FIXTURES = BUILD + '/tests/examples', BUILD + '/tests/fixtures'
TIMEOUT = 300


def shell(argv, env, told, go):
    """Acts as a shell: the command is a foreground job, and a pipe reports what happens to it."""
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execve(argv[0], argv, env)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            os.write(told, f'ended {os.waitstatus_to_exitcode(status)}\n'.encode())
            os._exit(0)
        os.write(told, b'stopped\n')
        os.read(go, 1)
        os.tcsetpgrp(0, job)
        os.kill(-job, signal.SIGCONT)


class Terminal:
    def __init__(self, argv, env, columns, rows):
        told, go = os.pipe(), os.pipe()
        self.screen, self.news = Screen(columns, rows), ''
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # The size is set before the command asks for it.
            os.read(go[0], 1)
            shell(argv, env, told[1], go[0])
        os.close(told[1])
        os.close(go[0])
        self.told, self.go = told[0], go[1]
        self.size(columns, rows)
        os.write(self.go, b'x')

    def size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.pump(0.2)
        self.screen.resize(columns, rows)
        self.size(columns, rows)

    def pump(self, seconds, wanted=lambda: False):
        end = time.monotonic() + seconds
        while not wanted():
            left = end - time.monotonic()
            ready = select.select([self.master, self.told], [], [], max(left, 0))[0] if left > 0 else []
            if left <= 0:
                return False
            for fd in ready:
                try:
                    data = os.read(fd, 65536)
                except OSError:  # the last process that used the terminal has ended
                    data = b''
                if fd == self.told:
                    self.news += data.decode()
                elif data:
                    self.screen.feed(data)
                if not data and 'ended' in self.news:
                    return wanted()
        return True

    def until(self, pattern):
        return self.pump(TIMEOUT, lambda: re.search(pattern, self.text()))

    def until_news(self, word):
        found = self.pump(TIMEOUT, lambda: word in self.news)
        self.pump(0.3)
        return found

    def text(self):
        return '\n'.join(self.screen.texts())

    def keys(self, data):
        os.write(self.master, data)

    def resume(self):
        self.news = ''
        os.write(self.go, b'x')

    def end(self):
        self.until_news('ended')
        os.waitpid(self.pid, 0)
        os.close(self.master)
        return self.news.strip()


def views(text):
    """The progress lines on the screen: never more than one."""
    return re.findall(r'(?m)^\[[=> ]*\].*$', text)


def interrupted(kernel, scratch, env):
    # A test that spins until its deadline: it still runs when Ctrl-C comes.
    t = Terminal([KTSTR, 'test', '--kernel', kernel['key'], '-E', 'test(=ktstr/test_spins)', FIXTURES], env, 100, 30)
    check(t.until(r'(?m)^  ktstr/test_spins +booting .*%'), 'a machine that boots is shown', t.text())
    check(re.search(r'0/1  1 running .*ETA', t.text()) and len(views(t.text())) == 1, 'below a line of progress', t.text())
    for columns, rows in ((60, 30), (40, 8), (120, 40)):
        t.resize(columns, rows)
        check(t.until(rf'(?m)^\[[=> ]*\].*') and t.pump(5, lambda: len(views(t.text())) == 1), f'resized to {columns} columns: one view', t.text())
        t.pump(0.5)
        check(all(len(line) <= columns for line in t.screen.shown()) and len(views(t.text())) == 1, 'which fits', t.text())
    t.keys(b'\x1a')
    check(t.until_news('stopped'), 'Ctrl-Z stops it', t.news)
    check(not views(t.text()) and 'booting' not in t.text(), 'and takes the view from the screen', t.text())
    t.pump(1)
    t.resume()
    check(t.until(r'(?m)^  ktstr/test_spins') and len(views(t.text())) == 1, 'it is drawn again when it goes on', t.text())
    t.keys(b'\x03')
    news = t.end()
    check(news == 'ended 130', 'Ctrl-C ends it with 130', news)
    text = t.text()
    check(not views(text) and 'ETA' not in text and '^C' not in text, 'and leaves nothing of the view', text)
    check(t.screen.style == ' ' and t.screen.autowrap and t.screen.x == 0, 'nor of its styles')
    check(re.search(r'(?m)^1 test: 0 passed, 0 failed, 0 skipped, (1 inconclusive|1 not run) \(', text), 'the sum is the last word', text)


def failed(kernel, scratch, env):
    t = Terminal([KTSTR, 'test', '--kernel', kernel['key'], '-E', 'test(=ktstr/failed_expectation) | test(too_many)', FIXTURES], env, 60, 50)
    news = t.end()
    text = t.text()
    check(news == 'ended 1' and not views(text), 'a run that fails ends with its results alone', text)
    below = r'(?m)^FAIL  ktstr/failed_expectation +\S+ +[0-9.]+s\nktstr_test .failed_expectation.(.|\n){1,60}failed:\n  one and one make 2$'
    check(re.search(below, text), 'the report with its cause below the result', text)
    check(re.search(r'(?m)^SKIP  ktstr/too_many_cpus +\S+ +-$', text), 'columns are aligned', text)
    check(text.find("ktstr_test 'failed_expectation'") > text.find('FAIL  '), 'the report comes after it', text)
    end = text[text.find('needs attention:'):]
    check('FAIL  ktstr/failed_expectation\n      one and one make 2\n      replay: ktstr test' in end, 'and once more at the end', text)
    check('\n2 tests: 0 passed, 1 failed, 1 skipped (' in end, 'above the sum', text)


def main():
    kernel = need_kernel('terminal')
    before = machines()
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError as error:
        skip('terminal', f'no pseudo-terminals: {error}')
        finish()
    with Scratch() as scratch:
        env = dict(os.environ, TERM='xterm', KTSTR_SIDECAR_DIR=scratch / 'results', KTSTR_ACCEL='tcg')
        for name in ('NO_COLOR', 'CLICOLOR_FORCE', 'KTSTR_LOG_PASSES'):
            env.pop(name, None)
        interrupted(kernel, scratch, env)
        failed(kernel, scratch, env)
    check_nothing_left('terminal', before)
    finish(at_least=20)


main()
