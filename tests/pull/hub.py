# SPDX-License-Identifier: MIT
"""A hub on this machine that behaves like Hugging Face's, and misbehaves on request.

    with Hub() as hub:
        hub.add('owner/name', {'config.json': b'{}', 'model.gguf': data})
        hub.fault('model.gguf', 'cut', times=2)
        run(['trill', 'pull', 'owner/name', '--endpoint', hub.url, ...])
        hub.log    # what was asked for, in order: Asked(where, method, path, range, token)

Two servers: the hub, which knows the API and redirects large files, and the store of contents that it redirects to, another
origin, which must never see a token. Small files have git's name of a blob as their hash, large ones SHA-256, as there.
"""
import collections
import hashlib
import http.server
import json
import ssl
import threading
import time
import urllib.parse

Asked = collections.namedtuple('Asked', 'where method path range token')
LARGE = ('.gguf', '.safetensors', '.bin')


def git_name(data):
    return hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()


class File:
    def __init__(self, path, data):
        self.path, self.data = path, data
        self.large = path.endswith(LARGE)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.oid = git_name(data)
        self.hash = self.sha256 if self.large else self.oid


class Repository:
    def __init__(self, name, files, licence='apache-2.0', gated=False, private=False):
        self.name, self.licence, self.gated, self.private = name, licence, gated, private
        self.files = {path: File(path, data) for path, data in files.items()}
        self.commit = hashlib.sha1(repr(sorted((f.path, f.hash) for f in self.files.values())).encode()).hexdigest()
        self.refs = {'main': self.commit, 'refs/pr/1': self.commit}

    def resolve(self, revision):
        return self.commit if revision == self.commit else self.refs.get(revision)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True               # else each answer's second write waits for the client's delayed acknowledgement

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.server.hub, urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        token = (self.headers.get('Authorization') or '').removeprefix('Bearer ') or None
        with hub.lock:
            hub.log.append(Asked(self.server.where, self.command, path, self.headers.get('Range'), token))
        try:
            self.serve(hub, path, token)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(self, status, body=b'', headers=()):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def refuse(self, status, code, words, headers=()):
        self.send(status, json.dumps({'error': words}), [('X-Error-Code', code), ('X-Error-Message', words), *headers])

    def serve(self, hub, path, token):
        if self.server.where == 'store':
            return self.serve_content(hub, path)
        override = hub.overrides.get(path)
        if override is not None:
            return override(self)
        if path.startswith('/api/models/'):
            return self.serve_api(hub, path.removeprefix('/api/models/').split('/'), token)
        parts = path.strip('/').split('/')
        if len(parts) > 4 and parts[2] == 'resolve':
            return self.serve_file(hub, parts, token)
        return self.refuse(404, 'EntryNotFound', 'no such page')

    def repository(self, hub, name, token):
        repository = hub.repositories.get(name)
        if not repository or (repository.private and token not in hub.tokens):
            self.refuse(404 if token in hub.tokens else 401, 'RepoNotFound', 'Repository not found')
            return None
        return repository

    def serve_api(self, hub, parts, token):
        repository = self.repository(hub, '/'.join(parts[:2]), token)
        if not repository:
            return None
        kind, revision = parts[2], '/'.join(parts[3:])
        if hub.api_faults.get(kind):
            status, headers = hub.api_faults[kind].pop(0)
            return self.refuse(status, '', 'not now', headers)
        commit = repository.resolve(revision)
        if not commit:
            return self.refuse(404, 'RevisionNotFound', 'Invalid rev id')
        if kind == 'revision':
            return self.send(200, json.dumps({
                '_id': '1', 'id': repository.name, 'sha': commit, 'private': repository.private, 'gated': repository.gated,
                'siblings': [{'rfilename': path} for path in repository.files], 'tags': ['license:' + repository.licence],
                'cardData': {'license': repository.licence, 'language': ['en']}, 'config': {'architectures': ['X']}}))
        return self.serve_tree(hub, repository)

    def serve_tree(self, hub, repository):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        at, rows = int(query.get('cursor', ['0'])[0]), []
        for file in list(repository.files.values())[at:at + hub.page]:
            row = {'type': 'file', 'oid': file.oid, 'size': len(file.data), 'path': file.path}
            if file.large:
                row['lfs'] = {'oid': file.sha256, 'size': len(file.data), 'pointerSize': 134}
            rows.append(hub.listed.get(file.path, lambda row: row)(row))
        rows.append({'type': 'directory', 'oid': '0' * 40, 'size': 0, 'path': 'folder'})
        more = at + hub.page < len(repository.files)
        next_page = f'{hub.url}/api/models/{repository.name}/tree/{repository.commit}?recursive=true&cursor={at + hub.page}'
        return self.send(200, json.dumps(rows), [('Link', f'<{next_page}>; rel="next"')] if more else [])

    def serve_file(self, hub, parts, token):
        repository = self.repository(hub, '/'.join(parts[:2]), token)
        if not repository:
            return None
        if repository.gated and token not in hub.tokens:
            return self.refuse(401 if not token else 403, 'GatedRepo', 'Access to model is restricted')
        file = repository.files.get('/'.join(parts[4:]))
        if repository.resolve(parts[3]) is None or not file:
            return self.refuse(404, 'EntryNotFound', 'Entry not found')
        facts = [('X-Repo-Commit', repository.commit), ('Accept-Ranges', 'bytes')]
        if not file.large:
            return self.send_range(hub, file, [*facts, ('ETag', f'"{file.hash}"')])
        fault = hub.take_fault(file.path, redirect=True)
        target = fault[1] if fault and fault[0] == 'redirect' else f'{hub.store_url}/{file.sha256}?path={urllib.parse.quote(file.path)}&signed=yes'
        said = '0' * 64 if fault and fault[0] == 'lie' else file.sha256
        return self.send(302, 'Found. Redirecting', [*facts, ('Location', target), ('X-Linked-Size', str(len(file.data))),
                                                     ('X-Linked-Etag', f'"{said}"'), ('ETag', f'"{file.oid}"')])

    def serve_content(self, hub, path):
        for repository in hub.repositories.values():
            for file in repository.files.values():
                if file.sha256 == path.strip('/') and file.large:
                    return self.send_range(hub, file, [('ETag', '"of the store"')])
        return self.send(404)

    # --- contents, whole or in part, good or bad --------------------------------------------------------------------

    def range_of(self, size):
        words = (self.headers.get('Range') or '').removeprefix('bytes=')
        if not words:
            return None
        first, last = words.split('-')
        return int(first), min(int(last) + 1 if last else size, size)

    def send_range(self, hub, file, headers):
        kind, value = hub.take_fault(file.path) or ('', None)
        if kind == 'status':
            return self.send(value[0], b'no', value[1:])
        data, wanted = file.data, self.range_of(len(file.data))
        if kind == 'wrong':
            data = bytes(len(data))
        if kind == 'noranges' or wanted is None:
            wanted = None
        first, last = wanted or (0, len(data))
        body = data[first:last]
        self.send_response(206 if wanted else 200)
        for name, text in headers:
            self.send_header(name, text)
        if wanted:
            shift = 7 if kind == 'shifted' else 0
            self.send_header('Content-Range', f'bytes {first + shift}-{last - 1 + shift}/{len(data)}')
        if kind in ('endless', 'long'):
            self.close_connection = True
            self.send_header('Connection', 'close')
        else:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.send_body(hub, body, kind, value)
        return None

    def send_body(self, hub, body, kind, value):
        if kind == 'cut':
            body = body[:value if value is not None else len(body) // 2]
            self.close_connection = True
        if kind == 'long':
            body += b'more'
        step = 64 << 10
        for at in range(0, len(body), step):
            if kind == 'stall' and at >= value[0]:
                time.sleep(value[1])
                self.close_connection = True
                return
            self.wfile.write(body[at:at + step])
            with hub.lock:
                hub.sent += len(body[at:at + step])
            if hub.rate:
                time.sleep(len(body[at:at + step]) / hub.rate)
        while kind == 'endless':
            self.wfile.write(bytes(step))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub, where, certificate):
        super().__init__(('127.0.0.1', 0), Handler)
        self.hub, self.where = hub, where
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        pass


