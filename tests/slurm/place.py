# SPDX-License-Identifier: GPL-2.0-only
"""place.py -- shared by the tests of runs on a Slurm cluster: directories of a run, and its results."""
import glob
import json
import os
import subprocess

from tap import BUILD, KTSTR, Run

EXAMPLES = os.path.join(BUILD, 'tests/examples/examples')
NAPS = os.path.join(BUILD, 'tests/naps')


def usable_kernels():
    """Keys of cached kernels of two versions, or of one; those with today's configuration first."""
    listed = json.loads(Run('kernel', 'list', '--offline', '--json').out)
    found = {}
    for e in sorted(listed['entries'], key=lambda e: e.get('kconfig_status') != 'matches'):
        if not e.get('error') and e.get('version') not in found:
            found[e['version']] = e['key']
    return list(found.values())[:2]


def sidecars(root):
    """{name: sidecar} of all results of ordinary runs below @root."""
    found = {}
    for path in glob.glob(f'{root}/*/*.ktstr.json'):
        with open(path, encoding='utf-8') as f:
            one = json.load(f)
        found.setdefault(one['name'], []).append(one)
    return found


def digests(results):
    return {name: (one[0]['verdict'], (one[0].get('guest') or {}).get('event_digest')) for name, one in results.items()}


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
