#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One test over a few presets on real guests: names, topologies, order, files, times from former runs, several tries."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

TESTS = BUILD + '/tests/trust'
SHAPES = {'4cpu-1llc-nosmt': [1, 1, 4, 1], '9cpu-3llc-nosmt': [1, 3, 3, 1], '8cpu-2llc-smt': [1, 2, 2, 2]}
FILTER = "test(=gauntlet/everywhere/tiny-1llc) | test(=gauntlet/everywhere/9cpu-3llc-nosmt) | test(/smt-2llc$/)"


def shown(cpus):
    llcs, cores = {c['llc'] for c in cpus}, {(c['package'], c['core']) for c in cpus}
    return [len({c['node'] for c in cpus}), len(llcs), len(cores) // len(llcs), len(cpus) // len(cores)]


def presets(kernel, scratch):
    side = {'KTSTR_SIDECAR_DIR': scratch / 'presets'}
    args = ('test', '--kernel', kernel['key'], '--gauntlet', '--json', '-j', '1', '-E', f'({FILTER}) & test(everywhere)', TESTS)
    dry = Run('test', '--dry-run', '--json', *args[3:-1], TESTS, env=side)
    check(dry.status == 0, 'a dry run', dry)
    order = [e['name'] for e in dry.events()]
    run = Run(*args, env=side)
    done = [e for e in run.events() if e['event'] == 'test-finished']
    check(run.status == 0 and len(done) == 3, 'three presets, by new names, old names and patterns', run)
    check([e['name'] for e in done] == order, 'run in the order that the dry run showed, the longest first', (order, done))
    for path in scratch.sidecars('presets'):
        with open(path) as f:
            sidecar = json.load(f)
        preset = sidecar['name'].split('/')[2]
        check(shown(sidecar['guest']['cpus']) == SHAPES.get(preset), f'{preset}: the guest has it', sidecar['guest']['cpus'])
    check(len(scratch.sidecars('presets')) == 3, 'a sidecar each')
    again = [e for e in Run('test', '--dry-run', '--json', *args[3:-1], TESTS, env=side).events()]
    walls = {e['name']: e['wall_ns'] for e in done}
    check(len(again) == 3 and all(e['estimate_known'] and e['estimate_ns'] == walls[e['name']] for e in again), 'the next plan knows their times',
          (again, walls))
    check(all('--gauntlet' in e['replay'] for e in done), 'a replay line has --gauntlet', done)


def repeats(kernel, scratch):
    side = {'KTSTR_SIDECAR_DIR': scratch / 'repeat'}
    fixtures = BUILD + '/tests/fixtures'
    run = Run('test', '--kernel', kernel['key'], '--json', '-j', '1', '--repeat', '2', '--require', '1', '-E',
              'test(=ktstr/failed_expectation)', fixtures, env=side)
    done = [e for e in run.events() if e['event'] == 'test-finished']
    check([e['final'] for e in done] == [False, True] and len({e['seed'] for e in done}) == 2, 'two tries, two seeds', done)
    check(run.status == 1 and 'passed 0 of 2 tries, 1 are required' in done[-1]['cause'], 'and one failure', run)
    kept = scratch.sidecars('repeat')
    check(len(kept) == 2 and all(f"-s{int(e['seed'], 16):016x}.ktstr.json" in ' '.join(kept) for e in done), 'a sidecar a seed', kept)
    flake = max((json.load(open(path))['flake'] for path in kept), key=lambda flake: len(flake['tries']))
    check([t['verdict'] for t in flake['tries']] == ['fail', 'fail'] and flake['require'] == 1, 'the sidecar has both', flake)
    run = Run('test', '--kernel', kernel['key'], '-j', '1', '--repeat', '2', '-E', 'test(=ktstr/eevdf_custom_work)',
              BUILD + '/tests/examples', env=side)
    check(run.status == 0 and re.search(r'^PASS .*\(2 of 2 tries passed, 2 required\)', run.out, re.M), 'two of two pass', run)


def main():
    kernel = need_kernel('gauntlet')
    before = machines()
    with Scratch() as scratch:
        presets(kernel, scratch)
        repeats(kernel, scratch)
    check_nothing_left('gauntlet', before)
    finish(at_least=15)


main()
