"""Boards as plain data: their records, their rules, and what may be added to them."""
