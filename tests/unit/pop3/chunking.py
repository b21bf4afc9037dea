"""Cuts octets as a network might."""

from itertools import pairwise

from hypothesis import strategies as st


@st.composite
def cuts(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    """Draw a way to cut the octets into pieces, empty ones among them."""
    points = st.lists(st.integers(0, len(octets)), max_size=12)
    edges = [0, *sorted(draw(points)), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]


@st.composite
def octets_and_cuts(
    draw: st.DrawFn, octets: st.SearchStrategy[bytes]
) -> tuple[bytes, list[bytes]]:
    """Draw octets, and a way to cut them."""
    whole = draw(octets)
    return whole, draw(cuts(whole))


def octets_of(*pieces: bytes, most: int = 40) -> st.SearchStrategy[bytes]:
    """Return octets in which the pieces are as likely as anything else."""
    part = st.sampled_from(pieces) | st.binary(max_size=3)
    return st.lists(part, max_size=most).map(b"".join)
