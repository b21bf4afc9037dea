"""Hands MSAL a line to the one HTTP client, in the shape of the library it would use itself.

An outage ends MSAL's call right here, as an error of the contract: MSAL would remember it for a minute,
and take a proxy's page for a cause of its own.
"""

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from providers.blocking import Line
from providers.contract import Throttled, Unreachable
from providers.pauses import retry_after
from providers.transport import HttpAnswer


class MsalHttp:
    """What MSAL takes for `requests`: a line to the one HTTP client, whose outages end the call."""

    def __init__(self, line: Line, now: Callable[[], float]) -> None:
        """Ask through `line`; `now` is in seconds since the epoch."""
        self._line = line
        self._now = now

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> "MsalAnswer":
        """Return the answer, unless it is an outage's.

        Raises:
            Unreachable, Throttled: as the contract says.
        """
        query = f"{'&' if '?' in url else '?'}{urlencode(params)}" if params else ""
        return self._checked(self._line.ask("GET", url + query, headers or {}, None))

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> "MsalAnswer":
        """Return the answer, unless it is an outage's.

        Raises:
            Unreachable, Throttled: as the contract says.
        """
        query = f"{'&' if '?' in url else '?'}{urlencode(params)}" if params else ""
        body = urlencode({k: v for k, v in (data or {}).items() if v is not None}).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._checked(self._line.ask("POST", url + query, form, body))

    def close(self) -> None:
        """Do nothing: the client is not MSAL's."""

    def _checked(self, answer: HttpAnswer) -> "MsalAnswer":
        wait = retry_after(answer.headers, self._now())
        if answer.status == 429 or (answer.status == 503 and wait is not None):  # noqa: PLR2004 - RFC 9110, RFC 6585
            raise Throttled("Entra asks for a pause", wait or 0.0)
        if answer.status >= 500 or answer.is_page:  # noqa: PLR2004 - RFC 9110 section 15.6
            raise Unreachable(f"Entra did not answer sensibly (status {answer.status})")
        value = answer.json()  # a proxy's text must not reach MSAL, see above
        if not isinstance(value, dict):
            raise Unreachable(f"Entra did not answer sensibly (status {answer.status})")
        return MsalAnswer(answer, json.dumps(value))


class MsalAnswer:
    """What MSAL reads of an answer."""

    def __init__(self, answer: HttpAnswer, text: str) -> None:
        """Show `text`, the JSON of an answer's body: MSAL reads no other form of Unicode."""
        self.status_code = answer.status
        self.headers = answer.headers
        self.text = text

    def raise_for_status(self) -> None:
        """Do nothing: what MSAL would raise for was raised already."""
