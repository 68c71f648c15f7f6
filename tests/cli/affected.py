#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr affected and --relevant: three repositories, built by Meson, make and CMake, and changes of many kinds. The answer is exact
where the build tells, and never too small."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish, skip  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for name in ('GITHUB_BASE_REF', 'KTSTR_SCHEDULER', 'MAKEFLAGS', 'CFLAGS', 'CPPFLAGS', 'CC'):
    os.environ.pop(name, None)
A, B, C = 'scx_a', 'scx_b', 'scx_c'
ALL = [A, B, C]
QUIET = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}

# scx_a and scx_b share a library and a header; scx_a and scx_c have BPF programs, of which a script makes skeletons.
SOURCES = {
    'src/a/main.c': '#include "a.skel.h"\n#include "common.h"\n#include "private.h"\nint main(void) { return lib() + SKEL + PRIVATE; }\n',
    'src/a/private.h': '#define PRIVATE 0\n',
    'src/a/a.bpf.c': '#include "vmlinux.h"\n#include "bpf_a.h"\nint prog = BPF_A;\n',
    'src/a/bpf_a.h': '#define BPF_A 1\n',
    'src/b/main.c': '#include "common.h"\n#include "table.inc"\nint main(void) { return lib(); }\n',
    'src/b/table.inc': 'static int table __attribute__((unused));\n',
    'src/c/main.c': '#include "c.skel.h"\n#include "with space.h"\nint main(void) { return SKEL; }\n',
    'src/c/with space.h': '\n',
    'src/c/c.bpf.c': '#include "vmlinux.h"\nint prog;\n',
    'include/common.h': 'int lib(void);\n#include "deep/common2.h"\n',
    'include/deep/common2.h': '\n',
    'include/vmlinux.h': 'typedef int u32;\n',
    'include/unused.h': '\n',
    'lib/lib.c': '#include "common.h"\nint lib(void) { return 0; }\n',
    'tests.c': '#include <ktstr/ktstr.h>\n#include "tests.h"\n' + ''.join(
        f'KTSTR_SCHEDULER({n[4:]}, .name = "{n}", .binary = "{n}");\nKTSTR_TEST(with_{n[4:]}, .scheduler = &{n[4:]}) {{ return KTSTR_PASS; }}\n' for n in ALL)
        + 'KTSTR_TEST(without) { return KTSTR_PASS; }\n',
    'tests.h': '\n',
    'skel.sh': '#!/bin/sh\n# skel.sh INPUT OUTPUT\necho "#define SKEL 0" >"$2"\n',
    'tool.sh': '#!/bin/sh\n',
    'README.md': 'Read me.\n',
    'docs/guide.txt': 'A guide.\n',
    'docs/picture.svg': '<svg/>\n',
    'LICENSE': 'GPL\n',
    '.gitignore': 'build/\n',
    'data/notes.txt': 'Who reads this?\n',
    'ci.yml': 'jobs:\n',
}
FLAGS = f'-O0 -Iinclude -I{ROOT}/include'
LINK = f'-L{BUILD} -lktstr -lm'
MAKEFILE = f'''include rules.mk
all: build/scx_a build/scx_b build/scx_c build/tests
build/%.o: %.c
	@mkdir -p $(@D)
	$(CC) {FLAGS} -Ibuild -Isrc/a -Isrc/b -Isrc/c -MD -MP -c -o $@ $<
build/%.skel.h: build/src/%.bpf.o skel.sh
	@mkdir -p $(@D)
	sh skel.sh $< $@
build/a.skel.h: build/src/a/a.bpf.o skel.sh
	sh skel.sh $< $@
build/c.skel.h: build/src/c/c.bpf.o skel.sh
	sh skel.sh $< $@
build/src/a/main.o: | build/a.skel.h
build/src/c/main.o: | build/c.skel.h
build/scx_a: build/src/a/main.o build/lib/lib.o
	$(CC) -o $@ $^
build/scx_b: build/src/b/main.o build/lib/lib.o
	$(CC) -o $@ $^
build/scx_c: build/src/c/main.o
	$(CC) -o $@ $^
build/tests: build/tests.o
	$(CC) -o $@ $^ {LINK}
-include $(shell find build -name '*.d' 2>/dev/null)
'''
MESON = f'''project('x', 'c')
inc = include_directories('include', 'src/a', 'src/b', 'src/c')
fs = import('fs')
version = fs.read('version')
skel = find_program('skel.sh')
libx = static_library('x', 'lib/lib.c', include_directories: inc)
skels = {{}}
foreach n : ['a', 'c']
  o = custom_target(n + '_bpf', input: 'src' / n / n + '.bpf.c', output: n + '.bpf.o', depfile: n + '.bpf.d',
    command: ['cc', '-I' + meson.current_source_dir() / 'include', '-I' + meson.current_source_dir() / 'src' / n, '-MD', '-MF', '@DEPFILE@', '-c', '-o', '@OUTPUT@', '@INPUT@'])
  skels += {{n: custom_target(n + '_skel', input: o, output: n + '.skel.h', command: [skel, '@INPUT@', '@OUTPUT@'])}}
endforeach
executable('scx_a', 'src/a/main.c', skels['a'], include_directories: inc, link_with: libx)
executable('scx_b', 'src/b/main.c', include_directories: inc, link_with: libx)
executable('scx_c', 'src/c/main.c', skels['c'], include_directories: inc)
executable('tests', 'tests.c', c_args: '-I{ROOT}/include', link_args: '{LINK}'.split(' '))
'''
CMAKE = f'''cmake_minimum_required(VERSION 3.13)
project(x C)
include(rules.cmake)
include_directories(include src/a src/b src/c ${{CMAKE_BINARY_DIR}})
add_library(x STATIC lib/lib.c)
foreach(n a c)
  add_library(${{n}}_bpf OBJECT src/${{n}}/${{n}}.bpf.c)
  add_custom_command(OUTPUT ${{n}}.skel.h COMMAND sh ${{CMAKE_SOURCE_DIR}}/skel.sh $<TARGET_OBJECTS:${{n}}_bpf> ${{n}}.skel.h
    DEPENDS ${{n}}_bpf $<TARGET_OBJECTS:${{n}}_bpf> skel.sh)
endforeach()
add_executable(scx_a src/a/main.c ${{CMAKE_BINARY_DIR}}/a.skel.h)
target_link_libraries(scx_a x)
add_executable(scx_b src/b/main.c)
target_link_libraries(scx_b x)
add_executable(scx_c src/c/main.c ${{CMAKE_BINARY_DIR}}/c.skel.h)
add_executable(tests tests.c)
target_include_directories(tests PRIVATE {ROOT}/include)
target_link_libraries(tests -L{BUILD} -lktstr -lm)
'''
DESCRIBE = {'make': {'Makefile': MAKEFILE, 'rules.mk': '\n'}, 'meson': {'meson.build': MESON, 'version': '1\n'},
            'cmake': {'CMakeLists.txt': CMAKE, 'rules.cmake': '\n'}}

