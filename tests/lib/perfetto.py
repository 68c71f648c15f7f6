# SPDX-License-Identifier: GPL-2.0-only
"""Checks traces that `ktstr test --schedule-trace` writes: spans follow one another on each track, flows are paired and
begin and end in spans, and the counts are those of the sidecar."""
import bisect
import json
from collections import defaultdict

CPUS, TEST = 1, 2
PHASES, FAILURE = 1, 2


def ns(event, key):
    """Times are microseconds with three decimals."""
    whole, _, part = repr(event[key]).partition('.')
    return int(whole) * 1000 + int((part + '000')[:3]) if 'e' not in part else round(event[key] * 1000)


def read(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f, parse_float=Time, parse_int=Time)


class Time(float):
    """A number that keeps its text, since a float has no exact nanoseconds."""

    def __new__(cls, text):
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __repr__(self):
        return self.text


def spans_of(trace, pid):
    """By track: (begin, end, event), in the order of the file."""
    tracks = defaultdict(list)
    for e in trace['traceEvents']:
        if e['ph'] == 'X' and e['pid'] == pid:
            tracks[int(e['tid'])].append((ns(e, 'ts'), ns(e, 'ts') + ns(e, 'dur'), e))
    return tracks


def track_faults(tracks):
    for tid, spans in sorted(tracks.items()):
        for (_, end, _), (begin, _, e) in zip(spans, spans[1:]):
            if begin != end:
                yield f'track {tid}: a span begins at {begin}, but the one before ends at {end}: {e}'


def flow_faults(trace, tracks):
    starts, ends = {}, {}
    begins = {tid: [s[0] for s in spans] for tid, spans in tracks.items()}
    for e in trace['traceEvents']:
        side = {'s': starts, 'f': ends}.get(e['ph'])
        if side is None:
            continue
        if e['id'] in side:
            yield f'two flows have the number {e["id"]}'
        side[e['id']] = e
    if starts.keys() != ends.keys():
        yield f'flows without a partner: {sorted(starts.keys() ^ ends.keys())[:5]}'
    for number in starts.keys() & ends.keys():
        s, f = starts[number], ends[number]
        if ns(s, 'ts') > ns(f, 'ts'):
            yield f'flow {number} ends before it begins'
        for e, at_begin in ((s, False), (f, True)):
            spans, time = tracks[int(e['tid'])], ns(e, 'ts')
            place = bisect.bisect_right(begins[int(e['tid'])], time) - 1
            if place < 0 or time > spans[place][1]:
                yield f'flow {number}: no span at {time} on track {e["tid"]}'
            elif at_begin and time not in begins[int(e['tid'])]:
                yield f'flow {number} does not end where a span begins'


def count_faults(trace, tracks, sidecar):
    runs, times = defaultdict(int), defaultdict(int)
    tasks = [span for spans in tracks.values() for span in spans if 'args' in span[2] and 'pid' in span[2]['args']]
    for begin, end, e in tasks:
        runs[e['args']['cgroup']] += 1
        if e['args']['ended'] != 'not ended':
            times[e['args']['cgroup']] += end - begin
    said = trace['otherData']
    if not len(tasks) == said['runs'] == said['spans']:
        yield f"{len(tasks)} spans of tasks; the model counted {said['runs']}"
    if sum(times.values()) != said['run_ns']:
        yield f"tasks ran for {sum(times.values())} ns; the model counted {said['run_ns']}"
    if said['events'] != sidecar['schedule']['events']:
        yield f"{said['events']} events; the sidecar has {sidecar['schedule']['events']}"
    loads = defaultdict(lambda: [0, 0])
    for load in sidecar['schedule']['loads']:
        loads[load['cgroup']][0] += load['runs']
        loads[load['cgroup']][1] += load['run_ns']
    for group, (count, time) in loads.items():
        if (runs[group], times[group]) != (count, time):
            yield f"'{group}': {runs[group]} spans, {times[group]} ns; the sidecar has {count} and {time}"


def mark_faults(trace, sidecar):
    tracks = spans_of(trace, TEST)
    failed = sidecar['verdict'] in ('fail', 'inconclusive')
    if (len(tracks[FAILURE]) == 1) != failed:
        yield f"the verdict is {sidecar['verdict']}, and {len(tracks[FAILURE])} failures are marked"
    if len(tracks[PHASES]) != len(sidecar['phases']):
        yield f"{len(tracks[PHASES])} phases; the sidecar has {len(sidecar['phases'])}"


def faults(path, sidecar):
    """What is wrong with the trace of a test whose schedule was recorded completely."""
    return faults_of(read(path), sidecar)


def faults_of(trace, sidecar):
    tracks = spans_of(trace, CPUS)
    return [*track_faults(tracks), *flow_faults(trace, tracks), *count_faults(trace, tracks, sidecar), *mark_faults(trace, sidecar)]


def flows(path):
    return sum(e['ph'] == 'f' for e in read(path)['traceEvents'])
