#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr top beside a shell and beside a run of tests: on a pseudo-terminal, as JSON, and without a trace in the guest."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from screen import Screen  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

COLUMNS, ROWS = 90, 24
SHELLS = ('sh', 'busybox')
ATTACH = 'scx_simple > /dev/null 2>&1 & until grep -q simple /sys/kernel/sched_ext/root/ops 2> /dev/null; do sleep 0.1; done; '
SLEEP = ('sleep 999 & a=$!; sleep 998 & b=$!; renice -n 5 -p $b > /dev/null; for p in $a $b; do until grep -q ") S " /proc/$p/stat; do sleep 0.1; done; '
         'cat /proc/$p/stat /proc/$p/schedstat; grep ctxt_switches /proc/$p/status; done; ')
SPIN = 'for i in 1 2 3 4 5; do (while :; do :; done) & done; echo ready; sleep 300'


def top(*args, timeout=60):
    return Run('top', *args, timeout=timeout)


def moments(run):
    return [json.loads(line) for line in run.out.splitlines()]


class Terminal:
    """A command on a pseudo-terminal, and what a person sees there."""

    def __init__(self, *args):
        self.screen = Screen(COLUMNS, ROWS)
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            time.sleep(0.2)
            os.execve(KTSTR, [KTSTR, *args], dict(os.environ, TERM='xterm'))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', ROWS, COLUMNS, 0, 0))

    def until(self, wanted, timeout=60):
        end = time.monotonic() + timeout
        while not wanted(self.screen.texts()) and time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.screen.feed(os.read(self.master, 65536))
                except OSError:
                    break
        return wanted(self.screen.texts())

    def end(self, sig):
        os.kill(self.pid, sig)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)


def find(lines, pattern):
    return [m for m in (re.search(pattern, line) for line in lines) if m]


def read_until(stream, last):
    lines = []
    while not lines or lines[-1] not in (last, '') and len(lines) < 100:
        lines.append(stream.readline().strip())
    return lines


def facts_of(said):
    """What the guest's own /proc said of each sleeper: four lines."""
    facts = {}
    for i in range(0, len(said) - 4, 4):
        stat, schedstat, switches = said[i].rsplit(') ', 1), said[i + 1].split(), [int(line.split()[1]) for line in said[i + 2:i + 4]]
        field = stat[1].split()     # from field 3 on
        facts[int(stat[0].split()[0])] = {
            'comm': stat[0].split('(')[1], 'minflt': int(field[7]), 'majflt': int(field[9]), 'priority': int(field[15]), 'nice': int(field[16]),
            'start_time_clock_ticks': int(field[19]), 'run_time_ns': int(schedstat[0]), 'wait_time_ns': int(schedstat[1]),
            'timeslices': int(schedstat[2]), 'voluntary_csw': switches[0], 'nonvoluntary_csw': switches[1]}
    return facts


def profile(shell, said):
    """`ktstr ctprof capture --vm MACHINE`: the threads of a guest that runs."""
    captured = []
    for _ in range(2):
        run = Run('ctprof', 'capture', '--vm', str(shell.pid), '-o', '-')
        check(run.status == 0, 'a profile of the running guest is taken', run.err)
        captured.append(json.loads(run.out) if run.status == 0 else {'threads': [], 'source': {}})
    first, second = ({t['tid']: t for t in whole['threads']} for whole in captured)
    source = captured[1]['source']
    check(source.get('kind') == 'memory of a running guest' and source.get('machine') == 'shell' and source.get('incomplete') is None, 'it says of what', source)
    facts = facts_of(said)
    wrong = [(tid, k, second.get(tid, {}).get(k), v) for tid, fact in facts.items() for k, v in fact.items() if second.get(tid, {}).get(k) != v]
    check(len(facts) == 2 and not wrong, "the sleepers' 22 values are those of the guest's own /proc", (facts, wrong))
    spinners = [t for t, row in second.items() if row['comm'] in SHELLS and t in first and row['run_time_ns'] > first[t]['run_time_ns']]
    check(len(spinners) >= 2, 'those that spin ran on between two profiles', [(t, second[t]['comm'], second[t]['run_time_ns']) for t in second][:20])
    for words, status, told in ((['--vm', 'no_such_machine'], 64, "no running machine has 'no_such_machine'"),
                                (['--vm', str(shell.pid), '--vmlinux', '/x'], 64, 'a running machine says which kernel it runs')):
        run = Run('ctprof', 'capture', *words, '-o', '-')
        check(run.status == status and told in run.err and not run.out, f'{words[1:]}: exits with {status}', run)


