#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""From exec to the guest's hello, for 1, 4 and 8 machines at once, compared with a plain QEMU script with the same
kernel, the same options and a bare static init; and the cost of the orchestrator, alone and with its helper processes,
which list the suite and ask git for the commit. One interleaved run; medians and ratios. Only the program with the tests
is named, so that other benches beside it, whose tests would be listed, too, do not change the figures.

    bench/boot.py [BUILD [ROUNDS]]
"""
import glob
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
RECIPE = ['-accel', 'tcg,thread=single,tb-size=64', '-icount', 'shift=3,sleep=off,align=off', '-cpu',
          'max,vendor=GenuineIntel,-rdrand,-rdseed', '-rtc', 'base=2026-01-01T00:00:00,clock=vm', '-M', 'q35,hpet=off',
          '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio', '-device',
          'isa-debug-exit,iobase=0xf4,iosize=4', '-smp', '2', '-m', '256']
CMDLINE = ('console=ttyS0 quiet loglevel=4 panic=-1 nokaslr norandmaps random.trust_cpu=off tsc=reliable no_timer_check '
           'rdinit=/init')


def cpio(path):
    """A newc archive with one file, as plain as the script that uses it."""
    with open(path, 'rb') as f:
        data = f.read()

    def entry(name, mode, body):
        name = name.encode() + b'\0'
        head = '070701' + ''.join(f'{v:08x}' for v in (0, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name), 0))
        out = head.encode() + name
        out += b'\0' * (-len(out) % 4) + body
        return out + b'\0' * (-len(out) % 4)
    return entry('dev', 0o40755, b'') + entry('init', 0o100755, data) + entry('TRAILER!!!', 0, b'')


def plain(image, initrd, count):
    """Starts `count` machines at once; returns the seconds from exec to hello of each."""
    began, running, took, said = {}, [], [], {}
    for _ in range(count):
        p = subprocess.Popen(['qemu-system-x86_64', *RECIPE, '-kernel', image, '-initrd', initrd, '-append', CMDLINE],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        began[p.stdout.fileno()] = time.monotonic()
        running.append(p)
    waiting = {p.stdout.fileno(): p for p in running}
    while waiting:
        for fd in select.select(list(waiting), [], [])[0]:
            data = os.read(fd, 4096)
            # A guest writes its console byte by byte.
            said[fd] = said.get(fd, b'') + data
            if b'hello' in said[fd]:
                took.append(time.monotonic() - began[fd])
            elif not data:
                sys.exit(f'a plain guest ended without hello: {said[fd]}')
            else:
                continue
            del waiting[fd]
    for p in running:
        p.wait()
    return took


def ours(entry, count):
    """--no-perf-mode: all at once, as the script does; otherwise each machine waits for its own CPU."""
    with tempfile.TemporaryDirectory() as out:
        names = '|'.join(f'hello_{n}$' for n in range(count))
        done = subprocess.run([BUILD + '/ktstr', 'test', '--json', '-j', str(count), '--no-perf-mode', '--kernel', entry['key'],
                               '--accel', 'tcg', '-E', f'test(/{names}/)', BUILD + '/bench/hello'], capture_output=True, text=True,
                              env=dict(os.environ, KTSTR_SIDECAR_DIR=out))
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        run = [json.loads(line) for line in done.stdout.splitlines()][-1]
        took, cpu = [], 0
        for path in glob.glob(out + '/*.ktstr.json'):
            with open(path) as f:
                v = json.load(f)
            took.append(v['boot_ns'] / 1e9)
            cpu += v['vm_cpu_us']
        if len(took) != count:
            sys.exit(f'{len(took)} of {count} results\n{done.stdout}{done.stderr}')
        return took, run['self_cpu_us'], max(0, run['children_cpu_us'] - cpu), cpu, run['self_rss_kib']


def main():
    entry = kernels.newest(BUILD)
    image = entry['path'] + '/vmlinux'
    with tempfile.NamedTemporaryFile() as initrd:
        initrd.write(cpio(BUILD + '/bench/bare_init'))
        initrd.flush()
        ours(entry, 1)      # from here on, the initramfs' base is in the cache, as in every run but the first
        for count in (1, 4, 8):
            a, b, shares, all_shares, rss = [], [], [], [], []
            for _ in range(ROUNDS):
                a += plain(image, initrd.name, count)
                took, own, others, vms, kib = ours(entry, count)
                b += took
                shares.append(100 * own / (own + others + vms))
                all_shares.append(100 * (own + others) / (own + others + vms))
                rss.append(kib)
            pa, pb = statistics.median(a), statistics.median(b)
            print(json.dumps({'name': f'exec to hello, {count} at once', 'n': len(b), 'plain_s': round(pa, 3),
                              'ktstr_s': round(pb, 3), 'ratio': round(pb / pa, 3),
                              'orchestrator_cpu_percent': round(statistics.median(shares), 2),
                              'with_its_helpers': round(statistics.median(all_shares), 2),
                              'orchestrator_rss_mib': round(max(rss) / 1024, 1)}), flush=True)


main()
