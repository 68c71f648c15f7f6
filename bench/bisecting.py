#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The table of docs/BISECTING.md: `ktstr bisect` beside plain bisection, on simulated histories of 64 commits."""
import json
import os
import subprocess
import sys

build = sys.argv[1] if len(sys.argv) > 1 else 'build'
rows = [json.loads(line) for line in subprocess.run([os.path.join(build, 'bench', 'bisect_bench')], capture_output=True, text=True, check=True).stdout.splitlines()]
print('| fails in | method | right of %d | runs of the search | of ends and check | commits built |' % rows[0]['histories'])
print('|---|---|---|---|---|---|')
for r in rows:
    print(f"| {100 * r['rate']:g} % | {r['method']} | {r['right']} | {r['runs_search']:.0f} | {r['runs_ends_and_check']:.0f} | {r['commits_built']:.1f} |")
