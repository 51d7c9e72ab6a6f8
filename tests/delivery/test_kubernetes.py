import re
import subprocess
import sys

import pytest
import yaml

from adapters.database.database import POOL_SIZE
from core.settings import VARIABLES, read_settings
from server import DRAIN_SECONDS
from tests.delivery.manifests import COMPOSE, KUBERNETES, ROOT, documents, pods
from tests.test_server import PRODUCTION
from web.uploads import AT_ONCE, MAX_UPLOAD
from worker.loop import DEADLINE

APPLICATION = "app.kubernetes.io/name"
IMAGE = "registry.example.com/porchlight:0.1.0"
SECRET = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())
LARGEST_DATABASE = 200
"""Connections that docs/operations.md asks PostgreSQL to give."""


def test_manifests_are_of_their_kinds() -> None:
    """Every one passes the schemas that Kubernetes publishes, strictly: no field that the kind does not have."""
    files = [file for file in sorted(KUBERNETES.glob("*.yaml")) if file.name != "kustomization.yaml"]
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == len(list(documents())) + 1
    assert "WARN" not in done.stdout + done.stderr


def test_kustomization_lists_the_files_that_are_there() -> None:
    """All but the example of a secret, the migration, which goes before the rest, and the restore; one version."""
    asked = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    apart = {"kustomization.yaml", "secret.example.yaml", "migrate.yaml", "restore.yaml"}
    assert sorted(asked["resources"]) == sorted(
        file.name for file in KUBERNETES.glob("*.yaml") if file.name not in apart
    )
    (image,) = asked["images"]
    assert f"{image['name']}:{image['newTag']}" == IMAGE


