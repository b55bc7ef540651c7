"""Artist vectors against plain numpy, over processes and threads, saved and loaded; lists that are no lists."""
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from musicrec import artist2vec
from musicrec.artist2vec import ALIKE, Artist2Vec, Embeddings, HeldOutLoss, Quantized, corpora, deal, eigenvectors, infer_artists, members, _near_enough, multiplies_bytes, near_rows, ppmi, refine, sweeps_for, sentences, top_rows, unit, word2vec
from musicrec.collect import InputError, MusicrecError, NotFoundError, load_tables

QUICK = settings(derandomize=True, deadline=None, max_examples=30)
LISTS = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=6), min_size=1, max_size=12).filter(lambda ls: any(len(set(s)) > 1 for s in ls))


def corpus(seed=0, n=120, artists=40):
    rng = np.random.default_rng(seed)
    return [[f"artist {a}" for a in (rng.normal(rng.integers(4) * artists / 4, 4, rng.integers(2, 9)) % artists).astype(int)] for _ in range(n)]


LEARNED = Artist2Vec(dim=12).fit(corpus()).embeddings_


@pytest.fixture
def learned(): return LEARNED


def pairs_of(lists, weights=None):
    m, w, names = members(lists, weights)
    return np.concatenate([b.toarray() for b in ppmi(m, w, .5, 2.)]), names


def dense_ppmi(lists, weights, names, smoothing=.5, discount=2.):
    """The formula of the chapter, pair by pair."""
    n = len(names)
    met, shared = np.zeros((n, n)), np.zeros((n, n))
    for s, w in zip(lists, weights):
        s = sorted(set(s))
        for a in s:
            for b in s:
                if a != b:
                    met[names.index(a), names.index(b)] += w / (len(s) - 1)
                    shared[names.index(a), names.index(b)] += 1
    n, value = met.sum(0), np.zeros_like(met)
    q = n**smoothing / (n**smoothing).sum()
    for i, j in zip(*met.nonzero()): value[i, j] = np.log1p(2 * met[i, j] / (n[i] * q[j] + q[i] * n[j])) * shared[i, j] / (shared[i, j] + discount)
    return value


@QUICK
@given(LISTS, st.integers(0, 99))
def test_ppmi_equals_a_loop(lists, seed):
    weights = np.random.default_rng(seed).uniform(.1, 2, len(lists))
    ours, names = pairs_of(lists, weights)
    np.testing.assert_allclose(ours, dense_ppmi(lists, weights, names), atol=1e-6)
    np.testing.assert_array_equal(ours, ours.T)


@QUICK
@given(LISTS)
def test_plays_that_are_all_the_same_are_as_good_as_none(lists):
    lists = [list(dict.fromkeys(s)) for s in lists]
    np.testing.assert_allclose(pairs_of(lists, [[3.] * len(s) for s in lists])[0], pairs_of(lists)[0], atol=1e-6)


@QUICK
@given(st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=60), st.integers(1, 20), st.randoms())
def test_dealing_loses_nobody_and_knows_no_order(ids, longest, rnd):
    ids = sorted(ids)
    hands = [{ids[i] for i in hand} for hand in deal(ids, longest)]
    assert sorted(i for hand in hands for i in hand) == ids and max(map(len, hands)) <= longest
    assert max(map(len, hands)) - min(map(len, hands)) <= 1
    other = ids[:]
    rnd.shuffle(other)
    assert sorted(map(sorted, hands)) == sorted(sorted(other[i] for i in hand) for hand in deal(other, longest))


def test_one_long_list_costs_no_quadratic_memory():
    member, weight, names = members([[f"artist {i}" for i in range(30_000)]], longest=200)
    assert sum(b.nnz for b in ppmi(member, weight)) <= 30_000 * 199


def sparse_pairs(n):
    m, w, _ = members(corpus(1, 4 * n, n))
    return ppmi(m, w)


@pytest.mark.parametrize("n, dim", [(30, 8), (900, 10)], ids=["dense", "krylov"])
def test_vectors_are_the_best_approximation_of_their_rank(n, dim):
    m = sparse_pairs(n)
    v = eigenvectors(m, dim, tolerance=1e-6).astype(float)
    values, vectors = np.linalg.eigh(np.concatenate([b.toarray() for b in m]).astype(float))
    top = np.argsort(-values)[:dim]
    np.testing.assert_allclose(v @ v.T, (vectors[:, top] * values[top]) @ vectors[:, top].T, atol=1e-3)
    assert (v[np.abs(v).argmax(0), np.arange(dim)] > 0).all()


