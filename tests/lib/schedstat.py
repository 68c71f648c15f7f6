# SPDX-License-Identifier: GPL-2.0-only
"""schedstat.py -- /proc/schedstat and /proc/stat as numbers by the names that samples have (src/monitor/sample.h)."""
import re

SCHEDSTAT = ['yld_count', None, 'sched_count', 'sched_goidle', 'ttwu_count', 'ttwu_local', None, 'run_delay', 'pcount']
CPU_TIMES = {'user': 0, 'nice': 1, 'system': 2, 'iowait': 4, 'irq': 5, 'softirq': 6, 'steal': 7}
ENDS = ['alb_count', 'alb_failed', 'alb_pushed', 'sbe_count', 'sbe_balanced', 'sbe_pushed', 'sbf_count', 'sbf_balanced', 'sbf_pushed',
        'ttwu_wake_remote', 'ttwu_move_affine', 'ttwu_move_balance']
BALANCE = {16: ['count', 'balanced', 'failed', 'imbalance', 'gained', 'hot_gained', 'nobusyq', 'nobusyg'],
           17: ['count', 'balanced', 'failed', 'imbalance_load', 'imbalance_util', 'imbalance_task', 'imbalance_misfit', 'gained',
                'hot_gained', 'nobusyq', 'nobusyg']}


def domain_rows(version, numbers):
    """{name in a sample: value} of one domain's numbers in /proc/schedstat."""
    names = [f'lb_{what}_{idle}' for idle in range(3) for what in BALANCE[version]] + ENDS
    return dict(zip(names, numbers)) if len(names) == len(numbers) else {'not': 'understood'}


def schedstat_rows(lines):
    """The version, and (CPU, level of its domain or None, {name: value}) of each line."""
    version, cpu, level, rows = int(lines[0].split()[1]), None, 0, []
    for line in lines:
        words = line.split()
        if re.match(r'cpu\d+$', words[0]):
            cpu, level = int(words[0][3:]), 0
            rows.append((cpu, None, {key: int(word) for key, word in zip(SCHEDSTAT, words[1:]) if key}))
        elif words[0].startswith('domain') and version in BALANCE:
            numbers = words[3:] if version >= 17 else words[2:]
            rows.append((cpu, level, domain_rows(version, [int(n) for n in numbers])))
            level += 1
    return version, rows
