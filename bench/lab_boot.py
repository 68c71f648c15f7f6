#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the KVM lab, in one interleaved run: the time from exec to a guest's hello, for ktstr's VMM, for QEMU's microvm
with KVM, for a small VMM like kvmtool (libkrun), with the same kernel and initramfs, and for ktstr's VMM when it copies
the kernel's code instead of mapping it. Wall time, and the resident memory beyond the guest's RAM. Times in the lab are
those of an emulated processor: only the ratio is meaningful, and only on an otherwise idle host.

    bench/lab_boot.py [BUILD [ROUNDS]]

libkrun is the file that KTSTR_LIBKRUN names, or comes once from an npm package. It describes processors by a table that
ktstr's kernels do not read, so it is measured with one processor.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + '/tests/lab')
import lab  # noqa: E402

KRUN_PACKAGE = '@earendil-works/gondolin-krun-runner-linux-x64'
MIB = 256
PAGE = 4096
# It lingers so that the process still exists when its guest has said hello.
CMDLINE = 'console=ttyS0 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no_timer_check rdinit=/init {} -- linger'
QEMU = ('qemu-system-x86_64 -accel kvm -cpu host -M microvm,pit=off,pic=off,rtc=off,isa-serial=on,memory-backend=m '
        f'-object memory-backend-memfd,id=m,size={MIB}M,share=on -m {MIB} -smp {{}} -nodefaults -no-user-config '
        '-display none -no-reboot -chardev stdio,id=c,signal=off -serial chardev:c '
        '-device isa-debug-exit,iobase=0xf4,iosize=4')
FIRMWARE = ('/usr/share/seabios/bios-microvm.bin', '/usr/share/qemu/bios-microvm.bin', '/usr/share/qemu/qboot.rom',
            '/usr/share/qemu/linuxboot_dma.bin', '/usr/share/qemu/pvh.bin', '/usr/share/qemu/kvmvapic.bin')


# --- the candidates: arguments of vmm_boot; $B: the build, $K: the kernel, $I: the initramfs ------------------------

def ours(form):
    return lambda cpus: f'ours $B/ktstr-vmm $K $I {MIB} 1n1l{cpus}c1t{form} "{CMDLINE.format("pci=off reboot=k")}"'


def microvm(cpus):
    return f'any {QEMU.format(cpus)} -kernel $K -initrd $I -append "{CMDLINE.format("reboot=t")}"'


def libkrun(cpus):
    return f'any $B/bench/krun_boot /lab/libkrun.so $K $I {MIB} {cpus} "{CMDLINE.format("pci=off reboot=k")}"'


WHO = {'ktstr': ours(''), 'copied': ours('+copy'), 'microvm': microvm, 'libkrun': libkrun}


def takes_part(who, cpus, krun):
    return who != 'libkrun' or (krun and cpus == 1)


def fetch_libkrun():
    """Returns the path of the library, or None and the reason."""
    kept = lab.lab_dir() + '/libkrun.so'
    if os.environ.get('KTSTR_LIBKRUN') or os.path.exists(kept):
        return os.environ.get('KTSTR_LIBKRUN') or kept, None
    if not shutil.which('npm'):
        return None, 'npm is not installed'
    with tempfile.TemporaryDirectory() as tmp:
        done = subprocess.run(['npm', 'pack', '--silent', KRUN_PACKAGE], cwd=tmp, capture_output=True, text=True)
        if done.returncode:
            return None, f'npm has no {KRUN_PACKAGE} for us'
        with tarfile.open(f'{tmp}/{done.stdout.split()[-1]}') as tar:
            body = tar.extractfile('package/lib/libkrun.so.1').read()
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    with open(kept + '.new', 'wb') as out:
        out.write(body)
    os.rename(kept + '.new', kept)
    return kept, None


# --- the run --------------------------------------------------------------------------------------------------------

def script(kernel, krun):
    lines = [f'B={BUILD}', f'K={kernel}', 'I=/lab/bare.cpio']
    for _ in range(ROUNDS):
        for cpus in (1, 2):
            for who, words in WHO.items():
                if takes_part(who, cpus, krun):
                    lines.append(f'echo {{\\"who\\":\\"{who}\\",\\"cpus\\":{cpus},\\"r\\":'
                                 f'$(timeout 60 $B/bench/vmm_boot {words(cpus)} 2>/results/{who}.err)}}')
    return '\n'.join(lines)


def fill(image, entry, krun):
    lab.add_product(image, BUILD, entry)
    for program in (BUILD + '/bench/vmm_boot', BUILD + '/bench/krun_boot', BUILD + '/ktstr-vmm',
                    '/usr/bin/qemu-system-x86_64'):
        image.program(program)
    if krun:
        image.program(krun, '/lab/libkrun.so')
    for path in FIRMWARE:
        if os.path.exists(path):
            image.file(os.path.realpath(path), path)
    bare = lab.Image()
    bare.directory('/dev')
    bare.file(BUILD + '/bench/bare_init', '/init')
    body = bare.finish()
    # In whole pages: Linux prints long complaints if an initramfs ends within a page, as it does with libkrun.
    image.data('/lab/bare.cpio', body + bytes(-len(body) % PAGE))


# --- the results ----------------------------------------------------------------------------------------------------

def median(rows, key):
    return statistics.median(row['r'][key] for row in rows)


def compare(rows, cpus, krun, result):
    # The memory of a process that ended before it was measured is unknown.
    by = {who: [r for r in rows if r['who'] == who and r['cpus'] == cpus and r['r']['hello_ms'] > 0 and r['r']['ram_kib']]
          for who in WHO if takes_part(who, cpus, krun)}
    least = min(map(len, by.values()))
    if least * 2 <= ROUNDS:
        sys.exit(f'a machine did not boot: {({who: len(r) for who, r in by.items()})}\n{result}\n{result.files}')
    line = {'name': f'KVM lab, exec to hello, {cpus} vCPU', 'n': least}
    for who, mine in by.items():
        line[who + '_ms'] = round(median(mine, 'hello_ms'))
        if who in ('microvm', 'libkrun'):
            line['ratio_' + who] = round(median(by['ktstr'], 'hello_ms') / median(mine, 'hello_ms'), 3)
        line[who + '_own_kib'] = round(median(mine, 'own_kib'))
        line[who + '_ram_kib'] = round(median(mine, 'ram_kib'))
    for who in ('ktstr', 'copied'):
        line[who + '_setup_cpu_ms'] = round(median(by[who], 'setup_cpu_ms'))
    print(json.dumps(line), flush=True)


def main():
    entry = lab.cached_kernel(BUILD)
    if not entry:
        sys.exit("no kernel in the cache; run 'make kernel'")
    krun, why = fetch_libkrun()
    if not krun:
        print(f'libkrun is not measured: {why}', file=sys.stderr)
    kernel = f"/lab/cache/ktstr/kernels/{entry['key']}/vmlinux"
    try:
        result = lab.run(lab.PRELUDE + script(kernel, krun), lambda image: fill(image, entry, krun),
                         timeout=600 * ROUNDS + 120)
    except lab.NoLab as no_lab:
        sys.exit(f'no lab: {no_lab}')
    rows = [json.loads(line) for line in result.output.splitlines() if line.startswith('{') and '"r":{' in line]
    for cpus in (1, 2):
        compare(rows, cpus, krun, result)


main()
