from pathlib import Path

from bridge.devices.profiles import shipped_profiles, told

PAGE = Path(__file__).parents[3] / "docs/devices.md"


def rows() -> list[str]:
    return [
        f"| {one.name} | {one.machines} | {one.enter} | {told(one.listener)} | {told(one.poll)}"
        f" | {told(one.password_length)} | {told(one.deletes)} |"
        for one in shipped_profiles().values()
    ]


def test_the_page_of_devices_holds_what_the_profiles_say() -> None:
    told = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert told[1:] == rows()
