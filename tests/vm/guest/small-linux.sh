#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What programs expect of a small Linux; the exit status is the number of things that are missing.
missing=0
want() { # DESCRIPTION COMMAND...
	what=$1
	shift
	"$@" || { echo "missing: $what"; missing=$((missing + 1)); }
}
is_bash() { [ -n "$BASH_VERSION" ]; }
terminal() { [ -c /dev/ptmx ] && exec 9<>/dev/ptmx && ls /dev/pts | grep -q 0; }
want "bash, by env" is_bash
want "/dev/stdin" test -e /dev/stdin
want "/dev/stdout is a link" test -L /dev/stdout
want "/dev/stderr is a link" test -L /dev/stderr
want "/dev/fd" test -d /dev/fd/
want "a pseudo-terminal" terminal
want "/dev/shm" touch /dev/shm/x
want "/tmp" touch /tmp/x
want "/var/tmp" touch /var/tmp/y
want "root's name" test "$(whoami)" = root
want "root's home" test -d ~root
want "/etc/group" grep -q '^root:' /etc/group
want "localhost" grep -q localhost /etc/hosts
want "/etc/nsswitch.conf" test -r /etc/nsswitch.conf
want "a host name" test "$(hostname)" = ktstr
want "sed, sort and awk" test "$(printf 'b\na\n' | sort | sed -n 1p | awk '{ print $1 }')" = a
want "KTSTR_GUEST_INIT" test "$KTSTR_GUEST_INIT" = 1
want "KTSTR_VERBOSE" test "$KTSTR_VERBOSE" = 1
want "SCHED_PID" test -n "$SCHED_PID" -a -d "/proc/$SCHED_PID"
exit $missing
