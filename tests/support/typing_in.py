"""Commands as they are typed, without a process of their own."""

from __future__ import annotations

from hedgerow.cli import main


def typed(monkeypatch, capsys, *arguments):
    """Run ``hedgerow`` with some arguments; its status, standard output and standard error."""
    monkeypatch.setattr("sys.argv", ["hedgerow", *arguments])
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    return status, *capsys.readouterr()
