"""Configuration as files: destinations, actions and cohorts as people keep them beside their code.

``portray`` writes what the store has as documents, ``desired`` reads documents back, ``plan`` compares the two and says what would
change, and ``trying`` runs the cases that a destination's file carries. A document is plain data, as YAML and JSON have it; files
and folders are the command line's business.

Nothing is imported here: the command line reads folders without loading the language.
"""
