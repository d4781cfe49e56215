"use strict";
// The catalog page. The browser checks the inputs (required, pattern, min, max, options); the texts come as templates.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const orchestrators = Object.keys(data.orchestrators);
const OPTIONS = ["name", "schedule", "image", "retries"];
const typed = {}; // by variable, so that every form has the ID that was typed into another one
let [chosen, orchestrator] = ["", orchestrators[0]];

const form = () => byId(`form-${chosen}`);
const fields = () => all("[data-steps]", form());
const option = (name) => byId(`option-${name}`);
const applies = (name) => data.orchestrators[orchestrator].options.includes(name);
const valueOf = (name) => (applies(name) ? option(name).value.trim() : "");

// ---- The texts

// The blueprints of the text: both, or the trigger alone for an orchestrator where that waits by itself.
const names = () => data.selections[chosen].names.slice(0, data.templates[chosen][orchestrator].defaults.length);

// What is set in each step, as strings by variable.
function given() {
  const steps = names().map(() => ({}));
  for (const field of fields()) {
    const value = field.value.trim();
    if (value && value !== "None") for (const step of field.dataset.steps) if (step in steps) steps[step][field.name] = value;
  }
  return steps;
}

function quoted(value) {
  const { quoting, escapes } = data.orchestrators[orchestrator];
  for (const [what, by] of escapes) value = value.replaceAll(what, () => by);
  if (quoting === "shell") return inShell(value);
  const escaped = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, escaped);
}

const inShell = (value) => `'${value.replaceAll("'", "'\\''")}'`;

// The text of the chosen export, or null if only the command can write it.
function render() {
  const { keys, lines, defaults } = data.templates[chosen][orchestrator];
  const steps = given();
  const waits = steps[0][data.selections[chosen].wait] === "TRUE";
  const schedule = valueOf("schedule");
  const key = (word) => `${word}|${valueOf("retries")}|${waits ? "w" : steps.map((one) => +(Object.keys(one).length > 0)).join("")}`;
  const variant = [key(schedule), key("any")].map((one) => data.keys[keys].indexOf(one)).find((one) => one >= 0);
  if (variant === undefined) return null;
  const name = option("name").value;
  const values = { name, name_: name.replaceAll("-", "_"), image: option("image").value, schedule };
  let text = "";
  for (const [set, line] of lines) {
    if (data.sets[set][variant] === "0") continue;
    let missing = false;
    const filled = data.lines[line].replace(/\ue000(?:([0-9]):)?([^\ue001]+)\ue001/g, (_, step, key) => {
      if (!step) return values[key];
      const value = steps[step][key] ?? defaults[step][key];
      missing ||= value === undefined;
      return missing ? "" : quoted(value);
    });
    if (!missing) text += filled;
  }
  return text;
}

// The command that prints the same.
function command() {
  const words = ["sync-blueprints export", orchestrator, ...names().map(inShell)];
  for (const name of ["name", "image", "schedule"])
    if (valueOf(name)) words.push(`--${name} ${inShell(valueOf(name))}`);
  if (valueOf("retries")) words.push(`--retry-count ${valueOf("retries")}`);
  for (const [name, value] of Object.entries(Object.assign({}, ...given()))) words.push(`--input ${inShell(`${name}=${value}`)}`);
  return words.join(" \\\n  ");
}

// ---- The page

function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text; // a live region speaks at every change
}

// A field with what is wrong with it, or undefined.
function invalid() {
  const refused = (field) => data.orchestrators[orchestrator].refused.find((text) => field.value.includes(text));
  for (const field of fields())
    if (field.type !== "select-one") field.setCustomValidity(refused(field) ? `${refused(field)} cannot be written for this orchestrator.` : "");
  return [...fields(), ...["name", "schedule", "image"].filter(applies).map(option)].find((field) => !field.validity.valid);
}

function show(field) {
  const error = field.parentNode.querySelector(".error");
  field.setAttribute("aria-invalid", !field.validity.valid);
  if (!error) return;
  error.textContent = field.validity.valid ? "" : `${field.validationMessage} ${field.validity.patternMismatch ? `(${field.pattern})` : ""}`;
  error.hidden = field.validity.valid;
}

function update() {
  if (!chosen) return;
  const wrong = invalid();
  const text = render() ?? "# This schedule needs the command below: a page cannot translate it for systemd.\n";
  if (byId("text").textContent !== text) say("copied", "");
  say("text", text);
  say("command", command());
  say("state", wrong ? `Fill in or correct ${wrong.labels[0].firstChild.textContent.trim()}.` : "Ready to copy.");
  byId("panel").classList.toggle("ready", !wrong);
  for (const name of OPTIONS) option(name).parentNode.hidden = !applies(name);
}

async function copy() {
  const wrong = invalid();
  if (wrong) {
    show(wrong);
    say("copied", "Not copied yet.");
    wrong.focus();
    return;
  }
  say("copied", "");
  const text = byId("text").textContent;
  try {
    await navigator.clipboard.writeText(text);
    say("copied", "Copied.");
  } catch { // not every browser lets a file do that
    const box = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    byId("copy").focus();
    if (!done) getSelection().selectAllChildren(byId("text"));
    say("copied", done ? "Copied." : "The text is selected: press Ctrl+C.");
  }
}

// The choice is in the address; what is typed into a form is not.
function remember(push) {
  const words = new URLSearchParams({ blueprint: chosen, as: orchestrator });
  for (const name of OPTIONS)
    if (option(name).value !== option(name).dataset.usual) words.set(name, option(name).value);
  history[push ? "pushState" : "replaceState"](null, "", chosen ? `#${words}` : location.pathname);
}

