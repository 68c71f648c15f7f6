#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The runner's guarantees: a replay line repeats a failure exactly, each retry has its own seed, skips do not count as
passes."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from schema import stable  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

FIXTURES = BUILD + '/tests/fixtures'
EXAMPLES = BUILD + '/tests/examples'


def result(scratch, label):
    """The one sidecar of a run, or {}."""
    paths = scratch.sidecars(label)
    if len(paths) != 1:
        return {}
    with open(paths[0]) as f:
        return json.load(f)


def kinds(directory):
    """The part after NAME-VARIANT in the names of its files; the record of the run is none of them."""
    return [name.split('.', 1)[1] for name in sorted(os.listdir(directory)) if not name.startswith('.')]


def replayed(scratch, line, label, **env):
    """Runs a replay line in a shell, in the same directory; returns its exit status and its sidecar."""
    path = {'PATH': BUILD + ':' + os.environ['PATH'], 'KTSTR_SIDECAR_DIR': scratch / label}
    done = subprocess.run(['sh', '-c', line], env={**os.environ, **path, **env}, capture_output=True, text=True)
    return done.returncode, result(scratch, label), f'{line}\n{done.stdout}{done.stderr}'


def replay(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--json', '--seed', '5', '-E', 'test(=ktstr/failed_expectation)', FIXTURES,
              env={'KTSTR_SIDECAR_DIR': scratch / 'first'})
    event, first = run.events()[0], result(scratch, 'first')
    check(event['replay'].startswith('ktstr test ') and event['replay'] == first.get('replay'), 'a failure has a replay line', event)
    status, again, why = replayed(scratch, event['replay'], 'again')
    check(status == 1 and first and stable(again) == stable(first), 'the replay line repeats it, byte for byte', why)


def strictness(kernel, scratch):
    """Without --release in its replay line, this failure would be a pass."""
    args = ('test', '--kernel', kernel['key'], '-E', 'test(=ktstr/long_turns)', FIXTURES)
    env = {'KTSTR_SIDECAR_DIR': scratch / 'limits'}
    strict = Run(*args, '--release', '--keep-memory', env=env)
    first, kept = result(scratch, 'limits'), kinds(scratch / 'limits')
    limits = first.get('thresholds', {}).get('max_gap_ms')
    check(first.get('strictness') == 'release' and limits == {'value': 2000.0, 'origin': 'default'}, 'a sidecar has the limits', limits)
    lax = Run(*args, env=env)
    check((strict.status, lax.status) == (1, 0), 'a test fails by the strict limits alone', f'{strict}\n{lax}')
    left = kinds(scratch / 'limits')
    check(kept == ['failure-dump.json', 'ktstr.json', 'report.txt', 'schedule.zst', 'vmcore'] and left == ['ktstr.json'], 'a pass removes what a failure left', (kept, left))
    status, again, why = replayed(scratch, first.get('replay', 'false'), 'strict-again')
    check(status == 1 and stable(again) == stable(first), 'the replay of the failure fails, too', why)


def settings(kernel, scratch):
    """All other options and variables that can change the result, in one replay line."""
    name, binary = 'gauntlet/simple_crowd/4cpu-1llc-nosmt', kernel['path'] + '/sched_ext/bin/scx_simple'
    run = Run('test', '--kernel', kernel['key'], '--gauntlet', '--release', '--start', 'clone', '--cpu-cap', '1', '--seed', '9', '-E',
              f'test(={name})', EXAMPLES, env={'KTSTR_SIDECAR_DIR': scratch / 'settings', 'KTSTR_NO_PERF_MODE': '1',
                                               'KTSTR_SCHEDULER_BIN_SCX_SIMPLE': binary})
    first = result(scratch, 'settings')
    said = {key: first.get(key) for key in ('name', 'seed', 'strictness', 'performance', 'cpu_cap', 'resolve_source', 'start')}
    check(said == {'name': name, 'seed': '0x9', 'strictness': 'release', 'performance': 'none', 'cpu_cap': 1,
                   'resolve_source': 'environment', 'start': 'clone'}, 'the sidecar has all settings', f'{said}\n{run}')
    check(first.get('environment') == {'KTSTR_SCHEDULER_BIN_SCX_SIMPLE': binary}, 'and the environment', first.get('environment'))
    status, again, why = replayed(scratch, first.get('replay', 'false'), 'settings-again')
    check(status == run.status and first and stable(again) == stable(first), 'the replay line repeats them all', why)


