"""Keras' rnn layers."""