def test_refining_lowers_the_weighted_error():
    m = sparse_pairs(200)
    dense, v = np.concatenate([b.toarray() for b in m]), eigenvectors(m, 10)
    weight = np.where(dense > 0, 1, .03)
    error = lambda x, y: (weight * (dense - x @ y.T)**2).sum()
    before, once = error(v, v), refine(m, v, sweeps=1)
    assert error(once, v) < before
    twice = refine(m, once, sweeps=1)
    assert error(twice, once) < error(once, v)


def test_small_circles_are_refined_and_wide_lists_are_not():
    circles = [[f"{c} {(j + i) % 12}" for i in range(6)] for c in range(20) for j in range(12)]
    fit = lambda lists, sweeps: Artist2Vec(dim=12, sweeps=sweeps).fit(lists).embeddings_.vectors
    assert not np.array_equal(fit(circles, "auto"), fit(circles, 0)) and np.array_equal(fit(circles, "auto"), fit(circles, 8))
    assert np.array_equal(fit(corpus(), "auto"), fit(corpus(), 0))
    rng = np.random.default_rng(3)  # lists as short, of artists who meet few others, but by taste in a genre and not in circles
    loose = [[f"{g} {i}" for i in rng.choice(60, 6, replace=False, p=np.arange(60, 0, -1) / 1830)] for g in range(4) for _ in range(60)]
    assert sweeps_for(ppmi(*members(loose)[:2]), 40) and np.array_equal(*(Artist2Vec(dim=40, sweeps=s).fit(loose).embeddings_.vectors for s in ("auto", 0)))


@QUICK
@given(st.lists(st.integers(0, 30), min_size=1, max_size=2000), st.integers(1, 9))
def test_top_rows_equal_a_full_sort(values, k):
    score = np.array(values) / 30
    assert top_rows(score, k).tolist() == sorted(range(len(score)), key=lambda i: (-score[i], i))[:k]


def test_updating_gives_the_bits_of_a_fit_on_everything():
    lists, plays = corpus(2), [list(range(1, len(s) + 1)) for s in corpus(2)]
    for w in (None, plays):
        part = lambda a, b: None if w is None else w[a:b]
        later = Artist2Vec(dim=12).fit(lists[:70], part(0, 70)).update(lists[70:100], part(70, 100)).update(lists[100:], part(100, None))
        assert np.array_equal(later.embeddings_.vectors, Artist2Vec(dim=12).fit(lists, w).embeddings_.vectors)


def test_updating_refuses_what_it_cannot_keep():
    with pytest.raises(InputError, match="cannot take lists later"): Artist2Vec("paper", dim=4, epochs=1, passes=1).fit(corpus()).update(corpus())
    with pytest.raises(InputError, match="both have weights"): Artist2Vec(dim=4).fit(corpus()).update(corpus(), np.ones(120))


def test_held_out_loss_falls_and_is_not_the_sum_that_gensim_counts():
    lists = [[f"{scene}{i}" for i in rng.permutation(12)[:5]] for rng in [np.random.default_rng(0)] for scene in "xyz" for _ in range(80)]
    loss = HeldOutLoss(lists[::5], n=2000)
    word2vec([s for i, s in enumerate(lists) if i % 5], dim=10, epochs=12, each_epoch=loss)
    assert len(loss.losses) == 12 and loss.losses[-1] < loss.losses[0] < 6 * np.log(2) + .01
    with pytest.raises(InputError): word2vec(lists, dim=4, epochs=1, passes=1, each_epoch=HeldOutLoss([["nobody", "else"]]))


def test_more_dimensions_than_artists_are_zeros():
    v = Artist2Vec(dim=9).fit([["a", "b"], ["b", "c"]]).embeddings_.vectors
    assert v.shape == (3, 9) and not v[:, 3:].any()


def test_noise_is_subtracted_from_the_eigenvalues():
    m = sparse_pairs(60)
    values = lambda **options: (eigenvectors(m, 10, **options).astype(float)**2).sum(0)
    np.testing.assert_allclose(values(noise=.5), values() - .5 * (eigenvectors(m, 11).astype(float)[:, 10]**2).sum(), rtol=1e-3)


