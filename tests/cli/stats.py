#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr stats: which results are chosen, paired and averaged, and what counts as a change; values computed by hand."""
import csv
import glob
import io
import json
import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import results  # noqa: E402
from results import make, sidecar, write  # noqa: E402
from stats_place import A, B, SIDES, Place, compare, finding, stats  # noqa: E402
from tap import Run, check, finish  # noqa: E402


def verdict(a, b, metric='worst_gap_ms', *args):
    """What a change from @a to @b counts as."""
    with Place() as p:
        p.make('one', a, metric=metric, **A)
        p.make('two', b, metric=metric, **B)
        status, out, done = compare(*args)
        return finding(out, metric)['verdict'], status


def check_limits():
    """worst_gap_ms: lower is better, at least 500 and 50 %; total_iterations: higher, at least 2 and 10 %."""
    cases = [((1000, 1499), ('unchanged', 0)), ((1000, 1500), ('regression', 1)), ((1500, 1000), ('unchanged', 0)),
             ((2000, 1000), ('improvement', 0)), ((100, 300), ('unchanged', 0)), ((0, 5000), ('unchanged', 0)),
             ((1000, 900, 'total_iterations'), ('regression', 1)), ((1000, 901, 'total_iterations'), ('unchanged', 0)),
             ((1000, 1100, 'total_iterations'), ('improvement', 0)),
             ((1000, 1400, 'worst_gap_ms', '--threshold', '10'), ('unchanged', 0)),
             ((10000, 11000, 'worst_gap_ms', '--threshold', '10'), ('regression', 1)),
             ((10000, 10999, 'worst_gap_ms', '--threshold', '10'), ('unchanged', 0))]
    for args, wanted in cases:
        got = verdict(*args)
        check(got == wanted, f'{args}: {wanted[0]}', got)
    with Place() as p:
        p.make('one', 0, **A)
        p.make('two', 0, **B)
        check(finding(compare()[1])['verdict'] == '0 findings', 'a metric that is 0 on both sides is left out')


def check_policy():
    with Place() as p:
        policy = p / 'policy.json'

        def with_policy(text, *args):
            with open(policy, 'w') as f:
                f.write(text)
            return compare('--policy', policy, *args)
        p.make('one', 10000, **A)
        p.make('two', 11000, **B)
        status, out, _ = with_policy('{"default_percent": 5}')
        check(finding(out)['verdict'] == 'regression' and status == 1, 'default_percent of a policy')
        status, out, _ = with_policy('{"default_percent": 5, "per_metric_percent": {"worst_gap_ms": 20}}')
        check(finding(out)['verdict'] == 'unchanged' and status == 0, 'per_metric_percent comes first')
        for text, why in (('{"default_percent": -1}', 'percentage of 0 or more'), ('{"per_metric_percent": {"x": 1}}', "'x'"),
                          ('{"odd": 1}', "unknown key 'odd'"), ('[]', 'not an object'), ('{', 'policy.json'),
                          ('{"per_metric_percent": {"worst_gap_ms": -3}}', 'percentage of 0 or more')):
            status, _, done = with_policy(text)
            check(status == 65 and why in done.err, f'policy {text} is refused', done)
        status, _, done = with_policy('{}', '--threshold', '5')
        check(status == 64, '--threshold and --policy exclude each other', done)


# Each dimension of the sides: for both, for A, for B.
DIMENSIONS = (('--kernel', '--a-kernel', '--b-kernel'), ('--scheduler', '--a-scheduler', '--b-scheduler'),
              ('--topology', '--a-topology', '--b-topology'), ('--work-type', '--a-work-type', '--b-work-type'),
              ('--run-source', '--a-run-source', '--b-run-source'), ('--kernel-commit', '--a-kernel-commit', '--b-kernel-commit'),
              ('--project-commit', '--a-project-commit', '--b-project-commit'))


def check_dimensions():
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        for both, a, b in DIMENSIONS:
            for option, said in ((a, 'A side filter matched 0 sidecars'), (b, 'B side filter matched 0 sidecars')):
                status, _, done = compare(option, 'nothing-like-it')
                check(status == 65 and said in done.err, f'{option} chooses results of its side', done)
            if both != '--kernel':
                status, _, done = compare(both, 'nothing-like-it')
                check(status == 65 and 'side filter matched 0 sidecars' in done.err, f'{both} chooses results of both', done)


