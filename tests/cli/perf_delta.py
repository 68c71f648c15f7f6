#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr perf-delta on a repository that this test makes. Its build is a real one and its tests really run, on the host; their
body writes the result of a scheduler whose cost is a number in a file, so that a regression is a commit."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import results  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, cached_kernel, check, finish, skip  # noqa: E402

for name in ('KTSTR_SIDECAR_DIR', 'GITHUB_BASE_REF'):
    os.environ.pop(name, None)
SUITE = '''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ktstr/ktstr.h>
#include "cost.h"
KTSTR_TEST(steady, .host_only = KTSTR_ON, .perf_gates = KTSTR_PERF_GATES({ .metric = "total_iterations", .max_regression_pct = 3, .polarity = KTSTR_HIGHER_BETTER }))
{
	const char *dir = getenv("KTSTR_SIDECAR_DIR");
	int run = dir && strrchr(dir, '-') ? atoi(strrchr(dir, '-') + 1) : 0;
	char path[4096];
	if (SLOW_RUN == run)
		sleep(60);
	snprintf(path, sizeof(path), "%s/made-0000000000000001.ktstr.json", dir);
	FILE *f = fopen(path, "w");
	if (!f)
		return KTSTR_FAIL;
	fprintf(f, "{\\"schema\\":{\\"name\\":\\"ktstr.result\\"},\\"test_name\\":\\"made\\",\\"name\\":\\"ktstr/made\\",\\"verdict\\":\\"pass\\","
		   "\\"seed\\":\\"0x%x\\",\\"topology\\":\\"1n1l1c1t\\",\\"scheduler\\":\\"eevdf\\",\\"host\\":null,\\"perf_delta_assertions\\":"
		   "[" GATES "],\\"stats\\":{\\"worst_gap_ms\\":%g}}\\n", run + 1, COST * (1 + .001 * (run * 37 % 7)));
	return fclose(f) ? KTSTR_FAIL : KTSTR_PASS;
}
'''
BUILD_RULE = f'''all:
	mkdir -p build
	cc -O0 -o build/tests suite.c -I{ROOT}/include -Wl,--whole-archive {os.path.abspath(BUILD)}/libktstr.a -Wl,--no-whole-archive -lm
'''


class Project(Scratch):
    """A repository with a suite. Results of the suite are not checked against the schema: they are shorter."""

    def __enter__(self):
        super().__enter__()
        self.top, self.runs = self / 'project', self / 'runs'
        os.makedirs(self.top + '/sub')
        os.environ['KTSTR_RUNS_ROOT'] = self.runs
        self.git('init', '-q', '-b', 'main')
        self.write('suite.c', SUITE)
        self.write('Makefile', BUILD_RULE)
        self.write('.gitignore', 'build\n')
        self.write('sub/file', '')
        self.commit(1000)
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.runs, ignore_errors=True)
        super().__exit__(*exc)

    def git(self, *args):
        who = ['-c', 'user.name=t', '-c', 'user.email=t@t']
        return subprocess.run(['git', *who, *args], cwd=self.top, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name, text):
        with open(f'{self.top}/{name}', 'w', encoding='utf-8') as f:
            f.write(text)

    def cost(self, cost, slow_run=-1, gates=''):
        self.write('cost.h', f'#define COST {cost}\n#define SLOW_RUN {slow_run}\n#define GATES {json.dumps(gates)}\n')

    def commit(self, cost, **keys):
        self.cost(cost, **keys)
        self.git('add', '-A')
        self.git('commit', '-q', '--allow-empty', '-m', f'cost {cost}')
        return self.git('rev-parse', 'HEAD')[:7]

    def delta(self, *args, cwd='', **env):
        return Run('perf-delta', *args, cwd=f'{self.top}/{cwd}', env=env, timeout=120)

    def noise(self, *args, n=3, paths=('build',), **keys):
        return self.delta('--noise-adjust', str(n), '--all-tests', '--kernel', self.kernel, '--json', *args, *paths, **keys)

    def leftovers(self):
        """Nothing of a check-out may stay: neither files, nor worktrees, nor branches. Check-outs of other projects may come and go."""
        commits = set(self.git('log', '--reflog', '--all', '--abbrev=7', '--format=%h').split())
        mine = [p for p in glob.glob(self.checkouts + '/*') if not p.endswith('.build.log')
                and commits & set(re.findall(r'-([0-9a-f]{7})', os.path.basename(p)))]
        return mine + self.git('worktree', 'list').splitlines()[1:] + [b for b in self.git('branch').splitlines() if 'perf' in b]


