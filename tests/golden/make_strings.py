#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ids of varied strings by the libraries that the two real models come with:  make_strings.py SMOLLM2.gguf GEMMA3.gguf
(pip install gguf tokenizers==0.23.* sentencepiece protobuf)

The vocabularies are taken from the GGUF files and given to Hugging Face `tokenizers` (SmolLM2: single digits, then GPT-2's
expression, byte-level) and to SentencePiece (Gemma: merging by score, bytes for what is unknown, no blank in front).
real/strings.json: the strings, and for each its ids; control tokens are not recognised."""
import json, pathlib, random, sys
import gguf, sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers as P

HERE = pathlib.Path(__file__).resolve().parent
PIECES = ['the', ' quick', 'brown fox', '  ', '\n', '\n\n\n', '\t', ' ', "'s", "n't", '1234', '3.14', '٣٤', '²½', '.', '...', '!?', '—', '“q”', '(x)', 'é', 'e\u0301',
          'ß', 'Ǆ', '水', '日本語', '。', '한글', 'हिन्दी', 'ไทย', 'עברית', 'العربية', '🙂', '👩\u200d👧', '🏳️\u200d🌈', '\u00a0', '\u3000', '\u200b', '\ufeff', '\x00', '\x7f',
          '\U00010400', '𝒜', 'camelCase', 'SHOUT', 'snake_case', 'for (;;) {', '<b>', '</b>', '<s>', '<0x41>', '<|im_start|>', '<start_of_turn>', '<unused5>', 'http://a.b/c?d=e']


def fields(path):
    reader = gguf.GGUFReader(path)
    strings = lambda key: [bytes(reader.fields[key].parts[i]).decode() for i in reader.fields[key].data]
    numbers = lambda key: [reader.fields[key].parts[i][0].item() for i in reader.fields[key].data]
    return strings, numbers


def smollm2(path):
    strings, numbers = fields(path)
    tokens, kinds = strings('tokenizer.ggml.tokens'), numbers('tokenizer.ggml.token_type')
    merges = [tuple(merge.split(' ')) for merge in strings('tokenizer.ggml.merges')]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens) if kinds[i] == 1}, merges=merges))
    tokenizer.pre_tokenizer = P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])
    return lambda text: tokenizer.encode(text).ids


def gemma3(path):
    strings, numbers = fields(path)
    kinds, scores = numbers('tokenizer.ggml.token_type'), numbers('tokenizer.ggml.scores')
    model = sentencepiece_model_pb2.ModelProto()
    for i, token in enumerate(strings('tokenizer.ggml.tokens')):
        kind = 2 if token == '<unk>' else kinds[i]
        model.pieces.add(piece=token.replace(' ', '▁') if kind == 4 else token, score=scores[i], type=kind)
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.unk_id = 3
    model.normalizer_spec.name = 'identity'
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model.SerializeToString())
    return processor.EncodeAsIds


def main():
    pick = random.Random(5)
    texts = ['', *PIECES] + [''.join(pick.choice(PIECES) for _ in range(pick.randrange(2, 12))) for _ in range(60)]
    texts = [text for text in texts if '\0' not in text]          # where SentencePiece's strings end
    book = (HERE / 'real' / 'text.txt').read_text()
    texts += [book[at:at + 160] for at in range(0, 1600, 160)]
    made = {'smollm2': smollm2(sys.argv[1]), 'gemma3': gemma3(sys.argv[2])}
    rows = [json.dumps({'text': text, **{name: encode(text) for name, encode in made.items()}}, separators=(',', ':')) for text in texts]
    (HERE / 'real' / 'strings.json').write_text('[\n' + ',\n'.join(rows) + '\n]\n')


main()
