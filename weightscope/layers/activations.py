"""Keras' activations layers."""
