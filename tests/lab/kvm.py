#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The KVM backend in the lab: repeated boots, tests from boots and from clones, and topologies in the guest's own
sysfs. KTSTR_LAB=full runs all of it; otherwise a sample. verdicts.py runs all examples from boots.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
import tap  # noqa: E402
from tap import BUILD, check, finish, need_kernel, skip  # noqa: E402

FULL = os.environ.get('KTSTR_LAB') == 'full'
BOOTS = 50 if FULL else 3
EXAMPLES = "-E 'test(eevdf_two_cgroups) | test(eevdf_work_types) | test(simple_crowd)'"
CLONES = '' if FULL else "-E 'test(eevdf_two_cgroups) | test(simple_chatter)'"
SHAPES = '' if FULL else "-E 'test(smt_2llc) | test(perf_mode)'"
MIB = 256
CMDLINE = ('console=ttyS0 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no_timer_check rdinit=/init pci=off reboot=k')
TIMEOUT = 5400 if FULL else 1500


def script(kernel):
    return f'''
export KTSTR_SIDECAR_DIR=/results/tests
T="{BUILD}/ktstr test -j1 --accel kvm --json"
B={BUILD}
$B/ktstr doctor --json >/results/doctor.json
for i in $(seq {BOOTS}); do
    timeout 120 $B/bench/vmm_boot ours $B/ktstr-vmm {kernel} /lab/bare.cpio {MIB} 1n1l2c1t "{CMDLINE}" 2>/tmp/console || cat /tmp/console
done
$T --time-dilation {lab.DILATION} {EXAMPLES} $B/tests/examples/examples
$T {SHAPES} $B/tests/topologies
export KTSTR_SIDECAR_DIR=/results/clones
$T --time-dilation {lab.DILATION} --start clone {CLONES} $B/tests/examples/examples
cat /sys/module/kvm_amd/parameters/npt
'''


def fill(image, entry):
    lab.add_product(image, BUILD, entry)
    for name in ('bench/vmm_boot', 'ktstr-vmm', 'tests/topologies'):
        image.program(f'{BUILD}/{name}')
    bare = lab.Image()
    bare.directory('/dev')
    bare.file(BUILD + '/bench/bare_init', '/init')
    image.data('/lab/bare.cpio', bare.finish())


def shown(cpus):
    """Nodes, LLCs, cores per LLC, threads per core, from the guest's own sysfs."""
    llcs = {c['llc'] for c in cpus}
    cores = {(c['package'], c['core']) for c in cpus}
    return [len({c['node'] for c in cpus}), len(llcs), len(cores) // max(len(llcs), 1), len(cpus) // max(len(cores), 1)]


def progress(line):
    """Prints each check when it is done."""
    if line.startswith('{"hello_ms"') or '"test-finished"' in line:
        row = json.loads(line)
        what = f"{row['name']}: {row['verdict']}, {row['cause']}" if 'name' in row else f"hello after {row['hello_ms']} ms"
        print(f'# {what}', flush=True)


def check_boots(rows):
    good = [r for r in rows if r['status'] == 0 and r['hello_ms'] > 0]
    check(len(good) == BOOTS == len(rows), f'{BOOTS} boots in a row', rows)
    own = max((r['own_kib'] for r in rows), default=None)
    check(own is not None and own < 5 * 1024, 'the VMM itself takes less than 5 MiB', own)


def check_sidecars(files):
    """The numbering is also as declared: CPUs go LLC by LLC, and LLCs node by node."""
    tap.check_sidecars({path: body for path, body in files.items() if path.endswith('.ktstr.json')})
    for path, body in sorted(files.items()):
        if not path.endswith('.ktstr.json'):
            continue
        sidecar = json.loads(body)
        if sidecar['verdict'] == 'skip':
            continue
        name, cpus = sidecar['test_name'], sidecar['guest']['cpus']
        declared = [int(n) for n in re.findall(r'\d+', sidecar['topology'])]
        check(shown(cpus) == declared, f"{name}: sysfs shows {sidecar['topology']}", shown(cpus))
        per_llc = declared[2] * declared[3]
        order = [c['node'] == c['cpu'] // per_llc // (declared[1] // declared[0]) for c in cpus]
        check(all(order), f'{name}: every CPU is on its node', cpus)
        rings = sidecar['vm_events']
        check(rings and rings['records'] > 0 and rings['heartbeats'] > 0 and not rings['damaged'] and not rings['dropped'],
              f'{name}: its event rings were read, and nothing of them lost', rings)
        stats = (sidecar['kvm_stats'] or {}).get('per_vcpu', [])
        check(len(stats) == len(cpus) and all(s['exits'] > 0 for s in stats), f"{name}: KVM's statistics of each vCPU are kept",
              sidecar['kvm_stats'])


def main():
    entry = need_kernel('lab')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab', why)
        finish()
    kernel = f"/lab/cache/ktstr/kernels/{entry['key']}/vmlinux"
    result = lab.run(lab.PRELUDE + script(kernel), lambda image: fill(image, entry), timeout=TIMEOUT, live=progress,
                     words=lab.STEADY)
    check(result.status == 0, 'the lab ran to its end', result)
    rows = [json.loads(line) for line in result.output.splitlines() if line.startswith('{')]
    doctor = json.loads(result.files.get('doctor.json', b'[]'))
    check(any(f['name'] == 'kvm' and f['health'] == 'ok' for f in doctor), 'the boot probe finds a KVM that runs kernels',
          doctor)
    check_boots([r for r in rows if 'hello_ms' in r])
    tests = [r for r in rows if r.get('event') == 'test-finished']
    check(len(tests) >= 4, 'tests were run', result)
    for e in tests:
        # Perf mode needs one CPU in addition to the vCPUs' CPUs, and the lab has one.
        wanted = 'skip' if e['name'].endswith('perf_mode') else 'pass'
        check(e['verdict'] == wanted, f"{e['name']} on kvm, {e['topology']}: {wanted}", e)
    check_sidecars(result.files)
    starts = [json.loads(body)['start'] for path, body in result.files.items()
              if path.startswith('clones/') and path.endswith('.ktstr.json')]
    check(len(starts) >= 2 and set(starts) == {'clone'}, 'tests on kvm start from clones', starts)
    if os.environ.get('KTSTR_LAB_OUT'):
        with open(os.environ['KTSTR_LAB_OUT'], 'w', encoding='utf-8') as out:
            out.write(result.output)
    finish()


main()
