# SPDX-License-Identifier: GPL-2.0-only
"""kit.py -- the kernel's own tests of sched_ext: which ones a kernel's runner has, and the suite that runs them."""
import os
import re
import subprocess

from tap import BUILD

RUNNER = 'selftests/sched_ext/runner'
SUITE = BUILD + '/tests/selftests'


def runner_names(kit):
    """The tests of this kit's runner. A runner that finds no test for -t runs nothing, and prints the names of all."""
    if not os.access(f'{kit}/{RUNNER}', os.X_OK):
        return []
    done = subprocess.run([f'{kit}/{RUNNER}', '-q', '-s', '-t', '/'], capture_output=True, text=True, timeout=60)
    return sorted(set(re.findall(r'^(?:TEST: |  )(\w+)$', done.stdout + done.stderr, re.M)))


def expression(names):
    """The filter that selects these tests of the suite."""
    return ' | '.join(f'test(=ktstr/scx_{name})' for name in names)
