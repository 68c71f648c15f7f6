#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the KVM lab, in one run, interleaved: from exec to a guest's hello, for ktstr's VMM beside QEMU's microvm with KVM, on
the same kernel and the same initramfs, and beside itself where it copies the kernel's code rather than maps it. Wall time,
and what each has resident beyond the guest's RAM. Times in the lab are those of an emulated processor: only the ratio means
something, and that only on a host that does nothing else; with `counted` the lab's clock counts instructions, which no other
load changes, but an exit from the guest is then no dearer than its instructions.

    bench/lab_boot.py [BUILD [ROUNDS [counted]]]
"""
import json
import os
import statistics
import sys

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
COUNTED = sys.argv[3:] == ['counted']
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + '/tests/lab')
import lab  # noqa: E402

CMDLINE = 'console=ttyS0 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no_timer_check rdinit=/init'
LINGER = ' -- linger'  # so that there is a process to look at when its guest has said hello
MIB = 256
QEMU = ('qemu-system-x86_64 -accel kvm -cpu host -M microvm,pit=off,pic=off,rtc=off,isa-serial=on,memory-backend=m '
        f'-object memory-backend-memfd,id=m,size={MIB}M,share=on -m {MIB} -smp CPUS -nodefaults -no-user-config '
        '-display none -no-reboot -chardev stdio,id=c,signal=off -serial chardev:c '
        '-device isa-debug-exit,iobase=0xf4,iosize=4')
FIRMWARE = ('/usr/share/seabios/bios-microvm.bin', '/usr/share/qemu/bios-microvm.bin', '/usr/share/qemu/qboot.rom',
            '/usr/share/qemu/linuxboot_dma.bin', '/usr/share/qemu/pvh.bin', '/usr/share/qemu/kvmvapic.bin')


def script(kernel):
    lines = [f'B={BUILD}', f'K={kernel}']
    for _ in range(ROUNDS):
        for cpus in (1, 2):
            for who, form in (('ktstr', ''), ('copied', '+copy')):
                lines.append(f'echo {{\\"who\\":\\"{who}\\",\\"cpus\\":{cpus},\\"r\\":$(timeout 60 $B/bench/vmm_boot ours $B/ktstr-vmm $K '
                             f'/lab/bare.cpio {MIB} 1n1l{cpus}c1t{form} "{CMDLINE} pci=off reboot=k{LINGER}" 2>/tmp/err)}}')
            lines.append(f'echo {{\\"who\\":\\"microvm\\",\\"cpus\\":{cpus},\\"r\\":$(timeout 60 $B/bench/vmm_boot any '
                         f'{QEMU.replace("CPUS", str(cpus))} -kernel $K -initrd /lab/bare.cpio -append "{CMDLINE} reboot=t{LINGER}" '
                         f'2>/tmp/err)}}; tail -2 /tmp/err >/results/qemu.err')
    return '\n'.join(lines)


def fill(image, entry):
    lab.add_product(image, BUILD, entry)
    for program in (BUILD + '/bench/vmm_boot', BUILD + '/ktstr-vmm'):
        image.program(program)
    image.program('/usr/bin/qemu-system-x86_64')
    for path in FIRMWARE:
        if os.path.exists(path):
            image.file(os.path.realpath(path), path)
    bare = lab.Image()
    bare.directory('/dev')
    bare.file(BUILD + '/bench/bare_init', '/init')
    image.data('/lab/bare.cpio', bare.finish())


def median(rows, key):
    return statistics.median(row['r'][key] for row in rows)


def main():
    entry = lab.cached_kernel(BUILD)
    if not entry:
        sys.exit("no kernel in the cache; run 'make kernel'")
    kernel = f"/lab/cache/ktstr/kernels/{entry['key']}/vmlinux"
    try:
        result = lab.run(lab.PRELUDE + script(kernel), lambda image: fill(image, entry), timeout=600 * ROUNDS + 120,
                         clock=lab.COUNTED_TIME if COUNTED else lab.HOST_TIME)
    except lab.NoLab as why:
        sys.exit(f'no lab: {why}')
    rows = [json.loads(line) for line in result.output.splitlines() if line.startswith('{') and '"r":{' in line]
    for cpus in (1, 2):
        # Who had ended before it was looked at has no memory that could be counted.
        a, b, c = ([r for r in rows if r['who'] == who and r['cpus'] == cpus and r['r']['hello_ms'] > 0 and r['r']['ram_kib']]
                   for who in ('microvm', 'ktstr', 'copied'))
        if min(len(a), len(b), len(c)) * 2 <= ROUNDS:
            sys.exit(f'a machine did not boot\n{result}\n{result.files}')
        extra = [[r['r']['own_kib'] for r in rows] for rows in (a, b)]
        print(json.dumps({
            'name': f'KVM lab, exec to hello, {cpus} vCPU', 'n': min(len(a), len(b), len(c)),
            'clock': 'instructions' if COUNTED else 'host', 'microvm_ms': round(median(a, 'hello_ms')),
            'ktstr_ms': round(median(b, 'hello_ms')),
            'ratio': round(median(b, 'hello_ms') / median(a, 'hello_ms'), 3),
            'copied_ms': round(median(c, 'hello_ms')), 'setup_cpu_ms': round(median(b, 'setup_cpu_ms')),
            'copied_setup_cpu_ms': round(median(c, 'setup_cpu_ms')),
            'microvm_own_kib': round(statistics.median(extra[0])), 'ktstr_own_kib': round(statistics.median(extra[1])),
            'microvm_ram_kib': round(median(a, 'ram_kib')), 'ktstr_ram_kib': round(median(b, 'ram_kib'))}), flush=True)


main()
