#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The cache of GitHub's workflows as a store of kernels, in both versions of its protocol: what was built is uploaded and
used by the next job; every fault is a note, the kernel is built, and nothing bad is ever used."""
import hashlib
import os
import shutil
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', where) for where in ('lib', 'mirror')]
import layout  # noqa: E402
from actions_cache import TOKEN, ActionsCache  # noqa: E402
from mirror import Mirror  # noqa: E402
from tap import Scratch, check, finish  # noqa: E402
from world import World  # noqa: E402

VERSION = '6.12.3'
OLD, NEW = 'ACTIONS_CACHE_URL', 'ACTIONS_RESULTS_URL'


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def files(root):
    return {os.path.relpath(os.path.join(d, f), root): read(os.path.join(d, f)) for d, _, names in os.walk(root) for f in names
            if not f.endswith('.sum')}


class Job:
    """One job of a workflow after the other, each with an empty cache of its own."""

    def __init__(self, w, c, which):
        self.w, self.c, self.which = w, c, which

    def build(self, fresh=True, **env):
        if fresh:
            self.w.caches += 1
            self.w.env['KTSTR_CACHE_DIR'] = self.w.cache = self.w.scratch / f'cache-{self.w.caches}'
        before = len(self.w.m.requests)
        workflow = {'KTSTR_GHA_CACHE': '1', 'ACTIONS_RUNTIME_TOKEN': TOKEN, self.which: self.c.url + '/'}
        run = self.w.run('build', VERSION, **{**workflow, **env})
        asked = [r['path'] for r in self.w.m.requests[before:]]
        return any(layout.tarball_path(VERSION) in path for path in asked), run

    def entry(self):
        return self.w.cache + '/' + self.w.keys()[0]

    def is_harmless(self, name, said, **env):
        """The kernel is built as always; a note says why the cache was of no use; no secret is shown."""
        built, run = self.build(**env)
        text = run.out + run.err
        ok = (built and run.status == 0 and len(self.w.keys()) == 1 and not self.w.left() and files(self.entry()).keys() == self.good.keys()
              and read(self.entry() + '/bzImage') == self.good['bzImage'])
        check(ok and said in text and TOKEN not in text and 'sig=' not in text, f'{self.which}: {name}: the kernel is built', f'built {built}\n{run}')

    def is_used(self, name):
        built, run = self.build()
        check(not built and run.status == 0 and files(self.entry()) == self.good and not self.w.left(), f'{self.which}: {name}', f'built {built}\n{run}')


def round_trip(j):
    c = j.c
    built, run = j.build()
    j.good = files(j.entry())
    check(built and run.status == 0 and len(c.blobs) == 1 and not c.pending, f'{j.which}: a kernel that was built is uploaded', run)
    key, blob = next(iter(c.blobs.items()))
    with open(j.w.scratch / 'blob.tar.zst', 'wb') as f:
        f.write(blob)
    names = subprocess.run(['tar', '--zstd', '-tf', j.w.scratch / 'blob.tar.zst'], capture_output=True, text=True, check=False)
    members = {n.split('/', 1)[1] for n in names.stdout.split()}
    check(names.returncode == 0 and {'bzImage', 'vmlinux', 'metadata.json'} <= members, f'{j.which}: it is an archive that tar reads', names)
    check(all(h.get('Authorization') == 'Bearer ' + TOKEN or step == 'blob' for _, step, h, _ in c.requests),
          f'{j.which}: with the token; not sent to the storage', c.steps())
    check(not any('Authorization' in h for _, step, h, _ in c.requests if step == 'blob'), f'{j.which}: which gets no token')
    c.clear()
    j.is_used('the next job takes it')
    check(set(c.steps()) == {'lookup2' if j.which == NEW else 'lookup1', 'blob'}, f'{j.which}: and uploads nothing', c.steps())
    c.clear()
    built, run = j.build(fresh=False)
    check(not built and run.status == 0 and not c.requests, f'{j.which}: a kernel in the own cache asks nobody', run)
    return key, blob


def damage(j, key, blob):
    """Blobs that are not what was uploaded."""
    c, at = j.c, len(blob) // 3
    for name, data in (('half of it', blob[:len(blob) // 2]), ('one bit', blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:]),
                       ('without its checksum', blob[:-48]), ('only a checksum', blob[-48:]), ('nothing', b''),
                       ('more behind it', blob + b'x'), ('zeros', bytes(len(blob))), ('a page', b'<html>login</html>')):
        c.blobs[key] = data
        j.is_harmless(name, '')
    c.blobs[key] = blob
    # A sound archive of something else: the checksum is right, the kernel is not.
    tree = j.w.scratch / 'other'
    shutil.rmtree(tree, ignore_errors=True)
    for what, change in (('another image', lambda e: put(e + '/bzImage', b'evil')), ('no metadata', lambda e: os.unlink(e + '/metadata.json'))):
        shutil.copytree(j.entry(), tree + '/' + key.replace('ktstr-', '', 1))
        change(tree + '/' + key.replace('ktstr-', '', 1))
        c.blobs[key] = seal(subprocess.run(['tar', '--zstd', '-cf', '-', '-C', tree, '.'], check=True, capture_output=True).stdout)
        j.is_harmless(what + ' with the right checksum', '')
        shutil.rmtree(tree)
    c.blobs[key] = blob
    j.is_used('the good one still is')


def put(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def seal(data):
    return data + (0x184d2a50).to_bytes(4, 'little') + (40).to_bytes(4, 'little') + b'ktstrsum' + hashlib.sha256(data).digest()


def faults(j, key, blob):
    c = j.c
    number = '2' if j.which == NEW else '1'
    for fault in (500, 401, 404, 'close', 'cut', 'large', b'garbage', {'ok': 'yes'}, [], {'ok': True, 'cacheKey': 'x', 'matched_key': key},
                  {'ok': True, 'cacheKey': key, 'archiveLocation': 'file:///etc/passwd', 'matched_key': key,
                   'signed_download_url': 'file:///etc/passwd'}):
        c.clear()
        c.faults['lookup' + number] = fault
        j.is_harmless(f'look-up: {fault}', '')
    c.clear()
    del c.blobs[key]
    c.blobs[key + '-longer'], c.versions[key + '-longer'] = blob, c.versions[key]
    c.faults['create' + number] = 500
    j.is_harmless('an entry whose key only begins like ours', "not uploaded to GitHub's cache: reserve an entry: the server answered with status 500")
    del c.blobs[key + '-longer']
    for step in ('create', 'finalize') + (('part',) if j.which == OLD else ()):
        for fault in (500, 'close') + (() if j.which == OLD else (b'garbage', {'ok': False})):
            c.clear()
            c.faults[step + number] = fault
            j.is_harmless(f'{step}: {fault}', "not uploaded to GitHub's cache: ")
            check(key not in c.blobs, f'{j.which}: {step}: {fault}: nothing is in the cache')
    c.clear()
    j.is_harmless('a wrong token', 'status 401', ACTIONS_RUNTIME_TOKEN='other')
    c.clear()
    built, run = j.build(KTSTR_GHA_CACHE='0')
    check(built and run.status == 0 and not c.requests, f'{j.which}: only "1" switches it on', run)
    built, run = j.build(ACTIONS_RUNTIME_TOKEN='')
    check(built and run.status == 0 and not c.requests, f'{j.which}: without a token nobody is asked', run)
    built, run = j.build(**{j.which: 'http://127.0.0.1:1/'})
    check(built and run.status == 0, f'{j.which}: nobody listens: the kernel is built', run)
    c.blobs.clear()
    j.build()
    j.good = files(j.entry())
    j.is_used('after all of that, a round trip')


def main():
    for which in (NEW, OLD):
        with Scratch() as scratch, Mirror(scratch / 'root') as mirror, ActionsCache() as c:
            layout.lay_out(mirror.root, (VERSION,), (VERSION,))
            j = Job(World(scratch, mirror), c, which)
            key, blob = round_trip(j)
            damage(j, key, blob)
            faults(j, key, blob)
    finish(at_least=70)


main()
