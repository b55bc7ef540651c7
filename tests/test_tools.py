"""The project's own tools: what is stale, what is wrong on a page, what README.md says."""
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from check_pages import (Site, check_images, check_imports, check_labels, check_links, check_options,
                         check_readme, check_references, check_saved_errors, check_title,
                         check_unused_options)
from compare_outputs import first_difference, same_line
from pages import anchors, slug
from readme import HEAD, Readme, plain_html, plain_markdown
from run_tests import GROUPS, SHARES, group_of

TOP = Path(__file__).resolve().parents[1]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def code(source, *outputs, id="c1"):
    """A code cell."""
    return {"cell_type": "code", "id": id, "metadata": {}, "execution_count": None, "source": source,
            "outputs": list(outputs)}


def markdown(source, id="m1"):
    """A Markdown cell."""
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": source}


def front_matter(text):
    """The first cell of a processed notebook."""
    return {"cell_type": "raw", "id": "r", "metadata": {}, "source": f"---\n{text}\n---\n"}


def shows(**data):
    """An output with these representations; `text_html` stands for `text/html`."""
    return {"output_type": "display_data", "metadata": {},
            "data": {key.replace("_", "/"): value for key, value in data.items()}}


def prints(text, name="stdout"):
    """A stream output."""
    return {"output_type": "stream", "name": name, "text": text}


def whats(faults):
    """What the faults say, as one text to look into."""
    return " | ".join(f"{fault.what}; {fault.fix}" for fault in faults)


# --- compare_outputs


@pytest.mark.parametrize("old, new", [
    ("auc 0.9000", "auc 0.9008"), ("loss 0.000", "loss 1e-9"), ("0.0465", "0.0466"), ("-0.00", "0.00"),
    ("1,234.5 s", "1,234.6 s"), ("a    1.5", "a 1.5"), ("-----", "---"), ("1.2e-05", "1.2001e-05")])
def test_small_changes_pass(old, new):
    assert same_line(old, new)


@pytest.mark.parametrize("old, new", [
    ("auc 0.90", "auc 0.91"), ("5849 rows", "5850 rows"), ("loss 0.5", "loss -0.5"), ("pop", "rock"),
    ("id 5a7", "id 5a8"), ("1.5 2.5", "1.5"), ("nan", "0.5"), ("3.11.2", "3.11.3"), ("1.2e-03", "1.3e-03")])
def test_real_changes_are_seen(old, new):
    assert not same_line(old, new)


def test_trained_cells_may_differ_more():
    assert same_line("auc 0.900", "auc 0.915", trained=True)
    assert same_line("epoch 100", "epoch 101", trained=True)
    assert not same_line("auc 0.900", "auc 0.930", trained=True)


def test_images_need_only_be_there():
    old, new = shows(image_png="AAAA", text_plain="<Figure>"), shows(image_png="BBBB", text_plain="<Figure>")
    assert first_difference([old], [new]) is None
    assert first_difference([old], [])[0] == "kind of output"
    embedded = '<img src="data:image/png;base64,{}"><svg>{}</svg>'
    old, new = shows(text_html=embedded.format("AA", 1)), shows(text_html=embedded.format("BB", "\n2"))
    assert first_difference([old], [new]) is None


def test_stderr_is_left_out_and_prints_are_joined():
    old = [prints("a\nb\n")]
    new = [prints("a\n"), prints("50%|#", "stderr"), prints("b\n")]
    assert first_difference(old, new) is None


def test_difference_names_the_line():
    place, saved, now = first_difference([prints("a\nb\n")], [prints("a\nc\n")])
    assert (place, saved, now) == ("stdout, line 2", "b", "c")


# --- refresh


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small nbdev project with a notebook in a folder."""
    top = tmp_path_factory.mktemp("project")
    shutil.copytree(TOP / "tools", top / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "settings.ini", top)
    write(top, markdown("# A"), code("#| slow\nraise ValueError", prints("kept\n"), id="c0"),
          code("print(1.5)"), code("import sys; print('bar', file=sys.stderr)", id="c2"))
    return top


def write(top, *cells):
    """Write the project's notebook."""
    path = top / "nbs" / "room" / "a.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def saved(top):
    """The outputs saved in the project's notebook."""
    return [cell.get("outputs") for cell in json.loads((top / "nbs/room/a.ipynb").read_text())["cells"]]


