"""The reference part of the documentation site, written from the code that it describes.

Each module makes pages of one kind: ``settings``, ``commands``, ``templates``, ``api``. A page is its path below ``docs/`` and its
Markdown. Nothing of it is kept in the repository, so nothing of it can be out of date.
"""
