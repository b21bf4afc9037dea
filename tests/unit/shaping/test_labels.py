"""Labels in ZPL are texts, so that a label printer gets what is attached."""

import pytest

from bridge.shaping.wish import Deliver, Wish
from tests.unit.shaping.messages import shaped, text_of, within

LABEL = "^XA\n^FO50,50^ADN,36,20^FDpart 7^FS\n^XZ\n"
GRAPHICS = "~DGR:A.GRF,8,1,FF00FF00FF00FF00\n"


@pytest.mark.parametrize(
    ("declared", "label"),
    [
        ("application/octet-stream; name=label.zpl", LABEL),
        ("application/octet-stream; name=graphics.ZPL", GRAPHICS),
        ("application/zpl", GRAPHICS),
        ("application/x-unheard-of; name=label.prn", LABEL),
        ("application/octet-stream", f"CT~~CD,~CC^~CT~\n{LABEL}"),
    ],
)
def test_a_label_is_text_by_its_beginning_its_name_or_its_type(
    declared: str, label: str
) -> None:
    message = within(
        "Content-Type: text/plain\n\nhi\n",
        f"Content-Type: {declared}\nContent-Disposition: attachment\n\n{label}",
    )
    got = text_of(shaped(message, Wish(Deliver.TEXT)))
    assert got.replace("\r\n", "\n").rstrip("\n").endswith(label.rstrip("\n"))


def test_what_only_speaks_of_labels_or_holds_octets_is_none() -> None:
    for octets in ("a label begins with ^XA", "^XA\x1b"):
        message = within(
            "Content-Type: text/plain\n\nhi\n",
            f"Content-Type: application/octet-stream; name=a.bin\n\n{octets}\n",
        )
        got = text_of(shaped(message, Wish(Deliver.TEXT)))
        assert "a.bin is not printed (file of an unknown kind" in got
