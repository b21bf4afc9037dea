from pathlib import Path

from bridge.devices.profiles import shipped_profiles, told
from bridge.pop3.quirks import CHOICES, STANDARD, spelled

PAGE = Path(__file__).parents[3] / "docs/devices.md"


def rows() -> list[str]:
    return [
        f"| {one.name} | {one.machines} | {one.enter} | {told(one.listener)} | {told(one.poll)}"
        f" | {told(one.password_length)} | {told(one.deletes)} |"
        for one in shipped_profiles().values()
    ]


def tables() -> list[list[str]]:
    text = PAGE.read_text("utf-8")
    rows = [
        [line for line in part.splitlines() if line.startswith("| ")]
        for part in text.split("\n## ")
    ]
    return [part[1:] for part in rows]


def test_the_page_of_devices_holds_what_the_profiles_say() -> None:
    assert tables()[0] == rows()


def test_the_page_of_devices_names_every_quirk_and_its_values_the_standard_first() -> None:
    standard = spelled(STANDARD)
    named = [line.split(" | ")[:2] for line in tables()[1]]
    assert named == [
        [
            f"| `{name}`",
            ", ".join(sorted(choices, key=lambda text, own=standard[name]: text != own)),
        ]
        for name, choices in CHOICES.items()
    ]
