#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""faults.py BUILD -- what a fault of a cluster takes away runs once more, and every test is reported once. Each fault is
real: on two nodes on the loopback device, with tests that nap (tests/sim/slurm.c has thousands of faults, in no time).
`make soak`."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', where) for where in ('lib', 'mirror')] + [HERE]
import cluster  # noqa: E402
import layout  # noqa: E402
from place import NAPS, Place, running, sidecars  # noqa: E402
from tap import Scratch, check, finish, skip  # noqa: E402

ALL = 13    # naps; nap_bad fails
PATIENCE = 900    # seconds until a command hangs, on a machine that others use, too
CONF = """PartitionName=urgent Nodes=ALL PriorityTier=10 State=UP
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
"""


def check_once(place, name, text, tries=1):
    """Every nap is reported once, and has one result, a sidecar for each of its tries."""
    results = sidecars(place.runs)
    check(len(results) == ALL and all(len(v) == tries for v in results.values()), f'{name}: every test has one result',
          f'{sorted(results)}\n{text}')


def kill_task(run, number):
    """SIGKILL to the processes of a task, as when a node is out of memory. Returns how many there were."""
    killed = 0
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        pid = path.split('/')[2]
        try:
            words = open(path, 'rb').read().split(b'\0')
            if words[1:5] == [b'slurm', b'task', b'.', b'%d' % number] and os.readlink(f'/proc/{pid}/exe').startswith(run):
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
        except (OSError, IndexError):
            pass
    return killed


def check_faults(scratch, env, c):
    place = Place(scratch, 'faults', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '6', NAPS)
    c.wait(lambda: len(running(c)) == 2, 'two tasks to run')
    jobs = running(c)
    # Each of the two has a result by then, and another test that runs.
    time.sleep(3)
    kill_task(place.slurm_dir(), 0)
    c.run('scontrol', 'requeue', jobs['n2'])
    c.stop('slurmctld')
    time.sleep(1)
    c.start_controller()
    # The submitting host goes away and comes back.
    time.sleep(4)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    check(p.returncode == 130 and 'ktstr slurm collect' in err, 'an interrupt leaves the jobs alone, and says how to go on',
          f'{p.returncode}\n{out}{err}')
    status = place.run('slurm', 'status', '--json')
    check(status.status == 0 and json.loads(status.out)['tests'] == 13, 'slurm status says how far the run is', status)
    done = place.run('slurm', 'collect', '--json', timeout=PATIENCE)
    names = [e['name'] for e in done.events() if e.get('event') == 'test-finished']
    check(done.status == 1, 'after kill, requeue and restarts, the verdict is that of the one bad test', done.err)
    check(len(names) == 13 and len(set(names)) == 13, 'every test is reported once', f'{sorted(names)}\n{done.err}')
    results = sidecars(place.runs)
    check(len(results) == 13 and all(len(v) == 1 for v in results.values()), 'every test has one result', sorted(results))
    check('started again by Slurm' in done.err and 'lost' in done.err, 'it says which tasks were lost', done.err)


