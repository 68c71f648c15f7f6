#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Faulty lock directories, and holders that vanish: one line reports the fault, or the result is the same."""
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from builds import make_tree, start, take_all, until_it_waits  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
STALE = 10000
HOLD = '''
import fcntl, sys, time
f = open(sys.argv[1], "a")
fcntl.flock(f, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
'''


def refused(name, run, status, *said):
    lines = [line for line in run.err.strip().splitlines() if line.startswith('error:')]
    check(run.status == status and len(lines) == 1 and all(s in lines[0] for s in said), f'{name}: one line, status {status}', run)


def not_there(scratch, env):
    env = dict(env, KTSTR_LOCK_DIR=scratch / 'nowhere')
    run = Run('test', '--kernel', '6.12.1', EXAMPLES, env=env)
    refused('no lock directory, test', run, 69, 'nowhere', 'KTSTR_LOCK_DIR')
    check(0 < run.err.find('No such file') < run.err.find('; '), 'what failed comes first, what to do last', run)
    run = Run('locks', '--json', env=env)
    check(run.status == 0 and json.loads(run.out)['cpus'] == [], 'locks of no directory are none', run)
    run = Run('test', '--kernel', '6.12.1', EXAMPLES, env=dict(env, KTSTR_BYPASS_LLC_LOCKS='1'))
    check('nowhere' not in run.err, 'without locks nobody asks for the directory', run)
    with open(scratch / 'file', 'w'):
        pass
    refused('a file instead', Run('test', '--kernel', '6.12.1', EXAMPLES, env=dict(env, KTSTR_LOCK_DIR=scratch / 'file')), 69,
            'Not a directory', 'KTSTR_LOCK_DIR')


def words(env):
    refused('a cap and no locks', Run('test', '--cpu-cap', '1', EXAMPLES, env=dict(env, KTSTR_BYPASS_LLC_LOCKS='1')), 64,
            'resource contract')
    refused('a cap of the environment and no locks',
            Run('test', EXAMPLES, env=dict(env, KTSTR_CPU_CAP='1', KTSTR_BYPASS_LLC_LOCKS='1')), 64, 'resource contract')
    refused('cap 0', Run('test', '--cpu-cap', '0', EXAMPLES, env=env), 64, 'at least 1 CPU (got 0)')
    refused('a cap that is too large', Run('test', '--cpu-cap', '100000', EXAMPLES, env=env), 1, '100000 is more than')
    refused('not a number', Run('test', EXAMPLES, env=dict(env, KTSTR_CPU_CAP='all')), 64, "'all' is not a valid number")


def not_ours(scratch, env):
    """Runs as a user who may not write there; the test must be able to change its user."""
    if os.getuid() != 0:
        return skip('a directory that may not be written', 'not root')
    nobody = pwd.getpwnam('nobody')
    # A place that other users can reach.
    home = tempfile.mkdtemp(prefix='ktstr-nobody-')
    os.chmod(home, 0o755)
    try:
        ktstr, suite = shutil.copy(KTSTR, home), shutil.copy(EXAMPLES + '/examples', home)
        locks = os.path.join(home, 'locks')
        os.mkdir(locks, 0o755)
        p = subprocess.run([ktstr, 'test', '--kernel', '6.12.1', suite], cwd='/', user=nobody.pw_uid, group=nobody.pw_gid,
                           extra_groups=[], capture_output=True, text=True,
                           env=dict(env, KTSTR_LOCK_DIR=locks, HOME=home, KTSTR_CACHE_DIR=home + '/cache'))
        lines = [line for line in p.stderr.splitlines() if line.startswith('error:')]
        check(p.returncode == 69 and len(lines) == 1 and 'Permission denied' in lines[0] and 'KTSTR_LOCK_DIR' in lines[0],
              'a directory that may not be written: one line, status 69', p)
        check(os.listdir(locks) == [], 'and nothing was written', os.listdir(locks))
    finally:
        shutil.rmtree(home)


def stale(scratch, env):
    locks = scratch / 'stale'
    os.mkdir(locks)
    for n in range(STALE):
        kind = (f'ktstr-cpu-{n}.lock', f'ktstr-llc-{n}.lock', f'ktstr-ticket-{n:020}-{n}.lock')[n % 3]
        open(os.path.join(locks, kind), 'w').close()
    env = dict(env, KTSTR_LOCK_DIR=locks)
    run = Run('kernel', 'build', '--source', scratch / 'tree', '--cpu-cap', '1', env=env)
    check(run.status == 0, f'{STALE} stale files stand in nobody\'s way', run)
    left = [f for f in os.listdir(locks) if f.startswith('ktstr-ticket-')]
    check(not left, 'the tickets among them are gone', len(left))
    run = Run('locks', '--json', env=env)
    idle = json.loads(run.out)['cpus']
    check(run.status == 0 and len(idle) >= STALE // 3 and not any(lock['holders'] for lock in idle), 'nobody holds them', run.err)


def vanish(scratch, locks, env):
    """Holders come and go during the scan."""
    p = subprocess.Popen([KTSTR, 'locks', '--json', '--watch', '10ms'], env=env, stdout=subprocess.PIPE, text=True)
    ends = subprocess.Popen([sys.executable, '-c', f'''
import subprocess, sys
for n in range(150):
    holders = [subprocess.Popen(["flock", "--no-fork", "-x", f"{locks}/ktstr-cpu-{{i}}.lock", "sleep", "600"]) for i in range(4)]
    for h in holders:
        h.kill()
        h.wait()
'''])
    frames = []
    while ends.poll() is None or len(frames) < 20:
        frames.append(json.loads(p.stdout.readline()))
    p.send_signal(signal.SIGINT)
    p.stdout.read()
    check(p.wait(timeout=20) == 0, f'locks outlives {len(frames)} frames of holders that vanish', p.returncode)
    check(all(set(h) >= {'pid', 'cmdline'} for f in frames for c in f['cpus'] for h in c['holders']), 'and every frame is whole')


def killed(scratch, locks, env):
    """A build waits for a process that is killed."""
    llcs = [llc['llc_idx'] for llc in json.loads(Run('topo', '--json').out)['llcs']]
    holders = [subprocess.Popen([sys.executable, '-c', HOLD, f'{locks}/ktstr-llc-{n}.lock'], stdout=subprocess.PIPE) for n in llcs]
    for h in holders:
        h.stdout.readline()
    p = start(scratch / 'tree', env)
    line = until_it_waits(p)
    check(f'held by pid {holders[0].pid}' in line, 'who waits says for whom', line)
    for h in holders:
        h.kill()
        h.wait()
        h.stdout.close()
    _, err = p.communicate(timeout=60)
    check(p.returncode == 0, 'and goes on when they are killed', err)


def main():
    with Scratch() as scratch:
        locks = scratch / 'locks'
        os.mkdir(locks)
        make_tree(scratch / 'tree', locks, scratch / 'cache')
        env = dict(os.environ, KTSTR_LOCK_DIR=locks, KTSTR_CACHE_DIR=scratch / 'cache', KTSTR_RUNS_ROOT=scratch / 'runs',
                   KTSTR_KERNEL_MIRROR='http://127.0.0.1:1', KTSTR=KTSTR)
        for name in ('KTSTR_CPU_CAP', 'KTSTR_BYPASS_LLC_LOCKS'):
            env.pop(name, None)
        words(env)
        not_there(scratch, env)
        not_ours(scratch, env)
        stale(scratch, env)
        vanish(scratch, locks, env)
        killed(scratch, locks, env)
    finish(at_least=15)


main()
