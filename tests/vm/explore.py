#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr explore in real guests: each schedule is another run and a function of its seed; a replay line repeats one, and
so do its points, with each policy."""
import glob
import json
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
SCHEDULES = 3


def results(scratch, label):
    found = {}
    for path in scratch.sidecars(label):
        with open(path) as f:
            sidecar = json.load(f)
        found[sidecar['perturb']] = sidecar
    return found


def replay_points(scratch, result, points, label):
    """The result of a run with the points in a file instead of a seed."""
    line = re.sub(r"--perturb ('[^']*'|\S+)", '--perturb ' + shlex.quote(points), result['replay'])
    subprocess.run([KTSTR, *shlex.split(line)[1:]], capture_output=True, text=True, timeout=300,
                   env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label))
    return list(results(scratch, label).values())[0]


# A policy, and an event that it holds CPUs back at.
POLICIES = [('pct:5,seed=1,at=kfuncs+queues+ops', None), ('window:1ms,seed=1', 'window'), ('seed=1,one-in=50,at=code+ipis+timers', 'code')]


def events(path):
    with open(path) as f:
        file = json.load(f)
    return {file['functions'][point[1]] for point in file['points']}


def policy(scratch, kernel, number, words, event):
    """A run with the policy, and the same by its points."""
    label = f'policy-{number}'
    done = subprocess.run([KTSTR, 'test', '--perturb', words, '--start', 'clone', '--kernel', kernel['key'], '-E',
                           'test(=ktstr/simple_crowd)', EXAMPLES], capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label))
    first = list(results(scratch, label).values())
    points = glob.glob(scratch / (label + '/*.perturb.json'))
    if not check(done.returncode == 0 and len(first) == len(points) == 1, f'{words}: a sound scheduler passes', done.stdout + done.stderr):
        return
    check(first[0]['perturb_points'] > 0 and (not event or event in events(points[0])), f'{words}: CPUs are held back', events(points[0]))
    given = replay_points(scratch, first[0], points[0], label + '-given')
    check(given['guest']['event_digest'] == first[0]['guest']['event_digest'] and
          given['perturb_points'] == first[0]['perturb_points'], f'{words}: its points give the same run', given['perturb'])


def main():
    kernel, before = need_kernel('explore'), machines()
    with Scratch() as scratch:
        done = subprocess.run([KTSTR, 'explore', '--json', '--seeds', str(SCHEDULES), '--perturb', 'seed=1', '--start', 'clone', '--kernel', kernel['key'],
                               '-E', 'test(=ktstr/simple_crowd)', EXAMPLES], capture_output=True, text=True, timeout=900,
                              env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'explored'))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        check(done.returncode == 0 and lines[-1]['total'] == SCHEDULES and lines[-1]['signatures'] == [],
              'a sound scheduler passes all schedules', done.stdout + done.stderr)
        found = results(scratch, 'explored')
        check(sorted(found) == [f'seed={n},one-in=3,hold=500000ns' for n in range(1, SCHEDULES + 1)], 'each has a sidecar', found)
        digests = [s['guest']['event_digest'] for s in found.values()]
        check(len(set(digests)) == SCHEDULES, 'each is another run', digests)
        check(all(s['perturb_points'] > 10 for s in found.values()), 'CPUs were held back', [s['perturb_points'] for s in found.values()])
        second = found['seed=2,one-in=3,hold=500000ns']
        check(re.search(r' --perturb seed=2,one-in=3,hold=500000ns ', second['replay']), 'the replay line has the perturbation', second['replay'])
        again = subprocess.run([KTSTR, *shlex.split(second['replay'])[1:]], capture_output=True, text=True, timeout=300,
                               env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'again'))
        repeated = list(results(scratch, 'again').values())
        points = glob.glob(scratch / 'again/*.perturb.json')[0]
        check(again.returncode == 0 and [s['guest']['event_digest'] for s in repeated] == [second['guest']['event_digest']],
              'and repeats the run', again.stdout + again.stderr)
        given = replay_points(scratch, second, points, 'given')
        check(given['guest']['event_digest'] == second['guest']['event_digest'], 'all of its recorded points give the same run', given['perturb'])
        with open(points) as f:
            file = json.load(f)
        file['points'] = file['points'][::2]
        with open(scratch / 'half.json', 'w') as f:
            json.dump(file, f)
        half = replay_points(scratch, second, scratch / 'half.json', 'half')
        check(half['perturb_points'] == len(file['points']) and half['guest']['event_digest'] != second['guest']['event_digest'],
              'half of them give another one', half['perturb'])
        for number, (words, event) in enumerate(POLICIES):
            policy(scratch, kernel, number, words, event)
    check_nothing_left('explore', before)
    finish(at_least=8 + 3 * len(POLICIES))


main()
