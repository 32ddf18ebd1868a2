"""A practice with very many patients: people and animals with names as unevenly spread as they are, written as rows."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from tests.bench.practice import Practice
from tests.bench.stage import Stage

from praxis_local.api_client import ApiClient
from praxis_local.demo import people
from praxis_local.provision import database_url
from praxis_patients.rules import names

# ruff: noqa: SIM905 -- words in a row read better than lists of quotes
FAMILIES = (
    "García Smith Rodríguez Johnson Martínez Williams Hernández Brown López Jones González Miller Pérez Davis Sánchez "
    "Wilson Ramírez Anderson Torres Thomas Flores Taylor Rivera Moore Gómez Jackson Díaz Martin Cruz Lee"
).split()
GIVEN = (
    "María James José Robert Juan John Ana Michael Luis David Carmen William Carlos Richard Elizabeth Joseph Rosa "
    "Thomas Margarita Charles Francisco Christopher Guadalupe Daniel Jennifer Matthew Patricia Anthony Linda Mark"
).split()
FIRST_PARTS = (
    "ab ba be bo bra ca cha da de do el fa fe ga gri ha he is ja ka kra la lo ma mo na no or pa pe ra ro".split()
)
LAST_PARTS = (
    "berg ck der dez ez field ford ham ik ing la lan ler ley lo man ner no ova rich ro sen ski son ston ta".split()
)
ANIMALS_IN_HUNDRED = 15
FIRST_CHART_NUMBER = 1_000_000
SEED = 31
Row = dict[str, Any]


def settle(stage: Stage, practice: Practice, count: int) -> list[Row]:
    """Write the rows of many patients as registering would have left them, and return some of them.

    What registering writes besides, events, audit and the keys of duplicates, no search reads.
    """
    random = Random(SEED)
    values: dict[str, Any] = {
        "count": count, "tenant": practice.tenant_id, "first": FIRST_CHART_NUMBER, "animals": ANIMALS_IN_HUNDRED,
        "human": practice.patients[0], "animal": _model_animal(stage, practice),
        "families": [*FAMILIES, *_invented(random, 6000)], "given": [*GIVEN, *_invented(random, 800)],
        "pets": [*people.PETS, *_invented(random, 400)],
    }  # fmt: skip
    values |= {f"plain_{name}": [names.plain(word) for word in values[name]] for name in ("families", "given", "pets")}
    url = database_url(stage.postgres.admin_url, "patients")
    with psycopg.connect(url, row_factory=dict_row) as admin:
        # The rows are whole; to look every one of their foreign keys up would take most of the time.
        admin.execute("SET session_replication_role = replica")
        indexes: list[Row] = admin.execute(_INDEXES).fetchall()
        admin.execute("ALTER TABLE patient_keys DROP CONSTRAINT pk_patient_keys")
        for index in indexes:
            admin.execute(f"DROP INDEX IF EXISTS {index['name']}")
        for statement in _STATEMENTS:
            admin.execute(statement, values)
        for index in indexes:
            admin.execute(index["definition"])
        admin.execute("ALTER TABLE patient_keys ADD CONSTRAINT pk_patient_keys PRIMARY KEY USING INDEX pk_patient_keys")
        some = admin.execute("SELECT * FROM crowd WHERE number %% 97 = 0 LIMIT 500", {}).fetchall()
    stage.rows("patients", "VACUUM ANALYZE")
    return some


def _invented(random: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        first = "".join(random.choice(FIRST_PARTS) for _ in range(random.choice((1, 1, 2))))
        found[(first + random.choice(LAST_PARTS)).capitalize()] = None
    return list(found)


def _model_animal(stage: Stage, practice: Practice) -> UUID:
    """Register an animal, whose rows are the model of all others."""
    api = ApiClient(stage.system.url, practice.key, series="crowd")
    party = api.get(f"/v1/patients/{practice.patients[0]}")["human"]["party_id"]
    body = {
        "animal": {"name": "Rex", "species_code": "dog"},
        "responsibilities": [{"party_id": party, "role": "owner", "share_basis_points": 10_000}],
    }
    model = api.post("/v1/patients", body, name="model")["patient"]["id"]
    api.close()
    return UUID(model)


def _chosen(name: str) -> str:
    """Return the place of a word by chance: the first are everywhere and most are rare, as 1 / (place + 8)."""
    return f"1 + floor(8 * (power((cardinality(%({name})s::text[]) + 8) / 8.0, random()) - 1))::int AS {name}"


_INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = 'patient_keys'::regclass
"""
_WHO = f"""
CREATE TEMPORARY TABLE who AS
SELECT number, uuidv7() AS id, uuidv7() AS party_id, number > 1 AND random() * 100 < %(animals)s AS animal,
    {_chosen("families")}, {_chosen("given")}, {_chosen("given").replace(" AS given", " AS middle")}, {_chosen("pets")},
    (date '1935-01-01' + (random() * 32000)::int)::text AS born,
    '+1' || (201 + (random() * 780)::int) || (2000000 + (random() * 7999999)::int) AS phone,
    '985' || lpad((random() * 999999999999)::bigint::text, 12, '0') AS chip
FROM generate_series(1, %(count)s) AS number
"""
# An animal belongs to the last person before it.
_CROWD = """
CREATE TEMPORARY TABLE crowd AS
SELECT each.number, id, CASE WHEN animal THEN 'animal' ELSE 'human' END AS kind, born, chip,
    (%(first)s + each.number)::text AS chart_number, owner.party_id, owner.phone,
    CASE WHEN animal THEN (%(pets)s::text[])[pets] ELSE owner.shown END AS display_name,
    CASE WHEN animal THEN (%(plain_pets)s::text[])[pets] ELSE owner.sorted END AS sort_name,
    CASE WHEN animal THEN ARRAY[(%(plain_pets)s::text[])[pets]] ELSE owner.words END AS words,
    CASE WHEN animal THEN owner.words ELSE '{}' END AS owner_words,
    CASE WHEN animal THEN jsonb_build_object('name', (%(pets)s::text[])[pets], 'microchips', jsonb_build_array(chip))
    ELSE jsonb_build_object('name', jsonb_build_object('family', owner.family, 'given', owner.given),
        'birth_date', born, 'telecoms',
        jsonb_build_array(jsonb_build_object('system', 'mobile', 'value', owner.phone))) END AS profile
FROM (SELECT *, max(number) FILTER (WHERE NOT animal) OVER (ORDER BY number) AS owner_number FROM who) AS each
JOIN (
    SELECT number AS owner_number, party_id, phone,
        (%(families)s::text[])[families] AS family, jsonb_build_array((%(given)s::text[])[given],
            (%(given)s::text[])[middle]) AS given,
        concat_ws(' ', (%(given)s::text[])[given], (%(given)s::text[])[middle],
            (%(families)s::text[])[families]) AS shown,
        concat_ws(' ', (%(plain_families)s::text[])[families], (%(plain_given)s::text[])[given],
            (%(plain_given)s::text[])[middle]) AS sorted,
        ARRAY[(%(plain_families)s::text[])[families], (%(plain_given)s::text[])[given],
            (%(plain_given)s::text[])[middle]] AS words
    FROM who WHERE NOT animal
) AS owner USING (owner_number)
"""
_PARTIES = """
INSERT INTO parties SELECT (jsonb_populate_record(model, jsonb_build_object('id', crowd.party_id,
    'patient_id', crowd.id, 'display_name', crowd.display_name, 'sort_name', crowd.sort_name))).*
FROM crowd, parties AS model
WHERE crowd.kind = 'human' AND model.id = (SELECT party_id FROM patients WHERE id = %(human)s)
"""
_PATIENTS = """
INSERT INTO patients SELECT (jsonb_populate_record(model, jsonb_build_object('id', crowd.id, 'party_id',
    CASE crowd.kind WHEN 'human' THEN crowd.party_id END, 'chart_number', crowd.chart_number, 'display_name',
    crowd.display_name, 'sort_name', crowd.sort_name, crowd.kind,
    CASE crowd.kind WHEN 'human' THEN model.human ELSE model.animal END || crowd.profile))).*
FROM crowd JOIN patients AS model
    ON model.id = CASE crowd.kind WHEN 'human' THEN %(human)s::uuid ELSE %(animal)s::uuid END
"""
_RESPONSIBILITIES = """
INSERT INTO responsibilities SELECT (jsonb_populate_record(model, jsonb_build_object('patient_id', crowd.id,
    'party_id', crowd.party_id))).*
FROM crowd JOIN responsibilities AS model
    ON model.patient_id = CASE crowd.kind WHEN 'human' THEN %(human)s::uuid ELSE %(animal)s::uuid END
"""
_KEYS = """
INSERT INTO patient_keys (tenant_id, purpose, value, patient_id)
SELECT %(tenant)s, purpose, value, id FROM crowd CROSS JOIN LATERAL (
    SELECT 'name' AS purpose, unnest(words) AS value UNION SELECT 'owner', unnest(owner_words)
    UNION SELECT 'within', substr(word, start)
        FROM unnest(words || owner_words) AS word, generate_series(2, length(word) - 2) AS start
    UNION SELECT 'chart_number', chart_number UNION SELECT 'phone', reverse(substr(phone, 2))
    UNION SELECT 'birth_date', born WHERE kind = 'human' UNION SELECT 'microchip', chip WHERE kind = 'animal'
) AS found
"""
_STATEMENTS = (_WHO, _CROWD, _PARTIES, _PATIENTS, _RESPONSIBILITIES, _KEYS)
