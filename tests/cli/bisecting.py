#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr bisect on a repository that this test makes. Its tests really run, on the host; how often they fail, and with what
message, is in a file of each commit. The statistics over many histories are in tests/unit/test_posterior.c."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, cached_kernel, check, finish, skip  # noqa: E402

for name in ('KTSTR_SIDECAR_DIR', 'KTSTR_RUNS_ROOT'):
    os.environ.pop(name, None)
SUITE = '''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ktstr/ktstr.h>
/* The file "rate": failures per 1000 seeds, and the message. */
KTSTR_TEST(sometimes, .host_only = KTSTR_ON)
{
	char why[100] = "";
	unsigned rate = 0, draw = (unsigned)(ktstr_ctx_seed(t) * 2654435761u >> 8) % 1000;
	FILE *f = fopen("rate", "r");
	if (!f || fscanf(f, "%u %99[^\\n]", &rate, why) != 2)
		return KTSTR_INCONCLUSIVE;
	fclose(f);
	usleep(1000 * (unsigned)atoi(getenv("NAP_MS") ?: "0"));
	ktstr_expect(t, draw >= rate, "%s at %u", why, draw);
	return KTSTR_PASS;
}
/* Fails on the kernels since 6.12.4. */
KTSTR_TEST(since_4, .host_only = KTSTR_ON)
{
	const char *list = getenv("KTSTR_KERNEL_LIST") ?: "";
	ktstr_expect(t, !strstr(list, "6.12.4") && !strstr(list, "6.12.5"), "this kernel is bad");
	return KTSTR_PASS;
}
KTSTR_TEST(other, .host_only = KTSTR_ON)
{
	return t ? KTSTR_PASS : KTSTR_FAIL;
}
'''


class Project(Scratch):
    """A repository whose commits are made from (rate, message, can be built)."""

    def __enter__(self):
        super().__enter__()
        self.top, self.commits = self / 'project', []
        os.makedirs(self.top)
        os.makedirs(self / 'suite')
        with open(self / 'suite.c', 'w') as f:
            f.write(SUITE)
        subprocess.run(['cc', '-O0', '-o', self / 'suite/tests', self / 'suite.c', f'-I{ROOT}/include', '-Wl,--whole-archive',
                        os.path.abspath(BUILD) + '/libktstr.a', '-Wl,--no-whole-archive', '-lm'], check=True, capture_output=True)
        self.git('init', '-q', '-b', 'main')
        self.write('build.sh', f'mkdir -p build && cp {self / "suite/tests"} build/\n')
        return self

    def git(self, *args):
        who = ['-c', 'user.name=t', '-c', 'user.email=t@t']
        return subprocess.run(['git', *who, *args], cwd=self.top, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name, text):
        with open(f'{self.top}/{name}', 'w', encoding='utf-8') as f:
            f.write(text)

    def commit(self, rate, why='it is lost', builds=True, name='rate'):
        self.write('rate', f'{rate} {why}\n')
        self.write('ready', '' if builds else 'exit 3\n')
        self.write(name + '.c', f'{len(self.commits)}\n')
        self.git('add', '-A')
        self.git('commit', '-q', '-m', f'number {len(self.commits)}')
        self.commits.append(self.git('rev-parse', 'HEAD'))

    def history(self, *rates, **keys):
        """A branch of its own; returns its commits."""
        first = len(self.commits)
        for rate in rates:
            rate, builds = (rate[0], False) if isinstance(rate, tuple) else (rate, True)
            self.commit(rate, builds=builds, **keys)
        return self.commits[first:]

    def bisect(self, good, bad, *args, test='sometimes', options=(), **keys):
        line = ('bisect', '--good', good, '--bad', bad, '--build', '. ./ready && sh build.sh', '--json', *args, '--', 'test', '--kernel', self.kernel,
                *options, '-E', f'test(=ktstr/{test})', 'build')
        run = Run(*line, cwd=self.top, timeout=300, **keys)
        return run, json.loads(run.out) if run.out.startswith('{') else {}

    def leftovers(self):
        mine = [p for p in glob.glob(self.checkouts + '/*') if not p.endswith('.build.log') and p not in self.before]
        return mine + self.git('worktree', 'list').splitlines()[1:]


def candidates(out):
    return [c['point'] for c in out.get('candidates', [])]


