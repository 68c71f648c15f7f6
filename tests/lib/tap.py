# SPDX-License-Identifier: GPL-2.0-only
"""tap.py -- shared by the Python tests: TAP on stdout, the program under test, and a check that it leaves nothing
behind."""
import ctypes
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import schema  # noqa: E402

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.abspath('build')
KTSTR = os.path.join(BUILD, 'ktstr')
SEED = os.environ.get('CHECK_SEED')    # of all tests that do not choose one
PR_SET_CHILD_SUBREAPER = 36
# These tests check seeds, digests and QEMU processes; the lab tests the kvm backend.
os.environ.setdefault('KTSTR_ACCEL', 'tcg')
_results = []


def check(ok, name, why=''):
    _results.append(bool(ok))
    print(('ok' if ok else 'not ok') + f' {len(_results)} - {name}')
    if not ok:
        for line in str(why).splitlines()[:40]:
            print(f'# {line}')
    sys.stdout.flush()
    return bool(ok)


def skip(name, why):
    _results.append(True)
    print(f'ok {len(_results)} - {name} # SKIP {why}')


def finish(at_least=1):
    """Ends the test. @at_least: the minimum number of checks, because a loop over found items may find none."""
    if len(_results) < at_least:
        check(False, f'at least {at_least} checks are made', f'only {len(_results)} were: what the test looks at was not there')
    print(f'1..{len(_results)}')
    sys.exit(0)


class Run:
    """One ktstr command: exit status, output, and the events of --json."""

    def __init__(self, *args, env=None, cwd=None, timeout=900, stdin=subprocess.DEVNULL):
        full = dict(os.environ, **(env or {}))
        if SEED and args[0] == 'test' and '--seed' not in args:
            args = ('test', '--seed', SEED, *args[1:])
        done = subprocess.run([KTSTR, *args], env=full, cwd=cwd, stdin=stdin, timeout=timeout, capture_output=True)
        self.status = done.returncode
        self.out = done.stdout.decode(errors='replace')
        self.err = done.stderr.decode(errors='replace')

    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{')]

    def __str__(self):
        return f'status {self.status}\n{self.out}{self.err}'


def check_sidecars(texts):
    """Every written sidecar follows the schema; @texts: {path: content}."""
    known = schema.load()
    faults = [f'{path}: {fault}' for path, text in sorted(texts.items()) for fault in schema.text_faults(text, known)]
    check(not faults, f'{len(texts)} sidecars follow docs/sidecar.schema.json', '\n'.join(faults))


class Scratch:
    """A temporary directory for sidecars and run directories. Sidecars must follow their schema."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='ktstr-test-')
        return self

    def __exit__(self, *exc):
        texts = {}
        for path in glob.glob(self.path + '/**/*.ktstr.json', recursive=True) if exc[0] is None else ():
            with open(path, encoding='utf-8', errors='replace') as f:
                texts[os.path.relpath(path, self.path)] = f.read()
        if texts:
            check_sidecars(texts)
        shutil.rmtree(self.path, ignore_errors=True)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def sidecars(self, name=''):
        return sorted(glob.glob(os.path.join(self.path, name, '*.ktstr.json')))


REFERENCE_SERIES = '6.12'


def in_series(version, series):
    return version == series or (version or '').startswith((series + '.', series + '-'))


def cached_kernels(series=None, arch=os.uname().machine):
    """The usable kernels in the cache, newest first, from `kernel list --json`; only of one series, if it is given, and
    of one architecture."""
    entries = json.loads(Run('kernel', 'list', '--json', '--offline').out)['entries']
    usable = [e for e in entries if not e.get('error_kind') and e['kconfig_status'] == 'matches' and e['arch'] == arch]
    return [e for e in usable if not series or in_series(e['version'], series)]


def cached_kernel(schedulers=True):
    """The newest kernel with schedulers, if possible of the series that the tests are written for. CHECK_KERNEL=7 means
    another series; only where @schedulers is false, one without sched_ext does."""
    chosen = os.environ.get('CHECK_KERNEL')
    for entry in cached_kernels(chosen) if chosen else cached_kernels(REFERENCE_SERIES) + cached_kernels():
        if entry.get('has_schedulers') or (chosen and not schedulers):
            return entry
    return None


def need_kernel(name, schedulers=True):
    kernel = cached_kernel(schedulers)
    if not kernel:
        chosen = os.environ.get('CHECK_KERNEL')
        skip(name, f"no kernel of series {chosen}{' with schedulers' if schedulers else ''} in the cache" if chosen else
             "no kernel with schedulers in the cache; run 'make kernel'")
        finish()
    return kernel


def is_ours(pid):
    """Whether this process or one of its descendants started it; orphans become this process's children
    (PR_SET_CHILD_SUBREAPER)."""
    while pid > 1 and pid != os.getpid():
        try:
            with open(f'/proc/{pid}/stat') as f:
                pid = int(f.read().rsplit(')', 1)[1].split()[1])
        except (OSError, IndexError):
            return False
    return pid == os.getpid()


def machines():
    """Pids of machines that this test started, through any process, also a dead one: call it once before. Not the QEMU
    that only shows whether parallel time is possible (vmm/qemu/preload.c), the one with a microvm."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    found = []
    for exe in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            with open(exe, 'rb') as f:
                line = f.read()
        except OSError:
            continue
        if line.startswith(b'qemu-system-') and b'microvm' not in line and is_ours(int(exe.split('/')[2])):
            found.append(int(exe.split('/')[2]))
    return found


def check_nothing_left(name, before):
    left = [pid for pid in machines() if pid not in before]
    check(not left, f'{name}: no machine is left', left)
