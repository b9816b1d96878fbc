"""Keras' merging layers."""
