#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The exhaustive simulation: 1,000 seeds of 10,000 attempts with faults. A broken invariant is reported with its seed.
"""
import os
import sys

build = sys.argv[1] if len(sys.argv) > 1 else 'build'
os.execv(os.path.join(build, 'tests', 'sim_attempts'), ['sim_attempts', '1000', '10000'])
