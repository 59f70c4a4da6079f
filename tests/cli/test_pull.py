#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trill pull against a hub on this machine (tests/pull/hub.py): what is fetched and where it lies, stopping and going on, two
at once, hubs that lie, and models by the names under which other programs keep them."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ['TRILL']
sys.path.insert(0, str(ROOT / 'tests/pull'))
sys.dont_write_bytecode = True
from hub import Hub, git_name                                        # noqa: E402

GGUF = (ROOT / 'tests/golden/llama/model.gguf').read_bytes()
MB = 1 << 20
HANGS_SECONDS = 600          # longer than anything here takes, however busy the machine is


def noise(n, seed=0):
    return random.Random(seed).randbytes(n)


class Place:
    """A hub, and a user's folder with empty caches."""

    def __init__(self, folder):
        self.folder, self.hub = pathlib.Path(folder), Hub()
        self.cache = self.folder / 'hf/hub'
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(('HF_', 'HUGGING', 'OLLAMA')) and not name.lower().endswith('_proxy')}
        self.env |= {'HOME': str(self.folder), 'HF_HOME': str(self.folder / 'hf'), 'XDG_CACHE_HOME': str(self.folder / 'cache'), 'HF_ENDPOINT': self.hub.url}

    def start(self, *words, **env):
        return subprocess.Popen([TRILL, *words], env=self.env | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words, code=0, says='', **env):
        done = self.start(*words, **env)
        out, err = done.communicate(timeout=HANGS_SECONDS)
        assert done.returncode == code, f'{words}: exit code {done.returncode}, expected {code}: {err}'
        assert says in err, f'{words}: {err!r} says not {says!r}'
        assert code == 0 or err.splitlines()[-1].startswith('trill: '), err
        return out

    def pull(self, *words, **env):
        return json.loads(self.run('pull', *words, '--json', **env))

    def fails(self, code, says, *words, **env):
        self.run('pull', *words, code=code, says=says, **env)

    def repository(self, name):
        return self.cache / ('models--' + name.replace('/', '--'))

    def blobs(self, name):
        folder = self.repository(name) / 'blobs'
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def holds(self, repository, *paths):
        """These files and no others, as links to blobs of their hashes."""
        snapshot = self.repository(repository.name) / 'snapshots' / repository.commit
        found = sorted(str(path.relative_to(snapshot)) for path in snapshot.rglob('*') if not path.is_dir())
        assert found == sorted(paths), f'{found}, expected {sorted(paths)}'
        for path in paths:
            file = repository.files[path]
            assert (snapshot / path).read_bytes() == file.data, path
            assert (snapshot / path).is_symlink() and not os.readlink(snapshot / path).startswith('/')
            assert (snapshot / path).resolve().name == file.hash
        assert (self.repository(repository.name) / 'refs/main').read_text() == repository.commit
        assert self.blobs(repository.name) == sorted({repository.files[path].hash for path in paths})
        return snapshot


FOLDER = {'config.json': b'{"a": 1}', 'tokenizer.json': b'[]', 'model-00001-of-00002.safetensors': noise(3 * MB, 1),
          'model-00002-of-00002.safetensors': noise(2 * MB, 2), 'model.safetensors.index.json': b'{}', 'chat_template.jinja': b'x',
          'LICENSE': b'MIT', 'README.md': b'# hi', 'consolidated.safetensors': noise(5 * MB, 3), 'onnx/model.bin': b'no', 'empty.json': b'',
          'original/params.json': b'{}', 'n' * 250 + '.json': b'{"n": 1}'}
NEEDED = [path for path in FOLDER if path not in ('README.md', 'consolidated.safetensors', 'onnx/model.bin', 'original/params.json')]


# --- what is fetched -------------------------------------------------------------------------------------------------

def test_folder(place):
    repository = place.hub.add('own/er.name', FOLDER)
    place.hub.page = 3
    report = place.pull('own/er.name', HF_TOKEN='hf_good')
    snapshot = place.holds(repository, *NEEDED)
    assert report['path'] == str(snapshot) and report['model'] == 'own/er.name' and report['licence'] == 'apache-2.0' and not report['gated']
    assert report['bytes'] == report['fetched_bytes'] == sum(len(FOLDER[path]) for path in NEEDED)
    assert all(asked.token == 'hf_good' for asked in place.hub.asked('hub'))
    assert place.hub.asked('store') and all(asked.token is None for asked in place.hub.asked('store')), 'the token left the hub'
    before = len(place.hub.asked('store'))
    assert place.pull('own/er.name')['fetched_bytes'] == 0
    assert len(place.hub.asked('store')) == before
    place.pull('own/er.name', '--include', '*.md', '--include', 'orig*')
    place.holds(repository, 'README.md', 'original/params.json', *NEEDED)
    place.fails(1, 'no file matches *.pdf', 'own/er.name', '--include', '*.pdf')


