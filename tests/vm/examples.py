#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""EEVDF and the four in-tree schedulers pass their examples; guests have the topology that was declared."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402


def topology_of(cpus):
    """Nodes, LLCs, cores per LLC, threads per core, from the guest's own sysfs."""
    llcs = {c['llc'] for c in cpus}
    cores = {(c['package'], c['core']) for c in cpus}
    return [len({c['node'] for c in cpus}), len(llcs), len(cores) // len(llcs), len(cpus) // len(cores)]


def main():
    kernel = need_kernel('examples')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', BUILD + '/tests/examples',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(run.status == 0, 'the examples pass', run)
        for e in tests:
            known = (e.get('known_fail') or {}).get('outcome') == 'xfail' and e['scheduler'] == 'flatcg'
            check(e['verdict'] == 'pass' or known, f"{e['name']} on {e['topology']}", e.get('cause'))
        ran = {e['scheduler'] for e in tests}
        check(ran == {'eevdf', 'simple', 'qmap', 'central', 'flatcg'}, 'every scheduler was run', ran)
        for scheduler in sorted(ran):
            seen = {e['topology'] for e in tests if e['scheduler'] == scheduler}
            check(len(seen) >= 2, f'{scheduler} ran on two topologies or more', seen)
        check(len(scratch.sidecars()) == len(tests), 'a sidecar each', scratch.sidecars())
        for path in scratch.sidecars():
            with open(path) as f:
                sidecar = json.load(f)
            declared = [int(n) for n in re.findall(r'\d+', sidecar['topology'])]
            shown = topology_of(sidecar['guest']['cpus'])
            check(shown == declared, f"{sidecar['test_name']}: sysfs shows {sidecar['topology']}", shown)
    check_nothing_left('examples', before)
    finish(at_least=30)


main()
