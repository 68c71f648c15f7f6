#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels from a local mirror of kernel.org: every form of the grammar, a hostile server, hostile archives, races."""
import fcntl
import glob
import io
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'mirror'))
import layout  # noqa: E402
from tap import KTSTR, Run, check, finish, skip  # noqa: E402
from world import compiler, git, read, run_all, valid  # noqa: E402

# --- the grammar ---------------------------------------------------------------------------------------------------

def grammar(w):
    w.built('an exact version', ['6.12.3-tarball'], '6.12.3')
    with open(glob.glob(w.cache + '/6.12.3-*/metadata.json')[0]) as f:
        metadata = json.load(f)
    check(metadata['ktstr_version'] and 'compiler' in metadata and 'stale ktstr' not in w.run('list', '--offline').out,
          'an entry says what built it', metadata)
    metadata['ktstr_version'] = '0.0.1'
    layout.put(w.cache, os.path.basename(glob.glob(w.cache + '/6.12.3-*')[0]) + '/metadata.json', json.dumps(metadata))
    listed = w.run('list', '--offline')
    check('(stale ktstr)' in listed.out and 'used all the same' in listed.err, 'one of another ktstr is marked', listed)
    again = w.run('build', '6.12.3', KTSTR_KERNEL_MIRROR='http://127.0.0.1:1')
    check(again.status == 0 and 'cached kernel found' in again.err, 'the second time nobody is asked', again)
    w.built('a series is its newest patch', ['6.12.3-tarball', '6.12.95-tarball'], '6.12')
    w.fresh()
    run = w.built('a series that is over', ['6.13.12-tarball'], '6.13')
    check('no longer maintained; its last release is 6.13.12' in run.err, 'and it says so', run)
    w.fresh()
    run = w.built('a candidate', ['6.15-rc2-tarball'], '6.15-rc2')
    check('6.15-rc2 is not verified' in run.err, 'which nobody vouches for', run)
    w.fresh()
    run = w.built('a range', ['6.12.95-tarball', '6.14.11-tarball', '6.6.10-tarball'], '6.2..6.14')
    check('expanded to 3 kernel(s): 6.6.10, 6.12.95, 6.14.11' in run.err, 'and what it came to', run)
    w.fresh()
    w.built('a range with what is over', ['6.12.95-tarball', '6.13.12-tarball'], '--include-eol', '6.12..6.13')
    w.fresh()
    w.built('nothing is the newest stable', ['6.14.11-tarball'])
    w.fresh()
    w.built('several at once, each once', ['6.12.3-tarball', '6.6.10-tarball'], '6.12.3', '-k', '6.6', '6.6.10')
    w.fresh()
    for option in ('--kernel', '--range'):
        run = w.run('list', option, '6.11..6.14', '--json')
        check(run.status == 0 and json.loads(run.out)['versions'] == ['6.12.95', '6.14.11'], f'list {option} previews a range', run)
    w.refused('a preview of no range', 64, "'6.12' is not a range", 'list', '--kernel', '6.12')
    w.refused('a preview without the list of releases', 64, 'exclude each other', 'list', '--range', '6.12..6.14', '--offline')


def refusals(w):
    w.fresh()
    cases = (('inverted range', 64, 'inverted kernel range `6.12..6.10`', '6.12..6.10'),
             ('unknown version', 69, 'version 6.14.22 not found. latest 6.14.x: 6.14.11', '6.14.22'),
             ('unknown series', 69, 'there is no release of 6.99.x', '6.99'),
             ('empty range', 69, 'expanded to 0 stable releases', '6.7..6.9'),
             ('candidate that is gone', 69, 'RC tarball not found', '6.14-rc7'),
             ('key', 64, 'is a cache key', 'some-key'),
             ('path', 69, 'kernel path not found: ./none', './none'))
    for name, status, said, text in cases:
        w.refused(name, status, said, 'build', text)
    run = Run('test', '--kernel', 'some-key', '/bin/true', env=w.env)
    check(run.status != 0, 'a key that is not there, for tests', run)


