"use strict";
// The catalog page: a form for each blueprint, checked as its script checks its inputs, and the texts to copy.
const { blueprints, engines, limits, codes } = JSON.parse(document.getElementById("data").textContent);

// ---- Python's ways with text, so that a value is judged here as it is there; a test runs both.

const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const LINE_ENDS = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/;

function strip(text) {
  let [first, end] = [0, text.length];
  while (first < end && BLANK.test(text[first])) first += 1;
  while (first < end && BLANK.test(text[end - 1])) end -= 1;
  return text.slice(first, end);
}

const lengthOf = (text) => [...text].length; // in characters, not in UTF-16 units

function ascii(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", [quote]: `\\${quote}` };
  const escaped = (one) => {
    const [code, hex] = [one.codePointAt(0), one.codePointAt(0).toString(16)];
    if (code >= 32 && code < 127) return one;
    return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  };
  return quote + [...text].map((one) => named[one] ?? escaped(one)).join("") + quote;
}

const shown = (text) => (lengthOf(text) <= 60 ? ascii(text) : `a text of ${lengthOf(text)} characters`);
const fits = (text, pattern) => lengthOf(text) <= limits.LONGEST_IDENTIFIER && new RegExp(`^(?:${pattern})$`).test(text);

// ---- The rules: one function for each way to declare an input in shared/inputs.py and the clients.

class Fault extends Error {}

const PARSERS = {
  identifier(text, { pattern }) {
    const length = lengthOf(text);
    if (length > limits.LONGEST_IDENTIFIER)
      throw new Fault(`is ${length} characters long; an id has at most ${limits.LONGEST_IDENTIFIER}`);
    if (!fits(text, pattern))
      throw new Fault(`is ${shown(text)}; an id has only the characters ${pattern.replace(/^\++|\++$/g, "")}`);
    return text;
  },
  choice(text, { options }) {
    const option = options.find((one) => one.toLowerCase() === text.toLowerCase());
    if (option === undefined) throw new Fault(`is ${shown(text)}; it may be ${options.join(", ")}`);
    return option === "None" ? null : option;
  },
  boolean(text) {
    const word = text.toLowerCase();
    if (word !== "true" && word !== "false") throw new Fault(`is ${shown(text)}; it may be TRUE or FALSE`);
    return word === "true";
  },
  integer(text, { unit, least, most }) {
    const number = /^[+-]?[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= least && number <= most))
      throw new Fault(`is ${shown(text)}; it may be a whole number of ${unit} from ${least} to ${most}`);
    return number;
  },
  url(text) {
    const found = /^https?:\/\/([^/]*)(?:\/[!-~]*)?$/i.exec(text);
    const host = found && /^(\[[^[\]]+\]|[!-~]+?)(?::([0-9]*))?$/.exec(found[1]);
    const fine = host && !/[@?# ]/.test(text) && /^[!-~]+$/.test(text) && !/[[\]:]/.test(host[1].replace(/^\[.*\]$/, ""))
      && (!host[2] || (Number(host[2]) > 0 && Number(host[2]) < 65536))
      && (host[1][0] !== "[" || /^\[v[0-9a-f]+\../i.test(host[1]) || URL.canParse(`http://${host[1]}`));
    if (!fine) throw new Fault("is no URL of the form https://host[:port][/path], without credentials or a query");
    return text;
  },
  json_object(text) {
    const no = (why) => { throw new Fault(`is no JSON: ${why}`); };
    let [depth, deepest, parsed] = [0, 0, null];
    for (const one of text) {
      if ("[{".includes(one)) deepest = Math.max(deepest, ++depth);
      else if ("]}".includes(one)) depth -= 1;
    }
    if (deepest > limits.MOST_DEPTH) no(`it is nested more than ${limits.MOST_DEPTH} deep`);
    if (/[\ud800-\udfff]/u.test(text)) no("it has half a character");
    try {
      parsed = JSON.parse(text.replace(/^\ufeff/, ""));
    } catch (error) {
      no(error.message);
    }
    for (const [number] of text.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?[0-9][0-9.eE+-]*/g)) {
      if (/[.eE]/.test(number) && !Number.isFinite(Number(number))) no("it has a number beyond all bounds");
      if (/^-?[0-9]+$/.test(number) && number.length > limits.MOST_DIGITS)
        no(`it has a number of more than ${limits.MOST_DIGITS} digits`);
    }
    if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) throw new Fault("is no JSON object ({…})");
    return parsed;
  },
  sync_names(text, { SYNC_PATTERN }) {
    const names = text.split(",").map(strip);
    const bad = names.find((name) => !fits(name, SYNC_PATTERN));
    if (bad !== undefined) throw new Fault(`has ${shown(bad)}; it may be a comma list of name or name::variant`);
    return names;
  },
  profiles_parameters(text, { PROFILES_PARAMETERS }) {
    const lines = text.split(LINE_ENDS).map(strip).filter(Boolean);
    const bad = lines.find((line) => !PROFILES_PARAMETERS.includes(line.split(BLANK)[0]));
    if (bad !== undefined)
      throw new Fault(`has the line ${shown(bad)}; a line begins with one of ${PROFILES_PARAMETERS.join(", ")}`);
    return lines;
  },
};

