"""What is read may come from strangers: it runs nothing, leads nowhere, and is refused in words."""

import ast
import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image
from trees import read, read_truths, write_list, write_voc
from zarr.storage import LocalStore

from cuewalk.artifacts.places import leads_out
from cuewalk.artifacts.store import Store, read_store, write_store
from cuewalk.config import check_config, merge_config, read_config
from cuewalk.datasets.images import FOLLOW, MOST_PIXELS, decode, load_image
from cuewalk.datasets.mat import read_cell
from cuewalk.datasets.record import Record
from cuewalk.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = sorted((PROJECT / "src" / "cuewalk").rglob("*.py"))

# What the code calls. Each of these runs what it reads, or hands text to a shell.


def calls():
    """(file, dotted name, keyword -> value as source) of every call in the package."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                yield path.relative_to(PROJECT), ast.unparse(node.func), keywords


CALLS = list(calls())


@pytest.mark.parametrize(
    "name",
    ["pickle.load", "pickle.loads", "pickle.Unpickler", "pd.read_pickle", "joblib.load", "eval",
     "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen",
     "np.fromfile", "torch.hub.load", "tarfile.open", "shutil.unpack_archive"],
)  # fmt: skip
def test_nothing_is_called_that_runs_what_it_reads(name):
    assert not [path for path, called, _ in CALLS if called == name]


def test_no_archive_is_unpacked():
    assert not [p for p, called, _ in CALLS if called.endswith((".extract", ".extractall"))]


def test_torch_unpickles_tensors_alone():
    loads = [keywords for _, called, keywords in CALLS if called == "torch.load"]
    assert len(loads) == 2
    assert all(keywords.get("weights_only") == "True" for keywords in loads)


def test_arrays_are_never_unpickled_and_shells_never_called():
    assert not [p for p, _, keywords in CALLS if "allow_pickle" in keywords or "shell" in keywords]


def test_xml_is_read_by_defusedxml_alone():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xml"):
                assert [alias.name for alias in node.names] == ["ParseError"], path
            if isinstance(node, ast.Import):
                assert not [a for a in node.names if a.name.split(".")[0] in ("xml", "lxml")], path


# XML.

BOMB = """<!DOCTYPE a [<!ENTITY a "ha">{}]>
<annotation><object><name>&h;</name></object></annotation>"""
ENTITIES = "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefg", "bcdefgh", strict=True)
)
EXTERNAL = """<!DOCTYPE a [<!ENTITY h SYSTEM "file:///etc/passwd">]>
<annotation><object><name>&h;</name></object></annotation>"""


@pytest.mark.parametrize("text", [BOMB.format(ENTITIES), EXTERNAL], ids=["bomb", "file"])
def test_entities_are_refused(tmp_path, text):
    root = write_voc(tmp_path)
    (root / "Annotations" / "a.xml").write_text(text)
    with pytest.raises(InputError, match=r"a\.xml: not readable XML \(Entities?Forbidden") as error:
        read(root)
    assert "root:" not in str(error.value)


# Images.


def write_png(path: Path, width: int, height: int) -> None:
    """The header of a PNG of any size, with next to no pixels after it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(width + 1))), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def test_an_image_bomb_is_refused_by_its_size(tmp_path):
    write_png(tmp_path / "bomb.png", 60_000, 50_000)
    with pytest.raises(InputError) as error:
        decode(tmp_path / "bomb.png")
    assert "bomb.png: has 3,000,000,000 pixels" in str(error.value)
    assert f"at most {MOST_PIXELS:,}" in str(error.value)


def test_a_large_photograph_is_no_bomb(tmp_path, recwarn):
    # Above Pillow's warning, below what is refused; one bit a pixel keeps it small.
    side = 9_600
    assert MOST_PIXELS / 2 < side * side < MOST_PIXELS
    Image.new("1", (side, side)).save(tmp_path / "large.png")
    assert decode(tmp_path / "large.png")[0].size == (side, side)
    assert not [w for w in recwarn if "bomb" in str(w.message)]


def test_formats_that_run_programs_are_no_photographs(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert Image.open(path).format == "EPS"  # Pillow itself would start Ghostscript
    with pytest.raises(InputError, match="cannot be decoded"):
        decode(path)


# Names.


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "/etc/passwd", "//a", "a\0b"])
def test_names_that_lead_out(name):
    assert leads_out(name)


@pytest.mark.parametrize("name", [".", "a", "a/b", "a/../b", "..a", "a..", "a/..b/c", "~", "..."])
def test_names_that_do_not(name):
    assert not leads_out(name)


@pytest.mark.parametrize("id", ["../a", "/etc/passwd", "..", "a/b", ".a", "a\\b", "$(a)", "a b"])
def test_a_list_cannot_name_what_lies_elsewhere(tmp_path, id):
    root = write_voc(tmp_path / "voc")
    write_list(root, "train", [id])
    with pytest.raises(InputError, match=r"train\.txt: .* is not an id"):
        read(root)


@pytest.mark.parametrize("path", ["../secret.png", "a/../../secret.png", "{}/secret.png"])
def test_an_index_cannot_name_what_lies_elsewhere(tmp_path, path):
    Image.new("RGB", (4, 3)).save(tmp_path / "secret.png")
    (tmp_path / "root" / "a").mkdir(parents=True)
    record = Record("x", path.format(tmp_path), (), (), 3, 4, "")
    with pytest.raises(InputError, match="leads out of this folder"):
        load_image(tmp_path / "root", record)


