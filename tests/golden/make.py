#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small random models and the logits that Hugging Face transformers computes for them in float32.

  make.py [CASE ...]            needs torch 2.13, transformers 5.23, safetensors, tokenizers, tiktoken, numpy, gguf

Each case is a folder laid out like a published repository (config.json, model.safetensors, tokenizer.json, ...) with
  tokens.json    70 ids
  logits.npy     float32 [70, vocab], row i follows token i; eager attention, one thread
  texts.json     strings and their ids: control tokens recognised, none added
llama-bf16 and llama-f16 store their weights in that type, gpt_oss-mxfp4, deepseek_v3-fp8 and kimi_k2-int4 as their
vendors ship them (native.py); bailing_moe is a model of Glm4Moe, which computes the same, under Ling's names; the logits are those of the stored values in float32. make_gguf.py adds model.gguf.
"""
import json, pathlib, shutil, sys
import numpy as np, torch, transformers as T
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import kimi, native

HERE = pathlib.Path(__file__).resolve().parent
VOCAB = 320
SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
SPECIAL_GLM = SPECIAL + ['[gMASK]', '<sop>', '<|user|>', '<|observation|>']         # the converter looks for them
CORPUS = ['the weight that is read is the weight that is used and the rest of the layer waits for it',
          'there are three ways to write the date: 2024-05-17, 17 May 2024, 5/17/24',
          'int main(void) {\n    return the_answer == 42;\n}\n', 'über die Wärme in den Straßen, où sont les élèves, 水 水 は']
TEXTS = ['', 'Hello there', 'the  answer is\n\n\n 42, is it not?', "it's THE weather; we'll wait", 'Straße naïve 水は 火',
         '<|im_start|>user\nthe date<|im_end|>', 'tab\there, zero \u200b width, 🙂👩‍👧', ' leading and trailing ', '1234567 a1b22']
CHATML = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def trained(tokenizer, alphabet, size, special=SPECIAL):
    tokenizer.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=special, show_progress=False))
    return tokenizer


def byte_level(special=SPECIAL):
    """Bytes as letters, split by the pattern of the qwen2 family."""
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
               r"|\s+(?!\S)|\s+")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), 'isolated'),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return trained(tokenizer, pre_tokenizers.ByteLevel.alphabet(), VOCAB, special)


def sentencepiece():
    """Spaces as U+2581, merges over whole words of characters, unknown characters as byte tokens."""
    def shaped(model):
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.Replace(' ', '▁')
        tokenizer.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse()])
        return tokenizer
    learner = shaped(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split('▁', 'merged_with_next')
    letters = sorted(set('▁' + ''.join(CORPUS)) - {' ', '水', 'é'})
    model = json.loads(trained(learner, letters, VOCAB - 257).to_str())['model']
    merges = [tuple(pair) for pair in model['merges']]
    pieces = SPECIAL + ['<unk>'] + [f'<0x{byte:02X}>' for byte in range(256)]
    pieces += [piece for piece in model['vocab'] if piece not in SPECIAL][:VOCAB - len(pieces)]
    merges = [(a, b) for a, b in merges if {a, b, a + b} <= set(pieces)]
    tokenizer = shaped(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges,
                                  unk_token='<unk>', byte_fallback=True, fuse_unk=True))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL + ['<unk>']])
    return tokenizer


def write_tokenizer(tokenizer, folder):
    fast = T.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token='<|im_end|>', pad_token='<|endoftext|>')
    fast.chat_template = CHATML
    fast.save_pretrained(folder)
    encoded = [{'text': text, 'ids': tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS]
    lines = ',\n'.join(json.dumps(one, ensure_ascii=False) for one in encoded)
    (folder / 'texts.json').write_text(f'[{lines}]\n')


def write_kimi(folder):
    ranks = kimi.trained(CORPUS * 4, VOCAB - len(kimi.NAMES))
    kimi.write(folder, ranks)
    kimi.write_texts(folder, ranks, TEXTS + kimi.strings(1, 12)[:20] + ['<|im_user|>user<|im_middle|>the date<|im_end|>'])


def randomise(model, seed):
    """Large enough that every norm, bias and attention weight shows in the logits; from numpy, so that it stays the same."""
    random = np.random.default_rng(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.from_numpy(random.standard_normal(parameter.shape, dtype=np.float32))
        if 'norm' in name:
            parameter.data += 0.2 * noise
        elif parameter.dim() == 1:
            parameter.data = 0.3 * noise
        else:
            parameter.data = noise * (1.0 if 'embed' in name else 1.4 / parameter.shape[-1] ** 0.5)
    for name, buffer in sorted(model.named_buffers()):
        if 'correction_bias' in name:
            buffer.data = 0.2 * torch.from_numpy(random.standard_normal(buffer.shape, dtype=np.float32))


def stored_as(model, dtype):
    """The parameters alone: the rotation's frequencies are not stored and stay float32."""
    model.config.dtype = dtype
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)


