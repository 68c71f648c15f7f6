#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Results reach stdout, stderr and their sidecars complete, whatever the guest printed; lost ones are named, with
status 74."""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

LOSSES = BUILD + '/tests/losses/losses'
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'losses', 'losses.c')
CAUSES = {
    'ktstr/last_line': "the test's body (@) ended the process with status 3, without a result: \u00e9\u00e9",
    'ktstr/silent': "the test's body (@) returned KTSTR_FAIL without saying why",
    'ktstr/crashing': "the test binary crashed: SIGSEGV, in the test's body (@)",
}


def read(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def declared_at(name):
    """Line of the test's declaration."""
    with open(SOURCE, encoding='utf-8') as f:
        return next(n for n, line in enumerate(f, 1) if line.startswith(f'KTSTR_TEST({name[6:]},'))


def whole(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--json', LOSSES, env={'KTSTR_SIDECAR_DIR': scratch / 'whole'})
    lines = run.out.splitlines()
    events = {e['name']: e for e in map(json.loads, lines) if e['event'] == 'test-finished'}
    check(run.status == 1 and len(lines) == len(CAUSES) + 1 and set(events) == set(CAUSES), 'every result is a line of JSON', run)
    for name, cause in CAUSES.items():
        said = events.get(name, {}).get('cause') or ''
        before, after = cause.split('@')
        place = f'losses.c:{declared_at(name)}' + after
        ok = said.startswith(before) and place in said and '\ufffd' not in said
        check(ok, f'{name}: the cause says where', said)
        kept = read(events[name]['sidecar']) if name in events else {}
        tries = kept.get('flake', {}).get('tries', [])
        check(len(kept.get('details', [])) >= 1 and kept['details'][0]['message'] == said and len(tries) == 1
              and tries[0]['cause'] == said, f'{name}: the sidecar has it all', kept)
    check(run.err.count("ktstr_test '") == len(CAUSES) and 'the test did not begin' not in run.err,
          'and every failure is reported', run.err)


def full_disk(kernel, scratch):
    """A file system of one page for two sidecars, and standard output on a full device."""
    where = scratch / 'small'
    os.mkdir(where)
    mount = ['unshare', *([] if os.geteuid() == 0 else ['-r']), '-m']
    script = 'mount -t tmpfs -o size=4k none "$1" && shift && exec "$@" > /dev/full'
    if subprocess.run([*mount, 'true'], stderr=subprocess.DEVNULL, check=False).returncode != 0 or not os.path.exists('/dev/full'):
        skip('a full disk', 'no mount namespaces, or no /dev/full')
        return
    command = [KTSTR, 'test', '--kernel', kernel['key'], '-E', 'test(silent) | test(crashing)', LOSSES]
    p = subprocess.run([*mount, 'sh', '-c', script, 'sh', where, *command], capture_output=True, text=True, check=False,
                       env=dict(os.environ, KTSTR_SIDECAR_DIR=where, KTSTR_LOCK_DIR=os.environ.get('KTSTR_LOCK_DIR', '/tmp')))
    errors = [line for line in p.stderr.splitlines() if line.startswith('error: ')]
    last = [line for line in errors if 'results could not be stored' in line]
    check(p.returncode == 74, 'lost results end with 74, whatever the verdicts', (p.returncode, p.stderr))
    check(len(last) == 1 and all(name in last[0] for name in ('2 results', 'ktstr/silent', 'ktstr/crashing')),
          'all lost results are named', p.stderr)
    check(sum('No space left' in line for line in errors) >= 3 and any('write standard output' in line for line in errors),
          'each with its reason, and so is standard output', errors)


def interrupted(kernel, scratch):
    """^C comes when two of forty tries have failed: the result is a failure."""
    env = dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'repeat')
    command = [KTSTR, 'test', '--kernel', kernel['key'], '--json', '--repeat', '40', '-E', 'test(silent)', LOSSES]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        lines = [p.stdout.readline(), p.stdout.readline()]
        p.send_signal(signal.SIGINT)
        rest, said = p.communicate(timeout=120)
    events = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    end = events[-1]
    check(p.returncode == 130 and end['event'] == 'run-finished', 'an interrupted repetition exits with 130', (p.returncode, said))
    check(end['failed'] == 1 and end['inconclusive'] == 0 and end['not_run'] == 0, 'and counts as the failure that it is', end)
    kept = [read(path) for path in scratch.sidecars('repeat')]
    last = max(kept, key=lambda s: len(s['flake']['tries']))
    check(last['verdict'] == 'fail' and last['flake']['final'] and len(last['flake']['tries']) == len(kept) >= 2,
          'so says the last sidecar, and there is one a try', kept)


def main():
    kernel = need_kernel('losses')
    before = machines()
    with Scratch() as scratch:
        whole(kernel, scratch)
        full_disk(kernel, scratch)
        interrupted(kernel, scratch)
        shutil.rmtree(scratch / 'small', ignore_errors=True)
    check_nothing_left('losses', before)
    finish()


main()
