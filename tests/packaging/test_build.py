"""What is installed is what is in the repository, in every way of installing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from claudemail import __version__

ROOT = Path(__file__).parent.parent.parent
LINKED = ("tui", "themes")
BUILD = (sys.executable, "-m", "build", "--no-isolation", "--outdir")
SHOW = """
from importlib.resources import files
import claudemail, claudemail.themes.loader, claudemail.tui, claudemail.store.database as database
from pathlib import Path
print(Path(claudemail.__file__).resolve().parent)
print(Path(claudemail.tui.__file__).parent)
print(len(database.MAIL.text(1)) > 0, len(list(files("claudemail.themes").iterdir())) > 1)
"""


def run(command: Sequence[str | Path], cwd: Path, path: Path | None = None) -> str:
    """Run a command with only `path` to import from, beside the installed dependencies, and return its output."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the repository holds, links as links, so that building leaves nothing behind in it."""
    folder = tmp_path_factory.mktemp("checkout") / "claudemail"
    ignore = shutil.ignore_patterns(".git", *(ROOT / ".gitignore").read_text().replace("/\n", "\n").split())
    shutil.copytree(ROOT, folder, symlinks=True, ignore=ignore)
    return folder


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel, both made from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run([*BUILD, folder, "--sdist", "--wheel"], checkout)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    return built / f"claudemail-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built / f"claudemail-{__version__}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"claudemail-{__version__}"


def sources(checkout: Path) -> set[str]:
    """Return the files that belong into the package, as the package names them."""
    found = set()
    for top in ("claudemail", *LINKED):
        for folder, _, names in os.walk(checkout / top):  # does not follow links
            inside = Path(folder).relative_to(checkout).as_posix()
            prefix = "" if top == "claudemail" else "claudemail/"
            found |= {f"{prefix}{inside}/{name}" for name in names if not (Path(folder) / name).is_symlink()}
    return found


def test_the_wheel_holds_the_package_and_nothing_else(checkout: Path, wheel: Path) -> None:
    """Every file of the package is in the wheel as a file, console and themes within it, and no other package beside it."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        links = [one.filename for one in archive.infolist() if one.external_attr >> 16 & 0o170000 == 0o120000]
    info = {name for name in names if name.startswith(f"claudemail-{__version__}.dist-info/")}
    assert names - info == sources(checkout)
    assert links == []
    assert {name.partition("/")[0] for name in names - info} == {"claudemail"}
    assert f"claudemail-{__version__}.dist-info/licenses/LICENSE" in info
    for one in ("py.typed", "store/schema/0001.sql", "tui/app.py", "themes/loader.py"):
        assert f"claudemail/{one}" in names
    for kind in (".sql", ".tcss", ".toml"):
        assert any(name.endswith(kind) for name in names), kind


def test_the_source_distribution_holds_what_it_needs(checkout: Path, unpacked: Path) -> None:
    """The source distribution has the whole package once, without links, and tests, pictures, README and license beside it."""
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert [path for path in unpacked.rglob("*") if path.is_symlink()] == []
    assert {name for name in names if name.startswith("claudemail/")} == sources(checkout)
    assert not any((unpacked / top).exists() for top in LINKED)
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names
    for top in ("tests", "screenshots"):
        assert {
            path.relative_to(checkout).as_posix() for path in (checkout / top).rglob("*") if path.is_file()
        } <= names


def test_the_source_distribution_runs(unpacked: Path) -> None:
    """Without installing anything, the package runs from the unpacked source distribution, console and themes included."""
    assert __version__ in run([sys.executable, "-m", "claudemail", "--version"], unpacked, unpacked)
    shown = run([sys.executable, "-c", SHOW], unpacked, unpacked).splitlines()
    assert shown == [str(unpacked / "claudemail"), str(unpacked / "claudemail" / "tui"), "True True"]


def test_the_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    """Installed from the wheel, the package runs, and its console and themes are real folders of its own."""
    target = tmp_path / "site"
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel], tmp_path)
    assert not (target / "tui").exists()
    assert not (target / "themes").exists()
    assert not (target / "claudemail" / "tui").is_symlink()
    assert __version__ in run([sys.executable, "-m", "claudemail", "--version"], tmp_path, target)
    shown = run([sys.executable, "-c", SHOW], tmp_path, target).splitlines()
    assert shown == [f"{target}/claudemail", f"{target}/claudemail/tui", "True True"]


def test_a_wheel_from_the_source_distribution_is_the_same(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    """Building the wheel from the unpacked source distribution gives the files that building it here gives."""
    run([*BUILD, tmp_path, "--wheel"], unpacked)
    with zipfile.ZipFile(tmp_path / wheel.name) as one, zipfile.ZipFile(wheel) as other:
        assert {info.filename: info.CRC for info in one.infolist()} == {
            info.filename: info.CRC for info in other.infolist()
        }


@pytest.mark.parametrize("kind", ["checkout", "unpacked"])
def test_an_editable_install_runs(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Installed in editable form, the package is the checkout's own or the source distribution's, with console and themes."""
    source: Path = request.getfixturevalue(kind)
    target = tmp_path / "site"
    install = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    run([*install, "--target", target, "-e", source], tmp_path)
    # The environment that runs the tests has a claudemail installed too; it is taken out of the way.
    other = (
        "import os, sys; sys.path[:] = [one for one in sys.path if not os.path.isfile(f'{one}/claudemail/__init__.py')]"
    )
    script = f"{other}\nimport site; site.addsitedir({str(target)!r})\n{SHOW}"
    shown = run([sys.executable, "-c", script], tmp_path).splitlines()
    assert shown == [str(source / "claudemail"), str(source / "claudemail" / "tui"), "True True"]


def test_a_checkout_runs(checkout: Path) -> None:
    """Without installing anything, the package runs from the folder of the checkout, through the links."""
    assert __version__ in run([sys.executable, "-m", "claudemail", "--version"], checkout, checkout)
    shown = run([sys.executable, "-c", SHOW], checkout, checkout).splitlines()
    assert shown == [str(checkout / "claudemail"), str(checkout / "claudemail" / "tui"), "True True"]
