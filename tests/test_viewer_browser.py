"""The review widget in a real JupyterLab, and in Notebook 7, as a reviewer uses it: by mouse and by keys, in Chromium."""

import http.server
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from instructions.judgements import Judgement, load_judgements
from tests import needs
from tests.conftest import ROOT, jsonl, record, run_script

REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
if not REQUIRED:
    needs.package("playwright", "dev")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser import (
    CHROMIUM,
    HOW_TO_INSTALL,
    TIMEOUT,
    TOKEN,
    chromium,
    jupyter,
    run_all_cells,
    write_notebook,
)

pytestmark = pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason=HOW_TO_INSTALL)

SCREENSHOTS = ROOT / "screenshots"
IDS = [f"quay.stackexchange.com/a/{number}" for number in range(1, 10)]
POST = r"""As @bob said in [this answer](https://example.org/a), the tension is $T=\frac{W}{2\sin\theta}$:

$$\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}$$

| rope | load |
|:-----|-----:|
| hemp | 10.4 kN |
| nylon | ~~28~~ 30 kN |

```python
def tension(weight, angle):
    return weight / 2  # costs $5 and $6
```

>! The answer is **42**.

Press <kbd>Ctrl</kbd>, drink H<sub>2</sub>O.
"""


class Tracker(http.server.ThreadingHTTPServer):
    """A server that nobody should ask for anything, and that counts who does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        server: "Tracker"

        def do_GET(self) -> None:
            self.server.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/svg+xml")
            self.end_headers()
            self.wfile.write(b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass


class Reviewer:
    """A person at the widget: clicks, types, and reads."""

    def __init__(self, page: Page, folder: Path):
        self.page, self.folder = page, folder
        self.widget = page.locator(".review").first

    def part(self, name: str) -> Locator:
        return self.widget.locator(f".review-{name}")

    def click(self, label: str) -> None:
        self.widget.get_by_role("button", name=label).click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def sees(self, part: str, text: str | re.Pattern[str]) -> None:
        expect(self.part(part)).to_contain_text(text)

    def sees_record(self, number: int) -> None:
        self.sees("progress", f"no. {number} of ")
        self.sees("answer", f"Answer {number}")

    def saved(self, word: str, number: int) -> dict[str, Judgement]:
        """What is in the file once the widget says that it is saved."""
        self.sees("status", f"saved {word} · {IDS[number - 1]}")
        return self.file()

    def file(self) -> dict[str, Judgement]:
        path = self.folder / "judgements.yaml"
        return load_judgements(path) if path.exists() else {}

    def focus(self) -> None:
        """Put the focus into the widget, as a click on the text does."""
        self.part("about").click(position={"x": 2, "y": 5})
        expect(self.widget).to_be_focused()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("jupyter")


@pytest.fixture(scope="module")
def server(root) -> Iterator[str]:
    with jupyter(root) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as browser:
        yield browser.new_context(viewport={"width": 1500, "height": 950})  # one, so that JupyterLab's files are cached


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    expect.set_options(timeout=TIMEOUT)
    yield page
    page.close()


@pytest.fixture
def folder(root, request) -> Path:
    path = root / re.sub(r"\W+", "_", request.node.name)
    path.mkdir()
    return path


def opened(page: Page, server: str, root: Path, notebook: Path, app: str = "lab", keys: bool = True) -> Reviewer:
    place = notebook.relative_to(root)
    view = f"lab/workspaces/{place.parent}/tree" if app == "lab" else app  # a workspace without the tabs of other tests
    page.goto(f"{server}/{view}/{place}?token={TOKEN}")
    run_all_cells(page)
    reviewer = Reviewer(page, notebook.parent)
    if keys:  # which are there as soon as keyboard.js is
        expect(reviewer.widget).to_have_attribute("data-lm-suppress-shortcuts", "true")
    return reviewer


@pytest.fixture
def lab(page, server, root, folder):
    """Open a viewer of some records, in a notebook of its own, in JupyterLab or another app."""

    def open_records(*records: dict, **options) -> Reviewer:
        (folder / "data.jsonl").write_bytes(jsonl(*records or (record(n, question=n) for n in range(1, 10))))
        write_notebook(
            folder / "review.ipynb",
            "import os\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))",
            'from viewer import Viewer\nViewer("data.jsonl", "judgements.yaml")',
        )
        return opened(page, server, root, folder / "review.ipynb", **options)

    return open_records


# ---- judging -----------------------------------------------------------------------------------------------------------


def test_by_mouse(lab):
    reviewer = lab()
    reviewer.sees_record(1)
    reviewer.click("Accept")
    assert reviewer.saved("accept", 1) == {IDS[0]: Judgement(True)}
    reviewer.sees_record(2)

    reviewer.widget.get_by_role("button", name="4", exact=True).click()
    reviewer.widget.get_by_role("button", name="6", exact=True).click()
    reviewer.part("note").locator("input").fill("links: to a blog")
    reviewer.click("Reject")
    assert reviewer.saved("reject 4, 6: links: to a blog", 2)[IDS[1]] == Judgement(False, (4, 6), "links: to a blog")
    reviewer.sees_record(3)
    expect(reviewer.part("note").locator("input")).to_have_value("")

    reviewer.click("Undo")
    reviewer.sees("status", f"taken back {IDS[1]}")
    assert reviewer.file() == {IDS[0]: Judgement(True)}
    reviewer.sees_record(2)

    reviewer.part("goto").locator("input").fill(IDS[6])
    reviewer.part("goto").locator("input").press("Enter")
    reviewer.sees_record(7)
    reviewer.click("Skip")
    reviewer.sees_record(8)
    reviewer.click("Previous")
    reviewer.sees_record(7)
    reviewer.part("show").locator("select").select_option("show: accepted")
    reviewer.sees_record(1)
    assert reviewer.file() == {IDS[0]: Judgement(True)}


def test_by_keys(lab):
    reviewer = lab()
    reviewer.focus()
    reviewer.press("a")
    assert reviewer.saved("accept", 1) == {IDS[0]: Judgement(True)}
    reviewer.sees_record(2)

    reviewer.press("4", "6", "c")
    reviewer.page.keyboard.type("a note: (r)ejected, 1 2 3")
    assert reviewer.file() == {IDS[0]: Judgement(True)}
    reviewer.press("Enter", "r")
    note = "a note: (r)ejected, 1 2 3"
    assert reviewer.saved(f"reject 4, 6: {note}", 2)[IDS[1]] == Judgement(False, (4, 6), note)
    reviewer.sees_record(3)

    reviewer.press("z")
    reviewer.sees("status", f"taken back {IDS[1]}")
    assert reviewer.file() == {IDS[0]: Judgement(True)}

    reviewer.press("g")
    reviewer.page.keyboard.type("7")
    reviewer.press("Enter")
    reviewer.sees_record(7)
    reviewer.press("ArrowRight")
    reviewer.sees_record(8)
    reviewer.press("p")
    reviewer.sees_record(7)
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(2)
    reviewer.press("/")
    reviewer.page.keyboard.type("tied 9 times")
    reviewer.press("Enter")
    reviewer.sees_record(9)
    reviewer.press("a")
    assert set(reviewer.saved("accept", 9)) == {IDS[0], IDS[8]}


def test_a_double_click_judges_one_record(lab):
    reviewer = lab()
    reviewer.widget.get_by_role("button", name="Accept").dblclick()
    reviewer.saved("accept", 1)
    reviewer.sees_record(2)
    reviewer.click("Next →")
    reviewer.sees_record(3)
    assert reviewer.file() == {IDS[0]: Judgement(True)}


def test_keys_are_the_viewer_s_while_it_has_the_focus_and_jupyterlab_s_otherwise(lab):
    reviewer = lab()
    cells = reviewer.page.locator(".jp-Notebook .jp-Cell")
    expect(cells).to_have_count(2)
    reviewer.focus()
    reviewer.press("b", "x", "y", "v", "Shift+M", "n")  # of these only n is the viewer's
    reviewer.sees_record(2)
    expect(cells).to_have_count(2)
    reviewer.press("Escape", "b")
    expect(cells).to_have_count(3)
    reviewer.press("a")
    expect(cells).to_have_count(4)
    assert reviewer.file() == {}


def test_the_buttons_work_where_the_keys_cannot_be_loaded(lab, page):
    page.route(re.compile("/extensions/anywidget/"), lambda route: route.abort())
    reviewer = lab(keys=False)
    reviewer.sees_record(1)
    reviewer.click("Accept")
    reviewer.saved("accept", 1)
    reviewer.widget.get_by_role("button", name="6", exact=True).click()
    reviewer.part("note").locator("input").fill("a note")
    reviewer.click("Reject")
    assert reviewer.saved("reject 6: a note", 2)[IDS[1]] == Judgement(False, (6,), "a note")
    expect(reviewer.widget).not_to_have_attribute("data-lm-suppress-shortcuts", "true")


def test_what_the_viewer_called_saved_outlives_the_kernel(lab):
    reviewer = lab()
    reviewer.focus()
    reviewer.press("a")
    reviewer.saved("accept", 1)
    reviewer.press("r")
    saved = reviewer.saved("reject", 2)
    reviewer.sees_record(3)
    reviewer.press("a")
    old = int((reviewer.folder / "pid").read_text())
    os.kill(old, signal.SIGKILL)
    reviewer.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    assert saved.items() <= reviewer.file().items()

    run_all_cells(reviewer.page)
    first_unjudged = len(reviewer.file()) + 1
    reviewer.sees_record(first_unjudged)
    assert int((reviewer.folder / "pid").read_text()) != old
    reviewer.click("Accept")
    assert saved.items() <= reviewer.saved("accept", first_unjudged).items()


def test_a_bad_judgement_file_is_told_and_mended(lab):
    reviewer = lab()
    reviewer.focus()
    reviewer.press("a")
    reviewer.saved("accept", 1)
    path = reviewer.folder / "judgements.yaml"
    path.write_text(f"{IDS[0]}: accept\n{IDS[3]}: perhaps  # hm\n")
    reviewer.press("6", "r")
    reviewer.sees("status", "judgements.yaml:2: ")
    assert "perhaps  # hm" in path.read_text()
    path.write_text(f"{IDS[0]}: accept\n{IDS[3]}: accept  # hm\n")
    reviewer.press("r")
    assert reviewer.saved("reject 6", 2)[IDS[1]] == Judgement(False, (6,))
    assert f"{IDS[3]}: accept  # hm\n" in path.read_text()


# ---- what is shown -------------------------------------------------------------------------------------------------------


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found is not None
    return found


def test_posts_are_rendered(lab):
    reviewer = lab(*(record(n, question=n, response=f"Answer {n}. {POST}") for n in range(1, 60)))
    answer = reviewer.part("answer")
    numerator, denominator = answer.locator("math").first.locator("mfrac > *").all()
    assert box(numerator)["y"] + box(numerator)["height"] <= box(denominator)["y"] + 1  # one above the other: typeset
    assert box(answer.locator("math[display=block]").first)["width"] > 300

    hemp, load = answer.locator("tbody tr").first.locator("td").all()
    assert box(hemp)["y"] == box(load)["y"] and box(hemp)["x"] < box(load)["x"]
    assert load.evaluate("cell => getComputedStyle(cell).textAlign") == "right"

    keyword, plain = answer.locator("pre .k").first, answer.locator("pre .n").first
    assert keyword.inner_text() == "def"
    colour = "node => getComputedStyle(node).color"
    assert keyword.evaluate(colour) != plain.evaluate(colour)
    expect(answer.locator("pre")).to_contain_text("costs $5 and $6")

    secret = answer.get_by_text("42")
    expect(secret).to_be_hidden()
    answer.get_by_text("Spoiler").click()
    expect(secret).to_be_visible()

    expect(answer.locator("mark", has_text="@bob")).to_be_visible()
    expect(answer.locator("mark", has_text="this answer")).to_be_visible()
    expect(reviewer.part("findings").locator("li").first).to_be_visible()


def test_the_controls_stay_where_they_are(lab):
    long = "A long line of an answer. " * 400
    records = [
        record(n, question=n, response=f"Answer {n}. {POST if n % 2 else ''}{long if n == 3 else ''}")
        for n in range(1, 10)
    ]
    reviewer = lab(*records)
    buttons = reviewer.widget.get_by_role("button")
    places = [[box(button) for button in buttons.all()[:15]]]
    reviewer.focus()
    for number in (1, 2, 3):
        reviewer.press("a")
        reviewer.sees_record(number + 1)
        places.append([box(button) for button in buttons.all()[:15]])
    assert all(each == places[0] for each in places)
    answer = reviewer.part("answer")
    reviewer.press("p")
    reviewer.sees_record(3)
    reviewer.press(" ")
    reviewer.page.wait_for_function("document.querySelector('.review-answer').scrollTop > 100")
    reviewer.press("n")
    reviewer.sees_record(4)
    reviewer.page.wait_for_function("document.querySelector('.review-answer').scrollTop === 0")
    assert answer.evaluate("pane => pane.scrollWidth <= pane.clientWidth")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_text_can_be_read_in_both_themes(lab, theme):
    """WCAG 2 asks for a contrast of 4.5 of text with what is behind it. The screenshots are for people to look at."""
    reviewer = lab(
        *(
            record(n, question=n, response=f"Answer {n}. {POST}", meta={"answer_url": "https://a.example/1"})
            for n in range(1, 5)
        )
    )
    reviewer.focus()
    reviewer.press("4", "c")
    reviewer.page.keyboard.type("a note")
    reviewer.press("Enter", "r")
    reviewer.sees_record(2)
    reviewer.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    reviewer.page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
    reviewer.page.locator("#jupyterlab-splash").wait_for(state="detached")  # it fades over the page with the theme
    SCREENSHOTS.mkdir(exist_ok=True)
    reviewer.page.screenshot(path=SCREENSHOTS / f"viewer-{theme.lower()}.png")
    contrasts = reviewer.page.evaluate(CONTRASTS)
    assert len(contrasts) > 30
    assert {text: contrast for text, contrast in contrasts.items() if contrast < 4.5} == {}


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const over = (colours) => {  // what is seen of colours upon each other, as [red, green, blue]
        canvas.fillStyle = "#fff";
        canvas.fillRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = {};
    const walker = document.createTreeWalker(document.querySelector(".review"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), node = walker.currentNode.parentElement;
        if (!text || !node.checkVisibility() || node.closest("style, [disabled], .review-keys, .jupyter-button")) continue;
        const behind = [];
        for (let each = node; each; each = each.parentElement) behind.unshift(getComputedStyle(each).backgroundColor);
        const back = luminance(over(behind)), front = luminance(over([...behind, getComputedStyle(node).color]));
        found[text.slice(0, 40)] = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    }
    return found;
}"""


