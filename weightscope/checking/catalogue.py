"""The hazards of model files: for each code what it could do, how bad that is, and what to do about it.

``WS4nn`` are hazards: 40n and 41n of configs, 42n and 43n of archives, 44n of HDF5, 45n of TensorFlow's graphs, 46n of
files that are none of Keras'. Codes are stable: one that is no longer found is not given to another.
"""

from typing import NamedTuple

from weightscope.files.containers import Oddity

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")


class Hazard(NamedTuple):
    """One kind: ``title``, what it ``could`` do where the file is opened by other programs, and the ``remedy``."""

    code: str
    severity: str
    title: str
    could: str
    remedy: str


_ANY_CODE = "run any code, with the rights of whoever loads the file"
_AGAIN = "get the file from who made it, or save the model again"
_OTHER_FILE = "show what another file of this machine holds, or hand it on with the model"
_TWO_READINGS = "show one model to a scanner, and another to whoever loads it"
_UNPACKED = "write to other folders where the archive is unpacked"
_WITHOUT = "--ignore-code runs the model without; or save it without compiling it"

HAZARDS = {hazard.code: hazard for hazard in (
    Hazard("WS401", ERROR, "Python code in a layer", _ANY_CODE,
           "replace it by layers or keras.ops; predict takes a function of yours (weightscope.keras_lambda)"),
    Hazard("WS402", ERROR, "a function that is none of Keras' own that only compute", "import a module, and call"
           " whatever function of it the file names, on what the file says", "--allow-function {name} if you trust it"),
    Hazard("WS403", ERROR, "a class that is none of Keras'", "import a module, and make whatever of it the file names",
           "--custom-objects FILE, if the class is yours"),
    Hazard("WS404", WARNING, "a layer or a model of somebody's own", "do nothing by itself: whoever loads the file"
           " needs its code", "--custom-objects FILE, with the code of the class"),
    Hazard("WS405", ERROR, "a class of Keras under another's name", "put a class that was registered before in the"
           " place of Keras' own", _AGAIN),
    Hazard("WS406", ERROR, "a layer that runs what is not in the file", "load and run another model, a pickle or a"
           " download, from wherever the file says", "rebuild the model with layers of Keras"),
    Hazard("WS407", ERROR, "an object of any class", "make an object of whatever class the file names", _AGAIN),
    Hazard("WS408", ERROR, "a vocabulary in another file", _OTHER_FILE + ", or fetch it from elsewhere",
           "give the layer its words as a list, and save the model as .keras"),
    Hazard("WS409", ERROR, "a call of TensorFlow that is no arithmetic", "read or write files, load a library or call"
           " Python", "rebuild the model with layers of Keras"),
    Hazard("WS410", ERROR, "a layer's name that leads to another folder", "make Keras write the layer's files there",
           "rename the layer"),
    Hazard("WS411", ERROR, "Python code that a model was compiled with", _ANY_CODE, _WITHOUT),
    Hazard("WS412", ERROR, "something else than a loss, a metric or an optimizer that a model was compiled with",
           "import a module, and call whatever function of it the file names", _WITHOUT),
    Hazard("WS413", NOTE, "a loss or a metric of somebody's own", "do nothing by itself: whoever trains the model on"
           " needs its code", "nothing, for weightscope does not need it"),
    Hazard("WS414", ERROR, "code, or something that is none of Keras', that a model in the model was compiled with",
           "be made, and so run, as the file is loaded: a model in another one is compiled in any case", _WITHOUT),
    Hazard("WS421", ERROR, "a member outside the archive's folder", _UNPACKED, _AGAIN),
    Hazard("WS422", ERROR, "a symbolic link in an archive", _UNPACKED + ", or read files there", _AGAIN),
    Hazard("WS423", ERROR, "a backslash in a member's name", _UNPACKED + " on Windows", _AGAIN),
    Hazard("WS424", ERROR, "one name for two members", _TWO_READINGS, _AGAIN),
    Hazard("WS425", ERROR, "members that overlap", _TWO_READINGS + ", or unpack to far more than there is", _AGAIN),
    Hazard("WS426", WARNING, "an encrypted member", "hold anything: nobody can look at it", "decrypt the archive"),
    Hazard("WS427", ERROR, "a pickle in an archive", _ANY_CODE + ", where it is unpickled", "take it out"),
    Hazard("WS428", ERROR, "a program's text in an archive", "be imported or run where the archive is unpacked",
           "take it out, and read it"),
    Hazard("WS429", ERROR, "a library or a program in an archive", "be loaded or run where the archive is unpacked",
           "take it out"),
    Hazard("WS430", ERROR, "two names for one member", _TWO_READINGS, _AGAIN),
    Hazard("WS431", WARNING, "an archive in an archive", "hold anything: weightscope does not look into it",
           "unpack it, and scan what was in it"),
    Hazard("WS432", ERROR, "other bytes before the file's beginning", _TWO_READINGS, _AGAIN),
    Hazard("WS433", ERROR, "another archive behind the file's end", _TWO_READINGS, _AGAIN),
    Hazard("WS434", WARNING, "other bytes behind the file's end", "hold anything: no reader of models looks at them",
           _AGAIN),
    Hazard("WS441", ERROR, "a link to another HDF5 file", _OTHER_FILE, _AGAIN),
    Hazard("WS442", ERROR, "a soft link in HDF5", _TWO_READINGS, _AGAIN),
    Hazard("WS443", ERROR, "values in other files", _OTHER_FILE, _AGAIN),
    Hazard("WS444", ERROR, "a virtual array", _OTHER_FILE, _AGAIN),
    Hazard("WS445", ERROR, "an HDF5 filter that comes as a library", "make HDF5 look for a library, and load it",
           "repack the file without it (h5repack -f NONE)"),
    Hazard("WS446", ERROR, "far more memory than there are bytes", "take all memory of the machine that loads it",
           _AGAIN),
    Hazard("WS451", ERROR, "a graph that reads or writes files", "read or write any file, when the graph runs",
           "save the Keras model as .keras, which has no graph"),
    Hazard("WS452", ERROR, "a graph that calls Python", "call a Python function of whoever runs it",
           "save the Keras model as .keras, which has no graph"),
    Hazard("WS461", ERROR, "a pickle", _ANY_CODE + ", where it is unpickled", "ask for the model as .keras"),
    Hazard("WS462", NOTE, "a format of another program", "do whatever its program lets it, for weightscope"
           " does not read it", "use a scanner for that format"),
    Hazard("WS463", WARNING, "not the file itself", "do nothing: the model is not here", "get the file itself"),
    Hazard("WS464", WARNING, "a file that cannot be read", "crash, hang or mislead a program that is less careful",
           "get or save it again"),
)}
NEEDS_CODE, MEMORY, PICKLE, FOREIGN, ELSEWHERE, UNREAD = "WS404", "WS446", "WS461", "WS462", "WS463", "WS464"


class Finding(NamedTuple):
    """A hazard in a file: its ``code``, the ``place`` in the file, "" for all of it, and a sentence on what is there.

    ``name``: of what is named there, where the remedy says it.
    """

    code: str
    place: str
    said: str
    name: str = ""

    @classmethod
    def of(cls, oddity: Oddity) -> "Finding":
        """Return what was found odd about a container, as a finding."""
        return cls(*oddity)

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``."""
        return HAZARDS[self.code].severity

    @property
    def could(self) -> str:
        """What it could do."""
        return HAZARDS[self.code].could

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return HAZARDS[self.code].remedy.format(name=self.name)

    def line(self) -> str:
        """Return the sentence with its place."""
        is_said = self.place in self.said or repr(self.place) in self.said
        return self.said if is_said else f"{self.said}, at {self.place}"


def errors(findings) -> list[Finding]:
    """Return those that keep a file from whatever could run it."""
    return [finding for finding in findings if finding.severity == ERROR]
