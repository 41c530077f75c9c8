"""The report's page in Chromium: sort, filter, jump and back, by keyboard alone, without scripts, and axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meta.pipeline import run_review

api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is missing: pip install 'trs-meta[browser]'"
)
CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing: apt-get install chromium")

#: A table of numbers with an empty cell and a row that sums up, and what stands in its first column.
GLANCE = "#glance"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_review(out=tmp_path_factory.mktemp("page")).report


@pytest.fixture(scope="module")
def browser() -> Iterator[api.Browser]:
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: api.Browser, page_file: Path) -> Iterator[api.Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: complaints.append(sent.url) if sent.url.startswith("http") else None)
    opened.goto(page_file.as_uri())
    yield opened
    context.close()
    assert complaints == []


def table_of(page: api.Page, caption: str) -> api.Locator:
    return page.locator("table", has=page.locator(f"caption{caption}"))


def first_cells(table: api.Locator) -> list[str]:
    return [text.strip() for text in table.locator("tbody tr > :first-child").all_inner_texts()]


def column(table: api.Locator, place: int) -> list[str]:
    return [text.strip() for text in table.locator(f"tbody tr > :nth-child({place})").all_inner_texts()]


def test_a_table_is_sorted_by_numbers_both_ways_and_put_back(page: api.Page) -> None:
    table = table_of(page, GLANCE)
    head = table.locator("thead th", has_text="Studies")
    given = first_cells(table)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    counts = [int(text) for text in column(table, 2)]
    assert counts == sorted(counts)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [int(text) for text in column(table, 2)] == counts[::-1]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert first_cells(table) == given


def test_rows_without_a_number_come_last_in_either_direction(page: api.Page) -> None:
    table = table_of(page, GLANCE)
    button = table.locator("thead th", has_text="Estimate").locator("button")
    for _ in range(2):
        button.click()
        texts = column(table, 4)
        missing = [place for place, text in enumerate(texts) if text == "–"]
        assert missing == list(range(len(texts) - len(missing), len(texts)))
        assert missing


def test_a_filter_hides_rows_and_says_how_many_are_left(page: api.Page) -> None:
    field = page.get_by_role("searchbox", name="Rows of “All analyses at a glance” that hold")
    field.fill("tardive second")
    table = table_of(page, GLANCE)
    assert table.locator("tbody tr:visible").count() == 1
    assert page.locator(".filter output").first.inner_text() == "1 of 14 rows"
    field.fill("")
    assert table.locator("tbody tr:visible").count() == 14


def test_a_number_leads_to_its_rows_and_back(page: api.Page) -> None:
    number = page.locator("#answers a.n").nth(1)
    target = number.get_attribute("href")
    assert target is not None
    number.click()
    back = page.get_by_role("button", name="Back to the number")
    api.expect(back).to_be_in_viewport()
    assert page.locator(target).locator("tr:visible").count() > 1
    back.click()
    api.expect(number).to_be_focused()
    api.expect(number).to_be_in_viewport()
    assert page.get_by_role("button", name="Back to the number").count() == 0
    # the address has not changed since: the same number leads there again
    number.click()
    api.expect(back).to_be_in_viewport()


def test_everything_goes_by_keyboard_alone(page: api.Page) -> None:
    page.keyboard.press("Tab")
    api.expect(page.get_by_role("link", name="Skip to the results")).to_be_focused()
    number = page.locator("#answers a.n").nth(1)
    for _ in range(30):
        page.keyboard.press("Tab")
        if number.evaluate("node => node === document.activeElement"):
            break
    api.expect(number).to_be_focused()
    page.keyboard.press("Enter")
    api.expect(page.get_by_role("button", name="Back to the number")).to_be_focused()
    page.keyboard.press("Escape")
    api.expect(number).to_be_focused()
    sort = table_of(page, GLANCE).locator("thead th", has_text="Studies").locator("button")
    for _ in range(150):
        page.keyboard.press("Tab")
        if sort.evaluate("node => node === document.activeElement"):
            break
    api.expect(sort).to_be_focused()
    page.keyboard.press("Space")
    assert table_of(page, GLANCE).locator("th[aria-sort=ascending]").count() == 1


def test_without_scripts_the_page_is_complete(browser: api.Browser, page_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("button, input").count() == 0
    details = page.locator("details")
    details.last.locator("summary").click()
    api.expect(details.last.locator("table").first).to_be_visible()
    page.locator("#answers a.n").nth(1).click()
    assert page.url.rpartition("#")[2]
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser: api.Browser, page_file: Path, width: int) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    context = browser.new_context(bypass_csp=True, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
    context.close()


def test_nothing_scrolls_the_page_sideways_on_a_telephone(browser: api.Browser, page_file: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_table_that_goes_on_beyond_the_edge_shows_it_on_a_telephone(
    browser: api.Browser, page_file: Path
) -> None:
    for width, shadowed in ((390, True), (1280, False)):
        context = browser.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        page.goto(page_file.as_uri())
        box = page.locator("#answers .scroll").first
        assert ("gradient" in box.evaluate("box => getComputedStyle(box).background")) is shadowed
        assert box.evaluate("box => box.scrollWidth > box.clientWidth") is shadowed
        context.close()
