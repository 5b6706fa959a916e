"""The server of an artifact: what it answers is what the model computes, every error has one form, and nothing makes it fall over."""

import asyncio
import base64
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import jsonschema
import keras
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import export.sample
import keras_vaemix as vm
from export.artifact import export_model
from export.server import app as server
from export.server.formats import TYPES, answer, chosen
from export.server.limits import Deadline, Limits, Pool
from export.server.model import Drawn, Model
from export.server.problems import Problem
from tests import catalogue

ROOT = Path(__file__).parents[2]
LATENTS = {"z": [[0.5, -1.0, 2.0], [0.0, 0.0, 0.0]], "component": [3, 0]}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """The artifact of a CP-VAE with four categories, which its decoder sees."""
    keras.utils.set_random_seed(0)
    return export_model(catalogue.cp_vae(vm.ELBO(1), 0), tmp_path_factory.mktemp("served") / "artifact", ["onnx"])


def client_of(artifact, **limits):
    return TestClient(server.make_app(artifact, limits=Limits(**limits)), "http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(artifact):
    with client_of(artifact) as client:
        yield client


def check_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["detail"].startswith("Expected ")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_samples_are_those_of_the_command(artifact, client):
    expected, component = export.sample.sample(artifact, 70, 2, seed=5)
    query = {"num": 70, "component": 2, "seed": 5}
    received = client.get("/v1/sample", params=query).json()
    np.testing.assert_allclose(received["x"], expected, atol=2e-6)
    assert received["component"] == component.tolist()
    npy = client.get("/v1/sample", params=query, headers={"Accept": "application/x-npy"})
    np.testing.assert_allclose(np.load(io.BytesIO(npy.content)), expected, atol=1e-6)
    picture = client.get("/v1/sample", params={**query, "format": "png"})
    assert picture.content == export.sample.png(np.load(io.BytesIO(npy.content)), zoom=16)


@pytest.mark.parametrize("decode", [lambda client, latents: client.post("/v1/decode", json={"latents": latents})])
def test_samples_decode_from_the_latents_that_come_with_them(client, decode):
    drawn = client.get("/v1/sample?num=5&seed=1").json()
    np.testing.assert_allclose(decode(client, drawn["latents"]).json()["x"], drawn["x"], atol=1e-5)
    assert drawn["latents"]["component"] == drawn["component"]
    pictures = client.post("/v1/decode?pictures=true", json={"latents": drawn["latents"]}).json()["pictures"]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in pictures])
    np.testing.assert_allclose(pixels / 255, np.array(drawn["x"])[..., 0], atol=0.5 / 255 + 1e-5)


def test_an_image_of_one_column_is_not_enlarged():
    drawn, soon = Drawn(np.zeros((4, 1000, 1), "float32"), None, {}), Deadline(10)
    with Image.open(io.BytesIO(answer(drawn, "png", False, soon).body)) as picture:
        assert picture.size == (2 * 2, 2 * 1001)
    for name in TYPES:
        with pytest.raises(TimeoutError):
            answer(drawn, name, False, Deadline(-1))


def test_a_pixel_decoder_draws_by_its_seed(tmp_path):
    with client_of(export_model(catalogue.EVERY_MODEL["PixelVAE"](), tmp_path / "pixels", ["onnx"])) as client:
        expected, _ = export.sample.sample(tmp_path / "pixels", 3, seed=2)
        drawn = client.get("/v1/sample?num=3&seed=2").json()
        np.testing.assert_allclose(drawn["x"], expected, atol=1e-5)
        one, two = (client.post(f"/v1/decode?seed={seed}", json={"latents": drawn["latents"]}).json()["x"] for seed in (0, 1))
        assert one != two
    with pytest.raises(TimeoutError):
        Model(tmp_path / "pixels").sample(3, None, 0, Deadline(-1))