def doctors_row(w, **env):
    """Returns the health, the state and the remedy of doctor's row about signatures."""
    rows = json.loads(Run('doctor', '--json', env={**w.env, **env}).out)
    row = next(f for f in rows if f['name'] == 'signatures')
    return row['health'], row['state'], row['remedy']


def doctor_on_signatures(w):
    """Doctor says whether the signatures of lists of checksums are verified. No keyring is read for this."""
    w.fresh()
    bare, ring, data = w.scratch / 'no-gpgv', w.scratch / 'any-ring', w.scratch / 'any-data'
    os.makedirs(bare)
    layout.put(w.scratch.path, 'any-ring', 'x')
    unverified, correct = 'the signatures of lists of checksums are not verified', 'unset KTSTR_KERNEL_KEYRING, or correct it'
    cases = [('gpgv is missing', {'PATH': bare}, ('limited', 'gpgv is not installed', unverified)),
             ('gpgv is missing, but a keyring is named', {'PATH': bare, 'KTSTR_KERNEL_KEYRING': ring},
              ('missing', 'KTSTR_KERNEL_KEYRING is set, but gpgv is not installed; install it (Debian: gpgv), or use --no-verify-signature', correct))]
    if shutil.which('gpgv'):
        layout.put(data, 'ktstr/kernel.org.gpg', 'x')
        cases += [('no keyring', {}, ('limited', "there is no keyring with kernel.org's key (see docs/KERNELS.md)", unverified)),
                  ('the usual keyring', {'XDG_DATA_HOME': data}, ('ok', data + '/ktstr/kernel.org.gpg', '')),
                  ('a named keyring', {'KTSTR_KERNEL_KEYRING': ring}, ('ok', ring, '')),
                  ('a named keyring that is not there', {'KTSTR_KERNEL_KEYRING': '/no/ring'},
                   ('missing', "KTSTR_KERNEL_KEYRING: there is no file '/no/ring'", correct))]
    else:
        skip("doctor on keyrings", 'gpgv is not installed')
    for name, env, wanted in cases:
        row = doctors_row(w, **env)
        check(row == wanted, f'doctor on signatures: {name}', f'{row}\n{wanted}')


def signatures(w):
    """With a keyring, only the signed part of a list of checksums counts."""
    if not shutil.which('gpg') or not shutil.which('gpgv'):
        skip('signatures', 'gpg or gpgv is not installed')
        return
    w.fresh()
    run = w.built('without a keyring', ['6.12.3-tarball'], '6.12.3')
    check('the signature of the list of checksums is not verified: there is no keyring' in run.err, 'it says so', run)
    home, ring = w.scratch / 'gnupg', w.scratch / 'ring.gpg'
    path = w.m.root + '/pub/linux/kernel/v6.x/sha256sums.asc'
    with open(path, encoding='ascii') as f:
        paper = f.read()
    gpg = ['gpg', '--homedir', home, '--batch', '--quiet', '--yes', '--passphrase', '']
    os.makedirs(home, mode=0o700)
    text = paper.split('\n\n', 1)[1].split('-----BEGIN')[0]
    try:
        subprocess.run([*gpg, '--quick-gen-key', 'test <test@localhost>', 'ed25519', 'sign', 'never'], check=True, capture_output=True)
        subprocess.run([*gpg, '--output', ring, '--export'], check=True)
        signed = subprocess.run([*gpg, '--clearsign'], input=text, text=True, stdout=subprocess.PIPE, check=True).stdout
        verify_lists(w, path, str(ring), paper, signed)
    finally:
        subprocess.run(['gpgconf', '--homedir', home, '--kill', 'all'], check=False)
        with open(path, 'w', encoding='ascii') as f:
            f.write(paper)


