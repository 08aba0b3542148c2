"""The dense CRF against the reference's posteriors, to 1e-5.

data/crf.npz holds photographs and cues whole (the CRF couples all pixels), posteriors and
background maps at every third pixel of both axes.
"""

from pathlib import Path

import numpy as np
import pytest

from cuewalk.crf import CrfSettings, dense_crf, dense_crf_pair
from cuewalk.cues import background_map

GOLDEN = np.load(Path(__file__).parent / "data" / "crf.npz")
TOLERANCE = 1e-5
CASES = {"b": 1, "a": 2, "c": 3}  # photograph -> classes
VARIANTS = {
    "scale2": CrfSettings(scale=2),
    "t1": CrfSettings(iterations=1),
    "t0": CrfSettings(iterations=0),
}


def sampled(planes: np.ndarray) -> np.ndarray:
    return planes[..., ::3, ::3]


def problem(case: str, alpha: float) -> np.ndarray:
    cues = GOLDEN[f"{case}_cues"]
    assert len(cues) == CASES[case]
    return np.concatenate([background_map(cues, alpha)[None], cues])


def assert_posterior(posterior: np.ndarray, golden: np.ndarray) -> None:
    assert posterior.dtype == np.float32
    np.testing.assert_allclose(sampled(posterior), golden, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(posterior.sum(axis=0), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [4, 16, 32])
@pytest.mark.parametrize("case", CASES)
def test_background_map(case: str, alpha: int) -> None:
    background = background_map(GOLDEN[f"{case}_cues"], alpha)
    np.testing.assert_allclose(sampled(background), GOLDEN[f"{case}_bg_{alpha}"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("alpha", [4, 16, 32])
@pytest.mark.parametrize("case", CASES)
def test_posterior(case: str, alpha: int) -> None:
    posterior = dense_crf(GOLDEN[f"{case}_image"], problem(case, alpha), CrfSettings())
    assert_posterior(posterior, GOLDEN[f"{case}_Q_{alpha}"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_scale_and_few_iterations(variant: str) -> None:
    posterior = dense_crf(GOLDEN["a_image"], problem("a", 4), VARIANTS[variant])
    assert_posterior(posterior, GOLDEN[f"a_Q_4_{variant}"])


@pytest.mark.parametrize("case", CASES)
def test_packed_pair(case: str) -> None:
    low, high = dense_crf_pair(
        GOLDEN[f"{case}_image"], GOLDEN[f"{case}_cues"], 4, 32, CrfSettings()
    )
    assert_posterior(low, GOLDEN[f"{case}_Q_4"])
    assert_posterior(high, GOLDEN[f"{case}_Q_32"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_packed_pair_variants(variant: str) -> None:
    low, _ = dense_crf_pair(GOLDEN["a_image"], GOLDEN["a_cues"], 4, 32, VARIANTS[variant])
    assert_posterior(low, GOLDEN[f"a_Q_4_{variant}"])
