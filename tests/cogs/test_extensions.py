"""Every extension under cogs/ is loaded."""

import ast
from pathlib import Path

import cogs

_FOLDER = Path(cogs.__file__).parent


def modules_with_setup(folder: Path) -> set[str]:
    """The dotted names of the modules that define `async def setup`, as discord.py extensions do."""
    return {
        ".".join(file.relative_to(folder.parent).with_suffix("").parts)
        for file in folder.rglob("*.py")
        if any(
            isinstance(node, ast.AsyncFunctionDef) and node.name == "setup"
            for node in ast.parse(file.read_text("utf-8")).body
        )
    }


def test_every_module_with_a_setup_is_listed_once_as_an_extension() -> None:
    assert sorted(cogs.EXTENSIONS) == sorted(modules_with_setup(_FOLDER))
