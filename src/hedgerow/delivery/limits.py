"""The bounds of Hog programs, as the settings of an instance have them."""

from __future__ import annotations

from hedgerow.hog import Limits
from hedgerow.settings import Settings


def limits_of(settings: Settings) -> Limits:
    """What one run of a program may use. A destination may be allowed more fetches: ``CompiledDestination.limits``."""
    return Limits(
        cpu_ms=settings.hog_cpu_ms,
        memory=settings.hog_memory,
        depth=settings.hog_depth,
        string=settings.hog_string,
        items=settings.hog_items,
        json_depth=settings.hog_json_depth,
        fetches=settings.max_fetches,
        log_lines=settings.hog_log_lines,
        log_length=settings.hog_log_length,
    )
