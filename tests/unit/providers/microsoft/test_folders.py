import json
import re
from urllib.parse import unquote, urlsplit

import attrs
import pytest

from providers.caller import Request
from providers.contract import (
    AccessRefused,
    FolderMissing,
    FolderName,
    MessageGone,
    ProviderError,
    Unreachable,
)
from providers.microsoft.folders import Folders, NameTaken
from providers.transport import HttpAnswer

BASE = "https://graph.example/v1.0/users/scans%40example.com"
FILTER = re.compile(r"displayName eq '((?:[^']|'')*)'")


def name(text: str) -> FolderName:
    return FolderName(text)


@attrs.define
class Exchange:
    """The folders of a mailbox as Graph shows them: id to parent and display name."""

    folders: dict[str, tuple[str, str]] = attrs.field(
        factory=lambda: {"id-inbox": ("root", "Posteingang"), "id-archive": ("root", "Archiv")}
    )
    well_known: dict[str, str] = attrs.field(
        factory=lambda: {
            "msgfolderroot": "root",
            "inbox": "id-inbox",
            "archive": "id-archive",
        }
    )
    hidden: set[str] = attrs.field(factory=set)
    asked: list[Request] = attrs.field(factory=list)

    def add(self, parent: str, shown: str) -> str:
        folder_id = f"id-{len(self.folders)}"
        self.folders[folder_id] = (parent, shown)
        return folder_id

    async def ask(self, request: Request) -> HttpAnswer:
        self.asked.append(request)
        assert request.url.startswith(f"{BASE}/mailFolders"), request.url
        address = urlsplit(request.url)
        path = address.path.partition("/mailFolders")[2]
        query = dict(pair.split("=", 1) for pair in address.query.split("&") if pair)
        segments = [unquote(one) for one in path.split("/") if one]
        if segments and len(segments) == 1:
            return self.told(self.known(segments[0]))
        parent = self.known(segments[0]) if segments else "root"
        assert segments[1:] in ([], ["childFolders"])
        if request.method == "POST":
            return self.made(parent, request)
        found = FILTER.fullmatch(unquote(query["$filter"]))
        assert found, query["$filter"]
        wanted = found[1].replace("''", "'")
        same = [key for key in self.inside(parent, wanted) if key not in self.hidden]
        return HttpAnswer(
            200, {}, json.dumps({"value": [self.shown(k) for k in same]}).encode()
        )

    def known(self, key: str) -> str:
        folder_id = self.well_known.get(key, key)
        if folder_id != "root" and folder_id not in self.folders:
            raise MessageGone("Graph answers 404 (ErrorItemNotFound)", request_id="r-404")
        return folder_id

    def inside(self, parent: str, wanted: str) -> list[str]:
        return [
            key
            for key, (above, shown) in self.folders.items()
            if above == parent and shown.lower() == wanted.lower()
        ]

    def made(self, parent: str, request: Request) -> HttpAnswer:
        assert request.headers["Content-Type"] == "application/json"
        body = json.loads(request.body or b"")
        assert [*body] == ["displayName"]
        if self.inside(parent, body["displayName"]):
            raise NameTaken("there", request_id="r-409")
        return self.told(self.add(parent, body["displayName"]))

    def shown(self, key: str) -> dict[str, str]:
        return {"id": key, "displayName": self.folders[key][1]}

    def told(self, key: str) -> HttpAnswer:
        return HttpAnswer(201, {}, json.dumps({"id": key}).encode())

    def path_of(self, folder_id: str) -> str:
        parent, shown = self.folders[folder_id]
        return shown if parent == "root" else f"{self.path_of(parent)}/{shown}"

    @property
    def writes(self) -> list[Request]:
        return [one for one in self.asked if one.method != "GET"]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def folders(exchange: Exchange) -> Folders:
    return Folders(BASE, exchange.ask)


# ---- finding


@pytest.mark.parametrize("spelled", ["", "inbox", "INBOX", "id:id-inbox"])
async def test_a_folder_is_found_by_its_well_known_name_or_its_id(
    folders: Folders, spelled: str
) -> None:
    """Whatever language the mailbox is in."""
    assert await folders.find(name(spelled)) == "id-inbox"


