"""TOML files read strictly, with errors a scientist can act on.

Every content file (prior sets, hypotheses, likelihoods, runs) passes through here: the file is read, its keys and types
are checked against a pydantic model that forbids unknown keys, and the first thing that is wrong becomes one
:class:`~crsea_infer.support.errors.UserError` that names the file, the key, what was given, what is allowed and, for a
misspelt key, the nearest one that exists.
"""

from __future__ import annotations

import inspect
import math
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from crsea_infer.support.errors import UserError, nearest
from crsea_infer.support.files import read_text
from crsea_infer.support.names import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

__all__ = ["Entry", "SchemaOf", "WrongValueError", "read_toml", "validate"]

_ATTRIBUTE = re.compile(r"(?P<names>\w+(?:, \w+)*)")


class Entry(BaseModel):
    """A table of a TOML file: unknown keys, wrong types, NaN and infinity are refused.

    Its docstring, with the keys under "Attributes", also describes them in the JSON schema that editors read, and so do
    those of the models that it derives from.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe table and keys in the words of the docstring."""
        return _with_words(cls, handler(core_schema), handler)


class SchemaOf:
    """Annotation of a field of tables whose own models are applied later: what they look like in the JSON schema.

    Parameters
    ----------
    *entries
        Models of the table, which is one of them.
    """

    def __init__(self, *entries: type[Entry]) -> None:
        self.entries = entries

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the models in place of that of any table."""
        found = [_with_words(one, handler(one.__pydantic_core_schema__), handler) for one in self.entries]
        return found[0] if len(found) == 1 else {"anyOf": found}


def _with_words(entry: type[Entry], found: JsonSchemaValue, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Put the words of a model's docstring into its schema."""
    schema = handler.resolve_ref_schema(found)
    schema["description"] = _described(entry.__doc__ or "")[0]
    keys: dict[str, str] = {}
    for one in reversed(entry.__mro__):
        if issubclass(one, Entry) and "__doc__" in vars(one):
            keys.update(_described(one.__doc__ or "")[1])
    for name, own in schema.get("properties", {}).items():
        if keys.get(name):
            own["description"] = keys[name]
        if isinstance(own.get("default"), float) and not math.isfinite(own["default"]):
            del own["default"]  # JSON has no word for it
    return found


def _described(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and the words on each of its attributes."""
    paragraphs, _, attributes = inspect.cleandoc(docstring).partition("\nAttributes\n----------\n")
    keys: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.splitlines():
        match = _ATTRIBUTE.fullmatch(line)
        if match:
            names = match["names"].split(", ")
            keys.update(dict.fromkeys(names, ""))
        else:
            keys.update({name: f"{keys[name]} {line.strip()}".strip() for name in names})
    return " ".join(paragraphs.split("\n\n")[0].split()), keys


class WrongValueError(ValueError):
    """A value that a check of an :class:`Entry` refuses, with what is allowed.

    Parameters
    ----------
    key
        Of the table.
    given
        Its value.
    valid
        What is allowed, in words.
    """

    def __init__(self, key: str, given: object, valid: str) -> None:
        super().__init__(f"{key} = {given!r}, but valid is {valid}")
        self.key = key
        self.given = given
        self.valid = valid


EntryType = TypeVar("EntryType", bound=Entry)

# What a value must be, in the words of the file rather than in those of the validator.
_EXPECTED = {
    "string_type": "text in quotes",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "greater_than": "a number above {gt:g}",
    "less_than": "a number below {lt:g}",
    "multiple_of": "a multiple of {multiple_of:g}",
    "literal_error": "{expected}",
    "list_type": "a list, [..., ...]",
    "tuple_type": "a list, [..., ...]",
    "dict_type": "a table",
    "model_type": "a table",
    "mapping_type": "a table",
}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file that is not empty.

    Raises
    ------
    UserError
        When the file is absent, unreadable, no file, empty, not UTF-8 or not TOML (the line of the fault is named);
        when what is in it goes beyond what can be read, or a text holds a control character.
    """
    try:
        text = read_text(path)
        content = tomllib.loads(text)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file", valid="the path of a TOML file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", valid="a TOML file you may read") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not text in UTF-8", valid="a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{path}: is not TOML: {error}",
            valid="lines such as: name = 1.5, name = 'text', [table]",
            fix="correct the line named above",
        ) from error
    except RecursionError as error:
        raise UserError(
            f"{path}: has lists or tables nested too deeply to be read", valid="a few levels of [...] and {...}"
        ) from error
    except ValueError as error:  # of Python's own limit, which is no fault of the grammar: no line is named
        raise UserError(
            f"{path}: has a whole number with thousands of digits", valid="numbers of at most a few digits"
        ) from error
    if not content:
        raise UserError(f"{path}: is empty", valid="a TOML file with at least one key")
    check_texts(content, str(path))
    return content


