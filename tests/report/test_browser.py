"""The page in a browser: quiet, still on the network, moved by mouse and keyboard, no text on other text."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chipweave.files.schedule_file import to_document
from chipweave.report.html import comparison_page, page, sweep_page
from chipweave.report.html.sweep import report_path
from chipweave.report.palette import DARK, LIGHT
from chipweave.results.result import Cell
from tests.report.pages import evil_result, plan_on_regions, some_result
from tests.report.sweeps import evil_sweep, swept, wide_sweep

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="chromium or chromedriver is not installed")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)
SIZES = [(1280, 800), (390, 844)]

OVERLAPS = """
const visible = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  const element = node.parentElement;
  if (!node.textContent.trim() || ["SCRIPT", "STYLE"].includes(element.nodeName)) continue;
  if (!element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const rect of range.getClientRects()) {
    let [left, right, top, bottom] = [rect.left, rect.right, rect.top, rect.bottom];
    const glyphs = (bottom - top) * 0.2;
    [top, bottom] = [top + glyphs, bottom - glyphs];
    let boxed = false;
    for (let box = element; box; box = box.parentElement) {
      if (!/auto|scroll|hidden/.test(getComputedStyle(box).overflow)) continue;
      boxed = true;
      const edge = box.getBoundingClientRect();
      [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    if (right - left < 1 || bottom - top < 1) continue;
    const text = node.textContent.trim().slice(0, 40);
    if (!boxed && (left < -0.5 || right > innerWidth + 0.5)) visible.outside = text;
    visible.push({left, right, top, bottom, text, node});
  }
}
visible.sort((one, other) => one.top - other.top);
const found = visible.outside ? ["outside: " + visible.outside] : [];
visible.forEach((one, index) => {
  for (let next = index + 1; next < visible.length && visible[next].top < one.bottom; next++) {
    const other = visible[next];
    const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (across > 1 && down > 1 && one.node !== other.node) found.push(one.text + " | " + other.text);
  }
});
return [visible.length, found];
"""


class Browser:
    """A Chromium window on pages from the disk."""

    def __init__(self, folder: Path) -> None:
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.folder = folder

    def open(self, name: str, text: str, size: tuple[int, int] = SIZES[0], scheme: str = "light") -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        path = self.folder / f"{name}.html"
        path.write_text(text)
        self.driver.get(path.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def hover(self, element: Any, x: int = 0, y: int = 0) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver, duration=0).move_to_element_with_offset(element, x, y).perform()

    def tip(self) -> str:
        found: str = self.run("const tip = document.getElementById('tip'); return tip.hidden ? '' : tip.innerText")
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.driver.quit()


RESULT = some_result(0)
DOCUMENT = to_document(RESULT)


@pytest.fixture(scope="module")
def text() -> str:
    return page(RESULT)


def drawn_labels(browser: Browser) -> list[str]:
    """Labels on the package that is visible."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('svg.package .label')].filter((e) => e.checkVisibility())"
        ".map((e) => e.textContent)"
    )
    return found


def wanted_labels(window: int) -> list[str]:
    return sorted(
        f"{'ABC'[pipeline.task]}{number}"
        for pipeline in RESULT.schedule.windows[window].pipelines
        for number, _ in enumerate(pipeline.stages, 1)
    )


