#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Scripts that `ktstr export` writes: what is refused, their checks of the machine in their order, their options, a whole
run with a scheduler, and that nothing is left behind when they are interrupted. The machine that they see is made here:
the paths below /sys in the script's text are replaced."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, check, finish, skip  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
EXPORTED = BUILD + '/tests/exported/exported'
ROOTS = ('/sys/fs/cgroup', '/sys/fs/cgroup/unified')
SCHEDULER = '''#!/bin/sh
trap 'echo disabled > {sys}/kernel/sched_ext/state; : > {sys}/kernel/sched_ext/root/ops; exit 0' TERM
[ "$1" = --exit ] && exit 3
echo "$@" > {sys}/args
echo enabled > {sys}/kernel/sched_ext/state
while :; do sleep 0.1; done
'''


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def make_machine(top, cpus=4, llcs=2, threads=1):
    """The part of /sys that a script reads."""
    shutil.rmtree(top, ignore_errors=True)
    for cpu in range(cpus):
        at = f'{top}/devices/system/cpu/cpu{cpu}'
        core, llc = cpu // threads, cpu * llcs // cpus
        put(f'{at}/topology/core_id', f'{core}\n')
        put(f'{at}/topology/thread_siblings_list', f'{core * threads}-{core * threads + threads - 1}\n')
        put(f'{at}/cache/index0/shared_cpu_list', f'{cpu}\n')
        put(f'{at}/cache/index3/shared_cpu_list', f'{llc}\n')
    os.makedirs(top + '/devices/system/node/node0')
    put(top + '/kernel/sched_ext/state', 'disabled\n')
    put(top + '/kernel/sched_ext/root/ops', '')
    os.makedirs(top + '/fs/cgroup')
    put(top + '/mounts', f'none {top}/fs/cgroup cgroup2 rw 0 0\n')


def redirect(script, top):
    """The script with another /sys. The archive stays as it is."""
    with open(script) as f:
        head, archive = f.read().split('\n__ARCHIVE__\n', 1)
    head = head.replace('/sys/', top + '/').replace('/proc/mounts', top + '/mounts')
    with open(script, 'w') as f:
        f.write(head + '\n__ARCHIVE__\n' + archive)


def run(script, *args, path=None, **kw):
    env = dict(os.environ, TMPDIR=os.path.dirname(script))
    if path:
        env['PATH'] = path + ':' + env['PATH']
    done = subprocess.run([script, *args], capture_output=True, text=True, timeout=120, env=env, **kw)
    done.text = f'status {done.returncode}\n{done.stdout}{done.stderr}'
    return done


def check_refused_tests(dir):
    attributes, misbehaving = BUILD + '/tests/attributes', BUILD + '/tests/fixtures/misbehaving'
    for test, suite, why in (('on_the_host', attributes, 'it is a host_only test'),
                             ('expected_end', misbehaving, 'it expects its scheduler to fail')):
        done = Run('export', test, suite, '-o', dir + '/no.run')
        check(done.status == 64 and f"test '{test}' cannot be exported: {why}" in done.err, f'{test} is refused', done)
    done = Run('export', 'no_such_test', EXAMPLES)
    check(done.status == 64 and "there is no test 'no_such_test'" in done.err, 'a test that does not exist', done)
    done = Run('export', 'eevdf_two_cgroups', EXAMPLES, '--package', 'other')
    check(done.status == 64, 'a test of another binary', done)
    done = Run('export', 'eevdf_two_cgroups', EXAMPLES, '--release', '-o', dir + '/release.run')
    check(done.status == 0 and os.path.exists(dir + '/release.run'), '--release is taken', done)
    os.unlink(dir + '/release.run')
    check(not os.path.exists(dir + '/no.run'), 'nothing is written')


def check_lint(script):
    if not shutil.which('shellcheck'):
        skip('shellcheck finds nothing in the script', 'shellcheck is not installed')
        return
    with open(script) as f:
        head = f.read().split('\n__ARCHIVE__\n', 1)[0] + '\n'
    done = subprocess.run(['shellcheck', '-'], input=head, capture_output=True, text=True)
    check(done.returncode == 0, 'shellcheck finds nothing in the script', done.stdout)


