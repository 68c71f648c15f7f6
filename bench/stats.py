#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""stats.py -- `ktstr stats` with many sidecars: the first index, a comparison with an index, memory; beside Python's json,
jq, SQL by hand, and cat, which only opens and reads the files. BENCH_SIDECARS says how many (100,000)."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'lib'))
from results import sidecar  # noqa: E402

KTSTR = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build'), 'ktstr')
COUNT = int(os.environ.get('BENCH_SIDECARS', '100000'))
JQ_COUNT_MAX = 20000  # it takes minutes for more
A_RUN, TESTS, WARM = 1000, 20, 5
SIDES = ['--a-kernel', '6.0', '--b-kernel', '6.1']

READ = """
import json, os, sys
sums = {}
for top, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.endswith('.json') and '.ktstr.' in name:
            with open(os.path.join(top, name)) as f:
                s = json.load(f)
            key = (s['kernel_version'][:3], s['test_name'])
            for metric, value in s['stats'].items():
                if isinstance(value, (int, float)):
                    total, n = sums.get((key, metric), (0, 0))
                    sums[key, metric] = total + value, n + 1
print(len(sums))
"""
SQL = """SELECT k.text, t.text, m.metric, avg(m.value), count(*) FROM sidecar s JOIN metric m ON m.sidecar = s.id
JOIN text k ON k.id = s.kernel JOIN text t ON t.id = s.test GROUP BY substr(k.text, 1, 3), s.test, m.metric;"""


def template():
    """A sidecar of the usual size, with marks for what differs."""
    part = {f'value_{i}': 1234.5678901234 + i for i in range(20)}
    names = ('worst_spread worst_gap_ms total_migrations worst_migration_ratio worst_p99_wake_latency_us '
             'worst_median_wake_latency_us worst_wake_latency_cv worst_mean_run_delay_us worst_run_delay_us '
             'worst_iterations_per_worker').split()
    o = sidecar(stats={name: f'@{i}@' for i, name in enumerate(names)})
    o['stats']['cgroups'] = [part, part]
    o['thresholds'] = {f'limit_{i}': {'origin': 'default', 'value': None} for i in range(40)}
    o['guest'] = {'cpus': [{'core': i, 'cpu': i, 'llc': 0, 'node': 0, 'package': 0} for i in range(4)]}
    o.update(test_name='@test@', name='ktstr/@test@', kernel_version='@kernel@', project_commit='@commit@', seed='@seed@')
    text = json.dumps(o, indent=2, sort_keys=True)
    for i in range(len(names)):
        text = text.replace(f'"@{i}@"', f'@{i}@')
    return text, len(names)


def fill(root):
    text, count = template()
    rng, size = random.Random(1), 0
    for run in range(COUNT // A_RUN):
        kernel, commit = f'6.{run % 2}.{run}', f'{run:07x}'
        os.makedirs(f'{root}/{kernel}-{commit}')
        here = text.replace('@kernel@', f'6.{run % 2}.1').replace('@commit@', 'aaaaaaa')
        for i in range(A_RUN):
            one = here.replace('@test@', f'test_{i % TESTS}').replace('@seed@', hex(1 + i // TESTS))
            for k in range(count):
                one = one.replace(f'@{k}@', f'{1000 * (k + 1) * (1 + rng.gauss(0, .01)):.11g}')
            with open(f'{root}/{kernel}-{commit}/test_{i % TESTS}-{commit:0>16}-s{1 + i // TESTS:016x}.ktstr.json', 'w') as f:
                f.write(one)
            size += len(one)
    return size


def timed(argv, **keys):
    """(wall seconds, CPU seconds, MiB at most)"""
    began = time.monotonic()
    pid = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **keys)
    _, status, used = os.wait4(pid.pid, 0)
    pid.returncode = os.waitstatus_to_exitcode(status)
    if pid.returncode not in (0, 1):
        sys.exit(f'{argv} ended with {pid.returncode}')
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def show(what, measured):
    print(f'{what:48} {measured[0]:8.2f} s  {measured[1]:8.2f} s CPU  {measured[2]:6} MiB')


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-', dir=os.environ.get('TMPDIR')) as scratch:
        root = scratch + '/runs'
        size = fill(root)
        env = dict(os.environ, XDG_CACHE_HOME=scratch + '/cache')
        env.pop('KTSTR_SIDECAR_DIR', None)
        compare = [KTSTR, 'stats', 'compare', '--dir', root, *SIDES]
        print(f'{COUNT} sidecars of {size / COUNT / 1024:.1f} KiB in {COUNT // A_RUN} runs')
        subprocess.run(f"find {root} -name '*.json' -print0 | xargs -0 cat > /dev/null", shell=True, check=True)
        python = timed([sys.executable, '-c', READ, root])
        show('python, json: read all', python)
        show('find, cat: only open and read all', timed(['sh', '-c', f"find {root} -name '*.json' -print0 | xargs -0 cat"]))
        jq = shutil.which('jq')
        if jq and COUNT <= JQ_COUNT_MAX:
            filter = "'[.kernel_version, .test_name, .stats.worst_gap_ms] | @csv'"
            show('jq: print three values of all', timed(['sh', '-c', f"find {root} -name '*.json' -print0 | xargs -0 jq -r {filter}"]))
        first = timed(compare, env=env)
        show('ktstr: compare, without an index before', first)
        warm = sorted((timed(compare, env=env) for _ in range(WARM)))[WARM // 2]
        show('ktstr: compare, with an index (median)', warm)
        tested = timed([*compare, '--test', 'mwu'], env=env)
        show('ktstr: compare --test mwu, with an index', tested)
        show('ktstr: list-values, with an index', timed([KTSTR, 'stats', 'list-values', '--dir', root], env=env))
        index = [os.path.join(top, name) for top, _, names in os.walk(scratch + '/cache') for name in names][0]
        if shutil.which('sqlite3'):
            show('sqlite3: means by hand from the index', timed(['sqlite3', index, SQL]))
        print(f'index: {os.path.getsize(index) / 2**20:.1f} MiB; first: {python[0] / first[0]:.1f}x python in wall time, '
              f'{python[1] / first[1]:.1f}x in CPU time; warm: {python[0] / warm[0]:.0f}x')


main()
