# SPDX-License-Identifier: GPL-2.0-only
"""actions_cache.py -- the two cache services of GitHub's workflows, as far as clients need them, with faults on demand:
the results service (twirp: CreateCacheEntry, FinalizeCacheEntryUpload, GetCacheEntryDownloadURL) and the older one
(_apis/artifactcache)."""
import json
import re
import threading
import urllib.parse

import local_http

TWIRP = '/twirp/github.actions.results.api.v1.CacheService/'
REST = '/_apis/artifactcache/'
TOKEN = 'secret-of-the-job'


class Handler(local_http.Handler):
    def handle_request(self):
        c = self.server.cache
        body = self.body()
        path = urllib.parse.urlparse(self.path)
        step = self.step(path.path)
        with c.lock:
            c.requests.append((self.command, step, dict(self.headers), body if step != 'blob' else len(body)))
            fault, faulty = c.faults.get(step), step in c.faults
        if step != 'blob' and self.headers.get('Authorization') != 'Bearer ' + TOKEN:
            return self.answer(401, {'msg': 'bad token'})
        if faulty:
            return self.misbehave(fault)
        return getattr(self, step)(path, body)

    do_GET = do_POST = do_PUT = do_PATCH = handle_request

    def step(self, path):
        if path.startswith(TWIRP):
            return {'GetCacheEntryDownloadURL': 'lookup2', 'CreateCacheEntry': 'create2',
                    'FinalizeCacheEntryUpload': 'finalize2'}.get(path[len(TWIRP):], 'unknown')
        if path.startswith('/blob/'):
            return 'blob'
        if path.startswith(REST):
            rest = path[len(REST):]
            if rest == 'cache':
                return 'lookup1'
            if rest == 'caches':
                return 'create1'
            if re.fullmatch(r'caches/\d+', rest):
                return 'part1' if self.command == 'PATCH' else 'finalize1'
        return 'unknown'

    def misbehave(self, fault):
        if isinstance(fault, int):
            return self.answer(fault, {'msg': 'no'})
        if fault == 'close':
            return self.hang_up()
        if fault == 'cut':
            return self.cut(b'{"ok":', 100000)
        if fault == 'large':
            return self.answer(200, b'{"x": "' + b'x' * (1 << 20) + b'"}')
        return self.answer(200, fault if isinstance(fault, bytes) else json.dumps(fault).encode())

    def unknown(self, path, body):
        self.answer(404, {'msg': 'no such method'})

    # --- the results service ---

    def lookup2(self, path, body):
        c, q = self.server.cache, json.loads(body)
        entry = c.find(q['key'], q['version'])
        if not entry:
            return self.answer(200, {'ok': False})
        return self.answer(200, {'ok': True, 'matched_key': entry, 'signed_download_url': c.url + '/blob/' + entry + '?sig=hidden'})

    def create2(self, path, body):
        c, q = self.server.cache, json.loads(body)
        if q['key'] in c.blobs:
            return self.answer(200, {'ok': False})
        c.versions[q['key']] = q['version']
        return self.answer(200, {'ok': True, 'signed_upload_url': c.url + '/blob/' + q['key'] + '?sig=hidden'})

    def finalize2(self, path, body):
        c, q = self.server.cache, json.loads(body)
        if c.pending.get(q['key']) is None or len(c.pending[q['key']]) != int(q['size_bytes']):
            return self.answer(400, {'msg': 'wrong size'})
        c.blobs[q['key']] = c.pending.pop(q['key'])
        return self.answer(200, {'ok': True, 'entry_id': '7'})

    def blob(self, path, body):
        c, key = self.server.cache, path.path[len('/blob/'):]
        if 'sig=hidden' not in path.query:
            return self.answer(403)
        if self.command == 'PUT':
            if self.headers.get('x-ms-blob-type') != 'BlockBlob':
                return self.answer(400)
            c.pending[key] = body
            return self.answer(201)
        return self.answer(200, c.blobs[key], 'application/octet-stream') if key in c.blobs else self.answer(404)

    # --- the older service ---

    def lookup1(self, path, body):
        c, q = self.server.cache, urllib.parse.parse_qs(path.query)
        entry = c.find(q['keys'][0], q['version'][0])
        if not entry:
            return self.answer(204)
        return self.answer(200, {'cacheKey': entry, 'archiveLocation': c.url + '/blob/' + entry + '?sig=hidden'})

    def create1(self, path, body):
        c, q = self.server.cache, json.loads(body)
        if q['key'] in c.blobs:
            return self.answer(409, {'message': 'exists'})
        c.versions[q['key']] = q['version']
        c.ids.append(q['key'])
        c.pending[q['key']] = b''
        return self.answer(201, {'cacheId': len(c.ids) - 1})

    def key_of(self, path):
        return self.server.cache.ids[int(path.path.rsplit('/', 1)[1])]

    def part1(self, path, body):
        c, key = self.server.cache, self.key_of(path)
        first, last = map(int, re.fullmatch(r'bytes (\d+)-(\d+)/\*', self.headers['Content-Range']).groups())
        if first != len(c.pending[key]) or last - first + 1 != len(body):
            return self.answer(400)
        c.pending[key] += body
        return self.answer(204)

    def finalize1(self, path, body):
        c, key = self.server.cache, self.key_of(path)
        if json.loads(body)['size'] != len(c.pending[key]):
            return self.answer(400)
        c.blobs[key] = c.pending.pop(key)
        return self.answer(204)


class ActionsCache(local_http.LocalServer):
    handler = Handler

    def prepare(self, server):
        self.lock, self.requests, self.faults = threading.Lock(), [], {}
        self.blobs, self.pending, self.versions, self.ids = {}, {}, {}, []
        server.cache = self

    def find(self, key, version):
        """As the services: the newest entry whose key begins with it."""
        for k in reversed(list(self.blobs)):
            if k.startswith(key) and self.versions.get(k) == version:
                return k
        return None

    def steps(self):
        return [step for _, step, _, _ in self.requests]

    def clear(self):
        self.requests, self.faults = [], {}
