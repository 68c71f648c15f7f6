#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time of `ktstr ctprof capture` on a host with 5,000 more threads, beside another program that reads the same files.

    bench/ctprof.py [BUILD [THREADS]]

Each row is the fastest of several runs, taken in turns.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
ROUNDS = 5
AIM = 1.5
SLEEPERS = f'''
import threading
threading.stack_size(65536)
for i in range({THREADS}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
input()
'''
CAT = ['sh', '-c', 'cat /proc/[0-9]*/task/[0-9]*/stat /proc/[0-9]*/task/[0-9]*/schedstat /proc/[0-9]*/task/[0-9]*/sched '
       '/proc/[0-9]*/task/[0-9]*/status /proc/[0-9]*/task/[0-9]*/io /proc/[0-9]*/task/[0-9]*/cgroup 2>/dev/null | wc -c']


def measure(command):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    child = subprocess.Popen([sys.executable, '-c', SLEEPERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        rows = {'ktstr ctprof capture': [BUILD + '/ktstr', 'ctprof', 'capture', '-o', scratch + '/a.ctprof.zst'],
                'rival: cat of the six files of each thread': CAT}
        best = {}
        for _ in range(ROUNDS):
            for name, command in rows.items():
                now = measure(command)
                best[name] = min(best.get(name, now), now)
        size = os.path.getsize(scratch + '/a.ctprof.zst')
    child.communicate('\n')
    print(f'{THREADS} threads beside those of this host; {ROUNDS} runs each; the file has {size >> 10} KiB')
    print(f'{"":44s} {"wall":>8s} {"CPU":>8s}')
    for name, (wall, cpu) in best.items():
        print(f'{name:44s} {wall * 1000:5.0f} ms {cpu * 1000:5.0f} ms')
    print(f'below the aim of {AIM:.1f} s: {"yes" if best["ktstr ctprof capture"][0] < AIM else "no"}')


main()
