#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every misbehaviour of the fixtures is detected, with the right verdict and a first line that names the cause.
KTSTR_BLESS=1 writes the table in docs/MISBEHAVIOUR.md; without it the table must match the results. The table has the
words of the kernel that the tests are written for, with their usual seed; CHECK_KERNEL=7 runs the tests on another
series, and CHECK_SEED=2 with another seed, without the table.
"""
import copy
import glob
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import perfetto  # noqa: E402
import schema  # noqa: E402
from forgotten import forgotten  # noqa: E402
from tap import (BUILD, REFERENCE_SERIES, SEED, Run, Scratch, check, check_nothing_left, finish, in_series,  # noqa: E402
                 machines, need_kernel, skip)

DUMP_SCHEMA = os.path.join(HERE, '..', '..', 'docs', 'dump.schema.json')
TABLE = os.path.join(HERE, '..', '..', 'docs', 'MISBEHAVIOUR.md')

# test, its misbehaviour, verdict, expected text in the cause
CASES = [
    ('control', 'the same scheduler, behaving', 'pass', ''),
    ('starved_task', 'one worker is never run', 'fail', r'starved \(0 work units\)|did not run for \d+ ms'),
    ('stalled_cpu', 'one CPU stops taking tasks', 'fail',
     r'did not run for \d+ ms, from .* to the end of the test, on cpu1|starved \(0 work units\), it was never run'),
    ('unfair_shares', 'one worker is charged a thirtieth of its time', 'fail', r'unfair cgroup .*spread='),
    ('unfair_crowd', 'the same among seven workers on two CPUs', 'fail', r'unfair cgroup .*spread='),
    ('bpf_error', 'scx_bpf_error() after 0.7 s', 'fail', r'disabled by the kernel 0\.[789]s .*misbehaving as asked'),
    ('expected_repro', "the scheduler's end is expected, and a second run shows it again", 'pass', ''),
    ('failed_verification', 'a program the verifier refuses', 'fail',
     r'verifier rejected it: (R\d invalid mem access|Register Type Safety: Invalid dereference: R\d may be NULL)'),
    ('exit_before_attach', 'its process exits at load', 'fail', r'exited at load with status 3: misbehaving as asked'),
    ('no_attach', 'its process never attaches', 'fail', r'never attached in 2 s of guest time'),
    ('scheduler_crash', 'its process crashes', 'fail', r'scheduler process died .*SIGSEGV'),
    ('long_turns', 'turns of 2.4 s, which only the strict limits do not allow', 'pass', ''),
    ('late_burst', 'a sleeper runs 4 s after it was woken', 'fail', r'was ready to run, but did not run, for \d+ ms'),
    ('late_timer', 'the same, one that sleeps to absolute times', 'fail', r'was ready to run, but did not run, for \d+ ms'),
    ('late_pipe', 'the same, one that waits for its partner', 'fail', r'was ready to run, but did not run, for \d+ ms'),
    ('idle_cpus', 'all workers run on one CPU of four', 'fail',
     r'cpu\d was idle for \d+ ms, .*, while at every moment some worker waited that may run there'),
    ('delayed_wakeups', 'each wake-up takes 8 ms', 'fail',
     r'waited after half of its \d+ wake-ups for [\d.]+ ms or longer, .* while a CPU where it may run was idle'),
    ('weights_ignored', 'cgroups with cpu.weight 1000 and 10 get the same', 'fail',
     r"cgroup 'heavy' got [\d.]+ % of the CPU time .* by its cpu.weight it should get 9\d\.\d %, without it at most 50.0 %"),
    ('hung_task', "RCU's thread is never run", 'fail', r'hung task: INFO: task|rcu_preempt\[\d+\] failed to run'),
    ('scheduler_aborts_at_stop', 'its process aborts when it is told to stop', 'fail',
     r"scheduler process died: 'abort_at_stop' \(pid [1-9]\d*\) was killed by SIGABRT when it was told to stop"),
    ('sysctl_unknown', 'it declares a sysctl that does not exist', 'fail',
     r'sysctls could not be set, so the test did not begin: sysctl kernel\.sched_no_such_thing=1: this kernel has no such'),
    ('child_forgotten', 'a process that a worker made is never run', 'fail',
     r"cgroup 'forks' \(ForkExit\): tid \d+, which is not a worker, was ready to run, but did not run, for \d+ ms"),
    ('expected_end', "the scheduler's end is expected, and comes", 'pass', ''),
    ('expected_starvation', 'starvation is expected, and found', 'pass', ''),
    ('expected_but_fair', 'starvation is expected, and not found', 'fail', r'was expected to fail, and passed'),
    ('expected_but_aborts', "the scheduler's end is expected, and the test aborts", 'fail', r'test binary crashed: SIGABRT'),
    ('expected_but_mistaken', "the scheduler's end is expected, and an expectation fails", 'fail', r'one and one make 2'),
    ('kernel_panic', 'the guest kernel crashes', 'fail', r'kernel crash'),
    ('out_of_memory', 'a worker takes all memory', 'fail', r'out of memory'),
    ('test_crash', 'the test binary crashes', 'fail', r'test binary crashed: SIGSEGV'),
    ('test_without_end', 'the test never returns', 'fail', r'did not end within its time'),
    ('test_spins', 'the test spins at real-time priority', 'fail', r'did not end within its time'),
    ('descriptors_closed', 'the test closes all descriptors', 'fail', r'closed its channel'),
    ('forged_result', 'the test forges its result and switches the machine off', 'fail', r"ended while the test's process ran"),
    ('things_remounted', 'the test unmounts cgroups, hides /proc and /dev', 'fail', r"cgroup 'cg_0': create: /sys/fs/cgroup/ktstr is gone"),
    ('cgroup_stays', 'a cgroup cannot be removed', 'inconclusive', r"cgroup 'cg_0': remove: Device or resource busy"),
    ('cgroup_stays_and_may', 'the same, in a test that may be inconclusive', 'inconclusive', r"cgroup 'cg_0': remove: Device"),
    ('ten_thousand_workers', 'a factory asks for 10,000 workers', 'fail', r'more than 4096 workers in one step'),
    ('thousand_workers', '1,024 workers on two processors', 'pass', ''),
    ('failed_expectation', 'an expectation does not hold', 'fail', r'one and one make 2'),
    ('failed_crowd', 'the same beside workers', 'fail', r'one and one make 2'),
    ('too_many_cpus', 'a topology that the backend has not', 'skip', r'needs APIC id \d+, QEMU.s TCG has no x2APIC'),
    ('garbage_in_log', "the guest overwrites its event log", 'fail', r'event log is damaged'),
]


# What the first ten lines of its dump name. Other failures have a dump of the guest's memory at its end.
WAITS = r'longest wait: %s\[\d+\] is ready to run for 3\d+ ms, class ext.* cgroup %s\n  it is in the user dispatch queue %s,(?:(?!---)[\s\S])*?'
DUMPS = {
    'starved_task': WAITS % ('test', '/ktstr/crowd', '0x1'),
    'stalled_cpu': WAITS % ('test', '/ktstr/crowd', '0x3e9') + r'idle CPUs meanwhile: 1\n',
    'bpf_error': r'it ended: 1025 \(ERROR_BPF\).*\n  misbehaving as asked: an error after 700 ms\n.*\n *bpf_prog_\w+_misbehave_dispatch\+',
    'late_burst': WAITS % ('test', '/ktstr/sleepers', '0x2'),
    'late_timer': WAITS % ('test', '/ktstr/sleepers', '0x2'),
    'late_pipe': WAITS % ('test', '/ktstr/sleepers', '0x2') + r'pipe_read\+',
    'hung_task': WAITS % ('rcu_preempt', '/', '0x1') + r'rcu_gp_kthread\+',
    'child_forgotten': WAITS % ('test', '/ktstr/forks', '0x1') + r'ret_from_fork_asm\+',
    'kernel_panic': r'taken because: the kernel panicked',
    'out_of_memory': r'taken because: the kernel panicked',
}


VARIANT = '[0-9a-f]' * 16
INSERT = r'scx_bpf_(dispatch|dsq_insert)(___v2)?'
# What the second run of a test records: the functions of the last calls, the innermost last.
REPROS = {
    'expected_repro': ('__schedule', 'balance_scx|balance_one', 'dispatch', 'scx_bpf_error_bstr'),
    # Of the next task the scheduler is asked before, unless a task of a higher class takes the CPU.
    'stalled_cpu': ('dispatch|running', 'stopping', 'enqueue', INSERT),
}


def load(pattern):
    """The JSON in the only file of this pattern; None: there is none, or more."""
    files = glob.glob(pattern)
    if len(files) != 1:
        return None
    with open(files[0]) as f:
        return json.load(f)


def check_repro(name, functions, sidecars):
    """The second run is the same run, and its last calls concern the task at fault and lead to the failure."""
    sidecar = load(f'{sidecars}/{name}-{VARIANT}.ktstr.json') or {}
    said = sidecar.get('auto_repro') or {}
    check(said.get('status') == 'reproduced' and said.get('same_events') is True,
          f'{name}: a second run is the same run, with the same failure', said)
    dump = load(f'{sidecars}/{name}-{VARIANT}.repro.failure-dump.json') or {}
    with open(DUMP_SCHEMA) as f:
        faults = list(schema.faults(dump, json.load(f), ''))[:5]
    check(dump and not faults, f'{name}: the file of the second run is as docs/dump.schema.json says', faults)
    chain = dump.get('auto_repro', {})
    calls = chain.get('calls', [])[-len(functions):]
    check(len(calls) == len(functions) and all(re.fullmatch(f, c['function']) for f, c in zip(functions, calls)),
          f'{name}: the calls that lead to the failure', [c['function'] for c in calls])
    tasks = [a['value'] for c in calls for a in c['arguments'] if a['name'] in ('p', 'prev')]
    check(tasks and set(tasks) == {chain.get('task')} and re.fullmatch(r'\S+\[\d+\]', chain.get('task', '')),
          f'{name}: they are of the task at fault', (chain.get('task'), tasks))
    changed = [f for c in chain.get('calls', []) for f in c['fields'] if 'before' in f]
    check(any(f['name'] in ('scx.flags', 'scx.dsq_vtime') for f in changed), f'{name}: fields that changed', changed[:5])


def check_repros(events, sidecars):
    for name, functions in REPROS.items():
        check_repro(name, functions, sidecars)
    said = load(f'{sidecars}/scheduler_crash-{VARIANT}.ktstr.json')['auto_repro']
    check(said['status'] == 'skipped' and 'ended by itself' in said['reason'], 'scheduler_crash: no second run', said)
    others = {name for name, *_ in CASES if glob.glob(f'{sidecars}/{name}-{VARIANT}.repro.failure-dump.json')}
    check(others == set(REPROS), 'no other test has a second run', others)


def dump_says(name, sidecars):
    """The first ten lines of the dump of a test; None: it has none."""
    files = glob.glob(f'{sidecars}/{name}-{VARIANT}.failure-dump.json')
    if len(files) != 1:
        return None
    return '\n'.join(Run('dump', files[0]).out.splitlines()[:10]) + '\n'


def check_dumps(events, sidecars):
    for name, _, verdict, _ in CASES:
        said = dump_says(name, sidecars)
        if verdict in ('pass', 'skip'):
            check(said is None, f'{name}: no dump of what did not fail', said)
        else:
            check(said and re.search(DUMPS.get(name, r'^taken because: the test failed'), said), f'{name}: its dump', said)


def culprit(name, sidecars):
    """For the table: the line of the dump that names it."""
    said = dump_says(name, sidecars) if name in DUMPS else None
    found = re.search(r'^(longest wait|it ended): .*(\n  it is in the .*?,)?', said or '', re.M)
    return re.sub(r'\s+', ' ', found[0]) if found and 'panicked' not in said else ''


def table(events, sidecars):
    rows = ['# What is said of misbehaviour', '',
            'Made by `tests/vm/misbehaviour.py` from a run of `tests/fixtures` (numbers of tasks and times replaced by N).', '',
            '| test | what goes wrong | verdict | first line | what the dump names |', '|---|---|---|---|---|']
    for name, what, _, _ in CASES:
        e = events.get(name, {})
        cause = re.sub(r'\d+(\.\d+)?', 'N', e.get('cause') or '') if e.get('verdict') != 'pass' else ''
        cause = re.sub(r'[^ (]*/(\w+\.c:)', r'\1', cause)
        seen = re.sub(r'\d+', 'N', culprit(name, sidecars))
        rows.append(f"| {name} | {what} | {e.get('verdict')} | {cause.replace('|', '/')} | {seen} |")
    return '\n'.join(rows) + '\n'


def look_inside(kernel, fixtures):
    """The memory of a failed guest shows the tasks that did not run; a test that passed leaves no memory."""
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--keep-memory', '--json', '-E', 'test(hung_task) | test(control)', fixtures,
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        cores = glob.glob(scratch.path + '/*.vmcore')
        check(len(cores) == 1 and 'hung_task' in cores[0], 'the memory of what failed is kept, and no other', cores)
        reported = any('hung task' in (e.get('cause') or '') for e in run.events())
        if not reported and not in_series(kernel['version'], REFERENCE_SERIES):
            skip('it shows who was forgotten', 'this kernel ends the scheduler before it reports a hung task, so all tasks run again')
            return
        seen = forgotten(kernel['path'], cores[0], 2) if cores else []
        check(any(re.match(r'rcu_preempt\[\d+\] is ready to run for \d+\.\d s', line) for line in seen),
              'it shows who was forgotten', seen)


# test, what the steps around its failure say
KEPT = [
    ('starved_task', r"CPU \d: idle \d\d %.*test\[\d+\] of 'crowd' is ready to run here\n"
     r".*the CPU becomes idle, although 1 task that may run here waits: test\[\d+\] of 'crowd' for \d{4} ms\n"),
    ('idle_cpus', r"CPU 1: idle (100|9\d) %.*CPU 1:.*although \d tasks that may run here wait: test\[\d+\] of 'crowd' for"),
    ('delayed_wakeups', r"idle for [\d.]+ ms; now test\[\d+\] of 'sleepers' runs, which waited for .*, woken [\d.]+ ms before "),
]


def check_kept(sidecar, path, report):
    """The recorded schedule of a test that failed."""
    text, data = Run('trace', path), Run('trace', '--json', path)
    check(text.status == 0 and data.status == 0 and '--- schedule ---\n' in report and 'trace   ' in report,
          f"{sidecar['test_name']}: its schedule is shown", f'{text}{data}')
    about = json.loads(data.out)['about']
    check(about['test'] == sidecar['test_name'] and about['seed'] == sidecar['seed'] and about['events'] == sidecar['schedule']['events'] and
          about['dropped'] == 0 and about['failure']['text'] == next((d['message'] for d in sidecar['details'] if d['verdict'] == sidecar['verdict']), None),
          f"{sidecar['test_name']}: all of its schedule is kept", about)
    for pattern in [p for test, p in KEPT if test == sidecar['test_name']]:
        check(re.search(pattern, text.out, re.S), f"{sidecar['test_name']}: the steps explain it", text.out)
        picture = Run('trace', '--svg', path + '.svg', path)
        bars = xml.etree.ElementTree.parse(path + '.svg').findall('.//{http://www.w3.org/2000/svg}rect')
        classes = {b.get('class') for b in bars}
        check(picture.status == 0 and {'g0', 'wanted', 'runs', 'waits'} <= classes, f"{sidecar['test_name']}: the picture shows it", classes)


def check_checker(path, sidecar):
    """The checker of traces notices faults."""
    trace = perfetto.read(path)
    whole = trace['traceEvents']
    spans = [i for i, e in enumerate(whole) if e['ph'] == 'X' and e['pid'] == perfetto.CPUS and 'pid' in e.get('args', {})]
    arrow = next(i for i, e in enumerate(whole) if e['ph'] == 'f')
    later = dict(copy.copy(whole[spans[40]]), ts=perfetto.Time(str(float(whole[spans[40]]['ts']) + 1)))
    for name, events in (('a lost span', whole[:spans[40]] + whole[spans[40] + 1:]), ('a span that is moved', whole[:spans[40]] + [later] + whole[spans[40] + 1:]),
                         ('a lost end of an arrow', whole[:arrow] + whole[arrow + 1:]), ('an arrow that is moved', [
                             dict(e, ts=perfetto.Time('1.000')) if i == arrow else e for i, e in enumerate(whole)])):
        check(perfetto.faults_of(dict(trace, traceEvents=events), sidecar), f'the checker of traces notices {name}')


def check_schedules(err, directory, traces):
    arrows = checked = 0
    for path in sorted(glob.glob(directory + '/*.ktstr.json')):
        with open(path) as f:
            sidecar = json.load(f)
        kept = path.replace('.ktstr.json', '.schedule.zst')
        failed = sidecar['verdict'] in ('fail', 'inconclusive')
        seen = sidecar['schedule'] and not any(sidecar['schedule']['lost'].values())
        check(os.path.exists(kept) == bool(failed and sidecar['schedule']) == (sidecar['schedule_file'] == os.path.basename(kept)),
              f"{sidecar['test_name']}: a schedule is kept if it failed", sidecar['schedule_file'])
        if os.path.exists(kept):
            check_kept(sidecar, kept, err[err.find(f"ktstr_test '{sidecar['test_name']}'"):].split('\n  replay  ')[0])
        if seen:
            trace = os.path.join(traces, os.path.basename(path).replace('.ktstr.json', '.perfetto.json'))
            faults = perfetto.faults(trace, sidecar)
            check(not faults, f"{sidecar['test_name']}: its trace is consistent, and has the model's counts", '\n'.join(map(str, faults[:20])))
            arrows += perfetto.flows(trace)
            checked += 1
            if sidecar['test_name'] == 'control':
                check_checker(trace, sidecar)
    check(checked > len(CASES) / 2 and arrows > 50 * checked, f'{checked} traces with {arrows} arrows were checked')


def judge(kernel, fixtures, scratch):
    traces = scratch / 'traces'
    run = Run('test', '--kernel', kernel['key'], '--json', '--schedule-trace', traces, fixtures + '/misbehaving', env={'KTSTR_SIDECAR_DIR': scratch.path})
    check(run.status == 1, 'a run with failures exits with 1', run)
    events = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
    check(set(events) == {c[0] for c in CASES}, 'every fixture is in the table', sorted(events))
    for name, what, verdict, cause in CASES:
        e = events.get(name, {})
        ok = e.get('verdict') == verdict and (verdict == 'pass' or re.search(cause, e.get('cause') or ''))
        check(ok, f'{name}: {what}', e)
        if verdict == 'fail':
            at = run.err.find(f"ktstr_test '{name}'")
            first = run.err[at:].splitlines()[1].strip() if at >= 0 else ''
            check(re.search(cause, first), f'{name}: the first line of the report names it', first)
            check('replay  ktstr test' in run.err[at:at + 60000], f'{name}: a replay line')
    panic = run.err[run.err.find("ktstr_test 'kernel_panic'"):][:60000]
    check('the guest started, but no step of the test began' in panic, 'kernel_panic: how far it got', panic[:3000])
    check_dumps(events, scratch.path)
    check_repros(events, scratch.path)
    check_schedules(run.err, scratch.path, traces)
    report = run.err[run.err.find("ktstr_test 'stalled_cpu'"):].split('\n  replay  ')[0]
    chain = re.search(r'--- auto-repro ---\n  reproduced .*\n  watched: (?s:.*) still waits\n', report)
    check(chain, 'stalled_cpu: the report has the chain', report[:6000])
    if in_series(kernel['version'], REFERENCE_SERIES) and not SEED:
        if os.environ.get('KTSTR_BLESS'):
            with open(TABLE, 'w') as f:
                f.write(table(events, scratch.path))
        with open(TABLE) as f:
            check(f.read() == table(events, scratch.path), 'docs/MISBEHAVIOUR.md says what happens', table(events, scratch.path))


def main():
    kernel = need_kernel('misbehaviour')
    before = machines()
    fixtures = BUILD + '/tests/fixtures'
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], fixtures],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    with Scratch() as scratch:
        judge(kernel, fixtures, scratch)
    look_inside(kernel, fixtures)
    allowed = Run('test', '--kernel', kernel['key'], '--json', '-E', 'test(=ktstr/cgroup_stays_and_may)', fixtures)
    check(allowed.status == 0 and allowed.events()[-1].get('inconclusive') == 1,
          'what may be inconclusive is recorded, and exits with 0', allowed)
    check_nothing_left('misbehaviour', before)
    finish(at_least=2 * len(CASES))


main()
