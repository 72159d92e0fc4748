"""`seganypet info`: versions, what torch runs on, the weights and what is known of them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from seganypet.cli.messages import say
from seganypet.cli.segmentation import DISCLAIMER
from seganypet.errors import WeightsError

_PACKAGES = ("torch", "numpy", "scipy", "nibabel", "pydicom", "safetensors", "matplotlib")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "info",
        help="print versions, device and what weights are known for",
        description="Print versions, device, and what is known of the shipped weights or those given. "
        f"{DISCLAIMER}",
    )
    parser.add_argument(
        "--weights",
        metavar="W",
        help="describe these instead of the shipped weights: a name or a file; of a .pth checkpoint, what its "
        "tensors show and what is assumed",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print."""
    facts = {
        "versions": _versions(),
        "device": _device(),
        "weights": _shipped() if arguments.weights is None else [_described(arguments.weights)],
        "intended_use": DISCLAIMER,
    }
    if arguments.json:
        sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    else:
        _report(facts)
    return 0


def _versions() -> dict[str, str | None]:
    import platform
    from importlib import metadata

    from seganypet import __version__

    found: dict[str, str | None] = {"seganypet": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def _device() -> dict[str, Any]:
    import torch

    from seganypet.models.device import computes_bfloat16, device_named

    device = device_named("auto")
    return {
        "name": device.type,
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "bfloat16": computes_bfloat16(device),
    }


def _shipped() -> list[dict[str, Any]]:
    """Return the description of all shipped weights; where one cannot be read, why."""
    from seganypet.models.weights import shipped_weights

    found = []
    for name in shipped_weights():
        try:
            found.append(_described(name))
        except WeightsError as error:
            found.append({"name": name, "error": str(error)})
    return found


def _described(weights: str) -> dict[str, Any]:
    """Return the description of weights by name or path, and its file."""
    from dataclasses import asdict

    from seganypet.models.weights import describe_weights

    path, description = describe_weights(weights)
    return asdict(description) | {"file": str(path)}


def _report(facts: dict[str, Any]) -> None:
    versions, device = facts["versions"], facts["device"]
    say(f"seganypet {versions['seganypet']}: {DISCLAIMER}")
    say("versions")
    say("  " + ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items()))
    say("device")
    gpu = f" ({device['gpu']})" if device["gpu"] else ""
    bfloat16 = "computed natively" if device["bfloat16"] else "emulated, not used"
    say(f"  {device['name']}{gpu}, {device['threads']} threads, bfloat16 {bfloat16}")
    say("weights")
    if not facts["weights"]:
        say("  none shipped; give --weights FILE")
    for description in facts["weights"]:
        _report_weights(description)


def _report_weights(description: dict[str, Any]) -> None:
    say(f"  {description['name']}")
    if "error" in description:
        say(f"    unusable: {description['error']}")
        return
    assumed = description["assumed"]
    config = description["config"].items()
    read = [f"{name} {value}" for name, value in config if name not in assumed]
    say(f"    file           {description['file']}")
    say(f"    architecture   {description['architecture']}, {description['spacing_mm']:g} mm voxels")
    say(f"    configuration  {', '.join(read) or 'as built in'}")
    say(
        f"    preprocessing  {description['orientation']}, {description['normalisation']}, "
        f"prompts {description['prompt_policy']}, boxes {'learned' if description['boxes'] else 'not learned'}, "
        f"bfloat16 {'allowed' if description['bfloat16'] else 'not allowed'}"
    )
    if assumed:
        values = description | description["config"]
        say(f"    assumed        {', '.join(f'{name} {values[name]}' for name in assumed)}")
    say("    checked        names and shapes of the tensors; their numbers are when they are loaded")
    say(f"    licence        {description['licence']}")
    say(f"    made           {description['date'] or 'unknown'}")
    for entry in description["training_data"]:
        say(
            f"    training data  {', '.join(str(entry[key]) for key in ('name', 'what', 'licence') if key in entry)}"
        )
    for name, value in description["metrics"].items():
        say(f"    metric         {name}: {value}")
    say(f"    use            {description['intended_use']}")
    say(f"    sha256         {description['sha256'] or 'not recorded'}")