# What changed, and who is affected: the same for every build.
KINDS = (
    (['src/a/main.c'], [A], 'a source'), (['src/b/main.c'], [B], 'another source'), (['src/a/private.h'], [A], 'a private header'),
    (['include/common.h'], [A, B], 'a shared header'), (['include/deep/common2.h'], [A, B], 'a header that a header includes'),
    (['src/b/table.inc'], [B], 'an included file that is no header'), (['src/c/with space.h'], [C], 'a name with a space'),
    (['lib/lib.c'], [A, B], 'a source of a library'), (['src/a/a.bpf.c'], [A], 'a BPF program, by its skeleton'),
    (['src/a/bpf_a.h'], [A], 'a header of a BPF program'), (['include/vmlinux.h'], [A, C], 'a header of two BPF programs'),
    (['skel.sh'], [A, C], 'a script that makes skeletons'),
    (['src/a/main.c', 'src/c/main.c'], [A, C], 'two sources'), (['README.md', 'src/b/main.c'], [B], 'documentation and a source'),
    (['README.md'], [], 'documentation'), (['docs/guide.txt', 'docs/picture.svg', 'LICENSE', '.gitignore'], [], 'more documentation'),
    (['include/unused.h'], ALL, 'a header that nobody includes'), (['src/a/gone.c'], ALL, 'a source that is gone'),
    (['tool.sh'], ALL, 'a script that nobody names'), (['data/notes.txt'], ALL, 'a text that may be data'), (['ci.yml'], ALL, 'a file of an unknown kind'),
    (['tests.c'], ALL, 'the tests'), (['tests.h'], ALL, 'a header of the tests'), (['../outside.c'], ALL, 'a file outside the checkout'),
    (['src/a/main.c', 'tool.sh'], ALL, 'a source and what nobody knows'), (['sub/Makefile'], ALL, 'a makefile somewhere'),
    (['sub/meson.build'], ALL, 'a build file somewhere'), (['Cargo.lock'], ALL, 'a lock file'),
    (['src/c/main.c'], [C], 'a third source'), (['src/c/c.bpf.c'], [C], 'another BPF program'),
    (['src/a/a.bpf.c', 'src/c/c.bpf.c'], [A, C], 'two BPF programs'), (['src/b/table.inc', 'src/c/with space.h'], [B, C], 'two included files'),
    (['include/deep/common2.h', 'src/a/bpf_a.h'], [A, B], 'a shared header, and one of a BPF program'),
    (['include/common.h', 'src/c/main.c'], ALL, 'a shared header, and a source of who does not include it'),
    (['src/a/private.h', 'src/b/table.inc', 'src/c/with space.h'], ALL, 'a private file of each'),
    (['lib/lib.c', 'README.md', 'docs/guide.txt'], [A, B], 'a library and documentation'), (['guide/new.md'], [], 'documentation that is new'),
    (['src/a/new.c'], ALL, 'a source that no build names yet'), (['docs/guide.txt', 'tests.h'], ALL, 'documentation, and a header of the tests'),
    (['.github/workflows/ci.yml'], ALL, 'a workflow'),
)
OWN_KINDS = {'make': ((['Makefile'], ALL, 'the makefile'), (['rules.mk'], ALL, 'a makefile that it includes')),
             'meson': ((['meson.build'], ALL, 'the build file'), (['version'], ALL, 'a file that the build file reads'), (['meson_options.txt'], ALL, 'options')),
             'cmake': ((['CMakeLists.txt'], ALL, 'the build file'), (['rules.cmake'], ALL, 'one that it includes'))}


