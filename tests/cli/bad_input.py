#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Impossible requests from a user: one line says what failed, on what, and what to do; and the exit status is right."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'


def refused(name, status, said, *args, **kw):
    run = Run(*args, **kw)
    lines = run.err.strip().splitlines()
    errors = [line for line in lines if line.startswith('error:')]
    ok = run.status == status and len(errors) == 1 and said in errors[0]
    check(ok, f'{name}: exits with {status}', f'wanted "{said}"\n{run}')


# Spellings of other runners that are invalid here: the message says what to type instead.
SPELLINGS_ELSEWHERE = (
    (('test', '--success-output=final'), 'write --show-output all'),
    (('test', '--failure-output=never'), 'write --show-output failed or never'),
    (('run', '--flags', 'llc,borrow'), 'choose with --filter, --work-type and --workers'),
)
# Nothing falls back to a default silently.
ZEROS = (('test', '-j', '0'), ('test', '--jobs=0'), ('test', '--repeat', '0'), ('test', '--require', '0'), ('test', '--time-dilation', '0'),
         ('run', '--workers', '0'), ('test', '--kernel', ''), ('test', '--kernel='), ('test', '-E', ''), ('test', '--cpu-cap', ''),
         ('test', '--trace='))


def spellings():
    """The names of other runners for it work."""
    listed = Run('test', '--list', EXAMPLES).out
    check(Run('nextest', '--list', EXAMPLES).out == listed != '', 'nextest is test')
    check(Run('test', '-l', '--partition=slice:1/1', '--no-skip-mode', EXAMPLES).out == listed, '--partition slice:, --no-skip-mode')
    both = Run('test', '--list', '-E', 'test(simple_crowd)+test(qmap_crowd)', EXAMPLES)
    check(both.out.count('\n') == 2, '-E a+b is either', both)
    for minus in ('scheduler(simple)-test(crowd)', 'simple - crowd'):
        less = Run('test', '--list', '-E', minus, EXAMPLES)
        check(less.out.startswith('ktstr/simple_chatter') and less.out.count('\n') == 1, f'-E {minus}: the first without the second',
              less)
    for name in ('ktstr/simple_crowd', 'gauntlet/simple_crowd/tiny-1llc', 'simple_crowd'):
        shown = Run('show-thresholds', name, EXAMPLES)
        check(shown.status == 0 and shown.out.startswith('Test: simple_crowd\n'), f'show-thresholds {name}', shown)
    for version in ('v9.99', '9.98,9.99', 'v9.98..9.99'):
        told = Run('test', '--kernel', version, EXAMPLES, env={'KTSTR_KERNEL_MIRROR': 'http://127.0.0.1:1'})
        check(told.status == 69 and 'git' not in told.err and 'cache key' not in told.err, f'--kernel {version} names versions', told)


def traces(scratch):
    """A recorded schedule can be named by the result that it is of."""
    golden = os.path.join(os.path.dirname(__file__), '..', 'golden', 'starved_task.schedule.zst')
    shutil.copy(golden, scratch / 'kept.schedule.zst')
    for name, kept in (('failed', 'kept.schedule.zst'), ('passed', None)):
        with open(scratch / f'{name}.ktstr.json', 'w') as f:
            json.dump({'schedule_file': kept, 'schedule_lack': None}, f)
    shown = Run('trace', scratch / 'failed.ktstr.json')
    check(shown.status == 0 and shown.out == Run('trace', golden).out != '', 'trace RESULT shows the schedule beside it', shown)
    refused('trace of a result without one', 65, 'only a test that did not pass keeps it', 'trace', scratch / 'passed.ktstr.json')
    for name in ('failed', 'passed'):
        os.unlink(scratch / f'{name}.ktstr.json')


