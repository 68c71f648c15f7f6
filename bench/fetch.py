#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Downloads compared with curl and aria2c, and the cost of a thousand idle ones.

    bench/fetch.py [BUILD [ROUNDS [plain|hash|idle]]]

The server is tests/mirror/mirror.py in its own process: it sends files by sendfile(2) with one thread per connection,
so that it spends hardly any time in Python. Files come from and go to tmpfs. The programs take turns, in another order
each round; wall and CPU time are those of the whole process. The output is one JSON object per line, with the medians
and the medians of the rounds' ratios, which a busy machine disturbs less.
"""
import glob
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else 'build'
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
PARTS = sys.argv[3:] or ['plain', 'hash', 'idle']
BENCH = os.path.join(BUILD, 'bench', 'fetch_bench')
MIB = 1 << 20
SHAPES = ((1, 256 * MIB), (4, 128 * MIB), (16, 32 * MIB))   # downloads at once, bytes per download
IDLE = (1000, 20)   # machines, seconds
IDLE_BYTES = 64 * MIB
IDLE_SETTLE = 5


def serve(root):
    server = subprocess.Popen([sys.executable, os.path.join(HERE, '..', 'tests', 'mirror', 'mirror.py'), '--root', root],
                              stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().split()[0]


def measure(argv):
    """(wall seconds, CPU seconds) of a program and its children."""
    began = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f'{argv}: exit status {child.returncode}: {err.decode()[:300]}')
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def commands(sink, urls, digest, hashed):
    """The command line of each program for the same task."""
    count = len(urls)
    curl = ['curl', '-s', '-f', '--parallel', '--parallel-immediate', '--parallel-max', str(count)]
    for n, url in enumerate(urls):
        curl += ['-o', os.path.join(sink, str(n)), url]
    aria = ['aria2c', '-q', '--no-conf', '-j', str(count), '-x', '1', '-s', '1', '--file-allocation=none', '--allow-overwrite=true',
            '-d', sink]
    if not hashed:
        return {'ktstr': [BENCH, 'get', sink, 'plain', *urls], 'curl': curl, 'aria2c': aria + ['-Z', *urls]}
    listed = os.path.join(os.path.dirname(sink), 'uris')
    with open(listed, 'w') as f:
        f.write(''.join(f'{url}\n checksum=sha-256={digest}\n' for url in urls))
    joined = ' '.join(curl)
    then = ['sh', '-c', f'{joined} && openssl dgst -sha256 {sink}/*']
    return {'ktstr': [BENCH, 'get', sink, 'hash', *urls], 'curl, then openssl dgst': then, 'aria2c': aria + ['-i', listed]}


def middle(values):
    return round(statistics.median(values), 3)


def compare(scratch, base, count, size, hashed):
    data = hashlib.shake_128(b'bench').digest(MIB) * (size // MIB)
    sink, root = os.path.join(scratch, 'sink'), os.path.join(scratch, 'www')
    with open(os.path.join(root, '0'), 'wb') as f:
        f.write(data)
    for n in range(1, count):
        os.link(os.path.join(root, '0'), os.path.join(root, str(n)))
    urls, times = [f'{base}/{n}' for n in range(count)], {}
    told = list(commands(sink, urls, hashlib.sha256(data).hexdigest(), hashed).items())
    for turn in range(ROUNDS + 1):
        for name, argv in told[turn % len(told):] + told[:turn % len(told)]:
            os.makedirs(sink)
            result = measure(argv)
            sizes = [os.path.getsize(p) for p in glob.glob(sink + '/*')]
            if sizes != [size] * count:
                sys.exit(f'{name} left {sizes}')
            shutil.rmtree(sink)
            if turn:    # the first round is only a warm-up
                times.setdefault(name, []).append(result)
    for path in glob.glob(root + '/*'):
        os.unlink(path)
    line = {'name': 'downloads at once' + (', with SHA-256' if hashed else ''), 'downloads': count, 'mib_each': size // MIB,
            'rounds': ROUNDS}
    ours = times['ktstr']
    for name, theirs in times.items():
        key = name.split(',')[0]
        line[key] = {'program': name, 'wall_s': middle(t[0] for t in theirs), 'cpu_s': middle(t[1] for t in theirs),
                     'wall_min_s': round(min(t[0] for t in theirs), 3)}
        if key != 'ktstr':
            line[f'wall_ratio_{key}'] = middle(a[0] / b[0] for a, b in zip(ours, theirs))
            line[f'cpu_ratio_{key}'] = middle(a[1] / b[1] for a, b in zip(ours, theirs))
    print(json.dumps(line), flush=True)


def watched(argv, seconds):
    """CPU milliseconds per second and RSS of a program from its start-up to @seconds later; then the program is ended.
    """
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(IDLE_SETTLE)

    def cpu():
        with open(f'/proc/{child.pid}/stat', encoding='ascii') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    before = cpu()
    time.sleep(seconds)
    used = cpu() - before
    with open(f'/proc/{child.pid}/statm', encoding='ascii') as f:
        rss = int(f.read().split()[1]) * 4
    child.kill()
    child.wait()
    return {'cpu_ms_per_s': round(used * 1000 / seconds, 3), 'rss_kib': rss}


def idle(scratch, base):
    """Servers that send nothing more, and servers that send a few bytes a second; curl takes at most 300 at once."""
    count, seconds = IDLE
    sink = os.path.join(scratch, 'sink')
    with open(os.path.join(scratch, 'www', 'slow'), 'wb') as f:
        f.truncate(IDLE_BYTES)
    for kind in ('stall=1000', 'trickle=64'):
        url = f'{base}/~{kind}~/slow'
        done = subprocess.run([BENCH, 'idle', str(seconds), str(count), url], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f'idle: {done.stdout}{done.stderr}')
        line = {'name': 'idle downloads', 'peer': kind, **json.loads(done.stdout)}
        os.makedirs(sink)
        with open(os.path.join(scratch, 'uris'), 'w') as f:
            f.write(''.join(f'{url}\n out={n}\n' for n in range(count)))
        line['aria2c'] = {'downloads': count, **watched(
            ['aria2c', '-q', '--no-conf', '-j', str(count), '-x', '1', '-s', '1', '--file-allocation=none', '--disk-cache=0',
             '-d', sink, '-i', os.path.join(scratch, 'uris')], seconds)}
        curl = ['curl', '-s', '--parallel', '--parallel-immediate', '--parallel-max', '300']
        for n in range(300):
            curl += ['-o', os.path.join(sink, f'c{n}'), url]
        line['curl'] = {'downloads': 300, **watched(curl, seconds)}
        shutil.rmtree(sink)
        print(json.dumps(line), flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-fetch-', dir='/dev/shm') as scratch:
        os.mkdir(os.path.join(scratch, 'www'))
        server, base = serve(os.path.join(scratch, 'www'))
        try:
            for part in ('plain', 'hash'):
                for count, size in SHAPES if part in PARTS else ():
                    compare(scratch, base, count, size, part == 'hash')
            if 'idle' in PARTS:
                idle(scratch, base)
        finally:
            server.terminate()
            server.wait()


if __name__ == '__main__':
    main()
