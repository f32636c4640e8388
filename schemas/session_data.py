"""What Zoho takes: the parameter `sessionData` of "Update Session" (contract, section 3; zoho's page)."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.fields import Contract, Description, Name, Optional, ZohoId

ZohoDate = Annotated[str, Field(strict=True, pattern=r"^[0-3][0-9]-[01][0-9]-[0-9]{4}$")]
ZohoTime = Annotated[str, Field(strict=True, pattern=r"^(0[1-9]|1[0-2]):[0-5][0-9] (AM|PM)$")]


class SessionData(Contract):
    """In the order of Zoho's table. The first six are mandatory; what is left out stays as it is."""

    name: Name
    """The session's name."""
    trainer_erecno: ZohoId
    """The trainer's record."""
    type: Literal["0", "1"]
    """`0` classroom, `1` e-learning."""
    date: ZohoDate
    """`DD-MM-YYYY` in the portal's time zone. Zoho's table has underscores, its samples have not."""
    start_time: ZohoTime
    """12-hour clock, zero-padded, in the portal's time zone."""
    end_time: ZohoTime
    """12-hour clock, zero-padded, in the portal's time zone."""
    description: Optional[Description] = None
    """Free text."""
    room_id: Optional[ZohoId] = None
    """The room."""
    lock_until: Optional[ZohoDate] = None
    """`DD-MM-YYYY`. Zoho's table calls the row `resources` by mistake."""
    grade_category_id: Optional[ZohoId] = None
    """The grade category."""
