"""`claudemail doctor`: what is wrong with a node, what to do about it, and what it mends itself."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.clock import wall_ms
from claudemail.config import CONFIG_ENV, NODE_ENV
from claudemail.doctor import local
from claudemail.doctor.finding import DoctorView, State
from claudemail.keys import NodeKey
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.store.database import MAIL
from tests.cli.conftest import DAY_MS, Clinic


def listing(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return everything below a folder: mode, and of files time and content; but for what SQLite writes beside a database."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        if path.name.endswith(("-shm", "-wal")):
            continue
        status = path.lstat()
        is_file = path.is_file()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else None
        found[str(path)] = (oct(status.st_mode), status.st_mtime_ns if is_file else None, digest)
    return found


class TestWell:
    """A node that is well."""

    def test_lines(self, clinic: Clinic) -> None:
        """Everything that was looked at has a line, and the exit code is 0."""
        ran = clinic.ask()
        names = [line[9:21].strip() for line in ran.out.splitlines()]
        assert ran.code == 0
        assert names == ["config", "key", "modes", "sqlite", "database", "disk", "files", "gateway", "claude code"]
        assert {line.split()[0] for line in ran.out.splitlines()} == {"ok", "note"}
        assert f"{clinic.database} is whole, with 1 brief" in ran.out
        assert "--fix" not in ran.out

    def test_json(self, clinic: Clinic) -> None:
        """The JSON is the view, in ASCII."""
        ran = clinic.ask("--json")
        view = DoctorView.model_validate(ran.json)
        assert ran.out.isascii()
        assert view.node == "server1"
        assert {one.state for one in view.findings} == {State.OK, State.NOTE}
        assert not any(one.fixable or one.fixed for one in view.findings)

    def test_new_node(self, clinic: Clinic) -> None:
        """Where nothing is yet, that is a note and no problem, and nothing is made."""
        clinic.configure(db_path="state/claudemail.db", registry_db_path="state/registry.db")
        ran = clinic.ask()
        assert ran.code == 0
        assert ran.out.count("it is made when it is first needed") == 3
        assert not (clinic.folder / "state").exists()

    def test_without_a_config(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        """A node without a config file stands alone, which is no problem either."""
        monkeypatch.delenv(CONFIG_ENV)
        monkeypatch.setenv(NODE_ENV, "lab")
        assert "no config file: this node stands alone; this is lab" in clinic.ask().out

    @pytest.mark.parametrize(
        ("arguments", "says"), [(["extra"], "extra"), (["--mend"], "--mend"), (["--as", "alpha"], "--as")]
    )
    def test_mistakes(self, node: Any, arguments: list[str], says: str) -> None:
        """A wrong option is refused with another exit code than that of a problem."""
        ran = node("doctor", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert says in ran.err


class TestConfig:
    """Config, keys and trust."""

    def test_mistakes(self, clinic: Clinic) -> None:
        """A config with mistakes is a problem, with all of them; nothing else can be looked at."""
        clinic.configure(nodes=5, instances=6)
        state, what, remedy = clinic.one("config")
        assert state == "problem"
        assert "nodes: found 5" in what
        assert "instances: found 6" in what
        assert "config file" in remedy
        ran = clinic.ask("--json")
        assert (ran.code, ran.json["node"], len(ran.json["findings"])) == (1, None, 1)

    def test_no_such_file(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable that names no file is a problem."""
        monkeypatch.setenv(CONFIG_ENV, "/nowhere/config.json")
        assert "there is no such file" in clinic.one("config")[1]
        assert clinic.ask().code == 1

    def test_unknown_keys(self, clinic: Clinic) -> None:
        """A key that nobody knows is a warning, and so no failure."""
        clinic.configure(favourite_colour="red")
        state, what, _ = clinic.one("config")
        assert (state, "favourite_colour is not a key" in what) == ("warning", True)
        assert clinic.ask().code == 0

    @pytest.mark.parametrize("field", ["ip", "bind"])
    def test_address_that_is_none(self, with_peer: Clinic, field: str) -> None:
        """An address with a slip of the finger in it is found, and is no fault."""
        with_peer.seed["nodes"][0][field] = "10..0.0.1"
        with_peer.configure()
        assert with_peer.ask().code == 1

    def test_trust(self, with_peer: Clinic) -> None:
        """Without any keys, whoever can reach the node is believed: a warning that names the nodes without."""
        state, what, remedy = with_peer.one("trust")
        assert state == "warning"
        assert "allow_unsigned is on" in what
        assert "(server1, server2)" in what
        assert "claudemail keys" in remedy

    def test_no_trust(self, with_peer: Clinic) -> None:
        """Where unsigned mail is refused, a peer without a key is a problem: nothing is taken from it."""
        with_peer.seed["nodes"][0]["public_key"] = own_key(with_peer)
        with_peer.configure()
        state, what, remedy = with_peer.one("trust")
        assert state == "problem"
        assert "no public_key of server2" in what
        assert "claudemail keys" in remedy
        with_peer.configure(allow_unsigned=True)
        assert with_peer.one("trust")[0] == "warning"

    def test_all_keys_are_known(self, with_peer: Clinic) -> None:
        """With all keys in the config there is nothing to say of trust."""
        for one, key in zip(with_peer.seed["nodes"], (own_key(with_peer), NodeKey.new().public), strict=True):
            one["public_key"] = key
        with_peer.configure()
        assert with_peer.findings("trust") == []