@pytest.mark.parametrize("name", [name for name, _ in pods()])
def test_pods_are_locked_down(name: str) -> None:
    """Not root, read-only, without powers, under seccomp, bounded, without a key to the cluster."""
    spec = dict(pods())[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for bounds in ("requests", "limits"):
        assert container["resources"][bounds].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert container["image"] in {IMAGE, "postgres:18.1-bookworm"}


def test_programs_accept_their_settings() -> None:
    """Names that are read, none of them twice, and values that the production profile takes."""
    plain, secret = documents()["ConfigMap", "porchlight"]["data"], SECRET["stringData"]
    assert {*plain, *secret} <= set(VARIABLES)
    assert not plain.keys() & secret.keys()
    filled = dict.fromkeys(secret, "x" * 32) | {"MAIL_URL": "smtp://mail.example.com"}
    urls = {"DATABASE_URL": "postgres://db.example.com/porchlight", "REDIS_URL": "rediss://redis.example.com"}
    settings = read_settings(plain | filled | urls | PRODUCTION)
    assert (settings.profile, settings.jobs, settings.port) == ("production", "external", 8000)


def test_jobs_are_those_of_the_pages() -> None:
    """What operators make of manifests by the pages: other names, images and commands, and the same way out."""
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/releases.md", "docs/operations.md")]
    commands = re.findall(r"^(sed .*?)\| kubectl apply -f -$", "\n".join(pages), re.MULTILINE | re.DOTALL)
    shell = ["env", "tag=1.20.3", "bash", "-ec"]
    jobs = [yaml.safe_load(subprocess.check_output([*shell, each], cwd=ROOT)) for each in commands]
    containers = [job["spec"]["template"]["spec"]["containers"][0] for job in jobs]
    found = {
        job["metadata"]["name"]: (container["image"].rpartition("/")[2], container["command"][2:])
        for job, container in zip(jobs, containers, strict=True)
    }
    assert found == {
        "porchlight-migrate-1-20-3": ("porchlight:1.20.3", ["adapters.database", "migrate"]),
        "porchlight-downgrade": ("porchlight:1.20.3", ["adapters.database", "downgrade", "0029"]),
        "porchlight-restore": ("postgres:18.1-bookworm", []),
        "porchlight-migrate-restored": ("porchlight:0.1.0", ["adapters.database", "migrate"]),
        "porchlight-audit": ("porchlight:0.1.0", ["worker.audit"]),
    }
    assert "porchlight-20261129T021700Z.dump" in containers[2]["args"][0]
    way_out = documents()["NetworkPolicy", "porchlight-outward"]["spec"]["podSelector"]["matchLabels"]
    assert all(way_out.items() <= job["spec"]["template"]["metadata"]["labels"].items() for job in jobs)
    assert not [page for page in pages if "kubectl run" in page]  # a pod of it has no label, and so no way out


def test_secrets_come_by_reference() -> None:
    """No manifest that is applied holds one; who refers to one names what the example has."""
    assert not [kind for kind, _ in documents() if kind == "Secret"]
    assert set(SECRET["stringData"].values()) == {""}
    for name, pod in pods():
        (container,) = pod["spec"]["containers"]
        references = [each["secretRef"]["name"] for each in container.get("envFrom", []) if "secretRef" in each]
        for variable in container.get("env", []):
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference["key"] in SECRET["stringData"]
            references.append(reference["name"])
        assert references == ["porchlight"], name


def test_selectors_find_what_they_are_for() -> None:
    """Services, budgets and policies match pods that a manifest makes; one service matches none, on purpose."""
    labels = [pod["metadata"]["labels"] for _, pod in pods()]

    def matched(wanted: dict[str, str]) -> int:
        return sum(wanted.items() <= each.items() for each in labels)

    found = {}
    for (kind, name), document in documents().items():
        if kind == "Service":
            found[kind, name] = matched(document["spec"]["selector"])
        if kind == "PodDisruptionBudget":
            found[kind, name] = matched(document["spec"]["selector"]["matchLabels"])
        if kind == "NetworkPolicy":
            found[kind, name] = matched(document["spec"]["podSelector"].get("matchLabels", {}))
    assert found == {
        ("Service", "porchlight"): 1,
        ("Service", "porchlight-nothing"): 0,
        ("PodDisruptionBudget", "porchlight-server"): 1,
        ("PodDisruptionBudget", "porchlight-worker"): 1,
        ("NetworkPolicy", "porchlight-nothing"): len(labels),
        ("NetworkPolicy", "porchlight-server"): 1,
        ("NetworkPolicy", "porchlight-worker"): 1,
        ("NetworkPolicy", "porchlight-outward"): len(labels),
    }


def test_a_server_starts_serves_and_leaves_in_order() -> None:
    """Life is asked of the process alone, readiness of what it needs; there is time to drain before it is killed."""
    spec = documents()["Deployment", "porchlight-server"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    notice = int(documents()["ConfigMap", "porchlight"]["data"]["DRAIN_NOTICE"])
    assert notice >= 5
    assert pod["terminationGracePeriodSeconds"] > notice + DRAIN_SECONDS + 10
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    worker = documents()["Deployment", "porchlight-worker"]["spec"]["template"]["spec"]
    assert worker["terminationGracePeriodSeconds"] > DEADLINE
    port = documents()["ConfigMap", "porchlight"]["data"]["WORKER_PORT"]
    assert [str(each["containerPort"]) for each in worker["containers"][0]["ports"]] == [port]


def test_uploads_have_room() -> None:
    """What may arrive at one moment fits into the folder for it: a pod that takes more is evicted."""
    pod = documents()["Deployment", "porchlight-server"]["spec"]["template"]["spec"]
    room = int(pod["volumes"][0]["emptyDir"]["sizeLimit"].removesuffix("Mi"))
    assert room << 20 >= AT_ONCE * MAX_UPLOAD
    assert room < int(pod["containers"][0]["resources"]["limits"]["ephemeral-storage"].removesuffix("Mi"))
    told = documents()["Ingress", "porchlight"]["metadata"]["annotations"]
    at_ingress = int(told["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m")) << 20
    assert at_ingress > MAX_UPLOAD  # else the answer is not in the words of the API


def test_what_nginx_hides_is_hidden() -> None:
    """Paths for monitoring alone lead nowhere from outside, by either way in."""
    (rule,) = documents()["Ingress", "porchlight"]["spec"]["rules"]
    hidden = {
        each["path"] for each in rule["http"]["paths"] if each["backend"]["service"]["name"] == "porchlight-nothing"
    }
    conf = (ROOT / "deploy/nginx/porchlight.conf").read_text(encoding="utf-8")
    assert hidden == set(re.findall(r"location = (\S+) \{\s+return 404;", conf)) == {"/metrics", "/readyz"}


def test_never_all_away_and_never_too_many_connections() -> None:
    """Budgets leave something to evict and something to serve; with surges, PostgreSQL's connections suffice."""
    scaler = documents()["HorizontalPodAutoscaler", "porchlight-server"]["spec"]
    workers = documents()["Deployment", "porchlight-worker"]["spec"]["replicas"]
    for name, least in (("porchlight-server", scaler["minReplicas"]), ("porchlight-worker", workers)):
        assert 1 <= documents()["PodDisruptionBudget", name]["spec"]["minAvailable"] < least
    assert "replicas" not in documents()["Deployment", "porchlight-server"]["spec"]
    migrating, backing_up = 1, 1
    processes = scaler["maxReplicas"] + 1 + workers + 1
    assert processes * POOL_SIZE + migrating + backing_up < LARGEST_DATABASE
    database = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["postgres"]
    assert f"max_connections={LARGEST_DATABASE}" in database["command"]
