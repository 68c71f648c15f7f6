#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A dump of a crashed guest's memory says what the guest knew of itself: tasks, stacks, cgroups, the scheduler; and its
first lines name the task that starved. A dump of a scheduler whose maps hold known patterns shows them
(tests/vm/dump-maps.json and .txt; KTSTR_BLESS=1 writes them anew).

With VMLINUX CORE instead of the build directory's second argument, it looks at a core that is there already:
    tests/vm/dump.py BUILD [VMLINUX CORE]
"""
import difflib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import schema  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

SCHEMA = os.path.join(HERE, '..', '..', 'docs', 'dump.schema.json')
FACT = re.compile(rb'fact: (\d{4}) ([\t -~]{1,500}?)\$\0')
POLICIES = {0: 'SCHED_OTHER', 1: 'SCHED_FIFO', 2: 'SCHED_RR', 3: 'SCHED_BATCH', 5: 'SCHED_IDLE', 6: 'SCHED_DEADLINE', 7: 'SCHED_EXT'}


def facts_of(core):
    """What the guest noted: {pid: {'Name': ..., 'stack': [...]}}, and attributes of sched_ext."""
    with open(core, 'rb') as f:
        numbered = {int(number): line.decode() for number, line in FACT.findall(f.read())}
    lines = [numbered[i] for i in sorted(numbered)]
    tasks, attributes = {}, {}
    for what, rest in (line.split(' ', 1) for line in lines):
        if what not in ('status', 'cgroup', 'stack', 'stat', 'schedstat', 'sched', 'io'):
            attributes[what] = rest
            continue
        pid, value = rest.split(' ', 1)
        task = tasks.setdefault(int(pid), {'stack': []})
        if what == 'stack':
            task['stack'].append(value.split('] ')[1].split('/')[0])
        elif what == 'cgroup':
            task['cgroup'] = value[3:]
        elif what in ('stat', 'schedstat'):
            task[what] = value
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
        # A system call without arguments has two names for one place.
        ours, its = ([frame.split('/')[0].replace('__do_sys_', '__x64_sys_') for frame in frames]
                     for frames in (task.get('stack', []), fact['stack']))
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
    blocked = text.split('blocked in the kernel: ')
    check(len(blocked) == 2 and re.match(r'\w+\[\d+\]  cgroup /\n( {4}.*\n)* {4}kernel_clone\+0x', blocked[1]),
          'the process that waits for its child of vfork(2) is named with its stack', blocked[1:])


def proc_values(fact):
    """The metrics of `ktstr ctprof` that the guest's own /proc had."""
    stat = fact['stat'].rsplit(') ', 1)[1].split()      # from field 3 on
    run, wait, slices = map(int, fact['schedstat'].split())
    values = {'start_time_clock_ticks': int(stat[19]), 'minflt': int(stat[7]), 'majflt': int(stat[9]), 'priority': int(stat[15]),
              'nice': int(stat[16]), 'rt_priority': int(stat[37]), 'policy': POLICIES[int(stat[38])], 'run_time_ns': run,
              'wait_time_ns': wait, 'timeslices': slices, 'voluntary_csw': int(fact['voluntary_ctxt_switches']),
              'nonvoluntary_csw': int(fact['nonvoluntary_ctxt_switches']) if 'nonvoluntary_ctxt_switches' in fact else None,
              'cpu_affinity': fact['Cpus_allowed_list'], 'cgroup': fact['cgroup']}
    for ours, its in (('nr_migrations', 'se.nr_migrations'), ('rchar', 'rchar'), ('syscr', 'syscr')):
        if its in fact:
            values[ours] = int(fact[its])
    if 'ext.enabled' in fact:
        values['ext_enabled'] = fact['ext.enabled'] == '1'
    return {k: v for k, v in values.items() if v is not None}


