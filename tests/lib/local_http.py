# SPDX-License-Identifier: GPL-2.0-only
"""local_http.py -- what our HTTP servers for tests share: a quiet handler with answers and faults, servers over TCP and
over a UNIX socket, and one that serves a `with` block on the loopback device."""
import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length', 0)))

    def answer(self, status, body=b'', kind='application/json'):
        """@body: bytes, or what becomes JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def cut(self, beginning, announced):
        """Announces more than it sends."""
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (announced, beginning))
        self.close_connection = True


class Quiet:
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *args):
        pass  # a client that went away


class TcpServer(Quiet, socketserver.ThreadingTCPServer):
    pass


class UnixServer(Quiet, socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        connection, _ = super().get_request()
        return connection, ('', 0)


class LocalServer:
    """A server on a free port of the loopback device, in threads of this process."""
    handler = Handler

    def __enter__(self):
        self.server = TcpServer(('127.0.0.1', 0), self.handler)
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        self.prepare(self.server)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def prepare(self, server):
        """What the handler finds in `self.server`."""

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
