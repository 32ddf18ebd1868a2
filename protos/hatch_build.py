"""Build hook: generate the code of the contracts into the wheel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GenerateContracts(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `codegen.py` and puts what it wrote at the root of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate before the files of the wheel are collected."""
        root = Path(self.root)
        sys.path.insert(0, str(root))
        import codegen

        target = root / "build" / "wheel"
        codegen.generate(target)
        for package in ("praxis", "buf"):
            build_data["force_include"][str(target / package)] = package