def with_old_keys(config):
    """rope_theta and rope_scaling, as repositories had them before rope_parameters."""
    rope = config.pop('rope_parameters')
    if 'full_attention' in rope:
        config['rope_local_base_freq'] = rope['sliding_attention']['rope_theta']
        rope = rope['full_attention']
    config['rope_theta'] = rope.pop('rope_theta')
    if 'partial_rotary_factor' in rope:
        config['partial_rotary_factor'] = rope.pop('partial_rotary_factor')
    if config['model_type'] == 'minimax_m2':
        config['rotary_dim'] = int(config.pop('partial_rotary_factor') * config['head_dim'])
    if config['model_type'] == 'qwen3_moe':
        config['num_experts'] = config.pop('num_local_experts')
    if config['model_type'] in ('deepseek_v3', 'kimi_k2'):
        config |= dict(scoring_func='sigmoid', topk_method='noaux_tc', moe_layer_freq=1)
    config['rope_scaling'] = None if rope['rope_type'] == 'default' else rope
    return config


def write_coded(folder, kind, config):
    """The model again, with the values that its format can hold; the folder gets what they are stored as."""
    form = folder.name.partition('-')[2]
    path = folder / 'model.safetensors'
    stored, values = native.coded(form, load_file(path))
    save_file(values, path, metadata={'format': 'pt'})
    model = kind.from_pretrained(folder, config=config, attn_implementation='eager', dtype=torch.float32).eval()
    save_file(stored, path, metadata={'format': 'pt'})
    return model, {'quantization_config': native.FORMATS[form][1]}


def write_as_bailing(folder):
    """Ling 2.0 computes what Glm4Moe without biases does; q, k and v are one tensor, and names differ."""
    path = folder / 'model.safetensors'
    tensors, named = load_file(path), {}
    words = {'model.embed_tokens': 'model.word_embeddings', 'self_attn.o_proj': 'attention.dense', 'self_attn.q_norm': 'attention.query_layernorm',
             'self_attn.k_norm': 'attention.key_layernorm', 'gate.e_score_correction_bias': 'gate.expert_bias'}
    for name, tensor in tensors.items():
        for old, new in words.items():
            name = name.replace(old, new)
        if 'self_attn.q_proj' in name:
            parts = [tensors[name.replace('q_proj', part)] for part in ('q_proj', 'k_proj', 'v_proj')]
            named[name.replace('self_attn.q_proj', 'attention.query_key_value')] = torch.cat(parts)
        elif 'self_attn.' not in name:
            named[name] = tensor
    save_file(named, path, metadata={'format': 'pt'})
    return dict(architectures=['BailingMoeV2ForCausalLM'], model_type='bailing_moe', num_experts=8, num_shared_experts=1,
                n_routed_experts=None, n_shared_experts=None, num_local_experts=None,
                num_nextn_predict_layers=None)


VOCABULARIES = {'gemma3': sentencepiece, 'glm4_moe': lambda: byte_level(SPECIAL_GLM), 'glm_dsa': lambda: byte_level(SPECIAL_GLM)}
SIZES = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=56, num_attention_heads=4, num_key_value_heads=2,
             num_hidden_layers=2, max_position_embeddings=256, bos_token_id=None, eos_token_id=2, pad_token_id=0)
