# SPDX-License-Identifier: GPL-2.0-only
"""Compares what was read out of a guest's memory with what the guest (tests/monitor/truth.c) said of itself before and after
it was looked at."""
import collections
import json
import re

from btf import Types
from schedstat import CPU_TIMES, schedstat_rows
from tap import check

STOPS = 20
TICK_NS = 10000000      # of /proc/stat, which rounds down
ENABLE_STATES = ['enabling', 'enabled', 'disabling', 'disabled']


class Notes:
    """Lines of one stop before or after the look, by their first word."""

    def __init__(self, lines):
        self.rows = collections.defaultdict(list)
        for line in lines:
            key, _, rest = line.partition(' ')
            self.rows[key].append(rest)

    def one(self, key):
        return next(iter(self.rows[key]), None)


class Comparison:
    """Numbers of one scheduler: how many were compared, how many of these did not change meanwhile, which are wrong."""

    def __init__(self):
        self.compared, self.exact, self.wrong = collections.Counter(), 0, []

    def between(self, what, name, before, seen, after, slack=0):
        """@slack: the guest's number is rounded down by less than that."""
        self.compared[what] += 1
        self.exact += before == after and not slack
        if seen is None or not before <= seen < after + max(slack, 1):
            self.wrong.append((what, name, before, seen, after))

    def same(self, what, name, before, seen, after):
        """For values that rise and fall: compares only those that both notes have alike."""
        if before != after:
            return
        self.compared[what] += 1
        self.exact += 1
        if seen != before:
            self.wrong.append((what, name, before, seen, after))


def read_stops(text):
    """[(before, after)] of the lines that the guest printed."""
    stops, lines = [], None
    for line in re.findall(r'TRUTH (.*)', text):
        if line.startswith('stop '):
            stops.append(([], []))
            lines = stops[-1][0]
        elif line == 'look':
            lines = stops[-1][1]
        elif lines is not None:
            lines.append(line)
    return [(Notes(a), Notes(b)) for a, b in stops]


# --- what is compared ---------------------------------------------------------------------------------------------------

def compare_schedstat(c, before, sample, after):
    _, first = schedstat_rows(before.rows['schedstat'])
    _, last = schedstat_rows(after.rows['schedstat'])
    for (cpu, level, a), (_, _, b) in zip(first, last):
        seen = sample['cpus'][cpu] if level is None else sample['cpus'][cpu]['domains'][level]
        for key, value in a.items():
            c.between('/proc/schedstat', (cpu, level, key), value, seen.get(key), b.get(key))


def cpu_lines(notes):
    return {int(n): [int(w) for w in rest.split()] for n, rest in re.findall(r'^cpu(\d+) (.*)', '\n'.join(notes.rows['stat']), re.M)}


def softirqs(notes):
    return {line.split(':')[0].strip().lower(): [int(n) for n in line.split(':')[1].split()] for line in notes.rows['softirqs'] if ':' in line}


def switches(notes):
    return int(re.search(r'^ctxt (\d+)', '\n'.join(notes.rows['stat']), re.M).group(1))


def compare_stat(c, before, sample, after):
    first, last = cpu_lines(before), cpu_lines(after)
    for cpu, row in first.items():
        for key, column in CPU_TIMES.items():
            c.between('/proc/stat', (cpu, key), row[column] * TICK_NS, sample['cpus'][cpu][f'cpustat_{key}_ns'], last[cpu][column] * TICK_NS, TICK_NS)
    c.between('/proc/stat', 'ctxt', switches(before), sum(cpu['nr_switches'] for cpu in sample['cpus']), switches(after))
    last = softirqs(after)
    for key, counts in softirqs(before).items():
        for cpu, count in enumerate(counts[:len(sample['cpus'])]):
            c.between('/proc/softirqs', (cpu, key), count, sample['cpus'][cpu][f'softirq_{key}'], last[key][cpu])


def compare_scx(c, before, dump, after):
    scx, state = dump['sample']['scx'], dump['scx_sched_state']
    seen = {'state': ENABLE_STATES[scx['enable_state']], 'switch_all': str(scx['switched_all'] if scx['switched_all'] is not None else scx['switching_all']),
            'nr_rejected': str(scx['nr_rejected']), 'enable_seq': str(scx['enable_seq']), 'hotplug_seq': str(scx['hotplug_seq']), 'ops': scx['name']}
    for key, value in seen.items():
        c.same('/sys/kernel/sched_ext', key, before.one('scx-' + key), value, after.one('scx-' + key))
    c.same('/sys/kernel/sched_ext', 'ops_name', before.one('scx-ops'), state.get('ops_name'), after.one('scx-ops'))
    events = [{key.lower(): int(n) for key, n in (line.split() for line in notes.rows['scx-events'])} for notes in (before, after)]
    for key, value in events[0].items():
        c.between('/sys/kernel/sched_ext', key, value, (scx['events'] or {}).get(key.removeprefix('scx_ev_')), events[1][key])


