#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# localise.sh PARTS.a OUT.a LD OBJCOPY AR -- joins all of PARTS to one object with no global symbols but main and ktstr_*, so that a
# test can have its own function of the same name as one of our helpers, such as buf_append().
set -eu
joined="$2.o"
trap 'rm -f "$joined"' EXIT
"$3" -r --whole-archive "$1" -o "$joined"
"$4" --wildcard --keep-global-symbol='ktstr_*' --keep-global-symbol=main "$joined"
rm -f "$2"
"$5" rcsD "$2" "$joined"
