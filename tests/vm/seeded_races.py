#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Races in a fixture scheduler: a campaign finds each; the points of the schedule that showed it show it again; with the
race closed, the same schedules pass.

    seeded_races.py BUILD RACE...
"""
import glob
import json
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SUITE = BUILD + '/tests/fixtures/races'
POLICY = 'random,one-in=30,at=code'
RACES = ('idle', 'mailbox', 'affinity', 'group', 'timer', 'exit', 'cgroup', 'hotplug')
# Schedules, until a race must have been found. The rarest one shows in one of eight, on any kernel and with any seeds.
MOST = 120


def explore(kernel, scratch, label, test, first, *words):
    return Run('explore', '--json', '--start', 'clone', '--kernel', kernel['key'], '--seed', '1', '--perturb', f'{POLICY},seed={first}',
               '-E', f'test(=ktstr/{test})', *words, SUITE, env={'KTSTR_SIDECAR_DIR': scratch / label})


def signature(sidecar):
    """What went wrong, without numbers and without names of tasks."""
    return re.sub(r'\([^()]*\)|[0-9.]+|\b[mun]s\b', '', next(d['message'] for d in sidecar['details'] if d['verdict'] == 'fail'))


def failures(scratch, label):
    """Sidecars of the failures, and the files with their points."""
    found = []
    for path in scratch.sidecars(label):
        with open(path) as f:
            sidecar = json.load(f)
        if sidecar['verdict'] == 'fail':
            found.append((sidecar, glob.glob(path.removesuffix('.ktstr.json') + '.perturb.json')))
    return found


def replay(scratch, label, sidecar, points):
    line = re.sub(r"--perturb ('[^']*'|\S+)", '--perturb ' + shlex.quote(points), sidecar['replay'])
    return subprocess.run([KTSTR, *shlex.split(line)[1:]], capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label))


def one_race(kernel, scratch, race):
    run = explore(kernel, scratch, race, f'race_{race}', 1, '--until-fail', '--seeds', str(MOST))
    found = failures(scratch, race)
    if not check(run.status == 1 and found and len(found[0][1]) == 1, f'{race}: a race is found', run):
        return
    sidecar, points = found[0][0], found[0][1][0]
    again = replay(scratch, race + '-again', sidecar, points)
    repeated = failures(scratch, race + '-again')
    check(again.returncode == 1 and [signature(s) for s, _ in repeated] == [signature(sidecar)],
          f'{race}: its points show it again', again.stdout + again.stderr)
    seed = int(re.search(r'seed=(\d+)', sidecar['perturb'])[1])
    closed = explore(kernel, scratch, race + '-closed', f'race_{race}_closed', seed, '--seeds', '2')
    check(closed.status == 0 and closed.events()[-1]['passed'] == 2, f'{race}: without the race, schedules pass', closed)


def main():
    races = sys.argv[2:] or RACES
    kernel, before = need_kernel('seeded_races'), machines()
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], os.path.dirname(SUITE), 'scx_races'],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    with Scratch() as scratch:
        for race in races:
            one_race(kernel, scratch, race)
    check_nothing_left('seeded_races', before)
    finish(at_least=2 + 3 * len(races))


main()
