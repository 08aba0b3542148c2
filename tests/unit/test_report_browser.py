"""The report in a real browser: nothing fails, nothing is fetched, and what moves does move."""

import shutil

import pytest
from made_report import faithfulness_table, gallery, panel, run

from cuewalk.report.page import build_page

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--no-first-run", "--disable-quic"]  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    panels = [panel(0, "b", ("<b>x",)), panel(1, "a", ("<b>x", "dog")), panel(2, "c", ("dog",))]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(
        build_page(run(gallery=gallery(panels), faithfulness=faithfulness_table())), "utf-8"
    )
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture(params=["light", "dark"])
def opened(browser, address, request):
    """The page, and all that went wrong or out while it was open."""
    phone = {"width": 390, "height": 800}
    context = browser.new_context(color_scheme=request.param, viewport=phone)
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or faults.append(r.url))
    page.goto(address)
    page.wait_for_function("document.querySelectorAll('.plot').length"
                           " === document.querySelectorAll('.plot svg.marks').length")  # fmt: skip
    yield page
    context.close()
    assert faults == []


def cards(page):
    found = page.locator(".photographs button")
    return [found.nth(i).get_attribute("data-id") for i in range(found.count())
            if found.nth(i).is_visible()]  # fmt: skip


def test_it_fits_a_phone_and_follows_the_theme(opened):
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.click("#theme")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != paper


def test_the_gallery_filters_and_sorts(opened):
    assert cards(opened) == ["a", "b", "c"]
    opened.select_option("#filter", "dog")
    assert cards(opened) == ["a", "c"]
    assert opened.inner_text("#shown") == "2 of 3 photographs"
    opened.select_option("#order", "walk down")  # the IoU rises in the order b, a, c
    assert cards(opened) == ["c", "a"]
    opened.select_option("#filter", "")
    opened.select_option("#order", "gain up")
    assert cards(opened) == ["b", "a", "c"]


def test_a_photograph_opens_with_all_its_stages(opened):
    opened.click("[data-id=a]")
    captions = opened.locator("#panel figcaption").all_inner_texts()
    assert captions[:3] == ["photograph", "cue: <b>x", "cue: dog"]
    assert {"affinity", "mask", "truth", "relevance", "random"} <= set(captions)
    loaded = "[...document.querySelectorAll('#panel img')].every(i => i.complete && i.naturalWidth)"
    opened.wait_for_function(loaded)
    opened.keyboard.press("ArrowRight")
    assert opened.inner_text("#panel h3") == "b"
    opened.click("#previous")
    assert opened.inner_text("#panel h3") == "a"
    opened.keyboard.press("Escape")
    assert not opened.locator("#panel").is_visible()


def test_a_table_sorts_by_a_click(opened):
    table = opened.locator("#masks table").first

    def column(number):
        return table.locator(f"tbody tr td:nth-child({number})").all_inner_texts()

    before = column(5)
    table.locator("th", has_text="mIoU").click()
    assert column(5) == sorted(before, key=float, reverse=True)
    table.locator("th", has_text="mIoU").click()
    assert column(5) == sorted(before, key=float)
    table.locator("th", has_text="source").click()
    assert column(1) == ["CRF", "cue", "cue", "cue", "walk"]