def test_a_model_is_served_given_y(tmp_path):
    model, y = catalogue.conditioned_vae(), [0.5, -2.0]
    with client_of(export_model(model, tmp_path / "given", ["onnx"])) as client:
        assert client.get("/v1/model").json()["condition"] == 2
        for draws in (False, True):
            expected, _ = export.sample.sample(tmp_path / "given", 3, seed=2, condition=y, draws=draws)
            drawn = client.get("/v1/sample", params={"num": 3, "seed": 2, "y": y, "draws": draws}).json()
            np.testing.assert_allclose(drawn["x"], expected, atol=2e-6)
        z, given = drawn["latents"], keras.ops.convert_to_tensor([y] * 3)
        expected = model.decode(keras.ops.convert_to_tensor(z["z"]), given)
        np.testing.assert_allclose(client.post("/v1/decode", json={"latents": z, "y": y}).json()["x"], expected, atol=1e-5)
        for other in ([], [1.0], [1.0, 2.0, 3.0], [1.0, 1e9]):
            check_problem(client.get("/v1/sample", params={"num": 3, "y": other}), 422)
            check_problem(client.post("/v1/decode", json={"latents": z, "y": other}), 422)


def test_the_model_is_described(client):
    facts = client.get("/v1/model").json()
    assert (facts["x_shape"], facts["categories"], facts["is_image"]) == ([4, 4, 1], ["component"], True)
    assert sum(facts["components"]["weights"]) == pytest.approx(1, abs=1e-5)
    drawn = client.get("/v1/sample?num=256&component=1&seed=9").json()["latents"]["z"]
    spread = np.array(facts["components"]["stddevs"]["z"][1])
    assert (np.abs(np.mean(drawn, 0) - facts["components"]["means"]["z"][1]) < 5 * spread * np.sqrt(2 / 256)).all()
    assert min(facts["latents"][0]["activity"]) > 0


def test_activity_is_how_much_a_latent_changes_what_is_decoded(tmp_path):
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    decoder.set_weights([np.array([[1, 0], [0, 3], [0, 0]], "float32")])
    model = vm.VAE(vm.networks.mlp((2,), 6, (4,)), decoder, vm.StandardNormal(3), vm.Normal(1.0))
    with client_of(export_model(model, tmp_path / "linear", ["onnx"])) as client:
        (latent,) = client.get("/v1/model").json()["latents"]
        np.testing.assert_allclose(latent["activity"], np.array([1, 3, 0]) * latent["stddev"], rtol=1e-4)
        check_problem(client.get("/v1/sample?format=png"), 422)  # two values are not an image
        check_problem(client.get("/v1/sample", headers={"Accept": "image/png"}), 406)
        other = client.get("/v1/sample", headers={"Accept": "image/png, application/json;q=0.9"})
        assert other.headers["content-type"] == "application/json"


def test_answers_are_what_the_document_says(client):
    document = client.get("/openapi.json").json()
    for method, path, body in (("get", "/v1/sample", None), ("post", "/v1/decode", {"latents": LATENTS}), ("get", "/v1/model", None)):
        operation = document["paths"][path][method]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(client.request(method, path, json=body).json(), {**schema, "components": document["components"]})
    error = {**document["components"]["schemas"]["ProblemDetails"], "components": document["components"]}
    jsonschema.validate(client.get("/nowhere").json(), error)
    body = document["components"]["schemas"]["Latents"]
    assert (body["properties"]["z"]["items"]["maxItems"], body["properties"]["component"]["items"]["maximum"]) == (3, 3)


