"""The verb `weights`: what it lists, and that it fetches one file, if asked, from https alone, whole or not at all."""

import contextlib
import datetime
import hashlib
import http.server
import ipaddress
import os
import pathlib
import ssl
import sys
import threading
import types

import pytest

from faceswap_lib.cli import main
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces import landmarks_fan
from faceswap_lib.faces.mtcnn_weights import DIGESTS
from faceswap_lib.faces.weight_sums import check_sum, note_first_sum, note_path, read_note
from faceswap_lib.networks.pretrained import downloads, weights_catalog, weights_fetching
from faceswap_lib.networks.pretrained.weights_catalog import WeightsFile, find_entry, hub_folder, list_weights
from faceswap_lib.networks.pretrained.weights_fetching import examine_weights, fetch_weights

DATA = os.urandom(300_000)
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch) -> pathlib.Path:
    """Folders of Keras and PyTorch that are empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("KERAS_HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def entry(tmp_path) -> WeightsFile:
    return WeightsFile(
        name="toy",
        purpose="tests",
        terms="none",
        size=len(DATA),
        url="https://localhost/toy.bin",
        find=lambda: [tmp_path / "here" / "toy.bin"],
    )


def changed(entry: WeightsFile, **values) -> WeightsFile:
    return WeightsFile(**{**{name: getattr(entry, name) for name in vars(entry)}, **values})


def files_below(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# What is listed -------------------------------------------------------------------------------------------------------


def test_every_file_is_listed_with_what_is_known_of_it(capsys, homes):
    assert main(["weights"]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line[0] != " "] == [entry.name for entry in list_weights()]
    for word in ("for:", "terms:", "size:", "SHA-256:", "from:", "here:"):
        assert text.count(f"  {word}") == len(list_weights())
    assert all(digest in text for digest in DIGESTS.values())
    assert "first digits, cd938726ad; the SHA-256 of the first file on this machine is stored" in text
    assert not homes.exists()


def test_files_that_packages_bring_are_what_the_sums_say():
    """Those of dlib where its package is installed, as for the tests of landmarks."""
    for entry in list_weights():
        if not entry.url and entry.find():
            state = examine_weights(entry)
            assert state.digest == entry.sha256 and not state.fault
            assert state.path.stat().st_size == entry.size


def test_places_are_those_where_the_code_looks(monkeypatch, tmp_path):
    api = types.SimpleNamespace(
        get_dir=lambda: str(hub_folder().parent), models_urls={"2DFAN-4": weights_catalog.FAN_URL}
    )
    assert find_entry("fan").find() == [landmarks_fan._network_file(api)]
    torch_hub = pytest.importorskip("torch.hub", reason="PyTorch is not installed")
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
        assert hub_folder() == pathlib.Path(torch_hub.get_dir()) / "checkpoints"
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert find_entry("vggface-vgg16").find()[-1].parent == tmp_path / "keras" / "models" / "vggface"


def test_what_is_damaged_is_named_and_ends_with_1(capsys, homes):
    place = find_entry("fan").find()[-1]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half a network")
    assert main(["weights"]) == 1
    out = capsys.readouterr()
    assert "DAMAGED or another file: " in out.out and "begins with cd938726ad, got" in out.out
    assert "damaged or other files: fan; remove them" in out.err


@pytest.mark.parametrize("words", [["fetch"], ["fetch", "a", "b"], ["get", "fan"], ["--from", "file"]])
def test_wrong_use(capsys, words):
    assert main(["weights", *words]) == 2
    assert "expected nothing, or fetch NAME" in capsys.readouterr().err
    assert main(["weights", "fetch", "vggface-resnet5"]) == 2
    assert "did you mean 'vggface-resnet50'" in capsys.readouterr().err


# A file that was downloaded by hand -----------------------------------------------------------------------------------


def test_a_file_from_elsewhere_is_put_where_it_is_looked_for(entry, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    state = fetch_weights(entry, tmp_path / "a")
    assert state.path.read_bytes() == DATA and (state.digest, state.is_noted) == (SUM, True)
    assert note_path(state.path).read_text() == f"{SUM}  toy.bin\n"
    (tmp_path / "a").write_bytes(b"other")
    assert fetch_weights(entry, tmp_path / "a").digest == SUM and state.path.read_bytes() == DATA  # what is there stays


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sha256": "0" * 64}, "expected SHA-256 0000"),
        ({"begin": "zz"}, "expected a SHA-256 that begins with zz"),
        ({"md5": "0" * 32}, "expected MD5 0000"),
        ({"size": 100}, "expected at most 125 bytes for toy, got 300,000"),
    ],
)
def test_another_file_is_not_kept(entry, tmp_path, values, words):
    (tmp_path / "a").write_bytes(DATA)
    with pytest.raises(InputError, match=words):
        fetch_weights(changed(entry, **values), tmp_path / "a")
    assert files_below(tmp_path) == ["a"]


def test_what_is_no_file_or_cannot_be_put_there(entry, tmp_path):
    with pytest.raises(InputError, match="gone: expected toy.bin, got no file there"):
        fetch_weights(entry, tmp_path / "gone")
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "here").write_text("a file in the way of the folder")
    with pytest.raises(InputError, match="toy.bin cannot be downloaded"):
        fetch_weights(entry, tmp_path / "a")


def test_hdf5_is_looked_into_before_it_is_kept(tmp_path):
    (tmp_path / "page.h5").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(InputError, match="is not what was expected .*another kind of file"):
        fetch_weights(find_entry("vggface-vgg16"), tmp_path / "page.h5")
    assert files_below(tmp_path) == ["page.h5"]


# A server -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> pathlib.Path:
    """A certificate of this test's own for localhost, with its key."""
    pytest.importorskip(
        "cryptography", reason="cryptography, with which the test makes a certificate, is not installed"
    )
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the path; notes what was asked for."""

    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        kind = self.path.strip("/")
        if kind == "missing":
            self.send_error(404)
            return
        if kind in ("to-http", "to-file", "to-whole"):
            self.send_response(302)
            targets = {"to-http": "http://localhost:1/whole", "to-file": "file:///etc/passwd", "to-whole": "/whole"}
            self.send_header("Location", targets[kind])
            self.end_headers()
            return
        self.send_response(200)
        lengths = {"whole": len(DATA), "cut": 350_000, "huge": 10**15, "odd": "many"}
        if kind in lengths:
            self.send_header("Content-Length", str(lengths[kind]))
        self.end_headers()
        with contextlib.suppress(OSError):  # the other side hangs up
            for _ in range(40 if kind == "endless" else 1):
                self.wfile.write(DATA)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(certificate, monkeypatch):
    """A server on this machine that speaks https; its certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Handler, "asked", [])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"https://localhost:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["whole", "to-whole", "unstated"])