def test_list(place):
    place.hub.add('own/name', FOLDER)
    report = place.pull('own/name', '--list')
    assert {file['path'] for file in report['files']} == set(FOLDER)
    assert sorted(file['path'] for file in report['files'] if file['needed']) == sorted(NEEDED)
    assert report['path'] is None and not place.cache.exists() and place.hub.sent == 0
    lines = place.run('pull', 'own/name', '-l').splitlines()
    assert any(line.startswith('*') and line.endswith('config.json') for line in lines) and len(lines) == len(FOLDER)
    place.fails(1, 'no model in GGUF', 'own/name:Q4_0')


def test_gguf(place):
    small, large = noise(1000), noise(2000, 5)
    files = {'m-Q8_0.gguf': large, 'm-Q4_K_M.gguf': small, 'UD-Q2_K_XL/m-UD-Q2_K_XL-00001-of-00002.gguf': noise(500, 1),
             'UD-Q2_K_XL/m-UD-Q2_K_XL-00002-of-00002.gguf': noise(600, 2), 'mmproj-F16.gguf': b'p', 'README.md': b'', 'm-bf16.gguf': noise(4000)}
    repository = place.hub.add('own/gg-GGUF', files)
    report = place.pull('own/gg-GGUF')
    assert report['model'] == 'own/gg-GGUF:Q8_0' and report['path'].endswith('/m-Q8_0.gguf')
    place.holds(repository, 'm-Q8_0.gguf')
    assert place.pull('own/gg-GGUF:q4_k_m')['model'] == 'own/gg-GGUF:Q4_K_M'
    split = place.pull('own/gg-GGUF:Q2_K_XL')
    assert split['model'] == 'own/gg-GGUF:UD-Q2_K_XL' and split['path'].endswith('00001-of-00002.gguf') and len(split['files']) == 2
    assert place.pull('own/gg-GGUF/UD-Q2_K_XL/m-UD-Q2_K_XL-00002-of-00002.gguf')['fetched_bytes'] == 0
    assert place.pull(f'{place.hub.url}/own/gg-GGUF/blob/main/README.md')['model'] is None
    assert place.pull('own/gg-GGUF@refs/pr/1:bf16')['model'] == 'own/gg-GGUF@refs/pr/1:bf16'
    assert (place.repository('own/gg-GGUF') / 'refs/refs/pr/1').read_text() == repository.commit
    place.pull(f'own/gg-GGUF@{repository.commit}/mmproj*')
    place.holds(repository, *files)
    place.fails(2, 'there are Q8_0, Q4_K_M, UD-Q2_K_XL, bf16', 'own/gg-GGUF:Q5_0')
    del repository.files['UD-Q2_K_XL/m-UD-Q2_K_XL-00001-of-00002.gguf']
    place.fails(1, 'only 1 of 2 parts', 'own/gg-GGUF:Q2_K_XL')
    repository.files.clear()
    place.fails(1, 'no model', 'own/gg-GGUF')


def test_names(place):
    for name in ['name', 'a/b/../c', '../b', 'a/b@', 'a/b:', 'a//b', 'a/b@x y', 'a--b/c', 'a/b/', 'a/b@../x', 'a/b:Q4/x']:
        place.fails(2, 'expected OWNER/NAME', name)
    place.fails(2, 'NAME is missing')
    place.fails(2, 'expected NAME', '')
    place.fails(2, 'no revision', 'a/b', '--revision', '../..')
    place.fails(2, 'no address of a hub', 'a/b', '--endpoint', 'http://example.org')
    place.fails(2, 'no address of a hub', 'a/b', '--endpoint', 'ftp://localhost')
    place.fails(2, 'no address of a hub', 'a/b', '--endpoint', 'https://user:word@example.org')
    assert not place.hub.log


# --- stopping and going on -------------------------------------------------------------------------------------------

def noted(path, size):
    """How much of a file a work file says is there: behind the bytes and a mark, a number for each piece."""
    with contextlib.suppress(FileNotFoundError):
        notes = path.read_bytes()[size + 24:]
        return sum(struct.unpack_from(f'={len(notes) // 4}I', notes))
    return 0


