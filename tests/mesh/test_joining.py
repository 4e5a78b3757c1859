"""Joining: nodes come to know each other by a token, and nobody else gets in."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from claudemail import config as configuration
from claudemail import config_file
from claudemail.errors import ClaudeMailError, ConfigError, InvalidInput, NameTaken, PeerRefused
from claudemail.keys import NodeKey
from claudemail.model import joining
from claudemail.model.ids import new_id
from claudemail.model.joining import Introduction, Inviter, JoinRequest, Token
from claudemail.model.parcel import Answer, Batch, Origin, Parcel
from claudemail.office import Office
from claudemail.testing import Fleet, until
from tests.mesh.lone import Lone, between, command, on, titles
from tests.nursery import raised

MakeLone = Callable[[str], Lone]
JOIN = b"POST /v1/join"


def test_two_lone_nodes_become_a_fleet_by_two_commands(lone: MakeLone) -> None:
    """One invites, the other joins; mail that was there stays, and mail flows both ways, verified."""
    a, b = lone("ahost"), lone("bhost")
    for node in (a, b):
        node.json("send", "--to", "main", "--title", f"note of {node.name}")
    token = a.invite()
    joined = b.join(token)
    assert joined["nodes"] == ["ahost", "bhost"]
    assert joined["instances"] == ["bhost"]  # main is taken
    keys = {node.name: node.json("keys")["fingerprint"] for node in (a, b)}
    assert (joined["fingerprint"], joined["inviter"]["fingerprint"]) == (keys["bhost"], keys["ahost"])
    a.json("send", "--to", "bhost,operator@bhost", "--title", "to b", "--wait", "delivered", "--timeout", "30")
    b.json("send", "--to", "main", "--title", "to a", "--wait", "delivered", "--timeout", "30")
    assert titles(a.json("inbox", "--as", "main")) == [("note of ahost", True), ("to a", True)]
    assert titles(b.json("inbox", "--as", "bhost")) == [("note of bhost", True), ("to b", True)]
    assert titles(b.json("inbox")) == [("to b", True)]
    assert not a.config.allow_unsigned
    assert not b.config.allow_unsigned


def test_a_laptop_joins_and_fetches_its_mail(lone: MakeLone) -> None:
    """With --pull a node needs no address; all others know that it fetches its mail; who joins later is told, too."""
    a, b, c = lone("ahost"), lone("laptop"), lone("chost")
    b.join(a.invite(), "--pull")
    assert (b.config.node.pull, b.config.node.ip) == (True, "")
    until(
        lambda: a.nodes == ["ahost", "laptop"] and a.config.peers[0].pull, "the inviter knows that it fetches its mail"
    )
    a.json("send", "--to", "laptop", "--title", "to b", "--wait", "delivered", "--timeout", "30")
    b.json("send", "--to", "main", "--title", "to a", "--wait", "delivered", "--timeout", "30")
    assert titles(b.json("inbox", "--as", "laptop")) == [("to b", True)]
    refused = b.run("invite", "--no-wait")
    assert refused.returncode == 4
    assert "laptop cannot be reached, so nobody can join by it. Invite from another node" in refused.stderr
    c.join(a.invite())
    assert {node.id: node.pull for node in c.config.nodes} == {"ahost": False, "laptop": True, "chost": False}
    c.json("send", "--to", "laptop", "--title", "to b, too", "--wait", "delivered", "--timeout", "40")


def test_all_nodes_learn_of_a_newcomer_also_one_that_was_down(tmp_path: Path, lone: MakeLone) -> None:
    """A node joins by the second of three; the first learns at once, the third when it is back, and mail flows both ways."""
    layout = {f"server{number}": {f"instance{number}": [f"sign{number}"]} for number in (1, 2, 3)}
    newcomer = lone("newcomer")
    with raised(Fleet(tmp_path / "fleet", layout)) as fleet:
        down = fleet["server3"].config_path
        fleet["server1"].start(wait=False)
        fleet["server2"].start()
        token = on(fleet["server2"], "invite", "--no-wait")["token"]
        newcomer.join(token, "--instance", "fresh", "--callsigns", "zulu, yankee")
        for name in ("server1", "server2"):
            until(lambda name=name: "newcomer" in fleet[name].config_path.read_text(), f"{name} knows")  # type: ignore[misc]
        assert "newcomer" not in down.read_text()
        newcomer.json("send", "--to", "sign1,sign3", "--title", "hello")
        fleet["server3"].start()
        until(lambda: "newcomer" in down.read_text(), "server3 knows")
        for member in (fleet["server1"], fleet["server3"]):
            on(
                member,
                "send",
                "--to",
                "zulu",
                "--title",
                member.config.node_id,
                "--wait",
                "delivered",
                "--timeout",
                "40",
            )
            until(lambda m=member: titles(on(m, "inbox", "--all")) == [("hello", True)], "mail came")  # type: ignore[misc]
        assert sorted(titles(newcomer.json("inbox", "--as", "zulu"))) == [("server1", True), ("server3", True)]
        known = {node.id: node.public_key for node in newcomer.config.nodes}
        for member in fleet.nodes.values():
            config = configuration.parse(member.config_path.read_text(), str(member.config_path), {})
            assert {node.id: node.public_key for node in config.nodes} == known
            assert {one.id: one.callsigns for one in config.instances}["fresh"] == ("zulu", "yankee")
        assert newcomer.config.signatures == fleet["server1"].config.signatures


def test_an_answer_that_was_lost_is_given_again(lone: MakeLone) -> None:
    """A join whose answer is cut off is asked for anew, and is the same join; nobody else can use its token."""
    a, b, c = lone("ahost"), lone("bhost"), lone("chost")
    a.invite()
    cut = [True]

    def lose(_: bytes, answer: bytes) -> bytes | None:
        return None if cut and cut.pop() else answer

    with between(a.port, lose) as (port, seen):
        token = a.json("invite", "--address", f"127.0.0.1:{port}", "--no-wait")["token"]
        b.join(token, "--instance", "bhost")
        assert len([one for one in seen if one.startswith(JOIN)]) > 1
        before = a.config_path.read_bytes()
        again = b.run("join", token, "--yes")
        assert again.returncode == 0, again.stderr
        requests = {one for one in seen if one.startswith(JOIN)}
        other = c.run("join", token, "--address", c.address)
        assert other.returncode == 6
        assert "used" in other.stderr
        assert "claudemail invite" in other.stderr
        assert not c.config_path.exists()
        replayed = [_asked(a.port, request.partition(b"\r\n\r\n")[2]) for request in requests]
        assert [[node["id"] for node in answer["fleet"]["nodes"]] for answer in replayed] == [["ahost", "bhost"]] * 2
        assert a.config_path.read_bytes() == before
        assert a.nodes == b.nodes == ["ahost", "bhost"]


def _asked(port: int, body: bytes) -> Any:
    """Send a request to join; return the answer's JSON."""
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=8)) as http:
        return http.post(f"http://127.0.0.1:{port}/v1/join", content=body).json()


