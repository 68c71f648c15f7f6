#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels at random places (KASLR): the seed decides the place, a seed gives one run, and all that is seen from outside
is seen there, too: samples, exact events, dumps with stacks, recorded calls, kept memory."""
import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from schema import stable  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

MIB = 1 << 20
LINKED_AT = 16 * MIB  # Linux: CONFIG_PHYSICAL_START
USUAL_DIRECT_MAPS = {0xffff888000000000, 0xff11000000000000}


def run(kernel, scratch, label, test, *args):
    """The run of one test, and its sidecar."""
    done = Run('test', '--kernel', kernel['key'], '--json', '-E', f'test(=ktstr/{test})', *args, scratch / 'moved',
               env={'KTSTR_SIDECAR_DIR': scratch / label})
    paths = scratch.sidecars(label)
    if not check(len(paths) == 1, f'{label}: a sidecar', done):
        finish()
    with open(paths[0], encoding='utf-8') as f:
        return done, json.load(f)


def place(sidecar):
    return {key: int(text, 16) for key, text in (sidecar['guest']['kaslr'] or {}).items()}


def has_option(kernel, option):
    with open(kernel['path'] + '/config', encoding='utf-8') as f:
        return f'{option}=y\n' in f.read()


def check_places(kernel, first, second):
    a, b = place(first), place(second)
    moves = has_option(kernel, 'CONFIG_RANDOMIZE_MEMORY')
    keys = ['text_slide', 'image'] + (['direct_map'] if moves else [])
    print(f'# {first["guest"]["kaslr"]} and {second["guest"]["kaslr"]}')
    check(all(a[key] != b[key] for key in keys), 'two seeds give two places, in both kinds of memory', (a, b))
    check(all(p['text_slide'] and p['text_slide'] % (2 * MIB) == 0 and p['image'] >= LINKED_AT for p in (a, b)),
          'the image is not where it was linked for', (a, b))
    if moves:
        check(all(p['direct_map'] not in USUAL_DIRECT_MAPS for p in (a, b)), 'nor is the direct map', (a, b))
    else:
        skip('nor is the direct map', 'the kernel was built without CONFIG_RANDOMIZE_MEMORY')


def check_seen(done, sidecar):
    check(done.status == 0 and sidecar['verdict'] == 'pass' and sidecar['start'] == 'boot', 'the test passes, and booted',
          (done, sidecar['details']))
    monitor, schedule = sidecar['monitor'] or {}, sidecar['schedule'] or {}
    check(monitor.get('total_samples', 0) >= 8, 'the guest was sampled', (monitor, sidecar['monitor_lack']))
    check(schedule.get('events', 0) > 500 and schedule.get('lost', {}).get('events') == 0, 'all its scheduling events were recorded',
          (schedule, sidecar['schedule_lack']))


# What a task that waits for a CPU was in: it was switched away from, or it is new.
STARTS = ('schedule+', 'preempt_schedule', 'ret_from_fork_asm+')


def check_failure(kernel, scratch):
    """A dump with stacks and cgroups, and a second run with recorded calls; the kept memory shows the same."""
    done, sidecar = run(kernel, scratch, 'failure', 'moved_and_starved', '--seed', '3', '--keep-memory')
    with open(glob.glob(scratch / 'failure/*.failure-dump.json')[0], encoding='utf-8') as f:
        dump = json.load(f)
    check(sidecar['verdict'] == 'fail' and dump['bad_reads'] == 0, 'a starved task is dumped, and every address was readable',
          (done, dump.get('bad_reads')))
    stacks = [task['stack'] for task in dump['task_enrichments'] if task.get('waiting') and task.get('stack')]
    check(stacks and all(any(frame.startswith(STARTS) for frame in stack) for stack in stacks), 'with stacks by name', stacks)
    repro = sidecar['auto_repro'] or {}
    check(repro.get('status') == 'reproduced' and '--- auto-repro ---' in done.err + done.out and 'ops.enqueue(' in done.err + done.out,
          'the same run is made again, with its calls', (repro, done))
    core = glob.glob(scratch / 'failure/*.vmcore')
    if not check(len(core) == 1, 'its memory is kept', done):
        return
    shown = Run('dump', core[0], '--vmlinux', kernel['path'] + '/vmlinux', '--json')
    kept = json.loads(shown.out or '{}')
    check(shown.status == 0 and kept.get('bad_reads') == 0 and len(kept.get('task_enrichments', [])) > 20, 'and can be read without registers',
          shown)


def main():
    kernel = need_kernel('kaslr')
    before = machines()
    with Scratch() as scratch:
        built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], scratch.path, 'scx_misbehave'],
                               capture_output=True, text=True, check=False)
        if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
            finish()
        shutil.copy(os.path.join(BUILD, 'tests', 'moved'), scratch.path)
        done, first = run(kernel, scratch, 'first', 'moved', '--seed', '1')
        check_seen(done, first)
        _, again = run(kernel, scratch, 'again', 'moved', '--seed', '1', '--start', 'clone')
        same = [json.dumps({**stable(s), 'replay': None}, sort_keys=True) for s in (first, again)]
        check(same[0] == same[1] and again['start'] == 'boot', 'a seed gives one run, and none is a clone',
              [(s['guest'], s['start']) for s in (first, again)])
        done, second = run(kernel, scratch, 'second', 'moved', '--seed', '2')
        check_seen(done, second)
        check_places(kernel, first, second)
        _, unseen = run(kernel, scratch, 'unseen', 'moved', '--seed', '2', '--no-monitor')
        check(unseen['guest']['event_digest'] == second['guest']['event_digest'] and unseen['guest']['kaslr'] is None,
              'the guest does not notice that it is looked at', (unseen['guest'], second['guest']))
        check_failure(kernel, scratch)
    check_nothing_left('kaslr', before)
    finish()


main()