def check_selection():
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        p.make('three', 9000, kernel_version='7.30.1')
        status, out, _ = compare()
        f = finding(out)
        check(f['a']['value'] == 1000 and f['b']['value'] == 2000, '7.3 is a series: 7.3.4, not 7.30.1', f)
        check(out['slicing'] == ['kernel'] and 'kernel' not in out['pairing'], 'the kernel is the slicing dimension', out)
        status, _, done = compare(sides=('--kernel', '6.12'))
        check(status == 64 and 'A and B select identical rows' in done.err, 'sides that are the same', done)
        status, _, done = compare(sides=())
        check(status == 64 and '--a-kernel 6.14 --b-kernel 6.15' in done.err, 'no sides at all', done)
        status, _, done = compare(sides=('--a-kernel', '6.12', '--b-kernel', '8.0'))
        check(status == 65 and 'B side filter matched 0 sidecars in pool of 3' in done.err, 'a side without results', done)
        status, _, done = compare('--a-scheduler', 'eevdf')
        check('differ in 2 dimensions (kernel, scheduler)' in done.err or
              'differ in 2 dimensions (scheduler, kernel)' in done.err, 'two slicing dimensions are warned of', done)
        status, _, done = compare('--seed', '1', '--a-seed', '0x1')
        check(status in (0, 1), '--a-X replaces --X, and seeds are numbers', done)
        status, out, _ = compare('--kernel', '8.0')
        check(status == 1 and out['summary']['pairs'] == 1, 'a filter for one side replaces the shared one', out)
        status, _, done = compare('-E', 'odd')
        check(status == 65, '-E chooses by a part of the test', done)
        status, out, _ = compare('-E', 'steady 1n1l2c1t eevdf')
        check(status == 1, '-E sees test, topology, scheduler and work type', out)
    with Place() as p:
        status, _, done = compare()
        check(status == 65 and 'no sidecar data found under' in done.err and 'ktstr test' in done.err, 'an empty pool', done)
        p.make('one', 1000, project_commit='abc1234-dirty')
        status, _, done = compare(sides=('--a-project-commit', 'abc1234', '--b-project-commit', 'abc1234-dirty'))
        check("did you mean 'abc1234-dirty'?" in done.err, 'a commit that has only changed trees', done)


def check_pairs():
    with Place() as p:
        for topology, gap in (('1n1l2c1t', 1000), ('2n2l2c1t', 3000)):
            write(p.runs, 'one', sidecar(topology=topology, stats={'worst_gap_ms': gap}, **A))
            write(p.runs, 'two', sidecar(topology=topology, stats={'worst_gap_ms': gap * 2}, **B))
        write(p.runs, 'two', sidecar(test='fresh', **B))
        write(p.runs, 'one', sidecar(test='gone', **A))
        _, out, _ = compare()
        s = out['summary']
        check((s['pairs'], s['regressions'], s['new'], s['removed']) == (2, 2, 1, 1), 'pairs are by test and topology', s)
        check(finding(out, topology='2n2l2c1t')['b']['value'] == 6000, 'each pair has its own values')
        check(out['geomeans'][0] == {'metric': 'worst_gap_ms', 'geomean': 2, 'pairs': 2, 'skipped': 0}, 'geometric means', out)
    with Place() as p:
        p.make('one', 1000, cpu_budget=2, **A)
        p.make('two', 2000, cpu_budget=4, **B)
        _, out, done = compare()
        check(out['summary']['pairs'] == 0 and 'cpu_budget' in done.err, 'different CPU budgets are not compared', done)
        status, out, _ = compare('--a-cpu-budget', '2', '--b-cpu-budget', '4')
        check(out['summary']['pairs'] == 1, 'except when they are the question', out)
        status, _, done = compare('--cpu-budget', '3')
        check(status == 65 and 'matched 0 sidecars' in done.err, '--cpu-budget chooses on both sides', done)
        status, _, done = compare('--phase-threshold', 'some')
        check(status == 64 and '--phase-threshold' in done.err, '--phase-threshold is a percentage', done)
    with Place() as p:
        p.make('one', 1000, accel='tcg', **A)
        p.make('two', 2000, accel='kvm', **B)
        check(compare()[1]['summary']['pairs'] == 0, 'backends are not mixed')
    with Place() as p:
        p.make('one', 1000, project_commit='abc1234', **A)
        p.make('two', 2000, project_commit='abc1234-dirty', **B)
        _, out, done = compare()
        check(out['summary']['pairs'] == 1 and out['b']['dirty'] == 1, '-dirty is not part of the key', out)
        check('1 of 1 results on side B are of working trees with changes' in done.err, 'and is warned of', done)


