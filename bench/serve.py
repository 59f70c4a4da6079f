#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trill serve beside llama-server: same file, same slots, the same streams at a time, in turns (A B A B ...). What all streams get
together, and how even their tokens come.

  bench/serve.py [--peers FOLDER] [--model FILE] [--streams 8] [--tokens 128] [--rounds 5] [--threads 2] [--trill build/trill] [--no-record]

FOLDER is what bench/build-peers made; the environment variable PEERS serves as well. Both servers run all the
time, one of them idle; each turn asks one of them for as many streamed chats at once as there are slots, each with a prompt of its own and
an answer of exactly so many tokens, greedy. Total tokens/s: all tokens over the time from the first request to the last token, prompts
included. Times between tokens: of all streams together. Writes bench/records/DATE-serve.json (raw samples) and DATE-serve.md.
"""
import argparse, bisect, datetime, itertools, json, os, pathlib, selectors, socket, statistics, subprocess, sys, time, urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from peers import CACHE, ROOT, git, machine

SUBJECTS = ['a lighthouse', 'bread', 'the tides', 'a chess game', 'winter', 'a bicycle', 'old maps', 'honey', 'a violin', 'rivers', 'glass', 'bees', 'salt',
            'kites', 'clocks', 'owls']


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start(command, port):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            if urllib.request.urlopen(f'http://127.0.0.1:{port}/health', timeout=5).status == 200:
                return process
        except OSError:
            time.sleep(0.1)
        if process.poll() is not None:
            break
    sys.exit(f'{" ".join(map(str, command))}: does not get ready')


class Stream:
    """One streamed chat. What comes is kept with its time and read afterwards: the client has no CPU of its own."""
    def __init__(self, port, number, turn, tokens):
        text = f'{turn}: write a long story about {SUBJECTS[number % len(SUBJECTS)]} and what it meant to the people of a small town in the mountains.'
        body = json.dumps({'model': 'any', 'messages': [{'role': 'user', 'content': text}], 'max_tokens': tokens, 'temperature': 0, 'stream': True,
                           'ignore_eos': True, 'stream_options': {'include_usage': True}})
        self.pieces, self.at, self.tokens = [], [], 0
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=600)
        self.request = (f'POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close\r\n'
                        f'Content-Length: {len(body)}\r\n\r\n{body}').encode()

    def lines(self):
        """Those of the body, each with the time at which its last byte came. Chunks are those of RFC 9112, 7.1."""
        raw, came = b''.join(piece for _, piece in self.pieces), list(itertools.accumulate(len(piece) for _, piece in self.pieces))
        at = raw.index(b'\r\n\r\n') + 4
        chunked, line = b'transfer-encoding: chunked' in raw[:at].lower(), b''
        while at < len(raw):
            size, start = len(raw) - at, at
            if chunked:
                start = raw.index(b'\r\n', at) + 2
                size = int(raw[at:start].split(b';')[0], 16)
            for part in raw[start:start + size].splitlines(keepends=True):
                start, line = start + len(part), line + part
                if line.endswith(b'\n'):
                    yield self.pieces[bisect.bisect_left(came, start)][0], line
                    line = b''
            at = start + 2 if chunked and size else len(raw)

    def read(self):
        for came, line in self.lines():
            if not line.startswith(b'data: {'):
                continue
            chunk = json.loads(line[6:])
            if chunk.get('usage'):
                self.tokens = chunk['usage']['completion_tokens']
            if chunk['choices'] and chunk['choices'][0]['delta'].get('content'):
                self.at.append(came)


def take_all(streams):
    with selectors.DefaultSelector() as waiting:
        for stream in streams:
            stream.socket.sendall(stream.request)
            waiting.register(stream.socket, selectors.EVENT_READ, stream)
        while waiting.get_map():
            for key, _ in waiting.select():
                piece = key.fileobj.recv(1 << 16)
                key.data.pieces.append((time.perf_counter(), piece))
                if not piece:
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()


def turn(port, options, number):
    streams = [Stream(port, i, number, options.tokens) for i in range(options.streams)]
    began = time.perf_counter()
    take_all(streams)
    for stream in streams:
        stream.read()
    ended = max(stream.at[-1] for stream in streams)
    gaps = sorted(b - a for stream in streams for a, b in zip(stream.at, stream.at[1:]))
    tokens = sum(stream.tokens for stream in streams)
    if tokens != options.streams * options.tokens:
        print(f'{tokens} tokens came instead of {options.streams * options.tokens}', file=sys.stderr)
    return {'tokens': tokens, 'seconds': ended - began, 'tokens_per_s': tokens / (ended - began), 'first_token_s': statistics.median(s.at[0] - began for s in streams),
            'gap_p50_ms': 1e3 * gaps[len(gaps) // 2], 'gap_p95_ms': 1e3 * gaps[int(len(gaps) * 0.95)], 'gap_max_ms': 1e3 * gaps[-1]}


def commands(options):
    context = 1024
    found = {'trill serve': ([options.trill, 'serve', options.model, '--port', 0, '--sessions', options.streams, '-c', context, '-t', options.threads,
                              '--no-prefix-folder', '--no-conversations', '--no-ledger', *options.trill_options.split()])}
    server = options.peers / 'llama.cpp/build/bin/llama-server' if options.peers else None
    if server and server.exists():
        found['llama-server'] = [server, '-m', options.model, '--port', 0, '-np', options.streams, '-c', context * options.streams, '-t', options.threads]
    else:
        print(f'llama-server is left out: there is no {server}', file=sys.stderr)
    return found


def table(record):
    lines = [f'# {record["streams"]} streams at a time', '', f'{record["model"]}, {record["tokens"]} tokens each, {record["threads"]} threads, {record["rounds"]} turns a side, '
             f'commit {record["commit"]}, {record["machine"]["cpu"]}. Medians of turns.', '', '| server | tokens/s of all | first token s | between tokens p50 ms | p95 ms | p95 ÷ p50 |',
             '|---|---|---|---|---|---|']
    middle = {}
    for name, side in record['servers'].items():
        m = middle[name] = {key: statistics.median(sample[key] for sample in side['samples']) for key in side['samples'][0]}
        lines.append(f'| {name} | {m["tokens_per_s"]:.1f} | {m["first_token_s"]:.3f} | {m["gap_p50_ms"]:.2f} | {m["gap_p95_ms"]:.2f} | {m["gap_p95_ms"] / m["gap_p50_ms"]:.2f} |')
    if len(middle) == 2:
        ratios = [a['tokens_per_s'] / b['tokens_per_s'] for a, b in zip(record['servers']['trill serve']['samples'], record['servers']['llama-server']['samples'])]
        lines += ['', f'trill serve ÷ llama-server, turn by turn: median {statistics.median(ratios):.2f} ({", ".join(f"{r:.2f}" for r in ratios)}).']
    lines += ['', *(f'    {side["command"]}' for side in record['servers'].values()), '']
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peers', type=pathlib.Path, default=os.environ.get('PEERS') and pathlib.Path(os.environ['PEERS']))
    parser.add_argument('--model', type=pathlib.Path, default=CACHE / 'smollm2-135m-instruct.gguf')
    parser.add_argument('--trill', type=pathlib.Path, default=ROOT / 'build/trill')
    parser.add_argument('--trill-options', default='')
    for name, value in (('streams', 8), ('tokens', 128), ('rounds', 5), ('threads', os.cpu_count())):
        parser.add_argument(f'--{name}', type=int, default=value)
    parser.add_argument('--no-record', action='store_true')
    options = parser.parse_args()
    record = {'date': datetime.date.today().isoformat(), 'commit': git('rev-parse', '--short', 'HEAD'), 'machine': machine(), 'model': options.model.name,
              'streams': options.streams, 'tokens': options.tokens, 'threads': options.threads, 'rounds': options.rounds, 'servers': {}}
    running = []
    try:
        for name, command in commands(options).items():
            port = free_port()
            command[command.index('--port') + 1] = port
            running.append((name, port, start(command, port)))
            said = ' '.join(map(str, command)).replace(f'{ROOT}/', '').replace(str(pathlib.Path.home()), '~')
            record['servers'][name] = {'command': said.replace(f'{options.peers}/', 'PEERS/'), 'samples': []}
        for number in range(-1, options.rounds):
            for name, port, _ in running:
                sample = turn(port, options, number)
                if number >= 0:              # the one before is to warm up
                    record['servers'][name]['samples'].append(sample)
                    print(f'{name}: {sample["tokens_per_s"]:.1f} tokens/s, p50 {sample["gap_p50_ms"]:.2f} ms, p95 {sample["gap_p95_ms"]:.2f} ms', file=sys.stderr)
    finally:
        for _, _, process in running:
            process.terminate()
        for _, _, process in running:
            process.wait()
    record['machine']['load_after'] = os.getloadavg()
    print(table(record))
    if not options.no_record:
        place = ROOT / 'bench/records' / f'{record["date"]}-serve'
        place.with_suffix('.json').write_text(json.dumps(record, indent=1) + '\n')
        place.with_suffix('.md').write_text(table(record))


main()
