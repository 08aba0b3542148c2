"""Which photographs the report shows."""

import math

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
    one = panel()
    picture = decode(shown(one, Score()).thumbnail)
    assert picture.height == THUMBNAIL
    bare = decode(shown(panel(), Score()).thumbnail)
    assert picture.tobytes() == bare.tobytes()