class Repository(Scratch):
    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        super().__enter__()
        self.path = os.path.realpath(self.path)
        for name, text in {**SOURCES, **DESCRIBE[self.kind]}.items():
            self.write(name, text)
        os.chmod(self / 'skel.sh', 0o755)
        self.git('init', '-q', '-b', 'main')
        self.commit('begin')
        self.build()
        return self

    def write(self, name, text):
        os.makedirs(os.path.dirname(self / name), exist_ok=True)
        with open(self / name, 'w', encoding='utf-8') as f:
            f.write(text)

    def git(self, *args):
        return subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *args], cwd=self.path, check=True, capture_output=True, text=True).stdout

    def commit(self, message):
        self.git('add', '-A')
        self.git('commit', '-q', '-m', message)

    def build(self):
        """A file that was written in the same moment as the program counts as newer."""
        if self.kind == 'make':
            command = ['make', '-j2']
        elif self.kind == 'meson':
            if not os.path.exists(self / 'build/build.ninja'):
                subprocess.run(['meson', 'setup', 'build'], cwd=self.path, check=True, **QUIET)
            command = ['ninja', '-C', 'build']
        else:
            if not os.path.exists(self / 'build/CMakeCache.txt'):
                subprocess.run(['cmake', '-G', self.generator, '-B', 'build'], cwd=self.path, check=True, **QUIET)
            command = ['cmake', '--build', 'build']
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True)
        if done.returncode:
            check(False, f'{self.kind} builds', done.stdout + done.stderr)
    generator = 'Unix Makefiles'

    def ask(self, *args, **env):
        run = Run('affected', '--no-build', *args, 'build/tests', cwd=self.path, env=env, timeout=120)
        return json.loads(run.out) if run.status == 0 and run.out else run, run

    def expect(self, wanted, name, *args, **env):
        got, run = self.ask(*args, **env)
        check(got == wanted, f'{self.kind}: {name}: {wanted}', f'{got}\n{run}')