def check_averages():
    with Place() as p:
        p.make('one', 1000, 1001, 1001, **A)
        p.make('two', 2000, 2000, **B)
        status, out, _ = compare()
        f = finding(out)
        check(f['a'] == {'n': 3, 'value': 1001, 'low': 1000, 'high': 1001}, 'means of whole numbers are rounded', f)
        group = out['groups'][0]
        check(group['a']['total_observed'] == 3 and group['b']['passes_observed'] == 2, 'pass counts', group)
        status, _, done = compare('--no-average')
        check(status == 64 and 'side A has 3 sidecars with the same pairing key' in done.err, '--no-average', done)
    with Place() as p:
        p.make('one', 1.5, 2, metric='worst_spread', **A)
        p.make('two', 10, metric='worst_spread', **B)
        check(finding(compare()[1], 'worst_spread')['a']['value'] == 1.75, 'means of other numbers are not')
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        write(p.runs, 'two', sidecar(seed=9, verdict='fail', stats={'worst_gap_ms': 9}, **B))
        status, out, done = compare()
        check(status == 2 and out['summary']['skipped_failed'] == 1 and out['summary']['pairs'] == 0,
              'a pair of which one result failed is excluded, and where nothing is compared nothing is right', out)
        check('1 test passed in A and not in B' in done.err, 'a test that does not pass any more is said', done)
        status, out, _ = compare('--test', 'welch')
        check(out['summary']['pairs'] == 1 and finding(out)['b']['n'] == 1, 'samples are what passed', out)
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        write(p.runs, 'two', sidecar(seed=9, verdict='skip', stats={'worst_gap_ms': 0}, **B))
        status, out, _ = compare()
        check(finding(out)['b'] == {'n': 1, 'value': 2000, 'low': 2000, 'high': 2000}, 'a skipped result counts nothing', out)
    with Place() as p:
        for run, side, count in (('one', A, (10, 30)), ('two', B, (10, 100))):
            for seed, n in enumerate(count, 1):
                monitor = {'schedstat_deltas': {'total_run_delay': 1000 * n, 'total_sched_count': n * seed}}
                write(p.runs, run, sidecar(seed=seed, monitor=monitor, **side))
        f = finding(compare()[1], 'total_run_delay_ns_per_sched')
        check(f['a']['value'] == 40000 / 70 and f['b']['value'] == 110000 / 210, 'rates are quotients of sums', f)
    with Place() as p:
        p.make('one', 100, 900, metric='worst_run_delay_us', **A)
        p.make('two', 100, 200, metric='worst_run_delay_us', **B)
        check(finding(compare()[1], 'worst_run_delay_us')['a']['value'] == 900, 'of the worst the worst counts')
    with Place() as p:
        p.make('one', 1000, project_commit='abc1234', **A)
        write(p.runs, 'one', sidecar(seed=2, project_commit='abc1234-dirty', **A))
        p.make('two', 2000, project_commit='abc1234', **B)
        done = stats('compare', *SIDES)
        check('A 2/2 +mixed' in done.out, 'clean and changed trees of one commit are marked', done)


def check_tests():
    """Welch: a = {1000, 1010, 1020}, b = {2000, 2010, 2020}: t = -1000 / sqrt(200/3), p < 1e-6."""
    with Place() as p:
        p.make('one', 1000, 1010, 1020, **A)
        p.make('two', 2000, 2010, 2020, **B)
        status, out, _ = compare('--test', 'welch')
        f = finding(out)
        check(status == 1 and f['verdict'] == 'regression' and f['p'] < 1e-6, 'Welch: far apart', f)
        status, out, done = compare('--test', 'mwu')
        f = finding(out)
        check(status == 0 and f['verdict'] == 'noisy' and abs(f['p'] - 0.1) < 1e-9 and f['runs_needed'] == 1,
              'with 3 runs a side no rank test can find anything, and 1 more is needed', f)
        status, out, _ = compare('--test', 'mwu', '--alpha', '0.2')
        check(finding(out)['verdict'] == 'regression' and status == 1, '--alpha')
    with Place() as p:
        p.make('one', 1000, 3000, 2000, 2500, **A)
        p.make('two', 2600, 1500, 4000, 3900, **B)
        status, out, _ = compare('--test', 'welch')
        f = finding(out)
        check(f['verdict'] == 'unchanged' and f['p'] > 0.05 and f['runs_needed'] > 0, 'Welch: noise, and what is needed', f)
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 5000, 5001, **B)
        f = finding(compare('--test', 'welch')[1])
        check(f['verdict'] == 'noisy', 'Welch: one value is not a sample', f)
    with Place() as p:
        p.make('one', *range(1000, 1008), **A)
        p.make('two', *range(2000, 2008), **B)
        f = finding(compare('--test', 'mwu')[1])
        check(f['verdict'] == 'regression' and f['a']['value'] == 1003.5 and abs(f['p'] - 2 / 12870) < 1e-9,
              'Mann-Whitney: the medians, and the p of 8 + 8 without overlap', f)
        check(f['a']['low'] == 1000 and f['a']['high'] == 1007, "the median's interval", f)


