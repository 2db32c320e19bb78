#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Reads Prometheus' text format from stdin, as strictly as its documentation is, and prints it as
JSON: {"name": {"type": ..., "samples": [[labels, value], ...]}}. Ends with 1 on the first mistake."""
import json
import re
import sys

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\d+(?:\.\d+)?)$')
UNITS = ('_bytes', '_seconds', '_ratio', '_per_second', '_pages')


def unescape(text):
    return re.sub(r'\\(.)', lambda m: '\n' if m[1] == 'n' else m[1], text)


def labels_of(text):
    labels = {}
    at = 0
    while at < len(text):
        found = LABEL.match(text, at)
        assert found, f'label at {text[at:]!r}'
        assert found[1] not in labels, f'label {found[1]} twice'
        labels[found[1]] = unescape(found[2])
        at = found.end()
        assert at == len(text) or text[at] == ',', f'no comma at {text[at:]!r}'
        at += 1
    return labels


def read(lines):
    metrics, helped, current, seen = {}, set(), None, set()
    for line in lines:
        if line.startswith('# HELP '):
            name, words = line[7:].split(' ', 1)
            assert name not in helped and words, f'HELP of {name}'
            helped.add(name)
        elif line.startswith('# TYPE '):
            current, kind = line[7:].split(' ')
            assert current in helped and current not in metrics, f'TYPE of {current}'
            assert kind in ('gauge', 'counter'), kind
            assert (kind == 'counter') == current.endswith('_total'), f'{current} is a {kind}'
            metrics[current] = {'type': kind, 'samples': []}
        else:
            found = SAMPLE.match(line)
            assert found, f'no sample: {line!r}'
            name, labels, value = found[1], labels_of(found[2] or ''), float(found[3])
            assert name == current, f'{name} is not with the others of its name'
            assert name.startswith('tiermem_'), name
            key = (name, tuple(sorted(labels.items())))
            assert key not in seen, f'{key} twice'
            seen.add(key)
            metrics[name]['samples'].append([labels, value])
    return metrics


def main():
    data = sys.stdin.buffer.read()
    text = data.decode('utf-8')
    assert text.endswith('\n'), 'the last line has no end'
    try:
        metrics = read(text[:-1].split('\n'))
    except AssertionError as mistake:
        sys.exit(f'promcheck: {mistake}')
    for name in metrics:
        base = name.removesuffix('_total')
        if not base.endswith(UNITS) and base not in ('tiermem_loaded', 'tiermem_info',
                                                     'tiermem_state', 'tiermem_events',
                                                     'tiermem_dram_weight'):
            sys.exit(f'promcheck: {name} has no unit')
    json.dump(metrics, sys.stdout)


main()
