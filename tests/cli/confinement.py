#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A hostile program in a virtual machine's place cannot escape from its confinement: in QEMU's place and in the VMM's,
started by root, by a user, and by a user whose kernel refuses user namespaces."""
import ctypes
import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, Scratch, check, finish, skip  # noqa: E402

BUILT = os.path.join(BUILD, 'tests')
NOBODY = 65534
CLONE_NEWUSER = 0x10000000
ATTEMPTS_AT_LEAST = 60
# Without user namespaces, a user's machines have only these parts of the confinement.
PARTS = {'root': {'files', 'processes', 'ipc', 'network', 'hostname', 'privileges', 'limits', 'system-calls'},
         'user': {'files', 'processes', 'ipc', 'network', 'hostname', 'privileges', 'limits', 'system-calls'},
         'refused': {'landlock', 'privileges', 'limits', 'system-calls'}}


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def can_make_user_namespaces(user):
    """Not in a chroot, where the kernel refuses them to everybody."""
    def attempt():
        if user:
            become_nobody()
        if ctypes.CDLL(None).unshare(CLONE_NEWUSER):
            raise OSError('unshare')
    try:
        return subprocess.run(['true'], preexec_fn=attempt).returncode == 0
    except subprocess.SubprocessError:
        return False


class NamespacesRefused:
    """preexec_fn: a user namespace in which users keep their numbers, and in which no further user namespaces are
    allowed."""

    def __init__(self):
        self.ready, self.mapped = os.pipe(), os.pipe()

    def __call__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), 'unshare')
        os.write(self.ready[1], str(os.getpid()).encode())
        os.read(self.mapped[0], 1)
        with open('/proc/sys/user/max_user_namespaces', 'w') as f:
            f.write('0')
        become_nobody()

    def map(self):
        pid = os.read(self.ready[0], 16).decode()
        for name in ('uid_map', 'gid_map'):
            with open(f'/proc/{pid}/{name}', 'w') as f:
                f.write('0 0 65536')
        os.write(self.mapped[1], b'x')


def run_confined(scratch, who, place, program):
    env = dict(os.environ, HOSTILE_SECRET='x', PATH=f'{scratch / "bin"}:{os.environ["PATH"]}')
    argv = [scratch / 'confine_run', place, program, scratch / 'list']
    if who != 'refused':
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=100,
                              preexec_fn=become_nobody if who == 'user' else None)
        return done.stdout + done.stderr
    before = NamespacesRefused()
    mapper = os.fork()
    if mapper == 0:
        before.map()
        os._exit(0)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=100, preexec_fn=before)
    os.waitpid(mapper, 0)
    return done.stdout + done.stderr


def judge(who, place, out):
    name = {'root': 'started by root', 'user': 'started by a user',
            'refused': 'started by a user without namespaces'}[who]
    tried = re.search(r'^tried (\d+)$', out, re.M)
    got_out = [line for line in out.splitlines() if line.startswith('SUCCEEDED')]
    check(tried and int(tried.group(1)) >= ATTEMPTS_AT_LEAST, f"in the {place}'s place, {name}: it has tried everything",
          out)
    check(not got_out, f"in the {place}'s place, {name}: all of it was refused", '\n'.join(got_out) + '\n' + out)
    parts = dict(re.findall(r'^part (\S+) (.*)$', out, re.M))
    wanted = PARTS['refused' if who == 'user' and not can_make_user_namespaces(os.getuid() == 0) else who]
    missing = {p: parts.get(p) for p in wanted if parts.get(p) != 'in-force'}
    check(not missing, f"in the {place}'s place, {name}: what confines it is in force, and named", f'{missing}\n{out}')


def control(scratch):
    """The same program, not confined: shows that nothing else refuses the attempts above."""
    with tempfile.TemporaryFile() as report, open(scratch / 'list', 'rb') as files:
        def prepare():
            high = [fcntl.fcntl(f, fcntl.F_DUPFD, 100) for f in (files.fileno(), report.fileno())]
            os.dup2(high[0], 7)
            os.dup2(high[1], 8)
            if os.getuid() == 0:
                become_nobody()
        subprocess.run([scratch / 'vmm'], env=dict(os.environ, HOSTILE_SECRET='x'), preexec_fn=prepare, close_fds=False, timeout=100)
        report.seek(0)
        out = report.read().decode()
    did = set(re.findall(r'^SUCCEEDED (\S+)', out, re.M))
    wanted = {'open', 'kill', 'kill-group', 'tgkill', 'socket-inet', 'socket-unix', 'environment'}
    check(wanted <= did, 'a program that is not confined does these things', f'{wanted - did}\n{out}')


def fill(scratch):
    """Copies that everybody can read: a build directory may be closed to other users."""
    os.chmod(scratch.path, 0o755)
    os.mkdir(scratch / 'bin', 0o755)
    for name, copy in (('hostile', 'bin/qemu-system-x86_64'), ('hostile', 'vmm'), ('hostile', 'setuid'),
                       ('confine_run', 'confine_run')):
        shutil.copyfile(os.path.join(BUILT, name), scratch / copy)
        os.chmod(scratch / copy, 0o755)
    if os.getuid() == 0:
        os.chmod(scratch / 'setuid', 0o755 | stat.S_ISUID)
    with open(scratch / 'secret', 'w') as f:
        f.write('x')


def main():
    with Scratch() as scratch:
        fill(scratch)
        sleeper = subprocess.Popen(['sleep', '300'], start_new_session=True,
                                   preexec_fn=become_nobody if os.getuid() == 0 else None)
        with open(scratch / 'list', 'w') as f:
            f.write(f'file {scratch / "secret"}\nfile {__file__}\nfile {os.path.expanduser("~")}\nfile /etc/shadow\n'
                    f'pid {sleeper.pid}\npid {os.getpid()}\npid 1\nsetuid {scratch / "setuid"}\n')
        cases = ('root', 'user', 'refused') if os.getuid() == 0 else ('user',)
        if 'refused' in cases and not can_make_user_namespaces(False):
            skip('started by a user without namespaces', 'this kernel, or a chroot, refuses user namespaces to root, too')
            cases = ('root', 'user')
        for who in cases:
            judge(who, 'QEMU', run_confined(scratch, who, 'qemu', 'qemu-system-x86_64'))
            judge(who, 'VMM', run_confined(scratch, who, 'vmm', scratch / 'vmm'))
        control(scratch)
        check(sleeper.poll() is None, 'the other process is alive')
        sleeper.kill()
        sleeper.wait()
        if os.getuid():
            skip('started by root', 'this test does not run as root')
    finish()


main()