def test_a_node_is_joined_by_a_name_that_its_own_config_does_not_have(lone: MakeLone) -> None:
    """The newcomer goes on calling the inviter as the token says, and mail flows both ways."""
    a, b = lone("ahost"), lone("bhost")
    a.invite()
    b.join(a.json("invite", "--address", f"127.1:{a.port}", "--no-wait")["token"])
    assert [(node.ip, node.port) for node in b.config.peers] == [("127.1", a.port)]
    b.json("send", "--to", "main", "--title", "to a", "--wait", "delivered", "--timeout", "30")
    a.json("send", "--to", "bhost", "--title", "to b", "--wait", "delivered", "--timeout", "30")
    assert titles(a.json("inbox", "--as", "main")) == [("to a", True)]


def test_who_stands_between_can_neither_join_nor_pose_as_the_inviter(lone: MakeLone) -> None:
    """A changed request is refused by the inviter, a changed or made-up answer by the newcomer; no file is written."""
    a, b = lone("ahost"), lone("bhost")
    a.invite()
    forged = NodeKey.new().public
    own = a.config.node.public_key or ""

    def change_answer(_: bytes, answer: bytes) -> bytes:
        return answer.replace(own.encode(), forged.encode())

    with between(a.port, change_answer) as (port, seen):
        token = a.json("invite", "--address", f"127.0.0.1:{port}", "--no-wait")["token"]
        refused = b.run("join", token, "--address", b.address)
        assert refused.returncode == 6
        assert "does not know the secret" in refused.stderr
        assert not b.config_path.exists()
        before = a.config_path.read_bytes()
        asked = seen[0].partition(b"\r\n\r\n")[2]
        key = json.loads(asked)["newcomer"]["node"]["public_key"]
        for old, new in ((key.encode(), forged.encode()), (str(b.port).encode(), b"4"), (b'"nonce":"', b'"nonce":"00')):
            changed = asked.replace(old, new)
            assert changed != asked
            assert _asked(a.port, changed)["error"] == "peer_refused"
        assert a.config_path.read_bytes() == before


