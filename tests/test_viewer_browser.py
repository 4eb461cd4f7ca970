"""The review widget in a real JupyterLab and in Notebook 7, used by mouse and by keys in a real Chromium."""

import http.server
import itertools
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from review.judgements import Judgement, digest_of, load_judgements
from tests import needs
from tests.conftest import ROOT, jsonl, record, run_script

REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
if not REQUIRED:
    needs.package("playwright", "dev")

from playwright.sync_api import BrowserContext, ElementHandle, Locator, Page, expect

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

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason=HOW_TO_INSTALL)]

SCREENSHOTS = ROOT / "screenshots"
HARBOUR = "harbour.stackexchange.com/a"
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
    """A server that should get no requests, and that records those that it gets."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        server: "Tracker"

        def do_GET(self) -> None:
            self.server.requests.append(self.path)
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
        expect(self.widget).not_to_have_class(re.compile("review-unanswered"))  # as while the kernel is busy
        self.widget.get_by_role("button", name=label).click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed = key

    def sees(self, part: str, text: str | re.Pattern[str]) -> None:
        expect(self.part(part)).to_contain_text(text)

    def sees_record(self, number: int) -> None:
        self.sees("progress", f"record {number} of ")
        self.sees("answer", f"Answer {number}")

    def saved(self, word: str, number: int) -> dict[str, Judgement]:
        """The judgements in the file once the widget says that this one is saved."""
        self.sees_saved(re.escape(f"saved {word} · {IDS[number - 1]}"))
        return self.file()

    def sees_saved(self, pattern: str) -> None:
        """Wait for the status; a key that came before its record could be seen is pressed again, as the widget asks."""
        self.sees("status", re.compile(f"{pattern}|press again"))
        if "press again" in self.part("status").inner_text():
            self.press(self.pressed)
        self.sees("status", re.compile(pattern))

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
    if keys:  # which work as soon as keyboard.js is loaded
        expect(reviewer.widget).to_have_attribute("data-lm-suppress-shortcuts", "true")
    return reviewer


@pytest.fixture
def lab(page, server, root, folder):
    """Open a viewer of some records, in a notebook of its own, in JupyterLab or another app."""

    def open_records(*records: dict, **options) -> Reviewer:
        rows = records or [record(n, question=n) for n in range(1, 10)]
        (folder / "data.jsonl").write_bytes(jsonl(*rows))
        write_notebook(
            folder / "review.ipynb",
            "import os\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))",
            'from viewer import Viewer\nViewer("data.jsonl", "judgements.yaml")',
        )
        return opened(page, server, root, folder / "review.ipynb", **options)

    return open_records


# ---- judging ---------------------------------------------------------------------------------------------------------


def test_by_mouse(lab):
    reviewer = lab()
    reviewer.sees_record(1)
    reviewer.click("Accept")
    assert reviewer.saved("accept", 1) == {IDS[0]: Judgement(True)}
    reviewer.sees_record(2)

    reviewer.widget.get_by_role("button", name="4 refers / personal").click()
    reviewer.widget.get_by_role("button", name="6 link").click()
    reviewer.part("note").locator("input").fill("links: to a blog")
    reviewer.click("Reject")
    assert reviewer.saved("reject 4, 6: links: to a blog", 2)[IDS[1]] == Judgement(False, (4, 6), "links: to a blog")
    reviewer.sees_record(3)
    expect(reviewer.part("note").locator("input")).to_have_value("")

    reviewer.click("Undo")
    reviewer.sees("status", f"undone {IDS[1]}")
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
    reviewer.sees("status", f"undone {IDS[1]}")
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


def test_an_answer_is_corrected_by_keys(lab, page):
    text = "Answer 1. A bowline makes a **lope**.\n\nIt holds under load."
    reviewer = lab(record(1, question=1, response=text), *(record(n, question=n) for n in range(2, 10)))
    reviewer.focus()
    reviewer.press("e")
    editor = reviewer.part("editor").locator("textarea")
    expect(editor).to_be_focused()
    expect(editor).to_have_value(text)
    expect(reviewer.part("question")).to_be_hidden()
    page.keyboard.press("Control+Home")
    page.keyboard.type("a r x e\n\n")  # keys of the viewer elsewhere
    expect(reviewer.part("answer").locator("p").first).to_have_text("a r x e")
    before = editor.input_value()
    for _ in range(5):  # JupyterLab must not take the line break, however fast it comes
        page.keyboard.press("Control+End")
        page.keyboard.press("Enter")
    expect(editor).to_have_value(before + "\n" * 5)
    editor.fill(text.replace("lope", "loop"))
    expect(reviewer.part("answer").locator("strong")).to_have_text("loop")
    expect(reviewer.part("difference").locator("del")).to_have_text("lope")
    page.screenshot(path=SCREENSHOTS / "viewer-editor.png")
    for part in (reviewer.part("editor"), editor, reviewer.part("difference")):
        assert part.evaluate("part => part.scrollWidth <= part.clientWidth")
    assert box(editor)["height"] > 250
    reviewer.press("Escape")
    expect(reviewer.widget).to_be_focused()
    reviewer.press("n")
    reviewer.sees_record(2)
    reviewer.press("p")
    expect(editor).to_have_value(text.replace("lope", "loop"))
    expect(reviewer.widget).to_be_focused()  # keys judge until `e` or a click
    reviewer.press("a")
    [judgement] = reviewer.saved("accept with a correction", 1).values()
    assert judgement == Judgement(True, correction=text.replace("lope", "loop"), corrects=digest_of(text))
    reviewer.sees_record(2)
    expect(reviewer.part("editor")).to_be_hidden()
    page.wait_for_timeout(500)
    reviewer.press("c")
    page.keyboard.type("ask Ben")
    reviewer.press("Enter", "l")
    assert reviewer.saved("later: ask Ben", 2)[IDS[1]] == Judgement(None, note="ask Ben")


def test_corrections_of_others_unfold_and_can_be_taken(page, server, root, folder):
    """A short one is unfolded, a long one only when it is clicked on, and neither runs anything."""
    lines = "\n\n".join(f"{number}. Pass the end through the eye." for number in range(30))
    answer = f"Answer 1. A bowline makes a **lope**.\n\n{lines}"
    short, long = answer.replace("lope", "loop <img src=x onerror=document.title=1>"), answer.replace("eye", "loop")
    (folder / "data.jsonl").write_bytes(jsonl(record(1, response=answer)))
    for name, text in (("ann", short), ("ben", long)):
        fields = {"judgement": "accept", "correction": text, "corrects": digest_of(answer)}
        (folder / f"{name}.yaml").write_text(f"{IDS[0]}: {json.dumps(fields)}\n")
    files = '"data.jsonl", "judgements.yaml", disputes=["ann.yaml", "ben.yaml"]'
    write_notebook(folder / "review.ipynb", f"from viewer import Viewer\nViewer({files})")
    reviewer = opened(page, server, root, folder / "review.ipynb")
    changes = reviewer.part("reviews").locator("ins")
    expect(changes.first).to_have_text("loop <img src=x onerror=document.title=1>")
    expect(changes.nth(1)).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "viewer-corrections.png")
    reviewer.part("reviews").locator("summary").nth(1).click()
    expect(changes.nth(1)).to_be_visible()
    reviewer.press("e")
    editor = reviewer.part("editor").locator("textarea")
    expect(editor).to_be_focused()
    reviewer.press("Tab", "ArrowDown")
    expect(editor).to_have_value(short)
    reviewer.press("ArrowDown")
    expect(editor).to_have_value(long)
    expect(reviewer.part("difference").locator("ins").first).to_have_text("loop")
    expect(reviewer.part("corrections").locator("option:checked")).to_have_text("take the correction of ben")
    for part in (reviewer.part("editor"), editor, reviewer.part("difference")):
        assert part.evaluate("part => part.scrollWidth <= part.clientWidth")
    page.screenshot(path=SCREENSHOTS / "viewer-taken.png")
    reviewer.press("Escape", "a")
    [judgement] = reviewer.saved("accept with a correction", 1).values()
    assert judgement == Judgement(True, correction=long, corrects=digest_of(answer))
    assert page.title() != "1"


def test_a_double_click_judges_one_record(lab):
    reviewer = lab()
    reviewer.widget.get_by_role("button", name="Accept").dblclick()
    reviewer.saved("accept", 1)
    reviewer.sees_record(2)
    reviewer.click("Next →")
    reviewer.sees_record(3)
    assert reviewer.file() == {IDS[0]: Judgement(True)}


def test_keys_go_to_the_viewer_while_it_has_the_focus_and_to_jupyterlab_otherwise(lab):
    reviewer = lab()
    cells = reviewer.page.locator(".jp-Notebook .jp-Cell")
    expect(cells).to_have_count(2)
    reviewer.focus()
    reviewer.press("b", "x", "v", "Shift+M", "n")  # of these the viewer only knows n
    reviewer.sees_record(2)
    expect(cells).to_have_count(2)
    reviewer.press("Escape", "b")
    expect(cells).to_have_count(3)
    reviewer.press("a")
    expect(cells).to_have_count(4)
    assert reviewer.file() == {}


LETTERS = "abcdefghijklmnopqrstuvwxyz"
OTHER_KEYS = [
    *"0123456789",
    *(f"Shift+{letter}" for letter in "ABJKLMORZ"),
    *(f"Control+{letter}" for letter in "axcvz"),
    *(f"Control+Shift+{key}" for key in ("ArrowUp", "ArrowDown", "M", "-")),
    *(f"Arrow{direction}" for direction in ("Up", "Down", "Left", "Right")),
    *(f"Shift+{key}" for key in ("ArrowUp", "ArrowDown", "Home", "Enter")),
    " ",
    "Enter",
    "Control+Enter",
    "Alt+Enter",
    "Backspace",
    "Delete",
    "d",
    "d",
]
NOTEBOOK = """() => jupyterapp.shell.currentWidget.content.widgets.map(({ model }) => {
    const { cell_type, source, metadata, execution_count } = model.sharedModel.toJSON();
    return [cell_type, source, JSON.stringify(metadata), execution_count];
})"""


def save(page: Page) -> None:
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_no_key_that_is_pressed_in_the_viewer_reaches_the_notebook(lab, app):
    """Every letter on every control, and every key that the notebook knows on one control of each kind."""
    reviewer = lab(*(record(n, question=n, response=f"Answer {n}. {POST}") for n in range(1, 10)), app=app)
    page = reviewer.page
    for command in (
        "notebook:insert-cell-below",
        "notebook:copy-cell",
    ):  # so that there is something to undo and to paste
        page.evaluate(f"jupyterapp.commands.execute('{command}')")
    save(page)
    path = reviewer.folder / "review.ipynb"
    before, saved = page.evaluate(NOTEBOOK), json.loads(path.read_text())["cells"]
    assert len(before) == len(saved) == 3
    root = reviewer.widget.element_handle()
    reviewer.sees_record(1)

    def press(keys: Iterable[str], use: Callable[..., object], *args: object) -> None:
        for key in keys:
            use(*args)
            page.keyboard.press(key)
        assert page.evaluate(NOTEBOOK) == before
        assert root.evaluate("root => root.isConnected && root.checkVisibility()")

    def focus_and_press(control: ElementHandle, key: str) -> None:
        control.focus()
        page.keyboard.press(key)

    def choose(select: ElementHandle, indices: Iterator[int]) -> None:
        select.focus()
        select.select_option(index=next(indices) % select.evaluate("select => select.options.length"))

    selects, fields = (
        [control for control in root.query_selector_all(tag) if control.is_visible()] for tag in ("select", "input")
    )
    buttons = [button for button in root.query_selector_all("button:not([disabled])") if button.is_visible()]
    spoiler, link = (reviewer.widget.locator(tag).first for tag in ("summary", "a"))
    for control in (spoiler, link, reviewer.widget, selects[0], fields[0], buttons[0]):
        press([*LETTERS.replace("m", ""), *OTHER_KEYS], control.focus)
    press("m", spoiler.focus)  # shows the Markdown source, which has no spoiler and no link
    for select in selects:
        press(LETTERS, choose, select, itertools.cycle(range(2)))
        press(LETTERS, focus_and_press, select, "ArrowDown")
    for field in fields:
        press(LETTERS, focus_and_press, field, "Enter")
    for button in buttons:
        press(LETTERS, button.focus)
    save(page)
    assert [(cell["cell_type"], cell["source"]) for cell in json.loads(path.read_text())["cells"]] == [
        (cell["cell_type"], cell["source"]) for cell in saved
    ]


def test_the_keys_keep_working_after_a_choice_a_spoiler_a_link_and_a_new_record(lab, server):
    meta = {"answer_url": f"{server}/api"}
    reviewer = lab(*(record(n, question=n, response=f"Answer {n}. {POST}", meta=meta) for n in range(1, 10)))
    page = reviewer.page
    reviewer.click("More")
    reviewer.part("show").locator("select").click()
    reviewer.press("ArrowDown", "ArrowDown", "Enter")
    expect(reviewer.widget).to_be_focused()
    reviewer.press("n")
    reviewer.sees_record(2)
    reviewer.part("show").locator("select").select_option("show: all")
    expect(reviewer.widget).to_be_focused()
    reviewer.sees_record(1)
    reviewer.press("4", "r")
    assert reviewer.saved("reject 4", 1) == {IDS[0]: Judgement(False, (4,))}
    reviewer.sees_record(2)

    reviewer.part("answer").get_by_text("Spoiler").click()
    expect(reviewer.part("answer").get_by_text("42")).to_be_visible()
    reviewer.press("n")
    reviewer.sees_record(3)
    with page.expect_popup() as popup:
        reviewer.part("about").locator("a").click()
    popup.value.close()
    page.bring_to_front()
    reviewer.press("n")
    reviewer.sees_record(4)
    reviewer.part("answer").locator("td", has_text="hemp").dblclick()
    assert page.evaluate("String(getSelection()).trim()") == "hemp"
    reviewer.press("n")
    reviewer.sees_record(5)

    reviewer.part("findings-filter").locator("select").focus()
    reviewer.press("ArrowDown")
    reviewer.sees_record(1)
    reviewer.press("n")  # letters choose nothing in a list
    reviewer.sees_record(2)

    kernel = int((reviewer.folder / "pid").read_text())
    os.kill(kernel, signal.SIGSTOP)
    reviewer.click("Next →")
    reviewer.part("answer").locator("summary").focus()
    os.kill(kernel, signal.SIGCONT)
    reviewer.sees_record(3)
    expect(reviewer.widget).to_be_focused()
    reviewer.press("n")
    reviewer.sees_record(4)


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_ctrl_s_saves_the_notebook_from_within_the_viewer(lab, app):
    reviewer = lab(app=app)
    path = reviewer.folder / "review.ipynb"
    for number, control in enumerate((reviewer.widget, reviewer.part("note").locator("input")), 1):
        reviewer.page.evaluate("jupyterapp.commands.execute('notebook:insert-cell-below')")
        control.focus()
        # JupyterLab ignores a save that begins before the last one has ended, with its checkpoint
        with reviewer.page.expect_response(
            lambda response: response.request.method == "POST" and "/checkpoints" in response.url
        ):
            reviewer.press("Control+s")
        assert len(json.loads(path.read_text())["cells"]) == 2 + number


def test_the_buttons_work_where_the_keys_cannot_be_loaded(lab, page):
    page.route(re.compile("/extensions/anywidget/"), lambda route: route.abort())
    reviewer = lab(keys=False)
    reviewer.sees_record(1)
    reviewer.click("Accept")
    reviewer.saved("accept", 1)
    reviewer.widget.get_by_role("button", name="6 link").click()
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


def kill(page: Page, kernel: int) -> None:
    os.kill(kernel, signal.SIGKILL)


def restart(page: Page, kernel: int) -> None:
    page.evaluate("{ void jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")


def restart_elsewhere(page: Page, kernel: int) -> None:
    address = page.evaluate(
        "(({ serverSettings, id }) => `${serverSettings.baseUrl}api/kernels/${id}/restart`)"
        "(jupyterapp.shell.currentWidget.sessionContext.session.kernel)"
    )
    page.request.post(address, headers={"Authorization": f"token {TOKEN}"})


def shut_down(page: Page, kernel: int) -> None:
    page.evaluate("{ void jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")


@pytest.mark.parametrize("end", [kill, restart, restart_elsewhere, shut_down])
def test_a_kernel_that_is_gone_is_reported_before_a_key_is_pressed(lab, end):
    reviewer = lab()
    reviewer.focus()
    reviewer.press("a")
    saved = reviewer.saved("accept", 1)
    expect(reviewer.part("no-answer")).to_be_hidden()
    old = (reviewer.folder / "pid").read_text()
    end(reviewer.page, int(old))
    expect(reviewer.part("no-answer")).to_be_visible()
    reviewer.sees("no-answer", "run the viewer's cell again")
    SCREENSHOTS.mkdir(exist_ok=True)
    reviewer.page.screenshot(path=SCREENSHOTS / f"viewer-no-answer-{end.__name__}.png")
    reviewer.press("r", "n")
    assert reviewer.file() == saved

    if end is kill:
        reviewer.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    if end is shut_down:
        reviewer.page.evaluate("{ void jupyterapp.shell.currentWidget.sessionContext.startKernel(); }")
    run_all_cells(reviewer.page)
    reviewer.sees_record(2)
    expect(reviewer.part("no-answer")).to_be_hidden()
    assert (reviewer.folder / "pid").read_text() != old
    reviewer.click("Accept")
    assert saved.items() < reviewer.saved("accept", 2).items()


@pytest.mark.parametrize("what", ["busy", "stopped"])
def test_a_kernel_that_does_not_answer_is_reported_until_it_answers(lab, what):
    reviewer = lab()
    reviewer.focus()
    kernel = int((reviewer.folder / "pid").read_text())
    for number in (1, 2):
        if what == "busy":
            code = "import time\nwhile not Path('go').exists(): time.sleep(0.01)\nPath('go').unlink()"
            reviewer.page.evaluate(
                "code => { jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }",
                code,
            )
        else:
            os.kill(kernel, signal.SIGSTOP)
        expect(reviewer.part("no-answer")).to_be_visible()
        reviewer.press("a", "n")
        if what == "busy":
            (reviewer.folder / "go").touch()
        else:
            os.kill(kernel, signal.SIGCONT)
        expect(reviewer.part("no-answer")).to_be_hidden()
        reviewer.sees_record(number)
        reviewer.press("a")
        assert len(reviewer.saved("accept", number)) == number


def test_two_reviewers_of_one_record_see_their_conflict(lab, browser, server, root):
    ann = lab()
    write_notebook(ann.folder / "bob.ipynb", 'from viewer import Viewer\nViewer("data.jsonl", "judgements.yaml")')
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    bob = opened(page, server, root, ann.folder / "bob.ipynb")
    bob.sees_record(1)
    bob.focus()
    ann.focus()
    ann.press("4", "6", "c")
    ann.page.keyboard.type("links to a blog")
    ann.press("Enter", "r")
    anns = ann.saved("reject 4, 6: links to a blog", 1)
    bob.press("a")
    bob.sees("conflict-text", "someone else judged this record reject 4, 6: links to a blog. Save your accept anyway?")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "viewer-conflict.png")
    bob.press("a", "a")
    assert bob.file() == anns
    bob.press("k")
    bob.sees_record(2)
    expect(bob.part("conflict")).to_be_hidden()
    assert bob.file() == anns

    by_hand = ann.folder / "judgements.yaml"
    by_hand.write_text(f"{by_hand.read_text()}{IDS[1]}: {{judgement: reject, note: by hand}}  # kept\n")
    bob.press("c")
    page.keyboard.type("mine")
    bob.press("Enter", "a")
    bob.sees("conflict-text", "someone else judged this record reject: by hand")
    expect(bob.part("note").locator("input")).to_have_value("mine")
    bob.press("y")
    assert bob.saved("accept: mine", 2) == anns | {IDS[1]: Judgement(True, (), "mine")}
    bob.press("z")
    bob.sees("status", f"undone {IDS[1]}")
    assert bob.file() == anns | {IDS[1]: Judgement(False, (), "by hand")}
    assert by_hand.read_text().endswith("# kept\n")

    bob.press("r")
    bob.saved("reject: by hand", 2)
    by_hand.write_text(by_hand.read_text().replace("by hand", "seen again"))
    later = bob.file()
    bob.press("z")
    bob.sees("status", "not undone, changed by someone else: reject: seen again")
    assert bob.file() == later
    page.close()


def test_a_bad_judgement_file_is_reported_until_it_is_corrected(lab):
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


# ---- what is shown ---------------------------------------------------------------------------------------------------


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found is not None
    return found


def test_posts_are_rendered(lab):
    reviewer = lab(*(record(n, question=n, response=f"Answer {n}. {POST}") for n in range(1, 60)))
    answer = reviewer.part("answer")
    expect(answer.locator("tbody tr").first).to_be_visible()
    reviewer.page.wait_for_timeout(600)  # the notebook scrolls to the viewer
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


def test_wide_code_and_formulas_scroll_within_the_answer(lab):
    wide = f"```\n{'x = 1; ' * 60}\n```\n\n$${'a + ' * 150}b$$\n"
    reviewer = lab(record(1, response=f"Answer 1.\n\n{wide}"))
    reviewer.sees("answer", "x = 1; x = 1;")
    answer = reviewer.part("answer")
    assert answer.evaluate("pane => pane.scrollWidth <= pane.clientWidth")
    for part in ("pre", "div.formula"):
        assert answer.locator(part).evaluate("part => part.scrollWidth > part.clientWidth"), part


def test_the_controls_stay_where_they_are(lab):
    long = "A long line of an answer. " * 400
    records = [
        record(n, question=n, response=f"Answer {n}. {POST if n % 2 else ''}{long if n == 3 else ''}")
        for n in range(1, 10)
    ]
    reviewer = lab(*records)
    buttons = reviewer.widget.get_by_role("button")
    reviewer.page.wait_for_timeout(600)  # the notebook scrolls to the viewer
    places = [[box(button) for button in buttons.all()[:15]]]
    reviewer.focus()
    for number in (1, 2, 3):
        reviewer.press("a")
        reviewer.sees_record(number + 1)
        places.append([box(button) for button in buttons.all()[:15]])
    assert all(place == places[0] for place in places)
    answer = reviewer.part("answer")
    reviewer.press("p")
    reviewer.sees_record(3)
    reviewer.press(" ")
    reviewer.page.wait_for_function("document.querySelector('.review-answer').scrollTop > 100")
    reviewer.press("n")
    reviewer.sees_record(4)
    reviewer.page.wait_for_function("document.querySelector('.review-answer').scrollTop === 0")
    assert answer.evaluate("pane => pane.scrollWidth <= pane.clientWidth")


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_at_usual_sizes_most_of_the_window_is_text(lab, page, app, size):
    """A long line of code in the answer, and JupyterLab's side bar; the screenshots are for people to look at."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    code = f"```\n{'x = 1; ' * 60}\n```\n\n{'w' * 400}\n\n"
    reviewer = lab(
        *(
            record(n, question=n, response=f"Answer {n}.\n\n{code}{POST} {'A bowline holds. ' * 90}")
            for n in range(1, 10)
        ),
        app=app,
    )
    reviewer.focus()
    reviewer.press("/")
    page.keyboard.type("bowline")
    reviewer.press("Enter")
    reviewer.sees_record(1)
    page.wait_for_timeout(600)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"viewer-{app}-{size[0]}.png")
    for pane in ("question", "answer"):
        assert reviewer.part(pane).evaluate("pane => pane.scrollWidth <= pane.clientWidth"), pane
        assert box(reviewer.part(pane))["height"] >= 300, pane
    frame = box(reviewer.widget)
    assert frame["y"] >= 0 and box(reviewer.part("body"))["y"] - frame["y"] < 130

    reviewer.press("j")
    expect(reviewer.part("answer").locator(".review-current")).to_be_in_viewport()
    page.wait_for_function("CSS.highlights.get('review-hit')?.size >= 90")
    reviewer.press("t")
    page.wait_for_function("CSS.highlights.get('review-hit-current')?.size === 1")
    scrolled = "part => document.querySelector(`.review-${part}`).scrollTop"
    reviewer.press("End")
    assert page.evaluate(scrolled, "answer") > 100
    reviewer.press("Home")
    assert page.evaluate(scrolled, "answer") == 0
    before = box(reviewer.part("question"))["width"]
    divider = box(reviewer.part("divider"))
    page.mouse.move(divider["x"] + 4, divider["y"] + 150)
    page.mouse.down()
    page.mouse.move(divider["x"] + 104, divider["y"] + 150)
    page.mouse.up()
    assert box(reviewer.part("question"))["width"] == pytest.approx(before + 100, abs=8)
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(2)
    assert reviewer.part("source").locator("pre").last.evaluate("pre => getComputedStyle(pre).wordBreak") == "normal"
    reviewer.press("w")
    page.wait_for_function("document.fullscreenElement?.matches('.review')")
    reviewer.press("w")
    page.wait_for_function("!document.fullscreenElement")
    reviewer.press("a")
    reviewer.saved("accept", 1)


