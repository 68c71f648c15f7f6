#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Campaigns of ktstr explore: a seeded race of a fixture scheduler is found, its signature can be listed as known, and
the next campaign goes on after the last one; the same scheduler without the race passes. How campaigns end."""
import json
import os
import random
import shlex
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SUITE = BUILD + '/tests/fixtures/races'
POLICY = 'random,one-in=30,at=code'


class Campaign:
    def __init__(self, kernel, scratch, label, test, *words, seed=1, env=None):
        self.run = Run('explore', '--json', '--start', 'clone', '--kernel', kernel['key'], '--seed', str(seed), '--perturb', POLICY,
                       '-E', f'test(=ktstr/{test})', *words, SUITE, env=dict(env or {}, KTSTR_SIDECAR_DIR=scratch / label))
        self.events = self.run.events()
        self.end = self.events[-1] if self.events else {}
        self.signatures = [g['signature'] for g in self.end.get('signatures', [])]
        self.names = [e['name'] for e in self.events if e.get('verdict')]


def find(kernel, scratch, seed):
    found = Campaign(kernel, scratch, 'found', 'race_group', '--until-signatures', '1', '--for', '3m', seed=seed)
    if not check(found.run.status == 1 and found.signatures, 'a race is found', found.run):
        return
    check(found.end['exploration']['earlier'] == 0 and found.end['exploration']['new_orders'] > 10,
          'what is new was noted', found.end['exploration'])
    replay = found.end['signatures'][0]['replay']
    again = subprocess.run([KTSTR, *shlex.split(replay)[1:]], capture_output=True, text=True, timeout=300,
                           env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'again'))
    check(again.returncode == 1, 'its replay line fails again', replay + '\n' + again.stdout)
    listed(kernel, scratch, seed, found)


def listed(kernel, scratch, seed, found):
    with open(scratch / 'known.txt', 'w') as f:
        f.write('# known\n' + ''.join(s + '\n' for s in found.signatures))
    known = Campaign(kernel, scratch, 'known', 'race_group', '--known', scratch / 'known.txt', '--seeds', '4', seed=seed)
    check(known.end['exploration']['earlier'] == len(found.names), 'the next campaign goes on', known.end)
    check(not set(known.names) & set(found.names), 'with other schedules', known.names)
    check(known.run.status == (1 if known.signatures else 0) and not set(known.signatures) & set(found.signatures),
          'failures that are listed do not count', known.run)


def first_failure(kernel, scratch):
    """Where one machine runs at a time, none starts after the failure. The sum has all that was asked for."""
    one = Campaign(kernel, scratch, 'first', 'race_timer', '--until-fail', '--seeds', '10', '-j', '1', env={'KTSTR_NO_PERF_MODE': '1'})
    verdicts = [e['verdict'] for e in one.events if e.get('verdict')]
    started = [e for e in one.events if e.get('event') == 'test-started']
    check(one.run.status == 1 and verdicts.count('fail') == 1 and verdicts[-1] == 'fail' and len(started) in (0, len(verdicts)),
          '--until-fail starts no schedule after the failure', one.run)
    check(one.end['total'] == 10 and one.end['not_run'] == 10 - len(verdicts), 'and the others did not run', one.end)


def interrupted(kernel, scratch):
    """Schedules that were cut are no failures."""
    run = subprocess.Popen([KTSTR, 'explore', '--json', '--start', 'clone', '--kernel', kernel['key'], '--seeds', '50', '-E',
                            'test(=ktstr/race_timer_closed)', SUITE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'cut'))
    said = [run.stdout.readline()]
    run.send_signal(signal.SIGINT)
    said += run.stdout.readlines()
    run.wait()
    end = json.loads(said[-1])
    check(run.returncode == 130 and end['signatures'] == [] and end['failed'] == 0, 'an interrupted campaign has no group of its own', ''.join(said))
    check(end['total'] == 50, 'and the sum has all schedules', end)


def main():
    kernel, before = need_kernel('races'), machines()
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], os.path.dirname(SUITE), 'scx_races'],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    # Another seed is another campaign, of which nothing is kept yet.
    seed = random.randrange(1 << 40)
    with Scratch() as scratch:
        sound = Campaign(kernel, scratch, 'sound', 'race_group_closed', '--seeds', '3', seed=seed)
        check(sound.run.status == 0 and sound.end['passed'] == 3, 'without the race, all schedules pass', sound.run)
        find(kernel, scratch, seed)
        first_failure(kernel, scratch)
        interrupted(kernel, scratch)
    check_nothing_left('races', before)
    finish(at_least=11)


main()