def beside_shell(kernel):
    shell = subprocess.Popen([KTSTR, 'shell', '--kernel', kernel['key'], '--topology', '1,1,2,1', '-i', 'scx_simple', '--exec', ATTACH + SLEEP + SPIN],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = read_until(shell.stdout, 'ready')
    check(said and said[-1] == 'ready', 'a guest with a scheduler and five spinning tasks runs', said)
    listed = top('--list')
    check(listed.status == 0 and re.search(rf'^{shell.pid} +shell .* 1n1l2c1t', listed.out, re.M), 'the shell is in the list of machines', listed)
    named, other = top('--list', str(shell.pid)), top('--list', 'no_such_machine')
    check(named.out.count('\n') == 1 and str(shell.pid) in named.out and other.status == 0 and not other.out, 'or only those that are meant', f'{named}{other}')
    r = top(str(shell.pid), '--json', '--count', '3', '--interval', '300ms')
    seen = moments(r)
    check(r.status == 0 and len(seen) == 3 and all(m['machine']['pid'] == shell.pid for m in seen), 'three moments of it, as JSON', r)
    last = seen[-1] if seen else {}
    check(last.get('scheduler', {}).get('ops_name') == 'simple' and last['scheduler']['enable_state'] == 'ENABLED', 'its scheduler', last.get('scheduler'))
    check(len(last.get('cpus', [])) == 2 and any(c.get('curr_class') == 'ext' for m in seen for c in m['cpus']), 'its CPUs run tasks of sched_ext', last.get('cpus'))
    waiting = [t for m in seen for t in m['waiting'] if t['class'] == 'ext' and t['comm'] in SHELLS]
    check(waiting and all(m['waiting_count'] >= 1 for m in seen), 'tasks that wait are named', seen)
    check(any(q['origin'] == 'user' for q in last.get('dispatch_queues', [])), 'and the queue that the scheduler made', last.get('dispatch_queues'))
    check(len(seen) == 3 and seen[0]['clock_ns'] < seen[1]['clock_ns'] < seen[2]['clock_ns'], 'guest time goes on', [m.get('clock_ns') for m in seen])
    once = top('shell')
    check(once.status == 0 and once.out.count('CPU  RUNS') == 1 and 'simple ENABLED' in once.out, 'without a terminal one moment is shown', once)
    on_terminal(shell)
    profile(shell, said)
    shell.send_signal(signal.SIGTERM)
    shell.wait()


def on_terminal(shell):
    t = Terminal('top', '--interval', '100ms', str(shell.pid))
    shown = t.until(lambda lines: find(lines, r'^  1  (sh|busybox) \[\d+\] +ext +\d+ +\d+ +\d+ +\d+$') and find(lines, r'^(sh|busybox) \[\d+\] +ext +[01] +\d+$'))
    lines = t.screen.texts()
    check(shown and find(lines, r'^shell  \S+  1n1l2c1t  tcg  pid \d+$') and find(lines, r'^simple ENABLED   guest time \d+\.\d+ s   \d+ tasks, \d+ wait'),
          'on a terminal: the machine, its scheduler, its CPUs and who waits', '\n'.join(lines))
    check(len(find(lines, r'^CPU  RUNS')) == 1 and len(find(lines, r'guest time')) == 1, 'it is redrawn in place', '\n'.join(lines))
    before = find(lines, r'guest time (\d+\.\d+)')
    later = t.until(lambda now: find(now, r'guest time (\d+\.\d+)') and find(now, r'guest time (\d+\.\d+)')[0].group(1) != before[0].group(1))
    check(before and later, 'again and again', '\n'.join(t.screen.texts()))
    check(t.end(signal.SIGINT) == 0, '^C ends it with status 0')


def beside_tests(kernel, scratch):
    """It follows a run from machine to machine, and the tests have the same events as without it."""
    args = ('test', '--kernel', kernel['key'], '--seed', '7', '--jobs', '1', '-E', 'test(=ktstr/simple_crowd) | test(=ktstr/eevdf_cpusets)',
            BUILD + '/tests/examples')
    digests = []
    for watched in (False, True):
        where = scratch / f'run-{watched}'
        run = subprocess.Popen([KTSTR, *args], env=dict(os.environ, KTSTR_SIDECAR_DIR=where), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = []
        while watched and run.poll() is None and not seen:
            r = top(str(run.pid), '--json', '--interval', '50ms')
            seen = moments(r) if r.status == 0 else []
        run.wait()
        kept = {}
        for path in scratch.sidecars(where):
            with open(path) as f:
                sidecar = json.load(f)
            kept[sidecar['test_name']] = sidecar['guest']['event_digest']
        digests.append(kept)
    names = {m['machine']['name'] for m in seen}
    check(names == {'ktstr/simple_crowd', 'ktstr/eevdf_cpusets'}, 'it follows a run from machine to machine', names)
    check(len(digests[0]) == 2 and digests[0] == digests[1], 'and the guests do not notice', digests)


def refused():
    r = top('there_is_no_such_machine')
    check(r.status == 69 and 'no machine of yours runs now' in r.err, 'where nothing runs, that is said', r)
    r = Run('ctprof', 'capture', '--vm', 'there_is_no_such_machine', '-o', '-')
    check(r.status == 69 and 'no machine of yours runs now' in r.err and '--vm also takes a memory image' in r.err, 'also by ctprof', r)
    check(top('a', 'b').status == 64 and top('--list', 'a', 'b').status == 64 and top('--interval', '1').status == 64, 'mistakes are usage errors')


def main():
    kernel = need_kernel('top')
    before = machines()
    if not top('--list').out:
        refused()
    with Scratch() as scratch:
        beside_shell(kernel)
        beside_tests(kernel, scratch)
    check_nothing_left('top', before)
    finish(at_least=20)


main()