@pytest.mark.parametrize(("key", "code", "saved"), [("ф", "KeyA", "accept"), ("к", "KeyR", "reject")])
def test_keys_work_in_a_layout_of_another_script(lab, key, code, saved):
    reviewer = lab()
    reviewer.focus()
    reviewer.widget.evaluate(
        "(root, init) => root.dispatchEvent(new KeyboardEvent('keydown', {...init, bubbles: true, cancelable: true}))",
        {"key": key, "code": code},
    )
    reviewer.saved(saved, 1)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_text_can_be_read_in_both_themes(lab, theme):
    """WCAG 2 requires a contrast of 4.5 between text and its background. The screenshots are for people to look at."""
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
    reviewer.press("v", "6")
    expect(reviewer.part("criterion-6")).to_have_class(re.compile("mod-active"))
    contrasts = reviewer.page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert contrasts.keys() >= {"Accept (a)", "Reject (r)", "6 link", "Next → (n)", "number 4", "number 6"}
    assert {text: contrast for text, contrast in contrasts.items() if contrast < 4.5} == {}


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const over = (colours) => {  // the visible colour of a stack of colours, as [red, green, blue]
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
    const measure = (name, node, pseudo) => {
        const behind = [];
        for (let each = node; each; each = each.parentElement) behind.unshift(getComputedStyle(each).backgroundColor);
        const colour = getComputedStyle(node, pseudo).color;
        const back = luminance(over(behind)), front = luminance(over([...behind, colour]));
        found[name] = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    };
    document.querySelectorAll(".review mark[data-criteria]").forEach((mark) =>
        measure(`number ${mark.dataset.criteria}`, mark, "::before"));
    const walker = document.createTreeWalker(document.querySelector(".review"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), node = walker.currentNode.parentElement;
        const ignored = "style, [disabled], .review-keys";
        if (!text || !node.checkVisibility() || node.closest(ignored)) continue;
        measure(text.slice(0, 40), node);
    }
    return found;
}"""


# ---- untrusted posts -------------------------------------------------------------------------------------------------


def attack(url: str) -> str:
    return f"""Answer 1.

