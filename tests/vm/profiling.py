#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Counted instructions: the same run gives the same numbers, the guest does not notice, and a callback that costs 200
instructions more is seen with its cost."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SUITE = BUILD + '/tests/fixtures/misbehaving'
MORE, LESS = 260, 150   # what "some 200 instructions" may be, with different compilers


def sidecar(scratch, label):
    with open(scratch.sidecars(label)[0]) as f:
        return json.load(f)


def profile(kernel, scratch, label, test, *options):
    return Run('profile', '--kernel', kernel['key'], '--seed', '7', *options, test, SUITE,
               env={'KTSTR_SIDECAR_DIR': scratch / label})


def again(scratch, label, *options):
    """What the file of an earlier profile shows."""
    path = scratch.sidecars(label)[0].replace('.ktstr.json', '.profile.json')
    return Run('profile', *options, path)


def callback(shown, name):
    return next((c for c in shown['callbacks'] if c['name'] == name), {'calls': 0, 'per_call': 0})


def check_views(scratch, shown):
    """The three views of one profile agree."""
    functions = sum(f['instructions'] for f in shown['functions'])
    check(functions == shown['kernel_instructions'] > 0, 'functions add up to the whole', functions)
    stacks = again(scratch, 'first', '--collapsed').out.splitlines()
    total = sum(int(line.rsplit(' ', 1)[1]) for line in stacks)
    check(total == shown['kernel_instructions'], 'call paths add up to the whole', total)
    for entry in ('__schedule', 'try_to_wake_up'):
        check(any(entry in line.split(' ')[0].split(';')[:-1] for line in stacks), f'{entry} has callees')
    check(any(';bpf:misbehave_enqueue' in line for line in stacks), 'a callback has callers', '\n'.join(stacks[:20]))
    check(shown['per']['switch']['calls'] > 10 and shown['per']['switch']['per_call'] > 100, 'switches have a cost', shown['per'])
    boot = json.loads(again(scratch, 'first', '--boot', '--json').out)
    check(boot['phase'] == 'boot' and boot['kernel_instructions'] > 10**7, 'a boot has its own numbers', boot['kernel_instructions'])
    check(boot['lost'] == 0, 'no call path is lost')


def main():
    kernel = need_kernel('profile')
    before = machines()
    built = subprocess.run([HERE + '/../fixtures/build.sh', kernel['path'], os.path.dirname(SUITE)], capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    with Scratch() as scratch:
        first = profile(kernel, scratch, 'first', 'control', '--json')
        if not check(first.status == 0, 'a test is profiled', first):
            finish()
        second = profile(kernel, scratch, 'second', 'control', '--json')
        check(first.out == second.out, 'the same run gives the same numbers', second.err)
        plain = Run('test', '--kernel', kernel['key'], '--seed', '7', '-E', 'test(=ktstr/control)', SUITE,
                    env={'KTSTR_SIDECAR_DIR': scratch / 'plain'})
        digests = [sidecar(scratch, label)['guest']['event_digest'] for label in ('first', 'plain')]
        check(plain.status == 0 and digests[0] == digests[1], 'the guest does not notice', digests)
        shown = json.loads(first.out)
        check_views(scratch, shown)
        metrics = sidecar(scratch, 'first')['stats']['ext_metrics']
        check(abs(metrics.get('insns_per_switch', 0) - shown['per']['switch']['per_call']) < 1e-6, 'the sidecar has them as metrics', metrics)
        plain = sidecar(scratch, 'plain')['stats']['ext_metrics']
        check(not [name for name in plain if name.startswith('insns_')], 'without counting it has none', plain)
        costly = json.loads(profile(kernel, scratch, 'costly', 'demo_costly', '--json').out or '{"callbacks": []}')
        a, b = (callback(p, 'bpf:misbehave_enqueue') for p in (shown, costly))
        check(a['calls'] > 10 and LESS < b['per_call'] - a['per_call'] < MORE, '200 more instructions in ops.enqueue are seen', [a, b])
    check_nothing_left('profile', before)
    finish(at_least=12)


main()
