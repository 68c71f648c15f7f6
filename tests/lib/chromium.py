# SPDX-License-Identifier: GPL-2.0-only
"""chromium.py -- a headless Chromium that is driven through pipes (DevTools protocol, --remote-debugging-pipe)."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def find():
    return shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')


class Page:
    """One page. `errors` has what the console said of exceptions, violations and failed loads."""

    def __init__(self, width=1280, height=900):
        self.profile = tempfile.mkdtemp(prefix='ktstr-chromium-')
        theirs_in, self.to = os.pipe()
        self.source, theirs_out = os.pipe()
        self.number, self.buffer, self.errors, self.loaded, self.requests = 0, b'', [], 0, []

        # The protocol is on descriptors 3 and 4.
        script = 'exec 3<&%d 4>&%d; exec "$@"' % (theirs_in, theirs_out)
        options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars',
                   '--disable-extensions', '--disable-background-networking', '--remote-debugging-pipe', f'--user-data-dir={self.profile}',
                   f'--window-size={width},{height}', 'about:blank']
        self.process = subprocess.Popen(['bash', '-c', script, 'sh', find(), *options], pass_fds=(theirs_in, theirs_out),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.session = None
        targets = self.call('Target.getTargets')['targetInfos']
        target = next(t['targetId'] for t in targets if t['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call('Browser.close')
            self.process.wait(20)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.source)
        shutil.rmtree(self.profile, ignore_errors=True)

    def read(self, deadline):
        while b'\0' not in self.buffer:
            if not select.select([self.source], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError('Chromium does not answer')
            data = os.read(self.source, 1 << 20)
            if not data:
                raise RuntimeError('Chromium has ended')
            self.buffer += data
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def note(self, message):
        method, params = message.get('method'), message.get('params', {})
        if method == 'Runtime.exceptionThrown':
            self.errors.append(str(params['exceptionDetails'].get('exception', {}).get('description', params['exceptionDetails']))[:300])
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            self.errors.append(params['entry']['text'][:300])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
            self.errors.append(str(params['args'])[:300])
        elif method == 'Page.loadEventFired':
            self.loaded += 1
        elif method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'][:200])

    def call(self, method, timeout=120, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + timeout
        while True:
            answer = self.read(deadline)
            if answer.get('id') != self.number:
                self.note(answer)
                continue
            if 'error' in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer['result']

    def open(self, path, timeout=120):
        """Loads a file. Returns the seconds until it was loaded and laid out."""
        before, began = self.loaded, time.monotonic()
        self.call('Page.navigate', url='file://' + path)
        while self.loaded == before:
            self.note(self.read(began + timeout))
        self.js('document.body.offsetHeight')
        return time.monotonic() - began

    def js(self, expression):
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(str(result['exceptionDetails'])[:400])
        return result['result'].get('value')

    def key(self, key, shift=False):
        code = {'Enter': 13, 'Escape': 27, 'Tab': 9, ' ': 32, 'ArrowDown': 40}.get(key, ord(key[0].upper()))
        text = '\r' if key == 'Enter' else key if len(key) == 1 else ''
        common = {'key': key, 'windowsVirtualKeyCode': code, 'modifiers': 8 if shift else 0}
        self.call('Input.dispatchKeyEvent', type='keyDown', text=text, **common)
        self.call('Input.dispatchKeyEvent', type='keyUp', **common)

    def type(self, text):
        for c in text:
            self.key(c)

    def settle(self):
        """Waits until the page has handled its events and drawn a frame."""
        self.js('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))')

    def screenshot(self, path, full=False):
        shot = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=full)
        with open(path, 'wb') as f:
            f.write(base64.b64decode(shot['data']))

    def emulate(self, scheme='light', media=''):
        self.call('Emulation.setEmulatedMedia', media=media, features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def cpu_seconds(self):
        """CPU time of the page's main thread so far: unlike the time of a clock, the same on a busy host."""
        self.call('Performance.enable', timeDomain='threadTicks')
        return {m['name']: m['value'] for m in self.call('Performance.getMetrics')['metrics']}['TaskDuration']

    def scripts(self, on):
        self.call('Emulation.setScriptExecutionDisabled', value=not on)
