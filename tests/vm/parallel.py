#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Parallel time: CPUs of a guest on tcg work side by side, each in its own time, and one seed still gives one stream."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from schema import stable  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SUITE = BUILD + '/tests/parallel'
SPREAD_GAP_MS, RATIO_PCT = 10, 2


def run(kernel, scratch, label, filter, *options):
    """The sidecars by the test's name."""
    r = Run('test', '--kernel', kernel['key'], '--accel', 'tcg', '-E', filter, *options, SUITE, env={'KTSTR_SIDECAR_DIR': scratch / label})
    found = {}
    for path in scratch.sidecars(label):
        with open(path) as f:
            sidecar = json.load(f)
        found[sidecar['test_name']] = sidecar
    check(r.status == 0 and found, f'{label}: the tests pass', str(r))
    return found


def work(sidecar):
    return sidecar['stats']['total_iterations']


def gap(sidecar):
    return sidecar['stats']['worst_gap_ms']


def spinners(found, shared):
    one = work(found['spinners_1_on_1'])
    spread, packed = found['spinners_3_on_3'], found['spinners_3_on_1']
    print(f"# 3 spinners / 1 spinner: {work(spread) / one:.3f} on 3 CPUs, {work(packed) / one:.3f} on one, "
          f"{work(shared['spinners_3_on_3']) / one:.3f} on 3 CPUs that share a clock")
    check(abs(work(spread) - 3 * one) <= 3 * one * RATIO_PCT / 100, '3 CPUs do the work of three')
    check(work(packed) <= one * (1 + RATIO_PCT / 100), 'one CPU does the work of one')
    check(gap(spread) < SPREAD_GAP_MS, 'no spinner with a CPU of its own is ever held up', gap(spread))
    wide = found['spinners_8_on_8']
    check(abs(work(wide) - 8 * one) <= 8 * one * RATIO_PCT / 100, '8 CPUs do the work of eight', work(wide) / one)
    check(gap(wide) < SPREAD_GAP_MS, 'none of eight spinners is held up', gap(wide))
    check(work(shared['spinners_3_on_3']) < 1.1 * one, 'with a shared clock, 3 CPUs do the work of one')
    check(found['spinners_1_on_1']['guest']['event_digest'] == shared['spinners_1_on_1']['guest']['event_digest'],
          'a guest with one CPU has the same events either way')


def kinds(sidecar):
    """A little core does the share of a big core's work that its capacity is."""
    little, big = (c['total_iterations'] for c in sidecar['stats']['cgroups'])
    print(f'# a core of capacity 446 does {little / big:.3f} of the work of one of 1024')
    check(abs(little / big - 446 / 1024) <= 0.05 * 446 / 1024, 'cores do work in proportion to their capacity', little / big)


def talk(found, shared):
    for name in ('talk_futex', 'talk_pipe'):
        fast, slow = work(found[name]), work(shared[name])
        print(f'# {name}: {fast} exchanges, {slow} with a shared clock')
        check(fast > 1.2 * slow, f'{name}: two CPUs that wake each other do not wait for their turns', f'{fast} against {slow}')


def labelled(found, shared):
    p, s = found['talk_pipe'], shared['talk_pipe']
    check((p['tcg_time'], p['icount_shift']) == ('parallel', 3) and 0 < p['tcg_lag_ns'] <= 5000, 'the sidecar says how time ran')
    check((s['tcg_time'], s['tcg_lag_ns']) == ('shared', 0), 'also with a shared clock')
    check('--tcg-time shared ' in s['replay'] and '--tcg-time' not in p['replay'], 'the replay line says what is not the default', p['replay'])


def main():
    kernel = need_kernel('parallel')
    before = machines()
    every = 'test(/spinners_(1_on_1|3_on_)/) | test(/talk_(futex|pipe)/)'
    with Scratch() as scratch:
        found = run(kernel, scratch, 'parallel', every + ' | test(/spinners_(8_on_8|on_kinds)/)', '--tcg-time', 'parallel')
        shared = run(kernel, scratch, 'shared', every, '--tcg-time', 'shared')
        spinners(found, shared)
        kinds(found['spinners_on_kinds'])
        talk(found, shared)
        labelled(found, shared)
        again = run(kernel, scratch, 'again', 'test(/talk_/)', '--tcg-time', 'parallel')
        check(len(again) == 4 and all(stable(again[n]) == stable(found[n]) for n in ('talk_futex', 'talk_pipe')), 'a seed gives one stream')
        clones = [run(kernel, scratch, f'clone-{i}', 'test(=ktstr/talk_pipe)', '--tcg-time', 'parallel', '--start', 'clone') for i in range(2)]
        check(len({c['talk_pipe']['guest']['event_digest'] for c in clones}) == 1, 'clones of one machine have one stream')
        mixed = run(kernel, scratch, 'clone-shared', 'test(=ktstr/talk_pipe)', '--tcg-time', 'shared', '--start', 'clone')
        check(work(mixed['talk_pipe']) < work(clones[0]['talk_pipe']), 'a machine with a shared clock is not cloned from one with parallel time')
    check_nothing_left('parallel', before)
    finish(at_least=19)


main()
