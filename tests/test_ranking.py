"""Cuts that hide what they say they hide, and the methods that look for it."""
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicrec import ranking
from musicrec.artist2vec import Artist2Vec, Embeddings
from musicrec.collect import InputError

QUICK = settings(derandomize=True, deadline=None, max_examples=25)
PAIRS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=60)


def frame(pairs): return pd.DataFrame([(f"l{a}", f"a{b}", 1 + (a + b) % 5) for a, b in pairs], columns=["listener_id", "artist_id", "weight"])


def dense(n=40, items=25, seed=0):
    rng = np.random.default_rng(seed)
    return frame([(i, j) for i in range(n) for j in range(items) if rng.random() < (.6 if i % 2 == j % 2 else .1)])


@QUICK
@given(PAIRS, st.integers(1, 3))
def test_core_is_the_largest_part_with_enough_of_everything(pairs, n):
    whole = frame(pairs).drop_duplicates(["listener_id", "artist_id"])
    kept = ranking.core(whole, n)
    for column in ("listener_id", "artist_id"): assert (kept[column].value_counts() >= n).all()
    left = whole
    while True: # the same by taking away one listener or artist at a time
        few = [(c, v) for c in ("listener_id", "artist_id") for v, k in left[c].value_counts().items() if k < n]
        if not few: break
        left = left[left[few[0][0]] != few[0][1]]
    assert set(map(tuple, kept.to_numpy())) == set(map(tuple, left.to_numpy()))


@QUICK
@given(PAIRS, st.integers(0, 50), st.sampled_from([.1, .2, .5]))
def test_a_fifth_of_every_listener_is_hidden(pairs, seed, share):
    pairs = frame(pairs).drop_duplicates(["listener_id", "artist_id"])
    cut = ranking.hold_out(pairs, share, seed)
    size, hidden = (x.sum(axis=1) for x in ((cut.train + cut.test) > 0, cut.test > 0))
    np.testing.assert_array_equal(hidden, np.maximum(1, np.round(share * size)))
    assert cut.train.multiply(cut.test).nnz == 0 and cut.train.nnz + cut.test.nnz == len(pairs)


def test_validation_never_sees_the_test_part():
    cut = ranking.hold_out(dense())
    part = ranking.inner(cut)
    at = lambda c, x: {(c.listeners[i], c.items[j]) for i, j in zip(*x.nonzero())}
    assert at(part, part.train) | at(part, part.test) == at(cut, cut.train) and not at(part, part.test) & at(cut, cut.test)


def test_ease_solves_one_ridge_regression_per_item():
    x = ranking.hold_out(dense()).train
    one = (x > 0).toarray().astype(float)
    scores = ranking.ease(x, 3.)
    for j in range(0, one.shape[1], 6):
        others = np.delete(one, j, axis=1)
        b = np.linalg.solve(others.T @ others + 3 * np.eye(others.shape[1]), others.T @ one[:, j])
        np.testing.assert_allclose(scores[:, j], others @ b, atol=1e-9)


def test_links_are_hidden_in_both_directions():
    rng = np.random.default_rng(0)
    near = pd.DataFrame({"artist_id": [f"a{i}" for i in rng.integers(0, 30, 300)], "similar_id": [f"a{i}" for i in rng.integers(0, 30, 300)]})
    cut = ranking.hold_out_links(near, seed=3)
    assert cut.known.multiply(cut.hidden).nnz == 0 and (cut.hidden != cut.hidden.T).nnz == 0
    hidden = {(cut.items[i], cut.items[j]) for i, j in zip(*cut.hidden.nonzero())}
    assert hidden and not any((s[0], b) in hidden for s in [*cut.lists, *ranking.symmetric_lists(cut)] for b in s[1:])


def test_who_was_never_learned_comes_last():
    cut = ranking.hold_out(dense())
    e = Artist2Vec(dim=5).fit(ranking.lists_of(cut)[0]).embeddings_
    some = Embeddings(e.ids[3:], e.vectors[3:], e.weights[3:])
    scores = ranking.vector_scores(some, cut)
    missing = [cut.items.index(i) for i in e.ids[:3]]
    assert (scores[:, missing].max(axis=1) < np.delete(scores, missing, axis=1).min(axis=1)).all()


@pytest.mark.parametrize("share", [0, 1, -1, 2])
def test_impossible_shares_are_refused(share):
    with pytest.raises(InputError): ranking.hold_out(dense(), share)
