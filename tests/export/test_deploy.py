"""The templates for other servers have the form that these servers read, and name what an artifact has."""

import json
import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format

from export.serve import parse

FOLDER = Path(__file__).parents[2] / "docs" / "deploy"
KSERVE = json.loads((Path(__file__).parent / "schemas" / "kserve_v1beta1.json").read_text())
KINDS = {"str": str, "int": int, "bool": bool}


def parsed(path, message):
    return text_format.Parse((FOLDER / path).read_text(), message)


def test_triton_reads_its_configuration():
    pytest.importorskip("tritonclient", reason="pip install -r requirements-deploy.txt")
    model_config = pytest.importorskip("tritonclient.grpc.model_config_pb2", exc_type=RuntimeError)  # what it raises without gRPC
    config = parsed("triton/vae_decoder/config.pbtxt", model_config.ModelConfig())
    assert config.name == "vae_decoder"  # the folder's
    assert config.max_batch_size >= max(config.dynamic_batching.preferred_batch_size)
    assert [list(one.dims) for one in config.input] == [list(one.dims) for one in [config.model_warmup[0].inputs["z"]]]
    assert [one.data_type for one in (*config.input, *config.output)] == [model_config.TYPE_FP32] * 2


def test_tensorflow_serving_reads_its_configuration():
    server = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2", reason="pip install -r requirements-deploy.txt")
    (config,) = parsed("tensorflow_serving/models.config", server.ModelServerConfig()).model_config_list.config
    assert (config.name, config.base_path, list(config.model_version_policy.specific.versions)) == ("vae", "/models/vae", [1])


def test_the_container_starts_the_server():
    text = (FOLDER / "container" / "Containerfile").read_text()
    program, *argv = json.loads(re.search("^ENTRYPOINT (.*)", text, re.MULTILINE)[1])
    assert program == "vaemix-serve"
    args = parse([*argv, "--allow-host", "digits.example"])
    assert (str(args.artifact), args.host, args.port) == ("/artifact", "0.0.0.0", 8000)
    assert f"EXPOSE {args.port}\n" in text
    assert f"http://localhost:{args.port}/healthz" in text


def check_fields(value, kind):
    """Holds an object of KServe to the names and types of its class; what is Kubernetes's own is left to its schemas."""
    if kind in KINDS:
        assert isinstance(value, KINDS[kind]), value
    for name, one in value.items() if kind in KSERVE else ():
        assert name in KSERVE[kind], f"{name} of {kind}"
        check_fields(one, KSERVE[kind][name])


def test_kserve_knows_every_field():
    service = yaml.safe_load((FOLDER / "kserve" / "inference_service.yaml").read_text())
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    check_fields(service, "V1beta1InferenceService")
    with pytest.raises(AssertionError, match="modelFormats"):
        check_fields({"modelFormats": {}}, "V1beta1ModelSpec")


def test_kubernetes_knows_the_rest():
    validate = pytest.importorskip("kubernetes_validate")
    predictor = yaml.safe_load((FOLDER / "kserve" / "inference_service.yaml").read_text())["spec"]["predictor"]
    container = {"name": "model", "resources": predictor["model"]["resources"]}
    pod = {"containers": [container], "securityContext": predictor["securityContext"]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod}
    validate.validate(body, validate.latest_version(), strict=True)
