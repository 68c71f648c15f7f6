#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The schema of sidecars is valid, the tests' validator finds violations of it, and docs/SIDECAR.md agrees with it."""
import copy
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import schema  # noqa: E402
from tap import check, finish, skip  # noqa: E402

KNOWN = schema.load()


def sample(part):
    """A small value that the schema accepts."""
    types = part['type'] if isinstance(part['type'], list) else [part['type']]
    if 'const' in part or 'enum' in part:
        return part.get('const', part.get('enum', [None])[0])
    if 'null' in types:
        return None
    if types == ['object']:
        return {key: sample(item) for key, item in part.get('properties', {}).items()}
    texts = {'^0x': '0x2a', '{16}': '0' * 16, '{8}': '0' * 8, '^[0-9]+n': '1n2l4c1t', 'T[0-9]': '2026-01-02T03:04:05Z'}
    if types == ['string']:
        return next((text for mark, text in texts.items() if mark in part.get('pattern', '')), 'x')
    return {'array': [], 'boolean': True, 'integer': 1, 'number': 1.5}[types[0]]


def walk(part, path=''):
    yield path, part
    for key, item in part.get('properties', {}).items():
        yield from walk(item, f'{path}.{key}')
    for key, name in (('items', '[]'), ('additionalProperties', '.NAME')):
        if isinstance(part.get(key), dict):
            yield from walk(part[key], path + name)


def changed(**keys):
    value = sample(KNOWN)
    value.update(keys)
    return list(schema.faults(value, KNOWN))


def validator():
    good = sample(KNOWN)
    check(not list(schema.faults(good, KNOWN)), 'a sidecar that follows the schema has no faults', list(schema.faults(good, KNOWN)))
    broken = {
        'a missing key': list(schema.faults({k: v for k, v in good.items() if k != 'seed'}, KNOWN)),
        'a key that nobody knows': changed(colour='red'),
        'a text in place of a number': changed(wall_ns='1'),
        'a truth in place of a number': changed(wall_ns=True),
        'a fraction in place of an integer': changed(wall_ns=1.5),
        'a null that must not be': changed(name=None),
        'a word that is none of the list': changed(verdict='maybe'),
        'another version': changed(schema={'name': 'ktstr.result', 'version': 1}),
        'a text of another form': changed(seed='42'),
        'a number below its least': changed(attempt=-1),
        'a fault within a list': changed(details=[{'kind': 'stuck', 'verdict': 'fail'}]),
        'a fault within a map': changed(thresholds={'max_gap_ms': {'value': 'much', 'origin': 'test'}}),
        'no JSON': schema.text_faults('{"name": ', KNOWN),
    }
    for what, found in broken.items():
        check(len(found) == 1, f'the validator finds {what}', found)
    strange = copy.deepcopy(KNOWN)
    strange['properties']['name']['maxLength'] = 3
    try:
        found = list(schema.faults(good, strange))
    except ValueError as why:
        found = why
    check(isinstance(found, ValueError), 'and refuses a schema that it does not understand', found)


def completeness():
    parts = list(walk(KNOWN))[1:]
    check(len(parts) > 150, 'the schema has all keys', len(parts))
    mute = [path for path, part in parts if not path.endswith(('[]', '.NAME')) and not part.get('description')]
    check(not mute, 'each of them has a description', mute)
    nulls = [path for path, part in parts if ('null' in part['type']) != ('nullWhen' in part) and not path.endswith('.NAME')]
    check(not nulls, 'each that can be null says when', nulls)
    loose = [path for path, part in parts if 'properties' in part and
             (part.get('additionalProperties') is not False or sorted(part['required']) != sorted(part['properties']))]
    check(not loose, 'every object lists its keys, and all are required', loose)
    units = [path for path, part in parts if path.rsplit('_', 1)[-1] in ('ns', 'us', 'ms', 'kib', 'kb', 'mib', 'pct') and
             not part.get('unit')]
    check(not units, 'a key whose name ends in a unit has that unit', units)


def documentation():
    tool = os.path.join(HERE, '..', '..', 'tools', 'sidecar-doc.py')
    done = subprocess.run([sys.executable, tool, '--check'], capture_output=True, text=True)
    check(done.returncode == 0, 'docs/SIDECAR.md is what the schema says', done.stderr)


def others():
    name = 'another validator accepts schema and sample, and rejects what ours rejects'
    try:
        import jsonschema
    except ImportError:
        skip(name, 'no Python module jsonschema (Debian: python3-jsonschema)')
        return
    theirs = jsonschema.Draft202012Validator(KNOWN)
    jsonschema.Draft202012Validator.check_schema(KNOWN)
    good, bad = sample(KNOWN), sample(KNOWN)
    bad['verdict'] = 'maybe'
    check(theirs.is_valid(good) and not theirs.is_valid(bad), name)


validator()
completeness()
documentation()
others()
finish(at_least=18)
