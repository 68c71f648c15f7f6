# SPDX-License-Identifier: GPL-2.0-only
"""world.py -- shared by the tests of kernel builds: a mirror of kernel.org, a cache for each test, and helpers."""
import glob
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import layout  # noqa: E402
from mirror import Mirror  # noqa: E402
from tap import Run, Scratch, check  # noqa: E402

VERSIONS = ('6.1.150', '6.6.10', '6.11.11', '6.12.3', '6.12.95', '6.13.12', '6.14.11', '6.15-rc2')
LISTED = ('6.15-rc2', '6.14.11', '6.12.95', '6.6.10', '6.1.150')
GIT_IDENTITY = ('-c', 'user.name=x', '-c', 'user.email=x@localhost')


class World:
    """A mirror, and a cache of its own for each test."""

    def __init__(self, scratch, mirror):
        self.scratch, self.m, self.caches = scratch, mirror, 0
        self.fresh()

    def fresh(self):
        self.m.clear()
        self.caches += 1
        self.cache = self.scratch / f'cache-{self.caches}'
        self.env = {'KTSTR_CACHE_DIR': self.cache, 'KTSTR_KERNEL_MIRROR': self.m.url, 'KTSTR_CPU_CAP': '2',
                    'XDG_DATA_HOME': self.scratch / 'no-keyring'}

    def run(self, *args, **env):
        return Run('kernel', *args, env={**self.env, **env}, timeout=120)

    def keys(self):
        return sorted(k for k in os.listdir(self.cache) if not k.startswith('.')) if os.path.exists(self.cache) else []

    def left(self):
        return glob.glob(self.cache + '/.tmp-*')

    def built(self, name, wanted, *args, **env):
        """@args build exactly @wanted, and leave no other entry."""
        run = self.run('build', *args, **env)
        keys = [k.split('-x86_64')[0] for k in self.keys()]
        check(run.status == 0 and keys == sorted(wanted) and not self.left(), name, f'{keys} {self.left()}\n{run}')
        return run

    def refused(self, name, status, said, *args, **env):
        """The run prints one line that contains @said, and leaves the cache unchanged."""
        before, left = self.keys(), self.left()
        run = self.run(*args, **env)
        errors = [line for line in run.err.splitlines() if line.startswith('error:')]
        ok = run.status == status and len(errors) == 1 and said in errors[0]
        check(ok and self.keys() == before and self.left() == left, f'{name}: exits with {status}', f'wanted "{said}"\n{run}')


def git(*args):
    return subprocess.run(['git', *GIT_IDENTITY, *args], check=True, capture_output=True, text=True).stdout.strip()


def compiler(w, name, script):
    """PATH with another sleep(1), which fake trees use as their compiler."""
    os.makedirs(w.scratch / name)
    with open(w.scratch / name + '/sleep', 'w') as f:
        f.write('#!/bin/sh\n' + script + '\n')
    os.chmod(w.scratch / name + '/sleep', 0o755)
    return f"{w.scratch / name}:{os.environ['PATH']}"


def valid(w):
    """Every cache entry is complete."""
    listed = json.loads(w.run('list', '--json', '--offline').out)['entries']
    return all('error' not in e and os.path.getsize(e['image_path']) > 0 for e in listed)


def read(path):
    with open(path) as f:
        return f.read()


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def run_all(tests):
    """Runs each of @tests with the mirror laid out."""
    with Scratch() as scratch:
        root = scratch / 'mirror'
        layout.lay_out(root, VERSIONS, listed=LISTED, objects=4, object_s=0.05)
        with Mirror(root) as mirror:
            world = World(scratch, mirror)
            for test in tests:
                test(world)
