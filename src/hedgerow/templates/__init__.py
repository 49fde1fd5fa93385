"""Ready-made destinations: data, no Python. One folder each; see ``hedgerow.destinations.catalogue``."""
