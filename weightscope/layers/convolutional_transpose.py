"""Keras' convolutional_transpose layers."""
