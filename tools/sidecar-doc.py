#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the tables of docs/SIDECAR.md from docs/sidecar.schema.json. With --check it only reports whether they differ.
"""
import json
import os
import sys

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'docs')
BEGIN, END = '<!-- tables: begin (tools/sidecar-doc.py) -->\n', '<!-- tables: end -->\n'


def type_of(schema):
    types = schema.get('type')
    types = [t for t in ([types] if isinstance(types, str) else types) if t != 'null']
    if types == ['array']:
        return f"array of {type_of(schema['items'])}"
    if types == ['object'] and 'additionalProperties' in schema and schema['additionalProperties'] is not False:
        return f"map of {type_of(schema['additionalProperties'])}"
    return ' or '.join(types)


def values_of(schema):
    values = [v for v in schema.get('enum', []) if v is not None]
    return f" ({', '.join(values)})" if values else ''


def row(key, schema, top):
    unit, null = schema.get('unit', ''), schema.get('nullWhen', 'never')
    cells = [f'`{key}`', type_of(schema) + values_of(schema), unit, null, schema.get('description', '')]
    if top:
        cells.insert(4, 'yes' if schema.get('volatile') else 'no')
    return '| ' + ' | '.join(cells) + ' |\n'


def inner(key, schema):
    """Objects below a key, each with its path."""
    if 'properties' in schema:
        yield key, schema
        for name, item in sorted(schema['properties'].items()):
            yield from inner(f'{key}.{name}', item)
    elif isinstance(schema.get('additionalProperties'), dict):
        yield from inner(f'{key}.NAME', schema['additionalProperties'])
    elif 'items' in schema:
        yield from inner(f'{key}[]', schema['items'])


def table(properties, top):
    volatile = ' Volatile |' if top else ''
    out = f"| Key | Type | Unit | Null when |{volatile} Meaning |\n|---|---|---|---|{'---|' if top else ''}---|\n"
    return out + ''.join(row(key, schema, top) for key, schema in sorted(properties.items()))


def tables(schema):
    out = '\n### Top level\n\n' + table(schema['properties'], True)
    for key, item in sorted(schema['properties'].items()):
        for path, part in inner(key, item):
            out += f'\n### `{path}`\n\n' + table(part['properties'], False)
    return out + '\n'


def main():
    with open(os.path.join(DOCS, 'sidecar.schema.json'), encoding='utf-8') as f:
        schema = json.load(f)
    path = os.path.join(DOCS, 'SIDECAR.md')
    with open(path, encoding='utf-8') as f:
        old = f.read()
    head, rest = old.split(BEGIN)
    new = head + BEGIN + tables(schema) + END + rest.split(END)[1]
    if '--check' in sys.argv:
        if new != old:
            sys.exit('docs/SIDECAR.md differs from docs/sidecar.schema.json; run tools/sidecar-doc.py')
        return
    with open(path, 'w', encoding='utf-8') as f:
        f.write(new)


main()
