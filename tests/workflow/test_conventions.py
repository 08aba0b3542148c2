"""What holds for every rule, environment and page, and would rot without a test."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from runs import ROOT, Run

RULES = ROOT / "workflow" / "rules"
STAGES = ROOT / "src" / "cuewalk" / "stages"


def read_rules() -> dict[str, dict[str, str]]:
    """Name of each rule -> directive -> text, by indentation, which snakefmt keeps even."""
    found = {}
    for path in sorted(RULES.glob("*.smk")):
        rule = re.compile(r"^( *)rule (\w+):\n((?:\1    .*\n|\n)+)", re.M)
        for margin, name, body in rule.findall(path.read_text()):
            directive = re.compile(rf"^{margin}    (\w+):", re.M)
            _, *parts = directive.split(body)
            found[name] = dict(zip(parts[::2], parts[1::2], strict=True))
    return found


RULE = read_rules()


def keywords(text: str) -> list[str]:
    """Names that a directive gives its values, of the outermost level alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return [m[1] for line in lines if (m := re.match(rf" {{{margin}}}(\w+)=", line))]


def test_every_stage_has_its_rule():
    stages = {p.stem for p in STAGES.glob("*.py") if "\n    main(" in p.read_text()}
    assert set(RULE) == stages
    assert len(stages) >= 15
    included = re.findall(r'^include: "(.*)"', (ROOT / "Snakefile").read_text(), re.M)
    assert {ROOT / path for path in included} == set(RULES.glob("*.smk"))


@pytest.mark.parametrize("name", RULE)
def test_rule(name):
    rule = RULE[name]
    # One string of configuration and one of code: Snakemake compares parameters as a set.
    assert keywords(rule["params"]) == ["cfg", "code", "data"]
    assert re.search(r"cfg=(json\.dumps|cfg|cfg_of_\w+)\b", rule["params"])
    of_method = name == "explanations"
    assert ("code=code_of_method" if of_method else f'code=code("{name}")') in rule["params"]
    assert "receipt" in keywords(rule["output"])
    assert f"{{RUN}}/logs/{name}" in rule["log"]
    assert rule["conda"].strip() == "ENVIRONMENT"
    assert re.search(rf'call(_shard)?\(\s*"{name}"', rule["shell"])


@pytest.mark.parametrize("name", RULE)
def test_a_sharded_rule_names_its_shard_everywhere(name):
    sharded = "call_shard" in RULE[name]["shell"]
    indexed = "{wildcards.index}" in RULE[name]["shell"]
    for directive in ("output", "log"):
        assert ("{{shard}}" in RULE[name][directive]) == sharded
        assert ("{{index}}" in RULE[name][directive]) == indexed


@pytest.mark.parametrize("name", RULE)
def test_a_rule_of_a_method_names_it_everywhere(name):
    of_method = name in {"explanations", "perturbation", "segmentation"}
    for directive in ("output", "log"):
        assert ("{{method}}" in RULE[name][directive]) == of_method


def test_snakemake_lints(tmp_path):
    ran = Run(tmp_path, {"run": "lint"}).snakemake("--lint")
    complaints = re.findall(r"^ *\* .*", ran.stdout + ran.stderr, re.M)
    assert ran.returncode == 0, "\n".join(sorted(set(complaints)))


# Environments.

LOCK = (ROOT / "requirements.lock").read_text()


def locked(python: str) -> dict[str, str]:
    """Name -> version of the packages that pip installs from the lock on Linux."""
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    found = {}
    for line in re.findall(r"^[\w.-]+==[^\\\n]+", LOCK, re.M):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            assert canonical(requirement.name) not in found
            found[canonical(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def conda() -> tuple[str, dict[str, str]]:
    """Python's version and the pins of the conda environment."""
    listed = yaml.safe_load((ROOT / "envs" / "cuewalk.yaml").read_text())["dependencies"]
    (python,) = [e.partition("=")[2] for e in listed if str(e).startswith("python=")]
    (pins,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return python, {canonical(name): version for name, version in (p.split("==") for p in pins)}


def test_conda_pins_are_those_of_the_lock():
    python, pins = conda()
    lock = locked(python)
    assert pins == {name: lock.get(name) for name in pins}


def test_conda_names_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {canonical(re.split(r"[<>=!~; \[]", d)[0]) for d in project["dependencies"]}
    python, pins = conda()
    of_the_engine = {
        "snakemake",
        "snakemake-executor-plugin-slurm",
    }  # they start jobs, no job loads them
    assert direct - of_the_engine <= set(pins)
    assert direct <= set(locked(python))


def test_the_lock_holds_hashes_for_every_package():
    lines = LOCK.replace("\\\n", " ").splitlines()
    entries = [line for line in lines if line.strip()]
    assert len(entries) > 50
    # Name, version, marker, digests and nothing else: no place that packages come from, no comment.
    allowed = re.compile(r"[\w.-]+==[\w.!+]+( ; [\w.<>=!'() ]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    for entry in entries:
        assert allowed.fullmatch(entry), entry


# Pages.


def test_readme_names_only_targets_that_exist():
    text = (ROOT / "README.md").read_text()
    code = [
        *re.findall(r"^ {4}.*", text, re.M),
        *re.findall(r"`([^`\n]+)`", text),
        *"\n".join(re.findall(r"^```.*?\n(.*?)^```", text, re.M | re.S)).splitlines(),
    ]
    calls = (re.match(r"\s*(?:\$ )?make ([a-z][\w-]*)", line) for line in code)
    named = {call[1] for call in calls if call}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named
    assert named <= targets
