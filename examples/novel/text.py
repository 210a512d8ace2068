#!/usr/bin/env python3
"""Writes the text of a novel from the R package janeaustenr, with nothing but Python's standard library.

    python3 examples/novel/text.py emma out/emma.txt

The package is Debian's `r-cran-janeaustenr`, or any copy of it: `--package` names its folder. R itself is not
needed: a package's data lie in `data/Rdata.rdb`, one compressed object after the other, and `data/Rdata.rdx` says
where each begins.
"""

import argparse
import bz2
import gzip
import lzma
import struct
import sys
import zlib
from pathlib import Path

PACKAGE = Path("/usr/lib/R/site-library/janeaustenr")
NOVELS = {
    "sense-and-sensibility": "sensesensibility",
    "pride-and-prejudice": "prideprejudice",
    "mansfield-park": "mansfieldpark",
    "emma": "emma",
    "northanger-abbey": "northangerabbey",
    "persuasion": "persuasion",
}

# Types of R's serialization format that occur in data: see "Serialization Formats" in R Internals.
NIL, GLOBAL, REFERENCE, NO_VALUE = 254, 253, 255, 251
SYMBOL, PAIRS, CHARS, LOGICALS, INTEGERS, REALS, STRINGS, LIST = 1, 2, 9, 10, 13, 14, 16, 19
COMPACT = 238
ATTRIBUTES, TAG = 0x200, 0x400


class Reader:
    """Reads one serialized R object, in R's portable format (XDR)."""

    def __init__(self, data):
        self.data, self.at, self.seen = data, 0, []
        if self.take(2) != b"X\n":
            raise ValueError("not in R's portable format")
        version, _, _ = (self.integer() for _ in range(3))
        if version == 3:
            self.take(self.integer())  # the encoding that R ran with
        elif version != 2:
            raise ValueError(f"version {version} of R's format is not known")

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("the data end too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self):
        return struct.unpack(">i", self.take(4))[0]

    def length(self):
        length = self.integer()
        return length if length >= 0 else self.integer() << 32 | self.integer()

    def numbers(self, code, size):
        count = self.length()
        return list(struct.unpack(f">{count}{code}", self.take(size * count)))

    def read(self):
        flags = self.integer()
        kind = flags & 0xFF
        if kind in (NIL, GLOBAL, NO_VALUE):
            return None
        if kind == REFERENCE:
            return self.seen[(flags >> 8 or self.integer()) - 1]
        if kind == SYMBOL:
            self.seen.append(self.read())
            return self.seen[-1]
        if kind == CHARS:
            length = self.integer()
            return None if length == -1 else self.take(length).decode()
        if kind == PAIRS:
            return self.pairs(flags)
        if kind == COMPACT:
            _, state, _ = self.read(), self.read(), self.read()
            return state
        if kind in (LOGICALS, INTEGERS):
            value = self.numbers("i", 4)
        elif kind == REALS:
            value = self.numbers("d", 8)
        elif kind in (STRINGS, LIST):
            value = [self.read() for _ in range(self.length())]
        else:
            raise ValueError(f"R's type {kind} is not known")
        if flags & ATTRIBUTES:
            names = self.read().get("names")
            if kind == LIST and names:
                value = dict(zip(names, value))
        return value

    def pairs(self, flags):
        pairs = {}
        while flags & 0xFF == PAIRS:
            if flags & ATTRIBUTES:
                self.read()
            tag = self.read() if flags & TAG else len(pairs)
            pairs[tag] = self.read()
            flags = self.integer()
        return pairs


def decompress(data):
    """An object in an .rdb file: its size in four bytes, then how it is compressed unless by zlib."""
    if data[4:5] == b"Z":
        # LZMA as R's build of it wrote it: a whole .xz file, or only what is in one.
        if data[5:11] == b"\xfd7zXZ\x00":
            return lzma.decompress(data[5:])
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        return lzma.decompress(data[5:], lzma.FORMAT_RAW, filters=filters)
    if data[4:5] == b"2":
        return bz2.decompress(data[5:])
    return zlib.decompress(data[4:])


def lines(package, variable):
    index = (package / "data/Rdata.rdx").read_bytes()
    index = gzip.decompress(index) if index[:2] == b"\x1f\x8b" else zlib.decompress(index)
    offset, length = Reader(index).read()["variables"][variable]
    data = (package / "data/Rdata.rdb").read_bytes()[offset : offset + length]
    return Reader(decompress(data)).read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("novel", choices=NOVELS)
    parser.add_argument("file", type=Path, help="where to write it")
    parser.add_argument("--package", type=Path, default=PACKAGE, help=f"the package's folder ({PACKAGE})")
    options = parser.parse_args()
    try:
        text = lines(options.package, NOVELS[options.novel])
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is not there: install r-cran-janeaustenr, or name the package's folder")
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text("\n".join(line or "" for line in text) + "\n")
    words = sum(len((line or "").split()) for line in text)
    print(f"{options.file}: {len(text)} lines, {words} words")


if __name__ == "__main__":
    main()
