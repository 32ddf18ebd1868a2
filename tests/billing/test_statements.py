"""Statements are accessible documents that show the balance, and vanish with the patient."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from billing.practice import Practice
from google.protobuf.field_mask_pb2 import FieldMask
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from praxis.billing.v1 import account_service_pb2, events_pb2, statement_pb2, statement_service_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import party_pb2
from praxis_chassis.files import files
from praxis_chassis.testing import Refused, ServiceUnderTest


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


def issue(practice: Practice, account: str) -> statement_pb2.Statement:
    request = statement_service_pb2.CreateStatementRequest(statement=statement_pb2.Statement(account_id=account))
    made: statement_pb2.Statement = practice.tenant.call("CreateStatement", request)
    return made


def pdf_of(practice: Practice, statement: statement_pb2.Statement) -> bytes:
    request = statement_service_pb2.GetStatementPdfRequest(id=statement.id)
    reference = practice.tenant.call("GetStatementPdf", request)
    assert reference == statement.file
    with practice.tenant.session() as session:
        return files(session).get(reference.file_id)


def tags(reader: PdfReader) -> list[str]:
    """Return the kinds of all elements of the structure tree."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item.get_object())
        elif isinstance(node, DictionaryObject):
            if "/S" in node:
                found.append(str(node["/S"]))
            if "/K" in node:
                walk(node["/K"].get_object())

    walk(reader.trailer["/Root"]["/StructTreeRoot"])
    return found


def test_an_unchanged_balance_gets_one_statement_a_day(practice: Practice) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    account = practice.account_of(patient).id
    with ThreadPoolExecutor(8) as desk:
        made = list(desk.map(lambda _: issue(practice, account), range(8)))
    assert {statement.number for statement in made} == {"S100001"}
    assert len(practice.tenant.events(events_pb2.StatementIssued)) == 1
    practice.pay(account, "10.00")
    assert issue(practice, account).number == "S100002"
    practice.tenant.receive(patients.PatientErased(patient_id=patient), patient)
    assert issue(practice, account).number == "S100003"


def test_a_statement_can_be_read_by_eye_and_by_machine(practice: Practice) -> None:
    patient = practice.human("Rosa #Alvarez *bold*")
    practice.cover(patient, copay="30.00")
    practice.post(patient, "99213", "85025")
    practice.post(practice.animal(10_000), "RABIES")
    account = practice.account_of(patient)
    practice.pay(account.id, "12.00")
    made = issue(practice, account.id)
    assert made.amount_due.amount == "18.00"
    reader = PdfReader(io.BytesIO(pdf_of(practice, made)))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en-US"
    assert root["/MarkInfo"]["/Marked"]
    assert made.number in (reader.metadata.title or "") if reader.metadata else False
    kinds = tags(reader)
    assert kinds.count("/TH") == 9 + 6
    assert kinds.count("/TR") >= 4
    assert "/H1" in kinds
    text = " ".join(page.extract_text() for page in reader.pages)
    for wanted in ("$18.00", "Rosa #Alvarez *bold*", "Office visit", made.number, "$95.50 is with your insurer"):
        assert wanted in text.replace("\n", " ")


def test_an_account_that_owes_nothing_gets_no_statement(practice: Practice) -> None:
    patient = practice.human()
    account = practice.account_of(patient)
    with pytest.raises(Refused) as refused:
        issue(practice, account.id)
    assert refused.value.reason == "NOTHING_DUE"
    assert "$0.00" in str(refused.value)
    practice.cover(patient)
    practice.post(patient, "99213")
    with pytest.raises(Refused) as pending:
        issue(practice, account.id)
    assert pending.value.reason == "NOTHING_DUE"


def test_an_account_marked_so_gets_no_statement(practice: Practice) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    account = practice.account_of(patient)
    account.statements_suppressed = True
    mask = FieldMask(paths=["statements_suppressed"])
    practice.tenant.call("UpdateAccount", account_service_pb2.UpdateAccountRequest(account=account, update_mask=mask))
    with pytest.raises(Refused) as refused:
        issue(practice, account.id)
    assert refused.value.reason == "STATEMENTS_SUPPRESSED"


def test_the_same_day_gives_the_same_document(practice: Practice) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    account = practice.account_of(patient)
    first, second = issue(practice, account.id), issue(practice, account.id)
    assert first == second
    assert pdf_of(practice, first) == pdf_of(practice, second)


def test_erasing_a_patient_blanks_names_and_documents_and_keeps_the_money(practice: Practice) -> None:
    patient = practice.human("Canary Quicksilver")
    posted = practice.post(patient, "99213", external_reference="canary-77")
    account = practice.account_of(patient)
    made = issue(practice, account.id)
    party = account.party_id
    before = practice.balance(account.id)
    practice.tenant.receive(patients.PatientErased(patient_id=patient), patient)
    practice.tenant.receive(patients.PartyErased(party_id=party), party)
    after = practice.balance(account.id)
    assert after.balance == before.balance
    assert "Canary" not in after.text
    assert not practice.tenant.call("GetAccount", account_service_pb2.GetAccountRequest(id=account.id)).display_name
    assert not practice.read(posted).external_reference
    with pytest.raises(Refused) as refused:
        practice.tenant.call("GetStatementPdf", statement_service_pb2.GetStatementPdfRequest(id=made.id))
    assert refused.value.reason == "STATEMENT_ERASED"
    practice.prove()


@pytest.mark.parametrize("language", ["jny", "xx-ZZ", "es", "es-US"])
def test_a_statement_is_written_whatever_language_a_party_speaks(practice: Practice, language: str) -> None:
    patient = practice.human()
    account = practice.account_of(patient)
    practice.post(patient, "85025", self_pay=True)
    speaker = party_pb2.Party(id=account.party_id, display_name="Rosa Alvarez", language=language)
    practice.tenant.receive(patients.PartyUpdated(party=speaker), account.party_id)
    assert issue(practice, account.id).amount_due.amount == "25.50"


@pytest.mark.parametrize("name", ["Rex 🐕", "王小明", "👩\u200d👧 1\ufe0f\u20e3", "ไทย ﷺ"])
def test_a_statement_is_written_whatever_a_party_is_called(practice: Practice, name: str) -> None:
    patient = practice.human()
    account = practice.account_of(patient)
    practice.post(patient, "85025", self_pay=True)
    named = party_pb2.Party(id=account.party_id, display_name=name)
    practice.tenant.receive(patients.PartyUpdated(party=named), account.party_id)
    assert pdf_of(practice, issue(practice, account.id)).startswith(b"%PDF-")
