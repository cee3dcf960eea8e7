"""Checks rendered manifests beyond their schemas: manifests.py [--program TENURE] FILE...

Every FILE is the rendering of a release of its own in the same namespace; the base of kustomize counts as one. With
--program the settings and variables of each are loaded by the program.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS_TEXT = (ROOT / "config/tenure.toml").read_text()
DEFAULTS = tomllib.loads(DEFAULTS_TEXT)
ROUTES = set(re.findall(r'\.route\("([^"]+)"', (ROOT / "src/api.rs").read_text()))
MIB = 1 << 20
problems = []


def check(valid, *words):
    if not valid:
        problems.append(" ".join(map(str, words)))


def seconds(text):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([a-z]+)", text))


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)(KiB|MiB|GiB|)", text).groups()
    return int(number) * {"": 1, "KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30}[unit] / MIB


class Release:
    def __init__(self, path):
        self.path = path
        self.objects = [o for o in yaml.safe_load_all(path.read_text()) if o]
        self.daemon = self.one("StatefulSet")
        self.is_base = path.name == "base.yaml"
        self.namespace = self.daemon["metadata"].get("namespace")
        pods = [self.daemon, *self.all("Job")]
        self.pods = [o["spec"]["template"] for o in pods]
        maps = {o["metadata"]["name"]: o["data"] for o in self.all("ConfigMap")}
        texts = [data["tenure.toml"] for data in maps.values() if "tenure.toml" in data]
        self.maps, self.settings_text = maps, texts[0] if texts else None
        # On top of the defaults, and of the workers for which the chart sets the memory.
        self.settings = {**tomllib.loads(DEFAULTS_TEXT), "models": []}
        self.settings["runtime"]["workers"] = 2
        for table, values in tomllib.loads(texts[0] if texts else "").items():
            known = self.settings.get(table)
            self.settings[table] = {**known, **values} if isinstance(known, dict) else values

    def all(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def one(self, kind):
        (found,) = self.all(kind)
        return found

    def models(self):
        """The paths of the models, of the environment or of the settings."""
        env = variables(self.pods[0]["spec"]["containers"][0])
        named = env.get("TENURE__MODELS", {}).get("value", "").split(",")
        return [path for path in named if path] or self.settings.get("models", [])

    def selectors(self):
        """What selects pods: where, and the labels."""
        for o in self.objects:
            spec, name = o.get("spec", {}), f"{o['kind']} {o['metadata']['name']}"
            if o["kind"] == "Service":
                yield name, spec["selector"]
            elif o["kind"] == "NetworkPolicy":
                yield name, spec["podSelector"]["matchLabels"]
            elif "selector" in spec:
                yield name, spec["selector"]["matchLabels"]
        for spread in self.pods[0]["spec"].get("topologySpreadConstraints", []):
            yield "topologySpreadConstraints", spread["labelSelector"]["matchLabels"]

    def check(self, *words):
        check(words[0], f"{self.path.name}:", *words[1:])


def selects(selector, pod):
    return selector.items() <= pod["metadata"]["labels"].items()


def variables(container):
    names = [variable["name"] for variable in container["env"]]
    assert len(names) == len(set(names)), names
    return {variable["name"]: variable for variable in container["env"]}


def check_daemon(release):
    spec, pod = release.daemon["spec"], release.daemon["spec"]["template"]["spec"]
    container, test = pod["containers"][0], release.check
    test(spec["podManagementPolicy"] == "Parallel", "podManagementPolicy")
    test(spec["minReadySeconds"] >= 10, "minReadySeconds")
    deadline = seconds(release.settings["runtime"]["shutdown_deadline"])
    grace = pod["terminationGracePeriodSeconds"]
    test(0 <= grace - (deadline + 10) < 1, "grace period", grace, "for a deadline of", deadline)
    group = release.settings["kafka"]
    session = seconds(group["session_timeout"])
    if release.settings_text:
        test(session >= 120 or group.get("group_protocol") == "consumer", "session timeout", session)
    probes = {"startup": "/startupz", "liveness": "/livez", "readiness": "/readyz"}
    for probe, path in probes.items():
        get = container[f"{probe}Probe"]["httpGet"]
        test(get == {"path": path, "port": "http"} and path in ROUTES, probe, get)
    port = int(DEFAULTS["http"]["listen"].rsplit(":", 1)[1])
    test(container["ports"] == [{"name": "http", "containerPort": port}], "ports")
    env = variables(container)
    listen = env["TENURE__HTTP__LISTEN"]["value"]
    test(listen in (f"0.0.0.0:{port}", f"[::]:{port}"), "http.listen", listen)
    service = spec["serviceName"]
    (headless,) = [o for o in release.all("Service") if o["metadata"]["name"] == service]
    test(headless["spec"]["clusterIP"] == "None", "headless")
    test(headless["spec"]["publishNotReadyAddresses"], "addresses of pods that are not ready")
    for o in release.all("Service"):
        test(o["spec"]["ports"] == [{"name": "http", "port": port, "targetPort": "http"}], "Service")
    for o in release.all("PodDisruptionBudget"):
        test(o["spec"]["maxUnavailable"] == 1, "maxUnavailable")
        test(o["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "AlwaysAllow")
    for o in release.all("NetworkPolicy"):
        (rule,) = o["spec"]["ingress"]
        test(rule["ports"] == [{"port": port, "protocol": "TCP"}], "NetworkPolicy")
    for o in release.all("PodMonitor"):
        (endpoint,) = o["spec"]["podMetricsEndpoints"]
        test(endpoint["port"] == "http" and endpoint["path"] in ROUTES, "PodMonitor", endpoint)
        test("jobLabel" not in o["spec"], "the label job is the name of the object")


def check_memory(release, container):
    resources = container["resources"]
    memory = {resources[kind]["memory"] for kind in ("requests", "limits")}
    release.check(len(memory) == 1, "memory", memory)
    workers = release.settings["runtime"]["workers"]
    if workers:
        shared = sum(
            mebibytes(release.settings[table][key])
            for table, key in (("store", "memory"), ("runtime", "buffer_memory"))
        )
        least = 1.25 * shared + 64 * workers + 128
        number = int(re.fullmatch(r"(\d+)Mi", memory.pop()).group(1))
        release.check(least <= number < least + 2, "memory", number, "instead of", least)


def check_pod(release, pod):
    spec, test = pod["spec"], release.check
    test(spec["automountServiceAccountToken"] is False, "token of the pod")
    security = spec["securityContext"]
    test(security["runAsNonRoot"] and security["runAsUser"] == 65532, "user")
    test(security["seccompProfile"] == {"type": "RuntimeDefault"}, "seccomp")
    test(security["fsGroup"] == 65532, "fsGroup")
    mounted = {volume["name"] for volume in spec["volumes"]}
    mounted |= {c["metadata"]["name"] for c in release.daemon["spec"].get("volumeClaimTemplates", [])}
    for container in spec["containers"]:
        security = container["securityContext"]
        test(security["allowPrivilegeEscalation"] is False, "privileges")
        test(security["readOnlyRootFilesystem"] is True, "root file system")
        test(security["capabilities"] == {"drop": ["ALL"]}, "capabilities")
        for mount in container["volumeMounts"]:
            test(mount["name"] in mounted, "no volume", mount["name"])
            test("subPath" not in mount, "a subPath is not updated")
    container = spec["containers"][0]
    test(container["terminationMessagePolicy"] == "FallbackToLogsOnError", "termination message")
    check_memory(release, container)
    env = variables(container)
    instance = env["TENURE__KAFKA__INSTANCE"].get("valueFrom")
    test(instance == {"fieldRef": {"fieldPath": "metadata.name"}}, "kafka.instance", instance)
    for name, variable in env.items():
        is_secret = "PASSWORD" in name and not name.endswith("_FILE")
        test(not is_secret or "secretKeyRef" in variable["valueFrom"], name)
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    test(mounts[env["TENURE__STORE__PATH"]["value"]] == "state", "store.path")
    folder = {volume["name"]: volume for volume in spec["volumes"]}
    files = {}
    if "secrets" in folder:
        test(folder["secrets"]["projected"]["defaultMode"] == 0o440, "mode of secrets")
        sources = folder["secrets"]["projected"]["sources"]
        items = [item for source in sources for item in source["secret"]["items"]]
        files = {f"/etc/tenure/secrets/{item['path']}" for item in items}
    for name in (name for name in env if name.endswith("_FILE")):
        test(env[name]["value"] in files, name, "is not mounted")
    maps = [folder[volume]["configMap"]["name"] for volume in ("settings", "models")]
    for name in maps:
        test(name in release.maps or name.startswith("our-") or release.is_base, "no ConfigMap", name)
    for path in release.models():
        test(mounts[os.path.dirname(path)] == "models", path)
        test(os.path.basename(path) in release.maps.get(maps[1], path), "no model", path)


def check_release(release):
    test = release.check
    kinds = {o["kind"] for o in release.objects}
    test("Secret" not in kinds, "secrets are only referred to")
    test("password" not in (release.settings_text or ""), "a password among the settings")
    for o in release.all("ServiceAccount"):
        test(o["automountServiceAccountToken"] is False, "token of the ServiceAccount")
    for o in release.objects:
        test(len(o["metadata"]["name"]) <= 63, "long name", o["metadata"]["name"])
    check_daemon(release)
    for pod in release.pods:
        check_pod(release, pod)
    for place, selector in release.selectors():
        test(selects(selector, release.pods[0]), place, "selects no pod of the daemon")
        jobs = [pod for pod in release.pods[1:] if selects(selector, pod)]
        test(not jobs or place.startswith("NetworkPolicy"), place, "selects pods of Jobs")
    for o in release.all("PrometheusRule"):
        rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())
        text = json.dumps(o["spec"]).replace("https://wiki.example.com/tenure/", "deploy/")
        test(json.loads(text) == rules and text != json.dumps(o["spec"]), "rules")
    boards = {name: data for name, data in release.maps.items() if name.endswith("-dashboards")}
    for data in boards.values():
        files = (ROOT / "deploy/grafana").glob("*.json")
        test(data == {f"tenure-{file.name}": file.read_text() for file in files}, "dashboards")


def check_side_by_side(releases):
    """In one namespace no release selects pods of another, and no object has the name of another."""
    for one in releases:
        for other in releases:
            if one is other or one.namespace != other.namespace:
                continue
            for place, selector in one.selectors():
                taken = any(selects(selector, pod) for pod in other.pods)
                one.check(not taken, place, "selects pods of", other.path.name)
            names = [{(o["kind"], o["metadata"]["name"]) for o in r.objects} for r in (one, other)]
            one.check(not names[0] & names[1], "names of", other.path.name, names[0] & names[1])


def check_with_program(program, release):
    if not release.settings_text:
        return
    # Secrets are not there; the rest of the environment is that of the pod.
    env = variables(release.pods[0]["spec"]["containers"][0])
    env = {name: variable["value"] for name, variable in env.items() if "value" in variable}
    with tempfile.TemporaryDirectory() as folder:
        texts = {name: text for data in release.maps.values() for name, text in data.items()}
        for name, text in texts.items():
            Path(folder, name).write_text(text)
        command = [program, "config", "--config", f"{folder}/tenure.toml", "--format", "json"]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        release.check(run.returncode == 0 and not run.stderr, run.stderr)
        loaded = json.loads(run.stdout or "{}")
        release.check(loaded.get("models") == release.models(), "models", loaded.get("models"))
        names = [os.path.basename(path) for path in release.models()]
        if names and all(name in texts for name in names):
            command = [program, "check", *(f"{folder}/{name}" for name in names)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            release.check(run.returncode == 0, run.stderr)


def await_sleep(shell, former):
    """The process of the shell's `sleep`, another one than the former."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{shell}/task/{shell}/children").read_text().split():
            try:
                name = Path(f"/proc/{child}/comm").read_text().strip()
            except OSError:
                continue
            if name == "sleep" and child != former:
                return child
        time.sleep(0.02)
    raise TimeoutError(f"the shell {shell} does not sleep")


