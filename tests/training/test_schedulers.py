"""Slurm and Kubernetes: TF_CONFIG from their variables, and files that they take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import training
from training import slurm as command_line
from training.distributed import slurm
from training.distributed.cluster import check_tf_config

FOLDER = Path(training.__file__).parent / "distributed"
STEP = {"SLURM_STEP_NODELIST": "gpu[08-10],login", "SLURM_STEP_TASKS_PER_NODE": "2(x3),1", "SLURM_PROCID": "3"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("one", ["one"]),
        ("a1,b-2", ["a1", "b-2"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[008-010,12]", ["n008", "n009", "n010", "n12"]),
        ("r[1-2]n[3,5]", ["r1n3", "r1n5", "r2n3", "r2n5"]),
        ("n[1-2].x,m[3]", ["n1.x", "n2.x", "m3"]),
    ],
)
def test_node_lists_are_expanded(names, expected):
    assert slurm.hosts(names) == expected


def test_tf_config_of_a_slurm_task():
    config = slurm.tf_config(STEP)
    addresses = ["gpu08:12345", "gpu08:12346", "gpu09:12345", "gpu09:12346", "gpu10:12345", "gpu10:12346", "login:12345"]
    assert config == {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 3}}
    assert check_tf_config(json.dumps(config)) == ("gpu09:12346", 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"SLURM_PROCID": "7"}, "Expected SLURM_PROCID below 7"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "Expected a number of tasks for each node"),
    ],
)
def test_wrong_steps_are_refused(change, expected):
    with pytest.raises(ValueError, match=expected):
        slurm.tf_config(STEP | change)


def test_outside_of_slurm_is_one_line(monkeypatch, capsys):
    for name in STEP:
        monkeypatch.delenv(name, raising=False)
    assert command_line.main([]) == 1
    assert capsys.readouterr().err.startswith("error: Expected the variables of a Slurm step: start this with srun. Received: missing=")


def test_script_is_bash_and_trains():
    script = FOLDER / "slurm.sh"
    subprocess.run(["bash", "-n", script], check=True)
    assert "python -m training.slurm" in script.read_text()


# Kubernetes.


@pytest.fixture(scope="module")
def manifest():
    """The service and the job."""
    return {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}


def test_manifest_fits_the_schemas_of_kubernetes(manifest):
    validate = pytest.importorskip("kubernetes_validate")
    for one in manifest.values():
        validate.validate(one, validate.latest_version(), strict=True)


def test_job_and_service_fit_together(manifest):
    service, job = manifest["Service"], manifest["Job"]
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (service["apiVersion"], job["apiVersion"]) == ("v1", "batch/v1")
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]
    assert pod["restartPolicy"] in ("OnFailure", "Never")  # all that a job may have
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container["env"] == [{"name": "WORKERS", "value": str(spec["completions"])}]


def test_pods_make_their_tf_config(manifest, monkeypatch, tmp_path):
    """The program of a pod, with an execvp that prints what it would start."""
    (container,) = manifest["Job"]["spec"]["template"]["spec"]["containers"]
    spy = "import json, os\nos.execvp = lambda file, command: print(json.dumps([os.environ['TF_CONFIG'], command]))\n"
    environment = {"WORKERS": "4", "JOB_COMPLETION_INDEX": "2"}
    out = subprocess.run([sys.executable, "-c", spy + container["args"][0]], env=environment, capture_output=True, text=True, check=True)
    config, command = json.loads(out.stdout)
    port = manifest["Service"]["spec"]["ports"][0]["port"]
    assert check_tf_config(config) == (f"vaemix-2.vaemix:{port}", 2)
    assert container["ports"] == [{"containerPort": port}]
    from training.jobs.flags import parse

    args = parse(command[3:]).args
    assert command[:3] == ["python", "-m", "training.train"]
    assert (args.strategy, args.resume) == ("multiworker", True)
    assert args.batch_size % manifest["Job"]["spec"]["completions"] == 0
