#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A local kernel.org, with faults on demand.

    mirror.py [--root DIR] [--port N] [--tls] [--lay-out V,V,...] [--real V=TARBALL ...]

serves until SIGINT or SIGTERM, and prints its URL and, with --tls, the certificate to trust.

In a test:

    with Mirror(root) as m:
        m.fault('/pub', 'reset', at=1000, times=2)
        ... m.url ... m.requests ...

Faults are asked for in three ways: Mirror.fault(), a POST of the same as JSON to /.fault (DELETE clears, GET /.requests
returns the log), or in the URL itself: /~reset=1000:2~/pub/x is /pub/x, whose first two answers are reset at byte 1000.

    status=CODE     that status, with a small body; retry_after=SECONDS adds the header
    reset=N         N bytes of the body, then a connection reset        cut=N      the same with an orderly close
    stall=N         N bytes, then nothing for ever                      hang       not even a header
    drip=N          N bytes ten times a second                          trickle=N  N bytes once a second
    html            status 200, a page instead
    length=N        Content-Length is N too large (negative: too small) corrupt=N  byte N is another one
    redirect=PATH   a redirect there                                    loop       a redirect to itself
    norange         Range is not understood                             noetag     no validator is sent
    otherrange      206, but of the first bytes                         changed    another content, another ETag
    nolength        no Content-Length: the end of the connection is the end