// What two inputs may not say together: the methods `contradictions` of the scripts. `v` has the values, `has` tells
// whether an input was given.
const both = function* (v, has) {
  if (has("RUDDERSTACK_SOURCE_ID") && has("RUDDERSTACK_CONNECTION_ID"))
    yield "RUDDERSTACK_SOURCE_ID and RUDDERSTACK_CONNECTION_ID were both given: one sync has one of them";
};
const CONTRADICTIONS = {
  "rudderstack_blueprints/check_sync_status.py": both,
  *"rudderstack_blueprints/trigger_sync.py"(v, has) {
    yield* both(v, has);
    if (!has("RUDDERSTACK_SOURCE_ID") && !has("RUDDERSTACK_CONNECTION_ID"))
      yield "RUDDERSTACK_SOURCE_ID or RUDDERSTACK_CONNECTION_ID is required and neither was given";
    if (has("RUDDERSTACK_PARAMETERS") && has("RUDDERSTACK_CONNECTION_ID"))
      yield "RUDDERSTACK_PARAMETERS is for Profiles sources, and RUDDERSTACK_CONNECTION_ID was given";
  },
  *"fivetran_blueprints/trigger_sync.py"(v, has) {
    const means = v.FIVETRAN_FORCE ? "restart" : "join";
    if (has("FIVETRAN_IF_RUNNING") && v.FIVETRAN_FORCE !== undefined && means !== (v.FIVETRAN_IF_RUNNING ?? "restart"))
      yield `FIVETRAN_FORCE means ${means}, which is at odds with FIVETRAN_IF_RUNNING`;
  },
  *"fivetran_blueprints/update_connector.py"(v, has) {
    const custom = v.FIVETRAN_CUSTOM_UPDATE ?? {};
    const chosen = {
      schedule_type: v.FIVETRAN_SCHEDULE_TYPE ?? null,
      paused: v.FIVETRAN_PAUSED ? v.FIVETRAN_PAUSED === "TRUE" : null,
      is_historical_sync: v.FIVETRAN_HISTORICAL_SYNC ? true : null,
    };
    const keys = Object.keys(chosen).filter((key) => chosen[key] !== null);
    for (const key of keys) {
      const same = custom[key] === chosen[key] || (typeof chosen[key] === "boolean" && custom[key] === Number(chosen[key]));
      if (Object.hasOwn(custom, key) && !same)
        yield `FIVETRAN_CUSTOM_UPDATE sets ${key} to something else than the input for it`;
    }
    const unreadable = has("FIVETRAN_CUSTOM_UPDATE") && v.FIVETRAN_CUSTOM_UPDATE === undefined;
    if (!keys.length && !Object.keys(custom).some((key) => key !== "run_setup_tests") && !unreadable)
      yield "nothing is to change: give one of FIVETRAN_SCHEDULE_TYPE, FIVETRAN_PAUSED, FIVETRAN_HISTORICAL_SYNC, FIVETRAN_CUSTOM_UPDATE";
  },
  *"nango_blueprints/trigger_sync.py"(v) {
    if (v.NANGO_EMPTY_CACHE && !v.NANGO_RESET) yield "NANGO_EMPTY_CACHE does nothing without NANGO_RESET";
    if (v.NANGO_RESET && v.NANGO_IF_RUNNING === "join")
      yield "NANGO_RESET cancels a running sync, which is at odds with NANGO_IF_RUNNING join";
  },
};

