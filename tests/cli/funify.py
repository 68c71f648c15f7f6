#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr funify: the same bytes as a second implementation, errors where Python's parser has some, constant memory."""
import hashlib
import json
import os
import random
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'lib'))
from tap import KTSTR, Run, Scratch, check, finish  # noqa: E402

MASK = (1 << 64) - 1


# --- a second implementation -------------------------------------------------------------------------------------------

def siphash128(key, data):
    def rotl(x, b):
        return (x << b | x >> 64 - b) & MASK

    k0, k1 = (int.from_bytes(key[i:i + 8], 'little') for i in (0, 8))
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def rounds(n):
        for _ in range(n):
            v[0] = v[0] + v[1] & MASK
            v[1] = rotl(v[1], 13) ^ v[0]
            v[0] = rotl(v[0], 32)
            v[2] = v[2] + v[3] & MASK
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = v[0] + v[3] & MASK
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & MASK
            v[1] = rotl(v[1], 17) ^ v[2]
            v[2] = rotl(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at:at + 8], 'little')
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    out = b''
    for where, mark in ((2, 0xee), (1, 0xdd)):
        v[where] ^= mark
        rounds(4)
        out += (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, 'little')
    return out


def word_lists():
    with open(ROOT + '/src/funify/words.c', encoding='utf-8') as f:
        lists = re.findall(r'\[256\] = \{(.*?)\};', f.read(), re.S)
    return [re.findall(r'"([^"]+)"', words) for words in lists]


ADJECTIVES, ANIMALS = word_lists()
KEPT = re.compile(r'(version|state|nr_running|cpus|numa_.*|.*_(ns|count|max|size))$', re.I)
NARROW = re.compile(r'(uid|gid|cpu|pid|tid)$', re.I)


def hidden(seed, key, value):
    """The replacement of a value below @key."""
    sip = hashlib.sha256(b'ktstr-fun-mode/v1\0' + seed.encode()).digest()[:16]
    if isinstance(value, dict):
        return {k: hidden(seed, k, v) for k, v in value.items()}
    if isinstance(value, list):
        return [hidden(seed, key, v) for v in value]
    if KEPT.match(key) or isinstance(value, (bool, float)) or value in (None, 0, MASK):
        return value
    name = key.encode() + b'\0'
    if isinstance(value, str):
        h = siphash128(sip, name + value.encode())
        return f'{ADJECTIVES[h[0]]}-{ANIMALS[h[1]]}'
    if not -1 << 63 <= value <= MASK:
        return value
    if value < 0:
        return int.from_bytes(siphash128(sip, name + value.to_bytes(8, 'little', signed=True))[:8], 'little', signed=True)
    if NARROW.match(key) and value < 1 << 32:
        return value if value == (1 << 32) - 1 else int.from_bytes(siphash128(sip, name + value.to_bytes(4, 'little'))[:4], 'little')
    return int.from_bytes(siphash128(sip, name + value.to_bytes(8, 'little'))[:8], 'little')


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False) + '\n'


# ------------------------------------------------------------------------------------------------------------------------

def random_value(rng, depth=0):
    kind = rng.randrange(8 if depth < 5 else 6)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {rng.choice(['name', 'uid', 'wait_ns', 'STATE', 'größe', 'x y', '', 'pid']): random_value(rng, depth + 1)
                for _ in range(rng.randrange(5))}
    return [None, True, rng.choice([0.5, -2.25e30]), rng.choice(['a', 'web-1', 'ä😀', '', 'x' * 40]),
            rng.choice([0, 1, 17, MASK, 1 << 63, 1 << 70, (1 << 32) - 1, 5000000000]), -rng.randrange(1 << 62)][kind]


def funify(text, *words):
    data = text if isinstance(text, bytes) else text.encode('utf-8', 'surrogatepass')
    return subprocess.run([KTSTR, 'funify', *words], input=data, capture_output=True, check=False)


def check_values():
    rng = random.Random(4)
    values = [random_value(rng) for _ in range(300)]
    text = json.dumps(values, ensure_ascii=False)
    got = funify(text, '--seed', 'one').stdout
    wanted = compact(hidden('one', '', values))
    check(got.decode() == wanted, '300 random values are those of the second implementation', got[:500])
    check(funify(json.dumps(values), '--seed', 'one').stdout != got and
          json.loads(funify(json.dumps(values), '--seed', 'one').stdout) == json.loads(got), 'escapes are the characters they mean')
    check(funify(text, '--seed', 'one').stdout == got, 'the same seed, the same bytes')
    check(funify(text, '--seed', 'two').stdout != got, 'another seed, other bytes')
    check(funify(text).stdout != funify(text).stdout, 'no seed: each time other bytes')
    pretty = funify(text, '--seed', 'one', '--pretty').stdout.decode()
    check(pretty == json.dumps(json.loads(got), indent=2, ensure_ascii=False) + '\n' or
          json.loads(pretty) == json.loads(got) and '\n  ' in pretty, '--pretty has the same values, indented', pretty[:300])


def check_errors():
    good = '{"a": [1, -2.5e3, "x\\u00e4\\n", true, null, {"b": {}}], "c": []}'
    rng, wrong = random.Random(7), []
    for _ in range(120):
        text = list(good)
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(text))
            text[at:at + rng.randrange(2)] = rng.choice(['', '"', '{', ']', ',', ':', '0', '-', '\\', 'e', '\x01', 'u', '.', ' '])
        text = ''.join(text)
        try:
            json.loads(text, parse_constant=lambda c: 1 / 0)
            valid = True
        except (ValueError, ZeroDivisionError):
            valid = False
        if len(wrong) < 5 and (funify(text).returncode == 0) != valid:
            wrong.append(f'{text!r} is {"" if valid else "not "}valid')
    check(not wrong, '120 mutated texts are refused where Python refuses them', '\n'.join(wrong))
    run = funify('{"a": }')
    check(run.returncode == 65 and b'standard input: expected a value at line 1 column 7' in run.stderr, 'an error says where', run)
    check(funify('[' * 600 + ']' * 600).returncode == 65, 'too many levels: refused')


def peak(path):
    """(peak memory in KiB, exit status)"""
    with open(path, 'rb') as f:
        child = subprocess.Popen([KTSTR, 'costume', '--seed', 's'], stdin=f, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
    return usage.ru_maxrss, status


def check_memory(scratch):
    small, large = scratch / 'small', scratch / 'large'
    row = '{"comm": "kworker/3:1", "pid": 4711, "run_ns": 12345678, "cgroup": "/system.slice/x.service"},\n'
    for path, rows in ((small, 10), (large, 160000)):
        with open(path, 'w') as f:
            f.write('[' + row * rows + '{"long": "')
            for _ in range(rows // 10):
                f.write('x' * 1000)
            f.write('"}]')
    (less, ok), (more, fine) = peak(small), peak(large)
    check(ok == 0 and fine == 0 and more < less + 4096, f'{os.path.getsize(large) >> 20} MiB take no more memory than a line',
          f'{less} KiB, {more} KiB')


with Scratch() as scratch:
    check_values()
    check_errors()
    check_memory(scratch)
    check(Run('funify', scratch / 'none').status == 69, 'a missing file: 69',
          Run('funify', scratch / 'none'))
finish(at_least=11)
