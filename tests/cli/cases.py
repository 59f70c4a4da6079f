# SPDX-License-Identifier: MIT
"""Runs the program on the cases of a file and compares what it does with what the file says.

A file holds blocks: "## NAME", then lines "KEY: VALUE".
  args         the arguments; {llama} and the like stand for files (see Files)
  stdin        what standard input holds (\\n and so on are understood); nothing unless given
  exit         the exit code; 0 unless given
  stdout       all of standard output; stdout~ a regular expression found in it
  stderr~      a regular expression found in standard error; last~ one for its last line
  json         NAME:TYPE ... of the document on standard output, in this order, and no others; TYPE is int, num, str, bool,
               obj, list, list[int], list[str] or list[num]. json[] the same for each object of a list
  output       where standard output goes: a path, "closed", or "left" (a reader that leaves after five bytes)
  interrupt    send SIGINT once the process has computed for so many seconds, or a file is there (a path), or at the first byte
               of "output"; twice: a second one 5 ms later
  within       seconds that the process may compute from there (or from the start) to the end
  room         MiB above the size of the model file that the peak memory may take
  file         a file that must be there afterwards, or with "!" in front not be there

Seconds are those of the CPU, not of the clock: other work on the machine changes nothing.
For every case: the peak memory of a success is at most what --ram says; the last line of a failure begins with "trill: " and is one line; a success has no such line; a signal
never ends the program; with `--json` nothing but JSON is on standard output.
Exit 77 when a file that all cases need is absent; a case whose own model is absent is counted as left out."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ.get('TRILL', str(ROOT / 'build/trill'))
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
SLOWER = 10 if os.environ.get('TRILL_FAST') else 1           # set for builds with sanitizers
LATER = 3 if os.environ.get('TRILL_FAST') else 1             # loading a model takes that much longer in them
HANGS_SECONDS = 300          # longer than anything here takes, however busy the machine is

INHERITED = 64 << 20         # a new process counts what it had of Python before it became the program


def ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def cpu_seconds(pid):
    return time.clock_gettime(~pid << 3 | 2)     # what clock_getcpuclockid(3) makes of a process


TYPES = {'int': int, 'num': (int, float), 'str': str, 'bool': bool, 'obj': dict, 'list': list}


def requests(url, body, count):
    """A batch of equal requests with other seeds."""
    lines = [{'custom_id': str(i), 'method': 'POST', 'url': url, 'body': {'max_tokens': 6, 'seed': i, **body}} for i in range(count)]
    return ''.join(json.dumps(line) + '\n' for line in lines).encode()


class Files:
    """What {name} stands for: golden models, real ones from the cache, and files made for the tests."""

    def __init__(self, folder):
        self.folder = folder
        golden = ROOT / 'tests/golden'
        self.known = {'tmp': folder, 'smollm': CACHE / 'smollm2-135m-instruct.gguf', 'cache': CACHE}
        for name in ('llama', 'qwen2', 'qwen3', 'gemma3'):
            self.known[name] = golden / name / 'model.gguf'
            self.known[name + '-folder'] = golden / name
        self.known['moe'] = golden / 'glm4_moe/model.gguf'
        self.known['lora'] = golden / 'adapters/llama-all'
        self.known['lora-gguf'] = golden / 'adapters/llama-all/adapter.gguf'
        self.known['lora-qwen3'] = golden / 'adapters/qwen3-all'
        self.known['ids'] = golden / 'llama/tokens.json'
        if self.known['llama'].exists():
            self.make(self.known['llama'].read_bytes())

    def make(self, model):
        self.write('truncated', model[:len(model) // 2])
        self.write('headless', b'GGUF' + b'\xff' * 60)
        self.write('noise', bytes(i * 7919 % 251 for i in range(4096)))
        self.write('empty', b'')
        self.write('blank-ids', b'1 2 3\n4\t5\n')
        self.write('bad-ids', b'[1, 2, 100000]')
        self.write('odd-ids', b'[1, 2, "three"]')
        self.write('no-ids', b'[]')
        self.write('long-ids', json.dumps([5] * 300).encode())
        self.write('long-text', b'All the king\'s horses and all the king\'s men. ' * 170)
        self.write('smollm-ids', json.dumps([504 + i for i in range(600)]).encode())
        # What is interrupted: many times longer than it takes until the signal comes, on the fastest machine.
        self.write('lasting-text', b'All the king\'s horses and all the king\'s men. ' * 600)
        self.write('lasting-ids', json.dumps([504 + i for i in range(8000)]).encode())
        self.write('lasting-prompts', b''.join(b'{"prompt": "Tell me long story %d."}\n' % i for i in range(4000)))
        self.write('lasting-requests', requests('/v1/completions', {'prompt': [504] * 40, 'max_tokens': 400, 'ignore_eos': True}, 400))
        self.write('messages', b'[{"role": "user", "content": "<|im_start|>hi"}]')
        self.write('bad-messages', b'[{"role": "user", "content": ')
        self.write('endless', b'{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}')
        self.write('broken-template', b'{% for %}')
        self.write('requests', requests('/v1/chat/completions', {'messages': [{'role': 'user', 'content': 'Hi'}]}, 5))
        self.write('mixed-requests', requests('/v1/completions', {'prompt': 'Once', 'n': 2}, 3) + b'no request\n')
        texts = self.folder / 'texts'
        texts.mkdir()
        for name in ('b.txt', 'a.txt', '.hidden'):
            (texts / name).write_text(f'The text of {name}. ' * 40)
        self.known['texts'] = texts
        home = self.folder / 'home'
        home.mkdir()
        (home / 'tiny.gguf').write_bytes(model)
        self.known['home'] = home

    def write(self, name, content):
        self.known[name] = self.folder / name
        self.known[name].write_bytes(content)

    def absent(self, words):
        names = {name for word in words for name in re.findall(r'\{([a-z0-9-]+)\}', word)}
        devices = [word for word in words if word.startswith('/dev/') and not pathlib.Path(word).is_char_device()]
        return devices + [name for name in names if name not in self.known or not self.known[name].exists()]

    def fill(self, word):
        return re.sub(r'\{([a-z0-9-]+)\}', lambda m: str(self.known[m[1]]), word)


def read_cases(path):
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith('## '):
            cases.append({'name': line[3:], 'line': number})
        elif cases and ':' in line and not line.startswith('#'):
            key, value = line.split(':', 1)
            if key not in KEYS:
                sys.exit(f'{path.name}:{number}: unknown key {key}')
            cases[-1][key] = value.strip()
    return cases


KEYS = {'args', 'stdin', 'exit', 'stdout', 'stdout~', 'stderr~', 'last~', 'json', 'json[]', 'output', 'interrupt', 'within',
        'room', 'file'}


def text_of(value):
    return value.encode('latin-1', 'backslashreplace').decode('unicode_escape').encode('latin-1', 'ignore') if '\\' in value \
        else value.encode()


class Run:
    """One process: its exit code, what it wrote, and how long it computed."""

    def __init__(self, case, args):
        self.output, self.errors = b'', b''
        target = case.get('output', '')
        self.pipe = target in ('', 'left')
        reader, stdout = os.pipe() if self.pipe else (None, None if target == 'closed' else os.open(target, os.O_WRONLY | os.O_CREAT))
        if target == 'left':                     # so small that nobody is done before the reader has left
            fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, 4096)
        before = (lambda: os.close(1)) if target == 'closed' else None
        errors = tempfile.TemporaryFile()
        process = subprocess.Popen([TRILL, *args], stdin=subprocess.PIPE, stdout=stdout, stderr=errors, preexec_fn=before)
        if stdout is not None:
            os.close(stdout)
        hanging = threading.Timer(HANGS_SECONDS, os.kill, (process.pid, signal.SIGKILL))
        hanging.start()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text_of(case.get('stdin', '')))
            process.stdin.close()
        start = self.interrupt(process.pid, case['interrupt'], reader) if 'interrupt' in case else 0
        if target == 'left':
            self.output = os.read(reader, 5)
            os.close(reader)
        elif self.pipe:
            with os.fdopen(reader, 'rb') as rest:
                self.output += rest.read()
        _, status, usage = os.wait4(process.pid, 0)
        hanging.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = usage.ru_utime + usage.ru_stime - start
        self.code, self.peak_bytes = process.returncode, usage.ru_maxrss * 1024
        self.own_peak_bytes = self.peak_bytes if self.peak_bytes > INHERITED else 0
        errors.seek(0)
        self.errors = errors.read().decode('utf-8', 'replace')

    def interrupt(self, pid, when, reader):
        """Returns how long the process had computed until the signal."""
        when, *twice = when.split()
        if when == 'output':
            self.output = os.read(reader, 1)
        while not (when == 'output' or ended(pid) or (os.path.exists(when) if '/' in when else cpu_seconds(pid) > float(when) * LATER)):
            time.sleep(0.01)
        start = cpu_seconds(pid)
        os.kill(pid, signal.SIGINT)
        if twice:
            time.sleep(0.005)
            os.kill(pid, signal.SIGINT)
        return start


def type_fits(value, kind):
    listed = re.fullmatch(r'list\[(\w+)\]', kind)
    if listed:
        return isinstance(value, list) and all(type_fits(item, listed[1]) for item in value)
    return isinstance(value, TYPES[kind]) and (kind == 'bool' or not isinstance(value, bool))


def json_faults(document, wanted):
    keys = [word.rsplit(':', 1) for word in wanted.split()]
    if not isinstance(document, dict):
        return [f'a JSON object was expected, found {str(document)[:80]}']
    if list(document) != [name for name, _ in keys]:
        return [f'keys {" ".join(document)}, expected {" ".join(name for name, _ in keys)}']
    return [f'{name} is {str(document[name])[:60]}, expected {kind}' for name, kind in keys if not type_fits(document[name], kind)]


def document_faults(case, args, run):
    try:
        document = json.loads(run.output) if '--json' in args and run.code == 0 and run.pipe else None
    except ValueError as error:
        return [f'standard output is not one JSON document: {error}']
    if 'json[]' in case:
        document = document or []
        return [fault for item in document for fault in json_faults(item, case['json[]'])] or ([] if document else ['an empty list'])
    return json_faults(document, case['json']) if 'json' in case else []


def rule_faults(run, quiet):
    lines = run.errors.splitlines()
    told = bool(lines) and lines[-1].startswith('trill: ')
    if run.code < 0:
        return [f'ended by signal {-run.code}']
    if run.code == 0 and any(line.startswith('trill: ') for line in lines):
        return ['a success with a sentence of failure']
    if run.code != 0 and not told and not quiet:
        return ['a failure whose last line on stderr is no sentence']
    return []


def faults_of(case, args, run):
    quiet = case.get('output') == 'left' or 'twice' in case.get('interrupt', '')
    faults = rule_faults(run, quiet)
    if run.code != int(case.get('exit', 0)):
        faults.append(f'exit code {run.code}, expected {case.get("exit", 0)}')
    if 'stdout' in case and run.output != text_of(case['stdout']):
        faults.append(f'standard output {run.output[:200]!r}, expected {text_of(case["stdout"])!r}')
    if 'stdout~' in case and not re.search(case['stdout~'], run.output.decode('utf-8', 'replace')):
        faults.append(f'standard output {run.output[:200]!r} has no {case["stdout~"]}')
    if 'stderr~' in case and not re.search(case['stderr~'], run.errors):
        faults.append(f'stderr has no {case["stderr~"]}')
    if 'last~' in case and not re.search(case['last~'], (run.errors.splitlines() or [''])[-1]):
        faults.append(f'the last line has no {case["last~"]}')
    if 'within' in case and run.seconds > float(case['within']) * SLOWER:
        faults.append(f'computed for {run.seconds:.2f} s, at most {case["within"]} allowed')
    return faults + document_faults(case, args, run)


def after_faults(case, args, run, files):
    faults = []
    name = files.fill(case.get('file', ''))
    if name and pathlib.Path(name.lstrip('!')).exists() == name.startswith('!'):
        faults.append(f'{name.lstrip("!")} is {"there" if name.startswith("!") else "missing"}')
    model = next((word for word in args if word.endswith('.gguf')), None)
    if 'room' in case and model and SLOWER == 1:
        limit = os.path.getsize(model) + int(case['room']) * 2**20
        if run.peak_bytes > limit:
            faults.append(f'peak memory {run.peak_bytes / 2**20:.1f} MiB, at most {limit / 2**20:.1f} allowed')
    budget = re.search(r'--ram (\d+)([MG])', ' '.join(args))
    if budget and run.code == 0 and SLOWER == 1 and run.own_peak_bytes > int(budget[1]) << (20 if budget[2] == 'M' else 30):
        faults.append(f'peak memory {run.own_peak_bytes / 2**20:.1f} MiB, with --ram {budget[1]}{budget[2]}')
    parts = [str(path) for path in files.folder.rglob('*.part-*')]
    return faults + [f'left behind: {part}' for part in parts]


def slow_level():
    """ref is slow enough to be interrupted; with sanitizers it takes minutes, and the level above it is slow enough."""
    version = subprocess.run([TRILL, '--version'], capture_output=True, text=True).stdout
    above = re.search(r'runs: ref (\w+)', version)
    return above[1] if above and SLOWER > 1 else 'ref'


def main(path):
    cases = read_cases(pathlib.Path(path))
    level = slow_level()
    passed, failed, left_out = 0, 0, []
    with tempfile.TemporaryDirectory() as scratch:
        files = Files(pathlib.Path(scratch))
        os.environ['TMPDIR'] = scratch
        os.environ.update(XDG_STATE_HOME=f'{scratch}/state', XDG_CONFIG_HOME=f'{scratch}/config')
        for case in cases:
            words = shlex.split(case['args'])
            absent = files.absent(words + [case.get('stdin', ''), case.get('output', '')])
            if absent:
                left_out.append(f'{case["name"]} ({", ".join(absent)})')
                continue
            if SLOWER > 1 and '--ram' in words and case.get('exit', '0') == '0':
                left_out.append(f'{case["name"]} (a sanitizer has a part of the budget)')
                continue
            args = [files.fill(word) for word in words]
            if 'interrupt' in case:
                args = [level if before == '--cpu' else word for before, word in zip([''] + args, args)]
            case['stdin'] = files.fill(case.get('stdin', ''))
            if 'interrupt' in case:
                case['interrupt'] = files.fill(case['interrupt'])
            run = Run(case, args)
            faults = faults_of(case, args, run) + after_faults(case, args, run, files)
            passed, failed = passed + (not faults), failed + bool(faults)
            for fault in faults:
                print(f'{path}:{case["line"]}: {case["name"]}: {fault}\n    trill {shlex.join(args)}\n    stderr: {run.errors[-300:]!r}')
    print(f'{passed} passed, {failed} failed' + (f', left out: {"; ".join(left_out)}' if left_out else ''))
    sys.exit(1 if failed else 0 if passed else 77)