def own_key(clinic: Clinic) -> str:
    """Return a node's public key."""
    public: str = clinic.node("keys", "--json").json["public_key"]
    return public


class TestKey:
    """The node's own key."""

    def test_open_key(self, clinic: Clinic) -> None:
        """A key that others can read is a problem, which --fix mends."""
        clinic.key.chmod(0o640)
        state, what, remedy = clinic.one("key")
        assert (state, "can be read by others" in what) == ("problem", True)
        assert f"chmod 600 {clinic.key}" in remedy
        assert "`claudemail doctor --fix` mends 1 of these." in clinic.ask().out
        assert clinic.key.stat().st_mode & 0o777 == 0o640
        ran = clinic.ask("--fix")
        assert ran.code == 0
        assert "mended" in ran.out
        assert clinic.key.stat().st_mode & 0o777 == 0o600
        assert clinic.findings("key") == []

    def test_no_key(self, clinic: Clinic) -> None:
        """A file that is no key is a problem that nobody but a person mends."""
        clinic.key.write_bytes(b"x" * 31)
        state, what, remedy = clinic.one("key")
        assert (state, "31 bytes" in what) == ("problem", True)
        assert "backup" in remedy
        assert clinic.ask("--fix").code == 1

    def test_other_key(self, clinic: Clinic) -> None:
        """A key that is not the config's is a problem: peers refuse what this node sends; what to put there is said."""
        clinic.seed["nodes"][0]["public_key"] = NodeKey.new().public
        clinic.configure()
        state, what, remedy = clinic.one("key")
        assert (state, "peers refuse" in what) == ("problem", True)
        assert own_key(clinic) in remedy
        assert clinic.ask().code == 1


class TestModes:
    """Who may read the mail."""

    @pytest.mark.parametrize("name", ["claudemail.db", "registry.db", "", "mailbox"])
    def test_open_to_others(self, clinic: Clinic, name: str) -> None:
        """A database or a folder that others may read is a problem, which --fix mends."""
        clinic.node("rebuild", "files")
        path = clinic.folder / name
        right = path.stat().st_mode & 0o777
        path.chmod(right | 0o044)
        state, what, remedy = clinic.one("modes")
        assert (state, str(path) in what) == ("problem", True)
        assert f"chmod {right:o} {path}" in remedy
        assert clinic.ask().code == 1
        assert clinic.ask("--fix").code == 0
        assert path.stat().st_mode & 0o777 == right
        assert clinic.findings("modes") == []

    def test_mended_and_told(self, clinic: Clinic) -> None:
        """What was mended is said to be, as text and as JSON, and what is left shows in the exit code."""
        clinic.database.chmod(0o644)
        clinic.folder.chmod(0o755)
        clinic.settings({"mcpServers": {"claudemail": {"command": "/nowhere/claudemail"}}})
        ran = clinic.ask("--fix")
        assert ran.code == 1
        assert [line.strip() for line in ran.out.splitlines()].count("mended") == 2
        assert "--fix" not in ran.out
        clinic.database.chmod(0o644)
        fixed = [one for one in clinic.ask("--fix", "--json").json["findings"] if one["fixed"]]
        assert [(one["name"], one["state"], one["fixable"]) for one in fixed] == [("modes", "problem", True)]


