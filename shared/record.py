"""Values with named fields. Defining a class of them costs a run a tenth of a NamedTuple (a dataclass costs more)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda kind: kind


R = TypeVar("R", bound="Record")


@dataclass_transform(frozen_default=True)
class Record:
    """The fields are the annotations of the class, in order; mypy checks what they are given, and that they stay."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(dict.fromkeys((*cls._fields, *cls.__annotations__)))
        cls._defaults = {**cls._defaults, **{name: vars(cls)[name] for name in cls._fields if name in vars(cls)}}

    def __init__(self, *values: Any, **named: Any) -> None:
        vars(self).update({**self._defaults, **dict(zip(self._fields, values)), **named})

    def _replace(self: R, **changes: Any) -> R:
        return type(self)(**{**vars(self), **changes})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __bool__(self) -> Literal[True]:  # for mypy: `record and record.field` is a field or None
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"
