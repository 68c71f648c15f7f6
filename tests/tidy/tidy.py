#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks the style: include directions, lengths, banned calls, headers of files. The layer table is read from
docs/ARCHITECTURE.md, which keeps the document correct.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.argv = sys.argv[:1] + [ROOT]
sys.path.insert(0, os.path.join(ROOT, 'tests', 'lib'))
from tap import check, finish, skip  # noqa: E402

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 120

# call -> its replacement; only in the product's code
BANNED = {
    'strcpy': 'snprintf or buf', 'strcat': 'buf', 'sprintf': 'snprintf', 'vsprintf': 'vsnprintf', 'gets': 'file_read',
    'atoi': 'parse_u64', 'atol': 'parse_u64', 'strtol': 'parse_u64', 'dup': 'F_DUPFD_CLOEXEC',
    'basename': 'path_basename', 'usleep': 'machine_sleep', 'sleep': 'machine_sleep', 'assert': 'REQUIRE',
    'json_pack': 'json_put', 'json_object_set_new': 'json_put', 'json_array_append_new': 'json_add',
    'printf': 'out_printf', 'puts': 'out_printf', 'putchar': 'out_printf', 'dprintf': 'output_printf',
    'exit': 'a return to cli/main.c', 'system': 'child_spawn', 'popen': 'child_spawn', 'alloca': 'malloc',
    'rename': 'rename_durable', 'renameat': 'rename_durable', 'renameat2': 'rename_durable',
}
# Read in two places for the same purpose: the table names one of them.
SHARED_VARIABLES = {'ENV_HOME', 'ENV_SIDECAR_DIR'}
ALLOWED = {('src/base/file.c', 'renameat2'), ('src/kernel/trash.c', 'rename'), ('src/run/history.c', 'renameat'), ('src/kernel/cache.c', 'strtol'), ('src/guest/init/watch.c', 'strtol'), ('src/base/json.c', 'json_object_set_new'),
           ('src/base/json.c', 'json_array_append_new'), ('src/guest/scenario/ops.c', 'printf'),
           ('vmm/confine/main.c', 'dprintf'), ('src/guest/payload/judge.c', 'printf'), ('src/guest/post/patterns.c', 'printf'),
           ('src/guest/payload/judge.c', 'putchar'), ('src/guest/coverage/program.c', 'exit')}