def verify_lists(w, path, ring, paper, signed):
    line = next(line for line in signed.splitlines() if line.endswith('linux-6.12.3.tar.xz'))
    lie = '0' * 64 + line[64:]
    lists = (('a signed list', signed, None), ('a lie before the signed text', lie + '\n' + signed, None),
             ('a list without a signature', lie + '\n', 'is not signed by a trusted key'),
             ('a signature of paper', paper, 'is not signed by a trusted key'),
             ('a list that was changed', signed.replace(line, lie), 'is not signed by a trusted key'))
    for name, text, said in lists:
        w.fresh()
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        if said:
            w.refused(name, 65, said, 'build', '6.12.3', KTSTR_KERNEL_KEYRING=ring)
        else:
            run = w.built(name, ['6.12.3-tarball'], '6.12.3', KTSTR_KERNEL_KEYRING=ring)
            check('not verified' not in run.err, 'no warning', run)
    # In the default place only kernel.org's key counts.
    data = w.scratch / 'data'
    os.makedirs(data + '/ktstr')
    shutil.copy(ring, data + '/ktstr/kernel.org.gpg')
    with open(path, 'w', encoding='ascii') as f:
        f.write(signed)
    w.refused('another key than kernel.org has', 65, 'is not signed by a trusted key', 'build', '6.12.3', XDG_DATA_HOME=data)
    w.built('--no-verify-signature', ['6.12.3-tarball'], '--no-verify-signature', '6.12.3', XDG_DATA_HOME=data)
    w.refused('a keyring that is not there', 69, 'there is no file', 'build', '6.6.10', KTSTR_KERNEL_KEYRING='/no/such/ring')


# --- a hostile server ----------------------------------------------------------------------------------------------

def faults(w):
    tarball = layout.tarball_path('6.12.3')
    w.fresh()
    w.m.fault(tarball, 'reset', at=1000, times=2)
    w.built('a tarball that is cut twice', ['6.12.3-tarball'], '6.12.3')
    for name, fault, said in (('wrong bytes', ('corrupt', {'at': 700}), 'SHA-256'), ('a page', ('html', {}), ''),
                              ('gone', ('status', {'at': 404}), '404'), ('a loop', ('loop', {}), 'redirect')):
        w.fresh()
        w.m.fault(tarball, fault[0], **fault[1])
        run = w.run('build', '6.12.3')
        errors = [line for line in run.err.splitlines() if line.startswith('error:')]
        ok = run.status not in (0, 70) and len(errors) == 1 and said in errors[0] and not w.keys() and not w.left()
        check(ok, f'a tarball, {name}: one line, nothing kept', run)
    w.fresh()
    w.m.fault('/pub/linux/kernel/v6.x/sha256sums.asc', 'status', at=404)
    w.refused('no list of checksums', 69, 'kernel 6.12.3 cannot be verified', 'build', '6.12.3')
    run = w.built('--skip-sha256', ['6.12.3-tarball'], '--skip-sha256', '6.12.3')
    check('6.12.3 is not verified' in run.err, 'and its warning', run)
    w.fresh()
    layout.put(w.m.root, '/broken/releases.json', '{"releases": 7}')
    w.refused('a list that is none', 69, 'not in the cache, and the list of releases could not be fetched', 'build', '6.12',
              KTSTR_KERNEL_MIRROR=w.m.url + '/broken')
    w.built('the second mirror', ['6.12.3-tarball'], '6.12.3',
            KTSTR_KERNEL_MIRROR=f'http://127.0.0.1:1,{w.m.url}')
    w.fresh()
    w.m.fault(layout.tarball_path('6.6.10'), 'status', at=404)
    run = w.run('build', '6.6.10', '6.12.3')
    check(run.status == 65 and 'kernel build: 1 of 2 failed: 6.6.10' in run.err and len(w.keys()) == 1,
          'one of two fails, the other is built', run)


def archive(path, members):
    """A tarball of (name, kind, content), named like a kernel's."""
    with tarfile.open(path, 'w:gz') as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o644
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content
                tar.addfile(info)


def hostile_archives(w):
    head = ('linux-6.1/Makefile', tarfile.REGTYPE, b'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION =\n')
    outside = w.scratch / 'outside'
    for name, member in (('..', ('linux-6.1/../../outside', tarfile.REGTYPE, b'x')),
                         ('absolute', (outside, tarfile.REGTYPE, b'x')),
                         ('a link out', ('linux-6.1/link', tarfile.SYMTYPE, '../../../outside')),
                         ('a hard link out', ('linux-6.1/link', tarfile.LNKTYPE, '/etc/passwd'))):
        w.fresh()
        path = w.scratch / 'linux-6.1.tar.gz'
        archive(path, [head, ('linux-6.1/Kconfig', tarfile.REGTYPE, b''), member])
        run = w.run('build', path)
        check(run.status not in (0, 70) and not os.path.exists(outside) and not w.keys() and not w.left(),
              f'a tarball with {name} does no harm', run)