# ---- untrusted posts ---------------------------------------------------------------------------------------------------


def attack(url: str) -> str:
    return f"""Answer 1.

<script>window.attacked = 1; fetch("{url}/script")</script>
<img src="{url}/raw.png" onerror="window.attacked = 2" onload="window.attacked = 3">

![pixel]({url}/pixel.png) <a href="javascript:window.attacked = 4">click me</a> [me too](javascript:window.attacked=5)
<svg onload="window.attacked = 6"><image href="{url}/svg.png"></image></svg>
<details ontoggle="window.attacked = 7" open>x</details>
<iframe src="{url}/frame"></iframe><object data="{url}/object"></object><embed src="{url}/embed">
<video src="{url}/video" poster="{url}/poster" autoplay></video><audio src="{url}/audio" autoplay></audio>
<link rel="stylesheet" href="{url}/style"><link rel="prefetch" href="{url}/prefetch"><meta http-equiv="refresh" content="0;url={url}/meta">
<style>body {{ background: url({url}/css) }}</style><p style="background: url({url}/inline)">styled</p>
<form action="{url}/form"><input type="image" src="{url}/input" autofocus onfocus="window.attacked = 8"></form>
<a href="{url}/link" ping="{url}/ping">a link</a>

$\\href{{javascript:window.attacked=9}}{{x}}$ $\\style{{background:url({url}/tex)}}{{y}}$ $\\require{{html}}$
"""


