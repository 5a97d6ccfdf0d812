# SPDX-License-Identifier: GPL-2.0
"""Build the programs, and run them on two kernels at once."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.environ.get('BUILD', os.path.join(ROOT, 'build'))
WORK = os.path.join(BUILD, 'differ')
PROGRAMS = os.path.join(WORK, 'programs')

# Values of a field that a run did not have
ABSENT = frozenset(['absent'])

# Of the slowest machine: seconds to boot, and runs of a program in a second
SLOWEST_BOOT = 400
SLOWEST = 5
ATTEMPTS = 40

# An emulated machine sometimes stands still while it boots; more often in a row is a fault
BOOTS = 3


# vm/run of each boot; those that have ended are no harm
guests = []
guests_lock = threading.Lock()
stopped = False


class Stopped(Exception):
    """No more guests are to be started"""


def start_guest(command, output):
    """Start vm/run in a session of its own: Ctrl-C is for us, who end it in order"""
    with guests_lock:
        if stopped:
            raise Stopped
        guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, start_new_session=True)
        guests.append(guest)
    return guest


def stop_all():
    """End what is still running, and wait for that. Nothing is started after that"""
    global stopped

    with guests_lock:
        stopped = True
    for guest in guests:
        if guest.poll() is None:
            os.killpg(guest.pid, signal.SIGTERM)
            guest.wait()


def build_programs(compat):
    """Make the programs for the host, which prints them, and for the guests."""
    os.makedirs(WORK, exist_ok=True)
    targets = [PROGRAMS, PROGRAMS + '-32'] if compat else [PROGRAMS]
    subprocess.run(['make', '-s', '-C', HERE, 'O=' + WORK] + targets, check=True)


def build_kernels(flavours):
    """Make what is booted, as far as it is not there yet."""
    for flavour in flavours:
        subprocess.run([os.path.join(ROOT, 'vm/build'), flavour], check=True)


def parse_results(path):
    """Return: ({seed: {key: set of values}}, {(opcode, errno): programs}, complete)"""
    programs, coverage, fields, complete = {}, {}, None, False
    if not os.path.exists(path):
        return programs, coverage, complete
    with open(path, errors='replace') as file:
        for line in file:
            line = line.rstrip('\n')
            if line.startswith('P '):
                seed, fields = line[2:], {}
            elif line == '.':
                programs[seed], fields = fields, None
            elif fields is not None:
                key, _, value = line.partition('=')
                values = value[1:].split('~|~') if value.startswith('~') else [value]
                fields[key] = fields.get(key, frozenset()) | frozenset(values)
            elif line.startswith('C '):
                _, opcode, error, number = line.split()
                coverage[opcode, int(error)] = int(number)
            elif line.startswith('DONE'):
                complete = True
    return programs, coverage, complete


class Side:
    """One of the two kernels"""

    def __init__(self, name, kernel, options, programs_options):
        self.name = name
        self.kernel = kernel
        self.options = options
        self.programs_options = programs_options
        self.results = None
        self.complaints = []

    def boot(self, seeds, reps, idle, flush):
        """Run each seed in a guest. Return: as parse_results()"""
        with tempfile.TemporaryDirectory(prefix=self.name + '-', dir=WORK) as where:
            listed = os.path.join(where, 'list')
            with open(listed, 'w') as file:
                file.writelines(seed + '\n' for seed in seeds)
            self.results = os.path.join(where, 'results')
            log = os.path.join(where, 'log')
            limit = SLOWEST_BOOT + len(seeds) * reps // SLOWEST
            command = [os.path.join(ROOT, 'vm/run'), '--kernel', self.kernel, '--icount',
                       '--share', where, '--log', log, '--timeout', str(limit), '--',
                       os.path.join(ROOT, 'vm/guest/differ'),
                       PROGRAMS + ('-32' if self.options.compat else ''), listed, self.results,
                       f'reps={reps}', f'idle={idle}', f'flush={flush}', 'jitter=1',
                       ] + self.programs_options
            output = os.path.join(where, 'output')
            if not any(self.runs_programs(command, output) for _ in range(BOOTS)):
                self.complain(log, output)
                raise RuntimeError(f'the guest with the {self.kernel} kernel has not come to '
                                   'run programs:\n' + '\n'.join(self.complaints[-40:]))
            found = parse_results(self.results)
            if not found[2]:
                self.complain(log, output)
            if self.options.keep:
                kept = shutil.copytree(where, tempfile.mkdtemp(prefix='kept-', dir=WORK),
                                       dirs_exist_ok=True)
                print(f'differ: results of {self.name}: {kept}', file=sys.stderr)
            return found

    def runs_programs(self, command, output):
        """Wait for a guest's end. Return: whether it came so far as to run programs"""
        with open(output, 'w') as file:
            guest = start_guest(command, file)
        deadline = time.monotonic() + SLOWEST_BOOT
        # The programs make the file of results before the first of them is run
        while guest.poll() is None and not os.path.exists(self.results):
            if time.monotonic() > deadline:
                print(f'differ: the guest with the {self.kernel} kernel does not boot, '
                      'and is started again', file=sys.stderr)
                os.killpg(guest.pid, signal.SIGTERM)
                break
            time.sleep(0.2)
        guest.wait()
        if stopped:
            raise Stopped
        return os.path.exists(self.results)

    def complain(self, *paths):
        """Keep the end of what a broken boot has said"""
        for path in paths:
            if os.path.exists(path):
                with open(path, errors='replace') as file:
                    self.complaints += file.read().splitlines()[-25:]

    def run(self, seeds, reps, idle=1):
        """Like boot(), and go on after a program that ends the kernel"""
        programs, coverage, todo, flush = {}, {}, list(seeds), 0
        for _ in range(ATTEMPTS):
            found, counts, complete = self.boot(todo, reps, idle, flush)
            programs.update(found)
            for key, number in counts.items():
                coverage[key] = coverage.get(key, 0) + number
            todo = [seed for seed in todo if seed not in programs]
            if not todo:
                return programs, coverage
            if not found and not complete and flush:
                # It was the first one, and the kernel is not there any more
                programs[todo.pop(0)] = {'end': frozenset(['kernel died'])}
            flush = 1
        raise RuntimeError(f'the {self.kernel} kernel does not run these programs:\n' +
                           '\n'.join(self.complaints[-40:]))

    def progress(self):
        """Return: the number of programs that were run in this boot"""
        try:
            with open(self.results, 'rb') as file:
                return file.read().count(b'\n.\n')
        except (FileNotFoundError, TypeError):
            return 0


