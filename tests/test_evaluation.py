"""Rows of every task and every way to split, the paper's numbers, and the command on a file of one's own."""
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from musicrec.app.cli import main
from musicrec.artist2vec import Artist2Vec, sentences
from musicrec.collect import AUDIO, MusicrecError, load_tables
from musicrec.evaluation import ENTRANTS, METHODS, METRICS, PAIRED, PAPER, TASKS, beside_paper, check_task, compare, constant_loss, differences, evaluate, listener_of, paper_rows, predictions, rank_lists, read_pairs, taste_pairs, transfer_artists, transfer_facts, unlabelled
from musicrec.tables import Tables

NAMED = {"accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss", "brier", "ece", "top10", "mrr", "ndcg@10", "ndcg@20", "recall@10", "recall@20", "coverage@20"}


@pytest.fixture(scope="module")
def world(): return load_tables("synthetic", n_artists=14, tracks_per_artist=12, n_listeners=8)


@pytest.fixture(scope="module")
def vectors(world):
    e = Artist2Vec(dim=8).fit(sentences(world, ["listeners", "similar"], leave_out=["you"])).embeddings_
    return {"default": e, "paper": e}


def with_playlists(t):
    ids = t.tracks.track_id.sample(48, random_state=0).to_numpy()
    lists = pd.DataFrame({"playlist_id": np.repeat([f"list {i}" for i in range(16)], 3), "position": np.tile(range(3), 16), "track_id": ids})
    return t.replace(playlists=lists[["playlist_id"]].drop_duplicates(), playlist_tracks=lists)


def check_rows(rows, task, methods, seeds):
    assert list(rows) == ["method", "metric", "value", "low", "high", "seeds"]
    assert rows[["value", "low", "high"]].notna().all(axis=None) and (rows.low <= rows.high).all() and set(rows.seeds) == {seeds}
    assert len(rows) == len(methods) * len(TASKS[task][2]) and set(rows.method) == set(methods) and set(rows.metric) == set(TASKS[task][2]) <= NAMED
    shares = rows[~rows.metric.isin(["log_loss"])]
    assert shares.value.between(0, 1).all()


@pytest.mark.parametrize("by", ["track", "artist", "album", "playlist"])
@pytest.mark.parametrize("task", ["likes", "genres", "artists"])
def test_baselines_for_every_task_and_split(world, task, by):
    if (task, by) == ("artists", "artist"): return
    methods = ["majority", "forest"] if by == "track" else ["majority"]
    check_rows(evaluate(task, with_playlists(world), by, k=2, seeds=1, methods=methods), task, methods, 1)


@pytest.mark.parametrize("task, by", [("likes", "artist"), ("genres", "track"), ("artists", "track")])
def test_nets_and_recommenders_for_every_task(world, vectors, task, by):
    check_rows(evaluate(task, world, by, k=2, seeds=1, methods=["default", "paper"], artists=vectors), task, ["default", "paper"], 1)


def test_every_track_is_predicted_once_per_seed(world):
    runs, groups = predictions("genres", world, "artist", k=3, seeds=2, methods=["majority"])
    assert [len(y) for y, _ in runs["majority"]] == [len(groups)] * 2 and groups.index.is_unique and groups.index.is_monotonic_increasing
    assert set(groups) <= set(world.artists.artist_id)


def test_row_order_of_the_tables_does_not_matter(world):
    shuffled = world.replace(**{name: f.sample(frac=1, random_state=1) for name, f in world.frames().items()})
    pd.testing.assert_frame_equal(*(evaluate("likes", t, "artist", 2, 1, ["majority", "forest"]) for t in (world, shuffled)))


def test_forest_beats_the_majority_where_there_is_something_to_learn(world):
    rows = evaluate("genres", world, "track", 3, 1, ["majority", "forest"]).set_index(["method", "metric"]).value
    assert rows["forest", "accuracy"] > rows["majority", "accuracy"] + .15 and rows["forest", "log_loss"] < rows["majority", "log_loss"]


def test_shuffled_labels_teach_nothing(world):
    mine = world.preferences[world.preferences.listener_id == "you"]
    blind = world.replace(preferences=mine.assign(label=mine.label.sample(frac=1, random_state=0).to_numpy()))
    rows = evaluate("likes", blind, "artist", 4, 1, ["default"]).set_index("metric").value
    assert rows["auc"] < .65


