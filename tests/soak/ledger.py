"""What was sent and what was printed, by every device together; it knows what must not happen."""

import threading

import attrs

MARK = b"X-Job: "


def mail(number: int, octets: int) -> bytes:
    """Return a message of about that many octets that says which it is."""
    head = b"Message-ID: <%d@soak.test>\r\n%s%d\r\nSubject: job %d\r\n\r\n"
    line = b"line of job %d\r\n" % number
    return head % (number, MARK, number, number) + line * (1 + octets // len(line))


@attrs.define
class Ledger:
    """Every message by its number. `faults` are sentences about what must not happen."""

    sent: dict[int, bytes] = attrs.field(factory=dict)
    deleted: set[int] = attrs.field(factory=set)
    faults: list[str] = attrs.field(factory=list)
    sessions: int = 0
    busy: int = 0
    _guard: threading.Lock = attrs.field(factory=threading.Lock)

    def send(self, octets: int) -> bytes:
        """Return a new message, which is expected to be printed."""
        with self._guard:
            number = len(self.sent) + 1
            self.sent[number] = mail(number, octets)
            return self.sent[number]

    def retrieved(self, octets: bytes) -> int:
        """Take note that a device has taken a message, and return its number."""
        number = int(octets.partition(MARK)[2].partition(b"\r\n")[0] or b"0")
        with self._guard:
            if self.sent.get(number) != octets:
                self.faults.append(f"job {number} was altered, or is none")
            if number in self.deleted:
                self.faults.append(f"job {number} was deleted, and printed again")
        return number

    def confirmed(self, numbers: list[int]) -> None:
        """Take note that a device was told +OK to QUIT."""
        with self._guard:
            self.deleted.update(numbers)

    def met(self, *, is_busy: bool) -> None:
        """Count a session."""
        with self._guard:
            self.sessions += 1
            self.busy += is_busy

    def complain(self, text: str) -> None:
        with self._guard:
            self.faults.append(text)

    @property
    def open(self) -> int:
        """Return how many messages wait to be printed."""
        with self._guard:
            return len(self.sent) - len(self.deleted)
