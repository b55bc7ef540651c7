"""Made-up exports of a listener's history, of any size, from a seed; what they hold of a person is marked."""
import io
import json
import random
import zipfile

PRIVATE = ["203.0.113.", "anna.secret", "SecretAgent/9", "XZ-country", "secret@example.org"]
PER_FILE = 16_000


def _catalogue(rng, n):
    """Tracks as (title, artist, album, uri)."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    names = [f"Artist {i}" for i in range(n // 8 + 1)] + ["Sigur Rós", "BTS", "!!!", "Nina Simone"]
    return [(f"Song {i} – Sæglópur", rng.choice(names), f"Album {i // 10}", "spotify:track:" + "".join(rng.choices(letters, k=22))) for i in range(n)]


def rows(plays, seed=0):
    """Rows of an extended streaming history, as dicts, oldest first."""
    rng = random.Random(seed)
    tracks = _catalogue(rng, max(50, plays // 15))
    common = [min(int(rng.paretovariate(.6)), len(tracks)) - 1 for _ in range(plays)]
    ends = rng.choices(["trackdone", "fwdbtn", "endplay", "logout"], [6, 3, 1, .1], k=plays)
    for i, (place, end) in enumerate(zip(common, ends)):
        title, artist, album, uri = tracks[place]
        day, second = divmod(i * 307, 86_400)
        row = {"ts": f"{2012 + day // 365 % 14}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
               "username": PRIVATE[1], "platform": "Android OS 12 API 31 (Made-Up, Phone)", "ms_played": 4_000 if end == "fwdbtn" else 180_000 + i % 90_000,
               "conn_country": PRIVATE[3], "ip_addr_decrypted": f"{PRIVATE[0]}{i % 250}", "user_agent_decrypted": PRIVATE[2],
               "master_metadata_track_name": title, "master_metadata_album_artist_name": artist, "master_metadata_album_album_name": album, "spotify_track_uri": uri,
               "episode_name": None, "episode_show_name": None, "spotify_episode_uri": None, "reason_start": "clickrow", "reason_end": end,
               "shuffle": i % 3 == 0, "skipped": None if i % 5 else end == "fwdbtn", "offline": False, "offline_timestamp": 0, "incognito_mode": False}
        if i % 40 == 7:
            row |= dict.fromkeys(("master_metadata_track_name", "master_metadata_album_artist_name", "master_metadata_album_album_name", "spotify_track_uri"))
            row |= {"episode_name": "News", "episode_show_name": "Today", "spotify_episode_uri": "spotify:episode:1"}
        yield row


def write_json(file, plays, seed=0):
    """One array of `plays` rows in one file, however large."""
    with open(file, "w", encoding="utf-8") as f:
        for i, row in enumerate(rows(plays, seed)):
            f.write(("[" if i == 0 else ",\n") + json.dumps(row, ensure_ascii=False))
        f.write("]" if plays else "[]")


def write_export(file, plays, seed=0):
    """A ZIP as it comes by mail: arrays of 16,000 rows, beside them what has nothing to do with music."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("Spotify Extended Streaming History/Userdata.json", json.dumps({"email": PRIVATE[4]}))
        buffer, n = io.StringIO(), 0
        for i, row in enumerate(rows(plays, seed), 1):
            buffer.write((",\n" if buffer.tell() else "[") + json.dumps(row, ensure_ascii=False))
            if i % PER_FILE == 0 or i == plays:
                z.writestr(f"Spotify Extended Streaming History/Streaming_History_Audio_{n}.json", buffer.getvalue() + "]")
                buffer, n = io.StringIO(), n + 1
