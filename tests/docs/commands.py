#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The documentation is correct: this test executes its commands as written, and compiles and runs its C blocks.

Blocks fenced as sh are commands. Each page is one shell session in a fresh clone, with an installed ktstr. A comment
behind a command that is meant to fail says so: "# exit status 1". Other blocks are output or fragments. If a line in
them looks like a command, the page has to execute the same line, or UNEXECUTED gives the reason why it does not.
"""
import os
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish, need_kernel  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND_SECONDS = 600
NETWORK = 'needs the network'
BUILDS = 'builds a kernel for minutes; the tests of kernel builds do that'
# (beginning of the line, the reason why no page executes it)
UNEXECUTED = (
    ('make demo', 'its parts are make kernel, executed below, and the examples, which have a test of their own'),
    ('make install', 'executed below as meson install: it would change the prefix of the build under test'),
    ('make check', 'it is what runs this test'),
    ('make trust', 'takes hours; it has a suite of its own'),
    ('ktstr kernel build 6', NETWORK),
    ('ktstr kernel build v6', NETWORK),
    ('ktstr kernel build git+', NETWORK),
    ('ktstr kernel build distro:', NETWORK),
    ('ktstr kernel build ./linux', BUILDS),
    ('ktstr kernel build --source', BUILDS),
    ('ktstr kernel list --kernel', NETWORK),
    ('ktstr kernel clean', 'would remove kernels from the cache of who runs the tests'),
    ('ktstr test --kernel 6', NETWORK),
    ('ktstr shell', 'needs a terminal, and the second form a download; vm_shell runs all forms'),
    ('ktstr try ', 'boots a machine for each question; tests/vm/try.py does that'),
    ('KTSTR_SIDECAR_DIR=results ktstr verifier ', 'boots a machine for each cell; tests/vm/verifier.py does that'),
    ('ktstr verifier ', 'boots a machine for each cell; tests/vm/verifier.py does that'),
    ('ktstr export ', 'its scripts need a real machine; tests/cli/export.py runs them'),
    ('sudo ./two_cgroups.run', 'the same'),
    ('ktstr explore ', 'boots a machine for each schedule; tests/vm/explore.py does that'),
    ('ktstr run ', 'needs root and a scheduler of this machine; the tests of ktstr run do that'),
    ('ktstr kernel build distro --arch aarch64', BUILDS),
    ('ktstr pack ', 'needs a result of the reader; tests/vm/debug.py does that'),
    ('ktstr replay race.pack', 'the same'),
    ('ktstr debug ', 'the same'),
    ('ktstr ctprof capture --vm shell', 'needs a shell that runs; tests/vm/top.py does that'),
    ('ktstr ctprof compare a.ctprof.zst b.ctprof.zst --metrics', 'compares what the line before would write; the same test'),
    ('ktstr profile ', 'boots a machine; tests/vm/profiling.py does that'),
    ('ktstr coverage ', 'boots a machine for each test; tests/vm/coverage.py does that'),
    ('ktstr llvm-cov ', 'needs counts; tests/cli/coverage.py and tests/vm/coverage.py have some'),
    ('ktstr bisect ', 'makes many runs; tests/cli/bisecting.py and tests/vm/bisecting.py do that'),
    ('ktstr reproduce ', 'needs files of a host; tests/golden and tests/vm/bisecting.py do that'),
    ('ktstr shrink ', 'makes many runs; tests/vm/shrink.py does that'),
    ('ktstr slurm ', 'needs a cluster; tests/slurm has one'),
    ('ktstr top', 'needs a machine that runs; tests/vm/top.py has one'),
    ('ktstr test --slurm', 'the same'),
)
# Schedulers that the reader has, and what stands for them; words that the stand-in does not know.
STAND_INS = {
    '': (('"scx_mine"', '"scx_simple"'), ('.args = KTSTR_ARGS("--slice-us", "5000"),', '')),
    'docs/DUMPS.md': (('"scx_mine"', '"scx_qmap"'), ('nr_queued', 'nr_dispatched'), ('limits.slice[0]', 'test_error_cnt')),
}
# The tests in C blocks that run under the stand-ins, with their verdict and a part of its cause. Four do not run:
# one_layer needs a scheduler with a configuration; disk_beside_spinners, messages and bench_is_quick need programs that
# a host may lack.
EXAMPLES = {
    'docs/DEVICES.md': {'reads_beside_spinners': ('pass', '')},
    'docs/SCENARIOS.md': {'cpusets_change_hands': ('pass', '')},
    'docs/SCHEDULERS.md': {'exchange': ('pass', '')},
    'docs/CHECKS.md': {'naps_beside_spinners': ('fail', 'p99 wake latency'), 'even': ('pass', ''),
                       'quick_beside_busy': ('fail', 'half of its')},
    'docs/DUMPS.md': {'counts': ('pass', '')},
}
PAGES = ['README.md', 'CONTRIBUTING.md'] + sorted(
    os.path.relpath(os.path.join(d, f), ROOT) for d, _, fs in os.walk(os.path.join(ROOT, 'docs')) for f in fs if f.endswith('.md'))


def read(page):
    with open(os.path.join(ROOT, page), encoding='utf-8') as f:
        return f.read()


def blocks(text):
    """(language, text) of each fenced block."""
    return re.findall(r'^```(\w*)\n(.*?)^```$', text, re.M | re.S)


def commands(block):
    """The commands of a block. A here-document or a line that ends with a backslash continues on the next line."""
    lines = iter(block.splitlines())
    for line in lines:
        text = line
        here = re.search(r"<<'?(\w+)'?", line)
        while here or text.endswith('\\'):
            more = next(lines)
            text += '\n' + more
            if here and more == here.group(1):
                break
        if text.strip() and not text.startswith('#'):
            yield text


class Session:
    """One shell that keeps its directory and variables between commands."""

    def __init__(self, directory, env, scratch):
        self.output = scratch / 'output'
        self.script = scratch / 'command'
        self.shell = subprocess.Popen(['bash', '--norc'], cwd=directory, env=env, text=True, start_new_session=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, command):
        with open(self.script, 'w', encoding='utf-8') as f:
            f.write(command + '\n')
        late = threading.Timer(COMMAND_SECONDS, os.killpg, (self.shell.pid, signal.SIGKILL))
        late.start()
        self.shell.stdin.write(f'. {self.script} </dev/null >{self.output} 2>&1; echo $?\n')
        self.shell.stdin.flush()
        status = self.shell.stdout.readline().strip()
        late.cancel()
        with open(self.output, encoding='utf-8', errors='replace') as f:
            return int(status or -1), f.read()

    def end(self):
        self.shell.stdin.close()
        self.shell.wait()


def clone(scratch, page):
    path = scratch / page.replace('/', '-')
    done = subprocess.run(['git', 'clone', '-q', '--shared', ROOT, path], capture_output=True, text=True)
    if not check(done.returncode == 0, f'{page}: git clone', done.stderr):
        finish()
    return path


def execute(page, scratch, env):
    todo = [c for language, text in blocks(read(page)) if language == 'sh' for c in commands(text)]
    if not todo:
        return
    session = Session(clone(scratch, page), env, scratch)
    for command in todo:
        wanted = re.search(r'# exit status (\d+)', command)
        status, said = session.run(command)
        check(status == int(wanted.group(1) if wanted else 0), f'{page}: {command.splitlines()[0]}', f'status {status}\n{said}')
        if status < 0:    # the timeout ended the shell
            break
    session.end()


def check_unexecuted(page):
    """Every command in a block is executed by some page."""
    text = read(page)
    executed = {line.split(' #')[0].strip() for language, b in blocks(text) if language == 'sh' for c in commands(b)
                for line in c.splitlines()}
    shown = [line.removeprefix('$ ').split(' #')[0].strip() for language, b in blocks(text) if language != 'sh' for line in b.splitlines()]
    stray = [s for s in shown if re.match(r'(ktstr|make|cc) ', s) and s not in executed and
             not any(s.startswith(beginning) for beginning, _ in UNEXECUTED)]
    check(not stray, f'{page}: what looks like a command is executed, or has a reason', '\n'.join(stray))


def compile_blocks(page, scratch, env, kernel):
    """The C blocks of a page, concatenated, are a test program."""
    code = '\n'.join(text for language, text in blocks(read(page)) if language == 'c')
    if not code:
        return
    for name, other in STAND_INS.get(page, STAND_INS['']):
        code = code.replace(name, other)
    source = scratch / 'page.c'
    with open(source, 'w', encoding='utf-8') as f:
        f.write('#include <ktstr/ktstr.h>\n' + code)
    done = subprocess.run(f'cc -Wall -Werror -o {scratch / "page"} {source} $(pkg-config --cflags --libs ktstr)', shell=True, env=env,
                          capture_output=True, text=True)
    check(done.returncode == 0, f'{page}: its C blocks are a program', done.stderr)
    if page in EXAMPLES:
        run_blocks(page, scratch / 'page', kernel)


def run_blocks(page, program, kernel):
    wanted = EXAMPLES[page]
    run = Run('test', '--kernel', kernel['key'], '--json', '-E', ' | '.join(f'test(=ktstr/{name})' for name in wanted), program)
    ends = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
    for name, (verdict, cause) in wanted.items():
        e = ends.get(name, {})
        check(e.get('verdict') == verdict and cause in (e.get('cause') or ''), f'{page}: its test {name} ends with {verdict}', run)


def install(scratch):
    """Installs the build under test; returns the environment in which it is found."""
    root = scratch / 'root'
    done = subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet'], env={**os.environ, 'DESTDIR': root},
                          capture_output=True, text=True)
    check(done.returncode == 0, 'ktstr is installed', done.stdout + done.stderr)
    found = {name: os.path.join(d, name) for d, _, names in os.walk(root) for name in names if name in ('ktstr', 'ktstr.pc')
             if name == 'ktstr.pc' or os.path.basename(d) == 'bin'}
    if not check(len(found) == 2, 'its program and its pkg-config file are there', found):
        finish()
    return {**os.environ, 'PATH': os.path.dirname(found['ktstr']) + ':' + os.environ['PATH'], 'PKG_CONFIG_SYSROOT_DIR': root,
            'PKG_CONFIG_PATH': os.path.dirname(found['ktstr.pc']), 'KTSTR_ACCEL': 'tcg'}


def targets(scratch, env):
    """The arguments for make: the kernel, and the examples, which vm_examples runs, so that nothing is built twice."""
    directory = clone(scratch, 'make')
    make = lambda *args: subprocess.run(['make', *args, f'BUILD={BUILD}'], cwd=directory, env=env, capture_output=True,  # noqa: E731
                                        text=True, timeout=COMMAND_SECONDS)
    done = make('kernel')
    check(done.returncode == 0, 'make kernel', done.stdout + done.stderr)
    planned = make('-n', 'demo', 'install', 'check')
    check(planned.returncode == 0 and f'{BUILD}/ktstr test {BUILD}/tests/examples --kernel distro' in planned.stdout and
          'meson install' in planned.stdout and 'tests/check.py' in planned.stdout, 'make demo, install, check: they exist', planned)


for name in PAGES:
    check_unexecuted(name)
test_kernel = need_kernel('commands of the documentation')
with Scratch() as directory:
    environment = install(directory)
    for name in PAGES:
        compile_blocks(name, directory, environment, test_kernel)
    for name in PAGES:
        execute(name, directory, environment)
    targets(directory, environment)
finish()
