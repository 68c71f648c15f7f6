#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A dump of a crashed guest's memory says what the guest knew of itself: tasks, stacks, cgroups, the scheduler; and its
first lines name the task that starved.

With VMLINUX CORE instead of the build directory's second argument, it looks at a core that is there already:
    tests/vm/dump.py BUILD [VMLINUX CORE]
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import schema  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SCHEMA = os.path.join(HERE, '..', '..', 'docs', 'dump.schema.json')
FACT = re.compile(rb'fact: (\d{4}) ([\t -~]{1,250}?)\$\0')


def facts_of(core):
    """What the guest noted: {pid: {'Name': ..., 'stack': [...]}}, and attributes of sched_ext."""
    with open(core, 'rb') as f:
        numbered = {int(number): line.decode() for number, line in FACT.findall(f.read())}
    lines = [numbered[i] for i in sorted(numbered)]
    tasks, attributes = {}, {}
    for what, rest in (line.split(' ', 1) for line in lines):
        if what not in ('status', 'cgroup', 'stack'):
            attributes[what] = rest
            continue
        pid, value = rest.split(' ', 1)
        task = tasks.setdefault(int(pid), {'stack': []})
        if what == 'stack':
            task['stack'].append(value.split('] ')[1].split('/')[0])
        elif what == 'cgroup':
            task['cgroup'] = value[3:]
        else:
            key, text = value.split(':', 1)
            task[key] = text.strip()
    return tasks, attributes


def same_text(task, fact):
    """Differences of what cannot change between the guest's look and ours."""
    pairs = [('comm', task['comm'], fact['Name'][:15]), ('cgroup', task.get('cgroup'), fact.get('cgroup')),
             ('cpus', task.get('cpus_allowed'), fact.get('Cpus_allowed_list'))]
    return [f"{task['pid']} {name}: {ours!r}, the guest says {its!r}" for name, ours, its in pairs
            if its is not None and ours != its]


def compare(dump, core):
    facts, attributes = facts_of(core)
    tasks = {t['pid']: t for t in dump['task_enrichments']}
    gone = set(facts) - set(tasks)
    check(len(facts) > 20 and not gone, 'every process that the guest saw is in the dump', (len(facts), gone))
    wrong = [line for pid, fact in facts.items() if pid in tasks for line in same_text(tasks[pid], fact)
             if 'kworker' not in line]
    check(not wrong, 'names, cgroups and CPUs are those that the guest saw', wrong)
    stacks, states = [], []
    compared = 0
    for pid, fact in facts.items():
        task = tasks.get(pid)
        # A task that has not run since is still where it was.
        if not task or task['on_cpu'] or str(task['nvcsw']) != fact.get('voluntary_ctxt_switches') or task['waiting']:
            continue
        if task['state'] != fact['State'][0]:
            states.append((pid, task['state'], fact['State']))
        if not fact['stack']:
            continue
        compared += 1
        ours, its = [frame.split('/')[0] for frame in task.get('stack', [])], fact['stack']
        # The guest leaves out the innermost functions, those of the scheduler.
        if ours[-len(its):] != its or len(ours) - len(its) > 6:
            stacks.append((pid, ours, its))
    check(not states, 'tasks that did not run since have the same state', states)
    check(compared >= 15 and not stacks, 'and the same stack, frame by frame', (compared, stacks[:3]))
    state = dump['scx_sched_state']
    seen = {'state': state['enable_state'].lower(), 'nr_rejected': str(int(state['nr_rejected'])),
            'enable_seq': str(int(state['enable_seq'])), 'switch_all': str(int(state['switching_all'])),
            'root/ops': state['ops_name']}
    wrong = {k: (seen[k], attributes.get(k)) for k in seen
             if not (attributes.get(k) or '').startswith(seen[k])}
    check(not wrong, 'the state of sched_ext is what the guest says', wrong)


