#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The effects of the attributes of tests and schedulers, in results and exit statuses."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
BINARY = BUILD + '/tests/attributes/attributes'


class Results:
    """One run of the tests that @expr selects: its events and its sidecars, by test."""

    def __init__(self, kernel, scratch, expr, *args, env=None, cwd=None):
        where = scratch / f'results-{len(os.listdir(scratch.path))}'
        self.run = Run('test', '--kernel', kernel['key'], '--json', '-E', expr, *args, BINARY, env={'KTSTR_SIDECAR_DIR': where, **(env or {})}, cwd=cwd)
        self.events = {e['name'].split('/')[1]: e for e in self.run.events() if e['event'] == 'test-finished'}
        self.sum = self.run.events()[-1] if self.run.events() else {}
        self.sidecar = {}
        for path in scratch.sidecars(where):
            with open(path) as f:
                kept = json.load(f)
            self.sidecar[kept['test_name']] = kept

    def known(self, name):
        e, kept = self.events.get(name, {}), self.sidecar.get(name, {})
        return e.get('verdict'), (e.get('known_fail') or {}).get('outcome'), kept.get('known_fail') == e.get('known_fail')


def known_failures(kernel, scratch):
    r = Results(kernel, scratch, 'test(known_fails) | test(now_and_then)', '--retries', '2')
    check(r.known('known_fails') == ('fail', 'xfail', True), 'a known failure is XFAIL', r.run)
    check(r.sidecar['known_fails']['known_fail']['reason'] == 'broken', 'the entry for this kernel and scheduler applies', r.run)
    check(r.known('known_passes_now_and_then') == ('pass', 'xpass', True), 'a pass in its place is XPASS', r.run)
    sums = {key: r.sum.get(key) for key in ('total', 'passed', 'failed', 'xfailed', 'xpassed')}
    check(sums == {'total': 2, 'passed': 0, 'failed': 0, 'xfailed': 1, 'xpassed': 1}, 'both have counts of their own', sums)
    check(r.run.status == 0 and 'it is broken' not in r.run.err, 'neither counts where the failure is flaky, nor is it retried', r.run)
    r = Results(kernel, scratch, 'test(=ktstr/known_passes)')
    check(r.run.status == 1 and r.known('known_passes') == ('pass', 'xpass', True), 'a pass that was not to be expected is exit status 1', r.run)


def builds(kernel, scratch):
    """Schedulers are built once, before the runner looks for their programs."""
    where = scratch / 'builds'
    os.mkdir(where)
    env = {'KTSTR_SIDECAR_DIR': scratch / 'builds-results', 'SIMPLE': kernel['path'] + '/sched_ext/bin/scx_simple'}
    chosen = 'test(=ktstr/build_works) | test(=ktstr/build_fails)'
    args = ('test', '--kernel', kernel['key'], BINARY, '-E')
    run = Run(*args, chosen + ' | test(=ktstr/not_found)', '--profile', 'debug', env=env, cwd=where)
    with open(where + '/profile') as f:
        profile = f.read()
    check('PASS  ktstr/build_works' in run.out and profile == 'debug\n', 'a scheduler is built once, with the profile', f'{profile}{run}')
    check(run.status == 1 and "scheduler 'not_built' could not be built: 'echo no compiler >&2; exit 3' ended with status 3" in run.out and
          'no compiler' in run.err, 'a build that fails is the error of its tests', run)
    check(re.search(r"^ktstr_test 'not_found' .*\n  \S*attributes\.c:\d+: scheduler 'scx_not_there' not found in ", run.out, re.M) and
          '3 tests: 1 passed, 2 failed' in run.out, 'a scheduler that is not found is the error of its tests; the others run', run)
    source = {}
    for path in scratch.sidecars('builds-results'):
        with open(path) as f:
            kept = json.load(f)
        source[kept['test_name']] = kept['resolve_source']
    check(source == {'build_works': 'auto_built', 'build_fails': None, 'not_found': None}, 'the sidecar says that it was built', source)
    stale = Run(*args, chosen, env={**env, 'KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK': '1'}, cwd=where)
    check(stale.status == 0 and 'PASS  ktstr/build_fails' in stale.out, 'unless the program that is there will do', stale)


def host_only(kernel, scratch):
    """A test without a machine, judged, kept and reported in the same way."""
    r = Results(kernel, scratch, 'test(on_the_host)', '--gauntlet', '--keep-logs', '--seed', '7', env={'KTSTR_TEST_ON_HOST': '1'})
    verdicts = {name: (e['verdict'], r.sidecar.get(name, {}).get('start')) for name, e in r.events.items()}
    check(verdicts == {'on_the_host': ('pass', 'host'), 'fails_on_the_host': ('fail', 'host'), 'dies_on_the_host': ('fail', 'host')},
          'a host_only test runs once, on the host', f'{verdicts}\n{r.run}')
    causes = [r.events.get(n, {}).get('cause') or '' for n in ('fails_on_the_host', 'dies_on_the_host')]
    check(causes[0] == 'what it finds is kept' and 'SIGSEGV' in causes[1] and r.run.status == 1, 'and is judged like others', causes)
    check(r.run.out.count('test-finished') == 3, 'never on a preset', r.run)


