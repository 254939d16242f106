"""What of the host a guest gets: binds, the rules for Go tests, variables."""

import inspect

import pytest

from vx9.kernel.kernel import Kernel
from vx9.userland import grants
from vx9.userland.errors import Refusal
from vx9.userland.grants import Grant


def test_bind_forms(tmp_path):
    folder = str(tmp_path)
    assert grants.parse_bind(folder) == Grant(folder, folder, False)
    assert grants.parse_bind(f"{folder}:rw") == Grant(folder, folder, True)
    assert grants.parse_bind(f"{folder}:/n/x/") == Grant("/n/x", folder, False)
    assert grants.parse_bind(f"{folder}:/n/x:ro") == Grant("/n/x", folder, False)
    assert grants.parse_bind(f"{folder}:/n/x:rw") == Grant("/n/x", folder, True)
    assert grants.parse_bind(f"{folder}:mem") == Grant(folder, folder, False, True)


def test_bind_is_relative_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    assert grants.parse_bind("sub") == Grant(f"{tmp_path}/sub", f"{tmp_path}/sub")


@pytest.mark.parametrize(("text", "says"), [
    ("", "not of the form"), (":/x", "not of the form"), ("/a:/b:/c", "not of the form"),
    ("/no/such/folder", "does not exist"), ("/tmp:n/x", "must begin with /"), ("/dev/null", "neither"),
    (f"{__file__}:mem", "only those"),
])
def test_wrong_binds_name_the_remedy(text, says):
    with pytest.raises(Refusal, match=says):
        grants.parse_bind(text)


@pytest.mark.parametrize(("cwd", "usable"), [
    ("/", False), ("/dev", False), ("/dev/pts", False), ("/proc/1", False), ("/bin", False),
    ("/home/glenda", True), ("/tmp", True), ("/device", True), ("/binary", True),
])
def test_folders_that_the_guest_has_itself_are_not_hidden(cwd, usable):
    assert grants.usable_cwd(cwd) is usable


def test_merge_binds_outer_folders_first_and_drops_what_is_given_already():
    merged = grants.merge([
        Grant("/a/b/c", "/a/b/c"), Grant("/a", "/a"), Grant("/a/x", "/elsewhere"),
        Grant("/a/w", "/a/w", True), Grant("/a-b", "/a-b")])
    assert merged == [Grant("/a", "/a"), Grant("/a-b", "/a-b"), Grant("/a/w", "/a/w", True),
                      Grant("/a/x", "/elsewhere")]


def test_merge_lets_the_later_of_two_win():
    assert grants.merge([Grant("/a", "/a"), Grant("/a", "/a", True)]) == [Grant("/a", "/a", True)]


@pytest.fixture
def go_tree(tmp_path):
    """A GOROOT, and a user's module beside it."""
    root = tmp_path / "go"
    for name in ("src/strings", "bin"):
        (root / name).mkdir(parents=True)
    (root / "VERSION").write_text("go1.25.5\n")
    (root / "src/go.mod").write_text("module std\n")
    module = tmp_path / "mine"
    (module / "pkg").mkdir(parents=True)
    (module / "go.mod").write_text("module mine\n")
    return root, module


def test_goroot_is_found_three_ways(go_tree):
    root, module = map(str, go_tree)
    assert grants.goroot(module, {"GOROOT": root}) == root
    assert grants.goroot(module, {"PATH": f"{root}/bin:/usr/bin"}) == root
    assert grants.goroot(f"{root}/src/strings", {}) == root
    assert grants.goroot(module, {"PATH": "/usr/bin"}) is None
    assert grants.goroot(module, {"GOROOT": "/no/such"}) is None


def test_a_std_test_sees_all_of_goroot_and_may_not_write_it(go_tree):
    root, _ = map(str, go_tree)
    given = list(grants.go_grants(f"{root}/src/strings", "/t/strings.test", {}, rw=True))
    assert given == [Grant(root, root, False)]


def test_a_module_test_sees_its_module(go_tree, tmp_path):
    root, module = map(str, go_tree)
    build = tmp_path / "go-build7" / "b001"
    build.mkdir(parents=True)
    program = f"{build}/mine.test"
    env = {"GOROOT": root, "TMPDIR": str(tmp_path)}
    assert list(grants.go_grants(f"{module}/pkg", program, env, rw=False)) == [
        Grant(root, root), Grant(module, module)]
    assert list(grants.go_grants(f"{module}/pkg", program, env, rw=True)) == [
        Grant(root, root), Grant(module, module, True), Grant(str(build), str(build), True),
        Grant(str(tmp_path), str(tmp_path), True)]


@pytest.mark.parametrize(("program", "arguments", "is_test"), [
    ("/x/strings.test", [], True), ("/tmp/go-build12/b001/exe/a", [], True),
    ("/x/prog", ["-test.v"], True), ("/x/prog", ["-v"], False),
])
def test_what_counts_as_a_go_test(program, arguments, is_test):
    assert grants.is_go_test(program, arguments) is is_test


def test_environment_is_short_unless_inherited():
    host = {"SECRET": "s", "LANG": "C"}
    env = grants.environment(host, [], False, "glenda", "/tmp")
    assert "SECRET" not in env
    assert env["path"] == [".", "/bin"]
    assert env["home"] == "/usr/glenda"
    assert env["TMPDIR"] == "/tmp"
    assert env["sysname"] == inspect.signature(Kernel).parameters["sysname"].default
    env = grants.environment({**host, "a/b": "x"}, ["A=1=2", "B=", "LANG"], True, "glenda", "/tmp")
    assert env["SECRET"] == b"s"
    assert (env["A"], env["B"], env["LANG"]) == (b"1=2", b"", b"C")
    assert "a/b" not in env


def test_path_is_a_list():
    env = grants.environment({}, ["path=.:/bin:/x y/bin"], False, "glenda", "/tmp")
    assert env["path"] == [".", "/bin", "/x y/bin"]


def test_certificates_are_the_hosts(tmp_path):
    mine, other = tmp_path / "mine.pem", tmp_path / "other.pem"
    other.write_text("-----BEGIN CERTIFICATE-----\n")
    places = [str(tmp_path / "none"), str(tmp_path), str(other)]
    assert list(grants.certificates({}, places)) == [grants.Grant("/sys/lib/tls/ca.pem", str(other))]
    mine.write_text("")
    assert [grant.host for grant in grants.certificates({"SSL_CERT_FILE": str(mine)}, places)] == [str(mine)]
    assert list(grants.certificates({}, places[:2])) == []


@pytest.mark.parametrize("setting", ["=x", "a/b=1", "NOT_THERE", "", "."])
def test_wrong_settings_are_refused(setting):
    with pytest.raises(Refusal, match="--env"):
        grants.environment({}, [setting], False, "glenda", "/tmp")