@pytest.mark.parametrize("arguments", [dict(task="moods"), dict(by="mood"), dict(seeds=0), dict(k=1), dict(task="artists", by="artist"), dict(methods=["magic"]), dict(methods=[])], ids=str)
def test_impossible_evaluations_are_refused(world, arguments):
    with pytest.raises(MusicrecError): evaluate(**dict(task="genres", t=world, by="track", k=2, seeds=1, methods=["majority"]) | arguments)


def test_fewer_artists_than_folds_are_refused():
    few = load_tables("synthetic", n_artists=3, tracks_per_artist=20, n_listeners=0)
    with pytest.raises(MusicrecError): evaluate("genres", few, "artist", 5, 1, ["majority", "forest"])


@pytest.mark.parametrize("method", ENTRANTS)
def test_groups_so_entangled_that_nothing_is_left_to_train_on_are_refused(method):
    t = load_tables("synthetic", n_artists=3, tracks_per_artist=20, n_listeners=0)
    t = t.replace(track_artists=pd.DataFrame({"track_id": np.repeat(t.tracks.track_id, 3), "artist_id": np.tile(t.artists.artist_id, 60), "position": np.tile([0, 1, 2], 60)}))
    t = t.replace(track_artists=t.track_artists.assign(position=(t.track_artists.position + np.repeat(np.arange(60), 3)) % 3))
    with pytest.raises(MusicrecError): evaluate("genres", t, "artist", 3, 1, [method])


def test_methods_may_come_as_any_iterable(world):
    check_rows(evaluate("genres", world, "track", 2, 1, iter(["majority"])), "genres", ["majority"], 1)


def test_likes_without_labels_are_refused(world):
    with pytest.raises(MusicrecError, match="--label"): evaluate("likes", world.replace(preferences=None), seeds=1)


def test_listener_is_me_then_you_then_whoever_labelled_most(world):
    as_listener = lambda *names: listener_of(world.replace(preferences=pd.DataFrame({"listener_id": names, "track_id": [f"t{i}" for i in range(len(names))], "label": 1})))
    assert (as_listener("z", "you", "me"), as_listener("z", "you", "z"), as_listener("a", "z", "z")) == ("me", "you", "z")
    with pytest.raises(MusicrecError): listener_of(world, "nobody")


def test_the_paper_said_so():
    assert PAPER.loc["genre classification"].tolist() == [.2062, .5334] and PAPER.loc["artist prediction"].tolist() == [.3743, .3151] and PAPER.loc["recommendation system"].tolist() == [.1270, .8334]


@pytest.mark.parametrize("n", [2, 6, 100])
def test_constant_loss_is_what_guessing_alike_costs(n):
    from musicrec.metrics import paper_loss
    assert constant_loss(n) == pytest.approx(paper_loss(np.arange(n), np.full((n, n), 1 / n)), abs=1e-12)


def test_beside_the_paper_stand_four_columns_per_metric_and_gaps_stay_gaps():
    ours = pd.DataFrame({"loss": [.1], "accuracy": [.9]}, index=["recommendation system"])
    table = beside_paper(ours)
    assert table["loss"].shape == table["accuracy"].shape == (3, 4)
    assert table.loc["recommendation system", ("accuracy", "paper")] == .8334 and table.loc["recommendation system", ("accuracy", "demo")] == .9
    assert table.loc["genre classification", ("loss", "demo")] != table.loc["genre classification", ("loss", "demo")]


def test_beside_the_paper_nothing_of_ours_is_only_the_paper():
    assert beside_paper().notna().sum().sum() == 6


def test_paper_rows_score_with_the_papers_own_loss():
    y = np.array([0, 1, 2, 1])
    rows = paper_rows("genre classification", [(y, np.full((4, 3), 1 / 3))]).set_index("metric")
    assert rows.ours["loss"] == pytest.approx(constant_loss(3)) and rows.paper["loss"] == .2062


def test_artist_vectors_travel_by_folded_name(world):
    mine = world.replace(artists=world.artists.assign(name=world.artists.name.str.upper()), listener_artists=None, similar_artists=None)
    e = transfer_artists(mine, [world])
    assert set(e.ids) <= set(mine.artists.artist_id) and len(e) > 5 and transfer_artists(mine, [mine]) is None


