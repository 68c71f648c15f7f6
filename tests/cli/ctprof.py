#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of threads: what is captured is what /proc says to another program; made hosts have exactly known rows."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import Run, Scratch, check, finish, skip  # noqa: E402

THREADS = 12
SLEEPERS = f'''
import threading
for i in range({THREADS - 1}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
input()
'''


# --- this host ---------------------------------------------------------------------------------------------------------

def read(path):
    try:
        with open(path, errors='replace') as f:
            return f.read()
    except OSError:
        return None


def table(text, separator=':'):
    return dict(line.replace('\t', ' ').split(separator, 1) for line in (text or '').splitlines() if separator in line)


def second_opinion(pid, tid):
    """The values of a thread as this program reads them; None: not there."""
    at = f'/proc/{pid}/task/{tid}'
    stat = read(at + '/stat')
    fields = [None, None, None, *stat.rsplit(')', 1)[1].split()]
    run, wait, slices = map(int, read(at + '/schedstat').split())
    status = table(read(at + '/status'))
    sched = {k.strip(): v.strip() for k, v in table(read(at + '/sched')).items()}
    io = table(read(at + '/io'))
    said = {'comm': stat.split('(', 1)[1].rsplit(')', 1)[0], 'state': fields[3], 'start_time_clock_ticks': int(fields[22]),
            'run_time_ns': run, 'wait_time_ns': wait, 'timeslices': slices,
            'voluntary_csw': int(status['voluntary_ctxt_switches']), 'nonvoluntary_csw': int(status['nonvoluntary_ctxt_switches']),
            'cpu_affinity': status['Cpus_allowed_list'].strip(),
            'nr_threads': int(status['Threads']) if pid == tid else None,
            'cgroup': next((line[3:] for line in read(at + '/cgroup').splitlines() if line.startswith('0::')), None),
            'nr_migrations': int(sched['se.nr_migrations']) if 'se.nr_migrations' in sched else None}
    for name, field in (('minflt', 10), ('majflt', 12), ('utime_clock_ticks', 14), ('stime_clock_ticks', 15), ('priority', 18),
                        ('nice', 19), ('processor', 39), ('rt_priority', 40)):
        said[name] = int(fields[field])
    for name in ('rchar', 'wchar', 'syscr', 'syscw', 'read_bytes', 'write_bytes', 'cancelled_write_bytes'):
        said[name] = int(io[name]) if name in io else None
    return said


def tasks(pid):
    return sorted(int(t) for t in os.listdir(f'/proc/{pid}/task'))


