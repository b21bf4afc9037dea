"""Tells what Gmail has found out of a sender from what it wrote into a message's header; pure.

Gmail's border host puts on top of what it was handed, downwards: Return-Path, Received by mx.google.com,
Received-SPF, Authentication-Results of mx.google.com. Above them are hops inside Google, and ARC fields.
So a result counts right below the topmost hop that names who handed the message over, and nowhere else:
below that, everything was written by the sender. (Seen in messages of 2016 to 2020; Google's pages do not
tell it.) Mail that never passed that host, such as a person's own, has no result that counts.
"""

import re
from collections.abc import Iterator

from providers.authresults import NOTHING_RECORDED, judge, read_hop, read_results
from providers.contract import Attestation, HeaderFields

BORDER = "mx.google.com"
"""The host that takes mail from outside, and the authserv-id it signs its results with."""

_INSIDE = re.compile(r"[0-9a-f.:]+")
"""Who takes a message inside Google: an address, as in `Received: by 2002:a0c:c44a:0:0:0:0:0 with SMTP`."""

_PROTOCOLS = frozenset({"smtp", "smtps", "esmtp", "esmtps"})
"""Not POP3, by which Gmail fetches mail that it does not judge."""


def attest(fields: HeaderFields) -> Attestation:
    """Return for whom Gmail vouches."""
    rest = iter(fields)
    for name, value in rest:
        if name.lower() == "authentication-results":
            break
        if name.lower() != "received":
            continue
        hop = read_hop(value)
        if hop is None:
            break
        if hop.source:
            is_border = hop.by == BORDER and hop.protocol in _PROTOCOLS
            return _below(rest) if is_border else NOTHING_RECORDED
        if not _INSIDE.fullmatch(hop.by):
            break
    return NOTHING_RECORDED


def _below(rest: Iterator[tuple[str, str]]) -> Attestation:
    for name, value in rest:
        if name.lower() == "received-spf":
            continue
        results = read_results(value) if name.lower() == "authentication-results" else None
        if results is None or results.authserv_id != BORDER:
            break
        return judge(results.results)
    return NOTHING_RECORDED
