#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The KVM lab: a Linux under QEMU's TCG, which emulates AMD's SVM with nested paging. There the real kvm_amd runs real
guests, also on machines without a working KVM. The initramfs contains the programs to run; the files that they leave in
/results come back through a virtio port.

    tests/lab/lab.py [--build DIR] [--kernel KEY] [--out DIR] [--timeout S] -- COMMAND...

The options rest on these facts. QEMU 7.2 with thread=multi and one first-level CPU is stable; with two, a race in the
guest kernel's text patching kills guests now and then. Without ERMS the kernel does not copy by bytes, which TCG
executes one by one. The first level is Debian's own cloud kernel, unpacked and never installed.
"""
import argparse
import glob
import io
import json
import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
META_PACKAGE = 'linux-image-6.12-cloud-amd64'
MODULES = ('virt/lib/irqbypass', 'arch/x86/kvm/kvm', 'arch/x86/kvm/kvm-amd')
MEMORY_MIB = 3072
CMDLINE = 'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off no_timer_check nokaslr rdinit=/lab/init'

# Late ticks make the first level distrust its time stamp counter. A guest's counter then stands still while the guest
# does not run; guests of very many CPUs need that. STEADY is for tests that judge by time: all clocks continue.
# DILATION: so many seconds of the lab are one second of a guest, which is enough for vCPUs that share one CPU.
STEADY = ' tsc=reliable'
DILATION = 8

# QEMU 7.2 changes a CPU's mask of pending interrupts without its lock when a nested guest is entered or left. An
# interrupt at that moment is lost until the next one; if it is the timer's and the CPU is idle, there is no next one.
# The real-time clock's alarm, repeatedly postponed, provides one.
PULSE = '''rtc=/sys/class/rtc/rtc0/wakealarm
while sleep 1; do echo 0 >$rtc; echo +3 >$rtc; done 2>/dev/null &
'''

PRELUDE = 'export XDG_CACHE_HOME=/lab/cache NO_COLOR=1 TERM=dumb\n'

INIT = '''#!/lab/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root
b=/lab/busybox
$b mkdir -p /proc /sys /dev /tmp /run /root /results /bin /sys/fs/cgroup
$b mount -t proc none /proc
$b mount -t sysfs none /sys
$b mount -t devtmpfs none /dev
$b mount -t cgroup2 none /sys/fs/cgroup
$b mount -t debugfs none /sys/kernel/debug
$b ln -s /proc/self/fd /dev/fd
$b mkdir -p /dev/shm && $b mount -t tmpfs none /dev/shm
$b --install -s /bin
for m in irqbypass kvm kvm-amd; do insmod /lab/$m.ko || echo "lab: no module $m" >/dev/hvc0; done
ifconfig lo up 2>/dev/null
cd /root
sh /lab/pulse </dev/null >/dev/null
sh /lab/command </dev/null >/dev/hvc0 2>&1
echo $? >/results/status
dmesg >/results/dmesg
tar cf - -C /results . >/dev/vport0p1
poweroff -f
'''


class NoLab(Exception):
    """The lab is not available here, because of a property of the machine."""


# --- the first level: unpacked once ------------------------------------------------------------------------------

def lab_dir():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.environ.get('KTSTR_LAB_DIR') or os.path.join(base, 'ktstr', 'lab')


def newest_package():
    if not shutil.which('apt-get'):
        raise NoLab('no apt-get here, so no first-level kernel')
    shown = subprocess.run(['apt-cache', 'show', META_PACKAGE], capture_output=True, text=True).stdout
    found = re.search(r'^Depends: (linux-image-\S+)', shown, re.M)
    if not found:
        raise NoLab(f'no package source offers {META_PACKAGE}')
    return found.group(1)


def download(into, *packages):
    done = subprocess.run(['apt-get', 'download', '-qq', *packages], cwd=into, capture_output=True, text=True)
    if done.returncode:
        raise NoLab(f'no package source: {done.stderr.strip().splitlines()[-1:]}')
    for deb in glob.glob(into + '/*.deb'):
        subprocess.run(['dpkg', '-x', deb, into], check=True)


def unpack(to):
    package = newest_package()
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(to)) as tmp:
        download(tmp, package, 'busybox-static')
        ready = tmp + '/ready'
        os.mkdir(ready)
        shutil.copy(glob.glob(tmp + '/boot/vmlinuz-*')[0], ready + '/vmlinuz')
        shutil.copy(tmp + '/bin/busybox', ready + '/busybox')
        tree = glob.glob(tmp + '/lib/modules/*/kernel')[0]
        for module in MODULES:
            with lzma.open(f'{tree}/{module}.ko.xz') as packed, \
                    open(f'{ready}/{os.path.basename(module)}.ko', 'wb') as out:
                shutil.copyfileobj(packed, out)
        with open(ready + '/package', 'w', encoding='utf-8') as out:
            out.write(package + '\n')
        if not os.path.exists(to):
            os.rename(ready, to)


def first_level():
    """Directory with vmlinuz, busybox and the modules of KVM."""
    if not shutil.which('qemu-system-x86_64'):
        raise NoLab('qemu-system-x86_64 is not installed')
    ready = os.path.join(lab_dir(), 'first-level')
    if not os.path.exists(ready + '/package'):
        unpack(ready)
    return ready


# --- the initramfs: everything that the first level sees -----------------------------------------------------------

class Image:
    """A newc archive that grows; files keep their host paths by default."""

    def __init__(self):
        self.out = io.BytesIO()
        self.seen = set()

    def _entry(self, name, mode, body, links=1):
        name = name.lstrip('/').encode() + b'\0'
        head = '070701' + ''.join(f'{v:08x}' for v in (len(self.seen), mode, 0, 0, links, 0, len(body), 0, 0, 0, 0,
                                                      len(name), 0))
        self.out.write(head.encode() + name)
        self.out.write(b'\0' * (-self.out.tell() % 4))
        self.out.write(body)
        self.out.write(b'\0' * (-self.out.tell() % 4))

    def directory(self, path):
        path = path.rstrip('/')
        if path and path not in self.seen:
            self.directory(os.path.dirname(path))
            self.seen.add(path)
            self._entry(path, 0o40755, b'')

    def data(self, path, body, mode=0o644):
        if path not in self.seen:
            self.directory(os.path.dirname(path))
            self.seen.add(path)
            self._entry(path, 0o100000 | mode, body)

    def file(self, source, path=None):
        with open(source, 'rb') as f:
            self.data(path or os.path.abspath(source), f.read(), os.stat(source).st_mode & 0o777)

    def tree(self, source, path=None):
        path = path or os.path.abspath(source)
        self.directory(path)
        for folder, _, names in os.walk(source):
            inside = os.path.normpath(os.path.join(path, os.path.relpath(folder, source)))
            self.directory(inside)
            for name in names:
                self.file(os.path.join(folder, name), os.path.join(inside, name))

    def program(self, source, path=None):
        """A program with the libraries that it loads, at their host paths."""
        self.file(source, path)
        for library in libraries(source):
            self.file(library)

    def finish(self):
        self._entry('TRAILER!!!', 0, b'')
        return self.out.getvalue()


def libraries(program):
    listed = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
    return re.findall(r'(?:=> )?(/\S+) \(0x', listed)


def cached_kernel(build):
    """The newest kernel with schedulers in the cache, or None."""
    listed = subprocess.run([build + '/ktstr', 'kernel', 'list', '--json'], capture_output=True, text=True, check=True)
    for entry in json.loads(listed.stdout)['entries']:
        if not entry.get('error_kind') and entry.get('has_schedulers'):
            return entry
    return None


def strip(source, image, path):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(['strip', '-g', '-o', out.name, source], check=True)
        os.chmod(out.name, os.stat(source).st_mode & 0o777)
        image.file(out.name, path)


def add_product(image, build, entry):
    """ktstr, the examples, and a cache with one kernel (XDG_CACHE_HOME is /lab/cache)."""
    for name in ('ktstr', 'tests/examples/examples', 'bench/hello'):
        path = os.path.join(build, name)
        if os.path.exists(path):
            strip(path, image, path)
            for library in libraries(path):
                image.file(library)
    if entry:
        home = '/lab/cache/ktstr/kernels/' + entry['key']
        for name in ('bzImage', 'vmlinux', 'config', 'metadata.json'):
            if os.path.exists(f"{entry['path']}/{name}"):
                image.file(f"{entry['path']}/{name}", f'{home}/{name}')
        if os.path.isdir(entry['path'] + '/sched_ext/bin'):
            image.tree(entry['path'] + '/sched_ext/bin', home + '/sched_ext/bin')
    for scheduler in glob.glob(f"{entry['path']}/sched_ext/bin/*") if entry else ():
        for library in libraries(scheduler):
            image.file(library)


# --- a run ---------------------------------------------------------------------------------------------------------

class Result:
    """The results: `status` of the command, its `output`, the first level's `console`, and the files that it left."""

    def __init__(self, status, output, console, files):
        self.status, self.output, self.console, self.files = status, output, console, files

    def __str__(self):
        return f'status {self.status}\n{self.output[-6000:]}\n--- console of the first level\n{self.console[-2000:]}'


