"""Folders and repositories of the Hub: what they hold, and loading from them; a local server stands in for the Hub."""

import base64
import http.server
import importlib
import json
import os
import sys
import threading

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skae
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, ModelFileError
from skae.export.model_card import make_card, table

X, y = load_digits(return_X_y=True)
X, y = X[:120], y[:120]
pictures = X.reshape(-1, 8, 8)


def fit(X=pictures, **settings):
    return AutoencoderTransformer(4, **{"max_epochs": 1, "random_state": 0, **settings}).fit(X)


class FakeHub(http.server.BaseHTTPRequestHandler):
    """The requests that an upload and a download make."""

    files: dict
    created: list
    address: str

    def log_message(self, *arguments):
        pass

    def answer(self, content, **headers):
        self.send_response(200)
        for name, value in {"Content-Length": len(content), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/repos/create"):
            self.created.append(json.loads(body))
            return self.answer(json.dumps({"url": f"{self.address}/user/digits"}).encode())
        if self.path.endswith("/validate-yaml"):
            return self.answer(json.dumps({"warnings": [], "errors": []}).encode())
        if "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer(json.dumps({"files": files}).encode())
        if "/commit/" in self.path:
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            commit = {
                "commitUrl": f"{self.address}/user/digits/commit/1",
                "commitOid": "1" * 40,
                "pullRequestUrl": None,
            }
            return self.answer(json.dumps(commit).encode())
        return self.send_error(404)

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if "/user/digits/resolve/" not in self.path or name not in self.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.answer(self.files[name], ETag='"etag"', X_Repo_Commit="1" * 40)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A local server in the place of the Hub; its ``files`` are those of the repository."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    importlib.import_module("huggingface_hub.constants")
    importlib.import_module("huggingface_hub.utils")
    handler = type("Handler", (FakeHub,), {"files": {}, "created": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    template = huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE
    template = handler.address + template.removeprefix(huggingface_hub.constants.ENDPOINT)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    # Versions before 1.0 read it here.
    file_download = importlib.import_module("huggingface_hub.file_download")
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", handler.address)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    huggingface_hub.utils.disable_progress_bars()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()
    huggingface_hub.utils.enable_progress_bars()


@pytest.fixture
def no_hub(monkeypatch):
    """A Hub that refuses connections."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")


class TestFolders:
    def test_hold_the_model_and_its_card(self, tmp_path):
        estimator = fit()
        skae.save_pretrained(estimator, tmp_path / "digits", X=pictures[:40], license="mit")
        expected = {"README.md", "history.png", "model.safetensors", "reconstructions.png"}
        assert set(os.listdir(tmp_path / "digits")) == expected
        loaded = skae.from_pretrained(tmp_path / "digits")
        np.testing.assert_array_equal(loaded.transform(pictures), estimator.transform(pictures))
        for name in ("history.png", "reconstructions.png"):
            assert (tmp_path / "digits" / name).read_bytes().startswith(b"\x89PNG")
        card = (tmp_path / "digits" / "README.md").read_text()
        assert "estimator = skae.from_pretrained('digits')" in card
        assert "| shape of a sample | (8, 8) |" in card
        score = estimator.score(pictures[:40])
        assert f"| explained variance, 40 samples given for this card | {score:.4g} |" in card
        ratio = estimator.explained_variance_ratio_.sum()
        assert f"| explained variance, training samples | {ratio:.4g} |" in card

    def test_are_replaced_and_keep_an_edited_card(self, tmp_path):
        skae.save_pretrained(fit(), tmp_path)
        (tmp_path / "README.md").write_text("edited")
        other = fit(X)
        skae.save_pretrained(other, str(tmp_path), card=False)
        assert (tmp_path / "README.md").read_text() == "edited"
        np.testing.assert_array_equal(skae.from_pretrained(str(tmp_path)).transform(X), other.transform(X))
        skae.save_pretrained(other, tmp_path)
        assert "| shape of a sample | (64,) |" in (tmp_path / "README.md").read_text()

    def test_take_custom_modules(self, tmp_path):
        loss = Squared()
        skae.save_pretrained(fit(loss=loss), tmp_path)
        assert "custom_modules={...}" in (tmp_path / "README.md").read_text()
        assert skae.from_pretrained(tmp_path, custom_modules={"loss": loss}).n_components_ == 4
        with pytest.raises(ModelFileError, match="custom_modules"):
            skae.from_pretrained(tmp_path)

    def test_without_a_model_are_errors(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"holds no 'model\.safetensors'"):
            skae.from_pretrained(tmp_path)

    def test_of_an_unfitted_estimator_are_not_made(self, tmp_path):
        with pytest.raises((ValueError, AttributeError), match="not fitted"):
            skae.save_pretrained(AutoencoderTransformer(), tmp_path / "new")
        with pytest.raises(TypeError):
            skae.save_pretrained(LogisticRegression(), tmp_path / "new")
        assert not (tmp_path / "new").exists()


class Squared:
    def __call__(self, output, target):
        return (output - target).square().flatten(1).mean(1)


class TestCards:
    def test_have_a_header_that_the_hub_reads(self):
        huggingface_hub = pytest.importorskip("huggingface_hub")
        text = make_card(fit(), "user/digits", license="bsd-3-clause")["README.md"].decode()
        data = huggingface_hub.ModelCard(text).data
        assert data.library_name == "skae"
        assert {"autoencoder", "scikit-learn"} <= set(data.tags)
        assert data.license == "bsd-3-clause"
        assert "# digits\n" in text
        assert "from_pretrained('user/digits')" in text

    def test_are_made_for_pipelines_and_tokens(self):
        autoencoder = AutoencoderTransformer(4, max_epochs=1, random_state=0)
        pipeline = make_pipeline(autoencoder, LogisticRegression(max_iter=5000)).fit(pictures, y)
        text = make_card(pipeline, "name", pictures)["README.md"].decode()
        assert "y = estimator.predict(X)" in text
        assert "('logisticregression'" in text
        tokens = fit(np.arange(120).reshape(30, 4) % 7, architecture="sequence")
        assert "| tokens | 7 |" in make_card(tokens, "name")["README.md"].decode()

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:n_components=4 was chosen")
    def test_are_made_for_searches_and_novelty_detectors(self):
        autoencoder = AutoencoderTransformer(max_epochs=1, random_state=0)
        search = BottleneckSearchCV(autoencoder, (1, 4), cv=2).fit(X)
        assert "| best cross-validated score | " in make_card(search, "name", X)["README.md"].decode()
        novelty = AutoencoderNovelty(autoencoder, random_state=0).fit(X)
        assert "It detects novelties." in make_card(novelty, "name", X)["README.md"].decode()

    def test_name_columns_and_escape_them(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X[:, :25], columns=["a|b`c", *map(str, range(24))])
        text = make_card(fit(frame), "name")["README.md"].decode()
        assert "| columns | `a\\|b'c`, `0`," in text
        assert "and 5 more |" in text

    def test_without_matplotlib_have_no_pictures(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        assert list(make_card(fit(), "name", pictures)) == ["README.md"]

    def test_tables_leave_out_what_is_missing(self):
        assert table({"a": None, "b": 0.123456, "c": "x\ny"}).splitlines()[2:] == ["| b | 0.1235 |", "| c | x y |"]


class TestRepositories:
    def test_are_written_and_read(self, hub):
        estimator = fit()
        url = skae.push_to_hub(estimator, "user/digits", X=pictures[:10], token="hf_token", private=True)
        assert url.endswith("/user/digits/commit/1")
        assert hub.created[0]["name"] == "digits"
        assert "from_pretrained('user/digits')" in hub.files["README.md"].decode()
        assert set(hub.files) == {"README.md", "history.png", "model.safetensors", "reconstructions.png"}
        loaded = skae.from_pretrained("user/digits", token="hf_token")
        np.testing.assert_array_equal(loaded.transform(pictures), estimator.transform(pictures))
        again = skae.from_pretrained("user/digits", local_files_only=True)
        np.testing.assert_array_equal(again.transform(pictures), estimator.transform(pictures))

    def test_without_a_model_are_errors(self, hub):
        with pytest.raises(OSError, match="The repository 'user/other' cannot be read"):
            skae.from_pretrained("user/other", token="hf_token")

    def test_out_of_reach_are_errors(self, no_hub, tmp_path):
        with pytest.raises(OSError, match="The upload to the repository 'user/digits' failed"):
            skae.push_to_hub(fit(), "user/digits", token="hf_token")
        with pytest.raises(OSError, match="The repository 'user/digits' cannot be read"):
            skae.from_pretrained("user/digits", cache_dir=tmp_path, local_files_only=True)

    def test_need_a_valid_name(self, no_hub):
        with pytest.raises(ValueError, match="Repo id"):
            skae.push_to_hub(fit(), "no name", token="hf_token")
        with pytest.raises(FileNotFoundError, match="'no name' is neither a folder nor a name of a repository"):
            skae.from_pretrained("no name")

    def test_need_huggingface_hub(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        for call in (lambda: skae.push_to_hub(fit(), "user/digits"), lambda: skae.from_pretrained("user/digits")):
            with pytest.raises(ImportError, match=r'pip install "skae\[hub\]"'):
                call()

    def test_get_nothing_of_an_estimator_that_cannot_be_saved(self, hub):
        with pytest.raises(TypeError):
            skae.push_to_hub(LogisticRegression(), "user/digits", token="hf_token")
        assert hub.files == {}
        assert hub.created == []