def check_paired():
    """Seeds differ by thousands, and each gets worse by 600: only pairs can see that."""
    # Most seeds are worse, and one outlier moves the mean against them; the same with the worst value of all runs.
    many = [1000 + i for i in range(12)]
    doubled = [2 * v + i for i, v in enumerate(many)]
    with Place() as p:
        p.make('one', *many[:-1], 100000, **A)
        p.make('two', *doubled[:-1], 1000, **B)
        f = finding(compare('--test', 'paired')[1])
        check(f['verdict'] == 'unchanged' and f['p'] < 0.05 and f['delta'] < 0, 'a mean that contradicts the seeds is no improvement', f)
    with Place() as p:
        p.make('one', *[100 + i for i in range(11)], 2511, metric='worst_run_delay_us', **A)
        p.make('two', *[1000 + i for i in range(12)], metric='worst_run_delay_us', **B)
        f = finding(compare('--test', 'welch')[1], 'worst_run_delay_us')
        check(f['verdict'] == 'regression' and f['p'] < 0.05 and f['a']['value'] == 305.5 and f['b']['value'] == 1005.5,
              'of worst values, too, the means are shown and judged that are tested', f)
    base = [1000, 9000, 4000, 1200, 7000, 2600, 5100, 8800]
    with Place() as p:
        p.make('one', *base, **A)
        p.make('two', *[int(1.6 * v) + k for k, v in enumerate(base)], **B)
        f = finding(compare('--test', 'mwu')[1])
        check(f['verdict'] == 'unchanged', 'as independent samples they do not differ', f)
        status, out, _ = compare('--test', 'paired')
        f = finding(out)
        check(status == 1 and f['verdict'] == 'regression' and abs(f['p'] - 2 / 256) < 1e-9, 'seed by seed they do', f)
        check((f['seeds_worse'], f['seeds_better'], f['a']['n']) == (8, 0, 8) and abs(f['sign_p'] - 2 / 256) < 1e-9,
              '8 of 8 seeds are worse', f)
        done = stats('compare', *SIDES)
        check('--test paired' in done.err, 'pairs of seeds are suggested', done)
        done = stats('compare', *SIDES, '--test', 'paired')
        check('8 of 8 seeds worse, 0 better' in done.out, 'and told', done)
        write(p.runs, 'two', sidecar(seed=3, verdict='fail', stats={'worst_gap_ms': 1}, **B))
        f = finding(compare('--test', 'paired')[1])
        check(f['a']['n'] == 7, 'a seed that failed on one side is no pair', f)
    with Place() as p:
        p.make('one', 1000, 2000, 3000, **A)
        p.make('two', 2000, 4000, 6000, **B)
        f = finding(compare('--test', 'paired')[1])
        check(f['verdict'] == 'noisy' and f['runs_needed'] == 3, '3 pairs show nothing; 6 could', f)
    with Place() as p:
        p.make('one', 1000, 1000, 1000, **A)
        p.make('two', 1000, 1000, 1000, **B)
        f = finding(compare('--test', 'paired')[1])
        check(f['verdict'] == 'unchanged' and not f['runs_needed'], 'values that are all equal did not change, however few they are', f)
    with Place() as p:
        write(p.runs, 'one', sidecar(seed=1, stats={'worst_gap_ms': 1000}, **A))
        write(p.runs, 'two', sidecar(seed=2, stats={'worst_gap_ms': 9000}, **B))
        status, out, done = compare('--test', 'paired')
        check(status == 2 and not out['findings'] and 'no test has results of equal seeds on both sides' in done.err,
              'without an equal seed nothing is compared', done)
    for pairs, wanted in ((6, 'noisy'), (7, 'regression')):
        with Place() as p:
            for seed in range(1, pairs + 1):
                unlike = 2000 + (-1) ** seed * 400
                write(p.runs, 'one', sidecar(seed=seed, stats={'worst_gap_ms': 1000, 'worst_run_delay_us': 2000}, **A))
                write(p.runs, 'two', sidecar(seed=seed, stats={'worst_gap_ms': 2000 + seed, 'worst_run_delay_us': unlike + seed}, **B))
            f = finding(compare('--test', 'paired')[1])
            check(f['verdict'] == wanted and abs(f['p'] - 2 / 2 ** pairs) < 1e-9 and abs(f['q'] - 2 * f['p']) < 1e-9,
                  f'of two metrics, one that {pairs} of {pairs} seeds make worse is {wanted}', f)
            check(wanted != 'noisy' or f['runs_needed'] == 1, 'and what is missing is said', f)


