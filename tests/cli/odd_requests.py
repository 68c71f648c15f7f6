#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Odd requests to try, pack, replay, debug, shrink and profile: they are refused at once, in one line, with the right status,
and an interrupted one leaves nothing. No machine is started."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, cached_kernel, check, finish, skip  # noqa: E402

NAPS = BUILD + '/tests/naps'


def refused(name, status, said, *args, **kw):
    run = Run(*args, **kw)
    lines = run.err.strip().splitlines()
    errors = [line for line in lines if line.startswith('error:')]
    check(run.status == status and len(errors) == 1 and said in errors[0] and errors[0].count('error:') == 1, f'{name}: {status}', run)


def texts():
    shown = Run('try', '--help').out
    check('(default: any)' in shown and '4095' not in shown, "a default that is not a number is told once", shown)
    refused('a lag below a millisecond', 64, 'is out of range, 0.1 us to 5 us are possible', 'test', '--tcg-lag', '1s')
    refused('seeds behind the last one', 64, 'there are no 5 seeds from 18446744073709551615 on', 'explore', '--seeds', '5', '--perturb',
            'seed=18446744073709551615', NAPS)
    refused('a chance at chosen times', 64, 'leave one of them out', 'explore', '--perturb', 'pct:3,one-in=2', NAPS)
    refused('many schedules of one', 64, "then=EVENT:SEED is one schedule", 'explore', '--perturb', 'then=5:1', NAPS)
    refused('a campaign without time', 64, 'is out of range', 'explore', '--for', '0s', NAPS)
    refused('known failures that are not there', 69, 'read the known signatures (--known)', 'explore', '--known', '/nowhere', NAPS)
    refused('a list and a scheduler', 64, 'try: --list takes no scheduler', 'try', '--list', 'scx_simple')
    refused('a list as JSON', 64, '--list and --json exclude each other', 'try', '--list', '--json')


def files(scratch):
    result = scratch / 'result.json'
    with open(result, 'w', encoding='utf-8') as f:
        json.dump({}, f)
    packed = scratch / 'x.pack'
    for name, path in (('a directory', scratch.path), ('a file in no directory', scratch / 'no/x')):
        refused(f'pack into {name}', 74, f"write '{path}': ", 'pack', '-o', path, result)
    refused('results in no directory', 74, f"write '{scratch / 'no/x'}.json': ", 'shrink', '-o', scratch / 'no/x', '--', 'test', '-E', 'x', NAPS)
    refused('no pack', 65, "name a file that 'ktstr pack' wrote", 'replay', result)
    for option in (('--new',), ('-E', 'x'), ('--seed', 'new'), ('--profile', 'x'), ('--dir', '.')):
        refused(f'a pack and {option[0]}', 64, 'choose among results, so leave them out', 'replay', *option, packed)
    refused('gdb as JSON', 64, 'it excludes --json', 'debug', '--gdb-server', scratch / 's', '--json', packed)
    refused('a directory that is not a run', 65, 'is not a run on Slurm: it has no manifest.json', 'slurm', 'status', scratch.path)
    shown = scratch / 'a.profile.json'
    refused('two profiles', 64, f"'{shown}' is shown alone", 'profile', shown, NAPS)


def before_the_run(scratch):
    """What can be known before a test runs is said then."""
    env = {'KTSTR_TEST_KERNEL': '/bin/true', 'KTSTR_SIDECAR_DIR': scratch / 'results', 'KTSTR_LOCK_DIR': scratch.path}
    for name, path in (('a directory', scratch.path), ('a file in no directory', scratch / 'no/x')):
        refused(f'a scenario into {name}', 74, f"write '{path}': ", 'test', '-E', 'test(=ktstr/nap_1)', '--write-scenario', path, NAPS, env=env)
    foreign = 'aarch64' if os.uname().machine == 'x86_64' else 'x86_64'
    if not shutil.which(f'qemu-system-{foreign}'):
        skip('kernels of another architecture', f'there is no qemu-system-{foreign}')
        return
    refused('no kernel of another architecture', 69, f"'ktstr kernel build distro --arch {foreign}'", 'test', '--arch', foreign, NAPS,
            env={'XDG_CACHE_HOME': scratch / 'cache', 'KTSTR_SIDECAR_DIR': scratch / 'results'}, cwd=scratch.path)
    kernel = cached_kernel()
    if not kernel:
        skip('a kernel of this architecture with --arch', 'there is no kernel in the cache')
        return
    refused('a kernel of this architecture with --arch', 64, f'and --arch asks for {foreign}', 'test', '--arch', foreign, '--kernel',
            kernel['key'], NAPS, env={'KTSTR_SIDECAR_DIR': scratch / 'results'})
    refused('a scheduler that is nowhere', 64, "there is no scheduler 'scx_nowhere'", 'try', '--kernel', kernel['key'], 'scx_nowhere',
            env={'KTSTR_SIDECAR_DIR': scratch / 'results', 'KTSTR_ACCEL': 'tcg'})


def interrupted(scratch):
    """The results of the run that is packed are in a directory that is removed."""
    tmp = scratch / 'tmp'
    os.mkdir(tmp)
    env = dict(os.environ, TMPDIR=tmp, KTSTR_TEST_KERNEL='/bin/true', KTSTR_LOCK_DIR=tmp)
    for sig in (signal.SIGINT, signal.SIGTERM):
        run = subprocess.Popen([KTSTR, 'pack', '-o', scratch / 'x.pack', '--', 'test', '-E', 'test(=ktstr/nap_1)', NAPS], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(name.startswith('ktstr-replay-') for name in os.listdir(tmp)):
            time.sleep(.005)
        run.send_signal(sig)
        said = run.communicate(timeout=60)[1]
        left = [name for name in os.listdir(tmp) if name.startswith('ktstr-replay-')] + [f for f in os.listdir(scratch.path) if 'pack' in f]
        check(run.returncode == 130 and not left and said.count('error:') == 1, f'{sig.name} ends pack with 130, and nothing is left',
              (run.returncode, left, said))


def main():
    texts()
    with Scratch() as scratch:
        files(scratch)
        before_the_run(scratch)
        interrupted(scratch)
    finish()


main()
