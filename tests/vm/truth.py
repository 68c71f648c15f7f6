#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is read out of a guest's memory is what the guest says of itself at the same moment, field by field, at twenty
stops: /proc/schedstat, /proc/stat, /sys/kernel/sched_ext, /sys/kernel/debug/sched, tasks, BPF programs and maps. The
guest notes all of it before and after it is looked at. A number that only grows must lie between both notes; what is
the same in both must be that."""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402
from truth import WANTED, check_truth  # noqa: E402


def compare(kernel, scratch, name):
    run = Run('test', '--kernel', kernel['key'], '--no-capture', '--seed', '7', '-E', f'test(=ktstr/{name})', BUILD + '/tests/truth',
              env={'KTSTR_SIDECAR_DIR': scratch / name})
    files = glob.glob(scratch / name + '/*.snapshots.json')
    text = run.out + '\n' + run.err
    if not check(len(files) == 1 and 'TRUTH end' in text and 'TRUTH-ERROR' not in text, f'{name}: it spoke, and was looked at', str(run)[-3000:]):
        return
    with open(files[0], encoding='utf-8') as f:
        check_truth(name, text, f.read())


def main():
    kernel = need_kernel('truth', schedulers=False)
    before = machines()
    with Scratch() as scratch:
        for name in WANTED if kernel['has_schedulers'] else ['truth_eevdf']:
            compare(kernel, scratch, name)
    check_nothing_left('truth', before)
    finish(at_least=10)


main()
