#!/usr/bin/env python3
"""The report's page in headless Chromium: nothing fails, nothing is fetched, it is drawn, zoomed and clicked.

    page_test.py WRITE_PAGE FOLDER      screenshots and the printed page are left in FOLDER

The browser is driven by the WebDriver protocol over chromedriver. Without either the test is skipped (77).
"""

import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
problems = []


def it(what, is_so, seen=""):
    print(("ok    " if is_so else "WRONG ") + what + ("" if is_so else f": {seen}"), flush=True)
    if not is_so:
        problems.append(what)


class Browser:
    """A session of chromedriver; its process and its profile end with it."""

    def __init__(self, driver, chromium):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = None
        for line in self.process.stdout:
            if found := re.search(r"success.* on port (\d+)", line):
                self.port = int(found[1])
                break
        if self.port is None:
            raise RuntimeError("chromedriver did not tell its port")
        self.session = None
        try:
            for attempt in range(3):  # on a busy machine Chromium may not answer in time
                try:
                    self.session = self.begin(chromium)
                    break
                except RuntimeError:
                    if attempt == 2:
                        raise
        except BaseException:
            self.process.terminate()
            raise

    def begin(self, chromium):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--hide-scrollbars", "--disable-background-networking", f"--user-data-dir={self.profile.name}"]
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        return answer["sessionId"]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        prefix = f"/session/{self.session}" if self.session else ""
        connection.request(method, prefix + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def open(self, path):
        self.call("POST", "/url", {"url": pathlib.Path(path).resolve().as_uri()})

    def becomes(self, what, script, is_so):
        """A check that may take a moment to come true."""
        it(what, is_so(seen := self.until(script, is_so)), seen)

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, is_so):
        """What the script gives, as soon as it is so; else what it gives at last."""
        end = time.monotonic() + 120
        while not is_so(seen := self.run(script)) and time.monotonic() < end:
            time.sleep(0.1)
        return seen

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def look(self, width, height, scheme):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.until("return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]",
                   lambda seen: seen == [width, scheme == "dark"])
        self.let_it_draw()

    def let_it_draw(self):
        """Until what was asked for before is on the screen: what the pointer meets is what was drawn last."""
        self.call("POST", "/execute/async", {"args": [], "script":
                  "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"})

    def screenshot(self, path, pages=3):
        """In pieces that can be looked at: path-1.png, path-2.png, …"""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        for i in range(min(pages, -(-int(size["height"]) // 1500))):
            area = {"x": 0, "y": 1500 * i, "width": size["width"], "height": min(size["height"] - 1500 * i, 1500), "scale": 1}
            picture = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area)
            pathlib.Path(f"{path}-{i + 1}.png").write_bytes(base64.b64decode(picture["data"]))

    def click_at(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.devtools("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else "left",
                          clickCount=0 if kind == "mouseMoved" else 1)

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait(60)
            self.profile.cleanup()


def page(write_page, folder, name, *way):
    data = subprocess.run([sys.executable, HERE / "made_up_report.py", name], check=True, capture_output=True).stdout
    path = folder / f"{'-'.join([name, *way])}.html"
    path.write_bytes(subprocess.run([write_page, *way], input=data, check=True, capture_output=True).stdout)
    return path


PAINTED = """
  let seen = 0;
  for (const canvas of document.querySelectorAll('#timeline-chart canvas')) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  const want = getComputedStyle(document.documentElement).getPropertyValue('--succeeded').trim();
  const rgb = [1, 3, 5].map((i) => parseInt(want.slice(i, i + 2), 16));
  for (let i = 0; i < pixels.length; i += 4) if (rgb.every((one, k) => pixels[i + k] === one)) ++seen;
  }
  return seen;"""
# Text against what is behind it, for all text that a person can see; the ratio of WCAG 2.
CONTRAST = """
  const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const low = new Set();
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest('svg, script, style')) continue;
    const a = light(numbers(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...low];"""
WIDEST = """
  return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > arguments[0] + 1 && !e.closest('.scroll, figure'))
    .map((e) => e.tagName + '#' + e.id + '.' + e.className).slice(0, 8);"""
HEADINGS = """
  let before = 0; const wrong = [];
  for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
    if (!h.checkVisibility()) continue;
    const level = Number(h.tagName[1]);
    if (level > before + 1) wrong.push(h.textContent);
    before = level;
  }
  return wrong;"""
UNNAMED = """
  const ids = new Set(), wrong = [];
  for (const e of document.querySelectorAll('[id]')) { if (ids.has(e.id)) wrong.push('twice ' + e.id); ids.add(e.id); }
  for (const e of document.querySelectorAll('button, input, [tabindex="0"]')) {
    const label = e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length);
    if (!label) wrong.push(e.outerHTML.slice(0, 80));
  }
  for (const e of document.querySelectorAll('a[href^="#"]')) if (!document.getElementById(e.getAttribute('href').slice(1))) wrong.push('to nowhere ' + e.href);
  return wrong;"""


def nothing_went_wrong(browser, name):
    errors = [one["message"] for one in browser.log("browser")]
    it(f"{name}: nothing is said on the console", not errors, errors)
    asked = set()
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(message["params"]["request"]["url"][:80])
    outside = [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:", "chrome"))]
    it(f"{name}: nothing is fetched", asked and not outside, outside or "no request was seen at all")


def is_readable(browser, name):
    for scheme in ("light", "dark"):
        for width in (1400, 360):
            browser.look(width, 900, scheme)
            wide = browser.until("return document.documentElement.scrollWidth", lambda wide: wide <= width)
            it(f"{name}, {scheme}, {width}: no sideways scrolling", wide <= width, (wide, browser.run(WIDEST, width)))
            browser.becomes(f"{name}, {scheme}, {width}: contrast of text is at least 4.5", CONTRAST, lambda low: not low)
    it(f"{name}: headings are in order", not (seen := browser.run(HEADINGS)), seen)
    it(f"{name}: whatever takes the keyboard has a name, every link an end", not (seen := browser.run(UNNAMED)), seen)
    it(f"{name}: users' text makes no elements", browser.run("return document.querySelectorAll('img').length + "
       "[...document.querySelectorAll('b')].filter((b) => b.textContent === 'bold').length") == 0)
    it(f"{name}: users' text is shown as it is",
       "</script><img src=x onerror=alert(1)>" in browser.run("return document.body.innerText"))


def is_drawn(browser):
    browser.becomes("the timeline is drawn", PAINTED, lambda pixels: pixels > 2000)
    shown = "return document.getElementById('timeline-chart').dataset.range"
    it("the whole run is shown at first", browser.run(shown) == "0.00 100.00", browser.run(shown))
    browser.run("document.querySelector('[data-do=in]').click()")
    browser.becomes("a button zooms", shown, lambda seen: seen == "25.00 75.00")
    browser.run("document.getElementById('timeline-chart').focus()")
    for key in ("ArrowRight", "+"):
        browser.devtools("Input.dispatchKeyEvent", type="keyDown", key=key)
    browser.becomes("keys move and zoom", shown, lambda seen: seen == "54.17 79.17")
    box = browser.run("const e = document.getElementById('timeline-chart'); e.scrollIntoView({block: 'center'});"
                      "const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]")
    browser.devtools("Input.dispatchMouseEvent", type="mouseWheel", x=box[0] + box[2] / 2, y=box[1] + box[3] / 2, deltaX=0, deltaY=-240,
                     modifiers=2)
    browser.becomes("the wheel with Ctrl zooms", shown, lambda seen: seen != "54.17 79.17")
    browser.run("document.querySelector('[data-do=all]').click()")
    browser.becomes("one button shows the whole run again", shown, lambda seen: seen == "0.00 100.00")


def tells_a_step(browser):
    name, x, y = browser.run("""
      const box = document.getElementById('timeline-chart'), bars = JSON.parse(document.getElementById('data').textContent);
      box.scrollIntoView({block: 'center'});
      const step = bars.step_names.indexOf('refine-all'), i = bars.bars.step.indexOf(step), r = box.getBoundingClientRect();
      const [px, py] = box.placeOf(i);
      return ['refine-all', r.x + px, r.y + py];""")
    browser.let_it_draw()
    browser.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.becomes("pointing at a bar tells its step, outcome, time and place",
                    "return [...document.querySelectorAll('.tip')].map((e) => e.innerText).join(' ')",
                    lambda tip: all(word in tip for word in (name, "succeeded", "12m 40s", "node-a0")))
    browser.click_at(x, y)
    browser.becomes("a click on a bar opens its step",
                    "const p = document.getElementById('panel'); return p.hidden ? '' : p.innerText",
                    lambda panel: name in panel and "relion_run_motioncorr" in panel and "attempt 1 in life 2" in panel)
    it("the panel has the focus", browser.run("return document.activeElement.id") == "panel")
    browser.devtools("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    it("Escape closes it", browser.run("return document.getElementById('panel').hidden"))
    browser.run("const f = document.getElementById('find'); f.value = '</script>'; f.form.requestSubmit()")
    panel = browser.run("const p = document.getElementById('panel'); return p.hidden ? '' : p.innerText")
    it("a step is found by the beginning of its name, and its output's tail told as text",
       "</script><img src=x onerror=alert(1)>" in panel and "<script>alert(2)</script>" in panel, panel)


def take_pictures(browser, folder, name):
    for scheme in ("light", "dark"):
        for width in (1400, 360):
            browser.look(width, 900, scheme)
            browser.run("scrollTo(0, 0)")
            browser.screenshot(folder / f"{name}-{scheme}-{width}")
    browser.look(1400, 900, "light")


def main():
    write_page, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not chromium:
        print("skipped: chromium and chromedriver are not here (Debian: chromium, chromium-driver)")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser(driver, chromium)
    try:
        browser.devtools("Network.enable")
        plain = page(write_page, folder, "small", "plain")
        browser.open(plain)
        it("without library: a plain timeline stands in the page", browser.run(
            "return [...document.querySelectorAll('svg.plain')].every((e) => e.checkVisibility() && e.getBoundingClientRect().height > 50)"))
        is_readable(browser, "without library")
        nothing_went_wrong(browser, "without library")
        take_pictures(browser, folder, "plain")

        browser.open(page(write_page, folder, "empty"))
        nothing_went_wrong(browser, "nothing ran")

        small = page(write_page, folder, "small")
        if not re.search(rb"Apache ECharts, which is in this page", small.read_bytes()):
            print("not tried: drawing, since this build has no plot library (scripts/get-plot-library)")
            sys.exit(1 if problems or os.environ.get("CI") == "true" else 0)
        browser.look(1400, 900, "light")
        browser.open(small)
        take_pictures(browser, folder, "small")
        is_drawn(browser)
        tells_a_step(browser)
        is_readable(browser, "drawn")
        browser.look(1400, 900, "light")
        browser.screenshot(folder / "small-panel")
        nothing_went_wrong(browser, "drawn")
        browser.devtools("Emulation.setEmulatedMedia", media="print", features=[])
        browser.screenshot(folder / "small-print")
        browser.look(1400, 900, "light")
        printed = base64.b64decode(browser.call("POST", "/print", {"background": True}))
        (folder / "small.pdf").write_bytes(printed)
        it("it can be printed", printed.startswith(b"%PDF") and 20000 < len(printed), len(printed))

        big = page(write_page, folder, "large")
        it("100,000 steps: the page is below 5 MB", big.stat().st_size < 5_000_000, big.stat().st_size)
        browser.look(1400, 900, "light")
        began = time.monotonic()
        browser.open(big)
        took = time.monotonic() - began
        browser.becomes("100,000 steps: drawn", PAINTED, lambda pixels: pixels > 2000)
        before = 0  # large ones are drawn a part at a time
        while (seen := browser.run(PAINTED)) > before:
            before = seen
            time.sleep(1)
        print(f"      {big.stat().st_size} bytes, opened in {took:.1f} s")
        browser.screenshot(folder / "large-light-1400")
        nothing_went_wrong(browser, "100,000 steps")
    finally:
        browser.close()
    print(f"screenshots: {folder}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