PAGES: dict[str, Callable[[], str]] = {
    "detailed": lambda: page(RESULT),
    "evil": lambda: page(evil_result()),
    "regions": lambda: page(plan_on_regions()),
    "many": lambda: page(some_result(3, tasks=14, rows=4, columns=5, batch=900)),
    "comparison": lambda: comparison_page(
        [Cell("scar", "p", RESULT), Cell("<script>", "q", evil_result()), Cell("simba", "q", None, "no " * 50)]
    ),
    "sweep": lambda: sweep_page(swept()),
    "evil-sweep": lambda: sweep_page(evil_sweep()),
    "wide-sweep": lambda: sweep_page(wide_sweep()),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_quiet_fits_and_no_text_covers_another(browser: Browser, name: str) -> None:
    made = PAGES[name]()
    for log in ("browser", "performance"):
        browser.driver.get_log(log)
    for size, scheme in zip(SIZES, ("light", "dark"), strict=True):
        browser.open(name, made, size, scheme)
        for mode in ("", "load"):
            if mode and browser.driver.find_elements("css selector", "input[value=load]"):
                browser.run("document.querySelector('input[value=load]').click()")
                browser.run("document.querySelectorAll('input[value=window]').forEach((radio) => radio.click())")
                browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
            count, overlaps = browser.run(OVERLAPS)
            assert count > 30
            assert overlaps == [], f"{size} {mode}"
            assert browser.run("return document.documentElement.scrollWidth") <= size[0]
        theme = {"light": LIGHT, "dark": DARK}[scheme]
        red, green, blue = (int(theme.background[i : i + 2], 16) for i in (1, 3, 5))
        shown = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
        assert shown == f"rgb({red}, {green}, {blue})"
        assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.driver.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    asked = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    own = [request["request"]["url"] for request in asked if request["documentURL"].startswith("file:")]
    assert len(own) == len(SIZES)
    assert all(url.endswith(f"/{name}.html") for url in own)
    assert len(browser.driver.window_handles) == 1


def test_text_on_text_and_text_outside_would_be_found(browser: Browser) -> None:
    two = "<p style='position:absolute'>one {0}</p><p style='position:absolute'>two {0}</p>".format("words " * 5)
    wide = "<p style='position:relative;top:90px;left:1200px;white-space:nowrap'>a long line that leaves the window</p>"
    browser.open("overlap", f"<!doctype html>{two}{wide}")
    count, found = browser.run(OVERLAPS)
    assert count == 3
    assert [text.split(":")[0] for text in found][:1] == ["outside"]
    assert len(found) == 2


def test_the_slider_moves_by_mouse_and_keyboard_and_changes_the_drawing(browser: Browser, text: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open("slider", text)
    slider = browser.find("#window-range")
    assert sorted(drawn_labels(browser)) == wanted_labels(0)
    half = slider.size["width"] // 2
    browser.hover(slider, half - 4, 0)
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser.driver, duration=0).click().perform()
    assert slider.get_attribute("value") == "1"
    assert sorted(drawn_labels(browser)) == wanted_labels(1)
    assert browser.find("output").text == "Window 1"
    browser.press(Keys.ARROW_LEFT)
    assert sorted(drawn_labels(browser)) == wanted_labels(0)
    browser.find("[data-step='1']").click()
    assert sorted(drawn_labels(browser)) == wanted_labels(1)
    assert wanted_labels(0) != wanted_labels(1)


def test_hover_shows_the_exact_figure_and_where_it_stands(browser: Browser, text: str) -> None:
    browser.open("hover", text)
    figure = browser.find("data[data-at='/evaluation/energy_j']")
    browser.hover(figure)
    tip = browser.tip()
    assert json.dumps(DOCUMENT["evaluation"]["energy_j"]) in tip
    assert "/evaluation/energy_j" in tip
    assert "= sum of energy_parts_j" in tip
    browser.press("\ue00c")  # Escape
    assert browser.tip() == ""


def exact_in(browser: Browser) -> list[str]:
    """Values of the figures in the tip."""
    found: list[str] = browser.run("return [...document.querySelectorAll('#tip data')].map((e) => e.value)")
    return found


def test_hover_over_the_drawings_shows_exact_figures(browser: Browser, text: str) -> None:
    browser.open("drawings", text)
    window = DOCUMENT["evaluation"]["windows"][0]
    stage = window["pipelines"][0]["stages"][0]
    browser.hover(browser.find("svg.package .item[data-row='0-stage-0-0'] rect"))
    assert json.dumps(stage["steady_s"]) in exact_in(browser)
    assert json.dumps(stage["energy_j"]) in exact_in(browser)
    browser.hover(browser.find(".whole svg.timeline .item[data-row='0-stage-0-0'] path"), 0, 0)
    assert browser.tip().startswith("Stage 1 of model")
    assert f"load\n{stage['load_s']}" in re.sub(r"\n[^\n]* [mnµ]?s\n", "\n", browser.tip())
    browser.run("document.querySelector('input[value=load]').click()")
    a, b = window["link"]
    link_bytes = window["link_s"] * RESULT.problem.package.link_bandwidth_bytes_s
    link = browser.find(f".item[data-row='0-link-{a}-{b}']")
    browser.hover(link)
    assert float(exact_in(browser)[0]) == pytest.approx(link_bytes, rel=1e-12)
    port = browser.find(f".item[data-row='0-port-{window['port']}']")
    browser.hover(port)
    assert len(exact_in(browser)) == 3
    interface = browser.find(".item[data-row^='0-interface-']")
    browser.hover(interface)
    assert float(exact_in(browser)[0]) <= window["dram_bytes"]


def test_the_keyboard_reaches_figures_and_drawings(browser: Browser, text: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open("keyboard", text)
    seen = []
    for _ in range(14):
        browser.press(Keys.TAB)
        name, label = browser.run(
            "const e = document.activeElement;"
            "return [e.nodeName, e.getAttribute('aria-label') || e.id || e.dataset.at || e.name || '']"
        )
        seen.append(label)
        if name == "g":
            assert browser.tip().startswith(label)
    assert {"theme", "Window"} <= set(seen)
    assert any(label.startswith("Chiplet 0,") for label in seen)
    browser.run("document.querySelector('svg.package .chiplet').focus()")
    browser.press(Keys.ARROW_RIGHT)
    assert browser.tip().startswith("Chiplet 1,")
    browser.press(Keys.ARROW_DOWN)
    columns = 3
    assert browser.tip().startswith(f"Chiplet {1 + columns},")
    browser.run("document.querySelector('#breakdown data').focus()")
    before = browser.run("return document.activeElement.dataset.at")
    browser.press(Keys.ARROW_DOWN)
    after = browser.run("return document.activeElement.dataset.at")
    assert (before, after) == ("/scenario/models/0/batch", "/scenario/models/1/batch")
    assert after in browser.tip()
    assert browser.run("return document.activeElement.getAttribute('aria-describedby')") == "tip"


def test_light_and_dark_and_the_zoom(browser: Browser, text: str) -> None:
    browser.open("theme", text, scheme="dark")
    background = "return getComputedStyle(document.documentElement).backgroundColor"
    dark = browser.run(background)
    browser.find("#theme").click()
    assert browser.run(background) == "rgb(255, 255, 255)" != dark
    browser.find("#theme").click()
    assert browser.run(background) == dark
    whole = "return document.querySelector('.whole').checkVisibility()"
    zoomed = "return [...document.querySelectorAll('.zoom')].map((e) => e.checkVisibility())"
    assert (browser.run(whole), browser.run(zoomed)) == (True, [False, False])
    browser.run("document.querySelector('input[value=window]').click()")
    assert (browser.run(whole), browser.run(zoomed)) == (False, [True, False])
    browser.run("document.querySelector('[data-step=\"1\"]').click()")
    assert browser.run(zoomed) == [False, True]


def test_without_scripts_and_on_paper_everything_is_there(browser: Browser, text: str) -> None:
    everything = (
        "return [...document.querySelectorAll('article.window, .zoom, .whole, .models svg, .load svg.package')]"
        ".every((e) => e.checkVisibility())"
    )
    without = re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL)
    browser.open("no-script", without)
    assert browser.run(everything)
    assert not browser.run("return document.querySelector('.toolbar').checkVisibility()")
    browser.open("paper", text)
    assert not browser.run(everything)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.run(everything)
    assert browser.run("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_scripts_in_names_do_not_run(browser: Browser) -> None:
    browser.open("evil", page(evil_result()))
    time.sleep(0.05)
    assert browser.run("return document.title").startswith("<script>alert(1)</script> on ")
    assert browser.run("return document.querySelectorAll('img').length") == 0
    browser.find("h1").click()  # an open alert would refuse


@pytest.mark.parametrize("name", ["sweep", "evil-sweep", "wide-sweep"])
def test_no_table_of_a_sweep_scrolls_on_a_narrow_page(browser: Browser, name: str) -> None:
    browser.open("narrow", PAGES[name](), (500, 800))
    wide = browser.run(
        "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
        ".map((e) => e.innerText.slice(0, 60))"
    )
    assert wide == []


def test_a_heading_sorts_and_turns_the_order(browser: Browser) -> None:
    browser.open("sort", sweep_page(swept()))
    column = (
        "return [...document.querySelectorAll('#points-title ~ .scroll tbody tr')]"
        ".map((row) => JSON.parse(row.cells[arguments[0]].querySelector('data').value))"
    )
    before = browser.run(column, 1)
    assert before != sorted(before)
    buttons = browser.driver.find_elements("css selector", "#points-title ~ .scroll thead button")
    browser.run("arguments[0].click()", buttons[1])
    assert browser.run(column, 1) == sorted(before)
    browser.run("arguments[0].click()", buttons[1])
    assert browser.run(column, 1) == sorted(before, reverse=True)
    numbers = browser.run(column, 0)
    browser.run("arguments[0].click()", buttons[0])
    assert browser.run(column, 0) == sorted(numbers)


def test_a_point_of_a_front_is_followed_by_mouse_and_keyboard(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    summary = swept()
    point = summary.at[summary.fronts[0].positions[0]]
    text = sweep_page(summary, [point.key])
    (browser.folder / "schedules").mkdir(exist_ok=True)
    (browser.folder / report_path(point.key)).write_text("<!doctype html><title>the schedule</title>")
    browser.open("links", text)
    browser.hover(browser.find(f"svg.plane .item[data-row=point-{point.position}]"))
    assert json.dumps(point.figures["edp_js"]) in browser.tip()
    browser.find("tbody a").click()
    assert browser.driver.title == "the schedule"
    browser.open("links", text)
    browser.run("document.querySelector('svg.plane a .item').focus()")
    browser.press(Keys.ENTER)
    assert browser.driver.title == "the schedule"