def task_numbers(notes):
    """{pid: {name: number}} of /proc/PID/schedstat and status."""
    found = collections.defaultdict(dict)
    for pid, run, delay, times in (line.split() for line in notes.rows['task-schedstat']):
        found[int(pid)].update(run_time_ns=int(run), run_delay_ns=int(delay), times_run=int(times))
    for pid, key, value in (m.groups() for m in (re.match(r'(\d+) (\w+):\s*(\S+)', line) for line in notes.rows['task-status']) if m):
        name = {'voluntary_ctxt_switches': 'nvcsw', 'nonvoluntary_ctxt_switches': 'nivcsw', 'Tgid': 'tgid', 'PPid': 'real_parent_pid'}.get(key)
        if name:
            found[int(pid)][name] = int(value)
    return found


def compare_tasks(c, before, dump, after):
    """Those that run or wait. A run counts when it ends, or at the next tick."""
    first, last = task_numbers(before), task_numbers(after)
    for task in dump['task_enrichments']:
        for key, value in first.get(task['pid'], {}).items():
            c.between('/proc/PID', (task['comm'], key), value, task.get(key), last[task['pid']][key])


def compare_usage(c, before, sample, after):
    usage = [int(re.search(r'usage_usec (\d+)', ' '.join(n.rows['usage'])).group(1)) * 1000 for n in (before, after)]
    group = next((g for g in sample['cgroups'] if g['path'] == '/truth'), {})
    c.between('cpu.stat', 'usage', usage[0], group.get('usage_ns'), usage[1], 1000)


def debug_cpus(notes):
    """{cpu: {name: value}} of what stands first for each CPU."""
    found, cpu = collections.defaultdict(dict), None
    for line in notes.rows['debug']:
        begin = re.match(r'cpu#(\d+)', line)
        cpu = int(begin.group(1)) if begin else cpu if line.strip() and cpu is not None else None
        value = re.match(r'\s+\.(\w+)\s*:\s*(-?[\d.]+)$', line)
        if cpu is not None and value:
            found[cpu][value.group(1)] = value.group(2)
    return found


def compare_debug(c, before, sample, after):
    """Clocks are in milliseconds there, with six digits behind the point."""
    first, last = debug_cpus(before), debug_cpus(after)
    for cpu, row in first.items():
        seen = sample['cpus'][cpu]
        for key, name in (('nr_switches', 'nr_switches'), ('clock', 'clock'), ('clock_task', 'clock_task')):
            if key in row:
                a, b = (int(r[cpu][key].replace('.', '')) for r in (first, last))
                c.between('/sys/kernel/debug/sched', (cpu, key), a, seen[name], b)
        # Tasks sleep, wake up and move between the notes. Where no CPU has switched, none did.
        if 'nr_running' in row and all(first[k]['nr_switches'] == last[k]['nr_switches'] for k in first):
            n, later = int(row['nr_running']), int(last[cpu]['nr_running'])
            # Another CPU may stand where it changes a task of its queue: it takes it out and puts it back, without a switch.
            c.same('/sys/kernel/debug/sched', (cpu, 'nr_running'), n, n if seen['nr_running'] == n - 1 else seen['nr_running'], later)


def programs(notes):
    """{id: (name, {name: number}, maps)}"""
    rows = [line.split() for line in notes.rows['program']]
    return {int(r[0]): (r[1], dict(zip(('jited_len', 'verified_insns', 'cnt', 'nsecs'), map(int, r[2:6]))), sorted(map(int, r[6:]))) for r in rows}


def compare_programs(c, before, dump, after):
    first, last, ours = programs(before), programs(after), {p['id']: p for p in dump.get('prog_runtime_stats', [])}
    sampled = {p['id']: p for p in dump['sample']['programs']}
    for i, (name, numbers, used) in first.items():
        seen = ours.get(i, {})
        c.same('BPF programs', (name, 'name'), name, seen.get('name'), last[i][0])
        c.same('BPF programs', (name, 'maps'), used, sorted(seen.get('map_ids', [])), last[i][2])
        for key, value in numbers.items():
            # Those that were never called have no members for that.
            c.between('BPF programs', (name, key), value, seen.get(key, 0), last[i][1][key])
            c.between('BPF programs', (name, key), value, sampled.get(i, {}).get(key), last[i][1][key])


def flat_ours(value):
    """{path: number} of a value in a dump."""
    if not isinstance(value, dict):
        return {}
    if value.get('kind') == 'bytes' and len(value['hex']) <= 16:
        return {(): int.from_bytes(bytes.fromhex(value['hex']), 'little')}
    if 'members' in value:
        return {(m['name'],) + path: n for m in value['members'] for path, n in flat_ours(m['value']).items()}
    if 'elements' in value:
        return {(i,) + path: n for i, e in enumerate(value['elements']) for path, n in flat_ours(e).items()}
    if value.get('kind') == 'uint' and 'hex' in value:      # above the largest number that JSON has exactly
        return {(): int(value['hex'], 16)}
    return {(): int(value['value'])} if isinstance(value.get('value'), int) and value.get('kind') in ('int', 'uint', 'bool') else {}