def test_who_meets_nobody_has_no_vector():
    e = Artist2Vec(dim=2).fit([["a", "b"], ["c"], ["d", "d"], []]).embeddings_
    assert e.ids == ["a", "b"]
    with pytest.raises(NotFoundError): e.nearest("c")


def test_who_is_twice_in_a_list_counts_once():
    once, twice = (Artist2Vec(dim=2).fit(*args).embeddings_ for args in (([["a", "b", "c"], ["b", "c"]], [[1, 3, 2], [1, 1]]), ([["b", "a", "b", "c"], ["c", "b"]], [[1, 1, 3, 2], [1, 1]])))
    assert np.array_equal(once.vectors, twice.vectors)


WEIGHTS = {"none": lambda: None, "numbers": lambda: [1., 2.], "array": lambda: np.array([1., 2.]), "series": lambda: pd.Series([1, 2]), "generator": lambda: iter([1, 2]),
           "lists": lambda: [[1, 2], [3., 4]], "mixed": lambda: [np.ones(2), 2.], "generator of series": lambda: (pd.Series([1., 2.]) for _ in range(2))}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [list, tuple, np.array, pd.Series], ids=lambda s: s.__name__)
def test_lists_and_weights_of_every_shape(weights, shape):
    e = Artist2Vec(dim=2).fit((shape(s) for s in [["a", "b"], ["b", "c"]]), WEIGHTS[weights]()).embeddings_
    assert e.ids == ["a", "b", "c"] and np.isfinite(e.vectors).all()


def test_order_of_lists_and_of_artists_in_them_does_not_matter(learned):
    lists = [s[::-1] for s in corpus()[::-1]]
    np.testing.assert_allclose(Artist2Vec(dim=12).fit(iter(lists)).embeddings_.vectors, learned.vectors, atol=1e-4)


def test_doubling_every_weight_changes_nothing(learned):
    np.testing.assert_allclose(Artist2Vec(dim=12).fit(corpus(), weights=np.full(120, 2.)).embeddings_.vectors, learned.vectors, atol=1e-4)


def test_a_list_of_weight_zero_is_as_good_as_missing():
    with_, without = (Artist2Vec(dim=3, discount=0).fit(*args).embeddings_ for args in (([["a", "b"], ["b", "c"], ["a", "c"]], [1, 1, 0]), ([["a", "b"], ["b", "c"]],)))
    np.testing.assert_allclose(with_.vectors, without.vectors, atol=1e-6)


def test_nearest_equals_a_loop(learned):
    cosine = lambda a, b: float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    for i in learned.ids[:10]:
        scores = sorted(((round(-cosine(learned.vector(i), learned.vector(j)), 5), j) for j in learned.ids if j != i))
        near = learned.nearest(i, 7)
        np.testing.assert_allclose(near.score, [-s for s, _ in scores[:7]], atol=1e-4)


def test_nearest_gives_names_and_at_most_what_there_is(learned):
    near = learned.nearest("artist 1", 999, pd.Series({"artist 2": "Two"}))
    assert len(near) == len(learned) - 1 and near.name[near.id == "artist 2"].tolist() == ["Two"]