def test_a_post_runs_nothing_and_fetches_nothing_until_its_images_are_asked_for(lab):
    tracker = Tracker()
    threading.Thread(target=tracker.serve_forever, daemon=True).start()
    text = attack(tracker.url)
    reviewer = lab(
        record(1, instruction=f"{text}\n\n{text}", response=text, meta={"title": text, "tags": [text], "site": text})
    )
    asked: list[str] = []
    reviewer.page.on("request", lambda request: asked.append(request.url))
    reviewer.sees("answer", "click me")
    reviewer.part("answer").get_by_text("click me").click()
    reviewer.part("answer").locator("mark", has_text="me too").click()
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(2)
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(0)
    assert reviewer.page.evaluate("window.attacked") is None
    assert tracker.asked == []
    assert [url for url in asked if "127.0.0.1" not in url] == []

    reviewer.click("Images")
    expect(reviewer.part("answer").locator("img")).to_have_count(2)
    reviewer.page.wait_for_function(
        "[...document.querySelectorAll('.review-answer img')].every(image => image.complete)"
    )
    assert set(tracker.asked) == {"/raw.png", "/pixel.png"}
    assert reviewer.page.evaluate("window.attacked") is None
    tracker.shutdown()
    tracker.server_close()


# ---- other places ------------------------------------------------------------------------------------------------------