def check_history_and_runs():
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('.history/one/20260101T000000Z-1', 2000, **B)
        status, _, done = compare()
        check(status == 65, 'earlier runs are not in the pool', done)
        status, out, done = compare('--history')
        check(status == 1 and out['summary']['pairs'] == 1, '--history adds them', done)
        status, out, done = compare('--run', 'one,20260101T000000Z-1')
        check(status == 1, '--run names them', done)
        status, out, done = compare('--run', 'none')
        check(status == 65 and "no run 'none'" in done.err, 'a run that is not there', done)
        listed = json.loads(stats('list', '--json').out)
        check([r['run'] for r in listed] == ['one'], 'list leaves them out', listed)
        listed = json.loads(stats('list', '--json', '--history').out)
        check(len(listed) == 2 and any(r['run'].startswith('.history/one/') for r in listed), 'list --history', listed)
        done = stats('list', KTSTR_SIDECAR_DIR='/nonexistent')
        check('one' in done.out, 'KTSTR_SIDECAR_DIR does not change the list', done)
        done = stats('list', '--format', 'csv')
        rows = list(csv.DictReader(io.StringIO(done.out)))
        check(rows == [{'run': 'one', 'tests': '1', 'date': '2026-01-02T03:04:05Z', 'arch': 'x86_64'}], 'list as CSV', rows)
    for words in ([], ['list'], ['list-values'], ['compare', *SIDES], ['show-host', '--run', 'x'], ['explain-sidecar', '--run', 'x']):
        done = stats(*words, '--dir', '/nothing')
        check(done.status == 64 and "--dir '/nothing' is not a directory" in done.err, f'{words}: a directory that is not there', done)
    with Place() as p:
        done = stats('list')
        check(done.status == 0 and done.out == '' and 'no runs found at' in done.err, 'list without runs', done)


def check_links():
    with Place() as p:
        p.make('one', 1000, 1010, 1020, **A)
        p.make('two', 2000, 2010, 2020, **B)
        os.symlink('two', p.runs + '/latest')
        os.symlink('latest', p.runs + '/newest')
        os.makedirs(p / 'other')
        os.rename(p.runs + '/one', p / 'other/one')
        os.symlink(p / 'other/one', p.runs + '/one')
        f = finding(compare('--test', 'mwu')[1])
        check((f['a']['n'], f['b']['n']) == (3, 3), 'a link to a run does not double its results, and leads to one elsewhere', f)


def check_locked_index():
    """Another program writes to the index for long: the command goes on without it, and leaves it alone."""
    with Place() as p:
        p.make('one', 1000, **A)
        p.make('two', 2000, **B)
        compare()
        path = glob.glob(p / 'cache/ktstr/results/*.sqlite')[0]
        inode = os.stat(path).st_ino
        other = sqlite3.connect(path, isolation_level=None)
        other.execute('BEGIN EXCLUSIVE')
        other.execute('CREATE TABLE mine (x)')
        status, out, done = compare()
        check(status == 1 and out['summary']['pairs'] == 1, 'a locked index is done without', done)
        other.execute('COMMIT')
        other.close()
        check(os.stat(path).st_ino == inode, 'and is left alone')


