"""Reads the address that an admin brings back from a browser, as a terminal or a mail may have left it."""

import hmac
from urllib.parse import parse_qs

from providers.identity import NotTheAddress


def returned_to(redirect: str, pasted: str, state: str) -> dict[str, str]:
    """Return the parameters of the address where a sign-in ended (RFC 6749 section 4.1.2).

    The whole address or its query alone; blanks and line ends inside it do not matter. `state` is
    what the sign-in began with (RFC 6749 section 10.12), compared in constant time.

    Raises:
        NotTheAddress: it is no such address, or that of another sign-in.
    """
    text = "".join(pasted.split())
    query = (text.partition("?")[2] if "?" in text else text).partition("#")[0]
    found = {key: values[0] for key, values in parse_qs(query).items()}
    if "code" not in found and "error" not in found:
        raise NotTheAddress(
            f"that is not the address where the browser ended, which begins with {redirect} and"
            " holds code= and state=; paste the whole of it"
        )
    if not hmac.compare_digest(found.get("state", "").encode(), state.encode()):
        raise NotTheAddress("that address belongs to another sign-in (its state differs)")
    return found
