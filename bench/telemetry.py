#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The share of a worker's CPU time that its telemetry costs, by work type: CPU time a turn with it and without, in one guest.

    bench/telemetry.py [BUILD]
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
AIM = 1.0


def kernel():
    out = subprocess.run([BUILD + '/ktstr', 'kernel', 'list', '--json'], capture_output=True, text=True, check=True).stdout
    for e in json.loads(out)['entries']:
        if not e.get('error_kind'):
            return e['key']
    sys.exit("no kernel in the cache; run 'make kernel'")


def main():
    rows = []
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        subprocess.run([BUILD + '/ktstr', 'test', '--kernel', kernel(), '--keep-logs', BUILD + '/bench/telemetry'],
                       env={**os.environ, 'KTSTR_SIDECAR_DIR': scratch}, stdout=subprocess.DEVNULL, check=True)
        for path in sorted(glob.glob(scratch + '/*.report.txt')):
            with open(path) as f:
                rows += re.findall(r'^ *([A-Z_]+) (\d+) (\d+) (\d+) (\d+)$', f.read(), re.M)
    print(f"{'work type':30} {'us a turn':>10} {'without':>10} {'share':>7}")
    above = []
    for name, *numbers in rows:
        on_ns, on_turns, off_ns, off_turns = map(int, numbers)
        if not on_turns or not off_turns:
            print(f'{name:30} nothing was measured')
            continue
        on, off = on_ns / on_turns / 1000, off_ns / off_turns / 1000
        share = (on - off) / on * 100
        above += [name] if share > AIM else []
        print(f'{name:30} {on:10.2f} {off:10.2f} {share:6.2f}%')
    print(f"{len(rows)} types, {len(above)} above {AIM:.0f} %: {' '.join(above)}")


main()
