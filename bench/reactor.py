#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs bench/reactor_bench: operations and steps per second, compared with a bare liburing loop."""
import os
import sys

build = sys.argv[1] if len(sys.argv) > 1 else 'build'
os.execv(os.path.join(build, 'bench', 'reactor_bench'), ['reactor_bench'])
