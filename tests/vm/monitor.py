#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the monitor reads out of a guest's memory is what the guest said itself. The guest crashes 200 ms after it has
printed, so counters may be a little higher in its memory."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from schedstat import CPU_TIMES, schedstat_rows  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

MS = 1000000
# What may happen between the line that is printed and the crash.
MORE_EVENTS, MORE_NS = 600, 1000 * MS
ENABLE_STATES = ['enabling', 'enabled', 'disabling', 'disabled']


class Said:
    """The lines that a guest printed, by their first word."""

    def __init__(self, text):
        self.rows = [line.split(' ', 2)[1:] for line in re.findall(r'^SAID .*', text, re.M)]

    def all(self, key):
        return [row[1] for row in self.rows if row[0] == key and len(row) > 1]

    def one(self, key):
        return next(iter(self.all(key)), None)


def grown(said, seen, slack):
    return seen is not None and said <= seen <= said + slack


def compare_tasks(name, said, seen):
    comms = {int(pid): comm for pid, comm in (re.match(r'(\d+) SAID comm (.*)', t).groups() for t in said.all('task'))}
    found = {t['pid']: t['comm'] for t in seen['tasks']}
    check(seen['tasks_end'] == 0 and set(found) == set(comms), f'{name}: the same {len(comms)} tasks',
          sorted(set(found) ^ set(comms)))
    # The kernel shows longer names of its own threads, and what a kworker does.
    other = {pid: (comms[pid], comm) for pid, comm in found.items() if not comms.get(pid, '').startswith(comm)}
    check(not other, f'{name}: with the same names', other)


def compare_groups(name, said, seen):
    groups = {g['path']: g for g in seen['sample']['cgroups']}
    busy = groups.get('/said/busy', {})
    check({'/', '/said', '/said/busy', '/said/idle'} <= set(groups), f'{name}: its control groups', sorted(groups))
    check(busy.get('nr_tasks') == len(said.all('procs')) == 3, f'{name}: three tasks in one of them', busy)
    check(str(busy.get('weight')) == said.one('weight') == '250', f'{name}: its weight', busy)
    usage = int(re.search(r'usage_usec (\d+)', ' '.join(said.all('usage'))).group(1)) * 1000
    check(grown(usage, busy.get('usage_ns'), MORE_NS), f'{name}: its CPU time', (usage, busy.get('usage_ns')))
    idle = groups.get('/said/idle', {})
    check((idle.get('nr_tasks'), idle.get('usage_ns'), idle.get('weight')) == (0, 0, 100), f'{name}: an empty group', idle)


def compare_schedstat(name, said, cpus):
    version, rows = schedstat_rows(said.all('schedstat'))
    compared, wrong = 0, []
    for cpu, level, values in rows:
        seen = cpus[cpu] if level is None else cpus[cpu]['domains'][level]
        # Imbalances are sums of loads, delays are times, the others are counts.
        wrong += [(cpu, level, key, value, seen.get(key)) for key, value in values.items()
                  if not grown(value, seen.get(key), MORE_NS if 'imbalance' in key or key == 'run_delay' else MORE_EVENTS)]
        compared += len(values)
    check(compared >= 7 * len(cpus) and not wrong, f'{name}: {compared} numbers of /proc/schedstat', wrong[:5])
    return version


def compare_cpus(name, said, cpus):
    rows = {int(n): rest.split() for n, rest in re.findall(r'^cpu(\d+) (.*)', '\n'.join(said.all('stat')), re.M)}
    check(len(rows) == len(cpus), f'{name}: {len(cpus)} CPUs', rows)
    wrong = []
    for n, row in rows.items():
        for key, column in CPU_TIMES.items():
            seen = cpus[n][f'cpustat_{key}_ns']
            if not grown(int(row[column]) * 10 * MS - 10 * MS, seen, MORE_NS):
                wrong.append((n, key, row[column], seen))
    check(not wrong, f'{name}: CPU times of /proc/stat', wrong)
    switches = int(re.search(r'^ctxt (\d+)', '\n'.join(said.all('stat')), re.M).group(1))
    seen = sum(c['nr_switches'] for c in cpus)
    check(grown(switches, seen, MORE_EVENTS), f'{name}: context switches', (switches, seen))
    soft = {line.split(':')[0].strip().lower(): [int(n) for n in line.split(':')[1].split()] for line in said.all('softirqs') if ':' in line}
    wrong = [(key, cpu, count) for key, counts in soft.items() for cpu, count in enumerate(counts)
             if cpu < len(cpus) and not grown(count, cpus[cpu].get(f'softirq_{key}'), MORE_EVENTS)]
    check(len(soft) == 10 and not wrong, f'{name}: ten kinds of soft interrupts', wrong[:5] or sorted(soft))
    clocks = [c['clock'] for c in cpus]
    check(max(clocks) - min(clocks) < 3000 * MS and min(clocks) > 100 * MS, f'{name}: clocks of run queues', clocks)


