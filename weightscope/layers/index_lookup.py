"""Keras' layers that look words or numbers up in a vocabulary: IntegerLookup, StringLookup and TextVectorization."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from weightscope.kernels.categories import encode, encoded_shape
from weightscope.kernels.hashing import buckets, each
from weightscope.kernels.text import as_bytes, characters, ngrams, of_numbers, standardized
from weightscope.model.layer import Layer, Weight, keras_layer
from weightscope.model.wanted import Wanted

NOWHERE = np.iinfo("int64").max  # an index that counts in no encoding: Keras' for masked tokens


class IndexLookup(Layer):
    """The base of the lookups: from tokens to indices, or back with ``invert``.

    Index 0 is ``mask_token``'s where there is one and ``output_mode`` is "int"; then come ``num_oov_indices`` for
    unknown tokens, then the vocabulary. It is in the config, or in the archive's ``vocabulary.txt``.
    """

    formula = "y = output_mode of (index of x in vocabulary) · idf_weights (for output_mode tf_idf)"
    keeps_samples_apart = False  # encoded, an input of one axis becomes one vector
    refuses = ("sparse",)
    ignored = ("vocabulary_dtype", "encoding", "has_input_vocabulary")
    output_dtype = "float32"
    assets = {}
    max_tokens: "int | None" = None
    num_oov_indices: int = 1
    mask_token: "int | str | None" = None
    oov_token: "int | str | None" = None
    vocabulary: "list | str | None" = None
    vocabulary_size: "int | None" = None
    idf_weights: "list | None" = None
    invert: bool = False
    output_mode: str = "int"
    pad_to_max_tokens: bool = False
    oov_method: str = "floormod"
    salt: "int | list | None" = None

    def weight_specs(self):
        if self.output_mode == "tf_idf":
            yield Weight("idf_weights", "tokens", trainable=False, tracked=False)

    def refusal(self):
        """Refuse a layer whose vocabulary or weights are not in the file, and what any layer refuses."""
        reason = super().refusal()
        if reason:
            return reason
        if isinstance(self.vocabulary, str):
            return f"its vocabulary is in another file, {self.vocabulary!r}"
        if self.vocabulary is None and "vocabulary.txt" not in self.assets:
            return "its vocabulary is not in the file"  # as an .h5 of Keras loses what adapt learned
        if self.output_mode == "tf_idf" and self.idf_weights is None and self.weights["idf_weights"].stored is None:
            return "its idf_weights are not in the file"
        return None

    def cast(self, value):
        """Return the value as it is: tokens have the vocabulary's dtype, not the policy's."""
        return value

    def arrays(self):
        """Return nothing: ``forward`` asks for idf_weights itself, which may be in the config instead."""
        return {}

    def key(self, token):
        """Return a token of the config as what it is looked up by."""
        raise NotImplementedError

    @cached_property
    def tokens(self):
        """The vocabulary without the mask and the out-of-vocabulary tokens in front of it, if they are there."""
        given = self._stored_tokens() if self.vocabulary is None else self.vocabulary
        head = given[:self._token_start]
        special = [self.mask_token] * self._oov_start
        special += [self.oov_token] * min(self.num_oov_indices, len(given))
        found = [self.key(token) for token in (given[len(head):] if head == special else given)]
        if len(set(found)) < len(found) or (self.mask_token is not None and self.key(self.mask_token) in found):
            raise ValueError("its vocabulary has a token twice, or the mask token")
        return found

    def _stored_tokens(self):
        # Split as Keras reads the file, by every mark that Python takes for the end of a line.
        lines = self.assets["vocabulary.txt"]().decode("utf-8").splitlines()
        while lines and lines[-1] == "":
            lines.pop()
        return lines

    @cached_property
    def table(self):
        """``{token: index}``, or ``{index: token}`` with ``invert``."""
        pairs = enumerate(self.tokens, self._token_start)
        return dict(pairs) if self.invert else {token: index for index, token in pairs}

    @property
    def _oov_start(self):
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self):
        return self._oov_start + self.num_oov_indices

    @property
    def depth(self):
        """How long an encoded vector is."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size or self._token_start + len(self.tokens)

    def shape(self, x):
        return x if self.output_mode == "int" else encoded_shape(x, self.output_mode, self.depth)

    def wanted(self):
        if self.refusal():
            return None
        if self.invert:
            return Wanted(rows=self._token_start + len(self.tokens))
        known = tuple(map(self.plain, self.tokens))
        return Wanted(values=known + self.unknown(known) * bool(self.num_oov_indices), masked=self.mask_token)

    def plain(self, key):
        """Return what a token is looked up by as it stands in the config."""
        return key

    def unknown(self, known):
        """Return a tuple of one token that is not ``known``."""
        raise NotImplementedError

    def forward(self, x):
        if self.invert:
            return self.tokens_of(np.asarray(x).astype("int64"))
        return self.encoded(self.indices(self.as_keys(x)))

    def encoded(self, indices):
        """Return indices as ``output_mode`` says: int64, or float32 where idf_weights enter."""
        if self.output_mode == "int":
            return indices
        counts = encode(indices, "count" if self.output_mode == "tf_idf" else self.output_mode, self.depth)
        return counts.astype("float32") * self._idf() if self.output_mode == "tf_idf" else counts.astype("int64")

    def indices(self, keys):
        """Return the index (int64) of each key; raise ValueError for an unknown one where there is no place for it."""
        found = each(keys, lambda token: self.table.get(token, -1), "int64")
        unknown = found == -1
        if self.mask_token is not None:
            masked = keys == self.key(self.mask_token)
            found = np.where(masked, 0 if self.output_mode == "int" else NOWHERE, found)
            unknown &= ~masked
        if not self.num_oov_indices and unknown.any():
            raise ValueError(f"{keys[unknown][0]!r} is not in the vocabulary, and num_oov_indices is 0")
        if self.num_oov_indices == 1:
            return np.where(unknown, self._oov_start, found)
        if self.num_oov_indices:
            found[unknown] = self._oov_start + self._oov_bins(keys[unknown])
        return found

    def _oov_bins(self, keys):
        if keys.dtype.kind == "i" and self.oov_method != "farmhash":
            return keys % self.num_oov_indices
        salt = (self.salt, self.salt) if isinstance(self.salt, int) else self.salt
        return buckets(of_numbers(keys) if keys.dtype.kind == "i" else keys, self.num_oov_indices, salt)

    def _idf(self):
        if self.weights["idf_weights"].stored is not None:
            return self.weights["idf_weights"].array
        # The special tokens weigh the average, and the places up to max_tokens nothing (IndexLookup.set_vocabulary).
        front = self._token_start if len(self.tokens) == len(self.vocabulary) else 0
        weights = np.concatenate([np.full(front, np.average(self.idf_weights)), self.idf_weights])
        return np.pad(weights, (0, self.depth - len(weights))).astype("float32")


