#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own veristat, on the programs of the kernel tree's schedulers, says the same as `ktstr verifier`: its
numbers in a guest, with the constants that the scheduler has there, and its differences between two results.

    tests/soak/veristat.py BUILD

veristat is built from the source package of the kernel (/usr/src/linux-source-*.tar.xz).
"""
import csv
import glob
import io
import json
import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

PRESETS = ('tiny-1llc', 'smt-2llc')
# The maps of other schedulers have the size of the machine, which veristat does not know.
SCHEDULERS = ('scx_simple', 'scx_qmap')
COLUMNS = 'file,prog,verdict,insns,states,peak_states,max_states_per_insn,mark_read'
EM_BPF, SHT_SYMTAB = 247, 2
WANTED = ('tools/lib/*', 'tools/include/*', 'tools/build/*', 'tools/scripts/*', 'tools/arch/*', 'scripts/bpf_doc.py', 'include/uapi/*',
          'tools/testing/selftests/bpf/veristat.c')


def shell(*argv, cwd):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: status {done.returncode}\n{done.stderr[-2000:]}")


def build_veristat(version, scratch):
    """The path of a static program, or None."""
    series = '.'.join(version.split('.')[:2])
    package = f'/usr/src/linux-source-{series}.tar.xz'
    if not os.path.exists(package):
        skip('veristat', f'{package} is not there; install linux-source-{series}')
        return None
    tree, library, program = f'{scratch.path}/linux-source-{series}', scratch / 'library', scratch / 'veristat'
    os.mkdir(library)
    shell('tar', 'xf', package, '--wildcards', *(f'linux-source-{series}/{name}' for name in WANTED), cwd=scratch.path)
    make = ['make', '-s', '-C', 'tools/lib/bpf', f'OUTPUT={library}/', f'DESTDIR={library}', 'prefix=']
    shell(*make, 'BUILD_STATIC_ONLY=1', cwd=tree)
    shell(*make, 'install_headers', cwd=tree)
    headers = [f'-I{library}/include', '-Itools/include/uapi', '-Itools/include']
    shell('gcc', '-O2', '-w', '-static', *headers, WANTED[-1], f'{library}/libbpf.a', '-lelf', '-lz', '-lzstd', '-lpthread', '-o', program, cwd=tree)
    return program


def bpf_object(program):
    """The ELF file of BPF programs that a scheduler carries in itself."""
    with open(program, 'rb') as f:
        data = f.read()
    for found in re.finditer(b'\x7fELF\x02\x01\x01', data):
        at = found.start()
        if struct.unpack_from('<H', data, at + 18)[0] == EM_BPF:
            table, = struct.unpack_from('<Q', data, at + 40)
            size, count = struct.unpack_from('<HH', data, at + 58)
            return bytearray(data[at:at + table + size * count])
    sys.exit(f'{program}: there are no BPF programs in it')


class Elf:
    def __init__(self, data):
        table, = struct.unpack_from('<Q', data, 40)
        size, count, self.names = struct.unpack_from('<HHH', data, 58)
        self.data = data
        self.heads = [struct.unpack_from('<IIQQQQIIQQ', data, table + size * i) for i in range(count)]

    def text(self, strings, at):
        return self.data[self.heads[strings][4] + at:].split(b'\0', 1)[0]

    def section(self, name):
        """(number, offset, length)"""
        return next((i, h[4], h[5]) for i, h in enumerate(self.heads) if self.text(self.names, h[0]) == name)

    def symbol(self, wanted, section):
        """(offset in the section, size), or (0, 0)"""
        for kind, offset, length, strings in ((h[1], h[4], h[5], h[6]) for h in self.heads):
            for at in range(offset, offset + length, 24) if kind == SHT_SYMTAB else ():
                name, _, _, index, value, size = struct.unpack_from('<IBBHQQ', self.data, at)
                if index == section and self.text(strings, name) == wanted:
                    return value, size
        return 0, 0


def set_constants(data, constants):
    """Overwrites .rodata, as a scheduler does before it loads its programs. The length of the buffer for a dump stays: the
    buffer has another size, too, and veristat leaves it as it is."""
    elf = Elf(data)
    number, offset, length = elf.section(b'.rodata')
    check(length == len(constants), 'the constants of a cell are as long as those of the object', (length, len(constants)))
    at, size = elf.symbol(b'uei_dump_len', number)
    own = bytes(data[offset + at:offset + at + size])
    data[offset:offset + length] = constants
    data[offset + at:offset + at + size] = own


def sweep(kernel, preset, scratch):
    """(rows by program, a file of them without the topology, constants by scheduler) of our verifier."""
    side, saved = scratch / preset, scratch / preset + '.csv'
    programs = [f"{kernel['path']}/sched_ext/bin/{name}" for name in SCHEDULERS]
    run = Run('verifier', '--kernel', kernel['key'], '--preset', preset, *programs, '--output', 'csv', '-e', COLUMNS,
              env={'KTSTR_SIDECAR_DIR': side})
    check(run.status == 0, f'{preset}: both schedulers pass', run)
    with open(saved, 'w', encoding='utf-8') as f:
        f.write(re.sub(r'@[^,]*', '', run.out))
    constants = {}
    for path in glob.glob(side + '/*.rodata.json'):
        with open(path, encoding='utf-8') as f:
            cell = json.load(f)
        constants[cell['scheduler']] = bytes.fromhex(cell['bytes'])
    return rows_of(run.out), saved, constants


def rows_of(text):
    """{(file, program): {column: value}}; names of programs have the 15 bytes that a kernel keeps."""
    found = {}
    for row in csv.DictReader(io.StringIO(text)):
        name = re.sub(r'(\.bpf\.o|@.*)$', '', row.pop('file_name'))
        found[name, row.pop('prog_name')[:15]] = row
    return found


def topology_of(preset):
    return next(p['topology'] for p in json.loads(Run('topo', '--presets', '--json').out) if p['former_name'] == preset)


def in_guest(kernel, veristat, constants, preset, scratch):
    """Runs veristat on the objects with these constants, on as many CPUs: the verifier's branches depend on both."""
    files = [veristat]
    for name in SCHEDULERS:
        elf = bpf_object(f"{kernel['path']}/sched_ext/bin/{name}")
        set_constants(elf, constants[name])
        os.makedirs(scratch / preset + '-objects', exist_ok=True)
        files.append(scratch / preset + f'-objects/{name}.bpf.o')
        with open(files[-1], 'wb') as f:
            f.write(elf)
    words = [word for path in files for word in ('-i', path)]
    run = Run('shell', '--kernel', kernel['key'], '--topology', topology_of(preset), '--exec-timeout', '10m', *words, '--exec',
              f'cd /include-files && ./veristat -e {COLUMNS} -o csv *.bpf.o')
    check(run.status == 0, f'{preset}: veristat runs in a guest', run)
    return rows_of(run.out)


