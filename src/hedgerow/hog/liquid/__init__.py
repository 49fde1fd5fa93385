"""Liquid templates, for the inputs that choose them instead of Hog.

Parsing is python-liquid's. What decides how a value looks is our own, by the behaviour of LiquidJS, which PostHog runs:
the text of numbers, the filters, and that every output is escaped for HTML unless it passed through ``raw``. Files are
out of reach, and a render is bound in time, size and rounds.
"""

from __future__ import annotations

from hedgerow.hog.liquid.template import LiquidTemplate, compile_liquid

__all__ = ["LiquidTemplate", "compile_liquid"]
