"""Keras' regularization layers."""
