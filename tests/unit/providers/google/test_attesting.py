"""Only what Gmail's border host wrote counts, wherever a forger puts a copy of it."""

import pytest

from providers.google.attesting import attest

PASS = (
    "mx.google.com; dkim=pass header.i=@office.example; dmarc=pass header.from=office.example"
)
FORGED = "mx.google.com; dmarc=pass header.from=bank.example"
FAIL = "mx.google.com; spf=fail smtp.mailfrom=evil.example; dmarc=fail header.from=bank.example"

INSIDE = (
    "Received",
    "by 2002:a0c:c44a:0:0:0:0:0 with SMTP id t10csp1; Fri, 31 Jan 2020 19:11:49 -0800",
)
OLD_INSIDE = (
    "Received",
    "by 10.31.3.33 with SMTP id 33csp2; Mon, 31 Oct 2016 11:47:18 -0700 (PDT)",
)
BORDER = (
    "Received",
    (
        "from mail.office.example (mail.office.example. [192.0.2.7])\r\n        by mx.google.com with ESMTPS"
        " id d71si833482jab.10\r\n        for <p@gmail.example>\r\n        (version=TLS1_2); Wed, 12 Jun 2019"
    ),
)
SPF = ("Received-SPF", "pass (google.com: domain of a@office.example designates 192.0.2.7)")
HEAD = [
    ("Delivered-To", "p@gmail.example"),
    INSIDE,
    ("X-Received", "by 2002:a"),
    ("Return-Path", "<a@b>"),
]
MINE = [("From", "a@bank.example"), ("Subject", "x")]


def results(value: str) -> tuple[str, str]:
    return ("Authentication-Results", value)


def test_what_the_border_host_wrote_is_believed() -> None:
    told = attest([*HEAD, BORDER, SPF, results(PASS), *MINE])
    assert told.domains == ("office.example",)
    assert attest([OLD_INSIDE, BORDER, results(PASS)]).domains == ("office.example",)


def test_a_forged_result_further_down_is_not_believed() -> None:
    told = attest([*HEAD, BORDER, SPF, results(FAIL), results(FORGED), *MINE])
    assert told.domains == ()
    assert told.found == "spf=fail, dmarc=fail"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [*MINE, results(FORGED)],
        [results(FORGED), *HEAD, BORDER, SPF, *MINE],
        [*HEAD, BORDER, SPF, ("Subject", "x"), results(FORGED)],
        [*HEAD, BORDER, SPF, ("Received", "from a by b"), results(FORGED)],
        [*HEAD, BORDER, SPF, results("mx.evil.example; dmarc=pass header.from=bank.example")],
        [*HEAD, BORDER, SPF, results("dmarc=pass header.from=bank.example")],
        [*HEAD, BORDER, SPF, ("ARC-Authentication-Results", f"i=1; {FORGED}")],
        [*HEAD, BORDER, SPF, ("X-Original-Authentication-Results", FORGED)],
        [
            ("Received", "from a by smtp.gmail.com with ESMTPSA id 1"),
            BORDER,
            SPF,
            results(FORGED),
        ],
        [("Received", "from a (mx.google.com) by mx.evil.example with SMTP"), results(FORGED)],
        [("Received", "from a by mx.google.com.evil.example with SMTP"), results(FORGED)],
        [("Received", "from pop.example by mx.google.com with POP3 id 1"), results(FORGED)],
        [("Received", "by evil.example with SMTP"), BORDER, results(FORGED)],
        [("Received", "(odd"), BORDER, results(FORGED)],
    ],
)
def test_where_the_border_host_wrote_nothing_nobody_is_vouched_for(
    fields: list[tuple[str, str]],
) -> None:
    assert attest(fields).domains == ()
