# SPDX-License-Identifier: GPL-2.0-only
"""place.py -- shared by the tests of runs on a Slurm cluster: directories of a run, and its results."""
import glob
import json
import os
import subprocess

import cluster
import schema
from tap import BUILD, KTSTR, Run, cached_kernel, cached_kernels, finish, skip

EXAMPLES = os.path.join(BUILD, 'tests/examples/examples')
NAPS = os.path.join(BUILD, 'tests/naps')


def usable_kernels():
    """Keys of two cached kernels with schedulers, or of one: the one of most tests, then one of another version if there is."""
    first = cached_kernel()
    if not first:
        return []
    rest = [k for k in cached_kernels() if k.get('has_schedulers') and k['key'] != first['key']]
    rest.sort(key=lambda k: k['version'] == first['version'])
    return [k['key'] for k in [first] + rest[:1]]


def need_cluster(what):
    """Keys of kernels for the tests. Without Slurm or a kernel, skips @what and ends the test."""
    why = cluster.missing()
    kernels = [] if why else usable_kernels()
    if not why and not kernels:
        why = 'no kernel with schedulers is in the cache; build one with `make kernel`'
    if why:
        skip(what, why)
        finish()
    os.environ.pop('KTSTR_TEST_KERNEL', None)
    return kernels


def sidecars(root):
    """{name: sidecar} of all results of ordinary runs below @root."""
    found = {}
    for path in glob.glob(f'{root}/*/*.ktstr.json'):
        with open(path, encoding='utf-8') as f:
            one = json.load(f)
        found.setdefault(one['name'], []).append(one)
    return found


def whole(results):
    """{name: sidecars without what may differ between two runs with one seed}."""
    return {name: [schema.stable(one) for one in found] for name, found in results.items()}


def differences(one, other):
    """What differs between two of these, in words."""
    said = [f'only in one: {name}' for name in sorted(set(one) ^ set(other))]
    for name in sorted(set(one) & set(other)):
        for a, b in zip(one[name], other[name]):
            said += [f'{name}: {key}: {a.get(key)} {b.get(key)}' for key in sorted(set(a) | set(b)) if a.get(key) != b.get(key)]
        said += [f'{name}: {len(one[name])} and {len(other[name])} results'] if len(one[name]) != len(other[name]) else []
    return said


def digests(results):
    return {name: [{'verdict': one[0]['verdict'], 'digest': (one[0].get('guest') or {}).get('event_digest')}]
            for name, one in results.items()}


class Place:
    """Directories of one run."""

    def __init__(self, scratch, name, env):
        self.runs = os.path.join(scratch.path, name)
        self.env = dict(env, KTSTR_RUNS_ROOT=self.runs)

    def run(self, *args, **how):
        return Run(*args, env=self.env, cwd=os.path.dirname(self.runs), **how)

    def follower(self, *args):
        return subprocess.Popen([KTSTR, *args], env=dict(os.environ, **self.env), cwd=os.path.dirname(self.runs),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def slurm_dir(self):
        return (glob.glob(self.runs + '/.slurm/*') or [''])[0]


def running(c):
    """{node: job} of tasks that run."""
    out = c.run('squeue', '-h', '-t', 'running', '-o', '%N|%F_%K').stdout
    return dict(line.split('|') for line in out.splitlines())
