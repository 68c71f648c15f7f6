#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Samples of guests on kvm, in the lab: they have the same fields as on tcg, here; a limit of the monitor is judged by
them; a latency for which the host is to blame is not judged; of a stall there is a dump, for which the machine stood
still. Nothing depends on how fast the lab is: samples of these guests all show the same, and two busy vCPUs always wait
for the lab's one CPU.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
import tap  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish, need_kernel, skip  # noqa: E402

SUITE = f'{BUILD}/tests/samples'
TIMEOUT = 1200
CAUSE = 'passed scenario but monitor failed: imbalance ratio'
CONTENDED = 'is over the limit (10 us), but the vCPUs waited for CPUs of the host'
CLONED = "-E 'test(crowd_is_too_much)'"


def fill(image, entry, fixtures):
    lab.add_product(image, BUILD, entry)
    image.program(SUITE)
    image.program(f'{fixtures}/scx_misbehave', f'{BUILD}/tests/scx_misbehave')


def build_fixture(entry, where):
    built = subprocess.run([os.path.join(os.path.dirname(__file__), '..', 'fixtures', 'build.sh'), entry['path'], where, 'scx_misbehave'],
                           capture_output=True, text=True, check=False)
    return check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr)


def script(entry):
    test = f"{BUILD}/ktstr test -j1 --kernel {entry['key']} --accel kvm --time-dilation {lab.DILATION} --json"
    return f'''
export KTSTR_SIDECAR_DIR=/results/boots
{test} {SUITE}
export KTSTR_SIDECAR_DIR=/results/clones
{test} --start clone {CLONED} {SUITE}
true
'''


def progress(line):
    if '"test-finished"' in line:
        row = json.loads(line)
        print(f"# {row['name']}: {row['verdict']}, {row['cause']}", flush=True)


def of_files(files, folder):
    """{test: sidecar}"""
    found = [json.loads(body) for path, body in files.items()
             if path.startswith(folder + '/') and path.endswith('.ktstr.json')]
    return {s['test_name'].split('/')[-1]: s for s in found}


def on_tcg(kernel):
    with Scratch() as scratch:
        Run('test', '--kernel', kernel, '--accel', 'tcg', '-E', 'test(crowd_is_too_much)', SUITE,
            env={'KTSTR_SIDECAR_DIR': scratch.path}, timeout=TIMEOUT)
        files = {f'tcg/{name}': open(os.path.join(scratch.path, name), 'rb').read() for name in os.listdir(scratch.path)
                 if name.endswith('.ktstr.json')}
    return of_files(files, 'tcg')


def check_samples(name, sidecar, fields):
    monitor, host = sidecar['monitor'] or {}, sidecar['host_contention'] or {}
    check(sidecar['monitor_lack'] is None and monitor.get('total_samples', 0) > 0, f'{name}: there are samples',
          (sidecar['monitor'], sidecar['monitor_lack'], sidecar['details']))
    check(set(monitor) == fields and monitor.get('unusable') is None, f'{name}: with the fields that they have on tcg',
          sorted(set(monitor) ^ fields))
    check(monitor.get('max_imbalance_ratio', 0) >= 6 and monitor.get('avg_nr_running', 0) >= 2,
          f'{name}: samples show the crowd', monitor)
    check((monitor.get('schedstat_deltas') or {}).get('total_pcount', 0) > 0, f'{name}: counters rise', monitor)
    check(host.get('ticks', 0) > 0 and host['vcpu_cpu_ns'] > 0 and (host['dilation'] or 0) >= 1,
          f"{name}: the times of the vCPUs' threads were read", host)
    check(sidecar['guest']['observation_digest'] is None and sidecar['schedule_lack'],
          f'{name}: what is exact on tcg only is not claimed', (sidecar['guest'], sidecar['schedule_lack']))


def check_verdict(name, sidecar, verdict, judged, cause):
    first = sidecar['details'][0]['message'] if sidecar['details'] else ''
    check(sidecar['verdict'] == verdict and cause in first, f'{name}: {verdict}', sidecar['details'])
    check((sidecar['monitor'] or {}).get('verdict') == judged, f'{name}: the monitor says {judged}', sidecar['monitor'])