def usage():
    refused('no such command', 64, "unknown command 'tset', did you mean 'test'", 'tset')
    half = Run('kernel')
    check(half.status == 64 and half.out == '' and 'kernel clean' in half.err, 'half a command: 64 and the help of its family', half)
    check('kernel clean' in Run('kernel', '--help').out, 'help of commands that belong together')
    refused('the other half is wrong', 64, "unknown command 'kernel bild'; the commands of kernel are build, list or clean", 'kernel', 'bild')
    refused('no such option', 64, "unknown option '--kernle', did you mean '--kernel'", 'test', '--kernle', 'x')
    refused('option without value', 64, '--seed needs N', 'test', '--seed')
    refused('flag with value', 64, '--list takes no value', 'test', '--list=yes')
    refused('no number', 64, "--jobs: 'many' is not a valid number", 'test', '--jobs', 'many')
    refused('no seed', 64, "--seed: 'x' is not a valid number", 'test', '--seed', 'x', EXAMPLES)
    refused('operand too many', 64, "doctor takes no operand, and got 'x'", 'doctor', 'x')
    refused('no partition', 64, "--partition: 'count:4/3' is not a valid partition", 'test', '--partition', 'count:4/3', EXAMPLES)
    refused('retries and repeats', 64, '--retries and --repeat exclude each other', 'test', '--retries', '1', '--repeat', '2',
            EXAMPLES)
    refused('perf mode and none', 64, '--perf-mode and --no-perf-mode exclude each other', 'test', '--perf-mode', '--no-perf-mode',
            EXAMPLES)
    refused('perf mode and none by variable', 64, '--perf-mode and KTSTR_NO_PERF_MODE exclude each other', 'test', '--perf-mode',
            EXAMPLES, env={'KTSTR_NO_PERF_MODE': '1'})
    refused('perf mode without KVM', 69, '--perf-mode needs the kvm backend, and this is tcg', 'test', '--perf-mode', '--accel', 'tcg',
            '--dry-run', EXAMPLES)
    refused('too much dilation', 64, "--time-dilation: '33' is out of range, 1 to 32 are possible", 'test', '--time-dilation', '33', EXAMPLES)
    refused('dilation of counted time', 69, '--time-dilation needs the kvm backend: time on tcg is counted in instructions', 'test',
            '--time-dilation', '8', '--accel', 'tcg', '--dry-run', EXAMPLES)
    refused('a lag of a shared clock', 64, '--tcg-lag needs --tcg-time parallel', 'test', '--tcg-time', 'shared', '--tcg-lag', '1us', '--dry-run',
            EXAMPLES)
    for text in ('seed=', 'hold=5', 'one-in=0', 'pct:0', 'window:2s', 'at=task', 'then=5'):
        refused(f'the perturbation {text}', 64, f"'{text}' is not valid in a perturbation; valid is", 'test', '--perturb', text, '--dry-run',
                EXAMPLES)
    for text, said in (('x', "'x' is not a part of a perturbation"), ('seed=1,y=2', "'y=2' is not a part of a perturbation"),
                       ('random,pct:2', 'random, pct:D and window are policies; leave random out'),
                       ('seed=1,hold=1us,hold=2us', "a perturbation has 'hold' twice, the second time as 'hold=2us'")):
        refused(f'the perturbation {text}', 64, said, 'test', '--perturb', text, '--dry-run', EXAMPLES)
    refused('a perturbation of a shared clock', 69, 'only where each CPU has a clock of its own', 'test', '--tcg-time', 'shared',
            '--perturb', '1', '--accel', 'tcg', '--dry-run', EXAMPLES)
    refused('a perturbation that nobody makes', 64, '--perturb needs the monitor', 'test', '--perturb', '1', '--no-monitor', '--accel',
            'tcg', '--dry-run', EXAMPLES)
    refused('one schedule', 64, "--seeds: '1' is out of range", 'explore', '--seeds', '1', EXAMPLES)
    refused('more required than tried', 64, '--require 3 of --repeat 2 cannot pass', 'test', '--repeat', '2', '--require', '3',
            EXAMPLES)
    refused('thresholds of nothing', 64, 'show-thresholds needs the name of a test', 'show-thresholds')
    refused('thresholds of no test', 64, "no registered ktstr test named 'simple_crowed'. Did you mean `simple_crowd`?",
            'show-thresholds', 'simple_crowed', EXAMPLES)
    refused('thresholds of nothing like a test', 64, "named 'xyzzy_xyzzy_xyzzy'. Run 'ktstr test --list'", 'show-thresholds',
            'xyzzy_xyzzy_xyzzy', EXAMPLES)
    for args, says in SPELLINGS_ELSEWHERE:
        refused(' '.join(args), 64, says, *args)
    for args in ZEROS:
        refused(' '.join(args), 64, 'is out of range' if args[-1].endswith('0') else 'got an empty value', *args, EXAMPLES)
    spellings()
    check(Run().status == 64, 'no command at all: exits with 64')
    check(Run('--version').out.startswith('ktstr '), 'version on stdout')