def clocks(kernel, scratch):
    """Each way in which guests under TCG have time is another run of the test, and its replay line says which."""
    args, digests = ('test', '--kernel', kernel['key'], '--accel', 'tcg', '--seed', '5', '-E', 'test(=ktstr/failed_crowd)', FIXTURES), set()
    for label, words in (('usual', ()), ('shared', ('--tcg-time', 'shared')), ('close', ('--tcg-lag', '500ns'))):
        Run(*args, *words, env={'KTSTR_SIDECAR_DIR': scratch / label})
        first = result(scratch, label)
        status, again, why = replayed(scratch, first.get('replay', 'true'), label + '-again')
        check(status == 1 and ' '.join(words) in first['replay'] and stable(again) == stable(first), f'the replay line of a run in {label} time', why)
        digests.add(first['guest']['event_digest'])
    check(len(digests) == 3, 'they are three different runs', digests)


def second_kernel(kernel, scratch):
    """A cache with two kernels: the existing one, and the same under another version."""
    cache = scratch / 'cache'
    key = kernel['key'].replace(kernel['version'], '6.12.999')
    for name in (kernel['key'], key):
        os.makedirs(f'{cache}/{name}')
        for entry in os.listdir(kernel['path']):
            if entry != 'metadata.json':
                os.symlink(f"{kernel['path']}/{entry}", f'{cache}/{name}/{entry}')
        with open(kernel['path'] + '/metadata.json') as f:
            text = f.read()
        with open(f'{cache}/{name}/metadata.json', 'w') as f:
            f.write(text.replace(kernel['version'], '6.12.999') if name == key else text)
    return cache, key


def two_kernels(kernel, scratch):
    """Without a machine: an impossible topology is a Skip, and a Skip has a sidecar."""
    cache, key = second_kernel(kernel, scratch)
    env = {'KTSTR_SIDECAR_DIR': scratch / 'two', 'KTSTR_CACHE_DIR': cache}
    run = Run('test', '--kernel', kernel['key'], '--kernel', key, '-E', 'test(too_many)', FIXTURES, env=env)
    found = [json.load(open(path)) for path in scratch.sidecars('two')]
    check(run.status == 0 and {s['kernel'] for s in found} == {kernel['key'], key}, 'one directory keeps the results of two kernels',
          f"{[s['kernel'] for s in found]}\n{run}")
    check(len({s['variant'] for s in found}) == 2 == len({s['name'] for s in found}), 'as two variants', [s['name'] for s in found])
    for s in found:
        status, again, why = replayed(scratch, s['replay'], 'two-' + s['kernel'], KTSTR_CACHE_DIR=cache)
        check(status == 0 and again.get('kernel') == s['kernel'] and again.get('variant') == s['variant'],
              f"the replay line of {s['name']} finds it where there is one kernel", why)


def outside_git(kernel, scratch):
    """Two suites, one directory: neither removes the other's files; a report is removed with its result."""
    where = scratch / 'nowhere'
    os.mkdir(where)
    env = {'KTSTR_RUNS_ROOT': 'runs', 'KTSTR_SIDECAR_DIR': '', 'GIT_CEILING_DIRECTORIES': scratch.path}
    for name in ('one', 'two', 'one'):
        suite = f'{where}/{name}'
        shutil.copy(FIXTURES + '/misbehaving', suite)
        run = Run('test', '--kernel', kernel['key'], '--keep-logs', '-E', 'test(too_many)', suite, env=env, cwd=where)
        check(run.status == 0 and 'note: no git commit here; results go to ' in run.err, f'{name} is run outside git, with a note', run)
    left = kinds(f"{where}/runs/{kernel['version']}-unknown")
    check(left == ['ktstr.json', 'report.txt'] * 2, 'the results of both are there, once each', left)