const isSecret = (input) => input.type === "Password";
const isTyped = (input) => !isSecret(input);

// What the texts in `typed` amount to: the inputs that count as given, and every fault as [variable, sentence].
function read(blueprint, typed) {
  const [given, values, faults] = [{}, {}, []];
  for (const input of blueprint.inputs.filter(isTyped)) {
    const text = strip(typed[input.name] ?? "");
    try {
      if (text !== "" && text !== "None") {
        given[input.name] = text;
        if (text.includes(limits.PREDEFINED_GROUP))
          throw new Fault("holds a placeholder of the platform: its predefined credential groups do not work with uploaded "
            + "scripts; make a custom credential group whose keys are the variable names");
        values[input.name] = PARSERS[input.rule](text, input.limits);
      } else if (input.required) throw new Fault("is required and was not given");
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      faults.push([input.name, `${input.name} ${fault.message}`]);
    }
  }
  const odd = CONTRADICTIONS[blueprint.script]?.(values, (name) => name in given) ?? [];
  for (const sentence of odd) faults.push([/[A-Z]+_[A-Z_]+/.exec(sentence)[0], sentence]);
  return { given, faults };
}

// ---- The texts to copy: templates of sync_blueprints/export, filled in.

function quoted(value, { quoting, escapes }) {
  for (const [what, by] of escapes) value = value.replaceAll(what, () => by);
  if (quoting === "shell") return `'${value.replaceAll("'", "'\\''")}'`;
  const escaped = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, escaped);
}

function render(blueprint, engine, given) {
  const template = blueprint.templates[engine];
  const inputs = Object.entries({ ...template.defaults, ...given });
  const line = ([name, value]) =>
    template.per_input.replaceAll("{name}", name).replaceAll("{value}", () => quoted(value, template));
  const variant = Object.keys(template.variants).find((name) => given[name]?.toLowerCase() === "true");
  const { head, tail } = template.variants[variant] ?? template;
  return inputs.length ? head + inputs.map(line).join("") + tail : template.empty;
}

// ---- The page.

const byId = (id) => document.getElementById(id);
const typed = {}; // by variable, so that a check has the id that was typed in for its trigger
const touched = new Set(); // variables whose faults are shown
let [blueprint, engine] = [blueprints[0], engines[0].id];

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const mark = (node, name, on) => (on ? node.setAttribute(name, "true") : node.removeAttribute(name));

// Text with `words in backquotes` as code.
const rich = (text) => text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? make("code", {}, part) : part));
const paragraphs = (text) => text.split(/\n+/).map((one) => make("p", {}, ...rich(one)));

function secrets(inputs) {
  const item = (input) => make("details", {},
    make("summary", {}, input.label, " ", make("code", {}, input.name)), make("p", { class: "hint" }, ...rich(input.about)));
  return make("div", { class: "secrets" },
    make("p", {}, "Secrets are not typed in here: the text refers to them by name. ",
      make("a", { href: blueprint.authorization }, "How they are made"), "."), ...inputs.map(item));
}

