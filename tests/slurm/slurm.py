#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""slurm.py BUILD [--faults] [--many] -- ktstr test --slurm on a cluster of this machine: two nodes on the loopback device.
A run on it equals a local run. --faults: what a fault takes away runs once more (tests/sim/slurm.c has all faults, in
no time). --many: all examples."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

MANY = '--many' in sys.argv
EXAMPLES = os.path.join(BUILD, 'tests/examples/examples')
NAPS = os.path.join(BUILD, 'tests/naps')
FEW = 'test(eevdf_two_cgroups) | test(eevdf_custom_work)'


def usable_kernels():
    """Keys of cached kernels of two versions, or of one; those with today's configuration first."""
    listed = json.loads(Run('kernel', 'list', '--offline', '--json').out)
    found = {}
    for e in sorted(listed['entries'], key=lambda e: e.get('kconfig_status') != 'matches'):
        if not e.get('error') and e.get('version') not in found:
            found[e['version']] = e['key']
    return list(found.values())[:2]


def sidecars(root):
    """{name: sidecar} of all results of ordinary runs below @root."""
    found = {}
    for path in glob.glob(f'{root}/*/*.ktstr.json'):
        with open(path, encoding='utf-8') as f:
            one = json.load(f)
        found.setdefault(one['name'], []).append(one)
    return found


def digests(results):
    return {name: (one[0]['verdict'], (one[0].get('guest') or {}).get('event_digest')) for name, one in results.items()}


class Place:
    """Directories of one run."""

    def __init__(self, scratch, name, env):
        self.runs = os.path.join(scratch.path, name)
        self.env = dict(env, KTSTR_RUNS_ROOT=self.runs)

    def run(self, *args, **how):
        return Run(*args, env=self.env, cwd=os.path.dirname(self.runs), **how)

    def follower(self, *args):
        return subprocess.Popen([KTSTR, *args], env=dict(os.environ, **self.env), cwd=os.path.dirname(self.runs),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def slurm_dir(self):
        return (glob.glob(self.runs + '/.slurm/*') or [''])[0]


def check_equal(scratch, env, kernels):
    local, remote = Place(scratch, 'local', env), Place(scratch, 'remote', env)
    what = ['--kernel', ','.join(kernels), *([] if MANY else ['-E', FEW]), EXAMPLES]
    here = local.run('test', *what)
    there = remote.run('test', '--slurm', '--report', f'junit={scratch.path}/junit.xml', *what)
    one, other = sidecars(local.runs), sidecars(remote.runs)
    check(there.status == here.status, 'a run on the cluster has the status of a local run', f'{here}{there}')
    check(one and digests(one) == digests(other), f'{len(one)} results on {len(kernels)} kernels have the digests of the local run',
          f'{digests(one)}\n{digests(other)}\n{there}')
    check(all(len(v) == 1 for v in other.values()), 'every result is there once', there)
    check(os.path.exists(f'{scratch.path}/junit.xml'), 'there is one report of all tasks', there)
    nodes = {line.split()[-1] for line in there.out.splitlines() if line.startswith('PASS')}
    check(nodes == {'n1', 'n2'}, 'both nodes ran tests', there.out)


def running(c):
    """{node: job} of tasks that run."""
    out = c.run('squeue', '-h', '-t', 'running', '-o', '%N|%F_%K').stdout
    return dict(line.split('|') for line in out.splitlines())


def kill_task(run, number):
    """SIGKILL to the processes of a task, as when a node is out of memory."""
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        pid = path.split('/')[2]
        try:
            words = open(path, 'rb').read().split(b'\0')
            if words[1:5] == [b'slurm', b'task', b'.', b'%d' % number] and os.readlink(f'/proc/{pid}/exe').startswith(run):
                os.kill(int(pid), signal.SIGKILL)
        except (OSError, IndexError):
            pass


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
    out, err = p.communicate(timeout=60)
    check(p.returncode == 130 and 'ktstr slurm collect' in err, 'an interrupt leaves the jobs alone, and says how to go on',
          f'{p.returncode}\n{out}{err}')
    status = place.run('slurm', 'status', '--json')
    check(status.status == 0 and json.loads(status.out)['tests'] == 13, 'slurm status says how far the run is', status)
    done = place.run('slurm', 'collect', '--json', timeout=300)
    names = [e['name'] for e in done.events() if e.get('event') == 'test-finished']
    check(done.status == 1, 'after kill, requeue and restarts, the verdict is that of the one bad test', done.err)
    check(len(names) == 13 and len(set(names)) == 13, 'every test is reported once', f'{sorted(names)}\n{done.err}')
    results = sidecars(place.runs)
    check(len(results) == 13 and all(len(v) == 1 for v in results.values()), 'every test has one result', sorted(results))
    check('started again by Slurm' in done.err and 'lost' in done.err, 'it says which tasks were lost', done.err)


def check_cancel(scratch, env, c):
    place = Place(scratch, 'cancel', env)
    started = place.run('test', '--slurm', '--detach', NAPS)
    check(started.status == 0 and 'slurm collect' in started.err, '--detach returns after the submission', started)
    c.wait(lambda: running(c), 'a task to run')
    cancelled = place.run('slurm', 'cancel')
    done = place.run('slurm', 'collect', timeout=300)
    check(cancelled.status == 0 and done.status in (1, 2) and 'cancelled' in done.out,
          'tests of a cancelled run have no result, and the run says so', f'{cancelled}{done}')


def check_node(scratch, env, c):
    """A node goes down with its task."""
    place = Place(scratch, 'node', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', '-E', 'test(/nap_[1-6]$/)', NAPS)
    c.wait(lambda: 'n2' in running(c), 'a task to run on n2')
    c.stop('n2', signal.SIGKILL)
    c.run('scontrol', 'update', 'nodename=n2', 'state=down', 'reason=test')
    out, err = p.communicate(timeout=200)
    results = sidecars(place.runs)
    check(p.returncode == 0 and len(results) == 6 and all(len(v) == 1 for v in results.values()),
          'tests of a node that went down run elsewhere', f'{p.returncode}\n{out}{err}{sorted(results)}')
    c.start_node('n2')
    c.run('scontrol', 'update', 'nodename=n2', 'state=resume')


def check_missing(scratch, kernel):
    """A PATH with what ktstr needs, but without Slurm."""
    place = os.path.join(scratch.path, 'bin')
    os.mkdir(place)
    for program in ('qemu-system-x86_64', 'git', 'sh'):
        if shutil.which(program):
            os.symlink(shutil.which(program), os.path.join(place, program))
    missing = Run('test', '--slurm', '--kernel', kernel, NAPS, env={'PATH': place}, cwd=scratch.path)
    check(missing.status == 69 and 'slurm-client' in missing.err, 'without Slurm, the error says what is missing', missing)


def main():
    why = cluster.missing()
    kernels = [] if why else usable_kernels()
    if not why and not kernels:
        why = 'no kernel is in the cache; build one with `make kernel`'
    if why:
        skip('runs on a Slurm cluster', why)
        finish()
    os.environ.pop('KTSTR_TEST_KERNEL', None)
    with cluster.Cluster() as c, Scratch() as scratch:
        env = {'SLURM_CONF': c.conf}
        check_equal(scratch, env, kernels)
        env['KTSTR_KERNEL'] = kernels[0]
        if '--faults' in sys.argv:
            check_faults(scratch, env, c)
            check_node(scratch, env, c)
        check_cancel(scratch, env, c)
        check_missing(scratch, kernels[0])
    finish()


main()
