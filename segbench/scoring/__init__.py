"""Folders of label maps against targets: pairing, counting, records, and what test servers take."""