function field(input) {
  const variable = make("code", {}, input.name);
  const attributes = {
    id: input.name, name: input.name, autocomplete: "off", spellcheck: "false", autocapitalize: "off",
    "aria-describedby": `${input.name}-hint ${input.name}-fault`, "aria-required": input.required && "true",
    oninput: (event) => { typed[input.name] = event.target.value; update(); },
    onchange: () => { touched.add(input.name); update(); },
    onblur: () => { if (strip(typed[input.name] ?? "")) { touched.add(input.name); update(); } },
  };
  const control = choices(input).length
    ? make("select", attributes, make("option", { value: "" }, input.default ? `not given (${input.default})` : "not given"),
        ...choices(input).map((one) => make("option", {}, one)))
    : input.multiline ? make("textarea", { ...attributes, rows: 3 })
      : make("input", { ...attributes, type: "text", inputmode: input.type === "Integer" && "numeric" });
  control.value = typed[input.name] ?? "";
  const needed = input.required ? make("span", { class: "needed" }, "required") : "";
  const unset = input.default && !choices(input).length ? [" Not given: ", make("code", {}, input.default), "."] : [];
  return make("div", { class: "field" },
    make("label", { for: input.name }, input.label, " ", variable, " ", needed), control,
    make("p", { class: "fault", id: `${input.name}-fault`, hidden: true }),
    make("p", { class: "hint", id: `${input.name}-hint` }, ...rich(input.about), ...unset));
}

const choices = ({ type, limits: { options } }) =>
  type === "Boolean" ? ["TRUE", "FALSE"] : type === "Select" ? options.filter((one) => one !== "None") : [];

function choose(slug) {
  blueprint = blueprints.find((one) => one.slug === slug) ?? blueprint;
  touched.clear();
  document.title = `${blueprint.name} - sync-blueprints`;
  byId("name").textContent = blueprint.name;
  byId("synopsis").textContent = blueprint.synopsis;
  byId("description").replaceChildren(...paragraphs(blueprint.description));
  byId("page").href = blueprint.page;
  byId("form").replaceChildren(secrets(blueprint.inputs.filter(isSecret)), ...blueprint.inputs.filter(isTyped).map(field),
    make("button", { class: "main" }, "Check and copy"));
  for (const link of document.querySelectorAll("#list a"))
    mark(link, "aria-current", link.hash === `#${blueprint.slug}`);
  byId("which").value = blueprint.slug;
  const check = blueprints.find(({ vendor, kind }) => vendor === blueprint.vendor && kind === "check");
  byId("next").replaceChildren(...(blueprint.kind !== "trigger" ? [] : [
    "Without Wait, exit code 0 says that the sync has begun: run ",
    make("a", { href: `#${check.slug}` }, check.name), " after it to learn how it ends."]));
  update();
  answer();
}

// Show what is typed in: the faults of what was touched, and the text.
function update() {
  const { given, faults } = read(blueprint, typed);
  const { refused } = blueprint.templates[engine];
  for (const [name, value] of Object.entries(given))
    if (refused && value.includes(refused))
      faults.push([name, `${name} holds ${refused}, which ${engine} would take for an expression of its own`]);
  for (const input of blueprint.inputs.filter(isTyped)) {
    const said = faults.filter(([name]) => name === input.name && touched.has(name)).map(([, sentence]) => sentence);
    const place = byId(`${input.name}-fault`);
    if (place.textContent !== said.join("; ")) place.textContent = said.join("; ");
    place.hidden = !said.length;
    mark(byId(input.name), "aria-invalid", said.length > 0);
  }
  const text = render(blueprint, engine, given);
  if (byId("text").textContent !== text) say("copied", "");
  byId("text").replaceChildren(...text.split(/(?<=\n)/).map(hanging));
  const fresh = faults.length > 0 && !faults.some(([name]) => touched.has(name));
  const code = faults.every(([name]) => name.endsWith("_POLL_INTERVAL")) ? 205 : 206;
  const count = faults.length === 1 ? "1 thing is" : `${faults.length} things are`;
  say("state", fresh ? "Still to do:" : faults.length
    ? `Not ready: ${count} missing or wrong, and the blueprint would end with ${code}.` : "Ready to copy.");
  byId("panel").className = fresh ? "fresh" : faults.length ? "" : "ready";
  const list = byId("faults");
  if (list.textContent !== faults.map(([, sentence]) => sentence).join(""))
    list.replaceChildren(...faults.map(([name, sentence]) =>
      make("li", {}, make("button", { type: "button", class: "plain", onclick: () => reach(name) }, sentence))));
  return faults;
}

