from pathlib import Path

from bridge.devices.profiles import Number, Text, Words, shipped_profiles

PAGE = Path(__file__).parents[3] / "docs/devices.md"


def cell(one: Text | Words | Number) -> str:
    value = ", ".join(one.value) if isinstance(one.value, tuple) else one.value
    return f"{value} ({one.origin})"


def rows() -> list[str]:
    return [
        f"| {one.name} | {one.machines} | {one.enter} | {cell(one.listener)} | {cell(one.poll)}"
        f" | {cell(one.password_length)} | {cell(one.deletes)} |"
        for one in shipped_profiles().values()
    ]


def test_the_page_of_devices_holds_what_the_profiles_say() -> None:
    told = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert told[1:] == rows()
