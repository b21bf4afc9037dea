"""Only what Exchange Online's border host wrote counts, wherever a forger puts a copy of it."""

import pytest

from providers.microsoft.attesting import attest

PASS = (
    "spf=pass (sender IP is 192.0.2.7)\r\n smtp.mailfrom=office.example; dkim=pass (signature was\r\n"
    " verified) header.d=office.example;dmarc=pass action=none\r\n"
    " header.from=office.example;compauth=pass reason=100"
)
FORGED = PASS.replace("office.example", "bank.example")
FAIL = (
    "spf=fail (sender IP is 192.0.2.9) smtp.mailfrom=evil.example; dkim=none (message not signed)"
    " header.d=none;dmarc=fail action=oreject header.from=bank.example;compauth=fail reason=000"
)
TOP = [
    (
        "Received",
        "from A.eurprd02.prod.outlook.com (2603:10a6::1) by\r\n B.prod.outlook.com with HTTPS; x",
    ),
    (
        "Received",
        (
            "from HK2FT029.eop-APC01.prod.protection.outlook.com\r\n (2603::4c) by HK2.outlook.office365.com\r\n"
            " (2603:1096:202:2e::18) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=X) id 15.20; y"
        ),
    ),
]
SPF = ("Received-SPF", "Pass (protection.outlook.com: domain of office.example designates)")
BORDER = (
    "Received",
    (
        "from mail.office.example (192.0.2.7) by\r\n HK2FT029.mail.protection.outlook.com (10.152.248.195) with"
        " Microsoft\r\n SMTP Server id 15.20.4331.21 via Frontend Transport; z"
    ),
)
MINE = [("From", "a@bank.example"), ("Subject", "x")]
INTERNAL = ("X-MS-Exchange-Organization-AuthAs", "Internal")
MAPI = (
    "Received",
    "from A.prod.outlook.com ([fe80::1]) by A.prod.outlook.com ([fe80::1%4]) with mapi id 1",
)


def results(value: str) -> tuple[str, str]:
    return ("Authentication-Results", value)


def test_what_the_border_host_wrote_is_believed() -> None:
    told = attest([*TOP, results(PASS), SPF, BORDER, *MINE])
    assert told.domains == ("office.example",)


def test_a_forged_result_further_down_is_not_believed() -> None:
    told = attest([*TOP, results(FAIL), SPF, BORDER, results(FORGED), SPF, BORDER, *MINE])
    assert told.domains == ()
    assert told.found == "spf=fail, dkim=none, dmarc=fail"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [*MINE, results(FORGED)],
        [results(FORGED), *MINE, INTERNAL],
        [*TOP, BORDER, results(FORGED), *MINE],
        [*TOP, results(FORGED), ("Subject", "x"), BORDER],
        [*TOP, BORDER, results(FORGED), SPF, BORDER, *MINE],
        [*TOP, results(FORGED), results("dmarc=pass header.from=bank.example (x"), SPF, BORDER],
        [("Received", "from a by mail.evil.example with SMTP"), results(FORGED), SPF, BORDER],
        [("Received", "(odd"), results(FORGED), SPF, BORDER],
        [*TOP, results(f"mx.evil.example; {FORGED}"), SPF, BORDER],
        [*TOP, ("Authentication-Results-Original", FORGED), SPF, BORDER],
        [*TOP, ("X-MS-Exchange-Authentication-Results", FORGED), SPF, BORDER],
        [
            *TOP,
            ("Received", "from a by mail.protection.outlook.com.evil.example with SMTP"),
            results(FORGED),
        ],
        [
            *TOP,
            results(FORGED),
            SPF,
            ("Received", "from a by mail.protection.outlook.com.evil.example"),
        ],
    ],
)
def test_where_the_border_host_wrote_nothing_nobody_is_vouched_for(
    fields: list[tuple[str, str]],
) -> None:
    assert attest(fields).domains == ()


def test_mail_from_inside_the_organization_is_vouched_for_by_exchange() -> None:
    told = attest([TOP[0], MAPI, *MINE, INTERNAL])
    assert told.domains == ("bank.example",)
    assert told.found == "sent inside the organization"


@pytest.mark.parametrize(
    "fields",
    [
        [TOP[0], MAPI, *MINE],
        [TOP[0], MAPI, *MINE, INTERNAL, INTERNAL],
        [TOP[0], MAPI, *MINE, ("X-MS-Exchange-Organization-AuthAs", "Anonymous")],
        [TOP[0], MAPI, *MINE, ("X-MS-Exchange-Organization-AuthAs", "Internal74")],
        [*TOP, BORDER, *MINE, INTERNAL],
        [*TOP, results(FAIL), SPF, BORDER, *MINE, INTERNAL],
        [TOP[0], ("From", "(" * 3000 + ")" * 3000), INTERNAL],
    ],
)
def test_what_came_from_outside_is_not_inside_whatever_it_says(
    fields: list[tuple[str, str]],
) -> None:
    assert attest(fields).domains == ()
