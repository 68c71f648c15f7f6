# SPDX-License-Identifier: GPL-2.0-only
"""made_results.py -- sidecars of runs that never took place, for tests of reports. The same arguments give the same
files."""
import json
import os
import random

KERNELS = [('6.12.117', 'kernel_6_12_117', '6.12.117-tarball-x86_64-k0123456789'), ('7.3.4', 'kernel_7_3_4', '7.3.4-tarball-x86_64-k9876543210')]
TOPOLOGIES = ['1n1l2c1t', '1n2l4c1t', '2n4l8c2t', '1n1l1c2t']
SCHEDULERS = ['eevdf', 'scx_simple', 'scx_flatcg']
WORK = ['SpinWait', 'PipeIo', 'IdleChurn', 'Mixed']
NAMES = ['two_cgroups', 'naps_beside_spinners', 'cpuset_shrinks', 'storm_of_forks', 'pipe_pairs', 'weights_hold', 'herd_wakes', 'cgroup_moves',
         'pinned_workers', 'yielding_crowd', 'bursts', 'throttled_group', 'numa_balance', 'rt_neighbour', 'exec_loop', 'deep_hierarchy']
REPORT = '''ktstr_test '{test}' [sched={scheduler}] [topo={topology}] failed:
  {cause}
--- stats ---
  the machine has 2 CPUs; 6 workers, 116 migrations
--- limits ---
  p99 wake latency of 'nap': 19.1 ms (limit 2 ms)
--- progress ---
  the test ended; the guest sent 31 records, the last one 5.471 s after its start
--- scheduler log ---
{scheduler}: attached
{scheduler}: dsq 0: 12 tasks, oldest 41 ms
--- console (its last lines) ---
[    3.148265] sched_ext: BPF scheduler "{scheduler}" enabled
'''
HOST = {
    'arch': 'x86_64', 'cpu_model': 'Example CPU 3000', 'cpu_vendor': 'Example', 'cpufreq_governor': {'0': 'performance'}, 'heap_state': None,
    'hugepages_free': 0, 'hugepages_size_kb': 2048, 'hugepages_total': 0, 'kernel_cmdline': 'quiet', 'kernel_name': 'Linux',
    'kernel_release': '6.1.0', 'numa_nodes': 1, 'online_cpus': 8, 'sched_tunables': {'sched_rt_runtime_us': '950000'},
    'thp_defrag': 'always [madvise] never', 'thp_enabled': 'always [madvise] never', 'total_memory_kb': 16000000,
}


def group(rng, name, work, slow):
    mean, p99 = rng.uniform(20, 70), rng.uniform(200, 900) * (20 if slow else 1)
    return {
        'avg_off_cpu_pct': mean, 'min_off_cpu_pct': mean - rng.uniform(0, 9), 'max_off_cpu_pct': mean + rng.uniform(0, 9), 'spread': 9.0,
        'cgroup_name': name, 'work_type': work, 'num_workers': 4, 'num_cpus': 2, 'total_iterations': rng.randrange(1000, 90000),
        'total_migrations': rng.randrange(200), 'max_gap_ms': rng.randrange(2, 90) * (9 if slow else 1), 'max_gap_cpu': 1,
        'max_run_delay_us': rng.uniform(900, 40000), 'worst_run_delay_us': rng.uniform(50000, 900000), 'mean_run_delay_us': 1000.5,
        'median_wake_latency_us': p99 / rng.uniform(3, 12), 'p99_wake_latency_us': p99, 'wake_samples': 164, 'wake_latency_cv': 0.2,
        'wake_latency_tail_ratio': 3.5, 'iterations_per_worker': 3000.0, 'migration_ratio': 0.01, 'throughput_cv': 0.03, 'page_locality': 0.0,
        'cross_node_migration_ratio': 0.0, 'ext_metrics': {},
    }


def stats(groups):
    def worst(key):
        return max(g[key] for g in groups)
    return {
        'cgroups': groups, 'total_workers': 8, 'total_cpus': 4, 'total_migrations': sum(g['total_migrations'] for g in groups),
        'total_iterations': sum(g['total_iterations'] for g in groups), 'worst_gap_ms': worst('max_gap_ms'), 'worst_gap_cpu': 1,
        'worst_spread': worst('spread'), 'worst_run_delay_us': worst('worst_run_delay_us'), 'worst_mean_run_delay_us': 1000.5,
        'worst_p99_wake_latency_us': worst('p99_wake_latency_us'), 'worst_median_wake_latency_us': worst('median_wake_latency_us'),
        'worst_wake_latency_cv': 0.2, 'worst_migration_ratio': 0.01, 'worst_wake_latency_tail_ratio': 3.5,
        'worst_iterations_per_worker': 3000.0, 'worst_page_locality': 0.0, 'worst_cross_node_migration_ratio': 0.0, 'ext_metrics': {},
    }


