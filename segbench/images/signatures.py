"""What files are that no label map or photograph can be read from, by how they begin."""

from __future__ import annotations

_SIGNATURES = (
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "a zip archive, of NumPy arrays for instance"),
    (0, b"\x1f\x8b", "packed by gzip"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"CDF", "NetCDF"),
    (0, b"MATLAB", "a file of MATLAB"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "NIfTI"),
    (0, b"%PDF", "PDF"),
    (0, b"\xff\x0a", "JPEG XL, which is not read: write PNG"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL, which is not read: write PNG"),
    (4, b"ftyphei", "HEIC, which is not read: write PNG or JPEG"),
    (4, b"ftypmif1", "HEIF, which is not read: write PNG or JPEG"),
    (4, b"ftypavif", "AVIF, which this Pillow does not read"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"P7\n", "PAM, which is not read: write PNG"),
    (0, b"version https://git-lfs", "a pointer of Git LFS and not the file: git lfs pull"),
    (0, b"BZh", "packed by bzip2"),
    (0, b"7z\xbc\xaf", "packed by 7-Zip"),
    (0, b"SIMPLE  =", "FITS"),
)


def name_of(content: bytes) -> str:
    """A sentence that names what a file is; nothing where that is not known."""
    for at, signature, name in _SIGNATURES:
        if content[at : at + len(signature)] == signature:
            return f"this is {name}; it is not a picture" if "read" not in name and "pull" not in name else f"this is {name}"
    head = content[:64].lstrip()
    if head[:1] in (b"<", b"{", b"[") or (head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)):
        return "this is text, not a picture"
    return ""
