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
from tap import KTSTR, Run, check, finish, skip  # noqa: E402

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
    check(sum(end[key] for key in ('passed', 'failed', 'inconclusive', 'skipped', 'xfailed', 'xpassed', 'not_run', 'unreadable')) == total,
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
    check(done.status == 65 and done.out.startswith('TAP version 14\n1..9\n') and done.err.count('warning: ') == 5 and done.out.count('outcome: "unreadable"') == 5,
          'damaged sidecars are named, and reported beside the others', done)


def unreadable(directory):
    """A test whose result cannot be read has not passed: no format may look so."""
    run = os.path.join(directory, 'half')
    made_results.make(run, 1)
    write_text(f'{run}/cut-0123456789abcdef.ktstr.json', '{"schema": {"name": "ktstr.resu')
    done = Run('report', 'half', '--to', ','.join(f'{key}=half-out/{file}' for key, file in FORMATS.items()), cwd=directory)
    check(done.status == 65 and done.err.count('warning: ') == 1 and 'note: 1 of 2 results could not be read' in done.err and 'cut-0123456789abcdef.ktstr.json' in done.err, 'unreadable: the status is 65, and a warning names the file', done)
    texts = {key: read(os.path.join(directory, 'half-out', file)) for key, file in FORMATS.items()}
    check_all(directory, texts, 'half-out', 2)
    signs = {'junit': 'errors="1"', 'ktap': 'not ok 1 cut-0123456789abcdef # ERROR unreadable: ', 'tap': 'not ok 1 - cut-0123456789abcdef\n', 'ndjson': '"unreadable":1',
             'html': '<span class="verdict bad">failed</span>', 'github': '::error title=cut-0123456789abcdef unreadable::',
             'github-summary': '## ktstr: failed\n\n2 tests: 1 unreadable, 1 passed.'}
    for key, sign in signs.items():
        check(sign in texts[key], f'unreadable: {key} counts it, and does not look like a pass', texts[key][:2000])
    check('1 of 2 result files could not be read.' in texts['html'], 'unreadable: the page says how many')
    merged = Run('merge', 'half', '--into', 'half-all', cwd=directory)
    check(merged.status == 65 and '2 tests: 1 unreadable, 1 passed' in merged.out and len(glob.glob(directory + '/half-all/*.ktstr.json')) == 2,
          'unreadable: merge counts and keeps it', merged)


def interrupted(directory):
    """The record of a run beside its results says which tests it had planned."""
    root = os.path.join(directory, 'cut')
    made_results.make(os.path.join(root, '6.12-abc'), 1)
    done = json.loads(read(glob.glob(root + '/6.12-abc/*.ktstr.json')[0]))
    tests = [{'name': name, 'suite': done['suite'], 'run': '/elsewhere/6.12-abc'} for name in (done['name'], 'ktstr/never_started')]
    record = {'version': 1, 'directory': '/', 'seed': '0x1', 'words': [], 'filter': None, 'paths': [], 'environment': {}, 'kernels': [], 'tests': tests}
    tests.append({'name': 'ktstr/of_another_run', 'suite': done['suite'], 'run': '/elsewhere/7.3-abc'})
    write_text(root + '/.last-run.json', json.dumps(record))
    for args in (['6.12-abc'], []):
        made = Run('report', *args, '--to', 'html=cut.html,tap=-', env={'KTSTR_RUNS_ROOT': root}, cwd=directory)
        page = read(directory + '/cut.html')
        check(made.status == 0 and '1 planned test has no result' in made.err and '1..2\n' in made.out and 'not ok 1 - ktstr/never_started' in made.out,
              f'interrupted: its missing test is reported {args}', made)
        check('<span class="verdict cut">incomplete</span>' in page and '>1 of 2 tests without a result, 0 stopped.<' in page, f'interrupted: the page is marked {args}')
    merged = Run('merge', '6.12-abc', env={'KTSTR_RUNS_ROOT': root}, cwd=directory)
    check(merged.status == 2 and 'not_run       ktstr/never_started' in merged.out, 'interrupted: merge does not call it passed', merged)
    done['name'] = 'ktstr/never_started'
    write_text(root + '/6.12-abc/never_started-1.ktstr.json', json.dumps(done))
    whole = Run('report', '6.12-abc', '--to', 'html=whole.html', env={'KTSTR_RUNS_ROOT': root}, cwd=directory)
    check(whole.status == 0 and 'no result' not in whole.err and 'class="verdict cut"' not in read(directory + '/whole.html'), 'interrupted: a whole run is not marked', whole)
    write_text(root + '/6.12-abc/never_started-1.ktstr.json', '{')
    damaged_one = Run('report', '6.12-abc', '--to', 'tap=-', env={'KTSTR_RUNS_ROOT': root}, cwd=directory)
    check(damaged_one.status == 65 and '1..2\n' in damaged_one.out, 'interrupted: a damaged result is not missing, too', damaged_one)


def as_nobody(directory):
    """Without the rights of root: a step's summary is a file in a directory of others, and so are devices."""
    title = 'a file that one may write to, in a directory that one may not'
    if os.geteuid() != 0:
        skip(title, 'needs root, to be another user')
        return
    os.chmod(directory, 0o755)
    write_text(directory + '/summary.md', '')
    os.chmod(directory + '/summary.md', 0o666)
    for path in [directory + '/kept', *glob.glob(directory + '/kept/*')]:
        os.chmod(path, 0o755)
    for order, status in (('github-summary=summary.md', 0), ('tap=/dev/null', 0), ('tap=summary.md', 74), ('tap=new.tap', 74), ('github-summary=new.md', 74)):
        done = subprocess.run([KTSTR, 'report', 'kept', '--to', order], cwd=directory, user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
        check(done.returncode == status, f'{title}: {order}', f'{done.returncode} {done.stderr}')


def bad_files(directory):
    """What the reports would destroy, and files that cannot be written, are refused before anything is read or run."""
    made_results.make(os.path.join(directory, 'kept'), 2)
    one = sorted(glob.glob(directory + '/kept/*.report.txt'))[0]
    sidecar = one.replace('.report.txt', '.ktstr.json')
    before = read(sidecar)
    os.symlink('same.xml', directory + '/link.xml')
    write_text(directory + '/same.xml', '')
    write_text(directory + '/plan.json', '{}')
    cases = [
        (['report', 'none', '--to', 'tap=one,html=one'], 64, "would both be 'one'"), (['report', 'none', '--to', 'tap=one', '--to', 'html=./one'], 64, 'would both be'),
        (['report', 'none', '--to', 'tap=new/one,html=new//one'], 64, 'would both be'), (['report', 'none', '--to', 'tap=same.xml,html=link.xml'], 64, 'would both be'),
        (['report', 'kept', '--to', f'tap={sidecar}'], 64, 'would replace the input'), (['report', 'kept', '--to', f'tap={one}'], 64, 'would replace the input'),
        (['merge', 'kept', '--report', f'tap={sidecar}'], 64, 'would replace the input'),
        (['merge', 'none', '--plan', 'plan.json', '--report', 'tap=plan.json'], 64, 'would replace the input'),
        (['report', 'none', '--to', 'tap=/dev/null/x'], 74, 'write the tap report'), (['report', 'none', '--to', f'tap={directory}'], 74, 'it is a directory'),
        (['report', 'none', '--to', 'tap=same.xml/deeper/x'], 74, 'not a directory'), (['merge', 'none', '--report', 'tap=/dev/null/x'], 74, 'write the tap report'),
        (['test', '--report', 'tap=one,junit=one', 'no_binary'], 64, 'would both be'), (['test', '--report', 'junit=/dev/null/a', 'no_binary'], 74, 'write the junit report'),
        (['test', '--report', 'junit=same.xml', 'same.xml'], 64, 'would replace the input'),
    ]
    for argv, status, said in cases:
        done = Run(*argv, cwd=directory)
        check(done.status == status and said in done.err and done.err.count('\n') == 1, 'refused: ' + ' '.join(argv).replace(directory, '')[:70], done)
    check(read(sidecar) == before and read(directory + '/same.xml') == '' and not os.path.exists(directory + '/one'), 'and nothing is written')
    as_nobody(directory)
    both = Run('report', 'kept', '--to', 'tap=/dev/null,junit=/dev/null,ktap=-,github', cwd=directory)
    check(both.status == 0 and 'KTAP version 1' in both.out, 'devices and standard output take several', both)


def command_lines(directory):
    made_results.make(os.path.join(directory, 'root', '6.12-abc'), 3)
    env = {'KTSTR_RUNS_ROOT': os.path.join(directory, 'root')}
    one = glob.glob(os.path.join(directory, 'root', '6.12-abc', '*.ktstr.json'))[0]
    cases = [
        (['report', '--to', 'tap=-'], 0, '1..3'), (['report', '6.12-abc', '--to', 'tap'], 0, '1..3'), (['report', one, '--to', 'tap=-'], 0, '1..1'),
        (['report', '6.12-abc', one, '--to', 'tap=-'], 0, '1..4'), (['report'], 64, '--to html=report.html'),
        (['report', '--to', 'pdf=x'], 64, "'pdf' is not a format of reports"), (['report', '--to', 'html='], 64, "there is no file after '='"),
        (['report', 'none', '--to', 'tap=-'], 65, "no run or file 'none'"), (['report', HERE, '--to', 'tap=-'], 65, 'no results'),
        (['report', '--to', ','.join(['tap=-'] * 17)], 64, 'more than 16'),
        (['merge'], 64, 'which runs?'), (['test', '--report', 'pdf=x', '--list', '.'], 64, 'is not a format'),
    ]
    for argv, status, said in cases:
        done = Run(*argv, env=env, cwd=directory)
        check(done.status == status and said in done.out + done.err, ' '.join(argv)[:70].replace(directory, ''), done)
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

    for name in ('same1', 'same2', 'same3'):
        made_results.make(os.path.join(directory, name), 1, seed=ord(name[-1]))
    same = Run('merge', 'same1', 'same2', 'same3', '--into', 'same', cwd=directory)
    check(same.status == 0 and '3 tests' in same.out and 'has several results; all are kept' in same.err and len(glob.glob(directory + '/same/*.ktstr.json')) == 3 and
          len({read(path) for path in glob.glob(directory + '/same/*.ktstr.json')}) == 3, 'merge: of three results with one name and seed all are kept', same)
    again = Run('merge', 'same', cwd=directory)
    check(again.status == 0 and '3 tests' in again.out, 'merge: what it made has them all', again)
    os.makedirs(os.path.join(directory, 'empty1/deeper'))
    os.makedirs(os.path.join(directory, 'empty2'))
    empty = Run('merge', 'same1', 'empty1', 'empty2', cwd=directory)
    check(empty.status == 0 and '1 test: 1 passed' in empty.out and "note: there are no results in 'empty1'" in empty.err and "'empty2'" in empty.err,
          'merge: a shard may be empty', empty)
    nothing = Run('merge', 'empty1', 'empty2', cwd=directory)
    check(nothing.status == 65 and 'there are no results' in nothing.err, 'merge: but not all of them', nothing)
    lost_shard = Run('merge', 'same1', 'not_there', cwd=directory)
    check(lost_shard.status == 65 and "no run or file 'not_there'" in lost_shard.err, 'merge: and each must be there', lost_shard)

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
    for case in (usual, hostile, many, damaged, unreadable, interrupted, command_lines, bad_files, merge, tries):
        case(scratch)
finish(at_least=80)
