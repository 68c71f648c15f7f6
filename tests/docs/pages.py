#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Pages and code agree: tables name what the program has, links and citations point to files of this repository."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, check, finish  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = ('.c', '.h', '.py', '.sh', '.build')
README_LINES_MAX = 100


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def files(*suffixes):
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    return [f for f in listed.stdout.split() if f.endswith(suffixes) and os.path.exists(os.path.join(ROOT, f))]


def rows(page, columns):
    """The rows of a page's tables with this many columns, without their headers."""
    lines = [re.split(r'(?<!\\)\|', line.strip('|')) for line in read(page).splitlines() if line.startswith('| ')]
    return [[cell.strip() for cell in cells] for cells in lines if len(cells) == columns]


def thresholds(*options):
    done = subprocess.run([KTSTR, 'show-thresholds', '--json', *options, 'eevdf_cpusets', BUILD + '/tests/examples'],
                          capture_output=True, text=True)
    told = json.loads(done.stdout or '{}').get('thresholds', {})
    return {name: t['value'] for name, t in told.items() if t['origin']}


def written(value):
    """The spelling in CHECKS.md."""
    if value is None:
        return 'none'
    return str(value).lower() if isinstance(value, bool) else f'{value:g}'


def checks():
    usual, strict = thresholds(), thresholds('--release')
    has = {name: (written(usual[name]), written(strict[name])) for name in usual}
    said = {cells[0].strip('`'): (cells[2], cells[3]) for cells in rows('docs/CHECKS.md', 5) if cells[0].startswith('`')}
    check(len(has) >= 15 and said == has, 'CHECKS.md: each check with its defaults', {k: (said.get(k), has.get(k)) for k in said.keys() | has.keys()
                                                                   if said.get(k) != has.get(k)})


def scheduler_keys():
    body = re.search(r'struct ktstr_scheduler \{(.*?)\n\};', read('include/ktstr/scheduler.h'), re.S).group(1)
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.S)
    has = set(re.findall(r'(\w+);', body)) - {'name', 'file', 'line'}
    said = {cells[0].strip('`') for cells in rows('docs/SCHEDULERS.md', 3)} - {'key'}
    check(len(has) >= 9 and said == has, 'SCHEDULERS.md: each key of a declaration', said ^ has)


def attributes():
    body = re.search(r'struct ktstr_test \{(.*?)\n\};', read('include/ktstr/test.h'), re.S).group(1)
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.S)
    has = set(re.findall(r'(\w+)(?:\[[^\]]*\])?[,;]', body)) - {'name', 'file', 'line', 'constraints', 'KTSTR_CONSTRAINT_FIELDS'}
    said = set(re.findall(r'\.(\w+)', ''.join(read(page) for page in files('.md') if page.startswith('docs/'))))
    check(len(has) >= 30 and has <= said, 'docs: each attribute of a test is described', has - said)


def operations():
    has = set(re.findall(r'^\tKTSTR_OP_(\w+),', read('include/ktstr/scenario.h'), re.M)) - {'KIND_MAX'}
    said = {name for cells in rows('docs/SCENARIOS.md', 2) for name in re.findall(r'`([A-Z_]{4,})`', cells[0]) if not name.startswith('KTSTR_')}
    check(len(has) >= 20 and said == has, 'SCENARIOS.md: each operation', said ^ has)


def work_types():
    """Parameters and defaults that 'ktstr list --work' prints are those of the header and of the code."""
    done = subprocess.run([KTSTR, 'list', '--work', '--json'], capture_output=True, text=True)
    listed = json.loads(done.stdout or '[]')
    header = read('include/ktstr/work.h')
    declared = re.findall(r'^\tKTSTR_WORK_(\w+),', header, re.M)
    check([t['code'] for t in listed] == [d for d in declared if d != 'TYPE_MAX'] and len(listed) > 40, 'list --work: each type of the header', listed)
    fields = set(re.findall(r'\w+', re.search(r'struct ktstr_work \{(.*?)\n\};', header, re.S).group(1)))
    units = re.search(r'#define SPIN_UNITS (\d+)', read('src/guest/work/work.h')).group(1)
    code = ''.join(read(f) for f in files('.c') if f.startswith('src/guest/work/')).replace('SPIN_UNITS', units)
    defaults = set(re.findall(r'or_default\((?:w->work|w)->(\w+), (\d+)\)', code))
    told = {(p['name'], str(p['default'])) for t in listed for p in t['parameters'] if p['default'] not in (None, False)}
    check(told <= defaults and len(told) > 30, 'list --work: defaults are those of the code', told - defaults)
    strange = {p['name'] for t in listed for p in t['parameters']} - fields
    check(not strange, 'list --work: parameters are those of struct ktstr_work', strange)


def links():
    for page in files('.md'):
        absent = [target for target in re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', read(page))
                  if not os.path.exists(os.path.join(ROOT, os.path.dirname(page), target))]
        check(not absent, f'{page}: links lead somewhere', '\n'.join(absent))


def citations():
    """Files that comments and pages cite exist in the repository."""
    wrong = []
    for path in files(*SOURCES, '.md'):
        text = read(path) if '/corpus/' not in path and path != 'tests/docs/pages.py' else ''
        wrong += [f'{path}: {page}' for page in re.findall(r'\bdocs/[\w/]+\.(?:md|json)\b', text) if not os.path.exists(os.path.join(ROOT, page))]
        wrong += [f'{path}: {cited}' for cited in re.findall(r'\b(?:behaviour|supplement|DESIGN:?) \d+\.\d+', text)]
    check(not wrong, 'what is cited is in the repository', '\n'.join(wrong))


def cited_sources():
    """Source files that pages name exist, by their path or its end."""
    sources = [f'/{f}' for f in files('.c', '.h')]
    wrong = [f'{page}: {name}' for page in files('.md') for name in re.findall(r'`([\w/]+\.[ch])`', read(page))
             if not name.endswith(('tests.c', 'NAME.c')) and not any(f.endswith('/' + name) for f in sources)]
    check(not wrong, 'source files that pages name are there', '\n'.join(wrong))


def index():
    text = read('README.md')
    missing = [f for f in files('.md') if re.match(r'docs/\w+\.md$', f) and f'({f})' not in text]
    check(not missing, 'README.md leads to every page', missing)
    architecture = read('docs/ARCHITECTURE.md')
    missing = [f for f in files('.md') if f.startswith('docs/design/') and f'({f[5:]})' not in architecture]
    check(not missing, 'ARCHITECTURE.md leads to every page of decisions', missing)
    check(text.count('\n') <= README_LINES_MAX, f'README.md has at most {README_LINES_MAX} lines', text.count('\n'))


checks()
scheduler_keys()
attributes()
operations()
work_types()
links()
citations()
cited_sources()
index()
finish()
