"""From class planes to a mask: which background they compete with, and where it enters (paper 5.3).

The background is a plane beside the class planes. Taken "inside", it is made of the cues and walks
with them; taken "after", it is made of the planes that the walk returns. The paper walks
(1 - max_c M_c) ** 4; a constant is the usual threshold (0.2 for the cue alone).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from cuewalk.cues import background_map
from cuewalk.errors import InputError
from cuewalk.resize import F

Place = Literal["inside", "after"]


@dataclass(frozen=True)
class Background:
    """A background: exactly one of ``alpha`` and ``constant``.

    Attributes:
        place: "inside" or "after" the walk. A constant is always "after": rows of the walk sum to
            1, so walking it would change nothing.
        alpha: exponent of (1 - max_c M_c) ** alpha, above 0.
        constant: the same score at every pixel, in [0, 1].

    Raises:
        InputError: none or both given, or a value out of range.
    """

    place: Place
    alpha: float | None = None
    constant: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.place not in get_args(Place):
            raise InputError(f"background place {self.place!r} is unknown; use inside or after.")
        if (self.alpha is None) == (self.constant is None):
            raise InputError(
                f"background {self.place} needs exactly one of alpha and constant; give one."
            )
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            raise InputError(f"background alpha is {self.alpha}; use a number above 0.")
        if self.constant is not None and not 0 <= self.constant <= 1:
            raise InputError(f"background constant is {self.constant}; use a number from 0 to 1.")
        if self.constant is not None and self.place == "inside":
            raise InputError(
                f"background constant {self.constant} is placed inside the walk, which leaves a "
                "constant as it is; place it after."
            )

    @classmethod
    def parse(cls, entry: Mapping[str, object]) -> "Background":
        """Read ``{alpha: 4, place: inside}`` or ``{constant: 0.2}`` (place: after is implied).

        Raises:
            InputError: an unknown key, a value that is no number, or what ``Background`` refuses.
        """
        unknown = sorted(set(entry) - {"place", "alpha", "constant"})
        if unknown:
            raise InputError(
                f"background {dict(entry)} has the unknown key {unknown[0]}; "
                "use alpha or constant, and place."
            )
        if "place" not in entry and "constant" not in entry:
            raise InputError(f"background {dict(entry)} lacks place; say inside or after.")
        place = cast(Place, entry.get("place", "after"))
        return cls(place, _number(entry, "alpha"), _number(entry, "constant"))

    @property
    def name(self) -> str:
        """A unique name for tables: "alpha 4 inside", "constant 0.20"."""
        if self.alpha is not None:
            return f"alpha {self.alpha:g} {self.place}"
        # Two decimals line up in a table; a finer constant keeps its own.
        return "constant " + max(f"{self.constant:.2f}", f"{self.constant:g}", key=len)

    def plane(self, cues: NDArray[F]) -> NDArray[F]:
        """The background plane (H, W) that belongs to class planes (K, H, W) in [0, 1]."""
        if self.alpha is not None:
            return background_map(cues, self.alpha)
        return np.full(cues.shape[1:], self.constant, dtype=cues.dtype)


def predict(
    planes: NDArray[np.floating[Any]],
    background: NDArray[np.floating[Any]],
    class_ids: Sequence[int],
) -> NDArray[np.uint8]:
    """Give each pixel the label of its highest plane.

    Args:
        planes: (K, H, W) score of each class of the photograph.
        background: (H, W) score of the background, on the same scale.
        class_ids: index of each plane's class in the data set, 0..253, ascending.

    Returns:
        uint8 (H, W): 0 for background, class index + 1 otherwise. A tie goes to the background,
        then to the earlier plane.

    Raises:
        ValueError: ``class_ids`` does not name each plane once.
    """
    if len(class_ids) != len(planes):
        raise ValueError(f"{len(class_ids)} class ids for {len(planes)} planes")
    winner = np.concatenate([background[None], planes]).argmax(axis=0)
    labels = np.array([0, *(index + 1 for index in class_ids)], dtype=np.uint8)
    mask: NDArray[np.uint8] = labels[winner]
    return mask


def _number(entry: Mapping[str, object], key: str) -> float | None:
    """The number under a key, None where the key is absent."""
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"background {key} is {value!r}; use a number.")
    return float(value)
