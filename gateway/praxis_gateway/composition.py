"""The composition root: how the parts of the gateway are put together in one process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from praxis_chassis.server import readiness
from praxis_chassis.service import Runtime
from praxis_chassis.tls import certificates_of
from praxis_chassis.tokens import Minter
from praxis_gateway import contracts as contracts_module
from praxis_gateway.access import Access
from praxis_gateway.app import build_app
from praxis_gateway.authentication import Authenticator, InternalTokens
from praxis_gateway.breakers import GuardedTransport
from praxis_gateway.bulkheads import Bulkheads
from praxis_gateway.effects import after_calls
from praxis_gateway.endpoint import Door
from praxis_gateway.files import Files
from praxis_gateway.identity.service import service as identity
from praxis_gateway.invoke import GrpcTransport, IdentityTransport, Invoker, Transport
from praxis_gateway.limits import Limiter
from praxis_gateway.settings import Settings


@dataclass(frozen=True)
class Gateway:
    """One process' gateway."""

    app: Flask
    runtime: Runtime


def compose(settings: Settings) -> Gateway:
    """Return the gateway that the settings describe."""
    contracts = contracts_module.load()
    runtime = Runtime(identity, settings)
    minter = Minter(Path(settings.token_private_key_file).read_bytes())
    transports = _transports(settings, contracts, runtime)
    authenticator = Authenticator(Access(transports["identity"], transports.get("patients"), minter))
    door = Door(
        settings=settings,
        invoker=Invoker(transports),
        authenticator=authenticator,
        tokens=InternalTokens(minter, contracts),
        files=Files(runtime.objects, runtime.keys),
        limiter=Limiter(settings.rate_limit),
        anonymous_limiter=Limiter(settings.rate_limit_anonymous),
        bulkheads=Bulkheads(settings.places),
        after_calls=after_calls(authenticator, minter, transports),
    )
    return Gateway(build_app(contracts, door, lambda: not readiness(runtime)), runtime)


def _transports(settings: Settings, contracts: contracts_module.Contracts, runtime: Runtime) -> dict[str, Transport]:
    certificates = certificates_of(settings, "gateway")
    transports: dict[str, Transport] = {
        name: GuardedTransport(GrpcTransport(target, name, certificates), _reads(contracts, name))
        for name, target in settings.targets.items()
        if target
    }
    return {**transports, "identity": IdentityTransport(runtime)}


def _reads(contracts: contracts_module.Contracts, service: str) -> set[str]:
    return {each.full_name for each in contracts.operations if each.service == service and each.read_only}