def compare_numbers(ours, theirs, preset):
    check(set(ours) == set(theirs) and len(ours) > 15, f'{preset}: the same programs', sorted(set(ours) ^ set(theirs)))
    differ = [(key, column, ours[key][column], theirs[key][column]) for key in set(ours) & set(theirs)
              for column in theirs[key] if ours[key][column] != theirs[key][column]]
    check(not differ, f'{preset}: the same numbers in each column', differ[:10])
    print(f"# {preset}: {sum(map(len, ours.values()))} values of {len(ours)} programs")


def compare_differences(veristat, saved):
    old, new = saved
    for words in ([], ['-s', 'insns_diffv'], ['-s', '|states_pct|v', '-n', '5'], ['-f', 'insns_diff!=0'], ['-f', 'scx_qmap/*dispatc'],
                  ['-f', '!scx_qmap/']):
        emit = ['-e', 'file,prog,verdict,insns,states,peak_states', *words]
        theirs = subprocess.run([veristat, '-C', *emit, '-o', 'csv', old, new], capture_output=True, text=True)
        run = Run('verifier', '--replay', new, '--compare', old, *emit, '--output', 'csv')
        check(theirs.returncode == 0 and run.out == theirs.stdout, f"the same differences with {' '.join(words) or 'nothing else'}",
              f'veristat:\n{theirs.stdout}{theirs.stderr}ours:\n{run.out}{run.err}')


def main():
    kernel = need_kernel('veristat')
    before = machines()
    with Scratch() as scratch:
        veristat = build_veristat(kernel['version'], scratch)
        if veristat:
            saved = []
            for preset in PRESETS:
                ours, path, constants = sweep(kernel, preset, scratch)
                compare_numbers(ours, in_guest(kernel, veristat, constants, preset, scratch), preset)
                saved.append(path)
            compare_differences(veristat, saved)
    check_nothing_left('veristat', before)
    finish(at_least=1)


main()