def validate(entry: type[EntryType], content: Mapping[str, Any], where: str, *, prefix: str = "") -> EntryType:
    """Check `content` against `entry`.

    Parameters
    ----------
    where
        The file, and the table within it when `content` is not the whole file: opens the message.
    prefix
        Stands before the key, when `content` is a table of the file: "samplers.dynesty.".

    Raises
    ------
    UserError
        On the first key that is unknown, missing or wrong; the number of further faults is given.
    """
    try:
        return entry.model_validate(dict(content))
    except ValidationError as error:
        # a default that depends on a key that is at fault is no fault of its own
        faults = [one for one in error.errors(include_url=False) if one["type"] != "default_factory_not_called"]
        # A misspelt key shows as one unknown key and one missing key: the unknown one explains both.
        first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
        raise _user_error(entry, dict(first), f"{where}: " if where else "", prefix, len(faults) - 1) from error


def _user_error(entry: type[Entry], fault: dict[str, Any], where: str, prefix: str, others: int) -> UserError:
    # Alternatives such as "a list or a table" leave the name of the alternative in the location: not a key.
    location = tuple(part for part in fault["loc"] if not (isinstance(part, str) and "[" in part))
    key = prefix + ".".join(str(part) for part in location)
    kind = str(fault["type"])
    more = f" (and {others} more)" if others else ""
    if kind == "extra_forbidden":
        allowed = _keys_at(entry, location[:-1])
        match = nearest(str(location[-1]), allowed)
        return UserError(
            f"{where}unknown key '{key}'{more}",
            valid=", ".join(allowed),
            fix=f"did you mean '{match}'?" if match else "remove it",
        )
    if kind == "missing":
        return UserError(f"{where}the key '{key}' is missing{more}", fix=f"add a line: {location[-1]} = ...")
    given = fault.get("input")
    shown = repr(given) if isinstance(given, str | int | float | bool) else f"a {type(given).__name__}"
    context = fault.get("ctx") or {}
    if "error" in context:  # raised by a check of the model itself, in its own words
        wrong = context["error"]
        if isinstance(wrong, WrongValueError):
            inner = f"{key}." if location else key
            return UserError(f"{where}{inner}{wrong.key} = {wrong.given!r}{more}", valid=wrong.valid)
        return UserError(f"{where}{key + ': ' if key else ''}{wrong}{more}")
    expected = _EXPECTED.get(kind, str(fault["msg"])).format(**context)
    return UserError(f"{where}{key} = {shown}{more}", valid=expected)


def _keys_at(entry: type[Entry], location: tuple[Any, ...]) -> list[str]:
    """Return the keys allowed in the table at `location` below `entry`."""
    table: type[Entry] | None = entry
    annotation: Any = entry
    for part in location:
        if table is not None and part in table.model_fields:
            annotation = table.model_fields[str(part)].annotation
            table = annotation if isinstance(annotation, type) and issubclass(annotation, Entry) else None
        else:
            table = _table_within(annotation)
            annotation = table
    found = table or _table_within(annotation)
    return sorted(found.model_fields) if found else []


def _table_within(annotation: Any) -> type[Entry] | None:
    """Return the first table type inside an annotation such as `dict[str, Table]` or `list[Table] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Entry):
        return annotation
    for argument in get_args(annotation):
        found = _table_within(argument)
        if found is not None:
            return found
    return None