def check_queues(dump):
    tasks = {t['kva']: t for t in dump['task_enrichments']}
    queues = [q for q in dump['dsq_states'] if q.get('nr')]
    wrong = [q for q in queues if len(q.get('tasks', [])) != q['nr']]
    check(queues and not wrong, 'each queue has as many tasks as it counts', wrong)
    lost = [t['pid'] for q in queues for t in q['tasks']
            if t['kva'] not in tasks or tasks[t['kva']]['scx'].get('dsq_id') != q['id']]
    check(not lost, 'and each of them says that it is in that queue', lost)
    waiting = [t for t in dump['task_enrichments'] if t['waiting'] and t['sched_class'] == 'ext']
    lists = {r['kva'] for cpu in dump['rq_scx_states'] for r in cpu.get('runnable_tasks', [])}
    check(waiting and all(t['kva'] in lists for t in waiting), 'each waiting task is on the list of a run queue', waiting)


def check_maps(dump):
    maps = {m.get('name', ''): m for m in dump['maps']}
    variables = {v['name']: v['value'].get('value') for m in maps.values() if m.get('active') and 'value' in m
                 for v in m['value'].get('members', [])}
    check(variables.get('misbehaviour') and variables.get('nr_cpus') == 2 and variables.get('after_ns') == 200000000,
          "the scheduler's variables have the values that it was given", variables)
    ops = maps.get('misbehave_ops', {})
    data = {v['name']: v['value'] for part in ops.get('value', {}).get('members', []) if part['name'] == 'data'
            for v in part['value']['members']}
    check(data.get('name', {}).get('text') == 'misbehave' and 'enqueue' in data.get('enqueue', {}).get('symbol', ''),
          'its struct_ops name its functions', data)
    missing = [m['name'] for m in dump['maps'] if not m.get('active') or 'error' in m]
    check(not missing, 'all maps of the scheduler are read', missing)


def check_text(text):
    lines = text.splitlines()
    first = lines[:10]
    check(any(re.match(r'longest wait: \S+\[\d+\] is ready to run for \d{4,} ms, class ext, .*cgroup /ktstr/crowd$', line)
              for line in first), 'the first lines name the task that starved, and since when', first)
    check(any(re.search(r'in the user dispatch queue 0x\w+, place \d+ of \d+', line) for line in first),
          'its place in its queue', first)
    check(any(re.match(r' {4}\w+\+0x', line) for line in first), 'and its stack', first)


def look(vmlinux, core):
    tool = os.path.join(BUILD, 'tests', 'dump_core')
    shown = subprocess.run([tool, vmlinux, core], capture_output=True, text=True, check=False)
    check(shown.returncode == 0, 'a dump can be taken', shown.stderr)
    print('# ' + shown.stderr.strip())
    check_text(shown.stdout)
    written = subprocess.run([tool, vmlinux, core, '--json', 'all'], capture_output=True, text=True, check=False).stdout
    with open(SCHEMA, encoding='utf-8') as f:
        faults = schema.text_faults(written, json.load(f))
    check(not faults, 'the dump is as its schema says', faults[:5])
    dump = json.loads(written)
    check(dump['bad_reads'] == 0, 'every address was readable', dump['bad_reads'])
    compare(dump, core)
    check_queues(dump)
    check_maps(dump)


def damage(vmlinux, core):
    """The guest's memory may be anything: damaged images give a dump, too."""
    tool = os.path.join(BUILD, 'tests', 'mutate_core')
    run = subprocess.run([tool, vmlinux, core, '100', '1'], capture_output=True, text=True, check=False)
    check(run.returncode == 0, 'a hundred damaged images can be dumped', (run.returncode, run.stderr))
    print('# ' + run.stdout.strip())


def main():
    if len(sys.argv) > 3:
        look(*sys.argv[2:4])
        finish()
    kernel = need_kernel('dump')
    before = machines()
    with Scratch() as scratch:
        built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], scratch.path],
                               capture_output=True, text=True, check=False)
        if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
            finish()
        shutil.copy(os.path.join(BUILD, 'tests', 'crash'), scratch.path)
        run = Run('test', '--kernel', kernel['key'], '--keep-memory', '--json', '-E', 'test(=ktstr/stalled)', scratch.path,
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        cores = glob.glob(scratch.path + '/*.vmcore')
        if check(len(cores) == 1, 'the memory of the crashed guest is kept', run):
            look(os.path.join(kernel['path'], 'vmlinux'), cores[0])
            damage(os.path.join(kernel['path'], 'vmlinux'), cores[0])
    check_nothing_left('nothing is left behind', before)
    finish()


if __name__ == '__main__':
    main()
