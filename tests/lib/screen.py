# SPDX-License-Identifier: GPL-2.0-only
"""screen.py -- a terminal of a fixed size: it takes bytes and shows what a person would see. It knows the sequences
that ktstr uses, and rejects others. A resize wraps lines again, as current terminals do, and the cursor stays at its
character."""
import re
import unicodedata

STYLES = {'1': 'b', '2': 'd', '31': 'r', '32': 'g', '33': 'y', '1;31': 'R'}
SEQUENCE = re.compile(r'\x1b\[(\??[0-9;]*)([A-Za-z])')


def width(char):
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in 'WF' else 1


class Screen:
    """`past` keeps lines that scrolled off the top. A cell is a pair of character and style; '' follows a wide
    character."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.joined = [[]], [False]  # joined: the terminal wrapped the line before it
        self.x = self.y = 0
        self.style, self.autowrap, self.rest = ' ', True, b''

    def top(self):
        return max(0, len(self.lines) - self.rows)

    def feed(self, data):
        data = self.rest + data
        # A sequence or a character that is not complete waits for the rest.
        cut = re.search(rb'(\x1b(\[[?0-9;]*)?|[\xc0-\xff][\x80-\xbf]{0,2})$', data)
        keep = cut and (data[cut.start()] == 0x1b or not complete(data[cut.start():]))
        self.rest = data[cut.start():] if keep else b''
        text = (data[:cut.start()] if keep else data).decode()
        at = 0
        while at < len(text):
            found = SEQUENCE.match(text, at)
            if found:
                self.control(*found.groups())
                at = found.end()
                continue
            self.put(text[at])
            at += 1

    def put(self, char):
        if char == '\r':
            self.x = 0
        elif char == '\n':
            self.down(False)
        elif ord(char) < 32:
            raise ValueError(f'{char!r} on a terminal')
        else:
            self.show(char, width(char))

    def show(self, char, wide):
        if self.x + wide > self.columns:
            if not self.autowrap:
                self.x = self.columns - wide
            else:
                self.down(True)
                self.x = 0
        line = self.lines[self.y]
        line += [(' ', ' ')] * (self.x + wide - len(line))
        if wide:
            line[self.x:self.x + wide] = [(char, self.style)] + [('', self.style)] * (wide - 1)
        self.x += wide

    def down(self, joined):
        self.y += 1
        if self.y == len(self.lines):
            self.lines.append([])
            self.joined.append(joined)
        elif joined:
            self.joined[self.y] = True

    def control(self, number, letter):
        if letter == 'm':
            self.style = ' ' if number in ('', '0') else STYLES[number]
        elif letter == 'A':
            self.y = max(self.top(), self.y - int(number or 1))
        elif letter == 'C':
            self.x = min(self.columns - 1, self.x + int(number or 1))
        elif letter == 'K' and not number:
            del self.lines[self.y][self.x:]
        elif letter == 'J' and not number:
            del self.lines[self.y + 1:], self.joined[self.y + 1:]
            del self.lines[self.y][self.x:]
        elif number + letter in ('?7l', '?7h'):
            self.autowrap = letter == 'h'
        else:
            raise ValueError(f'ESC [ {number} {letter} on a terminal')

    def resize(self, columns, rows):
        whole, cursor = [], None
        for i, line in enumerate(self.lines):
            if not self.joined[i]:
                whole.append([])
            if i == self.y:
                cursor = (len(whole) - 1, len(whole[-1]) + self.x)
            whole[-1] += line
        self.columns, self.rows, self.lines, self.joined = columns, rows, [], []
        for i, line in enumerate(whole):
            for start in range(0, max(len(line), 1), columns):
                if cursor[0] == i and start <= cursor[1] < start + columns:
                    self.y, self.x = len(self.lines), cursor[1] - start
                self.lines.append(line[start:start + columns])
                self.joined.append(start > 0)

    def texts(self):
        """All lines from the first on, without spaces at their ends."""
        return [''.join(char for char, _ in line).rstrip() for line in self.lines]

    def shown(self):
        """The lines in the window."""
        return self.texts()[self.top():]

    def styles(self):
        return [''.join(style for _, style in line).rstrip() for line in self.lines]


def complete(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False
