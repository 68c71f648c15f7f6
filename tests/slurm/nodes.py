#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""nodes.py BUILD -- what happens on the nodes of a cluster before the tests run: a job builds kernels that are missing, and
nodes say whether their KVM works. The nodes are on the loopback device, each with caches of its own; the kernels are trees
of paper, and the tests are naps, which need no guest."""
import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', where) for where in ('lib', 'mirror')] + [HERE]
import cluster  # noqa: E402
import layout  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish, skip  # noqa: E402

NAPS = os.path.join(BUILD, 'tests/naps')
VERSION = '6.12.3'
TWO = 'test(/nap_[12]$/)'


class World:
    """A scratch directory with what the submitting machine and the nodes have."""

    def __init__(self, scratch, c, name):
        self.home = scratch / name
        self.nodes, self.runs = self.home + '/nodes', self.home + '/runs'
        os.makedirs(self.home)
        self.env = {'SLURM_CONF': c.conf, 'KTSTR_TEST_NODES': self.nodes, 'XDG_CACHE_HOME': self.home + '/mine',
                    'KTSTR_RUNS_ROOT': self.runs, 'KTSTR_CACHE_DIR': ''}

    def tarball(self, **args):
        path = f'{self.home}/linux-{VERSION}.tar.xz'
        with open(path, 'wb') as f:
            f.write(layout.tarball(VERSION, **args))
        return path

    def run(self, *args):
        return Run(*args, env=self.env, cwd=self.home)

    def kernels(self, where):
        return sorted(os.path.basename(p) for p in glob.glob(f'{self.home}/{where}/ktstr/kernels/{VERSION}*'))

    def slurm_dir(self):
        return (glob.glob(self.runs + '/.slurm/*') or [''])[0]

    def results(self):
        found = {}
        for path in glob.glob(self.runs + '/*/*.ktstr.json'):
            with open(path, encoding='utf-8') as f:
                one = json.load(f)
            found[one['name']] = (one['verdict'], os.path.basename(os.path.dirname(path)))
        return found


def check_build(scratch, c):
    w = World(scratch, c, 'build')
    run = w.run('test', '--slurm', '--slurm-jobs', '4', '--kernel', w.tarball(), '-E', TWO, NAPS)
    built, results = w.slurm_dir() + '/built.json', w.results()
    check(run.status == 0 and 'builds the kernels that are missing' in run.err and 'the kernels are built' in run.err,
          'a kernel that is missing is built by a job of the run', run)
    check(len(results) == 2 and all(r == ('pass', f'{VERSION}-unknown') for r in results.values()),
          'the tests ran on it, and their results are under its version', f'{results}\n{run}')
    keys = w.kernels('nodes/n1') + w.kernels('nodes/n2')
    check(len(keys) == 2 and keys[0] == keys[1], 'the node that did not build has it too, from the directory of the run',
          f'{keys}\n{run}')
    check(os.path.exists(built) and w.kernels('mine') == keys[:1], 'the submitting machine gets it with the results',
          f"{w.kernels('mine')}\n{run}")
    again = w.run('test', '--slurm', '--kernel', w.tarball(), '-E', 'test(=ktstr/nap_1)', NAPS)
    check(again.status == 0 and 'submitted 1 task' in again.err and 'builds the kernels' not in again.err,
          'a tarball whose kernel the cache has is not built again', again)


def check_replay(scratch, c):
    """A test that failed on a node is repeated here, also on a kernel that a job of the run has built."""
    w = World(scratch, c, 'replay')
    run = w.run('test', '--slurm', '--kernel', w.tarball(), '-E', 'test(/nap_(1|bad)$/)', NAPS)
    named = w.run('replay', '--json')
    found = [t['name'] for t in json.loads(named.out)['tests']] if named.status == 0 else []
    check(run.status == 1 and found == ['ktstr/nap_bad'], 'replay names the test of a run on the cluster that failed', f'{run}{named}')
    again = w.run('replay', '--exec')
    ran = [line.split()[1] for line in again.out.splitlines() if line.startswith(('PASS', 'FAIL'))]
    check(again.status == 1 and ran == ['ktstr/nap_bad'] and not c.run('squeue', '-h').stdout,
          'and replay --exec repeats it on this machine', again)
    check(set(w.results()) == {'ktstr/nap_1', 'ktstr/nap_bad'}, 'among the results of the run', w.results())


def check_damage(scratch, c):
    """What arrives otherwise than it left is refused."""
    w = World(scratch, c, 'damage')
    started = w.run('test', '--slurm', '--detach', '--slurm-jobs', '1', '--slurm-arg=--hold', '--kernel', w.tarball(),
                    '-E', 'test(=ktstr/nap_1)', NAPS)
    jobs = c.run('squeue', '-h', '-o', '%A %j').stdout.split('\n')
    build = [j.split()[0] for j in jobs if j.endswith('-build')]
    c.run('scontrol', 'release', *build)
    c.wait(lambda: os.path.exists(w.slurm_dir() + '/built.json'), 'the kernel to be built')
    for path in glob.glob(w.slurm_dir() + '/kernels/*/metadata.json'):
        with open(path, 'a', encoding='utf-8') as f:
            f.write(' ')
    for node in ('n1', 'n2'):    # nobody has a good copy
        for path in glob.glob(f'{w.nodes}/{node}/ktstr/kernels/{VERSION}*/metadata.json'):
            os.unlink(path)
    for job in jobs:
        if job and job.split()[0] not in build:
            c.run('scontrol', 'release', job.split()[0])
    c.wait(lambda: 'arrived damaged on this node' in ''.join(open(p, encoding='utf-8').read() for p in
                                                             glob.glob(w.slurm_dir() + '/logs/*')),
           'the task to look at the kernel')
    check(started.status == 0, 'a kernel that arrives damaged is refused by the node', started)
    w.run('slurm', 'cancel')


def check_failed_build(scratch, c):
    w = World(scratch, c, 'failed')
    run = w.run('test', '--slurm', '--kernel', w.tarball(fails=True), '-E', TWO, NAPS)
    log = w.slurm_dir() + '/logs/build.log'
    check(run.status not in (0, 1, 2) and 'the job that builds kernels failed' in run.err and 'as was asked for' in run.err,
          'a build that fails is the error of the run', run)
    check(log in run.err and os.path.getsize(log), 'and names its log', run)
    c.wait(lambda: not c.run('squeue', '-h', '-t', 'pending,running', '-o', '%j').stdout, 'the jobs to be gone')
    check(not w.results(), 'no test ran, and no job is left', w.results())
    again = w.run('slurm', 'collect')
    check(again.status == run.status and 'as was asked for' in again.err, 'slurm collect says the same', again)


def check_killed_build(scratch, c):
    """Slurm ends the job that builds, and starts it again."""
    w = World(scratch, c, 'killed')
    started = w.run('test', '--slurm', '--detach', '--kernel', w.tarball(objects=3, object_s=2), '-E', TWO, NAPS)
    c.wait(lambda: c.run('squeue', '-h', '-t', 'running', '-o', '%j').stdout.endswith('-build\n'), 'the build to run')
    job = c.run('squeue', '-h', '-t', 'running', '-o', '%A').stdout.strip()
    c.run('scontrol', 'requeue', job)
    done = w.run('slurm', 'collect')
    check(started.status == 0 and done.status == 0 and len(w.results()) == 2,
          'a build that Slurm starts again is finished, and the tests run', f'{started}{done}')


def check_host_dies(scratch, c):
    """The submitting host dies before anything is submitted: the job that builds, and the tests, are submitted later."""
    w = World(scratch, c, 'dies')
    programs = w.home + '/bin'
    os.mkdir(programs)
    with open(programs + '/sbatch', 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\nkill -KILL $PPID\n')
    os.chmod(programs + '/sbatch', 0o755)
    died = Run('test', '--slurm', '--kernel', w.tarball(), '-E', TWO, NAPS, env=dict(w.env, PATH=programs + ':' + os.environ['PATH']),
               cwd=w.home)
    done = w.run('slurm', 'collect')
    check(died.status == -9 and done.status == 0 and len(w.results()) == 2,
          'after a crash before the submission, slurm collect submits the build and the tests', f'{died}{done}')


def forge_kvm(w, node, state, why):
    """What a node's probe has found since it booted, in its cache."""
    with open('/proc/sys/kernel/random/boot_id', encoding='utf-8') as f:
        boot = f.read().strip()
    os.makedirs(f'{w.nodes}/{node}/ktstr/host')
    with open(f'{w.nodes}/{node}/ktstr/host/kvm-probe.json', 'w', encoding='utf-8') as f:
        json.dump({'boot_id': boot, 'why': why, 'state': state, 'instructions_per_us': 1000}, f)


