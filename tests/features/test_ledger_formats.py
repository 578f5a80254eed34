"""The ledger's formats are the published ones: test vectors of RFC 8785, RFC 6962/9162, C2SP and DSSE.

Sources: RFC 8785 appendix B and section 3.2.3; the reference trees of the Certificate Transparency project
(transparency-dev/merkle, proof/verify_test.go); golang.org/x/mod/sumdb/note, note_test.go; c2sp.org/tlog-checkpoint,
/tlog-tiles and /tlog-proof; secure-systems-lab/dsse, protocol.md.
"""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safehold.ledger.canonical import NotCanonical, canonical
from safehold.ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from safehold.ledger.dsse import BadEnvelope, pre_authentication, seal, unseal
from safehold.ledger.entry import Recorded, commitment, entry_body, row_text
from safehold.ledger.note import (
    COSIGNATURE,
    BadKey,
    BadNote,
    Signature,
    Signer,
    Verifier,
    load_signer,
    merge,
    open_note,
    parse_note,
    parse_verifier,
)
from safehold.ledger.proof import NoProof, Proof, check_proof, parse_proof
from safehold.ledger.tiles import NoSuchTile, TilePath, parse_path, width_at
from safehold.ledger.tree import (
    BadProof,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    read_root,
    root_of,
)

LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [bytes.fromhex(root) for root in (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)]  # fmt: skip
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
A, B, C, D = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
)
E_, F, G = (
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    ROOTS[3].hex(),
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)
INCLUSION = {  # (leaf, size): proof
    (0, 1): [],
    (0, 8): [A, B, C],
    (5, 8): [D, E_, F],
    (2, 3): [ROOTS[1].hex()],
    (1, 5): [ROOTS[0].hex(), B, D],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [A, B, C],
    (6, 8): [G, E_, F],
    (2, 5): [B, D],
    (6, 7): [G, "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f", F],
}