def refused(p, name, said, *args, status=64, **env):
    run = p.delta(*args, **env)
    check(run.status == status and said in run.err, f'{name}: exit status {status}', f'wanted "{said}"\n{run}')


def cached(p, base, head):
    """Results that are there, by the commits in them."""
    empty = p.delta('--base', base)
    check(empty.status == 0 and f'no results of {base}' in empty.err, 'no results of the baseline: said, exit status 0', empty)
    results.make(p.runs, 'a', 1000, 1010, project_commit=base)
    results.make(p.runs, 'b', 5000, 5010, project_commit=head)
    run = p.delta('--base', base, '--json')
    out = json.loads(run.out)
    check(run.status == 0 and out['summary']['regressions'] == 1 and not out['gate']['failed'], 'one regression is below --fail-threshold', run)
    for args, status in ((['--fail-threshold', '1'], 1), (['--fail-threshold', '0'], 0), (['--must-fail', 'worst_gap_ms'], 1),
                         (['--threshold', '500'], 0)):
        run = p.delta('--base', base, *args)
        check(run.status == status, f"{' '.join(args)}: exit status {status}", run)
    run = p.delta('--base', base, '--must-fail', 'worst_spread')
    check(run.status == 1 and 'gate never evaluated (--must-fail): worst_spread' in run.out, 'a gate on what nobody measured does not pass', run)
    for metric, gate in (('insns_per_switch', 'insns_per_switch'), ('insns_per_call.enqueue', 'insns_per_call.*')):
        for value, status in ((101.2, 1), (100.9, 0)):
            shutil.rmtree(p.runs)
            for label, commit, number in (('a', base, 100.0), ('b', head, value)):
                results.make(p.runs, label, {'insns_per_call.other': 80.0, metric: number}, metric='ext_metrics', project_commit=commit)
            run = p.delta('--base', base, '--must-fail', gate)
            check(run.status == status, f'{value - 100:.1f} % more of {metric}, --must-fail {gate}: exit status {status}', run)
    stalls(p, base, head)
    shutil.rmtree(p.runs)
    results.make(p.runs, 'b', 5000, 5010, project_commit=head)
    results.make(p.runs, 'c', 1000, 1010, project_commit=head, scheduler='scx_x')
    run = p.delta('--a-scheduler', 'eevdf', '--b-scheduler', 'scx_x', '--json', '--fail-threshold', '1')
    check(run.status == 0 and json.loads(run.out)['summary']['improvements'] == 1, 'two schedulers at one commit', run)
    run = p.delta('--a-scheduler', 'eevdf', '--b-scheduler', 'scx_y')
    check(run.status == 0 and 'nothing is compared: --b-scheduler scx_y matches none; there are eevdf, scx_x;' in run.err, 'a scheduler without results is named', run)
    run = p.delta('--a-scheduler', 'eevdf', '--b-scheduler', 'scx_x', '--filter', 'nothing')
    check(run.status == 0 and "--filter: no result has 'nothing'" in run.err, 'so is a filter', run)
    shutil.rmtree(p.runs)


