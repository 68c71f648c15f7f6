#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every preset of the gauntlet on the VMM, in the lab: a guest's own sysfs must show the packages, last-level caches,
SMT siblings, nodes and distances that were declared. KTSTR_LAB=full boots all of them, otherwise a few, and the test
says so. tests/decode checks the tables and CPUID leaves of all of them with other programs.

    tests/lab/presets.py BUILD [PRESET...]
"""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from shapes import parse_shown, presets, topology_problems  # noqa: E402
from tap import BUILD, check, finish, need_kernel, skip  # noqa: E402

SAMPLE = ('4cpu-2llc-nosmt', '8cpu-2llc-smt', '2numa-16cpu-4llc-nosmt')
CMDLINE = ('console=ttyS0 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no_timer_check rdinit=/init pci=off reboot=k '
           'maxcpus=1 nowatchdog lpj=1000000 no-kvmclock rcupdate.rcu_expedited=1 tsc_early_khz=$((KHZ * {slower})) '
           '-- topology')
# All vCPUs share one emulated CPU; with many vCPUs it does little but their timer ticks. Guests with many are told a
# faster time stamp counter: each of their seconds, and each tick, lasts SLOWER times as long.
SLOWER, MANY = 8, 16
CLOCK = "KHZ=$(dmesg | sed -n 's/.*tsc: Detected \\([0-9]*\\)\\.\\([0-9]*\\) MHz.*/\\1\\2/p' | head -n 1)"
SECONDS_A_CPU = 4
BEGAN = time.monotonic()


def cpus_of(shape):
    _, llcs, cores, threads = (int(n) for n in re.findall(r'\d+', shape))
    return llcs * cores * threads


def memory_mib(shape):
    """Enough to boot: the topology does not depend on it, and the lab has 3 GiB."""
    nodes = int(shape[0])
    return max(256 + 2 * cpus_of(shape), 192 * nodes) // nodes * nodes


def cmdline(shape):
    return CMDLINE.format(slower=SLOWER if cpus_of(shape) > MANY else 1)


def chosen():
    if len(sys.argv) > 2:
        return [p for p in presets() if p[0] in sys.argv[2:]]
    everything = os.environ.get('KTSTR_LAB') == 'full'
    return sorted((p for p in presets() if everything or p[0] in SAMPLE), key=lambda p: cpus_of(p[1]))


def progress(line):
    ended = re.match(r'(\S+) {"hello_ms"', line)
    if ended:
        print(f'# {time.monotonic() - BEGAN:.0f} s: {ended[1]}', flush=True)


def script(kernel, rows):
    lines = [CLOCK, f'B={BUILD}']
    for name, shape in rows:
        lines.append(f'timeout {120 + SECONDS_A_CPU * cpus_of(shape)} $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/sysfs.cpio '
                     f'{memory_mib(shape)} {shape} "{cmdline(shape)}" 2>/results/{name} | sed "s/^/{name} /"')
    return '\n'.join(lines)


def fill(image, entry):
    home = '/lab/cache/ktstr/kernels/' + entry['key']
    image.file(f"{entry['path']}/vmlinux", home + '/vmlinux')
    for program in ('bench/vmm_boot', 'ktstr-vmm'):
        image.program(f'{BUILD}/{program}')
    inside = lab.Image()
    inside.directory('/dev')
    inside.file(BUILD + '/tests/sysfs_init', '/init')
    image.data('/lab/sysfs.cpio', inside.finish())


def report(name, shape, result):
    console = result.files.get(name, b'').decode(errors='replace')
    ended = re.search(f'^{re.escape(name)} ({{.*}})$', result.output, re.M)
    if not ended or json.loads(ended[1])['status'] != 0 or '\nend|' not in console:
        check(False, f'{name} {shape}: shown', f'it did not come to its end\n{console[-2000:]}\n{result}')
        return
    problems = topology_problems(shape, parse_shown(console))
    check(not problems, f"{name} {shape}: shown, {cpus_of(shape)} CPUs, {json.loads(ended[1])['end_ms'] / 1e3:.0f} s", problems)


def main():
    entry = need_kernel('lab presets')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab presets', why)
        finish()
    rows = chosen()
    timeout = 120 + sum(120 + SECONDS_A_CPU * cpus_of(shape) for _, shape in rows)
    result = lab.run(lab.PRELUDE + script(f"/lab/cache/ktstr/kernels/{entry['key']}/vmlinux", rows),
                     lambda image: fill(image, entry), timeout=timeout, live=progress)
    for name, shape in rows:
        report(name, shape, result)
    for name, shape in presets():
        if (name, shape) not in rows:
            print(f'# {name} {shape}: decoded (tests/decode/x86.py)')
    finish()


main()
