import attrs

from tests.unit.accounts.test_directory import desk, device


async def test_an_address_is_bound_where_one_device_alone_may_come_from_it_alone() -> None:
    made = await desk(
        device("one", allow=("192.0.2.1/32",)),
        attrs.evolve(device("two", allow=("192.0.2.2/32",)), aliases=()),
        attrs.evolve(device("three", allow=("192.0.2.2/32",)), aliases=()),
        attrs.evolve(device("four", allow=("192.0.2.3/32", "192.0.2.4/32")), aliases=()),
        attrs.evolve(device("five", allow=("198.51.100.0/24",)), aliases=()),
    )
    bound = made.directory.bound_to("::ffff:192.0.2.1")
    assert bound is not None
    assert bound.name == "one"
    for address in ("192.0.2.2", "192.0.2.3", "198.51.100.0", "192.0.2.9"):
        assert made.directory.bound_to(address) is None
