"""Configuration as files: destinations, actions and cohorts as people keep them beside their code.

``portray`` writes what the store has as documents, ``desired`` reads documents back, ``plan`` compares the two and says what would
change, and ``trying`` runs the cases that a destination's file carries. A document is plain data, as YAML and JSON have it; files
and folders are the command line's business.
"""

from __future__ import annotations

from hedgerow.configuration.keys import KINDS
from hedgerow.configuration.planning import Change, ConfigurationError, Fault, Plan, plan
from hedgerow.configuration.portray import portray
from hedgerow.configuration.snapshot import Snapshot

__all__ = ["KINDS", "Change", "ConfigurationError", "Fault", "Plan", "Snapshot", "plan", "portray"]