def stopped(place, signal_number):
    data = noise(80 * MB)
    repository = place.hub.add('own/name', {'model.safetensors': data, 'config.json': b'{}'})
    part = place.repository('own/name') / 'blobs' / (hashlib.sha256(data).hexdigest() + '.trill.incomplete')
    place.hub.rate = 8 * MB
    work = place.start('pull', 'own/name')
    while noted(part, len(data)) < 8 * MB and work.poll() is None:
        time.sleep(0.01)
    work.send_signal(signal_number)
    out, err = work.communicate(timeout=HANGS_SECONDS)
    assert out == '', out
    kept, place.hub.rate = noted(part, len(data)), 0
    assert not (place.repository('own/name') / 'refs').exists(), 'a ref before everything is there'
    report = place.pull('own/name')
    assert 8 * MB <= kept and len(data) <= kept + report['fetched_bytes'] <= len(data) + 2, f'{kept} and {report["fetched_bytes"]}: it did not go on'
    place.holds(repository, 'config.json', 'model.safetensors')
    return work.returncode, err


def test_killed(place):
    assert stopped(place, signal.SIGKILL)[0] == -9


def test_interrupted(place):
    code, err = stopped(place, signal.SIGINT)
    assert code == 130 and err.splitlines()[-1] == 'trill: interrupted', (code, err)


def test_what_another_began(place):
    data = noise(5 * MB)
    repository = place.hub.add('own/name', {'model.gguf': data})
    blobs = place.repository('own/name') / 'blobs'
    blobs.mkdir(parents=True)
    (blobs / (hashlib.sha256(data).hexdigest() + '.incomplete')).write_bytes(data[:3 * MB])
    assert place.pull('own/name')['fetched_bytes'] == 2 * MB
    place.holds(repository, 'model.gguf')


def test_notes_that_lie(place):
    """A work file that says more than it has is found out by the hash, and fetched anew."""
    data = noise(3 * MB)
    repository = place.hub.add('own/name', {'model.gguf': data})
    blobs = place.repository('own/name') / 'blobs'
    blobs.mkdir(parents=True)
    (blobs / (hashlib.sha256(data).hexdigest() + '.trill.incomplete')).write_bytes(bytes(2 * MB))
    assert place.pull('own/name')['fetched_bytes'] == 4 * MB
    place.holds(repository, 'model.gguf')


def test_two_at_once(place):
    files = {f'model-0000{i}-of-00004.safetensors': noise(3 * MB, i) for i in range(1, 5)} | {'config.json': b'{}'}
    repository = place.hub.add('own/name', files)
    place.hub.rate = 4 * MB
    both = [place.start('pull', 'own/name', '--json') for _ in range(2)]
    reports = [json.loads(work.communicate(timeout=HANGS_SECONDS)[0]) for work in both]
    assert sum(report['fetched_bytes'] for report in reports) == sum(len(data) for data in files.values()), 'something was fetched twice'
    place.holds(repository, *files)


def test_the_same_twice(place):
    data = noise(MB)
    repository = place.hub.add('own/name', {'model.safetensors': data, 'config.json': b'{}', 'copy.json': b'{}'})
    assert place.pull('own/name')['fetched_bytes'] == MB + 2
    place.holds(repository, 'model.safetensors', 'config.json', 'copy.json')


def test_new_commit(place):
    old = place.hub.add('own/name', {'model.safetensors': noise(MB), 'config.json': b'{}'})
    place.pull('own/name')
    new = place.hub.add('own/name', {'model.safetensors': noise(MB), 'config.json': b'{"a": 2}'})
    assert old.commit != new.commit and place.pull('own/name')['fetched_bytes'] == 8
    assert (place.repository('own/name') / 'refs/main').read_text() == new.commit
    assert (place.repository('own/name') / 'snapshots' / old.commit / 'config.json').read_bytes() == b'{}'


# --- servers that fail -----------------------------------------------------------------------------------------------

def test_faults(place):
    """Each of these is got over."""
    rows = [('cut', None, 2), ('cut', 0, 1), ('status', [503], 1), ('status', [429, ('Retry-After', '0')], 2), ('noranges', None, 1), ('long', None, 0),
            ('status', [403], 1), ('stall', [MB, 3], 1), ('wrong', None, 1)]
    for i, (kind, value, times) in enumerate(rows):
        name = f'own/name-{i}'
        repository = place.hub.add(name, {'m.gguf': noise(2 * MB, i)})
        place.hub.faults = {}
        place.hub.fault('m.gguf', kind, value, times)
        try:
            place.pull(name, *(('--stall', '1') if kind == 'stall' else ()))
        except AssertionError as failure:
            raise AssertionError(f'{kind}: {failure}') from None
        place.holds(repository, 'm.gguf')


