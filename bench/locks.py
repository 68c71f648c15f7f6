#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`ktstr locks` compared with util-linux's `lslocks`, 1,000 locks held by 20 processes: CPU time of one call, and of
watching."""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
KTSTR = os.path.join(BUILD, 'ktstr')
PROCESSES, EACH, SHOTS, WATCH_S = 20, 50, 30, 10

HOLD = '''
import fcntl, sys, time
first, count, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
files = [open(f"{where}/ktstr-cpu-{n}.lock", "a") for n in range(first, first + count)]
for f in files:
    fcntl.flock(f, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(3600)
'''


def cpu_ms(argv, env):
    """User and system time of one run, as the kernel accounts it."""
    null = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawnp(argv[0], argv, env, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, usage = os.wait4(pid, 0)
    os.close(null)
    assert status == 0, (argv, status)
    return (usage.ru_utime + usage.ru_stime) * 1000


def compare(env, held):
    ways = {'ktstr locks': [KTSTR, 'locks'], 'ktstr locks --json': [KTSTR, 'locks', '--json'], 'ktstr --version': [KTSTR, '--version'],
            'lslocks': ['lslocks'], 'lslocks --json': ['lslocks', '--json']}
    ways = {name: argv for name, argv in ways.items() if shutil.which(argv[0])}
    taken = {name: [] for name in ways}
    for _ in range(SHOTS):
        for name, argv in ways.items():
            taken[name].append(cpu_ms(argv, env))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        print(f'{held:5} locks held  {name:20} {middle[name]:8.2f} ms CPU a shot (median of {SHOTS}; least {min(times):.2f})')
    if 'lslocks' in middle:
        print(f"{held:5} locks held  lslocks / ktstr locks: {middle['lslocks'] / middle['ktstr locks']:.1f}")


def watch(env, held, period):
    """CPU share while watching, without start-up and the first scan."""
    p = subprocess.Popen([KTSTR, 'locks', '--json', '--watch', period], env=env, stdout=subprocess.PIPE)
    reader = subprocess.Popen(['wc', '-l'], stdin=p.stdout, stdout=subprocess.PIPE, text=True)
    p.stdout.close()
    time.sleep(1)

    def spent():
        with open(f'/proc/{p.pid}/schedstat') as f:
            main = int(f.read().split()[0])
        rest = 0
        for task in os.listdir(f'/proc/{p.pid}/task'):
            with open(f'/proc/{p.pid}/task/{task}/schedstat') as f:
                rest += int(f.read().split()[0])
        return max(main, rest)

    before, began = spent(), time.monotonic()
    time.sleep(WATCH_S)
    share = (spent() - before) / 1e9 / (time.monotonic() - began)
    p.send_signal(signal.SIGINT)
    p.wait()
    frames = int(reader.communicate()[0])
    print(f'{held:5} locks held  ktstr locks --watch {period}: {share * 100:.2f} % of one CPU ({frames} frames)')


def main():
    where = tempfile.mkdtemp(prefix='ktstr-bench-')
    env = dict(os.environ, KTSTR_LOCK_DIR=where, KTSTR_CACHE_DIR=where + '/cache', KTSTR_RUNS_ROOT=where + '/runs')
    holders = []
    try:
        compare(env, 0)
        watch(env, 0, '100ms')
        for n in range(PROCESSES):
            holders.append(subprocess.Popen([sys.executable, '-c', HOLD, str(n * EACH), str(EACH), where], stdout=subprocess.PIPE))
            holders[-1].stdout.readline()
            if n == 1:
                watch(env, 2 * EACH, '100ms')
        compare(env, PROCESSES * EACH)
        watch(env, PROCESSES * EACH, '100ms')
    finally:
        for h in holders:
            h.kill()
            h.wait()
        shutil.rmtree(where)


main()