@keras_layer
class IntegerLookup(IndexLookup):
    """Says where each whole number stands in a vocabulary."""

    oov_token: "int | None" = -1

    def key(self, token):
        """Return the token as a whole number."""
        return int(token)

    def unknown(self, known):
        """Return a tuple of one number that is not ``known``."""
        return (max(known, default=0) + 1,)

    def _stored_tokens(self):
        return [int(line) for line in super()._stored_tokens()]

    def as_keys(self, x):
        """Return numbers in int64."""
        return x.astype("int64")

    def tokens_of(self, x):
        """Return the token (int64) of each index, ``oov_token`` for one that has none."""
        mask = {} if self.mask_token is None else {0: self.mask_token}
        return each(x, lambda index: mask.get(index, self.table.get(index, self.oov_token)), "int64")


@keras_layer
class StringLookup(IndexLookup):
    """Says where each text stands in a vocabulary; with ``invert`` the other way round, as bytes in UTF-8."""

    oov_token: "str | None" = "[UNK]"

    def key(self, token):
        """Return the token in UTF-8."""
        return str(token).encode()

    def plain(self, key):
        """Return the token as text."""
        return key.decode()

    def unknown(self, known):
        """Return a tuple of one word that is not ``known``."""
        return ("unknown" + max(known, key=len, default=""),)

    def as_keys(self, x):
        """Return text as an object array of bytes."""
        return as_bytes(x)

    def tokens_of(self, x):
        """Return the token (bytes) of each index, ``oov_token`` for one that has none."""
        mask = {} if self.mask_token is None else {0: self.key(self.mask_token)}
        return each(x, lambda index: mask.get(index, self.table.get(index, self.key(self.oov_token))), object)


