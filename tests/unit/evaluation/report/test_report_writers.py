"""Markdown, HTML, LaTeX and CSV of one small table; what is text stays text."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from seganypet.evaluation.report import html, latex, markdown
from seganypet.evaluation.report.comma_separated import csv_of_table
from seganypet.evaluation.report.document import Document, Picture, Section
from seganypet.evaluation.report.table import Cell, Row, Table, text_cell

NASTY = "5% & _x <b>$y$</b> | \\z {#~^} *[a](b)*"
TABLE = Table(
    name="small_table",
    title="Dice, %",
    heads=("method", "prompt", "liver"),
    rows=(
        Row(
            group="1 point",
            cells=(
                text_cell(NASTY),
                text_cell("1 point"),
                Cell(text="91.2", interval="90.0–92.0", value=91.234, low=90.0, high=92.0, best=True),
            ),
        ),
        Row(group="1 point", cells=(text_cell("B"), text_cell("1 point"), Cell(targets=0, expected=3))),
        Row(
            group="without clicks",
            cells=(text_cell("C"), text_cell("no click"), Cell(text="∞", value=1e9, targets=2, expected=3)),
        ),
    ),
    notes=("n: 3 cases & 50 %.",),
)
DOCUMENT = Document(
    title=f"Report {NASTY}",
    texts=("All < most.",),
    sections=(
        Section(heading="First", tables=(TABLE,)),
        Section(
            heading="Of others",
            foreign=True,
            pictures=(Picture(path="figures/a.png", caption='"Dice" & clicks', png=b"\x89PNG"),),
        ),
    ),
)


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


class TestLatex:
    def test_every_special_character_is_escaped(self):
        assert latex.escaped("5% & _x") == r"5\% \& \_x"
        assert latex.escaped("a\\b{c}$~^#") == (
            r"a\textbackslash{}b\{c\}\$\textasciitilde{}\textasciicircum{}\#"
        )
        assert latex.escaped("−1 to ∞, 2–3") == r"$-$1 to $\infty$, 2--3"

    def test_a_table_has_booktabs_groups_and_one_bold_value(self):
        text = latex.latex_of_table(TABLE)
        assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]
        assert r"\multicolumn{3}{l}{\textit{1 point}} \\" in text
        assert text.count("textit{1 point}") == 1
        assert re.findall(r"\\textbf\{(.*?)\}", text) == ["91.2"]
        assert r"\begin{tabular}{llr}" in text
        assert r"\label{tab:small-table}" in text
        assert r"n: 3 cases \& 50 \%." in text

    def test_every_line_has_as_many_cells_as_heads(self):
        lines = [line for line in latex.latex_of_table(TABLE).splitlines() if line.endswith(r"\\")]
        assert [len(re.findall(r"(?<!\\)&", line)) for line in lines if "multicolumn" not in line] == [2] * 4

    def test_a_line_does_not_begin_with_what_an_option_begins_with(self):
        assert latex.escaped("[a]*") == "{[}a{]}{*}"

    def test_braces_are_closed(self):
        text = re.sub(r"\\[{}]", "", latex.latex_of_table(TABLE))
        assert text.count("{") == text.count("}")


class TestHtml:
    def test_texts_are_escaped_and_come_back_whole(self):
        page = Page(html.html_of_report(DOCUMENT))
        assert not page.open
        assert NASTY in page.texts
        assert page.texts.count(f"Report {NASTY}") == 2  # title and heading
        assert "b" not in [tag for tag, _ in page.tags]

    def test_nothing_is_loaded_and_nothing_runs(self):
        page = Page(html.html_of_report(DOCUMENT))
        assert "script" not in [tag for tag, _ in page.tags]
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        links = [a[key] for _, a in page.tags for key in ("src", "href") if key in a]
        assert links
        assert all(link.startswith(("data:image/png;base64,", "#")) for link in links)
        (policy,) = [a["content"] for tag, a in page.tags if "http-equiv" in a]
        assert policy.startswith("default-src 'none'")

    def test_pictures_are_inside_with_their_caption(self):
        (image,) = [a for tag, a in Page(html.html_of_report(DOCUMENT)).tags if tag == "img"]
        assert image == {"src": "data:image/png;base64,iVBORw==", "alt": '"Dice" & clicks'}

    def test_the_best_is_strong_and_groups_have_a_line(self):
        text = html.html_of_table(TABLE)
        assert re.findall("<strong>(.*?)</strong>", text) == ["91.2"]
        assert "<small>(90.0–92.0)</small>" in text
        assert re.findall(r'<th colspan="3">(.*?)</th>', text) == ["1 point", "without clicks"]

    def test_what_others_measured_looks_different(self):
        assert html.html_of_report(DOCUMENT).count('<section id="s1" class="foreign">') == 1


class TestMarkdown:
    def test_texts_are_escaped(self):
        assert markdown.escaped("a|b *c* _d_ <e> `f`") == r"a\|b \*c\* \_d\_ \<e\> \`f\`"

    def test_every_line_has_as_many_cells_as_heads(self):
        lines = [line for line in markdown.markdown_of_table(TABLE).splitlines() if line.startswith("|")]
        assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines] == [4] * 7

    def test_a_cell_has_its_interval_and_the_best_is_bold(self):
        text = markdown.markdown_of_table(TABLE)
        assert "**91.2** (90.0–92.0)" in text
        assert r"∞\*" in text
        assert "| *1 point* |  |  |" in text

    def test_a_report_links_its_pictures(self):
        text = markdown.markdown_of_report(DOCUMENT)
        assert '!["Dice" \\& clicks](figures/a.png)' in text
        assert text.startswith(r"# Report 5% \& \_x \<b\>\$y\$\</b\>")


class TestCsv:
    def test_numbers_are_whole_and_intervals_have_columns(self):
        lines = list(csv.reader(io.StringIO(csv_of_table(TABLE))))
        assert lines[0] == ["group", "method", "prompt", "liver", "liver low", "liver high", "liver targets"]
        assert lines[1] == ["1 point", NASTY, "1 point", "91.234", "90", "92", "0"]
        assert lines[2][3:] == ["", "", "", "0"]
        assert lines[3][3:] == ["1e+09", "", "", "2"]

    def test_without_groups_there_is_no_column_of_groups(self):
        table = Table(name="t", title="t", heads=("a",), rows=(Row(cells=(text_cell("x"),)),))
        assert csv_of_table(table) == "a\nx\n"


@pytest.mark.parametrize(
    "write", [latex.latex_of_table, html.html_of_table, markdown.markdown_of_table, csv_of_table]
)
def test_a_table_without_rows_can_be_written(write):
    assert "liver" in write(Table(name="t", title="t", heads=("method", "prompt", "liver"), rows=()))


def test_latex_has_signs_that_any_engine_knows():
    assert latex.escaped("1 → 3 … † ∞ ≤ ± – − × Δ µ²").isascii()


def test_tables_fit_a_page():
    text = latex.latex_of_table(TABLE)
    assert r"\begin{adjustbox}{max width=\linewidth, max totalheight=0.8\textheight}" in text
    assert text.index(r"\end{tabular}") < text.index(r"\end{adjustbox}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_long_and_wide_tables_compile_without_overflow(tmp_path):
    long = replace(TABLE, rows=TABLE.rows * 20)
    wide = Table(name="w", title="w", heads=tuple(f"a long head number {n}" for n in range(20)), rows=())
    body = "\\clearpage".join(latex.latex_of_table(table) for table in (TABLE, long, wide))
    packages = r"\usepackage[T1]{fontenc}\usepackage{adjustbox,booktabs}"
    page = rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    if "adjustbox.sty' not found" in done.stdout:
        pytest.skip("this LaTeX has no adjustbox")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "too large" not in done.stdout
    assert "too wide" not in done.stdout