LLAMA3 = dict(rope_type='llama3', rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
LINEAR = dict(rope_type='linear', rope_theta=10000.0, factor=4.0)
YARN = dict(rope_type='yarn', rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64,
            beta_fast=32.0, beta_slow=1.0)
GEMMA = dict(full_attention=dict(rope_type='linear', rope_theta=1e6, factor=8.0),
             sliding_attention=dict(rope_type='default', rope_theta=10000.0))

MOE = dict(moe_intermediate_size=16, num_experts=8, num_experts_per_tok=2)
GPT_OSS = SIZES | dict(intermediate_size=16, head_dim=16, num_local_experts=8, num_experts_per_tok=2, sliding_window=16,
                       tie_word_embeddings=False, rope_parameters=YARN | dict(rope_theta=150000.0, truncate=False))
ROUTED = dict(moe_intermediate_size=16, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=1,
              first_k_dense_replace=1, n_group=1, topk_group=1, routed_scaling_factor=2.5, tie_word_embeddings=False)
LATENT = SIZES | ROUTED | dict(num_attention_heads=2, q_lora_rank=24, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8,
                               v_head_dim=24, rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0))
DELTA = dict(linear_conv_kernel_dim=4, linear_key_head_dim=16, linear_value_head_dim=16, linear_num_key_heads=2,
             linear_num_value_heads=4, shared_expert_intermediate_size=16, head_dim=16, num_hidden_layers=4,
             tie_word_embeddings=False)
KIMI = dict(bos_token_id=310, eos_token_id=311, pad_token_id=319)
QUARTER = dict(rope_type='default', rope_theta=1e7, partial_rotary_factor=0.25)
TURNED = dict(rope_parameters=QUARTER | dict(mrope_section=[1, 1, 0], mrope_interleaved=True))
VISION = dict(depth=1, hidden_size=8, intermediate_size=8, num_heads=2, out_hidden_size=32, num_position_embeddings=4, patch_size=2)
SPECIALS = dict(image_token_id=319, video_token_id=318, vision_start_token_id=317, vision_end_token_id=316)


def latent(**more):
    more['num_key_value_heads'] = more.get('num_attention_heads', 2)
    return T.DeepseekV3ForCausalLM, T.DeepseekV3Config(**LATENT | more)


def kimi_k2(**more):
    return latent(num_hidden_layers=2, routed_scaling_factor=2.827, **KIMI | more)


def gpt_oss(**more):
    return T.GptOssForCausalLM, T.GptOssConfig(**GPT_OSS | more)


def llama(**more):
    return T.LlamaForCausalLM, T.LlamaConfig(**SIZES | dict(tie_word_embeddings=True) | more)


