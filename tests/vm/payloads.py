#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs in guests: their output becomes metrics, each fault of theirs is named, the rest of the run continues."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

# test -> verdict, text in the cause, how the payload ended (None: it never ran)
BAD = {
    'bad_payload_never_ends': ('fail', r"payload 'bad_never_ends' did not end within 1\.\ds and was killed", 'timed_out'),
    'bad_payload_deaf': ('fail', r"'bad_deaf' did not end within \d+ms and was killed", 'timed_out'),
    'bad_payload_forks_away': ('fail', r"'bad_forks_away' left 1 process behind, which had to be killed", 'exited'),
    'bad_payload_floods': ('fail', r"'bad_floods' printed more than 4 MiB and was killed", 'flooded'),
    'bad_payload_broken': ('fail', r"'bad_broken' printed broken JSON", 'exited'),
    'bad_payload_silent': ('fail', r"'bad_silent' printed no JSON", 'exited'),
    'bad_payload_crashes': ('fail', r"'bad_crashes' was killed by SIGSEGV", 'exited'),
    'bad_payload_status': ('fail', r"'bad_status' exited with status 7, not 0", 'exited'),
    'bad_payload_tap': ('fail', r"'bad_tap' says 'not ok third", 'exited'),
    'bad_payload_tap_skip': ('skip', r"'bad_tap_skip' was skipped: second # SKIP not here", 'exited'),
    'bad_payload_tap_none': ('fail', r"'bad_tap_none' gave no result for 'fourth'", 'exited'),
    'bad_payload_low': ('fail', r"metric 'ns' is 2000, less than 2001", 'exited'),
    'bad_payload_missing': ('inconclusive', r"payload 'missing': no executable file 'no_such_program' beside the test binary", None),
    'bad_payload_kit': ('skip', r"the kernel was built without 'no/such/kit/payload_program'", None),
    'bad_payload_removed': ('fail', r"'exits' could not be started: '/include-files/payload_program': No such file", 'not_started'),
    'bad_payload_mute': ('inconclusive', r"metric 'x' not found in what it printed until it was ended", 'killed'),
}
GOOD = ('payload_metrics', 'payload_exit_codes', 'payload_descriptors', 'payload_error_output', 'payload_too_deep',
        'payload_script', 'payload_place', 'payload_operations', 'payload_in_definition', 'payload_handles')


def sidecar(scratch, name):
    paths = [p for p in scratch.sidecars() if os.path.basename(p).startswith(name + '-')]
    if not paths:
        return None
    with open(paths[0]) as f:
        return json.load(f)


def metrics(scratch):
    s = sidecar(scratch, 'payload_metrics')
    check(s['payload'] == 'metrics' and len(s['metrics']) == 1, 'the sidecar names the payload', s['metrics'])
    run = s['metrics'][0]
    check(run['exit_code'] == 0 and run['payload_index'] == 0 and run['end'] == 'exited', 'and how it ended', run)
    check([(m['name'], m['value']) for m in run['metrics']] ==
          [('jobs.0.read.iops', 1234.5), ('jobs.0.errors', 0), ('ns', 2000)], 'metrics are in the order of its output', run)
    first, last = run['metrics'][0], run['metrics'][2]
    check(first['polarity'] == 'higher_better' and first['unit'] == '1/s' and first['stream'] == 'stdout', 'with their hints',
          first)
    check(last['polarity'] == 'target_value' and last['target'] == 1500, 'and target', last)
    check(sidecar(scratch, 'payload_error_output')['metrics'][0]['metrics'][0]['stream'] == 'stderr',
          'the error output counts where there is no other')
    check(sidecar(scratch, 'payload_too_deep')['metrics'][0]['truncated'], 'what was too deep is said to be left out')
    runs = sidecar(scratch, 'payload_operations')['metrics']
    check([(r['payload'], r['cgroup_name'], r['end']) for r in runs] ==
          [('told', 'a', 'killed'), ('spins', 'b', 'killed'), ('spins', 'b', 'exited'), ('told', 'b', 'killed'),
           ('spins', 'b', 'killed')], 'runs are in the order of their beginnings', runs)


def main():
    kernel = need_kernel('payloads')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', BUILD + '/tests/payloads/payloads',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
        check(sorted(tests) == sorted([*BAD, *GOOD]), 'every test ended', sorted(tests))
        check(run.status == 1, 'the run exits with 1', run.err)
        for name in GOOD:
            check(tests.get(name, {}).get('verdict') == 'pass', name, tests.get(name))
        for name, (verdict, cause, end) in BAD.items():
            e = tests.get(name, {})
            check(e.get('verdict') == verdict and re.search(cause, e.get('cause') or ''), f'{name}: {verdict}', e)
            s = sidecar(scratch, name)
            ends = [m['end'] for m in s['metrics']] if s else []
            check(ends == ([end] if end else []), f'{name}: how it ended is kept', s and s['metrics'])
        metrics(scratch)
        once = {n: sidecar(scratch, n)['metrics'] for n in ('payload_metrics', 'payload_operations')}
    for words, env in (([], {'KTSTR_LOG_PASSES': '1'}), (['--no-capture'], {})):
        with Scratch() as scratch:
            run = Run('test', '--kernel', kernel['key'], *words, '-E', 'test(payload_metrics) | test(payload_operations)',
                      BUILD + '/tests/payloads/payloads', env={'KTSTR_SIDECAR_DIR': scratch.path, **env})
            check(re.search(r'(?m)^PASS  ktstr/payload_metrics +\S+ +[0-9.]+s\n      payload metrics: pass, \w+: '
                            r'jobs\.0\.read\.iops=1234\.5 1/s, jobs\.0\.errors=0, ns=2000 ns$', run.out),
                  f"results of a payload that passed are shown: {' '.join(words) or ' '.join(env)}", run)
            again = {n: sidecar(scratch, n)['metrics'] for n in once}
            check(again == once, 'twice the same, to the nanosecond')
    check_nothing_left('payloads', before)
    finish(at_least=2 * len(BAD) + len(GOOD))


main()