# --- git -----------------------------------------------------------------------------------------------------------

def git_sources(w):
    w.fresh()
    repo = w.scratch / 'owner/linux.git'
    layout.fake_tree(repo, '6.12.7')
    git('init', '-q', '-b', 'main', repo)
    git('-C', repo, 'add', '-A', '-f')
    git('-C', repo, 'commit', '-qm', 'one')
    git('-C', repo, 'tag', '-a', '-m', 'x', 'v6.12.7')
    one = git('-C', repo, 'rev-parse', 'HEAD')
    url = f'git+file://{repo}'
    w.built('a git tag', [f'v6.12.7-git-{one[:7]}'], url + '#tag=v6.12.7')
    again = w.run('build', '--git', f'file://{repo}', '--ref', 'v6.12.7')
    check('cached kernel found' in again.err and again.status == 0, 'a ref that has not moved is cached', again)
    with open(repo + '/README', 'a') as f:
        f.write('more\n')
    git('-C', repo, 'commit', '-qam', 'two')
    two = git('-C', repo, 'rev-parse', 'HEAD')
    w.built('a branch', [f'v6.12.7-git-{one[:7]}', f'main-git-{two[:7]}'], url + '#branch=main')
    w.refused('a ref that is not there', 69, "has no branch 'none'", 'build', url + '#branch=none')
    w.refused('a repository that is not there', 69, 'git cannot read file:///none', 'build', 'git+file:///none#v1')


# --- the entries in the cache --------------------------------------------------------------------------------------

def variants(w):
    w.fresh()
    extra = w.scratch / 'extra'
    with open(extra, 'w') as f:
        f.write('CONFIG_DEBUG_LIST=y\n')
    w.run('build', '6.12.3')
    run = w.run('build', '--extra-kconfig', extra, '6.12.3')
    listed = w.run('list', '--offline')
    check(run.status == 0 and len(w.keys()) == 2 and '(extra kconfig)' in listed.out, 'a fragment has its own entry', f'{run}{listed}')
    entry = next(k for k in w.keys() if '-x' in k.split('kc')[1])
    with open(f'{w.cache}/{entry}/config') as f:
        check('CONFIG_DEBUG_LIST=y' in f.read(), 'and its option')
    base = w.scratch / 'base'
    with open(base, 'w') as f:
        f.write('CONFIG_OF_THE_BASE=y\nCONFIG_NET=m\n')
    run = w.run('build', '--base-config', base, '6.12.3')
    entry = next(k for k in w.keys() if '-base' in k)
    config = read(f'{w.cache}/{entry}/config')
    check('CONFIG_OF_THE_BASE=y' in config and 'SCHED_CLASS_EXT=y' in config and 'MODULES=n' not in config,
          'a base of one\'s own is the base, with what ktstr needs behind it', f'{config}\n{run}')
    w.refused('fragment that is not there', 64, '--extra-kconfig: cannot read', 'build', '--extra-kconfig', './none', '6.6.10')


def with_ccache(w):
    """A PATH with a fake ccache."""
    script = os.path.join(w.scratch / 'ccache', 'ccache')
    os.makedirs(os.path.dirname(script), exist_ok=True)
    with open(script, 'w') as f:
        f.write('#!/bin/sh\nexec "$@"\n')
    os.chmod(script, 0o755)
    return f"{os.path.dirname(script)}:{os.environ['PATH']}"


