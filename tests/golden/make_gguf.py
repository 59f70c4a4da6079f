#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds model.gguf to the cases of make.py, written by llama.cpp's own converter in the type of the stored weights.

  make_gguf.py LLAMA_CPP_SOURCE [CASE ...]

Some things the converter cannot know of a made-up repository are told to it: byte-level vocabularies split like qwen2's,
gemma3's merges, read from tokenizer.json, become the scores of a SentencePiece vocabulary, and kimi_k2 has the
configuration of deepseek_v3 and a vocabulary in tiktoken.model. It has no types for the vendors' fp8 and int4, and takes mistral4 as a part of a larger model alone: those cases get no GGUF.
"""
import base64, json, pathlib, runpy, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
OUTTYPES = {'float32': 'f32', 'float16': 'f16', 'bfloat16': 'bf16'}

WITHOUT_MTP = ('qwen3_next', 'qwen3_5', 'qwen3_5_moe')            # its classes that know the option


def write_sentencepiece(converter):
    """Types: 1 normal, 2 unknown, 3 control, 6 byte. An earlier merge has the higher score."""
    model = json.loads((converter.dir_model / 'tokenizer.json').read_text())['model']
    merged = {a + b: -float(rank) for rank, (a, b) in reversed(list(enumerate(model['merges'])))}
    pieces = sorted(model['vocab'], key=model['vocab'].get)

    def kind(piece):
        return 2 if piece == '<unk>' else 3 if piece.startswith('<|') else 6 if piece.startswith('<0x') else 1
    writer = converter.gguf_writer
    writer.add_tokenizer_model('llama')
    writer.add_tokenizer_pre('default')
    writer.add_token_list(pieces)
    writer.add_token_scores([merged.get(piece, -1000.0) for piece in pieces])
    writer.add_token_types([kind(piece) for piece in pieces])
    for add, piece in ((writer.add_unk_token_id, '<unk>'), (writer.add_eos_token_id, '<|im_end|>'),
                       (writer.add_pad_token_id, '<|endoftext|>')):
        add(model['vocab'][piece])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template((converter.dir_model / 'chat_template.jinja').read_text())


def write_kimi(converter):
    """A token's merge is the one that the lower ranks leave undone; words that no merge makes have none."""
    lines = [line.split() for line in (converter.dir_model / 'tiktoken.model').read_text().splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    code = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letter = {byte: chr(byte) for byte in code} | {byte: chr(256 + i) for i, byte in enumerate(sorted(set(range(256)) - set(code)))}

    def spelled(token):
        return ''.join(letter[byte] for byte in token)

    def halves(token):
        parts = [token[i:i + 1] for i in range(len(token))]
        while len(parts) > 2:
            pairs = [(ranks.get(a + b, len(ranks)), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            rank, i = min(pairs)
            if rank >= ranks[token]:
                break
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        return parts
    added = json.loads((converter.dir_model / 'tokenizer_config.json').read_text())
    names = {int(key): one['content'] for key, one in added['added_tokens_decoder'].items()}
    size = json.loads((converter.dir_model / 'config.json').read_text())['vocab_size']
    reserved = [names.get(i, f'<|reserved_token_{i}|>') for i in range(len(ranks), size)]
    writer = converter.gguf_writer
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre('kimi-k2')
    writer.add_token_list([spelled(token) for token in ranks] + reserved)
    writer.add_token_types([1] * len(ranks) + [3] * len(reserved))
    writer.add_token_merges([' '.join(map(spelled, parts)) for parts in map(halves, ranks) if len(parts) == 2])
    for add, name in ((writer.add_bos_token_id, '[BOS]'), (writer.add_eos_token_id, '[EOS]'), (writer.add_pad_token_id, '[PAD]')):
        add(len(ranks) + reserved.index(name))
    writer.add_add_bos_token(False)
    writer.add_chat_template(added['chat_template'])


def convert(source, folder):
    sys.path[:0] = [str(source), str(source / 'gguf-py')]
    import conversion.base, conversion.deepseek, conversion.gemma, transformers
    for kind in vars(conversion.base).values():
        if hasattr(kind, 'get_vocab_base_pre'):
            kind.get_vocab_base_pre = lambda self, tokenizer: 'qwen2'
    conversion.gemma.Gemma3Model.set_vocab = write_sentencepiece
    if folder.name.startswith('kimi'):
        conversion.deepseek.DeepseekV2Model.set_vocab = write_kimi
    kimi = type('KimiConfig', (transformers.DeepseekV3Config,), {'model_type': 'kimi_k2'})
    transformers.AutoConfig.register('kimi_k2', kimi)
    outtype = OUTTYPES[json.loads((folder / 'config.json').read_text())['dtype']]
    sys.argv = ['convert_hf_to_gguf.py', str(folder), '--outfile', str(folder / 'model.gguf'), '--outtype', outtype,
                *(['--no-mtp'] if folder.name in WITHOUT_MTP else [])]
    runpy.run_path(str(source / 'convert_hf_to_gguf.py'), run_name='__main__')


def main():
    source, cases = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    if len(cases) == 1:
        return convert(source, HERE / cases[0])
    for case in cases or sorted(path.parent.name for path in HERE.glob('*/tokens.json')
                               if not path.parent.name.endswith(('-fp8', '-int4', 'mistral4'))):    # a process each: they patch
        result = subprocess.run([sys.executable, __file__, source, case], capture_output=True, text=True)
        print(f'{case:13}', 'done' if result.returncode == 0 else result.stderr.strip().splitlines()[-1])


main()
