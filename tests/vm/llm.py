#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs in guests whose output a language model reads after the test: its numbers are metrics and are checked; without
a model or a sound reply, nothing passes (LlmExtract of `cargo ktstr`). The model is a small server that speaks the protocol."""
import glob
import hashlib
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import llama  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SUITE = BUILD + '/tests/payloads/asking'
EXPECTED = {
    'asks_numbers': ('pass', ''),
    'asks_streams': ('pass', ''),
    'asks_low': ('fail', r"payload 'low' metric 'ops' is 1234\.5, less than 2000"),
    'asks_absent': ('fail', r"payload 'absent' metric 'bandwidth' not found"),
    'asks_garbage': ('inconclusive', r"payload 'garbage': its output was not read: the answer is not one of /v1/chat/completions"),
    'asks_status': ('fail', r"payload 'status' exited with status 7, not 0"),
    'asks_too_early': ('fail', r"payload 'numbers': a language model reads its output after the test"),
}


def payloads(scratch, name):
    with open([p for p in scratch.sidecars() if os.path.basename(p).startswith(name + '-')][0]) as f:
        return json.load(f)['metrics']


def values(run):
    return [(m['name'], m['value'], m['stream'], m['source']) for m in run['metrics']]


def with_server(kernel, server):
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', SUITE,
                  env={'KTSTR_SIDECAR_DIR': scratch.path, 'KTSTR_LLM_URL': server.url, 'KTSTR_LLM_DEBUG_RESPONSES': '1'})
        tests = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
        check(sorted(tests) == sorted(EXPECTED) and run.status == 1, 'every test ended', run)
        for name, (verdict, cause) in EXPECTED.items():
            e = tests.get(name, {})
            check(e.get('verdict') == verdict and re.search(cause, e.get('cause') or ''), f'{name}: {verdict}', e)
        numbers, = payloads(scratch, 'asks_numbers')
        check(values(numbers) == [('latency_ms', 7, 'stdout', 'llm'), ('ops', 1234.5, 'stdout', 'llm')] or
              values(numbers) == [('ops', 1234.5, 'stdout', 'llm'), ('latency_ms', 7, 'stdout', 'llm')], 'metrics have their source', numbers)
        ops = [m for m in numbers['metrics'] if m['name'] == 'ops'][0]
        check(ops['polarity'] == 'higher_better' and ops['unit'] == '1/s' and numbers['verdict'] == 'pass', 'and their hints', ops)
        first, errors, second = payloads(scratch, 'asks_streams')
        check(len(values(first)) == 2 and values(first) == values(second) and first['payload_index'] == 0,
              'each run has its own metrics', (first, second))
        check(values(errors) == [('ops', 1234.5, 'stderr', 'llm')], 'the error output is read if the other has no numbers', errors)
        check(payloads(scratch, 'asks_garbage')[0]['verdict'] == 'inconclusive' and payloads(scratch, 'asks_low')[0]['verdict'] == 'fail',
              "the payload's verdict is that of the test")
        kept = {os.path.basename(p).split('-')[0] for p in glob.glob(scratch.path + '/*.llm.txt')}
        check(kept == {'asks_numbers', 'asks_streams', 'asks_low', 'asks_absent', 'asks_garbage'}, 'answers are kept', kept)
    asked = [r['messages'][1]['content'] for _, r in server.requests]
    check(len(asked) == 8, 'one question a run, two for the one that used both streams, none for the one that failed', len(asked))
    check(sum('About this program: a benchmark' in a for a in asked) == 1 and not any('<|' in a for a in asked), 'with its hint', asked)


def own_server(kernel):
    """An empty cache besides the kernels, and a llama-server in PATH."""
    with Scratch() as scratch:
        cache, log = scratch / 'cache/ktstr', scratch / 'log'
        os.makedirs(cache)
        env = {'KTSTR_SIDECAR_DIR': scratch / 'results', 'XDG_CACHE_HOME': scratch / 'cache', 'FAKE_LLAMA_LOG': log,
               'PATH': llama.install(scratch / 'bin') + ':' + os.environ['PATH']}
        os.symlink(os.path.dirname(kernel['path']), cache + '/kernels')

        def run():
            return Run('test', '--kernel', kernel['key'], '-E', 'test(asks_numbers)', SUITE, env=env)

        none = run()
        check(none.status == 2 and 'INCONCLUSIVE' in none.out + none.err, 'without a model: Inconclusive', none)
        check(re.search(r"its output was not read: there is no language model; fetch one \('ktstr model fetch", none.out),
              'and the remedy', none)
        os.makedirs(cache + '/models')
        with open(cache + '/models/tiny.gguf', 'wb') as f:
            f.write(b'a model')
        with open(cache + '/models/model.json', 'w') as f:
            json.dump({'file': 'tiny.gguf', 'url': 'http://x/tiny.gguf', 'sha256': hashlib.sha256(b'a model').hexdigest()}, f)
        own = run()
        check(own.status == 0, 'with one, llama-server is started and asked', own)
        with open(log) as f:
            pids = [json.loads(line)['pid'] for line in f]
        check(len(pids) == 1 and not os.path.exists(f'/proc/{pids[0]}'), 'once, and it is gone', pids)


def main():
    kernel = need_kernel('llm')
    before = machines()
    with llama.Llama() as server:
        with_server(kernel, server)
    own_server(kernel)
    check_nothing_left('llm', before)
    finish(at_least=18)


main()
