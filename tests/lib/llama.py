# SPDX-License-Identifier: GPL-2.0-only
"""llama.py -- a server with the interface of llama.cpp's: POST /v1/chat/completions, over TCP or a UNIX socket. It is no
language model: it finds `name = number` in the output that it is shown, as the request's schema asks. Words in the
hint or in the output make it misbehave. As a program it takes the arguments of llama-server that ktstr uses."""
import json
import os
import re
import sys
import threading
import time

import local_http

CHAT = '/v1/chat/completions'


def numbers(request):
    """What a model would reply: null for what is not there."""
    text = request['messages'][-1]['content']
    output = text.split('\nBEGIN OUTPUT\n', 1)[1].rsplit('\nEND OUTPUT\n', 1)[0]
    found = {k: float(v) for k, v in re.findall(r'([\w.]+) = (-?[0-9.e+]+)', output)}
    schema = request['response_format']['json_schema']['schema']
    return {k: found.get(k) for k in schema['required']} if 'required' in schema else found


def envelope(content, reason='stop'):
    return json.dumps({'object': 'chat.completion', 'choices': [
        {'index': 0, 'finish_reason': reason, 'message': {'role': 'assistant', 'content': content}}]})


# fault: what is answered instead (status, body)
FAULTS = {
    '500': lambda r: (500, json.dumps({'error': {'code': 500, 'message': 'out of\n\x1b[31m slots', 'type': 'server_error'}})),
    '400': lambda r: (400, json.dumps({'error': {'code': 400, 'message': 'the request exceeds the available context size'}})),
    'page': lambda r: (404, '<html>no such page</html>'),
    'garbage': lambda r: (200, '\x00\xff\x1b]0;title\x07garbage'),
    'not_json': lambda r: (200, envelope('The throughput is 7.')),
    'array': lambda r: (200, envelope('[1, 2]')),
    'no_choice': lambda r: (200, json.dumps({'choices': []})),
    'strings': lambda r: (200, envelope(json.dumps({k: str(v) for k, v in numbers(r).items()}))),
    'nested': lambda r: (200, envelope(json.dumps({'a': numbers(r)}))),
    'twice': lambda r: (200, envelope('{"ops": 1, "ops": 2}')),
    'infinite': lambda r: (200, envelope('{"ops": 1e999}')),
    'nothing': lambda r: (200, envelope('{}')),
    'long': lambda r: (200, envelope('{"ops": 12', 'length')),
    'huge': lambda r: (200, envelope('{"ops": 1' + '0' * (3 << 20) + '}')),
}


class Handler(local_http.Handler):
    def say(self, status, text):
        self.answer(status, text.encode('latin-1', errors='replace'))

    def do_POST(self):
        request = json.loads(self.body())
        server, text = self.server, request['messages'][-1]['content']
        with server.lock:
            server.requests.append((self.path, request))
            server.tries += 1
        found = re.search(r'fault:(\w+)', text)
        fault = found.group(1) if found else ''
        if self.path != CHAT:
            self.say(404, json.dumps({'error': {'code': 404, 'message': 'File Not Found'}}))
        elif time.monotonic() < server.ready_at:
            self.say(503, json.dumps({'error': {'code': 503, 'message': 'Loading model', 'type': 'unavailable_error'}}))
        elif fault == 'slow':
            time.sleep(30)
        elif fault == 'closed' or (fault == 'closed_once' and server.tries == 1):
            self.hang_up()
        elif fault == 'cut':
            self.cut(b'{"choices":', 1000)
        elif fault in FAULTS:
            self.say(*FAULTS[fault](request))
        else:
            self.say(200, envelope(json.dumps(numbers(request))))


def prepare(server, ready_after=0.0):
    server.lock, server.requests, server.tries = threading.Lock(), [], 0
    server.ready_at = time.monotonic() + ready_after
    return server


class Llama(local_http.LocalServer):
    handler = Handler

    def prepare(self, server):
        prepare(server)

    def forget(self):
        self.server.requests, self.server.tries = [], 0

    @property
    def requests(self):
        return self.server.requests


def install(directory):
    """Makes a `llama-server` in a directory for PATH."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, 'llama-server')
    with open(path, 'w') as f:
        f.write(f'#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} "$@"\n')
    os.chmod(path, 0o755)
    return directory


def main(args):
    """llama-server -m FILE --host PATH.sock ...: says how it was called in FAKE_LLAMA_LOG; fails as the file says."""
    model, host = args[args.index('-m') + 1], args[args.index('--host') + 1]
    with open(os.environ['FAKE_LLAMA_LOG'], 'a') as f:
        f.write(json.dumps({'pid': os.getpid(), 'args': args}) + '\n')
    with open(model, 'rb') as f:
        content = f.read(64)
    print('loading', model, flush=True)
    if content.startswith(b'broken'):
        print('error: failed to load the model', file=sys.stderr)
        return 1
    time.sleep(0.5)  # before it listens
    prepare(local_http.UnixServer(host, Handler), ready_after=0.5).serve_forever()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
