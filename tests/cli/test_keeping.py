"""`claudemail backup`, `restore` and `rebuild`: what is asked, what is answered, and what is refused."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from claudemail.model.views import BackupView, RebuildView, RestoreView

LOCK = "gateway.lock"


@pytest.fixture
def still(node: Any) -> Any:
    """A node with mail whose gateway does not run."""
    node.send("alpha", "Deploy blocker", actions=["Review it"])
    os.unlink(Path(node.config.state_dir, LOCK))
    return node


@pytest.fixture
def archive(still: Any, tmp_path: Path) -> Path:
    """A backup of that node."""
    target = tmp_path / "backup.tar"
    assert still("backup", str(target)).code == 0
    return target


def content(folder: str) -> dict[str, bytes]:
    """Return the files in a folder that are mail or a key."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in (".db", ".key")}


class TestBackup:
    """`claudemail backup`."""

    def test_into_a_file(self, node: Any, tmp_path: Path) -> None:
        """It names the file, what is in it and how large it is, and says how secret that is; only its owner may read it."""
        node.send("alpha", "Hello")
        target = tmp_path / "backup.tar"
        ran = node("backup", str(target))
        first, second = ran.out.splitlines()
        assert ran.code == 0
        assert first.startswith(f"{target}  1 brief of server1, ")
        assert first.endswith(" KiB")
        assert "private key" in second
        assert "claudemail restore" in second
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        with tarfile.open(target) as tar:
            assert set(tar.getnames()) == {"manifest.json", "claudemail.db", "node.key", "config.json"}

    def test_into_a_folder(self, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder, or the one that it is run in, gets a file named after the node and the time."""
        node.send("alpha", "Hello")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "kept").mkdir()
        for arguments, folder in ([], tmp_path), (["kept"], tmp_path / "kept"):
            assert node("backup", *arguments).code == 0
            [made] = folder.glob("claudemail-*.tar")
            assert made.name.startswith("claudemail-server1-20")

    def test_while_the_gateway_runs(self, node: Any, tmp_path: Path) -> None:
        """It asks for no gateway to be stopped."""
        node.send("alpha", "Hello")
        assert Path(node.config.state_dir, LOCK).exists()
        assert node("backup", str(tmp_path / "backup.tar")).code == 0

    def test_json(self, node: Any, tmp_path: Path) -> None:
        """The JSON is the view, in ASCII."""
        node.send("alpha", "Hello")
        target = tmp_path / "Sicherung für später.tar"
        ran = node("backup", str(target), "--json")
        made = BackupView.model_validate(ran.json)
        assert ran.out.isascii()
        assert (made.path, made.node, made.briefs, made.bytes) == (str(target), "server1", 1, target.stat().st_size)

    def test_there_already(self, node: Any, tmp_path: Path) -> None:
        """A file that is there is left alone."""
        target = tmp_path / "backup.tar"
        target.write_text("mine")
        ran = node("backup", str(target))
        assert (ran.code, ran.out) == (1, "")
        assert f"{target} is there already. Give another name." in ran.err
        assert target.read_text() == "mine"

    def test_no_such_folder(self, node: Any, tmp_path: Path) -> None:
        """A folder that there is not is said to be none, as text and as JSON."""
        target = tmp_path / "nowhere" / "backup.tar"
        ran = node("backup", str(target))
        assert (ran.code, ran.out) == (1, "")
        assert str(target.parent) in ran.err
        assert "No such file or directory" in ran.err
        ran = node("backup", str(target), "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (1, "", "backup")

    def test_damaged_database(self, node: Any, tmp_path: Path) -> None:
        """Of a database that is damaged no backup is made."""
        Path(node.config.db_path).write_bytes(b"no database " * 1000)
        ran = node("backup", str(tmp_path / "backup.tar"))
        assert (ran.code, ran.out) == (5, "")
        assert "damaged" in ran.err
        assert not list(tmp_path.glob("backup*"))

    def test_of_a_node_without_a_key(self, still: Any, tmp_path: Path) -> None:
        """Whatever backup is made can be restored."""
        Path(still.config.state_dir, "node.key").unlink()
        target = str(tmp_path / "backup.tar")
        assert still("backup", target).code == 0
        assert still("restore", target).code == 0

    def test_mistakes(self, node: Any) -> None:
        """A second file is refused."""
        ran = node("backup", "a", "b")
        assert (ran.code, ran.out) == (2, "")
        assert "claudemail backup --help" in ran.err


class TestRestore:
    """`claudemail restore`."""

    def test_lines(self, still: Any, archive: Path) -> None:
        """It says what was restored, as of when, where the former database is, and how the gateway is started."""
        still.send("alpha", "Sent since")
        ran = still("restore", str(archive))
        first, second, last = ran.out.splitlines()
        assert ran.code == 0
        assert first.startswith("Restored 1 brief of server1, as of ")
        former = second.removeprefix("The former database is ").removesuffix(".")
        assert Path(former).exists()
        assert "claudemail gateway" in last
        assert [row["title"] for row in still("inbox", "--all", "--json").json["rows"]] == ["Deploy blocker"]

    def test_json(self, still: Any, archive: Path) -> None:
        """The JSON is the view, in ASCII."""
        ran = still("restore", str(archive), "--json")
        done = RestoreView.model_validate(ran.json)
        assert ran.out.isascii()
        assert (done.node, done.briefs, done.key) == ("server1", 1, "same")
        assert done.former is not None
        assert Path(done.former).exists()

    @pytest.mark.parametrize(
        ("key", "says"), [(None, "The node's key is restored, too."), (b"x" * 32, "not this node's key of today")]
    )
    def test_key(self, still: Any, archive: Path, key: bytes | None, says: str) -> None:
        """What became of the key is said, where it is not the one that is here."""
        path = Path(still.config.state_dir, "node.key")
        path.unlink()
        if key is not None:
            path.write_bytes(key)
            path.chmod(0o600)
        assert says in still("restore", str(archive)).out

    def test_gateway_running(self, node: Any, tmp_path: Path) -> None:
        """While the gateway runs nothing is changed, and how to go on is said."""
        node.send("alpha", "Hello")
        target = str(tmp_path / "backup.tar")
        node("backup", target)
        before = content(node.config.state_dir)
        ran = node("restore", target)
        assert (ran.code, ran.out) == (6, "")
        assert "The gateway of server1 is running" in ran.err
        assert "Nothing was changed. Stop it first" in ran.err
        assert content(node.config.state_dir) == before
        ran = node("restore", target, "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (6, "", "gateway_running")

    def test_what_is_no_backup(self, still: Any, archive: Path, tmp_path: Path) -> None:
        """A file that is none, is damaged, is not there, or is a folder, is refused, and nothing is changed."""
        garbage, short, other = (tmp_path / name for name in ("garbage.tar", "short.tar", "other.tar"))
        garbage.write_bytes(os.urandom(2_000))
        short.write_bytes(archive.read_bytes()[:100_000])
        other.write_bytes(bytes(byte ^ (number > 50_000) for number, byte in enumerate(archive.read_bytes())))
        before = content(still.config.state_dir)
        for path in (garbage, short, other, tmp_path / "nowhere.tar", tmp_path):
            ran = still("restore", str(path))
            assert (ran.code, ran.out) == (1 if path.is_file() else 2, "")
            assert str(path) in ran.err
            assert "Nothing was changed." in ran.err
        assert content(still.config.state_dir) == before

    def test_of_another_node(self, still: Any, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A backup of another node is refused, and where it belongs is said."""
        monkeypatch.setenv("CLAUDEMAIL_NODE", "server2")
        ran = still("restore", str(archive))
        assert (ran.code, ran.out) == (1, "")
        assert "is a backup of server1, and this is server2" in ran.err
        assert "Restore it on server1" in ran.err

    @pytest.mark.parametrize(("arguments", "says"), [([], "FILE"), (["a", "b"], "extra")])
    def test_mistakes(self, node: Any, arguments: list[str], says: str) -> None:
        """Without a file, and with two, it is refused."""
        ran = node("restore", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert says in ran.err
        assert "claudemail restore --help" in ran.err


class TestRebuildFiles:
    """`claudemail rebuild files`."""

    def test_line(self, node: Any) -> None:
        """It says how much was written and where to, and what was there already is written again."""
        node.send("alpha", "Deploy blocker", actions=["Review it"])
        for _ in range(2):
            ran = node("rebuild", "files")
            assert (ran.code, ran.out) == (0, f"2 briefs and changes of actions written to {node.config.mailbox_dir}\n")
        folder = Path(node.config.mailbox_dir)
        names = sorted(path.relative_to(folder).parts[0] for path in folder.rglob("*.md"))
        assert names == ["inbox", "sent"]

    def test_json(self, node: Any) -> None:
        """The JSON says the same."""
        node.send("alpha", "Deploy blocker")
        ran = node("rebuild", "files", "--json")
        assert ran.json == {"folder": node.config.mailbox_dir, "written": 1}

    def test_folder_that_is_a_file(self, node: Any) -> None:
        """Where there is no room for files that is said, with where, and the mail is said to be safe."""
        node.send("alpha", "Deploy blocker")
        Path(node.config.mailbox_dir).write_text("mine")
        ran = node("rebuild", "files")
        assert (ran.code, ran.out) == (1, "")
        assert node.config.mailbox_dir in ran.err
        assert "mailbox_dir" in ran.err
        assert "safe" in ran.err
        ran = node("rebuild", "files", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (1, "", "mirror")


class TestRebuildDatabase:
    """`claudemail rebuild database`."""

    def test_lines(self, still: Any) -> None:
        """It says what the new database has, and where the former one is."""
        still("rebuild", "files")
        ran = still("rebuild", "database")
        first, second = ran.out.splitlines()
        assert ran.code == 0
        assert first.startswith("Rebuilt: 1 brief, ")
        assert "1 change of actions" in first
        assert Path(second.removeprefix("The former database is ").removesuffix(".")).exists()
        assert still("action", "show", "1").out.startswith("Review it")

    def test_json(self, still: Any) -> None:
        """The JSON is the view."""
        still("rebuild", "files")
        made = RebuildView.model_validate(still("rebuild", "database", "--json").json)
        assert (made.briefs, made.entries, made.changes, made.queued, made.unverified, made.skipped) == (
            1,
            1,
            1,
            0,
            0,
            [],
        )
        assert made.former is not None

    def test_files_that_are_none(self, still: Any) -> None:
        """A file that is no brief is skipped and named, without what would act on a terminal."""
        still("rebuild", "files")
        (Path(still.config.mailbox_dir) / "inbox" / "no\x1b[31mbrief.md").write_text("---\ntitle: \x1b[31m\n")
        ran = still("rebuild", "database")
        assert ran.code == 0
        [line] = [line for line in ran.out.splitlines() if line.startswith("Skipped ")]
        assert line.startswith("Skipped inbox/no[31mbrief.md: ")
        assert "\x1b" not in ran.out

    def test_no_files(self, still: Any) -> None:
        """Without files the database stays."""
        before = content(still.config.state_dir)
        ran = still("rebuild", "database")
        assert (ran.code, ran.out) == (1, "")
        assert f"There is no brief in {still.config.mailbox_dir}. Nothing was changed." in ran.err
        assert content(still.config.state_dir) == before

    def test_gateway_running(self, node: Any) -> None:
        """While the gateway runs nothing is changed, and how to go on is said."""
        node.send("alpha", "Hello")
        node("rebuild", "files")
        before = content(node.config.state_dir)
        ran = node("rebuild", "database")
        assert (ran.code, ran.out) == (6, "")
        assert "Stop it first" in ran.err
        assert content(node.config.state_dir) == before

    @pytest.mark.parametrize("words", [["all"], ["files", "x"], ["database", "x"], ["database", "--force"]])
    def test_mistakes(self, node: Any, words: list[str]) -> None:
        """What there is not is refused, with the way to what there is."""
        ran = node("rebuild", *words)
        assert (ran.code, ran.out) == (2, "")
        assert words[-1] in ran.err
        assert "--help" in ran.err
