#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses of what goes wrong outside ktstr, each with one line that says why: files that are not regular files,
suites that are damaged or never end, output that cannot be written, words that are not possible. And what is left after a kill."""
import glob
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
EXAMPLES = BUILD + '/tests/examples'
ON_HOST = os.path.realpath(BUILD) + '/tests/on_host'


def refused(name, status, said, *args, **kw):
    run = Run(*args, timeout=60, **kw)
    errors = [line for line in run.err.splitlines() if line.startswith('error:')]
    check(run.status == status and len(errors) == 1 and said in errors[0], f'{name}: exits with {status}', f'wanted "{said}"\n{run}')


def fifos(scratch):
    """Nobody writes to them: whoever opens one as a file waits for ever."""
    pipe = scratch / 'pipe.tar.xz'
    os.mkfifo(pipe)
    cache = scratch / 'fifo-cache'
    os.makedirs(cache + '/entry')
    os.mkfifo(cache + '/entry/metadata.json')
    is_fifo = f"'{pipe}': it is a FIFO; name a regular file"
    for command in (('test', '--kernel', pipe, EXAMPLES), ('kernel', 'build', pipe)):
        refused(f'a FIFO as tarball of {command[0]}', 65, is_fifo, *command, env={'KTSTR_CACHE_DIR': scratch / 'empty-cache'})
    refused('a FIFO as KTSTR_TEST_KERNEL', 65, 'KTSTR_TEST_KERNEL: open ' + is_fifo, 'test', EXAMPLES, env={'KTSTR_TEST_KERNEL': pipe})
    refused('a FIFO as fragment', 64, is_fifo, 'kernel', 'build', '--extra-kconfig', pipe, '6.12')
    for command in (('test', '--list'), ('show-thresholds', 'simple_crowd')):
        refused(f'a FIFO as suite of {command[0]}', 64, f"test path '{pipe}' is a FIFO; name a file or a directory", *command, pipe)
    run = Run('kernel', 'list', '--offline', env={'KTSTR_CACHE_DIR': cache}, timeout=60)
    check(run.status == 0 and 'corrupt' in run.out and 'it is a FIFO' in run.out, 'a FIFO as metadata: a damaged entry', run)


def hanging_suite(scratch):
    """A test binary whose --list never ends."""
    with open(os.path.join(ROOT, 'include', 'ktstr', 'test.h'), encoding='utf-8') as header:
        api = re.search(r'KTSTR_API_VERSION (\d+)', header.read()).group(1)
    with open(scratch / 'hangs.c', 'w', encoding='utf-8') as f:
        f.write('#include <unistd.h>\nconst struct { unsigned n, d, t; char s[8]; unsigned v; } x '
                f'__attribute__((used, section(".note.ktstr"), aligned(4))) = {{ 6, 4, 1, "ktstr", {api} }};\n'
                'int main(void) { for (;;) pause(); }\n')
    subprocess.run(['gcc', '-o', scratch / 'hangs', scratch / 'hangs.c'], check=True)
    return scratch / 'hangs'


def start(*args, env=None):
    return subprocess.Popen([KTSTR, *args], env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def await_child(p):
    for _ in range(1000):
        with open(f'/proc/{p.pid}/task/{p.pid}/children', encoding='ascii') as f:
            if f.read():
                return
        time.sleep(0.02)


def interrupted(suite):
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        for command in (('test', '--list', suite), ('show-thresholds', 'x', suite)):
            p = start(*command)
            await_child(p)
            p.send_signal(sig)
            out, err = p.communicate(timeout=60)
            check(p.returncode == 130, f'{sig.name} while {command[0]} lists a suite: 130', f'{p.returncode} {out} {err}')


def never_ends(p):
    out, err = p.communicate(timeout=120)
    check(p.returncode == 65 and "hangs --list' did not end within 30 s" in err, 'a suite whose --list never ends: 65',
          f'{p.returncode} {out} {err}')


def cut_off(scratch):
    with open(EXAMPLES + '/examples', 'rb') as f:
        content = f.read()
    for length in (40, len(content) // 2, len(content) - 1):
        os.makedirs(scratch / f'cut-{length}')
        path = scratch / f'cut-{length}/suite'
        with open(path, 'wb') as f:
            f.write(content[:length])
        os.chmod(path, 0o755)
        for named in (path, os.path.dirname(path)):
            refused(f'a suite of which {length} bytes are left', 65, 'is an ELF file that is cut off', 'test', '--list', named)


def words():
    refused('a backend that is none, for --list', 64, "'foo' is not a backend", 'test', '--accel', 'foo', '--list', EXAMPLES)
    refused('KTSTR_ACCEL that is none', 64, "'foo' is not a backend", 'test', '--list', EXAMPLES, env={'KTSTR_ACCEL': 'foo'})
    for option in ('--list', '--dry-run'):
        refused(f'a kernel that is none, for {option}', 64, "kernel 'a b'", 'test', '--kernel', 'a b', option, EXAMPLES)
    for percent in ('abc', '0', '-1', '100001'):
        refused(f'KTSTR_HOST_DEADLINE_PERCENT={percent}', 64, f"KTSTR_HOST_DEADLINE_PERCENT: '{percent}' is not a number", 'test',
                '--dry-run', EXAMPLES, env={'KTSTR_HOST_DEADLINE_PERCENT': percent})
    refused('a budget for no test', 64, 'KTSTR_BUDGET_SECS=0.01: no test fits', 'test', '--dry-run', EXAMPLES,
            env={'KTSTR_BUDGET_SECS': '0.01'})


def results(scratch):
    """The directories of results are checked before a guest starts; /bin/true is an ELF file, and so may be a vmlinux."""
    file, locked = scratch / 'file', scratch / 'read-only'
    with open(file, 'w', encoding='ascii'):
        pass
    os.mkdir(locked)
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'ro', 'none', locked], capture_output=True, check=False).returncode == 0
    places = [(file, 'Not a directory')] + ([(locked, 'Read-only file system')] if mounted else [])
    try:
        for variable in ('KTSTR_SIDECAR_DIR', 'KTSTR_RUNS_ROOT'):
            for path, why in places:
                env = {'KTSTR_SIDECAR_DIR': '', 'KTSTR_TEST_KERNEL': '/bin/true', variable: path}
                refused(f'{variable}: {why}', 74, f'{why}; results go there: set {variable}', 'test', EXAMPLES, env=env)
    finally:
        if mounted:
            subprocess.run(['umount', locked], check=True)
    if not mounted:
        skip('a read-only directory of results', 'this user cannot mount a file system')


def closed_output():
    for command in ('test --list ' + EXAMPLES, 'list', '--version'):
        p = subprocess.run(['sh', '-c', f'exec "{KTSTR}" {command} >&-'], capture_output=True, text=True, check=False)
        check(p.returncode == 74 and 'error: write standard output: Bad file descriptor' in p.stderr,
              f'{command.split()[0]} with standard output closed: 74', p)
    p = subprocess.run(['sh', '-c', f'exec "{KTSTR}" test --no-such >&-'], capture_output=True, text=True, check=False)
    check(p.returncode == 64, 'nothing to print, standard output closed: no output is lost', p)


def bodies():
    """Processes of the fixture that runs on the host."""
    found = []
    for exe in glob.glob('/proc/[0-9]*/exe'):
        try:
            found += [exe] if os.readlink(exe) == ON_HOST else []
        except OSError:
            pass
    return found


def await_bodies(count):
    for _ in range(1000):
        if len(bodies()) == count:
            return True
        time.sleep(0.02)
    return False


def killed(scratch):
    """Nothing that a test started on the host outlives ktstr."""
    env = {'KTSTR_SIDECAR_DIR': scratch.path, 'KTSTR_TEST_KERNEL': '/bin/true'}
    alone = Run('test', '-E', 'test(has_no_other_child)', ON_HOST, env=env)
    check(alone.status == 0 and 'PASS  ktstr/has_no_other_child' in alone.out, 'a body on the host has no foreign child', alone)
    for sig in (signal.SIGKILL, signal.SIGTERM):
        p = start('test', '-E', 'test(=ktstr/stays)', ON_HOST, env=env)
        began = await_bodies(2)
        p.send_signal(sig)
        _, err = p.communicate(timeout=60)
        check(began and await_bodies(0), f'{sig.name}: a test on the host ends with its child', f'{began} {bodies()} {err}')


def main():
    with Scratch() as scratch:
        suite = hanging_suite(scratch)
        listing = start('test', '--list', suite)
        fifos(scratch)
        interrupted(suite)
        cut_off(scratch)
        words()
        results(scratch)
        closed_output()
        killed(scratch)
        never_ends(listing)
    finish(at_least=35)


main()
