"""Files of every kind, damaged at random: each gives valid tables or a typed error, soon and in little memory.

    python tests/mutate.py                 100,000 of them, in two processes
    python tests/mutate.py --runs 500      fewer
"""
import argparse
import io
import json
import multiprocessing
import random
import resource
import struct
import sys
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from musicrec.sources.files import blob_of, unpacked
from musicrec.sources.readers import read_unit, unit_of
from musicrec.tables import AUDIO, MusicrecError, Tables

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import made_up  # noqa: E402

SECONDS, MEBIBYTES = 1, 512
URI = "spotify:track:6eTGxxQxiTFE6LfZHC33Wm"
EVIL = [None, True, -1, 0, 1e400, float("nan"), 10**30, "", " ", "undefined", "\0", "\ufeff", "\u202e", "a" * 5_000, "=1+1", "spotify:local:a:b:c:1", URI, [], {}, [[]], {"a": {}},
        "2026-13-45", "9999-12-31T23:59:59Z", -10**12, "🎵", "\ud83c", "NaN", "inf", "0x10", "1e999", "../../x", "<!ENTITY a 'b'>", "&a;", "',\"", ";;;;", "\t\t"]


def packed(members):
    """A ZIP."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return file.getvalue()


def documents():
    """JSON of every kind, as Python values."""
    song = {"artist": "Sigur Rós", "album": "Takk...", "track": "Hoppípolla", "uri": URI}
    item = {"track": {"trackName": "Hoppípolla", "artistName": "Sigur Rós", "albumName": "Takk...", "trackUri": URI}, "episode": None, "localTrack": None, "addedDate": "2025-12-24"}
    mpd = {"pos": 0, "artist_name": "BTS", "track_uri": URI, "artist_uri": "spotify:artist:3Nrfpe0tUJi4K4DXYWgMUX", "track_name": "Ghost", "album_uri": "spotify:album:2lATw9ZAVp7ILQcOKPCPqp", "duration_ms": 1, "album_name": "G"}
    mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
    meta = {"artist_name": "!!!", "track_name": "One Girl / One Boy", "release_name": "Thr!!!er", "additional_info": {"isrc": "USUG12103683", "recording_mbid": mbid, "artist_mbids": [mbid], "duration_ms": 1_000, "spotify_id": None},
            "mbid_mapping": {"recording_mbid": mbid, "artist_mbids": [mbid], "artists": [{"artist_mbid": mbid, "artist_credit_name": "!!!", "join_phrase": ""}]}}
    listen = {"listened_at": 1_784_536_469, "recording_msid": mbid, "user_name": "anna", "track_metadata": meta}
    return {
        "extended": list(made_up.rows(6)),
        "account": [{"endTime": "2026-03-01 18:04", "artistName": "Nina Simone", "trackName": "Sinnerman", "msPlayed": 621_000}] * 3,
        "playlists": {"playlists": [{"name": "Winter", "lastModifiedDate": "2026-02-01", "description": None, "numberOfFollowers": 0, "items": [item, {"track": None}]}]},
        "library": {"tracks": [song], "albums": [], "artists": [], "bannedTracks": [song | {"uri": URI[:-1] + "n"}], "shows": []},
        "mpd": {"info": {"slice": "0-999"}, "playlists": [{"name": "w", "collaborative": "false", "pid": 0, "modified_at": 1_493_424_000, "num_tracks": 1, "tracks": [mpd, mpd | {"pos": 1}]}]},
        "jspf": {"playlist": {"title": "Winter", "creator": "musicrec", "track": [{"title": "Ghost", "creator": "BTS", "identifier": [URI], "duration": 1_000, "annotation": "x"}]}},
        "listenbrainz": [listen, listen | {"listened_at": 1_784_536_999}],
        "payload": {"payload": {"count": 1, "user_id": "anna", "listens": [listen]}},
        "feedback": [{"recording_mbid": mbid, "score": 1, "track_metadata": meta}, {"recording_mbid": mbid[::-1], "score": -1}],
    }


def texts():
    """Files that are not JSON."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"track_id": [f"{i:022}" for i in range(8)], "track_name": [f"Song {i}" for i in range(8)], "artists": ["BTS;Halsey", "!!!"] * 4, "track_genre": ["pop", "rock"] * 4, "liked": [0, 1] * 4}
                         | {c: rng.random(8).round(3) for c in AUDIO} | {"tempo": 120., "key": "C#", "mode": "Major"})
    exportify = "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Added By,Added At," + ",".join(c.title() for c in AUDIO)
    graph = '<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="d0" for="node" attr.name="name" attr.type="string"/><graph edgedefault="directed">' \
            '<node id="a"><data key="d0">BTS</data></node><node id="b"><data key="d0">!!!</data></node><edge source="a" target="b"/></graph></graphml>'
    xspf = '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><title>W</title><trackList><track><title>Ghost</title><creator>BTS</creator><duration>1000</duration></track></trackList></playlist>'
    return {
        "features": frame.to_csv(index=False), "exportify": f"{exportify}\n{URI},Hoppípolla,Takk...,Sigur Rós,2005,268000,anna,2025-12-24T10:00:00Z," + ",".join(["0.5"] * 4 + ["-5", "0.1", "120", "0.5"]),
        "edges": "artist_id1;artist_id2\n3TVXtAsR1Inumwj472S9r4;0c173mlxpT3dSFRgMO8XPh\n3TVXtAsR1Inumwj472S9r4;6l3HvQ5sa6mXTsMTB19rO5\n", "scores": "id_i,id_j,S_ij\n1,2,0.5\n2,1,0.5\n1,1,1\n",
        "links": "genre;artist_id\npop;3TVXtAsR1Inumwj472S9r4\n", "names": "artist_id;artist_name;popularity\n3TVXtAsR1Inumwj472S9r4;Drake;99.0\n",
        "listeners": "userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t52\t11690\r\n", "artists": "id\tname\turl\tpictureURL\r\n51\tDuran Duran\thttp://a\thttp://b\r\n",
        "tags": "tagID\ttagValue\r\n1\tmetal\r\n", "taggings": "userID\tartistID\ttagID\tday\tmonth\tyear\r\n2\t52\t1\t1\t4\t2009\r\n",
        "graph": graph, "xspf": xspf, "m3u": "#EXTM3U\n#PLAYLIST:W\n#EXTINF:376,Sigur Rós - Glósóli\na.mp3\nhttps://open.spotify.com/track/6eTGxxQxiTFE6LfZHC33Wm\n", "table": "Title,Artist\nGhost,BTS\n",
    }, frame.to_parquet()