def check_host(scratch, env, c):
    """The submitting host crashes. A task is lost while nobody follows, and all jobs have ended when the host is back."""
    place = Place(scratch, 'host', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', NAPS)
    c.wait(lambda: len(running(c)) == 2, 'two tasks to run')
    p.kill()
    p.communicate()
    c.wait(lambda: kill_task(place.slurm_dir(), 0), 'processes of a task')
    c.wait(lambda: not c.run('squeue', '-h').stdout, 'all jobs to end')
    done = place.run('slurm', 'collect', timeout=PATIENCE)
    check(done.status == 1 and 'lost and run' in done.err, 'after a crash of the submitting host, what was lost runs once more', done)
    check_once(place, 'crash of the submitting host', done)


def check_node(scratch, env, c):
    """A node goes down with its task."""
    place = Place(scratch, 'node', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', '-E', 'test(/nap_[1-6]$/)', NAPS)
    c.wait(lambda: 'n2' in running(c), 'a task to run on n2')
    c.stop('n2', signal.SIGKILL)
    c.run('scontrol', 'update', 'nodename=n2', 'state=down', 'reason=test')
    out, err = p.communicate(timeout=PATIENCE)
    results = sidecars(place.runs)
    check(p.returncode == 0 and len(results) == 6 and all(len(v) == 1 for v in results.values()),
          'tests of a node that went down run elsewhere', f'{p.returncode}\n{out}{err}{sorted(results)}')
    c.start_node('n2')
    c.run('scontrol', 'update', 'nodename=n2', 'state=resume')


def processes_on(run, node):
    """The processes of ktstr that run tasks of the run @run on @node."""
    found = []
    for path in glob.glob('/proc/[0-9]*/environ'):
        pid = path.split('/')[2]
        try:
            with open(path, 'rb') as f:
                here = b'SLURMD_NODENAME=' + node.encode() in f.read().split(b'\0')
            if here and os.readlink(f'/proc/{pid}/exe').startswith(run):
                found.append(int(pid))
        except OSError:
            pass
    return found


def finals(run):
    """The names of all results that tasks have delivered."""
    found = []
    for path in glob.glob(run + '/tasks/*/*/events.ndjson'):
        with open(path, encoding='utf-8') as f:
            found += [e['name'] for e in map(json.loads, f) if e.get('final')]
    return found


def check_duplicates(scratch, env, c):
    """Slurm loses sight of a node, whose tasks stand still meanwhile, and go on when their tests have run elsewhere."""
    place = Place(scratch, 'duplicates', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', '-E', 'test(/nap_[1-6]$/)', NAPS)
    c.wait(lambda: 'n2' in running(c) and processes_on(place.slurm_dir(), 'n2'), 'a task to run on n2')
    frozen = processes_on(place.slurm_dir(), 'n2')
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    c.stop('n2', signal.SIGKILL)
    c.run('scontrol', 'update', 'nodename=n2', 'state=down', 'reason=test')
    out, err = p.communicate(timeout=PATIENCE)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    run = place.slurm_dir()
    c.wait(lambda: len(finals(run)) > len(set(finals(run))), 'a result to come twice')
    again = place.run('slurm', 'collect', timeout=PATIENCE)
    check(p.returncode == 0 and again.status == 0 and 'came twice' in again.err, 'a result that comes twice counts once, and it is said',
          f'{p.returncode}\n{out}{err}{again}')
    results = sidecars(place.runs)
    check(len(results) == 6 and all(len(v) == 1 for v in results.values()), 'every test has one result', sorted(results))
    c.start_node('n2')
    c.run('scontrol', 'update', 'nodename=n2', 'state=resume')


def check_time(scratch, env, c):
    """A task reaches its time limit, and what it left runs in another one."""
    place = Place(scratch, 'time', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '1', '--repeat', '3', NAPS)
    c.wait(lambda: running(c), 'a task to run')
    time.sleep(3)
    # Limits are in minutes; slurmctld looks at them twice in a minute.
    update = c.run('scontrol', 'update', 'jobid=' + list(running(c).values())[0], 'EndTime=now+1')
    out, err = p.communicate(timeout=PATIENCE)
    check(update.returncode == 0 and p.returncode == 1 and 'reached its time limit' in err,
          'a task that reaches its time limit is said to', f'{update}\n{out}{err}')
    check_once(place, 'time limit', err, tries=3)


def check_memory(scratch, env, c):
    """Slurm kills each task for its memory: the tests are lost twice, and are reported as not run."""
    place = Place(scratch, 'memory', env)
    run = place.run('test', '--slurm', '--slurm-jobs', '2', '--slurm-arg=--mem=1', '--json', '-E', 'test(/nap_[1-4]$/)', NAPS,
                    timeout=PATIENCE)
    lost = [e['name'] for e in run.events() if e.get('event') == 'test-lost']
    done = [e['name'] for e in run.events() if e.get('event') == 'test-finished']
    check(run.status == 2 and len(set(lost + done)) == len(lost + done) == 4 and lost,
          'tests whose tasks are killed for their memory are not run, each said once', run)


def check_preemption(scratch, env, c):
    """A job of a partition that comes first takes both nodes."""
    place = Place(scratch, 'preempted', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', NAPS)
    c.wait(lambda: len(running(c)) == 2, 'two tasks to run')
    time.sleep(3)
    urgent = c.run('sbatch', '--partition=urgent', '--nodes=2', '--exclusive', '--output=/dev/null', '--wrap', 'sleep 5')
    out, err = p.communicate(timeout=PATIENCE)
    check(urgent.returncode == 0 and p.returncode == 1 and 'started again by Slurm' in err,
          'tasks that a more urgent job takes the place of are started again', f'{urgent.stderr}{out}{err}')
    check_once(place, 'preemption', err)


def check_full_disk(scratch, env, c):
    """The disk of a node's cache is full: it cannot take the kernel."""
    nodes, tarball = scratch / 'nodes', scratch / 'linux-6.12.3.tar.xz'
    place = Place(scratch, 'full', dict(env, KTSTR_TEST_NODES=nodes, XDG_CACHE_HOME=scratch / 'mine', KTSTR_CACHE_DIR=''))
    with open(tarball, 'wb') as f:
        f.write(layout.tarball('6.12.3'))
    built = place.run('kernel', 'build', tarball)
    os.makedirs(nodes + '/n1')
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', nodes + '/n1'], check=True)
    try:
        with open(nodes + '/n1/filler', 'wb') as f:
            try:
                f.write(bytes(1 << 20))
            except OSError:
                pass
        run = place.run('test', '--slurm', '--slurm-jobs', '4', '--kernel', tarball, NAPS, timeout=PATIENCE)
    finally:
        subprocess.run(['umount', nodes + '/n1'], check=False)
    check(built.status == 0 and run.status == 1 and 'node n1 is left out' in run.err,
          'a node whose disk is full is left out', f'{built}{run}')
    check_once(place, 'full disk', run)


def main():
    why = cluster.missing()
    if why:
        skip('faults of a Slurm cluster', why)
        finish()
    os.environ.pop('KTSTR_TEST_KERNEL', None)
    with cluster.Cluster(extra=CONF) as c, Scratch() as scratch:
        env = {'SLURM_CONF': c.conf, 'KTSTR_KERNEL': 'distro'}
        for name, fn in list(globals().items()):
            if name.startswith('check_') and name != 'check_once' and (len(sys.argv) < 3 or name[6:] in sys.argv[2:]):
                fn(scratch, env, c)
    finish()


if __name__ == '__main__':
    main()
