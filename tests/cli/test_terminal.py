#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trill chat on a terminal: prompts, continued lines, Ctrl-C at an empty prompt, in an unfinished line and in an answer."""
import os
import pathlib
import pty
import re
import select
import signal
import sys
import time

import cases



class Terminal:
    """A chat in a pseudo terminal. What it shows is read up to what is waited for."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(cases.TRILL, [cases.TRILL, 'chat', *map(str, args)])
        self.seen = ''

    def wait(self, pattern):
        end = time.monotonic() + cases.HANGS_SECONDS
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > end or not self.read(end):
                raise AssertionError(f'{pattern!r} did not come; the terminal shows {self.seen[-300:]!r}')
        self.seen = self.seen[found.end():]

    def read(self, end):
        if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            return False
        try:
            piece = os.read(self.fd, 4096)
        except OSError:                      # the other side is closed
            piece = b''
        self.seen += piece.decode('utf-8', 'replace')
        return bool(piece)

    def type(self, text):
        os.write(self.fd, text.encode())

    def ends(self, code):
        end = time.monotonic() + cases.HANGS_SECONDS
        while self.read(end):
            pass
        os.close(self.fd)
        found = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert found == code, f'exit code {found}, expected {code}; the terminal shows {self.seen[-300:]!r}'


def at_prompt(model, slow):
    terminal = Terminal(model, '-n', 4)
    terminal.wait(r'/help lists .*\n> ')
    terminal.type('\x03')
    terminal.wait('trill: interrupted')
    terminal.ends(130)


def in_unfinished_line(model, slow):
    terminal = Terminal(model, '-n', 4)
    terminal.wait('> ')
    terminal.type('one \\\n')
    terminal.wait(r'\. ')
    terminal.type('\x03')
    terminal.wait('> ')
    terminal.type('\x04')
    terminal.ends(0)


def words(model, slow):
    terminal = Terminal(model, '-n', 4)
    terminal.wait('> ')
    terminal.type('/help\n')
    terminal.wait('/stats')
    terminal.wait('> ')
    terminal.type('/nothing\n')
    terminal.wait('unknown word /nothing')
    terminal.wait('> ')
    terminal.type('hello\n')
    terminal.wait(r'hello\r\n.*\n> ')
    terminal.type('/stats\n')
    terminal.wait('prompt: ')
    terminal.wait('> ')
    terminal.type('/exit\n')
    terminal.ends(0)


def in_answer(model, slow):
    terminal = Terminal(slow, '--cpu', 'ref', '-t', 1, '--logit-bias', '0:-100', '--logit-bias', '2:-100')      # it goes on until it is stopped
    terminal.wait('> ')
    terminal.type('Tell me a long story.\n')
    terminal.wait(r'story\.\r\n.*\w')
    terminal.type('\x03')
    terminal.wait(r'\(stopped\)')
    terminal.wait('> ')
    terminal.type('\x03')
    terminal.ends(130)


def main():
    model, slow = cases.ROOT / 'tests/golden/llama/model.gguf', cases.CACHE / 'smollm2-135m-instruct.gguf'
    if not model.exists():
        print(f'{model} is absent')
        sys.exit(77)
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError as fault:
        print(f'no terminal can be made here: {fault}')
        sys.exit(77)
    failed = 0
    for test in (at_prompt, in_unfinished_line, words, in_answer):
        if test is in_answer and not slow.exists():
            print(f'in_answer is left out: {slow} is absent')
            continue
        try:
            test(model, slow)
        except AssertionError as fault:
            print(f'{test.__name__}: {fault}')
            failed += 1
    sys.exit(failed > 0)


signal.alarm(4 * cases.HANGS_SECONDS)
main()
