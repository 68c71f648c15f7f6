#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Where `ktstr test` takes its defaults from: .config/ktstr.json and its profiles, KTSTR_KERNEL_LIST, and the words of other runners
after "--". The tests run on the host, so no machine is needed."""
import glob
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'mirror'))
import layout  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

SUITE = os.path.realpath(BUILD) + '/tests/replayed'
EXAMPLES = os.path.realpath(BUILD) + '/tests/examples/examples'
for name in ('KTSTR_SIDECAR_DIR', 'KTSTR_RUNS_ROOT', 'KTSTR_KERNEL', 'KTSTR_KERNEL_LIST'):
    os.environ.pop(name, None)


class Place(Scratch):
    def __enter__(self):
        super().__enter__()
        os.makedirs(self / '.config')
        os.makedirs(self / 'locks')
        os.environ.update(REPLAYED_DIR=self.path, XDG_CACHE_HOME=self / 'cache', KTSTR_LOCK_DIR=self / 'locks')
        return self

    def profiles(self, **profiles):
        self.config(json.dumps({'profile': profiles}))

    def config(self, text):
        with open(self / '.config/ktstr.json', 'w', encoding='utf-8') as f:
            f.write(text)

    def fail(self, *names):
        for name in names:
            open(self / name, 'w', encoding='ascii').close()

    def test(self, *args, kernel='/bin/true', cwd=None, suite=SUITE, **env):
        if kernel:
            env['KTSTR_TEST_KERNEL'] = kernel
        return Run('test', *args, *([suite] if suite else []), cwd=cwd or self.path, env=env, timeout=120)


def profiles():
    with Place() as p:
        p.fail('one')
        p.profiles(default={'retries': 1}, ci={'retries': 2, 'jobs': 1, 'show_output': 'never', 'reports': ['tap=out/tap,x', 'ktap=out/ktap']})
        run = p.test()
        check(run.out.count('FAIL  ktstr/one') == 3 and 'one is not there' in run.out, 'default applies: two tries, and the closing line', run)
        run = p.test('--nextest-profile', 'ci')
        check('(attempt 3)' in run.out and '1 at a time' in run.err and '--- progress' not in run.out, 'another profile wins over it', run)
        check(os.path.exists(p / 'out/tap,x') and os.path.exists(p / 'out/ktap'), 'reports are written, also to a name with a comma', os.listdir(p.path))
        run = p.test('--nextest-profile', 'ci', '--retries', '0', '-j2', '--report', 'junit=other')
        check('attempt' not in run.out and '2 at a time' in run.err and os.path.exists(p / 'other'), 'flags win', run)
        run = p.test('--nextest-profile=ci', '--repeat', '2')
        check(run.status == 1 and '(2 tries)' not in run.err and '64' not in str(run.status), 'a flag that excludes a key wins too', run)
        os.makedirs(p / 'deep/er')
        run = p.test(cwd=p / 'deep/er')
        check('(attempt 2)' in run.out, 'the file of a directory above is found', run)
        os.makedirs(p / 'deep/.git')
        run = p.test(cwd=p / 'deep/er')
        check('(attempt' not in run.out, 'but not from outside the checkout', run)
        run = p.test('--nextest-profile', 'none')
        check(run.status == 64 and "no profile 'none'" in run.err, 'an unknown profile: 64', run)
        check(p.test('--nextest-profile', 'default').status == 1, 'default can be named')
    with Place() as p:
        run = p.test('--nextest-profile', 'ci')
        check(run.status == 64 and 'ktstr help profiles' in run.err, 'a profile without a file: 64', run)


WRONG = (('{"profile": {"default": {"retrys": 1}}}', "unknown key 'retrys'"),
         ('{"profile": {"unused": {"odd": 1}}}', "unknown key 'odd'"),
         ('{"profiles": {}}', "unknown key 'profiles'"), ('{}', "'profile' is missing"), ('[]', 'not an object'),
         ('{"profile": {"default": []}}', "'default' is not an object"), ('{"profile": {', 'ktstr.json'),
         ('{"profile": {"default": {"retries": "two"}}}', 'right type (number)'),
         ('{"profile": {"default": {"jobs": 0}}}', "--jobs: '0' is out of range"),
         ('{"profile": {"default": {"jobs": -1}}}', "--jobs: '-1'"),
         ('{"profile": {"default": {"slow_timeout": "soon"}}}', 'not a valid duration'),
         ('{"profile": {"default": {"slow_timeout": 60}}}', 'right type (duration), as --slow-timeout: "60s"'),
         ('{"profile": {"default": {"show_output": "some"}}}', 'not failed, all or never'),
         ('{"profile": {"default": {"reports": ["odd=x"]}}}', 'odd'),
         ('{"profile": {"default": {"reports": [1]}}}', 'not a text'),
         ('{"profile": {"default": {"fail_fast": "yes"}}}', 'right type'), ('{"": 1, "profile": {}}', "unknown key ''"))


def refused():
    with Place() as p:
        for text, why in WRONG:
            p.config(text)
            run = p.test('--list')
            check(run.status in (64, 65) and why in run.err and 'error:' in run.err, f'{text} is refused', run)
        os.remove(p / '.config/ktstr.json')
        os.symlink('nowhere', p / '.config/ktstr.json')
        run = p.test('--list')
        check(run.status not in (0, 1) and 'ktstr.json' in run.err, 'a link that leads nowhere is refused', run)


def stops():
    """fail_fast: tests that wait do not start, and are not lost. Tests with one name in two suites fail before any starts."""
    with Place() as p:
        def test(*args):
            return p.test(*args, SUITE, SUITE + '_new', suite=None)
        p.profiles(default={'fail_fast': True})
        run = test('--report', 'tap=tap')
        check(run.status == 1 and '1 failed' in run.out and '3 not run' in run.out and 'ktstr/four' not in run.out, 'fail_fast', run)
        with open(p / 'tap', encoding='utf-8') as f:
            tap = f.read()
        check(tap.count('not ok') == 4 and tap.count('--fail-fast') == 3, 'reports say why the others did not run', tap)
        told = Run('replay', '--json', cwd=p.path)
        check(told.out.count('"not run"') == 3 and told.out.count('"failed"') == 1, 'and replay has all of them', told)
        run = test('--no-fail-fast')
        check('3 failed' in run.out and 'PASS  ktstr/four' in run.out, '--no-fail-fast wins', run)
        check('2 failed' in test('--max-fail', '2').out, '--max-fail wins')
        p.profiles(default={'fail_fast': 2}, all={'fail_fast': False})
        run = test()
        check('2 failed' in run.out and '2 not run' in run.out, 'fail_fast as a number', run)
        check('3 failed' in test('--nextest-profile', 'all').out, 'fail_fast: false of a profile wins over that of default')
        check('1 failed' in test('--fail-fast').out, '--fail-fast wins')


def slow():
    with Place() as p:
        p.profiles(default={'slow_timeout': '50ms'})
        began = time.monotonic()
        run = p.test('-E', 'two', REPLAYED_NAP_MS='300')
        check(run.err.count('has been running for') == 1 and 'ktstr/two' in run.err, 'a slow test is named once', run)
        check('running for' not in p.test('-E', 'two', '--slow-timeout', '0', REPLAYED_NAP_MS='100').err, '--slow-timeout 0 wins')
        check(time.monotonic() - began < 60, 'and nobody waits for it')


def kernel_list():
    """Two kernels that are there already, as trees whose make does nothing much."""
    with Place() as p:
        for name, version in (('a', '6.12.7'), ('b', '6.13.1')):
            layout.fake_tree(p / name, version)
        both = f'one={p / "a"};two.x={p / "b"}'
        run = p.test('--dry-run', '--accel', 'tcg', suite=EXAMPLES, kernel=None, KTSTR_KERNEL_LIST=both)
        check(run.status == 0 and '/one ' in run.out and '/two.x ' in run.out, 'its labels are in the names', run)
        run = p.test('--dry-run', '--accel', 'tcg', '--kernel', p / 'a', suite=EXAMPLES, kernel=None, KTSTR_KERNEL_LIST=both)
        check(run.status == 0 and 'two.x' not in run.out, '--kernel wins', run)
        for text, why in (('6.12', 'is not LABEL=KERNEL'), ('a=', 'is not LABEL=KERNEL'), ('a b=6.12', 'is not LABEL=KERNEL'), (';', 'no kernel'),
                          ('a=6.12;a=6.13', "two kernels have the label 'a'"), (f'a={p / "a"};b={p / "a"}', '2 entries')):
            run = p.test('--dry-run', suite=EXAMPLES, kernel=None, KTSTR_KERNEL_LIST=text)
            check(run.status == 64 and why in run.err, f'KTSTR_KERNEL_LIST={text} is refused', run)
        p.fail('one')
        run = p.test('--no-ccache', kernel=None, KTSTR_KERNEL_LIST=both, KTSTR_CPU_CAP='1')
        check(run.status == 1 and 'ktstr/one/one' in run.out, 'a run with it', run)
        with open(p / 'one.list', encoding='utf-8') as f:
            told = f.read()
        check(told.strip() == both, 'its children have the list', told)
        again = Run('replay', '--exec', cwd=p.path, env={'KTSTR_CPU_CAP': '1'})
        check(again.status == 1 and 'ktstr/one/one' in again.out, 'and a replay has the same names', again)


def variables():
    with Place() as p:
        run = p.test('-E', 'two', KTSTR_CI='1', CARGO_TARGET_DIR='out')
        sidecars = glob.glob(p / 'out/ktstr/*/two-*.ktstr.json')
        with open(sidecars[0], encoding='utf-8') as f:
            check(json.load(f)['run_source'] == 'ci', 'KTSTR_CI; CARGO_TARGET_DIR', run)
        run = p.test('--kernel', '6.12', kernel=None, KTSTR_KERNEL_PARALLELISM='many', KTSTR_KERNEL_MIRROR='http://127.0.0.1:1')
        check(run.status in (64, 69), 'KTSTR_KERNEL_PARALLELISM is a number', run)


def passed_on():
    with Place() as p:
        p.fail('one')
        run = p.test('--', '--filterset', 'test(one)', '--retries=1', '-P', 'default', '--test-threads=1', '--nocapture', '--hide-progress-bar',
                     '--status-level', 'fail', '--final-status-level=all', '--no-fail-fast')
        check(run.status == 1 and '(attempt 2)' in run.out and '1 at a time' in run.err, 'the words of nextest after --', run)
        run = p.test('--', '-E', 'test(two)')
        check(run.status == 0 and run.out.count('PASS') == 1, '-- -E', run)
        run = p.test('--', '--odd')
        check(run.status == 64 and "unknown option '--odd'" in run.err, 'others are refused', run)
        with open(SUITE, 'rb') as f, open(p / '-E', 'wb') as to:
            to.write(f.read())
        os.chmod(p / '-E', 0o755)
        run = p.test('--', '-E', suite=None)
        check(run.status == 1 and '3 tests' in run.err, 'a file of that name is a path', run)


profiles()
refused()
stops()
slow()
kernel_list()
variables()
passed_on()
finish(at_least=50)
