"""Keras' reshaping layers."""
