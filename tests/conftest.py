"""What all Python tests share: which program they test, and how many examples a property gets."""
import os
import pathlib

from hypothesis import HealthCheck, settings

ROOT = pathlib.Path(__file__).resolve().parent.parent

# 200 examples a property; under sanitizers, where each takes several times as long, tools/test asks for fewer.
settings.register_profile(
    "pledgeline", max_examples=int(os.environ.get("PLEDGELINE_TEST_EXAMPLES", "200")), deadline=None, derandomize=True,
    database=None, print_blob=True, suppress_health_check=list(HealthCheck))
settings.load_profile("pledgeline")