def traced(path):
    """The states in a trace, in order, if every slice in it ends."""
    with open(path, encoding='utf-8') as f:
        events = json.load(f)
    phases = [event['ph'] for event in events]
    whole = phases.count('B') == phases.count('E')
    return [e['name'] for e in events if e['ph'] == 'B' and e['cat'] == 'state'] if whole else phases


def tests(scratch):
    refused('test path missing', 64, "test path '/no/where'", 'test', '--list', '/no/where')
    refused('test path without tests', 64, "no tests in '/etc'; link a program with libktstr", 'test', '--list', '/etc')
    refused('filter that does not parse', 64, "filter 'test(': ", 'test', '--list', '-E', 'test(', EXAMPLES)
    refused('filter that matches nothing', 64, 'no test matches nobody', 'test', '--list', '-E', 'nobody', EXAMPLES)
    dry = Run('test', '--dry-run', '--accel', 'tcg', EXAMPLES, env={'KTSTR_BUDGET_SECS': 'soon', 'KTSTR_SIDECAR_DIR': scratch.path})
    check(dry.status == 0 and "warning: KTSTR_BUDGET_SECS='soon' is not a positive number" in dry.err, 'no budget: a warning', dry)
    refused('backend that is none', 64, "'xen' is not a backend", 'test', '--accel', 'xen', EXAMPLES)
    refused('trace that cannot be made', 64, "open the trace '/no/where/t': No such file", 'test', '--list', '--trace',
            '/no/where/t', EXAMPLES)
    refused('trace on a full disk', 74, "write the trace '/dev/full': No space left", 'test', '--list', '--trace',
            '/dev/full', EXAMPLES)
    run = Run('test', '--list', '--trace', scratch / 'trace.json', EXAMPLES)
    check(run.status == 0 and traced(scratch / 'trace.json') == ['spawn', 'wait'], 'trace of a listing', run)
    kvm = next(f for f in json.loads(Run('doctor', '--json').out) if f['name'] == 'kvm')
    if kvm['health'] != 'ok':
        refused('backend kvm where there is none', 69, 'error: backend kvm: ' + kvm['state'][:20], 'test', '--accel', 'kvm',
                EXAMPLES)
    refused('unknown kernel', 69, "unknown kernel '9.99'", 'test', '--kernel', '9.99', EXAMPLES)
    refused('empty cache', 69, 'no kernel found; build one', 'test', EXAMPLES,
            env={'KTSTR_CACHE_DIR': scratch / 'empty'})
    refused('no home', 64, 'HOME is set to the empty string', 'kernel', 'list',
            env={'HOME': '', 'XDG_CACHE_HOME': '', 'KTSTR_CACHE_DIR': ''})


with open(os.path.join(os.path.dirname(__file__), '..', '..', 'include', 'ktstr', 'test.h')) as header:
    API = int(re.search(r'KTSTR_API_VERSION (\d+)', header.read()).group(1))


def binaries(scratch):
    """A test binary of another interface version, one that crashes, one whose list is invalid."""
    other = scratch / 'other'
    shutil.copy(EXAMPLES + '/examples', other)
    with open(other, 'r+b') as f:
        content = f.read()
        at = content.find(b'ktstr\0\0\0') + 8
        f.seek(at)
        f.write((99).to_bytes(4, 'little'))
    refused('test binary of another version', 65, f'was built for interface version 99, and this ktstr needs {API}', 'test', '--list',
            other)
    source = scratch / 'odd.c'
    note = ('const struct { unsigned n, d, t; char s[8]; unsigned v; } x __attribute__((used, section(".note.ktstr"), aligned(4)))'
            f' = {{ 6, 4, 1, "ktstr", {API} }};')
    for name, body, said in (('crashes', '__builtin_trap();', "--list' failed: killed by SIG"),
                             ('lies', 'puts("[1,2");', "list the tests of"),
                             ('fails', 'return 3;', "--list' failed: exit status 3"),
                             ('floods', 'static char b[1 << 16]; while (fwrite(b, 1, sizeof(b), stdout) == sizeof(b));',
                              "--list' prints 16 MiB or more")):
        with open(source, 'w') as f:
            f.write(f'#include <stdio.h>\n{note}\nint main(void) {{ {body} return 0; }}\n')
        subprocess.run(['gcc', '-o', scratch / name, source], check=True)
        refused(f'test binary that {name}', 65, said, 'test', '--list', scratch / name)


