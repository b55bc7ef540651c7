"""Matching across sources: the names that other programs get wrong, and what must never be matched."""
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicrec.matching import NEAR, by_name, link, read_overrides, recordings, unify
from musicrec.sources.library import Library
from musicrec.sources.rows import name_track_ids, track_tables
from musicrec.tables import AUDIO, InputError, Tables


def artists(**names):
    """Artists by id, `spotify_1` meaning `spotify:artist:1`."""
    ids = [f"{k.split('_')[0]}:artist:{k.split('_')[1]}" for k in names]
    return Tables(artists=pd.DataFrame({"artist_id": ids, "name": list(names.values())}))


def found(t, overrides=None):
    """Matches as a dict, and the ids that are ambiguous."""
    links = link(t, overrides)
    return links.dropna(subset=["to_id"]).set_index("from_id").to_id.to_dict(), set(links.from_id[links.ambiguous])


def songs(namespace, *rows, source="x"):
    """Tracks as (key, title, artist id, artist, seconds, isrc)."""
    frame = pd.DataFrame([{"track_id": f"{namespace}:track:{k}", "title": title, "artists": [artist], "artist_ids": [artist_id], "duration_ms": s and s * 1000, "isrc": isrc}
                          for k, title, artist_id, artist, s, isrc in rows])
    return Tables(**track_tables(frame, source))


@pytest.mark.parametrize("known, written", [("Nina Simone", "NINA SIMONE"), ("Sigur Rós", "Sigur Ros"), ("BTS", "bts"), ("!!!", "!!!"), ("Beyoncé", "Beyonce"), ("Earth, Wind & Fire", "Earth Wind and Fire"), ("방탄소년단", "방탄소년단")])
def test_spellings_of_one_name_are_one_artist(known, written):
    to, ambiguous = found(artists(spotify_1=known, name_x=written))
    assert to == {"name:artist:x": "spotify:artist:1"} and not ambiguous


@pytest.mark.parametrize("one, other", [("Nina Simone", "Nina Simon"), ("Ye", "Kanye West"), ("!!!", "???"), ("BTS", "BTOB"), ("Nina Simone", "Nina Simone & Hot Chip"), ("The Beatles", "Beatles Tribute"), ("방탄소년단", "BTS")])
def test_other_names_are_other_artists(one, other):
    assert found(artists(spotify_1=one, name_x=other)) == ({}, set())


def test_homonyms_are_left_alone_unless_an_isrc_tells_them_apart():
    two = artists(spotify_1="BTS", spotify_2="BTS", deezer_7="BTS", name_bts="BTS")
    assert found(two) == ({}, {"deezer:artist:7", "name:artist:bts"})
    t = Tables.union([two, songs("spotify", ("a", "Ghost", "spotify:artist:2", "BTS", 200, "KR1")), songs("deezer", ("b", "Ghost!", "deezer:artist:7", "BTS", 230, "KR1"))])
    to, ambiguous = found(t)
    assert to["deezer:artist:7"] == "spotify:artist:2" and to["deezer:track:b"] == "spotify:track:a" and ambiguous == {"name:artist:bts"}


def test_two_ids_of_one_service_never_become_one():
    assert found(artists(spotify_1="Nirvana", spotify_2="Nirvana")) == ({}, set())


def test_renamed_artist_needs_two_recordings():
    spotify = songs("spotify", ("a", "Runaway", "spotify:artist:1", "Ye", 547, "I1"), ("b", "Power", "spotify:artist:1", "Ye", 292, "I2"))
    once = Tables.union([spotify, songs("deezer", ("c", "Runaway", "deezer:artist:9", "Kanye West", 547, "I1"))])
    assert "deezer:artist:9" not in found(once)[0]
    twice = Tables.union([once, songs("deezer", ("d", "POWER", "deezer:artist:9", "Kanye West", 292, "I2"))])
    assert found(twice)[0]["deezer:artist:9"] == "spotify:artist:1"


@pytest.mark.parametrize("seconds, same", [(268, True), (271, True), (265, True), (272, False), (264, False), (None, True)])
def test_durations_within_three_seconds(seconds, same):
    t = Tables.union([songs("spotify", ("a", "Hoppípolla", "spotify:artist:1", "Sigur Rós", 268, None)), songs("file", ("b", "Hoppipolla - 2015 Remaster", None, "Sigur Ros", seconds, None))])
    links = link(t).set_index("from_id")
    assert ("file:track:b" in links.index) == same
    if same:
        assert links.method["file:track:b"] == ("name" if seconds else "name alone") and links.confidence["file:track:b"] == (.9 if seconds else .7)


def test_overrides_join_and_forbid(tmp_path):
    t = artists(spotify_1="Ye", name_kanye="Kanye West", spotify_2="Nina Simone", file_3="Nina Simone")
    file = tmp_path / "overrides.csv"
    file.write_text("from,to,note\nKanye West,Ye,since 2021\nfile:artist:3,,another singer\n", encoding="utf-8-sig")
    to, _ = found(t, read_overrides(file, t))
    assert to == {"name:artist:kanye": "spotify:artist:1"}
    one = unify(t, link(t, read_overrides(file, t)))
    assert sorted(one.artists.artist_id) == ["file:artist:3", "spotify:artist:1", "spotify:artist:2"]