def stalls(p, base, head):
    """A count that was 0 has no share, and is a regression all the same. One that is 0 on both sides was measured."""
    monitor = {'event_deltas': {'total_fallback': 0}, 'schedstat_deltas': {}}
    for before, now, gate, status in ((False, True, 'stall_count', 1), (False, False, 'stall_count', 0), (True, True, 'stall_count', 0), (True, False, 'stall_count', 0),
                                      (0, 4, 'total_fallback', 0), (0, 5, 'total_fallback', 1), (0, 0, 'total_fallback', 0), (None, None, 'stall_count', 1)):
        shutil.rmtree(p.runs)
        for label, commit, value in (('a', base, before), ('b', head, now)):
            own = dict(monitor, stall_detected=value) if gate == 'stall_count' else {'event_deltas': {'total_fallback': value}}
            results.make(p.runs, label, 1000, project_commit=commit, monitor=own if value is not None else None)
        run = p.delta('--base', base, '--must-fail', gate)
        check(run.status == status and (before is None) == ('never evaluated' in run.out), f'{gate} {before} and then {now}: exit status {status}', run)
    compared = Run('stats', 'compare', '--a-project-commit', base, '--b-project-commit', head, cwd=p.top)
    check(compared.status == 0, 'stats compare knows no such change', compared)


def baselines(p, first, second):
    """--base, then --base-ref, then GITHUB_BASE_REF, then --default-branch."""
    p.git('checkout', '-q', '-b', 'topic', first)
    topic = p.commit(1002)
    p.git('update-ref', 'refs/remotes/origin/rel', p.git('rev-parse', second))
    for name, args, env, found in (('the commit at which HEAD left main', [], {}, first), ('--base is that commit', ['--base', second], {}, second),
                                   ('--base-ref is where HEAD left it', ['--base-ref', 'main'], {'GITHUB_BASE_REF': 'nothing'}, first),
                                   ("GITHUB_BASE_REF is origin's branch", [], {'GITHUB_BASE_REF': 'rel'}, first)):
        run = p.delta(*args, **env)
        check(run.status == 0 and f'no results of {found} ' in run.err, name, run)
    refused(p, 'GITHUB_BASE_REF without such a branch', 'origin/none: there is no such commit', GITHUB_BASE_REF='none')
    refused(p, 'a default branch that does not exist', '--default-branch trunk: there is no such commit', '--default-branch', 'trunk')
    refused(p, 'the baseline is HEAD', f'the baseline is HEAD itself ({topic})', '--base', topic)
    p.git('checkout', '-q', 'main')


def without_slurm(p):
    """A PATH that has git, and no Slurm."""
    place = p / 'bin'
    os.makedirs(place)
    os.symlink(shutil.which('git'), os.path.join(place, 'git'))
    return place


def usage(p, base):
    noise = ('--noise-adjust', '3', '--kernel', 'x')
    refused(p, '--noise-adjust without a kernel', '--noise-adjust needs --kernel', '--base', base, '--noise-adjust', '3')
    refused(p, 'one run a side', "'1' is out of range", '--base', base, '--noise-adjust', '1', '--kernel', 'x')
    refused(p, 'a kernel without runs', '--kernel is for runs', '--base', base, '--kernel', 'x')
    refused(p, 'an absolute path', 'the same file for both commits', '--base', base, *noise, '/bin')
    refused(p, 'one scheduler', 'only used together', '--a-scheduler', 'x')
    refused(p, 'a threshold with runs', 'exclude each other', *noise, '--threshold', '3')
    refused(p, 'a directory of results that is not there', "--dir '/nothing' is not a directory", '--base', base, '--dir', '/nothing')
    refused(p, 'a cluster that is not there, before anything is built', 'sinfo', '--base', base, *noise, '--slurm', 'build', status=69,
            PATH=without_slurm(p))
    refused(p, 'a spread that is not a number', "--noise-spread-threshold: 'x' is not a number", '--noise-spread-threshold', 'x')
    refused(p, 'a policy that is not there', '/nothing/policy.json', '--policy', '/nothing/policy.json', status=69)
    refused(p, 'relevant tests without runs', '--relevant is for runs', '--base', base, '--relevant')
    refused(p, 'relevant to one commit', 'exclude each other', *noise, '--relevant', '--a-scheduler', 'x', '--b-scheduler', 'y')
    refused(p, 'a build profile without runs', '--profile is for runs', '--base', base, '--profile', 'dev')
    run = p.delta('--base', base, '--filter', 'no such test')
    check(run.status == 0 and 'no results' in run.err, '--filter without results: said', run)
    refused(p, 'a metric that does not exist', 'there is no such metric', '--must-fail', 'nothing')
    refused(p, 'a metric without a direction', 'neither direction', '--must-fail', 'total_pcount')
    refused(p, 'a distribution without runs', 'add --noise-adjust', '--must-fail', 'worst_p99_wake_latency_us')
    refused(p, 'counted instructions without runs', '--insns is for runs', '--base', base, '--insns')
    refused(p, 'a kernel that is not there', "--kernel './nothing'", '--base', base, '--noise-adjust', '2', '--kernel', './nothing')
    run = Run('perf-delta', cwd='/')
    check(run.status == 64 and 'not in a checkout of git' in run.err, 'outside of git: exit status 64', run)


