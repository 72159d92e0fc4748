"""Settings of a recipe changed by name: `loop.optimiser.learning_rate=1e-4`."""

from __future__ import annotations

import ast
import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from seganypet.errors import SegAnyPETError, UsageError

_WORDS: Final[Mapping[Any, str]] = {
    type(None): "none",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}
_MOST_SUGGESTED: Final = 3


def overridden(config: Any, settings: Sequence[str]) -> Any:
    """Return a configuration with settings changed, all at once: in between they need not fit each other.

    Args:
        config: A frozen dataclass, with others inside.
        settings: "name.of.a.setting=value", the value as Python writes it; quotes around text may be left out, and
            "none" stands for None. Of two values for one setting the later counts. A part that is None comes to life
            with its defaults when one of its settings is given.

    Raises:
        UsageError: No such setting, another type of value, or values that the configuration refuses.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        path = name.strip().split(".")
        if not separator or not all(path):
            raise UsageError(f"setting {setting!r}; expected name=value")
        inner = changes
        for part in path[:-1]:
            if not isinstance(inner.get(part), _Inside):
                inner[part] = _Inside()
            inner = inner[part]
        inner[path[-1]] = _value(text.strip())
    return _changed(config, changes, "", config)


class _Inside(dict[str, Any]):
    """Changes inside a setting, as against a mapping that is its value."""


def _changed(part: Any, changes: Mapping[str, Any], where: str, config: Any) -> Any:
    """Return a dataclass or mapping with changes; `where` is its name in the configuration, with a dot behind it."""
    if isinstance(part, Mapping):
        inside = {
            name: _changed(part.get(name), value, f"{where}{name}.", config)
            if isinstance(value, _Inside)
            else value
            for name, value in changes.items()
        }
        return {**part, **inside}
    if not is_dataclass(part) or isinstance(part, type):
        raise UsageError(f"setting {where}{next(iter(changes))}: there is nothing inside {part!r}")
    known, hints = [field.name for field in fields(part)], get_type_hints(type(part))
    values = {}
    for name, value in changes.items():
        if name not in known:
            wanted = f"{where}{name}{_path_in(value)}"
            raise UsageError(f"no setting {wanted}{_similar(wanted, config)}; there are {', '.join(known)}")
        now = getattr(part, name)
        if isinstance(value, _Inside):
            inner = _default_of(f"{where}{name}", hints[name]) if now is None else now
            values[name] = _changed(inner, value, f"{where}{name}.", config)
        else:
            values[name] = _fitting(f"{where}{name}", value, hints[name], now)
    try:
        return replace(part, **values)
    except SegAnyPETError as error:
        raise UsageError(f"setting {', '.join(where + name for name in values)}: {error}") from error


def _default_of(name: str, hint: Any) -> Any:
    """Return the dataclass that a setting may be, with its defaults."""
    kind = _dataclass_in(hint)
    if kind is None:
        raise UsageError(f"setting {name}: there is nothing inside it")
    return kind()


def _dataclass_in(hint: Any) -> Any:
    """Return the dataclass that a setting is or may be, or None where it is none."""
    choices = (choice for choice in (*get_args(hint), hint) if isinstance(choice, type))
    return next(filter(is_dataclass, choices), None)


def _path_in(value: Any) -> str:
    """Return the names in which a change lies, each with a dot before it."""
    if not isinstance(value, _Inside):
        return ""
    name, inner = next(iter(value.items()))
    return f".{name}{_path_in(inner)}"


def _similar(wanted: str, config: Any) -> str:
    """Return a question for the settings whose own name is that of one there is not, or else is like it."""
    by_last: dict[str, list[str]] = {}
    for name in _names(type(config), ""):
        by_last.setdefault(name.rpartition(".")[2], []).append(name)
    last = wanted.rpartition(".")[2]
    found = by_last.get(last) or [
        name for near in difflib.get_close_matches(last, by_last) for name in by_last[near]
    ]
    nearest = difflib.get_close_matches(wanted, found, _MOST_SUGGESTED, cutoff=0.0)
    return f" (do you mean {' or '.join(nearest)}?)" if nearest else ""


def _names(kind: Any, where: str) -> Iterator[str]:
    """Yield the names of all settings of a dataclass, also of those parts that may be None."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        yield f"{where}{field.name}"
        if inner := _dataclass_in(hints[field.name]):
            yield from _names(inner, f"{where}{field.name}.")


def _value(text: str) -> Any:
    if text.lower() == "none":
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)


def _fitting(name: str, value: Any, hint: Any, now: Any) -> Any:
    """Return the value in the type that the setting has.

    Lists stand for tuples, names with commas between them too, and whole numbers for floats.

    Raises:
        UsageError: It is of another type.
    """
    fits, converted = _as_any(value, hint)
    if fits:
        return converted
    if (kind := _dataclass_in(hint)) is not None:
        or_none = ", or none" if type(None) in get_args(hint) else ""
        inner = ", ".join(f"{name}.{field.name}" for field in fields(kind))
        raise UsageError(f"setting {name} is {value!r}; set what is inside it: {inner}{or_none}")
    raise UsageError(
        f'setting {name} is {value!r}; expected {_in_words(hint)}, such as --set "{name}={_as_text(now)}"'
    )


def _in_words(hint: Any) -> str:
    """Return what a setting may be, as it is written on a command line."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_in_words, arguments))
    if origin is tuple:
        several = arguments[-1] is Ellipsis
        inner = ", ".join(map(_in_words, arguments[:1] if several else arguments))
        return f"({inner}, …)" if several else f"({inner})"
    return _WORDS.get(hint, "names and values in braces" if origin else str(hint))


def _as_text(value: Any) -> str:
    """Return a value as `overridden` reads it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) and _value(value) == value else repr(value)


def _as(value: Any, choice: Any) -> tuple[bool, Any]:
    """Return whether a value is of a type, and the value in it."""
    origin = get_origin(choice)
    if choice is type(None):
        return value is None, None
    if origin is Literal:
        return value in get_args(choice), value
    if origin is tuple:
        return _as_tuple(value, get_args(choice))
    if choice is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number, float(value) if number else value
    if choice is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if choice in (bool, str):
        return isinstance(value, choice), value
    if origin is not None and isinstance(origin, type):
        return isinstance(value, origin), value
    return False, value


def _as_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[bool, Any]:
    """Return whether a value is a tuple of some types, and as such."""
    if isinstance(value, str) and kinds[0] is str:
        value = [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, (tuple, list)):
        return False, value
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        return False, value
    fitting = [_as_any(item, kind) for item, kind in zip(value, kinds, strict=True)]
    return all(fits for fits, _ in fitting), tuple(item for _, item in fitting)


def _as_any(value: Any, hint: Any) -> tuple[bool, Any]:
    """Return whether a value is of a type, or of one of several, and the value in it."""
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((found for choice in choices if (found := _as(value, choice))[0]), (False, value))
