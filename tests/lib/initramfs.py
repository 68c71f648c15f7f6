# SPDX-License-Identifier: GPL-2.0-only
"""initramfs.py -- an initramfs with one program."""


def write(path, program):
    """A newc archive. The kernel opens PID 1's standard output from /dev/console, 5:1; the number does no harm to other
    files."""
    with open(program, 'rb') as f:
        init = f.read()
    out = b''
    for n, (name, mode, data) in enumerate((('dev', 0o040755, b''), ('dev/console', 0o020600, b''), ('init', 0o100755, init),
                                            ('TRAILER!!!', 0, b''))):
        fields = (n + 1, mode, 0, 0, 1, 0, len(data), 0, 1, 5, 1, len(name) + 1, 0)
        out += b'070701' + b''.join(b'%08x' % field for field in fields) + name.encode() + b'\0'
        out += b'\0' * (-len(out) % 4) + data
        out += b'\0' * (-len(out) % 4)
    with open(path, 'wb') as f:
        f.write(out)
    return path
