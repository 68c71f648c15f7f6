#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A scenario that cannot run is refused before a machine starts, with a message that names the fault and its place."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
BINARY = BUILD + '/tests/invalid/invalid'

# test -> its error in the list; None: the error is not known before a guest runs the test
CASES = {
    'llc_range': r"cgroup 'cg_0': cpuset: KTSTR_LLC\(3\): the topology has 2 LLCs, numbered from 0",
    'node_range': r'KTSTR_NODE\(1\): the topology has 1 NUMA node, numbered from 0',
    'part_of_none': r'need 1 part or more, not 0',
    'part_index': r'there is no part 3 of 3: parts are numbered from 0',
    'part_too_many': r'not enough usable CPUs \(3\) for 8 parts',
    'overlap_share': r'the share 1.5 of KTSTR_OVERLAP is not between 0 and 1',
    'range_finite': r'KTSTR_RANGE\(0, inf\) is not finite',
    'range_share': r'KTSTR_RANGE\(0.5, 1.5\) is not between 0 and 1',
    'range_order': r'KTSTR_RANGE\(0.5, 0.25\) ends before it starts',
    'range_empty': r'the cpuset has no usable CPU',
    'exact_empty': r'the list of KTSTR_CPUS is empty',
    'exact_outside': r"KTSTR_CPUS names CPUs 4-5, the topology has 0-3",
    'exact_nonsense': r"'two' is not a CPU list",
    'mems_range': r"cgroup 'cg_0': cpuset_mems names node 1, topology has 1 NUMA nodes",
    'odd_pair': r"cgroup 'cg_0': PipeIo needs a number of workers that is divisible by 2, not 3",
    'odd_group': r'FanOutCompute needs a number of workers that is divisible by 5, not 7',
    'ten_thousand': r"cgroup 'cg_0': more than 4096 workers in one step",
    'both_counts': r'workers and workers_share are both said',
    'share_nan': r'workers_share nan is not a share',
    'no_phases': r'Sequence needs phases',
    'no_function': r'Custom needs a function',
    'short_chain': r'WakeChain needs a depth of 2 or more',
    'fifo_zero': r'KTSTR_FIFO priority 0 is not in 1\.\.99',
    'rr_hundred': r'KTSTR_RR priority 100 is not in 1\.\.99',
    'deadline_order': r'KTSTR_DEADLINE needs 0 < runtime <= deadline <= period, got 5000, 4000, 4000 us',
    'nice_range': r'nice 20 is not in -20\.\.19',
    'long_comm': r"comm 'sixteen_bytes_it' has not 1 to 15 bytes",
    'affinity_outside': r"affinity '1-2' names CPU\(s\) \{2\} outside its cpuset",
    'affinity_pool': r'KTSTR_AFFINITY\(RANDOM_SUBSET\) of 3 CPUs from a pool of 2',
    'bind_nothing': r'KTSTR_MEM_BIND with an empty node set',
    'bind_outside': r'KTSTR_MEM_BIND nodes \{1\} are not all among the NUMA nodes of its cpuset',
    'prefer_two': r"KTSTR_MEM_PREFERRED takes one node, got '0-1'",
    'weight_range': r"cgroup 'cg_0': cpu_weight 10001 is not in 1\.\.10000",
    'period_range': r'cpu_period_us 10 is not in 1000\.\.1000000',
    'two_quotas': r'cpu_quota_pct and cpu_quota_us are both said',
    'unlimited_quota': r"cgroup 'cg_0': cpu_unlimited and a quota are both said",
    'node_unknown': r"cgroup 'cg_0': numa_node 1 out of range: topology has 1 NUMA nodes",
    'node_and_affinity': r"cgroup 'cg_0': numa_node and an affinity are both said",
    'affinity_node': r"cgroup 'cg_0': numa_node 2 out of range",
    'subset_of_list': r"cgroup 'cg_0': KTSTR_AFFINITY\(RANDOM_SUBSET\) of 3 CPUs from a list of 2",
    'subset_outside': r"cgroup 'cg_0': affinity '1' names CPU\(s\) \{1\} outside its cpuset",
    'thread_forks': r"cgroup 'cg_0': KTSTR_CLONE_THREAD: ForkExit needs processes",
    'thread_moves': r"cgroup 'cg_0': KTSTR_CLONE_THREAD: CgroupChurn needs processes",
    'long_pcomm': r"cgroup 'cg_0': pcomm 'sixteen_bytes_it' has not 1 to 15 bytes",
    'merged_comm': r"cgroup 'cg_0': comm 'sixteen_bytes_it' has not 1 to 15 bytes",
    'node_elsewhere': r"cgroup 'cg_0': numa_node 1 has no CPU in its cpuset",
    'twice': r"^cgroup 'cg_0' is declared twice",
    'bad_name': r"'\.\./escape' is not a valid name for a cgroup: it must be printable UTF-8",
    'name_no_utf8': "'gr\ufffd' is not a valid name for a cgroup: it must be printable UTF-8",
    'name_of_control': r"'a\?\[2J' is not a valid name for a cgroup",
    'phase_no_utf8': r"step 'ph\ufffdase': its name is not printable UTF-8",
    'child_outside': r"cgroup 'p/c': CPU\(s\) \{2\} are not in the cpuset of its parent 'p'",
    'busy_parent': r"cgroup 'p/c': a cpuset cannot be set, its parent 'p' has workers of its own",
    'add_known': r"KTSTR_OP\(ADD_CGROUP\) 'a' collides with a cgroup already tracked",
    'remove_unknown': r"KTSTR_OP\(REMOVE_CGROUP\): there is no cgroup 'c' at that time",
    'set_unknown': r"KTSTR_OP\(SET_CPUSET\): there is no cgroup 'c' at that time",
    'set_bad': r"cgroup 'b': cpuset: KTSTR_LLC\(2\): the topology has 2 LLCs",
    'use_after_remove': r"KTSTR_OP\(STOP_CGROUP\): there is no cgroup 'b' at that time",
    'swap_none': r"KTSTR_OP\(SWAP_CPUSETS\): cgroup 'b' has no cpuset",
    'move_self': r"KTSTR_OP\(MOVE_ALL_TASKS\): both cgroups are 'a'",
    'move_to_step': r"KTSTR_OP\(MOVE_ALL_TASKS\): from the backdrop's 'a' to 'c', which ends with the step",
    'freeze_twice': r"KTSTR_OP\(FREEZE_CGROUP\): 'a' is frozen already",
    'spawn_odd': r"cgroup 'a': FutexPingPong needs a number of workers that is divisible by 2, not 3",
    'no_scheduler': r'KTSTR_OP\(DETACH_SCHEDULER\): the test has no scheduler',
    'no_payload': r'KTSTR_OP\(RUN_PAYLOAD\): no payload is named',
    'payload_stranger': r"KTSTR_OP\(RUN_PAYLOAD\): payload 'stranger' is neither the test's .payload nor one of its .workloads",
    'payload_nowhere': r"KTSTR_OP\(RUN_PAYLOAD\): there is no cgroup 'c' at that time",
    'payload_twice': r"KTSTR_OP\(RUN_PAYLOAD\): payload 'declared' runs there already; wait for it first",
    'payload_idle': r"KTSTR_OP\(WAIT_PAYLOAD\): payload 'declared' does not run at that time",
    'payload_which': r"KTSTR_OP\(KILL_PAYLOAD\): payload 'declared' runs in 'a' and 'b': name one",
    'payload_waited': r"KTSTR_OP\(WAIT_PAYLOAD\): payload 'declared' does not run at that time",
    'payload_gone': r"KTSTR_OP\(KILL_PAYLOAD\): payload 'declared' does not run in a at that time",
    'payload_in_two_roles': r"payload 'declared': it is named twice",
    'payload_formless': r"payload 'formless': checks of metrics need its output to be JSON, TAP, TEXT or LLM",
    'payload_undeclared': r"payload 'stranger' is neither the test's .payload nor one of its .workloads",
    'payload_of_definition': r"cgroup 'a': payloads: payload 'stranger' is neither",
    'attach_attached': r'KTSTR_OP\(ATTACH_SCHEDULER\): the scheduler is attached at that time',
    'not_staged': r"KTSTR_OP\(REPLACE_SCHEDULER\): 'other' is not among the test's staged schedulers",
    'loop_grows': r"KTSTR_OP\(ADD_CGROUP\) 'y' collides with a cgroup already tracked",
    'hold_share': r'KTSTR_HOLD_SHARE\(-0.5\) is not between 0 and 1',
    'no_steps': r'the scenario has no steps',
    'gone_with_step': r"step 'second': KTSTR_OP\(STOP_CGROUP\): there is no cgroup 'x' at that time",
    'words_without_error': r'expect_scx_error_\* needs expect_err',
    'words_no_regex': r'expect_scx_error_matches is not a valid regular expression',
    'perf_and_not': r'performance_mode and no_perf_mode exclude each other',
    'host_scenario': r'a host_only test has no machine for a scenario',
    'host_and_files': r'host_only excludes a scheduler, payloads and include files',
    'nodes_and_llcs': r'numa_nodes and llcs follow from its nodes: leave them out',
    'known_without_entry': r'its known_fail has no entry',
    'known_without_reason': r'an entry of its known_fail has no reason',
    'expects_no_end': r'expect_err expects the end of its scheduler, and it has none; expect_finding expects a finding',
    'finding_without_error': r'expect_finding needs expect_err',
    'finding_and_words': r'expect_finding and expect_scx_error_\* exclude each other',
    'sysctl_without_value': r'a sysctl of its scheduler is not of the form NAME=VALUE',
    'limit_negative': r"cgroup 'cg_0': its check max_gap_ms is neither a number above 0 nor KTSTR_ZERO nor KTSTR_OFF",
    'loads_limit_nan': r"cgroup 'cg_0': its check max_spread_pct is neither a number above 0",
    'rate_negative': r'its check min_work_rate is neither a number above 0 nor KTSTR_ZERO nor KTSTR_OFF',
    'scheduler_limit_nan': r'its check max_throughput_cv is neither a number above 0 nor',
    'budget_without_sharing': r'cpu_budget needs no_perf_mode: a machine with a budget reserves no CPUs',
    'host_and_budget': r'host_only excludes cleanup_budget_ms, cpu_budget and workload_root_cgroup: there is no machine',
    'host_and_kaslr': r'host_only excludes kaslr: there is no machine',
    'watchdog_without_scheduler': r'watchdog_timeout_s needs a scheduler',
    'watchdog_too_long': r"its watchdog_timeout_s is more than the kernel's maximum of 30 seconds",
    'cgroup_enforces': r"cgroup 'cg_0': its check enforce is about the whole machine; set it in the test or the scheduler",
    'storm_without_scheduler': r'survives_storm needs a scheduler',
    'storm_and_error': r'survives_storm and expect_err exclude each other',
    'snapshots_too_close': r'its 16 snapshots in 2000 ms would be less than 100 ms apart; take at most 15, or set \.duration_s',
    'snapshots_too_many': r'its num_snapshots is 65; write at most 64',
    'write_without_scheduler': r'its bpf_map_write needs a scheduler, whose variables are meant',
    'write_of_nothing': r'its bpf_map_write has 0 entries; write 1 to 64',
    'watch_of_nothing': r"'x' of its watch_bpf_maps names neither a map nor a field",
    'watch_label': r'a label of its watch_bpf_maps is not a name; use letters, digits, _ \. and -',
    'host_and_snapshots': r'host_only excludes num_snapshots, bpf_map_write, watch_bpf_maps and post_vm: there is no machine',
    'disk_small': r'its disk has 4096 bytes; write a multiple of 4096 from 1 MiB to 1 TiB',
    'disk_unknown': r"its disk's fs is not known; write \"ext4\"",
    'disk_too_small_for_it': r'its disk has 4194304 bytes, too few for ext4; write at least 8 MiB',
    'disk_without_one': r'its disk has a mount and no fs: write \.fs = "ext4"',
    'disk_climbs': r"its disk's mount '/data/\.\./proc' is not a valid path",
    'disk_is_root': r"its disk's mount '/' is not a valid path",
    'disk_over_proc': r"its disk's mount '/proc' hides a part of the guest's system; write another path, such as \"/data\"",
    'disk_over_cgroups': r"its disk's mount '/sys/fs/cgroup' hides a part of the guest's system",
    'disk_over_libraries': r"its disk's mount '/usr/lib' hides",
    'disk_over_tmp': r"its disk's mount '/tmp' hides",
    'network_of_loopback': r"its network 1 has no valid name; write 1 to 15 letters, digits, or _ -, and not 'lo'",
    'networks_alike': r"two of its networks are called 'a'",
    'host_and_pci': r'host_only excludes disk, networks and pci: there is no machine',
    'capture_without_name': r'KTSTR_OP\(CAPTURE\) has no name; write \.name = "\.\.\."',
    'capture_name': r"KTSTR_OP\(CAPTURE\) 'a/b' has no valid name; use letters, digits, _ and -",
    'capture_long_name': r"KTSTR_OP\(CAPTURE\) 'a1\w+' has no valid name; write 1 to 31 characters",
    'watch_too_many': r"KTSTR_OP\(WATCH\) 'd': more than 3 variables are watched",
    'repro_without_scheduler': r'expect_auto_repro needs a scheduler',
    'repro_and_error': r'expect_auto_repro excludes expect_err and survives_storm',
    'repro_and_none': r'expect_auto_repro and auto_repro = KTSTR_OFF exclude each other',
    'host_and_repro': r'host_only excludes auto_repro and expect_auto_repro: there is no machine',
    'config_without_place': r'its config needs a scheduler with config_file_def, which says where the file belongs',
    'root_is_the_root': r"its workload_root_cgroup '/' is not a valid path of a control group; write it like '/a/b'",
    'root_climbs': r"its workload_root_cgroup '/a/\.\./b' is not a valid path of a control group",
    'parent_in_arguments': r"--cell-parent-cgroup 'a' is not a valid path of a control group",
    'parent_relative': r"its scheduler's cgroup_parent 'cells' is not a valid path of a control group",
    'parent_in_its_arguments': r"--cell-parent-cgroup '/a/\.\.' is not a valid path of a control group",
    'two_configs': r'its scheduler has config_file and config_file_def: leave one of them out',
    'config_no_place': r"its scheduler's config_file_def has no argument with '\{file\}', which stands for the path",
    'config_no_path': r"its scheduler's config_file_def.path 'etc/a' is not a valid path; write an absolute one",
    'builtin_and_binary': r'its scheduler has a binary and kernel_builtin_\*: leave one of them out',
    'builtin_half': r'kernel_builtin_enable and kernel_builtin_disable belong together; write both',
    'builtin_shell': r"kernel_builtin_enable: 'echo \$\(date\) > /a' is not a valid line; write 'echo TEXT > /PATH'",
    'builtin_arguments': r'its scheduler is built into the kernel, so there is no program for build, args',
    'storm_detached': r'survives_storm: the scheduler is detached in the hold; attach it before the hold',
    'storm_loop': r'survives_storm: the scheduler is detached in the hold',
    'name)_bracket': r"its name may have only letters, digits, '_', '\.', '\+' and '-', and must begin with a letter",
    '$(name)': r'its name may have only letters',
    'name\\back': r'its name may have only letters',
    'name ': r'its name may have only letters',
    'name_long_' + 300 * 'x': r"its name has more than 200 bytes, and its result's file could not be named",
    'harm_write': None,
    'harm_loop': None,
    'harm_sleep': None,
    'harm_crash': None,
    'scheduler_gone': None,
    'cores_negative': r'its topology is larger than',
    'talks_first': r'KTSTR_LLC\(9\): the topology has 1 LLC, numbered from 0',
}

