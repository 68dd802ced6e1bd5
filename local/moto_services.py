"""Services of moto that no template here has a resource of: CloudFormation's part of moto loads them all the same.

It would take a second and 100 MB at each start, most of it EC2's lists of instances and regions.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

UNUSED = frozenset(
    {
        *("apigateway", "autoscaling", "batch", "datapipeline", "ec2", "ecs", "efs", "elb", "elbv2", "emr", "iot"),
        *("rds", "redshift", "route53", "sagemaker", "ssm"),
    }
)
"""Their names in moto; a test holds them to the types in the templates."""


class _StandIn(ModuleType):
    """Has whatever somebody imports from it: classes nothing is an instance of."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def left_out() -> Iterator[None]:
    """Within it, what imports those services gets stand-ins; afterwards they can be loaded as ever."""
    there = {name for name in UNUSED if f"moto.{name}" in sys.modules}
    folder = Path(str(find_spec("moto").origin)).parent  # type: ignore[union-attr]  # installed
    for name in UNUSED - there:
        package = sys.modules[f"moto.{name}"] = _StandIn(f"moto.{name}")
        package.__path__ = [str(folder / name)]  # modules of it that ask nothing of its models are loaded
        for module in ("models", "models.core") if name == "ec2" else ("models",):
            sys.modules[f"moto.{name}.{module}"] = _StandIn(f"moto.{name}.{module}")
    try:
        yield
    finally:
        for module in list(sys.modules):
            if module.startswith("moto.") and module.split(".")[1] in UNUSED - there:
                del sys.modules[module]