def stimuli(rng, total):
    events, at, done = [], 27, 0
    for i, label in enumerate(['warm_up', 'add_group', 'move_workers', None]):
        events.append({'cgroup_count': i + 1, 'elapsed_ms': at, 'label': label, 'op_count': i, 'op_kind': None, 'op_kinds': 0, 'step_index': i,
                       'total_iterations': done, 'worker_count': 2 + 2 * i if i < 3 else 3})
        at += rng.randrange(200, 900)
        done += int(total * rng.uniform(.1, .3))
    return events


# outcome -> the members that make it
OUTCOMES = {
    'pass': {'verdict': 'pass'}, 'fail': {'verdict': 'fail'}, 'inconclusive': {'verdict': 'inconclusive'}, 'skip': {'verdict': 'skip'},
    'flaky': {'verdict': 'pass', 'flaky': True},
    'xfail': {'verdict': 'fail', 'known_fail': {'reason': 'bug 42 of this kernel', 'outcome': 'xfail', 'flaky': False}},
    'xpass': {'verdict': 'pass', 'known_fail': {'reason': 'bug 43, fixed?', 'outcome': 'xpass', 'flaky': False}},
}
CAUSES = {
    'fail': "cgroup 'nap' (IdleChurn): p99 wake latency 19.1 ms (limit 2 ms), median 17 ms, in 164 wake-ups; the longest was 21 ms, of tid 44 on cpu0",
    'inconclusive': 'the host ran the machine for only 31 % of the time, so its waits are not judged',
    'skip': 'the host has 8 CPUs, and the test needs 16',
    'flaky': "scheduler died: runnable task stall (spin-3[61] failed to run for 5.001s)",
    'xfail': "worker 3 of cgroup 'cg_1' is stuck for 2.4 s", 'xpass': '', 'pass': '',
}
LIMITS = {'max_p99_wake_latency_ns': 2e6, 'max_gap_ms': 100.0, 'max_run_delay_ms': 3000.0, 'max_spread_pct': 35.0, 'isolation': True,
          'min_work_rate': None}


def sidecar(index, outcome, test, place, rng):
    """One sidecar; @place: indices of kernel, topology, scheduler."""
    (version, label, key), topology, scheduler = KERNELS[place[0]], TOPOLOGIES[place[1]], SCHEDULERS[place[2]]
    ran = outcome != 'skip'
    groups = [group(rng, name, rng.choice(WORK), outcome == 'fail') for name in ('spin', 'nap')] if ran else []
    cause = CAUSES[outcome]
    tries = [{'attempt': 1, 'seed': f'{index + 1:#x}', 'verdict': OUTCOMES[outcome]['verdict'], 'cause': cause or None}]
    if outcome == 'flaky':
        tries = [{'attempt': 1, 'seed': '0x1', 'verdict': 'fail', 'cause': cause}, {'attempt': 2, 'seed': '0x9e3779b97f4a7c16', 'verdict': 'pass', 'cause': None}]
    o = {
        'schema': {'name': 'ktstr.result', 'version': 2}, 'name': f'gauntlet/{test}/{topology}/{label}', 'test_name': test, 'suite': 'scheduler_tests',
        'topology': topology, 'scheduler': scheduler, 'accel': 'tcg', 'payload': None, 'kernel': key, 'kernel_label': label,
        'kernel_version': version, 'variant': f'{index:016x}', 'project_commit': 'abc1234', 'run_id': f'{version}-abc1234', 'seed': f'{index + 1:#x}',
        'timestamp': f'2026-01-02T03:{index // 60 % 60:02}:{index % 60:02}Z', 'file': '../tests/scheduler_tests.c', 'line': 40 + index % 400,
        'replay': f"ktstr test -E 'test(=gauntlet/{test}/{topology})' --kernel {key} --accel tcg --seed {index + 1:#x} build/scheduler_tests",
        'flaky': False, 'known_fail': None, 'attempt': len(tries), 'wall_ns': rng.randrange(900, 9000) * 1000000 if ran else 0,
        'duration_ns': 2500000000, 'details': [{'kind': 'Benchmark', 'verdict': tries[0]['verdict'], 'message': cause}] if cause and outcome != 'flaky' else [],
        'not_judged': [], 'flake': {'final': True, 'passed': 1 if outcome in ('pass', 'flaky', 'xpass') else 0, 'repeat': 0, 'require': 0, 'retries': 0,
                                    'tries': tries},
        'expectations': {'inconclusive_allowed': False}, 'guest': {'time_ns': 5470616687}, 'host': HOST,
        'stats': stats(groups) if groups else {'cgroups': []},
        'thresholds': {name: {'value': value, 'origin': 'test'} for name, value in LIMITS.items()},
    }
    o['load_thresholds'] = [{'cgroup_name': 'nap', 'name': 'max_p99_wake_latency_ns', 'value': 5e6, 'work_type': 'IdleChurn'},
                            {'cgroup_name': 'spin', 'name': 'max_gap_ms', 'value': None, 'work_type': 'SpinWait'}]
    o['stimulus_events'] = stimuli(rng, o['stats']['total_iterations']) if ran else []
    if outcome == 'fail':
        o['details'].append({'kind': 'Unfair', 'verdict': 'fail', 'message': "cgroup 'spin': 41.2 % spread (limit 35 %)"})
        o['not_judged'] = [{'check': 'max_gap_ms', 'reason': 'the workers never reached a checkpoint'}]
    o.update(OUTCOMES[outcome])
    return o


