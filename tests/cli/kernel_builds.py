#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernel builds and the user's own files: the environment, configuration and source trees; Debian's packages; sudden
ends."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'mirror'))
import layout  # noqa: E402
from tap import BUILD, KTSTR, Run, check, finish, skip  # noqa: E402
from world import compiler, git, read, run_all, valid, wait_for  # noqa: E402

# --- Debian's source packages -----------------------------------------------------------------------------------------

def deb(repo, upstream, revision='-1'):
    """A linux-source package of a fake tree in the flat repository @repo; returns its stanza of the list of packages.
    """
    name = 'linux-source-' + '.'.join(upstream.split('.')[:2])
    root = os.path.join(repo, 'root')
    layout.put(root, f'usr/src/{name}.tar.xz', layout.tarball(upstream, objects=2, object_s=0.01))
    control = (f'Package: {name}\nVersion: {upstream}{revision}\nArchitecture: all\nMaintainer: x <x@localhost>\n'
               f'Description: a tree of paper\n')
    layout.put(root, 'DEBIAN/control', control)
    path = os.path.join(repo, f'{name}_{upstream}.deb')
    subprocess.run(['dpkg-deb', '--root-owner-group', '-Znone', '-b', root, path], check=True, capture_output=True)
    shutil.rmtree(root)
    return control + f'Filename: ./{os.path.basename(path)}\nSize: {os.path.getsize(path)}\nSHA256: {layout.sha256_of(path)}\n'


def packages(w):
    """distro:VERSION from a local repository: the complete use of apt, offline."""
    if not shutil.which('apt-get') or not shutil.which('dpkg-deb'):
        skip('source packages', 'this system has no apt')
        return
    w.fresh()
    repo = w.scratch / 'repo'
    os.makedirs(repo)
    versions = (('6.1.7', '-1'), ('6.12.3', '-1'), ('6.12.7', '-1~deb12u1'), ('6.13.12', '-1~bpo13+1'))
    layout.put(repo, 'Packages', '\n'.join(deb(repo, *v) for v in versions))
    layout.put(repo, 'sources', f'deb [trusted=yes] file:{repo} ./\n')
    w.env['KTSTR_APT_SOURCES'] = repo + '/sources'
    # The sources that apt would use by default are not used.
    w.env['APT_CONFIG'] = repo + '/none'
    run = w.built('a series of source packages', ['6.12.7-tarball'], 'distro:6.12')
    check('source package linux-source-6.12=6.12.7-1~deb12u1' in run.err, 'and which package it is', run)
    w.built('an exact source package, and the newest', ['6.1.7-tarball', '6.12.7-tarball', '6.13.12-tarball'], 'distro:6.1.7',
            '-k', 'distro:newest')
    run = w.run('build', 'distro:6.12.7', KTSTR_APT_SOURCES='/none')
    check(run.status == 0 and 'cached kernel found' in run.err, 'what the cache has, apt is not asked for', run)
    said = 'no suite of Debian offers it; there are: '
    w.refused('a version that is not offered any more', 69, said, 'build', 'distro:6.12.95')
    # For tests it is a skip with that reason, not an error.
    run = Run('test', '--kernel', 'distro:6.12.95', '--json', '-E', 'test(eevdf_custom_work)', BUILD + '/tests/examples',
              env={**w.env, 'KTSTR_RUNS_ROOT': w.scratch / 'runs'})
    ended = [e for e in run.events() if e['event'] == 'test-finished']
    check(run.status == 0 and [e['verdict'] for e in ended] == ['skip'] and said in ended[0]['cause'],
          'and skips the tests of that kernel, by name', run)
    layout.put(repo, 'Packages', '')
    w.refused('a mirror without packages', 69, 'apt found no kernel source package', 'build', 'distro:newest')
    w.refused('sources that are not there', 69, "KTSTR_APT_SOURCES: cannot read '/none'", 'build', 'distro:newest', KTSTR_APT_SOURCES='/none')
    for name in ('KTSTR_APT_SOURCES', 'APT_CONFIG'):
        del w.env[name]