def check_values():
    with Place() as p:
        p.make('one', 1, cpu_budget=10, **A)
        p.make('two', 1, cpu_budget=9, kernel_commit='abc', **B)
        p.make('three', 1, **B)
        values = json.loads(stats('list-values', '--json').out)
        check(values['cpu_budget'] == [9, 10], 'CPU budgets are numbers, and none is left out', values)
        check(values['kernel_commit'] == [None, 'abc'], 'null comes first', values)
        check(values['kernel'] == ['6.12.1', '7.3.4'] and values['source'] == ['local'], 'values are sorted', values)
        done = stats('list-values')
        check('kernel_commit:\n  unknown\n  abc\n' in done.out, 'null is "unknown" in text', done)
        values = json.loads(stats('list-values', '--json', '--dir', p.runs).out)
        check(values['source'] == ['archive'], '--dir makes an archive', values)


def check_hosts():
    with Place() as p:
        p.make('one', 1, host=None, **A)
        done = stats('show-host', '--run', 'one')
        check(done.status == 65 and 'describes its host' in done.err, 'a run without a host', done)
        write(p.runs, 'one', sidecar(seed=5, **A))
        done = stats('show-host', '--run', 'one')
        check('cpu_model: Test CPU\n' in done.out and '  cpu0 = performance\n' in done.out and
              'heap_state: (unknown)\n' in done.out, 'the first host of a run', done)
        check(done.out.index('kernel_name') < done.out.index('arch') < done.out.index('thp_enabled'), 'order of the keys')
        for bad in ('none', '../one', '', '/etc'):
            done = stats('show-host', '--run', bad)
            check(done.status in (64, 65), f'--run {bad!r} is refused', done)
        other = dict(results.HOST, kernel_release='6.2.0', sched_tunables={'x': '1'})
        write(p.runs, 'two', sidecar(host=other, **B))
        done = stats('compare', *SIDES)
        check("host delta ('6.12' → '7.3'):" in done.out and '  kernel_release: 6.1.0 → 6.2.0\n' in done.out and
              '  sched_tunables.x: (absent) → 1\n' in done.out, 'what differs between hosts', done)
        done = Run('show-host', '--json')
        check(json.loads(done.out)['kernel_name'] == 'Linux', 'show-host tells of this machine', done)


def check_explain():
    with Place() as p:
        write(p.runs, 'one', sidecar(project_commit=None))
        write(p.runs, 'one', {**sidecar(seed=2), 'host': None})
        with open(os.path.join(p.runs, 'one', 'x-1.ktstr.json'), 'w') as f:
            f.write('{"test_name":')
        out = json.loads(stats('explain-sidecar', '--run', 'one', '--json').out)
        walk = out['_walk']
        check(out['_schema_version'] == '1' and (walk['walked'], walk['valid'], len(walk['errors'])) == (3, 2, 1),
              'what was walked', walk)
        check(out['fields']['project_commit']['none_count'] == 1 and out['fields']['project_commit']['some_count'] == 1 and
              out['fields']['project_commit']['classification'] == 'actionable', 'fields are counted', out['fields'])
        check(out['fields']['payload']['classification'] == 'expected' and out['fields']['payload']['fix'] is None,
              'some are expected to be null')
        done = stats('explain-sidecar', '--run', 'one')
        check('walked 3 sidecar file(s), parsed 2 valid\n' in done.out and 'corrupt sidecars (1):' in done.out and
              '    error: ' in done.out and done.status == 0, 'the same as text', done)
        check(stats('explain-sidecar', '--run', 'two').status == 65, 'a run that is not there')
        os.makedirs(os.path.join(p.runs, 'empty'))
        check(stats('explain-sidecar', '--run', 'empty').status == 65, 'a run without sidecars')
        done = stats('list')
        check('1 file in' in done.err, 'other commands say that a file could not be read', done)


