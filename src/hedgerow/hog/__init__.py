"""Hog, compiled to Python.

    >>> from hedgerow.hog import Host, compile_filter, compile_program, compile_template
    >>> compile_filter("event = 'signup' and properties.plan in ['pro', 'team']")({"event": "signup", "properties": {}})
    False
    >>> compile_template("Hello {person.name}").render({"person": {"name": "Ada"}})
    'Hello Ada'
    >>> compile_program("let x := 20; return x + 1").start({}, Host()).advance()
    Finished(value=21)

A program runs part by part: ``advance`` goes to its next asynchronous call, which the host carries out and answers.
"""

from __future__ import annotations

from hedgerow.hog import ast
from hedgerow.hog.bytecode import emit_bytecode
from hedgerow.hog.compiled import (
    AsyncSite,
    Filter,
    Program,
    Template,
    compile_filter,
    compile_program,
    compile_template,
)
from hedgerow.hog.errors import (
    Frame,
    HogCompileError,
    HogDepthLimit,
    HogDiverged,
    HogError,
    HogFetchLimit,
    HogInternalError,
    HogLimitError,
    HogMemoryLimit,
    HogRuntimeError,
    HogSizeLimit,
    HogSyntaxError,
    HogThrown,
    HogTimeLimit,
    OverBudget,
)
from hedgerow.hog.execution import Execution, Finished
from hedgerow.hog.host import AsyncCall, Host, JournalEntry, Limits
from hedgerow.hog.jsontext import to_json
from hedgerow.hog.parser import parse_expression, parse_program, parse_template
from hedgerow.hog.printer import format_source
from hedgerow.hog.templateset import TemplateSet, compile_template_set
from hedgerow.hog.text import print_form
from hedgerow.hog.tracing import Step, Trace, trace_program
from hedgerow.hog.values import HogCallable, HogDate, HogDateTime, HogErrorValue

__all__ = [
    "AsyncCall",
    "AsyncSite",
    "Execution",
    "Filter",
    "Finished",
    "Frame",
    "HogCallable",
    "HogCompileError",
    "HogDate",
    "HogDateTime",
    "HogDepthLimit",
    "HogDiverged",
    "HogError",
    "HogErrorValue",
    "HogFetchLimit",
    "HogInternalError",
    "HogLimitError",
    "HogMemoryLimit",
    "HogRuntimeError",
    "HogSizeLimit",
    "HogSyntaxError",
    "HogThrown",
    "HogTimeLimit",
    "Host",
    "JournalEntry",
    "Limits",
    "OverBudget",
    "Program",
    "Step",
    "Template",
    "TemplateSet",
    "Trace",
    "ast",
    "compile_filter",
    "compile_program",
    "compile_template",
    "compile_template_set",
    "emit_bytecode",
    "format_source",
    "parse_expression",
    "parse_program",
    "parse_template",
    "print_form",
    "to_json",
    "trace_program",
]
