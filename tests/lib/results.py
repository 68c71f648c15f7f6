# SPDX-License-Identifier: GPL-2.0-only
"""results.py -- writes sidecars with chosen values, for tests of `ktstr stats`."""
import json
import os
import zlib

HOST = {'arch': 'x86_64', 'cpu_model': 'Test CPU', 'cpu_vendor': 'Tester', 'cpufreq_governor': {'0': 'performance'},
        'heap_state': None, 'hugepages_free': 0, 'hugepages_size_kb': 2048, 'hugepages_total': 0,
        'kernel_cmdline': 'quiet', 'kernel_name': 'Linux', 'kernel_release': '6.1.0', 'numa_nodes': 1,
        'online_cpus': 2, 'sched_tunables': {'sched_rt_period_us': '1000000'}, 'thp_defrag': '[madvise] never',
        'thp_enabled': 'always [madvise]', 'total_memory_kb': 1024}


def sidecar(test='steady', verdict='pass', seed=1, stats=None, **keys):
    """A sidecar of the present form, as far as `ktstr stats` reads it."""
    o = {'test_name': test, 'name': f'ktstr/{test}', 'verdict': verdict, 'passed': verdict == 'pass',
         'skipped': verdict == 'skip', 'inconclusive': verdict == 'inconclusive', 'topology': '1n1l2c1t',
         'scheduler': 'eevdf', 'scheduler_commit': None, 'resolve_source': None, 'work_type': 'SpinWait',
         'kernel_version': '6.12.1', 'kernel_commit': None, 'project_commit': 'aaaaaaa', 'run_source': 'local',
         'payload': None, 'cpu_budget': None, 'accel': 'tcg', 'seed': hex(seed), 'timestamp': '2026-01-02T03:04:05Z',
         'stats': {'ext_metrics': {}, 'total_iterations': 1000, **(stats or {})}, 'monitor': None, 'metrics': [],
         'verifier_stats': [], 'kvm_stats': None, 'host': HOST, 'cleanup_duration_ms': 3,
         'flake': {'tries': [{'attempt': 1, 'seed': hex(seed), 'verdict': verdict, 'cause': None}]}}
    o.update(keys)
    return o


def write(root, run, o, name=None):
    os.makedirs(os.path.join(root, run), exist_ok=True)
    if name is None:
        name = f"{o['test_name']}-{zlib.crc32(o['topology'].encode()):016x}-s{int(o['seed'], 16):016x}.ktstr.json"
    path = os.path.join(root, run, name)
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(o, f, indent=1, sort_keys=True)
    return path


def make(root, run, *values, metric='worst_gap_ms', **keys):
    """One result per value, with seeds from 1."""
    for seed, value in enumerate(values, 1):
        write(root, run, sidecar(seed=seed, stats={metric: value}, **keys))
