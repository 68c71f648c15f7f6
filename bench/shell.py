#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""From exec to the result of one command in a guest: `ktstr shell --exec` from a clone and by a boot, beside plain QEMU
on tcg with the same kernel, busybox as an initramfs, and the result on a virtio port, as other tools do it. One
interleaved run; CPU time is that of all processes.

    bench/shell.py [BUILD [ROUNDS]]
"""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + '/tests/lab')
import lab  # noqa: E402

COMMAND = 'uname -r; nproc'
INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
sh -c '{COMMAND}' > /dev/vport0p1
reboot -f
"""


def newc(entries):
    """An initramfs of (name, mode, content)."""
    out = b''
    for i, (name, mode, content) in enumerate([*entries, ('TRAILER!!!', 0, b'')]):
        fields = (i + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b'070701' + b''.join(b'%08x' % f for f in fields) + name.encode() + b'\0'
        out += head + b'\0' * (-len(head) % 4) + content + b'\0' * (-len(content) % 4)
    return out


def plain_qemu(image, scratch):
    with open(shutil.which('busybox') or sys.exit('no busybox here'), 'rb') as f:
        busybox = f.read()
    with open(scratch + '/initrd', 'wb') as f:
        f.write(newc([(d, 0o40755, b'') for d in ('bin', 'proc', 'sys', 'dev')] +
                     [('bin/busybox', 0o100755, busybox), ('init', 0o100755, INIT.encode())]))
    return ['qemu-system-x86_64', '-M', 'q35,hpet=off', '-accel', 'tcg', '-icount', 'shift=auto', '-cpu', 'max', '-m', '256', '-nodefaults', '-display', 'none', '-no-reboot',
            '-kernel', image, '-initrd', scratch + '/initrd', '-append', 'quiet panic=-1', '-device', 'virtio-serial-pci',
            '-chardev', 'file,id=out,path=/dev/stdout', '-device', 'virtserialport,chardev=out']


def measure(argv, version):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.stdout.split() != [version, '1']:
        sys.exit(f'{argv[0]}: {done.stdout!r} {done.stderr!r}')
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    entry = lab.cached_kernel(BUILD) or sys.exit("no kernel in the cache; run 'make kernel'")
    ours = [BUILD + '/ktstr', 'shell', '--kernel', entry['key'], '--exec', COMMAND]
    with tempfile.TemporaryDirectory() as scratch:
        ways = {'clone': ours, 'boot': [*ours, '--start', 'boot'], 'qemu': plain_qemu(entry['path'] + '/bzImage', scratch)}
        for argv in ways.values():
            measure(argv, entry['version'])
        runs = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, argv in ways.items():
                runs[way].append(measure(argv, entry['version']))
    row = {'name': 'exec to the result of a command, tcg', 'n': ROUNDS}
    for way, mine in runs.items():
        row[way + '_s'] = round(statistics.median(wall for wall, _ in mine), 3)
        row[way + '_cpu_s'] = round(statistics.median(cpu for _, cpu in mine), 3)
    row['qemu_to_clone'] = round(row['qemu_s'] / row['clone_s'], 2)
    row['qemu_to_clone_cpu'] = round(row['qemu_cpu_s'] / row['clone_cpu_s'], 2)
    print(json.dumps(row), flush=True)


main()