<script>window.attacked = 1; fetch("{url}/script")</script>
<img src="{url}/raw.png" onerror="window.attacked = 2" onload="window.attacked = 3">

![pixel]({url}/pixel.png) <a href="javascript:window.attacked = 4">click me</a> [me too](javascript:window.attacked=5)
<svg onload="window.attacked = 6"><image href="{url}/svg.png"></image></svg>
<details ontoggle="window.attacked = 7" open>x</details>
<iframe src="{url}/frame"></iframe><object data="{url}/object"></object><embed src="{url}/embed">
<video src="{url}/video" poster="{url}/poster" autoplay></video><audio src="{url}/audio" autoplay></audio>
<link rel="stylesheet" href="{url}/style"><link rel="prefetch" href="{url}/prefetch">
<meta http-equiv="refresh" content="0;url={url}/meta">
<style>body {{ background: url({url}/css) }}</style><p style="background: url({url}/inline)">styled</p>
<form action="{url}/form"><input type="image" src="{url}/input" autofocus onfocus="window.attacked = 8"></form>
<a href="{url}/link" ping="{url}/ping">a link</a>

$\\href{{javascript:window.attacked=9}}{{x}}$ $\\style{{background:url({url}/tex)}}{{y}}$ $\\require{{html}}$
"""


def test_a_post_runs_nothing_and_fetches_nothing_until_its_images_are_requested(lab):
    tracker = Tracker()
    threading.Thread(target=tracker.serve_forever, daemon=True).start()
    text = attack(tracker.url)
    reviewer = lab(
        record(1, instruction=f"{text}\n\n{text}", response=text, meta={"title": text, "tags": [text], "site": text})
    )
    requests: list[str] = []
    reviewer.page.on("request", lambda request: requests.append(request.url))
    reviewer.sees("answer", "click me")
    reviewer.part("answer").get_by_text("click me").click()
    reviewer.part("answer").locator("mark", has_text="me too").click()
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(2)
    reviewer.press("m")
    expect(reviewer.part("source")).to_have_count(0)
    assert reviewer.page.evaluate("window.attacked") is None
    assert tracker.requests == []
    assert [url for url in requests if "127.0.0.1" not in url] == []

    reviewer.click("More")
    reviewer.click("Images")
    expect(reviewer.part("answer").locator("img")).to_have_count(2)
    reviewer.page.wait_for_function(
        "[...document.querySelectorAll('.review-answer img')].every(image => image.complete)"
    )
    assert set(tracker.requests) == {"/raw.png", "/pixel.png"}
    assert reviewer.page.evaluate("window.attacked") is None
    tracker.shutdown()
    tracker.server_close()


# ---- other places ----------------------------------------------------------------------------------------------------


def test_notebook_7(lab):
    reviewer = lab(*(record(n, response=f"Answer {n}. {POST}") for n in range(1, 10)), app="notebooks")
    expect(reviewer.part("answer").locator("mfrac")).to_have_count(2)
    reviewer.click("Accept")
    reviewer.saved("accept", 1)
    reviewer.sees_record(2)
    reviewer.focus()
    reviewer.press("4", "r")
    assert reviewer.saved("reject 4", 2) == {IDS[0]: Judgement(True), IDS[1]: Judgement(False, (4,))}
    reviewer.sees_record(3)
    reviewer.press("x")  # cuts a cell outside of the viewer
    reviewer.saved("reject 4, 6", 3)
    reviewer.press("n")
    reviewer.sees_record(5)
    expect(reviewer.page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)


SLOW = """
import time
from pathlib import Path
import viewer.widget as widget
find_problems = widget.find_problems
def slowly(record):
    while record.get("meta", {}).get("answer_id", 0) > 5 and not Path("go").exists():
        time.sleep(0.1)
    return find_problems(record)
