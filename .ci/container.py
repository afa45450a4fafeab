"""Checks config/packaging/Containerfile and compose.yaml against the repository, without a container engine:
python3 .ci/container.py

Each file that is copied exists or is built, each crate that is built is in the workspace, and the volumes of compose are those
that the image reads.
"""

import json
import pathlib
import re
import subprocess
import sys

import yaml

root = pathlib.Path(__file__).resolve().parent.parent
folder = root / "config/packaging"
faults = []


def expect(is_so, fault):
    if not is_so:
        faults.append(fault)


def instructions(text):
    """The instructions of a Containerfile, each with its words."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", text).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(name, json.loads(rest) if rest.startswith("[") else rest.split()) for name, rest in lines]


metadata = subprocess.run(
    ["cargo", "metadata", "--format-version=1", "--no-deps", "--offline"],
    check=True, capture_output=True, text=True, cwd=root,
)
packages = {package["name"]: package for package in json.loads(metadata.stdout)["packages"]}
ignored = (root / ".dockerignore").read_text().split()
stages, built, programs, environment, published = set(), set(), set(), {}, set()
for name, words in instructions((folder / "Containerfile").read_text()):
    if name == "FROM" and len(words) == 3:
        stages.add(words[2])
    elif name == "RUN" and words[:2] == ["cargo", "build"]:
        for flag, crate in zip(words, words[1:]):
            if flag == "--package":
                expect(crate in packages, f"Containerfile builds {crate}, which is no crate of the workspace")
                targets = packages.get(crate, {"targets": []})["targets"]
                built |= {target["name"] for target in targets if "bin" in target["kind"]}
    elif name == "COPY":
        stage = words[0].removeprefix("--from=") if words[0].startswith("--from=") else None
        for source in words[1 if stage else 0 : -1]:
            if stage is None:
                expect((root / source).exists(), f"Containerfile copies {source}, which is not there")
                expect(source not in ignored, f"Containerfile copies {source}, which .dockerignore leaves out")
            else:
                program = pathlib.PurePath(source).name
                programs.add(program)
                expect(stage in stages, f"Containerfile copies from {stage}, which is no stage")
                expect(source == f"/src/target/release/{program}" and program in built, f"no step builds {source}")
    elif name == "ENV":
        environment |= dict(word.split("=", 1) for word in words)
    elif name == "EXPOSE":
        published |= set(words)
    elif name == "CMD":
        expect(words[0] in programs, f"the image runs {words[0]}, which it does not have")
expect(programs == {"topside", "topsided"}, f"the image has {sorted(programs)}")
expect(published == {"8677"}, f"the image exposes {sorted(published)}")

compose = yaml.safe_load((folder / "compose.yaml").read_text())
service = compose["services"]["topside"]
context = (folder / service["build"]["context"]).resolve()
expect(context == root, f"compose.yaml builds in {context}")
expect((context / service["build"]["dockerfile"]).is_file(), "compose.yaml names a Containerfile that is not there")
mounts = dict(volume.split(":")[:2] for volume in service["volumes"])
expect(set(mounts) == set(compose["volumes"]), "compose.yaml declares other volumes than it mounts")
read = {environment.get("TOPSIDE_STATE_DIR"), environment.get("TOPSIDE_CONFIG_DIR")}
expect(set(mounts.values()) == read, f"compose.yaml mounts {mounts}, and the image reads {read}")

print(*faults, sep="\n", end="\n" if faults else "")
sys.exit(1 if faults else 0)
