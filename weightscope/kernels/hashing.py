"""The hash functions behind Keras' Hashing, HashedCrossing and lookup layers, over byte strings.

FarmHash64 by Google (https://github.com/google/farmhash, ``farmhashna::Hash64``, whose values are stable fingerprints);
SipHash-2-4 by J.-P. Aumasson and D. J. Bernstein (https://www.aumasson.jp/siphash/siphash.pdf). Whole numbers stay
below 2**64.
"""

import numpy as np

MASK = 2**64 - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
CROSSING_KEY = 0xDECAFCAFFE  # tensorflow/python/ops/sparse_ops.py, _DEFAULT_HASH_KEY
CONCATENATION = 0xC6A4A7935BD1E995


def buckets(x, count, key=None):
    """Return the bucket 0 … ``count`` - 1 (int64) of each byte string in the object array ``x``.

    ``key``: two whole numbers choose SipHash with them (``tf.strings.to_hash_bucket_strong``), None FarmHash64
    (``to_hash_bucket_fast``).
    """
    hashed = fingerprint if key is None else lambda text: sip_hash(text, key)
    return each(x, lambda text: hashed(text) % count, "int64")


def crossed(columns, count):
    """Return the bucket (int64) of each row of several arrays, crossed as ``tf.sparse.cross_hashed`` does.

    ``columns``: arrays of byte strings or whole numbers, all of one shape.
    """
    result = np.empty(columns[0].shape, "int64")
    for index in np.ndindex(result.shape):
        hashed = CROSSING_KEY
        for column in columns:
            value = column[index]
            number = fingerprint(value) if isinstance(value, bytes) else int(value) & MASK
            hashed = concatenated(hashed, number)
        result[index] = hashed % count
    return result


def each(x, function, dtype):
    """Return ``function`` of every value of ``x``, called once for each distinct one, as an array of ``dtype``."""
    distinct, where = np.unique(x, return_inverse=True)
    values = np.empty(len(distinct), dtype)
    values[:] = [function(value) for value in distinct]
    return values[where].reshape(x.shape)


def concatenated(first, second):
    """Return the fingerprint of two fingerprints in a row (``FingerprintCat64`` of tsl/platform/fingerprint.h)."""
    mixed = (first ^ CONCATENATION) ^ shift_mix(second * CONCATENATION & MASK) * CONCATENATION & MASK
    mixed = shift_mix(mixed * CONCATENATION & MASK) * CONCATENATION & MASK
    return shift_mix(mixed)


def fingerprint(text):
    """Return FarmHash64 of bytes."""
    if len(text) <= 16:
        return _up_to_16(text)
    if len(text) <= 32:
        return _up_to_32(text)
    if len(text) <= 64:
        return _up_to_64(text)
    return _longer(text)


def shift_mix(value):
    """Return ``value`` with its upper bits mixed into the lower ones."""
    return value ^ value >> 47


def rotate(value, bits):
    """Return the 64 bits of ``value`` turned to the right."""
    return (value >> bits | value << 64 - bits) & MASK


def _word(text, start, size=8):
    return int.from_bytes(text[start:start + size], "little")


def _mixed(first, second, factor):
    a = shift_mix((first ^ second) * factor & MASK)
    return shift_mix((second ^ a) * factor & MASK) * factor & MASK


def _up_to_16(text):
    length = len(text)
    factor = K2 + length * 2
    if length >= 8:
        a, b = _word(text, 0) + K2 & MASK, _word(text, length - 8)
        return _mixed(rotate(b, 37) * factor + a & MASK, (rotate(a, 25) + b) * factor & MASK, factor)
    if length >= 4:
        return _mixed(length + (_word(text, 0, 4) << 3), _word(text, length - 4, 4), factor)
    if length:
        y, z = text[0] + (text[length >> 1] << 8), length + (text[-1] << 2)
        return shift_mix((y * K2 ^ z * K0) & MASK) * K2 & MASK
    return K2