widget.find_problems = slowly
widget.Viewer("data.jsonl", "judgements.yaml")
"""


def test_a_filter_that_searches_for_long_lets_the_reviewer_go_on(page, server, root, folder):
    """Nothing against criterion 2 is found, and the sixth record takes as long as the test wants."""
    (folder / "data.jsonl").write_bytes(jsonl(*(record(n, question=n) for n in range(1, 10))))
    write_notebook(folder / "review.ipynb", SLOW)
    reviewer = opened(page, server, root, folder / "review.ipynb")
    reviewer.sees_record(1)
    reviewer.click("More")
    findings = reviewer.part("findings-filter").locator("select")
    findings.select_option("criterion 2")
    reviewer.click("Accept")
    assert reviewer.saved("accept", 1) == {IDS[0]: Judgement(True)}
    findings.select_option("findings: all")
    reviewer.click("Next →")
    reviewer.sees_record(2)
    findings.select_option("criterion 2")
    (folder / "go").touch()
    reviewer.sees("status", "no record that matches the filter")


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_forty_records_by_keyboard(lab, app):
    """Every judgement that the reviewer meant to make is in the file, with its criteria and its note, and no other."""
    reviewer = lab(
        *(record(n, question=n, response=f"Answer {n}. {POST if n % 5 == 0 else ''}") for n in range(1, 41)), app=app
    )
    reviewer.focus()
    meant: dict[str, Judgement] = {}
    for number in range(1, 41):
        reviewer.sees("about", re.compile(f"/a/{number} "))
        criteria = (4, 6) if number % 5 == 0 else ((number % 7 + 1,) if number % 3 == 0 else ())
        note = f"note {number}" if number % 4 == 0 else ""
        if note:
            reviewer.press("c")
            reviewer.page.keyboard.type(note)
            reviewer.press("Enter")
        if number % 5 == 0:
            reviewer.press("x")
        elif criteria:
            reviewer.press(str(criteria[0]), "r")
        else:
            reviewer.press("a")
        record_id = f"quay.stackexchange.com/a/{number}"
        reviewer.sees_saved(f"saved .* · {re.escape(record_id)}( |$)")
        meant[record_id] = Judgement(not criteria, criteria, note)
        if number % 10 == 0 and number < 40:
            reviewer.press("z")
            reviewer.sees("status", f"undone {record_id}")
            reviewer.press("Shift+Z")
            reviewer.sees("status", f"done again {record_id}")
            reviewer.press("u")
            reviewer.sees_record(number + 1)
            reviewer.page.wait_for_timeout(500)  # until its keys are bound to this record
    reviewer.sees("status", f"all judged: {sum(each.accepted for each in meant.values())} accepted, ")
    assert reviewer.file() == meant


@pytest.fixture
def demo(folder, sample_records) -> Path:
    """A folder with the demo's records of the sample site, and the project's notebook."""
    data = folder / "demo" / "filtered-stack-exchange" / "harbour.jsonl"
    run = run_script(
        "filter_for_score.py", "--inputpath", sample_records, "--destpath", data, "--min_answer_votes", "10"
    )
    assert run.status == 0, run.stderr
    shutil.copy(ROOT / "data_viewer.ipynb", folder)
    return folder


def test_the_project_s_notebook_opens_the_sample_site(page, server, root, demo):
    reviewer = opened(page, server, root, demo / "data_viewer.ipynb")
    reviewer.sees("progress", "record 1 of 33")
    reviewer.click("Accept")
    reviewer.sees("status", "saved accept")
    assert len(load_judgements(demo / "demo" / "judgements" / "harbour.yaml")) == 1


def test_the_picture_of_the_readme(page, server, root, demo):
    """An answer of the sample site with a finding, about to be rejected; `make screenshots` copies it to docs/img."""
    judgements = demo / "demo" / "judgements" / "harbour.yaml"
    judgements.parent.mkdir()
    text = (ROOT / "sample" / "judgements" / "harbour.yaml").read_text()
    judgements.write_text(text.partition(f"{HARBOUR}/66:")[0])
    page.set_viewport_size({"width": 1280, "height": 660})
    reviewer = opened(page, server, root, demo / "data_viewer.ipynb")
    for command in ("application:toggle-left-area", "statusbar:toggle", "docmanager:save"):
        page.evaluate(f"jupyterapp.commands.execute('{command}')")
    reviewer.focus()
    reviewer.press("a")
    reviewer.sees("status", f"saved accept · {HARBOUR}/66")
    reviewer.sees("question", "Metacentric height of a rectangular pontoon")
    expect(reviewer.part("answer").locator("mark")).to_have_text("is left as an exercise")
    reviewer.press("5", "c")
    page.keyboard.type("leaves the rest to the reader")
    reviewer.press("Enter")
    expect(reviewer.widget.get_by_role("button", name="5 incomplete")).to_have_class(re.compile("mod-active"))
    reviewer.widget.evaluate("widget => widget.scrollIntoView()")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "viewer.png")
    assert (SCREENSHOTS / "viewer.png").stat().st_size < 200_000