def selftests(w):
    """A kernel that was built without its tests is built again when they are requested, and only then."""
    if not any(shutil.which(name) for name in ('clang', *(f'clang-{n}' for n in range(14, 41)))) or not shutil.which('llvm-strip'):
        skip("a kernel's own tests", 'clang or llvm-strip is not installed')
        return
    w.fresh()
    w.run('build', '6.12.3')
    run = w.run('build', '--selftests', '6.12.3', '6.6.10', PATH=with_ccache(w), MAKELEVEL='3')
    entries = {e['version']: e for e in json.loads(w.run('list', '--json', '--offline').out)['entries']}
    runner = glob.glob(w.cache + '/6.12.3-*/selftests/sched_ext/runner')
    check(run.status == 0 and entries['6.12.3']['has_selftests'] and runner and os.access(runner[0], os.X_OK),
          'the kernel has its own tests beside it', f'{run}\n{entries}')
    check(not entries['6.6.10']['has_selftests'], 'a tree without sched_ext is built without', entries['6.6.10'])
    run = w.run('build', '--selftests', '6.12.3')
    check(run.status == 0 and ' built in ' not in run.err, 'and not twice', run)
    run = w.run('build', '--schedulers', '--selftests', '6.6.10')
    check(run.status == 0 and ' built in ' not in run.err, 'a kernel without sched_ext is not built again for them', run)


def cleaning(w):
    w.fresh()
    for version in ('6.6.10', '6.12.3', '6.13.12'):
        w.run('build', version)
    os.unlink(glob.glob(w.cache + '/6.6.10-*/bzImage')[0])
    os.makedirs(w.cache + '/.tmp-x-999999999/src')
    listed = w.run('list')
    check('(EOL)' in listed.out and '(corrupt' in listed.out and 'clean --corrupt-only' in listed.err, 'the list marks both', listed)
    w.refused('no terminal to ask on', 64, 'confirmation requires a terminal', 'clean')
    w.refused('a contradiction', 64, 'exclude each other', 'clean', '--keep', '1', '--corrupt-only')
    run = w.run('clean', '--corrupt-only', '--force')
    check(len(w.keys()) == 2 and not w.left() and 'removed 1' in run.err, 'the corrupt one goes, and what the dead left', run)
    run = w.run('clean', '--keep', '1', '--force')
    check(len(w.keys()) == 1 and run.status == 0, 'the newest stays', run)


# --- several processes, and sudden ends ----------------------------------------------------------------------------

def race(w):
    """Eight processes request the same two kernels: each kernel is compiled once."""
    w.fresh()
    racers = [subprocess.Popen([KTSTR, 'kernel', 'build', '6.12.3', '6.6.10'], env=dict(os.environ, **w.env),
                               stderr=subprocess.PIPE, text=True) for _ in range(8)]
    said = [p.communicate(timeout=120)[1] for p in racers]
    builds = sum(text.count(' built in ') for text in said)
    check(all(p.returncode == 0 for p in racers) and builds == 2 and len(w.keys()) == 2, 'eight at once: each is built once',
          f'{builds} builds, {w.keys()}\n' + '\n'.join(said))
    check(any('waiting for pid' in text for text in said), 'and who waits says for whom', '\n'.join(said))


def lock_timeout(w):
    """KTSTR_CACHE_STORE_LOCK_TIMEOUT ends the wait for another process that holds an entry's lock."""
    w.fresh()
    w.run('build', '6.12.3')
    key = w.keys()[0]
    with open(f'{w.cache}/.locks/{key}.lock', 'a', encoding='ascii') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        w.refused('a lock that is held for longer than KTSTR_CACHE_STORE_LOCK_TIMEOUT', 75,
                  f'waited for the lock of cache entry {key} as long as KTSTR_CACHE_STORE_LOCK_TIMEOUT says; pid {os.getpid()}',
                  'build', '--force', '6.12.3', KTSTR_CACHE_STORE_LOCK_TIMEOUT='1s')
        took = time.monotonic() - began
        check(took >= 1, 'and not before', f'{took:.2f} s')
    w.built('a lock that is free', ['6.12.3-tarball'], '--force', '6.12.3', KTSTR_CACHE_STORE_LOCK_TIMEOUT='1s')