@pytest.mark.parametrize("text, complaint", [("a,b\n1,2\n", "from,to"), ("from,to\n,Ye\n", "row 1"), ("from,to\nA,B\nB,A\n", "circle")])
def test_odd_overrides_are_typed_errors(tmp_path, text, complaint):
    t = artists(spotify_1="A", spotify_2="B")
    (tmp_path / "overrides.csv").write_text(text)
    with pytest.raises(InputError, match=complaint): unify(t, link(t, read_overrides(tmp_path / "overrides.csv", t)))


def test_a_library_keeps_method_and_confidence(tmp_path):
    rows = pd.DataFrame({"title": ["Sinnerman"], "artists": [["Nina Simone"]]})
    rows["track_id"] = name_track_ids(rows.artists.str[0], rows.title)
    with Library(tmp_path / "home") as library:
        library.add([Tables(**track_tables(rows, "spotify_export"))])
        library.add([songs("spotify", ("a", "Sinnerman", "spotify:artist:1", "Nina Simone", 621, None), source="tidytuesday")])
        library.match()
        kept = library.stored().id_map.set_index("from_id")
        assert kept.method.to_dict() == {"name:artist:nina simone": "name", "name:track:nina simone - sinnerman": "name alone"} and (kept.confidence > .5).all()
        assert library.tables().validate().tracks.track_id.tolist() == ["spotify:track:a"]


NAMES = st.sampled_from(["BTS", "bts", "Sigur Rós", "Sigur Ros", "!!!", "Ye", "Kanye West"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["spotify", "deezer", "name", "file"]), st.integers(0, 5), NAMES, NAMES, st.sampled_from([None, 100, 200]), st.sampled_from([None, "I1", "I2"])), min_size=1, max_size=8, unique_by=lambda r: r[:2]))
def test_unify_is_valid_loses_nobody_and_changes_nothing_twice(rows):
    t = Tables.union([songs(ns, (k, title, f"{ns}:artist:{k}", artist, s, isrc)) for ns, k, title, artist, s, isrc in rows])
    one = unify(t).validate()
    assert set(one.tracks.track_id) <= set(t.tracks.track_id) and set(one.track_artists.track_id) == set(one.tracks.track_id)
    spotify = {a for a in t.artists.artist_id if a.startswith("spotify")}
    assert spotify <= set(one.artists.artist_id)
    assert repr(unify(one)) == repr(one)


def test_collections_agree_on_artists_by_name_and_the_nameless_keep_their_ids():
    t = Tables(artists=pd.DataFrame({"artist_id": ["x:artist:1", "x:artist:2", "x:artist:3"], "name": ["Sigur Rós", "sigur ros", None], "source": "x"}),
               tracks=pd.DataFrame({"track_id": ["t"], "title": ["Song"], "source": "x"}),
               track_artists=pd.DataFrame({"track_id": "t", "artist_id": ["x:artist:1", "x:artist:2", "x:artist:3"], "position": [0, 1, 2]}),
               similar_artists=pd.DataFrame({"artist_id": ["x:artist:3"], "similar_id": ["x:artist:2"], "source": "x"}))
    t = t.replace(id_map=None, listener_artists=pd.DataFrame({"listener_id": "me", "artist_id": ["x:artist:1", "x:artist:2"], "weight": [1., 90.], "source": "x"}))
    named = by_name(t)
    assert named.listener_artists.weight.tolist() == [91]
    twin = t.replace(tracks=t.tracks.assign(track_id="x:artist:1"), track_artists=t.track_artists.assign(track_id="x:artist:1"))  # whatever a track's id looks like
    assert by_name(twin).tracks.track_id.tolist() == ["x:artist:1"] == by_name(twin).track_artists.track_id.unique().tolist()
    assert named.artists.artist_id.tolist() == ["sigur ros", "x:artist:3"] == named.track_artists.artist_id.tolist()
    assert named.similar_artists[["artist_id", "similar_id"]].to_numpy().tolist() == [["x:artist:3", "sigur ros"]]
    assert named.tracks.equals(t.tracks) and t.artists.artist_id[0] == "x:artist:1"


def test_crowds_of_near_tracks_take_little_memory():
    n, rng = 20_000, np.random.default_rng(0)
    x = pd.DataFrame({c: .5 + NEAR[c] * rng.uniform(0, .9, n) for c in AUDIO}).assign(track_id=[f"x:track:{i}" for i in range(n)], source="x")
    t = Tables(tracks=x[["track_id"]].assign(title="Rain"), audio_features=x)
    tracemalloc.start()
    assert recordings(t).nunique() == 1
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()


@pytest.mark.parametrize("width", [.5, 2, 3, 6, 30])
def test_groups_in_a_crowd_are_those_of_all_pairs(monkeypatch, width):
    n, rng = 1500, np.random.default_rng(1)
    x = pd.DataFrame({c: .5 + NEAR[c] * rng.uniform(0, width, n) for c in AUDIO}).assign(track_id=[f"x:track:{i}" for i in range(n)], source="x")
    t = Tables(tracks=x[["track_id"]].assign(title=[f"Rain {i % 4}" for i in range(n)]), audio_features=x)
    alone = recordings(t)
    monkeypatch.setattr("musicrec.matching.CROWD", 0)
    assert recordings(t.replace(tracks=t.tracks.copy())).equals(alone)
