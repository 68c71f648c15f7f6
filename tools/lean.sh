#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# lean.sh FILE ARCH OUT -- the lean configuration of one architecture: lines of FILE that begin with "[ARCH] ", without
# this mark, and lines that have none.
set -eu
sed -n "s/^\[$2\] //p; t; /^\[/!p" "$1" > "$3"
