"""The kinds of fields that the contract knows, each with its bounds, for models and JSON Schemas alike."""

from datetime import date, datetime
from typing import Annotated, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError

from schemas.moments import DATE_PATTERN, DATE_TIME_PATTERN, parse_date, parse_date_time

MAX_ID_DIGITS: Final = 30
MAX_NAME_CHARACTERS: Final = 1_000
MAX_DESCRIPTION_CHARACTERS: Final = 50_000
MAX_ATTRIBUTE_BYTES: Final = 1_024
# A signed 64-bit integer: what every language has a type for.
MAX_REVISION: Final = 2**63 - 1

T = TypeVar("T")


class Contract(BaseModel):
    """Base of all models: immutable, camelCase outside, unknown fields ignored so that some can be added."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        use_attribute_docstrings=True,
    )


def _whole(value: object) -> object:
    # To JSON 7.0 and 7 are the same number, and some serialisers only write the former.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _bounded_bytes(text: str) -> str:
    if len(text.encode(errors="replace")) > MAX_ATTRIBUTE_BYTES:
        raise PydanticCustomError("too_many_bytes", "is too long")
    return text


class _AbsentNotNull:
    """Reads `T | None` as "T, or left out": null itself is refused, in the model and in its JSON Schema."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        nullable = handler(source)
        if nullable["type"] != "nullable":
            raise TypeError("Optional[…] is for T | None alone")
        inner: CoreSchema = nullable["schema"]
        return inner


# A field that may be left out, but is not null: Zoho documents no way to clear one.
Optional = Annotated[T | None, _AbsentNotNull()]

# What `\S` is in JSON Schemas, which read patterns as ECMA-262 does; to pydantic, white space is another set.
_NOT_WHITE = r"[^\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]"

ZohoId = Annotated[str, Field(strict=True, pattern=rf"^[0-9]{{1,{MAX_ID_DIGITS}}}$")]
Name = Annotated[
    str,
    Field(strict=True, max_length=MAX_NAME_CHARACTERS, pattern=_NOT_WHITE),
    WithJsonSchema({"type": "string", "maxLength": MAX_NAME_CHARACTERS, "pattern": r"\S"}),
]
Description = Annotated[str, Field(strict=True, max_length=MAX_DESCRIPTION_CHARACTERS)]
Delivery = Literal["classroom", "e-learning"]
Revision = Annotated[int, Field(strict=True, ge=0, le=MAX_REVISION), BeforeValidator(_whole)]
# CloudEvents allows no control characters in attributes.
Attribute = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=MAX_ATTRIBUTE_BYTES, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"),
    AfterValidator(_bounded_bytes),
]
DateTime = Annotated[
    datetime,
    PlainValidator(parse_date_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": DATE_TIME_PATTERN}),
]
Date = Annotated[
    date,
    PlainValidator(parse_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DATE_PATTERN}),
]