def test_the_door_for_newcomers_is_narrow(lone: MakeLone) -> None:
    """It takes small requests, few of them from one address, and the others go on being answered."""
    a = lone("ahost")
    a.invite()
    url = f"http://{a.address}/v1/join"
    with httpx.Client(trust_env=False) as http:
        assert http.post(url, content=b"x" * 40_000).status_code == 413
        statuses = [http.post(url, content=content).status_code for content in (b"", b"[" * 9_000, b"{}", b"[1]") * 4]
    assert statuses == [400] * 11 + [429] * 5
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(local_address="127.0.0.9")) as http:
        assert http.post(url, content=b"{}").status_code == 400
        assert http.get(url).status_code == 405


class Newcomer:
    """Somebody with a token who writes requests by hand."""

    def __init__(self, token: Token) -> None:
        self.token = token
        self.key = NodeKey.new()
        self.secret = bytes.fromhex(token.secret)
        self.node: dict[str, Any] = {"id": "newcomer", "ip": "10.9.9.9", "gateway_port": 3300}
        self.instances: list[dict[str, Any]] = [{"id": "fresh", "callsigns": ["zulu"]}]

    def request(self, **changes: Any) -> bytes:
        """Return a request that is in order but for `changes` of its own fields, made before it is signed and proven."""
        token = self.token
        instances = [{"node_id": self.node["id"], **instance} for instance in self.instances]
        newcomer = {"node": {"public_key": self.key.public, **self.node}, "instances": instances}
        asked = JoinRequest(
            invitation=token.id,
            inviter=Inviter(node=token.node, host=token.host, port=token.port, fingerprint=token.fingerprint),
            newcomer=Introduction.model_validate(newcomer),
            nonce="0" * 32,
        )
        fields = {**asked.model_dump(mode="json"), **changes}
        fields["signature"] = self.key.sign(joining.signed_bytes(fields))
        fields["proof"] = joining.request_proof(joining.access_of(self.secret, asked.newcomer.node), fields)
        return json.dumps(fields).encode()


@pytest.fixture
async def inviter(fleet: Fleet) -> AsyncIterator[Office]:
    """The office of a node with a key and a peer."""
    async with await Office.open(fleet["server1"].config) as office:
        yield office


@pytest.fixture
async def newcomer(inviter: Office) -> Newcomer:
    """Somebody who was invited."""
    return Newcomer(await inviter.invite("10.0.0.1", 3300))


def text_of(office: Office) -> str:
    """Return the config file of a node."""
    return Path(office.config.path or "").read_text()


