#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Running tests lock the CPUs that they use; two runs share a host, and a killed run leaves no locks."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
FILTER = 'test(eevdf_two_cgroups) | test(eevdf_steps) | test(eevdf_custom_work)'


def held(env):
    """CPU -> pid of its holder, and the pids that share an LLC."""
    seen = json.loads(Run('locks', '--json', env=env).out)
    cpus = {c['cpu']: [h['pid'] for h in c['holders']] for c in seen['cpus'] if c['holders']}
    return cpus, {h['pid'] for llc in seen['llcs'] for h in llc['holders']}


def allowed(pid):
    try:
        with open(f'/proc/{pid}/status') as f:
            line = [x for x in f if x.startswith('Cpus_allowed_list')][0].split()[1]
        with open(f'/proc/{pid}/stat') as f:
            return int(f.read().rsplit(')', 1)[1].split()[1]), line
    except (OSError, IndexError):
        return None, None


def start(kernel, env, *more):
    return subprocess.Popen([KTSTR, 'test', '--kernel', kernel['key'], '--json', '-E', FILTER, *more, EXAMPLES], env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def watch(runs, env, before, seconds=200):
    """Samples until all have ended or @seconds have passed: most CPUs at once, and violations."""
    odd, most, users, until = [], 0, set(), time.monotonic() + seconds
    while any(p.poll() is None for p in runs) and time.monotonic() < until:
        running = {pid: allowed(pid) for pid in machines() if pid not in before}
        cpus, _ = held(env)
        odd += [x for x in cpus.items() if len(x[1]) != 1]
        # Locks are held from before the machine starts until it has ended; they may change between samples.
        again = held(env)[0]
        for pid, (parent, mask) in running.items():
            if mask is not None and cpus == again and allowed(pid)[1] == mask and (
                    not mask.isdigit() or cpus.get(int(mask)) != [parent]):
                odd.append((pid, parent, mask, cpus))
        users |= {pid for pids in cpus.values() for pid in pids}
        most = max(most, len(cpus))
        time.sleep(0.1)
    return odd, most, users


def digests(path):
    found = {}
    for name in sorted(os.listdir(path)):
        if '.ktstr.' in name:
            with open(os.path.join(path, name)) as f:
                one = json.load(f)
                found[one['name']] = (one['verdict'], one['guest']['event_digest'])
    return found


def main():
    kernel = need_kernel('cpus')
    before = machines()
    with Scratch() as scratch:
        locks = scratch / 'locks'
        os.mkdir(locks)
        env = dict(os.environ, KTSTR_LOCK_DIR=locks)
        env.pop('KTSTR_CPU_CAP', None)
        runs = [start(kernel, dict(env, KTSTR_SIDECAR_DIR=scratch / name)) for name in ('one', 'two')]
        odd, most, users = watch(runs, env, before)
        ends = [(p.communicate(timeout=60), p.returncode) for p in runs]
        check(all(status == 0 for _, status in ends), 'two runs side by side', ends)
        check(not odd and users == {p.pid for p in runs}, 'a machine runs on the CPU that its ktstr holds, and alone', (odd, users))
        check(0 < most <= len(os.sched_getaffinity(0)), 'and there are no more of them than CPUs', most)
        check(digests(scratch / 'one') == digests(scratch / 'two') and len(digests(scratch / 'one')) == 3,
              'what they find is the same', (digests(scratch / 'one'), digests(scratch / 'two')))

        p = start(kernel, dict(env, KTSTR_SIDECAR_DIR=scratch / 'cap'), '--cpu-cap', '1', '-j', '8')
        odd, most, _ = watch([p], env, before)
        _, err = p.communicate(timeout=60)
        check(p.returncode == 0 and not odd and most == 1 and '1 at a time' in err, '--cpu-cap 1 is one machine at a time', (most, err))
        check(digests(scratch / 'cap') == digests(scratch / 'one'), 'and finds the same', digests(scratch / 'cap'))

        p = start(kernel, dict(env, KTSTR_SIDECAR_DIR=scratch / 'share'), '--no-perf-mode')
        while p.poll() is None and not held(env)[1]:
            time.sleep(0.05)
        cpus, llcs = held(env)
        check(not cpus and llcs == {p.pid}, '--no-perf-mode shares LLCs and reserves no CPU', (cpus, llcs))
        p.send_signal(signal.SIGKILL)
        p.communicate()
        until = time.monotonic() + 10
        while time.monotonic() < until and (held(env) != ({}, set()) or set(machines()) - set(before)):
            time.sleep(0.05)
        check(held(env) == ({}, set()), 'a killed run holds nothing', held(env))
    check_nothing_left('cpus', before)
    finish(at_least=9)


main()
