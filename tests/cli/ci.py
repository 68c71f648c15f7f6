#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr ci: the steps of the workflow are run here, as the service would. The tests run on the host, so no machine is needed.
Also ktstr cleanup, and former spellings of commands."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish  # noqa: E402

TESTS = os.path.realpath(BUILD) + '/tests'
for name in ('KTSTR_SIDECAR_DIR', 'KTSTR_RUNS_ROOT', 'GITHUB_BASE_REF', 'KTSTR_HOST_CGROUP_PARENT'):
    os.environ.pop(name, None)


def blocks(text, key, indent):
    """{name: text} of the parts of a YAML file that begin with a key of this indentation."""
    part = text.split(f'\n{key}:\n', 1)[1] if key else text
    found = re.split(rf'^ {{{indent}}}(?:- )?(?=\S)', part, flags=re.M)
    return {p.split(':', 1)[0]: p for p in found if ':' in p}


def scripts(job):
    """The commands of `run:` in their order."""
    found = []
    for m in re.finditer(r'^( *)(?:- )?run: (.*)\n((?:\1 +.*\n|\n)*)', job, re.M):
        if m.group(2) == '|':
            found.append('\n'.join(line.strip() for line in m.group(3).splitlines() if not re.match(r' *- ', line)))
        else:
            found.append(m.group(2).strip("'").replace("''", "'"))
    return found


class Place(Scratch):
    def __enter__(self):
        super().__enter__()
        os.makedirs(self / 'repo/build')
        os.makedirs(self / 'bin')
        os.symlink(KTSTR, self / 'bin/ktstr')
        shutil.copy(TESTS + '/replayed', self / 'repo/build/suite')
        os.environ.update(KTSTR_TEST_KERNEL='/bin/true', XDG_CACHE_HOME=self / 'cache', KTSTR_LOCK_DIR=self / 'bin', REPLAYED_DIR=self.path)
        self.git('init', '-q', '-b', 'main')
        self.commit('README.md')
        return self

    def git(self, *args):
        return subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *args], cwd=self / 'repo', check=True, capture_output=True, text=True).stdout

    def commit(self, name):
        with open(os.path.join(self / 'repo', name), 'a', encoding='utf-8') as f:
            f.write('more\n')
        self.git('add', name)
        self.git('commit', '-q', '-m', name)

    def sh(self, script, **env):
        return subprocess.run(['sh', '-e', '-c', script], cwd=self / 'repo', capture_output=True, text=True, timeout=120,
                              env={**os.environ, 'PATH': self / 'bin' + ':' + os.environ['PATH'], **env})

    def output(self, name):
        with open(self / name, encoding='utf-8') as f:
            return dict(line.split('=', 1) for line in f.read().splitlines())


def plan(p, job):
    """The outputs of the plan's steps."""
    open(p / 'outputs', 'w', encoding='ascii').close()
    for script in scripts(job):
        done = p.sh(script, BASE='HEAD~1', GITHUB_OUTPUT=p / 'outputs')
        check(done.returncode == 0, f'plan: {script.splitlines()[0][:40]}', f'{done.stdout}{done.stderr}')
    return p.output('outputs')