def kinds(r):
    for paths, wanted, name in KINDS + OWN_KINDS[r.kind]:
        r.expect(wanted, name, *(w for p in paths for w in ('--changed', p)))


def stamps(r):
    return {name: os.stat(r / f'build/{name}').st_mtime_ns for name in ALL}


def never_too_few(r):
    """The build itself is the second opinion: each program that it makes again when a file changes must be in the answer."""
    missing, made = [], 0
    for path in sorted({**SOURCES, **DESCRIBE[r.kind]}):
        answer, before = r.ask('--changed', path)[0], stamps(r)
        os.utime(r / path)
        r.build()
        again = {name for name, stamp in stamps(r).items() if stamp != before[name]}
        made += len(again)
        if not isinstance(answer, list) or again - set(answer):
            missing.append((path, answer, again))
    check(not missing and made >= 15, f'{r.kind}: what the build makes again is in the answer ({made} programs)', missing)


def freshness(r):
    """Includes that the last build did not know."""
    r.write('src/b/new.h', '\n')
    r.write('src/b/main.c', '#include "new.h"\n' + SOURCES['src/b/main.c'])
    r.expect([A, B], 'a source that is newer than its program: every change can concern it', '--changed', 'src/a/private.h')
    r.build()
    r.expect([B], 'built again, its new header is known', '--changed', 'src/b/new.h')
    r.expect([A], 'and the others are as before', '--changed', 'src/a/private.h')
    os.remove(r / 'build/scx_b')
    r.expect([A, B], 'a program that is not there', '--changed', 'src/a/private.h')
    r.expect([], 'but documentation concerns it neither', '--changed', 'README.md')
    r.write('src/b/main.c', SOURCES['src/b/main.c'])
    os.remove(r / 'src/b/new.h')
    r.build()


