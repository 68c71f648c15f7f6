#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The control groups of src/lock/sandbox.h on a real kernel with cgroup v2, independent of this machine's."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import initramfs  # noqa: E402
from tap import BUILD, Scratch, check, finish, need_kernel  # noqa: E402


def boot(kernel, scratch):
    argv = ['qemu-system-x86_64', '-M', 'pc', '-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '4', '-m', '256',
            '-kernel', kernel, '-initrd', initramfs.write(scratch / 'initrd', os.path.join(BUILD, 'tests', 'sandbox_init')), '-nodefaults', '-display', 'none', '-no-reboot',
            '-serial', f'file:{scratch / "console"}', '-append', 'console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init']
    p = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    with open(scratch / 'console', errors='replace') as f:
        text = f.read()
    said = {}
    for line in text.splitlines():
        if '|' in line:
            what, rest = line.strip().split('|', 1)
            said.setdefault(what, []).append(rest)
    return said, p.stderr + text


def main():
    kernel = need_kernel('sandbox')
    with Scratch() as scratch:
        said, everything = boot(os.path.join(kernel['path'], 'bzImage'), scratch)
        check('end' in said, 'the guest comes to its end', everything)
        for what in ('root', 'service'):
            lines = said.get(what, [])
            check(lines[:2] == ["result 0, group 1, note '', error ''", 'entered 1, CPUs 2 3'],
                  f'{what}: a child is kept to its CPUs whatever it asks for', everything)
        check(said.get('narrow', [])[1:2] == ['entered 1, CPUs 2'] and 'allows only 2 of' in said['narrow'][0],
              'a group above that allows less: as much as there is, and a note', everything)
        check('group 0' in said.get('promised', [''])[0] and 'allows only 2 of' in said['promised'][0].split('error')[1],
              'and an error where it was promised', everything)
        check(said.get('outside', [])[1:2] == ['entered 1, CPUs 1'], 'another choice fits', everything)
        check(said.get('orphan', [])[-1:] == ['left 0'], 'what a dead process left is swept', everything)
        links = {line for what in ('service', 'narrow', 'promised', 'outside', 'orphan') for line in said.get(what, [])
                 if line.startswith('links')}
        check(links == {'links 2'}, 'nothing is left', everything)
        check('is not delegated' in said.get('undelegated', [''])[0], 'without the controller that is said', everything)
    finish()


main()
