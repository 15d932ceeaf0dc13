"""The mappings that ship, and a desk's own beside or instead of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.intake.core.hooks.coherence import incoherent
from services.intake.core.hooks.shape import HookMapping
from shared.mapping.file import MappingError, parse_file
from shared.policy.findings import Finding
from shared.runtime.files import why_unreadable

SHIPPED: Final = Path(__file__).parents[3] / "deploy" / "mapping" / "hooks"
"""Where the mappings are that ship with Tierline."""

_SEE: Final = "See deploy/mapping/hooks/ for how it is written."


def load_mapping(path: Path) -> HookMapping:
    """Return the mapping in the file *path*.

    Raises:
        MappingError: It cannot be read or used; it names every line that is wrong.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"it cannot be read: {why_unreadable(error)}"
        finding = Finding(None, "", "error", why, "Name a mapping file.")
        raise MappingError(str(path), [finding]) from error
    return parse_file(text, HookMapping, name=str(path), see=_SEE, incoherent=incoherent)


def load_mappings(own: Path | None = None) -> Mapping[str, HookMapping]:
    """Return all mappings by name, in their order; one in the folder *own* replaces its namesake.

    Raises:
        MappingError: A file cannot be used, or the folder cannot be read.
    """
    found: dict[str, HookMapping] = {}
    for folder in (SHIPPED, own):
        if folder is None:
            continue
        if not folder.is_dir():
            finding = Finding(None, "", "error", "it is no folder", "Name a folder of mappings.")
            raise MappingError(str(folder), [finding])
        for path in sorted(folder.glob("*.yaml")):
            mapping = load_mapping(path)
            found[mapping.mapping.name] = mapping
    return found