class Boots:
    """Two kernels that run the same programs"""

    def __init__(self, options, programs_options):
        self.sides = [Side('A', options.against, options, programs_options),
                      Side('B', options.kernel, options, programs_options)]

    def run(self, seeds, reps, idle=1):
        """Return: (programs, coverage) of each kernel"""
        found, errors = [None, None], []

        def run_one(i):
            try:
                found[i] = self.sides[i].run(seeds, reps, idle)
            except Stopped:
                pass
            except Exception as error:      # is raised again below
                errors.append(error)
                stop_all()

        threads = [threading.Thread(target=run_one, args=(i,), daemon=True) for i in (0, 1)]
        for thread in threads:
            thread.start()
        self.watch(threads, len(seeds))
        if errors:
            raise errors[0]
        return found

    def watch(self, threads, number):
        """Wait, and say now and then how far it is"""
        terminal = sys.stderr.isatty()
        shown = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            if time.monotonic() - shown < (1 if terminal else 60):
                continue
            shown = time.monotonic()
            text = 'differ: %d and %d of %d programs' % (*(s.progress() for s in self.sides),
                                                         number)
            print('\r' + text + ' ' if terminal else text, file=sys.stderr,
                  end='' if terminal else '\n', flush=True)
        if terminal:
            print('\r' + ' ' * 60 + '\r', file=sys.stderr, end='', flush=True)