def write(directory, o, report=None):
    stem = os.path.join(directory, f"{o['test_name'][:80].replace('/', '_')}-{o['variant']}")
    with open(stem + '.ktstr.json', 'w', encoding='utf-8') as f:
        json.dump(o, f)
    if report is not None:
        with open(stem + '.report.txt', 'w', encoding='utf-8', errors='surrogateescape') as f:
            f.write(report)
    return stem + '.ktstr.json'


def make(directory, count, bad_share=.1, seed=1):
    """Writes @count results of several tests, kernels, topologies and schedulers. Returns {outcome: number}."""
    os.makedirs(directory, exist_ok=True)
    rng, counts = random.Random(seed), {}
    others = ['fail', 'fail', 'inconclusive', 'skip', 'flaky', 'xfail', 'xpass']
    for i in range(count):
        # The first ones are one of each kind.
        outcome = list(OUTCOMES)[i] if i < len(OUTCOMES) else rng.choice(others) if rng.random() < bad_share else 'pass'
        place = (i // 4 % len(KERNELS), i % len(TOPOLOGIES), i // 8 % len(SCHEDULERS))
        number = i // 24
        test = NAMES[number % len(NAMES)] + (f'_{number // len(NAMES)}' if number >= len(NAMES) else '')
        o = sidecar(i, outcome, test, place, rng)
        report = REPORT.format(test=test, scheduler=o['scheduler'], topology=o['topology'], cause=CAUSES[outcome]) if outcome not in ('pass', 'xpass') else None
        write(directory, o, report)
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


# Text that breaks out of what it stands in, if it is not escaped: names, causes, logs, replay lines.
HOSTILE = ['</script><script>window.pwned=1</script>', '"><img src=x onerror="window.pwned=1">', "' onmouseover='window.pwned=1", ']]>&amp;<!--',
           'bell\x07esc\x1b[31m\x01', 'right\u202eto\u2066left', 'not\ufffea\uffffcharacter', '# SKIP never', '\nnot ok 1 forged\nok 2 forged',
           '::error::forged', '##[error]forged', '%0A::warning::forged', '| pipe ` tick | [link](http://example.org) <b>', 'KTAP version 1', 'a' * 1000000,
           '\U0001f600 \u00fc \u4e2d', '--- forged section ---', '{{7*7}}${7*7}', 'javascript:alert(1)', '../../../etc/passwd']


def make_hostile(directory):
    """A result for each hostile text, with the text in every place that takes one."""
    os.makedirs(directory, exist_ok=True)
    for i, text in enumerate(HOSTILE):
        o = sidecar(i, ['fail', 'skip', 'xfail', 'flaky'][i % 4], 'hostile', (0, i % 4, 0), random.Random(i))
        for key in ('name', 'suite', 'topology', 'scheduler', 'kernel_version', 'kernel', 'kernel_label', 'seed', 'replay', 'file', 'run_id', 'payload',
                    'project_commit', 'timestamp', 'accel'):
            o[key] = text
        o['details'] = [{'kind': text, 'verdict': text, 'message': text}] * 2
        o['not_judged'] = [{'check': text, 'reason': text}]
        for one in o['flake']['tries']:
            one['cause'] = one['seed'] = text
        if o['known_fail']:
            o['known_fail']['reason'] = text
        for g in o['stats']['cgroups']:
            g['cgroup_name'] = g['work_type'] = text
        for e in o['stimulus_events']:
            e['label'] = text
        o['load_thresholds'] = [{'cgroup_name': text, 'name': text, 'value': 1.0, 'work_type': text}]
        o['thresholds'][text] = {'value': 1.0, 'origin': text}
        o['host'] = dict(HOST, cpu_model=text, kernel_release=text, **{text: text})
        write(directory, o, f'report {text}\n--- scheduler log ---\n{text}\n--- {text} ---\n{text}\n')
    return len(HOSTILE)
