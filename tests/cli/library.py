#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""libktstr.a for its users: its exported names, and that users' names do not clash with its internal ones."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Scratch, check, finish, skip  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCHIVE = os.path.join(BUILD, 'libktstr.a')

# A test with its own helpers, named like the library's internal functions. If the library called them, the list would
# be wrong.
CLASHING = """
#include <ktstr/ktstr.h>
int buf_append(void) { return 1; }
int fd_write_full(void) { return 2; }
int cpuset_parse(void) { return 3; }
int registry_load(void) { return 4; }
int worker_set_start(void) { return 5; }
KTSTR_TEST(own_names) { return buf_append() + fd_write_full() > 0 ? KTSTR_PASS : KTSTR_FAIL; }
"""


def exported():
    listed = subprocess.run(['nm', '-g', '--defined-only', '-P', ARCHIVE], capture_output=True, text=True)
    return {line.split()[0] for line in listed.stdout.splitlines() if len(line.split()) > 2}


def declared():
    """Functions of the public headers: a name before a parenthesis, on a line that ends a declaration."""
    names = set()
    for path in glob.glob(os.path.join(ROOT, 'include', 'ktstr', '*.h')):
        with open(path, encoding='utf-8') as f:
            text = re.sub(r'/\*.*?\*/|^#.*?(?<!\\)$', '', f.read(), flags=re.S | re.M)
        names |= set(re.findall(r'^(?!typedef|static)\w[\w\s*]*?\b(ktstr_\w+)\([^;{]*\)[^;{]*;', text, re.M))
    return names


def links(scratch, name, *how):
    source, program = scratch / 'clash.c', scratch / name
    with open(source, 'w', encoding='utf-8') as f:
        f.write(CLASHING)
    built = subprocess.run([os.environ.get('CC', 'cc'), '-I' + os.path.join(ROOT, 'include'), source, *how, '-lm', '-o', program],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, f'{name}: a test with names of its own links', built.stderr):
        return
    listed = subprocess.run([program, '--list'], capture_output=True, text=True)
    tests = json.loads(listed.stdout)['tests'] if listed.returncode == 0 else []
    check([t['name'] for t in tests] == ['own_names'], f'{name}: and lists itself', listed.stdout + listed.stderr)


def plusplus(scratch, compiler, standard):
    """A suite in C++ that uses every macro; --list proves that all lists and values are complete."""
    name, program = f'{compiler} {standard}', scratch / 'plusplus'
    if not shutil.which(compiler):
        skip(name, f'{compiler} is not installed')
        return
    built = subprocess.run([compiler, '-std=' + standard, '-Wall', '-Wextra', '-Werror', '-I' + os.path.join(ROOT, 'include'),
                            os.path.join(ROOT, 'tests/attributes/plusplus.cc'), ARCHIVE, '-lm', '-o', program], capture_output=True, text=True)
    if not check(built.returncode == 0, f'{name}: a suite in C++ compiles and links', built.stderr):
        return
    listed = subprocess.run([program, '--list'], capture_output=True, text=True)
    tests = {t['name']: t for t in json.loads(listed.stdout)['tests']} if listed.returncode == 0 else {}
    problems = {n: bool(t['problem']) for n, t in tests.items()}
    check(problems == {'in_order': False, 'out_of_range': True, 'everything': False} and 'KTSTR_LLC(3)' in tests['out_of_range']['problem'],
          f'{name}: its scenarios are checked', listed.stdout + listed.stderr)
    said = tests.get('in_order', {})
    check(said.get('staged') == ['simple'] and said['known_fail'][0]['reason'] == 'too old' and tests['everything']['payloads'],
          f'{name}: its lists are read', said)


names, public = exported(), declared()
check(names, 'libktstr.a exports something', ARCHIVE)
wrong = {n for n in names if n != 'main' and not n.startswith('ktstr_')}
check(not wrong, 'libktstr.a exports main and ktstr_* only', ' '.join(sorted(wrong)))
check('main' in names, 'libktstr.a brings main')
check({'ktstr_expect', 'ktstr_run_steps'} <= public, 'the declarations were found', ' '.join(sorted(public)))
check(public <= names, 'what the public headers declare is there', ' '.join(sorted(public - names)))
with open(os.path.join(BUILD, 'meson-private', 'ktstr.pc'), encoding='utf-8') as pc:
    check(re.search(r'^Libs:.* -lktstr .*-lm\b', pc.read(), re.M), 'pkg-config names both libraries that a test needs')
with Scratch() as directory:
    links(directory, 'plain', ARCHIVE)
    for language in (('g++', 'c++17'), ('g++', 'c++20'), ('clang++', 'c++17')):
        plusplus(directory, *language)
    links(directory, 'whole', '-Wl,--whole-archive', ARCHIVE, '-Wl,--no-whole-archive')
finish(at_least=5)