# --- the user's environment and files stay unchanged ----------------------------------------------------------------

def environment(w):
    """Variables that a user exports for other builds do not influence kernel builds, and ktstr says so."""
    w.fresh()
    mine, config = w.scratch / 'mine', w.scratch / 'my.config'
    os.makedirs(mine)
    for path in (mine + '/.config', config):
        with open(path, 'w') as f:
            f.write('CONFIG_MY_OWN=y\n')
    steering = {'KBUILD_OUTPUT': mine, 'KCONFIG_CONFIG': config, 'ARCH': 'arm64', 'CROSS_COMPILE': 'none-', 'LLVM': '1',
                'O': mine, 'M': '/nowhere', 'CC': 'none', 'MAKEFLAGS': 'n'}
    run = w.built('an environment for other builds', ['6.12.3-tarball'], '6.12.3', **steering)
    kept = [read(path) for path in (mine + '/.config', config)]
    check(kept == ['CONFIG_MY_OWN=y\n'] * 2 and os.listdir(mine) == ['.config'], 'what it names is not touched', kept)
    named = all(name in run.err for name in ('KBUILD_OUTPUT', 'KCONFIG_CONFIG', 'ARCH', 'CROSS_COMPILE', 'LLVM', 'O', 'M', 'CC'))
    check(named and 'have no effect on kernel builds' in run.err, 'and a note says so', run)


def git_environment(w):
    """As in a git hook: GIT_DIR and similar variables name another repository."""
    w.fresh()
    repo, other = w.scratch / 'hooked/linux.git', w.scratch / 'other'
    layout.fake_tree(repo, '6.12.7')
    git('init', '-q', '-b', 'main', repo)
    git('-C', repo, 'add', '-A', '-f')
    git('-C', repo, 'commit', '-qm', 'one')
    git('init', '-q', other)
    before = sorted(os.listdir(other + '/.git'))
    w.built('git, started from a git hook', [f"main-git-{git('-C', repo, 'rev-parse', 'HEAD')[:7]}"], f'git+file://{repo}#main',
            GIT_DIR=other + '/.git', GIT_WORK_TREE=other, GIT_INDEX_FILE=other + '/.git/index')
    check(sorted(os.listdir(other + '/.git')) == before, "the hook's own repository is not touched")