def check_analysis():
    """20 results with a spread of 1 and one with 21: mean 41/21, deviation 4.364, limit 10.68."""
    with Place() as p:
        for i in range(20):
            write(p.runs, 'one', sidecar(test=f't{i}', stats={'worst_spread': 1}))
        write(p.runs, 'one', sidecar(test='wide', topology='9n9l9c1t', stats={'worst_spread': 21}, work_type='Bursty'))
        done = stats()
        z = (21 - 41 / 21) / (20 * 20 / 21) ** .5
        check(f'  wide: spread 21.0 (overall avg 2.0, +{z:.1f}σ)\n    worst on: 9n9l9c1t\n' in done.out, 'an outlier', done)
        check('By work_type:\n  Bursty ' in done.out, 'two work types are compared, the wider first', done)
        check('1/1 passed (0 skipped, 0 failed)  avg_spread=21.0%  avg_gap=0ms\n' in done.out, 'a line per group', done)
        out = json.loads(stats('--json').out)
        check(len(out['gauntlet']['outliers']) == 1 and abs(out['gauntlet']['outliers'][0]['z'] - z) < 1e-9, 'as JSON')
        done = stats(KTSTR_SIDECAR_DIR=os.path.join(p.runs, 'one'))
        check('wide' in done.out, 'KTSTR_SIDECAR_DIR is analysed', done)
        write(p.runs, 'two', sidecar(
            verifier_stats=[{'name': 'enqueue', 'verified_insns': 750000}, {'name': 'dispatch', 'verified_insns': 10}],
            monitor={'prog_stats_deltas': [{'name': 'enqueue', 'cnt': 4, 'nsecs': 1000, 'nsecs_per_call': 250}]},
            kvm_stats={'per_vcpu': [{'exits': 100, 'halt_exits': 10, 'halt_wait_ns': 4000000, 'halt_successful_poll': 1,
                                     'halt_attempted_poll': 4, 'preemption_reported': 2, 'signal_exits': 6,
                                     'hypercalls': 0}, {'exits': 200}]}))
        done = stats()
        check('No outliers detected.' in done.out, 'one result has no outliers', done)
        check('75.0% !' in done.out and 'WARNING: programs close to' in done.out, "the verifier's limit", done)
        check('cnt=4 total=1000ns avg=250ns' in done.out, 'callbacks', done)
        check('exits/vcpu=150 halt/vcpu=5 halt_wait_ms=2.0 poll_ok%=25.0 preempted/vcpu=1.0 signal/vcpu=3.0 hypercalls/vcpu=0.0'
              in done.out and 'WARNING: the host preempted vCPUs 2 times' in done.out, "KVM's statistics", done)
    with Place() as p:
        done = stats()
        check(done.status == 0 and 'no runs found at' in done.err, 'no run', done)
        done = Run('test-stats', '--dir', p.path)
        check(done.status == 0, 'the former name', done)


def check_formats():
    with Place() as p:
        p.make('one', 1000, scheduler='a "quoted", name', **A)
        p.make('two', 2000, scheduler='a "quoted", name', **B)
        done = stats('compare', *SIDES, '--format', 'csv')
        rows = list(csv.DictReader(io.StringIO(done.out)))
        check(len(rows) == 1 and rows[0]['scheduler'] == 'a "quoted", name' and rows[0]['verdict'] == 'regression' and
              rows[0]['a'] == '1000' and rows[0]['percent'] == '100', 'a comparison as CSV', done)
        rows = list(csv.DictReader(io.StringIO(stats('list-metrics', '--format', 'csv').out)))
        listed = json.loads(stats('list-metrics', '--json').out)
        check([r['name'] for r in rows] == [m['name'] for m in listed] and len(rows) > 80, 'metrics as CSV and as JSON')
        check(set(listed[0]) == {'name', 'polarity', 'default_abs', 'default_rel', 'display_unit', 'kind', 'description'},
              'keys of a metric', listed[0])
        check(stats('compare', *SIDES, '--json', '--format', 'csv').status == 64, 'two formats are refused')
        check(stats('bogus').status == 64 and 'list-values' in stats('bogus').err, 'unknown commands name the known ones')
        for wrong in (('--alpha', '0'), ('--alpha', 'x'), ('--confidence', '1'), ('--threshold', '-1'), ('--threshold', 'nan')):
            check(stats('compare', *SIDES, *wrong).status == 64, f'{wrong} is refused')