async def test_a_folder_is_found_by_its_display_name(
    folders: Folders, exchange: Exchange
) -> None:
    exchange.add("root", "Printing too")
    made = exchange.add("root", "Printing")
    assert await folders.find(name("Printing")) == made
    assert exchange.writes == []


async def test_a_folder_inside_others_is_found_by_its_path(
    folders: Folders, exchange: Exchange
) -> None:
    printing = exchange.add("root", "Printing")
    exchange.add("root", "Office")
    office = exchange.add(printing, "Office")
    assert await folders.find(name("Printing/Office")) == office


async def test_a_path_may_begin_in_a_well_known_folder(
    folders: Folders, exchange: Exchange
) -> None:
    office = exchange.add("id-inbox", "Office")
    exchange.add("root", "Office")
    assert await folders.find(name("Inbox/Office")) == office


async def test_letter_case_of_a_display_name_does_not_matter(
    folders: Folders, exchange: Exchange
) -> None:
    made = exchange.add("root", "Printing")
    assert await folders.find(name("printing")) == made


@pytest.mark.parametrize(
    "shown",
    [
        "O'Brien's",
        "' or 1 eq 1 or '",
        "50% & more?",
        "a+b=c#d",
        "Müller",
        "印刷",
        '"quoted"',
        "''",
    ],
)
async def test_a_name_with_signs_of_the_query_names_only_itself(
    folders: Folders, exchange: Exchange, shown: str
) -> None:
    exchange.add("root", "Other")
    made = exchange.add("root", shown)
    assert await folders.find(name(shown)) == made


async def test_an_id_with_signs_of_the_path_is_one_segment(
    folders: Folders, exchange: Exchange
) -> None:
    exchange.folders["A/../B+=?"] = ("root", "x")
    assert await folders.find(name("id:A/../B+=?")) == "A/../B+=?"
    assert exchange.asked[0].url == f"{BASE}/mailFolders/A%2F..%2FB%2B%3D%3F?$select=id"


@pytest.mark.parametrize(
    "spelled",
    ["Printing", "Printing/Office", "inbox/Office", "id:nowhere", "drafts", "drafts/x"],
)
async def test_a_folder_that_is_missing_is_not_made_by_looking_for_it(
    folders: Folders, exchange: Exchange, spelled: str
) -> None:
    with pytest.raises(FolderMissing):
        await folders.find(name(spelled))
    assert exchange.writes == []


async def test_the_missing_folder_is_named_as_the_owner_spelled_it(folders: Folders) -> None:
    with pytest.raises(FolderMissing, match="Printing/Office"):
        await folders.find(name("Printing/Office"))
    with pytest.raises(FolderMissing, match="id:nowhere") as caught:
        await folders.find(name("id:nowhere"))
    assert caught.value.request_id == "r-404"


async def test_a_folder_that_was_found_is_not_looked_for_again(
    folders: Folders, exchange: Exchange
) -> None:
    exchange.add("root", "Printing")
    first = await folders.find(name("Printing"))
    asked = len(exchange.asked)
    assert await folders.find(name("Printing")) == first
    assert await folders.find_or_make(name("Printing")) == first
    assert len(exchange.asked) == asked


async def test_a_folder_that_was_missing_is_looked_for_again(
    folders: Folders, exchange: Exchange
) -> None:
    with pytest.raises(FolderMissing):
        await folders.find(name("Printing"))
    made = exchange.add("root", "Printing")
    assert await folders.find(name("Printing")) == made


async def test_a_forgotten_folder_is_looked_for_again(
    folders: Folders, exchange: Exchange
) -> None:
    old = exchange.add("root", "Printing")
    assert await folders.find(name("Printing")) == old
    del exchange.folders[old]
    exchange.folders["id-new"] = ("root", "Printing")
    folders.forget(name("Printing"))
    folders.forget(name("never heard of"))
    assert await folders.find(name("Printing")) == "id-new"


# ---- making


async def test_a_missing_folder_is_made_with_those_above_it(
    folders: Folders, exchange: Exchange
) -> None:
    made = await folders.find_or_make(name("Printing/Office/Done"))
    assert exchange.path_of(made) == "Printing/Office/Done"
    assert len(exchange.writes) == 3


