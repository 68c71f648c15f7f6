#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the attributes of tests and schedulers change in lists and plans, without a machine."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, check, finish  # noqa: E402

BINARY = BUILD + '/tests/attributes/attributes'
IGNORED = {'ktstr/demo_of_nothing', 'ktstr/ignored'}


def names(run):
    return {json.loads(line)['name'] for line in run.out.splitlines()}


def ignored():
    listed = Run('test', '--list', '--json', BINARY)
    rows = {row['name']: row for row in map(json.loads, listed.out.splitlines())}
    check({name for name, row in rows.items() if row['ignored']} == IGNORED, '--list --json names ignored tests', listed)
    usual = Run('test', '--dry-run', '--json', BINARY)
    check(usual.status == 0 and names(usual) == set(rows) - IGNORED and "2 tests are ignored; '--run-ignored all' runs them too" in usual.err,
          'a plan leaves them out, with a word', usual)
    alone = Run('test', '--dry-run', '--json', '--run-ignored', 'only', BINARY)
    check(alone.status == 0 and names(alone) == IGNORED, '--run-ignored only', alone)
    together = Run('test', '--dry-run', '--json', '--run-ignored', 'all', BINARY)
    check(together.status == 0 and names(together) == set(rows), '--run-ignored all', together)
    named = Run('test', '--dry-run', '--json', '-E', 'test(=ktstr/ignored)', BINARY)
    check(named.status == 0 and names(named) == {'ktstr/ignored'}, 'a filter with the exact name asks for it', named)
    none = Run('test', '--dry-run', '-E', 'test(~demo_of)', BINARY)
    check(none.status == 64 and "all tests that match are ignored (1); run them with '--run-ignored all'" in none.err, 'part of a name does not', none)
    other = Run('test', '--dry-run', '--run-ignored', 'only', '-E', 'test(=ktstr/built_in)', BINARY)
    check(other.status == 64 and "none of the 1 tests is ignored" in other.err, 'only ignored tests, and there are none', other)


def verifier_keys():
    rows = {row['name']: row for row in map(json.loads, Run('test', '--list', '--json', BINARY).out.splitlines())}
    row = rows['ktstr/built_in']
    check(row['kernels'] == ['6.12', '6.14..6.18'] and row['verifier_exclude_topologies'] == ['4cpu-1llc-nosmt'],
          '--list --json has the kernels and topologies of a scheduler', row)
    check('kernels' not in rows['ktstr/below_a_root'], 'and nothing of the kind without a scheduler')


def test_mode():
    """A run on its own: no presets."""
    args = ('test', '--dry-run', '--json', '--gauntlet', '-E', 'test(below_a_root)', BINARY)
    many, one = Run(*args), Run(*args, env={'KTSTR_CARGO_TEST_MODE': '1'})
    check(len(names(many)) > 5 and names(one) == {'ktstr/below_a_root'}, 'KTSTR_CARGO_TEST_MODE has no gauntlet', f'{many}\n{one}')


def limits():
    """A limit of one load stands below, and the table says so."""
    shown = Run('show-thresholds', 'latency_of_one_load', BUILD + '/tests/verdicts')
    rows = {line.split(':')[0].strip(): line for line in shown.out.splitlines() if ' : ' in line or ': ' in line}
    check(shown.status == 0 and '(default; replaced below)' in rows['max_p99_wake_latency_ns'] and
          rows['max_gap_ms'].endswith('(default)') and "cgroup 'nap' (IdleChurn): max_p99_wake_latency_ns" in shown.out,
          'show-thresholds: limits of loads replace those of the table', shown)


def budget():
    run = Run('test', '--dry-run', '--json', '-E', 'test(=ktstr/greedy)', BINARY)
    skip = json.loads(run.out)['skip'] if run.out else None
    check(skip and skip.startswith('its cpu_budget is 100000 CPUs, and ktstr may use '), 'a budget that no host has is a skip', run)
    cap = Run('test', '--dry-run', '--json', '--cpu-cap', '1', '-E', 'test(=ktstr/greedy)', BINARY)
    check(cap.status == 0 and json.loads(cap.out)['skip'] is None, '--cpu-cap wins over it', cap)


ignored()
verifier_keys()
test_mode()
limits()
budget()
finish(at_least=12)
