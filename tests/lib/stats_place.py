# SPDX-License-Identifier: GPL-2.0-only
"""stats_place.py -- a directory of made runs, and what `ktstr stats` says of them."""
import json
import os
import subprocess

from results import make, sidecar, write
from tap import Run, Scratch

os.environ.pop('KTSTR_SIDECAR_DIR', None)
A, B = {'kernel_version': '6.12.1'}, {'kernel_version': '7.3.4'}
SIDES = ('--a-kernel', '6.12', '--b-kernel', '7.3')


class Place(Scratch):
    """A directory of runs, and a cache of its own. What is written here is not checked against the schema: it is
    shorter."""

    def __enter__(self):
        super().__enter__()
        self.runs = self / 'runs'
        os.environ['XDG_CACHE_HOME'] = self / 'cache'
        os.environ['KTSTR_RUNS_ROOT'] = self.runs
        return self

    def __exit__(self, *exc):
        subprocess.run(['rm', '-rf', self.runs, self / 'other'], check=True)
        super().__exit__(*exc)

    def make(self, run, *values, **keys):
        make(self.runs, run, *values, **keys)

    def write(self, run, *args, **keys):
        return write(self.runs, run, sidecar(*args, **keys))


def stats(*args, **env):
    return Run('stats', *args, env=env)


def compare(*args, sides=SIDES, **env):
    """(exit status, JSON, whole run)"""
    done = stats('compare', *sides, '--all-metrics', '--json', *args, **env)
    return done.status, json.loads(done.out) if done.out else None, done


def finding(out, metric='worst_gap_ms', **keys):
    found = [f for f in out['findings'] if f['metric'] == metric and all(f[k] == v for k, v in keys.items())]
    return found[0] if len(found) == 1 else {'verdict': f'{len(found)} findings'}
