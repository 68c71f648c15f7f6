#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Scenario files: they are listed as tests, mistakes are named, and docs/scenario.schema.json is made from the same tables
(KTSTR_BLESS=1 writes it). What runs in guests is in tests/vm/shrink.py."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

SCHEMA = os.path.join(HERE, '..', '..', 'docs', 'scenario.schema.json')
SHRINKING = os.path.join(HERE, '..', '..', 'docs', 'SHRINKING.md')


def schema():
    made = subprocess.run([BUILD + '/tests/scenario_schema'], capture_output=True, text=True).stdout
    if os.environ.get('KTSTR_BLESS'):
        with open(SCHEMA, 'w', encoding='utf-8') as f:
            f.write(made)
    with open(SCHEMA, encoding='utf-8') as f:
        check(f.read() == made, 'the schema has the fields of the headers; KTSTR_BLESS=1 writes it')


def example():
    """The example of docs/SHRINKING.md."""
    with open(SHRINKING, encoding='utf-8') as f:
        return json.loads(f.read().split('```json\n')[1].split('```')[0])


def write(path, value):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f)
    return path


def changed(change):
    value = example()
    change(value)
    return value


# What is wrong, and a part of the message.
MISTAKES = (
    ('an unknown field', lambda v: v['test'].update(corez=4), "test: 'corez' is not a field of a test"),
    ('an unknown word', lambda v: v['scenario']['steps'][1]['ops'][0].update(kind='explode'), "'explode', which is not one of its words (ADD_CGROUP, "),
    ('another version', lambda v: v.update(ktstr_scenario=7), 'version 7'),
    ('no scenario', lambda v: v.pop('scenario'), 'scenario: a scenario is not an object'),
    ('an operation on no cgroup', lambda v: v['scenario']['steps'][1]['ops'][1].update(cgroup='none'), "'none'"),
    ('an impossible number of workers', lambda v: v['scenario']['steps'][0]['cgroups'][1]['work'].update(type='pipe_io') or
     v['scenario']['steps'][0]['cgroups'][1].update(workers=3), 'divisible by 2'),
    ('an impossible topology', lambda v: v['test'].update(cores=300), 'topology'),
    ('a bad name', lambda v: v['test'].update(name='a b'), 'name'),
)


def files(scratch):
    good = write(scratch / 'good.json', example())
    listed = Run('test', '--list', good)
    check(listed.status == 0 and listed.out.split() == ['ktstr/two_cgroups', '1n1l4c1t', 'simple'], 'a file is listed as a test', listed)
    told = Run('test', '--list', '--json', good)
    check(json.loads(told.out)['file'] == good, 'its file is known', told)
    for name, change, said in MISTAKES:
        bad = Run('test', '--list', write(scratch / 'bad.json', changed(change)))
        check(bad.status == 65 and said in bad.err, f'{name} is named', bad)
    other = Run('affected', good)
    check(other.status == 64 and 'scenario file' in other.err, 'commands without scenario files say so', other)
    with open(scratch / 'large.json', 'w') as f:
        f.write(' ' * (5 << 20))
    large = Run('test', '--list', scratch / 'large.json')
    check(large.status == 65 and 'large.json' in large.err, 'a file of 5 MiB is refused', large)


def shrink(scratch):
    for name, args, status, said in (
            ('nothing', (), 64, 'name the run'),
            ('another command', ('--', 'explore', 'build'), 64, "'explore' is not a command that repeats a run"),
            ('a file without a replay line', (write(scratch / 'result.json', {}),), 65, 'has no replay line'),
            ('no file', (scratch / 'none.ktstr.json',), 69, 'none.ktstr.json'),
            ('no test', ('--', 'test', BUILD + '/tests/examples'), 64, 'name one test with -E'),
            ('a sweep', ('--', 'verifier', 'x'), 64, 'has no scenario that can be shrunk')):
        run = Run('shrink', *args)
        check(run.status == status and said in run.err, f'shrinking {name} is refused', run)
    several = Run('test', '--list', '--write-scenario', scratch / 'x.json', BUILD + '/tests/examples')
    check(several.status == 64 and 'choose one with -E' in several.err, 'a file has one scenario', several)


def main():
    schema()
    with Scratch() as scratch:
        files(scratch)
        shrink(scratch)
    finish(at_least=18)


main()