def test_a_file_is_fetched_when_asked_for(server, entry, path):
    state = fetch_weights(changed(entry, url=f"{server}/{path}", sha256=SUM))
    assert state.path.read_bytes() == DATA and state.digest == SUM and not state.is_noted
    assert Handler.asked[0] == f"/{path}" and files_below(state.path.parent) == ["toy.bin"]
    examine_weights(entry)
    assert len(Handler.asked) == (2 if path == "to-whole" else 1)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing", "HTTP Error 404"),
        ("cut", "expected 350,000 bytes, got 300,000|cut short"),
        ("huge", "it has 1,000,000,000,000,000 bytes, more than the allowed 375,000"),
        ("endless", "sent more than the allowed 375,000 bytes"),
        ("odd", "an invalid Content-Length"),
        ("to-http", "begins with https, got 'http://localhost:1/whole'"),
        ("to-file", "file:///etc/passwd' is not allowed"),
    ],
)
def test_what_goes_wrong_leaves_nothing(server, entry, tmp_path, path, words):
    with pytest.raises(InputError, match=words) as caught:
        fetch_weights(changed(entry, url=f"{server}/{path}"))
    assert "\n" not in str(caught.value) and files_below(tmp_path) == []


def test_a_server_whose_certificate_nobody_knows_is_not_believed(server, entry, monkeypatch, tmp_path):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InputError, match="toy.bin cannot be downloaded .*certificate.*--from FILE"):
        fetch_weights(changed(entry, url=f"{server}/whole"))
    assert files_below(tmp_path) == []


def test_a_slow_server_is_given_up(server, entry, monkeypatch, tmp_path):
    monkeypatch.setattr(downloads, "DEADLINE", -1.0)
    with pytest.raises(InputError, match="it took more than"):
        fetch_weights(changed(entry, url=f"{server}/whole"))
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("url", ["http://localhost/a", "file:///etc/passwd", "ftp://localhost/a", "data:,a"])
def test_other_ways_than_https_are_refused(entry, url):
    with pytest.raises(InputError, match="expected a URL that begins with https"):
        fetch_weights(changed(entry, url=url))
    assert all(entry.url.startswith("https://") for entry in list_weights() if entry.url)


# Sums -----------------------------------------------------------------------------------------------------------------


def test_a_sum_is_noted_once_and_compared_from_then_on(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    assert check_sum(path) == SUM and read_note(path) is None
    note_first_sum(path)
    assert check_sum(path) == read_note(path) == SUM
    path.write_bytes(b"other")
    note_first_sum(path)
    assert read_note(path) == SUM
    with pytest.raises(CheckpointError, match=r"noted in a\.bin\.sha256"):
        check_sum(path)
    note_path(path).write_bytes(b"\xff" * 5000)
    with pytest.raises(CheckpointError, match="expected a SHA-256, got something else"):
        check_sum(path)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="needs a folder that cannot be written to")
def test_a_folder_that_others_fill_needs_no_note(tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    tmp_path.chmod(0o500)
    try:
        note_first_sum(tmp_path / "a.bin")
        assert check_sum(tmp_path / "a.bin") == SUM
    finally:
        tmp_path.chmod(0o700)


def test_listing_writes_and_asks_nothing(monkeypatch, homes):
    monkeypatch.setattr(weights_fetching, "download", None)
    place = find_entry("vgg16-imagenet").find()[0]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    for entry in list_weights():
        examine_weights(entry)
    assert files_below(homes) == [place.name]
