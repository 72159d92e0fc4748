"""Settings of a recipe changed by name: `loop.optimiser.learning_rate=1e-4`."""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from seganypet.errors import SegAnyPETError, UsageError


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
    return _changed(config, changes, "")


class _Inside(dict[str, Any]):
    """Changes inside a setting, as against a mapping that is its value."""


def _changed(part: Any, changes: Mapping[str, Any], where: str) -> Any:
    """Return a dataclass or mapping with changes; `where` is its name, with a dot behind it."""
    if isinstance(part, Mapping):
        inside = {
            name: _changed(part.get(name), value, f"{where}{name}.") if isinstance(value, _Inside) else value
            for name, value in changes.items()
        }
        return {**part, **inside}
    if not is_dataclass(part) or isinstance(part, type):
        raise UsageError(f"setting {where}{next(iter(changes))}: there is nothing inside {part!r}")
    known, hints = [field.name for field in fields(part)], get_type_hints(type(part))
    values = {}
    for name, value in changes.items():
        if name not in known:
            raise UsageError(f"no setting {where}{name}; there are {', '.join(known)}")
        if isinstance(value, _Inside):
            inner = getattr(part, name)
            inner = _default_of(f"{where}{name}", hints[name]) if inner is None else inner
            values[name] = _changed(inner, value, f"{where}{name}.")
        else:
            values[name] = _fitting(f"{where}{name}", value, hints[name])
    try:
        return replace(part, **values)
    except SegAnyPETError as error:
        raise UsageError(f"setting {', '.join(where + name for name in values)}: {error}") from error


def _default_of(name: str, hint: Any) -> Any:
    """Return the dataclass that a setting may be, with its defaults."""
    for choice in get_args(hint) or (hint,):
        if is_dataclass(choice) and isinstance(choice, type):
            return choice()
    raise UsageError(f"setting {name}: there is nothing inside it")


def _value(text: str) -> Any:
    if text.lower() == "none":
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)


def _fitting(name: str, value: Any, hint: Any) -> Any:
    """Return the value in the type that the setting has.

    Lists stand for tuples, names with commas between them too, and whole numbers for floats.

    Raises:
        UsageError: It is of another type.
    """
    fits, converted = _as_any(value, hint)
    if fits:
        return converted
    wanted = str(hint).replace("typing.", "") if get_args(hint) else hint.__name__
    raise UsageError(f"setting {name} is {value!r}; expected {wanted}")


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