async def test_a_newcomer_is_taken_in_once(inviter: Office, newcomer: Newcomer) -> None:
    """The answer holds the fleet and a proof; the secret is forgotten; the peer will be told; again is answered alike."""
    answer = json.loads(await inviter.transit.admit(newcomer.request()))
    access = joining.access_of(newcomer.secret, JoinRequest.model_validate_json(newcomer.request()).newcomer.node)
    assert answer["proof"] == joining.answer_proof(access, "0" * 32, answer["fleet"])
    assert [node["id"] for node in answer["fleet"]["nodes"]] == ["server1", "server2", "newcomer"]
    assert '"zulu"' in text_of(inviter)
    with closing(sqlite3.connect(inviter.config.db_path)) as connection:
        [(secret, node)] = connection.execute("SELECT secret, node FROM invitations").fetchall()
    assert (secret, node) == (None, "newcomer")
    batch = await inviter.transit.next_batch("server2")
    assert batch is not None
    assert [(parcel.kind, parcel.body["node"]["id"]) for parcel in batch.parcels] == [("node", "newcomer")]
    before = text_of(inviter)
    assert json.loads(await inviter.transit.admit(newcomer.request())) == answer
    newcomer.key = NodeKey.new()
    with pytest.raises(PeerRefused, match="has been used"):
        await inviter.transit.admit(newcomer.request())
    assert text_of(inviter) == before
    assert (await inviter.transit.next_batch("server2")) == batch


def asking(node: str = "server1", host: str = "10.0.0.1", fingerprint: str | None = None) -> Callable[[Newcomer], Any]:
    """Return what makes a request that is meant for another inviter."""
    return lambda one: {
        "inviter": {"node": node, "host": host, "port": 3300, "fingerprint": fingerprint or one.token.fingerprint}
    }


Spoil = Callable[[Newcomer], Any]
REFUSED: list[tuple[Spoil, type[ClaudeMailError], str]] = [
    (lambda one: setattr(one, "secret", b"x" * 24), PeerRefused, "proof is wrong"),
    (lambda one: setattr(one, "secret", b""), PeerRefused, "proof is wrong"),
    (lambda _: {"invitation": "0" * 32}, PeerRefused, "no such invitation"),
    (lambda one: one.node.update(id="SERVER2"), NameTaken, "another node called server2"),
    (lambda one: one.node.update(id="server1"), NameTaken, "another node called server1"),
    (
        lambda one: one.instances.append({"id": "Alpha", "callsigns": ["charlie", "x"]}),
        NameTaken,
        r"Alpha \(on server1\), charlie \(on server2\)",
    ),
    (lambda one: one.instances.append({"id": "b", "node_id": "server2"}), InvalidInput, "another node"),
    (lambda one: one.node.update(id="operator"), ConfigError, "other than operator"),
    (lambda _: {"newcomer": {"node": {"id": "x", "ip": "no host!", "gateway_port": 1}}}, InvalidInput, r"node\.ip"),
    (lambda one: one.node.update(public_key=None), InvalidInput, "no public key"),
    (lambda one: one.node.update(previous_keys=[one.key.public]), InvalidInput, "not only one"),
    (lambda one: one.node.update(public_key=NodeKey.new().public), PeerRefused, "does not hold the key"),
    (lambda _: {"nonce": "short"}, InvalidInput, "nonce"),
    (asking(node="server2"), PeerRefused, "another node"),
    (asking(host="10.0.0.66"), PeerRefused, "another node"),
    (asking(fingerprint="0" * 32), PeerRefused, "before this one had its key"),
]


@pytest.mark.parametrize(("spoil", "kind", "says"), REFUSED)
async def test_whoever_is_refused_leaves_no_trace(
    inviter: Office, newcomer: Newcomer, spoil: Spoil, kind: type[ClaudeMailError], says: str
) -> None:
    """Each wrong request is refused with the reason; the config file is as it was, and the invitation stands."""
    before = text_of(inviter)
    token, key = newcomer.token, newcomer.key
    changes = spoil(newcomer)
    with pytest.raises(kind, match=says):
        await inviter.transit.admit(newcomer.request(**(changes if isinstance(changes, dict) else {})))
    assert text_of(inviter) == before
    assert await inviter.transit.next_batch("server2") is None
    honest = Newcomer(token)
    honest.key = key
    assert await inviter.transit.admit(honest.request())


