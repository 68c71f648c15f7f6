#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reports: each format exactly (golden files; KTSTR_BLESS=1 writes them again), by the rules of its readers, with hostile
texts and with very many results; merge, and wrong command lines."""
import glob
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import made_results  # noqa: E402
from tap import Run, check, finish, skip  # noqa: E402

FORMATS = {'junit': 'junit.xml', 'ktap': 'results.ktap', 'tap': 'results.tap', 'ndjson': 'results.ndjson', 'html': 'results.html',
           'github': 'annotations.txt', 'github-summary': 'summary.md'}


def read(path):
    with open(path, encoding='utf-8', newline='') as f:
        return f.read()


def report(directory, *runs, name):
    """Writes every format below @directory. Returns {format: text}."""
    out = os.path.join(directory, name)
    run = Run('report', *runs, '--to', ','.join(f'{key}={name}/{file}' for key, file in FORMATS.items()), cwd=directory)
    check(run.status == 0, f'{name}: all reports are written', run)
    return {key: read(os.path.join(out, file)) for key, file in FORMATS.items()}


# --- golden files -------------------------------------------------------------------------------------------------------

def stable_html(text):
    """Without style and script, which have tests of their own, and without the digest of the script."""
    text = re.sub(r'<style>.*?</style>', '<style></style>', text, flags=re.S)
    text = re.sub(r'<script>.*?</script>', '<script></script>', text, flags=re.S)
    return re.sub(r'sha256-[\w+/=]+', 'sha256-DIGEST', text)


def golden(texts):
    for key, file in FORMATS.items():
        path = os.path.join(HERE, 'golden', file)
        text = stable_html(texts[key]) if key == 'html' else texts[key]
        if os.environ.get('KTSTR_BLESS'):
            with open(path, 'w', encoding='utf-8', newline='') as f:
                f.write(text)
        known = read(path)
        line = next((f'line {i}: {a!r} is not {b!r}' for i, (a, b) in enumerate(zip(text.split('\n'), known.split('\n')), 1) if a != b), 'length')
        check(text == known, f'golden: {file}', line)


# --- the rules of each format -------------------------------------------------------------------------------------------

def check_junit(text, name, total):
    root = ET.fromstring(text)
    cases = root.findall('.//testcase')
    kinds = {tag: len(root.findall('.//testcase/' + tag)) for tag in ('failure', 'error', 'skipped')}
    sums = {key: sum(int(suite.get(key)) for suite in root.findall('testsuite')) for key in ('tests', 'failures', 'errors', 'disabled')}
    check(len(cases) == total == int(root.get('tests')) == sums['tests'], f'{name}: JUnit has all {total} tests', (len(cases), root.attrib))
    check(kinds['failure'] == int(root.get('failures')) == sums['failures'] and kinds['error'] == int(root.get('errors')) == sums['errors'] and
          kinds['skipped'] == sums['disabled'], f'{name}: its counts are those of its elements', (kinds, sums, root.attrib))


def check_schema(path, name):
    title = f'{name}: JUnit follows its schema'
    if not shutil.which('xmllint'):
        skip(title, 'no xmllint (Debian: libxml2-utils)')
        return
    done = subprocess.run(['xmllint', '--huge', '--noout', '--schema', os.path.join(HERE, 'junit.xsd'), path], capture_output=True, text=True)
    check(done.returncode == 0, title, done.stderr[-2000:])


def check_ktap(text, name):
    """Plans and numbers at each depth, and no line that is none of KTAP."""
    stack, wrong = [], []
    for line in text.split('\n')[:-1]:
        depth, body = (len(line) - len(line.lstrip(' '))) // 2, line.lstrip(' ')
        if body == 'KTAP version 1':
            stack = stack[:depth] + [[None, 0]]
        elif re.fullmatch(r'1\.\.\d+', body):
            stack[depth][0] = int(body[3:])
        elif m := re.fullmatch(r'(?:not )?ok (\d+) [^#]*(?: # (?:SKIP|XFAIL|ERROR).*)?', body):
            stack = stack[:depth + 1]
            stack[depth][1] += 1
            if int(m.group(1)) != stack[depth][1]:
                wrong.append(line)
        elif not body.startswith('# '):
            wrong.append(line)
    check(not wrong and len(stack) == 1 and stack[0][0] == stack[0][1], f'{name}: KTAP has its plans, numbers and nothing else', wrong[:5] or stack)


def check_tap(text, name, total):
    lines = text.split('\n')
    results = [line for line in lines if re.match(r'(not )?ok \d+ - ', line)]
    numbers = [int(re.match(r'(?:not )?ok (\d+)', line).group(1)) for line in results]
    strange = [line for line in lines[2:-1] if not re.match(r'(not )?ok \d+ - |  (---|\.\.\.)$|  \w+: ".*"$', line)]
    check(lines[:2] == ['TAP version 14', f'1..{total}'] and numbers == list(range(1, total + 1)) and not strange, f'{name}: TAP has all results and nothing else', strange[:3])
    values = [line.split(': ', 1)[1] for line in lines if re.match(r'  \w+: "', line)]
    check(all(isinstance(json.loads(v), str) for v in values), f'{name}: its diagnostics are strings of YAML and JSON')


def check_ndjson(text, name, total):
    events = [json.loads(line) for line in text.splitlines()]
    end = events[-1]
    check(len(events) == total + 1 and end['event'] == 'run-finished' and end['total'] == total and
          all(e['event'] == 'test-finished' for e in events[:-1]), f'{name}: ndjson has all results and their sum', end)
    check(sum(end[key] for key in ('passed', 'failed', 'inconclusive', 'skipped', 'xfailed', 'xpassed', 'not_run')) == total,
          f'{name}: its sum is the sum of its parts', end)


COMMAND = re.compile(r'::(error|warning|notice) ([^:\n]*)::(.*)')


def check_github(text, summary, name):
    lines = text.split('\n')[:-1]
    found = [COMMAND.fullmatch(line) for line in lines if line.startswith('::') and not re.match('::(end)?group::', line)]
    check(all(found), f'{name}: each annotation is one line with its properties', [line[:200] for line, m in zip(lines, found) if not m])
    levels = [m.group(1) for m in found if m]
    check(all(levels.count(level) <= 10 for level in set(levels)), f'{name}: at most ten annotations of a level', levels)
    outside = [line for line in lines if '##[' in line]
    loose = [line for line in lines if line.lstrip().startswith('::') and not line.startswith(('::error ', '::warning ', '::group::', '::endgroup::'))]
    check(not outside and not loose, f'{name}: no text becomes a command', (outside + loose)[:3])
    check(len(summary.encode()) <= 1000000, f'{name}: the summary of a step is below 1 MiB', len(summary))
    check(summary.count('<details>') == summary.count('</details>') and summary.count('<pre>') == summary.count('</pre>'), f'{name}: its folds are closed')


class Balance(html.parser.HTMLParser):
    """Checks that tags are closed in order, and collects what could load or run something."""

    VOID = {'meta', 'br', 'input', 'wbr', 'img', 'link'}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.wrong, self.ids, self.links, self.tags = [], [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in self.VOID:
            self.stack.append(tag)
        for key, value in attrs:
            if key.startswith('on') or key in ('src', 'srcdoc', 'action', 'formaction', 'ping') or (key == 'href' and not value.startswith('#')):
                self.wrong.append(f'<{tag} {key}={value!r}')
            if key == 'id':
                self.ids.append(value)
            if key == 'href':
                self.links.append(value[1:])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(f'</{tag}>')


def check_html(text, name):
    page = Balance()
    page.feed(text)
    page.close()
    check(not page.wrong and not page.stack, f'{name}: HTML is well-formed and loads nothing', page.wrong[:5] + page.stack[:5])
    check(page.tags.get('script') == 2 and page.tags.get('style') == 1 and 'img' not in page.tags and 'iframe' not in page.tags,
          f'{name}: it has its two scripts and its style', page.tags)
    check(len(page.ids) == len(set(page.ids)) and set(page.links) <= set(page.ids), f'{name}: every link leads to a part of it',
          sorted(set(page.links) - set(page.ids))[:5])


def check_clean(texts, name):
    for key, text in texts.items():
        bad = re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]', text)
        check(not bad, f'{name}: {key} has no control characters', bad and text[max(0, bad.start() - 60):bad.end() + 20])


def check_all(directory, texts, name, total):
    check_junit(texts['junit'], name, total)
    check_schema(os.path.join(directory, name, FORMATS['junit']), name)
    check_ktap(texts['ktap'], name)
    check_tap(texts['tap'], name, total)
    check_ndjson(texts['ndjson'], name, total)
    check_github(texts['github'], texts['github-summary'], name)
    check_html(texts['html'], name)
    check_clean(texts, name)


# --- cases --------------------------------------------------------------------------------------------------------------

def usual(directory):
    made_results.make(os.path.join(directory, 'run'), 10)
    texts = report(directory, 'run', name='usual')
    golden(texts)
    check_all(directory, texts, 'usual', 10)
    again = report(directory, 'run', name='again')
    check(all(again[key] == texts[key] for key in FORMATS if key != 'github-summary'), 'the same results give the same reports')
    summary = read(os.path.join(directory, 'again', FORMATS['github-summary']))
    Run('report', 'run', '--to', 'github-summary=again/summary.md', cwd=directory)
    check(read(os.path.join(directory, 'again', 'summary.md')) == summary * 2, 'the summary of a step is appended to')


def hostile(directory):
    total = made_results.make_hostile(os.path.join(directory, 'evil'))
    texts = report(directory, 'evil', name='hostile')
    check_all(directory, texts, 'hostile', total)
    check(all(len(text) < 3000000 for text in texts.values()), 'hostile: texts of 1 MB are cut', {k: len(v) for k, v in texts.items()})
    check('pwned=1' in texts['html'] and '<script>window' not in texts['html'], 'hostile: markup in names is shown as text')


def many(directory):
    counts = made_results.make(os.path.join(directory, 'many'), 10000, bad_share=.3)
    texts = report(directory, 'many', name='many')
    check_all(directory, texts, 'many', 10000)
    sizes = {key: len(text) for key, text in texts.items()}
    print('# bytes of 10,000 results:', sizes, counts)
    check(sizes['html'] < 16 << 20, 'many: HTML of 10,000 results is below 16 MiB', sizes)


def damaged(directory):
    run = os.path.join(directory, 'damaged')
    made_results.make(run, 3)
    for name, text in (('cut', '{"schema": {"name": "ktstr.resu'), ('other', '{"schema": {"name": "x"}}'), ('list', '[]'), ('empty', ''), ('nul', '{"name": "\\u0000"}')):
        with open(f'{run}/{name}-0.ktstr.json', 'w', encoding='utf-8') as f:
            f.write(text)
    with open(f'{run}/bare-0.ktstr.json', 'w', encoding='utf-8') as f:
        f.write('{"schema": {"name": "ktstr.result"}, "name": 5, "stats": [], "details": "x", "flake": {"tries": 7}, "wall_ns": -1, "host": 3}')
    done = Run('report', 'damaged', '--to', 'tap=-', cwd=directory)
    check(done.status == 65 and done.out.startswith('TAP version 14\n1..4\n') and done.err.count('it is left out') == 5,
          'damaged sidecars are named, and the others are reported', done)


def command_lines(directory):
    made_results.make(os.path.join(directory, 'root', '6.12-abc'), 3)
    env = {'KTSTR_RUNS_ROOT': os.path.join(directory, 'root')}
    one = glob.glob(os.path.join(directory, 'root', '6.12-abc', '*.ktstr.json'))[0]
    cases = [
        (['report', '--to', 'tap=-'], 0, '1..3'), (['report', '6.12-abc', '--to', 'tap'], 0, '1..3'), (['report', one, '--to', 'tap=-'], 0, '1..1'),
        (['report', '6.12-abc', one, '--to', 'tap=-'], 0, '1..4'), (['report'], 64, '--to html=report.html'),
        (['report', '--to', 'pdf=x'], 64, "'pdf' is not a format of reports"), (['report', '--to', 'html='], 64, "there is no file after '='"),
        (['report', 'none', '--to', 'tap=-'], 65, "no run or file 'none'"), (['report', HERE, '--to', 'tap=-'], 65, 'no results'),
        (['report', '--to', 'tap=/dev/null/x'], 74, 'write the tap report'),
        (['report', '--to', ','.join(['tap=-'] * 17)], 64, 'more than 16'),
        (['merge'], 64, 'which runs?'), (['test', '--report', 'pdf=x', '--list', '.'], 64, 'is not a format'),
    ]
    for argv, status, said in cases:
        done = Run(*argv, env=env, cwd=directory)
        check((done.status == status or (status == 74 and done.status not in (0, 64))) and said in done.out + done.err, ' '.join(argv)[:70].replace(directory, ''), done)
    empty = Run('report', '--to', 'tap=-', env={'KTSTR_RUNS_ROOT': directory + '/nowhere'}, cwd=directory)
    check(empty.status == 65 and "there is no run in" in empty.err, 'report without any run', empty)


def write_text(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def merge(directory):
    first, second, all_of_them = (os.path.join(directory, name) for name in ('shard1', 'shards/2', 'all'))
    counts = made_results.make(first, 7)
    made_results.make(second, 3, seed=2)
    done = Run('merge', 'shard1', 'shards', '--into', 'all', '--report', 'junit=merged.xml', cwd=directory)
    check(done.status == 1 and '10 tests' in done.out, 'merge: the verdict of all shards together', done)
    check(len(glob.glob(all_of_them + '/*.ktstr.json')) == 10, 'merge: results of one name and different runs are kept side by side' , os.listdir(all_of_them))
    check(ET.fromstring(read(os.path.join(directory, 'merged.xml'))).get('tests') == '10', 'merge: its report has all')
    check(len(glob.glob(all_of_them + '/*.report.txt')) == len(glob.glob(first + '/*.report.txt')) + len(glob.glob(second + '/*.report.txt')),
          'merge: reports of failures are copied, too')
    again = Run('merge', 'shard1', '--into', 'all', cwd=directory)
    check(again.status == 64 and 'results in' in again.err, 'merge: does not mix with an earlier merge', again)

    good = os.path.join(directory, 'good')
    os.makedirs(good)
    made = [path for path in glob.glob(first + '/*.ktstr.json') if json.loads(read(path))['verdict'] == 'pass' and not json.loads(read(path))['known_fail']]
    for path in made:
        shutil.copy(path, good)
    check(Run('merge', 'good', cwd=directory).status == 0, 'merge: all passed')
    # A number that jansson does not take, in a failure and in a pass.
    for path in glob.glob(all_of_them + '/*.ktstr.json')[:10]:
        text = read(path).rstrip()
        write_text(os.path.join(directory, 'large', os.path.basename(path)), text[:-1].rstrip() + ', "extra": 1e400}')
    large = Run('merge', 'large', cwd=directory)
    check(large.status in (1, 65) and '10 tests' in large.out and 'failed' in large.out and 'its details are left out' in large.err,
          'merge: a failure whose details cannot be read counts', large)
    planned = [json.loads(read(path)) for path in made] + [{'name': 'ktstr/lost', 'suite': 'x', 'topology': '1n1l1c1t', 'scheduler': 'eevdf', 'command': 'ktstr test lost'}]
    with open(os.path.join(directory, 'jobs.json'), 'w', encoding='utf-8') as f:
        f.writelines(json.dumps({k: p.get(k) for k in ('name', 'suite', 'topology', 'scheduler', 'command')}) + '\n' for p in planned)
    lost = Run('merge', 'good', '--plan', 'jobs.json', '--report', 'junit=lost.xml,ktap=-', cwd=directory)
    check(lost.status == 2 and 'not_run       ktstr/lost' in lost.out, 'merge: a planned test without a result is inconclusive', lost)
    check('type="not_run"' in read(os.path.join(directory, 'lost.xml')) and 'not ok 1 ktstr/lost # ERROR not run' in lost.out, 'merge: reports name it', lost)
    for content, said in ((b'', 'it is empty'), (b'\0{"name": "ktstr/lost"}\n', 'it has a NUL byte')):
        with open(os.path.join(directory, 'odd.json'), 'wb') as f:
            f.write(content)
        odd = Run('merge', 'good', '--plan', 'odd.json', cwd=directory)
        check(odd.status == 65 and said in odd.err, f'merge: a plan of which {said}', odd)
    bad = Run('merge', 'good', '--plan', 'merged.xml', cwd=directory)
    check(bad.status == 65 and 'not JSON' in bad.err, 'merge: a plan that is none', bad)
    events = Run('merge', 'good', '--json', cwd=directory).events()
    check(events and events[-1]['failed'] == 0 and len(events) == len(made) + 1, 'merge --json', events)
    check(counts['fail'] == 1, 'the shards have one failure each')


def tries(directory):
    """A sidecar for each try (of --retries): the final one counts."""
    run = os.path.join(directory, 'tries')
    made_results.make(run, 1)
    path = glob.glob(run + '/*.ktstr.json')[0]
    o = json.loads(read(path))
    o['flake'].update(final=False, tries=[{'attempt': 1, 'seed': '0x1', 'verdict': 'fail', 'cause': 'early'}])
    o.update(verdict='fail', seed='0x1')
    with open(path.replace('.ktstr.json', '-s0000000000000001.ktstr.json'), 'w', encoding='utf-8') as f:
        json.dump(o, f)
    done = Run('report', 'tries', '--to', 'tap=-', cwd=directory)
    check(done.out.splitlines()[1:3] == ['1..1', 'ok 1 - gauntlet/two_cgroups/1n1l2c1t/kernel_6_12_117'], 'of several tries of a test the final one is reported', done)


with tempfile.TemporaryDirectory(prefix='ktstr-reports-') as scratch:
    for case in (usual, hostile, many, damaged, command_lines, merge, tries):
        case(scratch)
finish(at_least=80)
