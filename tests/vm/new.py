#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The project that `ktstr new` creates passes unchanged: built by its Makefile against this build tree, run in a real
guest."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish, need_kernel  # noqa: E402

kernel = need_kernel('the template project')
with Scratch() as scratch:
    made = subprocess.run([KTSTR, 'new', scratch / 'p'], capture_output=True, text=True)
    check(made.returncode == 0, 'ktstr new', made)
    done = subprocess.run(['make', 'check', f'KTSTR={KTSTR}', f'KERNEL={kernel["key"]}'], cwd=scratch / 'p', capture_output=True, text=True,
                          timeout=900, env={**os.environ, 'PKG_CONFIG_PATH': BUILD + '/meson-uninstalled', 'KTSTR_LOG_PASSES': '1',
                               'KTSTR_VERBOSE': '1'})
    check(done.returncode == 0 and 'PASS' in done.stdout and 'ktstr/two_groups' in done.stdout, 'make check passes',
          done.stdout + done.stderr)
    check("ktstr_test 'two_groups' [sched=simple]" in done.stdout and '--- stats ---' in done.stdout,
          'KTSTR_LOG_PASSES: the report of a pass is on standard output', done.stdout)
    check(re.search(r"max_gap_ms [\d.]+ [mu]s \(limit \d+ ms\)", done.stdout), 'with what was found beside each limit', done.stdout)
    check('sched_ext: BPF scheduler' in done.stdout, 'KTSTR_VERBOSE: kernel messages are on the console', done.stdout)
    sidecars = glob.glob(scratch / 'p' + '/target/ktstr/*/*.ktstr.json')
    verdicts = []
    for path in sidecars:
        with open(path, encoding='utf-8') as f:
            result = json.load(f)
        verdicts.append((result['name'], result['verdict'], result['scheduler']))
    check(verdicts == [('ktstr/two_groups', 'pass', 'simple')], 'and its result is in target/ktstr', verdicts)
finish()