async def test_only_what_is_missing_is_made(folders: Folders, exchange: Exchange) -> None:
    exchange.add("root", "Printing")
    made = await folders.find_or_make(name("Printing/O'Brien"))
    assert exchange.path_of(made) == "Printing/O'Brien"
    assert len(exchange.writes) == 1


async def test_a_folder_is_made_inside_a_well_known_one(
    folders: Folders, exchange: Exchange
) -> None:
    made = await folders.find_or_make(name("inbox/Done"))
    assert exchange.folders[made] == ("id-inbox", "Done")


async def test_what_was_made_is_known(folders: Folders, exchange: Exchange) -> None:
    made = await folders.find_or_make(name("Done"))
    asked = len(exchange.asked)
    assert await folders.find(name("Done")) == made
    assert len(exchange.asked) == asked


async def test_somebody_may_be_quicker_in_making_it(exchange: Exchange) -> None:
    """Or an earlier try of ours, whose answer was lost: 409 ErrorFolderExists."""

    async def ask(request: Request) -> HttpAnswer:
        if request.method == "POST":
            exchange.folders["id-theirs"] = ("root", "Done")
        return await exchange.ask(request)

    assert await Folders(BASE, ask).find_or_make(name("Done")) == "id-theirs"


async def test_a_name_that_is_taken_by_a_hidden_folder_is_told(
    folders: Folders, exchange: Exchange
) -> None:
    exchange.hidden.add(exchange.add("root", "Done"))
    with pytest.raises(FolderMissing, match="hides it") as caught:
        await folders.find_or_make(name("Done"))
    assert caught.value.request_id == "r-409"


@pytest.mark.parametrize("spelled", ["id:nowhere", "drafts", "drafts/x"])
async def test_what_is_no_display_name_cannot_be_made(
    folders: Folders, exchange: Exchange, spelled: str
) -> None:
    with pytest.raises(FolderMissing):
        await folders.find_or_make(name(spelled))
    assert exchange.writes == []


async def test_a_folder_above_that_goes_meanwhile_is_a_missing_folder(
    exchange: Exchange,
) -> None:
    """Nobody outside asked for a message, so none is gone."""

    async def ask(request: Request) -> HttpAnswer:
        if request.method == "POST":
            exchange.folders.clear()
        return await exchange.ask(request)

    exchange.add("root", "Printing")
    with pytest.raises(FolderMissing, match="Done"):
        await Folders(BASE, ask).find_or_make(name("Printing/Done"))


# ---- answers that are none


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b'{"value": null}', b'{"value": {}}', b"<html>", b""],
)
async def test_an_answer_that_is_no_list_makes_no_folder(body: bytes) -> None:
    methods: list[str] = []

    async def ask(request: Request) -> HttpAnswer:
        methods.append(request.method)
        return HttpAnswer(200, {}, body)

    with pytest.raises(Unreachable):
        await Folders(BASE, ask).find_or_make(name("Done"))
    assert methods == ["GET"]


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"id": ""}', b'{"id": 7}', b'"id"', b"null", b"<html>"]
)
async def test_an_answer_that_names_no_folder_is_refused(body: bytes) -> None:
    async def ask(_request: Request) -> HttpAnswer:
        return HttpAnswer(200, {}, body)

    with pytest.raises(Unreachable):
        await Folders(BASE, ask).find(name("inbox"))


async def test_folders_of_other_names_in_an_answer_are_passed_over() -> None:
    items = [
        {"id": "a", "displayName": "Printing 2"},
        {"id": "b"},
        {"id": "c", "displayName": None},
        "Printing",
        {"id": "d", "displayName": "PRINTING"},
    ]

    async def ask(_request: Request) -> HttpAnswer:
        return HttpAnswer(200, {}, json.dumps({"value": items}).encode())

    assert await Folders(BASE, ask).find(name("Printing")) == "d"


@pytest.mark.parametrize("error", [Unreachable("down"), AccessRefused("no")])
@pytest.mark.parametrize("spelled", ["inbox", "Printing"])
async def test_an_error_of_the_service_is_not_a_missing_folder(
    error: ProviderError, spelled: str
) -> None:
    async def ask(_request: Request) -> HttpAnswer:
        raise error

    with pytest.raises(type(error)):
        await Folders(BASE, ask).find_or_make(name(spelled))
