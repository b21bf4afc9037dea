"""Tells what Exchange Online has found out of a sender from what it wrote into a message's header; pure.

Exchange Online puts on top of what it was handed, downwards: Received by its own hosts, the last of them
from the border host; Authentication-Results without an authserv-id; Received-SPF; Received by the border
host, `*.mail.protection.outlook.com`. So a result counts right above the topmost border hop, and nowhere
else; one that a message brought with it is further down, mostly renamed Authentication-Results-Original.
(learn.microsoft.com, "Anti-spam message headers"; the order as seen in messages of 2021 to 2026.)

Mail from inside the organization passes no border and has no results. Exchange says of it
`X-MS-Exchange-Organization-AuthAs: Internal`, which its header firewall takes out of mail from outside
(learn.microsoft.com, "Header firewall"); here it counts only where no border was passed at all.
"""

from email.utils import getaddresses

from providers.authresults import NOTHING_RECORDED, judge, read_hop, read_results
from providers.contract import Attestation, HeaderFields

_HOSTS = (".outlook.com", ".office365.com", ".office365.us", ".partner.outlook.cn")
"""Below these, hosts of Exchange Online stamp hops (apis.md lists the clouds)."""

_BORDERS = (
    ".mail.protection.outlook.com",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
)
"""Below these, hosts take mail from outside."""

_AUTH_AS = "x-ms-exchange-organization-authas"


def attest(fields: HeaderFields) -> Attestation:
    """Return for whom Exchange Online vouches."""
    names = [name.lower() for name, _ in fields]
    hops = {
        index: read_hop(value)
        for index, (_, value) in enumerate(fields)
        if names[index] == "received"
    }
    border = next((i for i, hop in hops.items() if hop and hop.by.endswith(_BORDERS)), None)
    if border is None:
        last = next(iter(hops.values()), None)
        return _inside(fields, names) if last and last.by.endswith(_HOSTS) else NOTHING_RECORDED
    above = border - 1
    while above >= 0 and names[above] == "received-spf":
        above -= 1
    is_ours = all(hop and hop.by.endswith(_HOSTS) for i, hop in hops.items() if i < border)
    is_topmost = "authentication-results" not in names[: max(above, 0)]
    if above < 0 or names[above] != "authentication-results" or not (is_ours and is_topmost):
        return NOTHING_RECORDED
    results = read_results(fields[above][1])
    if results is None or results.authserv_id:
        return NOTHING_RECORDED
    return judge(results.results)


def _inside(fields: HeaderFields, names: list[str]) -> Attestation:
    """Vouch for the sender of mail that never came from outside."""
    said = [
        value.strip()
        for (_, value), name in zip(fields, names, strict=True)
        if name == _AUTH_AS
    ]
    if said != ["Internal"]:
        return NOTHING_RECORDED
    written = [value for (_, value), name in zip(fields, names, strict=True) if name == "from"]
    try:
        senders = getaddresses(written)
    except (ValueError, IndexError, RecursionError):
        return NOTHING_RECORDED
    domains = {address.rpartition("@")[2].lower() for _, address in senders}
    return Attestation(tuple(sorted(domains - {""})), "sent inside the organization")
