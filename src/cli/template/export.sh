KEEP_QUIET=
DIR=
RUN_PID=
SCHED_PID=
LINKED=

# --- clean-up, whatever happens ---------------------------------------------------------------------------------------

# stop PID: asks a process to end, and kills it if it has not ended after five seconds
stop() {
	kill -TERM "$1" 2>/dev/null || return 0
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.2
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# The children first.
remove_cgroups() {
	for group in "$1"/*/; do
		[ -d "$group" ] && remove_cgroups "${group%/}"
	done
	rmdir "$1" 2>/dev/null
}

clean_up() {
	status=$?
	trap '' HUP INT TERM
	trap - EXIT
	[ -z "$RUN_PID" ] || stop "$RUN_PID"
	[ -z "$SCHED_PID" ] || stop "$SCHED_PID"
	for group in /sys/fs/cgroup/ktstr /sys/fs/cgroup/ktstr-"$RUN_PID"-*; do
		[ -n "$RUN_PID" ] && [ -d "$group" ] && remove_cgroups "$group"
	done
	[ -z "$LINKED" ] || rm -f /include-files
	[ -z "$DIR" ] || rm -rf "$DIR"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

say() {
	[ -n "$KEEP_QUIET" ] || printf '%s\n' "$*"
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

usage() {
	cat <<USAGE
usage: $0 [--quiet] [--duration SECONDS] [--watchdog-timeout SECONDS]
Runs the scheduler test '$KTSTR_TEST_NAME' on this machine, as root.
  --quiet                   print the result only
  --duration SECONDS        length of the test (default: $TEST_DURATION_SECS)
  --watchdog-timeout SECONDS  end a test that does not end by itself (default: $TEST_WATCHDOG_SECS)
USAGE
}

is_number() {
	case $1 in
	'' | *[!0-9]*) return 1 ;;
	esac
	[ "$1" -gt 0 ]
}

# number OPTION VALUE
number() {
	is_number "$2" || die "$1 needs a number of seconds, not '$2'"
	printf '%s' "$2"
}

while [ $# -gt 0 ]; do
	case $1 in
	--quiet) KEEP_QUIET=1 ;;
	--duration | --watchdog-timeout)
		[ $# -gt 1 ] || die "$1 needs a number of seconds"
		value=$(number "$1" "$2") || exit 1
		if [ "$1" = --duration ]; then TEST_DURATION_SECS=$value; else TEST_WATCHDOG_SECS=$value; fi
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	--cpus | --cpus=* | --topology | --topology=* | --affinity | --affinity=*)
		die "${1%%=*} is frozen for repro fidelity. Re-export to change."
		;;
	*)
		usage >&2
		die "unknown option '$1'"
		;;
	esac
	shift
done

say "ktstr export: test=$KTSTR_TEST_NAME scheduler=$KTSTR_SCHED_NAME git=$KTSTR_GIT_HASH"
say "This script replaces the scheduler of this machine while it runs. Inspect it before running it: $0"

# --- can it run here? ------------------------------------------------------------------------------------------------

scheduler_state() {
	cat /sys/kernel/sched_ext/state 2>/dev/null
}

attached_scheduler() {
	cat /sys/kernel/sched_ext/root/ops 2>/dev/null
}

is_attached() {
	[ "$(scheduler_state)" = enabled ] || [ -n "$(attached_scheduler)" ]
}

# files_of CPU_FILE: the distinct contents of a file of each CPU that is online
distinct() {
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		[ -r "$cpu/$1" ] && cat "$cpu/$1"
	done | sort -u | wc -l
}

# The distinct groups of CPUs that share the cache with the highest index.
count_llcs() {
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		last=
		for index in 0 1 2 3 4 5 6 7 8 9; do
			[ -r "$cpu/cache/index$index/shared_cpu_list" ] && last=$cpu/cache/index$index/shared_cpu_list
		done
		[ -n "$last" ] && cat "$last"
	done | sort -u | wc -l
}

count_cpus() {
	online=0
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		[ -r "$cpu/topology/core_id" ] && online=$((online + 1))
	done
	echo "$online"
}

count_nodes() {
	nodes=0
	for node in /sys/devices/system/node/node[0-9]*; do
		[ -d "$node" ] && nodes=$((nodes + 1))
	done
	if [ "$nodes" -gt 0 ]; then echo "$nodes"; else echo 1; fi
}

# need HAS NEEDS WHAT
need() {
	[ "$1" -ge "$2" ] || die "host has $1 $3, test needs $2"
}

[ "$(id -u)" = 0 ] || die "must run as root (need CAP_SYS_ADMIN for sched_ext + cgroup ops)"
[ -d /sys/kernel/sched_ext ] || die "this kernel has no sched_ext: there is no /sys/kernel/sched_ext"
[ -d /sys/fs/cgroup ] || die "there is no /sys/fs/cgroup"
grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts || die "/sys/fs/cgroup is not a cgroup2 file system"
if is_attached; then
	die "another sched_ext scheduler is already attached ($(attached_scheduler)). Detach it before running this repro"
fi
cpus=$(count_cpus)
cores=$(distinct topology/thread_siblings_list)
llcs=$(count_llcs)
[ "$cores" -gt 0 ] || cores=1
[ "$llcs" -gt 0 ] || llcs=1
need "$llcs" "$NEED_LLCS" LLCs
need "$(count_nodes)" "$NEED_NUMA_NODES" "NUMA nodes"
need $((cores / llcs)) "$NEED_CORES_PER_LLC" "cores per LLC"
need $((cpus / cores)) "$NEED_THREADS_PER_CORE" "threads per core"

# --- the scheduler, then the test -------------------------------------------------------------------------------------

DIR=$(mktemp -d -t ktstr-export-XXXXXX) || die "cannot make a temporary directory"
sed -n '/^__ARCHIVE__$/,$p' "$0" | tail -n +2 | base64 -d | tar xz -C "$DIR" || die "the archive in $0 is damaged"
if [ -d "$DIR/include" ]; then
	[ ! -e /include-files ] || die "there is a /include-files, where the files of the test have to be"
	ln -s "$DIR/include" /include-files || die "cannot make /include-files"
	LINKED=1
fi

if [ -x "$DIR/scheduler" ]; then
	run_scheduler >"$DIR/scheduler.log" 2>&1 &
	SCHED_PID=$!
	tries=0
	until is_attached; do
		if ! kill -0 "$SCHED_PID" 2>/dev/null; then
			cat "$DIR/scheduler.log" >&2
			die "scheduler '$KTSTR_SCHED_NAME' exited before attaching"
		fi
		tries=$((tries + 1))
		if [ "$tries" -gt 100 ]; then
			cat "$DIR/scheduler.log" >&2
			die "scheduler '$KTSTR_SCHED_NAME' launched but did not attach within 10s"
		fi
		sleep 0.1
	done
fi

"$DIR/bin/ktstr" run --ktstr-test-fn "$KTSTR_TEST_NAME" --ktstr-test-binary "$DIR/bin/test" \
	--ktstr-test-list "$DIR/test.json" --duration "${TEST_DURATION_SECS}s" \
	--watchdog-timeout "${TEST_WATCHDOG_SECS}s" &
RUN_PID=$!
wait "$RUN_PID"
result=$?
if [ -n "$SCHED_PID" ] && ! is_attached; then
	cat "$DIR/scheduler.log" >&2
	die "scheduler '$KTSTR_SCHED_NAME' was detached while the test ran"
fi
if [ "$result" -ne 0 ]; then
	say "FAIL: $KTSTR_TEST_NAME"
	exit 1
fi
say "PASS: $KTSTR_TEST_NAME"
exit 0
