#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ACPI tables and CPUID leaves, read by other programs: iasl, hwloc, cpuid, and the manuals' algorithms.

    tests/decode/x86.py BUILD

Every topology must be read back as declared: packages, last-level caches, cores, threads, nodes, distances.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from shapes import LOCAL, REMOTE, presets  # noqa: E402
from tap import BUILD, Scratch, check, finish  # noqa: E402

DUMP = os.path.join(BUILD, 'tests', 'x86_dump')

# The presets' shapes, and some with gaps in their APIC ids, ids above 254, or many nodes.
TOPOLOGIES = list(dict.fromkeys([shape for _, shape in presets()] + (
    '1n1l1c1t 2n2l8c2t 8n8l1c1t 8n16l3c4t 8n8l31c1t 1n11l9c2t 2n2l3c3t 1n1l252c1t 1n1l1c2t 1n32l1c8t 1n256l1c1t').split()))
HOSTS = ['intel', 'intel-bare', 'amd', 'amd-bare', 'zen1', 'hygon']
if os.access('/dev/kvm', os.R_OK | os.W_OK):
    HOSTS.append('kvm')     # the CPUID leaves that this machine's KVM supports


# Nodes that are described one by one: shape, LLCs and MiB of each, distances.
DESCRIBED = [
    ('2n2l4c1t', [(2, 512), (0, 256)], [[10, 17], [17, 10]]),
    ('4n4l2c2t', [(2, 512), (1, 4096), (1, 384), (0, 128)], [[10, 12, 20, 30], [12, 10, 21, 31], [20, 21, 10, 254], [30, 31, 254, 10]]),
]


class Topology:
    def __init__(self, text, described=None, distances=None):
        self.described, self.distances = described, distances
        self.text = text
        self.nodes, self.llcs, self.cores, self.threads = (int(n) for n in re.findall(r'\d+', text))
        self.per_llc = self.cores * self.threads
        self.cpus = self.llcs * self.per_llc

    def groups(self, size):
        return sorted(tuple(range(at, at + size)) for at in range(0, self.cpus, size))

    def node(self, cpu):
        if not self.described:
            return cpu // (self.cpus // self.nodes)
        owner = [node for node, (llcs, _) in enumerate(self.described) for _ in range(llcs)]
        return owner[cpu // self.per_llc]

    def memory(self, mib):
        if self.described:
            return [size for _, size in self.described]
        each = mib // self.nodes
        return [each] * (self.nodes - 1) + [mib - each * (self.nodes - 1)]

    def distance(self, i, j):
        return self.distances[i][j] if self.distances else LOCAL if i == j else REMOTE

    def initiators(self):
        return [n for n in range(self.nodes) if not self.described or self.described[n][0]]

    def arguments(self):
        nodes = ','.join(f'{llcs}:{size}' for llcs, size in self.described or [])
        return [nodes, ','.join(str(d) for row in self.distances for d in row)] if self.described else []


def run(*argv, **kw):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, text=True, **kw)
    return done.returncode, done.stdout


def grouped(keys):
    """CPU numbers with equal keys, as sorted tuples."""
    sets = {}
    for cpu, key in enumerate(keys):
        sets.setdefault(key, []).append(cpu)
    return sorted(tuple(s) for s in sets.values())


# --- ACPI -------------------------------------------------------------------------------------------------------------

def subtables(dsl):
    """[(name, {field: value})] of a disassembled table; a record begins at each type line."""
    found = []
    for line in dsl.split('\n'):
        m = re.match(r'\[[^]]*\]\s+(\S.*?) : (\S.*)$', line)
        if not m:
            continue
        if m[1] in ('Subtable Type', 'Structure Type'):
            found.append((re.search(r'\[(.*)\]', m[2])[1], {}))
        elif found:
            found[-1][1].setdefault(m[1], []).append(m[2])
    return found


def number(record, field):
    return int(record[field][0], 16)


def checksums(directory):
    bad = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith('.dat'):
            continue
        with open(os.path.join(directory, name), 'rb') as f:
            raw = f.read()
        if name != 'FACS.dat' and sum(raw) % 256 or (name == 'RSDP.dat' and sum(raw[:20]) % 256):
            bad.append(name)
    return bad


def madt_problems(t, dsl):
    apics = {}
    for name, r in subtables(dsl):
        if name == 'Processor Local APIC':
            apics[number(r, 'Processor ID')] = number(r, 'Local Apic ID')
        elif name == 'Processor Local x2APIC':
            apics[number(r, 'Processor UID')] = number(r, 'Processor x2Apic ID')
    if sorted(apics) != list(range(t.cpus)) or len(set(apics.values())) != t.cpus:
        return apics, [f'processors {len(apics)}, of {t.cpus}']
    kinds = [name for name, _ in subtables(dsl)]
    wanted = {'I/O APIC': 1, 'Interrupt Source Override': 2, 'Local APIC NMI': 1}
    return apics, [f'{kinds.count(k)} of {k}' for k, n in wanted.items() if kinds.count(k) != n]


