"""The page as people use it: with a keyboard, on a phone, in the dark, without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sync_blueprints import exit_codes
from sync_blueprints.catalog import REPOSITORY, Blueprint, load
from tests.sync_blueprints.catalog_page.conftest import CHOSEN, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
TAB, ENTER, RIGHT, LEFT, HOME, END, CONTROL = ("\ue004", "\ue007", "\ue014", "\ue012", "\ue011", "\ue010", "\ue009")
PAIR = "#blueprint=fivetran-execute-sync-and-check&as=kubernetes"
each_width = pytest.mark.parametrize("width", [1280, 375])


def focused(page: Page) -> str:
    return str(page.script("const one = document.activeElement; return one.id || one.name || one.innerText"))


def tab_to(page: Page, name: str) -> None:
    """Press Tab until that has the focus; what has it on the way must be seen to have it."""
    for _ in range(80):
        page.keys(TAB)
        outline = page.script("const a = document.activeElement; return getComputedStyle(a).outlineStyle + a.tagName")
        assert outline.startswith("solid") or outline.endswith("BODY"), focused(page)
        if focused(page) == name:
            return
    pytest.fail(f"Tab does not come to {name}")


def clipboard(page: Page) -> str:
    """What was copied, pasted where lines are kept."""
    page.script("document.body.append(Object.assign(document.createElement('textarea'), { id: 'paste' }))")
    page.script("byId('paste').focus()")
    page.keys(CONTROL, "v")
    return str(page.script("return byId('paste').value"))


@each_width
def test_with_a_keyboard_alone_one_comes_from_the_search_to_the_copied_text(page: Page, width: int) -> None:
    page.open(width=width)
    tab_to(page, "search")
    page.keys("fivetran execute")
    assert page.text("#found") == "2 found; Enter opens the first"
    page.keys(ENTER)
    page.driver.find_element("css selector", "#name:focus")
    assert page.text("#name") == "Fivetran - Execute Sync + Fivetran - Check Sync Status"
    field = f"{CHOSEN}.FIVETRAN_CONNECTOR_ID"
    tab_to(page, field)
    page.keys("speak inexpensive", TAB)
    assert page.script("return byId(a).ariaInvalid", field) == "true"
    page.keys("join")
    tab_to(page, "tab-cron" if page.script("return byId('tab-cron').tabIndex") == 0 else "tab-local")
    page.keys(END)
    assert focused(page) == "tab-platform"
    tab_to(page, "copy")
    page.keys(ENTER)
    assert focused(page) == field  # not copied: it is wrong
    assert page.text("#state") == "Fill in or correct Connector ID."
    page.keys(CONTROL, "a")
    page.keys("speak_inexpensive")
    assert page.text("#state") == "Ready to copy."
    page.keys(ENTER)  # as good as the button
    page.driver.find_element("xpath", "//*[@id='copied'][text()='Copied.']")
    vessels = yaml.safe_load(clipboard(page))["vessels"]
    assert list(vessels) == ["Fivetran - Execute Sync", "Fivetran - Check Sync Status"]
    assert vessels["Fivetran - Execute Sync"]["source"]["inputs"] == {
        "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
        "FIVETRAN_IF_RUNNING": "join",
    }


def test_the_skip_link_leads_past_the_list(page: Page) -> None:
    page.keys(TAB)
    assert focused(page) == "Skip to the content"
    page.keys(ENTER)
    assert page.script("return location.hash") == "#main"


def test_the_arrows_home_and_end_choose_an_orchestrator(page: Page) -> None:
    page.open(PAIR)
    ids = page.script("return orchestrators.map((id) => `tab-${id}`)")
    page.script("byId(a).focus()", "tab-kubernetes")
    page.keys(HOME)
    for key, expected in [(END, ids[-1]), (RIGHT, ids[0]), (LEFT, ids[-1]), (HOME, ids[0]), (RIGHT, ids[1])]:
        page.keys(key)
        assert focused(page) == expected
        assert page.script("return document.querySelector('[aria-selected=true]').id") == expected


@pytest.mark.parametrize("missing", ["writeText", "all of it"])
def test_where_the_browser_has_no_clipboard_for_pages_the_text_is_copied_all_the_same(page: Page, missing: str) -> None:
    page.open("#blueprint=nango-check-credentials&as=docker")
    by = "undefined" if missing == "all of it" else "{ writeText: async () => { throw new Error('not here') } }"
    page.script(f"Object.defineProperty(navigator, 'clipboard', {{ value: {by} }})")
    page.driver.find_element("id", "copy").click()
    page.driver.find_element("xpath", "//*[@id='copied'][text()='Copied.']")
    assert clipboard(page) == page.script("return byId('text').textContent")


def test_the_choice_is_in_the_address_and_what_is_typed_is_not(page: Page) -> None:
    page.open(PAIR + "&schedule=0+2+*+*+*&retries=3&name=nightly&image=registry.example.com/sync:1")
    page.fill_in(FIVETRAN_CONNECTOR_ID="a-canary")
    text = page.script("return byId('text').textContent")
    assert all(word in text for word in ("0 2 * * *", "nightly", "registry.example.com/sync:1", "a-canary"))
    page.driver.find_element("id", "tab-argo").click()
    address = page.driver.current_url.split("#")[1]
    assert "as=argo" in address
    assert "schedule=0+2" in address
    assert "canary" not in address
    page.driver.find_element("link text", "Update Connector").click()
    page.driver.back()
    assert page.text("#name").startswith("Fivetran - Execute Sync +")
    assert page.script("return byId('tab-argo').ariaSelected") == "true"


@pytest.mark.parametrize("hash_", ["", "#blueprint=nope&as=nope", "#<img src=x onerror=alert(1)>", "#exit-codes"])
def test_without_a_blueprint_in_its_address_the_page_shows_all_vendors(page: Page, hash_: str) -> None:
    page.open(hash_)
    links = [link for link in page.driver.find_elements("css selector", "#list a") if link.is_displayed()]
    assert len(links) == len(load()) + 4
    assert page.driver.find_element("link text", "Update Connector").is_displayed()
    assert not page.driver.find_element("id", "chosen").is_displayed()


def test_an_id_that_was_typed_for_the_trigger_is_there_for_the_check(page: Page) -> None:
    page.open("#blueprint=fivetran-execute-sync&as=platform")
    page.fill_in(FIVETRAN_CONNECTOR_ID="speak_inexpensive")
    page.driver.find_element("link text", "Check Sync Status").click()
    page.script("choose('fivetran-check-sync-status')")
    assert 'FIVETRAN_CONNECTOR_ID: "speak_inexpensive"' in page.text("#text")


def test_a_button_fills_in_what_the_sandbox_knows(page: Page) -> None:
    page.open("#blueprint=nango-trigger-sync-and-check&as=platform")
    page.driver.find_element("css selector", "form:not([hidden]) .sandbox").click()
    inputs = yaml.safe_load(page.text("#text"))["vessels"]["Nango - Trigger Sync"]["source"]["inputs"]
    assert inputs == {
        "NANGO_PROVIDER_CONFIG_KEY": "sandbox",
        "NANGO_CONNECTION_ID": "succeeds_in_5",
        "NANGO_API_URL": "http://127.0.0.1:8642",
    }
    assert page.text("#state") == "Ready to copy."


def test_a_password_cannot_be_typed_in(page: Page) -> None:
    names = set(page.script("return [...document.querySelectorAll('.selection [name]')].map((one) => one.name)"))
    inputs = [one for blueprint in load() for one in blueprint.inputs]
    assert names == {one.reference for one in inputs if one.type != "Password"}
    shown = page.script("return [...document.querySelectorAll('.secrets code')].map((one) => one.textContent)")
    assert set(shown) == {one.reference for one in inputs if one.type == "Password"}


@pytest.mark.parametrize(
    ("blueprint", "variable", "good", "bad"),
    [
        ("fivetran-execute-sync", "FIVETRAN_CONNECTOR_ID", "speak_inexpensive", ["", "a b", "a/b"]),
        ("fivetran-execute-sync", "FIVETRAN_POLL_INTERVAL", "60", ["0", "3601", "1.5"]),
        ("fivetran-execute-sync", "FIVETRAN_API_URL", "https://x.example", ["x", "ftp://x.example"]),
        ("rudderstack-list-syncs", "RUDDERSTACK_LIMIT", "1000", ["0", "1001"]),
        ("nango-check-sync-status", "NANGO_MAX_AGE", "1", ["0"]),
        ("nango-trigger-sync", "NANGO_CONNECTION_ID", "a.b@c-d", ["a&b", "ä"]),
    ],
)
def test_the_browser_checks_what_the_script_declares(
    page: Page, blueprint: str, variable: str, good: str, bad: list[str]
) -> None:
    page.open(f"#blueprint={blueprint}")
    valid = "const field = byId(a); field.value = b; return field.validity.valid"
    for value in (good, *bad):
        assert page.script(valid, f"{blueprint}.{variable}", value) == (value == good), value


def test_no_more_can_be_typed_in_than_an_id_may_have(page: Page) -> None:
    assert page.script("return byId('fivetran-execute-sync.FIVETRAN_CONNECTOR_ID').maxLength") == 255


def test_what_is_typed_in_is_never_markup(page: Page) -> None:
    page.open("#blueprint=fivetran-execute-sync&as=docker")
    page.fill_in(FIVETRAN_CONNECTOR_ID="<img src=x onerror=alert(1)>", FIVETRAN_API_URL="<script>alert(1)</script>")
    page.script("byId('code').value = '<b>'; answer()")
    assert page.text("#text").count("<img") == 1
    assert page.script("return document.querySelectorAll('main :is(img, script, b)').length") == 0


def test_no_other_script_runs(page: Page) -> None:
    page.script(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.bad = 1' }))"
    )
    assert page.script("return window.bad") is None
    assert ["Content Security Policy" in entry["message"] for entry in page.driver.get_log("browser")] == [True]


def test_the_theme_follows_the_system_until_it_is_chosen_and_the_choice_stays(page: Page) -> None:
    dark = "return getComputedStyle(document.body).colorScheme"
    page.open(dark=True)
    assert (page.script(dark), page.script("return byId('theme').ariaPressed")) == ("dark", "true")
    page.driver.find_element("id", "theme").click()
    assert (page.script(dark), page.script("return byId('theme').ariaPressed")) == ("light", "false")
    page.open(dark=True)
    assert page.script(dark) == "light"


@pytest.mark.parametrize("blueprint", load(), ids=lambda one: one.name)
def test_every_code_of_a_blueprint_has_its_answer(page: Page, blueprint: Blueprint) -> None:
    known = {**exit_codes.load(), **exit_codes.others()}
    for code in [*blueprint.exit_codes, *exit_codes.others()]:
        page.script("byId('which').value = b; byId('code').value = a; answer()", str(code), blueprint.name)
        meaning, what_to_do = exit_codes.of(known[code], blueprint)
        assert page.script("return byId('answer').textContent").startswith(f"{code}: {meaning}{what_to_do}")


@pytest.mark.parametrize(("code", "message"), [("255", "does not exit with this"), ("21O", "from 0 to 255"), ("", "")])
def test_any_other_code_has_an_answer_too(page: Page, code: str, message: str) -> None:
    page.script("byId('code').value = a; answer()", code)
    answer = page.script("return byId('answer').textContent")
    assert message in answer
    assert bool(message) == bool(answer)


def test_without_javascript_every_blueprint_has_a_link_to_its_page_and_every_code_its_row(page: Page) -> None:
    page.open(scripts=False)
    links = page.driver.find_elements("css selector", "#list a")
    pages = {f"{re.sub('[^a-z]+', '-', one.name.lower())}.md" for one in load()}
    assert {Path(link.get_attribute("href")).name for link in links} == pages
    assert all(link.is_displayed() for link in links)
    rows = [row.text for row in page.driver.find_elements("css selector", "tbody th")]
    assert {str(code) for code in exit_codes.load()} <= set(rows)
    page.open()


@each_width
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", ["as it opens", "filled in", "with errors", "with an answer"])
def test_the_page_fits_the_window_and_axe_finds_nothing(page: Page, width: int, dark: bool, state: str) -> None:
    page.open("" if state == "as it opens" else PAIR, width=width, dark=dark)
    if state == "with errors":
        page.fill_in(FIVETRAN_CONNECTOR_ID="x" * 60 + " y")
        page.driver.find_element("id", "copy").click()
    elif state != "as it opens":
        page.fill_in(FIVETRAN_CONNECTOR_ID="speak_inexpensive")
    if state == "with an answer":
        page.script("byId('code').value = '212'; answer(); byId('exit-codes').scrollIntoView()")
    assert page.script("return document.documentElement.scrollWidth") == width
    if not AXE.is_file():
        pytest.skip("no axe-core here (npm install --no-save --no-package-lock axe-core)")
    page.driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = page.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((one) => done(one.violations.map((each) => "
        "[each.id, each.nodes.map((node) => node.html + node.failureSummary)])))"
    )
    assert found == []


def test_on_paper_the_whole_text_is_there(page: Page) -> None:
    page.open(PAIR, width=800)
    page.devtools("Emulation.setEmulatedMedia", media="print")
    assert page.script("return byId('copy').offsetParent") is None
    assert page.script("return byId('text').scrollHeight - byId('text').clientHeight") <= 1


def test_the_links_of_the_page_lead_somewhere_and_none_outside(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    links = set(re.findall(r'(?:href|src)="([^"#]+)', text)) - {"data:,"}
    assert links
    assert all((REPOSITORY / "docs" / link).is_file() for link in links)
    assert not re.search(r"@import|url\(", text)
    assert text.lower().count("</script") == 2
