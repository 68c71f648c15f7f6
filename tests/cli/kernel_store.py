#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A store of built kernels on an HTTP server: a good entry is used without a build; a bad one never, whatever is wrong."""
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', where) for where in ('lib', 'mirror')]
import layout  # noqa: E402
from mirror import Mirror  # noqa: E402
from tap import Scratch, check, finish  # noqa: E402
from world import World  # noqa: E402

VERSION = '6.12.3'


def read(path):
    with open(path, 'rb') as f:
        return f.read()


class Store:
    """The entry of a kernel in a server's directory, changed for each case."""

    def __init__(self, w):
        self.w = w
        w.run('build', VERSION)
        self.key = w.keys()[0]
        self.good = w.scratch / 'good'
        shutil.copytree(w.cache + '/' + self.key, self.good + '/' + self.key)
        self.dir = w.m.root + '/store'
        os.makedirs(self.dir)

    def publish(self, change=None, names=None):
        """@change changes a copy of the entry; the checksum is right."""
        tree = self.w.scratch / 'changed'
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(self.good, tree)
        if change:
            change(tree + '/' + self.key)
        subprocess.run(['tar', '--zstd', '-cPf', f'{self.dir}/{self.key}.tar.zst', '-C', tree, *(names or [self.key])], check=True)
        self.sum()

    def sum(self, wrong=False):
        digest = hashlib.sha256(read(f'{self.dir}/{self.key}.tar.zst') + b'x' * wrong).hexdigest()
        with open(f'{self.dir}/{self.key}.tar.zst.sha256', 'w') as f:
            f.write(f'{digest}  {self.key}.tar.zst\n')

    def build(self):
        """(whether the kernel was built, run) with an empty cache."""
        self.w.caches += 1
        self.w.env['KTSTR_CACHE_DIR'] = self.w.cache = self.w.scratch / f'cache-{self.w.caches}'
        before = len(self.w.m.requests)
        run = self.w.run('build', VERSION, KTSTR_KERNEL_STORE=self.w.m.url + '/store/')
        asked = [r['path'] for r in self.w.m.requests[before:]]
        return any(layout.tarball_path(VERSION) in path for path in asked), run

    def is_refused(self, name):
        built, run = self.build()
        entry = self.w.cache + '/' + self.key
        ok = (built and run.status == 0 and self.w.keys() == [self.key] and not self.w.left() and
              read(entry + '/bzImage') == read(f'{self.good}/{self.key}/bzImage') and not glob.glob(self.w.cache + '/../evil'))
        check(ok, f'{name}: the kernel is built', f'built {built}, {self.w.keys()}, {self.w.left()}\n{run}')


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def other_version(entry):
    with open(entry + '/metadata.json') as f:
        metadata = json.load(f)
    metadata['version'] = '6.6.10'
    write(entry + '/metadata.json', json.dumps(metadata).encode())


def damage(store):
    """Damage of the archive with its right checksum: the entry's own checksums and facts are checked."""
    for name, change in (('another image', lambda e: write(e + '/bzImage', b'evil')),
                         ('another vmlinux', lambda e: write(e + '/vmlinux', b'evil')),
                         ('no image', lambda e: os.unlink(e + '/bzImage')),
                         ('no checksum of the image', lambda e: os.unlink(e + '/bzImage.sum')),
                         ('no metadata', lambda e: os.unlink(e + '/metadata.json')),
                         ('metadata that is not JSON', lambda e: write(e + '/metadata.json', b'{')),
                         ('another version', other_version)):
        store.publish(change)
        store.is_refused(name)
    write(store.w.scratch / 'changed/evil', b'evil')
    store.publish(names=[store.key, '--transform=s,^' + store.key + '/bzImage$,../../evil,'])
    store.is_refused('a member outside')


def transfers(store):
    """Damage of the transfer, and answers that are not files."""
    store.publish()
    store.sum(wrong=True)
    store.is_refused('a wrong checksum')
    store.publish()
    path = f'{store.dir}/{store.key}.tar.zst'
    for name, data in (('half an archive', read(path)[:2000]), ('no archive', b'nothing of the kind'), ('an empty file', b'')):
        write(path, data)
        store.is_refused(name + ' under the old checksum')
        store.sum()
        store.is_refused(name + ' under its own checksum')
    store.publish()
    write(path + '.sha256', b'no list at all\n')
    store.is_refused('a list that is not one')
    store.sum()
    for name, where, kind, at in (('404', '/store', 'status', 404), ('403 for the archive', f'/store/{store.key}.tar.zst', 'status', 403),
                                  ('a page', '/store', 'html', 0)):
        store.w.m.clear()
        store.w.m.fault(where, kind, at=at)
        store.is_refused(name)
    store.w.m.clear()


def local_tarball(store):
    """A source that needs no download of its own is looked up as well."""
    path = store.w.scratch / f'linux-{VERSION}.tar.xz'
    write(path, read(store.w.m.root + '/' + layout.tarball_path(VERSION).lstrip('/')))
    store.publish()
    store.w.fresh()
    run = store.w.run('build', path, KTSTR_KERNEL_STORE=store.w.m.url + '/store')
    check(run.status == 0 and 'taken from the store' in run.err and 'unpack' not in run.err and store.w.keys() == [store.key], 'a tarball: the entry is used without a build',
          f'{store.w.keys()}\n{run}')


def main():
    with Scratch() as scratch, Mirror(scratch / 'root') as mirror:
        layout.lay_out(mirror.root, (VERSION,), (VERSION,))
        w = World(scratch, mirror)
        store = Store(w)
        store.is_refused('an empty store')
        store.publish()
        built, run = store.build()
        check(not built and run.status == 0 and w.keys() == [store.key] and not w.left(), 'a good entry is used without a build', run)
        listed = json.loads(w.run('list', '--json', '--offline').out)['entries']
        check(len(listed) == 1 and not listed[0].get('error_kind'), 'and is in the list', listed)
        w.m.fault(f'/store/{store.key}.tar.zst', 'reset', at=1000, times=1)
        built, run = store.build()
        check(not built and run.status == 0, 'a transfer that is cut once continues', run)
        w.m.clear()
        damage(store)
        transfers(store)
        local_tarball(store)
    finish(at_least=20)


main()
