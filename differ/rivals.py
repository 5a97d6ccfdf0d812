# SPDX-License-Identifier: GPL-2.0
"""Requests of a round that use the same thing, and that nothing orders."""
import os
import re

import boots

# What nobody changes
SHARED = {'zero', 'null', 'closed'}

# Opcodes whose file_index is a slot, and those where it is a second descriptor
OPENS = re.compile(r'OPENAT2?|ACCEPT|SOCKET|CLOSE')
SPLICES = re.compile(r'SPLICE|TEE')


def object_names():
    """Return: the names of objects by their descriptors"""
    with open(os.path.join(boots.HERE, 'objects.h')) as file:
        order = re.search(r'enum object \{(.*?)NR_OBJECTS', file.read(), re.S)[1]
    with open(os.path.join(boots.HERE, 'objects.c')) as file:
        names = dict(re.findall(r'\[(OBJ_\w+)\] = "(\w+)"', file.read()))
    return {20 + i: names[name] for i, name in enumerate(re.findall(r'OBJ_\w+', order))}


NAMES = object_names()


def thing(name):
    """Both ends of a connection are one thing"""
    return re.sub(r'^p[rw](\d|full)\w*|^(us|ud|tcp|udp)\d$',
                  lambda match: match[2] or 'pipe' + match[1], name)


def used_by(program, sqe):
    """Return: the names of what a request uses"""
    op, fields = program.ops[sqe], program.fields[sqe] + ' '
    used = set(re.findall(r'(?:fd|slot)=\d+\((\w+)\)', fields))
    used |= set(re.findall(r'(?:addr|addr3|off)="([^"]+)"', fields))
    used |= set(re.findall(r'addr=(futex\d)', fields))
    slots = [int(slot) for slot in re.findall(r'slot=(\d+)', fields)]
    index = re.search(r' file_index=(\d+) ', fields)
    if index and OPENS.fullmatch(op):
        slots.append(int(index[1]) - 1)
    if index and SPLICES.fullmatch(op):
        used.add(NAMES.get(int(index[1]), 'closed'))
    used |= {f'slot{slot}' for slot in slots}
    group = re.search(r' buf=(\d+) ', fields)
    if group and (op in ('PROVIDE_BUFFERS', 'REMOVE_BUFFERS') or 'BUFSEL' in program.flags[sqe]):
        used.add('group' + group[1])
    return {thing(name) for name in used if name not in SHARED}


def links(program, sqe):
    return 'LINK' in program.flags[sqe]


def chain_of(program, requests, sqe):
    """Return: the members of its chain, which those that are linked with it are"""
    first = last = requests.index(sqe)
    while first and links(program, requests[first - 1]):
        first -= 1
    while last + 1 < len(requests) and links(program, requests[last]):
        last += 1
    return requests[first:last + 1]


def rivals(program, rounds, sqe):
    """
    Return: "chain" if another request of these rounds, of which the first is its own, uses
    what this one uses, and one of the two is in a chain that the other is not in; "plain" if
    both are in none; or ""
    """
    chain, used = chain_of(program, rounds[0], sqe), used_by(program, sqe)
    others = [(requests, other) for requests in rounds for other in requests
              if other not in chain and used & used_by(program, other)]
    if any(len(chain) > 1 or len(chain_of(program, requests, other)) > 1
           for requests, other in others):
        return 'chain'
    return 'plain' if others else ''


def is_open(program, requests, sqe):
    """Return: is there no end to its chain in what is submitted together?"""
    last = chain_of(program, requests, sqe)[-1]
    if 'bad SQ index' in program.steps[sqe.split('.')[0]] and links(program, sqe):
        return True
    half = len(requests) // 2
    if 'submit split' in program.steps[sqe.split('.')[0]] and requests.index(sqe) < half:
        last = requests[half - 1] if last in requests[half:] else last
    return links(program, last)