EMULATED, HARDWARE = 2, 3    # enum kvm_state


def check_kvm(scratch, c):
    w = World(scratch, c, 'kvm')
    w.env['KTSTR_ACCEL'] = 'kvm'
    forge_kvm(w, 'n1', EMULATED, 'it only emulates')
    forge_kvm(w, 'n2', HARDWARE, 'it works')
    run = w.run('test', '--slurm', '--kernel', w.tarball(), '-E', TWO, NAPS)
    nodes = {line.split()[-1] for line in run.out.splitlines() if line.startswith('PASS')}
    check(run.status == 0 and nodes == {'n2'}, 'tests on KVM run only where it works', run)
    check('node n1 is left out: it only emulates' in run.err and 'KVM works on 1 node' in run.err, 'and a note says why', run)
    w = World(scratch, c, 'no-kvm')
    w.env['KTSTR_ACCEL'] = 'kvm'
    for node in ('n1', 'n2'):
        forge_kvm(w, node, EMULATED, 'it only emulates')
    run = w.run('test', '--slurm', '--kernel', w.tarball(), '-E', TWO, NAPS)
    check(run.status == 69 and 'no node of the cluster can run tests on KVM' in run.err, 'without such a node, the run is refused',
          run)


def main():
    why = cluster.missing()
    if why:
        skip('jobs on the nodes of a Slurm cluster', why)
        finish()
    os.environ.pop('KTSTR_TEST_KERNEL', None)
    with cluster.Cluster() as c, Scratch() as scratch:
        check_build(scratch, c)
        check_replay(scratch, c)
        check_failed_build(scratch, c)
        check_killed_build(scratch, c)
        check_host_dies(scratch, c)
        check_damage(scratch, c)
        check_kvm(scratch, c)
    finish(18)


main()
