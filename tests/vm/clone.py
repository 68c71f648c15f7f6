#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests that start from clones: they have the same verdicts as when they boot; one seed gives one stream, also from a
machine that was booted again, other seeds give others; and how two runs, damage and an interrupt change the cached
files."""
import glob
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from schema import stable  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

REPEATS = int(os.environ.get('KTSTR_REPEATS', '4'))
OTHERS = 3
TEST = 'test(=ktstr/simple_crowd)'
EXAMPLES = BUILD + '/tests/examples'
FIXTURES = BUILD + '/tests/fixtures'
BAD = ' | '.join(f'test(=ktstr/{name})' for name in ('bpf_error', 'kernel_panic', 'test_crash', 'failed_expectation'))


class Cache:
    """A cache of its own, with the kernels of the usual cache."""

    def __init__(self, scratch, name):
        base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
        self.home = scratch / name
        os.makedirs(self.home + '/ktstr')
        for part in ('kernels', 'images'):
            os.symlink(f'{base}/ktstr/{part}', f'{self.home}/ktstr/{part}')
        self.env = {'XDG_CACHE_HOME': self.home}

    def snapshots(self):
        return glob.glob(self.home + '/ktstr/snapshots/*.snapshot')


def sidecars(scratch, label):
    found = {}
    for path in scratch.sidecars(label):
        with open(path) as f:
            sidecar = json.load(f)
        found[sidecar['test_name']] = sidecar
    return found


def run(kernel, scratch, label, cache, expr, *args, paths=EXAMPLES):
    env = {**cache.env, 'KTSTR_SIDECAR_DIR': scratch / label}
    wanted = ('-E', expr) if expr else ()
    done = Run('test', '--kernel', kernel['key'], *wanted, *args, paths, env=env)
    return done, sidecars(scratch, label)


def one(kernel, scratch, label, cache, seed):
    done, found = run(kernel, scratch, label, cache, TEST, '--start', 'clone', '--seed', str(seed))
    if done.status or len(found) != 1:
        return None, str(done)
    sidecar = next(iter(found.values()))
    if sidecar['start'] != 'clone':
        return None, 'it was booted'
    return sidecar['guest']['event_digest'], json.dumps(stable(sidecar), sort_keys=True)


def check_determinism(kernel, scratch):
    load = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(os.cpu_count() or 1)]
    try:
        caches = [Cache(scratch, 'first'), Cache(scratch, 'second')]
        same = [one(kernel, scratch, f'same-{i}', caches[i % 2], 7) for i in range(REPEATS)]
        check(len({d for d, _ in same}) == 1 and same[0][0], f'{REPEATS} clones of two machines, one seed: one digest', same)
        check(len({s for _, s in same}) == 1, f'{REPEATS} clones, one seed: one sidecar, volatile keys apart')
        other = [one(kernel, scratch, f'seed-{i}', caches[i % 2], 100 + i) for i in range(OTHERS)]
        check(len({d for d, _ in other}) > 1 and all(d for d, _ in other), f'{OTHERS} seeds: other streams', other)
        for c in caches:
            check(len(c.snapshots()) == 1, 'one kernel and topology: one snapshot', c.snapshots())
    finally:
        for p in load:
            p.kill()
            p.wait()
    return caches[0]


def check_verdicts(kernel, scratch, cache):
    done, found = run(kernel, scratch, 'examples', cache, None, '--start', 'auto')
    check(done.status == 0 and len(found) > 5, 'the examples pass as clones', done)
    for name, s in sorted(found.items()):
        check(f" --start {s['start']} " in s['replay'], f"{name}: the replay line names its start, {s['start']}",
              s['replay'])
        shared = [n for n, other in found.items() if other['topology'] == s['topology']]
        check(len(shared) > 1 or s['start'] == 'boot', f'{name} boots if it shares its machine with nobody', s['start'])
    starts = [s['start'] for s in found.values()]
    check(starts.count('clone') > 5 and 'boot' in starts, 'most are clones, and some boot', starts)
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], FIXTURES], capture_output=True,
                           text=True)
    check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr)
    seen = {}
    for start in ('boot', 'clone'):
        done, found = run(kernel, scratch, 'bad-' + start, cache, BAD, '--start', start, paths=FIXTURES)
        check(done.status == 1 and {s['start'] for s in found.values()} == {start}, f'what misbehaves fails after a {start}', done)
        seen[start] = {name: (s['verdict'], [d['kind'] for d in s['details']][:1]) for name, s in found.items()}
    check(len(seen['boot']) == 4 and seen['boot'] == seen['clone'], 'the same verdicts, for the same reason', seen)


def check_damage(kernel, scratch, cache):
    first, why = one(kernel, scratch, 'sound', cache, 7)
    path = check(first, 'a snapshot is made', why) and cache.snapshots()[0]
    before = os.stat(path).st_ino
    with open(path, 'r+b') as f:
        f.seek(200)
        f.write(b'\xff\xff\xff\xff')
    digest, why = one(kernel, scratch, 'damaged', cache, 7)
    check(digest == first and os.stat(path).st_ino != before, 'a damaged snapshot is made anew', why)
    os.truncate(path, 1 << 20)
    again, why = one(kernel, scratch, 'cut', cache, 7)
    check(again == digest, 'and so is one that was cut short', why)


def start_run(kernel, scratch, label, cache):
    env = {**os.environ, **cache.env, 'KTSTR_SIDECAR_DIR': scratch / label}
    return subprocess.Popen([KTSTR, 'test', '--kernel', kernel['key'], '-E', TEST, '--start', 'clone', EXAMPLES], env=env,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_company(kernel, scratch):
    cache = Cache(scratch, 'shared')
    runs = [start_run(kernel, scratch, f'run-{i}', cache) for i in range(3)]
    check([p.wait() for p in runs] == [0, 0, 0], 'three runs at once that want one machine')
    check(len(cache.snapshots()) == 1, 'have one snapshot', cache.snapshots())
    for i in range(3):
        starts = {s['start'] for s in sidecars(scratch, f'run-{i}').values()}
        check(starts == {'clone'}, f'run {i} started from it', starts)


def check_interrupt(kernel, scratch):
    cache = Cache(scratch, 'interrupted')
    p = start_run(kernel, scratch, 'interrupted-run', cache)
    deadline = time.monotonic() + 60
    while not glob.glob(cache.home + '/ktstr/snapshots/*.lock') and time.monotonic() < deadline:
        time.sleep(0.02)
    p.send_signal(signal.SIGINT)
    check(p.wait() == 130, 'a run is interrupted while it boots what is to be cloned', p.returncode)
    left = [n for n in os.listdir(cache.home + '/ktstr/snapshots') if not n.endswith('.lock')]
    check(not left, 'and leaves no half of it', left)
    digest, why = one(kernel, scratch, 'after', cache, 7)
    check(digest, 'the next one makes it', why)


def main():
    kernel = need_kernel('clone')
    before = machines()
    done = Run('test', '--start', 'copy', EXAMPLES)
    check(done.status == 64 and "'copy' is not boot, clone or auto" in done.err, 'another word after --start is refused', done)
    with Scratch() as scratch:
        cache = check_determinism(kernel, scratch)
        check_verdicts(kernel, scratch, cache)
        check_damage(kernel, scratch, Cache(scratch, 'damage'))
        check_company(kernel, scratch)
        check_interrupt(kernel, scratch)
    check_nothing_left('clone', before)
    finish(at_least=20)


main()
