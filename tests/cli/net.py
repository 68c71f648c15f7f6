#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Downloads from a server with every known fault: the file is right, or nothing is left and one line gives the reason.
"""
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'mirror'))
import layout  # noqa: E402
from mirror import Mirror  # noqa: E402
from tap import BUILD, Scratch, check, finish  # noqa: E402

NET_GET = BUILD + '/tests/net_get'
SIZE = 3_000_001
CLOSED_PORT = 'http://127.0.0.1:1'
for name in [n for n in os.environ if n.lower().endswith('_proxy')]:
    del os.environ[name]


class Get:
    """One run of net_get: one result per copy, and whether a descriptor was left open."""

    def __init__(self, *args, env=None, **kw):
        done = subprocess.run([NET_GET, *map(str, args)], capture_output=True, timeout=120, env=dict(os.environ, **(env or {})), **kw)
        self.take(done.returncode, done.stdout, done.stderr)

    def take(self, status, out, err):
        self.status, self.text = status, (out + err).decode(errors='replace')
        lines = [json.loads(line) for line in out.decode(errors='replace').splitlines()]
        self.copies = [line for line in lines if 'result' in line]
        self.left_open = next((line['left_open'] for line in lines if 'left_open' in line), None)

    def __getattr__(self, key):
        return self.copies[0][key] if self.copies else None

    def __str__(self):
        return f'exit {self.status}\n{self.text}'


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def good(get, path, data, name, **wanted):
    ok = get.status == 0 and get.left_open == 0 and read(path) == data
    ok = ok and get.sha256 in ('', hashlib.sha256(data).hexdigest())
    return check(ok and all(getattr(get, k) == v for k, v in wanted.items()), name, f'{wanted}\n{get}')


def bad(get, path, said, name, **wanted):
    """The download failed with one line that contains @said, and left no file."""
    size = os.path.getsize(path) if path and os.path.exists(path) else 0
    ok = get.status != 0 and get.left_open == 0 and size == 0 and get.sha256 == '' and get.body_len == 0
    ok = ok and said in get.error and '\n' not in get.error and '; ' in get.error
    return check(ok and all(getattr(get, k) == v for k, v in wanted.items()), name, f'{wanted} "{said}" {size} bytes\n{get}')


class World:
    """A mirror of one large file, cleared for each test."""

    def __init__(self, scratch, mirror):
        self.m, self.out, self.data = mirror, scratch / 'out', hashlib.shake_128(b'data').digest(SIZE)
        self.url, self.sha = mirror.url + '/file', hashlib.sha256(self.data).hexdigest()
        layout.put(mirror.root, 'file', self.data)
        layout.put(mirror.root, 'empty', b'')
        layout.put(mirror.root, 'small', b'a few bytes\n')

    def get(self, *args, url=None, **kw):
        return Get('-S', '-o', self.out, *args, *([url] if isinstance(url, str) else url or [self.url]), **kw)

    def fresh(self):
        self.m.clear()

    def ranges(self):
        return [r['range'] for r in self.m.requests]


def plain(w):
    w.fresh()
    good(w.get(), w.out, w.data, 'a whole file', attempts=1, done=SIZE, total=SIZE)
    check(w.ranges() == [None] and w.m.requests[0]['agent'].startswith('ktstr/'), 'asked for once, by our name', w.m.requests)
    good(w.get('-s', w.sha.upper()), w.out, w.data, 'a whole file with the right checksum')
    good(w.get(url=w.m.url + '/empty'), w.out, b'', 'an empty file')
    get = Get(w.m.url + '/small')
    check(get.status == 0 and get.body == 'a few bytes\n' and get.body_len == 12, 'into memory', get)
    get = Get('-S', w.url)
    check(get.status == 0 and get.body_len == SIZE and get.sha256 == w.sha, 'three megabytes into memory', get)
    w.m.fault('/file', 'nolength')
    good(w.get(), w.out, w.data, 'a file whose length is not announced', total=0)


def resume(w):
    for kind in ('reset', 'cut', 'stall'):
        w.fresh()
        w.m.fault('/file', kind, at=1_000_000, times=2)
        get = w.get('-s', w.sha, '-w', 400)
        good(get, w.out, w.data, f'{kind}: goes on where it was', attempts=3, resumed=2)
        etag = f'"{os.stat(w.m.root + "/file").st_size:x}-{os.stat(w.m.root + "/file").st_mtime_ns:x}"'
        check(w.ranges() == [None, 'bytes=1000000-', 'bytes=2000000-'], f'{kind}: asks for the rest only', w.m.requests)
        check([r['if_range'] for r in w.m.requests] == [None, etag, etag], f'{kind}: of the same file', w.m.requests)
    w.fresh()
    w.m.fault('/file', 'reset', at=0)
    bad(w.get('-r', 0), w.out, 'reset by peer', 'reset, and no retry allowed: says what it was', attempts=1)
    w.fresh()
    w.m.fault('/file', 'cut', at=100_000)
    good(w.get('-r', 1), w.out, w.data, 'cut again and again: each attempt that moves on counts as none', attempts=31, resumed=30)
    w.fresh()
    w.m.fault('/file', 'cut', at=100_000)
    w.m.fault('/file', 'norange')
    bad(w.get('-r', 3), w.out, 'remaining to read (4 attempts)', 'cut again and again, always from the start', attempts=4)


def start_anew(w):
    changed = w.data.translate(bytes(255 - i for i in range(256)))
    w.fresh()
    w.m.fault('/file', 'cut', at=1_000_000, times=1)
    w.m.fault('/file', 'changed', after=1)
    good(w.get(), w.out, changed, 'changed since the cut: the new file, whole', attempts=2, resumed=0)
    for kind, asked in (('norange', 'bytes=1000000-'), ('noetag', None), ('otherrange', 'bytes=1000000-')):
        w.fresh()
        w.m.fault('/file', 'cut', at=1_000_000, times=1)
        w.m.fault('/file', kind)
        good(w.get('-s', w.sha), w.out, w.data, f'{kind}: starts anew', resumed=0)
        check(w.ranges()[:2] == [None, asked], f'{kind}: asked for {asked}', w.m.requests)
    w.fresh()
    w.m.fault('/file', 'cut', at=1_000_000, times=1)
    w.m.fault('/file', 'corrupt', at=1_500_000, after=1, times=1)
    good(w.get('-s', w.sha), w.out, w.data, 'wrong after a resume: once more in one piece', attempts=3)
    check(w.ranges() == [None, 'bytes=1000000-', None], 'the third time from the first byte', w.m.requests)


def statuses(w):
    for code in (500, 502, 503, 429):
        w.fresh()
        w.m.fault('/file', 'status', at=code, times=2)
        good(w.get(), w.out, w.data, f'{code} twice, then fine', attempts=3)
    w.fresh()
    w.m.fault('/file', 'status', at=503, times=1, retry_after=1)
    began = time.monotonic()
    good(w.get(), w.out, w.data, '503 with Retry-After', attempts=2)
    check(time.monotonic() - began >= 1, 'waits as long as it was asked to')
    w.fresh()
    w.m.fault('/file', 'status', at=500)
    bad(w.get('-r', 2), w.out, f'download {w.url}: HTTP 500 (3 attempts); check the network', '500 for ever', attempts=3, kind='missing')
    for code, absent in ((404, True), (410, True), (403, False), (401, False), (451, False)):
        w.fresh()
        w.m.fault('/file', 'status', at=code)
        bad(w.get(), w.out, f'HTTP {code}', f'{code} is final', attempts=1, absent=absent, kind='missing', http=code)
    w.fresh()
    w.m.fault('/file', 'html')
    bad(w.get('-t'), w.out, 'returned HTML instead of a file', 'a page instead of a file', attempts=1, absent=True)
    bad(w.get('-s', w.sha), w.out, 'SHA-256 is', 'a page with a checksum expected', kind='data')


def mirrors(w):
    w.fresh()
    other = w.m.url + '/other'
    good(w.get('-s', w.sha, url=[other, w.url]), w.out, w.data, '404, and the next one has it', url=w.url, attempts=2)
    good(w.get('-r', 1, url=[CLOSED_PORT + '/file', w.url]), w.out, w.data, 'nobody there, and the next one has it', attempts=3)
    w.m.fault('/bad', 'corrupt', at=17)
    layout.put(w.m.root, 'bad', w.data)
    good(w.get('-s', w.sha, url=[w.m.url + '/bad', w.url]), w.out, w.data, 'wrong bytes, and the next one is right')
    bad(w.get('-s', w.sha, url=[w.m.url + '/bad', other]), w.out, 'SHA-256 is', 'wrong bytes here, 404 there', absent=False)
    bad(w.get(url=[other, w.m.url + '/nor-here']), w.out, f'{other}: HTTP 404, {w.m.url}/nor-here: HTTP 404; check the name',
        'nobody has it', absent=True)
    w.fresh()
    w.m.fault('/half', 'cut', at=1_000_000)
    w.m.fault('/half', 'status', at=404, after=1)
    layout.put(w.m.root, 'half', w.data)
    good(w.get('-s', w.sha, url=[w.m.url + '/half', w.url]), w.out, w.data, 'half of it here, all of it there', resumed=0)


def refusals(w):
    w.fresh()
    bad(w.get('-m', SIZE - 1), w.out, f'larger than the limit of {SIZE - 1} bytes', 'announced too large', kind='data')
    good(w.get('-m', SIZE), w.out, w.data, 'exactly the limit')
    w.m.fault('/file', 'nolength')
    bad(w.get('-m', 100_000), w.out, 'larger than the limit of 100000 bytes', 'too large without saying so', kind='data')
    bad(Get('-m', 100_000, w.url), None, 'larger than the limit', 'too large for memory', kind='data')
    w.fresh()
    w.m.fault('/file', 'corrupt', at=2_999_999)
    bad(w.get('-s', w.sha), w.out, f'but should be {w.sha}', 'one wrong byte', kind='data')
    w.fresh()
    w.m.fault('/file', 'length', at=100)
    bad(w.get('-s', w.sha, '-r', 2), w.out, f'announced {SIZE + 100} bytes, but has {SIZE}', 'fewer bytes than announced', attempts=2)
    w.fresh()
    w.m.fault('/file', 'length', at=-100)
    bad(w.get('-s', w.sha), w.out, 'SHA-256 is', 'more bytes than announced', kind='data')
    w.fresh()
    w.m.fault('/file', 'loop')
    bad(w.get(), w.out, 'Maximum (8) redirects followed', 'redirected in a circle', attempts=1)
    check(len(w.m.requests) == 9, 'the circle is left after eight', w.m.requests)
    w.fresh()
    w.m.fault('/file', 'redirect', to='/small')
    good(w.get(), w.out, b'a few bytes\n', 'redirected')
    w.m.fault('/passwd', 'redirect', to='file:///etc/passwd')
    bad(w.get(url=w.m.url + '/passwd'), w.out, 'rotocol', 'redirected to a local file', attempts=1)
    w.fresh()
    bad(w.get(url=w.url.replace('//', '//me:secret@') + 'x'), w.out, f'download {w.url}x: HTTP 404', 'no password in a message')
    bad(w.get('-r', 2, url=CLOSED_PORT + '/x'), w.out, 'Failed to connect', 'nobody there', attempts=3, kind='missing')


STORM = (('reset', 70_000), ('cut', 1_200_000), ('status', 503), ('status', 404), ('corrupt', 5_000), ('html', 0), ('length', -7),
         ('length', 9), ('norange', 0), ('noetag', 0), ('otherrange', 0), ('changed', 0), ('nolength', 0), ('stall', 900_000))


def storm(w):
    """Random faults, several at once, over two mirrors: the right bytes, or none and a reason."""
    rng, wrong, fine = random.Random(7), [], 0
    for path in ('a', 'b'):
        layout.put(w.m.root, path, w.data)
    for n in range(30):
        w.fresh()
        for path in ('/a', '/b'):
            for kind, at in rng.sample(STORM, rng.randrange(1, 4)):
                w.m.fault(path, kind, at=at, times=rng.choice((1, 2, None)), after=rng.randrange(3))
        get = w.get('-s', w.sha, '-w', 200, '-r', 2, url=[w.m.url + '/a', w.m.url + '/b'])
        left = read(w.out)
        fine += get.status == 0
        if get.left_open != 0 or (left != w.data if get.status == 0 else left or not get.error):
            wrong.append(f'{n}: {get}')
    check(not wrong, 'thirty storms: the right bytes or none', '\n'.join(wrong))
    check(8 <= fine < 30, 'some are weathered, some are not', fine)


def slow(w):
    w.fresh()
    w.m.fault('/file', 'stall', at=0)
    bad(w.get('-w', 200, '-r', 1), w.out, 'stalled: 0 bytes in 200ms (2 attempts)', 'a header and nothing more', attempts=2)
    w.fresh()
    w.m.fault('/file', 'hang')
    bad(w.get('-w', 200, '-r', 1), w.out, 'stalled: 0 bytes in 200ms', 'not even a header', attempts=2)
    w.fresh()
    w.m.fault('/small', 'drip', at=1)
    bad(w.get('-w', 300, '-r', 0, url=w.m.url + '/small'), w.out, 'bytes in 300ms', 'a byte now and then is a stall', attempts=1)
    w.m.fault('/file', 'drip', at=400_000)
    good(w.get('-w', 500), w.out, w.data, 'slow but steady is none', attempts=1)


def secure(w, scratch):
    with Mirror(w.m.root, tls=True) as m:
        url = m.url + '/file'
        good(w.get('-c', m.ca_file, '-s', w.sha, url=url), w.out, w.data, 'over TLS')
        bad(w.get(url=url), w.out, 'check the clock and the CA certificates', 'a certificate of nobody', attempts=1)
        m.fault('/file', 'redirect', to=w.url)
        bad(w.get('-c', m.ca_file, url=url), w.out, 'rotocol', 'from https to http', attempts=1)
        bad(w.get('-c', scratch / 'none.pem', url=url), w.out, 'certificate', 'certificates that are not there', attempts=1)


def many(w):
    w.fresh()
    w.m.fault('/file', 'reset', at=1_500_000, times=4)
    get = w.get('-n', 16, '-s', w.sha)
    right = [read(f'{w.out}.{n}') == w.data for n in range(16)]
    check(get.status == 0 and all(right) and len(get.copies) == 16 and get.left_open == 0, 'sixteen at once, four of them cut', get)
    check(sum(c['resumed'] for c in get.copies) == 4, 'four went on', get)


def cancels(w):
    """Cancels at every moment of a download: connecting, receiving, stalled, between two attempts."""
    w.fresh()
    w.m.fault('/slow', 'drip', at=30_000)
    w.m.fault('/hang', 'hang')
    w.m.fault('/again', 'status', at=503, retry_after=30)
    for path in ('/slow', '/hang', '/again'):
        layout.put(w.m.root, path, w.data)
    for path in ('/slow', '/hang', '/again'):
        for ms in (1, 2, 5, 20, 100, 400):
            cancelled(w, path, ms)
    process = subprocess.Popen([NET_GET, '-o', w.out, w.m.url + '/slow'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not any(r['path'] == '/slow' for r in w.m.requests[-1:]):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    get = Get.__new__(Get)
    get.take(process.returncode, out, err)
    ok = get.status == 130 and get.error == f'download {w.m.url}/slow: cancelled' and get.left_open == 0
    check(ok and os.path.getsize(w.out) == 0, 'SIGINT: ended at once, nothing left', get)


def cancelled(w, path, ms):
    get = w.get('-k', ms, url=w.m.url + path)
    ok = get.status == 130 and get.kind == 'interrupted' and get.error.endswith(': cancelled') and get.left_open == 0
    check(ok and os.path.getsize(w.out) == 0, f'{path[1:]}: cancelled after {ms} ms, nothing left', get)


def questions(w):
    w.fresh()
    get = Get('-H', w.url)
    check(get.status == 0 and get.total == SIZE and get.body_len == 0, 'is it there: yes, and how large', get)
    check([r['method'] for r in w.m.requests] == ['HEAD'], 'asked without fetching', w.m.requests)
    bad(Get('-H', w.m.url + '/none'), None, 'HTTP 404', 'is it there: no', absent=True)
    w.m.fault('/file', 'html')
    bad(Get('-H', '-t', w.url), None, 'HTML', 'is it there: a page is', absent=True)


def world_is_full(w):
    """Writes fail at a limit; SIGXFSZ stays ignored, as Python sets it."""
    w.fresh()
    get = w.get(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)), restore_signals=False)
    ok = get.status == 1 and 'write at byte' in get.error and 'File too large' in get.error and get.left_open == 0
    check(ok and os.path.getsize(w.out) == 0 and len(w.m.requests) == 1, 'a full disk ends it, nothing left', get)


def proxies(w):
    w.fresh()
    get = w.get(url='http://kernel.invalid/file', env={'http_proxy': w.m.url})
    good(get, w.out, w.data, 'through the proxy of the environment')
    check(w.m.requests[0]['host'] == 'kernel.invalid', 'the proxy was asked for the whole URL', w.m.requests)
    good(w.get(env={'http_proxy': CLOSED_PORT, 'no_proxy': '127.0.0.1'}), w.out, w.data, 'past the proxy where it says so')


def kernel_org(w):
    """The layout that other tests build on."""
    layout.lay_out(w.m.root, ['6.12.58', '6.13-rc2', '6.1.3'])
    w.fresh()
    listed = json.loads(read(w.m.root + '/releases.json'))
    check([r['version'] for r in listed['releases']] == ['6.12.58', '6.13-rc2', '6.1.3', 'next-20260101'], 'releases.json', listed)
    path = layout.tarball_path('6.12.58')
    sums = read(w.m.root + '/pub/linux/kernel/v6.x/sha256sums.asc').decode()
    expected = next(line.split()[0] for line in sums.splitlines() if line.endswith(os.path.basename(path)))
    data = read(w.m.root + path)
    good(w.get('-s', expected, url=w.m.url + path), w.out, data, 'a tarball matches the list of checksums')
    tree = layout.fake_tree(w.m.root + '/tree', '6.12.58')
    for target in ('allnoconfig', 'vmlinux', 'bzImage'):
        done = subprocess.run(['make', '-j2', '-C', tree, target], capture_output=True, text=True, timeout=60)
        check(done.returncode == 0, f'its tree makes {target}', done.stdout + done.stderr)
    done = subprocess.run(['objcopy', '--strip-debug', tree + '/vmlinux', tree + '/stripped'], capture_output=True, text=True)
    check(done.returncode == 0, 'binutils take its vmlinux', done.stderr)


def main():
    with Scratch() as scratch:
        os.mkdir(scratch / 'www')
        with Mirror(scratch / 'www') as mirror:
            w = World(scratch, mirror)
            for part in (plain, resume, start_anew, statuses, mirrors, refusals, storm, slow, many, cancels, questions, world_is_full,
                         proxies, kernel_org):
                part(w)
            secure(w, scratch)
    finish(at_least=90)


main()
