#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""slurm.py BUILD [--many] -- runs on a cluster of this machine: two nodes on the loopback device. A run on it equals a local
run; so do a verifier sweep and an exploration. faults.py has the faults. --many: 40 tests on two kernels, and
perf-delta."""
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402
from place import EXAMPLES, NAPS, Place, differences, digests, need_cluster, running, sidecars, whole  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

MANY = '--many' in sys.argv
# Of three suites: each kind of scheduler, of programs in guests, of operations; tests that fail, too. Not the long ones.
# The names end with the label of the kernel.
FORTY = ('test(/^ktstr.eevdf_/) | test(/^ktstr.(simple|qmap|flatcg)_crowd/) | test(/payload_/) - test(/payload_kit/) |'
         ' test(/^ktstr.canned_(names|nested|basic|cpuset)/) | test(/^ktstr.ops_(loop|escape|scheduler)/)')
FORTY_SUITES = [os.path.join(BUILD, 'tests', name) for name in ('examples', 'payloads', 'behaviour')]
FEW = 'test(eevdf_two_cgroups) | test(eevdf_custom_work)'


def copied(scratch, key):
    """A cache that has the kernel twice, and its two keys."""
    cache = json.loads(Run('kernel', 'list', '--offline', '--json').out)['entries']
    path = next(e['path'] for e in cache if e['key'] == key)
    keys = [key, key.replace('-tarball-', '-copy-tarball-')]
    for name in keys:
        shutil.copytree(path, scratch / 'cache/' + name, symlinks=True)
    return {'KTSTR_CACHE_DIR': scratch / 'cache'}, keys


def labelled(scratch, kernels):
    """Variables that name the kernels; --many: two, which are copies of one if the cache has no other."""
    env = {}
    if MANY and len(kernels) == 1:
        env, kernels = copied(scratch, kernels[0])
    return dict(env, KTSTR_KERNEL_LIST=';'.join(f'{label}={key}' for label, key in zip(('one', 'two'), kernels)))


def check_equal(scratch, env, kernels):
    what, tests = (['-E', FORTY, *FORTY_SUITES], 80) if MANY else (['-E', FEW, EXAMPLES], 2 * len(kernels))
    env = dict(env, **labelled(scratch, kernels))
    local, remote = Place(scratch, 'local', env), Place(scratch, 'remote', env)
    here = local.run('test', *what, timeout=3600)
    there = remote.run('test', '--slurm', '--report', f'junit={scratch.path}/junit.xml', *what, timeout=3600)
    one, other = sidecars(local.runs), sidecars(remote.runs)
    check(there.status == here.status, 'a run on the cluster has the status of a local run', f'{here}{there}')
    check(len(one) == tests and all(len(v) == 1 for v in other.values()), f'each of {tests} tests has one result',
          f'{len(one)} local results, {len(other)} of the cluster\n{there}')
    check(digests(one) == digests(other), 'verdicts and digests are those of the local run',
          f'{differences(digests(one), digests(other))}\n{there}')
    check(not differences(whole(one), whole(other)), 'and so are all values in the sidecars that are not volatile',
          '\n'.join(differences(whole(one), whole(other))))
    with open(f'{scratch.path}/junit.xml', encoding='utf-8') as f:
        check(f.read().count('<testcase ') == tests, 'there is one report, with all tests', there)
    nodes = {line.split()[-1] for line in there.out.splitlines() if line.startswith(('PASS', 'FAIL'))}
    check(nodes == {'n1', 'n2'}, 'both nodes ran tests', there.out)


def check_verifier(scratch, env, kernel):
    """Cells are split, and the table is that of a local sweep."""
    local, remote = Place(scratch, 'cells', env), Place(scratch, 'cells-remote', env)
    what = ['scx_simple', '--kernel', kernel, '--preset', 'tiny-1llc,tiny-2llc', '--output', 'csv', '--emit', 'file,prog,verdict,insns']
    here, there = local.run('verifier', *what), remote.run('verifier', '--slurm', *what)
    check(here.status == there.status == 0 and here.out == there.out and here.out.count('\n') > 2,
          'a verifier sweep on the cluster prints what a local one prints', f'{here}{there}')
    check(digests(sidecars(local.runs)) == digests(sidecars(remote.runs)), 'and its cells have the same digests', there)
    again = remote.run('slurm', 'collect')
    check(again.status == 0 and again.out == here.out, 'slurm collect prints it, too', again)


def check_explore(scratch, env, kernel):
    """Schedules are split, and failures are grouped as of a local exploration."""
    local, remote = Place(scratch, 'seeds', env), Place(scratch, 'seeds-remote', env)
    what = ['--seeds', '3' if MANY else '2', '--kernel', kernel, '-E', 'test(eevdf_custom_work)', EXAMPLES]
    here, there = local.run('explore', *what), remote.run('explore', '--slurm', *what)
    said = [line for line in here.out.splitlines() if 'schedules' in line]
    check(here.status == there.status and said and said == [line for line in there.out.splitlines() if 'schedules' in line],
          'an exploration on the cluster says what a local one says', f'{said}\n{here}{there}')
    check(len(sidecars(remote.runs)) == (3 if MANY else 2) and digests(sidecars(local.runs)) == digests(sidecars(remote.runs)),
          'and its schedules have the same digests', there)


def git(top, *words):
    subprocess.run(['git', '-C', top, '-c', 'user.name=x', '-c', 'user.email=x@localhost', *words], check=True, capture_output=True)


def make_project(top):
    """Two commits of a project whose build takes the examples from elsewhere."""
    os.makedirs(top)
    git(top, 'init', '-q', '-b', 'main')
    for version in ('one', 'two'):
        with open(top + '/version', 'w', encoding='utf-8') as f:
            f.write(version)
        with open(top + '/.gitignore', 'w', encoding='utf-8') as f:
            f.write('build\n')
        git(top, 'add', '-A')
        git(top, 'commit', '-qm', version)


def check_perf_delta(scratch, env, kernel):
    """All runs of both commits are submitted, and compared as local runs are."""
    top = scratch / 'project'
    make_project(top)
    what = ['--base', 'HEAD~1', '--noise-adjust', '2', '--all-tests', '--kernel', kernel, '--build',
            f'mkdir -p build && cp {EXAMPLES} build/', '--json', '-E', 'test(eevdf_custom_work)', 'build']
    where = {name: dict(env, KTSTR_RUNS_ROOT=scratch / name) for name in ('perf', 'perf-remote')}
    here = Run('perf-delta', *what, env=where['perf'], cwd=top)
    there = Run('perf-delta', '--slurm', *what, env=where['perf-remote'], cwd=top)
    check(here.status == there.status == 0 and here.out.replace('perf-remote', 'perf') == there.out.replace('perf-remote', 'perf'),
          'perf-delta on the cluster compares what a local one compares', f'{here}{there}')
    found = glob.glob(scratch / 'perf-remote' + '/perf-delta-noise-*/*.ktstr.json')
    check(len(found) == 4 and 'collecting run 2 of 2: HEAD' in there.err, 'both runs of both commits are there', f'{found}\n{there}')


def check_cancel(scratch, env, c):
    place = Place(scratch, 'cancel', env)
    started = place.run('test', '--slurm', '--detach', NAPS)
    check(started.status == 0 and 'slurm collect' in started.err, '--detach returns after the submission', started)
    c.wait(lambda: running(c), 'a task to run')
    cancelled = place.run('slurm', 'cancel')
    done = place.run('slurm', 'collect', timeout=300)
    check(cancelled.status == 0 and done.status in (1, 2) and 'cancelled' in done.out,
          'tests of a cancelled run have no result, and the run says so', f'{cancelled}{done}')


def check_missing(scratch, kernel):
    """A PATH with what ktstr needs, but without Slurm."""
    place = os.path.join(scratch.path, 'bin')
    os.mkdir(place)
    for program in ('qemu-system-x86_64', 'git', 'sh'):
        if shutil.which(program):
            os.symlink(shutil.which(program), os.path.join(place, program))
    missing = Run('test', '--slurm', '--kernel', kernel, NAPS, env={'PATH': place}, cwd=scratch.path)
    check(missing.status == 69 and 'slurm-client' in missing.err, 'without Slurm, the error says what is missing', missing)


def main():
    kernels = need_cluster('runs on a Slurm cluster')
    with cluster.Cluster() as c, Scratch() as scratch:
        env = {'SLURM_CONF': c.conf}
        check_equal(scratch, env, kernels)
        check_verifier(scratch, env, kernels[0])
        check_explore(scratch, env, kernels[0])
        if MANY:
            check_perf_delta(scratch, env, kernels[0])
        env['KTSTR_KERNEL'] = kernels[0]
        check_cancel(scratch, env, c)
        check_missing(scratch, kernels[0])
    finish(14)


main()