def srat_problems(t, dsl, apics, mib):
    problems, seen, memory = [], {}, {}
    for name, r in subtables(dsl):
        if name == 'Processor Local x2APIC Affinity':
            seen[number(r, 'Apic ID')] = number(r, 'Proximity Domain')
        elif name == 'Memory Affinity':
            domain = number(r, 'Proximity Domain')
            memory[domain] = memory.get(domain, 0) + number(r, 'Address Length')
    if {apics[cpu]: t.node(cpu) for cpu in range(t.cpus)} != seen:
        problems.append('SRAT: nodes of processors')
    if memory != {n: size << 20 for n, size in enumerate(t.memory(mib))}:
        problems.append(f'SRAT: memory {memory}')
    return problems


def slit_problems(t, dsl):
    rows = [[int(v, 16) for v in r.split()] for r in re.findall(r'Locality +\d+ : (.*)', dsl)]
    flat = [v for row in rows for v in row]
    want = [t.distance(i, j) for i in range(t.nodes) for j in range(t.nodes)]
    return [] if flat == want else [f'SLIT: {rows}']


def hmat_problems(t, dsl):
    if t.nodes == 1:
        return ['HMAT without nodes'] if dsl else []
    records = subtables(dsl)
    domains = [r for name, r in records if 'Proximity Domain' in name]
    matrices = [r for name, r in records if 'Latency' in name]
    entries = [[int(v, 16) for v in r['Entry']] for r in matrices]
    paths = [t.distance(i, j) for i in t.initiators() for j in range(t.nodes)]
    own = [number(r, 'Flags (decoded below)') for r in domains]
    good = own == [int(n in t.initiators()) for n in range(t.nodes)] and len(domains) == t.nodes and [number(r, 'Data Type') for r in matrices] == [0, 3] and \
        entries[0] == [d // LOCAL for d in paths] and \
        entries[1] == [max(5 * LOCAL // d, 1) for d in paths]
    return [] if good else [f'HMAT: {len(domains)} domains, {entries}']


def dsdt_problems(directory, dsl):
    code, out = run('iasl', '-p', 'again', 'DSDT.dsl', cwd=directory)
    problems = [] if code == 0 and '0 Errors, 0 Warnings, 0 Remarks' in out else [out]
    for want in ('EisaId ("PNP0501")', '0x03F8', '"LNRO0005"', '_S5'):
        if want not in dsl:
            problems.append(f'DSDT: no {want}')
    return problems


def decode_acpi(t, scratch):
    directory = scratch / f"acpi-{t.text}{'-described' if t.described else ''}"
    os.mkdir(directory)
    mib = max(256, 64 * t.cpus)
    code, out = run(DUMP, 'acpi', t.text, str(mib), directory, *t.arguments())
    if code:
        return {}, [f'x86_dump: {out}']
    tables = sorted(n for n in os.listdir(directory) if n != 'RSDP.dat')
    code, out = run('iasl', '-d', *tables, cwd=directory)
    problems = [f'checksum of {n}' for n in checksums(directory)]
    if code or re.search(r'error|warning|invalid|unknown', out, re.I):
        problems.append(out)
    dsl = {}
    for name in tables:
        with open(os.path.join(directory, name[:4] + '.dsl'), encoding='latin-1') as f:
            dsl[name[:4]] = f.read()
        problems += re.findall(r'(?im)^.*(?:\*\*\*\*|invalid|incorrect|unknown).*$', dsl[name[:4]])
    apics, wrong = madt_problems(t, dsl['APIC'])
    problems += wrong
    if not wrong:
        problems += srat_problems(t, dsl['SRAT'], apics, mib)
    problems += slit_problems(t, dsl['SLIT']) + hmat_problems(t, dsl.get('HMAT', '')) + \
        dsdt_problems(directory, dsl['DSDT'])
    return apics, problems


# --- CPUID: the manuals' algorithms -----------------------------------------------------------------------------------

def read_json_numbers(text):
    cpus = []
    for line in text.splitlines():
        if line.startswith('CPU '):
            cpus.append({})
            continue
        v = [int(x, 16) for x in re.findall(r'0x([0-9a-f]+)', line)]
        cpus[-1][v[0], v[1]] = v[2:]
    return cpus


def width(count):
    return (count - 1).bit_length()


def levels(leaves, leaf):
    """Intel SDM vol. 3, 9.9.3.1: x2APIC id, [(type, shift, processors)] up to the first invalid level."""
    found, sub = [], 0
    while leaves.get((leaf, sub), (0, 0, 0, 0))[2] >> 8 & 0xff:
        eax, ebx, ecx, edx = leaves[leaf, sub]
        found.append((ecx >> 8 & 0xff, eax & 0x1f, ebx & 0xffff))
        sub += 1
    return leaves[leaf, 0][3], found


def caches(leaves, leaf):
    """[(level, type, ids that share it)]"""
    found, sub = [], 0
    while leaves.get((leaf, sub), (0,))[0] & 0x1f:
        eax = leaves[leaf, sub][0]
        found.append((eax >> 5 & 7, eax & 0x1f, (eax >> 14 & 0xfff) + 1))
        sub += 1
    return found


def by_levels(t, cpus, leaf):
    ids, packages, cores = [], [], []
    for leaves in cpus:
        apic, found = levels(leaves, leaf)
        if [kind for kind, _, _ in found] != [1, 2] or [n for _, _, n in found] != [t.threads, t.per_llc]:
            return ids, [f'leaf {leaf:#x}: {found}']
        ids.append(apic)
        packages.append(apic >> found[1][1])
        cores.append(apic >> found[0][1])
    good = grouped(packages) == t.groups(t.per_llc) and grouped(cores) == t.groups(t.threads)
    return ids, [] if good and len(set(ids)) == t.cpus else [f'leaf {leaf:#x} groups wrongly']


def intel_legacy(t, cpus):
    """SDM vol. 3, 9.9.3.2, for processors without leaf 0xb: from leaf 1 and leaf 4."""
    keys = []
    for leaves in cpus:
        eax, ebx, ecx, edx = leaves[1, 0]
        most = 1 << width(ebx >> 16 & 0xff) if edx >> 28 & 1 else 1
        cores = (leaves[4, 0][0] >> 26) + 1
        keys.append(((ebx >> 24) >> width(most), (ebx >> 24) >> width(most // cores)))
    good = grouped([k[0] for k in keys]) == t.groups(t.per_llc) and grouped([k[1] for k in keys]) == t.groups(t.threads)
    return [] if good else ['leaves 1 and 4 group wrongly']


def amd_legacy(t, cpus):
    """APM vol. 3, E.5: from leaves 0x80000008 and 0x8000001e; the first-generation parts' fixed L3 numbers too."""
    packages, nodes, cores, fixed, problems = [], [], [], [], []
    for leaves in cpus:
        ecx8 = leaves[0x80000008, 0][2]
        ids = ecx8 >> 12 & 0xf or width((ecx8 & 0xff) + 1)
        apic, ebx, ecx, _ = leaves[0x8000001e, 0]
        packages.append(apic >> ids)
        nodes.append(ecx & 0xff)
        cores.append((apic >> ids, ebx & 0xff))
        fixed.append(apic >> 3)
        if (ebx >> 8 & 0xff) + 1 != t.threads or ecx >> 8 & 7 or not leaves[0x80000001, 0][2] >> 22 & 1:
            problems.append('leaf 0x8000001e')
        if (ecx8 & 0xff) + 1 != t.per_llc and t.per_llc <= 256:
            problems.append('leaf 0x80000008: cores')
        if not leaves[0x80000006, 0][3] >> 18:
            problems.append('leaf 0x80000006: no L3')
    if grouped(packages) != t.groups(t.per_llc) or grouped(nodes) != t.groups(t.per_llc) or \
            grouped(cores) != t.groups(t.threads):
        problems.append('leaf 0x8000001e groups wrongly')
    if believes_fixed_llc(cpus[0]) and grouped(fixed) != t.groups(t.per_llc):
        problems.append('L3 by APIC id >> 3')
    return problems[:3]


def believes_fixed_llc(leaves):
    eax, family = leaves[1, 0][0], (leaves[1, 0][0] >> 8 & 0xf) + (leaves[1, 0][0] >> 20 & 0xff)
    model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0)
    return leaves[0, 0][1] == 0x6f677948 or (family == 0x17 and model <= 0x1f)


def cache_problems(t, cpus, leaf, ids):
    found = [caches(leaves, leaf) for leaves in cpus]
    if any(f != found[0] for f in found) or [level for level, _, _ in found[0]] != [1, 1, 2, 3]:
        return [f'caches {found[0]}']
    problems = []
    for level, _, sharing in found[0]:
        want = t.groups(t.per_llc if level == 3 else t.threads)
        # Linux: by a shift on Intel, by a multiple on AMD.
        if grouped([i >> width(sharing) for i in ids]) != want or grouped([i // sharing for i in ids]) != want:
            problems.append(f'L{level} shared wrongly')
    return problems


# --- CPUID: other programs --------------------------------------------------------------------------------------------

def hwloc_problems(t, cpus, directory):
    os.mkdir(directory)
    with open(os.path.join(directory, 'hwloc-cpuid-info'), 'w', encoding='ascii') as f:
        f.write('Architecture: x86\n')
    for n, leaves in enumerate(cpus):
        with open(os.path.join(directory, f'pu{n}'), 'w', encoding='ascii') as f:
            for (leaf, sub), v in leaves.items():
                mask = 5 if leaf in (4, 7, 0xb, 0x1f, 0x8000001d) else 1
                f.write('%x %x 0 %x 0 => %x %x %x %x\n' % (mask, leaf, sub, *v))
    env = dict(os.environ, HWLOC_CPUID_PATH=directory, HWLOC_COMPONENTS='x86,stop')
    done = subprocess.run(['lstopo-no-graphics', '--of', 'xml', '--no-io', '--no-collapse', '-.xml'], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    problems = [] if done.returncode == 0 else [done.stderr.decode()]
    objects = list(ET.fromstring(done.stdout).iter('object')) if done.stdout else []
    for kind, size in (('Package', t.per_llc), ('L3Cache', t.per_llc), ('Core', t.threads), ('PU', 1)):
        have = sorted(cpuset(o.get('cpuset')) for o in objects if o.get('type') == kind)
        if have != t.groups(size):
            problems.append(f'hwloc {kind}: {len(have)} of {t.cpus // size}')
    return problems


def cpuset(text):
    """"0x00000001,,0x0000000f": words of 32 bits, the highest first; an empty word is 0."""
    bits = 0
    for word in text.split(','):
        bits = bits << 32 | int(word or '0', 16)
    return tuple(i for i in range(bits.bit_length()) if bits >> i & 1)


def cpuid_problems(t, raw, scratch):
    """cpuid(1) prints PKG_ID, CORE_ID and SMT_ID of AMD processors; for Intel's it adds up field widths."""
    path = scratch / 'raw'
    with open(path, 'w', encoding='ascii') as f:
        f.write(raw)
    code, out = run('cpuid', '-f', path)
    ids = [tuple(int(v) for v in m) for m in re.findall(r'PKG_ID=(\d+) CORE_ID=(\d+) SMT_ID=(\d+)', out)]
    good = code == 0 and grouped([i[0] for i in ids]) == t.groups(t.per_llc) and \
        grouped([i[:2] for i in ids]) == t.groups(t.threads)
    return [] if good else [f'cpuid(1): {ids[:4]}']


def decode_cpuid(t, host, apics, scratch):
    code, raw = run(DUMP, 'cpuid', t.text, host)
    if code:
        return [f'x86_dump: {raw}']
    cpus = read_json_numbers(raw)
    ids, problems = by_levels(t, cpus, 0xb)
    if cpus[0][0, 0][0] >= 0x1f:
        problems += by_levels(t, cpus, 0x1f)[1]
    if problems:
        return problems
    amd = cpus[0][0, 0][1] in (0x68747541, 0x6f677948)
    if ids != [apics.get(cpu) for cpu in range(t.cpus)]:
        problems.append('APIC ids are not those of the MADT')
    if [leaves[1, 0][1] >> 24 for leaves in cpus] != [i & 0xff for i in ids]:
        problems.append('leaf 1: APIC id')
    problems += cache_problems(t, cpus, 0x8000001d if amd else 4, ids)
    if max(ids) < 256 and t.cores <= 64:
        problems += amd_legacy(t, cpus) if amd else intel_legacy(t, cpus)
    if host in ('intel', 'amd') or (host == 'hygon' and t.cpus <= 64):
        problems += hwloc_problems(t, cpus, scratch / f'{t.text}-{host}')
    # cpuid(1) prints no ids of packages with one processor.
    if host in ('amd', 'zen1') and max(ids) < 256 and t.per_llc > 1:
        problems += cpuid_problems(t, raw, scratch)
    return problems


def main():
    with Scratch() as scratch:
        for text in TOPOLOGIES:
            t = Topology(text)
            apics, problems = decode_acpi(t, scratch)
            check(not problems, f'{text}: ACPI tables, {t.cpus} CPUs', '\n'.join(problems))
            for host in HOSTS:
                problems = decode_cpuid(t, host, apics, scratch)
                check(not problems, f'{text}: CPUID of {host}', '\n'.join(problems))
        for text, nodes, distances in DESCRIBED:
            _, problems = decode_acpi(Topology(text, nodes, distances), scratch)
            check(not problems, f'{text}: ACPI tables of nodes that are not alike', '\n'.join(problems))
    finish(at_least=200)


main()