def test_notebook_7(lab):
    reviewer = lab(*(record(n, response=f"Answer {n}. {POST}") for n in range(1, 10)), app="notebooks")
    expect(reviewer.part("answer").locator("mfrac")).to_have_count(2)
    reviewer.click("Accept")
    reviewer.saved("accept", 1)
    reviewer.sees_record(2)
    reviewer.focus()
    reviewer.press("4", "r")
    assert reviewer.saved("reject 4", 2) == {IDS[0]: Judgement(True), IDS[1]: Judgement(False, (4,))}
    reviewer.press("b", "x")
    reviewer.press("n")
    reviewer.sees_record(4)
    expect(reviewer.page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)


def test_the_project_s_notebook_opens_the_sample_site(page, server, root, folder, sample_records):
    data = folder / "demo" / "filtered-stack-exchange" / "harbour.jsonl"
    run = run_script(
        "filter_for_score.py", "--inputpath", sample_records, "--destpath", data, "--min_answer_votes", "10"
    )
    assert run.status == 0, run.stderr
    shutil.copy(ROOT / "data_viewer.ipynb", folder)
    reviewer = opened(page, server, root, folder / "data_viewer.ipynb")
    reviewer.sees("progress", "no. 1 of 33")
    reviewer.click("Accept")
    reviewer.sees("status", "saved accept")
    assert len(load_judgements(folder / "demo" / "judgements" / "harbour.yaml")) == 1