def read(level: int, index: int) -> bytes:
    return root_of(HASHES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root_of(HASHES[:size]) == read_root(size, read) == ROOTS[size - 1]


def test_the_root_of_nothing() -> None:
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("leaf", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(leaf: int, size: int) -> None:
    proof = [bytes.fromhex(hash_) for hash_ in INCLUSION[leaf, size]]
    assert inclusion_proof(leaf, size, read) == proof
    check_inclusion(HASHES[leaf], leaf, size, proof, ROOTS[size - 1])
    wrong = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")
    broken = [
        (leaf - 1, size, ROOTS[size - 1], HASHES[leaf], proof),
        (leaf + 1, size, ROOTS[size - 1], HASHES[leaf], proof),
        (leaf ^ 2, size, ROOTS[size - 1], HASHES[leaf], proof),
        (leaf, size * 2, ROOTS[size - 1], HASHES[leaf], proof),
        (leaf, size // 2, ROOTS[size - 1], HASHES[leaf], proof),
        (leaf, size, ROOTS[size - 1], b"WrongLeaf", proof),
        (leaf, size, wrong, HASHES[leaf], proof),
        (leaf, size, ROOTS[size - 1], HASHES[leaf], [*proof, b""]),
        (leaf, size, ROOTS[size - 1], HASHES[leaf], [*proof, ROOTS[size - 1]]),
        (leaf, size, ROOTS[size - 1], HASHES[leaf], [ROOTS[size - 1], *proof]),
        *((leaf, size, ROOTS[size - 1], HASHES[leaf], _flipped(proof, at)) for at in range(len(proof))),
    ]
    if proof:
        broken.append((leaf, size, ROOTS[size - 1], HASHES[leaf], proof[:-1]))
    for index, length, root, hash_, hashes in broken:
        with pytest.raises(BadProof):
            check_inclusion(hash_, index, length, hashes, root)


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, new: int) -> None:
    proof = [bytes.fromhex(hash_) for hash_ in CONSISTENCY[old, new]]
    first, second = ROOTS[old - 1], ROOTS[new - 1]
    assert consistency_proof(old, new, read) == proof
    check_consistency(old, new, first, second, proof)
    if not proof:
        return
    broken = [
        (old - 1, new, first, second, proof),
        (old + 1, new, first, second, proof),
        (old ^ 2, new, first, second, proof),
        (old, new * 2, first, second, proof),
        (old, new // 2, first, second, proof),
        (old, new, second, first, proof),
        (old, new, first, second, []),
        (old, new, first, second, [*proof, first]),
        (old, new, first, second, [first, *proof]),
        (old, new, first, second, [second, *proof]),
        (old, new, first, second, [proof[0], *proof]),
        (old, new, first, second, proof[:-1]),
        *((old, new, first, second, _flipped(proof, at)) for at in range(len(proof))),
    ]
    for one, two, root_one, root_two, hashes in broken:
        with pytest.raises(BadProof):
            check_consistency(one, two, root_one, root_two, hashes)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (1, 1), (1, 0), (2, 1), (1, 2)])
def test_consistency_of_odd_sizes_is_refused_where_it_must_be(old: int, new: int) -> None:
    with pytest.raises(BadProof):
        check_consistency(old, new, ROOTS[0], ROOTS[1], [])
    check_consistency(0, 5, ROOTS[0], ROOTS[4], [])


def _flipped(proof: list[bytes], at: int) -> list[bytes]:
    return [*proof[:at], bytes([proof[at][0] ^ 8]) + proof[at][1:], *proof[at + 1 :]]


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_rfc_8785_says(bits: str, text: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert canonical(value).decode() == text
    assert canonical([value, {"n": value}]).decode() == f'[{text},{{"n":{text}}}]'


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_number_is_refused_with_its_place(bits: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    with pytest.raises(NotCanonical, match=r"data\.scores\[1\]: "):
        canonical({"data": {"scores": [None, value]}})


def test_keys_are_sorted_as_rfc_8785_says() -> None:
    weird = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control\u007f",
        "\u00f6": "Latin Small Letter O With Diaeresis",
        "</script>": "Browser Challenge",
    }
    assert canonical(weird).decode() == (
        '{"\\r":"Carriage Return","1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f",'
        '"ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face",'
        '"\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(NotCanonical, match=r"a\[0\]\.b: the text has a lone surrogate"):
        canonical({"a": [{"b": "\ud83d"}]})


def test_integers_that_no_double_stands_for_keep_their_digits() -> None:
    assert canonical({"id": 2**60 + 1}) == b'{"id":1152921504606846977}'
    assert canonical({"id": 10**22}) == canonical({"id": 1e22}) == b'{"id":1e+22}'


def test_an_entry_is_made_as_the_reference_says() -> None:
    from datetime import UTC, datetime

    spec = Recorded("decision", ("id", "action", "reason", "decided_at"), ("action",), at="decided_at")
    row = {
        "id": "dec_1",
        "action": "remove",
        "reason": "ü",
        "decided_at": datetime(2026, 2, 1, 9, 30, tzinfo=UTC),
        "x": 1,
    }
    text = row_text(spec, row).decode()
    assert text == '{"action":"remove","decided_at":"2026-02-01T09:30:00.000000Z","id":"dec_1","reason":"ü"}'
    salt = "ab" * 32
    assert entry_body(spec, row, salt).decode() == (
        '{"action":"remove","at":"2026-02-01T09:30:00.000000Z",'
        f'"commitment":"{commitment(salt, text.encode())}","id":"dec_1","kind":"decision","v":1}}'
    )
    with pytest.raises(NotCanonical, match=r"decided_at: .* has no UTC offset"):
        row_text(spec, row | {"decided_at": datetime(2026, 2, 1)})
    with pytest.raises(ValueError, match="65535 is the most"):
        entry_body(spec, row | {"action": "x" * 66_000}, salt)
    with pytest.raises(ValueError, match="a salt is 32 bytes"):
        entry_body(spec, row, "abcd")
    with pytest.raises(ValueError, match="'reason2' is used but is not among its fields"):
        Recorded("decision", ("id", "at"), ("reason2",))


PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"


def test_a_note_is_signed_as_go_signs_it() -> None:
    peter = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETERS_SEED))
    assert str(peter.verifier) == PETER
    assert str(peter.sign(TEXT)) == f"{TEXT}\n{BY_PETER}"
    for text in ("abc", "\x01abc\n", "\ud800\n"):
        with pytest.raises(BadNote):
            peter.sign(text)


def test_a_note_opens_with_one_known_key_or_more() -> None:
    note = f"{TEXT}\n{BY_PETER}{BY_ENOCH}"
    peter, enoch = parse_verifier(PETER), parse_verifier(ENOCH)
    for known in ([peter], [enoch], [peter, enoch]):
        opened, verified = open_note(note, known)
        assert opened.text == TEXT
        assert [key for key, _ in verified] == known
        assert str(opened) == note
    with pytest.raises(BadNote, match="no signature by a key that is known here"):
        open_note(note, [])
    with pytest.raises(BadNote, match="the signature by PeterNeumann is wrong"):
        open_note(note.replace("x08go/ZJ", "x08go/ZK"), [peter, enoch])
    misnamed = f"{TEXT}\n{BY_PETER.replace('PeterNeumann', 'CarmenSandiego')}"
    with pytest.raises(BadNote, match="no signature by a key"):
        open_note(misnamed, [peter])


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{BY_PETER[:-1]}",
        f"\x01{TEXT}\n{BY_PETER}",
        f"{TEXT}\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
        f"{TEXT}\n{BY_PETER}Unexpected line.\n",
        f"{TEXT}\n{BY_PETER * 101}",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        parse_note(note)


def test_mangled_verifier_keys_are_refused() -> None:
    mangled = {PETER[start:end] for start in range(len(PETER)) for end in range(start + 1, len(PETER) + 1)} - {PETER}
    mangled |= {PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :] for at in range(len(PETER))}
    mangled |= {
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    }
    for key in mangled:
        with pytest.raises(BadKey):
            parse_verifier(key)


