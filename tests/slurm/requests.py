#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""requests.py BUILD [PART...] -- what users ask of runs on a cluster, right or wrong, and what somebody else wrote to the
directory of a run. On two nodes on the loopback device, with tests that nap."""
import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]
import cluster  # noqa: E402
from faults import kill_task  # noqa: E402
from place import NAPS, Place, need_cluster, running, sidecars  # noqa: E402
from tap import Scratch, check, finish  # noqa: E402

PATIENCE = 600
FEW = 'test(/nap_([1-3]|bad)$/)'
USAGE, MISSING = 64, 69


def rounds(place):
    return len(glob.glob(place.slurm_dir() + '/round-*.json'))


def left(place):
    """What lies in the directory of all runs on Slurm."""
    return glob.glob(place.runs + '/.slurm/*')


def verdicts(place):
    return {name: [s['verdict'] for s in found] for name, found in sidecars(place.runs).items()}


def wait_for_two(c):
    c.wait(lambda: len(running(c)) == 2, 'two tasks to run')


def check_cancelled(scratch, env, c):
    """Tasks that wait when a run is cancelled do not run, whoever cancels it."""
    for who in ('ktstr', 'scancel'):
        place = Place(scratch, 'cancelled-' + who, env)
        place.run('test', '--slurm', '--detach', '--slurm-jobs', '6', NAPS)
        wait_for_two(c)
        if who == 'ktstr':
            place.run('slurm', 'cancel')
        else:
            c.run('scancel', f'--name=ktstr-{os.path.basename(place.slurm_dir())}-0')
        done = place.run('slurm', 'collect', timeout=PATIENCE)
        check(done.status != 0 and 'its task was cancelled' in done.out and rounds(place) == 1,
              f'{who}: no test of a cancelled run is submitted again', done)
        ended = place.run('slurm', 'cancel')
        check(ended.status == 0 and 'has ended already' in ended.err, f'{who}: a run that has ended cannot be cancelled', ended)


def check_followed(scratch, env, c):
    """A run is cancelled while a command follows it."""
    place = Place(scratch, 'followed', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '6', NAPS)
    wait_for_two(c)
    place.run('slurm', 'cancel')
    out, err = p.communicate(timeout=PATIENCE)
    check(p.returncode != 0 and 'the run was cancelled' in err and rounds(place) == 1, 'the command that follows a run sees that it is cancelled',
          out + err)


def check_refused(scratch, env, c):
    place = Place(scratch, 'refused', env)
    run = place.run('test', '--slurm', '--slurm-arg=--constraint=nosuch', NAPS)
    check(run.status == MISSING and 'Invalid feature specification' in run.err and not left(place),
          'nothing is left of a run that Slurm does not take', f'{run}{left(place)}')
    for words, said in ((['--detach'], '--detach is for runs on a cluster'), (['--slurm-arg=--time=1'], '--slurm-arg is for runs'),
                        (['--slurm-jobs', '2'], '--slurm-jobs is for'), (['--slurm-dir', place.runs], '--slurm-dir is for'),
                        (['--slurm', '--slurm-arg=--array=5'], 'divides the tests itself'), (['--slurm', '--slurm-arg=--wait'], 'leave it out'),
                        (['--slurm', *['--slurm-arg=--comment=x'] * 65], '64 is the most'),
                        (['--slurm', '--slurm-dir', scratch / 'a\\b'], 'backslash')):
        run = place.run('test', *words, NAPS)
        check(run.status == USAGE and said in run.err and not left(place), f"{' '.join(words[:2])}: {said}", run)
    run = place.run('test', '--slurm=nosuch', NAPS)
    check(run.status == MISSING and "no partition 'nosuch'" in run.err, 'a partition that does not exist is named', run)


def check_environment(scratch, env, c):
    """The user's filters for squeue concern the user's own squeue; names of directories may have percent signs."""
    place = Place(scratch, 'filters', dict(env, SQUEUE_PARTITION='nosuch', SQUEUE_STATES='completed', SBATCH_WAIT='1'))
    shared = scratch / 'half 50%j'
    run = place.run('test', '--slurm', '--slurm-dir', shared, '-E', FEW, NAPS, timeout=PATIENCE)
    check(run.status == 1 and len(sidecars(place.runs)) == 4 and 'lost' not in run.err, 'a run is followed with filters in the environment', run)
    check(glob.glob(glob.escape(shared) + '/*/logs/*.log'), 'logs are in a directory with a percent sign', os.listdir(shared))


def check_report(scratch, env, c):
    """--report of a run that is collected later. Other directories lie beside it."""
    place = Place(scratch, 'report', env)
    path = scratch / 'detached.xml'
    started = place.run('test', '--slurm', '--detach', '--report', 'junit=' + path, '-E', FEW, NAPS)
    os.mkdir(place.runs + '/.slurm/lost+found')
    os.mkdir(place.runs + '/.slurm/zzz')
    done = place.run('slurm', 'collect', timeout=PATIENCE)
    check(started.status == 0 and done.status == 1 and os.path.exists(path), 'the report is written when the run is collected', f'{started}{done}')
    check('.slurm' not in open(path, encoding='utf-8').read(), 'paths in it are those of the collected files', path)
    check("replay  ktstr test" in done.out, 'a failure has its replay line', done)


def spoil(place, name, edit):
    """Edits the sidecar that a task has written."""
    for path in glob.glob(place.slurm_dir() + f'/tasks/*/*/{name}-*.ktstr.json'):
        edit(path)


def check_spoiled(scratch, env, c):
    """A result that is damaged, or is that of another test, is none: the test runs once more."""
    place = Place(scratch, 'spoiled', env)
    first = place.run('test', '--slurm', '-E', FEW, NAPS, timeout=PATIENCE)
    run = place.slurm_dir()
    other = glob.glob(run + '/tasks/*/*/nap_1-*.ktstr.json')[0]
    for what, edit in (('damaged', lambda path: os.truncate(path, 100)), ('that of another test', lambda path: os.system(f"cp '{other}' '{path}'"))):
        spoil(place, 'nap_bad', edit)
        again = place.run('slurm', 'collect', timeout=PATIENCE)
        check(first.status == again.status == 1 and 'lost and runs once more' in again.err and
              verdicts(place) == {'ktstr/nap_1': ['pass'], 'ktstr/nap_2': ['pass'], 'ktstr/nap_3': ['pass'], 'ktstr/nap_bad': ['fail']},
              f'a result that is {what} is none', f'{again}{verdicts(place)}')


def check_strangers(scratch, env, c):
    """Links, pipes and control characters in the directory of a task."""
    place = Place(scratch, 'strangers', env)
    place.run('test', '--slurm', '-E', FEW, NAPS, timeout=PATIENCE)
    secret = scratch / 'secret'
    with open(secret, 'w', encoding='utf-8') as f:
        f.write('not for the results\n')
    for path in glob.glob(place.slurm_dir() + '/tasks/*/*/nap_1-*.ktstr.json'):
        stem = path.removesuffix('.ktstr.json')
        os.mkfifo(stem + '.report.txt')
        os.symlink(secret, stem + '.dump.json')
    for path in glob.glob(place.slurm_dir() + '/tasks/*/*/events.ndjson'):
        with open(path, encoding='utf-8') as f:
            events = [json.loads(line) for line in f]
        for e in events:
            e['topology'] = '\x1b]0;title\x07\x1b[2J'
        with open(path, 'w', encoding='utf-8') as f:
            f.writelines(json.dumps(e) + '\n' for e in events)
    done = place.run('slurm', 'collect', timeout=PATIENCE)
    copied = ''.join(open(p, errors='replace', encoding='utf-8').read() for p in glob.glob(place.runs + '/*/nap_1-*'))
    check(done.status == 1 and len(sidecars(place.runs)) == 4 and 'not for the results' not in copied, 'links and pipes are not copied', done)
    check('\x1b' not in done.out and '\x07' not in done.out, 'no control characters reach the terminal', repr(done.out))


def check_followers(scratch, env, c):
    """Two commands follow one run, of which a task is lost."""
    place = Place(scratch, 'followers', env)
    p = place.follower('test', '--slurm', '--slurm-jobs', '4', NAPS)
    wait_for_two(c)
    kill_task(place.slurm_dir(), 0)
    other = Place(scratch, 'followers', env).run('slurm', 'collect', timeout=PATIENCE)
    out, err = p.communicate(timeout=PATIENCE)
    check(p.returncode == other.status == 1 and 'not_run' not in out + other.out and len(sidecars(place.runs)) == 13,
          'both followers of a run report all its tests', f'{out}{err}{other}')


def check_one_node(scratch, env, c):
    """The user allows one node only, and a task of it is lost."""
    for word in ('--nodelist=n1', '--exclude=n2'):
        place = Place(scratch, 'one-node' + word, env)
        p = place.follower('test', '--slurm', '--slurm-jobs', '2', f'--slurm-arg={word}', '-E', FEW, NAPS)
        c.wait(lambda: running(c) and kill_task(place.slurm_dir(), 0), 'processes of a task')
        out, err = p.communicate(timeout=PATIENCE)
        check(p.returncode == 1 and len(sidecars(place.runs)) == 4, f'{word}: lost tests run again on the only node', out + err)


def main():
    kernels = need_cluster('requests to a Slurm cluster')
    with cluster.Cluster() as c, Scratch() as scratch:
        env = {'SLURM_CONF': c.conf, 'KTSTR_KERNEL': kernels[0]}
        for name, fn in list(globals().items()):
            if name.startswith('check_') and (len(sys.argv) < 3 or name[6:] in sys.argv[2:]):
                fn(scratch, env, c)
    finish()


if __name__ == '__main__':
    main()