def found(run, metric='worst_gap_ms'):
    out = json.loads(run.out) if run.out else {'findings': []}
    return [f['verdict'] for f in out['findings'] if f['metric'] == metric]


def noise(p, base, slower):
    run = p.noise('--base', base, '--fail-threshold', '1')
    check(run.status == 1 and found(run) == ['regression'], 'a regression of 100 % is found', run)
    check('with 3 runs, ranges of values often do not touch' in run.err and '--noise-adjust 4 or more' in run.err, 'too few runs are warned of', run)
    check(run.err.count('building ') == 2 and run.err.index('(%s)' % base) < run.err.index('(%s)' % slower), 'each commit is built once', run)
    order = [line.split(': ')[1] for line in run.err.splitlines() if line.startswith('run ')]
    check(order == [f'the baseline ({base})', f'HEAD ({slower})'] * 3, 'the runs of both sides take turns', order)
    check(not p.leftovers(), 'no check-out, worktree or branch is left', p.leftovers())
    with open(glob.glob(p.runs + '/perf-delta-noise-head-*-2/run.log')[0], encoding='utf-8') as f:
        log = f.read()
    check('seed 0x3' in log, 'run i has seed i', log)


def unchanged(p):
    same = p.commit(2000)
    run = p.noise('--base', 'HEAD~1', '--fail-threshold', '1', '--all-metrics', cwd='sub', paths=('../build',))
    check(run.status == 0 and found(run) == ['unchanged'], 'no regression where none is; from a subdirectory', run)
    p.cost(900)
    p.write('new file', 'not tracked')
    run = p.noise('--base', same, n=2)
    labels = [json.loads(run.out)[side]['label'] for side in 'ab'] if run.out else run
    check(run.status == 0 and found(run) == ['improvement'] and labels == [same, same + '-dirty'], 'HEAD with changes against HEAD', run)
    check('with 2 changed or new files' in run.err and p.git('status', '--short').count('\n') == 1, 'the changes are counted, and stay', run)
    p.git('checkout', '-q', '.')
    os.unlink(p.top + '/new file')


def relevant(p):
    """The build in the working directory says which tests a change concerns."""
    p.commit(2000)
    subprocess.run(['make'], cwd=p.top, check=True, capture_output=True)
    p.write('README.md', 'words')
    p.commit(2000)
    run = p.noise('--base', 'HEAD~1', '--relevant')
    check(run.status == 0 and 'no test is relevant: only documentation changed' in run.err and 'run 1 of' not in run.err,
          '--relevant: only documentation: nothing runs', run)
    p.commit(4000)
    run = p.noise('--base', 'HEAD~1', '--relevant', '--fail-threshold', '1', '-E', 'test(steady)', n=2)
    check(run.status == 1 and 'relevant' in run.err and found(run) == ['regression'], '--relevant: what a change concerns runs', run)


