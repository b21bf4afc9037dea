"""Says whether a machine can hold a login, which listener serves it, and what to type on its panel."""

import re
from collections.abc import Mapping, Sequence

from bridge.config.settings import ListenerConfig
from bridge.devices.cautions import hindrances, is_out_of_reach, is_plain
from bridge.devices.manners import Manners
from bridge.devices.profiles import Number, Profile, Text, shipped_profiles, told
from bridge.errors import RegisterError
from bridge.vault.passwords import GENERATED_LENGTH, generate_password

LEAST_LENGTH = 11
"""Characters of a made password at least: 62 choices each are 65 bits, and 60 are wanted."""

_LABELS = {
    "server": "Server",
    "port": "Port",
    "ssl": "SSL",
    "user": "User",
    "apop": "APOP",
    "poll": "Check every",
}
"""What a field is called where the machine's manual was not read."""

_TLS_FIRST = ("implicit", "starttls", "plain")

_ALPHABETS = {
    "A-Za-z0-9": r"[A-Za-z0-9]*",
    "A-Za-z0-9.-_@": r"[A-Za-z0-9._@-]*",
    "printable ASCII": r"[ -~]*",
}


def manners_for(listeners: Sequence[ListenerConfig]) -> Manners:
    """Return how devices are spoken to, by the profiles of this release.

    Raises:
        RegisterError: a listener names a profile that there is not.
    """
    profiles = shipped_profiles()
    for one in listeners:
        if one.profile and one.profile not in profiles:
            raise RegisterError(
                f"Listener {one.name} is for {one.profile}, and there is no such profile; see"
                " `popbridge profile list`."
            )
    return Manners(profiles)


def made_password(profile: Profile) -> str:
    """Return a random password of letters and digits that the machine can hold; 65 bits at least.

    Raises:
        RegisterError: the machine holds too few characters for that.
    """
    length = min(GENERATED_LENGTH, profile.password_length.value)
    if length < LEAST_LENGTH:
        raise RegisterError(
            f"{profile.name} holds {length} characters, too few for a password; give one yourself."
        )
    return generate_password()[:length]


def refuse_unfit(profile: Profile, user: str, password: str) -> None:
    """Return where the machine can hold both, by what its profile says.

    Raises:
        RegisterError: it cannot; the sentence never holds the password.
    """
    wrong = unfit_name(profile, user) or _unfit(
        "password", password, profile.password_length, profile.password_alphabet, profile.name
    )
    for sentence in wrong:
        raise RegisterError(sentence)


def unfit_name(profile: Profile, user: str) -> list[str]:
    """Return a sentence where the machine cannot hold that user name."""
    return _unfit("user name", user, profile.user_length, profile.user_alphabet, profile.name)


def serving(
    profile: Profile,
    listeners: Sequence[ListenerConfig],
    allow: Sequence[str] = (),
    *,
    apop: bool = False,
) -> ListenerConfig | None:
    """Return the listener that suits the machine best, or None where none does.

    One that it reaches from `allow` comes first, then one that offers APOP where the device was given
    it, then TLS, and at last the one of which there is least to warn.
    """

    def misfit(one: ListenerConfig) -> tuple[bool, bool, int, int]:
        kind = min(_TLS_FIRST.index(kind) for kind in _shared(profile, one, apop=apop))
        warnings = hindrances(profile, one, allow, apop=apop)
        return is_out_of_reach(one, allow), apop and not one.apop, kind, len(warnings)

    usable = [one for one in listeners if _shared(profile, one, apop=apop)]
    return min(usable, key=misfit, default=None)


def without_listener(profile: Profile) -> str:
    """Return a sentence for where no listener serves the machine: what to add to config.toml."""
    kinds = profile.listener.value
    ways = [f'tls = "{kind}"' for kind in kinds if kind != "plain"]
    if "plain" in kinds:
        ways.append(
            'tls = "none", require_tls_for_auth = false and plaintext_from = ["the machine\'s address"]'
        )
    return (
        f"No listener serves {profile.name}, which needs one that is {' or '.join(kinds)}: add a"
        f" [[listener]] to config.toml with {', or with '.join(ways)}, and restart the bridge."
    )


def panel(
    profile: Profile, server: str, user: str, one: ListenerConfig, *, apop: bool
) -> dict[str, str]:
    """Return what to enter on the machine's panel but the password, each under its field's name there."""
    ssl = {"implicit": "on", "starttls": "STARTTLS", "none": "off"}[one.tls]
    values = {
        "server": server,
        "port": str(one.port),
        "ssl": "off" if is_plain(profile, one) else ssl,
        "user": user,
        **({"apop": "on" if apop else "off"} if "apop" in profile.auth.value else {}),
        "poll": told(profile.poll),
    }
    labels = _LABELS | {key: text.value for key, text in profile.panel.values().items()}
    return {labels[key]: value for key, value in values.items()}


def panel_lines(entered: Mapping[str, str]) -> list[str]:
    """Return what to enter, a line for each field."""
    return [f"{label}: {value}" for label, value in entered.items()]


def _shared(profile: Profile, one: ListenerConfig, *, apop: bool) -> list[str]:
    """Return the ways in which the machine can use a listener."""
    return [kind for kind in _kinds(one, apop=apop) if kind in profile.listener.value]


def _kinds(one: ListenerConfig, *, apop: bool) -> tuple[str, ...]:
    """Return what a listener is to machines."""
    if one.tls == "none":
        return ("plain",)
    # STLS is an offer: a plain machine may use that listener where plaintext is let in, and APOP anywhere.
    is_plain_too = one.tls == "starttls" and (one.plaintext_from or (apop and one.apop))
    return (one.tls, "plain") if is_plain_too else (one.tls,)


def _unfit(noun: str, text: str, length: Number, alphabet: Text, machine: str) -> list[str]:
    if len(text) <= length.value and re.fullmatch(_ALPHABETS[alphabet.value], text):
        return []
    told = f"{machine} cannot hold that {noun}; use at most {length.value} characters of"
    return [f"{told} {alphabet.value} ({length.origin})."]