async def test_a_newcomer_is_told_of_nodes_that_pull(tmp_path: Path) -> None:
    """A node that has no address is part of the fleet that a newcomer is told of."""
    with Fleet(tmp_path / "some", {"server1": {"one": []}, "laptop": {"two": []}}) as fleet:
        data = json.loads(fleet["server1"].config_path.read_text())
        del data["nodes"][1]["ip"], data["nodes"][1]["gateway_port"]
        data["nodes"][1]["pull"] = True
        fleet["server1"].config_path.write_text(json.dumps(data))
        async with await Office.open(config_file.reread(fleet["server1"].config)) as office:
            newcomer = Newcomer(await office.invite("vpn.example.org", 3300))
            told = json.loads(await office.transit.admit(newcomer.request()))["fleet"]
            names = json.loads(text_of(office))["nodes"][0]["names"]
    assert [(node["id"], node["ip"], node["pull"]) for node in told["nodes"]][1] == ("laptop", None, True)
    assert names == ["vpn.example.org"]


async def test_a_fleet_without_keys_gets_some(tmp_path: Path) -> None:
    """Inviter and newcomer have keys from then on; the others, who have none, go on being believed, here and there."""
    with Fleet(tmp_path / "open", {"server1": {"one": []}, "server2": {"two": []}}, signed=False) as fleet:
        async with await Office.open(fleet["server1"].config) as office:
            newcomer = Newcomer(await office.invite("10.0.0.1", 3300))
            told = json.loads(await office.transit.admit(newcomer.request()))["fleet"]
            keys = [office.key().public, None, newcomer.key.public]
        config = configuration.parse(fleet["server1"].config_path.read_text(), str(fleet["server1"].config_path), {})
    assert [node["public_key"] for node in told["nodes"]] == keys
    assert [node.public_key for node in config.nodes] == keys
    assert (config.allow_unsigned, told["allow_unsigned"]) == (True, True)


async def test_the_address_of_another_node_is_taken(inviter: Office, newcomer: Newcomer) -> None:
    """Two nodes cannot be at one address and port."""
    [peer] = inviter.config.peers
    newcomer.node |= {"ip": peer.ip, "gateway_port": peer.port}
    with pytest.raises(NameTaken, match=r"address .* is that of server2"):
        await inviter.transit.admit(newcomer.request())


async def test_an_invitation_ends_by_the_inviters_clock(fleet: Fleet) -> None:
    """After 15 minutes there it is over, whatever the newcomer's clock says, and its secret is forgotten for good."""
    now = [1_800_000_000_000]
    async with await Office.open(fleet["server1"].config, wall=lambda: now[0]) as office:
        newcomer = Newcomer(await office.invite("10.0.0.1", 3300))
        assert newcomer.token.until - now[0] == 15 * 60_000
        now[0] += 15 * 60_000
        with pytest.raises(PeerRefused, match="over"):
            await office.transit.admit(newcomer.request())
        await office.invite("10.0.0.1", 3300)
        now[0] -= 10 * 60_000
        for secret in (newcomer.secret, b""):
            newcomer.secret = secret
            with pytest.raises(PeerRefused, match="over"):
                await office.transit.admit(newcomer.request())


async def test_a_config_that_cannot_be_changed_lets_nobody_in(inviter: Office, newcomer: Newcomer) -> None:
    """The newcomer is told why, nothing is noted, and it can join once that is mended."""
    path = Path(inviter.config.path or "")
    path.chmod(0o444)
    with pytest.raises(ConfigError, match="write-protected"):
        await inviter.transit.admit(newcomer.request())
    assert await inviter.transit.next_batch("server2") is None
    path.chmod(0o644)
    assert await inviter.transit.admit(newcomer.request())


def introduction(name: str = "newcomer", **node: Any) -> dict[str, Any]:
    """Return what is told of a newcomer."""
    fields = {"id": name, "ip": "10.9.9.9", "gateway_port": 3300, "public_key": NodeKey.new().public, **node}
    return {"node": fields, "instances": [{"id": f"{name}-i", "node_id": name, "callsigns": []}]}