def test_no_ranges(place):
    """A server that sends everything whatever is asked for, several pieces long, and is cut once."""
    repository = place.hub.add('own/name', {'m.gguf': noise(70 * MB)})
    place.hub.fault('m.gguf', 'noranges', times=4)
    place.hub.fault('m.gguf', 'cut', 40 * MB)
    place.hub.fault('m.gguf', 'noranges', times=9)
    place.pull('own/name')
    place.holds(repository, 'm.gguf')


def test_api_faults(place):
    place.hub.add('own/name', {'m.gguf': noise(1000)})
    place.hub.api_faults = {'revision': [(503, []), (429, [('Retry-After', '1')])], 'tree': [(500, [])]}
    place.pull('own/name')
    place.hub.api_faults = {'revision': [(503, [])] * 9}
    place.fails(1, 'HTTP 503', 'own/name')


def test_no_hub(place):
    place.fails(1, 'own/name', 'own/name', '--endpoint', 'http://localhost:9')


def test_wrong(place):
    place.hub.add('own/name', {'m.gguf': noise(MB)})
    place.hub.fault('m.gguf', 'wrong', times=9)
    place.fails(3, 'its SHA-256 is 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58, expected', 'own/name')
    assert place.blobs('own/name') == [], 'what is wrong was kept'
    assert not list(place.repository('own/name').glob('snapshots/*/*'))
    place.hub.add('own/other', {'config.json': b'{}', 'model.safetensors': b'x'})
    place.hub.fault('config.json', 'wrong', times=9)
    place.fails(3, 'its git hash is', 'own/other')


def test_liars(place):
    """What a hub may not do: each ends with one sentence, and nothing is outside the cache."""
    for i, (kind, value, code, says) in enumerate([
            ('shifted', None, 3, 'another range'), ('endless', None, 3, 'more bytes than the file has'), ('long', None, 3, 'more bytes than the file has'),
            ('lie', None, 3, 'sends something else'), ('redirect', 'http://example.org/x', 1, 'https was expected'), ('redirect', 'file:///etc/passwd', 1, 'https was expected'),
            ('redirect', '/own/name/resolve/main/m.gguf', 1, 'again and again'), ('status', [404], 1, 'has no file m.gguf'), ('gone', None, 1, 'HTTP 410')]):
        repository = place.hub.add('own/name', {'m.gguf': noise(MB, i)})
        place.hub.faults = {}
        place.hub.overrides = {}
        if kind == 'status':
            place.hub.overrides[f'/own/name/resolve/{repository.commit}/m.gguf'] = lambda handler: handler.send(404)
        place.hub.fault('m.gguf', *(('status', [410]) if kind == 'gone' else (kind, value)), 99)
        try:
            place.fails(code, says, 'own/name')
        except AssertionError as failure:
            raise AssertionError(f'{kind}: {failure}') from None
        assert not any(not name.endswith('.incomplete') for name in place.blobs('own/name'))


def test_lists(place):
    for path in ['../m.gguf', '/etc/m.gguf', 'a/../../m.gguf', 'a//m.gguf', './m.gguf', 'a\\m.gguf', 'a\nm.gguf', '', 'x' * 300 + '.gguf']:
        place.hub.add('own/name', {'m.gguf': b'x'})
        place.hub.listed['m.gguf'] = lambda row, path=path: row | {'path': path}
        place.fails(3, 'leads out of its folder', 'own/name')
    for change, code, says in [
            ({'lfs': {'oid': '../../x', 'size': 1}}, 3, 'no hash'), ({'lfs': {'size': 1}}, 3, 'no hash'), ({'oid': 'f' * 41, 'lfs': None}, 3, 'no hash'),
            ({'lfs': {'oid': 'a' * 64, 'size': -1}}, 3, 'integer'), ({'lfs': {'oid': 'a' * 64, 'size': 1 << 60}}, 3, 'integer'),
            ({'lfs': {'oid': 'A' * 64, 'size': 1}}, 3, 'no hash'), ({'lfs': {'oid': 'a' * 64, 'size': 1 << 45}}, 1, '35.2 TB are needed')]:
        place.hub.listed['m.gguf'] = lambda row, change=change: row | change
        place.fails(code, says, 'own/name')
    size, place.hub.listed = len(GGUF), {}
    for other, code, says in [(size - 9, 3, 'sends something else'), (size + 9, 3, 'sends something else')]:
        place.hub.add('own/name', {'m.gguf': GGUF})
        place.hub.listed['m.gguf'] = lambda row, other=other: row | {'lfs': row['lfs'] | {'size': other}}
        place.fails(code, says, 'own/name')