def kernels(scratch):
    cache = {'KTSTR_CACHE_DIR': scratch / 'cache'}
    refused('build of nothing, nobody to ask', 69, 'no kernel was named, and the list of releases could not be fetched',
            'kernel', 'build', env={**cache, 'KTSTR_KERNEL_MIRROR': 'http://127.0.0.1:1'})
    refused('build of a key', 64, "'some-key' is a cache key", 'kernel', 'build', 'some-key', env=cache)
    refused('git without ref', 64, '--git and --ref go together', 'kernel', 'build', '--git', 'x', env=cache)
    run = Run('kernel', 'clean', env=cache)
    check(run.status == 0 and 'nothing to clean' in run.err, 'an empty cache has nothing to clean', run)
    refused('tarball missing', 69, 'kernel path not found: ./linux.tar.xz', 'kernel', 'build', './linux.tar.xz', env=cache)
    with open(scratch / 'garbage.tar.xz', 'wb') as f:
        f.write(b'\xfd7zXZ\0' + b'garbage' * 100)
    refused('truncated tarball', 65, 'garbage.tar.xz', 'kernel', 'build', scratch / 'garbage.tar.xz', env=cache)
    with tarfile.open(scratch / 'novel.tar.gz', 'w:gz') as tar:
        tar.add(__file__, 'novel/chapter-one')
    refused('tarball that is no kernel', 65, 'has no top Makefile with a version', 'kernel', 'build', scratch / 'novel.tar.gz',
            env=cache)
    os.mkdir(scratch / 'tree')
    refused('tree that is no kernel', 65, 'no kernel source in', 'kernel', 'build', '--source', scratch / 'tree', env=cache)
    refused('image as kernel', 65, 'raw image files are not supported', 'test', '--kernel', '/bin/true', EXAMPLES)
    for cap, says in (('0', 'must be at least 1 CPU (got 0)'), ('x', "'x' is not a valid number")):
        refused(f'--cpu-cap {cap}', 64, says, 'kernel', 'build', '--cpu-cap', cap, scratch / 'novel.tar.gz', env=cache)
        refused(f'KTSTR_CPU_CAP={cap}', 64, says, 'kernel', 'build', scratch / 'novel.tar.gz', env={**cache, 'KTSTR_CPU_CAP': cap})
    refused('no timeout', 64, "KTSTR_CACHE_STORE_LOCK_TIMEOUT: 'soon' is not a valid duration", 'kernel', 'build', scratch / 'novel.tar.gz',
            env={**cache, 'KTSTR_CACHE_STORE_LOCK_TIMEOUT': 'soon'})
    refused('a cap and no locks', 64, 'resource contract', 'kernel', 'build', '--cpu-cap', '1', scratch / 'novel.tar.gz',
            env={**cache, 'KTSTR_BYPASS_LLC_LOCKS': '1'})
    refused('no lock directory', 69, 'set KTSTR_LOCK_DIR', 'kernel', 'build', scratch / 'novel.tar.gz',
            env={**cache, 'KTSTR_LOCK_DIR': scratch / 'nowhere'})
    refused('cap beyond the machine', 1, '--cpu-cap 100000 is more than', 'kernel', 'build', '--cpu-cap', '100000',
            scratch / 'novel.tar.gz', env=cache)
    bare = scratch / 'bin'
    os.mkdir(bare)
    for tool in ('sh', 'make', 'ld', 'objcopy', 'flex', 'bison', 'bc', 'lz4', 'gcc'):
        if shutil.which(tool):
            os.symlink(shutil.which(tool), os.path.join(bare, tool))
    refused('pahole missing', 69, "building a kernel needs 'pahole', which is not installed; install it (Debian: pahole)",
            'kernel', 'build', scratch / 'novel.tar.gz', env={**cache, 'PATH': bare})
    os.unlink(os.path.join(bare, 'gcc'))
    refused('compiler missing', 69, "needs 'gcc'", 'kernel', 'build', scratch / 'novel.tar.gz', env={**cache, 'PATH': bare})
    left = [f for f in os.listdir(scratch / 'cache') if f != '.locks'] if os.path.exists(scratch / 'cache') else []
    check(not left, 'the cache is as it was', left)


def fake_tree(path, makefile):
    os.makedirs(path)
    for name, text in (('Makefile', makefile), ('Kconfig', '')):
        with open(os.path.join(path, name), 'w') as f:
            f.write(text)


