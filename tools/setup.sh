#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# setup.sh -- installs the Debian packages that building, testing and the demo need. Does nothing when all are there.
set -eu

packages="
	gcc g++ make meson ninja-build pkg-config python3 git ca-certificates
	liburing-dev libjansson-dev libarchive-dev libgit2-dev libbpf-dev libelf-dev libdw-dev liblz4-dev libseccomp-dev libxxhash-dev libsqlite3-dev check
	libcurl4-openssl-dev nettle-dev openssl gpgv gpg gpg-agent aria2 acpica-tools cpuid hwloc-nox
	qemu-system-x86 qemu-system-arm qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross device-tree-compiler libfdt-dev
	busybox-static linux-source-6.12 flex bison bc libssl-dev pahole kmod cpio xz-utils zstd lz4
	clang llvm libclang-rt-14-dev zlib1g-dev libzstd-dev binutils valgrind clang-format tmux
	fish zsh elvish chromium libxml2-utils cmake shellcheck
	slurmctld slurmd slurm-client munge"

installed() {
	dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# Prints the newest clang that this system offers. It builds the schedulers; those of Linux 7.3 need more than clang-16.
newest_clang() {
	for v in 22 19 16; do
		if installed "clang-$v" || apt-cache show "clang-$v" >/dev/null 2>&1; then
			echo "clang-$v"
			return
		fi
	done
}

missing=
for p in $packages $(newest_clang); do
	installed "$p" || missing="$missing $p"
done
# Without package lists, no clang is known yet.
[ -n "$(newest_clang)" ] || missing="$missing clang-16"

# A grammar of PowerShell, with which a test reads the completions for it; Debian has none. The test is skipped without.
add_powershell_grammar() {
	dir=$HOME/.cache/ktstr-tests
	[ -d "$dir/node_modules/@vscode/tree-sitter-wasm" ] || ! command -v npm >/dev/null 2>&1 && return
	npm install --silent --no-audit --no-fund --prefix "$dir" @vscode/tree-sitter-wasm@0.3.1 >/dev/null 2>&1 ||
		echo "setup: npm could not install a grammar of PowerShell; its completions are not parsed" >&2
}

add_powershell_grammar
if [ -z "$missing" ]; then
	echo "setup: everything needed is installed"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "setup: not a Debian system; install what these Debian packages hold:$missing" >&2
	exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null 2>&1 || { echo "setup: run as root, or install:$missing" >&2; exit 69; }
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
case $missing in
*clang-16*) missing=${missing%clang-16}$(newest_clang) ;;
esac
# Splitting into words is intended: one argument for each package.
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "setup: done"
