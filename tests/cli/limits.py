#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Limits of the process that starts ktstr: a low limit on open files is raised if that is allowed, otherwise reported.
"""
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, KTSTR, check, finish  # noqa: E402

SUITE = os.path.join(BUILD, 'tests', 'examples', 'examples')


def run_limited(soft, hard, argv):
    return subprocess.run(argv, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
                          capture_output=True, text=True, timeout=100)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = run_limited(20, hard, [KTSTR, 'test', '--list', SUITE])
    check(done.returncode == 0 and 'ktstr/' in done.stdout, 'a soft limit of 20 open files is raised', done)
    done = run_limited(20, 20, [KTSTR, 'test', '--list', SUITE])
    errors = [line for line in done.stderr.splitlines() if line.startswith('error:')]
    check(done.returncode == 69 and len(errors) == 1 and '20 files' in errors[0] and '512' in errors[0] and
          'ulimit -Hn' in done.stderr, 'a hard limit of 20 is named, with what is needed and what to do', done)
    finish()


main()
