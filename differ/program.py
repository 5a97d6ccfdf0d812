# SPDX-License-Identifier: GPL-2.0
"""A program, as "programs print" says it, and the fields of its results."""
import collections
import errno
import os
import re
import subprocess

import boots
import rivals

# Kinds of fields within a step, in the order in which they come about
STEP_ORDER = {'s': 0, 'o': 1, 'm': 2, 'g': 3, 'l': 4, 'r': 5, 'b': 7}
FIELD_ORDER = {'a': 1, '': 2, 'e': 3, 'w': 4, 'd': 4, 'p': 5, 'x': 6, 'q': 7}
LAST_STEP = 100

ROUND_FIELDS = {'e': 'ENTER', 'a': 'ACTION', 'q': 'QUEUE', 'x': 'OTHERCQE', 'w': 'WAIT'}


def opcodes():
    """Return: the names of all opcodes, by number"""
    with open(os.path.join(boots.HERE, 'objects.c')) as file:
        table = re.search(r'opcode_names\[NR_OPCODES\] = \{(.*?)\};', file.read(), re.S)
    return re.findall(r'"(\w+)"', table[1])


def human(value):
    """A value, or a set of them, with the names of errors"""
    if isinstance(value, frozenset):
        return ' | '.join(sorted(human(one) for one in value))

    def name(match):
        number = int(match[2])
        return f'{match[1]}-{errno.errorcode.get(number, number)}'
    return re.sub(r'(^|[ ,=])-(\d+)', name, value.strip())