def files(*suffixes):
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    return [f for f in listed.stdout.split() if f.endswith(suffixes) and os.path.exists(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def layers():
    """{folder: set of folders that it may include from}, from the table in ARCHITECTURE.md."""
    table = {}
    for row in re.findall(r'^\| \d \| `([^`]+)` \|[^|]*\|([^|]*)\|$', read('docs/ARCHITECTURE.md'), re.M):
        table[row[0]] = set(re.findall(r'`([^`]+)`', row[1]))
    return table


def folder_of(path, table):
    best = ''
    for folder in table:
        if (path == folder or path.startswith(folder + '/')) and len(folder) > len(best):
            best = folder
    return best


def resolve(include):
    for prefix in ('src/', '', 'include/'):
        if os.path.exists(os.path.join(ROOT, prefix + include)):
            return prefix + include
    return None


def check_format():
    """The code is formatted by .clang-format. Without the program the check is skipped; setup installs it."""
    if not shutil.which('clang-format'):
        skip('every file is formatted by .clang-format', 'clang-format is not installed')
        return
    sources = [f for f in files('.c', '.h') if '/corpus/' not in f]
    done = subprocess.run(['clang-format', '--dry-run', *sources], cwd=ROOT, capture_output=True, text=True)
    wrong = sorted({line.split(':')[0] for line in done.stderr.splitlines() if 'clang-format-violations' in line})
    check(sources and not wrong, 'every file is formatted by .clang-format', '\n'.join(wrong))


def check_includes():
    table = layers()
    check(len(table) >= 12, 'ARCHITECTURE.md has the layer table', sorted(table))
    wrong = []
    for path in files('.c', '.h'):
        mine = folder_of(path, table)
        if not mine or path.startswith('tests/'):
            continue
        for include in re.findall(r'^#include ["<]([^">]+)[">]', read(path), re.M):
            target = resolve(include)
            theirs = folder_of(target, table) if target else ''
            if theirs and theirs != mine and theirs not in table[mine]:
                wrong.append(f'{path}: {include} ({mine} may not use {theirs})')
    check(not wrong, 'includes point down only', '\n'.join(wrong))


def functions(text):
    """(name, lines) of each function of a file in kernel style: a brace alone in column one."""
    lines = text.split('\n')
    for i, line in enumerate(lines):
        if line != '{':
            continue
        name = next((m.group(1) for back in range(1, 6) if i - back >= 0
                     for m in [re.search(r'(\w+)\(', lines[i - back])] if m and not lines[i - back].startswith('\t')), '?')
        end = next((j for j in range(i, len(lines)) if lines[j].startswith('}')), i)
        yield name, end - i + 1


# Folders where files may call each other in a circle: a loop and the machines that it steps are two halves of one thing.
CIRCLES_LEFT = {'reactor'}
# People see the names of these states. States that do one kind of work share a name.
SHARED_NAMES = {'src/kernel/job.c'}
EXTERNAL_FUNCTION = re.compile(r'^(?!static\b|typedef\b)[a-z][\w \t*]*?\b(\w+)\(', re.M)


def calls(sources):
    """{file: files of the same folder whose functions it uses}, by names without '.c'. A struct may have a function's
    name."""
    texts = {os.path.basename(path)[:-2]: without_comments(read(path)) for path in sources}
    owner = {name: file for file, text in texts.items() for name in EXTERNAL_FUNCTION.findall(text)}
    words = {file: set(re.findall(r'\w+', re.sub(r'\bstruct \w+', '', text))) for file, text in texts.items()}
    return {file: {owner[word] for word in words[file] & set(owner)} - {file} for file in texts}


def in_circles(graph):
    """The nodes in cycles, and those between two cycles: repeatedly removes each node without incoming or outgoing
    edges."""
    graph = {node: set(targets) for node, targets in graph.items()}
    while True:
        reached = set().union(*graph.values())
        kept = {node for node, targets in graph.items() if targets and node in reached}
        if len(kept) == len(graph):
            return sorted(graph)
        graph = {node: graph[node] & kept for node in kept}


def check_circles():
    """No files of a folder call each other in a cycle of any length; no two headers include each other."""
    sources = [p for p in files('.c', '.h') if p.startswith(('include/', 'src/', 'reactor/', 'vmm/'))]
    includes = {p: {resolve(i) for i in re.findall(r'^#include ["<]([^">]+)[">]', read(p), re.M)} & set(sources)
                for p in sources if p.endswith('.h')}
    check(not in_circles(includes), 'headers do not include each other in a circle', in_circles(includes))
    folders = {}
    for path in (p for p in sources if p.endswith('.c')):
        folders.setdefault(os.path.dirname(path), []).append(path)
    circles = {folder: in_circles(calls(paths)) for folder, paths in folders.items()}
    wrong = [f'{folder}: {" ".join(found)}' for folder, found in circles.items() if found and folder not in CIRCLES_LEFT]
    wrong += [f'{folder} has no circle any more: remove it from CIRCLES_LEFT' for folder in CIRCLES_LEFT
              if not circles.get(folder)]
    check(not wrong, 'files of a folder do not call each other in a circle', '\n'.join(wrong))


def check_lengths():
    long_files, long_functions, long_lines = [], [], []
    for path in files('.c', '.h', '.py', '.sh'):
        text = read(path)
        count = text.count('\n')
        if count > FILE_LINES_MAX:
            long_files.append(f'{path}: {count} lines')
        if path.endswith('.c'):
            long_functions += [f'{path}: {n}() has {c} lines' for n, c in functions(text) if c > FUNCTION_LINES_MAX]
        for number, line in enumerate(text.split('\n'), 1):
            if len(line.expandtabs(8)) > LINE_COLUMNS_MAX and path.endswith(('.c', '.h')):
                long_lines.append(f'{path}:{number}: {len(line.expandtabs(8))} columns')
    check(not long_files, f'files have at most {FILE_LINES_MAX} lines', '\n'.join(long_files))
    check(not long_functions, f'functions have at most {FUNCTION_LINES_MAX} lines', '\n'.join(long_functions))
    check(not long_lines, f'lines have at most {LINE_COLUMNS_MAX} columns', '\n'.join(long_lines))


def without_comments(text):
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', '', text, flags=re.S)


def check_banned():
    found = []
    for path in files('.c'):
        if not path.startswith(('src/', 'reactor/', 'vmm/')):
            continue
        text = without_comments(read(path))
        for call, instead in BANNED.items():
            if re.search(rf'(?<![\w.>]){call}\(', text) and (path, call) not in ALLOWED:
                found.append(f'{path}: {call}(); use {instead}')
    check(not found, 'banned calls', '\n'.join(found))


def check_allocations():
    """Memory can run out; that is an error of the call, and ends no process."""
    found = [f'{path}:{n}' for path in files('.c') if path.startswith(('src/', 'reactor/', 'vmm/'))
             for n, line in enumerate(without_comments(read(path)).split('\n'), 1)
             if re.search(r'REQUIRE\([^;]*\b(?:malloc|calloc|realloc|strdup|strndup|asprintf)\(', line)]
    check(not found, 'an allocation that fails is an error', '\n'.join(found))


def check_drawn_states():
    """States that a comment draws with arrows are names of that module."""
    wrong = []
    for path in files('.c', '.h'):
        if not path.startswith(('src/', 'reactor/', 'vmm/')):
            continue
        stem = os.path.join(ROOT, path.rsplit('.', 1)[0])
        code = ''.join(without_comments(read(stem + end)) for end in ('.c', '.h') if os.path.exists(stem + end))
        for comment in re.findall(r'/\*.*?\*/', read(path), re.S):
            for before, after in re.findall(r'\b([A-Z][A-Z_]{2,})\s*-+>\s*([A-Z][A-Z_]{2,})\b', comment):
                wrong += [f'{path}: {name}' for name in (before, after) if not re.search(rf'(?:\b|_){name}\b', code)]
    check(not wrong, 'states that comments draw are those of the code', '\n'.join(wrong))


def check_heads():
    missing = []
    for path in files('.c', '.h', '.py', '.sh'):
        head = read(path)[:400]
        if '/template/' in path:    # becomes part of a user's project
            continue
        if 'SPDX-License-Identifier: GPL-2.0-only' not in head:
            missing.append(f'{path}: no SPDX line')
        if path.endswith('.h') and not re.search(rf'{re.escape(os.path.basename(path))} -- ', read(path)[:600]):
            missing.append(f'{path}: its head does not say what it is for')
    check(not missing, 'every file says its licence, every header its purpose', '\n'.join(missing))


def check_shadows():
    """A program's own folder is searched first, so Python's library would import our file instead of its own."""
    shadows = [f for f in files('.py') if os.path.basename(f)[:-3] in sys.stdlib_module_names]
    check(not shadows, 'no program has the name of a module of Python', '\n'.join(shadows))


def check_todo():
    # "# TODO" of a TAP result is written so in C, where comments look different.
    left = [f'{p}:{n}' for p in files('.c', '.h', '.py', '.sh') if not p.startswith('tests/tidy/')
            for n, line in enumerate(read(p).split('\n'), 1) if re.search(r'\b(XXX|HACK)\b|(?<!# )(?<!")\bTODO\b', line)]
    check(not left, 'nothing is left to do in the code', '\n'.join(left))


def state_tables(text):
    """Per table of machine states: its entries (enumerator, name, handler) in their order."""
    for table in re.findall(r'struct machine_state \w+\[\w*\] = \{(.*?)^\};', text, re.S | re.M):
        entries = re.split(r'\[([A-Z][A-Z0-9_]*)\]\s*=', table)[1:]
        yield [(entries[i], re.search(r'\{\s*(?:\.name = )?"([^"]*)"', entries[i + 1]),
                re.search(r'\{[^,]*,\s*(?:\.run = )?(\w+)', entries[i + 1]))
               for i in range(0, len(entries), 2)]


def enumerators():
    """{(path or None, enumerator): (place in its enum, the enum's prefix)}; enums of a .c file apply in that file only.
    """
    found = {}
    for path in files('.c', '.h'):
        for body in re.findall(r'enum \w*\s*\{(.*?)\}', without_comments(read(path)), re.S):
            names = re.findall(r'\b[A-Z][A-Z0-9_]*\b', body)
            prefix = os.path.commonprefix(names)
            prefix = prefix[:prefix.rfind('_') + 1]
            scope = path if path.endswith('.c') else None
            found.update({(scope, name): (place, prefix) for place, name in enumerate(names)})
    return found


def check_state_tables():
    order, tables, wrong = enumerators(), 0, []
    for path in files('.c'):
        text = read(path)
        for entries in state_tables(text):
            tables += bool(entries)
            known = [order.get((path, e), order.get((None, e))) for e, _, _ in entries]
            places = [k[0] for k in known if k]
            if places != sorted(places) or len(places) != len(entries):
                wrong.append(f'{path}: the table is not in the order of its enum')
            bodies = [text.find(f'\nstatic int {run[1]}(struct machine *') for _, _, run in entries if run]
            bodies = [b for b in bodies if b >= 0]
            if bodies != sorted(bodies):
                wrong.append(f'{path}: handlers do not stand in the order of the table')
            for (enumerator, name, _), k in zip(entries, known):
                meant = enumerator[len(k[1]) if k else 0:].lower()
                if name and path not in SHARED_NAMES and re.sub(r'[^a-z0-9]', '_', name[1]) != meant:
                    wrong.append(f'{path}: {enumerator} is called "{name[1]}", not "{meant}"')
    check(tables >= 10 and not wrong, 'state tables: order of the enum, order of the handlers, names of the enum',
          '\n'.join(wrong) or tables)


def check_parameters():
    """@name in a comment is a parameter, a member or a variable of that file."""
    wrong = []
    for path in files('.c', '.h'):
        if path.startswith('tests/'):
            continue
        text = read(path)
        words = set(re.findall(r'\w+', re.sub(r'/\*.*?\*/', '', text, flags=re.S)))
        comments = ''.join(re.findall(r'/\*.*?\*/', text, re.S))
        wrong += [f'{path}: @{name}' for name in re.findall(r'(?<![\w.])@([a-z]\w*)', comments) if name not in words]
    check(not wrong, 'what a comment calls @name is a name of that file', '\n'.join(wrong))


def check_environment():
    """One table lists all environment variables: no other code reads the environment, and the table names each reader.
    """
    table = 'src/base/environment.c'
    rows = re.findall(r'\t\[(ENV_\w+)\] = \{(.*?)\},\n', read(table), re.S)
    readers = {name: re.search(r'"((?:src|vmm|reactor)/[\w/]+\.c)"', row) for name, row in rows}
    check(len(rows) >= 20, 'the environment table is found', len(rows))
    wrong = [f'{name}: no reader' for name, m in readers.items() if not m]
    for path in files('.c'):
        if not path.startswith(('src/', 'reactor/', 'vmm/')) or path == table:
            continue
        text = without_comments(read(path))
        # Code that is loaded into QEMU, or into a counted program, gets its parameters by its environment.
        loaded = path.startswith('vmm/qemu/preload/') or path in ('src/guest/coverage/program.c', 'src/guest/counted.c')
        if re.search(r'\b(secure_)?getenv\(', text) and not loaded:
            wrong.append(f'{path}: getenv(); use environment_get()')
        used = set(re.findall(r'\bENV_\w+', text)) & set(readers)
        wrong += [f'{path} reads {name}, and its row names another file' for name in used
                  if readers[name] and readers[name].group(1) != path and not path.startswith('src/cli/')
                  and name not in SHARED_VARIABLES]
    for name, m in readers.items():
        if m and not re.search(rf'\b{name}\b', read(m.group(1))):
            wrong.append(f'{name}: {m.group(1)} does not read it')
    check(not wrong, 'environment variables are read through their table', '\n'.join(wrong))


check_format()
check_includes()
check_circles()
check_lengths()
check_environment()
check_banned()
check_allocations()
check_drawn_states()
check_heads()
check_shadows()
check_todo()
check_state_tables()
check_parameters()
finish(at_least=11)
