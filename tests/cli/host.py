#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Canned scenarios on this machine: found by name, run in a control group that is removed afterwards, ended by signals.
Their measurements are ignored, because this machine has other work.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import KTSTR, Run, check, finish, skip  # noqa: E402

ROOTS = ('/sys/fs/cgroup', '/sys/fs/cgroup/unified')


def groups():
    """The groups of `ktstr run`; groups of builds and machines have more in their names."""
    return sorted(d for root in ROOTS for d in glob.glob(root + '/ktstr-*') if os.path.basename(d).count('-') == 2)


def refused(name, status, said, *args, **kw):
    run = Run(*args, **kw)
    errors = [line for line in run.err.splitlines() if line.startswith('error:')]
    check(run.status == status and len(errors) == 1 and said in errors[0], f'{name}: exits with {status}', run)


def listing():
    run = Run('list')
    lines = run.out.splitlines()
    check(run.status == 0 and lines[-1] == f'{len(lines) - 1} scenarios', 'the list ends with their number', run)
    rows = json.loads(Run('list', '--json').out)
    check(len(rows) == len(lines) - 1 and {'name', 'category', 'description', 'profiles'} == set(rows[0]), 'as JSON the same', rows[:2])
    some = json.loads(Run('list', '--json', '--filter', 'nested').out)
    check(some and all('nested' in r['name'] for r in some), 'a filter', some)
    none = Run('list', '--filter', 'xyzzy')
    check(none.status == 0 and none.out == '0 scenarios\n' and "'xyzzy'" in none.err, 'nothing by that name', none)


def bad_input():
    refused('a name that is none', 64, "no canned scenario is called 'cgroup_stedy'; did you mean 'cgroup_steady'?", 'run', 'cgroup_stedy')
    refused('a duration without sense', 64, "--duration: 'soon' is not a valid duration", 'run', '--duration', 'soon')
    refused('no time at all', 64, "--duration: '0' is out of range", 'run', '--duration', '0')
    refused('too many workers', 64, "--workers: '10000' is out of range, 1 to 4096 are possible", 'run', '--workers', '10000')
    refused('a type of work that is none', 64, "--work-type: 'pipeio' is not a type of work", 'run', '--work-type', 'pipeio')


def can_run():
    return os.geteuid() == 0 and any(os.access(r + '/cgroup.procs', os.W_OK) for r in ROOTS)


def running():
    args = ('run', '--duration', '300ms', '--workers', '2')
    refused('a filter that fits nothing', 64, "no scenarios matched filter 'xyzzy'. Run 'ktstr list'", *args, '--filter', 'xyzzy')
    run = Run(*args, '--json', 'cgroup_steady', 'nested_cgroup_steady')
    results = json.loads(run.out or '[]')
    check([r['scenario_name'] for r in results] == ['cgroup_steady', 'nested_cgroup_steady'] and
          all(r['stats']['total_workers'] >= 2 and r['stats']['total_iterations'] > 0 for r in results),
          'two scenarios have run, with workers that worked', run)
    check({'passed', 'skipped', 'duration_s', 'details', 'stats'} <= set(results[0]), 'with every key', results[0].keys())
    run = Run(*args, 'cgroup_steady', '--work-type', 'PipeIo', '--json')
    work = {c['work_type'] for c in json.loads(run.out)[0]['stats']['cgroups']}
    check(work == {'PipeIo'}, 'another type of work in place of spinning', work)
    run = Run(*args, 'cgroup_steady')
    check('] cgroup_steady/default (' in run.out and '/1 passed' in run.out, 'as text', run)
    check(groups() == [], 'no control group is left', groups())
    root = next(r for r in ROOTS if os.access(r + '/cgroup.procs', os.W_OK))
    parent = f'{root}/ktstr-test-{os.getpid()}'
    run = Run(*args, 'cgroup_steady', env={'KTSTR_HOST_CGROUP_PARENT': parent + '/below', 'KTSTR_CGROUP_WALK_ROOT': parent})
    enabled = [open(d + '/cgroup.subtree_control').read() for d in (parent, parent + '/below') if os.path.isdir(d)]
    wanted = open(parent + '/cgroup.controllers').read() if enabled else ''
    check('] cgroup_steady/default (' in run.out and len(enabled) == 2 and (not wanted.strip() or all(enabled)),
          'KTSTR_HOST_CGROUP_PARENT is made, KTSTR_CGROUP_WALK_ROOT gives it controllers', f'{enabled} {wanted}\n{run}')
    for d in (parent + '/below', parent):
        if os.path.isdir(d):
            os.rmdir(d)


def processes_of(pid):
    """All processes in the control groups of the run that `pid` is."""
    found = []
    for f in glob.glob('/sys/fs/cgroup/**/ktstr-%d-*/**/cgroup.procs' % pid, recursive=True):
        with open(f) as procs:
            found += [int(line) for line in procs]
    return found


def begin():
    """A run, and the processes of its engine and four workers. They enter their groups one after the other."""
    p = subprocess.Popen([KTSTR, 'run', '--duration', '60s', 'cgroup_steady'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(500):
        if len(processes_of(p.pid)) >= 5:
            break
        time.sleep(0.02)
    return p, processes_of(p.pid)


def gone(pids):
    for _ in range(250):
        if not any(os.path.exists(f'/proc/{pid}') for pid in pids):
            return True
        time.sleep(0.02)
    return False


def ended():
    p, pids = begin()
    check(len(pids) >= 5, 'the engine and its workers are in the control group', pids)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    check(p.returncode == 130 and gone(pids) and groups() == [], 'Ctrl-C: 130, no process, no control group', (p.returncode, out, err))
    p, pids = begin()
    p.kill()
    p.communicate()
    check(gone(pids), 'SIGKILL: nothing of it goes on', pids)
    left = groups()
    p, _ = begin()
    check(len(left) == 1 and left[0] not in groups() and len(groups()) == 1,
          'the next run removes its control group, and keeps its own', (left, groups()))
    other = Run('run', '--duration', '300ms', '--workers', '2', 'cgroup_steady')
    check(len(groups()) == 1 and p.poll() is None and '/1 passed' in other.out, 'but not that of one that runs', other)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=60)
    check(groups() == [], 'and after it none is left', groups())


def without_rights():
    drop = lambda: (os.setgid(65534), os.setuid(65534))  # noqa: E731
    done = subprocess.run([KTSTR, 'run', 'cgroup_steady'], preexec_fn=drop, capture_output=True, text=True, cwd='/')
    errors = [line for line in done.stderr.splitlines() if line.startswith('error:')]
    check(done.returncode == 69 and len(errors) == 1 and 'run as root' in errors[0], 'without rights: 69 and what it takes', done)


listing()
bad_input()
if can_run():
    running()
    ended()
    if os.access(KTSTR, os.X_OK):
        without_rights()
else:
    skip('scenarios on this machine', 'needs root and a cgroup2 file system')
finish(at_least=15)
