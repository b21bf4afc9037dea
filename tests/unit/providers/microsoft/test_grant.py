import json

import attrs
from hypothesis import given
from hypothesis import strategies as st

from providers.identity import Grant
from providers.microsoft.grant import GraphGrant

grants = st.builds(
    GraphGrant,
    secret=st.text(),
    key=st.text(),
    certificate=st.text(),
    cache=st.text(),
    token=st.text(),
    expires_at=st.floats(allow_nan=False, allow_infinity=False),
    scopes=st.lists(st.text()).map(tuple),
)


@given(grants)
def test_a_grant_survives_its_packing(grant: GraphGrant) -> None:
    assert GraphGrant.unpack(grant.pack()) == grant


@given(grants)
def test_a_packed_grant_can_be_sealed(grant: GraphGrant) -> None:
    assert grant.pack().encode().decode() == grant.pack()


def test_the_fields_that_hold_secrets_are_not_shown() -> None:
    grant = GraphGrant(
        secret="app-hidden", key="key-hidden", cache="cache-hidden", token="token-hidden"
    )
    assert "hidden" not in repr(grant)
    assert "hidden" not in str([grant])


def test_every_text_that_is_kept_is_secret_but_the_certificate() -> None:
    """A field that is added must be thought of, too."""
    shown = {field.name for field in attrs.fields(GraphGrant) if field.repr}
    assert shown == {"certificate", "expires_at", "scopes"}


def test_an_empty_grant_is_an_empty_object() -> None:
    assert GraphGrant().pack() == "{}"
    assert GraphGrant.unpack(Grant("{}")) == GraphGrant()


def test_what_a_newer_version_added_is_left_out() -> None:
    text = json.dumps({"secret": "s", "scopes": ["a", "b"], "added_later": {"x": 1}})
    assert GraphGrant.unpack(Grant(text)) == GraphGrant(secret="s", scopes=("a", "b"))


def test_a_new_enrolment_begins_with_the_apps_own_credential_alone() -> None:
    grant = GraphGrant(
        secret="s",
        key="k",
        certificate="c",
        cache="m",
        token="t",
        expires_at=1.0,
        scopes=("x",),
    )
    assert grant.without_tokens() == GraphGrant(secret="s", key="k", certificate="c")
