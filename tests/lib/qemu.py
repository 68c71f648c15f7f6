# SPDX-License-Identifier: GPL-2.0-only
"""qemu.py -- QEMU's monitor and its gdb stub, while ktstr runs the machine. Commands only: ktstr reads the answers."""
import array
import ctypes
import json
import os
import re
import socket
import struct
import time

PIDFD_GETFD = 438       # the system call's number is the same on all architectures
QMP_FD = 3              # in QEMU
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1
UDIAG_SHOW_PEER, UNIX_DIAG_PEER = 4, 2
TICKS = os.sysconf('SC_CLK_TCK')


def inode(pid, fd):
    """None: it is not a socket, or was closed meanwhile."""
    try:
        found = re.fullmatch(r'socket:\[(\d+)\]', os.readlink(f'/proc/{pid}/fd/{fd}'))
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


def peer(number):
    """The inode of the other end of a Unix socket; None: the kernel does not say (CONFIG_UNIX_DIAG)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        request = struct.pack('=BBxxIIIii', socket.AF_UNIX, 0, 0xffffffff, number, UDIAG_SHOW_PEER, -1, -1)
        netlink.send(struct.pack('=IHHII', 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + request)
        answer = netlink.recv(4096)
    length, kind = struct.unpack_from('=IH', answer)
    at = 16 + 16    # the message's header and struct unix_diag_msg
    while kind == SOCK_DIAG_BY_FAMILY and at + 8 <= length:
        size, attribute, value = struct.unpack_from('=HHI', answer, at)
        if attribute == UNIX_DIAG_PEER:
            return value
        at += (size + 3) & ~3
    return None


def take(pid, fd):
    """A copy of another process's socket."""
    pidfd = os.pidfd_open(pid)
    copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    if copy < 0:
        raise OSError(ctypes.get_errno(), 'pidfd_getfd')
    return socket.socket(fileno=copy)


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def missing():
    """Why monitors cannot be shared here; None: they can."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            if peer(os.fstat(ours.fileno()).st_ino) != os.fstat(theirs.fileno()).st_ino:
                return 'the kernel does not tell the other end of a socket (CONFIG_UNIX_DIAG)'
            take(os.getpid(), ours.fileno()).close()
        except OSError as why:
            return f'sockets of other processes cannot be used: {why}'
    return None


class Monitor:
    """The monitor of the QEMU @pid, of which @ktstr has the other end."""

    def __init__(self, ktstr, pid):
        self.pid, ours = pid, peer(inode(pid, QMP_FD))
        self.socket = take(ktstr, next(int(fd) for fd in os.listdir(f'/proc/{ktstr}/fd') if inode(ktstr, fd) == ours))
        self.say('qmp_capabilities')

    def say(self, command, fd=None, **arguments):
        text = json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n'
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))] if fd is not None else []
        self.socket.sendmsg([text], rights)

    def stop(self, limit=20):
        """Returns whether QEMU executes nothing any more."""
        self.say('stop')
        end, before = time.monotonic() + limit, -1
        while time.monotonic() < end:
            now = cpu_ticks(self.pid)
            if now == before:
                return True
            before = now
            time.sleep(0.2)
        return False

    def resume(self):
        self.say('cont')

    def debugger(self):
        ours, theirs = socket.socketpair()
        self.say('getfd', fd=theirs.fileno(), fdname='gdb')
        theirs.close()
        self.say('chardev-add', id='gdb', backend={'type': 'socket', 'data': {'addr': {'type': 'fd', 'data': {'str': 'gdb'}}, 'server': False}})
        self.say('human-monitor-command', **{'command-line': 'gdbserver chardev:gdb'})
        return Debugger(ours)


class Debugger:
    """gdb's remote protocol. QEMU stops the machine when a debugger attaches."""

    def __init__(self, stream, limit=60):
        stream.settimeout(limit)
        self.socket, self.bytes = stream, b''

    def send(self, packet):
        self.socket.sendall(b'$%s#%02x' % (packet.encode(), sum(packet.encode()) & 0xff))

    def receive(self):
        while True:
            found = re.search(rb'\$([^#]*)#..', self.bytes)
            if found:
                self.bytes = self.bytes[found.end():]
                self.socket.sendall(b'+')
                return found[1].decode()
            data = self.socket.recv(4096)
            if not data:
                raise EOFError('the gdb stub has closed')
            self.bytes += data

    def ask(self, packet):
        self.send(packet)
        return self.receive()

    def detach(self):
        answer = self.ask('D')
        self.socket.close()
        return answer