function choose(id) {
  if (chosen) form().hidden = true;
  chosen = id in data.selections ? id : "";
  byId("chosen").hidden = !chosen;
  document.body.classList.toggle("start", !chosen);
  for (const link of all("#list a")) link.toggleAttribute("aria-current", link.dataset.id === chosen);
  document.title = chosen ? `${form().dataset.title} - sync-blueprints` : "sync-blueprints";
  if (!chosen) return;
  form().hidden = false;
  byId("name").textContent = form().dataset.title;
  byId("which").value = data.selections[chosen].names[0];
  option("name").dataset.usual = data.selections[chosen].name;
  option("name").value = option("name").dataset.usual;
  for (const field of fields()) field.value = typed[field.name] ?? "";
  update();
}

function chooseOrchestrator(id) {
  orchestrator = orchestrators.includes(id) ? id : orchestrators[0];
  for (const tab of all("[role=tab]")) {
    tab.setAttribute("aria-selected", tab.dataset.id === orchestrator);
    tab.tabIndex = tab.dataset.id === orchestrator ? 0 : -1;
  }
  byId("panel").setAttribute("aria-labelledby", `tab-${orchestrator}`);
  say("copied", "");
  update();
}

// Tabs as in the ARIA authoring practices: the arrows, Home and End choose.
function turn(event) {
  const [place, count] = [orchestrators.indexOf(orchestrator), orchestrators.length];
  const to = { ArrowRight: (place + 1) % count, ArrowLeft: (place + count - 1) % count, Home: 0, End: count - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  chooseOrchestrator(orchestrators[to]);
  byId(`tab-${orchestrator}`).focus();
  remember(false);
}

function read() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (location.hash && !words.has("blueprint")) return; // a place on the page
  choose(words.get("blueprint") ?? "");
  for (const name of OPTIONS) option(name).value = words.get(name) ?? option(name).dataset.usual;
  chooseOrchestrator(words.get("as"));
  if (chosen && byId("name").getBoundingClientRect().top > innerHeight) byId("name").scrollIntoView(); // past the list, on a phone
}

function search() {
  const words = byId("search").value.toLowerCase().split(/\s+/);
  const items = all("#list li");
  for (const item of items) item.hidden = !words.every((word) => item.dataset.search.includes(word));
  for (const group of all("#list section")) group.hidden = !group.querySelector("li:not([hidden])");
  const found = items.filter((item) => !item.hidden).length;
  say("found", byId("search").value.trim() ? `${found} found${found ? "; Enter opens the first" : ""}` : "");
}

function open(link) {
  choose(link.dataset.id);
  remember(true);
  byId("name").focus();
}

// "My step exited with 212: what now?"
function answer() {
  const [code, name] = [byId("code").value.trim(), byId("which").value];
  const [meaning, whatToDo, retry] = data.answers[name][code] ?? [
    /^[0-9]+$/.test(code) ? `"${name}" does not exit with this.` : "An exit code is a number from 0 to 255.",
    "Look at the end of the log: the last line of a blueprint shows its outcome and its exit code.", ""];
  const lines = code ? [`${code}: ${meaning}`, whatToDo, ...(retry ? [`Would a retry help? ${retry}.`] : [])] : [];
  byId("answer").replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
}

// Follows the system until somebody presses the button; that choice is kept.
function theme(pressed) {
  let kept = null;
  try {
    if (pressed) localStorage.setItem("sync-blueprints-theme", byId("theme").getAttribute("aria-pressed") === "true" ? "light" : "dark");
    kept = localStorage.getItem("sync-blueprints-theme");
  } catch { /* a browser that keeps nothing */ }
  if (kept) document.documentElement.dataset.theme = kept;
  byId("theme").setAttribute("aria-pressed", kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
}

function start() {
  document.documentElement.classList.add("live");
  theme(false);
  for (const name of OPTIONS) option(name).dataset.usual = option(name).value;
  for (const link of all("#list a")) link.addEventListener("click", (event) => { event.preventDefault(); open(link); });
  for (const tab of all("[role=tab]")) {
    tab.addEventListener("click", () => { chooseOrchestrator(tab.dataset.id); remember(false); });
    tab.addEventListener("keydown", turn);
  }
  for (const one of all(".selection")) {
    one.noValidate = true;
    one.addEventListener("submit", (event) => { event.preventDefault(); copy(); });
    one.addEventListener("input", ({ target }) => { typed[target.name] = target.value; update(); if (target.ariaInvalid === "true") show(target); });
    one.addEventListener("change", ({ target }) => show(target));
    one.querySelector(".sandbox").addEventListener("click", () => {
      for (const field of all("[data-sandbox]", one))
        if (field.dataset.sandbox) { field.value = typed[field.name] = field.dataset.sandbox; show(field); }
      update();
    });
  }
  byId("options").addEventListener("input", () => { update(); remember(false); });
  for (const id of ["options", "ask"]) byId(id).addEventListener("submit", (event) => event.preventDefault());
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const first = document.querySelector("#list section:not([hidden]) li:not([hidden]) a");
    if (first) open(first);
  });
  byId("search").addEventListener("input", search);
  byId("copy").addEventListener("click", copy);
  byId("ask").addEventListener("input", answer);
  byId("theme").addEventListener("click", () => theme(true));
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
  read();
  if (!location.hash) choose("");
}

start();