async def told(office: Office, body: dict[str, Any], *, verified: bool = True, kind: str = "node") -> Answer:
    """Hand an office a parcel of server2."""
    parcel = Parcel(seq=1, id=new_id(office.now()), kind=kind, body=body)
    epoch = new_id(office.now()).replace("-", "")[-16:]
    answer = await office.transit.take_in(
        Origin(node="server2", verified=verified), Batch(epoch=epoch, parcels=[parcel])
    )
    assert isinstance(answer, Answer)
    return answer


async def test_only_a_verified_node_introduces_others_and_changes_nothing_else(inviter: Office) -> None:
    """An unverified origin, another key for a known name, an address that is taken: each is refused or kept out of the file."""
    before = text_of(inviter)
    [peer] = inviter.config.peers
    for body, verified, says in [
        (introduction(), False, "Only a node whose key is known"),
        (introduction("server2"), True, "another node called server2"),
        (introduction(public_key=None), True, "no public key"),
        (introduction(previous_keys=[peer.public_key]), True, "not only one"),
        ({**introduction(), "instances": [{"id": "x", "node_id": "server1"}]}, True, "instances of another node"),
        ({"node": {}}, True, "missing"),
    ]:
        [refusal] = (await told(inviter, body, verified=verified)).refused
        assert says in refusal.reason
    assert (await told(inviter, introduction("server1"))).refused == []
    assert text_of(inviter) == before
    assert (await told(inviter, introduction(ip=peer.ip, gateway_port=peer.port))).refused == []
    assert text_of(inviter) == before
    [finding] = [one for one in (await inviter.checkup()).findings if one.rule == "config"]
    assert finding.node == "newcomer"


async def test_what_cannot_be_written_is_kept_said_and_written_later(inviter: Office, fleet: Fleet) -> None:
    """While the config file is write-protected the checkup and the doctor say what belongs into it; then it is written."""
    path = Path(inviter.config.path or "")
    before = path.read_text()
    path.chmod(0o444)
    body = introduction()
    assert (await told(inviter, body)).refused == []
    assert path.read_text() == before
    await inviter.write_down()
    [finding] = [one for one in (await inviter.checkup()).findings if one.rule == "config"]
    for words in ("newcomer", "server2", "write-protected"):
        assert words in finding.what
    assert json.dumps(body["node"]) in finding.remedy
    assert '"newcomer-i"' in finding.remedy
    doctor = await asyncio.to_thread(command, fleet["server1"].environment, "doctor")
    assert "it lacks what server2 told of newcomer" in doctor.stdout
    path.chmod(0o644)
    await inviter.write_down()
    assert json.loads(path.read_text())["nodes"][-1] == body["node"]
    assert [one for one in (await inviter.checkup()).findings if one.rule == "config"] == []


async def test_two_who_joined_by_two_nodes_at_once_learn_of_each_other(fleet: Fleet) -> None:
    """Each inviter tells the other, and passes on what is news to it, so that both newcomers end with the same fleet."""
    offices = {name: await Office.open(member.config) for name, member in fleet.nodes.items()}
    try:
        for place, (name, office) in enumerate(offices.items()):
            newcomer = Newcomer(await office.invite("10.0.0.1", 3300))
            newcomer.node |= {"id": f"by-{name}", "ip": f"10.9.9.{place}"}
            newcomer.instances = []
            await office.transit.admit(newcomer.request())
        for name, other in (("server1", "server2"), ("server2", "server1")):
            batch = await offices[name].transit.next_batch(other)
            assert batch is not None
            await offices[other].transit.take_in(Origin(node=name, verified=True), batch)
        for name, other in (("server1", "server2"), ("server2", "server1")):
            assert sorted(node["id"] for node in json.loads(text_of(offices[name]))["nodes"]) == [
                "by-server1", "by-server2", "server1", "server2",
            ]  # fmt: skip
            batch = await offices[name].transit.next_batch(f"by-{name}")
            assert batch is not None
            assert [parcel.body["node"]["id"] for parcel in batch.parcels] == [f"by-{other}"]
    finally:
        for office in offices.values():
            await office.close()