def github():
    with Place() as p:
        made = Run('ci', 'github', '--shards', '2', '--build', "echo 'built' >../built", cwd=p / 'repo')
        check(made.status == 0 and '@' not in re.sub(r'actions/[a-z-]+@v4', '', made.out), 'no placeholder is left', made)
        jobs = blocks(made.out, 'jobs', 2)
        check(list(jobs) == ['plan', 'test', 'merge'] and '\t' not in made.out, 'three jobs', made)
        p.commit('NEWS.md')
        outputs = plan(p, jobs['plan'])
        check(outputs == {'matrix': '{"include":[]}'} and os.path.exists(p / 'built'), 'only documentation: no test job', outputs)
        p.commit('source.c')
        outputs = plan(p, jobs['plan'])
        matrix = json.loads(outputs['matrix'])['include']
        check(outputs.get('any') == 'true' and [m['scheduler'] for m in matrix] == ['eevdf'], 'a source: its matrix', outputs)
        open(p / 'two', 'w', encoding='ascii').close()
        status = []
        for entry in matrix:
            for shard in ('1', '2'):
                shutil.rmtree(p / 'repo/target', ignore_errors=True)
                for script in scripts(jobs['test']):
                    done = p.sh(script, FILTER=entry['filter'], SHARD=shard)
                status.append(done.returncode)
                shutil.copytree(p / 'repo/target/ktstr', p / f'repo/shards/ktstr-{shard}/target/ktstr', symlinks=True)
        check(sorted(status) == [0, 1], 'one of the shards fails', f'{status} {done.stdout}{done.stderr}')
        check(os.path.exists(p / 'repo/out/junit.xml'), 'it writes reports')
        # A shard that got no test has no results: there are more shards than tests.
        os.makedirs(p / 'repo/shards/ktstr-3/out')
        for script in scripts(jobs['merge']):
            done = p.sh(script, GITHUB_STEP_SUMMARY=p / 'summary')
        check(done.returncode == 1 and '3 tests: 1 failed, 2 passed' in done.stdout, 'merge: one verdict of all', f'{done.stdout}{done.stderr}')
        check(os.path.exists(p / 'summary') and os.path.exists(p / 'repo/report.html'), 'with a summary and a report')
        key = re.search(r'ktstr-kernels-\w+', made.out).group()
        plain = Run('ci', 'github', cwd=p.path).err
        check('no kernel is named' in plain and "'build', which is not here" in plain, 'defaults that may not fit are told', plain)
        check('note:' not in Run('ci', 'github', '--kernel', '6.12', 'a', cwd=p.path).err, 'and are not where all is named')
        other = Run('ci', 'github', '--kernel', '6.12,6.14', 'a b', cwd=p / 'repo').out
        check(key not in other and "--kernel 6.12 --kernel 6.14 -E" in other and "'a b'" in other, 'kernels and paths; another key of the cache', other)


def gitlab():
    with Place() as p:
        made = Run('ci', 'gitlab', '--shards', '1', '--build', 'true', '-o', 'ci/gitlab.yml', cwd=p / 'repo')
        with open(p / 'repo/ci/gitlab.yml', encoding='utf-8') as f:
            text = f.read()
        check(made.status == 0 and '@' not in text, '-o writes a file', made)
        again = Run('ci', 'gitlab', '-o', 'ci/gitlab.yml', cwd=p / 'repo')
        check(again.status == 64 and 'is there already' in again.err, 'and replaces none', again)
        p.commit('source.c')
        base = p.git('rev-parse', 'HEAD~1').strip()
        script = re.search(r'  script:\n((?:    .*\n)+?)  after_script', text).group(1)
        steps = [s.strip('|\n ').replace('\n      ', '\n') for s in re.split(r'^    - ', script, flags=re.M)[1:]]
        for step in steps:
            done = p.sh(step.strip("'"), CI_COMMIT_BEFORE_SHA=base, CI_NODE_INDEX='1', CI_NODE_TOTAL='1')
            check(done.returncode == 0, f'gitlab: {step.splitlines()[0][:40]}', f'{done.stdout}{done.stderr}')
        check('3 passed' in done.stdout and os.path.exists(p / 'repo/out/junit.xml'), 'its tests ran', done.stdout)
        os.makedirs(p / 'repo/shards/2/ktstr')
        shutil.copytree(p / 'repo/target/ktstr', p / 'repo/shards/1/ktstr')
        done = p.sh(re.search(r'      (if find .*)\n', text).group(1))
        check(done.returncode == 0 and '3 passed' in done.stdout, 'gitlab: merge, with a shard that got no test', f'{done.stdout}{done.stderr}')
        for args, why in ((('ci',), 'for which service? Name github or gitlab\n'), (('ci', 'jenkins'), "'jenkins'"), (('ci', 'github', '--kernel', 'a b'), "kernel 'a b'"),
                          (('ci', 'github', '--shards', '0'), 'out of range'), (('ci', 'github', '--build', 'a\nb'), 'control characters')):
            run = Run(*args)
            check(run.status == 64 and why in run.err, f'{args} is refused', run)


