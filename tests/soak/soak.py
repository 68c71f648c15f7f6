#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A long test over many seeds. It takes hours; `make soak`.

    tests/soak/soak.py BUILD [--seeds N] [--seed FIRST] [--only PART] [--start boot|clone] [--executions N] [--images N]

Parts: `repeats`, one seed 20 times on a busy host, and all examples observed and not; `kernels`, the tests of real
guests on an old and the newest kernel, which are built first; `arm64`, guests of that architecture, whose kernel is
built first; `slurm`, a cluster of this machine, with faults; `veristat`, the kernel's own, beside `ktstr verifier`;
`sweep`, the BPF verifier on all preset topologies, with their machines and with constants only;
`defaults`, every work type with its default parameters under EEVDF and the kernel tree's own schedulers; `behaviour`,
the tests of work types and operations, `examples`, the suite to start from, `canned`, canned scenarios, `payloads`,
those of programs in guests, and `trust`, schedulers without known faults in many scenarios, each also on a kernel of
series 7 if one is in the cache; `scripts`, the tests that run many misbehaving and well-behaving guests and know each verdict;
`faults`, each known fault of a scheduler in its question of `ktstr try`; `starts`, the examples and behaviour
tests booted and cloned, whose verdicts must be equal; `stress`, an hour of a guest's time in which CPUs go offline
and online again; `wide`, guests with 64, 128 and 240 CPUs, which must place a worker on each of them and reach a
verdict; `compilers`, that the project builds without a warning with other compilers and more or less optimization;
`fuzz`, mutations of the kept corpora through every parser; `images`, dumps of crashed guests' memory that is
damaged each time in another way.
Exit status: 0 if nothing failed, 1 otherwise.
"""
import argparse
import collections
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('--seeds', type=int, default=20)
    p.add_argument('--seed', default='1')
    p.add_argument('--only', default='')
    p.add_argument('--start', default='boot', help='clone: sweeps take less time')
    p.add_argument('--executions', type=int, default=10_000_000, help='of all fuzz targets together')
    p.add_argument('--images', type=int, default=10_000, help='damaged images of memory')
    return p.parse_args()


ARGS = parse()
sys.argv = sys.argv[:1] + [ARGS.build]
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, cached_kernels, need_kernel  # noqa: E402

# Kernels beside the reference series, each with the series of its versions (empty: no schedulers, only the matrix).
KERNELS = (('distro:6.1', ''), ('distro:newest', '7'))
NEWEST_SERIES = '7'
# What depends on the kernel's sched_ext.
ON_EACH_KERNEL = ('misbehaviour', 'verdicts', 'attributes')
SCRIPTS = ON_EACH_KERNEL + ('defaults', 'canned')
NOT_OFFERED = 69

# What a kernel says when a clock, a CPU or a task stands still.
COMPLAINT = re.compile(r'.*(?:clocksource.*unstable|TSC.*unstable|soft lockup|hard LOCKUP|self-detected stall|detected stalls'
                       r'|blocked for more than|sched: RT throttling|WARNING:|BUG:|Oops).*')
STRESS_RUNS = 12    # of five minutes
WIDE = (64, 128, 240)
WIDE_START_S = 5    # of a guest's time, for 240 workers; 64 CPUs that were compared with each other for each worker took 1

# Skips because of the machine: these tests need something that is missing there.
MAY_SKIP = ('_missing',)


def say(text):
    print(text, flush=True)


def bad(event):
    name, verdict = event['name'], event['own_verdict']
    return verdict != 'pass' and not (verdict == 'skip' and name.endswith(MAY_SKIP))


def repeat(part, kernel, tests, wanted):
    """Runs every test once per seed; prints the lines of tests that did not pass."""
    argv = [KTSTR, 'test', '--kernel', kernel['key'], '--json', '--seed', ARGS.seed, '--start', ARGS.start, '-E', wanted, tests]
    argv += ['--repeat', str(ARGS.seeds)] if ARGS.seeds > 1 else []
    counts, odd, ended, began = collections.Counter(), [], False, time.monotonic()
    with tempfile.TemporaryDirectory(prefix='ktstr-soak-') as side:
        p = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=dict(os.environ, KTSTR_SIDECAR_DIR=side))
        for line in p.stdout:
            e = json.loads(line)
            ended = ended or e['event'] == 'run-finished'
            if e['event'] != 'test-finished':
                continue
            counts[e['own_verdict']] += 1
            if bad(e):
                odd.append(f"{e['name']}: {e['own_verdict']}, seed {e['seed']}: {e.get('own_cause')}")
                say('   ' + odd[-1])
        p.wait()
    say(f'{part}: {dict(counts)} in {(time.monotonic() - began) / 60:.0f} minutes')
    return odd if ended and counts['pass'] else odd + [f'{part}: the run did not end']


def defaults(kernel):
    return repeat('defaults', kernel, BUILD + '/tests/soak', 'test(/^ktstr.(eevdf|simple|qmap|central|flatcg)_/)')


# Tests that pass on every seed and kernel: the suite in BUILD/tests, and which of its tests. scx_flatcg has a race.
SWEEPS = {
    'behaviour': ('behaviour', 'test(behaviour_) | test(ops_)'),
    'examples': ('examples', 'all()'),
    'canned': ('behaviour', 'test(canned_)'),
    'payloads': ('payloads', 'test(/^ktstr.payload_/)'),
    'trust': ('trust', 'test(/^ktstr.good_/) & !test(/^ktstr.good_flatcg_/)'),
}


def sweep(name, kernel):
    suite, wanted = SWEEPS[name]
    newest = [k for k in cached_kernels(NEWEST_SERIES) if k.get('has_schedulers')][:1]
    return [fault for k in [kernel] + newest for fault in repeat(f"{name} on {k['version']}", k, f'{BUILD}/tests/{suite}', wanted)]


def faults(_):
    """Each known fault, over the seeds."""
    done = subprocess.run([sys.executable, os.path.join(HERE, '..', 'vm', 'faults.py'), BUILD, '--all', '--seeds', str(ARGS.seeds), '--seed',
                           str(int(ARGS.seed, 0))], text=True, stdout=subprocess.PIPE)
    missed = [line for line in done.stdout.splitlines() if re.search(r'\| (\d+) of (?!\1 )\d+ \|', line) and not line.startswith('| none ')]
    say(f"faults: {done.stdout.splitlines()[-1] if done.stdout else 'nothing was tried'}")
    return [f'faults: {line}' for line in missed] + ([f'faults: status {done.returncode}'] if done.returncode else [])


STARTS = ('boot', 'clone')
START_SUITES = (('examples', 'all()'), ('behaviour', 'test(behaviour_)'))
START_TESTS = 20


def verdicts(kernel, suite, wanted, seed, start):
    """{test: (verdict, kind of the first finding)} of one run."""
    with tempfile.TemporaryDirectory(prefix='ktstr-soak-') as side:
        subprocess.run([KTSTR, 'test', '--kernel', kernel['key'], '--accel', 'tcg', '--seed', str(seed), '--start', start, '-E', wanted,
                        f'{BUILD}/tests/{suite}'], env=dict(os.environ, KTSTR_SIDECAR_DIR=side), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        found = {}
        for path in glob.glob(side + '/*.ktstr.json'):
            with open(path) as f:
                s = json.load(f)
            if s['start'] == start:
                found[s['test_name']] = (s['verdict'], [d['kind'] for d in s['details'] if d['verdict'] == s['verdict']][:1])
        return found


def starts(kernel):
    """The same tests and seeds, booted and cloned."""
    odd, pairs, first = [], 0, int(ARGS.seed, 0)
    for seed in range(first, first + min(ARGS.seeds, 5)):
        tests = 0
        for suite, wanted in START_SUITES:
            boot, clone = (verdicts(kernel, suite, wanted, seed, start) for start in STARTS)
            for name in sorted(set(boot) & set(clone))[:START_TESTS - tests]:
                tests, pairs = tests + 1, pairs + 1
                if boot[name] != clone[name]:
                    odd.append(f'starts: {name}, seed {seed}: {boot[name]} booted, {clone[name]} cloned')
                    say('   ' + odd[-1])
            if tests == START_TESTS:
                break
        odd += [f'starts: seed {seed}: only {tests} tests ran in both ways'] if tests < START_TESTS else []
        say(f'   seed {seed}: {tests} tests')
    say(f'starts: {pairs} pairs, {len(odd)} differences')
    return odd


def stress(kernel):
    odd, began = [], time.monotonic()
    first = int(ARGS.seed, 0)
    for seed in range(first, first + min(STRESS_RUNS, ARGS.seeds)):
        with tempfile.TemporaryDirectory(prefix='ktstr-soak-') as side:
            done = subprocess.run([KTSTR, 'test', '--kernel', kernel['key'], '--accel', 'tcg', '--seed', str(seed), '--keep-logs',
                                   BUILD + '/tests/soak/stress'], env=dict(os.environ, KTSTR_SIDECAR_DIR=side), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            text = ''.join(open(path, errors='replace').read() for path in glob.glob(side + '/*.report.txt'))
        found = COMPLAINT.findall(text)
        if done.returncode != 0 or not text:
            odd.append(f'stress, seed {seed}: status {done.returncode}: {done.stdout[-2000:]}')
        odd += [f'stress, seed {seed}: {line}' for line in found]
        turns = re.findall(r'\d+ turns, \d+ failed', text)
        say(f'   seed {seed}: {turns[0] if turns else "?"}, {len(found)} complaints')
    say(f'stress: {len(odd)} faults in {(time.monotonic() - began) / 60:.0f} minutes')
    return odd


def start_seconds(sidecar):
    """Guest time until the workers of the first step run."""
    return next(p['start_ms'] for p in sidecar['phases'] if p['step_index'] == 0) / 1000


def wide(kernel):
    odd = []
    for cpus in WIDE:
        with tempfile.TemporaryDirectory(prefix='ktstr-soak-') as side:
            done = subprocess.run([KTSTR, 'test', '--kernel', kernel['key'], '--accel', 'tcg', '--seed', ARGS.seed, '-E',
                                   f'test(=ktstr/wide_{cpus})', BUILD + '/tests/soak/wide'], text=True,
                                  env=dict(os.environ, KTSTR_SIDECAR_DIR=side), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            found = [json.load(open(path)) for path in glob.glob(side + '/*.ktstr.json')]
        if done.returncode != 0 or len(found) != 1:
            odd.append(f'wide, {cpus} CPUs: status {done.returncode}: {done.stdout[-2000:]}')
            continue
        took = start_seconds(found[0])
        say(f"wide: {cpus} CPUs: workers start in {took:.3f} s of the guest; {found[0]['vm_cpu_us'] / 1e6:.0f} s of CPU time")
        if took > WIDE_START_S:
            odd.append(f'wide, {cpus} CPUs: workers start in {took:.3f} s of the guest')
    return odd


def tap_test(part, name, words=(), series=''):
    """A test program below tests/, on the kernel of @series; its failures."""
    env = dict(os.environ, **({'CHECK_KERNEL': series} if series else {}))
    done = subprocess.run([sys.executable, os.path.join(HERE, '..', name + '.py'), BUILD, *words], env=env, text=True,
                          stdout=subprocess.PIPE)
    lines = done.stdout.splitlines()
    bad_lines = [line for line in lines if line.startswith('not ok')]
    for line in lines:
        if line.startswith(('not ok', '#')) or '# SKIP' in line:
            say('   ' + line)
    good = sum(line.startswith('ok ') for line in lines)
    say(f"{part}: {name}{' on ' + series if series else ''}: {good} ok, {len(bad_lines)} not")
    if done.returncode != 0:
        bad_lines.append(f'status {done.returncode}')
    return [f'{name} {series}: {line}' for line in bad_lines]


def guest_test(name, series=''):
    return tap_test('kernels', 'vm/' + name, series=series)


def scripts(_):
    """Programs that know the verdict of each of their tests, with every seed."""
    odd, first = [], int(ARGS.seed, 0)
    for seed in range(first, first + ARGS.seeds):
        os.environ['CHECK_SEED'] = str(seed)
        for name in SCRIPTS:
            odd += [f'seed {seed}: {fault}' for fault in tap_test(f'seed {seed}', 'vm/' + name)]
    del os.environ['CHECK_SEED']
    return odd


def kernels(_):
    odd, there = [], []
    for kernel, series in KERNELS:
        code = subprocess.run([KTSTR, 'kernel', 'build', kernel, '--schedulers', '--selftests', '--cpu-cap', str(os.cpu_count() or 1)]).returncode
        if code == NOT_OFFERED:
            say(f'skipped  kernel build {kernel}, which no mirror offers here')
        elif code != 0:
            odd.append(f'kernel build {kernel}: status {code}')
        elif series:
            there.append(series)
    odd += guest_test('matrix')
    for series in there:
        for name in ON_EACH_KERNEL:
            odd += guest_test(name, series)
    return odd


def arm64(_):
    """All suites that are built for arm64 guests, and sysfs of every preset."""
    build = ['ktstr', 'kernel', 'build', 'distro', '--arch', 'aarch64', '--cpu-cap', str(os.cpu_count() or 1)]
    code = subprocess.run([KTSTR, *build[1:]]).returncode
    if code != 0:
        return [f'{" ".join(build)}: status {code}']
    os.environ['KTSTR_ARM64'] = 'full'
    return guest_test('arm64')


def veristat(_):
    return tap_test('veristat', 'soak/veristat')


def verifier_sweep(_):
    return tap_test('sweep', 'soak/sweep')


def slurm(_):
    """A cluster of this machine: all examples on two kernels, and faults."""
    return tap_test('slurm', 'slurm/slurm', ['--many']) + tap_test('slurm', 'slurm/faults')


# (CC, Meson's buildtype): what a distribution's package or a developer would use.
COMPILERS = (('gcc', 'release'), ('gcc', 'minsize'), ('gcc', 'debug'), ('clang', 'release'))


def compilers(_):
    odd, source = [], os.path.join(HERE, '..', '..')
    for cc, kind in COMPILERS:
        with tempfile.TemporaryDirectory(prefix='ktstr-soak-') as build:
            done = subprocess.run(f'CC={cc} meson setup --buildtype={kind} {build} && ninja -k 0 -C {build}', shell=True, cwd=source,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wrong = re.findall(r'.*(?:error: |warning: .*\[-W).*', done.stdout) or ([f'status {done.returncode}'] if done.returncode else [])
        say(f'compilers: {cc}, {kind}: {"no warning" if not wrong else wrong[0]}')
        odd += [f'compilers: {cc}, {kind}: {line}' for line in wrong]
    return odd


def repeats(_):
    os.environ.update(KTSTR_REPEATS='20', KTSTR_OBSERVER_ALL='1')
    return guest_test('determinism') + guest_test('observer')


def fuzz(_):
    sanitized = os.path.join(HERE, '..', '..', 'build-asan')    # the corpus as `make check` leaves it
    build = sanitized if os.path.isdir(sanitized + '/tests/fuzz') else BUILD
    targets = sorted(t for t in glob.glob(build + '/tests/fuzz/fuzz_*') if os.access(t, os.X_OK) and os.path.isfile(t))
    odd, began = [], time.monotonic()
    for target in targets:
        name = os.path.basename(target)
        corpus = os.path.join(HERE, '..', 'fuzz', 'corpus', name.removeprefix('fuzz_'))
        done = subprocess.run([target, corpus, str(-(-ARGS.executions // len(targets)))], capture_output=True, text=True)
        if done.returncode != 0:
            odd.append(f'{name}: status {done.returncode}: {done.stderr[-2000:]}')
            say('   ' + odd[-1])
    say(f'fuzz: {len(targets)} targets, {ARGS.executions} executions in {(time.monotonic() - began) / 60:.0f} minutes')
    return odd if targets else odd + ['fuzz: no target was built']


# Guests that crash: with a worker that starves, with BPF maps of every type.
CRASHES = ('stalled', 'patterns_crashed')


def damaged(kernel, test, scratch):
    """Crashes a guest, and takes dumps of its memory."""
    side = scratch / test
    os.mkdir(side)
    run = Run('test', '--kernel', kernel['key'], '--keep-memory', '-E', f'test(=ktstr/{test})', scratch.path,
              env={'KTSTR_SIDECAR_DIR': side})
    cores = glob.glob(side + '/*.vmcore')
    if not cores:
        return [f'images: {test}: the memory of the crashed guest is not kept: {run}']
    done = subprocess.run([os.path.join(BUILD, 'tests', 'mutate_core'), os.path.join(kernel['path'], 'vmlinux'), cores[0],
                           str(-(-ARGS.images // len(CRASHES))), ARGS.seed], capture_output=True, text=True)
    say(f'images: {test}: {done.stdout.strip()}')
    os.unlink(cores[0])
    return [f'images: {test}: status {done.returncode}: {done.stderr[-2000:]}'] if done.returncode != 0 else []


def images(kernel):
    with Scratch() as scratch:
        subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], scratch.path, 'scx_misbehave',
                        'scx_patterns'], check=True)
        shutil.copy(os.path.join(BUILD, 'tests', 'crash'), scratch.path)
        return [fault for test in CRASHES for fault in damaged(kernel, test, scratch)]


def main():
    without_kernel = {'repeats': repeats, 'kernels': kernels, 'arm64': arm64, 'slurm': slurm, 'veristat': veristat, 'sweep': verifier_sweep,
                      'scripts': scripts, 'faults': faults, 'compilers': compilers, 'fuzz': fuzz}
    parts = without_kernel | {'defaults': defaults, 'starts': starts, 'stress': stress, 'wide': wide, 'images': images}
    parts |= {name: functools.partial(sweep, name) for name in SWEEPS}
    odd = []
    for name, part in parts.items():
        if not ARGS.only or ARGS.only == name:
            odd += part(None if name in without_kernel else need_kernel('soak'))
    for line in odd:
        say('FAILED ' + line)
    sys.exit(1 if odd else 0)


main()