def crashes(w):
    """SIGKILL at random moments: never a bad entry or a lock that blocks, and the next build finishes."""
    rounds = int(os.environ.get('KTSTR_CRASHES', '25'))
    bad, resumed, rng = [], 0, 12345
    for i in range(rounds):
        if i % 5 == 0:
            w.fresh()
        p = subprocess.Popen([KTSTR, 'kernel', 'build', '--force', '6.12.95', '6.14.11'], env=dict(os.environ, **w.env),
                             stderr=subprocess.DEVNULL)
        rng = (rng * 1103515245 + 12345) % (1 << 31)
        time.sleep(rng % 700 / 1000)
        p.send_signal(signal.SIGKILL)
        p.wait()
        resumed += len(w.left())
        if not valid(w):
            bad.append(i)
    check(not bad, f'{rounds} kills: no bad entry', bad)
    run = w.run('build', '6.12.95', '6.14.11')
    check(run.status == 0 and len(w.keys()) == 2 and valid(w) and not w.left(), 'and the last one ends well', f'{w.left()}\n{run}')
    check(resumed > 0, f'{resumed} times there was work to go on with')


def resumes(w):
    """After a killed build, the next one does not download and unpack again."""
    w.fresh()
    slow = compiler(w, 'slow', 'exec /bin/sleep 60')
    p = subprocess.Popen([KTSTR, 'kernel', 'build', '6.11.11'], env=dict(os.environ, **w.env, PATH=slow), stderr=subprocess.PIPE,
                         text=True)
    for line in p.stderr:
        if ' build ' in line:
            break
    # A compiler that outlives its make, as real ones do.
    work = os.path.realpath(w.left()[0])
    with open(work + '/token', encoding='ascii') as f:
        token = f.read()
    orphan = subprocess.Popen(['sleep', '60'], cwd=work + '/src', env=dict(os.environ, KTSTR_BUILD_TOKEN=token))
    bystander = subprocess.Popen(['sleep', '60'], cwd=work + '/src')
    p.send_signal(signal.SIGKILL)
    p.communicate()
    before = sum(layout.tarball_path('6.11.11') in r['path'] for r in w.m.requests)
    run = w.run('build', '6.11.11')
    after = sum(layout.tarball_path('6.11.11') in r['path'] for r in w.m.requests)
    check(run.status == 0 and before == after == 1 and 'unpack' not in run.err, 'what was unpacked is not fetched again',
          f'{before} {after}\n{run}')
    check(orphan.poll() == -signal.SIGKILL, 'and what was still at work there was ended', orphan.poll())
    check(bystander.poll() is None, 'a process that only has its working directory there lives on', bystander.poll())
    for p in (orphan, bystander):
        p.kill()
        p.wait()


def bomb(w):
    """Gigabytes of zeros before the Makefile: an interrupt ends the search."""
    w.fresh()
    zeros = lzma.compress(bytes(32 << 20), preset=0)
    member = tarfile.TarInfo('linux-6.12/zeros')
    member.size = 60 * (32 << 20)
    path = w.scratch / 'bomb.tar.xz'
    with open(path, 'wb') as f:
        f.write(lzma.compress(member.tobuf(tarfile.GNU_FORMAT)))
        f.writelines([zeros] * 60)
    p = subprocess.Popen([KTSTR, 'kernel', 'build', path], env=dict(os.environ, **w.env), stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if 'resolve' in line:
            break
    time.sleep(0.3)
    began = time.monotonic()
    p.send_signal(signal.SIGINT)
    p.communicate()
    took = time.monotonic() - began
    # It takes 0.2 s on an idle machine; if the interrupt were ignored, it would take half a minute.
    check(p.returncode == 130 and took < 5, 'an interrupt ends the search for a version', f'{p.returncode} {took:.2f} s')


def jobserver(w):
    """Three kernels at once on a budget of two: never more than two compilers, and both are used."""
    w.fresh()
    log = w.scratch / 'compilers'
    path = compiler(w, 'counted', f'echo + >> {log}\n/bin/sleep "$@"\necho - >> {log}')
    run = w.run('build', '6.12.3', '6.6.10', '6.1.150', PATH=path)
    now = most = 0
    with open(log) as f:
        for line in f:
            now += 1 if line[0] == '+' else -1
            most = max(most, now)
    check(run.status == 0 and most == 2, 'three kernels, two compilers', f'{most}\n{run}')


if shutil.which('git'):
    run_all((grammar, refusals, doctor_on_signatures, signatures, faults, hostile_archives, git_sources, variants, selftests, cleaning, race, lock_timeout,
             bomb, resumes, crashes, jobserver))
    finish(at_least=45)