def profile(vmlinux, core):
    """`ktstr ctprof capture --vm`: values equal to those that the guest read from its /proc, for tasks that have not run since."""
    begin = time.monotonic()
    run = Run('ctprof', 'capture', '--vm', core, '--vmlinux', vmlinux, '-o', '-')
    if not check(run.status == 0, 'a profile of the threads can be taken from the memory', run.err):
        return
    print(f'# ktstr ctprof capture --vm: {time.monotonic() - begin:.2f} s')
    whole = json.loads(run.out)
    threads = {t['tid']: t for t in whole['threads'] if t['tid'] == t['tgid']}
    facts, _ = facts_of(core)
    wrong, compared, values = [], 0, 0
    for pid, fact in facts.items():
        ours = threads.get(pid)
        if not ours or ours['timeslices'] != int(fact['schedstat'].split()[2]) or ours['state'] == 'R':
            continue        # it has run since, or does
        compared += 1
        its = proc_values(fact)
        values += len(its)
        wrong += [(pid, fact['Name'], k, ours[k], v) for k, v in its.items() if ours[k] != v]
    check(not set(facts) - set(threads), 'every process that the guest saw is in it', set(facts) - set(threads))
    check(compared >= 15 and values > 200 and not wrong, 'values are those of the guest\'s own /proc', (compared, values, wrong[:5]))
    print(f'# {compared} processes, {values} values compared; {len(whole["threads"])} threads in the profile')
    unknown = whole['source']['unknown']
    nulls = {k for k in whole['threads'][0] if all(t.get(k) is None for t in whole['threads'])}
    check(nulls <= set(unknown) and unknown['utime_clock_ticks'] == 'the kernel computes it when /proc is read' and
          whole['psi'] is None, 'what no thread has is null, with the reason', (nulls - set(unknown), unknown))
    with tempfile.TemporaryDirectory() as d:
        kept = Run('ctprof', 'capture', '--vm', os.path.dirname(core), '--vmlinux', vmlinux, '-o', d + '/x.ctprof.zst')
        shown = Run('ctprof', 'show', '--group-by', 'all', '--metrics', 'run_time_ns', d + '/x.ctprof.zst')
        check(kept.status == 0 and shown.status == 0 and 'run_time_ns' in shown.out, 'a directory with one image will do; show reads the file',
              (kept, shown))
    for name, words, status, said in (('without the kernel', ['--vm', core], 64, 'name the kernel that ran with --vmlinux'),
                                      ('two places', ['--vm', core, '--root', '/'], 64, '--vm and --root are two places'),
                                      ('no image', ['--vm', vmlinux, '--vmlinux', vmlinux], 65, 'vmlinux'),
                                      ('an empty directory', ['--vm', os.path.dirname(vmlinux), '--vmlinux', vmlinux], 65,
                                       'has 0 memory images')):
        run = Run('ctprof', 'capture', *words, '-o', '-')
        check(run.status == status and said in run.err and not run.out, f'{name}: exits with {status}', run)


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


# --- a scheduler with a map of every type ------------------------------------------------------------------------------

GOLDEN = os.path.join(HERE, 'dump-maps')
# What differs from one build or boot to another.
VARYING = [(re.compile(r'\b0xffff[0-9a-f]{12}\b'), '0xKERNEL'), (re.compile(r'\b0x7f[0-9a-f]{10}\b'), '0xUSER'),
           (re.compile(r'\+0x[0-9a-f]+/0x[0-9a-f]+$'), ''), (re.compile(r'\bid \d+$'), 'id N'),
           (re.compile(r'\bbpf_prog_[0-9a-f]{16}_'), 'bpf_prog_TAG_')]
OPS = ('enqueue', 'dispatch', 'running', 'stopping', 'init', 'exit', 'name')


def steady(value):
    """The value without what differs from one build or boot to another."""
    if isinstance(value, str):
        for pattern, text in VARYING:
            value = pattern.sub(text, value)
        return value
    if isinstance(value, list):
        return [steady(v) for v in value]
    return {k: steady(v) for k, v in value.items()} if isinstance(value, dict) else value


def steady_map(m):
    m = dict(steady(m), id=0)
    del m['map_kva']
    for key in ('entries', 'percpu_hash_entries'):    # in the order of a hash with a random seed
        m[key] = sorted(m.get(key, []), key=lambda e: json.dumps(e.get('key', e.get('comm', ''))))
        for entry in m[key]:
            if entry.get('pid', 1) != 1:
                entry['pid'] = 2
    for stack in m.get('stack_trace', {}).get('entries', []):
        stack.update(bucket_id=0, nr=1, pcs=stack['pcs'][:1])
    if m['name'].startswith('scx_patt'):              # of the common library, too, and compilers order them as they like
        m['value_size'] = 0
        m['value']['members'] = sorted((v for v in m['value']['members'] if v['name'].startswith('pattern')),
                                       key=lambda v: v['name'])
    if m['map_type'] == 'STRUCT_OPS':                 # kernels have other members
        m['value_size'] = 0
        m['value']['members'] = [part for part in m['value']['members'] if part['name'] == 'data']
        data = m['value']['members'][0]['value']
        data['members'] = [v for v in data['members'] if v['name'] in OPS]
    return {k: v for k, v in m.items() if v != []}


