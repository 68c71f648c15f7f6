#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the first inputs of every target below corpus/; fuzzing adds to them. Run again when a format changes."""
import gzip
import io
import os
import struct
import tarfile
import zlib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')


def put(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def record(kind, payload):
    tail = struct.pack('<HHIQ', kind, 0, len(payload), 1000) + payload
    whole = struct.pack('<II', 0x4345524b, zlib.crc32(tail)) + tail
    return whole + b'\0' * (-len(whole) % 8)


def log(*records):
    body = b''.join(records)
    return struct.pack('<IIQQQ', 0x5254534b, 2, 1 << 20, len(body), 0) + b'\0' * 32 + body + b'\1'


hello = struct.pack('<IIQ64s', 1, 2, 262144, b'6.12.1')
cgroup = struct.pack('<IIIIIIQ64s32s128s', 0, 2, 1, 0, 0, 0, 1, b'cg_0', b'SpinWait', b'\3')
worker = struct.pack('<IIiIiI', 0, 0, 44, 1, 0, 1) + struct.pack('<11Q', 9, 9, 5, 9, 1, 1, 1, 1, 1, 0, 2) + bytes(8) + b'\7' + \
    bytes(127) + bytes(128) + struct.pack('<Q64I', 3, 100, *([0] * 63))
metric = struct.pack('<II48sd', 0, 0, b'rps', 407.5)
put('guest_log', 'whole', log(
    record(1, hello), record(2, struct.pack('<5H', 0, 0, 0, 0, 0)), record(3, struct.pack('<IiiI', 2, 0, 55, 0)),
    record(4, struct.pack('<II64s', 2, 0, b'run')), record(5, bytes(24)), record(6, cgroup), record(7, worker),
    record(8, struct.pack('<IIII', 0, 2, 5, 6)), record(9, metric), record(10, struct.pack('<II', 1, 0) + b'an expectation'),
    record(11, struct.pack('<II', 2, 0) + b'scheduler says\n'), record(12, struct.pack('<II', 0, 1)), record(13, bytes(8)),
    record(14, struct.pack('<Ii', 1, 0))))
put('guest_log', 'crash', log(record(1, hello), record(11, struct.pack('<II', 4, 0) + b'BUG: kernel NULL pointer\n')))
put('guest_log', 'sched', log(record(1, hello), record(3, struct.pack('<IiiI', 3, 256, 55, 0)),
                              record(11, struct.pack('<II', 2, 0) + b'processed 3 insns\n-- END PROG LOAD LOG --\n')))

put('qmp', 'session', '{"QMP":{}}\n{"return":{}}\n{"event":"SHUTDOWN","data":{"reason":"guest-reset"}}\n'
                      '{"return":"CPU#0\\r\\nRIP=1"}\n{"error":{"desc":"no"}}\n')

checks = '"checks":{"not_starved":1,"isolation":0,"max_gap_ms":5,"max_spread_pct":0,"min_work_rate":1.5}'
put('suite', 'two', '{"api":2,"schedulers":[{"name":"s","binary":"b","args":["-x"],"sysctls":[],"kargs":["k"],"load_cpu":1,'
    + checks + '}],"tests":[{"name":"t","file":"a.c","line":3,"problem":null,"scheduler":"s","numa_nodes":1,"llcs":2,'
    '"cores":2,"threads":1,"memory_mib":0,"duration_ms":2000,"workers_per_cgroup":2,"sched_args":[],"include_files":[],'
    '"expect_err":1,"expect_scx_error_contains":"x","expect_scx_error_matches":null,"staged":["s"],' + checks + '}]}')

for n, text in enumerate(('(test(~x) | kernel(/6_12/)) & !scheduler(=s)', '2n8l4c2t', '0-3,8,10-11', '1m30.5s',
                          'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\nEXTRAVERSION = -rc1\n',
                          'CONFIG_BPF=y\n# CONFIG_FTRACE is not set\n',
                          '[ 1.5] Kernel panic - not syncing: x\nprocessed 1 insns\n-- END PROG LOAD LOG --\n')):
    put('text', str(n), bytes([n]) + text.encode())

# The smallest ELF file with a program header and a note section, and a loader's cache with one library.
ehdr = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0, 64, 176, 0, 64, 56, 2, 64, 3, 2)
phdr = struct.pack('<IIQQQQQQ', 1, 5, 0, 0, 0, 120, 120, 4096) + struct.pack('<IIQQQQQQ', 3, 4, 0, 0, 0, 8, 8, 1)
names = b'\0.note.ktstr\0.shstrtab\0'
note = struct.pack('<III8sI', 6, 4, 1, b'ktstr', 1)
at = 176 + 3 * 64
shdrs = bytes(64) + struct.pack('<IIQQQQIIQQ', 1, 7, 2, 0, at, len(note), 0, 0, 4, 0) + \
    struct.pack('<IIQQQQIIQQ', 13, 3, 0, 0, at + len(note), len(names), 0, 0, 1, 0)
put('elf', 'note', ehdr + phdr + shdrs + note + names)
put('elf', 'ldcache', b'glibc-ld.so.cache1.1' + struct.pack('<II', 1, 32) + bytes(20) +
    struct.pack('<iIIIQ', 0x303, 72, 82, 0, 0) + b'libc.so.6\0/lib/libc.so.6\0')

raw = io.BytesIO()
with tarfile.open(fileobj=raw, mode='w') as tar:
    for name, text in (('linux-6/Makefile', 'VERSION = 6\nPATCHLEVEL = 1\n'), ('linux-6/a/b', 'x')):
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    link = tarfile.TarInfo('linux-6/l')
    link.type, link.linkname = tarfile.SYMTYPE, 'a/b'
    tar.addfile(link)
put('tarball', 'plain.tar', raw.getvalue())
put('tarball', 'packed.tar.gz', gzip.compress(raw.getvalue(), mtime=0))

put('json_file', 'good', '{"version":"6.12.1","source":{"type":"tarball"},"arch":"x86_64","image_name":"bzImage",'
                         '"built_at":"2026-01-01T00:00:00Z","ktstr_kconfig_hash":"00112233","has_vmlinux":true,"objects":5}')
