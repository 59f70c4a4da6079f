#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the scripts of the tests and of the build use is on the lists of tool/setup, or in every system: the modules that
Python files import, the programs in shebang lines, and the programs that scripts call. Which package a program belongs to
is asked of dpkg; where there is none, that part is left out. A program behind `command -v` or shutil.which is optional."""
import ast
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
# Part of each other, or brought by one that is listed: what Debian's dependencies guarantee.
BROUGHT = {'binutils': ['binutils-x86-64-linux-gnu', 'binutils-aarch64-linux-gnu'], 'pkg-config': ['pkgconf', 'pkgconf-bin']}


def listed():
    text = (ROOT / 'tool/setup').read_text()
    tables = re.findall(r"^needs_of_\w+='\n(.*?)'$", text, re.M | re.S)
    packages = {line.split()[0] for table in tables for line in table.splitlines() if line.strip()}
    return packages | {other for package in packages for other in BROUGHT.get(package, [])}


def required():
    """What tool/venv brings."""
    files = (ROOT / 'tests').glob('requirements*.txt')
    return {re.split(r'[\[=<> ]', line)[0] for path in files for line in path.read_text().splitlines() if line and not line.startswith('#')}


def scripts():
    """Shell and Python files that ./demo, ./check, the build or the tests run."""
    files = [ROOT / 'check', ROOT / 'demo', ROOT / '.ci/run']
    for folder in ('tool', 'tests/cli', 'tests/peer', 'tests/serve', 'tests/tool'):
        files += sorted(path for path in (ROOT / folder).iterdir() if path.is_file())
    for path in files:
        first = path.read_text(errors='replace').split('\n', 1)[0]
        if path.suffix in ('.py', '.sh') or first.startswith('#!'):
            yield path, first


def optional_imports(tree):
    """What a script does without where it is not there."""
    return {inner for node in ast.walk(tree) if isinstance(node, ast.Try) and any('ImportError' in ast.dump(h.type or node) for h in node.handlers)
            for statement in node.body for inner in ast.walk(statement)}


def imports(path):
    tree = ast.parse(path.read_text())
    for node in set(ast.walk(tree)) - optional_imports(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split('.')[0]


def module_faults(path, packages):
    for name in sorted(set(imports(path)) - required()):
        if name not in sys.stdlib_module_names and not any((ROOT / 'tests').glob(f'*/{name}.py')) and f'python3-{name}' not in packages:
            yield f'{path.relative_to(ROOT)}: imports {name}, which is neither in tests/requirements*.txt nor, as python3-{name}, in tool/setup'


SHELL_OWN = {'kill'}                     # a program too, but the shell has its own


def shell_commands(text):
    text = re.sub(r"<<-?'?(\w+)'?[^\n]*\n.*?\n\1\n", '\n', text, flags=re.S)            # here documents
    text = re.sub(r"'[^']*'", "''", re.sub(r'(^|\s)#[^\n]*', r'\1', text))
    text = re.sub(r'"(?:[^"$`]|\$(?!\())*"', '""', text)
    place = r'(?:^|[|;&(!{`]|\$\(|\b(?:then|do|else|if|while|exec|nice)\b)\s*(?:[A-Za-z_]\w*=\S*\s+)*'
    own = SHELL_OWN | set(re.findall(r'^([a-z_]\w*)\(\)', text, re.M))
    return set(re.findall(place + r'([A-Za-z][\w.+-]*)(?=[\s;)]|$)', text, re.M)) - own


def python_commands(text):
    return set(re.findall(r"(?:run|Popen|check_output)\(\[\s*'([\w.+-]+)'", text))


def optional(text):
    return set(re.findall(r'command -v "?([\w.+-]+)', text)) | set(re.findall(r"which\('([\w.+-]+)'", text)) | \
        (set('bash zsh fish'.split()) if 'command -v $shell' in text else set())


def plain(package):
    """Without versions: gcc-12 is gcc, python3.11-minimal is python3."""
    return re.sub(r'^python3\.\d+$', 'python3', re.sub(r'-\d[\d.]*$', '', package.replace('-minimal', '')))


@functools.lru_cache(None)
def owners(program):
    """The packages of a program, or None where nothing of this name is installed by the system."""
    for folder in ('/usr/bin', '/bin', '/usr/sbin', '/sbin'):
        if not os.path.exists(f'{folder}/{program}'):
            continue
        for path in {f'{folder}/{program}', os.path.realpath(f'{folder}/{program}'), f'/bin/{program}'}:
            found = subprocess.run(['dpkg', '-S', path], capture_output=True, text=True)
            lines = [line for line in found.stdout.splitlines() if not line.startswith('diversion ')]
            if lines:
                return {plain(name.split(':')[0]) for name in lines[0].split(': ')[0].split(', ')}
    return None


@functools.lru_cache(None)
def essential(package):
    shown = subprocess.run(['dpkg-query', '-W', '-f', '${Essential} ${Priority}', package], capture_output=True, text=True).stdout
    return shown.startswith('yes') or shown.endswith(' required')


def program_faults(path, first, packages):
    text = path.read_text()
    interpreter = first[2:].split()[-1].split('/')[-1] if first.startswith('#!') else ''
    used = python_commands(text) if interpreter == 'python3' else shell_commands(text) if interpreter in ('sh', 'bash') else set()
    for program in sorted((used | {interpreter}) - optional(text) - {''}):
        owner = owners(program)
        if owner and not any(name in packages or essential(name) for name in owner):
            yield f'{path.relative_to(ROOT)}: runs {program} of {", ".join(sorted(owner))}, which is not in tool/setup'


def main():
    packages = listed()
    faults, seen = [], 0
    for path, first in scripts():
        seen += 1
        if 'python3' in first or path.suffix == '.py':
            faults += module_faults(path, packages)
        if shutil.which('dpkg'):
            faults += program_faults(path, first, packages)
    for fault in faults:
        print(fault)
    print(f'{seen} scripts, {len(packages)} packages, {len(faults)} faults')
    sys.exit(bool(faults) or seen < 20)


if os.environ.get('TRILL_FAST'):
    print('the same in every build')
    sys.exit(77)
main()
