#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How soon are known races found? Campaigns of tests/fixtures/races.c, by policy: CPU seconds of all processes until
the first failure, one machine at a time, from clones. A campaign without a failure in MOST runs counts as MOST or more.

    races.py BUILD [--campaigns N] [--most N] [--policies A,B] [RACE...]

Prints a table for docs/EXPLORING.md, and what each campaign said on standard error.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RACES = ('idle', 'mailbox', 'affinity', 'group', 'timer', 'exit', 'cgroup', 'hotplug')
# The words of --perturb; None: plain runs with other seeds.
POLICIES = {
    'plain': None,
    'random': 'random',
    'random, code': 'random,one-in=30,at=code',
    'pct:3': 'pct:3',
    'pct:3, code': 'pct:3,at=code',
    'window': 'window',
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--campaigns', type=int, default=10)
    parser.add_argument('--most', type=int, default=500)
    parser.add_argument('--policies', default=';'.join(POLICIES))
    parser.add_argument('--kernel', default=None)
    parser.add_argument('races', nargs='*', default=RACES)
    return parser.parse_intermixed_args()


def command(args, race, policy, number):
    """One campaign; campaigns have no seeds in common."""
    first = 1 + 1000 * number
    kernel = ['--kernel', args.kernel] if args.kernel else []
    common = ['--json', '--start', 'clone', '-j', '1', *kernel, '-E', f'test(=ktstr/race_{race})',
              os.path.join(args.build, 'tests/fixtures/races')]
    if POLICIES[policy] is None:
        return ['test', '--seed', str(first), '--repeat', str(args.most), '--fail-fast', *common]
    return ['explore', '--seeds', str(args.most), '--until-fail', '--perturb', f'{POLICIES[policy]},seed={first}', *common]


def campaign(args, race, policy, number):
    """CPU seconds, runs, the first failure's cause (None: there was none)."""
    with tempfile.TemporaryDirectory() as scratch, open(scratch + '/out', 'w') as out, open(scratch + '/err', 'w') as err:
        child = subprocess.Popen([os.path.join(args.build, 'ktstr'), *command(args, race, policy, number)],
                                 stdout=out, stderr=err,
                                 env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch + '/results', KTSTR_ACCEL='tcg'))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        with open(scratch + '/out') as said:
            events = [json.loads(line) for line in said if line.startswith('{')]
        with open(scratch + '/err') as said:
            complaint = said.read()
    runs = [e for e in events if e.get('verdict') in ('pass', 'fail')]
    failed = [e for e in runs if e['verdict'] == 'fail']
    if child.returncode not in (0, 1) or not runs:
        sys.exit(f'race_{race}, {policy}: exit status {child.returncode}\n{complaint}')
    seconds = usage.ru_utime + usage.ru_stime
    cause = str(failed[0].get('cause') or failed[0].get('details', '')) if failed else None
    print(f'{race:10} {policy:14} {number:3}: {seconds:7.1f} s {len(runs):4} runs  {cause or "-"}'[:160], file=sys.stderr, flush=True)
    return seconds, len(runs), cause


def middle(found, most):
    """The median, with ">" where half of the campaigns or more found nothing."""
    times = sorted((cause is None, seconds) for seconds, _, cause in found)
    without, seconds = times[len(times) // 2]
    return ('> ' if without else '') + f'{seconds:.0f} s'


def cell(found, most):
    hits = sum(cause is not None for _, _, cause in found)
    runs = statistics.median(runs for _, runs, _ in found)
    return f'{middle(found, most)} ({runs:.0f} runs, {hits}/{len(found)})'


def main():
    args = arguments()
    policies = args.policies.split(';')
    print('| race | ' + ' | '.join(policies) + ' |')
    print('|---|' + '---|' * len(policies))
    for race in args.races:
        row = [cell([campaign(args, race, policy, n) for n in range(args.campaigns)], args.most) for policy in policies]
        print(f'| {race} | ' + ' | '.join(row) + ' |', flush=True)


main()