ILL = [
    ("GET", "/v1/sample?num=0", None, 422),
    ("GET", "/v1/sample?num=257", None, 422),
    ("GET", "/v1/sample?component=4", None, 422),
    ("GET", "/v1/sample?number=4", None, 422),
    ("GET", "/v1/sample?format=gif", None, 422),
    ("GET", "/v1/sample?num=2&num=3", None, 422),
    ("GET", "/nowhere", None, 404),
    ("GET", "/page/../app.py", None, 404),
    ("GET", "/page/%2e%2e/app.py", None, 404),
    ("PUT", "/v1/model", None, 405),
    ("POST", "/v1/decode", b"{", 422),
    ("POST", "/v1/decode", b"[" * 100_000, 400),
    ("POST", "/v1/decode", b"\xff\xfe", 422),
    ("POST", "/v1/decode", b"x" * (2**20 + 1), 413),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "z": [[1, 2], [3, 4]]}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "z": [[1, 2, 3]]}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "z": [[1, 2, float("nan")]] * 2}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "component": [4, 0]}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "z": [["1", 2, 3]] * 2}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "z": [[True, 2, 3]] * 2}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "component": ["3", "0"]}}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {**LATENTS, "component": [True, False]}}).encode(), 422),
    ("POST", "/v1/decode?seed=1&seed=1", json.dumps({"latents": LATENTS}).encode(), 422),
    ("POST", "/v1/decode", json.dumps({"latents": {"z": LATENTS["z"]}}).encode(), 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), ILL)
def test_every_error_has_one_form(client, method, path, body, status):
    check_problem(client.request(method, path, content=body, headers={"Content-Type": "application/json"}), status)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_that_is_not_declared_as_json_is_refused(client, content_type):
    content = json.dumps({"latents": LATENTS}).encode()
    answer = client.post("/v1/decode", content=content, headers={"Content-Type": content_type})
    check_problem(answer, 415)
    assert answer.json()["detail"].endswith(f"Content-Type: application/json. Received: content_type={content_type!r}")
    assert client.post("/v1/decode", content=content, headers={"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "received"),
    [
        ("GET", "/nowhere", {}, "path='/nowhere'"),
        ("GET", "/%0a" + "a" * 500, {}, f"path='/\\n{'a' * 93}..."),
        ("PUT", "/v1/model", {}, "method='PUT'"),
        ("GET", "/v1/sample", {"Accept": "text/html"}, "accept='text/html'"),
        ("GET", "/v1/model", {"Host": "evil.example"}, "host='evil.example'"),
        ("GET", "/v1/sample?seed=1&num=2&num=3", {}, "more than once ['num']"),
    ],
)
def test_errors_say_what_was_received(client, method, path, headers, received):
    detail = client.request(method, path, headers=headers).json()["detail"]
    assert detail.partition(". Received: ")[2] == received


def test_a_fault_of_the_server_has_this_form_too_and_says_nothing_of_it(artifact, monkeypatch):
    with client_of(artifact) as client:
        monkeypatch.setattr("export.server.formats.answer", lambda *arguments: 1 / 0)
        answer = client.get("/v1/sample")
        check_problem(answer, 500)
        assert "ZeroDivision" not in answer.text


def test_hosts_that_are_not_its_own_are_refused(artifact, client):
    check_problem(client.get("/", headers={"Host": "evil.example"}), 421)
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).json() == {"status": "ok"}
    assert client.get("/", headers={"Host": "[::1]:8000"}).status_code == 200
    allowed = TestClient(server.make_app(artifact, ["models.example"]), "http://models.example")
    assert allowed.get("/v1/model").status_code == 200
    assert "access-control-allow-origin" not in client.get("/v1/model", headers={"Origin": "http://evil.example"}).headers


@pytest.mark.parametrize(
    ("asked", "accept", "name"),
    [
        (None, "*/*", "json"),
        ("npy", "image/png", "npy"),
        (None, "image/*", "png"),
        (None, "text/html, application/x-npy;q=0.5, image/png;q=0.4", "npy"),
        (None, "application/json;q=0, */*;q=0.1", "png"),
    ],
)
def test_the_format_is_what_is_accepted(asked, accept, name):
    assert chosen(asked, accept) == name


def test_what_is_not_accepted_is_said(client):
    check_problem(client.get("/v1/sample", headers={"Accept": "text/html"}), 406)