def described_nodes(kernel, scratch):
    """The body compares sysfs with the declaration; the engine runs a load on a node without CPUs."""
    r = Results(kernel, scratch, 'test(described_nodes)')
    check(r.run.status == 0, 'nodes that are described one by one are in the guest', r.run)
    kept = r.sidecar.get('described_nodes', {})
    check(kept.get('topology') == '3n3l1c1t' and kept['guest']['memory_mib'] == 768 and
          [c['node'] for c in kept['guest']['cpus']] == [0, 0, 1], 'and in the sidecar', kept.get('guest'))
    check(kept.get('numa') == {'nodes': [{'llcs': 2, 'memory_mib': 384}, {'llcs': 1, 'memory_mib': 256}, {'llcs': 0, 'memory_mib': 128}],
                               'distances': [[10, 15, 30], [15, 10, 40], [30, 40, 10]]}, 'with what was declared', kept.get('numa'))


def plusplus(kernel, scratch):
    """A suite in C++ runs like any other."""
    program = scratch / 'plusplus'
    built = subprocess.run(['g++', '-std=c++17', '-I' + os.path.join(ROOT, 'include'), os.path.join(ROOT, 'tests/attributes/plusplus.cc'),
                            BUILD + '/libktstr.a', '-lm', '-o', program], capture_output=True, text=True)
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(everything)', program, env={'KTSTR_SIDECAR_DIR': scratch / 'plusplus-results'})
    check(built.returncode == 0 and run.status == 0 and 'PASS  ktstr/everything' in run.out, 'a suite in C++ runs', f'{built.stderr}\n{run}')


def ignored_tests(kernel, scratch):
    """Tests that are ignored run when they are asked for."""
    args = ('test', '--kernel', kernel['key'], '-E')
    env = {'KTSTR_SIDECAR_DIR': scratch / 'ignored-results'}
    both = 'test(/demo_of_nothing|ignored/) | test(=ktstr/on_the_host)'
    run = Run(*args, both, '--seed', '7', BINARY, env={**env, 'KTSTR_TEST_ON_HOST': '1'})
    check(run.status == 0 and '1 passed' in run.out and "2 tests are ignored; '--run-ignored all' runs them too" in run.err,
          'ignored tests are left out, with a word', run)
    run = Run(*args, both, '--run-ignored', 'only', BINARY, env=env)
    check(run.status == 0 and '2 passed' in run.out and 'on_the_host' not in run.out, 'or run alone', run)
    run = Run(*args, 'test(=ktstr/demo_of_nothing)', BINARY, env=env)
    check(run.status == 0 and '1 passed' in run.out, 'or run by their names', run)
    run = Run(*args, 'test(~demo_of_nothing)', BINARY, env=env)
    check(run.status == 64 and "all tests that match are ignored (1); run them with '--run-ignored all'" in run.err,
          'a run of nothing but ignored tests says so', run)
    run = Run('test', '--list', '-E', both, BINARY)
    check(run.out.count('(ignored)') == 2 and run.out.count('ktstr/') == 3, 'the list marks them', run)


def control_groups(kernel, scratch):
    """The body compares /proc/PID/cgroup with the declaration."""
    r = Results(kernel, scratch, 'test(=ktstr/below_a_root)')
    kept = r.sidecar.get('below_a_root', {})
    check(r.run.status == 0, 'cgroups are made below the declared one, with controllers', r.run)
    said = {key: kept.get(key) for key in ('workload_root_cgroup', 'cpu_budget')}
    check(said == {'workload_root_cgroup': '/outer/inner', 'cpu_budget': 1}, 'and the sidecar says where', said)
    took = kept.get('cleanup_duration_ms')
    check(kept.get('expectations', {}).get('cleanup_budget_ms') == 60000 and isinstance(took, int) and took < 60000,
          'the machine ended within its budget', f'{took} ms')


CONFIGURED = """#!/bin/sh
[ "$1" = --config ] && [ "$3" = -v ] && [ "$(head -n1 "$2")" = 'slice = 5' ] || { echo "wrong: $*" >&2; exit 9; }
exec /include-files/scx_simple
"""


