#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""slurm.py BUILD -- runs on a Slurm cluster. What it costs to follow 10,000 tasks that all run: the CPU time of the follower
and of a squeue that prints a file. And, where Slurm is installed, how long a run takes on two nodes of one CPU on the
loopback device, against the sum of its tests' times divided by two: naps, one at a time on each node, which need no CPU
time, so that other load does not matter. Exit status 1 if following costs more than 1 % of a CPU, or asks more often than
once in 5 s, or if the run takes more than 10 % longer than the bound."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'tests', where) for where in ('lib', 'slurm')]
import cluster  # noqa: E402

TASKS, FIRST_S, MEASURED_S = 10000, 12, 120
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
KTSTR = os.path.join(BUILD, 'ktstr')
COST_MOST, ASK_LEAST_S, OVER_MOST = 0.01, 5, 0.10
NODES, NAPS = 2, range(10, 250)    # of naps.c


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def make_run(run):
    """The directory of a run with two tests a task, each of which has begun its first one."""
    cases = [{'name': f'ktstr/t{i}', 'suite': 's', 'topology': '1n1l1c1t', 'scheduler': 'eevdf', 'kernel_label': 'k',
              'kernel': 0, 'estimate_ns': 10**10, 'cpus': 1, 'memory_mib': 512} for i in range(2 * TASKS)]
    need = {'cpus': 1, 'memory_mib': 512, 'estimate_ns': 1}
    os.makedirs(run + '/tasks')
    write(run + '/manifest.json', json.dumps({'version': 1, 'id': 'x1', 'cases': cases, 'sbatch': [], 'words': [],
                                              'kernels': [{'label': 'k', 'version': '6', 'name': 'k', 'results': '6'}]}))
    write(run + '/round-1.json', json.dumps({
        'version': 1, 'first': 0, 'arrays': [dict(need, first=f, count=1000) for f in range(0, TASKS, 1000)],
        'tasks': [dict(need, cases=[2 * i, 2 * i + 1], places=1) for i in range(TASKS)]}))
    for i in range(TASKS):
        os.makedirs(f'{run}/tasks/{i}/0')
        write(f'{run}/tasks/{i}/0/events.ndjson', json.dumps({'event': 'test-started', 'name': f'ktstr/t{2 * i}'}) + '\n')


def make_commands(place):
    rows = ''.join(f'ktstr-x1-{i // 1000 * 1000}|{i // 1000}_{i % 1000}|RUNNING|node{i % 500}\n' for i in range(TASKS))
    write(place + '/rows', rows)
    commands = {'squeue': f'echo question >> {place}/asked; exec cat {place}/rows', 'sinfo': 'echo "500|64|64000|mixed"',
                'scontrol': 'echo "MaxJobCount = 10000"'}
    for name, text in commands.items():
        write(f'{place}/{name}', f'#!/bin/sh\n{text}\n')
        os.chmod(f'{place}/{name}', 0o755)


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return sum(int(n) for n in fields[11:15]) / os.sysconf('SC_CLK_TCK')


def follow():
    with tempfile.TemporaryDirectory() as place:
        make_run(place + '/runs/.slurm/x1')
        make_commands(place)
        env = dict(os.environ, PATH=place + ':' + os.environ['PATH'], KTSTR_RUNS_ROOT=place + '/runs')
        follower = subprocess.Popen([KTSTR, 'slurm', 'collect'], env=env, stderr=subprocess.DEVNULL)
        time.sleep(FIRST_S)
        before = cpu_seconds(follower.pid)
        time.sleep(MEASURED_S)
        used = (cpu_seconds(follower.pid) - before) / MEASURED_S
        follower.send_signal(signal.SIGINT)
        follower.wait()
        with open(place + '/asked', encoding='utf-8') as f:
            asked = len(f.readlines())
    lasted = FIRST_S + MEASURED_S
    print(f'following {TASKS} tasks: {100 * used:.2f} % of a CPU, {asked} questions to squeue in {lasted} s')
    return used <= COST_MOST and 0 < asked <= 1 + lasted / ASK_LEAST_S


def tasks_in(runs):
    return len(glob.glob(runs + '/.slurm/*/tasks/*'))


def makespan():
    why = cluster.missing()
    if why:
        print(f'no run on two nodes: {why}')
        return True
    with cluster.Cluster() as c, tempfile.TemporaryDirectory() as place:
        env = dict(c.env, KTSTR_RUNS_ROOT=place, KTSTR_KERNEL='distro', NAPS_DIR=place)
        began = time.monotonic()
        done = subprocess.run([KTSTR, 'test', '--slurm', BUILD + '/bench/naps'], env=env, cwd=place, capture_output=True, text=True,
                              check=False)
        lasted, bound = time.monotonic() - began, sum(1 + n % 4 for n in NAPS) / NODES
        tasks, results = tasks_in(place), len(glob.glob(place + '/*/*.ktstr.json'))
    if results != len(NAPS):
        print(f'the run has {results} results, not {len(NAPS)}:\n{done.stdout}{done.stderr}')
        return False
    print(f'{results} naps on {NODES} nodes in {tasks} tasks: {lasted:.1f} s with everything, lower bound {bound:.1f} s: '
          f'{100 * (lasted / bound - 1):+.1f} %')
    return lasted <= (1 + OVER_MOST) * bound


def main():
    ok = [follow(), makespan()]
    sys.exit(0 if all(ok) else 1)


main()