def gates(p):
    """Gates that a test declares count at any size that they name."""
    p.commit(2000, gates='{"metric":"worst_gap_ms","max_regression_pct":2,"min_abs":1},{"metric":"not_there"}')
    p.commit(2200, gates='{"metric":"worst_gap_ms","max_regression_pct":2,"min_abs":1},{"metric":"not_there"}')
    run = p.noise('--base', 'HEAD~1')
    states = [(g['metric'], g['state']) for g in json.loads(run.out)['gate']['gates'] if g['test'] == 'made'] if run.out else run
    check(run.status == 1 and states == [('worst_gap_ms', 'violated'), ('not_there', 'not_evaluated')], 'a declared gate of 2 % is violated by 10 %', run)
    with open(glob.glob(p.runs + '/perf-delta-noise-head-*-1/steady*.ktstr.json')[0], encoding='utf-8') as f:
        declared = json.load(f)['perf_delta_assertions']
    check(declared == [{'metric': 'total_iterations', 'max_regression_pct': 3, 'min_abs': None, 'direction': 'higher'}], 'sidecars have what a test declares', declared)
    shutil.rmtree(p.runs)
    for commit, value in ((p.git('rev-parse', 'HEAD~1')[:7], 1000), (p.git('rev-parse', 'HEAD')[:7], 5000)):
        results.make(p.runs, commit, value, project_commit=commit, perf_delta_assertions=[{'metric': 'worst_gap_ms'}, {'metric': 'x'}])
    again = p.delta('--base', 'HEAD~1')
    check(again.status == 0 and '2 gates that tests declare count only with' in again.out, 'without new runs, declared gates are mentioned', again)


def interrupted(p):
    """Ctrl-C ends the run that goes on; the same command does the rest. A killed command leaves a check-out, which the next one removes."""
    slow = p.commit(2000, slow_run=1)
    args = [KTSTR, 'perf-delta', '--base', 'HEAD~1', '--noise-adjust', '2', '--all-tests', '--kernel', p.kernel, '--json', 'build']
    for sig in (signal.SIGINT, signal.SIGKILL):
        run = subprocess.Popen(args, cwd=p.top, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = []
        for line in run.stderr:
            said.append(line)
            if f'run 2 of 2: HEAD ({slow})' in line:
                break
        time.sleep(.3)
        run.send_signal(sig)
        rest = run.communicate(timeout=60)[1]
        if sig == signal.SIGINT:
            check(run.returncode == 130 and 'continues with them' in rest, 'interrupted: exit status 130', rest)
            check(not p.leftovers(), 'an interrupted command leaves no check-out', p.leftovers())
        else:
            check(any('run 1' in line for line in said) is False, 'finished runs are not made again', said)
            check(p.leftovers(), 'a killed command leaves its check-outs')
    # The slow run needs another commit to end, so that what follows is about what was left.
    p.commit(2000)
    run = p.noise('--base', 'HEAD~2', n=2)
    check(run.status == 0 and run.err.count('which an earlier command left behind') >= 1 and not p.leftovers(), 'the next command removes them', run)


def broken(p):
    p.commit(2000)
    run = p.noise('--base', 'HEAD~1', '--build', 'echo "no luck"; exit 3', n=2)
    check(run.status == 65 and "ended with status 3; its output is in '" in run.err and not p.leftovers(), 'a build that fails: exit status 65', run)
    for log in glob.glob(p.checkouts + '/*.build.log'):
        os.unlink(log)
    kernel, p.kernel = p.kernel, '1.2.3-tarball-x86_64-kffffffffff'
    run = p.noise('--base', 'HEAD~1', n=2)
    check(run.status == 69 and 'the tests of the baseline' in run.err and run.err.count('run ') < 4, 'a kernel that is not there ends the command', run)
    p.kernel = kernel
    run = p.delta('--base', 'HEAD~1', '--noise-adjust', '2', '--kernel', p.kernel, 'build')
    check(run.status == 65 and '--all-tests runs also those' in run.err, 'no test sets performance_mode: said', run)


def main():
    kernel = cached_kernel()
    with Project() as p:
        base = p.git('rev-parse', 'HEAD')[:7]
        slower = p.commit(2000)
        usage(p, base)
        cached(p, base, slower)
        baselines(p, base, slower)
        if not kernel:
            skip('perf-delta with runs', 'there is no kernel with schedulers in the cache')
        else:
            p.kernel, p.checkouts = kernel['key'], os.path.join(os.path.dirname(os.path.dirname(kernel['path'])), 'checkouts')
            for part in (lambda: noise(p, base, slower), lambda: unchanged(p), lambda: relevant(p), lambda: gates(p), lambda: interrupted(p), lambda: broken(p)):
                part()
    finish(at_least=25)


main()