def test_documents(place):
    repository = place.hub.add('own/name', {'m.gguf': b'x'})
    info, tree = '/api/models/own/name/revision/main', f'/api/models/own/name/tree/{repository.commit}'
    good = json.dumps({'sha': repository.commit})
    again = [('Link', f'<{place.hub.url}{tree}>; rel="next"')]
    for overrides, code, says in [
            ({info: '{'}, 3, 'byte 1'), ({info: '[]'}, 3, 'an object'), ({info: '{}'}, 3, 'no commit'), ({info: '{"sha": "main"}'}, 3, 'no commit'),
            ({info: '{"sha": "%s"}' % ('../' * 13 + '.')}, 3, 'no commit'), ({info: '[' * 100}, 3, 'an object'), ({info: b'{"a": "\xff"}'}, 3, 'UTF-8'),
            ({info: good, tree: '{}'}, 3, 'a list of files'), ({info: good, tree: '[1]'}, 3, 'a file'), ({info: good, tree: '[' + '{},' * 50 + '[]]'}, 3, 'a file'),
            ({info: '"' + 'x' * (33 * MB) + '"'}, 3, 'longer than'), ({info: good, tree: ('[]', again)}, 3, 'more than 200 pages'),
            ({info: good, tree: ('[]', [('Link', '<http://example.org/x>; rel="next"')])}, 1, 'https was expected')]:
        place.hub.overrides = {path: lambda handler, answer=answer: handler.send(200, *(answer if isinstance(answer, tuple) else (answer,)))
                               for path, answer in overrides.items()}
        place.fails(code, says, 'own/name')
    place.hub.overrides = {}
    place.pull('own/name')


def test_closed_doors(place):
    place.hub.add('own/gated', {'m.gguf': GGUF}, gated='manual', licence='gemma')
    place.hub.add('own/private', {'m.gguf': GGUF}, private=True)
    place.hub.add('own/open', {'m.gguf': GGUF})
    page = f'{place.hub.url}/own/gated'
    place.fails(1, f'own/gated is gated: accept its terms at {page}, then set HF_TOKEN', 'own/gated')
    place.fails(1, f'accept its terms at {page} with the account that HF_TOKEN belongs to', 'own/gated', HF_TOKEN='hf_other')
    place.fails(1, 'HF_TOKEN', 'own/private')
    place.fails(1, 'no such repository', 'own/nothing')
    place.fails(1, 'to the holder of HF_TOKEN', 'own/nothing', HF_TOKEN='hf_good')
    place.fails(1, 'own/open has no revision v2', 'own/open@v2')
    place.fails(1, 'own/open has no file x.json', 'own/open/x.json')
    place.fails(2, 'a character that no token has', 'own/open', HF_TOKEN='a\nb')
    report = place.pull('own/gated', HF_TOKEN='hf_good')
    assert report['gated'] and report['licence'] == 'gemma'
    (place.folder / 'hf/token').write_text('hf_good\n')
    place.pull('own/private')
    place.run('pull', 'own/gated', says='licence: gemma; gated')


def certificate(place):
    """A key with its certificate, and the certificate alone; None: there is no openssl."""
    if not shutil.which('openssl'):
        return None
    pem, authority = place.folder / 'hub.pem', place.folder / 'authority.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', pem, '-out', authority, '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,DNS:hub.test,IP:127.0.0.1'], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + authority.read_bytes())
    return pem


def test_https(place):
    """Certificates that nobody trusts are refused at once; SSL_CERT_FILE says whom to trust."""
    pem = certificate(place)
    if not pem:
        return 'there is no openssl here'
    with Hub(pem) as hub:
        repository = hub.add('own/name', {'model.safetensors': noise(3 * MB), 'config.json': b'{}'})
        place.fails(1, 'certificate', 'own/name', HF_ENDPOINT=hub.url)
        assert not hub.log
        place.pull('own/name', HF_ENDPOINT=hub.url, SSL_CERT_FILE=str(place.folder / 'authority.pem'), HF_TOKEN='hf_good')
        place.holds(repository, 'model.safetensors', 'config.json')
        assert all((asked.token == 'hf_good') == (asked.where == 'hub') for asked in hub.asked())
    return None


