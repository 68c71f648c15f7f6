#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""docs/COMPATIBILITY.md: every word that it calls "yes" is known to ktstr, and the test that it names speaks of it."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import Run, check, finish  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def has_word(text, word):
    return re.search(rf'(?<![\w-]){re.escape(word)}' + ('' if word.endswith('_') else r'(?![\w-])'), text)


def is_known(what, helps, table, sources):
    *command, last = what.split()
    if re.fullmatch('[A-Z_0-9]+', what):
        return has_word(table, what) or f'"{what}"' in sources
    if not last.startswith('-'):
        command, last = what.split(), ''
    name = ' '.join(command)
    if name not in helps:
        helps[name] = Run(*command, '--help')
    if helps[name].status or not helps[name].out.startswith('\nUsage:'):
        return False
    return not last or has_word(helps[name].out, last) or 'unknown option' not in Run(*command, last, '--color=never').err


rows = re.findall(r'^\| `([^`]+)` \| (.*?) \| (\S+) \|$', read('docs/COMPATIBILITY.md'), re.M)
table, helps = read('docs/ENVIRONMENT.md'), {}
sources = ''.join(read(f'src/run/{name}') for name in ('build.c',))
unknown = [what for what, here, _ in rows if here.startswith('yes') and not is_known(what, helps, table, sources)]
check(not unknown, 'every word is known', unknown)
named = [(what, test) for what, here, test in rows if here.startswith('yes') or test != '-']
silent = [(what, test) for what, test in named
          if not (os.path.exists(os.path.join(ROOT, test)) and has_word(read(test), what.split()[-1]))]
check(not silent, 'every test speaks of its word', silent)
mute = [what for what, here, test in rows if test == '-' and not re.match(r'no: .|by |refused, |`', here)]
check(not mute, 'every other row says what is instead', mute)
names = [what for what, _, _ in rows]
check(len(names) == len(set(names)) > 250, 'one row a word', [n for n in names if names.count(n) > 1])
finish(at_least=4)