def crowd(kind, rng, n=6000):
    """Vectors that are hard to round: of one scale or many, all alike, of one number each, told twice, or none."""
    some = {"gauss": lambda: rng.normal(size=(n, 100)), "tails": lambda: rng.standard_t(1.5, size=(n, 20)), "alike": lambda: 5 + rng.normal(0, 1e-3, (n, 20)), "axes": lambda: np.eye(20)[rng.integers(20, size=n)],
            "twice": lambda: np.repeat(rng.normal(size=(n // 3, 20)), 3, axis=0), "gaps": lambda: rng.normal(size=(n, 20)) * (rng.random((n, 1)) < .5), "signs": lambda: rng.choice([-1., 1.], size=(n, 20)), "one number": lambda: rng.normal(size=(n, 1)),
            "nothing": lambda: np.zeros((n, 20)), "next to nothing": lambda: rng.normal(size=(n, 20)) * 1e-23}
    return some[kind]()


@pytest.mark.skipif(not multiplies_bytes(), reason="this processor does not multiply whole numbers of eight bits fast")
@pytest.mark.parametrize("kind", ["gauss", "tails", "alike", "axes", "twice", "gaps", "signs", "one number", "nothing", "next to nothing"])
def test_the_nearest_by_way_of_eight_bits_are_the_nearest(monkeypatch, kind):
    vectors = crowd(kind, np.random.default_rng(8))
    e = Embeddings([f"a{i}" for i in range(len(vectors))], vectors)
    exact = {(q, k): e.nearest(f"a{q}", k) for q in range(0, 6000, 97) for k in (1, 9)} | {(5, 9999): e.nearest("a5", 9999)}
    assert "quantized" not in vars(e)
    monkeypatch.setattr(artist2vec, "MANY_ROWS", 1)
    for (q, k), near in exact.items(): pd.testing.assert_frame_equal(e.nearest(f"a{q}", k), near, check_exact=True)
    assert e.quantized.rows.dtype == "int8"


@pytest.mark.skipif(not multiplies_bytes(), reason="this processor does not multiply whole numbers of eight bits fast")
def test_few_are_left_to_compare_exactly():
    e = Embeddings([f"a{i}" for i in range(6000)], crowd("gauss", np.random.default_rng(8)))
    left = [len(_near_enough(e.quantized(q), 10, e.quantized.slack)) for q in range(0, 6000, 97)]
    assert 10 <= min(left) and max(left) < 200


@QUICK
@given(st.integers(0, 999), st.sampled_from(["gauss", "tails", "alike", "axes", "gaps", "signs", "nothing", "next to nothing"]))
def test_no_rounded_product_is_off_by_more_than_half_the_slack(seed, kind):
    units = unit(crowd(kind, np.random.default_rng(seed), 60).astype("float32"))
    q = Quantized.of(units)
    step = (np.abs(units).max() or 1) / 127
    off = np.abs(units.astype(float) @ units.T - step**2 * (q.rows.astype(int) @ q.rows.T.astype(int)))
    assert off.max() <= step**2 * q.slack / 2


def test_where_bytes_are_not_multiplied_all_vectors_are_compared(monkeypatch, learned):
    near = learned.nearest("artist 1", 5)
    monkeypatch.setattr(artist2vec, "MANY_ROWS", 1)
    monkeypatch.setattr(artist2vec, "multiplies_bytes", lambda: False)
    assert learned.quantized.slack > 0 and learned.nearest("artist 1", 5).equals(near)  # nor where another machine has rounded them
    monkeypatch.setattr(artist2vec, "_product", None)
    learned.nearest("artist 1", 5)


def saturating(x, y):
    """As processors without VNNI do: one side without its sign, pairs of products added in sixteen bits."""
    pairs = ((x.long() + 128) * y.long().T).reshape(len(x), -1, 2).sum(2).clamp(-2**15, 2**15 - 1)
    return (pairs.sum(1, keepdim=True) - 128 * y.long().sum()).int()


def refusing(x, y): raise NotImplementedError("Could not run 'aten::_int_mm' with arguments from the 'CPU' backend.")


@pytest.mark.parametrize("product, fine", [(lambda x, y: (x.long() @ y.long()).int(), True), (saturating, False), (refusing, False)])
def test_only_a_processor_that_multiplies_bytes_exactly_is_asked_to(monkeypatch, product, fine):
    import torch
    monkeypatch.setattr(torch, "_int_mm", product, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert multiplies_bytes.__wrapped__() == fine
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not multiplies_bytes.__wrapped__()


def test_the_nearest_rows_hold_the_row_itself(learned):
    rows, cosine = near_rows(learned, 3, 4)
    assert rows[0] == 3 and len(rows) == 4 and cosine[0] == pytest.approx(1) and (np.diff(cosine) <= 0).all()


def test_equally_near_ids_come_in_order_of_id():
    e = Embeddings(["x", "c", "b", "a"], np.ones((4, 2)))
    assert e.nearest("x").id.tolist() == ["a", "b", "c"]


@settings(QUICK, max_examples=25)
@given(st.lists(st.lists(st.sampled_from([f"artist {i}" for i in range(0, 60, 3)]), max_size=20), max_size=5), st.booleans())
def test_affinity_is_a_ridge_regression_on_the_profile(profiles, weighted):
    e = LEARNED if weighted else Embeddings(LEARNED.ids, LEARNED.vectors)
    units = {i: v / max(np.linalg.norm(v), 1e-30) for i, v in zip(e.ids, e.vectors.astype(float))}
    target = np.array([e.vectors[r].astype(float) * e.weights[r] if weighted else units[i] for r, i in enumerate(e.ids)])
    expected = []
    for p in profiles:
        u = np.array([units[i] for i in p if i in e]).reshape(-1, 12)
        expected.append(target @ u.T @ np.linalg.solve(u @ u.T + ALIKE * np.eye(len(u)), np.full(len(u), ALIKE + 1)))
    np.testing.assert_allclose(e.affinity(profiles), np.array(expected).reshape(len(profiles), len(e)), atol=1e-6)


@pytest.mark.parametrize("profiles", ["abc", ["abc"], [None], [["a"], 3]], ids=str)
def test_profiles_that_are_no_lists_are_refused(learned, profiles):
    with pytest.raises(InputError): learned.affinity(profiles)


def test_affinity_survives_rebuilding_and_saving(learned, tmp_path):
    profiles = [learned.ids[:5], ["unknown", learned.ids[7]], []]
    rebuilt, loaded = Embeddings(learned.ids, learned.vectors, learned.weights), Embeddings.load(learned.save(tmp_path / "e"))
    for e in (rebuilt, loaded): assert np.array_equal(e.affinity(profiles), learned.affinity(profiles))


@pytest.mark.parametrize("ids", [[], ["ü;\n\"", "日本", " "]], ids=["none", "odd ids"])
def test_saving_keeps_everything(tmp_path, ids):
    e = Embeddings(ids, np.random.default_rng(0).normal(size=(len(ids), 3)), np.ones(len(ids)), np.arange(len(ids)) == 1)
    back = Embeddings.load(e.save(tmp_path / "e"))
    assert back.ids == e.ids and np.array_equal(back.vectors, e.vectors) and np.array_equal(back.weights, e.weights) and np.array_equal(back.inferred, e.inferred)


def test_saving_refuses_a_foreign_folder(learned, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError): learned.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "keys.parquet"])
@pytest.mark.parametrize("damage", [None, b"", b"{}", b"nonsense" * 9])
def test_damaged_model_raises_a_typed_error(learned, tmp_path, name, damage):
    file = learned.save(tmp_path / "e") / name
    if damage is None: file.unlink()
    else: file.write_bytes(damage)
    with pytest.raises(MusicrecError): Embeddings.load(tmp_path / "e")


def run(code, **environment):
    return subprocess.Popen([sys.executable, "-c", code, os.path.dirname(__file__)], env=os.environ | environment, stdout=subprocess.PIPE, text=True)


def test_ppmi_gives_the_same_bits_for_any_hash_seed_and_number_of_threads():
    code = ("import sys, hashlib; sys.path.insert(0, sys.argv[1]); from test_artist2vec import *; "
            "print([hashlib.sha256(Artist2Vec(dim=20).fit(map(set, corpus(3, 3000, n))).embeddings_.vectors.tobytes()).hexdigest() for n in (60, 1200)])")
    five = [run(code, PYTHONHASHSEED=str(s), OMP_NUM_THREADS=str(1 + s % 2), OPENBLAS_NUM_THREADS=str(1 + s % 2)) for s in range(5)]
    answers = {p.communicate()[0] for p in five}
    assert len(answers) == 1 and answers.pop().startswith("['")


@pytest.mark.parametrize("name", ["listeners", "playlists", "similar"])
def test_each_list_keeps_its_source(name):
    t = load_tables("synthetic", n_artists=60, tracks_per_artist=3, n_listeners=8)
    lists = corpora(t, [name])
    assert (lists.kind == name).all() and (lists.artists.str.len() == lists.weights.str.len()).all() and (lists.artists.str.len() > 1).all()
    if len(lists): assert set(lists.source) <= {"simulated", "synthetic"}


def test_similar_artists_count_both_ways():
    t = load_tables("synthetic", n_artists=20, tracks_per_artist=2, n_listeners=3)
    t = t.replace(similar_artists=pd.DataFrame({"artist_id": ["a", "b"], "similar_id": ["b", "c"], "source": "x"}))
    assert sentences(t, ["similar"]) == [["a", "b"], ["a", "b", "c"], ["b", "c"]]
    assert sentences(t, ["similar"], symmetric=False) == [["a", "b"], ["b", "c"]]


def test_word2vec_gives_the_same_bits_for_a_seed():
    fit = lambda seed: Artist2Vec(method="paper", dim=8, epochs=2, passes=2, seed=seed).fit(corpus(n=60)).embeddings_
    a, b, c = fit(0), fit(0), fit(1)
    assert a.ids == b.ids and np.array_equal(a.vectors, b.vectors) and not np.array_equal(a.vectors, c.vectors)


@pytest.mark.parametrize("method", ["ppmi", "paper"])
def test_artists_of_one_scene_are_nearer_than_others(method):
    rng = np.random.default_rng(0)
    lists = [[f"{scene}{i}" for i in rng.permutation(12)[:5]] for scene in "xyz" for _ in range(80)]
    e = Artist2Vec(method=method, dim=10, epochs=15).fit(lists).embeddings_
    assert np.mean([j[0] == i[0] for i in e.ids for j in e.nearest(i, 5).id]) > .95


@pytest.mark.parametrize("bad", [[], [[]], [["a"]], [["a", "a"]], ["abc"], [["a", 1]], [["a", None]], [None], None], ids=str)
def test_what_is_no_list_of_lists_is_refused(bad):
    with pytest.raises(MusicrecError): Artist2Vec().fit(bad)


@pytest.mark.parametrize("weights", [[1.], [1., 2., 3.], [1., -1.], [1., np.nan], [[1.], [1., 2.]], [[1., -2.], 1.], 3., [None, 1.]], ids=str)
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(MusicrecError): Artist2Vec().fit([["a", "b"], ["b", "c"]], weights)


@pytest.mark.parametrize("options", [dict(method="magic"), dict(dim=-1), dict(dim=0)], ids=str)
def test_impossible_settings_are_refused(options):
    with pytest.raises(MusicrecError): Artist2Vec(**options).fit([["a", "b"]])


@pytest.mark.parametrize("ids, vectors, weights", [(["a"], [[1.], [2.]], None), (["a", "a"], [[1.], [2.]], None), (["a"], [[np.nan]], None), (["a"], [1.], None), (["a"], [[1.]], [1., 2.]), (["a"], [[1.]], [np.inf])], ids=str)
def test_vectors_that_do_not_fit_are_refused(ids, vectors, weights):
    with pytest.raises(InputError): Embeddings(ids, vectors, weights)


def test_unknown_id_offers_close_ones(learned):
    with pytest.raises(NotFoundError, match="artist 11"): learned.vector("artist 111")


def test_estimator_keeps_its_settings():
    a = clone(Artist2Vec(dim=7, seed=3))
    assert a.get_params()["dim"] == 7 and not hasattr(a, "embeddings_")


def test_sentences_leave_a_listener_out():
    t = load_tables("synthetic", n_artists=90, tracks_per_artist=2, n_listeners=6)
    mine = set(t.listener_artists.artist_id[t.listener_artists.listener_id == "you"])
    every, others = sentences(t, ["listeners"]), sentences(t, ["listeners"], leave_out=["you"])
    assert len(every) == len(others) + 1 and sorted(mine) in every and sorted(mine) not in others


def test_inferred_artists_are_marked_and_leave_the_others_alone():
    t = load_tables("synthetic", n_artists=20, tracks_per_artist=4, n_listeners=10)
    e = Artist2Vec(dim=8).fit(sentences(t)).embeddings_
    known = Embeddings(e.ids[5:], e.vectors[5:], e.weights[5:])
    both = infer_artists(known, t)
    assert sorted(np.array(both.ids)[both.inferred]) == sorted(e.ids[:5]) and np.array_equal(both.vectors[:len(known)], known.vectors) and np.isfinite(both.vectors).all()
    assert both.learned().ids == known.ids and np.array_equal(both.learned().weights, known.weights) and known.learned() is known
    fewer = Embeddings(both.ids[:-2], both.vectors[:-2], both.weights[:-2], both.inferred[:-2])
    again = infer_artists(fewer, t)  # what was inferred teaches nothing: the rest come out as before
    np.testing.assert_allclose(again.take(both.ids)[0], both.vectors, atol=1e-6)
