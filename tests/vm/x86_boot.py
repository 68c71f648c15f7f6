#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A real kernel starts with only the VMM's boot parameters and ACPI tables, without firmware, on an emulated processor.

    tests/vm/x86_boot.py BUILD

QEMU gets the guest's RAM as a file that the loader has written, and a ROM of a few instructions instead of a firmware;
the ROM only sets the registers that the loader asks for. The topology in sysfs then comes from the VMM's E820, MADT,
SRAT and SLIT.
"""
import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import initramfs  # noqa: E402
from shapes import parse_shown, topology_problems  # noqa: E402
from tap import BUILD, Scratch, check, finish, need_kernel  # noqa: E402

ROM_BYTES = 0x10000
ROM_CODE = 0xff00
# isa-debug-exit stands where the PM1 control register is. The guest writes SLP_TYP 5, which ends QEMU with this status.
POWER_OFF = (5 << 10 << 1 | 1) & 0xff
CMDLINE = 'console=ttyS0 quiet loglevel=4 panic=-1 nokaslr no_timer_check rdinit=/init pci=off'


def rom(rip, rsi, rsp, cr3, gdt, gdt_limit):
    """From reset to 64-bit mode: PAE, page tables, long mode, paging, and the jump that loads the code segment."""
    gdtr = ROM_CODE - 8
    code16 = b'\xfa' + b'\x66\x2e\x0f\x01\x16' + struct.pack('<H', gdtr)            # cli; lgdtl %cs:gdtr
    code16 += b'\x66\xb8' + struct.pack('<I', 0x20) + b'\x0f\x22\xe0'               # CR4.PAE
    code16 += b'\x66\xb8' + struct.pack('<I', cr3) + b'\x0f\x22\xd8'
    code16 += b'\x66\xb9' + struct.pack('<I', 0xc0000080)                           # EFER.LME
    code16 += b'\x66\xb8' + struct.pack('<I', 0x100) + b'\x66\x31\xd2\x0f\x30'
    code16 += b'\x66\xb8' + struct.pack('<I', 0x80000001) + b'\x0f\x22\xc0'         # CR0.PG, CR0.PE
    target = 0xffff0000 + ROM_CODE + len(code16) + 8
    code16 += b'\x66\xea' + struct.pack('<IH', target, 0x10)                        # ljmpl
    code64 = b'\x66\xb8\x18\x00\x8e\xd8\x8e\xc0\x8e\xd0\x8e\xe0\x8e\xe8'            # data segments
    code64 += b'\x48\xbc' + struct.pack('<Q', rsp) + b'\x48\xbe' + struct.pack('<Q', rsi)
    code64 += b'\x48\xb8' + struct.pack('<Q', rip) + b'\xff\xe0'                    # jmp *%rax
    image = bytearray(ROM_BYTES)
    image[gdtr:gdtr + 6] = struct.pack('<HI', gdt_limit, gdt)
    image[ROM_CODE:ROM_CODE + len(code16 + code64)] = code16 + code64
    image[0xfff0:0xfff3] = b'\xe9' + struct.pack('<h', ROM_CODE - 0xfff3)
    return bytes(image)


def boot(scratch, kernel, topology, mib, cpu):
    """Returns (status, {path: [line]}, the whole output)."""
    ram = scratch / 'ram'
    if os.path.exists(ram):
        os.unlink(ram)
    made = subprocess.run([os.path.join(BUILD, 'tests', 'x86_ram'), topology, str(mib), kernel,
                           initramfs.write(scratch / 'initrd', os.path.join(BUILD, 'tests', 'sysfs_init')), CMDLINE, ram],
                          capture_output=True, text=True, timeout=60)
    if made.returncode:
        return -1, {}, made.stderr
    with open(scratch / 'rom', 'wb') as f:
        f.write(rom(*(int(v, 16) for v in made.stdout.split())))
    _, llcs, cores, threads = (int(n) for n in re.findall(r'\d+', topology))
    argv = ['qemu-system-x86_64', '-M', 'pc,acpi=off,hpet=off,usb=off', '-accel', 'tcg,thread=single', '-cpu', cpu,
            '-smp', f'{llcs * cores * threads},sockets={llcs},cores={cores},threads={threads}', '-m', str(mib),
            '-object', f'memory-backend-file,id=ram,size={mib}M,mem-path={ram},share=on', '-machine', 'memory-backend=ram',
            '-bios', scratch / 'rom', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', f'file:{scratch / "console"}',
            '-device', 'isa-debug-exit,iobase=0x604,iosize=2']
    try:
        done = subprocess.run(argv, timeout=240, capture_output=True, stdin=subprocess.DEVNULL)
        status, said = done.returncode, done.stderr.decode(errors='replace')
    except subprocess.TimeoutExpired:
        status, said = 'timeout', ''
    with open(scratch / 'console', encoding='utf-8', errors='replace') as f:
        text = f.read()
    return status, parse_shown(text), said + text[-6000:]


def check_topology(name, topology, shown, whole):
    problems = topology_problems(topology, shown)
    check(not problems, f'{name}: sysfs shows the declared topology', f'{problems}\n{whole}')


def check_machine(name, mib, shown, whole):
    total = re.search(r'MemTotal: +(\d+)', '\n'.join(shown.get('/proc/meminfo', [])))
    usable = (mib - 16) * 1024
    check(total and usable * 0.85 < int(total[1]) < usable, f'{name}: memory', total)
    free = [v for v in shown.get('/proc/iomem', []) if v.endswith(': System RAM')]
    check('00100000-07ffffff : System RAM' in free and f'09000000-{(mib << 20) - 1:08x} : System RAM' in free,
          f'{name}: the event log is not for the kernel', free)
    check(any('ttyS0' in v for v in shown.get('/proc/interrupts', [])), f'{name}: the console has its interrupt', whole)
    check(len([p for p in shown if 'LNRO0005' in p]) == 8, f'{name}: virtio-mmio devices stand in the DSDT', whole)


def main():
    kernel = need_kernel('x86_boot')
    with Scratch() as scratch:
        for image, topology, mib, cpu in (('vmlinux', '2n4l3c2t', 512, 'max,vendor=GenuineIntel'),
                                          ('bzImage', '4n8l1c2t', 640, 'max,vendor=GenuineIntel'),
                                          ('vmlinux', '1n1l1c1t', 256, 'max,vendor=GenuineIntel')):
            name = f'{image} {topology}'
            status, shown, whole = boot(scratch, os.path.join(kernel['path'], image), topology, mib, cpu)
            check(status == POWER_OFF and 'reboot: Power down' in whole, f'{name}: boots, and powers off by ACPI', f'{status}\n{whole}')
            check_topology(name, topology, shown, whole)
            check_machine(name, mib, shown, whole)
    finish()


main()
