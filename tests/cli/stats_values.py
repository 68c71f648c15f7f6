#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr stats: values that are none, very many metrics, samples of perf-delta, empty selections, and what is said of
values that show too little."""
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from results import sidecar, write  # noqa: E402
from stats_place import A, B, SIDES, Place, compare, finding, stats  # noqa: E402
from tap import BUILD, Run, check, finish  # noqa: E402


def check_unusable():
    """A number that no double holds was not measured. As 0 it would be the best of all gaps."""
    with Place() as p:
        p.make('one', 4000, 4000, **A)
        p.make('two', 4000, 4000, **B)
        paths = sorted(glob.glob(p.runs + '/two/*.json'))

        def put(text, *names):
            for path in names:
                with open(path, encoding='utf-8') as f:
                    whole = f.read().replace('"worst_gap_ms": 4000', '"worst_gap_ms": ' + text)
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(whole)
        put('1e400', paths[0])
        for what in ('read', 'in the index'):
            status, out, done = compare()
            check(finding(out)['b'] == {'n': 1, 'value': 4000, 'low': 4000, 'high': 4000} and finding(out)['verdict'] == 'unchanged' and
                  'warning: 1 number in 1 result is too large or too long, and counts as not measured; the first is worst_gap_ms in ' in done.err and
                  os.path.basename(paths[0]) in done.err, f'1e400 is not measured: {what}', done)
        put('1' + '0' * 1300, paths[1])
        status, out, done = compare()
        check(finding(out)['verdict'] == '0 findings' and 'warning: 2 numbers in 2 results are' in done.err, 'so is a number of 1,300 digits', done)
        run = stats('--dir', p.runs)
        check('avg_gap=0ms' in run.out and '2 numbers' in run.err, 'and ktstr stats says it, too', run)
    with Place() as p:
        p.make('one', 4000, **A)
        p.make('two', 4000, **B)
        path = glob.glob(p.runs + '/two/*.json')[0]
        with open(path, encoding='utf-8') as f:
            text = f.read().replace('"worst_gap_ms": 4000', '"worst_gap_ms": 7000.' + '0' * 100)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        status, out, done = compare()
        check(finding(out)['b']['value'] == 7000 and finding(out)['verdict'] == 'regression' and 'not measured' not in done.err, 'a number of 105 characters has its value', done)


def check_many_metrics():
    """The time must grow with the number of metrics, not with its square, which would be 64 times as much here."""
    took = {}
    for count in (5000, 40000):
        with Place() as p:
            for run, side in (('one', A), ('two', B)):
                for seed in (1, 2, 3):
                    p.write(run, seed=seed, stats={'ext_metrics': {f'metric_{i}': i + seed for i in range(count)}}, **side)
            before = os.times()
            status, out, done = compare('--test', 'welch')
            took[count] = os.times().children_user - before.children_user
            check(status == 0 and len(out['findings']) == count + 1, f'{count} metrics that are not registered are compared', (status, done.err))
    print('# seconds:', took)
    check(took[40000] < 25 * max(took[5000], .02), 'its time is not quadratic', took)


def check_change():
    """The change in percent of A, with its sign; of 0 there is none."""
    with Place() as p:
        for run, side, gap, total, stalls in (('one', A, 1000, 400, 0), ('two', B, 2500, 100, 7)):
            p.write(run, stats={'worst_gap_ms': gap, 'total_iterations': total}, monitor={'event_deltas': {'total_fallback': stalls}}, **side)
        lines = {line.split()[1]: line.split() for line in stats('compare', *SIDES, '--all-metrics').out.splitlines() if line.startswith('steady')}
        check(lines['worst_gap_ms'][4:] == ['+1500.00ms', '+150.0%', 'REGRESSION'] and lines['total_iterations'][4:] == ['-300.00', '-75.0%', 'REGRESSION'] and
              lines['total_fallback'][4:] == ['+7.00', '-', 'unchanged'], 'changes have a sign, and none is of 0', lines)


def check_needed():
    """What more runs could show: never 'no more runs'."""
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 900, 1100, **B)
        f = finding(compare('--test', 'welch')[1])
        check(f['verdict'] == 'noisy' and f['delta'] == 0 and f['runs_needed'] == 1, 'one value shows nothing, even if the means are equal', f)
        done = stats('compare', *SIDES, '--test', 'welch')
        check('noisy; 1 more run is needed to see any change' in done.out, 'and the text says so', done)
    with Place() as p:
        p.make('one', 1000, 3000, metric='worst_spread', **A)
        p.make('two', 1000, 3000 + 1e-6, metric='worst_spread', **B)
        f = finding(compare('--test', 'welch')[1], 'worst_spread')
        done = stats('compare', *SIDES, '--test', 'welch', '--all-metrics')
        check(f['verdict'] == 'unchanged' and f['runs_needed'] is None and 'unchanged; more runs will not help' in done.out, 'a difference too small for any number of runs', done)
        check('0 more' not in done.out, 'nobody is told to make 0 more runs')


def check_samples():
    """The runs of perf-delta are in no pool, unless they are named."""
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        p.make('perf-delta-noise-head-abc1234-0', 9000, 9000, **B)
        only = finding(compare()[1])
        check(only['b'] == {'n': 1, 'value': 2000, 'low': 2000, 'high': 2000}, 'samples are not in the pool', only)
        named = finding(compare('--run', 'one', '--run', 'perf-delta-noise-head-abc1234-0')[1])
        check(named['b']['n'] == 2 and named['b']['value'] == 9000, '--run names them', named)
        check(finding(compare('--history')[1])['b']['n'] == 1, '--history is for earlier runs')
        names = [line.split()[0] for line in stats('list').out.splitlines()[1:]]
        all_names = [line.split()[0] for line in stats('list', '--history').out.splitlines()[1:]]
        check(sorted(names) == ['one', 'two'] and sorted(all_names) == ['one', 'perf-delta-noise-head-abc1234-0', 'two'], 'stats list shows them with --history', (names, all_names))
        check('perf-delta' not in stats('list-values').out + json.dumps(compare()[1]), 'nor anywhere else')
        os.utime(f'{p.runs}/perf-delta-noise-head-abc1234-0', (4000000000, 4000000000))
        analysed = json.loads(stats('--json').out)
        check(os.path.basename(analysed['run']) in ('one', 'two'), 'the last run is not one of them', analysed['run'])
        report = Run('report', '--to', 'ndjson=-')
        check('perf-delta-noise' not in report.err, 'nor is that of a report', report)
        show = stats('show-host', '--run', 'perf-delta-noise-head-abc1234-0')
        check(show.status == 0, 'a run that is named is shown', show)
        tree = Run('report', p.runs, '--to', 'ndjson=-')
        one = Run('report', 'perf-delta-noise-head-abc1234-0', '--to', 'ndjson=-')
        check('perf-delta-noise' not in tree.out + tree.err, 'a report on all runs leaves them out', tree)
        check('perf-delta-noise' in one.out + one.err, 'and takes one that is named', one)


def check_empty_selections():
    """The option that no result matches is named, with what there is."""
    cases = [
        (('--a-kernel', '9.9', '--b-kernel', '7.3'), 'A side', '--a-kernel 9.9 matches none; there are 6.12.1, 7.3.4;'),
        (('--a-kernel', '6.12', '--b-kernel', '9.8', '--b-kernel', '9.9'), 'B side', '--b-kernel 9.8, 9.9 match none; there are 6.12.1, 7.3.4;'),
        ((*SIDES, '--scheduler', 'scx_x'), 'A side', '--scheduler scx_x matches none; there are eevdf;'),
        ((*SIDES, '--kernel-commit', 'abc'), 'A side', '--kernel-commit abc matches none; no result has a kernel_commit;'),
        ((*SIDES, '-E', 'nothing'), 'A side', "-E: no result has 'nothing' in"),
        ((*SIDES, '--topology', '1n1l4c1t'), 'A side', 'no result matches --a-kernel 6.12 and --topology 1n1l4c1t together;'),
    ]
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        p.make('two', 2000, topology='1n1l4c1t', **B)
        for args, side, said in cases:
            done = stats('compare', *args)
            check(done.status == 65 and side in done.err and said in done.err, f"{' '.join(args)}: why nothing is selected", done)


def check_columns():
    """Every number that `ktstr stats` prints is explained in docs/COMPARING.md."""
    with open(os.path.join(HERE, '..', '..', 'docs', 'COMPARING.md'), encoding='utf-8') as f:
        rows = [line.split('|') for line in f if line.startswith('|')]
    documented = {name for row in rows for cell in row[1:3] for name in re.findall(r'`(\w+)', cell)}
    with Place() as p:
        for seed in range(1, 30):
            monitor = {'max_imbalance_ratio': 3, 'max_local_dsq_depth': 9, 'stall_detected': True, 'event_deltas': {'total_fallback': 9}}
            p.write('one', test='calm', seed=seed, stats={'worst_spread': 1}, monitor=monitor)
        p.write('one', test='wild', stats={'worst_spread': 90}, work_type='Mixed')
        text, data = stats().out, json.loads(stats('--json').out)['gauntlet']
        shown = set(re.findall(r' ([a-z_]+)=', text))
        check(shown == {'avg_spread', 'avg_gap', 'imbal', 'dsq', 'stalls', 'fallback'}, 'the text has all its columns', text)
        check(shown | {'passed', 'skipped', 'failed'} <= documented, 'its columns are documented', shown - documented)
        keys = set(data['by_scenario'][0]) | set(data['outliers'][0])
        check(keys <= documented, 'so are the keys of its JSON', keys - documented)


for part in (check_unusable, check_many_metrics, check_change, check_needed, check_samples, check_empty_selections, check_columns):
    part()
finish(at_least=30)
