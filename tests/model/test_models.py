"""The two places where crash and repeat meet more than one store, as models that are searched to the end: nothing is lost or
doubled, and each guard is needed, because without it the search finds how."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import projection  # noqa: E402
import sms_claim  # noqa: E402
from explore import Violation  # noqa: E402


def test_counters_equal_the_record_after_every_history():
    assert projection.explore_all() > 10_000


@pytest.mark.parametrize("guard", projection.Rules._fields)
def test_projection_goes_wrong_without(guard):
    with pytest.raises(Violation):
        projection.explore_all(projection.Rules(**{guard: False}))


@pytest.mark.parametrize("idempotent", [False, True])
def test_one_text_at_most_after_every_history(idempotent):
    assert sms_claim.explore_all(sms_claim.Rules(idempotent=idempotent)) > 500


@pytest.mark.parametrize("guard", ["claim", "fence", "look_again", "hold_unknown", "prove_late"])
def test_texts_go_wrong_without(guard):
    with pytest.raises(Violation):
        sms_claim.explore_all(sms_claim.Rules(**{guard: False}))