def _ends(text, factor_first):
    length = len(text)
    factor = K2 + length * 2
    a, b = _word(text, 0) * factor_first & MASK, _word(text, 8)
    c, d = _word(text, length - 8) * factor & MASK, _word(text, length - 16) * K2
    first = rotate(a + b & MASK, 43) + rotate(c, 30) + d & MASK
    second = a + rotate(b + K2 & MASK, 18) + c & MASK
    return a, first, second, factor


def _up_to_32(text):
    _, first, second, factor = _ends(text, K1)
    return _mixed(first, second, factor)


def _up_to_64(text):
    a, y, second, factor = _ends(text, K2)
    z = _mixed(y, second, factor)
    e, f = _word(text, 16) * factor & MASK, _word(text, 24)
    g = (y + _word(text, len(text) - 32)) * factor & MASK
    h = (z + _word(text, len(text) - 24)) * factor & MASK
    first = rotate(e + f & MASK, 43) + rotate(g, 30) + h & MASK
    return _mixed(first, e + rotate(f + a & MASK, 18) + g & MASK, factor)


def _longer(text):
    x, y = 81, 81 * K1 + 113 & MASK
    z = shift_mix(y * K2 + 113 & MASK) * K2 & MASK
    v, w = (0, 0), (0, 0)
    x = x * K2 + _word(text, 0) & MASK
    rest = len(text) - 1 & 63
    for start in range(0, len(text) - 1 - rest, 64):
        z, x, y, v, w = _round(text[start:start + 64], (x, y, z), v, w, (K1, 1))
    factor = K1 + ((z & 0xFF) << 1)
    w = w[0] + rest, w[1]
    v = v[0] + w[0] & MASK, v[1]
    w = w[0] + v[0] & MASK, w[1]
    z, x, y, v, w = _round(text[-64:], (x, y, z), v, w, (factor, 9))
    first = _mixed(v[0], w[0], factor) + shift_mix(y) * K0 + z & MASK
    return _mixed(first, _mixed(v[1], w[1], factor) + x & MASK, factor)


def _round(block, state, v, w, factors):
    (x, y, z), (factor, small) = state, factors
    x = rotate(x + y + v[0] + _word(block, 8) & MASK, 37) * factor & MASK
    y = rotate(y + v[1] + _word(block, 48) & MASK, 42) * factor & MASK
    x ^= w[1] * small & MASK
    y = y + v[0] * small + _word(block, 40) & MASK
    z = rotate(z + w[0] & MASK, 33) * factor & MASK
    v = _weak(block[:32], v[1] * factor & MASK, x + w[0] & MASK)
    w = _weak(block[32:], z + w[1] & MASK, y + _word(block, 16) & MASK)
    return x, z, y, v, w


def _weak(block, a, b):
    a = a + _word(block, 0) & MASK
    b = rotate(b + a + _word(block, 24) & MASK, 21)
    sum_ = a + _word(block, 8) + _word(block, 16) & MASK
    return sum_ + _word(block, 24) & MASK, b + rotate(sum_, 44) + a & MASK


def sip_hash(text, key):
    """Return SipHash-2-4 of bytes under a key of two whole numbers."""
    k0, k1 = (number & MASK for number in key)
    state = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    last = len(text) & ~7
    words = [_word(text, start) for start in range(0, last, 8)]
    words.append(_word(text, last) | (len(text) & 0xFF) << 56)
    for word in words:
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state, count):
    a, b, c, d = state
    for _ in range(count):
        a, c = a + b & MASK, c + d & MASK
        b, d = rotate(b, 51) ^ a, rotate(d, 48) ^ c
        a = rotate(a, 32)
        a, c = a + d & MASK, c + b & MASK
        d, b = rotate(d, 43) ^ a, rotate(b, 47) ^ c
        c = rotate(c, 32)
    state[:] = a, b, c, d