with Scratch() as scratch:
    done = subprocess.run([BINARY, '--list'], capture_output=True, text=True, cwd=scratch.path)
    tests = {t['name']: t for t in json.loads(done.stdout)['tests']} if done.returncode == 0 else {}
    check(set(tests) == set(CASES), 'every mistake has its words', set(tests) ^ set(CASES))
    for name, words in CASES.items():
        problem = tests.get(name, {}).get('problem')
        check(problem is None if words is None else problem and re.search(words, problem), name, problem)
    check(not os.path.exists(scratch / 'ktstr-harm'), 'a body that is asked can write no file')
    check(done.stderr == '' and done.stdout.count('\n') == 1, 'and says nothing', done.stderr)
    told = subprocess.run([KTSTR, 'test', '-E', 'test(=ktstr/llc_range)', '--list', BINARY], capture_output=True, text=True)
    check(told.returncode == 65 and "invalid.c" in told.stderr and 'KTSTR_LLC(3): the topology' in told.stderr,
          'the runner refuses it, with file and line', told.stderr)

    def listed(*args):
        return subprocess.run([KTSTR, 'test', *args, BINARY], capture_output=True, text=True, cwd=scratch.path)

    both = listed('--dry-run', '-E', 'test(=ktstr/llc_range) | test(=ktstr/node_range)')
    check(both.returncode == 65 and 'KTSTR_LLC(3)' in both.stderr and 'KTSTR_NODE(1)' in both.stderr,
          'if no test can run, the errors of all are printed', both.stderr)
    gone = listed('--list', '-E', 'test(=ktstr/scheduler_gone) | test(=ktstr/cores_negative)')
    check("warning: ktstr/scheduler_gone cannot run" in gone.stderr and '/nowhere/scx_mine does not exist' in gone.stderr
          and gone.stderr.count('scx_mine') == 1, 'a list warns of a scheduler that does not exist, once', gone.stderr)
    check('1n1l-2c1t' in gone.stdout, 'a topology is shown as it was written', gone.stdout)
    limits = subprocess.run([KTSTR, 'show-thresholds', 'scheduler_gone', BINARY], capture_output=True, text=True)
    check("replace those above for them:\n  cgroup 'cg_0' (SpinWait): max_gap_ms 50\n" in limits.stdout,
          'the limits of a load are shown, too', limits)
    with open(scratch / 'wrong.c', 'w', encoding='utf-8') as f:
        f.write('#include <ktstr/ktstr.h>\nKTSTR_TEST(x)\n{\n\treturn ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", '
                '.work = KTSTR_WORK(SPIN_WIAT) }));\n}\n')
    wrong = subprocess.run([os.environ.get('CC', 'cc').split()[-1], '-fsyntax-only', '-I' + os.path.join(ROOT, 'include'),
                            scratch / 'wrong.c'], capture_output=True, text=True)
    check(wrong.returncode and wrong.stderr.count('error:') == 1 and 'in expansion of macro' not in wrong.stderr,
          'a wrong type of work is one error of the compiler', wrong.stderr)
finish(at_least=125)
