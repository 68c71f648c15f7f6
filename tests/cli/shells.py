#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Completions of each shell behave like the shell's own TAB key; the shell itself is asked, if it is installed."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import Run, Scratch, check, finish, skip  # noqa: E402

# The words on the line, and words that must, and must not, be offered for the last one.
LINES = (
    (['k'], {'kernel'}, {'test'}),
    (['kernel', ''], {'build', 'list', 'clean'}, {'test', 'kernel'}),
    (['kernel', 'clean', '--k'], {'--keep'}, {'--kernel'}),
    (['test', '--no-p'], {'--no-perf-mode'}, {'--profile'}),
    (['test', '--accel', ''], {'auto', 'kvm', 'tcg'}, {'--accel'}),
    (['test', '--start', 'c'], {'clone'}, {'boot'}),
    (['completions', ''], {'bash', 'zsh', 'fish', 'elvish', 'powershell'}, {'test'}),
)


def output(argv, script=None):
    done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr + done.stdout


def bash(path, words):
    line = ' '.join(f"'{w}'" for w in ['ktstr', *words])
    return output(['bash', '-c', f'. {path}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _ktstr; printf "%s\\n" "${{COMPREPLY[@]}}"'])


def fish(path, words):
    line = ' '.join(['ktstr', *words])
    return output(['fish', '--no-config', '-c', f'source {path}; complete -C "{line}"'])


def zsh(path, words):
    """_arguments and _describe print their arguments; the shell's own completion needs a terminal."""
    stubs = ('_files() { }\n_describe() { print -l -- ${(P)2%%:*} }\n'
             '_arguments() { for a in "$@"; do print -r -- "$a"; done }\ncompdef() { }\n')
    line = ' '.join(f"'{w}'" for w in ['ktstr', *words])
    return output(['zsh', '-f', '-c', f'{stubs}\n. {path}\nwords=({line}); CURRENT={len(words) + 1}; _ktstr'])


def elvish(path, words):
    """The editor's module exists only in a terminal: two functions replace it."""
    with open(path, encoding='utf-8') as f:
        script = f.read().replace('set edit:completion:arg-completer[ktstr] =', 'var complete =').replace('edit:', 'edit-')
    line = ' '.join(f"'{w}'" for w in ['ktstr', *words])
    return output(['elvish', '-c', "fn edit-complex-candidate {|name &display=''| echo $name }\nfn edit-complete-filename {|word| }\n"
                   + script + f'\n$complete {line}'])


def offered(shell, text):
    if shell == 'zsh':      # "(-k --keep)--keep=[...]", "--start=[...]:HOW:(boot clone )"
        words = set()
        for line in text.splitlines():
            head = line.split('[')[0]
            words.add(head.split(')')[-1].lstrip('*').rstrip('='))
            if ':(' in line:
                words |= set(line.rsplit(':(', 1)[1].rstrip(') ').split())
        return words
    return {line.split('\t')[0].strip() for line in text.splitlines()}


with Scratch() as scratch:
    for shell, ask in (('bash', bash), ('fish', fish), ('zsh', zsh), ('elvish', elvish)):
        if not shutil.which(shell):
            skip(f'completions of {shell}', f'{shell} is not installed')
            continue
        path = scratch / shell
        with open(path, 'w', encoding='utf-8') as f:
            f.write(Run('completions', shell).out)
        for words, wanted, unwanted in LINES:
            out, told = ask(path, words)
            got = offered(shell, out)
            # Some completions offer everything, and the shell drops the words that do not fit.
            extra = unwanted & got if shell in ('bash', 'fish') else set()
            if shell in ('zsh', 'elvish') and len(words) == 3 and words[1].startswith('--'):
                continue    # values of options: zsh has them in its table, elvish completes files
            check(wanted <= got and not extra, f'{shell}: ktstr {" ".join(words)}<TAB>', f'offered {sorted(got)}\n{told}')
        if shell == 'elvish':
            out, told = ask(path, ['test', '--accel=k'])
            check("▶ '--accel=kvm'" in offered(shell, out), 'elvish: ktstr test --accel=k<TAB>', told)
    named = Run('completions', 'bash', '--binary', 'kt2')
    check('complete -o filenames -F _ktstr kt2' in named.out, 'for a program of another name', named)
    run = Run('completions', 'tcsh')
    check(run.status == 64 and "not 'tcsh'" in run.err, 'no such shell: 64, and it is named', run)
    if shutil.which('zsh'):
        said = subprocess.run(['zsh', '-f', '-c', 'source ' + scratch / 'zsh'], capture_output=True, text=True).stderr
        check('compinit' in said and 'not found' not in said, 'zsh: without its completions, what to do is said', said)
finish(at_least=20)