HEAD = 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 2\nEXTRAVERSION =\n'
STEPS = ('\nallnoconfig olddefconfig:\n\t@cp $(KCONFIG_ALLCONFIG) $(KCONFIG_CONFIG)\n'
         'mrproper:\n\t@rm -rf $(KCONFIG_CONFIG) vmlinux arch\n')


def builds(scratch):
    """Trees whose Makefile builds in no time: failures, success, and the entries in the cache."""
    cache = {'KTSTR_CACHE_DIR': scratch / 'kernels'}
    broken = scratch / 'broken'
    fake_tree(broken, HEAD + STEPS + 'vmlinux bzImage:\n\t@echo "x.c:1: error: no such thing" >&2; exit 1\n')
    refused('build that fails', 65, 'build of kernel 6.1.2 failed (exit status 2): x.c:1: error: no such thing', 'kernel', 'build',
            '--source', broken, env=cache)
    lossy = scratch / 'lossy'
    fake_tree(lossy, HEAD + '\nallnoconfig:\n\t@echo CONFIG_BPF=y > $(KCONFIG_CONFIG)\nvmlinux bzImage:\n\t@true\n')
    refused('options that got lost', 65, 'CONFIG_DEBUG_INFO_BTF not set (install pahole', 'kernel', 'build', '--source', lossy,
            env=cache)
    good = scratch / 'good'
    fake_tree(good, HEAD + STEPS + 'vmlinux bzImage:\n\t@mkdir -p arch/x86/boot; touch arch/x86/boot/bzImage; '
              'cp /bin/true vmlinux; echo "  CC x.o"\n')
    run = Run('kernel', 'build', '--source', good, env=cache)
    check(run.status == 0 and 'not cached: the tree is not a clean git checkout' in run.err, 'a plain tree is built in place', run)
    with tarfile.open(scratch / 'linux-6.1.2.tar.gz', 'w:gz') as tar:
        tar.add(good, 'linux-6.1.2')
    run = Run('kernel', 'build', '--json', '--trace', scratch / 'trace.json', scratch / 'linux-6.1.2.tar.gz', env=cache)
    states = [s for s in traced(scratch / 'trace.json') if s in ('unpack', 'configure', 'build', 'store')]
    # Consecutive states of the same kind count once.
    states = [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]]
    check(states == ['unpack', 'configure', 'build', 'store'], 'its trace has the steps', f'{states}\n{run}')
    check(run.status == 0 and '6.1.2-tarball-x86_64-kc' in run.out, 'a tarball is built and cached', run)
    again = Run('kernel', 'build', scratch / 'linux-6.1.2.tar.gz', env=cache)
    check(again.status == 0 and 'cached kernel found' in again.err, 'the second build is the first one', again)
    listed = Run('kernel', 'list', env=cache)
    check('6.1.2' in listed.out and listed.status == 0, 'it is listed', listed)
    git = scratch / 'git'
    shutil.copytree(good, git)
    for name in ('.config.ktstr', 'vmlinux', 'arch'):
        path = os.path.join(git, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    identity = ['-c', 'user.name=x', '-c', 'user.email=x@localhost']
    with open(os.path.join(git, '.gitignore'), 'w') as f:
        f.write('vmlinux\narch\n.config.ktstr\n')
    subprocess.run(['git', 'init', '-q', git], check=True)
    subprocess.run(['git', '-C', git, 'add', '-A'], check=True)
    subprocess.run(['git', '-C', git, *identity, 'commit', '-qm', 'x'], check=True)
    run = Run('kernel', 'build', '--json', '--source', git, env=cache)
    check(run.status == 0 and '"key":"local-' in run.out, 'a clean checkout is cached by its commit', run)
    left = [f for f in os.listdir(scratch / 'kernels') if f.startswith('.tmp')]
    check(not left, 'no work is left behind', left)


def ended(scratch):
    """A build that is interrupted, and one that is killed: no partial entry is left, and the next build works."""
    cache = {'KTSTR_CACHE_DIR': scratch / 'ended'}
    slow = scratch / 'slow'
    fake_tree(slow, HEAD + STEPS + 'vmlinux bzImage:\n\t@touch $(CURDIR)/../../../started; [ -e $(CURDIR)/../../../quick ] || sleep 60\n'
              '\t@mkdir -p arch/x86/boot; touch arch/x86/boot/bzImage; cp /bin/true vmlinux\n')
    with tarfile.open(scratch / 'linux-6.1.3.tar.gz', 'w:gz') as tar:
        tar.add(slow, 'linux-6.1.3')
    for sig, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        p = subprocess.Popen([KTSTR, 'kernel', 'build', scratch / 'linux-6.1.3.tar.gz'], env=dict(os.environ, **cache),
                             stderr=subprocess.PIPE)
        for _ in range(500):
            if os.path.exists(scratch / 'started') or p.poll() is not None:
                break
            time.sleep(0.02)
        p.send_signal(sig)
        _, err = p.communicate(timeout=30)
        check(p.returncode == status, f'{sig.name} in a build: exits with {status}', err)
        entries = [f for f in os.listdir(scratch / 'ended') if not f.startswith('.')]
        check(not entries, f'{sig.name} in a build: no entry', entries)
        if os.path.exists(scratch / 'started'):
            os.unlink(scratch / 'started')
    with open(scratch / 'quick', 'w'):
        pass
    run = Run('kernel', 'build', scratch / 'linux-6.1.3.tar.gz', env=cache)
    check(run.status == 0 and 'built in' in run.err, 'the build after them works', run)
    left = [f for f in os.listdir(scratch / 'ended') if f.startswith('.tmp')]
    check(not left, 'and has swept what the killed one left', left)


def full_disk(scratch):
    """A small file system as cache: the disk is full while unpacking and while storing."""
    mount = scratch / 'small'
    os.mkdir(mount)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount], capture_output=True).returncode != 0:
        skip('disk full at any file', 'a tmpfs cannot be mounted here')
        return
    try:
        refused('disk too small', 75, 'building a kernel needs about 4 GiB below', 'kernel', 'build',
                scratch / 'linux-6.1.2.tar.gz', env={'KTSTR_CACHE_DIR': mount + '/kernels'})
    finally:
        subprocess.run(['umount', mount], check=False)
    full_at_every_file(scratch, mount)


