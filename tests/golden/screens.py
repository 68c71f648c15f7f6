#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A run on a terminal, compared exactly at three widths: below each line with styles is a line of their letters (b
bold, d dim, r red, R bold red, g green, y yellow). tmux, if it is installed, must show the same. KTSTR_BLESS=1 writes
the files again."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from screen import Screen  # noqa: E402
from tap import BUILD, check, finish, skip  # noqa: E402

FRAMES = os.path.join(BUILD, 'tests', 'golden_frames')
ERASE = b'\r\x1b[K\x1b[C\x1b[J\r'  # as base/term.c has it
SIZES = ((100, 30), (60, 30), (40, 12))


def bytes_of(columns, rows, step):
    return subprocess.run([FRAMES, str(columns), str(rows), step], check=True, capture_output=True).stdout


def screen_of(columns, rows, step):
    screen = Screen(columns, rows)
    screen.feed(bytes_of(columns, rows, step))
    return screen


def written(screen):
    out = []
    for text, style in zip(screen.texts(), screen.styles()):
        out += [text] + (['~' + style[1:] if style[0] == ' ' else style] if style else [])
    return '\n'.join(out) + '\n'


def golden(columns, rows):
    text = ''.join(f'== {step}, {columns} columns\n' + written(screen_of(columns, rows, step)) for step in ('running', 'ended'))
    path = os.path.join(HERE, f'screen-{columns}.out')
    if os.environ.get('KTSTR_BLESS'):
        with open(path, 'w') as f:
            f.write(text)
    with open(path) as f:
        check(f.read() == text, f'a run on {columns} columns is shown as agreed', text)


def properties(columns, rows):
    running, ended = screen_of(columns, rows, 'running'), screen_of(columns, rows, 'ended')
    check(len(running.lines) > running.y + 1 and running.x == 0, f'{columns}: the cursor rests at the start of the view')
    check(not any('ETA' in line for line in ended.texts()), f'{columns}: nothing of the view is left at the end', written(ended))
    check(ended.style == ' ' and ended.autowrap, f'{columns}: styles and wrapping are as they were')
    view = running.texts()[running.y:]
    check('90/180' in view[0] and '3 failed' in view[0] and 'ETA 3m20s' in view[0], f'{columns}: how far, what failed, how long', view)
    check(len(view) == 6 and '... and 2 more' in view[-1], f'{columns}: one line for each machine', view)
    ends = {at(line, mark) for line, mark in zip(view[2:5], ('booting', 'running', 'hello'))}
    check(len(ends) == 1, f'{columns}: columns are aligned, wide characters counted', view)


def at(line, mark):
    from screen import width
    return sum(width(c) for c in line[:line.index(mark)])


def resized():
    """The terminal gets narrower or wider in the middle of the run: the next frame leaves nothing of the old one."""
    for columns, rows in ((60, 30), (40, 12), (25, 30), (140, 30)):
        screen = screen_of(100, 30, 'running')
        above = [line for line in screen.texts()[:screen.y]]
        screen.resize(columns, rows)
        screen.feed(ERASE)
        left = ''.join(screen.texts())
        check(left.replace(' ', '') == ''.join(above).replace(' ', ''), f'resized to {columns} columns, erasing takes the view and no more', left)


def in_tmux(columns, rows):
    """tmux checks the bytes, and the effect of a resize on them."""
    with tempfile.TemporaryDirectory(prefix='ktstr-tmux-') as where:
        paths = {step: os.path.join(where, step) for step in ('running', 'erase')}
        with open(paths['running'], 'wb') as f:
            f.write(bytes_of(100, rows, 'running'))
        with open(paths['erase'], 'wb') as f:
            f.write(ERASE)
        go, socket = os.path.join(where, 'go'), os.path.join(where, 'socket')
        script = f"stty -echo; cat {paths['running']}; touch {where}/drawn; until [ -e {go} ]; do sleep 0.05; done; cat {paths['erase']}; touch {where}/done; sleep 60"
        tmux = ['tmux', '-u', '-S', socket, '-f', '/dev/null']
        env = {k: v for k, v in os.environ.items() if k != 'TMUX'}

        def run(*args):
            return subprocess.run([*tmux, *args], capture_output=True, text=True, env=env, timeout=60)

        def wait(name):
            for _ in range(400):
                if os.path.exists(os.path.join(where, name)):
                    time.sleep(0.2)
                    return
                time.sleep(0.05)

        started = run('new-session', '-d', '-x', '100', '-y', str(rows), script)
        if started.returncode:
            skip('tmux', started.stderr.strip())
            return
        run('set-option', '-g', 'status', 'off')
        run('resize-window', '-x', '100', '-y', str(rows))
        wait('drawn')
        mine = screen_of(100, rows, 'running')
        theirs = run('capture-pane', '-p', '-S', '-').stdout.rstrip('\n').split('\n')
        check([t.rstrip() for t in theirs] == mine.texts(), 'tmux shows the same', '\n'.join(theirs))
        run('resize-window', '-x', str(columns), '-y', str(rows))
        time.sleep(0.3)
        with open(go, 'w'):
            pass
        wait('done')
        left = run('capture-pane', '-p', '-J', '-S', '-').stdout
        run('kill-server')
        wanted = ''.join(mine.texts()[:mine.y])
        check(''.join(left.split()) == ''.join(wanted.split()), f'and after a resize to {columns} columns erasing takes the view and no more', left)


for size in SIZES:
    golden(*size)
    properties(*size)
resized()
if shutil.which('tmux'):
    in_tmux(60, 30)
else:
    skip('tmux', 'it is not installed')
finish(at_least=25)
