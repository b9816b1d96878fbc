"""Saved models as data, one file a format: bytes in, a Saved out. Untrusted bytes end here.

First: ``read``. No code of a file runs, no link in it is followed, no size that it states is believed.
"""
