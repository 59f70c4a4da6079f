# SPDX-License-Identifier: MIT
"""A headless Chromium on the page: what tests do with it, and what must be so after each of them: nothing on the console, and
no request to anybody else."""
import functools
import json
import os
import pathlib
import shutil
import tempfile
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import server

SIZES = {"desktop": (1440, 900), "tablet": (1000, 800), "phone": (390, 844)}


# Elements that are drawn anew meanwhile are looked for again.
until = functools.partial(server.until, ignored=(StaleElementReferenceException, IndexError))


class Chromium:
    """The one program of all cases; its first tab stays empty."""
    driver = None

    @classmethod
    def start(cls):
        program, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not program or not driver:
            server.skip("chromium and chromium-driver are not there; tool/setup test installs them")
        cls.folder = tempfile.TemporaryDirectory(prefix="trill-page-")
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for switch in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                       "--force-prefers-reduced-motion", f"--user-data-dir={cls.folder.name}"):
            options.add_argument(switch)
        options.add_experimental_option("prefs", {"profile.default_content_setting_values.automatic_downloads": 1})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        cls.driver = webdriver.Chrome(service=Service(driver), options=options)
        cls.first = cls.driver.current_window_handle

    @classmethod
    def stop(cls):
        if cls.driver:
            cls.driver.quit()
            cls.folder.cleanup()


class Browser:
    """A tab of a case's own: nothing is left in it, in storage or in caches by the cases before."""

    def __init__(self, size="desktop", dark=False):
        if not Chromium.driver:
            Chromium.start()
        self.driver = Chromium.driver
        self.folder = tempfile.TemporaryDirectory(prefix="trill-page-files-")
        self.driver.switch_to.new_window("tab")
        width, height = SIZES[size]
        self.command("Network.clearBrowserCache")
        self.command("Network.clearBrowserCookies")
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=self.folder.name)
        self.command("Performance.enable", timeDomain="threadTicks")
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == "phone")
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)                # what the tab before said at its end
        self.expected = []                           # parts of console messages that belong to the test
        self.origin = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if not kind:
                self.check()
            else:
                self.driver.save_screenshot(os.path.join(os.environ["TRILL_BUILD"], "page-failed.png"))
                print([entry["message"] for entry in self.driver.get_log("browser")])
        finally:
            if self.origin:
                self.command("Storage.clearDataForOrigin", origin=self.origin, storageTypes="all")
            self.driver.close()
            self.driver.switch_to.window(Chromium.first)
            self.folder.cleanup()

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def check(self):
        for entry in self.driver.get_log("browser"):
            assert entry["level"] == "DEBUG" or any(part in entry["message"] for part in self.expected), entry["message"]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                address = message["params"]["request"]["url"]
                assert urlsplit(address).scheme in ("blob", "data", "chrome") or address.startswith(self.origin + "/"), f"asks for {address}"

    def computed(self):
        """Seconds of the CPU that this tab has taken."""
        return next(row["value"] for row in self.command("Performance.getMetrics")["metrics"] if row["name"] == "TaskDuration")

    def hurry(self):
        """From the next document on, what it waits for by itself comes ten times as soon."""
        self.command("Page.addScriptToEvaluateOnNewDocument", source="const wait = setTimeout; window.setTimeout = (call, ms, ...more) => wait(call, ms / 10, ...more)")

    # --- the page -------------------------------------------------------------------------------------------------------

    def open(self, place, where=""):
        self.origin = place.url
        self.driver.get(place.url + "/" + where)
        until(lambda: self.all("#input") and self.js("return document.querySelector('#list').children.length > 0"), what="the page does not begin")
        return self

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def all(self, selector):
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]

    def one(self, selector):
        return until(lambda: self.all(selector)[0], what=f"{selector} is not there")

    def named(self, label, within="body"):
        """A button by what it is called."""
        return until(lambda: [b for b in self.driver.find_elements(By.CSS_SELECTOR, f"{within} button, {within} a")
                              if label in (b.get_attribute("aria-label"), b.text.strip())][0], what=f"no button is called {label}")

    def press(self, label, within="body"):
        self.js("arguments[0].click()", self.named(label, within))

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def chord(self, *keys):
        chain = webdriver.ActionChains(self.driver)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in reversed(keys[:-1]):
            chain.key_up(key)
        chain.perform()

    def ask(self, text, wait=True):
        before = len(self.answers())
        self.one("#input").send_keys(text, Keys.ENTER)
        until(lambda: len(self.answers()) > before, what="no answer begins")
        if wait:
            self.wait_answer()

    def running(self):
        return self.js("return !document.querySelector('#stop').hidden")

    def wait_answer(self):
        until(lambda: not self.running(), "the answer does not end")

    def texts(self, role):
        return self.js("return [...document.querySelectorAll('.turn.' + arguments[0] + ' > .body > .prose')].map((e) => e.innerText)", role)

    def answers(self):
        return self.texts("assistant")

    def questions(self):
        return self.texts("user")

    def listed(self):
        return self.js("return [...document.querySelectorAll('#list .title')].map((e) => e.innerText)")

    def downloaded(self):
        def finished():
            files = [file for file in pathlib.Path(self.folder.name).glob("*.*") if file.suffix in (".json", ".md")]
            return files and files[0]
        file = until(finished, what="nothing is downloaded")
        text = file.read_text()
        file.unlink()
        return text