class TestDatabase:
    """The mail database."""

    def damage(self, clinic: Clinic, how: str) -> None:
        """Damage the database."""
        content = bytearray(clinic.database.read_bytes())
        if how == "flipped":
            middle = len(content) // 2
            content[middle - 8_192 : middle + 8_192] = bytes(
                byte ^ 0xFF for byte in content[middle - 8_192 : middle + 8_192]
            )
        elif how == "cut":
            del content[100_000:]
        else:
            content[:] = b"no database " * 1_000
        clinic.database.write_bytes(content)

    @pytest.mark.parametrize("how", ["flipped", "cut", "overwritten"])
    def test_damaged(self, with_peer: Clinic, how: str) -> None:
        """A database that is damaged is a problem, with the way to a backup; the rest is looked at all the same."""
        self.damage(with_peer, how)
        state, what, remedy = with_peer.one("database")
        assert (state, f"{with_peer.database} is damaged" in what) == ("problem", True)
        assert "claudemail restore" in remedy
        (with_peer.folder / "gateway.lock").unlink()  # it may start a gateway, which finds the same and ends
        ran = with_peer.ask("--fix")
        assert ran.code == 1
        assert "disk" in ran.out

    def test_empty(self, clinic: Clinic) -> None:
        """A database of which nothing is left is a problem in words that say so."""
        clinic.database.write_bytes(b"")
        state, what, remedy = clinic.one("database")
        assert state == "problem"
        assert str(clinic.database) in what
        assert "log" not in remedy

    def test_of_another_node(self, clinic: Clinic) -> None:
        """The database of another node is a problem, with both names."""
        with closing(sqlite3.connect(clinic.database)) as connection, connection:
            connection.execute("UPDATE meta SET value = 'elsewhere' WHERE key = 'node'")
            connection.execute("INSERT INTO lanes (peer, epoch, next_seq) VALUES ('server2', 'e', 1)")
        state, what, remedy = clinic.one("database")
        assert (state, "is the mail of elsewhere, and this is server1" in what) == ("problem", True)
        assert '"node_id"' in remedy
        assert clinic.node("check").code == 5

    def test_before_the_first_fleet(self, clinic: Clinic) -> None:
        """The mail of a node that had no peers goes along when the node is given a name, so it is no problem."""
        with closing(sqlite3.connect(clinic.database)) as connection, connection:
            connection.execute("UPDATE meta SET value = 'laptop' WHERE key = 'node'")
        found = clinic.findings("database")
        assert clinic.node("check").code == 0
        assert [state for state, _, _ in found if state == "problem"] == []

    def test_newer(self, with_peer: Clinic) -> None:
        """A database of a newer version is a problem, with what to do."""
        with closing(sqlite3.connect(with_peer.database)) as connection, connection:
            connection.execute(f"PRAGMA user_version = {MAIL.version + 1}")
        state, what, remedy = with_peer.one("database")
        assert (state, f"newer ClaudeMail (schema {MAIL.version + 1})" in what) == ("problem", True)
        assert "Upgrade" in remedy

    def test_mail_from_the_future(self, clinic: Clinic) -> None:
        """Mail that was accepted at a time that is yet to come says that the clock is wrong."""
        with closing(sqlite3.connect(clinic.database)) as connection, connection:
            connection.execute("UPDATE briefs SET accepted_at = ?", (wall_ms() + DAY_MS,))
        state, what, remedy = clinic.one("clock")
        assert (state, "yet to come" in what, "NTP" in remedy) == ("warning", True, True)

    def test_disk(self, clinic: Clinic) -> None:
        """Too little room by the config's own measure is a problem, and enough is none."""
        settings = configuration.load()
        room = os.statvfs(clinic.folder)
        settings.checkup.disk_low_mb = room.f_bavail * room.f_frsize // 2**20 * 2 + 1
        [low] = local.disk(settings)
        assert (low.finding.state, "MiB are free" in low.finding.what) == (State.PROBLEM, True)
        assert low.finding.remedy
        assert clinic.findings("disk") == []