// A line of a text: where it is too long, what follows is indented more than its beginning.
function hanging(line) {
  const [node, indent] = [make("span", {}, line), line.search(/[^ ]|$/) + 2];
  node.style.paddingLeft = `${indent}ch`;
  node.style.textIndent = `-${indent}ch`;
  return node;
}

function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text; // a live region speaks at every change
}

function reach(name) {
  touched.add(name);
  update();
  byId(name).focus();
}

async function copy() {
  const faults = update();
  if (faults.length) {
    for (const [name] of faults) touched.add(name);
    say("copied", `Not copied: ${faults[0][1]}`);
    return reach(faults[0][0]);
  }
  say("copied", "");
  say("copied", (await toClipboard(byId("text").textContent)) ? "Copied." : "This browser does not let a page copy: the text is selected, press Ctrl+C.");
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // not every browser has it for a page that is a file
    const [before, box] = [document.activeElement, make("textarea", { "aria-hidden": "true" })];
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    before.focus();
    if (!done) getSelection().selectAllChildren(byId("text"));
    return done;
  }
}

// Tabs as in the ARIA authoring practices: the arrows, Home and End choose.
function chooseEngine(id, focus = false) {
  engine = id;
  for (const tab of byId("engines").children) {
    tab.setAttribute("aria-selected", tab.id === `tab-${id}`);
    tab.tabIndex = tab.id === `tab-${id}` ? 0 : -1;
    if (focus && tab.tabIndex === 0) tab.focus();
  }
  byId("panel").setAttribute("aria-labelledby", `tab-${id}`);
  say("copied", "");
  update();
}

