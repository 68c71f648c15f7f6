#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's kunit.py reads KTAP reports, and counts the same results. It is unpacked from Debian's kernel source, which
takes a minute."""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import made_results  # noqa: E402
from tap import Run, check, finish, skip  # noqa: E402

SOURCES = '/usr/src/linux-source-6.12.tar.xz'


def unpack(directory):
    """Path of kunit.py, or None."""
    subprocess.run(f"xz -T0 -dc {SOURCES} | tar -xf - -C {directory} --strip-components=1 --wildcards '*/tools/testing/kunit/*'",
                   shell=True, check=False)
    found = glob.glob(directory + '/tools/testing/kunit/kunit.py')
    return found[0] if found else None


def parse(kunit, directory, name, total, skipped, failed):
    path = os.path.join(directory, name + '.ktap')
    run = Run('report', name, '--to', f'ktap={path}', cwd=directory)
    done = subprocess.run([sys.executable, kunit, 'parse', path], capture_output=True, text=True, errors='replace', timeout=300)
    said = re.search(r'Ran (\d+) tests:(.*)', done.stdout)
    counts = dict((word, int(n)) for word, n in re.findall(r'(\w+): (\d+)', said.group(2))) if said else {}
    check(run.status == 0 and said and int(said.group(1)) == total and counts.get('failed', 0) == failed and counts.get('skipped', 0) == skipped and
          not counts.get('errors') and '[ERROR]' not in done.stdout, f"{name}: kunit.py parse has {total} results, {failed} failed", f'{run}' + done.stdout[-1500:] + done.stderr[-500:])


def main(directory):
    kunit = unpack(directory) if os.path.exists(SOURCES) else None
    if not kunit:
        skip("the kernel's kunit.py reads KTAP", f'no {SOURCES} (Debian: linux-source-6.12)')
        return
    for name, count in (('few', 10), ('many', 2000)):
        counts = made_results.make(os.path.join(directory, name), count, bad_share=.3)
        parse(kunit, directory, name, count, counts['skip'], counts['fail'] + counts['inconclusive'] + counts['xpass'])
    total = made_results.make_hostile(os.path.join(directory, 'hostile'))
    parse(kunit, directory, 'hostile', total, total // 4, total // 4)


with tempfile.TemporaryDirectory(prefix='ktstr-kunit-') as scratch:
    main(scratch)
finish()