def test_a_full_queue_says_when_to_come_again():
    async def full():
        pool, begun = Pool(Limits(workers=1, queue=1)), threading.Event()
        held = [asyncio.ensure_future(pool.run(lambda deadline: begun.wait(10))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await pool.run(lambda deadline: None)
        begun.set()
        assert await asyncio.gather(*held) == [True, True]
        assert (pool.waiting, await pool.run(lambda deadline: 3)) == (0, 3)
        return refused.value

    problem = asyncio.run(full())
    assert (problem.status, problem.headers["Retry-After"]) == (503, "1")


def test_what_takes_too_long_is_given_up():
    async def late():
        pool = Pool(Limits(workers=1, seconds=0.05))
        with pytest.raises(Problem) as refused:
            await pool.run(lambda deadline: time.sleep(0.3))
        return refused.value.status, pool.waiting

    assert asyncio.run(late()) == (504, 1)  # its thread still works


def test_metrics_count_requests_by_route_and_not_by_what_a_stranger_sends(artifact):
    with client_of(artifact) as client:
        for path in ("/v1/sample", "/v1/sample", "/a", "/b"):
            client.get(path)
        text = client.get("/metrics").text
        assert 'vaemix_requests_total{method="GET",path="/v1/sample",status="200"} 2.0' in text
        assert 'vaemix_requests_total{method="GET",path="other",status="404"} 2.0' in text


def test_pages_need_nothing_from_elsewhere(client):
    for file in server.PAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("\n//", "").removeprefix("//") or file.suffix == ".js"
        assert "http:" not in text
        assert "https:" not in text
        assert client.get(f"/page/{file.name}").status_code == 200
    assert client.get("/").text == (server.PAGE / "index.html").read_text()
    assert client.get("/docs").text == (server.PAGE / "docs.html").read_text()


@pytest.mark.parametrize("name", sorted(file.name for file in server.PAGE.iterdir()))
def test_pages_have_only_relative_addresses(name):
    """So that a proxy can have them below any path."""
    text = (server.PAGE / name).read_text().replace('.split("/")', "")
    assert re.findall(r"""["'`(]/[^/*>].*""", text) == []


@pytest.mark.parametrize("page", ["", "docs"])
def test_pages_work_below_a_path(page, artifact):
    with TestClient(Starlette(routes=[Mount("/models/digits", server.make_app(artifact))]), base_url="http://localhost") as client:
        address = f"http://localhost/models/digits/{page}"
        linked = re.findall(r"""(?:href|src)="([^#"]+)""", client.get(address).text)
        assert len(linked) >= 4
        assert {client.get(urllib.parse.urljoin(address, one)).status_code for one in (*linked, "v1/model", "openapi.json")} == {200}


def test_health_is_asked_for_without_a_body(client):
    answer = client.head("/healthz")
    assert (answer.status_code, client.get("/healthz").status_code) == (200, 200)


ASK = """
import { decode, load } from "./api.mjs";
const limits = { rows: 8, body_bytes: 300 }, asked = [];
globalThis.fetch = async (path, options) => {
  if (options === undefined) return { ok: true, json: async () => ({ limits, latents: [{ name: "z", size: 4 }], categories: [] }) };
  const { z } = JSON.parse(options.body).latents;
  asked.push([options.body.length, z.length]);
  return { ok: true, json: async () => ({ x: z.map((row) => row[0]) }) };
};
await load();
const points = [...Array(20).keys()].map((i) => ({ z: [i, 1 / 3, 1 / 3, 1 / 3] }));
console.log(JSON.stringify({ asked, x: (await decode(points)).map(({ example }) => example.values[0]) }));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="apt install nodejs")
def test_the_page_asks_for_no_more_at_once_than_the_limits_allow(tmp_path):
    shutil.copy(server.PAGE / "api.js", tmp_path / "api.mjs")
    (tmp_path / "ask.mjs").write_text(ASK)
    found = json.loads(subprocess.run(["node", "ask.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert found["x"] == list(range(20))
    assert all(size <= 300 for size, _ in found["asked"])
    assert sum(num for _, num in found["asked"]) == 20


def test_an_artifact_without_latents_is_to_be_exported_again(artifact, tmp_path, monkeypatch):
    monkeypatch.setattr("export.server.model.Model.outputs", lambda model: ["z_drawn", "w_drawn"])
    with pytest.raises(ValueError, match=r"with the outputs z_drawn, w_drawn: export again"):
        server.make_app(artifact)


START = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "keras_vaemix", "training", "PIL", "scipy"}:
            raise ImportError(name + " is absent")
sys.meta_path.insert(0, Absent())
import export.serve
sys.exit(export.serve.main(sys.argv[1:]))
"""


@pytest.fixture
def running(artifact):
    """A server in a process of its own, where TensorFlow is absent, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(artifact), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process, process.stdout.readline().split()[-1]
    process.kill()
    process.communicate()


def test_a_signal_stops_it_when_it_has_answered(running):
    process, address = running
    answers = []
    ask = threading.Thread(target=lambda: answers.append(urllib.request.urlopen(f"{address}/v1/sample?num=256").status))
    ask.start()
    ask.join(20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert (answers, process.stdout.read(), process.stderr.read()) == ([200], "Stopped\n", "")


def test_a_taken_port_is_one_line(running, artifact, capsys):
    import export.serve

    assert export.serve.main([str(artifact), "--port", running[1].rpartition(":")[2]]) == 1
    assert capsys.readouterr().err.startswith("error: Expected a free port and an address of this machine. Received: 127.0.0.1:")


def hostile(rng):
    """Returns a request that may be anything."""
    paths = (
        "/",
        "/v1/model",
        "/v1/sample",
        "/v1/decode",
        "/healthz",
        "/docs",
        "/page/style.css",
        "/page/..%2f",
        "/%00",
        "/v1/" + "a" * 3000,
    )
    words = ("", "-1", "1e9", "nan", "null", "'", "%00", "\u00e9", "9" * 400, "png", "true", "[]", "3")
    names = ("num", "component", "seed", "format", "pictures", "x" * 50)
    query = {rng.choice(names): rng.choice(words) for _ in range(rng.randrange(4))}
    values = (None, True, -1, 1e300, "z", [], {}, [[]], [[1.0, 2.0, 3.0]], [[1.0] * 4], [0], [2**70], {"z": {}}, float("inf"))
    nested = rng.choice(({"latents": {"z": rng.choice(values), "component": rng.choice(values)}}, {rng.choice(names): rng.choice(values)}))
    raw = bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
    body = rng.choice(
        (b"", json.dumps(nested).encode(), raw, b"[" * rng.randrange(50_000), json.dumps(nested).encode()[: rng.randrange(40)])
    )
    accepts = ("*/*", "image/png", "a/b", ";;,q=", "application/json;q=x", "\x7f" * 20)
    headers = {"Content-Type": rng.choice(("application/json", "text/plain", "x")), "Accept": rng.choice(accepts)}
    return rng.choice(("GET", "POST", "POST", "PUT", "DELETE", "HEAD", "PATCH", "BREW")), rng.choice(paths), query, body, headers


@pytest.mark.slow
def test_thousands_of_hostile_requests(client):
    rng, seen, start = random.Random(0), {}, time.monotonic()
    for _ in range(2000):
        method, path, query, body, headers = hostile(rng)
        answer = client.request(method, path, params=query, content=body, headers=headers)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        if answer.status_code >= 400 and method != "HEAD":
            check_problem(answer, answer.status_code)
    assert set(seen) <= {200, 400, 404, 405, 406, 413, 415, 422}, seen
    assert {200, 400, 404, 405, 406, 415, 422} <= set(seen), seen
    assert client.get("/v1/sample").status_code == 200
    print(f"{seen} in {time.monotonic() - start:.0f} s")