def refresh(top, *options):
    """Run the tool; return its exit code and all that it printed."""
    done = subprocess.run([sys.executable, "tools/refresh.py", *options], cwd=top, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_refresh_saves_checks_and_fails(project):
    assert refresh(project, "--check")[0] == 1
    assert refresh(project)[0] == 0
    assert saved(project)[1][0]["text"] in ("kept\n", ["kept\n"])
    assert saved(project)[2][0]["text"] == ["1.5\n"]
    assert saved(project)[3] == []
    before = (project / "nbs/room/a.ipynb").read_bytes()
    assert refresh(project)[0] == 0
    assert (project / "nbs/room/a.ipynb").read_bytes() == before

    write(project, markdown("# A"), code("1 / 0"))
    status, said = refresh(project, "--check")
    assert status == 1 and "ZeroDivisionError" in said and "nbs/room/a.ipynb: FAILED" in said

    write(project, markdown("# A"), code("import time; time.sleep(60)"))
    status, said = refresh(project, "--timeout", "2")
    assert status == 1 and "longer than 2 seconds" in said


# --- check_pages


def test_title_rule():
    good = markdown("# Title\n\n> what it is\n\n- order: 3")
    assert check_title("a", [good]) == []
    assert "0 H1" in whats(check_title("a", [markdown("## Section")]))
    assert "2 H1" in whats(check_title("a", [good, markdown("# Other")]))
    assert "vanish" in whats(check_title("a", [markdown("# Title\n\nSome words")]))
    assert "vanish" in whats(check_title("a", [markdown("# Title\n> one\n> two")]))
    assert "has an id" in whats(check_title("a", [markdown("# Title {#sec-a}")]))
    assert "first Markdown" in whats(check_title("a", [markdown("Words"), good]))
    assert check_title("a", [good, markdown("```sh\n# a comment\n```")]) == []


def test_figures_need_caption_alt_text_and_output():
    full = "#| label: fig-a\n#| fig-cap: Up.\n#| fig-alt: A line.\nplot()"
    assert check_labels("a", [code(full, shows(image_png=PNG))]) == []
    assert "no saved output" in whats(check_labels("a", [code(full)]))
    bare = whats(check_labels("a", [code("#| label: fig-a\nplot()", shows(image_png=PNG))]))
    assert "no fig-cap" in bare and "no fig-alt" in bare
    diagram = "```{{mermaid}}\n%%| label: fig-b\n{}flowchart LR\n```"
    assert "no fig-alt" in whats(check_labels("a", [markdown(diagram.format("%%| fig-cap: Flow.\n"))]))
    assert check_labels("a", [markdown(diagram.format("%%| fig-cap: Flow.\n%%| fig-alt: Boxes.\n"))]) == []


def test_tables_need_caption_and_output():
    assert "no tbl-cap" in whats(check_labels("a", [code("#| label: tbl-a\nx", shows(text_html="<table>"))]))
    assert "no saved output" in whats(check_labels("a", [code("#| label: tbl-a\n#| tbl-cap: T.\nx")]))


def test_options_must_be_yaml_in_one_line():
    faults, good = check_options("a", [code("#| fig-cap: Figure 1: the heat map\nx"), code("#| hide\nx")])
    assert len(faults) == len(good) == 1
    cell = code("#| fig-cap: A caption\n#|   that goes on and on\nx")
    assert "would be lost" in whats(check_unused_options("a", [cell]))
    assert check_unused_options("a", [code("#| export\n#| fig-cap: a b c d e\nx")]) == []


def test_imports_have_their_own_cell():
    export = code("#| export\nimport os\nx = 1")
    assert check_imports("a", [export, code("import sys"), code("#| eval: false\nimport sys\nx = 1")]) == []
    assert "own cell" in whats(check_imports("a", [export, code("#| hide\nimport sys\nx = 1")]))
    assert check_imports("a", [code("import sys\nx = 1")]) == []


def test_saved_errors_and_images_without_alt_text():
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    assert len(check_saved_errors("a", [code("1/0", error)])) == 1
    assert "alt text" in whats(check_images("a", [markdown("![](a.png)")]))
    assert check_images("a", [markdown("![A line](a.png) and `![](code)`")]) == []


def test_references_need_their_label_on_the_page():
    cells = [code("#| label: fig-a\nx"), markdown("$$x$$ {#eq-b}\n\n## Part {#sec-c}\n\n`@fig-code` a@b.fig-x.org")]
    assert check_references("a", [*cells, markdown("@fig-a, [@eq-b] and @sec-c.")]) == []
    assert "@fig-z" in whats(check_references("a", [*cells, markdown("See @fig-z.")]))
    assert "@tbl-z" in whats(check_references("a", [*cells, code("#| fig-cap: As in @tbl-z.\nx")]))


@pytest.mark.parametrize("heading, expected", [
    ("Why it works", "why-it-works"), ("1. The `split` rule!", "the-split-rule"), ("Part {#sec-x}", "part"),
    ("[Link](x) & more", "link-more"), ("12", "section")])
def test_slugs_are_pandocs(heading, expected):
    assert slug(heading) == expected


def test_anchors():
    cells = [markdown("## A b\n\n## A b\n\n```\n## not\n```"),
             code("#| label: tbl-a\nx", shows(text_markdown="### f"))]
    assert anchors(cells) == {"a-b", "a-b-1", "tbl-a", "f"}


@pytest.fixture
def site(tmp_path):
    """Two processed pages, one in a folder, and a picture."""
    pages = {"index.ipynb": [], "00_a.ipynb": [markdown("## Part")], "room/b.ipynb": [code("#| label: fig-b\nx")]}
    for name, cells in pages.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        address = path.stem.removeprefix("00_") + ".html"
        path.write_text(json.dumps({"cells": [front_matter(f"output-file: {address}"), *cells]}))
    (tmp_path / "p.png").touch()
    return Site(tmp_path, "https://host/base")


@pytest.mark.parametrize("target", [
    "00_a.ipynb", "00_a.ipynb#part", "room/b.ipynb#fig-b", "a.html#part", "p.png", "https://elsewhere.org/x",
    "https://host/base", "https://host/base/a.html#part", "https://host/base/room/b.html", "mailto:a@b.org"])
def test_good_links(site, target):
    assert site.missing(target, Path("00_a.ipynb")) is None


@pytest.mark.parametrize("target", [
    "01_a.ipynb", "00_a.ipynb#no", "b.ipynb", "q.png", "#no", "../tests/x.py", "https://host/base/b.html",
    "https://host/base/a.html#no"])
def test_broken_links(site, target):
    assert site.missing(target, Path("00_a.ipynb"))


def test_links_from_home_are_full_addresses(site, tmp_path):
    def faults(text):
        return whats(check_links("nbs/index.ipynb", Path("index.ipynb"), [markdown(text)], site))
    assert "https://host/base/" in faults("[a](00_a.ipynb)")
    assert faults("[a](https://host/base/a.html)") == ""
    readme = tmp_path / "README.md"
    readme.write_text("![p](p.png) [a](https://host/base/a.html) [no](https://host/base/no.html) ![q](q.png)")
    assert [fault.what for fault in check_readme(readme, site)] == [
        "broken link https://host/base/no.html", "broken link q.png"]


# --- readme


def test_markdown_for_github():
    assert plain_markdown("::: {.callout-note}\n## Mind\nthis\n:::\nAfter") == "> **Mind**\n> this\nAfter"
    assert plain_markdown("```{mermaid}\n%%| label: fig-a\nA --> B\n```") == "```mermaid\nA --> B\n```"
    assert plain_markdown("## Part {#sec-a}\n[x](images/x.png)") == "## Part\n[x](nbs/images/x.png)"
    assert plain_markdown("```python\nd = {#no}\n```") == "```python\nd = {#no}\n```"
    assert plain_html('<div><style>a</style>\n<table border="1" class="df"><td>1</td></table>\n</div>') == \
        "<table><td>1</td></table>"


def test_readme_shows_outputs_numbers_and_pictures():
    figure = code("#| echo: false\n#| label: fig-a\n#| fig-cap: Up.\n#| fig-alt: A line.\nplot()",
                  shows(image_png=PNG))
    readme = Readme([front_matter("title: musicrec\ndescription: Music"), markdown("See @fig-a."), figure,
                     code("#| eval: false\nuse()"), code("f()", prints("1\n"))])
    assert readme.text().split("\n\n") == [
        HEAD, "# musicrec", "> Music", "See Figure 1.", "![A line.](nbs/images/readme-1.png)",
        "*Figure 1. Up.*", "```python\nuse()\n```", "```python\nf()\n```", "```\n1\n```\n"]
    assert readme.images["readme-1.png"].startswith(b"\x89PNG")


# --- run_tests


def test_every_group_has_its_share():
    assert set(GROUPS.values()) <= set(SHARES)
    assert group_of("tests.test_collect_spotify.TestX") == "collect"
    assert group_of("tests.test_track_embeddings") == "track embeddings"
    assert group_of("tests.test_layout") == "rest"


# --- find_python


def test_find_python_says_what_to_install(tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho 'shim: no such version' >&2; exit 127\n")
    broken.chmod(0o755)
    script = TOP / "tools" / "find_python.sh"
    found = subprocess.run([script, broken, sys.executable], capture_output=True, text=True)
    assert found.stdout.strip() == sys.executable
    lost = subprocess.run([script, broken, "no-such-python"], capture_output=True, text=True)
    assert lost.returncode == 1 and "shim: no such version" in lost.stderr and "apt-get install" in lost.stderr


def test_ranked_names_may_change_places_but_not_their_number():
    """Near ties change places from machine to machine."""
    from compare_outputs import first_difference
    said = lambda *names: [{"output_type": "stream", "name": "stdout", "text": "\n".join(names)}]
    assert first_difference(said("A 0.9", "B 0.9"), said("B 0.9", "A 0.9"), ranked=True) is None
    assert first_difference(said("A 0.9", "B 0.9"), said("B 0.9", "A 0.9")) is not None
    assert first_difference(said("A", "B"), said("A"), ranked=True) is not None


# Numbers in prose


def typed(text, code="", output="", stored=None, html="", more=()):
    """What check_numbers says of a page with one paragraph and a cell that reads results/quality.json."""
    from check_numbers import check_numbers, rows
    shown = [{"text": output}] * bool(output) + [{"data": {"text/html": html}}] * bool(html)
    cells = [markdown(text), {"cell_type": "code", "id": "b", "source": f"{code}\nread('../results/quality.json')", "outputs": shown}, *more]
    return [fault.what for fault in check_numbers("page", cells, {"quality": rows(stored), "other": rows([{"method": "ours", "auc": .731}])})]


LIKES = {"rows": [{"task": "likes by artist", "method": "default", "metric": "accuracy", "value": .25779, "low": .21449, "high": .30449, "seeds": 5}]}
SAID = "The default's accuracy for likes is"


@pytest.mark.parametrize("text", ["NDCG rises to 0.258.", "It is right in 83 % of cases.", "An accuracy of 83.3%.", "from 0.87 (ours)", "−0.12 points", "1,234.5 rows a second", "- **0.71** here", "| ours | 0.25 |",
                                  '![a curve](x.png){fig-alt="It ends at 0.25."}', '::: {.callout-note title="We reach 0.25"}', "Our AUC is 0.731.", "`a`\n\n| a | 3 |\n|--|--|\n| b | 83 % |"])
def test_a_typed_result_is_seen(text): assert len(typed(text)) == 1


@pytest.mark.parametrize("text", ["> The paper reports 31.51 % here.", "`x = 0.25`", "$p = 0.25$", "[site](https://a.b/0.25)", "Python 3.11–3.13 and nbdev 2.4.14", "Five seeds, 250 passes, figure 5.", "```\n0.25\n```", "A 95 % interval.",
                                  "![a curve](x.png){width=50%}"])
def test_what_is_no_result_of_ours_is_let_be(text): assert typed(text) == []


@pytest.mark.parametrize("text, made", [("Its NDCG is 0.258.", dict(output="ndcg 0.2581")), ("It is 0.258.", dict(output="0.2581")), ("A smoothing of 0.25 works.", dict(code="smoothing=.25")), ("Rows: 1,234.5.", dict(output="1,234.5 rows")),
                                        ("Blend: 25.8 %.", dict(html="<tr><th>blend</th><td>0.2584</td></tr>")), ("Blend: 25.8 %.", dict(output="blend 25.8%")), ("It lost −0.12 points.", dict(output="-0.1234")),
                                        (f"{SAID} 0.258.", dict(stored=LIKES)), (f"{SAID} 25.8 %.", dict(stored=LIKES)), (f"{SAID} within 0.214–0.304.", dict(stored=LIKES)), (f"{SAID} in [0.214, 0.304].", dict(stored=LIKES)),
                                        ("| default | accuracy | likes |\n|--|--|--|\n| 0.3 | 0.26 | 0.258 |", dict(stored=LIKES, code="x = .3")), ("The paper has 31.51 %.", dict(stored={"table": [{"task": "artists", "paper": .3151}]}))])
def test_a_number_that_something_made_is_let_be(text, made): assert typed(text, **made) == []


@pytest.mark.parametrize("text, made", [("Its NDCG is 0.258.", dict(output="ndcg 0.2574")), ("Its NDCG is 0.258.", dict(output="ndcg 0.2586")), ("Its NDCG is 0.258.", dict(output="ndcg 25.8")), ("Its NDCG is 0.250.", dict(output="ndcg 0.25")),
                                        ("Its NDCG is 0.258.", dict(output="auc 0.258")), ("Its AUC is 0.258.", dict(html="<tr><th>auc</th><td>0.3</td></tr><tr><th>ndcg</th><td>0.258</td></tr>")), ("It has 83 %.", dict(output="83")),
                                        ("A smoothing of 0.25.", dict(code="# 0.25")), ("It is 0.258.", dict(code="x = .2581")), ("A share of 5 %.", dict(code="seeds = 5")), ("It is 0.25.", dict(code="say('it is 0.25')")), ("Blend 0.8.", dict(output="blend 0.9 [0.8, 1.1]")),
                                        ("It is 0.258.", dict(stored=LIKES)), ("The default's accuracy is 0.258.", dict(stored=LIKES)), (f"{SAID} 0.257.", dict(stored=LIKES)), (f"{SAID} 0.214.", dict(stored=LIKES)),
                                        ("Its ROC has 0.25.", dict(stored={"roc": [.25] * 21})), ("Its ROC has 0.25.", dict(stored={"roc": [[.25, .5, 7]] * 7})), ("Ours has 31.51 %.", dict(stored={"table": [{"task": "artists", "paper": .3151}]}))])
def test_a_number_of_something_else_does_not_do(text, made): assert len(typed(text, **made)) == 1


def test_a_result_is_printed_between_the_same_headings():
    printed = lambda *cells: typed("## One\n\nAUC: 0.731.", more=[*cells, code("", {"text": "auc 0.731"})])
    assert printed() == [] and printed(markdown("It goes on.")) == [] and len(printed(markdown("## Two"))) == 1


@pytest.mark.parametrize("option", ["fig-cap", "tbl-cap", "fig-alt"])
def test_a_result_typed_into_a_caption_is_seen(option):
    """A caption makes no number itself."""
    assert len(typed("", code=f'#| {option}: "Ours has 0.731."')) == 1 and len(typed("Ours has 0.731.", code=f'#| {option}: "Ours has 0.731."')) == 2
    assert typed("", code=f'#| {option}: "AUC is 0.731."', output="auc 0.731") == [] and typed("", code=f'#| {option}: "{SAID} 0.258."', stored=LIKES) == []


def test_results_are_read_from_every_file(tmp_path):
    from check_numbers import results
    (tmp_path / "a.json").write_text('{"made_by": "x", "rows": [{"method": "ours", "value": -0.5, "n": [3, null, true, "7", 3.5], "low": 0.125}]}')
    (tmp_path / "b.json").write_text(json.dumps({"x": {"y": .25, "curve": [.1] * 21}}))
    assert {name: [(known.value, known.end, known.fields) for known in found] for name, found in results(tmp_path).items()} == {
        "a": [(.5, False, ("ours",)), (3.5, False, ("ours", "n")), (.125, True, ("ours", "low"))], "b": [(.25, False, ("x", "y"))]}


def test_few_random_numbers_pass_on_our_pages(top):
    """Of eight hundred on each page that reads results; when this was written 0 to 7 in a hundred passed, before rows had to be named 99."""
    from check_numbers import check_numbers, read_by, read_cells, results
    stored, passed, draw = results(Path(top) / "results"), {}, random.Random(0)
    if not stored: pytest.skip("no results/")
    for path in sorted((Path(top) / "nbs").rglob("*.ipynb")):
        cells, typed_in = read_cells(path), [f"{n / 1000:.3f}" for n in draw.sample(range(1000), 800)]
        said = [cell for cell in cells if cell["cell_type"] == "markdown" and re.match(r"\w", "".join(cell["source"]).strip().splitlines()[-1])]
        if not said or not any(known.fields[-1:] != ("paper",) for known in read_by(cells, stored)): continue
        for number in typed_in:
            cell = draw.choice(said)
            cell["source"] = "".join(cell["source"]).rstrip() + f" It is {number}."
        passed[path.name] = 1 - len({*typed_in} & {fault.what.split()[2] for fault in check_numbers(path.name, cells, stored)}) / 800
    assert max(passed.values()) < 1 / 10 and sum(passed.values()) / len(passed) < 1 / 20


def test_no_result_is_typed_into_our_own_prose(top):
    from check_numbers import check_tree
    assert [str(fault) for fault in check_tree(Path(top))] == []
