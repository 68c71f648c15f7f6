#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares output for people and scripts exactly. KTSTR_BLESS=1 writes the files again; check the difference."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, check, finish  # noqa: E402

STARVED, IDLE, DELAYED = (os.path.join(HERE, name + '.schedule.zst') for name in ('starved_task', 'idle_cpus', 'delayed_wakeups'))

CASES = {
    'help.out': [KTSTR, '--help'],
    'help-test.out': [KTSTR, 'help', 'test'],
    'help-kernel-build.out': [KTSTR, 'kernel', 'build', '--help'],
    'help-kernel-list.out': [KTSTR, 'kernel', 'list', '--help'],
    'help-locks.out': [KTSTR, 'locks', '--help'],
    'help-topo.out': [KTSTR, 'topo', '--help'],
    'topo-presets.out': [KTSTR, 'topo', '--presets'],
    'topo-presets.json': [KTSTR, 'topo', '--presets', '--json'],
    'help-stats.out': [KTSTR, 'stats', '--help'],
    'help-stats-compare.out': [KTSTR, 'stats', 'compare', '--help'],
    'help-run.out': [KTSTR, 'run', '--help'],
    'help-verifier.out': [KTSTR, 'verifier', '--help'],
    'help-export.out': [KTSTR, 'export', '--help'],
    'help-shrink.out': [KTSTR, 'shrink', '--help'],
    'help-bisect.out': [KTSTR, 'bisect', '--help'],
    'help-reproduce.out': [KTSTR, 'reproduce', '--help'],
    'reproduce-dmesg.out': [KTSTR, 'reproduce', '-o', '-', os.path.join(HERE, 'stall.dmesg')],
    'reproduce-host.out': [KTSTR, 'reproduce', '-o', '-', os.path.join(HERE, 'stall.dmesg'), os.path.join(HERE, 'stall.ctprof.json')],
    'reproduce-host-json.out': [KTSTR, 'reproduce', '--json', '-o', '/dev/null', os.path.join(HERE, 'stall.dmesg'), os.path.join(HERE, 'stall.ctprof.json')],
    'help-report.out': [KTSTR, 'report', '--help'],
    'help-merge.out': [KTSTR, 'merge', '--help'],
    'list-canned.out': [KTSTR, 'list'],
    'list-work.out': [KTSTR, 'list', '--work'],
    'hosts.out': [os.path.join(BUILD, 'tests', 'golden_hosts')],
    'top.out': [os.path.join(BUILD, 'tests', 'golden_top')],
    'help-top.out': [KTSTR, 'top', '--help'],
    'render.out': [os.path.join(BUILD, 'tests', 'golden_render')],
    'help-doctor.out': [KTSTR, 'doctor', '--help'],
    'help-kernel.out': [KTSTR, 'help', 'kernel'],
    'help-coverage.out': [KTSTR, 'coverage', '--help'],
    'help-profile.out': [KTSTR, 'profile', '--help'],
    'help-new.out': [KTSTR, 'new', '--help'],
    'help-exit-status.out': [KTSTR, 'help', 'exit-status'],
    'help-filters.out': [KTSTR, 'help', 'filters'],
    'man.out': [KTSTR, 'help', '--man'],
    'man-test.out': [KTSTR, 'help', '--man', 'test'],
    'man-kernel-build.out': [KTSTR, 'help', '--man', 'kernel', 'build'],
    'man-environment.out': [KTSTR, 'help', '--man', 'environment'],
    'man-exit-status.out': [KTSTR, 'help', '--man', 'exit-status'],
    'completions-bash.out': [KTSTR, 'completions', 'bash'],
    'completions-zsh.out': [KTSTR, 'completions', 'zsh'],
    'completions-fish.out': [KTSTR, 'completions', 'fish'],
    'completions-elvish.out': [KTSTR, 'completions', 'elvish'],
    'completions-powershell.out': [KTSTR, 'completions', 'powershell'],
    'list-examples.out': [KTSTR, 'test', '--list', BUILD + '/tests/examples'],
    'help-show-thresholds.out': [KTSTR, 'show-thresholds', '--help'],
    'thresholds-eevdf.out': [KTSTR, 'show-thresholds', 'eevdf_cpusets', BUILD + '/tests/examples'],
    'dry-run.out': ['env', 'KTSTR_SIDECAR_DIR=/nonexistent', 'KTSTR_BUDGET_SECS=120', KTSTR, 'test', '--dry-run', '--gauntlet',
                    '--accel', 'tcg', BUILD + '/tests/trust', '-E', 'test(everywhere)'],
    'help-trace.out': [KTSTR, 'trace', '--help'],
    'trace.out': [KTSTR, 'trace', STARVED],
    'trace-at.out': [KTSTR, 'trace', '--at', '3s', '--cpu', '1', '--lines', '6', STARVED],
    'trace-task.out': [KTSTR, 'trace', '--task', '46', '--lines', '12', DELAYED],
    'trace-json.out': [KTSTR, 'trace', '--json', '--lines', '4', IDLE],
    '../../docs/pictures/starved_task.svg': [KTSTR, 'trace', '--svg', '-', STARVED],
    '../../docs/pictures/idle_cpus.svg': [KTSTR, 'trace', '--svg', '-', IDLE],
    '../../docs/pictures/delayed_wakeups.svg': [KTSTR, 'trace', '--svg', '-', '--window', '100ms', DELAYED],
    '../../docs/ENVIRONMENT.md': [KTSTR, 'help', 'environment', '--markdown'],
    '../../docs/EXIT_STATUS.md': [KTSTR, 'help', 'exit-status', '--markdown'],
    '../../docs/FILTERS.md': [KTSTR, 'help', 'filters', '--markdown'],
    '../../docs/METRICS.md': [KTSTR, 'help', 'metrics', '--markdown'],
    '../../docs/PROFILES.md': [KTSTR, 'help', 'profiles', '--markdown'],
    'help-environment.out': [KTSTR, 'help', 'environment'],
    'cards.out': [os.path.join(BUILD, 'tests', 'golden_cards')],
    'help-try.out': [KTSTR, 'try', '--help'],
    'list-questions.out': [KTSTR, 'try', '--list'],
    'frames.out': [os.path.join(BUILD, 'tests', 'golden_frames')],
}

for name, argv in CASES.items():
    done = subprocess.run(argv, capture_output=True, text=True)
    path = os.path.join(HERE, name)
    if os.environ.get('KTSTR_BLESS'):
        with open(path, 'w') as f:
            f.write(done.stdout)
    with open(path) as f:
        wanted = f.read()
    check(done.returncode == 0 and done.stdout == wanted, os.path.basename(name), done.stdout + done.stderr)
finish(at_least=18)
