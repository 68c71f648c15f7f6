# SPDX-License-Identifier: GPL-2.0-only
"""layout.py -- imitates kernel.org: releases.json, tarballs and checksums of small trees that build in a second. The
trees have only the parts that ktstr needs of a kernel: a top Makefile with a version, Kconfig, the configuration
targets, vmlinux (an ELF file) and bzImage (with a boot sector's magic), and as many objects to make as a test requests.
"""
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import tarfile

MAKEFILE = """VERSION = {version}
PATCHLEVEL = {patchlevel}
SUBLEVEL = {sublevel}
EXTRAVERSION ={extraversion}
NAME = A Tree of Paper

objects := $(addprefix obj/,$(addsuffix .o,{numbers}))

KCONFIG_CONFIG ?= .config

# The fragment is the configuration, unless the tree has one. A tree without sched_ext does not know its option.
allnoconfig defconfig:
	@if [ -n "$(KCONFIG_ALLCONFIG)" ]; then cp "$(KCONFIG_ALLCONFIG)" $(KCONFIG_CONFIG); else cp fake/config $(KCONFIG_CONFIG); fi
	@grep -q SCHED_CLASS_EXT kernel/Kconfig.preempt || sed -i /SCHED_CLASS_EXT/d $(KCONFIG_CONFIG)
	@echo 'CONFIG_CC_VERSION_TEXT="$(if $(LLVM),clang$(LLVM:1=),$(if $(filter default,$(origin CC)),gcc,$(lastword $(CC)))) 1.0"' >> $(KCONFIG_CONFIG)

olddefconfig:
	@test -f $(KCONFIG_CONFIG) || cp fake/config $(KCONFIG_CONFIG)

syncconfig:
	@mkdir -p include/config
	@cp $(KCONFIG_CONFIG) include/config/auto.conf

# What the real ones take from the environment: where to build, and what.
ifneq ($(KBUILD_OUTPUT)$(O)$(ARCH)$(CROSS_COMPILE)$(M),)
$(error steered from outside: $(KBUILD_OUTPUT) $(O) $(ARCH) $(CROSS_COMPILE) $(M))
endif

$(objects): $(KCONFIG_CONFIG)
	@mkdir -p obj
	@echo "  CC      $@"
	@sleep {object_s}
	@touch $@

vmlinux: $(objects)
	@echo "  LD      vmlinux"
	@{fail}cp fake/vmlinux vmlinux

bzImage: vmlinux
	@mkdir -p arch/x86/boot
	@cp fake/bzImage arch/x86/boot/bzImage
	@echo "Kernel: arch/x86/boot/bzImage is ready  (#1)"

compile_commands.json:
	@echo '[]' > $@

clean mrproper:
	@rm -rf obj vmlinux arch include .config compile_commands.json

.PHONY: allnoconfig defconfig olddefconfig syncconfig bzImage clean mrproper compile_commands.json
"""

# tools/testing/selftests/sched_ext: like the real one, it accepts only compilers of one word.
SELFTESTS = """runner:
	@test "$(MAKELEVEL)" = 0 && test -n "$(CLANG)" && test "$(words $(CC))" = 1 && test "$(words $(HOSTCC))" -le 1
	@echo "  LINK     runner"
	@printf '#!/bin/sh\\necho "ok 1 example #"\\n' > runner && chmod +x runner
"""

# The options that ktstr checks in a finished configuration.
CONFIG = ''.join(f'CONFIG_{name}=y\n' for name in (
    'SCHED_CLASS_EXT', 'DEBUG_INFO_BTF', 'BPF', 'BPF_SYSCALL', 'BPF_JIT', 'FTRACE', 'KPROBES', 'KPROBE_EVENTS', 'BPF_EVENTS',
    'CGROUPS', 'CPUSETS', 'DEVMEM', 'SERIAL_8250_CONSOLE', 'RD_LZ4', '64BIT', 'SMP'))

# The smallest header of a kernel image: 0x55aa ends the boot sector, "HdrS" and a protocol version follow.
BZIMAGE = bytes(0x1f1) + b'\x01' + bytes(0x1fe - 0x1f2) + b'\x55\xaa\xeb\x66HdrS\x0f\x02' + bytes(1528)


def elf():
    """An ELF64 file for x86-64 with one section of its own, .text; binutils accept it."""
    import struct
    names = b'\0.text\0.shstrtab\0'
    text = b'\x90' * 16
    start, at = 64, 64 + len(text) + len(names)
    at += -at % 8
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, 3, 2)
    sections = bytes(64) + struct.pack('<IIQQQQIIQQ', 1, 1, 6, 0x1000, start, len(text), 0, 0, 16, 0) + \
        struct.pack('<IIQQQQIIQQ', 7, 3, 0, 0, start + len(text), len(names), 0, 0, 1, 0)
    return (header + text + names).ljust(at, b'\0') + sections


def split_version(version):
    """'6.12-rc3' -> (6, 12, 0, '-rc3')"""
    match = re.fullmatch(r'(\d+)\.(\d+)(?:\.(\d+))?(-rc\d+)?', version)
    if not match:
        raise ValueError(f"'{version}' is no kernel version")
    return int(match[1]), int(match[2]), int(match[3] or 0), match[4] or ''


