"""Hash functions against TensorFlow's, and against the values that their authors published."""

import numpy as np
import pytest

from weightscope.kernels import hashing

HUGE = 2**62


def texts():
    rng = np.random.default_rng(0)
    x = np.empty(140, object)
    x[:] = [rng.integers(0, 256, length).astype("uint8").tobytes() for length in [*range(135), 191, 192, 193, 640, 999]]
    return x


def test_published_values():
    assert hashing.fingerprint(b"") == 0x9AE16A3B2F90404F
    key = [int.from_bytes(bytes(range(start, start + 8)), "little") for start in (0, 8)]
    assert hashing.sip_hash(bytes(range(15)), key) == 0xA129CA6149BE45E5


@pytest.mark.keras
def test_buckets():
    import tensorflow as tf

    x, key = texts(), [133, HUGE + 7]
    np.testing.assert_array_equal(hashing.buckets(x, HUGE), tf.strings.to_hash_bucket_fast(x.tolist(), HUGE))
    np.testing.assert_array_equal(
        hashing.buckets(x, HUGE, key), tf.strings.to_hash_bucket_strong(x.tolist(), HUGE, key))


@pytest.mark.keras
def test_crossing():
    import tensorflow as tf

    x, numbers = texts()[:, None], np.random.default_rng(1).integers(-5, 2**40, (140, 1))
    for columns in ([x, numbers], [numbers, x], [numbers, numbers + 1, x]):
        given = [tf.constant(column.tolist()) for column in columns]
        theirs = tf.sparse.to_dense(tf.sparse.cross_hashed([tf.cast(t, "int64") if t.dtype != "string" else t
                                                            for t in given], 9973))
        np.testing.assert_array_equal(hashing.crossed(columns, 9973), theirs)
