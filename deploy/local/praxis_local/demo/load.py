"""Load the demo through the public API: what a practice would type in itself, seeded and dated around today."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from praxis_local.api_client import ApiClient
from praxis_local.demo.calendar import fill_calendar
from praxis_local.demo.directory import set_up_directory
from praxis_local.demo.past import bill_past_visits, collect
from praxis_local.demo.practices import PRACTICES, USERS, PracticeSpec
from praxis_local.demo.register import register_patients
from praxis_local.home import Home, write_private

SEED = 20


def load_demo(url: str, home: Home, new_tokens: Callable[[int], list[str]], notes: list[str]) -> list[dict[str, Any]]:
    """Load what is missing and return the practices with their keys and logins."""
    state = _state(home)
    if not state.get("loaded"):
        if missing := [spec for spec in PRACTICES if spec.key not in state["practices"]]:
            for spec, token in zip(missing, new_tokens(len(missing)), strict=True):
                state["practices"][spec.key] = create_practice(url, spec, token)
                write_private(home.demo_file, state)
        with ThreadPoolExecutor(len(PRACTICES)) as pool:
            anchor = date.fromisoformat(state["anchor"])
            list(pool.map(lambda spec: fill(url, spec, state["practices"][spec.key]["api_key"], anchor), PRACTICES))
        state["loaded"] = True
        write_private(home.demo_file, state)
        notes.append("created through the API")
    else:
        notes.append("there since the first start")
    return list(state["practices"].values())


def create_practice(url: str, spec: PracticeSpec, setup_token: str) -> dict[str, Any]:
    """Create the tenant with its owner, one login per role and a test key."""
    logins = [
        {"role": role, "email": f"{role.replace('_', '.')}@{spec.key}.example", "password": secrets.token_urlsafe(12)}
        for role, _ in USERS
    ]
    owner = {"display_name": USERS[0][1], **{key: logins[0][key] for key in ("email", "password")}}
    door = ApiClient(url)
    tenant = {"name": spec.name, "kind": spec.kind, "mode": "test"}
    door.post("/v1/tenants", {"setup_token": setup_token, "tenant": tenant, "owner": owner})
    session = door.post("/v1/sessions", {"email": owner["email"], "password": owner["password"]})
    door.close()
    api = ApiClient(url, session["token"])
    for login, (role, name) in list(zip(logins, USERS, strict=True))[1:]:
        user = {"email": login["email"], "display_name": name, "roles": [role]}
        api.post("/v1/users", {"user": user, "password": login["password"]})
    key = api.post("/v1/apiKeys", {"title": "Demo", "scopes": ["*.*.*"]})
    api.close()
    return {"name": spec.name, "kind": spec.kind, "api_key": key["key"], "users": logins}


def fill(url: str, spec: PracticeSpec, key: str, anchor: date) -> None:
    """Give a practice its directory, patients, calendar and history; running it again repeats no write."""
    api = ApiClient(url, key, series=f"demo-{spec.key}-{anchor}")
    random = Random(f"{SEED}-{spec.key}")  # noqa: S311 -- the same people every time, nothing secret
    practice = set_up_directory(api, spec, anchor)
    patients = register_patients(api, spec, practice, random, anchor)
    bill_past_visits(api, practice, patients, random, anchor)
    fill_calendar(api, practice, patients, random, anchor)
    collect(api, practice)
    api.close()


def _state(home: Home) -> dict[str, Any]:
    if home.demo_file.exists():
        return dict(json.loads(home.demo_file.read_text()))
    return {"anchor": datetime.now(UTC).date().isoformat(), "practices": {}}
