#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The VMM's other forms, in the lab, one boot each: its own I/O APIC, a copied kernel, virtio devices, perf mode with
every setting that a host can grant; and the replay line of a failure in perf mode and dilated time.

    tests/lab/modes.py BUILD
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from tap import BUILD, check, finish, need_kernel, skip  # noqa: E402

MIB = 256
SUITE = BUILD + '/tests/fixtures/misbehaving'
CMDLINE = 'console=ttyS0 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no_timer_check rdinit=/init pci=off reboot=k'


def script(kernel):
    return f'''
B={BUILD}
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/bare.cpio {MIB} 1n1l2c1t+split "{CMDLINE}" >/results/split 2>/tmp/console
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/bare.cpio {MIB} 1n1l2c1t+copy "{CMDLINE}" >/results/copy 2>/tmp/console
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/virtio.cpio {MIB} 1n1l2c1t+virtio "{CMDLINE}" >/results/virtio 2>/results/virtio.console
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/virtio.cpio {MIB} 1n1l2c1t+virtio+split "{CMDLINE}" >/results/virtio-split 2>/dev/null
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/bare.cpio {MIB} 1n1l1c1t "{CMDLINE} -- linger" >/results/plain 2>/tmp/console
echo {MIB // 2} >/proc/sys/vm/nr_hugepages
timeout 300 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/bare.cpio {MIB} 1n1l1c1t+perf "{CMDLINE} -- linger" >/results/perf 2>/tmp/console
echo 0 >/proc/sys/vm/nr_hugepages
'''


def replay(entry):
    """The same test again by its replay line, which the first run prints."""
    return f'''
export PATH={BUILD}:$PATH KTSTR_SIDECAR_DIR=/results/first
ktstr test -j1 --kernel {entry['key']} --accel kvm --time-dilation {lab.DILATION} --perf-mode -E 'test(=ktstr/failed_expectation)' {SUITE} >/results/said 2>&1
export KTSTR_SIDECAR_DIR=/results/again
sed -n 's/^  replay  //p' /results/said >/tmp/replay
sh /tmp/replay >/results/said-again 2>&1
'''


def fill(image, entry):
    home = '/lab/cache/ktstr/kernels/' + entry['key']
    image.file(f"{entry['path']}/vmlinux", home + '/vmlinux')
    for program in ('bench/vmm_boot', 'ktstr-vmm'):
        image.program(f'{BUILD}/{program}')
    bare = lab.Image()
    bare.directory('/dev')
    bare.file(BUILD + '/bench/bare_init', '/init')
    image.data('/lab/bare.cpio', bare.finish())
    virtio = lab.Image()
    virtio.directory('/dev')
    virtio.file(BUILD + '/tests/virtio_init', '/init')
    image.data('/lab/virtio.cpio', virtio.finish())


def fill_replay(image, entry):
    lab.add_product(image, BUILD, entry)
    image.program(SUITE)


def row(files, name):
    text = files.get(name, b'').decode(errors='replace')
    return json.loads(text) if text.startswith('{') else {}


def check_modes(files):
    """Forms that small guests do not need: the VMM's own I/O APIC, a copied kernel, perf mode with every setting."""
    split, copied, plain, perf = (row(files, name) for name in ('split', 'copy', 'plain', 'perf'))
    check(split.get('status') == 0 and split['hello_ms'] > 0, "the console has its interrupt from our own I/O APIC", split)
    check(copied.get('status') == 0 and copied['hello_ms'] > 0, 'a kernel that is copied boots too', copied)
    check(perf.get('status') == 0 and perf['hello_ms'] > 0, 'perf mode boots', perf)
    for wish, asked in (('real-time', 2), ('huge-pages', 1), ('memory-node', 1), ('populated-memory', 1), ('no-pause-exits', 1),
                        ('no-hlt-exits', 1), ('realtime-hint', 1), ('stable-clock', 1)):
        check(perf.get(wish) == [asked, asked, 0], f'perf mode: {wish} is granted, and reads back', perf.get(wish))
    check(perf.get('pinning', [0])[:2] == [2, 1], 'perf mode: the vCPU is pinned, the main thread was not asked to', perf)
    check(perf.get('halt_exits') == 0 and plain.get('halt_exits', 0) > 0,
          'perf mode: no vCPU leaves the guest to halt, and otherwise it does', f'{perf}\n{plain}')


def check_virtio(files):
    console = files.get('virtio.console', b'').decode(errors='replace')
    check('disk: a sector of the host' in console and 'typed: typed words' in console,
          'the guest reads its disk and what is typed on hvc0', console[-2000:])
    for name in ('virtio', 'virtio-split'):
        got = row(files, name)
        # The terminal echoes until the guest switches this off.
        check([got.get(k) for k in ('disk', 'bulk', 'status')] == ['the guest was here', 'bytes in bulk', 0] and
              'hvc0 heard typed words' in got.get('hvc', ''),
              f'{name}: what the guest wrote to disk, console and port is there', f'{got}\n{console[-1500:]}')


def check_replay(files):
    first, again = ([json.loads(text) for name, text in files.items() if name.startswith(where) and name.endswith('.ktstr.json')]
                    for where in ('first/', 'again/'))
    said = '\n'.join(files.get(name, b'').decode(errors='replace') for name in ('said', 'said-again'))
    if not check(len(first) == len(again) == 1, 'a test in perf mode and dilated time, and its replay', f'{sorted(files)}\n{said}'):
        return
    decided = [{key: s.get(key) for key in ('verdict', 'name', 'performance', 'time_dilation', 'topology', 'seed', 'variant')} for s in first + again]
    check(decided[0] == decided[1] and decided[0]['verdict'] == 'fail' and decided[0]['performance'] == 'all' and
          decided[0]['time_dilation'] == lab.DILATION, 'the replay has its settings, and fails, too', f'{decided}\n{said}')


def main():
    entry = need_kernel('lab modes')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab modes', why)
        finish()
    result = lab.run(lab.PRELUDE + script(f"/lab/cache/ktstr/kernels/{entry['key']}/vmlinux"), lambda image: fill(image, entry),
                     timeout=900, words=lab.STEADY)
    check(result.status == 0, 'the lab ran to its end', result)
    check_modes(result.files)
    check_virtio(result.files)
    # Perf mode reserves a CPU for the runner beside those of the guest.
    result = lab.run(lab.PRELUDE + replay(entry), lambda image: fill_replay(image, entry), timeout=900, cpus=2, words=lab.STEADY)
    check_replay(result.files)
    finish()


main()
