#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A control group's memory limit: doctor reports it, a machine that does not fit is skipped and names it, and a machine
that the kernel kills because of it is inconclusive and says so."""
import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish, skip  # noqa: E402

SUITE = os.path.join(BUILD, 'tests', 'examples', 'examples')
MIB = 1 << 20
# Four processes, each smaller than the machine's accounted memory, that take 560 MiB together and sleep.
HOG = ('import mmap, os, time; os.fork(); os.fork(); m = mmap.mmap(-1, 140 << 20, 34); '
       '[m.__setitem__(i, 1) for i in range(0, 140 << 20, 4096)]; time.sleep(60)')


class Group:
    """A control group with a limit, in the cgroup version of this machine."""

    def __init__(self):
        self.path = None
        if os.access('/sys/fs/cgroup/memory/cgroup.procs', os.W_OK):
            self.path, self.leaf = f'/sys/fs/cgroup/memory/ktstr-test-{os.getpid()}', 'memory.limit_in_bytes'
        elif os.path.exists('/sys/fs/cgroup/cgroup.subtree_control') and 'memory' in \
                open('/sys/fs/cgroup/cgroup.subtree_control').read():
            self.path, self.leaf = f'/sys/fs/cgroup/ktstr-test-{os.getpid()}', 'memory.max'
        try:
            if self.path:
                os.mkdir(self.path)
        except OSError:
            self.path = None

    def limit(self, mib):
        with open(os.path.join(self.path, self.leaf), 'w') as f:
            f.write(str(mib * MIB))

    def enter(self):
        with open(os.path.join(self.path, 'cgroup.procs'), 'w') as f:
            f.write('0')

    def run(self, *argv, env=None):
        return subprocess.Popen(argv, env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, start_new_session=True, preexec_fn=self.enter)

    def has_machine(self):
        """A QEMU that is a test's machine, and not the probe of what QEMU can do."""
        with open(os.path.join(self.path, 'cgroup.procs')) as f:
            for pid in f.read().split():
                try:
                    if b'\0-M\0q35' in open(f'/proc/{pid}/cmdline', 'rb').read():
                        return True
                except OSError:
                    pass
        return False

    def remove(self):
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)


def limited(group, scratch):
    group.limit(60)
    p = group.run(KTSTR, 'doctor')
    row = [line for line in p.communicate()[0].splitlines() if ' memory ' in line]
    check(len(row) == 1 and 'of the 60 MiB that the control group' in row[0] and group.path in row[0] and
          'raise the control group' in row[0], 'doctor says the limit, and what to do', row)
    p = group.run(KTSTR, 'test', '--json', '-E', 'test(=ktstr/eevdf_two_cgroups)', SUITE, env={'KTSTR_SIDECAR_DIR': scratch / 'a'})
    out, err = p.communicate()
    check(p.returncode == 0 and '"skip"' in out and 'is limited to 60 MiB: raise its limit' in out,
          'a machine that does not fit is skipped, with the limit', out + err)


def killed(group, scratch):
    group.limit(600)
    p = group.run(KTSTR, 'test', '--json', '-E', 'test(=ktstr/eevdf_two_cgroups)', SUITE, env={'KTSTR_SIDECAR_DIR': scratch / 'b'})
    for _ in range(3000):
        if group.has_machine() or p.poll() is not None:
            break
        time.sleep(0.01)
    hog = group.run(sys.executable, '-c', HOG)
    out, err = p.communicate()
    os.killpg(hog.pid, signal.SIGKILL)
    hog.communicate()
    check(p.returncode == 2 and 'killed by SIGKILL because the control group ran out of memory (its limit is 600 MiB)' in out,
          'a machine that the kernel killed for want of memory is inconclusive, and says why', f'{p.returncode}\n{out}{err}')
    found = glob.glob(os.path.join(scratch / 'b', '*.ktstr.json'))
    parts = [json.load(open(path))['confinement'] for path in found]
    check(len(parts) == 1 and 'system-calls' in parts[0]['in_force'] and 'privileges' in parts[0]['in_force'],
          'its sidecar says what confined it', parts)


def main():
    group = Group()
    if not group.path:
        skip('limits of control groups', 'no control group with the memory controller can be made here')
        finish()
    try:
        with Scratch() as scratch:
            limited(group, scratch)
            killed(group, scratch)
    finally:
        group.remove()
    finish()


main()
