"""Has google-auth mint an access token in a thread, its HTTP sent through the one client.

What the answer says is read here: the library keeps neither the scopes that were not asked for, nor
the error where a domain wants to see its person again.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
from google.auth import exceptions, transport
from google.oauth2 import credentials, service_account

from providers.blocking import Line
from providers.contract import Unreachable
from providers.google.credential import GoogleGrant
from providers.google.failures import sign_in_error
from providers.transport import HttpAnswer


@attrs.frozen
class Minted:
    """A new access token, living `lifetime` seconds; or the error that came in its place.

    `refresh_token` is another one than before, where the service gave one.
    """

    token: str = attrs.field(repr=False)
    lifetime: float
    scopes: tuple[str, ...]
    error: str = ""
    refresh_token: str = attrs.field(default="", repr=False)


def mint(
    kept: GoogleGrant,
    url: str,
    scope: str,
    subject: str,
    line: Line,
    check: Callable[[HttpAnswer], None],
) -> Minted:
    """Return a token; call in a thread. `check` raises for an answer that is an outage's.

    Raises:
        Unreachable, Throttled: as the contract says.
    """
    if subject:
        info = {**kept.credential, "token_uri": url}
        made = _untyped(service_account.Credentials.from_service_account_info)(
            info, scopes=[scope], subject=subject
        )
    else:
        made = _untyped(credentials.Credentials)(
            None,
            refresh_token=kept.refresh_token,
            token_uri=url,
            client_id=kept.client_id,
            client_secret=kept.credential["client_secret"],
        )
    request = _Request(line, check)
    try:
        made.refresh(request)
    except exceptions.RefreshError:
        return Minted("", 0.0, (), sign_in_error(request.said))
    except (exceptions.GoogleAuthError, ValueError, TypeError, OverflowError) as error:
        # Not even as its cause: such a text may repeat the answer, and so a token.
        raise Unreachable(f"Google gave no token ({type(error).__name__})") from None
    scopes = tuple(request.said_text("scope").split()) or ((scope,) if subject else ())
    renewed = request.said_text("refresh_token")
    return Minted(str(made.token), _lifetime(made.expiry), scopes, refresh_token=renewed)


def _untyped(library: Any) -> Any:  # noqa: ANN401 - google-auth has types in some places only
    return library


def _lifetime(expiry: datetime | None) -> float:
    """Return the seconds from now; google-auth tells a naive time in UTC."""
    if expiry is None:
        return 0.0
    return max(0.0, expiry.replace(tzinfo=UTC).timestamp() - _utc_now())


def _utc_now() -> float:
    return datetime.now(UTC).timestamp()  # noqa: TID251 - by the clock google-auth counted with


class _Request(transport.Request):
    """What google-auth takes for a transport: a line to the one HTTP client, whose outages end the call."""

    said: Any = None

    def __init__(self, line: Line, check: Callable[[HttpAnswer], None]) -> None:
        self._line = line
        self._check = check

    def said_text(self, name: str) -> str:
        """Return a text of the last answer, or an empty one."""
        found = self.said.get(name) if isinstance(self.said, dict) else None
        return found if isinstance(found, str) else ""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> "_Response":
        """Return the answer; the time-out is the client's own."""
        del timeout
        octets = body.encode() if isinstance(body, str) else body
        answer = self._line.ask(method, url, headers or {}, octets)
        self._check(answer)
        self.said = answer.json()
        return _Response(answer)


class _Response(transport.Response):
    """What google-auth reads of an answer."""

    def __init__(self, answer: HttpAnswer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        """Return the status."""
        return self._answer.status

    @property
    def headers(
        self,
    ) -> Mapping[str, str]:  # pragma: no cover - the library wants it to be there
        """Return the headers."""
        return self._answer.headers

    @property
    def data(self) -> bytes:
        """Return the body."""
        return self._answer.body
