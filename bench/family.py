# SPDX-License-Identifier: GPL-2.0-only
"""Memory of a process's descendants, for benchmarks that run programs."""
import glob
import os
import threading


def family(root):
    """Resident KiB of all descendants of @root; shared pages count once."""
    children, rss = {}, 0
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path) as f:
                pid, rest = f.read().split(' (', 1)
            children.setdefault(int(rest.rsplit(')', 1)[1].split()[1]), []).append(int(pid))
        except (OSError, ValueError):
            continue
    todo = list(children.get(root, []))
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        try:
            with open(f'/proc/{pid}/smaps_rollup') as f:
                rss += next(int(line.split()[1]) for line in f if line.startswith('Pss:'))
        except (OSError, StopIteration):
            continue
    return rss


class Peak(threading.Thread):
    """The largest total memory of this process's descendants, in KiB, sampled four times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(0.25):
            self.most = max(self.most, family(os.getpid()))
