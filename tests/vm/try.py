#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr try: a good scheduler gets its card, one that ignores weights fails that question, and what a scheduler does not
support is not judged. EEVDF's numbers come from the cache the second time."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402


def answers(run):
    try:
        card = json.loads(run.out)
    except ValueError:
        return {}
    return {q['question']: q for q in card['questions']}


def good(kernel, env):
    run = Run('try', 'scx_simple', '--kernel', kernel['key'], '--question', 'weights,wakeup_near', '--json', env=env)
    got = answers(run)
    near, weights = got.get('wakeup_near', {}), got.get('weights', {})
    check(run.status == 0 and near.get('answer') == 'pass' and 0 < near['number'] < 1000 and 0 < near['eevdf'] < 1000,
          'scx_simple passes, with a number and that of EEVDF', run)
    check(weights.get('answer') == 'not supported' and weights['number'] is None and weights['eevdf'] > 90,
          'it has no callback for cpu.weight, which is not supported and no failure', run)
    return near


def bad(kernel, env, scheduler):
    run = Run('try', '--only', 'weights', '--kernel', kernel['key'], scheduler, '--', 'no-weights', env=env)
    check(run.status == 1 and re.search(r'^  weights +fail +[\d.]+ % +9\d\.\d %', run.out, re.M) and
          "cgroup 'heavy' got" in run.out and 'numbers are from the cache' in run.out,
          'one that ignores weights fails; the number of EEVDF is from the cache', run)
    again = re.search(r'^    ktstr (try --question weights .*) -- no-weights$', run.out, re.M)
    check(again, 'the card has the command that asks again', run)
    words = again[1].split() if again else []
    run = Run(*words, '--lacks', 'weight', '--', 'no-weights', env=env)
    check(run.status == 0 and re.search(r'^  weights +not supported +- +-', run.out, re.M),
          'with --lacks weight it is not judged', run)


def refused():
    for words, text in ((('try',), 'name the program of a scheduler'),
                        (('try', './nowhere'), 'there is no such file'),
                        (('try', '--eevdf', 'x'), 'exclude each other'),
                        (('try', 'x', '--lacks', 'weights'), 'not one of weight, nice'),
                        (('try', 'x', '--question', 'what'), 'is not a question')):
        run = Run(*words)
        check(run.status == 64 and text in run.err, ' '.join(words), run)


def not_found(kernel, env):
    run = Run('try', 'scx_nowhere', '--kernel', kernel['key'], env=env)
    check(run.status == 64 and "there is no scheduler 'scx_nowhere'" in run.err and 'scx_simple' in run.err and not run.out,
          'a name that nothing has is refused before a machine starts, with the names that the kernel has', run)


def main():
    refused()
    kernel = need_kernel('try')
    before = machines()
    fixtures = BUILD + '/tests/fixtures'
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], fixtures],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    with Scratch() as scratch:
        env = {'KTSTR_SIDECAR_DIR': scratch.path}
        not_found(kernel, env)
        good(kernel, env)
        bad(kernel, env, fixtures + '/scx_misbehave')
    check_nothing_left('try', before)
    finish(at_least=10)


main()
