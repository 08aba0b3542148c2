"""What counts as right in the perturbation tests, for one label and for several."""

import numpy as np

from cuewalk.evaluate.faithfulness import hits

TOP = np.array([[2, 2, 1], [2, 0, 0]])
LOGIT = np.array([[1.5, 0.1, -0.1], [0.0, 2.0, -3.0]], np.float32)


def test_with_one_label_the_top_class_must_be_it_whatever_was_explained() -> None:
    for explained in (0, 1, 2):
        right = hits(TOP, LOGIT, explained, frozenset({2}), single=True)
        np.testing.assert_array_equal(right, TOP == 2)


def test_with_several_the_explained_class_must_be_there_and_be_seen() -> None:
    right = hits(TOP, LOGIT, 1, frozenset({0, 1}), single=False)
    np.testing.assert_array_equal(right, [[True, True, False], [False, True, False]])
    assert not hits(TOP, LOGIT, 2, frozenset({0, 1}), single=False).any()
