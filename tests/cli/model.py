#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr model: only the file with the checksum is stored, also from a bad server; status notices changes; clean."""
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', where) for where in ('lib', 'mirror')]
from mirror import Mirror  # noqa: E402
from tap import KTSTR, Run, Scratch, check, finish  # noqa: E402

DATA = bytes(range(256)) * 4096
SUM = hashlib.sha256(DATA).hexdigest()


def interrupted(scratch, url, models, stored, model):
    """A download that does not end is interrupted, or killed: what it wrote goes."""
    def begin():
        env = {**os.environ, 'XDG_CACHE_HOME': scratch / 'cache'}
        p = subprocess.Popen([KTSTR, 'model', 'fetch', '--url', url, '--sha256', SUM], env=env, stderr=subprocess.PIPE, text=True)
        until = time.time() + 30
        while not any(name.endswith(f'.{p.pid}') for name in stored()) and time.time() < until:
            time.sleep(0.02)
        return p
    for number in (signal.SIGINT, signal.SIGTERM):
        p = begin()
        p.send_signal(number)
        said = p.communicate(timeout=30)[1]
        check(p.returncode == 130 and 'error:' in said and stored() == [], f'{number.name}: 130, and nothing is left', f'{p.returncode} {said} {stored()}')
    p = begin()
    other = begin()
    p.kill()
    p.wait()
    left = stored()
    os.truncate(models + f'/.tiny.gguf.{p.pid}', 5000)
    run = model('clean')
    now = stored()
    check(len(left) == 2 and now == [n for n in left if not n.endswith(f'.{p.pid}')] and 'interrupted downloads' in run.err,
          'clean removes what a killed download left, but not that of one that runs', f'{left} {now} {run}')
    other.kill()
    other.wait()


def main():
    with Scratch() as scratch, Mirror(scratch / 'root') as mirror:
        os.makedirs(mirror.root + '/m')
        with open(mirror.root + '/m/tiny.gguf', 'wb') as f:
            f.write(DATA)
        url, models = mirror.url + '/m/tiny.gguf', scratch / 'cache/ktstr/models'

        def model(*words, **env):
            return Run('model', *words, env={'XDG_CACHE_HOME': scratch / 'cache', **env}, timeout=60)

        def status():
            return json.loads(model('status', '--json').out)['checked']

        def stored():
            return sorted(os.listdir(models)) if os.path.exists(models) else []

        run = model('status')
        check(run.status == 0 and 'cached:  no' in run.out and 'checked: NotCached' in run.out, 'nothing is there at first', run)
        for name, words, env in (('no URL', ['--sha256', SUM], {}), ('no checksum', ['--url', url], {}),
                                 ('half a checksum', ['--url', url, '--sha256', SUM[:32]], {}),
                                 ('a directory', ['--url', mirror.url + '/m/', '--sha256', SUM], {})):
            run = model('fetch', *words, **env)
            check(run.status == 64 and not stored(), f'fetch: {name}: 64', run)
        run = model('fetch', '--url', url, '--sha256', SUM, KTSTR_MODEL_OFFLINE='1')
        check(run.status == 69 and 'KTSTR_MODEL_OFFLINE' in run.err and not mirror.requests, 'offline: refused, nobody is asked', run)
        run = model('fetch', '--url', url, '--sha256', '0' * 64)
        check(run.status != 0 and stored() == [] and 'error:' in run.err, 'another checksum: nothing is stored', run)
        run = model('fetch', '--url', url + 'x', '--sha256', SUM)
        check(run.status != 0 and stored() == [], 'no such file: nothing is stored', run)
        mirror.fault('/m', 'reset', at=100000, times=1)
        run = model('fetch', '--url', url, '--sha256', SUM)
        with open(models + '/tiny.gguf', 'rb') as f:
            check(run.status == 0 and f.read() == DATA and stored() == ['model.json', 'tiny.gguf'], 'a transfer that is cut continues', run)
        check(status() == 'Matches', 'status: it matches')
        with open(models + '/tiny.gguf', 'r+b') as f:
            f.write(b'x')
        check(status() == 'Mismatches', 'status: it has changed', model('status'))
        with open(models + '/tiny.gguf', 'r+b') as f:
            f.write(DATA[:1])
        check(status() == 'Matches', 'status: it is as it was', model('status'))
        run = model('clean')
        check(run.status == 0 and 'freed 1.00 MiB total' in run.err and stored() == [], 'clean removes it', run)
        check('no cached model found at' in model('clean').err, 'clean: nothing is left')
        os.makedirs(mirror.root + '/n')
        os.link(mirror.root + '/m/tiny.gguf', mirror.root + '/n/small.gguf')
        mirror.fault('/m', 'stall', at=100000, times=9)
        interrupted(scratch, url, models, stored, model)
        secret = mirror.url.replace('://', '://me:word@')
        run = model('fetch', '--url', secret + '/n/small.gguf', '--sha256', SUM)
        check(run.status == 0 and stored() == ['model.json', 'small.gguf'], 'fetch removes what a killed download left', f'{run} {stored()}')
        with open(models + '/model.json', encoding='utf-8') as f:
            check('word' not in f.read() + model('status').out, 'a password of the URL is not kept')
        os.link(mirror.root + '/m/tiny.gguf', mirror.root + '/n/other.gguf')
        run = model('fetch', '--url', mirror.url + '/n/other.gguf', '--sha256', SUM)
        check(run.status == 0 and stored() == ['model.json', 'other.gguf'], 'one model at a time: the former goes', f'{run} {stored()}')
        for name in ('..', '.', '', 'model.json', '../../x', 1, None):
            with open(models + '/model.json', 'w', encoding='utf-8') as f:
                json.dump({'file': name, 'sha256': SUM}, f)
            run = model('clean')
            check(run.status == 0 and 'no cached model' in run.err and len(stored()) == 2, f'a record of {name!r} names no model', run)
    finish(at_least=26)


main()