def check_machine(script, top):
    """Each check fails when it is the only thing that is wrong, and so before the next one."""
    def refused(name, said, *args, **kw):
        done = run(script, *args, **kw)
        check(done.returncode == 1 and f'error: {said}' in done.stderr, name, done.text)
    tools = os.path.dirname(script) + '/tools'
    put(tools + '/id', '#!/bin/sh\necho 1000\n')
    os.chmod(tools + '/id', 0o755)
    refused('not root', 'must run as root (need CAP_SYS_ADMIN for sched_ext + cgroup ops)', path=tools)
    shutil.rmtree(top + '/kernel')
    refused('a kernel without sched_ext', 'this kernel has no sched_ext')
    make_machine(top)
    put(top + '/mounts', '')
    refused('no cgroup2', f'{top}/fs/cgroup is not a cgroup2 file system')
    make_machine(top)
    put(top + '/kernel/sched_ext/root/ops', 'other\n')
    refused('another scheduler', 'another sched_ext scheduler is already attached (other). Detach it')
    make_machine(top, llcs=1, cpus=1)
    refused('too few cores', 'host has 1 cores per LLC, test needs 2')
    make_machine(top)
    refused('a topology that is frozen', '--cpus is frozen for repro fidelity. Re-export to change.', '--cpus=3')
    refused('a duration without sense', "--duration needs a number of seconds, not 'soon'", '--duration', 'soon')
    done = run(script, '--help')
    check(done.returncode == 0 and 'usage:' in done.stdout, 'help', done.text)


def left_behind(dir):
    groups = [d for root in ROOTS for d in glob.glob(root + '/ktstr-*') if os.path.basename(d).count('-') == 2]
    return glob.glob(dir + '/ktstr-export-*') + groups


def schedulers(dir):
    return subprocess.run(['pgrep', '-f', dir + '/ktstr-export-.*/scheduler'], capture_output=True, text=True).stdout.split()


def check_runs(dir, top):
    script = dir + '/exported_crowd.run'
    put(dir + '/fake', SCHEDULER.format(sys=top))
    os.chmod(dir + '/fake', 0o755)
    done = Run('export', 'ktstr/exported_crowd', EXPORTED, '-o', script, '--scheduler-bin', dir + '/fake')
    check(done.status == 0 and re.search(r'wrote .*exported_crowd.run \(\d+ bytes archive, 0 include files\)', done.err),
          'a test with a scheduler is exported', done)
    check(os.stat(script).st_mode & 0o777 == 0o755, 'the script is executable')
    redirect(script, top)
    make_machine(top)
    done = run(script, '--duration', '1')
    check(done.returncode == 0 and 'ktstr export: test=exported_crowd scheduler=simple git=' in done.stdout and
          '[PASS] exported_crowd' in done.stdout and 'PASS: exported_crowd' in done.stdout, 'it passes', done.text)
    with open(top + '/kernel/sched_ext/state') as f:
        check(f.read() == 'disabled\n', 'the scheduler was told to end')
    check(not left_behind(dir), 'nothing is left', left_behind(dir))
    quiet = run(script, '--quiet', '--duration', '1')
    check(quiet.returncode == 0 and 'ktstr export' not in quiet.stdout, 'a quiet one', quiet.text)
    check_interrupts(dir, script, top)


def interrupt(child):
    """As a user at a terminal does, until it ends: a shell drops a SIGINT that comes while a short program ends."""
    for _ in range(100):
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGINT)
        try:
            return child.communicate(timeout=0.5)[1]
        except subprocess.TimeoutExpired:
            pass
    child.kill()
    return 'it does not end\n' + child.communicate()[1]


def check_interrupts(dir, script, top):
    """At moments from the unpacking to the run."""
    for moment in (0.02, 0.1, 0.3, 0.6, 1.0, 1.5):
        # A kernel ends a scheduler together with its process; the fake one may be killed before it says so.
        put(top + '/kernel/sched_ext/state', 'disabled\n')
        child = subprocess.Popen([script, '--duration', '5'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 env=dict(os.environ, TMPDIR=dir), start_new_session=True)
        time.sleep(moment)
        said = interrupt(child)
        status = child.returncode
        time.sleep(0.05)
        left = left_behind(dir) + schedulers(dir)
        check(status in (130, -signal.SIGINT) and not left, f'nothing is left after SIGINT at {moment} s', (status, left, said))


def main():
    dir = tempfile.mkdtemp(prefix='ktstr-test-')
    top, script = dir + '/sys', dir + '/eevdf.run'
    try:
        check_refused_tests(dir)
        done = Run('export', 'eevdf_two_cgroups', EXAMPLES, '-o', script)
        if check(done.status == 0, 'a test is exported', done):
            check_lint(script)
            redirect(script, top)
            make_machine(top)
            check_machine(script, top)
        if os.geteuid() == 0 and any(os.access(r + '/cgroup.procs', os.W_OK) for r in ROOTS):
            check_runs(dir, top)
        else:
            skip('scripts run', 'control groups cannot be made here')
    finally:
        shutil.rmtree(dir, ignore_errors=True)
    finish(at_least=15)


main()
