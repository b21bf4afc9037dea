"""Access tokens of one account: renewed before they end, by one renewal at a time, whoever asks.

A token that still lives is used while the sign-in service is down; a grant's successor is on the disk
before its token is used; and a grant that the service no longer honours is marked, told once, and not
asked for again until somebody enrols the account.
"""

import asyncio
from typing import TYPE_CHECKING

import attrs

from bridge.accounts.grants import Grants, KeptGrant
from bridge.alerts import Alert, AlertReason, AlertSink, unheard
from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.names import AccountName
from providers.contract import GrantLost, Throttled, Unreachable
from providers.identity import IdentityProvider, Renewal, TokenSource

FRESH_SECONDS = 600.0
"""A token with less left is renewed: ten minutes outlast most outages of a sign-in service."""

AGAIN_SECONDS = 60.0
"""Pause after a renewal while a token lives: where it failed, or where the new token lives for less
than FRESH_SECONDS, every request would ask else."""

DAILY_SECONDS = 86400.0
"""A grant is used once a day: Entra drops one that was not used for 90 days, Google after six months."""


@attrs.frozen
class _Token:
    """A token in hand; `ends` is on the monotonic clock, so that a set clock does not matter."""

    value: str = attrs.field(repr=False)
    ends: float


class Tokens:
    """The access tokens of one account."""

    def __init__(
        self,
        account: AccountName,
        grants: Grants,
        identity: IdentityProvider,
        clock: Clock,
        log: EventLog,
        alert: AlertSink = unheard,
    ) -> None:
        """Have none yet."""
        self._alert = alert
        self._account = account
        self._grants = grants
        self._identity = identity
        self._clock = clock
        self._log = log
        self._turn = asyncio.Lock()
        self._token: _Token | None = None
        self._not_before = 0.0
        self.scopes: frozenset[str] = frozenset()

    async def access_token(self) -> str:
        """Return a token that is valid for some minutes.

        Raises:
            Unreachable, Throttled: there is none, and none can be had now.
            GrantLost: the account is not enrolled, or its grant is dead.
            SpoolUnavailable, StateError: the grant cannot be read, or its successor not be saved.
        """
        if (token := self._usable()) is not None:
            return token
        async with self._turn:
            if (token := self._usable()) is not None:
                return token
            return await self._renew(None, None)

    async def replace(self, refused: str, claims: str | None = None) -> str:
        """Return another token than `refused`; ten that were refused together cause one renewal.

        Raises:
            Unreachable, Throttled, GrantLost, SpoolUnavailable, StateError: as for access_token.
        """
        async with self._turn:
            token = self._token
            if token is not None and token.value != refused and self._left(token) > 0:
                return token.value
            self._token = None
            return await self._renew(refused, claims)

    async def prove(self) -> str:
        """Return a token got just now, also from a grant that was taken for lost: some heal.

        Raises:
            Unreachable, Throttled, GrantLost, SpoolUnavailable, StateError: as for access_token.
        """
        async with self._turn:
            self._token = None
            return await self._renew("", None, even_lost=True)

    async def keep_alive(self) -> None:
        """Renew a grant that was not used for a day; what goes wrong is told, not raised."""
        async with self._turn:
            try:
                kept = await self._grants.load(self._account)
                if kept is None or not kept.enrolment or kept.lost is not None:
                    return
                age = self._clock.now() - kept.renewed
                if not 0 <= age < DAILY_SECONDS:  # below 0: kept while the clock was wrong
                    await self._renew("", None)
            except GrantLost:
                return  # told where it was marked
            except (Unreachable, Throttled) as error:
                self._tell("renewal-failed", error)

    # ---- private

    def _usable(self) -> str | None:
        token = self._token
        if token is None:
            return None
        left = self._left(token)
        waits = left > 0 and self._clock.monotonic() < self._not_before
        return token.value if left > FRESH_SECONDS or waits else None

    def _left(self, token: _Token) -> float:
        return token.ends - self._clock.monotonic()

    async def _renew(
        self, refused: str | None, claims: str | None, *, even_lost: bool = False
    ) -> str:
        """Return a new token; call in turn alone. `refused` is not None to insist on a new one."""
        kept = await self._kept(even_lost=even_lost)
        try:
            renewal = await self._identity.renew(
                kept.grant, force=refused is not None, claims=claims
            )
        except GrantLost as error:
            text = f"{error}; run `popbridge account enrol {self._account}`"
            alert = Alert(AlertReason.GRANT_LOST, text, self._account)
            if await self._grants.lose(self._account, kept.enrolment, str(error), alert):
                self._tell("grant-lost", error)
                self._alert(alert)
            raise
        except (Unreachable, Throttled) as error:
            token = self._token
            if token is None or self._left(token) <= 0:
                raise
            self._tell("renewal-failed", error)
            self._not_before = self._clock.monotonic() + AGAIN_SECONDS
            return token.value
        if renewal.grant != kept.grant or refused is not None:
            await self._save(kept, renewal)
        self.scopes = renewal.scopes
        now = self._clock.monotonic()
        self._token = _Token(renewal.token, now + renewal.lifetime)
        self._not_before = now + AGAIN_SECONDS
        return renewal.token

    async def _kept(self, *, even_lost: bool) -> KeptGrant:
        kept = await self._grants.load(self._account)
        if kept is None or not kept.enrolment:
            raise GrantLost(
                f"it is not enrolled yet; run `popbridge account enrol {self._account}`"
            )
        if kept.lost is not None and not even_lost:
            raise GrantLost(kept.lost)
        return kept

    async def _save(self, kept: KeptGrant, renewal: Renewal) -> None:
        now = self._clock.now()
        if not await self._grants.renew(self._account, kept.enrolment, renewal.grant, now):
            self._log.info("grant-superseded", account=self._account)

    def _tell(self, event: str, error: Unreachable | Throttled | GrantLost) -> None:
        fields = {"request_id": error.request_id} if error.request_id else {}
        tell = self._log.error if isinstance(error, GrantLost) else self._log.warning
        tell(event, account=self._account, why=str(error), **fields)


if TYPE_CHECKING:
    _tokens: type[TokenSource] = Tokens