def check_reload(release):
    """The sidecar's script signals the program when the link to the files has changed, and not before."""
    sidecars = [c for c in release.pods[0]["spec"]["containers"] if c["name"] == "reload"]
    release.check(release.pods[0]["spec"].get("shareProcessNamespace", False) == bool(sidecars), "namespace")
    if not sidecars or not shutil.which("pidof"):
        return
    (shell, option, script, name, program, folder, _interval) = sidecars[0]["command"]
    release.check((program, folder) == ("tenure", "/etc/tenure/models"), "sidecar", program, folder)
    with tempfile.TemporaryDirectory() as scratch:
        program = f"fake-{os.getpid()}"  # Not the name of a daemon that others run here.
        shutil.copy(shutil.which("sleep"), f"{scratch}/{program}")
        link = f"{scratch}/..data"
        os.symlink("first", link)
        # A run under nohup ignores the signal, and its children inherit that.
        heed = lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fake = subprocess.Popen([f"{scratch}/{program}", "300"], preexec_fn=heed)
        sidecar = subprocess.Popen([shell, option, script, name, program, scratch, "0.2"])
        try:
            # The script has read the link before it sleeps, and has compared it before it sleeps again.
            first = await_sleep(sidecar.pid, None)
            await_sleep(sidecar.pid, first)
            release.check(fake.poll() is None, "the sidecar signals without a change")
            os.symlink("second", f"{scratch}/new")
            os.replace(f"{scratch}/new", link)
            release.check(fake.wait(60) == -signal.SIGHUP, "the sidecar sends another signal")
        except subprocess.TimeoutExpired:
            release.check(False, "the sidecar does not signal")
        finally:
            sidecar.kill()
            fake.kill()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--program")
    arguments.add_argument("files", nargs="+", type=Path)
    arguments = arguments.parse_args()
    releases = [Release(path) for path in arguments.files]
    for release in releases:
        check_release(release)
        check_reload(release)
        if arguments.program:
            check_with_program(arguments.program, release)
    check_side_by_side(releases)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(releases)} renderings")


main()
