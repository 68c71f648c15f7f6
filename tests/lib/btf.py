# SPDX-License-Identifier: GPL-2.0-only
"""btf.py -- numbers in the values of BPF maps, by the types that the kernel keeps for them (Linux:
Documentation/bpf/btf.rst). Written apart from src/monitor/render.c, with which it is compared."""
import struct

INT, ARRAY, STRUCT, TYPEDEF, VOLATILE, CONST, TYPE_TAG, VAR, DATASEC = 1, 3, 4, 8, 9, 10, 18, 14, 15
MORE_BYTES = {INT: 4, ARRAY: 12, VAR: 4, 17: 4}         # behind a type; 17: a tag of a declaration
BYTES_EACH = {STRUCT: 12, 5: 12, 6: 8, 13: 8, DATASEC: 12, 19: 12}
MODIFIERS = (TYPEDEF, VOLATILE, CONST, TYPE_TAG)


class Types:
    def __init__(self, blob):
        _, _, _, head, types, types_len, strings, strings_len = struct.unpack_from('<HBBIIIII', blob)
        self.names = blob[head + strings:head + strings + strings_len]
        self.types, at, end = [None], head + types, head + types + types_len
        while at < end:
            name, info, size = struct.unpack_from('<III', blob, at)
            kind, count = info >> 24 & 31, info & 0xffff
            more = MORE_BYTES.get(kind, 0) + BYTES_EACH.get(kind, 0) * count
            self.types.append((kind, self.name(name), size, count, blob[at + 12:at + 12 + more]))
            at += 12 + more

    def name(self, at):
        return self.names[at:self.names.index(b'\0', at)].decode()

    def target(self, number):
        while self.types[number][0] in MODIFIERS:
            number = self.types[number][2]
        return number

    def size(self, number):
        kind, _, size, _, more = self.types[self.target(number)]
        if kind == ARRAY:
            of, _, count = struct.unpack('<III', more)
            return count * self.size(of)
        return 8 if kind == 2 else size

    def numbers(self, number, data):
        """{path: number} of integers; pointers, bit fields, unions, texts, bytes and members that
        are nobody's business (__opaque) are left out."""
        kind, _, size, count, more = self.types[self.target(number)] if number else (0, '', 0, 0, b'')
        if kind == INT and size <= 8 and len(data) >= size:
            return {(): int.from_bytes(data[:size], 'little', signed=bool(more[3] & 1))}
        found, parts = {}, []
        if kind == ARRAY:
            of, _, length = struct.unpack('<III', more)
            parts = [] if self.size(of) == 1 else [(i, of, i * self.size(of)) for i in range(length)]
        elif kind == STRUCT:
            fields = (struct.unpack_from('<III', more, 12 * i) for i in range(count))
            parts = [(self.name(n), of, bit // 8) for n, of, bit in fields
                     if not bit >> 24 and bit % 8 == 0 and not self.name(n).startswith('__')]
        elif kind == DATASEC:
            places = (struct.unpack_from('<III', more, 12 * i) for i in range(count))
            parts = [(self.types[v][1], self.types[v][2], offset) for v, offset, _ in places]
        for key, of, offset in parts:
            found.update({(key,) + path: n for path, n in self.numbers(of, data[offset:offset + self.size(of)]).items()})
        return found