# QEMU lets a nested guest write XCR0 without telling KVM. The guest then reads a wrong size of the XSAVE area, which Linux
# calls inconsistent and does without; on that way, 7.3-rc7 overwrites init_cred. So the lab's processor has no XSAVE.
CPU = 'max,+svm,-erms,-fsrm,-xsave'


# The lab uses the host's time: with instruction counting, guests of two vCPUs stop, and sooner or later all guests do.
def qemu_argv(home, initrd, tmp, cpus, memory_mib, words):
    return ['qemu-system-x86_64', '-accel', 'tcg,thread=multi,tb-size=512', '-cpu', CPU,
            '-M', 'q35,hpet=off', '-smp', str(cpus), '-m', str(memory_mib), '-nodefaults', '-no-user-config',
            '-display', 'none', '-no-reboot', '-kernel', home + '/vmlinuz', '-initrd', initrd, '-append', CMDLINE + words,
            '-chardev', f'file,id=console,path={tmp}/console', '-serial', 'chardev:console',
            '-device', 'virtio-serial-pci,max_ports=4', '-chardev', 'stdio,id=out', '-device',
            'virtconsole,chardev=out', '-chardev', f'file,id=results,path={tmp}/results.tar', '-device',
            'virtserialport,chardev=results,name=results']