class Hub:
    """`rate`: bytes a second of a connection, 0: as fast as it goes; `page`: files on a page of the list; `sent`: bytes of files so
    far; `certificate`: a file with one and its key, for https. `listed`: PATH -> a function of its row in the list; `overrides`: PATH of an address -> a function of the handler."""

    def __init__(self, certificate=None):
        self.repositories, self.tokens, self.log, self.lock = {}, {'hf_good'}, [], threading.Lock()
        self.rate, self.page, self.sent = 0, 1000, 0
        self.faults, self.api_faults, self.overrides, self.listed = {}, {}, {}, {}
        self.servers = [Server(self, where, certificate) for where in ('hub', 'store')]
        self.url, self.store_url = (f'http{"s" if certificate else ""}://127.0.0.1:{server.server_address[1]}' for server in self.servers)
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def add(self, name, files, **facts):
        self.repositories[name] = Repository(name, files, **facts)
        return self.repositories[name]

    def fault(self, path, kind, value=None, times=1):
        """Of the next answers for this file: cut, wrong, long, endless, stall, shifted, noranges, status, redirect, lie."""
        self.faults.setdefault(path, []).extend([(kind, value)] * times)

    def take_fault(self, path, redirect=False):
        with self.lock:
            rows = self.faults.get(path)
            if not rows or (rows[0][0] in ('redirect', 'lie')) != redirect:
                return None
            return rows.pop(0)

    def asked(self, where=None):
        with self.lock:
            return [row for row in self.log if where is None or row.where == where]
