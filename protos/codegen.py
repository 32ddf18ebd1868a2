"""Generate the Python modules, the type stubs and the descriptor set from the contracts."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterable

HERE = pathlib.Path(__file__).resolve().parent


def validation_descriptor() -> bytes:
    """Return `buf/validate/validate.proto` as a file descriptor; its wheel ships no `.proto` file."""
    from protovalidate._gen.buf.validate import validate_pb

    return bytes(validate_pb.desc().proto.to_binary())


def dependencies(target: pathlib.Path) -> pathlib.Path:
    """Write the descriptor set of everything the contracts import and return its path."""
    from google.api import annotations_pb2, http_pb2
    from google.protobuf import (
        descriptor_pb2,
        duration_pb2,
        empty_pb2,
        field_mask_pb2,
        timestamp_pb2,
    )

    files = descriptor_pb2.FileDescriptorSet()
    known = [descriptor_pb2, duration_pb2, timestamp_pb2, field_mask_pb2, empty_pb2, http_pb2, annotations_pb2]
    for module in known:
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().ParseFromString(validation_descriptor())
    path = target / "dependencies.binpb"
    path.write_bytes(files.SerializeToString())
    return path


def sources() -> list[str]:
    """Return the contract files, relative to this folder, in a stable order."""
    return sorted(str(p.relative_to(HERE)) for p in (HERE / "praxis").rglob("*.proto"))


def run(arguments: Iterable[str]) -> None:
    """Run protoc in this process' interpreter and stop with its exit code when it fails."""
    result = subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], cwd=HERE, check=False)
    if result.returncode:
        raise SystemExit(result.returncode)


def generate(out: pathlib.Path) -> None:
    """Write modules, stubs and `praxis/descriptors.binpb` (with comments) below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    known = dependencies(out)
    base = [f"--descriptor_set_in={known}"]
    plugins = pathlib.Path(sys.executable).parent
    stub, grpc_stub = (
        shutil.which(name, path=str(plugins)) or shutil.which(name)
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    )
    typed = []
    if stub and grpc_stub:
        typed = [
            f"--plugin=protoc-gen-mypy={stub}",
            f"--plugin=protoc-gen-mypy_grpc={grpc_stub}",
            f"--mypy_out=quiet:{out}",
            f"--mypy_grpc_out=quiet:{out}",
        ]
    roots = [f"-I{HERE}"]
    run([*base, *roots, f"--python_out={out}", f"--grpc_python_out={out}", *typed, *sources()])
    run([*base, *roots, f"--python_out={out}", "buf/validate/validate.proto"])
    descriptors = out / "praxis" / "descriptors.binpb"
    run(
        [*base, *roots, "--include_imports", "--include_source_info", f"--descriptor_set_out={descriptors}", *sources()]
    )
    known.unlink()
    inside = [out / "praxis", *(path for path in (out / "praxis").rglob("*") if path.is_dir())]
    for folder in inside:
        (folder / "__init__.py").touch()
    (out / "buf" / "__init__.py").touch()
    (out / "buf" / "validate" / "__init__.py").touch()


if __name__ == "__main__":
    generate(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "build" / "generated")
