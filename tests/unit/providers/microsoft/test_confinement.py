import re

import pytest

from providers.microsoft.clouds import read_settings
from providers.microsoft.confinement import instructions

ID = "0b3f9a52-6a0c-4c44-9b1c-5b0d6f6a2f11"


def steps(*, has_certificate: bool = True, **settings: str) -> str:
    asked = {
        "client_id": ID,
        "auth": "app",
        "tenant": "example.com",
        "mailbox": "scans@example.com",
        **settings,
    }
    return "\n".join(instructions(read_settings(asked), has_certificate=has_certificate))


def commands(text: str) -> list[str]:
    return [
        line.strip() for line in text.splitlines() if re.match(r" +[A-Z][a-z]+-[A-Z]", line)
    ]


def quoted_words(command: str) -> list[str]:
    """Return the words of a command as PowerShell reads those in single quotes: '' is a quote."""
    return [word.replace("''", "'") for word in re.findall(r"'((?:[^']|'')*)'", command)]


def test_the_commands_confine_the_app_in_the_order_exchange_needs() -> None:
    """learn.microsoft.com/exchange/permissions-exo/application-rbac."""
    names = [command.split()[0] for command in commands(steps())]
    assert names == [
        "Connect-ExchangeOnline",
        "New-ServicePrincipal",
        "New-ManagementScope",
        "New-ManagementRoleAssignment",
        "Test-ServicePrincipalAuthorization",
    ]


def test_the_commands_name_the_app_and_the_mailbox() -> None:
    text = steps()
    assert f"-AppId {ID}" in text
    assert f"-App {ID}" in text
    assert f"-Identity {ID}" in text
    assert quoted_words(commands(text)[-1]) == ["scans@example.com"]


def test_the_scope_lets_in_the_mailbox_and_no_other() -> None:
    scope = commands(steps())[2]
    assert quoted_words(scope)[1] == "PrimarySmtpAddress -eq 'scans@example.com'"


def test_a_mailbox_by_its_object_id_is_chosen_by_that() -> None:
    scope = commands(steps(mailbox="8f2b1c3d-0000-4444-8888-123456789abc"))[2]
    assert quoted_words(scope)[1] == (
        "ExternalDirectoryObjectId -eq '8f2b1c3d-0000-4444-8888-123456789abc'"
    )


def test_the_role_is_bound_to_the_scope_that_is_made() -> None:
    _, _, scope, assignment, _ = commands(steps())
    assert quoted_words(assignment)[1] == quoted_words(scope)[0]


def test_two_mailboxes_of_one_app_have_a_scope_each() -> None:
    one, other = (commands(steps(mailbox=f"{name}@example.com"))[2] for name in "ab")
    assert quoted_words(one)[0] != quoted_words(other)[0]


def test_the_name_of_a_scope_is_no_longer_than_exchange_takes() -> None:
    scope = commands(steps(mailbox="x" * 200 + "@example.com"))[2]
    assert len(quoted_words(scope)[0]) == 64
    assert "x" * 200 in quoted_words(scope)[1]


@pytest.mark.parametrize(
    "mailbox", ["$(calc)@x", "a$b@example.com", "a|b@example.com", "a&b@x", "{a}@x", "@splat"]
)
def test_powershell_reads_nothing_into_an_address(mailbox: str) -> None:
    try:
        text = steps(mailbox=mailbox)
    except ValueError:
        assert "(" in mailbox  # refused before
        return
    bare = re.sub(r"'(?:[^']|'')*'", "", text)
    assert mailbox not in bare
    assert '"' not in "".join(commands(text))


@pytest.mark.parametrize(
    ("access", "role"),
    [
        ("read", "Application Mail.Read"),
        ("change", "Application Mail.ReadWrite"),
        ("purge", "Application Mail.ReadWrite"),
    ],
)
def test_the_role_is_as_narrow_as_the_access(access: str, role: str) -> None:
    assert quoted_words(commands(steps(access=access))[3])[0] == role


def test_no_permission_is_to_be_granted_in_entra() -> None:
    """Grants add up: one for all mailboxes would void the scope."""
    assert "grant NO Mail permission" in steps()


def test_the_certificate_is_to_be_uploaded_where_there_is_one() -> None:
    assert "upload the certificate" in steps().replace("\n", " ")
    assert "upload" not in steps(has_certificate=False)
    assert "secret" in steps(has_certificate=False)


def test_the_delay_is_told() -> None:
    assert "30 minutes to 2 hours" in steps()


def test_each_step_is_a_line() -> None:
    asked = read_settings(
        {"client_id": ID, "auth": "app", "tenant": "example.com", "mailbox": "a@example.com"}
    )
    lines = instructions(asked, has_certificate=True)
    assert all(line and line.isprintable() for line in lines)
    assert [line[:2] for line in lines if line[0].isdigit()] == ["1.", "2.", "3."]