def check_patterns(dump, scratch):
    maps = sorted((steady_map(m) for m in dump['maps'] if re.match('p_|scx_patt|patterns_ops', m.get('name', ''))),
                  key=lambda m: m['name'])
    named = scratch / 'maps.failure-dump.json'
    with open(named, 'w', encoding='utf-8') as f:
        json.dump(dict(schema='single', reason='maps', maps=maps), f)
    shown = {'.json': ''.join(json.dumps(m, sort_keys=True) + '\n' for m in maps),
             '.txt': Run('dump', '--maps', named).out}
    for suffix, text in shown.items():
        if os.environ.get('KTSTR_BLESS'):
            with open(GOLDEN + suffix, 'w', encoding='utf-8') as f:
                f.write(text)
        with open(GOLDEN + suffix, encoding='utf-8') as f:
            expected = f.read()
        wrong = '\n'.join(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm='', n=1))
        check(text == expected, f'maps of {len(maps)} kinds hold the patterns (tests/vm/dump-maps{suffix})', wrong)
    owned = [m['name'] for m in dump['maps'] if m.get('active')]
    check({'p_hash', 'p_ring', 'p_stacks', 'scx_patt.bss'} <= set(owned), "maps without types are the scheduler's, too",
          owned)
    frames = [s['pcs'] for m in dump['maps'] if m.get('name') == 'p_stacks' for s in m['stack_trace']['entries']]
    check(len(frames) == 1 and '_note_stack+' in frames[0][0] and 'entry_SYSCALL_64' in frames[0][-1],
          'a kept stack reaches from the program to the system call', frames)


def check_exit(dump):
    ended = dump['scx_exit']
    seen = {k: ended.get(k) for k in ('kind', 'kind_number', 'reason', 'exit_code')}
    check(seen == {'kind': 'ERROR_BPF', 'kind_number': 1025, 'reason': 'scx_bpf_error', 'exit_code': 0} and
          ended['msg'].endswith('patterns are shown, number 42'), "the scheduler's exit is shown as it was", ended)
    frames = [f.split('+')[0] for f in ended['backtrace']]
    named = [re.sub('^bpf_prog_[0-9a-f]{16}_', 'bpf:', f) for f in frames]
    check(re.search('(^|;)scx_bpf_error_bstr;bpf:give_up;bpf:patterns_dispatch;.*__schedule;', ';'.join(named)) and
          not [f for f in frames if f.startswith('0x')], 'and its backtrace goes through the BPF program', ended['backtrace'])


# Where a stack of the kernel may begin: at its entry, at an interrupt of a program, in a thread's first function.
FIRST_FRAME = re.compile(r'entry_|asm_|ret_from_fork|secondary_startup_64|common_startup_64|x86_64_start_kernel')


def check_running(dump):
    registers, wrong, kernel = dump['vcpu_regs'], [], 0
    for task in (t for t in dump['task_enrichments'] if t['on_cpu']):
        cpu = registers[task['cpu']]
        if cpu['user']:
            if task.get('stack_unavailable') != 'it runs a program, not the kernel':
                wrong.append((task['comm'], cpu, task.get('stack')))
            continue
        kernel += 1
        stack = task.get('stack') or ['']
        if task.get('stack_end') or stack[0] != cpu.get('symbol') or not FIRST_FRAME.match(stack[-1]):
            wrong.append((task['comm'], cpu, stack, task.get('stack_end')))
    check(len(registers) == 2 and kernel and not wrong,
          'each task that runs in the kernel has a stack, from the registers of its CPU to where it began', wrong or registers)
    tops = [r.get('symbol', '').split('+')[0] for r in registers]
    check(any(re.match('scx_.*irq_workfn', top) for top in tops), 'one of them ends the scheduler', tops)


def patterns(scratch, kernel):
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(=ktstr/patterns_shown)', scratch.path,
              env={'KTSTR_SIDECAR_DIR': scratch.path})
    files = glob.glob(scratch.path + '/patterns_shown-*.failure-dump.json')
    if not check(len(files) == 1, 'a scheduler that the kernel ended leaves a dump', run):
        return
    with open(files[0], encoding='utf-8') as f, open(SCHEMA, encoding='utf-8') as s:
        text = f.read()
        faults = schema.text_faults(text, json.load(s))
    check(not faults, 'which is as its schema says', faults[:5])
    dump = json.loads(text)
    check(dump['bad_reads'] == 0, 'and every address was readable', dump['bad_reads'])
    check_exit(dump)
    check_running(dump)
    check_patterns(dump, scratch)


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
        built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], scratch.path,
                                'scx_misbehave', 'scx_patterns'],
                               capture_output=True, text=True, check=False)
        if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
            finish()
        shutil.copy(os.path.join(BUILD, 'tests', 'crash'), scratch.path)
        run = Run('test', '--kernel', kernel['key'], '--keep-memory', '--json', '-E', 'test(=ktstr/stalled)', scratch.path,
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        cores = glob.glob(scratch.path + '/*.vmcore')
        if check(len(cores) == 1, 'the memory of the crashed guest is kept', run):
            look(os.path.join(kernel['path'], 'vmlinux'), cores[0])
            profile(os.path.join(kernel['path'], 'vmlinux'), cores[0])
            damage(os.path.join(kernel['path'], 'vmlinux'), cores[0])
        patterns(scratch, kernel)
    check_nothing_left('nothing is left behind', before)
    finish()


if __name__ == '__main__':
    main()
