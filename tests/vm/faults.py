#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Schedulers with known faults are caught by exact checks, with default limits, in the stock questions of `ktstr try`.

    tests/vm/faults.py BUILD [--all] [--seeds N] [--seed FIRST] [--only REGEX] [--jobs N] [--matrix] [--write] [--from LOG]

Without options, some faults and the control are tried with one seed, as a test. --all tries all of them, each with its
question, and prints a line for each try to standard error; --matrix tries each with all questions. Both print a table;
--write puts that of --all into docs/FAULTS.md. --from takes what was printed before, and tries only what is not there;
of several tries with the same seed, the last one counts.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, '..', 'fixtures')
PAGE = os.path.join(HERE, '..', '..', 'docs', 'FAULTS.md')


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('--all', action='store_true')
    p.add_argument('--seeds', type=int, default=1)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--only', default='')
    p.add_argument('--jobs', type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument('--matrix', action='store_true')
    p.add_argument('--write', action='store_true')
    p.add_argument('--from', dest='logs', action='append', default=[])
    return p.parse_args()


ARGS = parse()
sys.argv = sys.argv[:1] + [ARGS.build]
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

Fault = collections.namedtuple('Fault', 'name what program words question')

# Which question a fault of scx_faulty is asked; the others are asked `conservation`.
QUESTIONS = {
    'progress': 'last-cpu one-per-llc core-cookie freeze sleepers-last lifo preempted-first long-slices second-cgroup '
                'admits-four',
    'wakeup_near': 'batch slow-dispatch slow-enqueue',
    'fairness': 'pinned-last floating-last',
    'affinity': 'mask-change',
    'cpusets': 'stale-cpu stale-llc',
    'hotplug': 'stranded',
    'reload': 'lost-at-load',
    'forks': 'lost-fork',
    'grouping': 'last-task',
    'crowd': 'overflow collision',
    'weights': 'weights-ignored weights-inverted weights-clamped',
    'nice': 'nice-ignored nice-inverted nice-stale nice-starves',
}

# Faults of scx_misbehave.
OLD = (
    ('starve', 'one task is never run', 'starve', 'progress'),
    ('stall', 'one CPU stops to take tasks from its queue', 'stall 200', 'progress'),
    ('one-cpu', 'all tasks are put on CPU 0', 'one-cpu', 'conservation'),
    ('delay', 'ops.select_cpu takes 8 ms', 'delay 8', 'wakeup_far'),
    ('cross-llc', 'wake-ups from one LLC to another are lost', 'cross-llc', 'wakeup_far'),
)

# One of each kind: idle CPUs, late wake-ups, starvation, lost tasks, weights.
SAMPLE = ('one-llc', 'batch', 'lifo', 'stale-llc', 'nice-stale')

# What only exact checks say: idle CPUs, waits with their exact end, weights, and CPUs where a task may not run.
EXACT = re.compile(r'was idle|on a CPU where it may not run|of the CPU time in [\d.]+ s in which all workers were ready'
                   r'|was ready to run, but did not run, for [\d.]+ m?s, '
                   r'(until \d+ ms after the test began|to the end of the test)')


# A line of told().
TOLD = r'^# ([a-z0-9-]+), seed (\d+): ([a-z ]+)(, not as it should)?: (.*)$'


def all_faults():
    with open(FIXTURES + '/scx_faulty.h') as f:
        rows = re.findall(r'X\(\w+, "([a-z0-9-]+)", "([^"]+)"\)', f.read())
    question = {name: q for q, names in QUESTIONS.items() for name in names.split()}
    new = [Fault(name, what, 'scx_faulty', (name,), question.get(name, 'conservation')) for name, what in rows]
    return new + [Fault(name, what, 'scx_misbehave', tuple(words.split()), q) for name, what, words, q in OLD]


def findings(directory, question):
    """What the checks said, the first one first."""
    for name in os.listdir(directory):
        if name.endswith('.ktstr.json'):
            with open(os.path.join(directory, name)) as f:
                sidecar = json.load(f)
            if sidecar['test_name'].endswith(question):
                return [d['message'] for d in sidecar['details'] if d['verdict'] == 'fail']
    return []


def ask(fault, question, seed, kernel, programs):
    """The answer of the card, and the findings."""
    with tempfile.TemporaryDirectory(prefix='ktstr-faults-') as side:
        argv = [KTSTR, 'try', '--no-reference', '--json', '--kernel', kernel['key'], '--seed', str(seed), '--question', question,
                f'{programs}/{fault.program}', '--', *fault.words]
        done = subprocess.run(argv, capture_output=True, text=True, env=dict(os.environ, KTSTR_SIDECAR_DIR=side))
        try:
            answer = json.loads(done.stdout)['questions'][0]['answer']
        except (ValueError, KeyError, IndexError):
            answer = f'status {done.returncode}: {done.stderr[-500:]}'
        return answer, findings(side, question)


def ask_all(jobs, kernel, programs):
    """Yields (fault, question, seed) and what came of it, as it comes."""
    with concurrent.futures.ThreadPoolExecutor(ARGS.jobs) as pool:
        began = {pool.submit(ask, *job, kernel, programs): job for job in jobs}
        for done in concurrent.futures.as_completed(began):
            yield began[done], done.result()


def is_exact(found):
    return any(EXACT.search(text) for text in found)


def seeds():
    return range(ARGS.seed, ARGS.seed + ARGS.seeds)


Try = collections.namedtuple('Try', 'answer right first')


def told(fault, seed, answer, found):
    """What came of a try, which is also printed."""
    right = is_exact(found) if fault.name != 'none' else answer == 'pass'
    first = found[0] if found else ''
    print(f"# {fault.name}, seed {seed}: {answer}{'' if right else ', not as it should'}: {first}", file=sys.stderr, flush=True)
    return Try(answer, right, first)


def told_before(faults):
    """The same of earlier runs."""
    by_name, results = {f.name: f for f in faults}, collections.defaultdict(dict)
    for path in ARGS.logs:
        with open(path) as f:
            for name, seed, answer, wrong, first in re.findall(TOLD, f.read(), re.M):
                if name in by_name and int(seed) in seeds():
                    results[by_name[name]][int(seed)] = Try(answer, not wrong, first)
    return results


def sweep(kernel, programs, faults):
    """Each fault with its question, over the seeds: {fault: {seed: Try}}."""
    results = told_before(faults)
    jobs = [(f, f.question, s) for f in faults for s in seeds() if s not in results.get(f, {})]
    for (fault, _, seed), (answer, found) in ask_all(jobs, kernel, programs):
        results[fault][seed] = told(fault, seed, answer, found)
    return results


def line(text):
    """The same for every seed."""
    return re.sub(r'\d+(\.\d+)?', 'N', text).replace('|', '/')


def page(kernel, faults, results):
    rows = ['# Faults that are caught', '',
            'Made by `tests/vm/faults.py BUILD --all --write`. Each row is one wrong decision in a scheduler',
            '(`tests/fixtures/scx_faulty.h`, and `scx_misbehave.h` beside it), asked one question of the stock battery of',
            '`ktstr try` ([TRY](TRY.md)), which was not made for it and has the default limits. *Caught* counts the seeds with a',
            'finding of a check of the recorded schedule ([CHECKS](CHECKS.md)); the first thing that is said may be that of another',
            'check. Numbers in it are replaced by N.', '',
            f"Linux {kernel['version']}; seeds: {', '.join(map(str, seeds()))}.", '',
            '| fault | what is wrong | question | caught | what is said first |', '|---|---|---|---|---|']
    always = 0
    for fault in faults:
        tries = [t for _, t in sorted(results[fault].items())]
        caught = sum(t.right for t in tries) if fault.name != 'none' else sum(t.answer == 'fail' for t in tries)
        always += caught == len(tries)
        said = next((line(t.first) for t in tries if t.first), '')
        rows.append(f'| {fault.name} | {fault.what} | {fault.question} | {caught} of {len(tries)} | {said} |')
    rows += ['', f'{always} faults are caught with every seed.']
    return '\n'.join(rows) + '\n'


def matrix(kernel, programs, faults):
    """Which questions catch which faults: X by an exact check, x by another one, . not, - not supported."""
    names = questions()
    marks = collections.defaultdict(dict)
    for (fault, question, _), (answer, found) in ask_all([(f, q, ARGS.seed) for f in faults for q in names], kernel, programs):
        marks[fault][question] = 'X' if is_exact(found) else 'x' if answer == 'fail' else '.' if answer == 'pass' else '-'
    print(f"{'':20}" + ' '.join(f'{n[:6]:6}' for n in names))
    for fault in faults:
        print(f'{fault.name:20}' + ' '.join(f'{marks[fault][n]:6}' for n in names))


def questions():
    done = subprocess.run([KTSTR, 'try', '--list'], capture_output=True, text=True, check=True)
    return re.findall(r'^([a-z_]+) ', done.stdout, re.M)


def main():
    kernel = need_kernel('faults')
    faults = [f for f in all_faults() if re.search(ARGS.only, f.name)]
    before = machines()
    with tempfile.TemporaryDirectory(prefix='ktstr-faults-') as programs:
        built = subprocess.run([FIXTURES + '/build.sh', kernel['path'], programs, 'scx_faulty', 'scx_misbehave'],
                               capture_output=True, text=True)
        if ARGS.matrix:
            matrix(kernel, programs, faults)
            return
        if ARGS.all:
            results = sweep(kernel, programs, faults)
            text = page(kernel, faults, results)
            print(text)
            if ARGS.write:
                with open(PAGE, 'w') as f:
                    f.write(text)
            sys.exit(0 if all(t.right for tries in results.values() for t in tries.values()) else 1)
        check(built.returncode == 0, 'the fixtures build against the kernel in use', built.stderr)
        for fault, tries in sweep(kernel, programs, [f for f in faults if f.name in SAMPLE + ('none',)]).items():
            check(all(t.right for t in tries.values()), f"{fault.name}: {'it passes' if fault.name == 'none' else fault.what}", tries)
    check_nothing_left('faults', before)
    finish(at_least=len(SAMPLE) + 3)


main()
