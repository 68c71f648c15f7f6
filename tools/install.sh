#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# install.sh KTSTR DATADIR MANDIR -- writes manual pages and completions below DATADIR and MANDIR, for `meson install`.
# Meson itself adds $DESTDIR (MESON_INSTALL_DESTDIR_PREFIX is DESTDIR and prefix).
set -eu
ktstr=${MESON_BUILD_ROOT:?}/${1##*/}
root=${MESON_INSTALL_DESTDIR_PREFIX:?}
data=$root/$2
man=$root/$3

umask 022
mkdir -p "$man/man1" "$man/man7"
for page in $("$ktstr" help --pages); do
	section=${page##*.}
	name=${page%.*}
	topic=${name#ktstr}
	# shellcheck disable=SC2086
	"$ktstr" help --man ${topic#-} > "$man/man$section/$page"
done

write() {
	mkdir -p "$data/${2%/*}"
	"$ktstr" completions "$1" > "$data/$2"
}
write bash bash-completion/completions/ktstr
write zsh zsh/site-functions/_ktstr
write fish fish/vendor_completions.d/ktstr.fish
write elvish elvish/lib/ktstr-completions.elv
write powershell ktstr/ktstr.ps1