def cleanup():
    """In a directory that stands for the file system of control groups."""
    with Place() as p:
        root = p / 'groups'
        mine, ticks = os.getpid(), open('/proc/self/stat', encoding='utf-8').read().rsplit(')', 1)[1].split()[19]
        for name in ('ktstr', 'ktstr-999999999/deep/er', 'ktstr-1-7', f'ktstr-{mine}-{ticks}/a', 'ktstr-mine', 'other'):
            os.makedirs(f'{root}/{name}')
        os.symlink(p / 'repo', f'{root}/ktstr-999999999/link')
        os.makedirs(p / 'home/empty')
        os.symlink(p / 'home', f'{root}/ktstr-999999998')
        run = Run('cleanup', env={'KTSTR_HOST_CGROUP_PARENT': root})
        check(run.status == 75 and "ktstr-999999999' is not a control group" in run.err, 'what is no group is named, and stays', run)
        check(os.path.isdir(p / 'repo/build') and os.path.isdir(f'{root}/ktstr-999999999/deep/er'), 'with all that is in it')
        check(os.path.isdir(p / 'home/empty'), 'links are not followed, also those with the name of a group')
        os.remove(f'{root}/ktstr-999999999/link')
        os.remove(f'{root}/ktstr-999999998')
        run = Run('cleanup', env={'KTSTR_HOST_CGROUP_PARENT': root})
        left = sorted(os.listdir(root))
        check(run.status == 0 and left == [f'ktstr-{mine}-{ticks}', 'ktstr-mine', 'other'], 'groups of dead processes are removed', f'{left}\n{run}')
        check(f'ktstr: skipping {root}/ktstr-{mine}-{ticks} (live process)' in run.err, 'those of live ones stay', run)
        run = Run('cleanup', '--parent-cgroup', f'{root}/other')
        check(run.status == 0 and not os.path.exists(f'{root}/other'), '--parent-cgroup', run)
        run = Run('cleanup', '--parent-cgroup', f'{root}/other')
        check(run.status == 64 and f'cgroup path not found: {root}/other' in run.err, 'one that is not there', run)
        open(p / 'home/file', 'w', encoding='ascii').close()
        for said, why in ((p / 'home', 'it holds files'), ('.', 'it holds files'), ('/', 'root of a file system'), ('/proc', 'root of a file system')):
            run = Run('cleanup', '--parent-cgroup', said, cwd=p / 'home')
            check(run.status == 64 and why in run.err and os.path.isdir(p / 'home/empty'), f'--parent-cgroup {os.path.basename(said)}: refused, nothing is removed', run)
        os.remove(p / 'home/file')
        run = Run('cleanup', '--parent-cgroup', '.', cwd=p / 'home')
        check(run.status == 0 and not os.path.exists(p / 'home'), '--parent-cgroup as a relative path', run)


def former():
    old, new = Run('build-kernel', '--help'), Run('kernel', 'build', '--help')
    check(old.out == new.out and old.err == "note: 'ktstr build-kernel' is called 'ktstr kernel build' now\n", 'build-kernel', old)
    old = Run('test-stats', '--help')
    check(old.err.count("is called 'ktstr stats' now") == 1, 'test-stats', old)
    for words in (('kernel', '--help'), ('kernel', 'list', '--help'), ('nextest', '--help')):
        check(Run(*words).err == '', f'{" ".join(words)}: no notice')


github()
gitlab()
cleanup()
former()
finish(at_least=30)