def check_host():
    child = subprocess.Popen([sys.executable, '-c', SLEEPERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    # A thread is compared if nothing happened to it between two looks of this program.
    for _ in range(20):
        before = {t: second_opinion(child.pid, t) for t in tasks(child.pid)}
        run = Run('ctprof', 'capture', '-o', '-')
        after = {t: second_opinion(child.pid, t) for t in tasks(child.pid)}
        quiet = [t for t in before if before[t] == after.get(t)]
        if len(quiet) == THREADS:
            break
    got = {t['tid']: t for t in json.loads(run.out)['threads'] if t['tgid'] == child.pid}
    wrong = [f'{t} {k}: {got[t][k]!r}, not {v!r}' for t in quiet for k, v in before[t].items() if got[t][k] != v]
    check(set(got) == set(before) and len(quiet) >= THREADS - 2 and not wrong,
          f'{THREADS} threads have the values that another program reads', '\n'.join(wrong) or (sorted(got), sorted(before), quiet))
    # The kernel keeps these two only once, and shows them in two ways.
    told = [t for t in quiet if got[t]['cpu_delay_count'] is not None]
    if told:
        check(all(got[t]['cpu_delay_count'] == got[t]['timeslices'] and got[t]['cpu_delay_total_ns'] == got[t]['wait_time_ns']
                  for t in told), 'netlink and /proc agree', [got[t] for t in told])
    else:
        skip('netlink and /proc agree', f'taskstats answered nothing: {json.loads(run.out)["taskstats_summary"]}')
    smaps = table(read(f'/proc/{child.pid}/smaps_rollup'))
    if 'Pss_Anon' in smaps:
        check(got[child.pid]['smaps_rollup_kib']['Rss'] == int(smaps['Rss'].split()[0]), 'the memory of the process',
              got[child.pid]['smaps_rollup_kib'])
    check(all(t['allocated_bytes'] is None for t in got.values()) and json.loads(run.out)['probe_summary']['reason'],
          'counters of the allocator are null, with the reason', run)
    child.communicate('\n')


# --- made hosts --------------------------------------------------------------------------------------------------------

def put(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def put_thread(root, pid, tid, comm, group, run=0, wait=0, slices=0, policy=0, state='S', cpus='0-3', start=100, **sched):
    at = f'proc/{pid}/task/{tid}'
    fields = [state, 1, 1, 1, 0, -1, 0, 5, 0, 0, 0, 7, 3, 0, 0, 20, 0, 1, 0, start, *[0] * 16, 2, 0, policy, *[0] * 11]
    put(root, at + '/stat', f'{tid} ({comm}) ' + ' '.join(map(str, fields)) + '\n')
    put(root, at + '/schedstat', f'{run} {wait} {slices}\n')
    put(root, at + '/status', f'Name:\t{comm}\nPid:\t{tid}\nThreads:\t2\nCpus_allowed_list:\t{cpus}\n'
        'voluntary_ctxt_switches:\t30\nnonvoluntary_ctxt_switches:\t10\n')
    put(root, at + '/cgroup', f'3:cpu:/old\n0::{group}\n')
    if sched:
        put(root, at + '/sched', f'{comm} ({tid}, #threads: 2)\n-----\n'
            + ''.join(f'{k.replace("__", "."):45}: {v:>20}\n' for k, v in sched.items()))


def put_cgroup(root, path, quota, usage):
    at = 'sys/fs/cgroup' + path
    put(root, at + '/cpu.stat', f'usage_usec {usage}\nnr_throttled 3\nthrottled_usec 40\n')
    put(root, at + '/cpu.max', quota + ' 100000\n')
    put(root, at + '/memory.current', '4096\n')
    put(root, at + '/memory.max', 'max\n')
    put(root, at + '/memory.stat', 'anon 8192\npgfault 12\n')
    put(root, at + '/cpu.pressure', 'some avg10=1.50 avg60=0.00 avg300=0.00 total=77\n')


def made_host(root, factor):
    put(root, 'proc/uptime', '1000.00 10.00\n')
    put(root, 'sys/fs/cgroup/cgroup.controllers', 'cpu memory\n')
    put_thread(root, 10, 10, 'ser) ver', '/app.slice/a-1', run=1000 * factor, wait=3000, slices=4)
    put_thread(root, 10, 11, 'worker-7', '/app.slice/a-1', run=500, wait=500, slices=1, policy=7, state='R', cpus='0',
               se__statistics__wait_max='1.000250', se__nr_migrations=9, sum_sleep_runtime='5.000000',
               sum_block_runtime='2.000000', ext__enabled=1)
    put_thread(root, 20, 20, f'batch-{factor}', f'/app.slice/b-{factor}', run=7, wait=1, slices=1)
    put_cgroup(root, '/app.slice/a-1', '50000', 1000)
    put_cgroup(root, f'/app.slice/b-{factor}', 'max', 500)
    put(root, 'proc/pressure/irq', 'full avg10=0.25 avg60=0.00 avg300=0.00 total=9\n')
    put(root, 'sys/kernel/sched_ext/state', 'enabled\n')
    put(root, 'sys/kernel/sched_ext/nr_rejected', f'{factor}\n')
    return root


def rows(run):
    """{(group by, group, metric): row}"""
    return {(b['group_by'], r['group'], r['metric']): r for b in json.loads(run.out) for r in b['rows']}


def check_made(scratch):
    a, b = scratch / 'a.ctprof.zst', scratch / 'b.ctprof.zst'
    for path, factor in ((a, 1), (b, 3)):
        run = Run('ctprof', 'capture', '--root', made_host(path + '.root', factor), '-o', path)
        check(run.status == 0 and f'wrote host-state snapshot to {path}' in run.err, f'capture of made host {factor}', run)
    plain = json.loads(Run('host-state', 'capture', '--root', a + '.root', '-o', '-').out)
    main, worker = plain['threads'][:2]
    check(main['comm'] == 'ser) ver' and worker['pcomm'] == 'ser) ver', 'a name with a parenthesis; names of processes', main)
    check(worker['wait_max'] == 1000250 and worker['nr_migrations'] == 9 and worker['voluntary_sleep_ns'] == 3000000,
          'milliseconds become nanoseconds; keys of old kernels; sleep without uninterruptible sleep', worker)
    check(worker['policy'] == 'SCHED_EXT' and worker['ext_enabled'] is True, 'a thread of sched_ext', worker)
    absent = [k for k in ('wait_max', 'rchar', 'ext_enabled', 'cpu_delay_count', 'nr_migrations') if main[k] is not None]
    check(not absent and main['majflt'] == 0, 'what is not there is null, and a true zero is 0', absent)
    group = plain['cgroup_stats']['/app.slice/a-1']
    check(group['cpu']['max_quota_us'] == 50000 and group['memory']['max'] == 'max' and group['memory']['high'] is None,
          'limits: a number, none, and unknown', group)
    check(plain['psi']['irq']['full']['avg10'] == 0.25 and plain['psi']['cpu'] is None, 'pressure', plain['psi'])
    return a, b


def check_compare(a, b):
    got = rows(Run('ctprof', 'compare', a, b, '--json'))
    r = got['pcomm', 'ser) ver', 'run_time_ns']
    check(r['baseline'] == 1500 and r['candidate'] == 3500 and r['delta'] == 2000 and round(r['percent'], 1) == 133.3,
          'counters are added up and compared', r)
    check(r['percent_of_uptime'] is not None and abs(r['percent_of_uptime'] - 100 * 3500 / (2 * 999e9)) < 1e-12,
          'in percent of the time since the start of the threads', r)
    r = got['comm', 'batch-{N}', 'run_time_ns']
    check(r['baseline'] == 7 and r['candidate'] == 7, 'numbers in names count as equal', r)
    exact = rows(Run('ctprof', 'compare', a, b, '--no-thread-normalize', '--json'))
    check(not [k for k in exact if '{N}' in k[1]], 'or not, with --no-thread-normalize', sorted(k[1] for k in exact))
    r = got['cgroup', '/app.slice/b-3 [fudged: b-1]', 'run_time_ns']
    check(r['candidate'] == 7, 'a renamed control group with the same threads', sorted(k[1] for k in got))
    r = got['pcomm', 'ser) ver', 'state']
    check(r['baseline'] == {'mode': 'R', 'count': 1, 'total': 2}, 'the most frequent state; of equal ones the first', r)
    r = got['pcomm', 'ser) ver', 'cpu_affinity']
    check(r['candidate'] == {'least': 1, 'most': 4}, 'numbers of CPUs', r)
    r = got['pcomm', 'ser) ver', 'cpu_efficiency']
    check(r['baseline'] == 0.3 and r['percent'] is None, 'a ratio, without percent', r)
    check(('pcomm', 'ser) ver', 'disk_io_fraction') not in got, 'without its inputs it is not there', got.keys())
    r = got['cgroup', '/app.slice/a-1', 'cpu.usage_usec']
    check(r['candidate'] == 1000 and got['cgroup', '(host)', 'sched_ext.nr_rejected']['delta'] == 2, 'control groups and sched_ext', r)
    got = rows(Run('ctprof', 'compare', a, b, '--json', '--group-by', 'cgroup', '--cgroup-flatten', '/app.slice/*'))
    check(got['cgroup', '/app.slice/*', 'cpu.usage_usec']['baseline'] == 1500, 'flattened control groups are added up', got.keys())
    run = Run('ctprof', 'compare', a, b, '--group-by', 'comm-exact', '--json')
    check(json.loads(run.out)[0]['only_in_baseline'] == ['batch-1'], 'groups of one side are listed', run)


def check_tables(a, b):
    run = Run('ctprof', 'compare', a, b, '--group-by', 'pcomm', '--metrics', 'run_time_ns,state,policy')
    lines = run.out.splitlines()
    check(lines[1].split() == ['ser)', 'ver', '2→2', 'run_time_ns', '1.5µs', '→', '3.5µs', '+2µs', '+133.3%', '0.0%'],
          'the largest change is first', run)
    check('same' in run.out and 'only in' not in run.out, 'texts are compared', run)
    run = Run('ctprof', 'show', b, '--metrics', 'run_time_ns', '--columns', 'threads,value')
    check(len({len(line) for line in run.out.splitlines()}) == 1, 'numbers end below each other', run)
    run = Run('ctprof', 'show', b, '--sort-by', 'run_time_ns:asc', '--columns', 'group,metric,value,tags', '--metrics', 'run_time_ns')
    check([line.split()[0] for line in run.out.splitlines()] == ['GROUP', 'batch-{N}', 'ser)'], 'sorted; chosen columns', run)
    run = Run('ctprof', 'show', b, '--sections', 'derived', '--group-by', 'all', '--limit', '1')
    check(run.out.count('more row') == 3, 'three tables, each cut', run)
    run = Run('ctprof', 'compare', a, b, '--display-format', 'full', '--limit', '1', '--group-by', 'pcomm')
    check(run.out.startswith('GROUP') and 'BASELINE' in run.out and 'TAGS' in run.out, 'the full format', run)
    listed = json.loads(Run('ctprof', 'metric-list', '--json').out)
    names = [m['name'] for m in listed]
    check(len([m for m in listed if m['section'] == 'taskstats-delay']) == 43 and len(names) == len(set(names)) and
          any('[dead]' in m['tags'] for m in listed), 'the list: 34 values of taskstats and 9 made of them', len(listed))


def check_bad(scratch, a):
    with open(a, 'rb') as f:
        data = f.read()
    bad = {'cut': data[:-20], 'longer': data + b'x', 'changed': data[:40] + bytes([data[40] ^ 0x55]) + data[41:], 'empty': b'',
           'json': b'[1]', 'version': b'{"version": 99, "threads": []}', 'threads': b'{"version": 1, "captured_at_unix_ns": 1, '
           b'"uptime_ns": 1, "clock_ticks_per_second": 100, "threads": [{"tid": "x"}]}'}
    wrong = []
    for name, content in bad.items():
        with open(scratch / name, 'wb') as f:
            f.write(content)
        run = Run('ctprof', 'show', scratch / name)
        if run.status != 65 or name not in run.err:
            wrong.append(f'{name}: {run}')
    check(not wrong, f'{len(bad)} damaged files: 65, with the name of the file', '\n'.join(wrong))
    for words in (['compare', a], ['show'], ['show', a, '--metrics', 'nonsense'], ['show', a, '--sections', 'nonsense'],
                  ['show', a, '--sort-by', 'run_time_ns:up'], ['show', a, '--columns', 'delta'], ['compare', a, a, '--columns', 'value']):
        run = Run('ctprof', *words)
        check(run.status == 64, f'usage: ctprof {" ".join(w for w in words if w != a)}', run)


def check_hostile(scratch):
    """Texts where numbers are expected, and names, of a file from others: no control character of them is printed."""
    odd = '\x1b[31m\n\u202e'
    facts = {odd: {'avg10': odd, odd: 1}, 'io': {'some': {'avg10': odd}}}
    profile = {'version': 1, 'captured_at_unix_ns': 1, 'uptime_ns': 1, 'clock_ticks_per_second': 100, 'psi': facts, 'sched_ext': facts,
               'cgroup_stats': {odd: {'memory': {'min': odd, 'stat': facts}, 'psi': facts}},
               'threads': [{'tid': 1, 'tgid': 1, 'comm': odd, 'pcomm': odd, 'cgroup': odd, 'policy': odd, 'state': odd, 'smaps_rollup_kib': facts}]}
    with open(scratch / 'odd', 'w', encoding='utf-8') as f:
        json.dump(profile, f)
    runs = [Run('ctprof', *words, '--limit', '0') for words in (['show', scratch / 'odd'], ['show', scratch / 'odd', '--group-by', 'cgroup'],
                                                                ['compare', scratch / 'odd', scratch / 'odd'])]
    check(all(run.status == 0 and '?[31m?' in run.out and not re.search('[\x00-\x09\x0b-\x1f\x7f\u202e]', run.out + run.err) for run in runs),
          'a hostile file: its texts are cleaned', '\n'.join(repr(run.out) for run in runs))


with Scratch() as scratch:
    check_host()
    one, other = check_made(scratch)
    check_compare(one, other)
    check_tables(one, other)
    check_bad(scratch, one)
    check_hostile(scratch)
finish(at_least=33)