def check_phases():
    """Phases are compared beside the whole run, and do not change its verdict; 0 is the baseline."""
    def phase(step, rate, **keys):
        return {'label': 'x', 'step_index': step, 'iteration_rate': rate, 'stall_count': 0, 'fallback_rate': None, 'changes': [], **keys}
    with Place() as p:
        for kernel, rates, more in (('6.12.1', (100, 1000, 50), {'avg_nr_running': 2}), ('7.3.4', (101, 400, 500), {})):
            for seed in (1, 2):
                p.write(kernel, seed=seed, kernel_version=kernel,
                        phases=[phase(step, rate, **(more if step == 1 else {})) for step, rate in zip((None, 0, 1), rates)])
        status, out, run = compare()
        found = {f['metric']: (f['phase'], f['verdict']) for f in out['findings'] if f['phase'] is not None}
        check(found == {'phase[0].iteration_rate': (0, 'unchanged'), 'phase[1].iteration_rate': (1, 'regression'),
                        'phase[2].iteration_rate': (2, 'improvement')}, 'phases are compared by the limits of their metrics', found)
        check(status == 0 and out['summary']['phases'] == {'regressions': 1, 'improvements': 1, 'unchanged': 1, 'noisy': 0, 'only_a': 1, 'only_b': 0},
              'a regression of a phase does not fail the whole run; what one side alone has is counted', run)
        for args, names, want in ((['--no-phases'], [], 0), (['--phases-only'], [0, 1, 2], 1), (['--steps-only'], [1, 2], 1), (['--phase', '2'], [2], 0),
                                  (['--phase-threshold', '70'], [2], 0), (['--threshold', '70'], [2], 0)):
            status, out, run = compare(*args)
            got = [f['phase'] for f in out['findings'] if f['phase'] is not None] if out else run
            whole = bool(out and [f for f in out['findings'] if f['phase'] is None])
            check(status == want and got == names and whole == (args[0] not in ('--phases-only', '--steps-only', '--phase')), ' '.join(args), run)
        check(compare('--phase', '9')[0] == 65, 'a phase that no result has: exit status 65')
        check(compare('--test', 'welch')[1]['summary']['phases']['regressions'] == 1, 'phases with a test')
        # With the index: the second time nothing is read.
        check(compare()[1] == compare()[1], 'phases from the index')


def check_page():
    """The comparison as a page: complete, escaped, without scripts."""
    with Place() as p:
        for run, values, side in (('one', (1000, 1010, 990, 1005), A), ('two', (2000, 2040, 1990, 2010), B)):
            p.make(run, *values, test='<script>x()', scheduler='a"b<c', **side)
        page = stats('compare', *SIDES, '--test', 'mwu', '--format', 'html').out
        check(page.startswith('<!doctype html>') and '<script' not in page and "default-src 'none'" in page, 'a page without scripts', page[:400])
        check('&lt;script&gt;' in page.replace('<wbr>', '') and '<c' not in page.replace('<circle', '').replace('<code', ''), 'names are escaped', page[-900:])
        check(page.count('<circle class="a"') == 4 and page.count('<circle class="b"') == 4 and page.count('<rect class="range"') == 2,
              'each value is a dot, each interval a bar', page[-900:])
        check('badge o-fail">regression' in page and 'aria-label="A: 1002.5, 4 values, interval of the median' in page, 'the chart is said in words', page[-900:])
        check('No metric changed.' in stats('compare', *SIDES, '--threshold', '1000', '--format', 'html').out, 'nothing changed')


def check_commits():
    with Place() as p:
        repo = p / 'other'
        os.makedirs(repo)

        def git(*args):
            return subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *args], cwd=repo, check=True,
                                  capture_output=True, text=True).stdout.strip()
        git('init', '-q')
        hashes = []
        for i in range(4):
            git('commit', '-q', '--allow-empty', '-m', str(i))
            hashes.append(git('rev-parse', 'HEAD')[:7])
            p.make(f'run{i}', 1000 * (1 + i), project_commit=hashes[-1])
        git('tag', 'v1', 'HEAD~3')

        def of(*sides):
            done = Run('stats', 'compare', *sides, '--all-metrics', '--json', cwd=repo)
            return finding(json.loads(done.out)) if done.out else {'a': {'value': done}, 'b': {'value': 0}}
        f = of('--a-project-commit', 'v1', '--b-project-commit', 'HEAD')
        check(f['a']['value'] == 1000 and f['b']['value'] == 4000, 'tags and HEAD', f)
        f = of('--a-project-commit', 'HEAD~3', '--b-project-commit', 'HEAD~3..HEAD')
        check(f['b'].get('n') == 3 and f['b']['value'] == 3000, 'a range is a set of commits', f)
        f = of('--a-project-commit', hashes[0], '--b-project-commit', hashes[1])
        check(f['b']['value'] == 2000, 'plain commits', f)


for part in (check_limits, check_policy, check_selection, check_pairs, check_averages, check_tests, check_paired,
             check_history_and_runs, check_links, check_locked_index, check_values,
             check_hosts, check_explain, check_analysis, check_formats, check_commits, check_phases,
             check_page):
    part()
finish(at_least=100)
