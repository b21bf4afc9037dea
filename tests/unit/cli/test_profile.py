from tests.cli.command_line import Owner


def test_each_listed_profile_can_be_shown_with_the_origin_of_its_values(owner: Owner) -> None:
    listed = owner.must("profile", "list", "--json").json
    assert "sharp" in {row["profile"] for row in listed}
    said = owner.must("profile", "show", "pbs-epson").out
    assert "password length: 20 (Epson EM-C800, Mail server setting items)" in said
    assert "poll: when it sends (unverified)" in said
    assert owner.must("profile", "show", "sharp", "--json").json["name"] == "sharp"


def test_an_unknown_profile_is_one_sentence(owner: Owner) -> None:
    said = owner.runs("profile", "show", "fax")
    assert said.code == 1
    assert "popbridge profile list" in said.sentence