# The command


def songs(n=60):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((n, 8)).round(4), columns=list(AUDIO)).assign(tempo=rng.uniform(70, 180, n), loudness=-rng.uniform(1, 20, n))
    return frame.assign(title=[f"Song {i}" for i in range(n)], liked=(frame.energy + rng.normal(0, .2, n) > .5).astype(int))


def run(*words):
    with pytest.raises(SystemExit) as e: main([str(w) for w in words])
    return e.value.code


def test_what_cannot_be_evaluated_is_told_before_anything_is_learned(world, monkeypatch):
    monkeypatch.setattr("musicrec.evaluation.TrackEncoder", None)
    monkeypatch.setattr("musicrec.evaluation.Recommender", None)
    for task in ("likes", "genres"): check_task(task, world, k=3)
    with pytest.raises(MusicrecError, match="one kind"): check_task("likes", world.replace(preferences=world.preferences[(world.preferences.label == 1).to_numpy()]))
    with pytest.raises(MusicrecError, match="0 classes of genre"): check_task("genres", world.replace(track_genres=None))
    with pytest.raises(MusicrecError, match="cannot be cut into 99 folds"): check_task("likes", world, "artist", 99)
    liked = world.preferences.track_id[(world.preferences.label == 1).to_numpy()]
    few = world.replace(audio_features=world.audio_features[world.audio_features.track_id.isin(liked[:3]).to_numpy()])
    with pytest.raises(MusicrecError, match="3 of one kind on tracks with audio features. Import"): check_task("likes", few)


