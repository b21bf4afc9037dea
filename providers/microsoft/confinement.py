"""Writes the exact steps with which an administrator lets an app into the chosen mailbox and no other."""

from providers.microsoft.clouds import Settings


def instructions(settings: Settings, *, has_certificate: bool) -> tuple[str, ...]:
    """Return the steps, a line each; commands are of Exchange Online PowerShell.

    Source: learn.microsoft.com/exchange/permissions-exo/application-rbac.
    """
    role = (
        "Application Mail.Read" if settings.access == "read" else "Application Mail.ReadWrite"
    )
    app, mailbox = settings.client_id, settings.mailbox
    scope = f"popbridge {mailbox}"[:64]  # one for each mailbox: what they let in adds up
    upload = (
        "1. In Entra, App registrations, your app, Certificates & secrets, Certificates: upload the"
        " certificate above (save it as popbridge.cer)."
        if has_certificate
        else "1. In Entra, App registrations, your app: the secret given here must be listed there."
    )
    known_by = "PrimarySmtpAddress" if "@" in mailbox else "ExternalDirectoryObjectId"
    chosen = (
        f"{known_by} -eq ''{mailbox}''"  # inside quotes, where PowerShell reads nothing else
    )
    return tuple(
        f"""{upload}
2. In Entra, API permissions of the app: grant NO Mail permission. Permissions add up: one granted
   there would open every mailbox, whatever is set below.
3. In Exchange Online PowerShell (OBJECT-ID: Entra, Enterprise applications, your app):
     Connect-ExchangeOnline
     New-ServicePrincipal -AppId {app} -ObjectId OBJECT-ID -DisplayName popbridge  # once for the app
     New-ManagementScope -Name '{scope}' -RecipientRestrictionFilter '{chosen}'
     New-ManagementRoleAssignment -App {app} -Role '{role}' -CustomResourceScope '{scope}'
     Test-ServicePrincipalAuthorization -Identity {app} -Resource '{mailbox}'
   A change takes 30 minutes to 2 hours to arrive.""".splitlines()
    )
