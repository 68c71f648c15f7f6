#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""R computes what recorded.txt has, in each column that its own tests know. Skipped without R."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from record import LINES, PATH, equal, samples  # noqa: E402

COLUMNS = ("Welch's t", 'its df', 'its p', "Mann-Whitney's U", 'its p', "Wilcoxon's sum", 'its p', 'p of the sign test', 'geometric mean')
FIRST = 4    # column of recorded.txt


def recomputed():
    text = ''
    for seed in range(1, LINES + 1):
        n, m, _, a, b = samples(seed)
        text += ' '.join(map(str, (seed, n, m, *a, *b))) + '\n'
    done = subprocess.run(['Rscript', '--vanilla', HERE + '/recompute.R'], input=text, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f'Rscript: status {done.returncode}\n{done.stderr}')
    return [line.split()[1:] for line in done.stdout.splitlines()]


def main():
    if not shutil.which('Rscript'):
        print('1..1\nok 1 - R computes what recorded.txt has # SKIP R (r-base-core) is not installed')
        return
    with open(PATH, encoding='utf-8') as f:
        recorded = [line.split()[FIRST:] for line in f]
    ours = recomputed()
    print(f'1..{len(COLUMNS)}')
    for i, name in enumerate(COLUMNS):
        both = [(k + 1, x[i], y[i]) for k, (x, y) in enumerate(zip(recorded, ours, strict=True)) if '-' not in (x[i], y[i])]
        wrong = [row for row in both if not equal(*row[1:])]
        bad = wrong or len(both) < LINES // 4
        print(f"{'not ' if bad else ''}ok {i + 1} - {name}: {len(both)} values are the same in R")
        for row in wrong[:10]:
            print(f'# seed {row[0]}: {row[1]}, R: {row[2]}')


main()
