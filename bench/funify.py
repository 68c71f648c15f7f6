#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time and the memory of `ktstr funify` for a gigabyte of JSON, beside a program that only hashes the same bytes.

    bench/funify.py [BUILD [MIB]]
"""
import os
import subprocess
import sys
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
MIB = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
ROW = b'{"comm": "kworker/3:1", "pid": 4711, "run_ns": 12345678, "cgroup": "/system.slice/x.service"},\n'


def measure(command, mib):
    """(wall time, CPU time, peak memory in KiB) with @mib MiB of JSON on standard input."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    piece = ROW * ((1 << 20) // len(ROW))
    child.stdin.write(b'[')
    for _ in range((mib << 20) // len(piece)):
        child.stdin.write(piece)
    child.stdin.write(b'0]')
    child.stdin.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(f'{command[0]} failed: {status}')
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


rows = (('ktstr funify', [BUILD + '/ktstr', 'funify', '--seed', 's'], MIB), ('  of 1 MiB', [BUILD + '/ktstr', 'funify'], 1),
        ('rival: sha256sum of the same bytes', ['sha256sum'], MIB))
print(f'{MIB} MiB\n{"":38s} {"wall":>9s} {"CPU":>9s} {"memory":>10s}')
for name, command, mib in rows:
    wall, cpu, memory = measure(command, mib)
    print(f'{name:38s} {wall:7.2f} s {cpu:7.2f} s {memory:6d} KiB')
