"""From the syntax tree to Python code objects.

``scope`` finds out what every name means, ``kinds`` what is known of values, ``flow`` where the host's values go. ``forms``,
``expressions``, ``functions`` and ``statements`` emit Python's own syntax tree, each on top of the one before. ``assemble`` makes
functions of it, and ``blame`` finds the place in the source when one of them fails.
"""