class TestFiles:
    """The files of briefs."""

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_not_writable(self, clinic: Clinic) -> None:
        """A folder that cannot be written to is a problem, which --fix mends."""
        clinic.node("rebuild", "files")
        folder = Path(clinic.node.config.mailbox_dir)
        folder.chmod(0o500)
        state, what, remedy = clinic.one("files")
        assert (state, f"{folder} cannot be written to" in what) == ("problem", True)
        assert "chmod" in remedy
        assert clinic.ask("--fix").code == 0
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_no_folder(self, clinic: Clinic) -> None:
        """A file in the place of the folder is a problem that a change of modes does not mend."""
        Path(clinic.node.config.mailbox_dir).write_text("mine")
        Path(clinic.node.config.mailbox_dir).chmod(0o600)
        assert clinic.one("files")[0] == "problem"
        assert clinic.ask("--fix").code == 1

    def test_many_to_be_written(self, clinic: Clinic) -> None:
        """Briefs whose files are to be written are counted, and very many are a warning."""
        assert ", 1 to be written" in clinic.ask().out
        with closing(sqlite3.connect(clinic.database)) as connection, connection:
            columns = [row[1] for row in connection.execute("PRAGMA table_info(unmirrored)")]
            values = ", ".join("value" if name == "brief" else "0" for name in columns)
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(
                f"WITH RECURSIVE numbers(value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM numbers WHERE value < 1100)"
                f" INSERT INTO unmirrored SELECT {values} FROM numbers"
            )
        state, what, remedy = clinic.one("files")
        assert (state, "1100 briefs" in what, "rebuild files" in remedy) == ("warning", True, True)


class TestGateway:
    """The gateway and its port."""

    def test_down(self, with_peer: Clinic) -> None:
        """A gateway that is down while there are peers is a warning, and no problem of its own."""
        state, what, remedy = with_peer.one("gateway")
        assert (state, "not running" in what) == ("warning", True)
        assert "claudemail gateway" in remedy
        assert with_peer.findings("port") == []

    def test_port_in_use(self, with_peer: Clinic) -> None:
        """A port that somebody else listens at is a problem, with the address and the keys to change."""
        port = with_peer.seed["nodes"][0]["gateway_port"]
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            state, what, remedy = with_peer.one("port")
        assert (state, what.startswith(f"127.0.0.1:{port}: ")) == ("problem", True)
        assert "in use" in what
        assert "gateway_port" in remedy

    def test_address_of_another_machine(self, with_peer: Clinic) -> None:
        """An address that this machine does not have is a problem."""
        with_peer.seed["nodes"][0]["bind"] = "203.0.113.1"
        with_peer.configure()
        assert with_peer.one("port")[0] == "problem"

    def test_running(self, with_peer: Clinic) -> None:
        """A gateway that runs is well, and its own port is not tried; one that cannot listen is a problem."""
        folder = with_peer.node.config.state_dir
        running.write_notice(folder, running.Notice(4242, running.FOREGROUND, "127.0.0.1:3300", None))
        assert "runs (PID 4242), listening on 127.0.0.1:3300" in with_peer.ask().out
        assert with_peer.findings("gateway") == []
        running.write_notice(folder, running.Notice(4242, running.FOREGROUND, None, "the port is taken"))
        state, what, remedy = with_peer.one("gateway")
        assert (state, "the port is taken" in what, "gateway_port" in remedy) == ("problem", True, True)


