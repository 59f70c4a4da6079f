#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Vocabularies as Kimi publishes them: tiktoken.model, tokenizer_config.json, and what tiktoken makes of some strings.

  kimi.py                       needs tiktoken 0.14, tokenizers; writes tokenizers/kimi; make.py uses the rest
"""
import base64, json, pathlib, random
import numpy as np, tiktoken
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
UPPER, LOWER = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]', r'[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]'
ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERN = '|'.join([r'[\p{Han}]+', fr'[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENDING}', fr'[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENDING}',
                    r'\p{N}{1,3}', r' ?[^\s\p{L}\p{N}]+[\r\n]*', r'\s*[\r\n]+', r'\s+(?!\S)', r'\s+'])
NAMES = ['[BOS]', '[EOS]', '<|im_end|>', '<|im_user|>', '<|im_assistant|>', '<|im_system|>', '<|im_middle|>', '<|tool_call_begin|>',
         None, '[PAD]']                  # None: the loader calls it <|reserved_token_ID|>
PLAIN = ['<|tool_call_begin|>']          # special: false, as in the published file
CHAT = ("{% for message in messages %}<|im_{{ message['role'] }}|>{{ message['role'] }}<|im_middle|>{{ message['content'] }}<|im_end|>"
        "{% endfor %}{% if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>{% endif %}")
CORPUS = ['机器学习的模型读取权重，专家在磁盘上。水是水，火是火。模型的权重是谁的？', 'ひらがなとカタカナ、漢字の混ぜ書き。カタカナも',
          "It's what we'll do, they've said; I'm here and you're THERE. IT'S", 'HTTPServer parseURL getX XMLHttpRequest',
          'Größe, naïve café, Ελληνικά και, Русский язык и', 'x = [1, 22, 333, 4444];\n\tif (a != b) {\n\t\treturn;\n\t}\r\n', '하나 둘 셋']


def trained(corpus, size, seed=1):
    """Token -> rank: bytes in an order of their own, then merges, then two words that no merges make."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learner.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size - 2, initial_alphabet=alphabet, show_progress=False))
    code = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    to_byte = {chr(byte): byte for byte in code}
    to_byte |= {chr(256 + i): byte for i, byte in enumerate(byte for byte in range(256) if byte not in code)}
    tokens = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    tokens = [bytes(to_byte[letter] for letter in name) for name, _ in tokens]
    single = [token for token in tokens if len(token) == 1]
    random.Random(seed).shuffle(single)
    tokens = single + [token for token in tokens if len(token) > 1] + [' Quagmire'.encode(), '凹凸'.encode()]
    assert len(tokens) == size and len(set(tokens)) == size and len(single) == 256
    return {token: rank for rank, token in enumerate(tokens)}


def encoding(ranks):
    named = {name or f'<|reserved_token_{len(ranks) + i}|>': len(ranks) + i for i, name in enumerate(NAMES)}
    return tiktoken.Encoding('kimi', pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=named)


def write(folder, ranks):
    lines = [f'{base64.b64encode(token).decode()} {rank}\n' for token, rank in ranks.items()]
    (folder / 'tiktoken.model').write_text(''.join(lines))
    added = {str(len(ranks) + i): dict(content=name, lstrip=False, normalized=False, rstrip=False, single_word=False, special=name not in PLAIN)
             for i, name in enumerate(NAMES) if name}
    config = dict(added_tokens_decoder=added, bos_token='[BOS]', eos_token='[EOS]', pad_token='[PAD]', model_max_length=1000,
                  tokenizer_class='TikTokenTokenizer', chat_template=CHAT)
    (folder / 'tokenizer_config.json').write_text(json.dumps(config, ensure_ascii=False, indent=2) + '\n')


def write_texts(folder, ranks, texts):
    encoder = encoding(ranks)
    lines = [json.dumps({'text': text, 'ids': encoder.encode(text, allowed_special='all')}, ensure_ascii=False) for text in texts]
    (folder / 'texts.json').write_text('[' + ',\n'.join(lines) + ']\n')


def strings(seed, count):
    """Real words, and letters of every kind in random order: where the pattern cuts matters more than what the words are."""
    chooser = random.Random(seed)
    pieces = ["'s", "'LL", "'Re", "'ſ", ' ', '  ', '\n', '\r\n', '\t', '\u00a0', '\u3000', '\u200b', '1', '42', '٣٤', '½', 'Ⅷ', 'a', 'Zz', 'ÀÉ', 'ß', 'ǅ',
              'ʰ', 'ª', '漢', '字水', '々', '〇', 'ー', 'カ', 'な', '하', 'Σ', 'ς', 'й', 'е\u0301', '\u0301', 'نص', 'हि', '!', '...', '://', '_', '€',
              '🙂', '👩\u200d👧', '\U00020000', 'İ', 'K', ' the', 'Quagmire', ' Quagmire', '凹凸', 'weight', '\u2028', '\x00', '\x85']
    words = ' '.join(CORPUS).split(' ')
    made = [''.join(chooser.choice(pieces) for _ in range(chooser.randint(1, 12))) for _ in range(count)]
    made += [' '.join(chooser.choice(words) for _ in range(chooser.randint(1, 8))) for _ in range(count // 4)]
    return made + [''.join(CORPUS), ' ' * 50 + 'x', 'a' * 300, '水' * 100, '<|im_user|>user<|im_middle|>水<|im_end|>', '<|tool_call_begin|>[BOS] [EOS]',
                   'a' * 3000 + ' ' * 2000 + '\n' * 50]


def main():
    folder = HERE / 'tokenizers/kimi'
    folder.mkdir(exist_ok=True)
    text = (HERE / 'real/text.txt').read_text()
    ranks = trained(CORPUS * 4 + text.splitlines(keepends=True), 1500)
    write(folder, ranks)
    write_texts(folder, ranks, strings(7, 240))
    (folder / 'config.json').write_text(json.dumps(dict(model_type='kimi_k2', vocab_size=len(ranks) + len(NAMES))) + '\n')
    save_file({'none': np.zeros(1, dtype=np.float32)}, folder / 'model.safetensors')
    print(f'{len(ranks)} ranks; {sum(path.stat().st_size for path in folder.iterdir()) // 1024} KiB')


if __name__ == '__main__':
    main()
