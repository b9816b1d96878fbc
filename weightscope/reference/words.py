"""What Keras says of a model that it does not take: all of it, the little that a line has room for, and what to do."""

import re

MOST = 4000  # characters that are kept of one error
FEW = 200  # that are told in a line

_NOISE = re.compile(r'\x1b\[[0-9;]*m|File "[^"]*", line \d+, in \S+|defined at \(most recent call last\):'
                    r'|(?:^|(?<=[.!?] ))[^.!?]*(?:safe_mode=False|enable_unsafe_deserialization)[^!?]*')
# Keras prints the whole configuration of what it could not make.
_DUMP = re.compile(r"(?:Error when deserializing class '\w+' using|<class '[^']*'> could not be deserialized"
                   r" properly\.)[^{]*config=(\{.*?\})\.\s*Exception encountered: ", re.DOTALL)
_DUMP_BEHIND = re.compile(r"\s*Full (?:object )?config: ?\{.*", re.DOTALL)
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z@`*])")
_ADVICE = re.compile(r"(Make sure|Please|If |You |Try |To |See |Note|Consider|Perhaps|Call arguments|Arguments)")
_REMEDIES = (
    (r"Could not locate class|Unknown layer|Cannot deserialize object of type",
     "--custom-objects FILE tells it of a class of yours"),
    (r"Could not locate function|Unknown (activation|loss|metric|optimizer|initializer|regularizer|constraint)",
     "--custom-objects FILE tells it of a function of yours"),
    (r"Unrecognized keyword arguments?|unexpected keyword argument",
     "another version of Keras may know that setting; weightscope inspect and predict need none"),
    (r"OOM|ResourceExhausted|RESOURCE_EXHAUSTED|Unable to allocate|bad_alloc", "a smaller --batch-size needs less"),
)


def plain(error):
    """Return all that an error says in a line.

    Left out are colours, lines of code that TensorFlow made a node at, whole configs, and Keras' advice to switch its
    safe mode off.
    """
    text = _DUMP.sub(_named, _DUMP_BEHIND.sub("", str(error)))
    return shortened(" ".join(_NOISE.sub("", text).split()) or type(error).__name__, MOST)


def few(text):
    """Return the first sentences of what Keras says, those that fit in a line and are no advice to who wrote code."""
    first, *others = _SENTENCE_ENDS.split(text)
    for sentence in others:
        if _ADVICE.match(sentence) or len(first) + len(sentence) >= FEW:
            break
        first = f"{first} {sentence}"
    return shortened(first, FEW).rstrip(".")


def shortened(text, most):
    """Return a text of at most so many characters."""
    return text if len(text) <= most else text[:most - 3] + "..."


def remedy(text):
    """Return what a user can do about an error with these words, or ""."""
    return next((told for pattern, told in _REMEDIES if re.search(pattern, text)), "")


def _named(dump):
    """Return the class and the name of what Keras could not make, for what it prints of it."""
    kind = re.search(r"class '(?:[\w.]*\.)?(\w+)'", dump[0])
    name = re.search(r"'name': '([^']*)'", dump[1])
    return f"{kind[1] if kind else ''} {repr(name[1]) if name else ''}".strip() + ": "