def compare_scx(name, said, scx, programs):
    state = ENABLE_STATES[scx['enable_state']]
    check(state == said.one('scx_state'), f'{name}: sched_ext is {state}', said.one('scx_state'))
    check(scx['name'] == said.one('scx_ops'), f'{name}: its scheduler', (scx['name'], said.one('scx_ops')))
    for key in ('nr_rejected', 'enable_seq'):
        check(str(scx[key]) == said.one('scx_' + key), f'{name}: {key}', scx)
    events = {key.lower(): int(value) for key, value in (line.split() for line in said.all('scx_events'))}
    seen = {'scx_ev_' + key: value for key, value in (scx['events'] or {}).items()}
    check(set(events) == set(seen) and all(grown(n, seen[key], MORE_NS) for key, n in events.items()),
          f'{name}: {len(events)} event counters', (events, seen))
    rows = [(int(i), n, int(insns), int(count), int(ns)) for i, n, insns, count, ns in (line.split() for line in said.all('program'))]
    found = {p['id']: p for p in programs}
    check(set(found) == {r[0] for r in rows}, f'{name}: {len(rows)} programs', (rows, sorted(found)))
    wrong = [r for r in rows if r[0] in found and not (
        found[r[0]]['name'] == r[1] and found[r[0]]['verified_insns'] == r[2] and
        grown(r[3], found[r[0]]['cnt'], MORE_EVENTS) and grown(r[4], found[r[0]]['nsecs'], MORE_NS))]
    check(not wrong, f'{name}: their names, sizes, calls and times', (wrong, found))


def compare(kernel, name, text, core):
    done = subprocess.run([BUILD + '/tests/monitor_read', kernel['path'] + '/vmlinux', core], capture_output=True, text=True)
    said, seen = Said(text), json.loads(done.stdout or '{}')
    if not check(done.returncode == 0 and seen.get('refresh') == 0, f'{name}: its memory is read', done.stderr or seen):
        return
    sample = seen['sample']
    check(seen['banner'].strip() == said.one('version').strip(), f'{name}: its version', seen['banner'])
    check(seen['bad_reads'] == 0, f'{name}: no address was wrong', seen['bad_reads'])
    compare_tasks(name, said, seen)
    compare_groups(name, said, seen)
    compare_cpus(name, said, sample['cpus'])
    compare_schedstat(name, said, sample['cpus'])
    if said.one('scx_state'):
        compare_scx(name, said, sample['scx'], sample['programs'])
    else:
        check(sample['scx'] is None, f'{name}: a kernel without sched_ext', sample['scx'])
    pressure = int(re.search(r'some .*?total=(\d+)', ' '.join(said.all('pressure'))).group(1))
    check(grown(pressure, sample['psi']['cpu_some']['total_us'], MORE_NS // 1000), f'{name}: its pressure', (pressure, sample['psi']['cpu_some']))


def main():
    kernel = need_kernel('monitor', schedulers=False)
    before = machines()
    with Scratch() as scratch:
        for name in ('says_eevdf', 'says_scx') if kernel['has_schedulers'] else ('says_eevdf',):
            run = Run('test', '--kernel', kernel['key'], '--no-capture', '--keep-memory', '-E', f'test(=ktstr/{name})', BUILD + '/tests/says',
                      env={'KTSTR_SIDECAR_DIR': scratch / name})
            cores = glob.glob(scratch / name + '/*.vmcore')
            if check(len(cores) == 1 and 'SAID end' in run.out + run.err, f'{name}: it spoke, and its memory was kept', run):
                compare(kernel, name, run.out + '\n' + run.err, cores[0])
    check_nothing_left('monitor', before)
    finish(at_least=40 if kernel['has_schedulers'] else 20)


main()