class Program:
    """The text of a program, taken apart"""

    def __init__(self, seed, options):
        self.seed = seed
        self.text = subprocess.run([boots.PROGRAMS, 'print'] + options + [seed],
                                   capture_output=True, text=True, check=True).stdout
        self.ops, self.flags, self.chains, self.fields = {}, {}, {}, {}
        self.steps, self.rings = {}, {}
        self.first_drain = LAST_STEP + 1
        for line in self.text.split('\n'):
            self.parse(line)

    def parse(self, line):
        match = re.match(r'(r\d+\.\d+) (\S+) flags=(\S+)(.*)', line)
        if match:
            sqe, self.ops[sqe], self.flags[sqe] = match[1], match[2], match[3]
            self.fields[sqe] = match[4].strip()
            chain = re.search(r'chain=(\d+)', match[4])
            self.chains[sqe] = chain and chain[1]
            step = int(sqe[1:].split('.')[0])
            if 'DRAIN' in match[3]:
                self.first_drain = min(self.first_drain, step)
        match = re.match(r's\d+ setup (ring\d) .* flags=(.*) idle=', line)
        if match:
            self.rings[match[1]] = match[2].replace(' ', '|')
        match = re.match(r'([gr]\d+) (round|register) (.*)', line)
        if match:
            self.steps[match[1]] = match[3]
        match = re.match(r'(g\d+) register \S+ (\S+)', line)
        if match:
            self.ops[match[1]] = 'REG_' + re.sub(r'\(.*', '', match[2])
        match = re.match(r'(s\d+) (setup|setresuid|mmap)', line)
        if match:
            self.ops[match[1]] = match[2].upper()

    def sqe(self, key):
        """Return: the SQE that a field belongs to, as "r1.2", or None"""
        match = re.match(r'f\.p(\d+\.\d+)$', key)
        if match:
            sqe = 'r' + match[1]
            return sqe if sqe in self.ops else None
        match = re.match(r'r\d+\.[dp]?(\d+)(?:\.(\d+))?$', key)
        if not match:
            return None
        sqe = f'r{match[1]}.{match[2]}' if '.p' in key else key.replace('.d', '.')
        return sqe if sqe in self.ops else None

    def op(self, key):
        """Return: what a field is about"""
        sqe = self.sqe(key)
        if sqe:
            return self.ops[sqe] + ('.data' if '.d' in key else '')
        if key in self.ops:
            return self.ops[key]
        if re.match(r'[mos]\d+$', key):
            return {'s': 'SETUP', 'o': 'SETUP.offsets', 'm': 'MMAP'}[key[0]]
        match = re.match(r'r\d+\.([eaqxw])', key)
        if match:
            return ROUND_FIELDS[match[1]]
        return 'FINAL.' + key[2:] if key.startswith('f.') else key

    def rank(self, key):
        """For sorting fields as they come about"""
        match = re.match(r'([a-z]+)(\d+)?(?:\.([a-z]*)(\d*))?', key)
        step = int(match[2]) if match[2] else LAST_STEP
        return (step, STEP_ORDER.get(match[1], 8), FIELD_ORDER.get(match[3] or '', 8),
                int(match[4]) if match[4] else 0)

    @staticmethod
    def result(fields, sqe):
        """Return: the values of an SQE's CQEs, also if they came late"""
        late = [key for key in fields if key.endswith('.p' + sqe[1:])]
        for key in [sqe] + late:
            if key in fields:
                return fields[key]
        return boots.ABSENT

    def behind_drain(self, requests, sqe):
        """Has its chain IOSQE_IO_DRAIN, or one before it in the round?"""
        last = rivals.chain_of(self, requests, sqe)[-1]
        before = requests[:requests.index(last) + 1]
        return any('DRAIN' in self.flags[other] for other in before)

    def rounds(self, sqe, key):
        """Return: the requests of an SQE's round and of those up to the step of a field"""
        first, last = int(sqe[1:].split('.')[0]), self.rank(key)[0]
        steps = collections.defaultdict(list)
        for other in self.fields:
            if first <= int(other[1:].split('.')[0]) <= last:
                steps[other.split('.')[0]].append(other)
        return list(steps.values())

    def failed_updates(self, key, fields):
        """Return: errors of FILES_UPDATE, before the step of a field"""
        earlier = [other for other, op in self.ops.items()
                   if op.endswith('FILES_UPDATE') and self.rank(other)[0] < self.rank(key)[0]]
        results = {human(self.result(fields, other)) for other in earlier}
        return ','.join(sorted(result for result in results if result.startswith('-E')))

    def line(self, key, a, b):
        """Return: what rules see of a difference, see rules.tsv"""
        def both(sqe):
            return '%s[%s]=%s:%s' % (self.ops[sqe], self.flags[sqe],
                                     human(self.result(a, sqe)), human(self.result(b, sqe)))

        sqe = self.sqe(key)
        step = (sqe or key).split('.')[0]
        of_round = [other for other in self.fields if other.startswith(step + '.')]
        before = []
        if sqe and self.chains[sqe]:
            before = [other for other in of_round[:of_round.index(sqe)]
                      if self.chains[other] == self.chains[sqe]]
        words = {
            'seed': self.seed,
            'key': key,
            'op': self.op(key),
            'flags': self.flags.get(sqe, '-'),
            'a': human(a.get(key, boots.ABSENT)),
            'b': human(b.get(key, boots.ABSENT)),
            'sqe': self.fields.get(sqe, ''),
            'drain': str(int(self.rank(key)[0] >= self.first_drain)),
            'before': ','.join(both(other) for other in before),
            'rival': rivals.rivals(self, self.rounds(sqe, key), sqe) if sqe else '',
            'open': str(int(bool(sqe) and rivals.is_open(self, of_round, sqe))),
            'updated': self.failed_updates(key, b),
            'round': ','.join(both(other) + '{' + self.fields[other] + '}'
                              for other in of_round),
            'step': self.steps.get(step, ''),
            'ring': self.rings.get(self.steps.get(step, '').split(' ')[0], ''),
            'held': str(int(bool(sqe) and self.behind_drain(of_round, sqe))),
            'signals': str(int(any('EVENTFD_ASYNC' in text for text in self.steps.values()))),
        }
        return ' '.join(f'{word}={text}'.replace(' ', '_') for word, text in words.items())
