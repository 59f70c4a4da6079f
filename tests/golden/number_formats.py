#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/number/: for every block format and plain format, stored blocks and the f32 values that gguf-py
decodes from them (NAME.blocks, NAME.values), and f32 values with the blocks that gguf-py encodes (encode.values,
NAME.encoded) where gguf-py has an encoder. Deterministic; needs numpy and gguf (pip install gguf==0.19.0), and torch (2.13) for E4M3. int4_g32 and fp8_b128 are our own blocks
around the values that compressed-tensors and DeepSeek define.

    python3 tests/golden/number_formats.py
"""
import os
import numpy as np, torch
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES as SIZES
from gguf.quants import dequantize, quantize

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'number')
NAMES = 'F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4 NVFP4'.split()
GRIDS = 'IQ3_S IQ3_XXS IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S'.split()
# Where the f16 scales of a block lie.
SCALES = dict(Q8_0=[0], Q4_0=[0], Q4_1=[0, 2], Q5_0=[0], Q5_1=[0, 2], Q2_K=[80, 82], Q3_K=[108], Q4_K=[0, 2],
              Q5_K=[0, 2], Q6_K=[208], IQ4_NL=[0], IQ4_XS=[0], MXFP4=[], NVFP4=[],
              IQ3_S=[0], IQ3_XXS=[0], IQ2_S=[0], IQ2_XS=[0], IQ2_XXS=[0], IQ1_M=[], IQ1_S=[0])
EXTREME = [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00]


def blocks_of(name, rng):
    elems, size = SIZES[T[name]]
    if elems == 1:
        values = rng.integers(0, 256, (1, 512 * size), dtype=np.uint8)
        if name == 'F16':                      # every kind of half, both signs
            extra = np.array(EXTREME + [0x7c01, 0xfdff, 0x3555], dtype=np.uint16).view(np.uint8)
            values[0, :extra.size] = extra
        return values
    n = 40 if elems == 32 else 24
    if name == 'MXFP4':                        # every scale
        n = 256
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    if name == 'MXFP4':
        blocks[:, 0] = np.arange(256)
    if name == 'NVFP4':                        # every scale; the table has no twin of what ggml makes of the eighth bit
        blocks = rng.integers(0, 256, (64, size), dtype=np.uint8)
        blocks[:, :4] = np.arange(256).reshape(64, 4)
    for i, block in enumerate(blocks):
        for j, at in enumerate(SCALES[name]):
            if i < len(EXTREME):               # every extreme scale, with another extreme minimum
                half = EXTREME[(i + 5 * j) % len(EXTREME)]
            else:
                half = int(np.float16(rng.normal() * 0.02).view(np.uint16))
            block[at:at + 2] = np.array([half], dtype=np.uint16).view(np.uint8)
    return blocks


def bf16(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


def int4_g32(rng):
    """Scales of every kind; codes are nibbles less 8."""
    blocks = rng.integers(0, 256, (40, 18), dtype=np.uint8)
    scales = np.concatenate([[0, 0x8000, 1, 0x7f, 0x80, 0x3f80, 0x7f7f, 0xff7f, 0x7f80, 0x7fc0],
                             (rng.normal(size=30) * 0.02).astype(np.float32).view(np.uint32) >> 16]).astype(np.uint16)
    blocks[:, :2] = scales.view(np.uint8).reshape(-1, 2)
    codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    return blocks, bf16(scales)[:, None] * codes


def fp8_b128(rng):
    """Every E4M3, then random ones."""
    values = np.concatenate([np.arange(256), rng.integers(0, 256, 1024)]).astype(np.uint8).reshape(-1, 128)
    scales = np.array([1, 1, 0.37, -2.5e-3, 0, 1e-30, 3e35, 1.1, np.inf, 7], dtype=np.float32)
    decoded = torch.from_numpy(values).view(torch.float8_e4m3fn).float().numpy()
    return np.concatenate([scales.view(np.uint8).reshape(-1, 4), values], axis=1), scales[:, None] * decoded


def values_to_encode(rng):
    x = rng.normal(size=(16, 256)).astype(np.float32) * np.float32(0.05)
    x[1] = 0
    x[2] *= np.float32(1e-6)
    x[3] = np.abs(x[3])
    x[4] = rng.integers(-8, 8, 256) / np.float32(8)
    x[5] *= np.exp(rng.normal(size=256)).astype(np.float32)
    x[6] = np.float32(0.25)
    return x


def put_format(name, values, rng, put):
    blocks = blocks_of(name, rng)
    with np.errstate(all='ignore'):
        decoded = dequantize(blocks, T[name]).astype(np.float32)
    put(name.lower() + '.blocks', blocks)
    put(name.lower() + '.values', decoded)
    try:
        put(name.lower() + '.encoded', quantize(values, T[name]))
    except NotImplementedError:
        pass


def main():
    os.makedirs(OUT, exist_ok=True)
    rng = np.random.default_rng(20260101)
    put = lambda name, data: open(os.path.join(OUT, name), 'wb').write(np.ascontiguousarray(data).tobytes())
    values = values_to_encode(rng)
    put('encode.values', values)
    for name in NAMES:
        put_format(name, values, rng, put)
    for make in int4_g32, fp8_b128:
        with np.errstate(all='ignore'):
            blocks, decoded = make(rng)
        put(make.__name__ + '.blocks', blocks)
        put(make.__name__ + '.values', decoded)
    for name in GRIDS:
        put_format(name, values, rng, put)


if __name__ == '__main__':
    main()
