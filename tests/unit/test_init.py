"""`cuewalk init`: says all that is wrong at once, and writes a configuration that holds."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from folders import noise, write_folder, write_masks
from PIL import Image
from safetensors.numpy import save_file

from cuewalk.audit.cli import main
from cuewalk.config import check_config, merge_config, read_config
from cuewalk.datasets.listing import list_classes, list_photographs
from cuewalk.start.check import FEW
from cuewalk.start.settings import SMALL, run_name

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_folder(Path("my photos"))


def init(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["init", *map(str, arguments)])


def written(path: str = "my_photos.yaml") -> dict:
    """The configuration that was written, laid over the default and checked."""
    default = read_config(PROJECT / "config.yaml")
    return check_config(merge_config(default, read_config(Path(path))))


def test_from_a_folder_to_a_configuration(root: Path) -> None:
    ran = init(root, "--labels", root / "labels.csv")
    assert ran.exit_code == 0, ran.output
    config = written()
    dataset = config["dataset"]
    assert (dataset["root"], dataset["labels"], dataset["masks"]) == (
        "my photos",
        "labels.csv",
        None,
    )
    assert (config["run"], config["tables"], config["exports"]) == ("my_photos", ["masks"], [])
    listed = list_photographs(dataset, Path(dataset["root"]))
    assert [(one.id, one.roles) for one in listed] == [
        (id, ("train", "evaluate")) for id in ("b", "beach__IMG_1", "d")
    ]
    assert config["masks"]["splits"] == ["evaluate"]  # so all of them get a mask


def test_the_tables_tell_what_was_found(root: Path) -> None:
    said = " ".join(init(root, "--labels", root / "labels.csv").output.split())
    for words in (
        "photographs with a label │ 3", "photographs without │ 1", "width, pixels │ 32 to 32",
        "1 .jpeg, 1 .jpg, 1 .png, 1 .tif", "cat │ 1 │ 2", "dog │ 2 │ 2", "things to mend │ 0",
        "1 photograph without a label, which get no mask (no label.tif)",
        "class 'cat': 2 photographs are few",
    ):  # fmt: skip
        assert words in said, said


def test_it_ends_with_the_command_to_type(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = init(root, "--labels", root / "labels.csv", "--output", "a b.yaml")
    *_, command = ran.output.splitlines()
    assert command.split()[0] == "snakemake"
    assert command.endswith("--configfile 'a b.yaml'")
    for word in command.split()[2:5:2]:
        assert Path(word).exists(), word


def test_everything_that_is_wrong_is_said_at_once(root: Path) -> None:
    shutil.copy(root / "b.jpeg", root / "b.png")
    (root / "d.png").write_bytes(b"")
    rows = "id,label\nq,cat\nbeach/IMG 1.JPG,a;b\nb.jpeg,cat\nd.png,cat\n"
    (root / "labels.csv").write_text(rows)
    ran = init(root, "--labels", root / "labels.csv", "--masks", "nowhere")
    assert ran.exit_code == 1
    said = [line for line in ran.stderr.splitlines() if line.startswith("cuewalk: ")]
    for words in (
        "same id 'b'", "'a;b'", "'q' does not lie", "nowhere: no such folder of masks",
        "d.png: cannot be decoded",
    ):  # fmt: skip
        assert len([line for line in said if words in line]) == 1, said
    assert len(said) == 5
    assert not list(Path().glob("*.yaml"))


def test_a_table_that_is_none_does_not_hide_the_rest(root: Path) -> None:
    (root / "labels.csv").write_text("b,cat\n")
    (root / "d.png").write_bytes(b"")
    ran = init(root, "--labels", root / "labels.csv")
    assert ran.exit_code == 1
    assert "no column id" in ran.stderr
    assert "d.png: cannot be decoded" in ran.stdout  # a note: nothing says that it has a label


def test_a_long_list_of_problems_is_cut(root: Path) -> None:
    rows = "".join(f"missing{i},cat\n" for i in range(150))
    (root / "labels.csv").write_text("id,label\nb,cat\n" + rows)
    ran = init(root, "--labels", root / "labels.csv")
    assert len(ran.stderr.splitlines()) == 101
    assert ran.stderr.splitlines()[-1] == "cuewalk: and 50 more."


@pytest.mark.parametrize("name", ["my_photos.yaml", "other.yaml"])
def test_nothing_is_overwritten(root: Path, name: str) -> None:
    Path(name).write_text("mine")
    ran = init(root, "--labels", root / "labels.csv", "--output", name)
    assert ran.exit_code == 2
    assert f"{name}: exists already" in ran.stderr
    assert Path(name).read_text() == "mine"


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_no_folder_of_photographs(root: Path, folder: str) -> None:
    Path("empty").mkdir()
    ran = init(folder)
    assert ran.exit_code == 2
    assert len(ran.stderr.splitlines()) == 1
    assert folder in ran.stderr


@pytest.mark.parametrize("folder", [".", ".."])
def test_results_among_the_photographs(root: Path, folder: str) -> None:
    ran = init(folder)
    assert ran.exit_code == 2
    assert "the results would lie among the photographs" in ran.stderr


def test_masks_are_checked_and_scored(root: Path) -> None:
    write_masks(Path("truth"), "b.png", "d.png", "no label.png")
    ran = init(root, "--labels", root / "labels.csv", "--masks", "truth")
    assert ran.exit_code == 0, ran.output
    assert "masks of ground truth │ 2" in " ".join(ran.output.split())
    assert "1 mask of no labelled photograph (no label.png)" in ran.output
    dataset = written()["dataset"]
    assert sum(len(one.masks) for one in list_photographs(dataset, Path("my photos"))) == 2
    noise(0).save("truth/d.png")
    ran = init(root, "--labels", root / "labels.csv", "--masks", "truth", "--output", "b.yaml")
    assert ran.exit_code == 1
    assert "d.png: mode RGB" in ran.stderr


def test_a_list_to_report_on_is_kept_apart_if_it_can_be_scored(root: Path) -> None:
    rows = "id,label,split\nb,cat,train\nbeach/IMG 1,dog,train\nd,dog,val\nd,cat,val\n"
    (root / "labels.csv").write_text(rows)
    write_masks(Path("truth"), "d.png")
    assert init(root, "--labels", root / "labels.csv", "--masks", "truth").exit_code == 0
    config = written()
    assert (config["dataset"]["train"], config["dataset"]["evaluate"]) == ("train", "val")
    assert config["masks"]["splits"] == ["train", "evaluate"]
    assert len(list_photographs(config["dataset"], Path("my photos"))) == 3
    assert init(root, "--labels", root / "labels.csv", "--output", "c.yaml").exit_code == 0
    assert written("c.yaml")["dataset"]["evaluate"] == "all"
    Path("truth/d.png").rename("truth/b.png")  # none of the list val is left
    told = ("--labels", root / "labels.csv", "--masks", "truth", "--output", "d.yaml")
    assert init(root, *told).exit_code == 0 and written("d.yaml")["dataset"]["evaluate"] == "all"


def test_a_folder_per_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cat/a.jpg", "hot dog/b.jpg"):
        Path("all", name).parent.mkdir(parents=True)
        noise(0).save(Path("all", name))
    assert init("all").exit_code == 0
    dataset = written("all.yaml")["dataset"]
    assert list_classes(dataset, Path("all")).names == ("cat", "hot dog")


def test_names_that_yaml_would_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_folder(Path("yes: #1 {äö}"))
    (folder / "labels.csv").rename(folder / "null")
    assert init(folder, "--labels", folder / "null", "--output", "a.yaml").exit_code == 0
    dataset = written("a.yaml")["dataset"]
    assert (dataset["root"], dataset["labels"]) == (str(folder), "null")


def test_run_names() -> None:
    assert run_name(Path("/x/my photos")) == "my_photos"
    assert run_name(Path("/x/...")) == "photographs"
    assert run_name(Path("/x/写真")) == "photographs"


@pytest.mark.parametrize(("option", "size"), [("--small", 224), ("--large", 320)])
def test_size_of_the_settings(root: Path, option: str, size: int) -> None:
    assert init(root, "--labels", root / "labels.csv", option).exit_code == 0
    config = written()
    assert config["classifier"]["model"]["image_size"] == size
    assert config["grid"]["cells"] == size // 8


def test_size_follows_the_number_of_photographs() -> None:
    from cuewalk.start.settings import Wishes, write_settings

    def settings(n: int) -> dict:
        wishes = Wishes("a", "a", None, None, {"all": n}, (), "none", {}, small=n <= SMALL)
        default = read_config(PROJECT / "config.yaml")
        wanted = merge_config(default, yaml.safe_load(write_settings(wishes)))
        check_config(merge_config(wanted, {"tables": ["faithfulness"]}))
        return check_config(wanted)

    epochs = [settings(n)["classifier"]["training"]["epochs"] for n in (1, 30, 100, 1000, 9999)]
    assert epochs == sorted(epochs, reverse=True)
    assert [settings(n)["shards"]["train"] for n in (30, SMALL, SMALL + 1, 2560)] == [1, 1, 2, 10]


# Weights of the stem.


def test_weights_say_what_they_need(root: Path) -> None:
    save_file({"a": np.zeros(1)}, "same.safetensors", {"pad_type": "same"})
    save_file({"a": np.zeros(1)}, "plain.safetensors")
    for name, options in (("same", {"pad_type": "same"}), ("plain", {})):
        output = f"{name}.yaml"
        weights = f"{name}.safetensors"
        ran = init(root, "--labels", root / "labels.csv", "--weights", weights, "--output", output)
        assert ran.exit_code == 0, ran.output
        stem = written(output)["classifier"]["model"]["stem"]
        assert (stem["weights"], stem["options"]) == (weights, options)


def test_bad_weights(root: Path) -> None:
    Path("damaged.safetensors").write_bytes(b"damaged")
    for name, words in (("damaged.safetensors", "not a readable"), ("none.pth", "no such weights")):
        ran = init(root, "--labels", root / "labels.csv", "--weights", name)
        assert ran.exit_code == 2
        assert f"{name}: {words}" in ran.stderr
        assert not Path("my_photos.yaml").exists()


# Smaller copies.


@pytest.mark.parametrize("labels", ["my photos/labels.csv", "elsewhere.csv"])
def test_reduced_copies_are_used(root: Path, labels: str) -> None:
    noise(5, 200, 100).rotate(90, expand=True).save(root / "beach/IMG 1.JPG", exif=turned())
    if labels == "elsewhere.csv":
        (root / "labels.csv").rename(labels)
    ran = init(root, "--labels", labels, "--reduce", 64)
    assert ran.exit_code == 0, ran.output
    dataset = written()["dataset"]
    assert dataset["root"] == "my photos-64"
    listed = list_photographs(dataset, Path(dataset["root"]))
    before = list_photographs(
        dataset | {"root": "my photos", "labels": str(Path(labels).resolve())}, root
    )
    assert [(one.id, one.labels, one.files) for one in listed] == [
        (one.id, one.labels, one.files) for one in before
    ]
    sizes = {one.id: Image.open(Path("my photos-64", one.files[0])).size for one in listed}
    assert sizes == {"b": (32, 24), "beach__IMG_1": (32, 64), "d": (32, 24)}  # upright
    assert not Path("my photos-64/no label.tif").exists()


def turned() -> Image.Exif:
    """Says that a photograph has to be turned by a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_copies_are_not_made_over_others_nor_beside_masks(root: Path) -> None:
    write_masks(Path("truth"), "d.png")
    ran = init(root, "--labels", root / "labels.csv", "--masks", "truth", "--reduce", 64)
    assert ran.exit_code == 2
    assert "--reduce: masks of ground truth" in ran.stderr
    Path("my photos-64").mkdir()
    ran = init(root, "--labels", root / "labels.csv", "--reduce", 64)
    assert ran.exit_code == 2
    assert "my photos-64: exists already" in ran.stderr


# Notes: what had better be known.


def test_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    rows = ["id,label"]
    for number in range(FEW + 1):
        noise(number, 30, 1030 if number == 0 else 40).save(f"a/{number}.jpg")
        rows.append(f"{number},cat")
    Path("a/photo.heic").write_bytes(b"")
    Path("a.csv").write_text("\n".join(rows))
    ran = init("a", "--labels", "a.csv")
    assert ran.exit_code == 0
    for words in (
        "class 'cat': every photograph shows it",
        "1 files .heic are passed over",
        "1 photograph with a side above 1,024 pixels (0.jpg)",
    ):
        assert words in ran.output