def tree_files(version, objects=3, object_s=0.01, sched_ext=None, fails=False, padding=0):
    """{path: bytes} of a fake tree. @sched_ext: None means from 6.12 on. @padding: bytes that do not compress."""
    major, minor, patch, rc = split_version(version)
    if sched_ext is None:
        sched_ext = (major, minor) >= (6, 12)
    files = {
        'Makefile': MAKEFILE.format(
            version=major, patchlevel=minor, sublevel=patch, extraversion=' ' + rc if rc else '', object_s=object_s,
            numbers=' '.join(str(n) for n in range(objects)),
            fail='echo "kernel/sched/fair.c:1: error: as was asked for" >&2; exit 1; ' if fails else ''),
        'Kconfig': 'config 64BIT\n\tdef_bool y\n',
        'kernel/Kconfig.preempt': 'config SCHED_CLASS_EXT\n\tbool "Extensible Scheduling Class"\n' if sched_ext else '# none\n',
        'README': f'Linux {version}, of paper\n',
        '.gitignore': 'vmlinux\narch\nobj\n.*\ninclude\ncompile_commands.json\n',
        'fake/config': CONFIG, 'fake/vmlinux': elf(), 'fake/bzImage': BZIMAGE,
    }
    if sched_ext:
        files['tools/testing/selftests/sched_ext/Makefile'] = SELFTESTS
    if padding:
        files['fake/padding'] = b''.join(hashlib.sha256(f'{version} {n}'.encode()).digest() for n in range(padding // 32))
    return {path: data if isinstance(data, bytes) else data.encode() for path, data in files.items()}


def fake_tree(path, version, **args):
    """Writes a fake tree to the directory @path."""
    for name, data in tree_files(version, **args).items():
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as f:
            f.write(data)
    return path


def tarball(version, compression='xz', **args):
    """The bytes of linux-VERSION.tar.xz (or gz): the same for the same arguments, as kernel.org's are."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(tree_files(version, **args).items()):
            info = tarfile.TarInfo(f'linux-{version}/{name}')
            info.size, info.mode, info.mtime = len(data), 0o644, 1767225600
            tar.addfile(info, io.BytesIO(data))
    return lzma.compress(raw.getvalue(), preset=0) if compression == 'xz' else gzip.compress(raw.getvalue(), mtime=0)


def put(root, path, data):
    full = os.path.join(root, path.lstrip('/'))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def tarball_path(version):
    """The path on kernel.org: releases by series, candidates at git.kernel.org."""
    if '-rc' in version:
        return f'/torvalds/t/linux-{version}.tar.gz'
    return f'/pub/linux/kernel/v{version.split(".")[0]}.x/linux-{version}.tar.xz'


def sums_text(sums):
    """{name: hex} -> a clear-signed list; the signature is a fake too."""
    lines = ''.join(f'{value}  {name}\n' for name, value in sorted(sums.items()))
    return ('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n' + lines +
            '-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEEuGtuX3JtcGFwZXI=\n=AAAA\n-----END PGP SIGNATURE-----\n')


def release(version, longterm=(), eol=(), base='https://cdn.kernel.org'):
    series = '.'.join(version.split('.')[:2])
    moniker = 'mainline' if '-rc' in version else 'longterm' if series in longterm else 'stable'
    return {'iseol': series in eol, 'version': version, 'moniker': moniker, 'source': base + tarball_path(version),
            'pgp': None, 'released': {'timestamp': 1767225600, 'isodate': '2026-01-01'},
            'gitweb': None, 'changelog': None, 'diffview': None, 'patch': {'full': None, 'incremental': None}}


def releases_text(versions, **args):
    """releases.json: the newest release of each series, as on kernel.org, and linux-next."""
    listed = [release(v, **args) for v in versions]
    listed.append({'iseol': False, 'version': 'next-20260101', 'moniker': 'linux-next', 'source': None,
                   'released': {'timestamp': 1767225600, 'isodate': '2026-01-01'}})
    stable = next((e['version'] for e in listed if e['moniker'] == 'stable'), listed[0]['version'])
    return json.dumps({'latest_stable': {'version': stable}, 'releases': listed}, indent=4)


def sha256_of(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').hexdigest()


def lay_out(root, versions, listed=None, longterm=('6.12', '6.6', '6.1'), eol=(), real=None, **tree):
    """Fills @root with @versions; releases.json lists @listed (default: all); other versions can only be found by their
    URLs. @real: {version: path} of real tarballs (.tar.xz), linked to their places on kernel.org.
    """
    sums = {}
    for version, path in (real or {}).items():
        full = os.path.join(root, tarball_path(version).lstrip('/'))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.symlink(os.path.realpath(path), full)
        sums.setdefault(version.split('.')[0], {})[os.path.basename(full)] = sha256_of(path)
    for version in versions:
        data = tarball(version, 'gz' if '-rc' in version else 'xz', **tree)
        put(root, tarball_path(version), data)
        if '-rc' not in version:
            sums.setdefault(version.split('.')[0], {})[f'linux-{version}.tar.xz'] = hashlib.sha256(data).hexdigest()
    for major, of_major in sums.items():
        put(root, f'/pub/linux/kernel/v{major}.x/sha256sums.asc', sums_text(of_major))
    put(root, '/releases.json', releases_text([*versions, *(real or {})] if listed is None else listed, longterm=longterm, eol=eol))
