"""Boards as pages: Markdown and HTML."""
