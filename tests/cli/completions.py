#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Completions in real shells, through a terminal: subcommands, flags, values, and values that only this machine knows."""
import os
import pty
import select
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

DEADLINE = 30
# What is typed, and the line after TAB. Each has one completion.
LINES = (
    ('ktstr kernel cle', 'ktstr kernel clean'),
    ('ktstr test --no-perf', 'ktstr test --no-perf-mode'),
    ('ktstr test --accel kv', 'ktstr test --accel kvm'),
    ('ktstr test --filter ktstr/eevdf_ste', 'ktstr test --filter ktstr/eevdf_steps'),
    ('ktstr show-thresholds qmap_ch', 'ktstr show-thresholds qmap_chatter'),
    ('ktstr stats compare --scheduler flat', 'ktstr stats compare --scheduler flatcg'),
    ('ktstr stats compare --a-topology 9cpu', 'ktstr stats compare --a-topology 9cpu-3llc-nosmt'),
    ('ktstr merge 6.99-', 'ktstr merge 6.99-abc'),
    ('ktstr test --kernel 6.77', 'ktstr test --kernel 6.77.1'),
    ('ktstr ctprof show --group-by cg', 'ktstr ctprof show --group-by cgroup'),
)

SETUP = {
    'bash': (['bash', '--norc', '--noprofile', '-i'], 'PS1="> "; bind "set bell-style none"; . {script}'),
    'zsh': (['zsh', '-f', '-i'], 'PS1="> "; autoload -U compinit; compinit -D -u; bindkey -e; . {script}'),
    'fish': (['fish', '--no-config', '-i'], 'source {script}'),
    'elvish': (['elvish', '-norc', '-i'], 'eval (slurp < {script})'),
}


class Terminal:
    """A shell in a terminal. Keys are typed ahead; the shell takes them one by one."""

    def __init__(self, argv, env, cwd):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
        self.seen = ''

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, mark, timeout=DEADLINE):
        """Reads until @mark has come; the text so far is consumed."""
        end = time.monotonic() + timeout
        while mark not in self.seen and time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if b'\x1b[6n' in data:      # the shell asks for the cursor's position
                os.write(self.fd, b'\x1b[1;1R')
            self.seen += data.decode(errors='replace')
        if mark not in self.seen:
            return None
        before, _, self.seen = self.seen.partition(mark)
        return before

    def close(self):
        os.close(self.fd)
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def completed(terminal, typed, number, home):
    """The line after TAB: it becomes the arguments of echo (Ctrl-A goes to the line's start)."""
    # The marks are typed with quotes, and printed without.
    terminal.type(f"{typed}\t '<'{number}'/>'{home}echo '<'{number}'>' \r")
    if terminal.wait(f'<{number}>') is None:
        return None
    return ' '.join((terminal.wait(f'<{number}/>') or 'nothing').split())


def try_shell(shell, scratch, env):
    argv, setup = SETUP[shell]
    script = scratch / ('completions.' + shell)
    with open(script, 'w', encoding='utf-8') as f:
        f.write(Run('completions', shell).out)
    terminal = Terminal(argv, env, scratch / 'project')
    # Two words, so that the echo of the typed line is not the output.
    terminal.type(setup.format(script=script) + '; echo rea""dy\r')
    if terminal.wait('ready') is None:
        check(False, f'{shell} reads its completions', terminal.seen)
    else:
        for number, (typed, wanted) in enumerate(LINES):
            got = completed(terminal, typed, number, '\x1b[H' if shell == 'elvish' else '\x01')
            check(got == wanted, f'{shell}: {wanted}', f'{got!r}\n{terminal.seen[-500:]!r}')
            if got is None:     # the next ones would wait in vain, too
                break
    terminal.close()


def make_project(scratch):
    os.makedirs(scratch / 'project/build')
    os.makedirs(scratch / 'bin')
    os.makedirs(scratch / 'runs/6.99-abc')
    os.makedirs(scratch / 'kernels/entry')
    os.symlink(KTSTR, scratch / 'bin/ktstr')
    shutil.copy(os.path.join(BUILD, 'tests', 'examples', 'examples'), scratch / 'project/build/suite')
    with open(scratch / 'kernels/entry/metadata.json', 'w') as f:
        f.write('{"version": "6.77.1", "source": {"type": "tarball"}, "arch": "x86_64", "image_name": "bzImage", '
                '"built_at": "2026-01-01T00:00:00Z", "ktstr_kconfig_hash": "00112233", "has_vmlinux": false}')
    with open(scratch / 'kernels/entry/bzImage', 'w') as f:
        f.write('x')
    return dict(os.environ, PATH=scratch / 'bin:' + os.environ['PATH'], TERM='xterm', HOME=scratch.path, KTSTR_RUNS_ROOT=scratch / 'runs',
                KTSTR_CACHE_DIR=scratch / 'kernels', XDG_CACHE_HOME=scratch / 'cache', LC_ALL='C.UTF-8',
                XDG_DATA_HOME=scratch / 'data', XDG_CONFIG_HOME=scratch / 'config', XDG_STATE_HOME=scratch / 'state')


def values(env, scratch, kind, prefix=''):
    return subprocess.run([KTSTR, 'completions', '--values', kind, '--', '=' + prefix], cwd=scratch / 'project', env=env,
                          capture_output=True, text=True).stdout.splitlines()


def check_values(env, scratch):
    tests = values(env, scratch, 'tests')
    check('ktstr/eevdf_steps' in tests and len(tests) == len(set(tests)) and tests == values(env, scratch, 'tests'),
          'the tests, also from the cache', tests)
    suite = scratch / 'project/build/suite'
    shutil.copy('/bin/true', suite + '.new')
    os.rename(suite + '.new', suite)
    check(values(env, scratch, 'tests') == [], 'a binary that changed is asked again', values(env, scratch, 'tests'))
    check(Run('completions', '--values', 'nonsense').status == 64, 'no such kind: 64')


def check_powershell():
    """There is no parser of PowerShell in Debian: the text is checked for what ends a string or a block too early."""
    text = Run('completions', 'powershell').out
    depth, quote, lowest = 0, None, 0
    for c in text:
        if quote:
            quote = None if c == quote else quote
        elif c in '\'"':
            quote = c
        else:
            depth += (c in '{(') - (c in '})')
            lowest = min(lowest, depth)
    check(not quote and depth == 0 and lowest == 0, 'powershell: quotes and brackets are balanced', (quote, depth, lowest))
    check("'test --accel' = {'auto', 'kvm', 'tcg'}" in text and '& $values[$option]' in text and
          "completions --values tests -- \"=$word\"" in text, 'powershell: values', text[-1500:])


with Scratch() as scratch:
    env = make_project(scratch)
    for shell in SETUP:
        if shutil.which(shell):
            try_shell(shell, scratch, env)
        else:
            skip(f'completions of {shell} in a terminal', f'{shell} is not installed')
    check_values(env, scratch)
    check_powershell()
finish(at_least=9)
