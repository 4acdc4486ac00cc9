"""Check the playground and the accessibility of the built documentation in Chromium.

It is not part of the test suite, since it needs a browser, Chromium or Chrome, and the
built documentation:

    pip install playwright axe-playwright-python
    python tests/check_playground.py            # docs/_build/html
    python tests/check_playground.py --screenshots folder

The pages are loaded from a server on this machine, and every other request fails.
"""

import argparse
import contextlib
import functools
import http.server
import itertools
import pathlib
import re
import shutil
import threading

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

HTML = pathlib.Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
BROWSERS = ("chromium", "google-chrome", "chromium-browser", "chrome")
SIZES = {390: 844, 1280: 800}
THEMES = ("light", "dark")
SIDE = 28
BOX = 20  # side of the box of MNIST's digits

# A seven in the corner of the pad, as shares of its side.
SEVEN = [(0.1, 0.1), (0.25, 0.1), (0.4, 0.1), (0.35, 0.25), (0.3, 0.4), (0.25, 0.55)]

HASH = [
    [(0.3, 0.1), (0.3, 0.9)],
    [(0.7, 0.1), (0.7, 0.9)],
    [(0.1, 0.3), (0.9, 0.3)],
    [(0.1, 0.7), (0.9, 0.7)],
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=pathlib.Path, default=HTML)
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--pages", nargs="*", help="pages for axe; all by default")
    options = parser.parse_args()
    names = options.pages
    if names is None:
        found = sorted(options.html.rglob("*.html"))
        names = [str(path.relative_to(options.html)) for path in found]
        names = [name for name in names if not name.startswith("_")]
    with served(options.html) as address, chromium() as browser:
        findings = []
        for width, theme in itertools.product(SIZES, THEMES):
            with opened(browser, address, width, theme) as page:
                check_playground(page, options.screenshots, f"{width}-{theme}")
                findings += find_faults(page, "playground.html")
            print(f"The playground works at {width} pixels, {theme}.", flush=True)
        for width, theme in zip(SIZES, THEMES, strict=True):
            with opened(browser, address, width, theme) as page:
                for name in names:
                    findings += find_faults(page, name)
            print(f"{len(names)} pages at {width} pixels, {theme}.", flush=True)
    print("\n".join(findings))
    assert not findings, f"{len(findings)} findings"
    print("There are no findings.")


# --- the browser ------------------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder):
    """Serve a folder on a free port; yield the address."""
    if not (folder / "playground.html").is_file():
        raise SystemExit(f"{folder} has no playground.html; build the documentation.")
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def chromium():
    found = filter(None, map(shutil.which, BROWSERS))
    path = next(found, None)
    if path is None:
        raise SystemExit(f"No browser was found; install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, address, width, theme):
    """Open a page without network; fail for errors in it and requests elsewhere."""
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        base_url=address,
        color_scheme=theme,
        has_touch=width < 600,
    )
    faults = []

    def answer(route):
        if route.request.url.startswith((address, "blob:", "data:")):
            route.continue_()
        else:
            faults.append(f"request to {route.request.url}")
            route.abort()

    context.route("**/*", answer)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: (
            message.type == "error"
            and faults.append(f"log of {message.location['url']}: {message.text}")
        ),
    )
    yield page
    context.close()
    assert not faults, faults


# --- the playground ---------------------------------------------------------------


def check_playground(page, screenshots, name):
    page.goto("playground.html")
    page.wait_for_selector('#playground-status[data-state="ready"]', timeout=60_000)
    save(page, screenshots, f"{name}-start")
    check_sliders(page)
    check_drawing(page)
    save(page, screenshots, f"{name}-drawn")
    check_keyboard(page)
    check_test_digit(page)
    save(page, screenshots, f"{name}-test-digit")


def check_sliders(page):
    sliders = page.get_by_role("slider")
    assert sliders.count() == 10
    before = pixels(page, "decoded")
    sliders.first.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    moved = changed(page, "decoded", before)
    page.get_by_role("button", name="Sample").click()
    sampled = settled(page, "decoded", changed(page, "decoded", moved))
    assert "Sample" in page.locator("#playground-sliders-status").inner_text()
    assert sampled.mean() > 0.03  # there is a digit
    assert sampled.max() > 0.5
    page.get_by_role("button", name="Set all to 0").click()
    settled(page, "decoded", changed(page, "decoded", sampled))
    values = [sliders.nth(i).input_value() for i in range(10)]
    assert set(values) == {"0"}, values


