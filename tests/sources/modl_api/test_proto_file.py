"""The Python modules of the .proto file are what `make proto` makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.sources.modl import protobuf

FOLDER = Path(protobuf.__file__).parent


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the compiler makes of the .proto file."""
    folder = tmp_path_factory.mktemp("compiled")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={FOLDER}"]
    command += [f"--python_out={folder}", f"--pyi_out={folder}", "minecraft.proto"]
    subprocess.run(command, check=True)  # noqa: S603 - a command of ours
    return folder


@pytest.mark.parametrize("name", ["minecraft_pb2.py", "minecraft_pb2.pyi"])
def test_a_generated_module_is_what_the_compiler_makes_of_the_proto_file(compiled: Path, name: str) -> None:
    assert (FOLDER / name).read_text() == (compiled / name).read_text(), "run `make proto`"
