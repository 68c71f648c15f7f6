#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr shell on KVM, in the lab: a command with its input and status, several CPUs, a disk, a terminal.

    tests/lab/shell.py BUILD
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from tap import BUILD, check, finish, need_kernel, skip  # noqa: E402

INPUT_LINES = 20000


def script(kernel):
    return f'''
export PATH={BUILD}:$PATH
shell="ktstr shell --accel kvm --kernel {kernel}"
seq {INPUT_LINES} >/tmp/input
$shell --exec 'uname -r; cat | wc -l; echo complaint >&2; exit 3' </tmp/input >/results/out 2>/results/err
echo $? >/results/first.status
$shell --topology 1,1,2,1 --disk 8MiB --exec 'nproc; cat /sys/block/vda/size; kill -9 $$' >/results/two 2>&1
echo $? >/results/two.status
$shell --exec 'sleep 100' --exec-timeout 1s >/results/late 2>&1
echo $? >/results/late.status
mkdir -p /dev/pts && mount -t devpts none /dev/pts
(until grep -q "type 'exit'" /tmp/typescript 2>/dev/null || [ -e /tmp/over ]; do sleep 1; done; printf 'stty size; tty\\nexit 5\\n') |
	(script -q -e -f -c "stty rows 30 cols 90; $shell" /tmp/typescript >/results/script 2>&1
	echo $? >/results/terminal.status; touch /tmp/over)
cp /tmp/typescript /results/typescript
'''


def main():
    entry = need_kernel('lab_shell')

    def fill(image):
        lab.add_product(image, BUILD, entry)
        image.program('/usr/bin/script')
    try:
        result = lab.run(lab.PRELUDE + script(entry['key']), fill)
    except lab.NoLab as why:
        skip('lab_shell', str(why))
        finish()
    said = {name: body.decode(errors='replace') for name, body in result.files.items()}
    if not check(result.status == 0 and 'terminal.status' in said, 'the lab runs', result.output + result.console[-2000:]):
        finish()
    check(said['out'].split() == [entry['version'], str(INPUT_LINES)] and said['first.status'].strip() == '3',
          'a command gets its input, and its status is that of the shell', said)
    check(said['err'] == 'complaint\n', 'its errors stay apart', said['err'])
    check(said['two'].split() == ['2', str((8 << 20) // 512)] and said['two.status'].strip() == '137', 'two CPUs, a disk, and a signal',
          said['two'])
    check(said['late.status'].strip() == '124' and '--exec-timeout' in said['late'], 'a command that takes too long is ended', said['late'])
    check(re.search(r'\b30 90\b', said['typescript']) and '/dev/pts/' in said['typescript'] and said['terminal.status'].strip() == '5',
          'a terminal of the right size, and the status of its shell', said['typescript'])
    finish(at_least=6)


main()