# case: (class, configuration), old keys?, stored type, largest shard
CASES = {
    'llama': (llama(rope_parameters=LLAMA3, tie_word_embeddings=False), True, torch.float32, '1MB'),
    'llama-linear': (llama(rope_parameters=LINEAR, num_key_value_heads=4), False, torch.float32, '1MB'),
    'llama-yarn': (llama(rope_parameters=YARN, num_key_value_heads=1), True, torch.float32, '1MB'),
    'llama-bf16': (llama(rope_parameters=LLAMA3), False, torch.bfloat16, '1MB'),
    'llama-f16': (llama(rope_parameters=LLAMA3), False, torch.float16, '1MB'),
    'qwen2': ((T.Qwen2ForCausalLM, T.Qwen2Config(**SIZES, tie_word_embeddings=False)), False, torch.float32, '60KB'),
    'qwen3': ((T.Qwen3ForCausalLM, T.Qwen3Config(**SIZES, head_dim=20, tie_word_embeddings=True)), True, torch.float32, '1MB'),
    'gemma3': ((T.Gemma3ForCausalLM, T.Gemma3TextConfig(
        **SIZES | dict(num_hidden_layers=7, num_attention_heads=2, num_key_value_heads=1), head_dim=16,
        query_pre_attn_scalar=16, sliding_window=16, rope_parameters=GEMMA)), True, torch.float32, '1MB'),
    'qwen3_moe': ((T.Qwen3MoeForCausalLM, T.Qwen3MoeConfig(
        **SIZES | MOE, head_dim=16, norm_topk_prob=True, tie_word_embeddings=False)), True, torch.float32, '1MB'),
    'gpt_oss': (gpt_oss(), False, torch.float32, '1MB'),
    'gpt_oss-mxfp4': (gpt_oss(intermediate_size=64, num_hidden_layers=3), True, torch.float32, '1MB'),
    'deepseek_v3': (latent(num_hidden_layers=3, n_group=4, topk_group=2), True, torch.float32, '1MB'),
    'deepseek_v3-fp8': (latent(num_hidden_layers=3, n_group=4, topk_group=2, num_attention_heads=4, intermediate_size=160),
                        True, torch.float32, '1MB'),
    'kimi_k2': (kimi_k2(), True, torch.float32, '1MB'),
    'kimi_k2-int4': (kimi_k2(moe_intermediate_size=32), True, torch.float32, '1MB'),
    'glm4_moe': ((T.Glm4MoeForCausalLM, T.Glm4MoeConfig(
        **SIZES | ROUTED, head_dim=16, attention_bias=True, use_qk_norm=True,
        rope_parameters=dict(rope_type='default', rope_theta=1e6, partial_rotary_factor=0.5))), True, torch.float32, '1MB'),
    'qwen3_next': ((T.Qwen3NextForCausalLM, T.Qwen3NextConfig(**SIZES | MOE | DELTA, rope_parameters=QUARTER)),
                   True, torch.float32, '1MB'),
    'qwen3_5': ((T.Qwen3_5ForConditionalGeneration, T.Qwen3_5Config(
        text_config={key: value for key, value in (SIZES | DELTA | TURNED).items() if 'expert' not in key},
        vision_config=VISION, **SPECIALS)), False, torch.float32, '1MB'),
    'qwen3_5_moe': ((T.Qwen3_5MoeForConditionalGeneration, T.Qwen3_5MoeConfig(
        text_config=SIZES | MOE | DELTA | TURNED, vision_config=VISION, **SPECIALS)), False, torch.float32, '1MB'),
    'minimax_m2': ((T.MiniMaxM2ForCausalLM, T.MiniMaxM2Config(
        **SIZES | dict(intermediate_size=16), head_dim=16, num_local_experts=8, num_experts_per_tok=3, tie_word_embeddings=False,
        rope_parameters=dict(rope_type='default', rope_theta=5e6, partial_rotary_factor=0.5))), True, torch.float32, '1MB'),
    'bailing_moe': ((T.Glm4MoeForCausalLM, T.Glm4MoeConfig(
        **SIZES | ROUTED | dict(n_group=4, topk_group=2), head_dim=16, attention_bias=False, use_qk_norm=True,
        rope_parameters=dict(rope_type='default', rope_theta=6e5, partial_rotary_factor=0.5))), True, torch.float32, '1MB'),
    'mistral4': ((T.Mistral4ForCausalLM, T.Mistral4Config(
        **LATENT | dict(num_key_value_heads=2, routed_scaling_factor=1.0, num_hidden_layers=3, norm_topk_prob=True,
                        rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0, original_max_position_embeddings=32,
                                                    llama_4_scaling_beta=0.1)))), False, torch.float32, '1MB'),
    'glm_dsa': ((T.GlmMoeDsaForCausalLM, T.GlmMoeDsaConfig(
        **LATENT | dict(num_key_value_heads=2, num_hidden_layers=3, index_topk=70, index_head_dim=16, index_n_heads=2,
                        rope_parameters=dict(rope_type='default', rope_theta=8e6)))), False, torch.float32, '1MB'),
}


def make(name, seed):
    (kind, config), old_keys, dtype, shard = CASES[name]
    config._attn_implementation = 'eager'
    model = kind(config).eval()
    randomise(model, seed)
    stored_as(model, dtype)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=shard)
    more = {'model_type': 'kimi_k2'} if name.startswith('kimi') else {}
    if name.partition('-')[2] in native.FORMATS:
        model, said = write_coded(folder, kind, config)
        more |= said
    if name == 'bailing_moe':
        more |= write_as_bailing(folder)
    if name.startswith('kimi'):
        write_kimi(folder)
    else:
        write_tokenizer(VOCABULARIES.get(name, byte_level)(), folder)
    path = folder / 'config.json'
    written = {key: value for key, value in (json.loads(path.read_text()) | more).items() if value is not None}
    path.write_text(json.dumps(with_old_keys(written) if old_keys else written, indent=2) + '\n')

    ids = np.random.default_rng(seed).integers(3, VOCAB, 70).tolist()
    stored_as(model, torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
    (folder / 'tokens.json').write_text(json.dumps(ids) + '\n')
    np.save(folder / 'logits.npy', logits)
    for path in folder.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f'{name:13} logits: standard deviation {logits.std():.2f}, largest {abs(logits).max():.2f}; {size // 1024} KiB')


def main():
    T.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, name in enumerate(CASES, 1):
        if not sys.argv[1:] or name in sys.argv[1:]:
            make(name, seed)


if __name__ == '__main__':
    main()