function turn(event) {
  const [place, last] = [engines.findIndex((one) => one.id === engine), engines.length - 1];
  const to = { ArrowRight: place === last ? 0 : place + 1, ArrowLeft: place ? place - 1 : last, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  chooseEngine(engines[to].id, true);
}

function filter() {
  const words = byId("search").value.toLowerCase().split(/\s+/);
  const vendor = document.querySelector("input[name=vendor]:checked").value;
  let found = 0;
  for (const item of document.querySelectorAll("#list li")) {
    const one = blueprints.find(({ slug }) => slug === item.dataset.slug);
    const all = [one.name, one.synopsis, ...one.inputs.map((input) => input.name)].join(" ").toLowerCase();
    item.hidden = (vendor && one.vendor !== vendor) || !words.every((word) => all.includes(word));
    found += item.hidden ? 0 : 1;
  }
  for (const group of document.querySelectorAll("#list section")) group.hidden = !group.querySelector("li:not([hidden])");
  say("found", found ? `${found} of ${blueprints.length} blueprints` : "No blueprint has all these words.");
}

// "My vessel ended with 212, what now?"
function answer() {
  const text = strip(byId("code").value);
  const one = blueprints.find(({ slug }) => slug === byId("which").value);
  const lines = text ? explain(text, one) : [];
  byId("answer").replaceChildren(...lines.map((line, place) => make(place ? "p" : "h3", {}, ...rich(line))));
}

function explain(text, one) {
  if (!/^[0-9]{1,10}$/.test(text)) return ["That is no exit code", "An exit code is a number from 0 to 255, as in 212."];
  const code = Number(text);
  if (code === 43 || code === 299)
    return [`${code} is a code of the older package`,
      "It ended every failure with 299, which a system cuts to 8 bits, so that 43 arrives: it says that something went wrong, and not what.",
      "Read its log. Use the blueprint of this catalog in its place, whose codes tell failures apart."];
  if (code > 255)
    return [`No program ends with ${code}`,
      `Exit codes go from 0 to 255; a greater one is cut to 8 bits, and this one arrives as ${code % 256}.`,
      ...(codes[code % 256] ? [`Should ${code % 256} be what you see, type that.`] : [])];
  const known = codes[code];
  const own = one.exit_codes.includes(code);
  if (!known || (!own && !known.outside))
    return [`${code}: "${one.name}" does not end with this`,
      known ? `Other blueprints do; there it means: ${names(known.meaning, one)}` : code > 128 && code < 193
        ? `A code above 128 mostly is a signal: ${code} is 128 + ${code - 128}. Something outside the blueprint ended it.`
        : "It comes from what runs the blueprint (the shell, the container, the orchestrator) or from another program.",
      "Look whether the code is of this vessel, and at the end of its log: a blueprint's last line says its outcome and exit code."];
  const again = known.retry === "check: yes" ? (one.kind === "check" ? "yes" : "no") : known.retry;
  return [`${code}: ${names(known.meaning, one)}`,
    names(known.by_kind[one.kind] ?? known.what_to_do, one),
    ...(again ? [`Would trying again help? ${again[0].toUpperCase()}${again.slice(1)}${/\.$/.test(again) ? "" : "."}`] : []),
    ...(known.outcomes.length ? [`The word in the result: ${known.outcomes.map((word) => `\`${word}\``).join(" or ")}.`] : [])];
}

const names = (text, { vendor }) => text.replaceAll("{vendor}", vendor).replaceAll("{VENDOR}", vendor.toUpperCase());

function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").setAttribute("aria-pressed", name === "dark");
  try {
    localStorage.setItem("sync-blueprints-theme", name);
  } catch { /* a browser that keeps nothing: the theme holds for this visit */ }
}

function start() {
  document.documentElement.classList.add("live");
  for (const item of document.querySelectorAll("#list li")) item.querySelector("a").href = `#${item.dataset.slug}`;
  byId("engines").replaceChildren(...engines.map(({ id, label }) => make("button",
    { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": "panel", onclick: () => chooseEngine(id), onkeydown: turn }, label)));
  byId("which").replaceChildren(...blueprints.map(({ slug, name }) => make("option", { value: slug }, name)));
  byId("search").addEventListener("input", filter);
  for (const one of document.querySelectorAll("input[name=vendor]")) one.addEventListener("change", filter);
  byId("copy").addEventListener("click", copy);
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); copy(); });
  byId("code").addEventListener("input", answer);
  byId("which").addEventListener("change", answer);
  addEventListener("mousedown", (event) => { // else a field that loses the focus shows its fault, and moves the button away
    if (event.target.closest?.("button")) event.preventDefault();
  });
  let kept = null;
  try {
    kept = localStorage.getItem("sync-blueprints-theme");
  } catch { /* as above */ }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  if (kept === "dark" || kept === "light") theme(kept);
  else byId("theme").setAttribute("aria-pressed", dark);
  byId("theme").addEventListener("click", () => theme(byId("theme").getAttribute("aria-pressed") === "true" ? "light" : "dark"));
  addEventListener("hashchange", () => {
    if (!blueprints.some(({ slug }) => `#${slug}` === location.hash)) return; // a place on the page
    choose(location.hash.slice(1));
    byId("name").focus();
  });
  choose(location.hash.slice(1));
  chooseEngine(engine);
  filter();
  const far = byId("name").getBoundingClientRect().top > innerHeight;
  if (far && location.hash === `#${blueprint.slug}`) byId("name").scrollIntoView(); // on a phone, past the list
}

start();