def always(p):
    """A failure of each run, and a commit that cannot be built somewhere else."""
    c = p.history(0, 0, (0,), 0, 0, 0, 0, 1000, 1000, (1000,), 1000, 1000)
    run, out = p.bisect(c[0], c[-1])
    check(run.status == 1 and candidates(out) == [c[7]] and out['answer'] == 'found', 'the culprit is found', run)
    check(out.get('failure', '').startswith('fail/') and 'it is lost' in out['failure'], 'the failure is named', out)
    tested = {t['point']: t for t in out.get('tested', [])}
    check(tested.get(c[6], {}).get('passed', 0) >= 4 and tested[c[7]]['failed'] >= 1, 'its parent passes, and it fails', out)
    check(out.get('builds', 99) <= 8 and out['runs'] < 40, f"{out.get('runs')} runs, {out.get('builds')} builds", out)
    check(not p.leftovers(), 'no check-out is left', p.leftovers())
    again, known = p.bisect(c[0], c[-1])
    check(again.status == 1 and known['runs'] == known['runs_known'] == out['runs'] and known['builds'] == 0, 'the same command knows all', again)
    text = Run('bisect', '--good', c[0], '--bad', c[-1], '--build', '. ./ready && sh build.sh', '--', 'test', '--kernel', p.kernel, '-E',
               'test(=ktstr/sometimes)', 'build', cwd=p.top)
    check(f'culprit: {c[7][:7]} number' in text.out and f'before: {c[6][:7]}' in text.out and 'a run that fails: ktstr test' in text.out,
          'and says it in words', text)
    return c


def sometimes(p):
    """A failure in 40 % of runs; also two at a time."""
    c = p.history(0, 0, 0, 0, 0, 400, 400, 400, 400)
    run, out = p.bisect(c[0], c[-1], '-j', '2')
    check(run.status == 1 and candidates(out) == [c[5]], f"a failure in 40 % of runs: found with {out.get('runs')} runs", run)


def hidden(p):
    """The culprit cannot be built: what may be it is named."""
    c = p.history(0, 0, (0,), (1000,), 1000, 1000)
    run, out = p.bisect(c[0], c[-1])
    check(run.status == 2 and out['answer'] == 'range' and candidates(out) == c[2:5], 'a range is named if the culprit cannot be tested', run)
    check(any('status 3' in (t['untestable'] or '') for t in out.get('tested', [])), 'with the reasons', out)


def another(p):
    """Commits that fail in another way are neither good nor bad."""
    c = p.history(0, 0)
    c += p.history(1000, 1000, why='another thing')
    c += p.history(1000, 1000)
    run, out = p.bisect(c[0], c[-1])
    check(run.status == 2 and candidates(out) == c[2:5], 'another failure does not count', run)
    check(any(t['unusable'] >= 3 and 'another thing' in t['untestable'] for t in out.get('tested', []) if t['untestable']), 'it is named', out)


def merged(p):
    """Two branches and a merge: the culprit is on the second one."""
    base = p.history(0)[0]
    main = p.history(0, 0, name='main')
    p.git('checkout', '-q', '-b', f'side{len(p.commits)}', base)
    side = p.history(0, 1000, name='side')
    p.git('checkout', '-q', 'main')
    p.git('merge', '-q', '-s', 'recursive', '-X', 'theirs', '--no-ff', '-m', 'merge', side[-1])
    head = p.git('rev-parse', 'HEAD')
    run, out = p.bisect(base, head)
    check(run.status == 1 and candidates(out) == [side[1]], 'the culprit is found on a branch', run)
    run, out = p.bisect(base, head, '--first-parent')
    check(run.status == 1 and candidates(out) == [head] and out['points'] == 4, '--first-parent names the merge', run)
    run, out = p.bisect(main[-1], side[-1])
    check(run.status == 64 and f'common ancestor as the good end: {base[:7]}' in run.err, 'ends on two branches: the common ancestor is named', run)