def history(r):
    """What git says."""
    r.expect([], 'HEAD is the base', '--base', 'HEAD')
    r.git('checkout', '-q', '-b', 'topic')
    r.write('src/a/private.h', '#define PRIVATE 0 /* 2 */\n')
    r.commit('a')
    r.write('README.md', 'more\n')
    r.commit('docs')
    r.build()
    r.expect([A], 'since main', )
    r.expect([A], '--base', '--base', 'main')
    r.expect([], 'only documentation since the last commit', '--base', 'HEAD~1')
    r.git('checkout', '-q', 'main')
    r.write('lib/lib.c', SOURCES['lib/lib.c'] + '/* main goes on */\n')
    r.commit('main')
    r.git('update-ref', 'refs/remotes/origin/release', 'main')
    r.git('checkout', '-q', 'topic')
    r.git('restore', '--source=topic', '.')
    r.build()
    r.expect([A], 'what main did since is not counted', '--base-ref', 'main')
    r.expect([A], 'a pull request', GITHUB_BASE_REF='release')
    r.expect([A], '--default-branch', '--default-branch', 'origin/release')
    r.expect([A, B], 'but is between the two commits', '--base', 'main')
    r.expect(ALL, 'a base that is not there', '--base', 'nowhere')
    r.expect(ALL, 'one that looks like an option', '--base-ref', '--output=x')
    r.expect(ALL, 'a pull request into an unknown branch', GITHUB_BASE_REF='gone')
    r.git('mv', 'src/b/table.inc', 'src/b/other.inc')
    r.write('src/b/main.c', SOURCES['src/b/main.c'].replace('table', 'other', 1))
    r.commit('rename')
    r.build()
    r.expect(ALL, 'a file that was renamed: nobody knows who read the old one', '--base', 'HEAD~1')
    r.write('src/c/main.c', SOURCES['src/c/main.c'] + '\n')
    r.build()
    r.expect([], 'what is not committed does not count', '--base', 'HEAD')
    r.expect([C], 'but with --worktree', '--base', 'HEAD', '--worktree')
    r.write('src/c/untracked.md', '\n')
    r.expect([C], 'a file that is not tracked', '--base', 'HEAD', '--worktree')
    r.write('src/c/untracked.c', '\n')
    r.expect(ALL, 'also a source', '--base', 'HEAD', '--worktree')
    r.git('config', 'diff.relative', 'true')
    for place, wanted in (('docs', ALL), ('src/a', ALL), ('src/c', ALL)):
        got = Run('affected', '--no-build', '--base', 'HEAD', '--worktree', r / 'build/tests', cwd=r / place)
        check(got.out and json.loads(got.out) == wanted, f'{r.kind}: asked from {place}: the whole checkout counts', got)
    os.remove(r / 'src/c/untracked.c')
    got = Run('affected', '--no-build', '--base', 'HEAD', '--worktree', r / 'build/tests', cwd=r / 'docs')
    check(got.out == '["scx_c"]\n', f'{r.kind}: also where git is told to name only what is below a directory (diff.relative)', got)
    r.git('config', '--unset', 'diff.relative')
    r.write('src/c/untracked.c', '\n')
    os.remove(r / 'src/c/untracked.c')
    got, run = r.ask('--matrix', '--base', 'HEAD', '--worktree')
    check(got == {'include': [{'scheduler': C, 'filter': 'scheduler(=scx_c)'}, {'scheduler': 'eevdf', 'filter': 'scheduler(=eevdf)'}]}, 'a matrix', run)
    check('scx_c: src/c/main.c changed' in run.err, 'the reason is printed', run)


def relevant(r):
    def listed(*args):
        run = Run('test', '--list', '--relevant', *args, 'build/tests', cwd=r.path, timeout=120)
        return [line.split()[0].split('/')[1] for line in run.out.splitlines()], run
    names, run = listed('--base', 'HEAD')
    check(names == ['with_c', 'without'], '--relevant: the tests of affected schedulers, and those without one', run)
    names, run = listed('--base', 'HEAD', '-E', 'test(with_)')
    check(names == ['with_c'], 'together with -E', run)
    names, run = listed('--base', 'HEAD', '-E', 'test(with_a)')
    check(names == [] and run.status == 0 and 'no test that is asked for is relevant' in run.err, 'nothing of both: no error', run)
    names, run = listed('--base', 'nowhere')
    check(len(names) == 4 and 'all tests are relevant' in run.err, 'an unknown base: all tests', run)
    r.git('checkout', '-q', 'src/c/main.c')
    r.build()
    names, run = listed('--base', 'HEAD')
    check(names == [] and run.status == 0 and 'only documentation changed' in run.err, 'only documentation: no test', run)
    run = Run('test', '--base', 'HEAD', '--list', 'build/tests', cwd=r.path)
    check(run.status == 64 and 'need --relevant' in run.err, '--base without --relevant', run)


def untold(r):
    """Builds that do not say what they read: everything counts."""
    for path in ('build/src/a/main.d',):
        os.rename(r / path, r / 'kept')
        r.expect([A, B], 'an object without a list of its headers', '--changed', 'lib/lib.c')
        r.expect([A, C], 'every change concerns its program', '--changed', 'src/c/main.c')
        os.rename(r / 'kept', r / path)
    os.rename(r / 'Makefile', r / 'kept')
    r.expect(ALL, 'a build that cannot be read', '--changed', 'src/c/main.c')
    os.rename(r / 'kept', r / 'Makefile')


