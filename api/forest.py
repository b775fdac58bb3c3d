"""A trained random forest as plain arrays: what the cache holds and the service asks.

scikit-learn grows the forest; answering needs none of it. Arrays can be stored without pickle, so
that a cache file can damage an answer at worst and never run code. They also answer a single row
ten times sooner than ``predict_proba``, whose checks outweigh the walk through the trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

# Rows walked at once: rows x trees positions should stay in the processor's cache.
_ROWS = 256


@dataclass(frozen=True)
class Forest:
    """The nodes of all trees end to end; one entry a node.

    ``roots`` has the first node of each tree. ``left`` and ``right`` are the children's indices;
    a leaf is its own child, so that a walk may go on past it. A value at or below ``threshold``
    goes left, a missing one (NaN) as ``missing_left`` says. ``share`` is the share of the second
    class among the training rows that reached the node.

    Source: Breiman, Random Forests, Machine Learning 45 (2001); as in scikit-learn, the trees'
    shares are averaged, not their votes.
    """

    roots: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    share: npt.NDArray[np.float64]

    @classmethod
    def of(cls, classifier: Any) -> Forest:
        """The arrays of a fitted ``RandomForestClassifier`` with two classes."""
        trees = [estimator.tree_ for estimator in classifier.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        parts: dict[str, list[npt.NDArray[Any]]] = {field.name: [] for field in fields(cls)}
        for root, tree in zip(roots, trees, strict=True):
            itself = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            parts["left"].append(root + np.where(leaf, itself, tree.children_left))
            parts["right"].append(root + np.where(leaf, itself, tree.children_right))
            parts["feature"].append(np.where(leaf, 0, tree.feature))
            parts["threshold"].append(tree.threshold)
            parts["missing_left"].append(tree.missing_go_to_left.astype(np.bool_))
            weights = tree.value[:, 0, :]
            parts["share"].append(weights[:, 1] / weights.sum(axis=1))
        parts["roots"].append(roots)
        return cls.from_arrays({name: np.concatenate(part) for name, part in parts.items()})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Forest:
        """The forest that ``arrays()`` gave; other keys are ignored.

        Raises:
            KeyError: an array is missing.
        """
        return cls(
            roots=arrays["roots"].astype(np.int32),
            left=arrays["left"].astype(np.int32),
            right=arrays["right"].astype(np.int32),
            feature=arrays["feature"].astype(np.int32),
            threshold=arrays["threshold"].astype(np.float64),
            missing_left=arrays["missing_left"].astype(np.bool_),
            share=arrays["share"].astype(np.float64),
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The fields by name, for ``numpy.savez``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The probability of the second class, for rows of shape (rows, features), NaN = missing.

        float32 because scikit-learn compares in it: the same rows then take the same ways.
        """
        answers = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            answers[start : start + _ROWS] = self.share[self._leaves(part)].mean(axis=1)
        return answers

    def _leaves(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        at = np.tile(self.roots, len(rows))
        # Where each walker's row begins in the flat cells: ``take`` is sooner than indexing in
        # two dimensions.
        row = np.repeat(np.arange(len(rows)) * rows.shape[1], len(self.roots))
        cells = rows.ravel()
        while True:
            value = cells.take(row + self.feature.take(at))
            goes_left = value <= self.threshold.take(at)
            goes_left |= np.isnan(value) & self.missing_left.take(at)
            onward = np.where(goes_left, self.left.take(at), self.right.take(at))
            if np.array_equal(onward, at):
                return onward.reshape(len(rows), len(self.roots))
            at = onward
