"""What MkDocs does beside its own: it adds the pages that are written from the code, and puts them into the navigation."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from site_pages import api, commands, settings, templates

MAKERS = (settings, commands, templates, api)


@cache
def generated() -> dict[str, str]:
    """Every page that is written from the code: path below ``docs/`` and text."""
    return {path: text for maker in MAKERS for path, text in maker.pages()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Spell out the folders in the navigation: ``reference/templates/`` stands for all pages below it."""
    config.nav = _spelt_out(config.nav, sorted(generated()))
    return config


def _spelt_out(nav: Any, paths: list[str]) -> Any:
    if isinstance(nav, dict):
        return {title: _spelt_out(item, paths) for title, item in nav.items()}
    if isinstance(nav, list):
        return [found for item in nav for found in (_below(item, paths) or [_spelt_out(item, paths)])]
    return nav


def _below(item: Any, paths: list[str]) -> list[str]:
    if not isinstance(item, str) or not item.endswith("/"):
        return []
    return sorted(
        (path for path in paths if path.startswith(item)), key=lambda path: (path != f"{item}index.md", path)
    )


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are in no folder."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files