def damaged_log(r):
    """Ninja's log cut off at any place, and a log of nothing."""
    with open(r / 'build/.ninja_deps', 'rb') as f:
        whole = f.read()
    bad = []
    for length in (0, 5, 16, len(whole) // 3, len(whole) // 2, len(whole) - 3):
        with open(r / 'build/.ninja_deps', 'wb') as f:
            f.write(whole[:length])
        got, _ = r.ask('--changed', 'src/b/table.inc')
        if not isinstance(got, list) or B not in got:
            bad.append((length, got))
    with open(r / 'build/.ninja_deps', 'wb') as f:
        f.write(whole)
    check(not bad, 'meson: a damaged log never makes the answer too small', bad)


def cargo(r):
    """cargo writes PROGRAM.d beside the program."""
    target = r / 'target/release'
    os.makedirs(target)
    for name in ALL:
        shutil.copy(r / f'build/{name}', target)
    shutil.copy(r / 'build/tests', target)
    lists = {A: 'src/main.rs src/a/private.h', B: 'src/lib.rs', C: 'src/lib.rs my\\ file.rs', 'tests': 'tests.c'}
    for path in ('src/main.rs', 'src/lib.rs', 'my file.rs'):
        r.write(path, '\n')
    for name, inputs in lists.items():
        r.write(f'target/release/{name}.d', f'{target}/{name}: ' + ' '.join(f'{r.path}/{p}' if p != 'file.rs' else p for p in inputs.split(' ')) + '\n')
        os.utime(target + '/' + name)

    def ask(*paths):
        run = Run('affected', '--no-build', *(w for p in paths for w in ('--changed', p)), 'target/release/tests', cwd=r.path)
        return json.loads(run.out)
    os.rename(r / 'Makefile', r / 'kept')
    for paths, wanted in ((['src/main.rs'], [A]), (['src/lib.rs'], [B, C]), (['my file.rs'], [C]), (['Cargo.toml'], ALL), (['src/a/private.h'], [A])):
        check(ask(*paths) == wanted, f'cargo: {paths}: {wanted}', ask(*paths))
    os.rename(r / 'kept', r / 'Makefile')


def declared_builds(r):
    """A scheduler that says how it is built is built first; if that fails, it is affected."""
    text = SOURCES['tests.c'].replace('.binary = "scx_b"', '.binary = "scx_b", .build = "echo $KTSTR_SCHEDULER_PROFILE >built && test ! -e broken"')
    r.write('tests.c', text)
    r.build()
    run = Run('affected', '--profile', 'dev', '--changed', 'src/a/private.h', 'build/tests', cwd=r.path)
    with open(r / 'built', encoding='ascii') as f:
        check(json.loads(run.out) == [A] and f.read() == 'dev\n', 'it is built, with KTSTR_SCHEDULER_PROFILE', run)
    r.write('broken', '')
    run = Run('affected', '--changed', 'src/a/private.h', 'build/tests', cwd=r.path)
    check(json.loads(run.out) == [A, B] and 'could not be built' in run.err, 'a build that fails', run)


def main():
    names = [name for _, _, name in KINDS]
    check(len(KINDS) >= 40 and len(names) == len(set(names)), f'{len(KINDS)} kinds of change', names)
    with Repository('make') as r:
        kinds(r)
        never_too_few(r)
        untold(r)
        freshness(r)
        history(r)
        relevant(r)
        cargo(r)
        declared_builds(r)
    with Repository('meson') as r:
        kinds(r)
        never_too_few(r)
        freshness(r)
        damaged_log(r)
    if not shutil.which('cmake'):
        skip('builds by CMake', 'cmake is not installed')
        return
    with Repository('cmake') as r:
        kinds(r)
        never_too_few(r)
    r = Repository('cmake')
    r.generator = 'Ninja'
    with r:
        for paths, wanted, name in KINDS[:3] + KINDS[6:12:2] + OWN_KINDS['cmake']:
            r.expect(wanted, name + ' (Ninja)', *(w for p in paths for w in ('--changed', p)))


main()
finish(at_least=90)