def ends(p, c):
    run, out = p.bisect(c[0], c[5], '--calibrate', '8')
    check(run.status == 0 and out['answer'] == 'bad_end_passes' and out['runs'] == 8, 'a bad end that passes: exit status 0', run)
    run, out = p.bisect(c[7], c[-1])
    check(run.status == 2 and out['answer'] == 'good_end_fails', 'a good end that fails: exit status 2', run)
    run, out = p.bisect(c[0], c[9])
    check(run.status == 2 and out['answer'] == 'bad_end_untestable' and 'status 3' in run.out, 'an end that cannot be built is named', run)
    run, out = p.bisect(c[0], c[-1], test='nothing')
    check(run.status == 2 and 'bad_end_untestable' in run.out, 'so is a test that is not there', run)
    run, out = p.bisect(c[0], c[-1], '--max-runs', '6', '--error', '0.001')
    check(run.status == 2 and out['answer'] == 'limit' and c[7] in candidates(out), 'a limit of runs: what is left is named', run)


def interrupted(p):
    c = p.history(0, 0, 0, 0, 0, 600, 600)
    args = [KTSTR, 'bisect', '--good', c[0], '--bad', c[-1], '--build', '. ./ready && sh build.sh', '--', 'test', '--kernel', p.kernel, '-E',
            'test(=ktstr/sometimes)', 'build']
    run = subprocess.Popen(args, cwd=p.top, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env=dict(os.environ, NAP_MS='300'))
    for line in run.stderr:
        if line.startswith('the bad end: '):
            break
    run.send_signal(signal.SIGINT)
    rest = ''.join(run.stderr)
    run.wait(timeout=60)
    check(run.returncode == 130 and 'the same command goes on' in rest and not p.leftovers(), 'interrupted: exit status 130, no check-out is left', f'{run.returncode} {rest}')
    run, out = p.bisect(c[0], c[-1])
    check(run.status == 1 and out['runs_known'] >= 3 and candidates(out) == [c[5]], 'the same command goes on', run)


def from_result(p, c):
    """From the sidecar of a failure, whose name counts; the environment of its replay line is kept."""
    p.git('checkout', '-q', c[-1])
    shutil.copytree(p / 'suite', f'{p.top}/build', dirs_exist_ok=True)
    failed = Run('test', '--kernel', p.kernel, '-E', 'test(=ktstr/sometimes)', 'build', cwd=p.top, env={'KTSTR_SIDECAR_DIR': p / 'failed'})
    sidecar = p.sidecars('failed')
    shutil.rmtree(f'{p.top}/build')
    p.git('checkout', '-q', 'main')
    if not check(failed.status == 1 and len(sidecar) == 1, 'a failure to start from', failed):
        return
    run = Run('bisect', '--good', c[5], '--bad', c[-1], '--build', '. ./ready && sh build.sh', '--json', sidecar[0], cwd=p.top)
    check(run.status == 1 and candidates(json.loads(run.out)) == [c[7]], 'a result instead of words', run)


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def made_kernels(p):
    """A cache with one kernel under five versions: host_only tests only see its name."""
    os.makedirs(p / 'kernels', mode=0o755)
    keys = [os.path.basename(p.kernel_path).replace(p.version, f'6.12.{n}', 1) for n in range(1, 6)]
    for n, key in enumerate(keys, 1):
        shutil.copytree(p.kernel_path, f'{p / "kernels"}/{key}', copy_function=link_or_copy)
        name = f'{p / "kernels"}/{key}/metadata.json'
        with open(name, encoding='utf-8') as f:
            text = f.read().replace(p.version, f'6.12.{n}')
        os.unlink(name)
        with open(name, 'w', encoding='utf-8') as f:
            f.write(text)
    return keys


def kernels(p):
    """The patch levels of a series, and one kernel between them that is not there."""
    keys, missing = made_kernels(p), '1.2.3-tarball-x86_64-kffffffffff'
    test, env = ('--', 'test', '-E', 'test(=ktstr/since_4)', p / 'suite'), {'KTSTR_CACHE_DIR': p / 'kernels'}
    run = Run('bisect', '--json', '--kernel', '6.12.1..6.12.5', *test, env=env)
    out = json.loads(run.out) if run.out else {}
    check(run.status == 1 and candidates(out) == ['6.12.4'] and out['points'] == 5, 'a range of patch levels: the first bad one is found', run)
    run = Run('bisect', '--json', '--kernel', ','.join([*keys[:3], missing, *keys[3:]]), *test, env=env)
    out = json.loads(run.out) if run.out else {}
    check(run.status == 2 and candidates(out) == [missing, keys[3]], 'kernels: one that is not there is left out', run)
    tree = Run('bisect', '--json', '--tree', p.top, '--good', 'HEAD~2', '--', 'test', '-E', 'test(=ktstr/other)', p / 'suite', timeout=300)
    out = json.loads(tree.out) if tree.out else {}
    check(tree.status == 2 and out.get('answer') == 'bad_end_untestable' and 'no kernel source' in tree.out,
          'a tree that is no kernel: its commit is fetched, and the reason is given', tree)


