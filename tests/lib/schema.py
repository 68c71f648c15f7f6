# SPDX-License-Identifier: GPL-2.0-only
"""schema.py -- checks sidecars against docs/sidecar.schema.json. It knows the parts of JSON Schema that this file uses,
and rejects a schema with any other part, so that nothing stays unchecked."""
import json
import os
import re

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'sidecar.schema.json')
TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}
ANNOTATIONS = {'$schema', 'title', 'description', 'unit', 'nullWhen', 'volatile'}
KEYWORDS = {'type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'pattern', 'minimum',
            'maximum'}


def load():
    with open(PATH, encoding='utf-8') as f:
        return json.load(f)


def is_type(value, name):
    if name in ('integer', 'number'):
        return isinstance(value, int if name == 'integer' else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def object_faults(value, schema, where):
    known, others = schema.get('properties', {}), schema.get('additionalProperties', True)
    for key in schema.get('required', []):
        if key not in value:
            yield f'{where}: {key!r} is missing'
    for key, item in value.items():
        if key in known:
            yield from faults(item, known[key], f'{where}.{key}')
        elif others is False:
            yield f'{where}: {key!r} is not in the schema'
        elif others is not True:
            yield from faults(item, others, f'{where}.{key}')


def faults(value, schema, where='sidecar'):
    """All differences between the value and the schema, as texts."""
    unknown = set(schema) - ANNOTATIONS - KEYWORDS
    if unknown:
        raise ValueError(f'{where}: the schema uses {sorted(unknown)}, which schema.py does not know')
    types = schema.get('type', [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, t) for t in types):
        yield f'{where}: {value!r} is not of type {types}'
        return
    if 'enum' in schema and value not in schema['enum']:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if 'const' in schema and value != schema['const']:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if 'pattern' in schema and isinstance(value, str) and not re.search(schema['pattern'], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if 'minimum' in schema and is_type(value, 'number') and value < schema['minimum']:
        yield f"{where}: {value} is less than {schema['minimum']}"
    if 'maximum' in schema and is_type(value, 'number') and value > schema['maximum']:
        yield f"{where}: {value} is more than {schema['maximum']}"
    if isinstance(value, dict):
        yield from object_faults(value, schema, where)
    for i, item in enumerate(value if isinstance(value, list) else []):
        yield from faults(item, schema.get('items', {}), f'{where}[{i}]')


def text_faults(text, schema):
    try:
        return list(faults(json.loads(text), schema))
    except ValueError as why:
        return [str(why)]


def file_faults(path, schema):
    with open(path, encoding='utf-8') as f:
        return text_faults(f.read(), schema)


def stable(sidecar):
    """A copy without the values that may differ between two runs with one seed."""
    known = load()['properties']
    return {key: value for key, value in sidecar.items() if not known.get(key, {}).get('volatile')}