def retries(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--json', '--retries', '1', '-E', 'test(=ktstr/failed_expectation)', FIXTURES,
              env={'KTSTR_SIDECAR_DIR': scratch / 'retries'})
    tests = [e for e in run.events() if e['event'] == 'test-finished']
    check([e['attempt'] for e in tests] == [1, 2], 'a retry is an attempt of its own', tests)
    check(len({e['seed'] for e in tests}) == 2, 'with a seed of its own', tests)
    last = run.events()[-1]
    check(run.status == 1 and last['failed'] == 1 and last['total'] == 1, 'and one result', last)


def kernels(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--kernel', kernel['version'], '--json', '-j', '2', '-E',
              'test(eevdf_custom)', EXAMPLES, env={'KTSTR_SIDECAR_DIR': scratch / 'kernels'})
    names = [e['name'] for e in run.events() if e['event'] == 'test-finished']
    check(run.status == 0 and names == ['ktstr/eevdf_custom_work'], 'one kernel by two names is one kernel', run)


def skips(kernel, scratch):
    args = ('test', '--kernel', kernel['key'], '-E', 'test(too_many)', FIXTURES)
    run = Run(*args, env={'KTSTR_SIDECAR_DIR': scratch / 'skip'})
    check(run.status == 0 and 'SKIP  ktstr/too_many_cpus' in run.out, 'a skip exits with 0', run)
    strict = Run(*args, env={'KTSTR_SIDECAR_DIR': scratch / 'skip', 'KTSTR_NO_SKIP_MODE': ''})
    check(strict.status == 1 and ' 1 failed, 0 skipped' in strict.out and 'KTSTR_NO_SKIP_MODE does not allow: ' in strict.out,
          'where skips are not accepted it is counted and reported as a failure, with its reason', strict)
    status, again, why = replayed(scratch, result(scratch, 'skip').get('replay', 'true'), 'skip-again')
    check(status == 1 and again.get('skips_fail') is True, 'and by its replay line, too', why)


def variables(kernel, scratch):
    """Those that no option has."""
    env = {'KTSTR_SIDECAR_DIR': scratch / 'variables', 'KTSTR_LOG_PASSES': '1'}
    quiet, loud = (Run('test', '--kernel', kernel['key'], '-E', 'test(=ktstr/simple_crowd)', EXAMPLES, env={**env, **more})
                   for more in ({}, {'KTSTR_BACKTRACE': '1'}))
    said = 'sched_ext: BPF scheduler'
    check(quiet.status == loud.status == 0 and said not in quiet.out and said in loud.out, 'KTSTR_BACKTRACE: messages of the kernel', loud)
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(=ktstr/simple_crowd)', EXAMPLES, env={**env, 'KTSTR_PERF_ONLY': '1'})
    check(run.status == 0 and ' 1 skipped' in run.out and 'KTSTR_PERF_ONLY runs no others' in run.out,
          'KTSTR_PERF_ONLY: the others are skipped, with the reason', run)


def main():
    kernel = need_kernel('runner')
    before = machines()
    with Scratch() as scratch:
        replay(kernel, scratch)
        strictness(kernel, scratch)
        settings(kernel, scratch)
        clocks(kernel, scratch)
        two_kernels(kernel, scratch)
        outside_git(kernel, scratch)
        retries(kernel, scratch)
        kernels(kernel, scratch)
        skips(kernel, scratch)
        variables(kernel, scratch)
    check_nothing_left('runner', before)
    finish()


main()