def numbers_of(types, value_type, data):
    if types:
        return types.numbers(value_type, data)
    return {(): int.from_bytes(data, 'little')} if len(data) <= 8 else {}


def maps(notes, types):
    """{id: {key: {path: number}}}; of each CPU, the path begins with its number."""
    found = collections.defaultdict(dict)
    for line in notes.rows['types']:
        number, blob = line.split()
        types[int(number)] = Types(bytes.fromhex(blob))
    for line in notes.rows['value']:
        *numbers, data = line.split()
        number, key, known, value_type, cpus = map(int, numbers)
        data, one = bytes.fromhex(data), len(data) // 2 // max(cpus, 1)
        values = [numbers_of(types.get(known), value_type, data[i * one:(i + 1) * one]) for i in range(max(cpus, 1))]
        found[number][key] = {(i,) + path: n for i, v in enumerate(values) for path, n in v.items()} if cpus else values[0]
    return found


def our_entries(m):
    """The same of a map in a dump."""
    if 'value' in m:
        return {0: flat_ours(m['value'])}
    if 'array_entries' in m:
        return {e.get('key', i): flat_ours(e.get('value')) for i, e in enumerate(m['array_entries'])}
    if 'percpu_entries' in m:
        return {e.get('key', i): {(v['cpu'],) + path: n for v in e['per_cpu'] for path, n in flat_ours(v['value']).items()}
                for i, e in enumerate(m['percpu_entries'])}
    return {}


# Members that also become less, and so may be less at the look than in both notes.
COUNT_DOWN = {'dsp_cnt', 'core_sched_head_seqs'}


def compare_maps(c, before, dump, after, types):
    """Values of the scheduler's arrays and variables; of those that change, the ones that only grow."""
    first, last = maps(before, types), maps(after, types)
    for m in dump.get('maps', []):
        ours = our_entries(m)
        for i, values in first.get(m['id'], {}).items():
            for path, a in values.items():
                b = last.get(m['id'], {}).get(i, {}).get(path)
                # Which entries are left out is said there.
                if COUNT_DOWN & set(path):
                    continue
                if b is not None and a <= b and i in ours and (path in ours[i] or a == b):
                    c.between('BPF maps', (m['name'], i, path), a, ours[i].get(path), b)


def compare_stop(c, before, dump, after, types):
    sample = dump['sample']
    compare_schedstat(c, before, sample, after)
    compare_stat(c, before, sample, after)
    compare_usage(c, before, sample, after)
    compare_tasks(c, before, dump, after)
    compare_debug(c, before, sample, after)
    if before.one('scx-ops'):
        compare_scx(c, before, dump, after)
        compare_programs(c, before, dump, after)
        compare_maps(c, before, dump, after, types)


# --- a whole test -------------------------------------------------------------------------------------------------------

DEBUG = '/sys/kernel/debug/sched'
WANTED = {'truth_eevdf': ('/proc/schedstat', '/proc/stat', '/proc/softirqs', '/proc/PID', 'cpu.stat', DEBUG),
          'truth_simple': ('/proc/schedstat', '/proc/PID', '/sys/kernel/sched_ext', 'BPF programs', 'BPF maps', DEBUG),
          'truth_qmap': ('/proc/schedstat', '/proc/PID', '/sys/kernel/sched_ext', 'BPF programs', 'BPF maps', DEBUG)}


def check_truth(name, text, snapshots):
    """@text: what the test printed; @snapshots: its file of snapshots, as text."""
    dumps = {s['name']: s['dump'] for s in json.loads(snapshots)['snapshots'] if s.get('dump')}
    stops, c, types = read_stops(text), Comparison(), {}
    check(len(stops) == STOPS and len(dumps) == STOPS, f'{name}: at {STOPS} stops', (len(stops), sorted(dumps)))
    for i, (before, after) in enumerate(stops):
        dump = dumps.get(f'stop_{i:02}')
        if dump and check('sample' in dump and dump['bad_reads'] == 0, f'{name}: stop {i} is whole', (dump.get('sample_unavailable'), dump.get('bad_reads'))):
            compare_stop(c, before, dump, after, types)
    total = sum(c.compared.values())
    print(f'# {name}: {total} numbers, {c.exact} of which did not change meanwhile: {dict(c.compared)}')
    check(not c.wrong, f'{name}: no number is wrong', '\n'.join(map(str, c.wrong[:20])) + f'\n{len(c.wrong)} in all')
    check(all(c.compared[what] for what in WANTED[name]), f'{name}: all kinds were compared', c.compared)
