#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small tokenizers with every component of tokenizer.json that trill knows, and what Hugging Face `tokenizers` makes of
difficult strings:  make_tokenizers.py   (pip install tokenizers==0.23.*)

tokenizers/cases.json: "models" are two trained vocabularies, "texts" the strings; each case has the parts that go around
a model, and for each text its ids (control tokens recognised, the template's tokens added) and the decoded text."""
import json, pathlib
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P, processors as R
from tokenizers import trainers

OUT = pathlib.Path(__file__).resolve().parent / 'tokenizers' / 'cases.json'
CONTROL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
CORPUS = ['the weight that is read is the weight that is used, and the rest of the layer waits for it. ',
          "it's 2024-05-17; we'll wait 1234 days, WE'LL SEE  that's all!! (the end)\n\n\n", 'int main(void) {\n    return x == 42;\n}\n',
          'über die Wärme in den Straßen, où sont les élèves, 水 水は你好 你好', 'e\u0301le\u0300ves cafe\u0301 naïve']
TEXTS = ['', ' ', '  ', '\n', ' the weight', 'the weight that is read', "It's THE end; WE'LL see, 'TIS", 'x  y   z    !', 'tab\there\r\n\r\n\nend ',
         '1234567 a1b22 3.14 ٣٤ ²³ Ⅷ', 'e\u0301le\u0300ve élève n\u0303', '水は你好。ab漢字cd', '🙂👩\u200d👧 ok', 'a\u00a0b\u2003c\u3000d\u0085e\u180ef\u200bg',
         '<|im_start|>user\nthe date<|im_end|>', '<|im_start|> <|im_end|>  x', 'abc xabc abcx abc', 'the <x>  <y>  end', 'the   the', '!!??..(),-- ==',
         'foo_bar-baz snake_case CamelCase', '\u0301\u0301 mark', 'ſtraße K Å', "'s's't'll", '▁the▁ end▁', '\ufeffbom \x00nul']
CL100K = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""")
O200K = (r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
         r"""|\p{Han}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+""")


def trained(tokenizer, size, alphabet):
    tokenizer.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=CONTROL, show_progress=False))
    return json.loads(tokenizer.to_str())['model']


def byte_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
    return trained(tokenizer, 420, P.ByteLevel.alphabet())


def blank_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = N.Replace(' ', '▁')
    tokenizer.pre_tokenizer = P.Split(Regex('▁+[^▁]*|[^▁]+'), 'isolated')
    model = trained(tokenizer, 200, ['▁'])
    for name in ['<unk>'] + [f'<0x{byte:02X}>' for byte in range(256)]:
        model['vocab'][name] = len(model['vocab'])
    return model


def bl(**options):
    return P.ByteLevel(**({'add_prefix_space': False} | options))


def split(pattern, behavior='isolated', invert=False):
    return P.Split(pattern, behavior, invert)


def words(*steps):
    return dict(pre=P.Sequence([*steps, bl(use_regex=False)]))


ADDED = [AddedToken('abc', single_word=True), AddedToken('<x>', lstrip=True, normalized=False), AddedToken('<y>', rstrip=True, normalized=False),
         AddedToken('   ', normalized=False), AddedToken('é', normalized=True), AddedToken('<|zz|>', normalized=False), AddedToken('你好', normalized=True, lstrip=True)]
TEMPLATE = R.TemplateProcessing(single='<|im_start|> <|endoftext|> $A <|im_end|>', pair='$A $B', special_tokens=[(CONTROL[i], i) for i in (0, 1, 2)])
LLAMA = D.Sequence([D.Replace('▁', ' '), D.ByteFallback(), D.Fuse(), D.Strip(' ', 1, 0)])
GEMMA = D.Sequence([D.Replace('▁', ' '), D.ByteFallback(), D.Fuse()])
BYTE_CASES = {
    'byte level': dict(pre=bl()), 'byte level with a blank': dict(pre=bl(add_prefix_space=True)),
    'whole words': dict(pre=bl(), settings={'ignore_merges': True}), 'merges as strings': dict(pre=bl(), which=2),
    'nfc': dict(pre=bl(), norm=N.NFC()), 'nfd': dict(pre=bl(), norm=N.NFD()), 'nfkc': dict(pre=bl(), norm=N.NFKC()), 'nfkd': dict(pre=bl(), norm=N.NFKD()),
    'lowercase': dict(pre=bl(), norm=N.Sequence([N.NFKC(), N.Lowercase()])),
    'strip': dict(pre=bl(), norm=N.Strip()), 'strip left': dict(pre=bl(), norm=N.Strip(left=True, right=False)),
    'replace': dict(pre=bl(), norm=N.Sequence([N.Replace(Regex(r'\s+'), ' '), N.Replace('the', 'tthe'), N.Replace(Regex('$'), '!')])),
    'digits': words(P.Digits(True), split(Regex(CL100K))), 'digit runs': words(P.Digits(False)),
    'cl100k': words(split(Regex(CL100K))), 'o200k without han': words(split(Regex(O200K))),
    'whitespace': words(P.Whitespace()), 'whitespace split': dict(pre=P.Sequence([P.WhitespaceSplit(), bl(add_prefix_space=True, use_regex=False)])),
    'punctuation': words(P.Punctuation('merged_with_previous'), split(' ', 'merged_with_next')), 'punctuation alone': words(P.Punctuation()),
    'falcon': dict(pre=P.Sequence([P.Punctuation('contiguous'), bl(), P.Digits(False), split(Regex('[0-9][0-9][0-9]'))])),
    'split behind byte level': dict(pre=P.Sequence([bl(), split(Regex('[a-zĠ]{1,4}')), split(Regex('e|Ġ'), 'merged_with_next')])),
    'invert': words(split(Regex(r'\w+'), 'removed', True)), 'invert previous': words(split(Regex(r'\w+|\s'), 'merged_with_previous', True)),
    'empty matches': words(split(Regex('e*'), 'merged_with_previous'), split(Regex('t*'), 'contiguous'), split(Regex('h*'), 'merged_with_next')),
    'contiguous': words(split(Regex('[a-e ]'), 'contiguous')), 'delimiter': words(P.CharDelimiterSplit('e')),
    'look around': words(split(Regex(r'(?=(\d{3})+(?!\d))')), split(Regex(r'\b'))),
    'ruby': words(split(Regex(r'\h{2,3}+|[a-c&&[^b]]|[\S&&\D]{2}?|(?m:\n.)|$')), split(Regex(r'^\p{^L}|\u0074h|[[:punct:]]'))),
    'added': dict(pre=bl(), norm=N.NFC(), added=ADDED), 'template': dict(pre=bl(), post=R.Sequence([R.ByteLevel(trim_offsets=True), TEMPLATE])),
    'roberta': dict(pre=bl(), post=R.RobertaProcessing(('<|im_end|>', 2), ('<|im_start|>', 1))),
}
BLANK_CASES = {
    'gemma': dict(norm=N.Replace(' ', '▁'), pre=split(' ', 'merged_with_previous'), dec=GEMMA, added=[AddedToken('\n\n', normalized=False), AddedToken('▁▁', normalized=False)]),
    'llama': dict(norm=N.Sequence([N.Prepend('▁'), N.Replace(' ', '▁')]), dec=LLAMA, post=TEMPLATE),
    'llama without a template': dict(norm=N.Sequence([N.Prepend('▁'), N.Replace(' ', '▁')]), dec=LLAMA),
    'metaspace': dict(pre=P.Metaspace('▁', 'always', True), dec=D.Sequence([D.ByteFallback(), D.Metaspace('▁', 'always')])),
    'metaspace never': dict(pre=P.Metaspace('▁', 'never', True), dec=D.Sequence([D.ByteFallback(), D.Metaspace('▁', 'never')])),
    'metaspace first, unknown fused': dict(pre=P.Metaspace('▁', 'first', False), dec=D.Metaspace('▁', 'never'), settings={'byte_fallback': False}),
    'unknown apart': dict(norm=N.Replace(' ', '▁'), dec=GEMMA, settings={'byte_fallback': False, 'fuse_unk': False}),
    'no unknown': dict(norm=N.Replace(' ', '▁'), dec=GEMMA, settings={'byte_fallback': False, 'fuse_unk': False, 'unk_token': None}),
}


SETTINGS = [{}, {'byte_fallback': True, 'fuse_unk': True, 'unk_token': '<unk>'}, {}]


def case(name, made, which, settings={}, pre=None, norm=None, dec=None, post=None, added=()):
    settings = SETTINGS[which] | settings
    tokenizer = Tokenizer.from_str(json.dumps({'version': '1.0', 'added_tokens': [], 'normalizer': None, 'pre_tokenizer': None,
                                               'post_processor': None, 'decoder': None, 'model': made[which] | settings}))
    if norm is not None:
        tokenizer.normalizer = norm
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if post is not None:
        tokenizer.post_processor = post
    tokenizer.decoder = dec or D.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in CONTROL])
    tokenizer.add_tokens(list(added))
    whole = json.loads(tokenizer.to_str())
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    return {'name': name, 'model': which, 'settings': settings,
            'parts': {key: whole[key] for key in ('added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder')},
            'ids': ids, 'decoded': [tokenizer.decode(list_of, skip_special_tokens=False) for list_of in ids]}


def main():
    made = [{key: model[key] for key in ('type', 'vocab', 'merges')} for model in (byte_model(), blank_model())]
    made.append(made[0] | {'merges': [' '.join(pair) for pair in made[0]['merges']]})
    cases = [case(name, made, **({'which': 0} | options)) for name, options in BYTE_CASES.items()]
    cases += [case(name, made, 1, **options) for name, options in BLANK_CASES.items()]
    dump = lambda value: json.dumps(value, separators=(',', ':'), ensure_ascii=True)
    lines = ',\n'.join(dump(one) for one in cases)
    OUT.write_text('{"models":[' + ',\n'.join(dump(model) for model in made) + '],\n"texts":' + dump(TEXTS) + ',\n"cases":[\n' + lines + '\n]}\n')


main()