def read_files(path):
    files = {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile():
                    files[os.path.normpath(member.name)] = tar.extractfile(member).read()
    except (tarfile.TarError, OSError):
        pass
    return files


def show_raw(line):
    print(line, flush=True)


def start(argv, timeout, live):
    """Runs QEMU; its standard output is the command's. `live`, if given, gets each complete line."""
    chunks, pending = [], b''
    with subprocess.Popen(['timeout', '-s', 'KILL', str(timeout), *argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for chunk in iter(lambda: process.stdout.read1(65536), b''):
            chunks.append(chunk)
            *lines, pending = (pending + chunk).split(b'\n')
            for line in lines if live else ():
                live(line.decode(errors='replace').rstrip('\r'))
    if live and pending:
        live(pending.decode(errors='replace'))
    return b''.join(chunks).decode(errors='replace').replace('\r\n', '\n')


def run(command, fill, timeout=600, cpus=1, memory_mib=MEMORY_MIB, live=None, words=''):
    """Boots the lab with the files that `fill(image)` adds, and runs the shell text `command` there."""
    home = first_level()
    image = Image()
    for name in ('busybox', 'irqbypass.ko', 'kvm.ko', 'kvm-amd.ko'):
        image.file(f'{home}/{name}', '/lab/' + name)
    image.data('/lab/init', INIT.encode(), 0o755)
    image.data('/lab/pulse', PULSE.encode())
    image.data('/lab/command', command.encode())
    fill(image)
    with tempfile.TemporaryDirectory(prefix='ktstr-lab-') as tmp:
        with open(tmp + '/initrd', 'wb') as out:
            out.write(image.finish())
        output = start(qemu_argv(home, tmp + '/initrd', tmp, cpus, memory_mib, words), timeout, live)
        files = read_files(tmp + '/results.tar')
        with open(tmp + '/console', encoding='utf-8', errors='replace') as f:
            console = f.read()
    status = int(files.pop('status', b'-1'))
    return Result(status, output, console, files)


def main():
    p = argparse.ArgumentParser(description='Run a command in the KVM lab.')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'))
    p.add_argument('--kernel', help='cache key; the newest otherwise')
    p.add_argument('--out', help='where files from /results go')
    p.add_argument('--timeout', type=int, default=900)
    p.add_argument('--memory', type=int, default=MEMORY_MIB)
    p.add_argument('--add', action='append', default=[], metavar='PROGRAM[=PATH]')
    p.add_argument('command', nargs='+')
    a = p.parse_args()
    build = os.path.abspath(a.build)
    entry = cached_kernel(build)

    def fill(image):
        add_product(image, build, entry)
        for item in a.add:
            image.program(*item.split('=', 1))
    text = a.command[0] if len(a.command) == 1 else shlex.join(a.command)
    try:
        result = run(PRELUDE + text + '\n', fill, a.timeout, memory_mib=a.memory, live=show_raw)
    except NoLab as why:
        sys.exit(f'lab: {why}')
    for name, body in result.files.items() if a.out else ():
        path = os.path.join(a.out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(body)
    if result.status < 0:
        print(result.console[-4000:], file=sys.stderr)
    sys.exit(result.status if result.status >= 0 else 1)


if __name__ == '__main__':
    main()
