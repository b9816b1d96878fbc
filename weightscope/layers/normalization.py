"""Keras' normalization layers."""