def test_the_logs_key_is_made_once_and_for_its_owner_only(tmp_path: object) -> None:
    path = tmp_path / "keys" / "ledger"  # type: ignore[operator]
    made = load_signer(path, "example.com/log")
    assert load_signer(path, "example.com/log").verifier == made.verifier
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["ledger"]
    with pytest.raises(BadKey, match="can't be a log's name"):
        load_signer(path, "two words")
    path.write_text("nothing")
    with pytest.raises(BadKey, match="ledger: "):
        load_signer(path, "example.com/log")


def test_a_checkpoint_reads_as_c2sp_writes_it() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = parse_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == text
    assert parse_checkpoint(f"{text}an extension\n") == checkpoint
    for wrong in (
        text.replace("20852163", "020852163"),
        text.replace("20852163", "-1"),
        text.replace("20852163", "٣"),
        text.replace("CsUY", "CsU"),
        text.replace("q2I=", "q2J="),
        text[1 + text.index("\n") :],
        "\n" + text,
        text + "\n",
        text[:-1],
    ):
        with pytest.raises(BadNote):
            parse_checkpoint(wrong)


def test_a_witness_cosignature_counts_and_a_wrong_one_spoils_the_note() -> None:
    log = Signer("example.com/log", Ed25519PrivateKey.generate())
    private = Ed25519PrivateKey.generate()
    witness = Verifier("witness.example", private.public_key().public_bytes_raw(), COSIGNATURE)
    assert parse_verifier(str(witness)) == witness
    note = sign_checkpoint(log, 3, ROOTS[2])
    time = 1679315147
    message = f"cosignature/v1\ntime {time}\n{note.text}".encode()  # as c2sp.org/tlog-cosignature lays it out
    good = Signature(witness.name, witness.key_id, struct.pack(">Q", time) + private.sign(message))
    late = Signature(witness.name, witness.key_id, struct.pack(">Q", time + 1) + private.sign(message))

    signed = str(merge(merge(note, [good]), [good]))
    assert signed.count("witness.example") == 1
    assert open_checkpoint(signed, log.verifier, [witness]) == Checkpoint("example.com/log", 3, ROOTS[2])
    assert [moment for _, moment in open_note(signed, [log.verifier, witness])[1]] == [None, time]
    with pytest.raises(BadNote, match=r"the signature by witness\.example is wrong"):
        open_checkpoint(str(merge(note, [late])), log.verifier, [witness])
    assert open_checkpoint(str(merge(note, [late])), log.verifier).size == 3  # unknown keys are ignored
    with pytest.raises(BadNote, match="has not signed this checkpoint"):
        open_checkpoint(signed, parse_verifier(PETER), [witness])


