#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reports of a run that takes place: --report of `ktstr test`, the event stream, an interrupted run, the plan as JSON."""
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, cached_kernel, check, finish, skip  # noqa: E402

ON_HOST = os.path.realpath(BUILD) + '/tests/on_host'
EXAMPLES = BUILD + '/tests/examples'


def events(path):
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def whole(scratch, kernel):
    run = Run('test', '--kernel', kernel, '--report', 'ndjson=out/deep/events,junit=out/junit.xml,html=out/a.html', '--report', 'ktap=-,github',
              '-E', 'test(has_no_other_child)', ON_HOST, env={'KTSTR_SIDECAR_DIR': scratch / 'side'}, cwd=scratch.path)
    check(run.status == 0 and '  ok 1 ktstr/has_no_other_child\nok 1 on_host\n' in run.out, 'a run with reports', run)
    stream = events(scratch / 'out/deep/events')
    check([e['event'] for e in stream] == ['test-started', 'test-finished', 'run-finished'] and stream[-1]['passed'] == 1, 'the stream has begin and end of each test', stream)
    with open(scratch / 'out/junit.xml', encoding='utf-8') as f:
        junit = f.read()
    check('tests="1" failures="0" errors="0"' in junit and os.path.getsize(scratch / 'out/a.html') > 10000, 'its reports have the test', junit)


def interrupted(scratch, kernel):
    """The stream is written while tests run; a test that did not end is in every report."""
    stream = scratch / 'stream'
    run = subprocess.Popen([KTSTR, 'test', '--kernel', kernel, '--report', f'ndjson={stream},tap=-,html={stream}.html', ON_HOST], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / 'cut'))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (os.path.exists(stream) and any(e['event'] == 'test-finished' for e in events(stream))):
        time.sleep(.05)
    check(run.poll() is None and len(events(stream)) == 3, 'the stream is written while tests run', events(stream))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    tap = [line for line in out.splitlines() if line.startswith(('ok', 'not ok', '1..'))]
    check(run.returncode == 130 and tap[0] == '1..2' and tap[1].startswith('ok 1 - ktstr/has_no_other_child') and tap[2].startswith('not ok 2 - ktstr/stays'),
          'an interrupted run reports all its tests', f'{run.returncode}\n{out}{err}')
    with open(f'{stream}.html', encoding='utf-8') as f:
        page = f.read()
    check('<span class="verdict cut">interrupted</span>' in page and 'The run was interrupted: 0 of 2 tests without a result, 1 stopped.' in page, 'its page is marked', page[:4000])
    later = Run('report', scratch / 'cut', '--to', f'html={stream}.later.html,tap=-')
    with open(f'{stream}.later.html', encoding='utf-8') as f:
        page = f.read()
    check('1..2' in later.out and 'not ok 2 - ktstr/stays' in later.out and '<span class="verdict cut">interrupted</span>' in page, 'so is one that is made later', later)


def not_written(scratch, kernel):
    run = Run('test', '--kernel', kernel, '--report', 'junit=/dev/full,tap=-', '-E', 'test(has_no_other_child)', ON_HOST, env={'KTSTR_SIDECAR_DIR': scratch / 'lost'})
    check(run.status == 74 and 'write the junit report' in run.err and 'ok 1 - ktstr/has' in run.out, 'a report that cannot be written is an error; the others are written', run)
    run = Run('test', '--kernel', kernel, '--report', 'ndjson=-', ON_HOST, env={'KTSTR_SIDECAR_DIR': scratch / 'lost'})
    check(run.status == 64 and 'use --json' in run.err, 'a stream on standard output is --json', run)


def plan():
    jobs = Run('test', '--dry-run', '--json', '--accel', 'tcg', EXAMPLES, env={'KTSTR_SIDECAR_DIR': '/nonexistent'}).events()
    check(jobs and all(j['suite'] and j['cpus'] >= 1 and j['command'].startswith('ktstr test -E ') and j['name'].split('/')[1] in j['command'] for j in jobs),
          'the plan has a command for each test', jobs[:1])
    whole_run = [j['name'] for j in jobs]
    parts = [j['name'] for k in '123' for j in Run('test', '--dry-run', '--json', '--accel', 'tcg', '--partition', f'hash:{k}/3', EXAMPLES).events()]
    check(sorted(parts) == sorted(whole_run), 'the parts of a matrix have every test once', (whole_run, parts))


def main():
    plan()
    kernel = cached_kernel()
    if not kernel:
        skip('reports of a run', "no kernel with schedulers in the cache; run 'make kernel'")
        return
    with Scratch() as scratch:
        for case in (whole, interrupted, not_written):
            case(scratch, kernel['key'])


main()
finish()