def test_a_history_without_audio_features_is_told_what_it_lacks(tmp_path, capsys):
    play = lambda song, ms: {"endTime": "2024-01-02 10:00", "artistName": f"Band {song % 3}", "trackName": f"Song {song}", "msPlayed": ms}
    rows = [play(song, 200_000 if song < 4 else 1_000) | {"endTime": f"2024-01-0{day} 10:{song:02d}"} for song in range(10) for day in (1, 2)]
    (tmp_path / "StreamingHistory_music_0.json").write_text(json.dumps(rows))
    assert run("evaluate", "likes", tmp_path / "StreamingHistory_music_0.json") == 2
    assert "'me' has 10 labels (4 likes, 6 dislikes), none on a track with audio features. Import a table of features" in capsys.readouterr().err


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    monkeypatch.delenv("MUSICREC_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    songs().to_csv("songs.csv", index=False)
    return tmp_path


def test_command_writes_rows_as_promised(labelled, capsys):
    assert run("evaluate", "likes", "songs.csv", "--folds", 2, "--seeds", 1, "--json", "out/rows.json") == 0
    said = json.loads((labelled / "out" / "rows.json").read_text())
    assert {k: said[k] for k in ("schema", "task", "by", "data", "n", "vectors_from")} == {"schema": 1, "task": "likes", "by": "track", "data": "songs.csv", "n": 60, "vectors_from": []}
    assert {r["method"] for r in said["rows"]} == set(METHODS["likes"]) > set(ENTRANTS) == {"default", "paper", "majority", "forest"} and {r["metric"] for r in said["rows"]} <= NAMED
    assert all(set(r) == {"method", "metric", "value", "low", "high", "seeds"} and r["low"] <= r["high"] for r in said["rows"])
    score = {(r["method"], r["metric"]): r["value"] for r in said["rows"]}
    assert {(r["method"], r["metric"]) for r in said["differences"]} == {(f"default − {m}", n) for m in METHODS["likes"] if m != "default" for n in PAIRED["likes"]}
    assert all(np.isclose(r["value"], score["default", r["metric"]] - score[r["method"].removeprefix("default − "), r["metric"]]) for r in said["differences"])
    out, err = capsys.readouterr()
    assert "balanced_accuracy" in out and "default −" not in out and "column 'liked'" in err and "default − forest" in err


def test_command_refuses_to_split_by_artists_that_are_not_there(labelled, capsys):
    assert run("evaluate", "likes", "songs.csv", "--by", "artist", "--folds", 2, "--seeds", 1, "--json", "rows.json") == 2
    assert "no artist" in capsys.readouterr().err and not (labelled / "rows.json").exists()


@pytest.mark.parametrize("words", [("moods", "songs.csv"), ("likes", "nowhere.csv"), ("likes", "songs.csv", "--label", "mood"), ("genres", "songs.csv"), ("likes", "songs.csv", "--folds", "1"),
                                   ("likes", "songs.csv", "--by", "mood"), ("likes", "songs.csv", "--vectors-from", "nowhere"), ("likes", "songs.csv", "--folds", "many"), ("likes",)], ids=" ".join)
def test_command_leaves_with_two_on_bad_input(labelled, capsys, words):
    assert run("evaluate", *words, "--seeds", 1) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err and not out.strip()


def test_command_refuses_a_folder_for_its_rows_before_it_evaluates(labelled, monkeypatch):
    monkeypatch.setattr("musicrec.evaluation.evaluate", lambda *_, **__: pytest.fail("evaluated"))
    (labelled / "results").mkdir()
    (labelled / "results" / "mine.txt").write_text("precious")
    assert run("evaluate", "likes", "songs.csv", "--folds", 2, "--seeds", 1, "--json", "results") in (1, 2)
    assert (labelled / "results" / "mine.txt").read_text() == "precious"


def test_command_takes_a_label_column_by_name(labelled, capsys):
    songs().rename(columns={"liked": "mood"}).to_csv("other.csv", index=False)
    assert run("evaluate", "likes", "other.csv", "--label", "mood", "--folds", 2, "--seeds", 1, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_geomack_by_track_is_learned_above_chance(requires_data):
    t = load_tables(requires_data("geomack_song_attributes/data.csv"))
    rows = evaluate("likes", t, "track", 2, 1, ["majority", "forest"]).set_index(["method", "metric"]).value
    assert rows["forest", "auc"] > .7 and rows["majority", "auc"] < .55


# Ranking, on pairs of one's own


def scenes(listeners=24, per_scene=8):
    """Three scenes that share no artist; a listener has most of her own scene."""
    rng = np.random.default_rng(0)
    return pd.DataFrame([(f"l{i}", f"Artist {(i % 3) * per_scene + j}", int(rng.integers(1, 50))) for i in range(listeners) for j in range(per_scene)], columns=["User", "Artist", "plays"])


def test_ranking_finds_the_scene_and_popularity_does_not(tmp_path):
    scenes().to_csv(tmp_path / "pairs.csv", index=False)
    t = read_pairs(tmp_path / "pairs.csv")
    rows = evaluate("ranking", t, k=4, seeds=2, methods=["popularity", "item_knn", "ease"]).set_index(["method", "metric"])
    assert rows.value["item_knn", "recall@10"] == rows.value["ease", "recall@10"] == 1 > rows.value["popularity", "recall@10"]
    assert set(rows.index.get_level_values(1)) == {"ndcg@10", "ndcg@20", "recall@10", "recall@20", "coverage@20"} and (rows.seeds == 2).all()


def test_rankings_say_what_the_default_is_ahead_by(tmp_path):
    scenes().to_csv(tmp_path / "pairs.csv", index=False)
    rows, ahead = (d.set_index(["method", "metric"]).value for d in compare("ranking", read_pairs(tmp_path / "pairs.csv"), k=4, seeds=2, methods=["default", "popularity"]))
    for name in PAIRED["ranking"]: assert np.isclose(ahead["default − popularity", name], rows["default", name] - rows["popularity", name])


def test_a_difference_has_the_interval_of_its_groups():
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(40), 5)
    y, p, q = rng.integers(0, 2, 200), rng.random(200), rng.random(200)
    sure = lambda x: np.stack([1 - x, x], 1)
    runs = {"default": [(y, sure(p))] * 2, "forest": [(y, sure(q))] * 2, "lately": [(y, sure(q))]}
    d = differences(runs, ["accuracy", "auc"], group).set_index(["method", "metric"])
    assert np.isclose(d.value["default − forest", "auc"], METRICS["auc"](y, sure(p)) - METRICS["auc"](y, sure(q)))
    assert d.seeds.tolist() == [2, 2, 1, 1] and (d.low < d.value).all() and (d.value < d.high).all()
    assert (differences({"default": runs["forest"], "forest": runs["forest"]}, ["accuracy", "auc"], group)[["value", "low", "high"]] == 0).all(axis=None)


def test_als_and_bpr_find_the_scene_where_implicit_is_installed(tmp_path):
    pytest.importorskip("implicit")
    scenes().to_csv(tmp_path / "pairs.csv", index=False)
    rows = evaluate("ranking", read_pairs(tmp_path / "pairs.csv"), k=4, seeds=1, methods=["als", "bpr", "popularity"]).set_index(["method", "metric"]).value
    assert min(rows["als", "ndcg@10"], rows["bpr", "ndcg@10"]) > rows["popularity", "ndcg@10"]


def test_methods_that_are_not_installed_are_left_out_and_said_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("musicrec.evaluation.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("musicrec.evaluation.RANKERS", {"popularity": METHODS and __import__("musicrec.ranking", fromlist=["RANKERS"]).RANKERS["popularity"]})
    monkeypatch.setitem(METHODS, "ranking", ("popularity", "als", "bpr"))
    scenes().to_csv(tmp_path / "pairs.csv", index=False)
    said = []
    runs, n = rank_lists(read_pairs(tmp_path / "pairs.csv"), seeds=1, say=said.append)
    assert list(runs) == ["popularity"] and n == 24 and any("implicit" in line for line in said)
    with pytest.raises(MusicrecError, match="implicit"): rank_lists(read_pairs(tmp_path / "pairs.csv"), seeds=1, methods=["als"])


@pytest.mark.parametrize("columns", [("listener", "artist", "plays"), ("userID", "artistID", "weight"), ("user_id", "artist_name", "play_count"), ("listener_id", "artist", None)], ids=str)
def test_pairs_are_known_by_their_columns(tmp_path, columns):
    frame = scenes().set_axis([c or "other" for c in columns], axis=1)
    frame.to_csv(tmp_path / "p.csv", index=False)
    t = read_pairs(tmp_path / "p.csv")
    assert len(t.listener_artists) == len(frame) and t.listener_artists.weight.notna().all() and (t.listener_artists.weight != 1).any() == bool(columns[2])


def test_pairs_twice_are_added_and_pairs_without_a_name_left_out(tmp_path):
    (tmp_path / "p.csv").write_text("listener,artist,plays\na,X,1\na,X,2\n,Y,3\nb,,4\nb,Y,\n")
    t = read_pairs(tmp_path / "p.csv")
    assert t.listener_artists[["listener_id", "artist_id"]].values.tolist() == [["a", "name:artist:x"], ["b", "name:artist:y"]] and t.listener_artists.weight[0] == 3
    assert "2 rows" in t.notes[1]


def test_pairs_say_what_they_were_read_from(tmp_path):
    (tmp_path / "p.csv").write_text("user_id,artist_id,artist_name,Scrobbles\nu,m1,A,3\nu,,B,inf\nu,,b ,-2\nv,m1,A,4\nw,m2,C,1\nw,m3,D,1\nw,m4,E,1\nw,m5,F,1\nw,m6,G,1\nw,m7,H,1\n")
    t = read_pairs(tmp_path / "p.csv")
    assert t.notes == ["p.csv: 2 cells of 'Scrobbles' are no number of plays and count as none given", "p.csv: pairs from the columns 'user_id', 'artist_id', 'artist_name', 'Scrobbles'"]
    assert t.artists.set_index("artist_id").name["m1"] == "A" and {"m1", "name:artist:b"} <= set(t.listener_artists.artist_id)
    assert t.listener_artists.query("artist_id == 'name:artist:b'").weight.isna().all()  # neither infinite nor negative plays are any


def test_pairs_whose_plays_are_words_are_refused_with_row_and_column(tmp_path):
    (tmp_path / "p.csv").write_text("listener,artist,plays\na,X,1\na,Y,many\nb,X,lots\n")
    with pytest.raises(MusicrecError, match="row 2, column 'plays'.*'many'"): read_pairs(tmp_path / "p.csv")


def test_a_table_of_something_else_is_no_pairs(tmp_path):
    (tmp_path / "p.csv").write_text("title,year\nX,1999\n")
    assert read_pairs(tmp_path / "p.csv") is None


def test_playlists_rank_tracks_or_their_artists(world):
    t = with_playlists(world)
    (tracks, what), (artists, whose) = taste_pairs(t.replace(listener_artists=None)), taste_pairs(t.replace(listener_artists=None), "artist")
    assert set(tracks.artist_id) <= set(t.tracks.track_id) and set(artists.artist_id) <= set(t.artists.artist_id) and (what, whose) == ("tracks for playlists", "artists for playlists")
    assert taste_pairs(t)[1] == "artists for listeners" and taste_pairs(t, "playlist")[1] == "tracks for playlists"


@pytest.mark.parametrize("arguments", [dict(by="album"), dict(methods=["forest"]), dict(methods=[]), dict(seeds=0), dict(k=1)], ids=str)
def test_ranking_that_cannot_be_is_refused(world, arguments):
    with pytest.raises(MusicrecError): evaluate("ranking", world, **dict(seeds=1, methods=["popularity"]) | arguments)


def test_lists_that_do_not_overlap_are_refused():
    pairs = pd.DataFrame({"listener_id": list("abc"), "artist_id": list("xyz"), "weight": 1., "source": "toy"})
    with pytest.raises(MusicrecError, match="every listener needs 5 artists, and every artist 5 listeners. Give more"): evaluate("ranking", Tables(listener_artists=pairs), seeds=1)


def test_playlists_too_thin_for_tracks_are_sent_to_their_artists():
    rows = [(f"p{i}", f"t{i}_{j}", f"a{j}") for i in range(8) for j in range(6)]
    lists, tracks, artists = zip(*rows)
    t = Tables(playlist_tracks=pd.DataFrame({"playlist_id": lists, "position": list(range(6)) * 8, "track_id": tracks, "source": "toy"}),
               track_artists=pd.DataFrame({"track_id": tracks, "artist_id": artists, "position": 0, "source": "toy"}))
    for by in ("track", "playlist"):
        with pytest.raises(MusicrecError, match="no tracks for playlists are left .* every track 5 playlists. Choose --by artist, which ranks artists for playlists"): evaluate("ranking", t, by, seeds=1)
    assert len(evaluate("ranking", t, "artist", seeds=1, methods=["popularity"]))
    shared = t.playlist_tracks.assign(track_id=list(artists))
    alone = t.track_artists.assign(track_id=list(artists), artist_id=list(tracks)).drop_duplicates("track_id")
    with pytest.raises(MusicrecError, match="no artists for listeners .* Choose --by playlist, which ranks tracks for playlists"):
        evaluate("ranking", Tables(playlist_tracks=shared, track_artists=alone, listener_artists=pd.DataFrame({"listener_id": ["me"], "artist_id": ["a0"], "weight": 1., "source": "toy"})), seeds=1)


@pytest.mark.parametrize("text", ["00000c2\t3bd73256\tbetty blowtorch\t2137\n00000c2\tf2fb0ff0\tdie Ärzte\t1099\n", "user_id,song_id,play_count\nb80344d,SOAKIMP,1\n"])
def test_a_table_without_the_columns_of_a_ranking_is_told_their_names(tmp_path, capsys, text):
    (tmp_path / "plays").write_text(text, encoding="utf-8")
    assert run("evaluate", "ranking", tmp_path / "plays") == 2
    assert "name its columns in the first line: listener, artist and, where they are counted, plays." in capsys.readouterr().err
    assert run("evaluate", "likes", tmp_path / "plays") == 2
    assert "first line: listener" not in capsys.readouterr().err


def test_command_scores_the_listener_who_is_asked_for(labelled, capsys):
    frame = pd.concat([songs(n).assign(user=u, title=lambda d, u=u: d.title + u) for u, n in {"ann": 40, "bob": 60, "cy": 60}.items()])
    frame.to_csv("users.csv", index=False)
    assert run("evaluate", "likes", "users.csv", "--listener", "ann", "--folds", 2, "--seeds", 1, "--methods", "majority,forest") == 0
    assert "likes of 'ann', one of 3 listeners" in capsys.readouterr().err
    assert run("evaluate", "likes", "users.csv", "--listener", "eve", "--folds", 2, "--seeds", 1) == 2
    assert "'eve' has no likes" in capsys.readouterr().err


def test_label_is_heard_in_ranking_too(labelled, capsys):
    scenes().assign(fav=[i % 2 for i in range(len(scenes()))]).to_csv("pairs.csv", index=False)
    assert run("evaluate", "ranking", "pairs.csv", "--label", "nonsense") == 2 and "has no column 'nonsense'" in capsys.readouterr().err
    assert len(read_pairs("pairs.csv", "fav").listener_artists) == len(scenes()) // 2
    with pytest.raises(MusicrecError, match="no way to rank"): taste_pairs(read_pairs("pairs.csv"), "mood")


def test_labels_twice_or_without_value_count_once_or_not(world):
    mine = world.preferences[world.preferences.listener_id == "you"].head(40)
    odd = pd.concat([mine, mine.head(3), mine.tail(2).assign(label=pd.NA)]).iloc[2:]
    runs, _ = predictions("likes", world.replace(preferences=odd), k=2, seeds=1, methods=["majority", "forest"])
    assert all(len(y) == len(p) for r in runs.values() for y, p in r)


def test_command_ranks_pairs_and_writes_rows(labelled, capsys):
    scenes().to_csv("pairs.csv", index=False)
    assert run("evaluate", "ranking", "pairs.csv", "--folds", 4, "--seeds", 1, "--methods", "popularity,item_knn", "--json", "rows.json") == 0
    said = json.loads((labelled / "rows.json").read_text())
    assert (said["schema"], said["task"], said["vectors_from"], said["n"]) == (1, "ranking", [], 192) and {r["method"] for r in said["rows"]} == {"popularity", "item_knn"}
    assert "24 with at least 5 each, 1 in 4 hidden" in capsys.readouterr().err


def test_command_learns_from_collections_with_lists_never_from_labels_or_the_file_itself(labelled, monkeypatch, capsys):
    from musicrec.app.cli import _others
    data = labelled / "data"
    for name, frame in {"graph": "artist_id1;artist_id2\n3TVXtAsR1Inumwj472S9r4;0c173mlxpT3dSFRgMO8XPh\n", "songs": songs().to_csv(index=False)}.items():
        (data / name).mkdir(parents=True)
        (data / name / "a.csv").write_text(frame)
    monkeypatch.setenv("MUSICREC_DATA", str(data))
    assert list(_others("all", "songs.csv", "likes", print)) == ["graph"] and "artist vectors, genres and facts of tracks from: graph" in capsys.readouterr().out
    (data / "sounds").mkdir()
    songs().drop(columns="liked").to_csv(data / "sounds" / "a.csv", index=False)  # how artists sound teaches too, if it says nothing of likes
    assert list(_others("all", "songs.csv", "likes", print)) == ["graph", "sounds"]
    shutil.rmtree(data / "sounds")
    assert _others("all", str(data / "graph"), "likes", print) == {} == _others("all", str(data / "graph" / "a.csv"), "likes", print) == _others("none", "songs.csv", "likes", print)


def test_own_lists_and_genres_of_artists_teach_no_vectors_that_are_to_guess_them(world):
    credits = world.track_artists.drop_duplicates("track_id").head(40)
    mine = pd.DataFrame({"playlist_id": "me:saved", "track_id": credits.track_id, "position": range(40)})
    alone = world.replace(playlists=pd.DataFrame({"playlist_id": ["me:saved"], "owner_is_me": True}), playlist_tracks=mine, listener_artists=None, similar_artists=None)
    assert transfer_artists(alone, [alone]) is not None and transfer_artists(alone, [unlabelled(alone, "likes")]) is None
    both = alone.replace(playlists=pd.DataFrame({"playlist_id": ["me:saved", "theirs"], "owner_is_me": [True, False]}), playlist_tracks=pd.concat([mine, mine.assign(playlist_id="theirs")]))
    assert set(unlabelled(both, "likes").playlist_tracks.playlist_id) == {"theirs"} and len(unlabelled(both, "genres").playlist_tracks) == 80
    hers = world.replace(listener_artists=pd.DataFrame({"listener_id": ["me", "other"], "artist_id": world.artists.artist_id[:2].tolist(), "source": "x", "weight": 1.}))
    assert unlabelled(hers, "likes", listener="me").listener_artists.listener_id.tolist() == ["other"]
    assert unlabelled(world.replace(artists=world.artists.assign(genres="pop")), "genres").artists.genres.isna().all()


def test_playlists_that_say_the_labels_teach_nothing_under_any_name(world):
    credits = world.track_artists.drop_duplicates("track_id").head(60)
    lists = pd.DataFrame({"playlist_id": np.repeat(["told", "mixed"], 30), "track_id": credits.track_id.to_numpy(), "position": np.tile(range(30), 2)})
    labelled = [*lists.track_id[:30], *lists.track_id[30:35]]
    tested = world.replace(playlist_tracks=lists, preferences=pd.DataFrame({"listener_id": "me", "track_id": labelled, "label": [1, 0] * 17 + [1]}))
    assert unlabelled(tested, "likes", tested, "me").playlist_tracks.empty  # in the file itself no labelled track may be in a list
    other = world.replace(playlist_tracks=lists)
    assert set(unlabelled(other, "likes", tested, "me").playlist_tracks.playlist_id) == {"mixed"}  # five of thirty say little
    new = {i: f"other:{i}" for i in world.tracks.track_id}
    renamed = other.replace(**{n: f.assign(track_id=f.track_id.map(new)) for n, f in other.frames().items() if "track_id" in f})
    assert set(unlabelled(renamed, "likes", tested, "me").playlist_tracks.playlist_id) == {"mixed"}  # the same tracks under other ids, known by name
    genres = world.replace(track_genres=pd.DataFrame({"track_id": labelled, "genre": "pop", "source": "x"}))
    assert set(unlabelled(renamed, "genres", genres).playlist_tracks.playlist_id) == {"mixed"}


@pytest.mark.parametrize("lists", [2, 20])
def test_coin_tosses_cannot_be_guessed_from_the_playlists_of_their_file(lists, labelled, capsys):
    rng = np.random.default_rng(3)
    toss = rng.integers(0, 2, 160)
    frame = songs(160).assign(liked=toss, artist=[f"artist {i}" for i in range(160)], playlist_id=[f"list {t}{i % (lists // 2)}" for i, t in enumerate(toss)])
    frame.to_csv("tossed.csv", index=False)
    assert run("evaluate", "likes", "tossed.csv", "--by", "artist", "--folds", 3, "--seeds", 1, "--vectors-from", "none", "--methods", "default", "--json", "rows.json") == 0
    found = {r["metric"]: r["value"] for r in json.loads((labelled / "rows.json").read_text())["rows"]}
    assert .3 < found["auc"] < .7


def test_baselines_that_look_at_the_artist_know_nothing_of_new_ones(world):
    t = with_playlists(world)
    by_track, by_artist = (evaluate("genres", t, by, 3, 1, ["artist_genre", "majority"]).set_index(["method", "metric"]).value for by in ("track", "artist"))
    assert by_track["artist_genre", "accuracy"] > by_track["majority", "accuracy"] and by_track["artist_genre", "accuracy"] > by_artist["artist_genre", "accuracy"] + .1


def test_facts_of_other_collections_fill_gaps_and_replace_nothing(world):
    told = world.replace(artists=world.artists.assign(genres="Slow|fast"), tracks=world.tracks.assign(popularity=40., release_date="1999"))
    bare = world.replace(artists=world.artists.assign(genres=None), tracks=world.tracks.assign(popularity=None, release_date=None), track_genres=None)
    once = transfer_facts(bare, [told.replace(track_genres=None)])
    assert set(once.artists.genres) == {"fast|slow"} and (once.tracks.popularity == 40).all() and (once.tracks.release_date == "1999").all()
    again = transfer_facts(once, [told.replace(tracks=told.tracks.assign(popularity=90., release_date="1950"))])
    assert (again.tracks.popularity == 40).all() and (again.tracks.release_date == "1999").all() and again.artists.genres.str.contains("genre").any()
    nobody = transfer_facts(bare, [Tables(), told.replace(artists=told.artists.assign(name=None))])
    assert nobody.artists.genres.isna().all() and nobody.tracks.popularity.isna().all()
    assert transfer_facts(Tables(), [told]).artists.empty
    odd = told.replace(tracks=told.tracks.assign(popularity=None, release_date="0000"))
    assert transfer_facts(bare, [odd]).tracks[["popularity", "release_date"]].isna().all(axis=None)
