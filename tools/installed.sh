#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# installed.sh PREFIX [DESTDIR] -- says where `make install` put things. Programs, pkg-config and man do not look in
# every prefix by themselves: then it also prints the lines for a shell with which they do.
set -eu
prefix=$1
echo "installed in ${2:-}$prefix"
case $prefix in
/usr | /usr/local) exit 0 ;;
esac
[ -z "${2:-}" ] || exit 0
cat <<LINES
add these lines to your shell's startup file, because $prefix is not searched by default:
  export PATH="$prefix/bin:\$PATH"
  export PKG_CONFIG_PATH="$prefix/lib/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
  export MANPATH="$prefix/share/man:\${MANPATH:-}"
LINES
