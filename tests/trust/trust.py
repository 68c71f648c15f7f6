#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Can the verdicts be trusted? Bad schedulers must be caught, good ones must pass, over seeds; prints the confusion matrix.

    tests/trust/trust.py BUILD [--seeds N] [--seed FIRST] [--only REGEX] [--jobs N] [--start boot|clone] [--tap]

One run of `ktstr test --repeat N` over tests/trust: mutant_* are schedulers with known faults, good_* are good ones. If a good
scheduler from the kernel's tree fails, the same seed is run again. If the memory of its guest then shows tasks that wait in one of
the scheduler's queues for seconds while CPUs are idle, the scheduler really has a fault, and the alarm was right.
Exit status: 0: no fault was missed and there was no false alarm; else 1. --tap prints the same as tests.
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VERDICTS = ('fail', 'pass', 'inconclusive', 'skip', 'fault')
IN_TREE = ('simple', 'qmap', 'central', 'flatcg')


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('--seeds', type=int, default=20)
    p.add_argument('--seed', default='1')
    p.add_argument('--only', default='.')
    p.add_argument('--jobs', type=int, default=0)
    p.add_argument('--start', default='boot')
    p.add_argument('--tap', action='store_true')
    return p.parse_args()


ARGS = parse()
sys.argv = sys.argv[:1] + [ARGS.build]
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from forgotten import forgotten  # noqa: E402
from tap import BUILD, KTSTR, check, finish, need_kernel  # noqa: E402


def look_into(event, kernel):
    """Runs the same seed again; describes forgotten tasks in the guest's memory; '' if there are none."""
    if event['name'].split('_')[1] not in IN_TREE:
        return ''
    cpus = 1
    for number in re.findall(r'\d+', event['topology'])[1:]:
        cpus *= int(number)
    with tempfile.TemporaryDirectory(prefix='ktstr-trust-') as side:
        subprocess.run([KTSTR, 'test', '--kernel', kernel['key'], '--seed', event['seed'], '--start', ARGS.start, '--keep-memory', '-E',
                        f"test(={event['name']})", BUILD + '/tests/trust'], env=dict(os.environ, KTSTR_SIDECAR_DIR=side),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        cores = glob.glob(side + '/*.vmcore')
        try:
            return '; '.join(forgotten(kernel['path'], cores[0], cpus)) if cores else ''
        except (ValueError, OSError, subprocess.CalledProcessError) as why:
            print(f"# the memory of {event['name']} cannot be read: {why}", file=sys.stderr)
            return ''


def judge_alarm(event, kernel):
    """Returns the verdict that counts for a failed test of a good scheduler, and the reason."""
    shown = look_into(event, kernel)
    return ('fault', f"{event.get('own_cause')} ({shown})") if shown else ('fail', event.get('own_cause'))


def tell(verdicts, odd, began):
    """Shows progress: twenty seeds take an hour and a half on two processors."""
    done = sum(sum(counts.values()) for counts in verdicts.values())
    if done % 100 == 0:
        print(f'# {done} runs, {(time.monotonic() - began) / 60:.0f} minutes, {len(odd)} odd', file=sys.stderr, flush=True)


def run(kernel):
    """Maps each name to the verdicts of its tries, and to seeds and causes of unexpected ones."""
    tests = BUILD + '/tests/trust'
    subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], tests], check=True)
    argv = [KTSTR, 'test', '--kernel', kernel['key'], '--json', '--seed', ARGS.seed, '--start', ARGS.start, '-E',
            f'test(/^ktstr.(mutants|good)_/) & test(/{ARGS.only}/)', tests]
    argv += ['--repeat', str(ARGS.seeds)] if ARGS.seeds > 1 else []
    argv += ['--jobs', str(ARGS.jobs)] if ARGS.jobs else []
    verdicts, odd, ended, began = collections.defaultdict(collections.Counter), [], False, time.monotonic()
    with tempfile.TemporaryDirectory(prefix='ktstr-trust-') as side:
        p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             env=dict(os.environ, KTSTR_SIDECAR_DIR=side))
        for line in p.stdout:
            e = json.loads(line)
            ended = ended or e['event'] == 'run-finished'
            if e['event'] != 'test-finished':
                continue
            name, verdict = e['name'].split('/')[1], e['own_verdict']
            wanted, cause = 'fail' if name.startswith('mutant_') else 'pass', e.get('own_cause')
            if wanted == 'pass' and verdict == 'fail':
                verdict, cause = judge_alarm(e, kernel)
            verdicts[name][verdict] += 1
            if verdict != wanted:
                odd.append((name, verdict, e['seed'], cause))
                print(f'# {name}: {verdict}, seed {e["seed"]}: {cause}', file=sys.stderr, flush=True)
            tell(verdicts, odd, began)
        p.wait()
    return verdicts, odd, ended


def scheduler_of(name):
    return name.split('_')[1]


def rows(verdicts, kind):
    """One row per bad scheduler; one per good scheduler, over all its scenarios."""
    table = collections.defaultdict(collections.Counter)
    for name, counts in verdicts.items():
        if name.startswith(kind):
            table[name[len(kind):] if kind == 'mutant_' else scheduler_of(name)].update(counts)
    return table


def show(table, heads):
    total = collections.Counter()
    width = max([len(n) for n in table] + [10])
    print(f"{'':{width}}  " + '  '.join(f'{h:>12}' for h in heads))
    for name, counts in list(table.items()) + [('total', None)]:
        if counts is None:
            counts = total
        else:
            total.update(counts)
        print(f'{name:{width}}  ' + '  '.join(f'{counts[v]:>12}' for v in VERDICTS[:len(heads)]))
    return total


def main():
    kernel = need_kernel('trust')
    began = time.monotonic()
    verdicts, odd, ended = run(kernel)
    bad, good = rows(verdicts, 'mutant_'), rows(verdicts, 'good_')
    if ARGS.tap:
        check(ended and verdicts, 'the run ended')
        for name, counts in sorted(verdicts.items()):
            wanted = 'fail' if name.startswith('mutant_') else 'pass'
            what = 'is caught' if wanted == 'fail' else 'passes'
            check(counts[wanted] == sum(counts.values()), f'{name} {what}', [o for o in odd if o[0] == name])
        finish()
    print(f'seeds: {ARGS.seeds}, from {ARGS.seed}; kernel {kernel["key"]}\n\nschedulers with a known fault:')
    b = show(bad, ('caught', 'missed', 'inconclusive', 'skipped'))
    print('\ngood schedulers, over all scenarios:')
    table = {n: collections.Counter({'fail': c['pass'], 'pass': c['fail'], 'inconclusive': c['inconclusive'],
                                     'skip': c['skip'], 'fault': c['fault']}) for n, c in good.items()}
    g = show(table, ('passed', 'false alarms', 'inconclusive', 'skipped', 'true alarms'))
    for name, verdict, seed, cause in odd:
        print(f'  {name}: {verdict}, seed {seed}: {cause}')
    tries = sum(b.values()) + sum(g.values())
    print(f'\n{tries} machines in {(time.monotonic() - began) / 60:.1f} minutes')
    wrong = [o for o in odd if o[1] != 'fault']
    sys.exit(0 if ended and not wrong and tries else 1)


main()
