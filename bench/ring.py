#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs bench/ring_bench: records per second and drops of the event rings, compared with a pipe and a socketpair."""
import os
import sys

build = sys.argv[1] if len(sys.argv) > 1 else 'build'
os.execv(os.path.join(build, 'bench', 'ring_bench'), ['ring_bench'])
