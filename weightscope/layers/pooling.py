"""Keras' pooling layers."""
