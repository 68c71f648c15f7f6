#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sixteen processes share the CPUs of one host; half of them are killed. KTSTR_PARTY_SECONDS=60 for the long form."""
import fcntl
import glob
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish  # noqa: E402

PROCESSES = 16
SECONDS = int(os.environ.get('KTSTR_PARTY_SECONDS', '6'))
# The overtake time (1 s), then all earlier claims (4 per process), each with the longest hold (0.3 s), one after
# another: the limit for any wait if no process starves. Real waits are far shorter.
LONGEST_WAIT_MS = 1000 + 4 * PROCESSES * 300 + 5000


def free(path):
    with open(path, 'rb') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False


def sample(locks):
    """Returns the pids of all holders, and the CPUs with several holders."""
    seen = json.loads(subprocess.run([KTSTR, 'locks', '--json'], env=dict(os.environ, KTSTR_LOCK_DIR=locks),
                                     capture_output=True, text=True).stdout)
    holders = {h['pid'] for part in ('llcs', 'cpus') for lock in seen[part] for h in lock['holders']}
    return holders, [lock for lock in seen['cpus'] if len(lock['holders']) > 1]


def main():
    with Scratch() as scratch:
        locks = scratch / 'locks'
        os.mkdir(locks)
        argv = [os.path.join(BUILD, 'tests', 'lock_stress'), locks, scratch / 'ledger', os.path.join(HERE, '..', 'hosts')]
        guests = [subprocess.Popen([*argv, str(n + 1), str(SECONDS)], stdout=subprocess.PIPE) for n in range(PROCESSES)]
        time.sleep(SECONDS / 2)
        samples = []
        # Sometimes, before a claim to the whole host, nobody holds anything.
        while len(samples) < 20 and not any(holders for holders, _ in samples):
            samples.append(sample(locks))
        everyone = {g.pid for g in guests}
        check(samples[-1][0] and all(h <= everyone for h, _ in samples), 'ktstr locks sees them, and nobody else', samples)
        check(not any(odd for _, odd in samples), 'no CPU has two holders', samples)
        for guest in guests[::2]:
            guest.send_signal(signal.SIGKILL)
        results, stuck = [], []
        for guest in guests[1::2]:
            try:
                out, _ = guest.communicate(timeout=SECONDS + 60)
                results.append(json.loads(out))
            except subprocess.TimeoutExpired:
                stuck.append(guest.pid)
        for guest in guests:
            guest.kill()
            guest.wait()
            guest.stdout.close()
        print('# ' + '\n# '.join(map(str, results)))
        check(not stuck, 'nobody is stuck after half of them were killed', stuck)
        check(all(r['clashes'] == 0 for r in results), 'no CPU was held twice', results)
        check(all(r['served'] > 0 for r in results), 'everyone was served', results)
        check(all(r['longest_ms'] < LONGEST_WAIT_MS for r in results), 'nobody waited longer than the bound', results)
        left = [p for p in glob.glob(locks + '/ktstr-*') if not free(p)]
        check(not left, 'all locks are free', left)
    finish(at_least=6)


main()
