"""root.proto: the real one, and what is wrong with others."""

import pytest

from vx9.images import root


def test_the_fresh_root():
    found = {entry.path: entry for entry in root.entries("bob")}
    for name in ("/adm/timezone/local", "/lib/namespace", "/lib/ndb/common", "/lib/ndb/local",
                 "/sys/lib/tls/ca.pem"):
        assert not found[name].is_dir and found[name].load()
    for name in ("/bin", "/dev", "/env", "/fd", "/mnt", "/n", "/net", "/proc", "/srv", "/tmp", "/usr/bob/tmp"):
        assert found[name].is_dir and found[name].load is None
    assert found["/usr/bob"].uid == "bob" and found["/bin"].uid == "sys"
    assert found["/tmp"].mode == root.DMDIR | 0o777


def test_directories_come_first():
    seen = {""}
    for entry in root.entries():
        assert entry.path.rpartition("/")[0] in seen
        assert entry.path not in seen
        seen.add(entry.path)


def test_programs_are_in_bin():
    found = {entry.path: entry for entry in root.entries()}
    programs = root.programs()
    assert {"cat", "echo", "hello", "ls"} <= set(programs)
    for name, load in programs.items():
        assert found[f"/bin/{name}"].load() == load()
        assert load()[:4] == b"\0\0\1\xeb" and found[f"/bin/{name}"].mode == 0o775


def test_files_can_be_replaced():
    found = {e.path: e for e in root.entries(replaced={"/sys/lib/tls/ca.pem": b"mine"})}
    assert found["/sys/lib/tls/ca.pem"].load() == b"mine"
    with pytest.raises(root.ProtoError, match="/no/such"):
        root.entries(replaced={"/no/such": b""})


@pytest.mark.parametrize(("text", "words"), [
    ("a\td775\n\t\tb\td775\n", "root.proto:2: indented"),
    ("a\td775\n\tb\t664\n", "root.proto:2: root/a/b is not there"),
    ("a\td9\n", "root.proto:1: "),
    ("one\t664\tu\tg\tfile\n\ttwo\td775\n", "root.proto:2: /one is not a directory"),
    ("*\t664\tu\tg\tnowhere\n", "root.proto:1: "),
])
def test_bad_protos(tmp_path, text, words):
    (tmp_path / "file").write_text("x")
    with pytest.raises(root.ProtoError, match=words):
        root.parse(text, tmp_path, "bob")


def test_comments_and_inherited_fields(tmp_path):
    (tmp_path / "f").write_text("contents")
    [top, file] = root.parse("# nothing\ntop\td750\tsys\tadm  # a comment\n\tf\t640\t\t\tf\n"
                             .replace("\t\t\tf", "\tu\tg\tf"), tmp_path, "bob")
    assert (top.mode & 0o777, top.gid) == (0o750, "adm")
    assert (file.uid, file.gid, file.load()) == ("u", "g", b"contents")
