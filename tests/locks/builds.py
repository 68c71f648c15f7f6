#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernel builds and the host's CPUs: builds lock the CPUs that they use, wait for exclusive holders, and can be ended.
"""
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import KTSTR, Run, Scratch, check, finish  # noqa: E402

MAKEFILE = '''VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 2
EXTRAVERSION =

allnoconfig olddefconfig:
\t@[ -z "$(KCONFIG_ALLCONFIG)" ] || cp $(KCONFIG_ALLCONFIG) $(KCONFIG_CONFIG)
vmlinux bzImage:
\t@grep Cpus_allowed_list /proc/self/status > allowed; KTSTR_LOCK_DIR=@LOCKS@ KTSTR_CACHE_DIR=@CACHE@ "@KTSTR@" locks --json > held
\t@mkdir -p arch/x86/boot; touch arch/x86/boot/bzImage; cp /bin/true vmlinux
'''


def make_tree(path, locks, cache):
    """make gets none of the test's environment, so the Makefile's text contains the paths."""
    os.makedirs(path)
    for name, text in (('Makefile', MAKEFILE), ('Kconfig', '')):
        with open(os.path.join(path, name), 'w') as f:
            f.write(text.replace('@KTSTR@', KTSTR).replace('@LOCKS@', str(locks)).replace('@CACHE@', str(cache)))


def text(path):
    with open(path) as f:
        return f.read()


def take_all(locks):
    """Locks every LLC of this machine exclusively, as machines in performance mode do."""
    files = []
    for llc in json.loads(Run('topo', '--json').out)['llcs']:
        files.append(open(f'{locks}/ktstr-llc-{llc["llc_idx"]}.lock', 'a'))
        fcntl.flock(files[-1], fcntl.LOCK_EX)
    return files


def start(tree, env):
    return subprocess.Popen([KTSTR, 'kernel', 'build', '--source', tree, '--cpu-cap', '1'], env=env, stderr=subprocess.PIPE,
                            text=True)


def until_it_waits(p):
    for line in p.stderr:
        if line.startswith('note: waiting'):
            return line
    return ''


def main():
    with Scratch() as scratch:
        locks, tree = scratch / 'locks', scratch / 'tree'
        os.mkdir(locks)
        make_tree(tree, locks, scratch / 'cache')
        env = dict(os.environ, KTSTR_LOCK_DIR=locks, KTSTR_CACHE_DIR=scratch / 'cache')
        env.pop('KTSTR_CPU_CAP', None)
        p = start(tree, env)
        _, err = p.communicate(timeout=60)
        check(p.returncode == 0, 'a build works', err)
        allowed = text(tree + '/allowed').split()[-1]
        check(allowed.isdigit(), 'make runs on as many CPUs as it was given', allowed)
        held = json.loads(text(tree + '/held'))
        holders = [h for llc in held['llcs'] for h in llc['holders']]
        check([(h['pid'], h['mode']) for h in holders] == [(p.pid, 'shared')], 'and holds their LLC, shared', held)

        files = take_all(locks)
        p = start(tree, env)
        line = until_it_waits(p)
        check(f'note: waiting for 1 CPU; held by pid {os.getpid()}' in line, 'who waits says for whom', line)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
        check(p.returncode == 130 and err.count('error:') == 1, 'waiting can be ended', err)

        run = Run('kernel', 'build', '--source', tree, env=dict(env, KTSTR_BYPASS_LLC_LOCKS='1'))
        check(run.status == 0, 'KTSTR_BYPASS_LLC_LOCKS waits for nobody', run)

        p = start(tree, env)
        until_it_waits(p)
        for f in files:
            f.close()
        began = time.monotonic()
        _, err = p.communicate(timeout=60)
        # By a release event, or by the check once a second: this test's locks send no event.
        check(p.returncode == 0, f'and goes on when the CPUs are free ({time.monotonic() - began:.1f} s)', err)
    finish(at_least=6)


if __name__ == '__main__':
    main()
