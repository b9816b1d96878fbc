"""Keras' rnn_wrappers layers."""