def check_stall(sidecar, dump):
    """The dump shows one moment: queues have as many tasks as they count, and each task names its queue."""
    check(sidecar['verdict'] == 'fail', 'stalled: fail', sidecar['details'])
    check(dump['reason'] == 'a task has waited for a CPU for too long', 'the dump is of the stall', dump['reason'])
    tasks = {t['kva']: t for t in dump.get('task_enrichments', [])}
    queues = [q for q in dump.get('dsq_states', []) if q.get('nr')]
    wrong = [q for q in queues if len(q.get('tasks', [])) != q['nr']]
    check(queues and not wrong, 'each queue has as many tasks as it counts', wrong)
    lost = [t['pid'] for q in queues for t in q['tasks'] if t['kva'] not in tasks or tasks[t['kva']]['scx'].get('dsq_id') != q['id']]
    check(not lost, 'and each of them says that it is in that queue', lost)
    first = next(iter(dump.get('task_enrichments', [])), {})
    check(first.get('waiting') and first['waits_ms'] >= 1000 and re.search('/crowd$', first.get('cgroup', '')) and first.get('stack'),
          'the first task is the one that waits, with its stack', first)


def main():
    entry = need_kernel('lab samples')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab samples', why)
        finish()
    tcg = on_tcg(entry['key']).get('crowd_is_too_much')
    if not check(tcg and tcg['monitor'], 'tcg has samples', tcg):
        finish()
    check(tcg['host_contention'] is None and tcg['monitor']['torn_samples'] == 0, 'on tcg the host has no part in it', tcg)
    check_verdict('tcg', tcg, 'fail', 'failed', CAUSE)
    with Scratch() as fixtures:
        if not build_fixture(entry, fixtures.path):
            finish()
        done = lab.run(lab.PRELUDE + script(entry), lambda image: fill(image, entry, fixtures.path), timeout=TIMEOUT, live=progress,
                       words=lab.STEADY)
    boots, clones = of_files(done.files, 'boots'), of_files(done.files, 'clones')
    if not check(len(boots) == 4 and len(clones) == 1, 'the tests were run', done):
        finish()
    tap.check_sidecars({path: body for path, body in done.files.items() if path.endswith('.ktstr.json')})
    fields = set(tcg['monitor'])
    for name, verdict, judged, cause in (('crowd_is_too_much', 'fail', 'failed', CAUSE), ('crowd_is_allowed', 'pass', 'ok', '')):
        check_samples(name, boots[name], fields)
        check_verdict(name, boots[name], verdict, judged, cause)
    clone = clones['crowd_is_too_much']
    check(clone['start'] == 'clone', 'a clone is started', clone['start'])
    check_samples('clone', clone, fields)
    check_verdict('clone', clone, 'fail', 'failed', CAUSE)
    busy = boots['gaps_of_a_busy_host']
    check(busy['verdict'] == 'inconclusive' and CONTENDED in busy['details'][0]['message'],
          'a gap for which the host is to blame is inconclusive', busy['details'])
    host = busy['host_contention'] or {}
    check((host.get('dilation') or 0) > 1 and host.get('peak_wait_1s_ns', 0) >= host.get('peak_wait_1ms_ns', 0) > 0,
          'two busy vCPUs waited for one CPU', host)
    dumps = {path: json.loads(body) for path, body in done.files.items() if path.endswith('.failure-dump.json')}
    stalls = {path: d for path, d in dumps.items() if '/stalled' in path}
    ends = [d for path, d in dumps.items() if path not in stalls]
    check(len(ends) == 3 and all(d.get('sample') and 'at its end' in d['reason'] for d in ends),
          "a test that did not pass has a dump of its memory's end", [list(d)[:8] for d in ends])
    if check(len(stalls) == 1, 'and the one with a stall has a dump', list(dumps)):
        check_stall(boots['stalled'], *stalls.values())
    finish()


main()
