"""Keras' convolutional layers."""
