from bridge.errors import SpoolUnavailable
from bridge.sync.reasons import reason
from providers.contract import Throttled, Unreachable


def test_the_request_is_named_where_the_service_named_it() -> None:
    assert reason(Unreachable("down", request_id="r-1")) == {"why": "down", "request_id": "r-1"}
    assert reason(Throttled("busy", 3.0, request_id="r-2"))["request_id"] == "r-2"


def test_a_request_without_a_name_is_not_mentioned() -> None:
    assert reason(Unreachable("down")) == {"why": "down"}
    assert reason(SpoolUnavailable("full")) == {"why": "full"}
