#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Disks, networks and a bus in real guests: tests and work types use them, a seed gives the same run, what a kernel lacks is
a named skip, and nothing is left."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

BINARY = BUILD + '/tests/devices/devices'
NEEDS = {'raw': ['VIRTIO_BLK'], 'flushes': ['VIRTIO_BLK'], 'read_only': ['VIRTIO_BLK'], 'mounted': ['VIRTIO_BLK', 'EXT4_FS'],
         'mounted_read_only': ['VIRTIO_BLK', 'EXT4_FS'], 'networks': ['VIRTIO_NET'], 'bus': []}


def run(kernel, scratch, name, expr, *args):
    where = scratch / name
    r = Run('test', '--kernel', kernel['key'], '--json', '--seed', '7', *args, '-E', expr, BINARY, env={'KTSTR_SIDECAR_DIR': where, 'TMPDIR': scratch / 'disks'})
    events = {e['name'].split('/')[1]: e for e in r.events() if e['event'] == 'test-finished'}
    kept = {}
    for path in scratch.sidecars(where):
        with open(path) as f:
            sidecar = json.load(f)
        kept[sidecar['test_name']] = sidecar
    return r, events, kept


def verdicts(kernel, scratch):
    with open(kernel['path'] + '/config') as f:
        config = f.read().splitlines()
    r, events, kept = run(kernel, scratch, 'first', 'all()')
    for name, options in NEEDS.items():
        lacks = [o for o in options if f'CONFIG_{o}=y' not in config]
        wanted = 'skip' if lacks else 'pass'
        cause = events.get(name, {}).get('cause') or ''
        check(events.get(name, {}).get('verdict') == wanted and (not lacks or f'CONFIG_{lacks[0]} is not set' in cause),
              f'{name}: {wanted}' + (f', because the kernel lacks {lacks[0]}' if lacks else ''), f'{events.get(name)}\n{r}')
    check(kept['raw']['devices'] == {'disk': {'bytes': 64 << 20, 'fs': None, 'mount': None, 'ro': False}, 'networks': [], 'pci': False},
          'the sidecar says which devices there were', kept['raw'].get('devices'))
    check(not os.listdir(scratch / 'disks'), 'no file of a disk is left', os.listdir(scratch / 'disks'))
    return kept


def same_run(kernel, scratch, kept):
    """On a busy host, and without the monitor: the disk's answers come at the same guest times."""
    busy = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(2)]
    _, _, again = run(kernel, scratch, 'again', 'test(=ktstr/raw) | test(=ktstr/flushes) | test(=ktstr/networks) | test(=ktstr/mounted)', '--no-monitor')
    for b in busy:
        b.kill()
        b.wait()
    ran = {name: sidecar for name, sidecar in again.items() if not sidecar['skipped']}
    check('raw' in ran, 'a test with a disk runs', list(again))
    for name, sidecar in ran.items():
        digests = [s['guest'] and s['guest']['event_digest'] for s in (kept[name], sidecar)]
        check(digests[0] == digests[1], f'{name}: the same seed gives the same run, also on a busy host', digests)


def shared_time(kernel, scratch):
    """CPUs that share one clock: the disk answers there, too."""
    _, events, _ = run(kernel, scratch, 'shared', 'test(=ktstr/raw) | test(=ktstr/flushes)', '--tcg-time', 'shared')
    check({name: e['verdict'] for name, e in events.items()} == {'raw': 'pass', 'flushes': 'pass'}, 'with a shared clock as well', events)


def main():
    kernel = need_kernel('devices')
    before = machines()
    with Scratch() as scratch:
        os.mkdir(scratch / 'disks')
        kept = verdicts(kernel, scratch)
        same_run(kernel, scratch, kept)
        shared_time(kernel, scratch)
    check_nothing_left('devices', before)
    finish()


main()