class TestNothingIsChanged:
    """Without --fix nothing is changed."""

    def test_when_well(self, clinic: Clinic, tmp_path: Path) -> None:
        """On a node that is well the doctor leaves every file as it is, and so does --fix."""
        before = listing(tmp_path)
        for arguments in ([], ["--json"], ["--fix"]):
            clinic.ask(*arguments)
            assert listing(tmp_path) == before

    def test_when_ill(self, clinic: Clinic, tmp_path: Path) -> None:
        """On a node with open files, a damaged database and broken settings neither."""
        clinic.node("rebuild", "files")
        clinic.database.write_bytes(clinic.database.read_bytes()[:100_000])
        for path in (clinic.database, clinic.folder, clinic.key):
            path.chmod(path.stat().st_mode | 0o044)
        clinic.settings("{")
        before, home = listing(tmp_path), listing(Path(os.environ["HOME"]))
        assert clinic.ask().code == 1
        assert listing(tmp_path) == before
        assert listing(Path(os.environ["HOME"])) == home

    def test_with_a_peer(self, with_peer: Clinic, tmp_path: Path) -> None:
        """To ask peers changes nothing on this node either."""
        before = listing(tmp_path)
        assert with_peer.ask().code == 1
        assert listing(tmp_path) == before

    def test_with_a_peer_on_a_new_node(self, with_peer: Clinic, tmp_path: Path) -> None:
        """On a node that has never run nothing is made, with a peer in the config too."""
        with_peer.configure(db_path="state/claudemail.db", registry_db_path="state/registry.db")
        before = listing(tmp_path)
        with_peer.ask()
        assert listing(tmp_path) == before

    def test_with_a_peer_and_open_files(self, with_peer: Clinic, tmp_path: Path) -> None:
        """The modes of the database stay, with a peer in the config too."""
        with_peer.database.chmod(0o644)
        before = listing(tmp_path)
        assert with_peer.one("modes")[0] == "problem"
        assert listing(tmp_path) == before

    def test_with_a_peer_and_a_damaged_registry(self, with_peer: Clinic, tmp_path: Path) -> None:
        """A registry that is damaged stays where it is, with a peer in the config too."""
        Path(with_peer.node.config.registry_db_path).write_bytes(b"no database " * 1_000)
        before = listing(tmp_path)
        with_peer.ask()
        assert listing(tmp_path) == before

    def test_with_a_peer_and_an_older_database(self, with_peer: Clinic, tmp_path: Path) -> None:
        """A database of an older version is not migrated by looking at it."""
        with_peer.database.unlink()
        with closing(sqlite3.connect(with_peer.database)) as connection:
            connection.executescript(
                f"{MAIL.text(1)}; PRAGMA user_version = 1; INSERT INTO meta VALUES ('node', 'server1');"
            )
        with_peer.database.chmod(0o600)
        before = listing(tmp_path)
        with_peer.ask()
        assert listing(tmp_path) == before


def test_a_gateway_that_cannot_start_is_not_mended(with_peer: Clinic) -> None:
    """What --fix says to have mended is mended: a gateway without a key to start with is not."""
    (with_peer.folder / "gateway.lock").unlink()
    with_peer.key.write_bytes(b"x" * 31)
    try:
        fixed = [one["name"] for one in with_peer.ask("--fix", "--json").json["findings"] if one["fixed"]]
    finally:
        Path(with_peer.node.config.path).unlink()  # whatever was started ends for want of it
    assert fixed == []


def test_mail_is_read_while_the_doctor_looks(with_peer: Clinic) -> None:
    """While another process has the office open and writes, the doctor answers all the same."""

    async def work(office: Office) -> None:
        await office.send(await office.party("alpha"), Draft(to=["bravo"], title="Meanwhile"))
        ran = with_peer.node.start("doctor", "--json")
        await office.send(await office.party("alpha"), Draft(to=["bravo"], title="And then"))
        out, err = ran.communicate(timeout=30)
        assert err == ""
        assert json.loads(out)["node"] == "server1"

    with_peer.node.work(work)
