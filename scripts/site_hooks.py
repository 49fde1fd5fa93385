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
    config.nav = _spelt_out(config.nav)
    return config


def _spelt_out(nav: Any) -> Any:
    if isinstance(nav, dict):
        return {title: _spelt_out(item) for title, item in nav.items()}
    if isinstance(nav, list):
        return [found for item in nav for found in (_below(item) or [_spelt_out(item)])]
    return nav


def _below(item: Any) -> list[str]:
    folder = isinstance(item, str) and item.endswith("/")
    return [path for path in generated() if path.startswith(item)] if folder else []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are in no folder."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files
