"""What the API promises, as an OpenAPI 3.1 document: shapes and examples of each operation, one module per noun.

To describe a new operation, add an ``Operation`` to the module of its noun (or make one, with ``TAG`` and ``OPERATIONS``).
"""

from hedgerow.api.schema.document import build
from hedgerow.api.schema.operations import Answer, Noun, Operation, Query, Tag, nouns

__all__ = ["Answer", "Noun", "Operation", "Query", "Tag", "build", "nouns"]
