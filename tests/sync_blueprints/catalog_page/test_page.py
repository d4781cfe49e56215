"""The page as people use it: with a keyboard, on a phone, in the dark, without JavaScript."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY, Blueprint, load
from sync_blueprints.catalog_page import HERE
from sync_blueprints.docs import exit_codes
from tests.sync_blueprints.catalog_page.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
TAB, ENTER, SPACE, RIGHT, LEFT, DOWN, HOME, END, CONTROL = (
    *("\ue004", "\ue007", "\ue00d", "\ue014", "\ue012", "\ue015", "\ue011", "\ue010", "\ue009"),
)
SHOWN = {  # in the docs
    (1280, False, "filled in"): "desktop.png",
    (1280, True, "with faults"): "desktop-dark.png",
    (375, False, "filled in"): "phone.png",
    (375, True, "with an answer"): "phone-dark.png",
}
each_state = pytest.mark.parametrize("state", ["as it opens", "filled in", "with faults", "with an answer"])
each_width = pytest.mark.parametrize("width", [1280, 375])
each_theme = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def focused(page: Page) -> str:
    return str(page.script("const one = document.activeElement; return one.id || one.name || one.innerText"))


def tab_to(page: Page, name: str) -> None:
    """Press Tab until that has the focus; what has it on the way must be seen to have it."""
    for _ in range(80):
        page.keys(TAB)
        outline = page.script(
            "const one = document.activeElement; return getComputedStyle(one).outlineStyle + one.tagName"
        )
        assert outline.startswith("solid") or outline.endswith("BODY"), focused(page)
        if focused(page) == name:
            return
    pytest.fail(f"Tab does not come to {name}")


def clipboard(page: Page) -> str:
    """What was copied, pasted where lines are kept."""
    page.script("document.body.append(make('textarea', { id: 'paste' })); byId('paste').focus()")
    page.keys(CONTROL, "v")
    return str(page.script("return byId('paste').value"))


@each_width
def test_with_a_keyboard_alone_one_comes_from_the_search_to_the_copied_text(page: Page, width: int) -> None:
    page.open(width=width)
    page.keys(TAB)
    assert focused(page) == "Skip to the blueprint"
    tab_to(page, "search")
    page.keys("fivetran execute")
    assert page.text("#found") == "1 of 10 blueprints"
    tab_to(page, "Execute Sync")
    page.keys(ENTER)
    page.wait_for("#name:focus")
    assert page.text("#name") == "Fivetran - Execute Sync"
    tab_to(page, "FIVETRAN_CONNECTOR_ID")
    page.keys("speak inexpensive", TAB)
    assert page.text("#FIVETRAN_CONNECTOR_ID-fault").startswith("FIVETRAN_CONNECTOR_ID is 'speak inexpensive'")
    assert page.script("return byId('FIVETRAN_CONNECTOR_ID').ariaInvalid") == "true"
    page.keys("join")
    assert page.script("return byId('FIVETRAN_IF_RUNNING').value") == "join"
    tab_to(page, "tab-platform")
    page.keys(RIGHT)
    assert focused(page) == "tab-docker"
    page.keys(LEFT)
    tab_to(page, "copy")
    page.keys(ENTER)
    assert focused(page) == "FIVETRAN_CONNECTOR_ID"  # not copied: it is wrong
    page.keys(CONTROL, "a")
    page.keys("speak_inexpensive")
    assert page.text("#state") == "Ready to copy."
    page.keys(ENTER)  # as good as the button
    page.wait_for("#copied:not(:empty)")
    assert page.text("#copied") == "Copied."
    copied = yaml.safe_load(clipboard(page))
    assert copied["vessels"]["Fivetran - Execute Sync"]["source"]["inputs"] == {
        "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
        "FIVETRAN_IF_RUNNING": "join",
    }


@each_width
def test_a_click_on_a_button_straight_from_a_field_does_what_it_says(page: Page, width: int) -> None:
    page.open("#fivetran-execute-sync", width=width)
    for name, press in [("FIVETRAN_POLL_INTERVAL", "form > button"), ("FIVETRAN_API_URL", "#copy")]:
        page.driver.find_element("id", name).send_keys("soon")
        page.driver.find_element("css selector", press).click()
        assert page.text("#copied").startswith("Not copied: FIVETRAN_CONNECTOR_ID")
        page.driver.find_element("id", name).send_keys(" or later")
        page.driver.find_element(
            "css selector", f"#faults li:nth-child({2 if name.endswith('URL') else 1}) button"
        ).click()
        assert focused(page) in ("FIVETRAN_API_URL", "FIVETRAN_CONNECTOR_ID")


def test_a_trigger_tells_what_to_run_next(page: Page) -> None:
    page.open("#nango-trigger-sync")
    page.driver.find_element("css selector", "#next a").click()
    page.wait_for("#name:focus")
    assert page.text("#name") == "Nango - Check Sync Status"
    assert page.text("#next") == ""


def test_the_skip_link_leads_past_the_list(page: Page) -> None:
    page.keys(TAB, ENTER)
    assert focused(page) == "name"


def test_the_arrows_home_and_end_choose_an_engine(page: Page) -> None:
    ids = page.script("return engines.map(({ id }) => `tab-${id}`)")
    page.script("byId(a).focus()", ids[0])
    for key, expected in [(END, ids[-1]), (RIGHT, ids[0]), (LEFT, ids[-1]), (HOME, ids[0]), (RIGHT, ids[1])]:
        page.keys(key)
        assert focused(page) == expected
        assert page.script("return document.querySelector('[aria-selected=true]').id") == expected


@pytest.mark.parametrize("missing", ["writeText", "all of it"])
def test_where_the_browser_has_no_clipboard_for_pages_the_text_is_copied_all_the_same(page: Page, missing: str) -> None:
    by = "undefined" if missing == "all of it" else "{ writeText: async () => { throw new Error('not here') } }"
    page.script(f"Object.defineProperty(navigator, 'clipboard', {{ value: {by} }}); choose('nango-check-credentials')")
    page.driver.find_element("id", "copy").click()
    page.driver.find_element("xpath", "//*[@id='copied'][text()='Copied.']")
    assert clipboard(page) == page.script("return byId('text').textContent")


def test_what_is_selected_by_hand_is_the_text_too(page: Page) -> None:
    page.script("chooseEngine('airflow'); getSelection().selectAllChildren(byId('text'))")
    selected, text = page.script("return [getSelection().toString(), byId('text').textContent]")
    assert selected.rstrip() == text.rstrip()


def test_a_link_to_a_blueprint_opens_it_and_never_holds_what_was_typed(page: Page) -> None:
    page.open("#nango-trigger-sync")
    assert page.text("#name") == "Nango - Trigger Sync"
    page.fill_in(NANGO_PROVIDER_CONFIG_KEY="salesforce-canary")
    page.driver.find_element("link text", "Execute Sync").click()
    assert page.driver.current_url == page.file.as_uri() + "#fivetran-execute-sync"
    assert page.driver.title == "Fivetran - Execute Sync - sync-blueprints"
    assert page.script("return document.querySelectorAll('[aria-current=true]').length") == 1


@pytest.mark.parametrize("hash_", ["", "#nope", "#<img src=x onerror=alert(1)>", "#exit-codes"])
def test_any_other_link_shows_the_first_blueprint(page: Page, hash_: str) -> None:
    page.open(hash_)
    assert page.text("#name") == "RudderStack - Trigger Sync"


def test_an_id_that_was_typed_for_the_trigger_is_there_for_the_check(page: Page) -> None:
    page.open("#fivetran-execute-sync")
    page.fill_in(FIVETRAN_CONNECTOR_ID="speak_inexpensive")
    page.script("choose('fivetran-check-sync-status')")
    assert 'FIVETRAN_CONNECTOR_ID: "speak_inexpensive"' in page.text("#text")


def test_a_password_cannot_be_typed_in(page: Page) -> None:
    for blueprint in load():
        page.script("choose(blueprints.find(({ name }) => name === a).slug)", blueprint.name)
        fields = page.script("return [...document.querySelectorAll('form [name]')].map((one) => one.name)")
        assert set(fields) == {one.reference for one in blueprint.inputs if one.type != "Password"}
        assert all(one.reference in page.text(".secrets") for one in blueprint.inputs if one.type == "Password")


def test_what_is_typed_in_is_never_markup(page: Page) -> None:
    page.open("#fivetran-execute-sync")
    page.fill_in(
        FIVETRAN_CONNECTOR_ID="<img src=x onerror=alert(1)>", FIVETRAN_API_URL="<script>alert(1)</script>", code="<b>"
    )
    assert page.text("#faults").count("<img") == 1
    assert page.script("return document.querySelectorAll('main :is(img, script, b)').length") == 0


def test_no_other_script_runs(page: Page) -> None:
    page.script("document.body.append(make('script', {}, 'window.bad = 1'))")
    assert page.script("return window.bad") is None
    assert ["Content Security Policy" in entry["message"] for entry in page.driver.get_log("browser")] == [True]


def test_a_vendor_and_words_narrow_the_list(page: Page) -> None:
    found = "[...document.querySelectorAll('#list li')].filter((one) => one.offsetParent)"
    shown = f"return {found}.map((one) => one.dataset.slug)"
    page.driver.find_element("css selector", "input[value=Nango]").click()
    assert page.script(shown) == ["nango-trigger-sync", "nango-check-sync-status", "nango-check-credentials"]
    page.driver.find_element("id", "search").send_keys("EMPTY_CACHE")
    assert page.script(shown) == ["nango-trigger-sync"]
    page.driver.find_element("id", "search").send_keys(" nope")
    assert (page.script(shown), page.text("#found")) == ([], "No blueprint has all these words.")


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
    page.script("byId('which').value = blueprints.find(({ name }) => name === a).slug", blueprint.name)
    known = {**exit_codes.load(), **exit_codes.others()}
    for code in [*blueprint.exit_codes, *exit_codes.others()]:
        page.fill_in(code=str(code))
        meaning, what_to_do = exit_codes.of(known[code], blueprint)
        answer = page.script("return byId('answer').textContent")
        assert answer.startswith(f"{code}: {meaning.replace('`', '')}{what_to_do.replace('`', '')}")
        assert "{vendor}" not in answer
        again = exit_codes.again(known[code], exit_codes.kind_of(blueprint)).rstrip(".")
        assert (f"Would trying again help? {again.capitalize()}." in answer) == bool(again)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("43", "older package"),
        ("299", "older package"),
        ("255", "does not end with this"),
        ("256", "arrives as 0"),
        ("468", "arrives as 212"),
        ("99999", "No program ends with"),
        ("139", "signal"),
        ("202", "Other blueprints do"),
        ("-1", "no exit code"),
        ("21O", "no exit code"),
        ("<b>", "no exit code"),
        (" 211 ", "failed"),
        ("", ""),
    ],
)
def test_any_other_code_has_an_answer_too(page: Page, code: str, said: str) -> None:
    page.script("byId('which').value = 'fivetran-check-sync-status'")
    page.fill_in(code=code)
    assert said in page.text("#answer")
    assert bool(said) == bool(page.text("#answer"))


def test_without_javascript_every_blueprint_has_a_link_to_its_page_and_every_code_its_row(page: Page) -> None:
    page.open(scripts=False)
    links = page.driver.find_elements("css selector", "#list a")
    assert [Path(link.get_attribute("href")).name for link in links] == [
        f"{re.sub('[^a-z]+', '-', one.name.lower())}.md" for one in load()
    ]
    assert all(link.is_displayed() for link in links)
    assert not page.driver.find_element("id", "form").is_displayed()
    rows = [row.text for row in page.driver.find_elements("css selector", "tbody th")]
    assert {str(code) for code in exit_codes.load()} <= set(rows)
    page.open()


@each_width
@each_theme
@each_state
def test_the_page_fits_the_window(page: Page, width: int, dark: bool, state: str, pytestconfig: pytest.Config) -> None:
    show(page, width, dark, state)
    assert page.script("return document.documentElement.scrollWidth") == width
    if pytestconfig.getoption("screenshots") and (width, dark, state) in SHOWN:
        keep(page, SHOWN[width, dark, state])


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here (npm install --no-save --no-package-lock axe-core)")
@each_width
@each_theme
@each_state
def test_axe_finds_nothing_that_keeps_anybody_out(page: Page, width: int, dark: bool, state: str) -> None:
    show(page, width, dark, state)
    page.driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = page.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((one) => done(one.violations.map((each) => "
        "[each.id, each.nodes.map((node) => node.html + node.failureSummary)])))"
    )
    assert found == []


def show(page: Page, width: int, dark: bool, state: str) -> None:
    page.open("#fivetran-execute-sync", width=width, dark=dark)
    if state == "with faults":
        page.script("chooseEngine('docker')")
        page.fill_in(FIVETRAN_CONNECTOR_ID="speak inexpensive", FIVETRAN_FORCE="TRUE", FIVETRAN_IF_RUNNING="join")
        page.fill_in(FIVETRAN_POLL_INTERVAL="5 minutes" if width > 375 else "x" * 60)  # which has no place to break
    elif state != "as it opens":
        page.fill_in(FIVETRAN_CONNECTOR_ID="speak_inexpensive", FIVETRAN_IF_RUNNING="join")
    if state == "with an answer":
        page.fill_in(code="212")
        page.script("byId('exit-codes').scrollIntoView()")


def test_on_paper_the_whole_text_is_there(page: Page) -> None:
    page.open("#fivetran-execute-sync", width=800)
    page.devtools("Emulation.setEmulatedMedia", media="print")
    assert page.script("return byId('copy').offsetParent") is None
    assert page.script("return byId('text').scrollHeight - byId('text').clientHeight") <= 1


def keep(page: Page, name: str) -> None:
    """Put a screenshot into docs/, as small as pngquant makes it where that is installed."""
    file = REPOSITORY / "docs" / "screenshots" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(page.screenshot())
    if pngquant := shutil.which("pngquant"):
        subprocess.run(
            [pngquant, "--force", "--strip", "--nofs", "--speed=1", "--output", file, "64", file], check=True
        )


def test_the_page_in_the_repository_is_not_stale(file: Path) -> None:
    assert (REPOSITORY / "docs" / "index.html").read_bytes() == file.read_bytes()


def test_the_links_of_the_page_lead_somewhere(file: Path) -> None:
    links = re.findall(r'(?:href|src)="([^"#]+)', file.read_text(encoding="utf-8"))
    assert [link for link in links if link != "data:,"]
    assert all((REPOSITORY / "docs" / link).is_file() for link in links if link != "data:,")


def test_the_links_to_the_pages_on_credentials_lead_somewhere(page: Page) -> None:
    links = page.script("return blueprints.map(({ authorization, page }) => [authorization, page]).flat()")
    assert all((REPOSITORY / "docs" / link).is_file() for link in links)


def test_the_page_asks_for_nothing_from_outside_and_its_data_ends_no_script(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    assert not re.search(r"@import|url\(", (HERE / "style.css").read_text(encoding="utf-8"))
    assert text.lower().count("</script") == 2
    assert "<!--" not in text.partition('id="data">')[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_have_contrast_enough(theme: str) -> None:
    style = (HERE / "style.css").read_text(encoding="utf-8")
    block = style.split(':root[data-theme="dark"] {' if theme == "dark" else ":root {")[1].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): #(\w+)", block))
    for ground in ("page", "card", "tint", "code"):
        for ink in ("text", "soft", "accent"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ink, ground in [("on-accent", "accent"), ("good", "card"), ("bad", "card"), ("bad", "bad-tint")]:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert contrast(colours["edge"], colours["card"]) >= 3  # of what can be filled in or pressed
    assert contrast(colours["edge"], colours["page"]) >= 3


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours by WCAG 2."""
    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