class Tunnel(socketserver.StreamRequestHandler):
    """CONNECT, to a port of this machine whatever the host is called."""

    def handle(self):
        host, port = self.rfile.readline().split()[1].decode().rsplit(':', 1)
        while self.rfile.readline().strip():
            pass
        self.server.hosts.append(host)
        with socket.create_connection(('127.0.0.1', int(port))) as there:
            self.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n')
            back = threading.Thread(target=self.pass_on, args=(there, self.connection))
            back.start()
            self.pass_on(self.connection, there)
            back.join()

    @staticmethod
    def pass_on(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)


def test_proxy(place):
    """Hubs elsewhere are asked through the proxy; one on this machine never is, so what is not encrypted stays here."""
    repository = place.hub.add('own/name', {'config.json': b'{}'})
    place.pull('own/name/config.json', http_proxy='http://127.0.0.1:9', HF_TOKEN='hf_good')
    place.holds(repository, 'config.json')
    pem = certificate(place)
    if not pem:
        return 'there is no openssl here'
    with Hub(pem) as hub, socketserver.ThreadingTCPServer(('127.0.0.1', 0), Tunnel) as proxy:
        hub.add('own/other', {'config.json': b'{}'})
        proxy.hosts, proxy.daemon_threads = [], True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        place.pull('own/other/config.json', HF_ENDPOINT=hub.url.replace('127.0.0.1', 'hub.test'),
                   https_proxy=f'http://127.0.0.1:{proxy.server_address[1]}', SSL_CERT_FILE=str(place.folder / 'authority.pem'))
        proxy.shutdown()
        assert set(proxy.hosts) == {'hub.test'}, proxy.hosts
    return None


def test_full_disk(place):
    """The drive is looked at before anything is fetched, and one that is full on the way loses nothing."""
    if subprocess.run(['unshare', '-rm', 'true'], stderr=subprocess.DEVNULL).returncode:
        return 'mount namespaces are not allowed here'
    disk = place.folder / 'disk'
    disk.mkdir()
    place.hub.add('own/large', {'m.gguf': noise(40 * MB)})
    place.hub.add('own/fits', {'m.gguf': noise(20 * MB)})
    script = '''mount -t tmpfs -o size=48m none "$1" || exit 77; trill=$2
        "$trill" pull own/large --cache "$1" 2>"$1.said"; code=$?
        [ "$code" = 1 ] && grep -q '^trill: .*: 41.9 MB are needed, and 50.. MB are free there; --cache DIR names another folder' "$1.said" || { cat "$1.said"; exit 1; }
        [ -z "$(find "$1" -type f)" ] || { find "$1"; exit 1; }
        "$trill" pull own/fits --cache "$1" || exit 1
        echo a >"$1/filled" 2>/dev/null; exit 0'''
    done = subprocess.run(['unshare', '-rm', 'sh', '-c', script, 'sh', str(disk), TRILL], env=place.env, capture_output=True, text=True)
    if done.returncode == 77:
        return 'a tmpfs cannot be mounted here'
    assert done.returncode == 0, done.stdout + done.stderr
    return None


def test_limited_files(place):
    """A write that fails: one sentence, exit code 1, and the same call goes on where it is allowed."""
    data = noise(8 * MB)
    repository = place.hub.add('own/name', {'m.gguf': data})
    done = subprocess.run(['sh', '-c', 'ulimit -f 4096; exec "$0" pull own/name', TRILL], env=place.env, capture_output=True, text=True)
    assert done.returncode == 1 and 'File too large' in done.stderr.splitlines()[-1], done
    place.pull('own/name')
    place.holds(repository, 'm.gguf')


# --- models at hand --------------------------------------------------------------------------------------------------

def ollama(store, name, data, kind='application/vnd.ollama.image.model'):
    digest = hashlib.sha256(data).hexdigest()
    manifest = store / 'manifests' / name
    for folder in manifest.parent, store / 'blobs':
        folder.mkdir(parents=True, exist_ok=True)
    (store / 'blobs' / f'sha256-{digest}').write_bytes(data)
    manifest.write_text(json.dumps({'schemaVersion': 2, 'config': {'digest': 'sha256:0', 'size': 1}, 'layers': [
        {'mediaType': 'application/vnd.ollama.image.template', 'digest': 'sha256:' + '1' * 64, 'size': 3},
        {'mediaType': kind, 'digest': f'sha256:{digest}', 'size': len(data)}]}))


