#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# localise.sh PARTS.a OUT.a -- one object made of all of PARTS, whose only global symbols are main and ktstr_*: our
# helpers' names are ours, and a test that has a buf_append() of its own still links.
set -eu
joined="$(dirname "$2")/ktstr.o"
trap 'rm -f "$joined"' EXIT
"${LD:-ld}" -r --whole-archive "$1" -o "$joined"
"${OBJCOPY:-objcopy}" --wildcard --keep-global-symbol='ktstr_*' --keep-global-symbol=main "$joined"
rm -f "$2"
"${AR:-ar}" rcsD "$2" "$joined"
