#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes recorded.txt: what SciPy makes of random samples. tests/unit/test_statistics.c makes the same samples and
compares. With --check it recomputes the file; without SciPy that is skipped.

A line: seed n m ties, Welch's t, df and p, Mann-Whitney's U and p, Wilcoxon's sum and p, p of the sign test, geometric
mean. '-': SciPy has no exact value here (ties in samples too large to count).
"""
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, 'recorded.txt')
LINES = 1000
EXACT_MAX, COUNTED_MAX = 50, 9
MASK = (1 << 64) - 1


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9e3779b97f4a7c15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n


def samples(seed):
    """(n, m, ties, a, b); with few possible values there are ties. n equals m in every second line."""
    r = Random(seed)
    most = 12 if seed % 4 else 60
    n, m = 2 + r.below(most), 2 + r.below(most)
    if seed % 2:
        m = n
    ties = seed % 3 == 0
    values, shift = (8, r.below(4)) if ties else (1 << 40, r.below(1 << 39))
    return n, m, ties, [1 + r.below(values) for _ in range(n)], [1 + shift + r.below(values) for _ in range(m)]


def line(seed, stats, numpy):
    n, m, ties, a, b = samples(seed)
    a, b = [float(x) for x in a], [float(x) for x in b]
    va, vb = numpy.var(a, ddof=1) / n, numpy.var(b, ddof=1) / m
    w = stats.ttest_ind(a, b, equal_var=False)
    df = (va + vb) ** 2 / (va ** 2 / (n - 1) + vb ** 2 / (m - 1)) if va + vb else math.nan
    exact = n + m <= EXACT_MAX
    if len(set(a + b)) == n + m or not exact:
        u = stats.mannwhitneyu(a, b, method='exact' if exact else 'asymptotic')
        u, up = u.statistic, u.pvalue
    else:
        u, up = stats.mannwhitneyu(a, b, method='asymptotic').statistic, '-'
        if n + m <= COUNTED_MAX + 1:
            ranks = stats.rankdata(a + b)
            up = stats.permutation_test((ranks[:n], ranks[n:]), lambda x, y: sum(x), n_resamples=numpy.inf).pvalue
    pairs = [y - x for x, y in zip(a, b)]
    used = [d for d in pairs if d]
    ranks = stats.rankdata([abs(d) for d in used])
    s, sp = sum(r for r, d in zip(ranks, used) if d > 0), '-'
    if not used:
        s = '-'
    elif len(used) > EXACT_MAX:
        sp = stats.wilcoxon(used, correction=True, mode='approx').pvalue
    elif len(set(map(abs, used))) == len(used):
        sp = stats.wilcoxon(used, mode='exact').pvalue
    elif len(used) <= COUNTED_MAX:
        signed = [math.copysign(r, d) for r, d in zip(ranks, used)]
        sp = stats.permutation_test((signed,), lambda x: sum(v for v in x if v > 0), permutation_type='samples',
                                    vectorized=False, n_resamples=numpy.inf).pvalue
    sign = stats.binomtest(sum(d > 0 for d in used), len(used)).pvalue if used else '-'
    numbers = [w.statistic, df, w.pvalue, u, up, s, sp, sign, stats.gmean(a + b)]
    if not va + vb:
        numbers[:3] = '---'
    return f'{seed} {n} {m} {int(ties)} ' + ' '.join(x if x == '-' else f'{x:.10g}' for x in numbers) + '\n'


def equal(x, y):
    """Two numbers as they are written; '-' only equals itself."""
    return x == y or '-' not in (x, y) and math.isclose(float(x), float(y), rel_tol=1e-8, abs_tol=1e-12)


def main():
    try:
        import numpy
        from scipy import stats
    except ImportError as why:
        print(f'1..1\nok 1 - recorded.txt is what SciPy computes # SKIP {why}')
        return
    lines = [line(seed, stats, numpy) for seed in range(1, LINES + 1)]
    if '--check' not in sys.argv:
        with open(PATH, 'w', encoding='utf-8') as f:
            f.writelines(lines)
        return
    with open(PATH, encoding='utf-8') as f:
        recorded = f.readlines()

    wrong = [a for a, b in zip(lines, recorded, strict=True) if not all(equal(x, y) for x, y in zip(a.split(), b.split(), strict=True))]
    print(f"1..1\n{'not ' if wrong else ''}ok 1 - recorded.txt is what SciPy computes")
    print(''.join('# ' + w for w in wrong[:20]), end='')


if __name__ == '__main__':
    main()