def check_drawing(page):
    given, reconstruction = draw(page, SEVEN)
    check_is_like_mnist(given)
    assert ((given - reconstruction) ** 2).mean() < 0.02
    assert error_of_status(page) < 0.02
    before = pixels(page, "given")
    page.get_by_role("button", name="Clear").click()
    assert changed(page, "given", before).max() == 0
    assert page.get_by_role("button", name="Move the sliders").is_disabled()
    draw(page, SEVEN[:1])  # a dot is a drawing, too
    page.get_by_role("button", name="Clear").click()
    draw(page, *HASH)
    assert error_of_status(page) > 0.03


def draw(page, *strokes):
    """Draw on the pad; return the image of the encoder and its reconstruction."""
    pad = page.locator("#playground-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    before = [pixels(page, name) for name in ("given", "reconstruction")]
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if i == 0:
                page.mouse.down()
        page.mouse.up()
    return [
        settled(page, name, changed(page, name, image))
        for name, image in zip(("given", "reconstruction"), before, strict=True)
    ]


def error_of_status(page):
    status = page.locator("#playground-pad-status").inner_text()
    return float(re.search(r"Mean squared error ([\d.]+);", status).group(1))


def check_is_like_mnist(image):
    """Check the box and the centre of mass of a drawn digit."""
    rows, columns = np.nonzero(image > 0.1)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert BOX - 1 <= max(height, width) <= BOX + 1, (height, width)
    coordinates = np.arange(SIDE) + 0.5
    centre = [
        (image.sum(axis) * coordinates).sum() / image.sum() - SIDE / 2 for axis in (0, 1)
    ]
    assert np.abs(centre).max() < 0.25, centre


def check_keyboard(page):
    page.get_by_role("button", name="Clear").click()
    before = settled(page, "given", pixels(page, "given"))
    page.locator("#playground-pad").focus()
    page.keyboard.press("Space")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Space")
    changed(page, "given", before)


def check_test_digit(page):
    before = pixels(page, "given")
    page.get_by_role("button", name="Take a test digit").click()
    given = settled(page, "given", changed(page, "given", before))
    reconstruction = settled(page, "reconstruction", pixels(page, "reconstruction"))
    assert ((given - reconstruction) ** 2).mean() < 0.02
    before = pixels(page, "decoded")
    page.get_by_role("button", name="Move the sliders").click()
    decoded = settled(page, "decoded", changed(page, "decoded", before))
    assert np.abs(decoded - reconstruction).max() < 0.01


def pixels(page, name):
    """Return the image in [0, 1] of a canvas."""
    data = page.evaluate(
        """(id) => {
          const canvas = document.getElementById(id);
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          return Array.from({ length: width * height }, (_, i) => data[4 * i]);
        }""",
        f"playground-{name}",
    )
    return np.reshape(data, (SIDE, SIDE)) / 255


def changed(page, name, before):
    """Wait until the image of a canvas has changed; return it."""
    for _ in range(100):
        after = pixels(page, name)
        if np.abs(after - before).max() > 0.02:
            return after
        page.wait_for_timeout(50)
    raise AssertionError(f"The pixels of {name} have not changed.")


def settled(page, name, before):
    """Wait until the image of a canvas does not change for a while; return it."""
    for _ in range(50):
        page.wait_for_timeout(300)
        after = pixels(page, name)
        if (after == before).all():
            return after
        before = after
    raise AssertionError(f"The pixels of {name} do not settle.")


def save(page, folder, name):
    if folder is not None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)


# --- every page -------------------------------------------------------------------


def find_faults(page, name):
    """Return what axe finds on a page, and that it is wider than the screen."""
    page.goto(name)
    if name == "playground.html":
        page.wait_for_selector('#playground-status[data-state="ready"]', timeout=60_000)
    results = Axe().run(page, options={"preload": False}).response
    faults = [
        f"{violation['id']}: {node['target']}, {node['failureSummary']}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > page.viewport_size["width"]:
        faults.append(f"the page is {width} pixels wide")
    return [f"{name}, {page.viewport_size['width']} pixels: {fault}" for fault in faults]


if __name__ == "__main__":
    main()