def compilers(w):
    """Another compiler makes another kernel, with another key and other metadata."""
    w.fresh()
    w.run('build', '6.12.3')
    path = compiler(w, 'other-cc', 'exec /bin/sleep "$@"')
    shutil.copy(w.scratch / 'other-cc/sleep', w.scratch / 'other-cc/gcc-mine')
    run = w.run('build', '--cc', 'gcc-mine', '6.12.3', PATH=path)
    entries = json.loads(w.run('list', '--json', '--offline').out)['entries']
    check(run.status == 0 and len(entries) == 2 and any('-cc' in e['key'] for e in entries), '--cc has its own entry', f'{run}\n{entries}')
    llvm = w.scratch / 'llvm'
    os.mkdir(llvm)
    for tool in ('clang', 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy', 'llvm-strip'):
        os.symlink('/bin/true', f'{llvm}/{tool}-77')
    run = w.run('build', '--llvm=-77', '6.12.3', PATH=f"{llvm}:{os.environ['PATH']}")
    entries = json.loads(w.run('list', '--json', '--offline').out)['entries']
    used = sorted(json.loads(read(os.path.dirname(e['image_path']) + '/metadata.json'))['compiler'] for e in entries)
    check(run.status == 0 and used == ['clang-77 1.0', 'gcc 1.0', 'gcc-mine 1.0'], 'and so has --llvm; metadata have the compiler', f'{run}\n{used}')
    again = w.run('build', '6.12.3', KTSTR_KERNEL_MIRROR='http://127.0.0.1:1')
    check('cached kernel found' in again.err and '-cc' not in again.err, "and does not answer for gcc's", again)
    w.refused('a compiler that is not there', 69, "there is no compiler 'no-such-cc'", 'build', '--cc', 'no-such-cc', '6.6.10')
    w.refused('a compiler with words', 64, 'is not the name of a compiler', 'build', '--cc', 'gcc; ls', '6.6.10')
    w.refused('an LLVM that is not there', 69, "--llvm needs 'clang-99'", 'build', '--llvm', '99', '6.6.10')
    w.refused('an LLVM that is none', 64, "--llvm: 'yes please'", 'build', '--llvm', 'yes please', '6.6.10')


OWN_CONFIG = '# mine\nCONFIG_LOCALVERSION="-mine"\nCONFIG_BTRFS_FS=y\n'


def own_tree(w, name, **args):
    tree = layout.fake_tree(w.scratch / name, '6.12.7', **args)
    with open(tree + '/.config', 'w') as f:
        f.write(OWN_CONFIG)
    return tree


def users_is_newest(tree):
    """The user's next make uses the user's configuration: it is newer than the files that ktstr left."""
    return os.stat(tree + '/.config').st_mtime_ns > os.stat(tree + '/include/config/auto.conf').st_mtime_ns


def own_config(w):
    """A source tree's own .config is merged into ktstr's and stays unchanged, also if the build is interrupted or
    killed."""
    w.fresh()
    tree = own_tree(w, 'own')
    run = w.run('build', '--source', tree)
    used = read(tree + '/.config.ktstr')
    check(run.status == 0 and all(o in used for o in ('LOCALVERSION="-mine"', 'BTRFS_FS=y', 'SCHED_CLASS_EXT=y')),
          "a tree's own configuration is built, with sched_ext", f'{used}\n{run}')
    check('MODULES=n' not in used, 'and without what only makes the lean kernel small', used)
    check(read(tree + '/.config') == OWN_CONFIG and users_is_newest(tree), "the user's file is as it was, and the newest")
    for name, sig in (('interrupted', signal.SIGINT), ('killed', signal.SIGKILL)):
        tree = own_tree(w, name, objects=2, object_s=30)
        p = subprocess.Popen([KTSTR, 'kernel', 'build', '--source', tree], env=dict(os.environ, **w.env),
                             stderr=subprocess.DEVNULL)
        begun = wait_for(lambda: os.path.exists(tree + '/obj'), 30)
        p.send_signal(sig)
        p.wait()
        check(begun and read(tree + '/.config') == OWN_CONFIG and users_is_newest(tree), f'also when the build is {name}')
    tree = own_tree(w, 'sched-ext')
    with open(tree + '/.config', 'a') as f:
        f.write(layout.CONFIG)
    w.run('build', '--source', tree)
    check(read(tree + '/.config.ktstr').strip() == read(tree + '/.config').strip(), 'one that has sched_ext is built as it is')


# --- errors before any download --------------------------------------------------------------------------------------

def early(w):
    for name, word in (('a space', 'my cache'), ('a colon', 'my:cache'), ('a dollar', 'my$cache')):
        w.fresh()
        run = w.run('build', '6.12.3', KTSTR_CACHE_DIR=w.scratch / word)
        fetched = [r['path'] for r in w.m.requests if r['path'].endswith('.tar.xz')]
        errors = [line for line in run.err.splitlines() if line.startswith('error:')]
        check(run.status == 64 and len(errors) == 1 and 'set KTSTR_CACHE_DIR' in errors[0] and not fetched,
              f'a cache below a path with {name}: known before the download', f'{fetched}\n{run}')
    w.fresh()
    tree = layout.fake_tree(w.scratch / 'my tree', '6.12.7')
    w.refused('a tree below a path with a space', 64, 'rename the directory', 'build', '--source', tree)
    binary = w.scratch / 'vmlinuz'
    with open(binary, 'wb') as f:
        f.write(layout.BZIMAGE)
    empty = w.scratch / 'empty'
    open(empty, 'w').close()
    for option in ('--base-config', '--extra-kconfig'):
        for name, path, said in (('a text', '/etc/passwd', 'line 1 is neither'), ('a binary', binary, 'it is a binary file'),
                                 ('nothing', empty, 'it sets no option')):
            w.refused(f'{option} that is {name}', 64, f'is not a kernel configuration: {said}', 'build', option, path, '6.12.3')
    check(not w.m.requests, 'and nobody is asked before', w.m.requests)
    w.refused('two source trees', 64, '--source is given twice', 'build', '--source', tree, '--source', tree)


def corrupt_is_named(w):
    w.fresh()
    w.run('build', '6.12.3')
    os.unlink(glob.glob(w.cache + '/6.12.3-*/bzImage')[0])
    gone = {'KTSTR_KERNEL_MIRROR': 'http://127.0.0.1:1'}
    w.refused('a corrupt entry, and no network', 69, "is corrupt (image_missing: the image 'bzImage' is missing)", 'build', '6.12', **gone)
    run = Run('test', '/bin/true', env={**w.env, **gone})
    check(run.status not in (0, 70) and ('is corrupt' in run.err or '/bin/true' in run.err), 'the same for tests', run)
    run = w.run('build', '6.12.3')
    check(run.status == 0 and 'is corrupt' in run.err and valid(w), 'where it can be built it is said, and built anew', run)


# --- sudden ends -----------------------------------------------------------------------------------------------------

def compilers_of(w):
    """Pids of processes that work below the cache."""
    found = []
    for cwd in glob.glob('/proc/[0-9]*/cwd'):
        try:
            if os.readlink(cwd).startswith(w.cache):
                found.append(int(cwd.split('/')[2]))
        except OSError:
            continue
    return found


def begun_build(w, *args):
    """A build of 6.11.11 whose compilers run for a minute."""
    p = subprocess.Popen([KTSTR, 'kernel', 'build', *args, '6.11.11'], stderr=subprocess.DEVNULL,
                         env=dict(os.environ, **w.env, PATH=compiler(w, f'slow-{w.caches}', 'exec /bin/sleep 60')))
    check(wait_for(lambda: glob.glob(w.cache + '/.tmp-*/src/obj'), 60), 'a build is under way')
    return p


def killed(w):
    """Compilers end when ktstr is killed."""
    w.fresh()
    p = begun_build(w)
    check(len(compilers_of(w)) >= 2, 'it compiles', compilers_of(w))
    p.send_signal(signal.SIGKILL)
    p.wait()
    check(wait_for(lambda: not compilers_of(w), 5), 'SIGKILL of ktstr ends its compilers', compilers_of(w))


def interrupted(w):
    """Ctrl-C ends ktstr quickly, however long it takes to remove the unpacked files."""
    w.fresh()
    p = begun_build(w)
    began = time.monotonic()
    p.send_signal(signal.SIGINT)
    p.wait()
    took = time.monotonic() - began
    check(p.returncode == 130 and took < 10 and not w.left() and not compilers_of(w), 'Ctrl-C ends a build at once', f'{p.returncode} {took}')
    check(wait_for(lambda: not glob.glob(w.cache + '/.trash-*'), 30), 'and its work is removed behind it')
    os.makedirs(w.cache + '/.trash-1-x/src')
    w.run('build', '6.12.3')
    check(wait_for(lambda: not glob.glob(w.cache + '/.trash-*'), 30), 'what could not be removed, the next build removes')


if shutil.which('git'):
    run_all((environment, git_environment, packages, compilers, own_config, early, corrupt_is_named, killed, interrupted))
    finish()
