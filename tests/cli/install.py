#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make install`: the installed files, and a project that compiles against the installation, or a build tree, and lists
itself."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WANTED = ('bin/ktstr', 'include/ktstr/ktstr.h', 'share/man/man1/ktstr.1', 'share/man/man1/ktstr-kernel-build.1',
          'share/man/man7/ktstr-environment.7', 'share/bash-completion/completions/ktstr', 'share/zsh/site-functions/_ktstr',
          'share/fish/vendor_completions.d/ktstr.fish', 'share/elvish/lib/ktstr-completions.elv', 'share/ktstr/ktstr.ps1')


def sh(line, cwd, env):
    return subprocess.run(['sh', '-c', line], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=120)


def project(scratch, name, env, ktstr):
    """A fresh template project builds, and lists its test."""
    made = subprocess.run([ktstr, 'new', scratch / name], capture_output=True, text=True)
    check(made.returncode == 0 and 'make check' in made.stderr, f'{name}: ktstr new makes a project', made)
    built = sh('make', scratch / name, env)
    check(built.returncode == 0, f'{name}: it builds', built.stdout + built.stderr)
    listed = Run('test', '--list', 'tests', cwd=scratch / name)
    check(listed.out.startswith('ktstr/two_groups '), f'{name}: and lists its test', listed)
    files = sorted(os.path.relpath(os.path.join(d, f), scratch / name) for d, _, fs in os.walk(scratch / name) for f in fs)
    check(files == ['.github/workflows/ktstr.yml', '.gitignore', 'Makefile', 'README.md', 'tests', 'tests.c'], f'{name}: its files', files)
    again = subprocess.run([ktstr, 'new', scratch / name], capture_output=True, text=True)
    check(again.returncode == 64 and 'is not an empty directory' in again.stderr, f'{name}: nothing is overwritten', again)


def directions(prefix):
    """What `make install` prints makes a shell find program, library and manual."""
    script = os.path.join(ROOT, 'tools', 'installed.sh')
    for where in (['/usr/local'], ['/usr'], ['/opt/ktstr', '/tmp/package']):
        done = subprocess.run([script, *where], capture_output=True, text=True)
        check(done.returncode == 0 and 'export' not in done.stdout, f'installed in {where}: nothing to set', done)
    done = subprocess.run([script, prefix], capture_output=True, text=True)
    exports = '\n'.join(line for line in done.stdout.splitlines() if line.startswith('  export '))
    plain = {k: v for k, v in os.environ.items() if k not in ('PKG_CONFIG_PATH', 'MANPATH')}
    for name in ('PATH', 'PKG_CONFIG_PATH', 'MANPATH'):
        check(f'export {name}="{prefix}' in exports, f'{name} is among the lines to set', done.stdout)
    found = subprocess.run(['sh', '-euc', f'{exports}\ncommand -v ktstr; echo "$PKG_CONFIG_PATH"; echo "$MANPATH"'],
                           env=plain, capture_output=True, text=True)
    wanted = f'{prefix}/bin/ktstr\n{prefix}/lib/pkgconfig\n{prefix}/share/man:\n'    # an empty part: man's usual places
    check(found.returncode == 0 and found.stdout == wanted, 'with the printed lines, a shell finds ktstr', found)


with Scratch() as scratch:
    if not shutil.which('pkg-config'):
        skip('installation', 'pkg-config is not installed')
        finish()
    project(scratch, 'uninstalled', {'PKG_CONFIG_PATH': BUILD + '/meson-uninstalled'}, KTSTR)
    root = scratch / 'root'
    done = subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet'], env={**os.environ, 'DESTDIR': root},
                          capture_output=True, text=True)
    check(done.returncode == 0, 'meson install', done.stdout + done.stderr)
    options = subprocess.run(['meson', 'introspect', '--buildoptions', BUILD], capture_output=True, text=True).stdout
    import json
    values = {o['name']: o['value'] for o in json.loads(options)}
    prefix, libdir = values['prefix'], values['libdir']
    missing = [f for f in WANTED + (libdir + '/libktstr.a', libdir + '/libktstr-coverage.a', libdir + '/pkgconfig/ktstr.pc') if not os.path.exists(root + prefix + '/' + f)]
    check(not missing, 'everything is where it belongs', missing)
    pages = set(Run('help', '--pages').out.split())
    there = {f for s in ('man1', 'man7') for f in os.listdir(f'{root}{prefix}/share/man/{s}')}
    check(pages == there and len(pages) >= 15, 'one manual page a command and a topic', pages ^ there)
    project(scratch, 'installed', {'PKG_CONFIG_PATH': f'{root}{prefix}/{libdir}/pkgconfig', 'PKG_CONFIG_SYSROOT_DIR': root},
            f'{root}{prefix}/bin/ktstr')
    directions(root + prefix)
finish()