@pytest.mark.parametrize("where", ["file", "folder", "mask"])
def test_a_link_cannot_lead_out_unless_asked_for(tmp_path, monkeypatch, where):
    root = write_voc(tmp_path / "voc")
    place = {"file": "JPEGImages/a.jpg", "folder": "JPEGImages", "mask": "SegmentationClass/a.png"}
    inside = root / place[where]
    elsewhere = inside.rename(tmp_path / "elsewhere")
    inside.symlink_to(elsewhere)
    reads = read_truths if where == "mask" else read
    with pytest.raises(InputError, match=f"a link leads out of .*{FOLLOW}=1"):
        reads(root)
    monkeypatch.setenv(FOLLOW, "1")
    assert reads(root)


def test_links_within_the_root_and_a_root_that_is_one_are_followed(tmp_path):
    write_voc(tmp_path / "real")
    (tmp_path / "real" / "JPEGImages").rename(tmp_path / "real" / "store")
    (tmp_path / "real" / "JPEGImages").symlink_to("store")
    (tmp_path / "voc").symlink_to("real")
    assert read(tmp_path / "voc").records


def test_a_run_cannot_be_named_out_of_results():
    config = read_config(PROJECT / "config.yaml")
    for name in ("../x", "/tmp/x", "a/b", "a b", "$(a)", "a'b", 'a"b', "a\nb", "-a", ".."):
        with pytest.raises(InputError, match="config key run"):
            check_config(merge_config(config, {"run": name}))
    # A `$` of a pattern matches before a last line break too.
    with pytest.raises(InputError, match="config key run"):
        check_config(merge_config(config, {"run": "demo\n"}))


# MATLAB files and stores.


def test_a_matlab_file_cannot_show_what_lies_in_another(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"root:x:0:0" * 10)
    with h5py.File(tmp_path / "other.mat", "w") as other:
        other["pixels"] = np.zeros((3, 4, 5), np.uint8)
    layout = h5py.VirtualLayout((3, 4, 5), np.uint8)
    layout[...] = h5py.VirtualSource(str(tmp_path / "other.mat"), "pixels", (3, 4, 5))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        raw = file.create_dataset("raw", (10,), np.uint8, external=[(str(secret), 0, 10)])
        virtual = file.create_virtual_dataset("virtual", layout)
        own = file.create_dataset("own", data=np.ones((3, 4, 5), np.uint8))
        cells = np.array([raw.ref, virtual.ref, own.ref], h5py.ref_dtype)
        file.create_dataset("value/img", data=cells, dtype=h5py.ref_dtype)
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.mat"), "/pixels")
    for number in (0, 1):
        with pytest.raises(InputError, match="its values lie in another file"):
            read_cell(tmp_path / "a.mat", "/value/img", number)
    assert read_cell(tmp_path / "a.mat", "/value/img", 2).shape == (5, 4, 3)
    with pytest.raises(InputError):
        read_cell(tmp_path / "a.mat", "/linked", 0)


def zip_of(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "x") as file:
        for part in sorted(p for p in folder.rglob("*") if p.is_file()):
            file.write(part, part.relative_to(folder).as_posix())
    return path


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_store_with_pickled_objects_is_refused_and_not_run(tmp_path):
    from numcodecs import Pickle

    mark, values = tmp_path / "mark", np.empty(1, object)
    values[0] = Trap(mark)
    folder = tmp_path / "plain"
    group = zarr.open_group(LocalStore(folder), mode="w", zarr_format=2)
    group.attrs["ids"] = ["a"]
    (folder / "grid").mkdir()
    about = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None,
        "fill_value": None, "order": "C", "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    (folder / "grid" / ".zarray").write_text(json.dumps(about))
    (folder / "grid" / "0").write_bytes(Pickle().encode(values))
    path = zip_of(folder, tmp_path / "x.zarr.zip")
    with pytest.raises(Exception):  # noqa: B017  (zarr says so in its own way)
        read_store(path)
    assert not mark.exists()
    pickle.loads((folder / "grid" / "0").read_bytes())
    assert mark.exists()  # the trap is armed


def test_a_store_of_texts_is_refused(tmp_path):
    folder = tmp_path / "plain"
    group = zarr.open_group(LocalStore(folder), mode="w", zarr_format=3)
    group.attrs["ids"] = ["a"]
    group.create_array("grid", shape=(1,), dtype=str)[...] = "text"
    with pytest.raises(ValueError, match="not numbers"):
        read_store(zip_of(folder, tmp_path / "x.zarr.zip"))


@pytest.mark.parametrize("name", ["../out", "/{}/out", "grid/../../out", "grid/out"])
def test_parts_of_a_store_lead_nowhere(tmp_path, name):
    path = tmp_path / "store" / "x.zarr.zip"
    array = np.arange(3, dtype=np.float32)
    write_store(path, Store(("a", "b", "c"), {"grid": array}, {}))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name.format(tmp_path), "secret")
    before = sorted(tmp_path.rglob("*"))
    try:
        assert np.array_equal(read_store(path).arrays["grid"], array)
    except ValueError as error:
        assert name == "../out"  # zarr lists it as a group called `..`
        assert "'..' is invalid" in str(error)
    assert sorted(tmp_path.rglob("*")) == before
