"""Reads the claims out of an 837P transaction set that the judge has accepted."""

from dataclasses import dataclass, field

from chsim.money import cents
from chsim.x12 import Interchange, Segment


@dataclass(frozen=True)
class Name:
    """A person or organization as an NM1 segment names it."""

    kind: str = "1"
    last: str = ""
    first: str = ""
    id_qualifier: str = ""
    id: str = ""

    @classmethod
    def read(cls, segment: Segment) -> "Name":
        """From the elements of NM1."""
        padded = [*segment, *[""] * 10]
        return cls(padded[2] or "1", padded[3], padded[4], padded[8], padded[9])


@dataclass
class Provider:
    """The billing provider of 2010AA."""

    name: Name = field(default_factory=Name)
    street: str = ""
    place: tuple[str, ...] = ()
    tax_id: str = ""


@dataclass
class Line:
    """One service line of 2400, with what prior payers did to it."""

    charge: int
    procedure: tuple[str, ...]
    units: str
    control: str = ""
    date: str = ""
    prior_paid: int = 0
    prior_patient: int = 0


@dataclass
class Claim:
    """One claim of 2300 with the loops above it."""

    number: str
    charge: int
    place: str
    frequency: str
    provider: Provider
    subscriber: Name
    patient: Name
    payer: Name
    filing: str
    rank: str
    subscriber_segment: int
    rendering: Name | None = None
    lines: list[Line] = field(default_factory=list)
    prior: bool = False

    @property
    def service_date(self) -> str:
        """First day of service as YYYYMMDD."""
        return min((line.date for line in self.lines if line.date), default="")


class Reader:
    """Walks one transaction set and keeps the loops that are open."""

    def __init__(self, interchange: Interchange) -> None:
        self._interchange = interchange
        self._position = 0
        self._level = ""
        self._entity = ""
        self._provider = Provider()
        self._subscriber = self._payer = self._patient = Name()
        self._subscriber_segment = 0
        self._insurance: Segment = []
        self.submitter = Name()
        self.batch = ""
        self.claims: list[Claim] = []

    def read(self, transaction: list[Segment]) -> "Reader":
        """Takes in every segment."""
        for position, segment in enumerate(transaction, start=1):
            self._position = position
            take = getattr(self, f"_take_{segment[0].lower()}", None)
            if take:
                take([*segment, *[""] * 12])
        return self

    @property
    def _claim(self) -> Claim:
        return self.claims[-1]

    @property
    def _in_claim(self) -> bool:
        return self._level == "claim"

    def _take_bht(self, segment: Segment) -> None:
        self.batch = segment[3]

    def _take_hl(self, segment: Segment) -> None:
        self._level = segment[3]
        if segment[3] == "20":
            self._provider = Provider()
        elif segment[3] == "22":
            self._patient = Name()

    def _take_sbr(self, segment: Segment) -> None:
        if not self._in_claim:
            self._insurance = segment
        else:
            self._claim.prior = True

    def _take_nm1(self, segment: Segment) -> None:
        self._entity = segment[1]
        name = Name.read(segment)
        if self._in_claim:
            if segment[1] == "82" and not self._claim.lines:
                self._claim.rendering = name
            return
        self._take_party(segment[1], name)

    def _take_party(self, entity: str, name: Name) -> None:
        if entity == "41":
            self.submitter = name
        elif entity == "85":
            self._provider.name = name
        elif entity == "IL":
            self._subscriber, self._subscriber_segment = name, self._position
        elif entity == "PR":
            self._payer = name
        elif entity == "QC":
            self._patient = name

    def _take_n3(self, segment: Segment) -> None:
        if self._entity == "85":
            self._provider.street = segment[1]

    def _take_n4(self, segment: Segment) -> None:
        if self._entity == "85":
            self._provider.place = tuple(segment[1:4])

    def _take_ref(self, segment: Segment) -> None:
        if self._entity == "85" and segment[1] in ("EI", "SY"):
            self._provider.tax_id = segment[2]
        elif self._in_claim and self._claim.lines and segment[1] == "6R":
            self._claim.lines[-1].control = segment[2]

    def _take_clm(self, segment: Segment) -> None:
        self._level = "claim"
        place = [*self._interchange.components(segment[5]), "", "", ""]
        self.claims.append(
            Claim(
                number=segment[1],
                charge=cents(segment[2]),
                place=place[0],
                frequency=place[2] or "1",
                provider=self._provider,
                subscriber=self._subscriber,
                patient=self._patient if self._patient.last else self._subscriber,
                payer=self._payer,
                filing=self._insurance[9],
                rank=self._insurance[1],
                subscriber_segment=self._subscriber_segment,
            )
        )

    def _take_sv1(self, segment: Segment) -> None:
        procedure = self._interchange.components(segment[1])
        self._claim.lines.append(Line(cents(segment[2]), procedure[:6], segment[4] or "1"))

    def _take_dtp(self, segment: Segment) -> None:
        if self._in_claim and self._claim.lines and segment[1] == "472":
            self._claim.lines[-1].date = segment[3][:8]

    def _take_svd(self, segment: Segment) -> None:
        self._claim.lines[-1].prior_paid += cents(segment[2])

    def _take_cas(self, segment: Segment) -> None:
        if self._claim.lines and segment[1] == "PR":
            self._claim.lines[-1].prior_patient += sum(cents(value) for value in segment[3:20:3])
