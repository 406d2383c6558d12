"""Networks on datasets under a protocol: from images to pair counts, and from these to records."""