def full_at_every_file(scratch, mount):
    """The cache's file system is full at the n-th file, for every n up to success: unpacking, building, storing."""
    odd, ended = [], set()
    for inodes in range(3, 60):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size=5g,nr_inodes={inodes}', 'tmpfs', mount], check=True)
        try:
            run = Run('kernel', 'build', scratch / 'linux-6.1.2.tar.gz', env={'KTSTR_CACHE_DIR': mount + '/kernels'})
            errors = [line for line in run.err.splitlines() if line.startswith('error:')]
            # The unpacked files are removed in the background.
            deadline = time.monotonic() + 20
            while glob.glob(mount + '/kernels/.trash-*') and time.monotonic() < deadline:
                time.sleep(0.02)
            kept = [f for f in os.listdir(mount + '/kernels') if f != '.locks'] if os.path.exists(mount + '/kernels') else []
            # The exit status is 75 if ktstr meets the full disk, and 65 (failed build) if make does.
            fine = run.status == 0 if kept else run.status in (65, 75) and len(errors) == 1
            ended.add(run.status)
            if not fine or any(f.startswith('.tmp') for f in kept):
                odd.append((inodes, run.status, errors, kept))
            if run.status == 0:
                break
        finally:
            subprocess.run(['umount', mount], check=True)
    check(not odd, 'disk full at any file: one line, the right status, nothing half-made', odd)
    check({0, 75} <= ended, 'and with room enough it works', ended)


def doctor(scratch):
    run = Run('doctor', env={'PATH': scratch / 'bin', 'KTSTR_CACHE_DIR': scratch / 'cache'})
    check(run.status == 69 and 'missing  qemu' in run.out, 'doctor: 69 where the main job cannot run', run)
    row = [line for line in run.out.splitlines() if ' busybox ' in line]
    check(len(row) == 1 and row[0].lstrip().startswith('limited') and 'guests have no shell' in row[0] and 'busybox-static' in row[0],
          'doctor: what guests lack without busybox', row)
    check(Run('doctor', '--json').out.lstrip().startswith('['), 'doctor --json')


def main():
    with Scratch() as scratch:
        usage()
        traces(scratch)
        tests(scratch)
        binaries(scratch)
        kernels(scratch)
        builds(scratch)
        ended(scratch)
        full_disk(scratch)
        doctor(scratch)
    finish(at_least=70)


if __name__ == '__main__':
    os.environ.pop('KTSTR_KERNEL', None)
    main()