def test_a_key_of_another_name_cannot_sign_for_the_log() -> None:
    other = Signer("example.com/other", Ed25519PrivateKey.generate())
    note = other.sign(Checkpoint("example.com/log", 3, ROOTS[2]).text)
    with pytest.raises(BadNote, match=r"'example\.com/log' has not signed this checkpoint"):
        open_checkpoint(str(note), other.verifier)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TilePath(0, 1234067), "0/x001/x234/067"),
        (TilePath(0, 0), "0/000"),
        (TilePath(63, 999), "63/999"),
        (TilePath(1, 1000, 17), "1/x001/000.p/17"),
        (TilePath(None, 5, 255), "entries/005.p/255"),
    ],
)
def test_tiles_have_the_addresses_of_c2sp(tile: TilePath, path: str) -> None:
    assert str(tile) == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    ["0/1", "0/0001", "0/x000/001", "00/001", "64/001", "0/001.p/256",
     "0/001.p/0", "0/001.p/01", "x/001", "0/x001", "0/001/", "-1/0", "0/٠٠١"],
)  # fmt: skip
def test_other_addresses_name_no_tile(path: str) -> None:
    with pytest.raises(NoSuchTile):
        parse_path(path)


def test_a_tree_of_70000_has_the_tiles_c2sp_says() -> None:
    assert [width_at(0, index, 70_000) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [width_at(1, index, 70_000) for index in (0, 1, 2)] == [256, 17, 0]
    assert [width_at(2, index, 70_000) for index in (0, 1)] == [1, 0]
    assert [width_at(level, 0, 256) for level in (0, 1, 2)] == [256, 1, 0]


def test_a_proof_file_reads_as_c2sp_writes_it() -> None:
    log = Signer("example.com/log", Ed25519PrivateKey.generate())
    note = str(sign_checkpoint(log, 8, ROOTS[7]))
    proof = Proof(5, tuple(inclusion_proof(5, 8, read)), note, LEAVES[5])
    text = str(proof)
    assert text.split("\n")[:3] == ["c2sp.org/tlog-proof@v1", "extra QEFCQw==", "index 5"]
    assert text.endswith(f"\n\n{note}")
    assert parse_proof(text) == proof
    assert check_proof(proof, LEAVES[5], log.verifier).size == 8
    with pytest.raises(BadProof, match="another root"):
        check_proof(proof, LEAVES[4], log.verifier)
    only = Proof(0, (), str(sign_checkpoint(log, 1, ROOTS[0])))
    assert parse_proof(str(only)) == only
    check_proof(only, LEAVES[0], log.verifier)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wrong-header\nindex 0\n\ncheckpoint\n", "line 1"),
        ("c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n", "line 2: .* is not base64"),
        ("c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n", "line 2: `index`"),
        ("c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n", "line 2: `index`"),
        ("c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n", "line 2: `index`"),
        ("c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n", "line 2: `index`"),
        ("c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n", "line 3: .* is not base64"),
        (
            f"c2sp.org/tlog-proof@v1\nindex 0\n{base64.b64encode(bytes(64)).decode()}\n\ncheckpoint\n",
            "line 3: a hash has 32",
        ),
        ("c2sp.org/tlog-proof@v1\nindex 0\n", "ends before its checkpoint"),
    ],
)
def test_what_is_no_proof_file_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(NoProof, match=says):
        parse_proof(text)


def test_statements_are_sealed_as_dsse_says() -> None:
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    maker = Signer("example.com/auditor", Ed25519PrivateKey.generate())
    envelope = seal(maker, "application/vnd.safehold.observation+json", b'{"n":1}')
    assert unseal(envelope, [maker.verifier]) == (
        "application/vnd.safehold.observation+json",
        b'{"n":1}',
        maker.verifier,
    )
    for wrong in (
        envelope.replace(b"observation", b"attestation"),
        envelope.replace(base64.b64encode(b'{"n":1}'), base64.b64encode(b'{"n":2}')),
        b"{}",
        b"nothing",
    ):
        with pytest.raises(BadEnvelope):
            unseal(wrong, [maker.verifier])
    with pytest.raises(BadEnvelope, match="no signature by a key that is known"):
        unseal(envelope, [parse_verifier(PETER)])
