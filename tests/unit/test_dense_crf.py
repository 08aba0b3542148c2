"""Properties of the dense CRF that no golden value covers."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from cuewalk.crf import CrfSettings, dense_crf, dense_crf_pair
from cuewalk.cues import background_map


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of two flat halves, and a cue that is half right."""
    image = np.zeros((24, 32, 3), dtype=np.uint8)
    image[:, 16:] = (200, 180, 40)
    cue = np.full((1, 24, 32), 0.1, dtype=np.float32)
    cue[:, 6:18, 14:26] = 0.9
    return image, cue


def test_posterior_follows_the_edge_of_the_photograph() -> None:
    image, cue = scene()
    low, _ = dense_crf_pair(image, cue, 4, 32, CrfSettings())
    foreground = low.argmax(axis=0) == 1
    assert not foreground[:, :16].any()  # the cue spilled two columns over the edge
    assert foreground[6:18, 16:26].all()


def test_no_iterations_leave_normalised_probabilities() -> None:
    image, cue = scene()
    probabilities = np.concatenate([0.5 * cue, cue])
    posterior = dense_crf(image, probabilities, CrfSettings(iterations=0))
    np.testing.assert_allclose(posterior, probabilities / probabilities.sum(axis=0), atol=1e-6)


def test_inputs_stay_as_they_are_and_may_be_views() -> None:
    image, cue = scene()
    before = image.copy(), cue.copy()
    mirrored, _ = dense_crf_pair(image[:, ::-1], cue[..., ::-1], 4, 32, CrfSettings())
    plain, _ = dense_crf_pair(
        np.ascontiguousarray(image[:, ::-1]),
        np.ascontiguousarray(cue[..., ::-1]),
        4,
        32,
        CrfSettings(),
    )
    np.testing.assert_array_equal(mirrored, plain)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(cue, before[1])


def test_a_photograph_without_classes_is_background() -> None:
    image, _ = scene()
    for posterior in dense_crf_pair(image, np.zeros((0, 24, 32)), 4, 32, CrfSettings()):
        np.testing.assert_array_equal(posterior, np.ones((1, 24, 32)))


def test_strong_weights_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    cue = rng.random((2, 24, 32)).astype(np.float32)
    settings = CrfSettings(gaussian_compat=300, bilateral_compat=300)
    pair = dense_crf_pair(image, cue, 4, 32, settings)
    for posterior, alpha in zip(pair, (4, 32), strict=True):
        alone = np.concatenate([background_map(cue, alpha)[None], cue])
        np.testing.assert_array_equal(posterior, dense_crf(image, alone, settings))
        assert np.isfinite(posterior).all()
    assert not np.array_equal(*pair)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory is set up with glibc alone")
def test_a_process_keeps_the_memory_it_frees() -> None:
    code = (
        "import resource, numpy\n"
        "from cuewalk.stages.memory import keep_freed_memory\n"
        "keep_freed_memory() if {keep} else None\n"
        "numpy.ones(2**26, numpy.uint8)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(4): numpy.ones(2**26, numpy.uint8)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    usual, kept = (
        int(subprocess.check_output([sys.executable, "-c", code.format(keep=keep)]))
        for keep in (False, True)
    )
    assert kept < 100 < usual
