#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr replay: which tests of the last run did not pass, that they run again with the same seed, and what is left. The tests
run on the host, so no machine is needed."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish  # noqa: E402

TESTS = os.path.realpath(BUILD) + '/tests'
for name in ('KTSTR_SIDECAR_DIR', 'KTSTR_RUNS_ROOT', 'CARGO_TARGET_DIR', 'KTSTR_KERNEL_LIST'):
    os.environ.pop(name, None)


class Place(Scratch):
    """A directory with a suite whose tests fail while files of their names are there."""

    def __enter__(self):
        super().__enter__()
        os.mkdir(self / 'build')
        os.environ.update(REPLAYED_DIR=self.path, KTSTR_TEST_KERNEL='/bin/true', XDG_CACHE_HOME=self / 'cache', KTSTR_LOCK_DIR=self / 'locks')
        os.mkdir(self / 'locks')
        self.suite('replayed')
        return self

    def suite(self, name):
        shutil.copy(f'{TESTS}/{name}', self / 'build/suite')

    def fail(self, *names):
        for name in ('one', 'two', 'three', 'four'):
            if name in names:
                open(self / name, 'w', encoding='ascii').close()
            elif os.path.exists(self / name):
                os.remove(self / name)

    def ktstr(self, *args, cwd=None, **env):
        return Run(*args, cwd=cwd or self.path, env=env, timeout=120)

    def outstanding(self, *args):
        run = self.ktstr('replay', '--json', *args)
        return [(t['name'].split('/')[1], t['why']) for t in json.loads(run.out)['tests']] if run.out else run

    def seeds(self, name):
        try:
            with open(self / f'{name}.seed', encoding='ascii') as f:
                return f.read().split()
        except FileNotFoundError:
            return []


def failed():
    with Place() as p:
        none = p.ktstr('replay')
        check(none.status == 65 and "'ktstr test' makes one" in none.err, 'without a run: 65', none)
        p.fail('one', 'two')
        check(p.ktstr('test', '--retries', '1').status == 1, 'two of three tests fail')
        told = p.ktstr('replay')
        check(told.status == 0 and told.out == 'test(=ktstr/one) | test(=ktstr/two)\n', 'the filter is printed, and nothing else on stdout', told)
        listed = p.ktstr('test', '--list', '-E', told.out.strip())
        check(listed.out.count('\n') == 2 and 'three' not in listed.out, 'and ktstr test takes it', listed)
        check(p.outstanding('-E', 'tw') == [('two', 'failed')], '-E is a part of the name', p.outstanding('-E', 'tw'))
        bad = p.ktstr('replay', '-E', 'Two')
        check(bad.status == 64 and 'in its name' in bad.err, '-E is case-sensitive, and a test must match', bad)
        again = p.ktstr('replay', '--exec')
        tried = p.seeds('one')
        check(again.status == 1 and tried[-1] == tried[-2] != tried[0], 'it fails again with the seed of its last try', f'{again}\n{tried}')
        p.fail('two')
        again = p.ktstr('replay', '--exec', '-E', 'one')
        check(again.status == 5 and '1 test of that run still did not pass' in again.err, 'it passes, another is outstanding: 5', again)
        check(p.outstanding('--filter', 'tw') == [('two', 'failed')], '--filter is -E')
        again = p.ktstr('replay', '--exec', '--profile', 'dev', '--nextest-profile', 'none')
        check(again.status == 64 and '--nextest-profile' in again.err, '--profile and --nextest-profile are those of ktstr test', again)
        p.fail()
        other = p / 'elsewhere'
        os.mkdir(other)
        again = p.ktstr('replay', '--exec', '--seed', 'new', '--dir', p / 'target/ktstr', cwd=other)
        check(again.status == 0 and 'ktstr/two' in again.out and 'one' not in again.out, '--dir, from another directory: all pass', again)
        check(p.seeds('two')[-1] not in tried, '--seed new is another seed', p.seeds('two'))
        check(not os.listdir(other), 'and nothing is written there', os.listdir(other))
        told = p.ktstr('replay')
        check(told.status == 0 and told.out == '' and 'every test of the last run passed' in told.err, 'nothing is left', told)
        check(p.ktstr('replay', '--exec').status == 0, '--exec then runs nothing')


def added():
    """Tests that came to the suite since the run."""
    with Place() as p:
        check(p.ktstr('test').status == 0, 'all pass')
        p.suite('replayed_new')
        check(p.outstanding() == [] and p.outstanding('--new') == [('four', 'not run')], '--new has the new test', p.outstanding('--new'))
        check(p.outstanding() == [], 'without --exec it is not noted')
        p.fail('four')
        check(p.ktstr('replay', '--new', '--exec').status == 1 and p.outstanding() == [('four', 'failed')], 'it ran, and failed', p.outstanding())
        p.suite('replayed')
        check(p.ktstr('test', '-E', 'one').status == 0, 'a run of one test')
        p.suite('replayed_new')
        check(p.outstanding('--new') == [], 'tests that its filter leaves out are not new', p.outstanding('--new'))
        p.ktstr('test', '--partition', 'slice:1/2')
        refused = p.ktstr('replay', '--new')
        check(refused.status == 64 and 'leave --new out' in refused.err, '--new after a part of the tests: 64', refused)


def interrupted():
    """A test that did not run is outstanding, too."""
    with Place() as p:
        shutil.copy(TESTS + '/on_host', p / 'build/suite')
        run = subprocess.Popen([KTSTR, 'test', '-j', '1', '--report', 'ndjson=events'], cwd=p.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (os.path.exists(p / 'events') and 'stays' in open(p / 'events', encoding='utf-8').read()):
            time.sleep(.02)
        run.send_signal(signal.SIGKILL)
        run.wait(60)
        check(('stays', 'not run') in p.outstanding(), 'a run that was killed: its test is outstanding', p.outstanding())
        rest = p.ktstr('replay', '--exec', '-E', 'has_no')
        check(rest.status in (5, 64), 'the other one runs, or has run already', rest)


def commits():
    """The results of another commit are in another directory."""
    with Place() as p:
        def git(*args):
            subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *args], cwd=p.path, check=True, capture_output=True)
        git('init', '-q')
        git('add', 'locks', 'build')
        git('commit', '-q', '-m', 'one')
        p.fail('one')
        check(p.ktstr('test').status == 1, 'a test fails at one commit')
        p.fail()
        git('commit', '-q', '--allow-empty', '-m', 'two')
        again = p.ktstr('replay', '--exec')
        check(again.status == 0 and p.outstanding() == [], 'and passes at the next: nothing is outstanding', again)
        check(len(os.listdir(p / 'target/ktstr')) >= 2, 'each commit has its directory', os.listdir(p / 'target/ktstr'))
        own = p.ktstr('test', KTSTR_SIDECAR_DIR='side')
        told = p.ktstr('replay', KTSTR_SIDECAR_DIR='side')
        check(own.status == 0 and told.status == 0 and 'every test' in told.err, 'KTSTR_SIDECAR_DIR has a record of its own', told)


def damaged():
    with Place() as p:
        p.ktstr('test')
        for text in ('', '{}', '[]', '{"version": 2}', '{"version": 1, "tests": [3]}'):
            with open(p / 'target/ktstr/.last-run.json', 'w', encoding='ascii') as f:
                f.write(text)
            run = p.ktstr('replay')
            check(run.status == 65 and 'error:' in run.err, f'a record that is {text or "empty"}: 65', run)


failed()
added()
interrupted()
commits()
damaged()
finish(at_least=25)
