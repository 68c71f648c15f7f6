#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs bench/budget_bench over the examples and the mutants: the coverage of a budget, compared with the greedy rule.
"""
import os
import sys

build = sys.argv[1] if len(sys.argv) > 1 else 'build'
os.execv(os.path.join(build, 'bench', 'budget_bench'),
         ['budget_bench', os.path.join(build, 'tests', 'examples'), os.path.join(build, 'tests', 'trust')])
