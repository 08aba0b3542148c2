"""Which photographs the report shows."""

import math
from dataclasses import replace

import numpy as np
from made_report import decode, panel

from cuewalk.report.gallery import THUMBNAIL, Score, choose, shown

IDS = [f"{i:03d}" for i in range(100)]


def test_all_are_shown_where_there_is_room():
    assert choose(IDS[::-1], 100, {}) == IDS
    assert choose(IDS[:3], 12, {}) == IDS[:3]


def test_the_extremes_of_all_photographs_are_among_those_shown():
    # The last gain most, those around 050 are best, so every kind is another photograph.
    scores = {
        id: Score(walk=50 - abs(i - 50), cue=50 - abs(i - 50) - i) for i, id in enumerate(IDS)
    }
    kept = choose(IDS, 20, scores)
    assert len(kept) == 20 and kept == sorted(kept)
    gains = sorted(IDS, key=lambda id: scores[id].gain)
    walks = sorted(IDS, key=lambda id: scores[id].walk)
    assert {*gains[:2], *gains[-2:], walks[0], walks[-1]} <= set(kept)


def test_a_photograph_without_ground_truth_is_no_extreme():
    scores = {id: Score(walk=math.nan, cue=math.nan) for id in IDS}
    assert choose(IDS, 10, scores) == choose(IDS, 10, {})
    assert set(choose(IDS, 10, {})) <= set(choose(IDS, 30, {}))  # a fair sample grows


def test_no_place_shows_nothing():
    assert choose(IDS, 0, {}) == []


def test_the_small_picture_bears_the_mask_in_its_colour():
    half = np.zeros((48, 64), np.uint8)
    half[:, 32:] = 2  # in the palette (0, 128, 0)
    grey = replace(panel(), image=np.full((48, 64, 3), 100, np.uint8), mask=half)
    bare = np.asarray(decode(shown(replace(grey, mask=None), Score()).thumbnail), int)
    masked = np.asarray(decode(shown(grey, Score()).thumbnail), int)
    assert masked.shape[0] == THUMBNAIL
    left, right = np.s_[:, :80], np.s_[:, 96:]
    assert abs(masked[left] - bare[left]).max() < 12  # JPEG
    assert np.allclose(masked[right].mean((0, 1)), (50, 114, 50), atol=4)
