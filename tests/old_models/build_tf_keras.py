"""tf.keras of TensorFlow 1.15 to 2.3: a model with the nodes of a TensorFlow graph in it, saved with what predict gives.

python build_tf_keras.py FOLDER, in an environment with that TensorFlow.
"""
import os
import sys

import numpy as np
import tensorflow as tf

layers, out = tf.keras.layers, sys.argv[1]
x, y = layers.Input((4, 3)), layers.Input((4, 3))
model = tf.keras.Model([x, y], [
    x + y * 2.0, 3.0 / (x * x + 1.0), -x, x[:, 1:, 0], tf.concat([x, y], axis=-1),
    tf.reduce_mean(x, axis=[1], keepdims=True), tf.nn.relu(tf.matmul(x, tf.transpose(y, [0, 2, 1]))),
    tf.reshape(x, [-1, 12]), tf.stack([x, y], axis=1), tf.expand_dims(x, -1), tf.cast(x > y, "float32"),
    tf.where(x > y, x, y), tf.split(x, 3, axis=-1)[1], tf.reduce_max(x, axis=-1), tf.sqrt(tf.abs(x)),
    tf.math.sigmoid(x), tf.nn.softmax(x), tf.squeeze(x[:, :1], axis=1), tf.tile(x, [1, 2, 1]),
    tf.pad(x, [[0, 0], [1, 1], [0, 0]])])
rng = np.random.RandomState(0)
xs = [rng.normal(size=(2, 4, 3)).astype("float32") for _ in "xy"]
arrays = {"in_%d" % i: v for i, v in enumerate(xs)}
arrays.update({"out_%d" % i: v for i, v in enumerate(model.predict(xs))})
if not os.path.isdir(out):
    os.makedirs(out)
model.save(os.path.join(out, "nodes.h5"))
np.savez(os.path.join(out, "nodes.npz"), **arrays)
