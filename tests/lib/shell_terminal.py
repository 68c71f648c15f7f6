# SPDX-License-Identifier: GPL-2.0-only
"""shell_terminal.py -- an interactive shell in a pseudo-terminal, with our completions."""
import os
import pty
import select
import time

DEADLINE = 30
# The shell's command, and what is typed first. {script}: the file of completions.
SETUP = {
    'bash': (['bash', '--norc', '--noprofile', '-i'], 'PS1="> "; bind "set bell-style none"; . {script}'),
    'zsh': (['zsh', '-f', '-i'], 'PS1="> "; autoload -U compinit; compinit -D -u; bindkey -e; . {script}'),
    'fish': (['fish', '--no-config', '-i'], 'source {script}'),
    'elvish': (['elvish', '-norc', '-i'], 'eval (slurp < {script})'),
}


class Terminal:
    """A shell in a terminal. Keys are typed ahead; the shell takes them one by one."""

    def __init__(self, argv, env, cwd):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
        self.seen = ''

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, mark, timeout=DEADLINE):
        """Reads until @mark has come; the text so far is consumed."""
        end = time.monotonic() + timeout
        while mark not in self.seen and time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if b'\x1b[6n' in data:      # the shell asks for the cursor's position
                os.write(self.fd, b'\x1b[1;1R')
            self.seen += data.decode(errors='replace')
        if mark not in self.seen:
            return None
        before, _, self.seen = self.seen.partition(mark)
        return before

    def close(self):
        os.close(self.fd)
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def line_start(shell):
    """The key that goes to the start of the line."""
    return '\x1b[H' if shell == 'elvish' else '\x01'