def test_hub_names(place):
    folder = place.folder / 'tiny'
    place.run('synth', 'qwen3-30b-a3b', '--tiny', '-o', str(folder), '-q', '--no-ledger')
    place.hub.add('own/tiny', {path.name: path.read_bytes() for path in folder.iterdir()})
    place.hub.add('own/llama-GGUF', {'llama-Q8_0.gguf': GGUF, 'llama-Q4_0.gguf': GGUF + b' '})
    place.pull('own/tiny')
    place.pull('own/llama-GGUF')
    place.hub = None                                                 # from here on nobody answers
    place.env['HF_ENDPOINT'] = 'http://localhost:9'
    inspect = lambda name, **more: place.run('inspect', name, '--json', **more)      # noqa: E731
    assert json.loads(inspect('own/tiny')) == json.loads(inspect(str(folder)))
    assert json.loads(inspect('own/llama-GGUF')) == json.loads(inspect('own/llama-GGUF:q8_0'))
    assert json.loads(inspect('own/llama-GGUF/llama-Q8_0.gguf'))['architecture'] == 'llama'
    inspect('own/llama-GGUF:Q4_0', code=2, says='no GGUF model is Q4_0; there are Q8_0')
    inspect('own/other', code=3, says='trill pull own/other would fetch it')
    snapshot = place.repository('own/llama-GGUF') / 'snapshots' / (place.repository('own/llama-GGUF') / 'refs/main').read_text()
    shutil.copy(snapshot / 'llama-Q8_0.gguf', snapshot / 'llama-Q4_0.gguf')
    inspect('own/llama-GGUF', code=2, says='say which one behind a colon; there are Q4_0, Q8_0')
    (snapshot / 'llama-Q4_0.gguf').rename(snapshot / 'llama-F16-00001-of-00002.gguf')
    inspect('own/llama-GGUF:F16', code=3, says='only 1 of 2 parts are there')
    (place.repository('own/llama-GGUF') / 'refs/main').write_text('../../../..')
    inspect('own/llama-GGUF', code=3, says='no such file')
    assert '"text"' in place.run('run', 'own/tiny', '-p', 'hi', '--raw', '-n', '2', '--json', '--no-ledger', '-q')
    assert json.loads(place.run('plan', 'own/tiny', '--json'))['weight_bytes'] > 0


def test_ollama_names(place):
    store = place.folder / '.ollama/models'
    ollama(store, 'registry.ollama.ai/library/llama/latest', GGUF)
    ollama(store, 'registry.ollama.ai/library/two/a', GGUF)
    ollama(store, 'registry.ollama.ai/library/two/b', GGUF)
    ollama(store, 'registry.ollama.ai/library/one/only', GGUF)
    ollama(store, 'registry.ollama.ai/some/body/1b', GGUF)
    ollama(store, 'hf.co/own/name/Q8_0', GGUF)
    ollama(store, 'registry.ollama.ai/library/parts/latest', b'x', 'application/vnd.ollama.image.tensor')
    (store / 'manifests/registry.ollama.ai/library/bad').mkdir()
    (store / 'manifests/registry.ollama.ai/library/bad/latest').write_text('{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]}')
    names = ['hf.co/own/name:Q8_0', 'llama:latest', 'one:only', 'some/body:1b', 'two:a', 'two:b']
    for name in [*names, 'llama', 'one']:
        assert json.loads(place.run('inspect', name, '--json'))['architecture'] == 'llama', name
    place.run('inspect', 'two', code=2, says='say which tag behind a colon; there are a, b')
    place.run('inspect', 'two:c', code=3, says='no model of this name')
    place.run('inspect', 'parts', code=3, says='names no model in GGUF')
    place.run('inspect', 'bad', code=3, says='names no model in GGUF')
    assert sorted(row['name'] for row in json.loads(place.run('models', '--json'))) == names
    moved = store.rename(place.folder / 'elsewhere')
    place.run('inspect', 'llama', code=3)
    place.run('inspect', 'llama', OLLAMA_MODELS=str(moved))
    for path in (moved / 'blobs').iterdir():
        path.unlink()
    place.run('inspect', 'llama', code=3, says='is not there', OLLAMA_MODELS=str(moved))
    assert json.loads(place.run('models', '--json', OLLAMA_MODELS=str(moved))) == []