def configurations(kernel, scratch):
    """The scheduler is a script that looks at its arguments and its configuration before it attaches."""
    where = scratch / 'configured'
    os.mkdir(where)
    with open(where + '/configured', 'w') as f:
        f.write(CONFIGURED)
    os.chmod(where + '/configured', 0o755)
    with open(where + '/simple.conf', 'w') as f:
        f.write('slice = 5\n')
    os.symlink(kernel['path'] + '/sched_ext/bin/scx_simple', where + '/scx_simple')
    r = Results(kernel, scratch, 'test(/configured_by_/)', cwd=where)
    verdicts = {name: e['verdict'] for name, e in r.events.items()}
    check(verdicts == {'configured_by_file': 'pass', 'configured_by_test': 'pass'}, 'a scheduler gets its configuration', f'{verdicts}\n{r.run}')
    kept = {name: (s['scheduler_config'], s['workload_root_cgroup'], s['expectations']['survives_storm']) for name, s in r.sidecar.items()}
    check(kept == {'configured_by_file': (None, '/cells', True), 'configured_by_test': ("slice = 5\nname = 'é'\n", None, False)},
          'and the sidecar has it', kept)


def builtin_schedulers(kernel, scratch):
    """The body reads the file that PID 1 writes."""
    r = Results(kernel, scratch, 'test(/built_in/)')
    verdicts = {name: e['verdict'] for name, e in r.events.items()}
    check(verdicts == {'built_in': 'pass', 'not_built_in': 'fail'}, 'a scheduler of the kernel is switched on and off', f'{verdicts}\n{r.run}')
    cause = r.events.get('not_built_in', {}).get('cause') or ''
    check("scheduler 'of_no_kernel' could not be enabled (kernel_builtin_enable): 'echo 1 > /proc/sys/kernel/no_such_scheduler': No such file" in cause,
          'what cannot be written is the cause', cause)
    sources = {name: s['resolve_source'] for name, s in r.sidecar.items()}
    check(sources == {'built_in': 'kernel_builtin', 'not_built_in': 'kernel_builtin'}, 'it has no program', sources)


def monitored(kernel, scratch):
    """Six workers on one of two CPUs: the monitor sees an imbalance, which fails a test only if it says so."""
    r = Results(kernel, scratch, 'test(/crowd_is_|watchdog_of_/)')
    verdicts = {name: e['verdict'] for name, e in r.events.items()}
    check(verdicts == {'crowd_is_recorded': 'pass', 'crowd_is_enforced': 'fail', 'crowd_is_allowed': 'pass', 'watchdog_of_two_seconds': 'pass'},
          'a broken limit of the monitor fails a test that enforces it', f'{verdicts}\n{r.run}')
    said = {name: (s['monitor'] or {}).get('verdict') for name, s in r.sidecar.items()}
    check(said == {'crowd_is_recorded': 'failed', 'crowd_is_enforced': 'failed', 'crowd_is_allowed': 'ok', 'watchdog_of_two_seconds': None},
          'and is recorded in any case', said)
    violations = {name: (s['monitor'] or {}).get('violations') or [''] for name, s in r.sidecar.items()}
    message = r'imbalance ratio \d+\.\d exceeded threshold 4\.0 for \d+ consecutive samples \(ending at sample \d+\)$'
    check(re.match(message, violations['crowd_is_recorded'][0]), 'with a line that says what was broken', violations)
    cause = r.events.get('crowd_is_enforced', {}).get('cause') or ''
    # The two tests are runs of their own: the imbalance of one may be another than that of the other.
    check(cause == 'passed scenario but monitor failed: ' + violations['crowd_is_enforced'][0],
          'with the same words', f'{violations} {cause}')
    check('--- monitor ---' in r.run.err and 'verdict: monitor FAILED: 1 violation\n' in r.run.err and
          re.search(r'--- timeline ---\n  kernel: .*\n  BASELINE .*\n(.*\n)+?  Phase 1: crowd \(\d+ms, \d+ samples\):\n', r.run.err),
          'the report of the failure has what the monitor saw', r.run)
    phases = r.sidecar.get('crowd_is_enforced', {}).get('phases') or []
    check([p['label'] for p in phases] == ['BASELINE', 'crowd'] and phases[1]['sample_count'] >= 8 and
          phases[1]['avg_imbalance_ratio'] > 4 and phases[1]['iteration_rate'] > 0, 'so have the phases in the sidecar', phases)
    told = r.sidecar.get('watchdog_of_two_seconds', {})
    check(told.get('expectations', {}).get('watchdog_timeout_s') == 2 and told.get('not_judged') == [],
          'the kernel gets the watchdog\'s time of the test', told)


def main():
    kernel = need_kernel('attributes')
    before = machines()
    with Scratch() as scratch:
        os.chdir(scratch.path)  # a scheduler's build command writes files where ktstr runs
        known_failures(kernel, scratch)
        builds(kernel, scratch)
        host_only(kernel, scratch)
        described_nodes(kernel, scratch)
        ignored_tests(kernel, scratch)
        control_groups(kernel, scratch)
        configurations(kernel, scratch)
        builtin_schedulers(kernel, scratch)
        monitored(kernel, scratch)
        plusplus(kernel, scratch)
    check_nothing_left('attributes', before)
    finish()


main()
