"""Says of quirks that are set for one device alone whether they change anything for it.

What changes nothing is refused: whoever sets it waits for a change that does not come. What its profile
has already is taken, since it then stays so whatever the profile says later, and is told.
"""

from collections.abc import Collection, Iterator

from bridge.devices.manners import Manners
from bridge.errors import RegisterError
from bridge.pop3.quirks import NEEDS, spelled
from bridge.shaping.effects import MADE
from bridge.shaping.wish import Deliver
from bridge.storage.register import Device


def refuse_idle(
    manners: Manners, device: Device, given: Collection[str], deliver: Deliver | None
) -> None:
    """Refuse where one of the quirks `given` changes nothing for the device as it would be.

    `deliver` is how messages arrive in its maildrop, None where it has none.

    Raises:
        RegisterError: the quirk, what it matters for, and what to do.
    """
    own = [name for name in given if name in device.quirks]
    for sentence in _idle(manners, device, own, deliver):
        raise RegisterError(sentence)


def said_already(manners: Manners, device: Device, given: Collection[str]) -> list[str]:
    """Return a sentence for each quirk `given` that the device would have anyway."""
    without = manners.without_own(device)
    who = f"its profile {device.profile}" if device.profile else "the standard"
    return [
        f"{name} was {value} already ({who}): set for this device, it stays so whatever that says later."
        for name, value in device.quirks.items()
        if name in given and without[name] == value
    ]


def _idle(
    manners: Manners, device: Device, own: Collection[str], deliver: Deliver | None
) -> Iterator[str]:
    values = spelled(manners.of(device))
    for name, needed in NEEDS.items():
        if name in own and values[needed] == "off":
            yield (
                f"The quirk {name} matters only where {needed} is on, and for {device.name} it is off:"
                f" leave it out, or set {needed}=on too."
            )
    if "nul" in own and deliver in MADE:
        yield (
            f"The quirk nul matters only where deliver is original or command, and maildrop"
            f" {device.maildrop} delivers {deliver}, in which no NUL is left: leave it out."
        )
    if "single_session" in own and device.maildrop is None:
        yield (
            f"The quirk single_session matters only for a device with a maildrop, and {device.name}"
            " only logs in: leave it out."
        )