times=N ends a fault after N requests, after=N begins it after N.
"""
import argparse
import http.server
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layout  # noqa: E402

KINDS = ('status', 'reset', 'cut', 'stall', 'hang', 'drip', 'trickle', 'html', 'length', 'corrupt', 'redirect', 'loop', 'norange',
         'noetag', 'otherrange', 'changed', 'nolength')
PIECE = 1 << 20
DRIPS_A_SECOND = 10
PAGE = b'<!DOCTYPE html>\n<html><body>Sorry, nothing here.</body></html>\n'


class Fault:
    def __init__(self, prefix, kind, at=0, times=None, after=0, to=None, retry_after=None, method=None):
        if kind not in KINDS:
            raise ValueError(f"'{kind}' is no fault")
        self.prefix, self.kind, self.at, self.times, self.to = prefix, kind, int(at), times, to
        self.after, self.retry_after, self.method = after, retry_after, method

    def wants(self, method, path):
        return path.startswith(self.prefix) and self.times != 0 and self.method in (None, method)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version = 'mirror'
    timeout = 60

    def log_message(self, *args):
        pass

    # --- which answer ---

    def faults(self, path):
        """The path without its faults, and the faults that apply to this request, by kind."""
        m = self.server.mirror
        match = re.match(r'/~([a-z]+)(?:=([^:~]*))?(?::(\d+))?~(/.*)', path)
        with m.lock:
            if match:
                kind, arg, times, rest = match.groups()
                if path not in m.in_url:
                    number = arg if arg and re.fullmatch(r'-?\d+', arg) else 0
                    m.in_url[path] = Fault(path, kind, at=number, to=arg, times=int(times) if times else None)
            known = [f for f in [m.in_url.get(path), *m.fault_list] if f and f.wants(self.command, path)]
            met = {}
            for f in known:
                if f.after:
                    f.after -= 1
                elif f.kind not in met:
                    met[f.kind] = f
                    if f.times:
                        f.times -= 1
        return (match.group(4) if match else path), met

    def do_GET(self):
        if self.path == '/.requests':
            return self.answer_json(self.server.mirror.requests)
        path, met = self.faults(re.sub('^http://[^/]+', '', self.path))   # clients send whole URLs to a proxy
        self.note(path, met)
        if 'hang' in met:
            return self.never()
        for kind in ('status', 'html', 'redirect', 'loop'):
            if kind in met:
                return getattr(self, kind)(met[kind])
        return self.file(path, met)

    do_HEAD = do_GET

    def do_POST(self):
        if self.path != '/.fault':
            return self.send_error(404)
        try:
            wanted = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))))
            self.server.mirror.fault(**wanted)
        except (ValueError, TypeError) as e:
            return self.send_error(400, str(e))
        return self.answer_json(True)

    def do_DELETE(self):
        self.server.mirror.clear()
        self.answer_json(True)

    def note(self, path, met):
        with self.server.mirror.lock:
            self.server.mirror.requests.append({
                'method': self.command, 'path': path, 'range': self.headers.get('Range'),
                'if_range': self.headers.get('If-Range'), 'agent': self.headers.get('User-Agent'), 'host': self.headers.get('Host'),
                'faults': sorted(met)})

    # --- answers ---

    def small(self, code, body, kind='text/plain', **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def answer_json(self, value):
        self.small(200, json.dumps(value).encode(), 'application/json')

    def status(self, fault):
        extra = {'Retry_After': str(fault.retry_after)} if fault.retry_after is not None else {}
        self.small(fault.at, b'as was asked for\n', **extra)

    def html(self, _fault):
        self.small(200, PAGE, 'text/html; charset=utf-8')

    def redirect(self, fault):
        self.small(302, b'', Location=fault.to)

    def loop(self, _fault):
        self.small(302, b'', Location=self.path)

    def never(self):
        self.close_connection = True
        self.server.mirror.stop.wait()

    def file(self, path, met):
        full = os.path.normpath(os.path.join(self.server.mirror.root, path.split('?')[0].lstrip('/')))
        try:
            if not full.startswith(self.server.mirror.root) or os.path.isdir(full):
                raise FileNotFoundError
            f = open(full, 'rb')
        except OSError:
            return self.small(404, b'no such file\n')
        with f:
            self.body(f, met)

    def header(self, size, etag, met):
        """Sends the header; returns the first byte of the body and the end of the body."""
        first, code = 0, 200
        asked = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range') or '')
        if asked and 'norange' not in met and self.headers.get('If-Range') in (None, etag):
            first, code = int(asked.group(1)), 206
        if code == 206 and first >= size:
            self.small(416, b'', Content_Range=f'bytes */{size}')
            return None
        last = int(asked.group(2)) if code == 206 and asked.group(2) else size - 1
        if 'otherrange' in met and code == 206:
            last, first = last - first, 0
        self.send_response(code)
        self.send_header('Content-Type', 'application/octet-stream')
        extra = met['length'].at if 'length' in met else 0
        if 'nolength' in met:
            self.send_header('Connection', 'close')
        else:
            self.send_header('Content-Length', str(last + 1 - first + extra))
        if code == 206:
            self.send_header('Content-Range', f'bytes {first}-{last}/{size}')
        if 'noetag' not in met:
            self.send_header('ETag', etag)
        if 'norange' not in met:
            self.send_header('Accept-Ranges', 'bytes')
        self.end_headers()
        return first, last + 1 + min(extra, 0)

    def body(self, f, met):
        stat = os.fstat(f.fileno())
        etag = f'"{stat.st_size:x}-{stat.st_mtime_ns:x}{"-new" if "changed" in met else ""}"'
        span = self.header(stat.st_size, etag, met)
        if not span or self.command == 'HEAD':
            return
        first, end = span
        stop_at = next((met[k].at for k in ('reset', 'cut', 'stall') if k in met), None)
        if stop_at is not None:
            end = min(end, first + stop_at)
        if {'corrupt', 'changed', 'drip', 'trickle'} & met.keys() or isinstance(self.connection, ssl.SSLSocket):
            self.send_pieces(f, first, end, met)
        else:
            self.send_file(f, first, end)
        if stop_at is not None or 'length' in met:
            self.end_badly(met)

    def send_file(self, f, first, end):
        self.wfile.flush()
        if first < end:
            self.connection.sendfile(f, first, end - first)

    def send_pieces(self, f, first, end, met):
        slow = met.get('drip') or met.get('trickle')
        step, pause = slow.at if slow else PIECE, 1 if 'trickle' in met else 1 / DRIPS_A_SECOND
        while first < end:
            piece = bytearray(os.pread(f.fileno(), min(step, end - first), first))
            at = met['corrupt'].at - first if 'corrupt' in met else -1
            if 0 <= at < len(piece):
                piece[at] ^= 0xff
            if 'changed' in met:
                piece = piece.translate(bytes(255 - i for i in range(256)))
            self.wfile.write(piece)
            first += len(piece)
            if slow and self.server.mirror.stop.wait(pause):
                break

    def end_badly(self, met):
        self.close_connection = True
        self.wfile.flush()
        if 'stall' in met:
            self.server.mirror.stop.wait()
        elif 'reset' in met:
            # Closing the connection now would drop data that is still on its way.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wait_sent(self.connection)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.connection.close()


def wait_sent(sock, tries=200):
    """Waits until the peer has acknowledged everything (SIOCOUTQ is 0)."""
    import fcntl
    import time
    for _ in range(tries):
        if struct.unpack('i', fcntl.ioctl(sock.fileno(), 0x5411, b'\0\0\0\0'))[0] == 0:
            break
        time.sleep(0.005)
    time.sleep(0.02)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2048

    def handle_error(self, request, client_address):
        """Ignores a peer that disconnects: many tests do so on purpose."""


class Mirror:
    """Serves @root until the end of the `with` block. `requests` has the requests in order."""

    def __init__(self, root, port=0, tls=False):
        self.root, self.port, self.tls = os.path.realpath(root), port, tls
        self.requests, self.fault_list, self.in_url = [], [], {}
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.ca_file = None

    def fault(self, prefix, kind, **args):
        with self.lock:
            self.fault_list.append(Fault(prefix, kind, **args))

    def clear(self):
        with self.lock:
            self.fault_list.clear()
            self.in_url.clear()
            self.requests.clear()

    def __enter__(self):
        self.server = Server(('127.0.0.1', self.port), Handler)
        self.server.mirror = self
        self.port = self.server.server_address[1]
        if self.tls:
            self.wrap_tls()
        self.url = f'https://localhost:{self.port}' if self.tls else f'http://127.0.0.1:{self.port}'
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.1}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        if self.ca_file:
            for name in os.listdir(os.path.dirname(self.ca_file)):
                os.unlink(os.path.join(os.path.dirname(self.ca_file), name))
            os.rmdir(os.path.dirname(self.ca_file))

    def wrap_tls(self):
        """Makes a certificate for localhost; a client must trust `ca_file`."""
        where = tempfile.mkdtemp(prefix='ktstr-mirror-')
        self.ca_file, key = os.path.join(where, 'cert.pem'), os.path.join(where, 'key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', self.ca_file],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)


def main():
    parser = argparse.ArgumentParser(description='A local kernel.org, with faults on demand.')
    parser.add_argument('--root', help='what to serve; default: a fresh directory')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--tls', action='store_true', help='with a certificate of its own; its path is printed')
    parser.add_argument('--lay-out', metavar='V,V,...', help='fill the root with these kernels, each a small fake tree')
    parser.add_argument('--real', metavar='V=TARBALL', action='append', default=[], help='and with this real .tar.xz')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='ktstr-mirror-') as scratch:
        root = args.root or scratch
        if args.lay_out or args.real:
            layout.lay_out(root, args.lay_out.split(',') if args.lay_out else [], real=dict(r.split('=', 1) for r in args.real))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        with Mirror(root, args.port, args.tls) as m:
            print(m.url, m.ca_file or '', flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == '__main__':
    main()