def place(value, rng):
    """A random container in a JSON value, and a key in it."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        if not isinstance(value[key], (dict, list)) or not value[key] or rng.random() < .3:
            return value, key
        value = value[key]


def damage_json(document, rng):
    """A value replaced, removed, doubled or moved."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        if not document:
            break
        at, key = place(document, rng)
        what = rng.random()
        if what < .6: at[key] = rng.choice(EVIL)
        elif what < .75: del at[key]
        elif what < .85 and isinstance(at, list): at += [at[key]] * rng.choice([1, 3, 50])
        else: at[key] = [at[key]]
    return json.dumps(document, ensure_ascii=rng.random() < .5).encode("utf-8", "surrogatepass")


def damage_cells(text, rng):
    """Cells and lines replaced, removed, doubled or swapped."""
    sep = max(",;\t\n", key=text.count)
    cells = text.split(sep)
    for _ in range(rng.randint(1, 4)):
        i, j = rng.randrange(len(cells)), rng.randrange(len(cells))
        what = rng.random()
        if what < .5: cells[i] = str(rng.choice(EVIL))
        elif what < .65: cells[i], cells[j] = cells[j], cells[i]
        elif what < .8: cells.insert(j, cells[i])
        elif len(cells) > 1: del cells[i]
    return sep.join(cells).encode("utf-8", "surrogatepass")