@keras_layer
class TextVectorization(Layer):
    """Cuts text into tokens and looks each up: standardize, split, ngrams, then a StringLookup.

    Takes text (batch,) or (batch, 1). With ``output_mode`` "int" the rows are as long as the longest of the batch, or
    ``output_sequence_length``, filled up with 0.
    """

    formula = "y = output_mode of (index of each of split(standardize(x)) in vocabulary) · idf_weights (for tf_idf)"
    keeps_samples_apart = False  # the longest row of the batch sets the length
    refuses = ("sparse", "ragged")
    ignored = ("encoding", "has_input_vocabulary")
    max_tokens: "int | None" = None
    standardize: "str | dict | None" = "lower_and_strip_punctuation"
    split: "str | dict | None" = "whitespace"
    ngrams: "int | tuple | None" = None
    output_mode: str = "int"
    output_sequence_length: "int | None" = None
    pad_to_max_tokens: bool = False
    vocabulary: "list | str | None" = None
    vocabulary_size: "int | None" = None
    idf_weights: "list | None" = None

    def sub_layers(self):
        shared = ("max_tokens", "output_mode", "pad_to_max_tokens", "vocabulary", "vocabulary_size", "idf_weights")
        config = {name: getattr(self, name) for name in shared}
        return {"_lookup_layer": StringLookup({**config, "mask_token": "", "name": "lookup"}, "lookup")}

    def weight_specs(self):
        # Keras writes the lookup's weights twice, here and below _lookup_layer.
        yield from self.parts["_lookup_layer"].weight_specs()

    def refusal(self):
        """Refuse Python functions, and ragged outputs, and what any layer refuses."""
        for name in ("standardize", "split"):
            if isinstance(getattr(self, name), dict):
                return f"its {name} is Python code, which is never run"
        if self.output_mode == "one_hot" and self.split is not None:
            return "output_mode one_hot gives a ragged tensor"
        return super().refusal()

    def cast(self, value):
        """Return the text as it is."""
        return value

    def arrays(self):
        """Return nothing: the lookup has the weights."""
        return {}

    def shape(self, x):
        length = x[-1] if self.split is None and not self.ngrams else None
        if self.output_mode == "int":
            return x[0], length if self.output_sequence_length is None else self.output_sequence_length
        return self.parts["_lookup_layer"].shape((x[0], length))

    def wanted(self):
        found = self.parts["_lookup_layer"].wanted()
        if found is None or self.split is None:
            return found
        between = " " if self.split == "whitespace" else ""
        return replace(found, words=self.output_sequence_length or 0, between=between, masked=None)

    def forward(self, x):
        rows = self._token_rows(as_bytes(x))
        length = self.output_sequence_length
        keys = np.full((len(rows), max(map(len, rows)) if length is None else length), b"", object)
        for row, tokens in zip(keys, rows):
            row[:len(tokens)] = tokens[:len(row)]
        lookup = self.parts["_lookup_layer"]
        return lookup.encoded(lookup.indices(keys))  # the empty token is the mask's: 0, and counts nothing

    def _token_rows(self, x):
        if x.ndim > 2 or (self.split is None and x.ndim < 2) or (self.split and x.shape[1:] not in ((), (1,))):
            raise ValueError(f"text of shape {x.shape} cannot be split")
        rows = [[standardized(text, self.standardize) for text in row] for row in x.reshape(len(x), -1)]
        if self.split is not None:
            cut = {"whitespace": bytes.split, "character": characters}[self.split]
            rows = [cut(text) for text, in rows]
        if self.ngrams is None:
            return rows
        longest = max(map(len, rows))
        widths = range(1, min(self.ngrams, longest) + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [ngrams(row, widths) for row in rows]