def test_models(place):
    own = place.folder / 'cache/trill'
    own.mkdir(parents=True)
    (own / 'mine.gguf').write_bytes(GGUF)
    (own / 'notes.txt').write_text('no model')
    place.hub.add('own/name-GGUF', {'a-Q8_0.gguf': GGUF, 'b/a-Q4_0-00001-of-00002.gguf': GGUF, 'b/a-Q4_0-00002-of-00002.gguf': b'1234'})
    place.hub.add('own/name', {'config.json': b'{}', 'model.safetensors': b'12345'})
    for name in 'own/name-GGUF', 'own/name-GGUF:Q4_0', 'own/name':
        place.pull(name)
    ollama(place.folder / '.ollama/models', 'registry.ollama.ai/library/llama/latest', GGUF)
    (place.cache / 'models--not-a-name').mkdir()
    (place.cache / 'datasets--own--set').mkdir()
    rows = json.loads(place.run('models', '--json'))
    assert [(row['name'], row['bytes'], row['from']) for row in rows] == [
        ('llama:latest', len(GGUF), 'ollama'), ('mine', len(GGUF), 'trill'), ('own/name', 5, 'huggingface'),
        ('own/name-GGUF:Q4_0', len(GGUF) + 4, 'huggingface'), ('own/name-GGUF:Q8_0', len(GGUF), 'huggingface')]
    assert all(pathlib.Path(row['path']).exists() for row in rows)
    assert place.run('models', '--names').split() == [row['name'] for row in rows]
    assert [line.split()[0] for line in place.run('models').splitlines()] == [row['name'] for row in rows]


OTHER = '''
import json, os, sys
from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir, try_to_load_from_cache
cache, name, commit = sys.argv[1:4]
path = try_to_load_from_cache(name, "config.json", cache_dir=cache)
assert open(path).read() == '{"a": 1}', path
folder = snapshot_download(name, cache_dir=cache, local_files_only=True)
assert folder.endswith(commit) and sorted(os.listdir(folder)) == sorted(json.loads(sys.argv[4])), folder
hf_hub_download(name, "tokenizer.json", revision=commit, cache_dir=cache, local_files_only=True)
info = scan_cache_dir(cache)
assert not info.warnings and [repo.repo_id for repo in info.repos] == [name], info
'''


def python_with_hub():
    """A Python that has huggingface_hub: this one, or that of the tests' own folder; else None and why."""
    if subprocess.run([sys.executable, '-c', 'import huggingface_hub'], capture_output=True).returncode == 0:
        return sys.executable, None
    made = subprocess.run([ROOT / 'tool/venv', 'pull'], capture_output=True, text=True)
    return made.stdout.strip() or None, made.stderr.strip()


def test_huggingface_hub(place):
    """Its own library finds what trill fetched, and trill fetches nothing of what it did."""
    python, why = python_with_hub()
    if not python:
        return why
    repository = place.hub.add('own/name', FOLDER)
    place.pull('own/name')
    done = subprocess.run([python, '-c', OTHER, str(place.cache), 'own/name', repository.commit, json.dumps(NEEDED)],
                          env=place.env | {'HF_HUB_OFFLINE': '1'}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other = place.folder / 'other'
    fetch = f'from huggingface_hub import snapshot_download; snapshot_download("own/name", cache_dir="{other}")'
    done = subprocess.run([python, '-c', fetch], env=place.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert place.pull('own/name', '--cache', str(other))['fetched_bytes'] == 0
    return None


# --- all of them -----------------------------------------------------------------------------------------------------

def carry_out(test):
    """None, a reason to skip, or an error's text."""
    with tempfile.TemporaryDirectory(prefix='trill-pull-') as folder:
        place = Place(folder)
        hub = place.hub
        try:
            return test(place), None
        except Exception:                                            # whatever it is, it is told
            return None, traceback.format_exc(limit=-3)
        finally:
            hub.__exit__()


def main():
    assert git_name(b'what is up, doc?') == 'bd9dbf5aae1a3862dd1526723246b20206e5fc37'         # of git's own book
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_') and (len(sys.argv) < 2 or name in sys.argv[1:])]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda row: carry_out(row[1]), tests))
    failed = 0
    for (name, _), (skipped, error) in zip(tests, results):
        failed += error is not None
        if error or skipped:
            print(f'{name}: {error or "skipped: " + skipped}')
    print(f'{len(tests) - failed} passed, {failed} failed')
    sys.exit(failed > 0)


main()