def damage_bytes(data, rng):
    """Bytes flipped, cut, doubled, inserted."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 40])):
        if not data:
            break
        i, j = sorted((rng.randrange(len(data)), rng.randrange(len(data))))
        what = rng.random()
        if what < .4: data[i] = rng.randrange(256)
        elif what < .55: del data[i:min(j, i + 60)]
        elif what < .7: data[i:i] = data[i:min(j, i + 60)] * rng.randint(1, 3)
        elif what < .8: del data[i:]
        else: data[i:i] = rng.choice([b"\xff\xfe", b'"', b"\n", b"\0", b"[" * 2_000, b"{" * 200, b"1" * 5_000, b"\xef\xbb\xbf", b"]", struct.pack("<I", rng.getrandbits(32))])
    return bytes(data)


def cases():
    """What is damaged: for each kind a function of a random generator that gives bytes."""
    plain, parquet = texts()
    found = {}
    for name, document in documents().items():
        found[f"{name}.json"] = lambda rng, d=document: damage_json(d, rng) if rng.random() < .7 else damage_bytes(json.dumps(d).encode(), rng)
    for name, text in plain.items():
        found[name] = lambda rng, t=text: damage_cells(t, rng) if rng.random() < .6 else damage_bytes(t.encode(), rng)
    found["parquet"] = lambda rng: damage_bytes(parquet, rng)
    names = ["a.json", "Wiedergabe/Verlauf.json", "../../a", "C:\\a", "a/../../b", "\u202ea", "", "a" * 300]
    inside = [json.dumps(d).encode() for d in documents().values()] + [t.encode() for t in plain.values()]

    def archive(rng):
        members = {rng.choice(names) or "x": rng.choice(inside) for _ in range(rng.randint(1, 3))}
        data = packed(members)
        if rng.random() < .2: data = packed({"again.zip": data})
        return damage_bytes(data, rng) if rng.random() < .7 else data
    found["zip"] = found["zip 2"] = archive
    found["bomb"] = lambda rng: packed({"a.json": bytes(rng.choice([1 << 20, 1 << 24, 1 << 26])) if rng.random() < .02 else b"[" * (1 << 16)})
    return found


def read(data, name="file"):
    """Everything that an import does with a file's bytes, but for storing it."""
    unit = unit_of(unpacked(blob_of(data, name)), name)
    return Tables.union(read_unit(unit)).validate()


def peak():
    """The most memory that this process held, in MiB; what its parent held before does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(seed, runs):
    """Read `runs` damaged files; outcomes by kind, complaints, and the peak of memory in MiB."""
    rng, kinds, outcomes, wrong = random.Random(seed), cases(), Counter(), []
    names = list(kinds)
    warnings.simplefilter("ignore")
    for i in range(runs):
        name = names[(seed + i) % len(names)]
        data = kinds[name](rng)
        start = time.process_time()
        try:
            outcomes["tables" if read(data, name).frames() else "nothing"] += 1
        except MusicrecError as e:
            outcomes["typed error"] += 1
            if not str(e): wrong.append((name, i, "an error that says nothing"))
        except Exception as e:  # what this is all about
            outcomes["untyped"] += 1
            wrong.append((name, i, f"{type(e).__name__}: {str(e)[:200]}", data[:3_000]))
        if (took := time.process_time() - start) > SECONDS: wrong.append((name, i, f"took {took:.1f} s", data[:300]))
    memory = peak()
    if memory > MEBIBYTES: wrong.append(("all", runs, f"took {memory:.0f} MiB", b""))
    return outcomes, wrong, memory


def run_all(runs, seed=0, processes=2):
    """`run` in several processes."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        parts = pool.starmap(run, [(seed + 1_000_003 * p, runs // processes) for p in range(processes)])
    return sum((p[0] for p in parts), Counter()), [w for p in parts for w in p[1]], max(p[2] for p in parts)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    began = time.monotonic()
    outcomes, wrong, memory = run_all(asked.runs, asked.seed)
    for w in wrong[:20]: print("WRONG", w)
    print(json.dumps({"runs": asked.runs, "outcomes": dict(outcomes), "wrong": len(wrong), "peak_MiB": round(memory), "seconds": round(time.monotonic() - began)}))
    raise SystemExit(bool(wrong))
