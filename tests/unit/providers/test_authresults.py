"""What a field says is read to the letter; what cannot be relied on vouches for nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.authresults import (
    FIELD_CHARACTERS,
    judge,
    read_hop,
    read_results,
    without_comments,
)

GMAIL = (
    "mx.google.com;\r\n"
    "       dkim=pass header.i=@office.example header.s=s1 header.b=K/abc+d;\r\n"
    "       spf=pass (google.com: domain of a@bounce.example designates 192.0.2.7 as permitted"
    " sender) smtp.mailfrom=a@bounce.example;\r\n"
    "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=office.example"
)
EXCHANGE_2021 = (
    "spf=pass (sender IP is 192.0.2.7)\r\n smtp.mailfrom=office.example; tenant.example; dkim=pass"
    " (signature was\r\n verified) header.d=office.example;tenant.example; dmarc=pass\r\n"
    " action=none header.from=office.example;compauth=pass reason=100"
)


def vouched(value: str) -> tuple[str, ...]:
    read = read_results(value)
    return judge(read.results).domains if read else ("unreadable",)


def test_a_field_of_gmail_is_read() -> None:
    read = read_results(GMAIL)
    assert read is not None
    assert read.authserv_id == "mx.google.com"
    assert [(one.method, one.result) for one in read.results] == [
        ("dkim", "pass"),
        ("spf", "pass"),
        ("dmarc", "pass"),
    ]
    assert read.results[0].properties["header.b"] == "K/abc+d"
    assert judge(read.results).domains == ("office.example",)
    assert judge(read.results).found == "dkim=pass, spf=pass, dmarc=pass"


def test_a_field_of_exchange_has_no_id_and_domains_between_its_results() -> None:
    read = read_results(EXCHANGE_2021)
    assert read is not None
    assert read.authserv_id == ""
    assert [one.method for one in read.results] == ["spf", "dkim", "dmarc", "compauth"]
    assert judge(read.results).domains == ("office.example",)


@pytest.mark.parametrize(
    ("results", "domains"),
    [
        ("dmarc=pass header.from=office.example", ("office.example",)),
        ("dmarc=pass", ()),
        ("dmarc=pass header.from=com", ()),
        ("dmarc=fail header.from=a.example; dkim=pass header.d=a.example", ()),
        ("dmarc=temperror header.from=a.example; spf=pass smtp.mailfrom=a.example", ()),
        ("dmarc=pass header.from=a.example; dmarc=pass header.from=b.example", ()),
        ("dmarc=pass header.from=a.example; dmarc=fail header.from=b.example", ()),
        ("dmarc=none header.from=a.example; dkim=pass header.d=a.example", ("a.example",)),
        ("dmarc=bestguesspass; dkim=pass header.i=@A.example", ("a.example",)),
        (
            "spf=pass smtp.mailfrom=x@b.example; dkim=pass header.d=a.example",
            ("a.example", "b.example"),
        ),
        ("spf=pass smtp.helo=b.example", ()),
        ("spf=pass smtp.mailfrom=a.example; spf=fail smtp.mailfrom=b.example", ()),
        ("spf=softfail smtp.mailfrom=a.example; dkim=fail header.d=a.example", ()),
        ("spf=pass smtp.mailfrom=<>", ()),
        ("compauth=pass reason=100", ()),
        ("none", ()),
        ("", ()),
    ],
)
def test_a_sender_is_vouched_for_by_dmarc_or_else_by_what_passed_for_its_domain(
    results: str, domains: tuple[str, ...]
) -> None:
    assert vouched(f"mx.google.com; {results}") == domains


@pytest.mark.parametrize(
    "value",
    [
        'spf=fail smtp.mailfrom="a;dmarc=pass header.from=bank.example"@evil.example',
        "spf=fail (said dmarc=pass header.from=bank.example) smtp.mailfrom=evil.example",
        "spf=fail (a (b) ; dmarc=pass header.from=bank.example) smtp.mailfrom=evil.example",
        r"spf=fail (a \) ; dmarc=pass header.from=bank.example) smtp.mailfrom=evil.example",
        'spf=fail reason="\\"; dmarc=pass header.from=bank.example" smtp.mailfrom=evil.example',
    ],
)
def test_what_a_sender_wrote_into_a_result_is_no_result(value: str) -> None:
    assert vouched(value) == ()


@pytest.mark.parametrize(
    "value",
    ["a; spf=pass (never", "a; spf=pass) x=y", 'a; spf="never', "x" * (FIELD_CHARACTERS + 1)],
    ids=["comment", "closed", "quote", "long"],
)
def test_a_field_that_never_ends_says_nothing(value: str) -> None:
    assert without_comments(value) is None
    assert read_results(value) is None


def test_a_hop_tells_who_handed_over_to_whom_and_how() -> None:
    hop = read_hop(
        "from mail.office.example (192.0.2.7) by\r\n HK2FT029.mail.protection.outlook.com (10.1.2.3)"
        " with Microsoft\r\n SMTP Server id 15.20; Wed, 14 Jul 2021 08:17:56 +0000"
    )
    assert hop is not None
    assert (hop.source, hop.by) == (
        "mail.office.example",
        "hk2ft029.mail.protection.outlook.com",
    )
    inside = read_hop(
        "by 2002:a0c:c44a:0:0:0:0:0 with SMTP id t10; Fri, 31 Jan 2020 19:11:49 -0800"
    )
    assert inside is not None
    assert (inside.source, inside.by, inside.protocol) == (
        "",
        "2002:a0c:c44a:0:0:0:0:0",
        "smtp",
    )
    assert read_hop("(nobody)") is None
    assert read_hop("from a (by b") is None


@given(st.text(alphabet='ab=;." \\()/\r\n', max_size=200))
def test_whatever_a_field_holds_it_is_read_or_not(value: str) -> None:
    vouched(value)
    read_hop(value)
