# SPDX-License-Identifier: MIT
"""Weights as their vendors ship them: coded(FORMAT, name, weights) -> ({stored name: tensor}, the values they stand for).
What a format leaves alone comes back as None."""
import numpy as np, torch
from gguf import GGMLQuantizationType, quants


def mxfp4(name, weights):
    """gpt-oss: blocks [experts, out, in / 32, 16] with neighbours in a byte, the first low; scales [experts, out, in / 32]."""
    if not name.endswith(('experts.gate_up_proj', 'experts.down_proj')):
        return None
    rows = weights.transpose(1, 2).contiguous().numpy()
    packed = quants.quantize(rows, GGMLQuantizationType.MXFP4)
    values = quants.dequantize(packed, GGMLQuantizationType.MXFP4).reshape(rows.shape).astype(np.float32)
    blocks = packed.reshape(*rows.shape[:-1], -1, 17)
    codes = np.concatenate([blocks[..., 1:] & 15, blocks[..., 1:] >> 4], axis=-1)
    return {name + '_blocks': torch.from_numpy(codes[..., 0::2] | codes[..., 1::2] << 4),
            name + '_scales': torch.from_numpy(blocks[..., 0].copy())}, torch.from_numpy(values).transpose(1, 2).contiguous()


def fp8(name, weights):
    """DeepSeek V3: e4m3 with a float32 scale for each 128 x 128 block, the last ones smaller."""
    if not name.endswith(('proj.weight', 'proj_with_mqa.weight')):
        return None
    rows, columns = weights.shape
    scales = torch.stack([torch.stack([block.abs().max() / 448 for block in band.split(128, 1)]) for band in weights.split(128, 0)])
    spread = scales.repeat_interleave(128, 0)[:rows].repeat_interleave(128, 1)[:, :columns]
    codes = (weights / spread).to(torch.float8_e4m3fn)
    return {name: codes, name + '_scale_inv': scales}, codes.float() * spread


def int4(name, weights):
    """Kimi K2.5 (compressed-tensors, pack-quantized): eight codes in an int32, the first lowest, 8 stands for zero; a
    bfloat16 scale for each 32 of a row."""
    if '.experts.' not in name or not name.endswith('proj.weight'):
        return None
    groups = weights.unflatten(1, (-1, 32))
    scales = (groups.abs().amax(-1) / 7).to(torch.bfloat16)
    codes = (groups / scales.float()[..., None]).round().clamp(-8, 7)
    eights = (codes.flatten(1) + 8).to(torch.int64).unflatten(1, (-1, 8)).numpy().astype(np.uint32)
    packed = np.bitwise_or.reduce(eights << np.arange(0, 32, 4, dtype=np.uint32), axis=-1).view(np.int32)
    stem = name.removesuffix('weight')
    return {stem + 'weight_packed': torch.from_numpy(packed), stem + 'weight_scale': scales,
            stem + 'weight_shape': torch.tensor(weights.shape)}, (codes * scales.float()[..., None]).flatten(1)


# format: (function, what config.json says)
FORMATS = {
    'mxfp4': (mxfp4, {'quant_method': 'mxfp4', 'modules_to_not_convert': [
        'model.layers.*.self_attn', 'model.layers.*.mlp.router', 'model.embed_tokens', 'lm_head']}),
    'fp8': (fp8, {'quant_method': 'fp8', 'fmt': 'e4m3', 'activation_scheme': 'dynamic', 'weight_block_size': [128, 128]}),
    'int4': (int4, {'quant_method': 'compressed-tensors', 'format': 'pack-quantized', 'quantization_status': 'compressed',
                    'config_groups': {'group_0': {'targets': ['Linear'], 'weights': {
                        'num_bits': 4, 'type': 'int', 'symmetric': True, 'strategy': 'group', 'group_size': 32}}},
                    'ignore': ['lm_head', 're:.*self_attn.*', 're:.*shared_experts.*',
                               r're:.*mlp\.(gate|up|gate_up|down)_proj.*']}),
}


def coded(form, tensors):
    """A repository's tensors -> (as stored, as values)."""
    stored, values = {}, {}
    for name, weights in tensors.items():
        stored[name] = values[name] = weights
        found = FORMATS[form][0](name, weights)
        if found:
            del stored[name]
            stored |= found[0]
            values[name] = found[1]
    return stored, values