def refused(p, name, said, *args, test=('test', '-E', 'test(=ktstr/other)', 'build'), status=64):
    run = Run('bisect', *args, '--', *test, cwd=p.top)
    check(run.status == status and said in run.err, f'{name}: exit status {status}', f'wanted "{said}"\n{run}')


def usage(p, c):
    refused(p, 'nothing to bisect', 'what is bisected?')
    refused(p, 'one kernel', 'at least two kernels', '--kernel', '6.12.1')
    refused(p, 'a kernel that is none', '--kernel', '--kernel', '6.12.1', '--kernel', '6.12.9..6.12.2')
    refused(p, 'commits and kernels', 'exclude each other', '--good', 'HEAD~1', '--kernel', '6.12.1')
    refused(p, 'a commit that is not there', '--good nothing: there is no such commit', '--good', 'nothing')
    refused(p, 'the same commit twice', 'both ends are the commit', '--good', 'HEAD')
    refused(p, 'the ends the wrong way round', 'does not descend from', '--good', c[5], '--bad', c[2])
    refused(p, 'an error of 1', "'1' is not a number between 0 and 0.5", '--good', 'HEAD~1', '--error', '1')
    refused(p, 'several tests', 'name one test with -E', '--good', 'HEAD~1', test=('test', 'build'))
    refused(p, 'another command', 'no test that can be bisected', '--good', 'HEAD~1', test=('verifier', 'build'))
    refused(p, 'paths of one build', 'the same file for all commits', '--good', 'HEAD~1', test=('test', '-E', 'test(=ktstr/x)', '/bin'))
    refused(p, 'points of one build', 'points of one build', '--good', 'HEAD~1', test=('test', '-E', 'test(=ktstr/x)', '--perturb', './x.json', 'build'))
    refused(p, 'arguments without a file', '--args is for a scenario file', '--args')
    refused(p, 'a tree that is not there', "--tree './nothing'", '--tree', './nothing', '--good', 'x')
    with open(p / 'plain.json', 'w') as f:
        json.dump({'ktstr_scenario': 1, 'test': {'name': 'x'}, 'scenario': {'steps': []}}, f)
    refused(p, 'a file without arguments', 'has no arguments', '--args', test=('test', p / 'plain.json'))
    run = Run('bisect', '--good', c[2], '--bad', c[5], '--', 'test', '-E', 'test(=ktstr/other)', 'build', cwd=p.top,
              env={'XDG_CACHE_HOME': '/proc/nothing'})
    check(run.status == 69 and run.err.count('error:') == 1 and 'set XDG_CACHE_HOME to a directory that can be written to' in run.err,
          'a cache that cannot be written to: one line says what to do', run)
    run = Run('bisect', '--good', 'x', '--', 'test', '-E', 'test(=ktstr/x)', 'build', cwd='/')
    check(run.status == 64 and 'not in a checkout of git' in run.err, 'outside of git: exit status 64', run)


def main():
    kernel = cached_kernel()
    with Project() as p:
        os.environ['XDG_CACHE_HOME'] = p / 'cache'
        cache = os.environ.get('KTSTR_CACHE_DIR') or (os.path.dirname(kernel['path']) if kernel else '')
        if cache:
            os.environ['KTSTR_CACHE_DIR'] = cache
        usage(p, p.history(*[0] * 6))
        if not kernel:
            skip('bisections with runs', 'there is no kernel with schedulers in the cache')
            finish(at_least=15)
        p.kernel, p.kernel_path, p.version = kernel['key'], kernel['path'], kernel['version']
        p.checkouts, p.before = p / 'cache/ktstr/checkouts', []
        always_commits = always(p)
        for part in (sometimes, hidden, another, merged, interrupted, kernels):
            part(p)
        ends(p, always_commits)
        from_result(p, always_commits)
        for log in glob.glob(p.checkouts + '/*.build.log'):
            os.unlink(log)
    finish(at_least=40)


main()
