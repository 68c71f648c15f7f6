#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the first inputs of every target below corpus/; fuzzing adds to them. Run it again after a format changes."""
import gzip
import io
import json
import os
import struct
import tarfile
import zlib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')


def put(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def build_records():
    def entry(payload, deps=0):
        return struct.pack('<I', len(payload) | deps << 31) + payload

    def path(number, name):
        return entry(name + b'\0' * (-len(name) % 4) + struct.pack('<I', ~number & 0xffffffff))
    paths = b''.join(path(i, name) for i, name in enumerate((b'a.o', b'../a.c', b'a.skel.h', b'/usr/include/b.h')))
    put('build_records', 'deps', b'# ninjadeps\n' + struct.pack('<I', 4) + paths + entry(struct.pack('<IQIII', 0, 1, 1, 2, 3), 1) + entry(struct.pack('<IQI', 0, 2, 1), 1))
    put('build_records', 'deps3', b'# ninjadeps\n' + struct.pack('<I', 3) + paths + entry(struct.pack('<IIII', 0, 1, 1, 2), 1))
    put('build_records', 'rules', 'a: b.c c\\ d.h \\\n e\\#f $$g h:\\i\n\nb.c:\nx: CFLAGS = -O2\n.PHONY: all\n%.o: %.c\nall:: a | order\n\trecipe: no\nc:\\x\\y.o: d:\\z.c; echo\n')


def kmsg():
    head = 'Nov 29 12:00:01 host scx_lavd[812]: '
    put('kmsg', 'stall', '[ 4131.302180] [T991] sched_ext: BPF scheduler "rusty_1.0.9" disabled (runnable task stall)\n'
        '[ 4131.302185] sched_ext: rusty_1.0.9: nginx[4711] failed to run for 30.123s\n[ 4131.302190]    scx_watchdog_workfn+0x64/0x90\n')
    put('kmsg', 'dump', ''.join(head + line + '\n' for line in (
        'swapper/1[0] triggered exit kind 1026:', '  runnable task stall (stress-ng[411] failed to run for 5.120s)', 'CPU states',
        'CPU 3   : nr_run=2 flags=0x1 cpu_rel=0 pnt_seq=6', ' *R kworker/3:0[77] +0ms', '      cpus=f', '  R stress-ng[411] -5120ms',
        '      cpus=3,00000106', '    futex_wait_queue+0x60/0x90')))
    put('kmsg', 'guest', json.dumps({'schema': 'single', 'kernel': {'cpus': 2}, 'scx_exit': {'kind': 'SCX_EXIT_ERROR_STALL'},
                                    'scx_sched_state': {'ops_name': 'x', 'watchdog_timeout_ms': 2000},
                                    'task_enrichments': [{'comm': 'a', 'waiting': True, 'static_prio': 130, 'cpus_allowed': '1',
                                                          'cgroup': '/a/b', 'policy': 1, 'rt_priority': 7, 'stack': ['pipe_read+0x1/0x2']}]}))


def session(kind, data):
    return b'K' + struct.pack('<BH', kind, len(data)) + data


def record(kind, payload):
    tail = struct.pack('<HHIQ', kind, 0, len(payload), 1000) + payload
    whole = struct.pack('<II', 0x4345524b, zlib.crc32(tail)) + tail
    return whole + b'\0' * (-len(whole) % 8)


def log(*records):
    body = b''.join(records)
    return struct.pack('<IIQQQ', 0x5254534b, 3, 1 << 20, len(body), 0) + b'\0' * 32 + body + b'\1'


hello = struct.pack('<IIQ64s', 1, 2, 262144, b'6.12.1')
cgroup = struct.pack('<IIIIIIQIIiI64s32s128s', 0, 2, 1, 0, 0, 1, 1, 50, 5000, 5, 0, b'cg_0', b'SpinWait', b'\3')
check = struct.pack('<IId48s', 0, 0, 5, b'max_gap_ms')
worker = struct.pack('<IIiIiI', 0, 0, 44, 1, 0, 1) + struct.pack('<11Q', 9, 9, 5, 9, 1, 1, 1, 1, 1, 0, 2) + bytes(8) + b'\7' + \
    bytes(127) + bytes(128) + struct.pack('<Q64I', 3, 100, *([0] * 63))
metric = struct.pack('<II48sd', 0, 0, b'rps', 407.5)
put('guest_log', 'whole', log(
    record(1, hello), record(2, struct.pack('<5H', 0, 0, 0, 0, 0)), record(3, struct.pack('<IiiI', 2, 0, 55, 0)),
    record(4, struct.pack('<II64s', 2, 0, b'run')), record(5, bytes(24)), record(6, cgroup), record(17, check), record(7, worker),
    record(8, struct.pack('<IIII', 0, 2, 5, 6)), record(9, metric), record(10, struct.pack('<II', 1, 0) + b'an expectation'),
    record(11, struct.pack('<II', 2, 0) + b'scheduler says\n'), record(12, struct.pack('<II', 0, 1)), record(13, bytes(8)),
    record(14, struct.pack('<Ii', 1, 0))))
put('guest_log', 'crash', log(record(1, hello), record(11, struct.pack('<II', 4, 0) + b'BUG: kernel NULL pointer\n')))
put('guest_log', 'sched', log(record(1, hello), record(3, struct.pack('<IiiI', 3, 256, 55, 0)),
                              record(11, struct.pack('<II', 2, 0) + b'processed 3 insns\n-- END PROG LOAD LOG --\n')))

payload = struct.pack('<IIiIIIQ', 0, 1, 256, 1, 0, 0, 5) + b'fio'.ljust(64, b'\0') + b'cg_0'.ljust(64, b'\0')
put('guest_log', 'payload', log(record(1, hello), record(15, payload),
                                record(16, struct.pack('<IHHdd', 0, 1, 1, 3.5, 0) + b'1/s'.ljust(16, b'\0') +
                                       b'jobs.0.iops'.ljust(192, b'\0'))))

# Sidecars for reports: what tests of formats have, and every member with another type.
group = {'cgroup_name': '<b>', 'work_type': 'SpinWait', 'num_workers': 2, 'p99_wake_latency_us': 1e300, 'median_wake_latency_us': 3, 'max_gap_ms': 7,
         'min_off_cpu_pct': 1, 'avg_off_cpu_pct': 2, 'max_off_cpu_pct': 101}
result = {'schema': {'name': 'ktstr.result', 'version': 2}, 'name': 'ktstr/a', 'test_name': 'a', 'suite': 's', 'topology': '1n1l1c1t', 'verdict': 'fail',
          'seed': '0x1', 'replay': 'ktstr test', 'file': '../a.c', 'line': 3, 'wall_ns': 5, 'duration_ns': 2000000000, 'timestamp': '2026-01-02T03:04:05Z',
          'host': {'cpu_model': 'x', 'sched_tunables': {'a': '1'}}, 'details': [{'kind': 'Unfair', 'message': '# SKIP ::error::', 'verdict': 'fail'}],
          'stats': {'cgroups': [group] * 2, 'worst_gap_ms': 7, 'total_iterations': 900},
          'stimulus_events': [{'elapsed_ms': at, 'label': None, 'worker_count': 2, 'total_iterations': at} for at in (5, 400, 300)],
          'thresholds': {'max_gap_ms': {'value': 5, 'origin': 'test'}, 'isolation': {'value': True, 'origin': 'default'}},
          'flake': {'final': True, 'tries': [{'attempt': 1, 'cause': 'c', 'seed': '0x1', 'verdict': 'fail'}] * 2},
          'known_fail': {'reason': 'r', 'outcome': 'xfail'}, 'not_judged': [{'check': 'x', 'reason': 'y'}]}
put('sidecar', 'whole', json.dumps(result))
put('sidecar', 'plain', json.dumps(dict(result, known_fail=None, name='\u202e--- x ---\n')))
put('sidecar', 'types', json.dumps({key: 5 if isinstance(value, (str, dict, list)) else [] for key, value in result.items()} | {'schema': result['schema']}))
put('sidecar', 'deep', json.dumps(dict(result, stats=[], details={'0': 1}, flake={'tries': [1, None]}, stimulus_events=[1, {}], thresholds={'a': 1}, host=7)))

# Evidence as a list of (kind, length, bytes): a record's type, or 0x80 and above for the host's observations
# (fuzz_reports.c).
def said(kind, text):
    return struct.pack('<BH', kind, len(text)) + text


hostile = b'gr\xfc\x1b]0;x\x07 \xc2\x9b31m \xe2\x80\xae' + b'\xc3\xa9' * 400
put('reports', 'whole', b'\xff' + said(1, hello[:16] + hostile[:64]) + said(4, struct.pack('<II', 2, 0) + hostile[:64]) +
    said(6, struct.pack('<IIIIIIQ64s32s128s', 0, 1, 1, 0, 0, 0, 1, hostile[:64], hostile[:32], b'\3')) + said(7, worker) +
    said(9, struct.pack('<II48sd', 0, 0, hostile[:48], 407.5)) + said(10, struct.pack('<II', 1, 0) + hostile) +
    said(11, struct.pack('<II', 1, 0) + hostile + b'\xc3') + said(11, struct.pack('<II', 1, 0) + b'\xa9\nend') +
    said(12, struct.pack('<II', 1, 1)) + said(13, bytes(8)) + said(14, struct.pack('<Ii', 1, 0)) +
    said(0x80, b'[ 1.0] Oops: ' + hostile + b'\n') + said(0x86, hostile[:40]))
put('reports', 'scheduler', b'\x1f' + said(1, hello) + said(3, struct.pack('<IiiI', 2, 0, 55, 0)) + said(3, struct.pack('<IiiI', 7, 0, 55, 0)) +
    said(11, struct.pack('<II', 4, 0) + b'sched_ext: x disabled (' + hostile + b')\nsched_ext: ' + hostile) +
    said(11, struct.pack('<II', 2, 0) + hostile))
put('reports', 'last_line', b'\2' + said(1, hello) + said(11, struct.pack('<II', 1, 0) + b'\xc3\xa9' * 400 + b'\n') +
    said(13, struct.pack('<iI', 3 << 8, 0)))
put('reports', 'no_machine', b'\0' + said(0x83, b'start: ' + hostile) + said(0x81, hostile) + said(0x82, b'RIP=' + hostile))
put('reports', 'payload', b'\4' + said(1, hello) + said(15, payload[:40] + hostile[:64] + hostile[20:84]) +
    said(16, struct.pack('<IHHdd', 0, 3, 1, 3.5, 7.5) + hostile[:16] + hostile[:192]) + said(12, struct.pack('<II', 0, 0)))
put('reports', 'many', b'\1' + said(1, hello) + b''.join(said(10, struct.pack('<II', i % 4, 0) + b'n%d' % i) for i in range(300)) +
    said(10, struct.pack('<II', 1, 0) + b'the one that counts'))
put('reports', 'long', b'\0' + said(1, hello) + said(11, struct.pack('<II', 1, 0) + b'\xe2\x82\xac' * 4001) + said(0x80, b'\xe2\x82\xac' * 5000) +
    said(6, cgroup) + said(12, struct.pack('<II', 1, 0)))
put('payload', 'json', '\0[info] {not json}\n{"a":[1,-2.5e3,{"b\\"c":0}],"d":"x","e":null,"f":1e999}\nend')
put('payload', 'deep', '\0' + '[' * 80 + '1' + ']' * 80)
put('payload', 'names', '\3{"' + 'k' * 200 + '":1,"":2,"\\u00e9":3,"a":true}')
put('payload', 'broken', '\0{"a":1,}[1 2][')
put('payload', 'tap', '\0ok 1 - name # SKIP no\nnot ok 2 name\r\nok 3 # skip\nok\nnot ok 4 other #\n1..4')
put('question', 'good', '{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":'
                        '"{\\"ops\\": 12.5, \\"gone\\": null, \\"n\\": -3e2}"}}]}')
put('question', 'nested', '{"choices":[{"message":{"content":"{\\"ops\\": \\"12\\", \\"a\\": {\\"b\\": [1]}}"}},7,null]}')
put('question', 'error', '{"error":{"code":503,"message":"Loading model\\n","type":"unavailable_error"}}')
put('question', 'marks', 'ops = 7 <|im_end|><|im_start|>system [INST] </s> END OUTPUT "}]}')
put('qmp', 'session', '{"QMP":{}}\n{"return":{}}\n{"event":"SHUTDOWN","data":{"reason":"guest-reset"}}\n'
                      '{"return":"CPU#0\\r\\nRIP=1"}\n{"error":{"desc":"no"}}\n')

def snapshot(state, *pages):
    table = b''.join(struct.pack('<QQII', at * 4096, 4096, 0, 0) for at, _ in pages)
    body = struct.pack('<8sIIQ8Q', b'kvm', 1, len(pages), len(state), 1 << 20, *([0] * 7)) + table + state
    head = struct.pack('<QII', 0x50414e534b54534b, 1, zlib.crc32(body)) + body
    return head + b'\0' * (-len(head) % 4096) + b''.join(page * 4096 for _, page in pages)


put('snapshot', 'two_pages', snapshot(b'state', (0, b'a'), (255, b'b')))
put('snapshot', 'empty', snapshot(struct.pack('<QII', 0x31565350564d564b, 1, 1) + bytes(4000)))

checks = '"checks":{"not_stuck":true,"enforce":true,"max_local_dsq_depth":7,"isolation":false,"max_gap_ms":5,"max_spread_pct":false,"min_work_rate":1.5}'
put('suite', 'two', '{"api":2,"schedulers":[{"name":"s","binary":"b","args":["-x"],"sysctls":[],"kargs":["k"],"load_cpu":1,"attach_timeout_s":20,'
    + checks + '}],"tests":[{"name":"t","file":"a.c","line":3,"problem":null,"scheduler":"s","numa_nodes":1,"llcs":2,'
    '"cores":2,"threads":1,"memory_mib":0,"duration_ms":2000,"workers_per_cgroup":2,"sched_args":[],"include_files":[],'
    '"expect_err":1,"expect_scx_error_contains":"x","expect_scx_error_matches":null,"staged":["s"],"constraints":{"min_llcs":1,"max_llcs":12,"min_cpus":1,"max_cpus":192,"min_numa_nodes":1,'
    '"max_numa_nodes":1,"requires_smt":2,"requires_kinds":2},' + checks + '}]}')
put('suite', 'keys', '{"api":7,"schedulers":[{"name":"s","binary":"b","config_path":"/run/a","config_args":["-c","{file}{file"],'
    '"kernels":["6.1..6.12"],"verifier_exclude_topologies":["4cpu-1llc-nosmt"],"cgroup_parent":"/a","args":[],"sysctls":[],"kargs":[],"load_cpu":0,'
    '"attach_timeout_s":20,' + checks + '},{"name":"k","binary":null,"kernel_builtin_enable":["echo 1 > /a"],"kernel_builtin_disable":["echo 0 > /a"],'
    '"config_file":"a/b","args":[],"sysctls":[],"kargs":[],"load_cpu":0,"attach_timeout_s":0,' + checks + '}],'
    '"tests":[{"name":"demo_t","file":"a.c","line":3,"problem":null,"scheduler":"s","numa_nodes":1,"llcs":2,'
    '"cores":2,"threads":1,"memory_mib":0,"duration_ms":2000,"workers_per_cgroup":2,"sched_args":[],"include_files":[],"expect_err":0,'
    '"ignore":1,"survives_storm":1,"auto_repro":2,"expect_auto_repro":1,"kaslr":1,"cpu_budget":3,"cleanup_budget_ms":5,"watchdog_timeout_s":4,"workload_root_cgroup":"/a/b","config":"x = 1\\n",'
    '"constraints":{"min_llcs":1,"max_llcs":12,"min_cpus":1,"max_cpus":192,"min_numa_nodes":1,"max_numa_nodes":1,"requires_smt":2,"requires_kinds":2},' + checks + '}]}')

for n, text in enumerate(('(test(~x) | kernel(/6_12/)) & !scheduler(=s)', '2n8l4c2t', '0-3,8,10-11', '1m30.5s',
                          'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\nEXTRAVERSION = -rc1\n',
                          'CONFIG_BPF=y\n# CONFIG_FTRACE is not set\n',
                          '[ 1.5] Kernel panic - not syncing: x\nprocessed 1 insns\n-- END PROG LOAD LOG --\n', 'count:2/3')):
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

put('net', 'releases', b'\0{"releases":[{"moniker":"stable","version":"6.17.8","iseol":false,"source":"https://x/y.tar.xz",'
                       b'"released":{"timestamp":1,"isodate":"2026-11-20"}},{"moniker":"longterm","version":"6.12.58",'
                       b'"iseol":true,"source":null},{"moniker":"linux-next","version":"next-20261120"}]}')
sum_line = b'0123456789abcdef' * 4 + b'  linux-6.12.3.tar.xz\n'
put('net', 'sums', b'\1-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n' + sum_line +
    b'-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n')
put('net', 'sums-plain', b'\1' + sum_line)
put('net', 'header', b'\2HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nETag: "abc"\r\n'
                     b'Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/html\r\n\r\n')
put('net', 'version', b'\x036.13-rc2')

def ring_record(kind, length, fill=b'x', lost=0):
    return struct.pack('<HHI', kind, length, lost) + (fill * length)[:length] + b'\0' * (-length % 8)


def ring_step(what, where, words, data):
    return struct.pack('<HHHH', what, where, words, len(data)) + data


few = ring_record(1, 8) + ring_record(2, 0) + ring_record(3, 13, lost=7) + ring_record(4, 1016)
# Records up to 72 bytes before the end of a ring of 4096, padding, and one at the start again.
lap = ring_record(1, 1000) * 3 + ring_record(1, 992)
put('shmring', 'few', ring_step(0, 0, len(few) // 8, few))
put('shmring', 'lap', ring_step(0, 0, len(lap) // 8, lap) + ring_step(
    0, len(lap), (4096 - len(lap)) // 8 + 13, ring_record(0, 4096 - len(lap) - 8) + ring_record(9, 96)))
put('shmring', 'growing', b''.join(ring_step(0, n * 16, 2, ring_record(1, 8)) for n in range(20)))
put('shmring', 'damage', ring_step(0, 0, 2, ring_record(1, 8)) + ring_step(0, 16, 4, ring_record(1, 8) + ring_record(1, 64)[:8]))
put('shmring', 'lies', ring_step(8 | 32, 4000, 2, ring_record(1, 8)) + ring_step(4, 2500, 0, b'') + ring_step(4, 100, 0, b''))
put('shmring', 'odd', ring_step(1, 0, 2, ring_record(1, 8)))
put('shmring', 'huge', ring_step(2, 0, 2, ring_record(1, 8)))
put('shmring', 'finish', ring_step(16, 0, 2, ring_record(1, 8)) + ring_step(0, 16, 2, ring_record(1, 8)))
# The smallest bzImage and vmlinux that load.
header = bytearray(0x400)
header[0x1f1] = 1
struct.pack_into('<I', header, 0x1f4, 64)
struct.pack_into('<HHIH', header, 0x1fe, 0xaa55, 0x6aeb, 0x53726448, 0x20f)
header[0x211] = 1
struct.pack_into('<I', header, 0x22c, 0x7fffffff)
struct.pack_into('<H', header, 0x236, 1)
struct.pack_into('<I', header, 0x238, 2047)
struct.pack_into('<QI', header, 0x258, 0x1000000, 0x100000)
put('kernel', 'bzImage', bytes(header) + b'\x90' * 1024)
ehdr = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0x1000010, 64, 0, 0, 64, 56, 2, 0, 0, 0)
phdr = struct.pack('<IIQQQQQQ', 1, 5, 176, 0xffffffff81000000, 0x1000000, 64, 64, 4096) + \
    struct.pack('<IIQQQQQQ', 1, 6, 240, 0xffffffff81200000, 0x1200000, 16, 8192, 4096)
put('kernel', 'vmlinux', ehdr + phdr + b'\x90' * 80)
# A vmlinux with code and types that may be mapped: 16 KiB each, their sections' headers in the first page.
ehdr = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0x1000010, 64, 120, 0, 64, 56, 1, 64, 3, 0)
phdr = struct.pack('<IIQQQQQQ', 1, 5, 4096, 0xffffffff81000000, 0x1000000, 32768, 32768, 4096)
sections = b''.join(struct.pack('<IIQQQQIIQQ', 0, 1, flags, 0, at, size, 0, 0, 0, 0)
                    for flags, at, size in ((0, 0, 0), (6, 4096, 16384), (2, 20480, 16384)))
put('kernel', 'vmlinux-sections', (ehdr + phdr + sections).ljust(4096, b'\0') + bytes(n % 251 for n in range(32768)))


def write(kind, disk, where, value):
    return struct.pack('<BII', kind << 1 | disk, where & 0xffffffff, value & 0xffffffff)


def descriptor(queue, i, address, length, flags):
    at = queue * 0x400 + 16 * i
    return write(5, 0, at, address) + write(5, 0, at + 8, length) + write(5, 0, at + 12, flags | (i + 1) << 16)


def publish(queue, disk, count):
    return write(5, 0, queue * 0x400 + 0x102, count) + write(1, disk, 0, queue)


# A disk's read; the console's output, control messages and input; the serial port; a driver's own set-up.
put('virtio', 'disk', b'\1' + write(5, 0, 0x3000, 0) + descriptor(0, 0, 0x3000, 16, 1) + descriptor(0, 1, 0x3100, 512, 3) +
    descriptor(0, 2, 0x3010, 1, 2) + publish(0, 1, 1))
put('virtio', 'disk_limits', b'\7' + write(5, 0, 0x3000, 1) + descriptor(0, 0, 0x3000, 528, 1) + descriptor(0, 1, 0x3010, 1, 2) +
    publish(0, 1, 1) + publish(0, 1, 2) + write(1, 1, 0, 0))
put('virtio', 'console', b'\1' + descriptor(1, 0, 0x3000, 64, 0) + publish(1, 0, 1) + descriptor(0, 0, 0x3000, 8, 2) +
    publish(0, 0, 1) + write(3, 0, 0, 8))
put('virtio', 'ports', b'\1' + descriptor(2, 0, 0x3200, 64, 2) + publish(2, 0, 1) + write(5, 0, 0x3004, 0x10000) +
    descriptor(3, 0, 0x3000, 8, 0) + publish(3, 0, 1) + write(5, 0, 0x3004, 0x10003) + publish(3, 0, 2))
put('virtio', 'serial', b'\0' + write(2, 0, 1, 3) + write(2, 0, 2, 0xc1) + write(2, 0, 4, 0x1a) + write(2, 0, 0, 65) +
    write(2, 0, 3, 0x83) + write(2, 0, 0, 1) + write(4, 0, 4, 0x3402))
put('virtio', 'setup', b'\0' + b''.join(write(0, 1, *w) for w in (
    (0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11), (0x30, 0), (0x38, 8), (0x80, 0x1000), (0x90, 0x1100), (0xa0, 0x1200),
    (0x44, 1), (0x70, 15), (0x50, 0), (0x64, 3), (0x70, 0))))

# Trees without the recorded hosts' short forms: small enough that mutations have an effect.
for name in ('one-cpu', 'hybrid-laptop', 'contradictory', 'node-without-memory'):
    lines = []
    with open(os.path.join(HERE, '..', '..', 'hosts', name + '.txt')) as f:
        for line in f:
            before, _, rest = line.partition('[')
            numbers, _, after = rest.partition(']')
            for part in numbers.split(',') if rest else []:
                first, _, last = part.partition('-')
                lines += [f'{before}{n}{after}' for n in range(int(first), int(last or first) + 1)]
            lines += [line] if not rest and '\t' in line else []
    put('locks', name, '\0' + ''.join(lines))
put('locks', 'proc', '\1' '1: FLOCK  ADVISORY  WRITE 345 fe:0a:678 0 EOF\n1: -> FLOCK  ADVISORY  READ 3 00:1f:9 0 EOF\n'
                     '2: POSIX  ADVISORY  READ -1 fe:00:9 0 EOF\n12 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n')
put('locks', 'cmdline', b'\2ktstr\0test\0\xc3\xa9\0\x1b[2J\xe2\x80\xae\xff' + b'x' * 200)
# The VM's bus: (write, width, port, value); the serial port set up and written to, power off, reset, the exit port.
rows = ((0, 0, 0x18), (0, 0x10, 0x31), (0, 0, 0x19), (0, 0x10, 0xb3020000), (1, 4, 1), (1, 4, 0), (1, 4, 1), (0, 0, 0x22), (0, 0x10, 0x8029),
        (1, 9, 1), (2, 0x29, 0), (0, 0x40, 0x29), (1, 9, 0), (0, 0x10, 0x10029), (3, 0x10, 0), (0, 0, 1), (3, 0x10, 0))
put('ioapic', 'session', b''.join(struct.pack('<BBI', *row) for row in rows))
put('bus', 'session', b''.join(struct.pack('<BBHQ', w, width, port, value) for w, width, port, value in (
    (1, 0, 0x3fb, 0x80), (1, 0, 0x3f8, 1), (1, 0, 0x3fb, 3), (1, 0, 0x3fa, 7), (1, 0, 0x3f9, 15), (0, 0, 0x3fa, 0),
    (1, 0, 0x3f8, 0x68), (1, 0x30, 0x3f8, 0x6869), (0, 0, 0x3fd, 0), (0, 1, 0x604, 0), (1, 1, 0x604, 0x3400),
    (1, 0, 0x64, 0xfe), (1, 2, 0xf4, 0), (3, 2, 0, 0xc0000000), (2, 2, 0, 0xfec00000))))
# A record with the right magic and size, and lines as gpgv writes them.
put('cachefile', 'record', struct.pack('<QQQQ40sQQQQQ', 0x31304d5553545348, 7, 1, 2, b'boot', 1, 2, 3, 4, 5))
put('cachefile', 'validsig', '[GNUPG:] VALIDSIG ' + 'A' * 40 + ' 2026-01-01 1767225600 0 4 0 1 8 01 ' + 'B' * 40)
put('cachefile', 'goodsig', '[GNUPG:] GOODSIG 632D3A06589DA6B1 somebody')

# Changes of a guest kernel's memory (fuzz_monitor.c): place, offset, kind of value, value, length.
def change(place, offset, kind, value, length=8):
    return struct.pack('<BHBQBB', place, offset, kind, value, length - 1, 0)


put('monitor', 'nothing', change(2, 0x2fff, 2, 0, 1))
put('monitor', 'loops', change(4, 0, 1, 4 << 32) + change(4, 64, 1, 4 << 32 | 256) + change(1, 168, 1, 4 << 32))
put('monitor', 'counts', change(0, 0x1014, 0, 0xffffffff, 4) + change(4, 8, 0, 0xffffffff, 4) + change(0, 0x2000, 0, 1 << 63))
put('monitor', 'tables', change(3, 4088, 0, 0x1005067) + change(3, 0, 0, 0x1005067) + change(0, 0x1010, 0, 1, 4) + change(0, 0x1008, 0, 0xffff800000000000))
put('monitor', 'array', b''.join(change(4, 8 * i, 3, 4 << 32 | 64 * i) for i in range(60)))
build_records()
kmsg()

put('session', 'output', b'noise' + session(4, b'ktstr session 1') + session(5, b'hello') + session(7, b'\5\0\0\0') + session(9, b'\0\7\0\0'))

loop = ''.join(f'{i}: (bf) r1 = r6                   ; R1_w=scalar(id={n}) R6=scalar(id={n})\n' if i % 2 else
               f'; while (i < {i}) @ a.bpf.c:{i}\n' for n in range(4) for i in range(6)) + '23: (b7) r0 = 0\n'
put('verifier', 'log', "\0libbpf: prog 'a': BPF program load failed: -13\nlibbpf: prog 'a': -- BEGIN PROG LOAD LOG --\n" + loop +
    'processed 42 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 2 mark_read 0\nverification time 7 usec\n'
    'stack depth 8+16\n-- END PROG LOAD LOG --\n')
put('verifier', 'rows', '\1file_name,prog_name,verdict,total_insns\n"a,b",c,success,5\nx,y,failure,\n')
put('verifier', 'filter', '\2!|insns_pct|>=10%')
put('verifier', 'flags', '\3[{"name": "a", "args": ["-a"], "requires": ["b"]}, {"name": "b"}]')


# Recorded schedules (schedule/log.h).
def number(n):
    out = b''
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def schedule(*events, cpus=2, **members):
    about = json.dumps({'schema': {'name': 'ktstr.schedule', 'version': 1}, 'test': 't', 'cpus': cpus, 'events': len(events), **members}).encode()
    block = b''.join(events)
    return b'KTSTRSCH' + struct.pack('<II', 1, len(about)) + about + struct.pack('<II', len(block), len(events)) + block + bytes(8)


def sched_task(slot, pid):
    return bytes([0x80 | slot]) + struct.pack('<Q', 0xffff888000000000 + pid * 64) + number(pid * 2)


ready = bytes([2, 4 | 8 | 16 | 32 | 64, 0]) + number(2000) + sched_task(5, 40) + number(7) + bytes([1, 3])
runs = bytes([0, 0, 0]) + number(20) + bytes([0]) + bytes([5])
sleeps = bytes([3, 4, 0]) + number(40) + bytes([5])
leaves = bytes([1 << 6, 8, 0]) + number(2) + bytes([5, 0])
wakes = bytes([1, 128, 1]) + number(60) + bytes([5]) + number(1) + number(2) + number(3)
other = bytes([2, 4, 1]) + number(1) + sched_task(6, 41)
put('schedule_log', 'events', schedule(
    ready, runs, sleeps, leaves, wakes, other, bytes([4, 0, 1, 0, 5]), bytes([0, 0, 1, 4, 0, 6]), bytes([7, 0, 1, 1, 0]), bytes([8, 0, 1, 1, 0]),
    began_ns=900, failure={'from_ns': 1010, 'to_ns': 1060, 'pid': 40, 'cpu': 1, 'text': 'it waited'},
    phases=[{'name': 'run', 'from_ns': 900, 'to_ns': 2000}], cgroups=[{'id': 7, 'name': 'crowd'}],
    tasks=[{'pid': 41, 'name': 'test'}, {'pid': 40, 'name': 'test', 'cgroup': 'crowd'}]))
put('schedule_log', 'about', schedule(ready, cpus=512, failure=None))
far = bytes([0, 0, 0]) + number((1 << 63) - 5) + bytes([0]) + sched_task(5, 40)
put('schedule_log', 'times', schedule(far, runs, failure={'from_ns': 0, 'to_ns': (1 << 63) - 1, 'pid': 40}, began_ns=(1 << 62)))
put('schedule_log', 'point', schedule(far, sleeps, leaves, failure={'from_ns': (1 << 62) - 3, 'to_ns': (1 << 62) - 2, 'pid': 40}))

# A guest's counters: a program with two ranges and four slots, as tests/unit/test_coverage.c has them.
region = bytearray(2048)
struct.pack_into('<6I', region, 0, 0x564f434b, 0, 3, 2, 0, 1024)
struct.pack_into('<11I11s', region, 1024, 7, 0, 3, 2, 4, 4, 64, 1280, 1344, 1376, 1408, b'/scheduler')
struct.pack_into('<4I', region, 1280, 8, 2, 40, 1)
struct.pack_into('<4I', region, 1344, 17, 0xffffffff, 0, 18)
struct.pack_into('<4I', region, 1376, 1536, 1600, 1664, 0)
struct.pack_into('<3Q', region, 1408, 100, 200, 300)
put('coverage', 'memory', b'\0' + bytes(region))
put('coverage', 'gcov', '\1' + json.dumps({'current_working_directory': '/nowhere', 'files': [
    {'file': 'a.c', 'functions': [{'demangled_name': 'f', 'start_line': 3, 'execution_count': 4}],
     'lines': [{'line_number': 3, 'count': 4}]}]}))
put('coverage', 'lcov', '\2TN:\nSF:b.c\nFN:3,f\nFNDA:2,f\nDA:3,2\nDA:4,0,sum\nLF:2\nend_of_record\nSF:a.c\nDA:1,1\nend_of_record\n')
