#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Work types and operations do what their names say, observed from outside by the kernel's data, under EEVDF."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402


def main():
    kernel = need_kernel('behaviour')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', '-E', 'test(behaviour_) | test(ops_)',
                  BUILD + '/tests/behaviour', env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(len(tests) == 16, 'every kind is there', sorted(e['name'] for e in tests))
        for e in tests:
            check(e['verdict'] == ('skip' if e['name'].endswith('_missing') else 'pass'), e['name'], e.get('cause'))
        engines = [p for p in scratch.sidecars() if 'behaviour_engines' in p]
        with open(engines[0]) as f:
            metrics = {m['name']: m['value'] for m in json.load(f)['work_metrics'] if m['work_type'] != 'Schbench'}
        check(0.85 < metrics.get('hit_ratio', 0) < 0.95, 'nine of ten keys are in the cache', metrics)
        check(0 < metrics.get('serve_p50_us', 0) <= metrics.get('serve_p99_us', 0), 'percentiles are in order', metrics)
    check_nothing_left('behaviour', before)
    finish(at_least=20)


main()
