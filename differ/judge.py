# SPDX-License-Identifier: GPL-2.0
"""Which fields differ, and which of these differences are meant."""
import collections
import os
import re

from boots import ABSENT, HERE
from program import human

RULES = os.path.join(HERE, 'rules.tsv')

# Fields whose values say little: what they are about is the class
VAGUE = re.compile(r'(FINAL|.*\.data|OTHERCQE|QUEUE|ACTION)')

# With so many values on both sides a field is random
MANY = 3

Rule = collections.namedtuple('Rule', 'name scope regex')


def read_rules(path=RULES):
    rules = []
    with open(path) as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            if not line or line.startswith('#'):
                continue
            words = line.split('\t')
            if len(words) != 3 or words[1] not in ('field', 'program'):
                raise SystemExit(f'{path}:{number}: not a name, a scope and an expression')
            rules.append(Rule(words[0], words[1], re.compile(words[2])))
    return rules


def is_random(a, b, key):
    """Has the program itself declared it so, or is it different in each run?"""
    x, y = a.get(key, ABSENT), b.get(key, ABSENT)
    return '?' in x | y or min(len(x), len(y)) > MANY


def differing(a, b):
    """Return: fields of which the two kernels have no value in common"""
    return [key for key in {**a, **b}
            if not a.get(key, ABSENT) & b.get(key, ABSENT) and not is_random(a, b, key)]


def unexplained(program, keys, a, b, rules, hits):
    """Return: the fields that no rule explains, in the order of the program"""
    left, end = [], None
    for key in sorted(keys, key=program.rank):
        line = program.line(key, a, b)
        for rule in rules:
            if not rule.regex.search(line):
                continue
            hits[rule.name] += 1
            if rule.scope == 'program' and end is None:
                end = program.rank(key)[0]
            break
        else:
            left.append(key)
    return [key for key in left if end is None or program.rank(key)[0] < end]


def class_of(program, key, a, b):
    """Return: the kind of a difference, as text"""
    if VAGUE.match(program.op(key)):
        return program.op(key)

    def value(fields):
        return re.sub(r'fd:\w+', 'fd', human(fields.get(key, ABSENT)))
    return f'{program.op(key)}  {value(a)} -> {value(b)}'


def merge(into, more):
    """Add the values of other runs"""
    for seed, fields in more.items():
        known = into[seed]
        for key in set(known) | set(fields):
            known[key] = known.get(key, ABSENT) | fields.get(key, ABSENT)
